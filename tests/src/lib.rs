//! Boots the real image in the emulator, and states what its serial line must and must not say.
//!
//! A scenario is a claim: [`claim`] names it, [`Boot`] describes one boot of the machine, and
//! [`Outcome`] is asked in turn for the exit status, for lines in order and for lines that must
//! not be there. Whatever fails comes with the whole transcript. Nothing sleeps: a typed answer
//! waits for the prompt that it answers.

#![forbid(unsafe_code)]

mod boot;
mod differences;
mod outcome;
mod pattern;
pub mod scenarios;

pub use boot::Boot;
pub use outcome::Outcome;

use libtest_mimic::{Failed, Trial};
use xtask::emulators::EmulatorKind;
use xtask::test::EMULATOR;

/// What a claim comes to.
pub type Claim = Result<(), Failed>;

/// A test whose name is what it claims. Where a difference is listed for the emulator, it must be
/// there.
pub fn claim(name: &str, test: impl FnOnce() -> Claim + Send + 'static) -> Trial {
    let listed = differences::listed(emulator(), name);
    Trial::test(name, move || differences::judge(listed, test()))
}

/// The emulator that `cargo xtask test --on` has named, or QEMU.
///
/// # Panics
/// The word in the environment names none.
#[must_use]
pub fn emulator() -> EmulatorKind {
    let name = std::env::var(EMULATOR);
    name.map_or(EmulatorKind::Qemu, |name| {
        EmulatorKind::named(&name).unwrap_or_else(|refusal| panic!("{EMULATOR}: {refusal}"))
    })
}
