//! Traps of a member, and the fault handler that lets it live through its bad addresses.
//!
//! A member's fault between leaving the stub of [`any_trap`] and coming back is skipped: the
//! handler resumes at the stub's way back, as if the instruction had done nothing. All other faults
//! are the pager's.
#![allow(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering};

use libsys::paging::fault::{Fault, Handled};
use libsys::paging::regions::{self, Decision};
use support::Registers;
use support::any_trap::{self, Way};

/// Faults that were skipped since the stub was entered last.
static SKIPPED: AtomicU32 = AtomicU32::new(0);
/// After so many skipped faults the process ends: its stack or its statics are gone, so that the
/// way back faults, too.
const MOST_SKIPPED: u32 = 8;

/// Raises a trap and, if the process goes on, returns the general registers after it.
pub fn enter(way: Way, registers: Registers) -> Registers {
    SKIPPED.store(0, Ordering::Relaxed);
    any_trap::raise(way, registers)
}

/// Loads a byte from any address; a bad address is skipped.
pub fn load(address: u32) -> u8 {
    SKIPPED.store(0, Ordering::Relaxed);
    any_trap::load_byte(address)
}

/// Stores a byte at any address; a bad address is skipped.
pub fn store(address: u32, value: u8) {
    SKIPPED.store(0, Ordering::Relaxed);
    any_trap::store_byte(address, value);
}

/// The fault handler: resumes behind an instruction of the stub, unless the page belongs to a
/// region of the program, which the pager fills.
pub fn skip(fault: &mut Fault<'_>) -> Handled {
    let decision = regions::STANDARD.decide(fault.address(), fault.access());
    let in_a_region = matches!(decision, Decision::Zero(_) | Decision::Image { .. });
    if !any_trap::is_inside()
        || in_a_region
        || SKIPPED.fetch_add(1, Ordering::Relaxed) >= MOST_SKIPPED
    {
        return Handled::PassOn;
    }
    // SAFETY: the stub was left by the access, and its way back restores all that it needs.
    unsafe { fault.resume_at(any_trap::way_back()) };
    Handled::Resume
}
