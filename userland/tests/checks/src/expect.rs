//! The outcome of a check: it holds, or an error that says where it does not, and why.

use alloc::format;
use alloc::string::String;
use core::fmt::{self, Debug, Display};
use core::panic::Location;

use libsys::Error;
use libsys::call::Partial;
use libsys::paging::transaction::Stopped;

use crate::needs::Need;

/// A claim about the kernel, and the function that checks it.
pub struct Check {
    /// The claim.
    pub name: &'static str,
    /// What the check needs and not every boot has.
    pub needs: &'static [Need],
    /// Checks the claim.
    pub run: fn() -> Outcome,
}

/// The checks of a file. The name of each function is its claim. `name needs Driver` is skipped if
/// the need is not met.
macro_rules! checks {
    ($($name:ident $(needs $($need:ident)+)?),* $(,)?) => {
        /// The checks of this file.
        pub const CHECKS: &[crate::expect::Check] = &[$(crate::expect::Check {
            name: stringify!($name),
            needs: &[$($(crate::needs::Need::$need),+)?],
            run: $name,
        }),*];
    };
}
pub(crate) use checks;

/// The outcome of a check.
pub type Outcome = Result<(), Why>;

/// Where a check failed, and why.
pub struct Why {
    at: &'static Location<'static>,
    what: String,
}

impl Why {
    /// A failure at the location of the caller.
    #[track_caller]
    pub fn new(what: String) -> Self {
        Self { at: Location::caller(), what }
    }
}

impl Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.at.file().rsplit('/').next().unwrap_or("");
        write!(f, "{} ({file}:{})", self.what, self.at.line())
    }
}

/// An error that the check did not expect.
impl From<Error> for Why {
    #[track_caller]
    fn from(error: Error) -> Self {
        Self::new(format!("unexpected error: {error}"))
    }
}

/// As above, from a range call.
impl From<Partial> for Why {
    #[track_caller]
    fn from(partial: Partial) -> Self {
        Self::new(format!("unexpected error after {} pages: {}", partial.done, partial.error))
    }
}

/// As above, from a transaction.
impl From<Stopped> for Why {
    #[track_caller]
    fn from(stopped: Stopped) -> Self {
        Self::new(format!("unexpected error after {} pages: {}", stopped.done, stopped.error))
    }
}

/// States that a value is the expected one.
#[track_caller]
pub fn equal<T: PartialEq + Debug>(what: impl Display, found: T, expected: T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(Why::new(format!("{what}: found {found:#x?}, expected {expected:#x?}")))
}

/// States that a condition holds.
#[track_caller]
pub fn holds(what: impl Display, truth: bool) -> Outcome {
    if truth { Ok(()) } else { Err(Why::new(format!("not so: {what}"))) }
}

/// States that a call was refused with this error.
#[track_caller]
pub fn refused<T>(
    what: impl Display,
    result: Result<T, impl Into<Error>>,
    expected: Error,
) -> Outcome {
    match result.map_err(Into::into) {
        Err(error) if error == expected => Ok(()),
        Err(error) => Err(Why::new(format!("{what}: refused as {error:?}, not {expected:?}"))),
        Ok(_) => Err(Why::new(format!("{what}: allowed, and should be {expected:?}"))),
    }
}
