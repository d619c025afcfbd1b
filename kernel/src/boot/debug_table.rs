//! The symbol by which debuggers find the kernel's tables. [`abi::debug`] describes its words.

use core::cell::UnsafeCell;

use abi::debug::Table;

use crate::boot::loader::Loader;

/// A table that only readers of physical memory look at.
#[repr(transparent)]
struct Published(UnsafeCell<Table>);

// SAFETY: written once, at boot, before a second CPU or any process runs; the kernel never reads
// it.
unsafe impl Sync for Published {}

/// All zero until the boot is over: then `magic` says that the rest can be believed.
#[unsafe(no_mangle)]
#[allow(
    non_upper_case_globals,
    reason = "the name is `abi::debug::SYMBOL`; builds differ in whether they warn"
)]
static vitrine_debug: Published = Published(UnsafeCell::new(Table {
    magic: 0,
    version: 0,
    size: 0,
    kernel_directory: 0,
    slots: 0,
    slot_size: 0,
    slot_count: 0,
    slot_state: 0,
    slot_directory: 0,
    slot_pager: 0,
    slot_mapped: 0,
    facts: 0,
    frames: 0,
    frame_count: 0,
    current: 0,
    loaded: 0,
    archive_first: 0,
    archive_frames: 0,
    empty_view_table: 0,
    empty_view_zeros: 0,
    dma_first: 0,
    dma_frames: 0,
    events: 0,
    event_size: 0,
    event_count: 0,
    events_recorded: 0,
    events_on: 0,
    failing: 0,
}));

/// Publishes what the core says of its tables, and what the loader says of the archive.
pub fn publish(table: Table, loader: &Loader) {
    let first = loader.archive().first.number();
    let frames = loader.archive_frames().count() as u32;
    let table = Table { archive_first: first, archive_frames: frames, ..table };
    // SAFETY: aligned and in a static; nothing in the kernel reads it, so nothing races. Volatile,
    // so that the compiler keeps a store that nobody loads.
    unsafe { vitrine_debug.0.get().write_volatile(table) };
}
