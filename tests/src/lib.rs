//! Boots the real image in the emulator, and states what its serial line must and must not say.
//!
//! A scenario is a claim: [`claim`] names it, [`Boot`] describes one boot of the machine, and
//! [`Outcome`] is asked in turn for the exit status, for lines in order and for lines that must
//! not be there. Whatever fails comes with the whole transcript. Nothing sleeps: a typed answer
//! waits for the prompt that it answers.

#![forbid(unsafe_code)]

mod boot;
mod outcome;
mod pattern;
pub mod scenarios;

pub use boot::Boot;
pub use outcome::Outcome;

use libtest_mimic::{Failed, Trial};

/// What a claim comes to.
pub type Claim = Result<(), Failed>;

/// A test whose name is what it claims.
pub fn claim(name: &str, test: impl FnOnce() -> Claim + Send + 'static) -> Trial {
    Trial::test(name, test)
}
