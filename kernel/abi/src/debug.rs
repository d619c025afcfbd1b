//! The table for debuggers: where the kernel's own tables lie in memory.
//!
//! The symbol [`SYMBOL`] of `kernel.elf` names one [`Table`], which the kernel fills once, at the
//! end of its boot. Until then all its words are 0. A reader of physical memory (a debugger, a test
//! that judges the running machine from outside) begins there. The kernel never reads it, so it
//! costs no instruction on any path. Of the words that it names, a debugger may write one:
//! [`Table::failing`]. `docs/debugging.md` has the same list for readers that are not
//! written in Rust.

/// The symbol's name.
pub const SYMBOL: &str = "vitrine_debug";
/// The first word: `VITR` in memory.
pub const MAGIC: u32 = u32::from_le_bytes(*b"VITR");
/// The second word. It grows when a word changes its meaning; new words only make the table longer.
pub const VERSION: u32 = 1;

/// The table. Addresses are virtual ones of the kernel's half; offsets and sizes are bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct Table {
    /// [`MAGIC`].
    pub magic: u32,
    /// [`VERSION`].
    pub version: u32,
    /// Bytes of this table.
    pub size: u32,
    /// The physical address of the directory that is loaded when no process's is.
    pub kernel_directory: u32,
    /// The address of process slot 0. The saved registers ([`crate::Registers`]) come first in a
    /// slot.
    pub slots: u32,
    /// Bytes from one slot to the next.
    pub slot_size: u32,
    /// How many slots there are.
    pub slot_count: u32,
    /// In a slot: what the process is doing, one byte, a [`State`].
    pub slot_state: u32,
    /// In a slot: the number of the directory's frame, four bytes.
    pub slot_directory: u32,
    /// In a slot: the pager's id, four bytes; 0 for none.
    pub slot_pager: u32,
    /// In a slot: how many frames are mapped in the process's space, tables and directory included,
    /// four bytes.
    pub slot_mapped: u32,
    /// The address of the first record of UENVS ([`crate::process_info::ProcessInfo`]).
    pub facts: u32,
    /// The address of the record of frame 0 ([`crate::process_info::FrameRecord`]). A record whose
    /// link is 0xFFFF_FFFF is of a frame that is never given out; its count is 1 more than its
    /// mappings.
    pub frames: u32,
    /// How many frame records there are.
    pub frame_count: u32,
    /// The address of the CPU's current process: two bytes, 0 for none, else the slot's number plus
    /// `slot_count`.
    pub current: u32,
    /// The address of the process whose directory is loaded, in the same form.
    pub loaded: u32,
    /// The number of the boot archive's first frame. Frames of the archive have one mapping more
    /// than directories show.
    pub archive_first: u32,
    /// How many frames the boot archive has.
    pub archive_frames: u32,
    /// The number of the frame that a lost view shows as its directory. It has one mapping more
    /// than directories show.
    pub empty_view_table: u32,
    /// The number of the frame of zeros that each entry of that table names. It, too, has one
    /// mapping more.
    pub empty_view_zeros: u32,
    /// The number of the DMA pool's first frame. Frames of the pool have one mapping more than
    /// directories show.
    pub dma_first: u32,
    /// How many frames the DMA pool has.
    pub dma_frames: u32,
    /// The address of the first record of the ring of events ([`crate::trace::Event`]).
    pub events: u32,
    /// Bytes of one record.
    pub event_size: u32,
    /// How many records the ring has.
    pub event_count: u32,
    /// The address of four bytes: how many events have been recorded since boot, modulo 2^32. The
    /// next one goes to the record with this number modulo `event_count`.
    pub events_recorded: u32,
    /// 1 if the kernel records events, else 0.
    pub events_on: u32,
    /// The address of four bytes in which a debugger asks for failure: with `k` there, the `k`-th
    /// allocation of a frame from now on finds none, as if memory had run out. The kernel counts
    /// the word down. With [`FAIL_FROM_THEN_ON`] added all later allocations fail, too, until the
    /// debugger stores 0. A program can neither read nor write the word.
    pub failing: u32,
}

/// The bit of the word at [`Table::failing`] that makes allocations go on failing.
pub const FAIL_FROM_THEN_ON: u32 = 1 << 31;

/// The state of a process: the byte at [`Table::slot_state`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// There is no process in the slot.
    Free = 0,
    /// Runs, is ready to run, or would be if its parent had not stopped it.
    Ready = 1,
    /// Waits until its message is received.
    Sending = 2,
    /// Waits for the answer to its message.
    Answer = 3,
    /// Waits for a message from anyone.
    Receiving = 4,
    /// Waits for the end of a dying child, in a call that receives.
    ReceivingExit = 5,
    /// Waits for an interrupt of its own.
    ReceivingInterrupt = 6,
    /// Waits for a message from one process.
    ReceivingFrom = 7,
    /// Waits in JOS call 13.
    JosReceiving = 8,
    /// Waits for time to pass.
    Sleeping = 9,
    /// Waits for a child to end.
    Waiting = 10,
    /// Waits for console input.
    Reading = 11,
    /// Has ended; its page tables are being freed.
    Dying = 12,
    /// Has ended; its memory is free, and its parent has not asked for its status yet.
    Ended = 13,
}
