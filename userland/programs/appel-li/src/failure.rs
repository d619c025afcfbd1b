//! Why one of these programs failed.

use core::fmt;

use libsys::Error;
use libsys::call::Partial;

/// The reason, for one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// A call has failed.
    Call(Error),
    /// A value is wrong.
    Wrong {
        /// What the value is.
        what: &'static str,
        /// What was found.
        found: u32,
        /// The right value.
        expected: u32,
    },
}

/// Checks a value.
///
/// # Errors
/// `Wrong`: the value is not the expected one.
pub fn expect(what: &'static str, found: u32, expected: u32) -> Result<(), Failure> {
    if found == expected { Ok(()) } else { Err(Failure::Wrong { what, found, expected }) }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<Partial> for Failure {
    fn from(partial: Partial) -> Self {
        Self::Call(partial.error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Wrong { what, found, expected } => {
                write!(f, "not so: {what}: {found}, expected {expected}")
            }
        }
    }
}
