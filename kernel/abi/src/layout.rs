//! The memory map of an address space, at JOS's addresses.
//!
//! Each constant carries its page-directory index. Ranges are half-open; sizes are bytes.

/// Size of a page and of a frame: 4 KiB.
pub const PAGE_SIZE: u32 = 0x1000;
/// Bytes that one page table covers: 4 MiB.
pub const TABLE_SPAN: u32 = 0x40_0000;
/// Entries in a table or directory.
pub const ENTRIES: u32 = 1024;

/// `0x0040_0000  PDE 0x001`: scratch pages for libraries.
pub const SCRATCH: u32 = 0x0040_0000;
/// `0x007F_F000  PDE 0x001`: scratch page for fault handlers.
pub const HANDLER_SCRATCH: u32 = 0x007F_F000;
/// `0x0080_0000  PDE 0x002`: program text.
pub const PROGRAM_TEXT: u32 = 0x0080_0000;
/// `0xEEBF_E000  PDE 0x3BA`: top of the user stack, exclusive.
pub const USER_STACK_TOP: u32 = 0xEEBF_E000;
/// `0xEEBF_F000  PDE 0x3BA`: the exception stack, one page.
pub const EXCEPTION_STACK: u32 = 0xEEBF_F000;
/// `0xEEC0_0000  PDE 0x3BB`: end of the exception stack, exclusive.
pub const EXCEPTION_STACK_TOP: u32 = EXCEPTION_STACK + PAGE_SIZE;
/// `0xEEC0_0000  PDE 0x3BB`: end of what a process may map, exclusive (JOS: UTOP).
pub const USER_TOP: u32 = 0xEEC0_0000;

/// `0xEEC0_0000  PDE 0x3BB`: process info, read-only (JOS: UENVS).
pub const UENVS: u32 = USER_TOP;
/// `0xEF00_0000  PDE 0x3BC`: reference counts of frames, read-only (JOS: UPAGES).
pub const UPAGES: u32 = 0xEF00_0000;
/// `0xEF40_0000  PDE 0x3BD`: the window: the entry of page `p` is the word at `UVPT + 4 * p`.
pub const UVPT: u32 = 0xEF40_0000;
/// `0xEF7B_D000  PDE 0x3BD`: the directory, seen through the window.
pub const UVPD: u32 = UVPT + (UVPT >> 10);
/// `0xEF80_0000  PDE 0x3BE`: device memory. Nothing from here on is readable by programs.
pub const DEVICE_MEMORY: u32 = 0xEF80_0000;
/// `0xEFC0_0000  PDE 0x3BF`: kernel stacks, one for each CPU, with unmapped guards.
pub const KERNEL_STACKS: u32 = 0xEFC0_0000;
/// `0xF000_0000  PDE 0x3C0`: kernel image: physical address 0 would lie here.
pub const KERNEL_BASE: u32 = 0xF000_0000;
/// `0xF040_0000  PDE 0x3C1`: the frame table, at most 7 MiB.
pub const FRAME_TABLE: u32 = 0xF040_0000;
/// `0xFF40_0000  PDE 0x3FD`: frame slots: temporary mappings of any frame.
pub const FRAME_SLOTS: u32 = 0xFF40_0000;
/// `0xFF80_0000  PDE 0x3FE`: alternate self map: the tables of another process.
pub const ALTERNATE_MAP: u32 = 0xFF80_0000;
/// `0xFFC0_0000  PDE 0x3FF`: self map: the current tables, writable by the kernel.
pub const SELF_MAP: u32 = 0xFFC0_0000;

/// `0x2000_0000  PDE 0x080`: where `init` finds the boot archive, read-only.
pub const BOOT_ARCHIVE: u32 = 0x2000_0000;

/// Process slots, and entries of [`UENVS`].
pub const PROCESSES: u32 = 1024;
/// Bytes of one record in [`UPAGES`].
pub const FRAME_RECORD_SIZE: u32 = 8;
/// Frames whose records fit in the 4 MiB of [`UPAGES`]: the first 2 GiB.
pub const PUBLIC_FRAMES: u32 = TABLE_SPAN / FRAME_RECORD_SIZE;

/// Directory index of an address.
#[must_use]
pub const fn directory_index(address: u32) -> u32 {
    address >> 22
}

const _: () = {
    assert!(directory_index(UENVS) == 0x3BB);
    assert!(directory_index(UPAGES) == 0x3BC);
    assert!(directory_index(UVPT) == 0x3BD);
    assert!(UVPD == 0xEF7B_D000);
    assert!(directory_index(DEVICE_MEMORY) == 0x3BE);
    assert!(directory_index(KERNEL_STACKS) == 0x3BF);
    assert!(directory_index(KERNEL_BASE) == 0x3C0);
    assert!(directory_index(FRAME_SLOTS) == 0x3FD);
    assert!(directory_index(ALTERNATE_MAP) == 0x3FE);
    assert!(directory_index(SELF_MAP) == 0x3FF);
};
