//! The outcome of a check: it holds, or an error that says where it does not, and why.

use alloc::format;
use alloc::string::String;
use core::fmt::{self, Debug, Display};
use core::panic::Location;

use libsys::Error;
use libsys::call::Partial;

use crate::needs::Need;

/// A claim about the kernel, and how it is tried.
pub struct Check {
    /// The claim.
    pub name: &'static str,
    /// What not every boot has, and this check cannot do without.
    pub needs: &'static [Need],
    /// Tries it.
    pub run: fn() -> Outcome,
}

/// The checks of a file: each function's name is its claim. `name needs Driver` is one that is skipped without it.
macro_rules! checks {
    ($($name:ident $(needs $($need:ident)+)?),* $(,)?) => {
        /// The claims of this file.
        pub const CHECKS: &[crate::expect::Check] = &[$(crate::expect::Check {
            name: stringify!($name),
            needs: &[$($(crate::needs::Need::$need),+)?],
            run: $name,
        }),*];
    };
}
pub(crate) use checks;

/// What a check comes to.
pub type Outcome = Result<(), Why>;

/// Where a check failed, and why.
pub struct Why {
    at: &'static Location<'static>,
    what: String,
}

impl Why {
    /// A failure at the caller's place.
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

/// The value is what it should be.
#[track_caller]
pub fn equal<T: PartialEq + Debug>(what: impl Display, found: T, expected: T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(Why::new(format!("{what}: found {found:#x?}, expected {expected:#x?}")))
}

/// The statement is true.
#[track_caller]
pub fn holds(what: impl Display, truth: bool) -> Outcome {
    if truth { Ok(()) } else { Err(Why::new(format!("not so: {what}"))) }
}

/// The call was refused, and for this reason.
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
