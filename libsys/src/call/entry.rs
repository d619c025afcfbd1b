//! How the functions of the calls enter the kernel: by `int 0x30`, and with an error as a `Result`.
//!
//! Each of these makes any call that it is given, so none of them is public. The functions that use
//! them are safe, or say what makes them `unsafe`.

use abi::{Error, Syscall};

use super::gate::{self, Gate};

pub(super) fn invoke(call: Syscall) -> Result<[u32; 4], Error> {
    // SAFETY: see the module comment: the functions that call this answer for their calls.
    unsafe { Gate::Interrupt.invoke(call) }.map(|answer| answer.words)
}

pub(super) fn done(call: Syscall) -> Result<(), Error> {
    invoke(call).map(|_| ())
}

/// A call that takes at most one word and returns at most one.
#[inline(always)]
pub(super) fn one_word(call: Syscall) -> Result<u32, Error> {
    let (value, word) = gate::one_word(call);
    Error::check(value).map(|_| word)
}

/// A call that takes two words and returns at most one.
#[inline(always)]
pub(super) fn two_words(call: Syscall) -> Result<u32, Error> {
    let (value, word) = gate::two_words(call);
    Error::check(value).map(|_| word)
}

/// An address as the kernel takes it. The provenance is exposed: the kernel is about to use the
/// pointer.
pub(super) fn address<T>(pointer: *const T) -> u32 {
    pointer.expose_provenance() as u32
}
