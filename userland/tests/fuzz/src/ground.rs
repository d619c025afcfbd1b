//! What a family shares: its counters, the ids of its members, a page of code, and some pages on
//! which to act.
//!
//! Every member can write all of it at any time, and some unmap it. So the supervisor believes
//! nothing that is there except the number of steps, and that only if it is not too large.

use core::sync::atomic::{AtomicU32, Ordering};

use libsys::abi::layout::PAGE_SIZE;
use libsys::{Error, Permissions, Target, UserPage, page_allocate};

use crate::boundary::{ARENA_FIRST, ARENA_PAGES};
use crate::random::Random;
use crate::skip::{enter, store};
use support::Registers;
use support::any_trap::{Way, way_back_word};

/// The page that the families share with the supervisor: the steps made, and the planted step.
const COUNTER: u32 = 0x37FF_F000;
/// The ids of the members.
const ROSTER: u32 = 0x37FF_E000;
/// Code that members write while others run it.
const CODE: u32 = 0x37FF_D000;
/// Bytes of one piece of code: ten of instructions, then the jump back.
const PIECE: u32 = 16;
/// How many pieces of the page are used: few, so that several members run the same one.
pub const PIECES: u32 = 8;
/// Members that the first process makes; their numbers begin at 1.
pub const MEMBERS: u32 = 14;
/// How many members can be on the roster.
pub const ROSTER_SIZE: u32 = 32;

/// Makes the page that all families share.
///
/// # Errors
/// There is no memory for it.
pub fn found() -> Result<(), Error> {
    allocate(COUNTER, Permissions::WRITE | Permissions::SHARED)
}

/// Makes the pages of one family, in its first process, before there are others.
///
/// # Errors
/// There is no memory for them.
pub fn lay(random: &mut Random) -> Result<(), Error> {
    allocate(ROSTER, Permissions::WRITE | Permissions::SHARED)?;
    allocate(CODE, Permissions::WRITE | Permissions::SHARED)?;
    for piece in 0..PIECES {
        write_code(piece, &snippet(0, 0));
        for (offset, byte) in jump_back().into_iter().enumerate() {
            store(CODE + piece * PIECE + 10 + offset as u32, byte);
        }
    }
    for page in 0..ARENA_PAGES {
        let shared = if random.once_in(3) { Permissions::SHARED } else { Permissions::empty() };
        if !random.once_in(3) {
            allocate(ARENA_FIRST + page * PAGE_SIZE, Permissions::WRITE | shared)?;
        }
    }
    Ok(())
}

/// The number of steps that all members have made.
pub fn steps() -> &'static AtomicU32 {
    word(COUNTER)
}

/// The number of calls of all members that came back without an error.
pub fn successes() -> &'static AtomicU32 {
    word(COUNTER + 8)
}

/// A member stores the number of the planted step, plus one, when it makes it.
pub fn planted() -> &'static AtomicU32 {
    word(COUNTER + 4)
}

/// The id of a member.
pub fn roster(index: u32) -> &'static AtomicU32 {
    word(ROSTER + index % ROSTER_SIZE * 4)
}

/// A word of the supervisor's page, in which an asker stores its current request.
pub fn roster_of_supervisor(index: u32) -> &'static AtomicU32 {
    word(COUNTER + 64 + index % ROSTER_SIZE * 4)
}

/// Writes the instructions of one piece, byte by byte, while another member may run them.
pub fn write_code(piece: u32, bytes: &[u8; 10]) {
    for (offset, byte) in bytes.iter().enumerate() {
        store(CODE + piece % PIECES * PIECE + offset as u32, *byte);
    }
}

/// Runs a piece from one of its bytes on.
pub fn run_code(piece: u32, offset: u32, registers: Registers) {
    let eip = CODE + piece % PIECES * PIECE + offset % PIECE;
    enter(Way::Jump, Registers { eip, ..registers });
}

/// A few instructions, filled up with `nop`.
pub fn snippet(which: u32, number: u32) -> [u8; 10] {
    let [a, b, c, d] = number.to_le_bytes();
    let start: [u8; 4] = match which {
        0 => [0x90; 4],
        // `int 0x30`, once and twice
        1 => [0xCD, 0x30, 0x90, 0x90],
        2 => [0xCD, 0x30, 0xCD, 0x30],
        // `mov [ebx], eax`, `mov eax, [ebx]`
        3 => [0x89, 0x03, 0x8B, 0x03],
        // `pushfd`, `popfd`
        4 => [0x9C, 0x9D, 0x90, 0x90],
        // `lock inc dword ptr [ebx]`
        5 => [0xF0, 0xFF, 0x03, 0x90],
        // `rdtsc`, `cpuid`
        6 => [0x0F, 0x31, 0x0F, 0xA2],
        // `int n`
        7 => [0xCD, a, 0x90, 0x90],
        _ => [a, b, c, d],
    };
    let mut bytes = [0x90; 10];
    bytes[..4].copy_from_slice(&start);
    bytes
}

/// `jmp dword ptr [way back]`
fn jump_back() -> [u8; 6] {
    let [a, b, c, d] = way_back_word().to_le_bytes();
    [0xFF, 0x25, a, b, c, d]
}

fn allocate(address: u32, permissions: Permissions) -> Result<(), Error> {
    page_allocate(Target::Caller, UserPage::known(address), permissions)
}

#[allow(unsafe_code)]
fn word(address: u32) -> &'static AtomicU32 {
    let address = core::ptr::with_exposed_provenance::<AtomicU32>(address as usize);
    // SAFETY: `found` and `lay` have mapped the page, aligned. Only atomic accesses and the stub
    // reach it, and any bits are a number. A member may have unmapped it: then the access is a page
    // fault of that member.
    unsafe { &*address }
}

/// Counts a step.
pub fn count(at: u32, plant: Option<u32>) {
    steps().fetch_add(1, Ordering::Relaxed);
    if plant == Some(at) {
        planted().store(at + 1, Ordering::Relaxed);
    }
}

const _: () = assert!(COUNTER.is_multiple_of(PAGE_SIZE) && PIECES * PIECE <= PAGE_SIZE);
