//! What the kernel shows to programs: page table entries, records of processes, counts of frames.

use crate::calls::{getenvid, page_alloc, page_unmap};
use support::memory::load;

/// -E_BAD_ENV.
pub const BAD_ENV: i32 = -2;
/// -E_INVAL.
pub const INVALID: i32 = -3;
/// -E_NO_MEM.
pub const NO_MEMORY: i32 = -4;
/// -E_NO_FREE_ENV.
pub const NO_FREE_ENV: i32 = -5;
/// -E_IPC_NOT_RECV.
pub const NOT_RECEIVING: i32 = -7;

/// UTOP: the first address above the pages of programs. In a message it stands for "no page".
pub const UTOP: u32 = 0xEEC0_0000;
/// Permissions P and U.
pub const READ: u32 = 5;
/// Permissions P, W and U.
pub const WRITE: u32 = 7;

/// The address of test page `number`. Nothing else is mapped from 0x1000_0000 on.
pub const fn test_page(number: u32) -> u32 {
    0x1000_0000 + number * 0x1000
}

/// Maps a page of zeros at a test page.
pub fn fresh(number: u32) -> u32 {
    let va = test_page(number);
    page_unmap(0, va);
    assert_eq!(page_alloc(0, va, WRITE), 0, "a page for a claim");
    va
}

/// The entry of the directory that covers an address.
pub fn directory_entry(va: u32) -> u32 {
    load(0xEF7B_D000 + 4 * (va >> 22))
}

/// The entry of the page that holds an address; 0 if there is no table.
pub fn entry(va: u32) -> u32 {
    if directory_entry(va) & 1 == 0 { 0 } else { load(0xEF40_0000 + 4 * (va >> 12)) }
}

/// The flags of an entry that JOS has: all bits but the frame and bit 8, which is this kernel's
/// own.
pub fn flags(va: u32) -> u32 {
    entry(va) & 0xEFF
}

/// The frame of a page.
pub fn frame(va: u32) -> u32 {
    entry(va) >> 12
}

/// How many mappings the frame of a page has, as JOS programs read it: 16 bits.
pub fn pageref(va: u32) -> u32 {
    if entry(va) & 1 == 0 { 0 } else { count(frame(va)) & 0xFFFF }
}

/// The count of a frame.
pub fn count(frame: u32) -> u32 {
    load(0xEF00_0000 + 8 * frame + 4)
}

/// A word of a slot's record, by its offset.
pub fn record(slot: u32, offset: u32) -> u32 {
    load(0xEEC0_0000 + 124 * (slot & 0x3FF) + offset)
}

/// A word of a process's record; `None` if the slot is free or has another process.
pub fn field(env: u32, offset: u32) -> Option<u32> {
    let current = record(env, ID) == env && record(env, STATUS) != 0;
    current.then(|| record(env, offset))
}

/// A word of the caller's own record.
pub fn own(offset: u32) -> u32 {
    record(getenvid(), offset)
}

/// Offset of `env_id`.
pub const ID: u32 = 72;
/// Offset of `env_parent_id`.
pub const PARENT: u32 = 76;
/// Offset of `env_type`.
pub const TYPE: u32 = 80;
/// Offset of `env_status`: 0 free, 1 dying, 2 runnable, 3 running, 4 not runnable.
pub const STATUS: u32 = 84;
/// Offset of `env_runs`.
pub const RUNS: u32 = 88;
/// Offset of `env_cpunum`.
pub const CPU: u32 = 92;
/// Offset of `env_pgfault_upcall`.
pub const UPCALL: u32 = 100;
/// Offset of `env_ipc_recving`.
pub const RECEIVING: u32 = 104;
/// Offset of `env_ipc_dstva`.
pub const RECEIVE_AT: u32 = 108;
/// Offset of `env_ipc_value`.
pub const VALUE: u32 = 112;
/// Offset of `env_ipc_from`.
pub const FROM: u32 = 116;
/// Offset of `env_ipc_perm`.
pub const PERM: u32 = 120;

/// P or U is missing, or there is a bit that is neither W nor 0x200, 0x400 or 0x800.
pub const BAD_PERMISSIONS: [u32; 18] = [
    0,
    1,
    2,
    3,
    4,
    6,
    0xD,
    0x15,
    0x25,
    0x45,
    0x85,
    0x105,
    0x1005,
    0x1007,
    0x8000_0005,
    0xFFFF_FFFF,
    0xE00,
    0xFFFF_F007,
];

/// Unaligned, or not below UTOP.
pub const BAD_PAGES: [u32; 12] = [
    1,
    0x1000_0004,
    0x1000_0FFF,
    0xEEBF_FFFF,
    UTOP,
    0xEEC0_1000,
    0xEF00_0000,
    0xEF40_0000,
    0xEF7B_D000,
    0xF000_0000,
    0xFFFF_F000,
    0xFFFF_FFFF,
];

/// Ids of no process: slots that were never used, slot numbers without a generation, later
/// generations, and bit 31.
pub fn strangers() -> [u32; 8] {
    let own = getenvid();
    [
        0x1000 | 999,
        999,
        own & 0x3FF | 1,
        own + 0x1000,
        own | 0x8000_0000,
        0x8000_0000,
        0xFFFF_FFFF,
        0x7FFF_F000,
    ]
}
