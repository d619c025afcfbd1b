//! The table for debuggers: where the kernel's state lies in memory. It is filled in once, at the
//! end of boot.
//!
//! [`abi::debug`] documents each word.

use core::mem::offset_of;
use core::ptr;

use abi::debug::{MAGIC, Table, VERSION};
use abi::layout::{PAGE_SIZE, PROCESSES};
use abi::trace::{EVENTS, Event};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::process::{Process, State};

impl<H: Hardware> Kernel<H> {
    /// Describes the kernel's tables at their present addresses. `records` is the address of the
    /// frame table.
    ///
    /// The words about the boot archive are 0 here: the code that loaded the archive sets them.
    #[must_use]
    pub fn describe(&self, records: u32) -> Table {
        let (first, frames) = self.dma.extent();
        Table {
            magic: MAGIC,
            version: VERSION,
            size: size_of::<Table>() as u32,
            kernel_directory: self.cpu.kernel_directory.number() * PAGE_SIZE,
            slots: address(self.processes.slots()),
            slot_size: size_of::<Process>() as u32,
            slot_count: PROCESSES,
            slot_state: offset_of!(Process, state) as u32,
            slot_directory: offset_of!(Process, directory) as u32,
            slot_pager: offset_of!(Process, paging.pager) as u32,
            slot_mapped: offset_of!(Process, memory.mapped) as u32,
            facts: address(self.processes.info()),
            frames: records,
            frame_count: self.frames.records_count(),
            current: address(&self.cpu.current),
            loaded: address(&self.cpu.loaded),
            archive_first: 0,
            archive_frames: 0,
            empty_view_table: self.empty_view.map_or(0, |view| view.table.number()),
            empty_view_zeros: self.empty_view.map_or(0, |view| view.zeros.number()),
            dma_first: first,
            dma_frames: frames,
            events: address(&self.trace.events),
            event_size: size_of::<Event>() as u32,
            event_count: EVENTS,
            events_recorded: address(&self.trace.recorded),
            events_on: self.trace.on.into(),
            failing: address(&self.frames.failing),
        }
    }
}

/// The address of a kernel value, as debuggers read it.
fn address<T>(value: &T) -> u32 {
    ptr::from_ref(value).addr() as u32
}

impl State {
    /// The number that a debugger finds in the first byte of the state.
    #[must_use]
    pub const fn published(&self) -> abi::debug::State {
        use abi::debug::State as Published;
        match self {
            Self::Free => Published::Free,
            Self::Ready => Published::Ready,
            Self::Sending { .. } => Published::Sending,
            Self::Answer { .. } => Published::Answer,
            Self::Receiving => Published::Receiving,
            Self::ReceivingExit { .. } => Published::ReceivingExit,
            Self::ReceivingInterrupt => Published::ReceivingInterrupt,
            Self::ReceivingFrom { .. } => Published::ReceivingFrom,
            Self::JosReceiving => Published::JosReceiving,
            Self::Sleeping => Published::Sleeping,
            Self::Waiting { .. } => Published::Waiting,
            Self::Reading => Published::Reading,
            Self::Dying => Published::Dying,
            Self::Ended => Published::Ended,
        }
    }
}
