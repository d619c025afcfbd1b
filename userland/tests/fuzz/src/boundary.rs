//! Values at which mistakes are likely: the edges of the memory map and the kernel's constants,
//! each with its neighbours.

use libsys::abi::layout::{
    ALTERNATE_MAP, BOOT_ARCHIVE, DEVICE_MEMORY, EXCEPTION_STACK, FRAME_SLOTS, FRAME_TABLE,
    HANDLER_SCRATCH, KERNEL_BASE, KERNEL_STACKS, PAGE_SIZE, PROGRAM_TEXT, SCRATCH, TABLE_SPAN,
    UENVS, UPAGES, USER_STACK_TOP, USER_TOP, UVPD, UVPT,
};

use crate::random::Random;

/// Addresses at which one kind of memory ends and another begins.
const EDGES: [u32; 22] = [
    0,
    SCRATCH,
    HANDLER_SCRATCH,
    PROGRAM_TEXT,
    0x1000_0000,
    BOOT_ARCHIVE,
    ARENA,
    0xE800_0000,
    USER_STACK_TOP - PAGE_SIZE,
    USER_STACK_TOP,
    EXCEPTION_STACK,
    USER_TOP,
    UENVS,
    UPAGES,
    UVPT,
    UVPD,
    DEVICE_MEMORY,
    KERNEL_STACKS,
    KERNEL_BASE,
    FRAME_TABLE,
    FRAME_SLOTS,
    ALTERNATE_MAP,
];
/// Constants of the implementation: groups, limits, word sizes, slots.
const CONSTANTS: [u32; 20] = [
    0,
    1,
    2,
    4,
    8,
    16,
    31,
    32,
    52,
    64,
    124,
    256,
    512,
    1024,
    4096,
    0x8000,
    0x1_0000,
    0x8_0000,
    0x10_0000,
    0x8000_0000,
];
/// Directory entries that one bit of a process's table groups stands for.
const GROUP: u32 = 32;

/// Where calls are likely to succeed: sixteen pages on both sides of the border between two page
/// tables.
pub const ARENA: u32 = 0x3040_0000;
/// How many pages.
pub const ARENA_PAGES: u32 = 16;
/// The first of them.
pub const ARENA_FIRST: u32 = ARENA - ARENA_PAGES / 2 * PAGE_SIZE;

/// An address of a page.
pub fn page(random: &mut Random) -> u32 {
    match random.below(48) {
        0..=31 => ARENA_FIRST + random.below(ARENA_PAGES) * PAGE_SIZE,
        32..=36 => near(random, EDGES) & !(PAGE_SIZE - 1),
        // A table's or a group's edge anywhere below UTOP.
        37..=42 => {
            let span = if random.once_in(2) { TABLE_SPAN } else { GROUP * TABLE_SPAN };
            let edge = random.below(USER_TOP / span + 1) * span;
            edge.wrapping_add(random.below(3).wrapping_sub(1).wrapping_mul(PAGE_SIZE))
        }
        43..=45 => random.next() & !(PAGE_SIZE - 1),
        _ => random.next(),
    }
}

/// Any address.
pub fn address(random: &mut Random) -> u32 {
    match random.below(4) {
        0 => near(random, EDGES),
        1 => random.next(),
        _ => page(random).wrapping_add(random.pick(&[0, 0, 1, 4, 0xFF0, 0xFFC, 0xFFF])),
    }
}

/// A number that is no address.
pub fn number(random: &mut Random) -> u32 {
    match random.below(4) {
        0 => random.next(),
        1 => random.below(9),
        _ => near(random, CONSTANTS),
    }
}

/// Permissions as calls take them: W and marks, or P and U as well, or any.
pub fn permissions(random: &mut Random) -> u32 {
    match random.below(32) {
        0 => random.next(),
        1 => 1 << random.below(12),
        2 => random.next() & 0xE07,
        _ => random.next() & 0xE02,
    }
}

fn near<const N: usize>(random: &mut Random, values: [u32; N]) -> u32 {
    let distance =
        random.pick(&[0, 0, 1, u32::MAX, 4, 4_u32.wrapping_neg(), PAGE_SIZE.wrapping_neg()]);
    random.pick(&values).wrapping_add(distance)
}
