//! What a boot leaves behind: a kernel directory whose shared half every process gets, and the
//! frames that are left.

use abi::layout::{
    DEVICE_MEMORY, ENTRIES, FRAME_SLOTS, FRAME_TABLE, KERNEL_BASE, KERNEL_STACKS, PAGE_SIZE,
    TABLE_SPAN, UENVS, UPAGES, UVPT, directory_index,
};
use abi::{Entry, EntryFlags, Frame, Page, Slot};
use kernel_core::FrameRange;
use kernel_core::hardware::Hardware;

use super::Model;

/// A machine as boot hands it to the core.
pub struct Boot {
    pub model: Model,
    /// The kernel's directory, which is loaded.
    pub directory: Frame,
    /// What is left: two ranges with a hole between them that is not RAM.
    pub ranges: Vec<FrameRange>,
    /// How many frame records there are to be.
    pub records: u32,
}

const KERNEL_WRITE: EntryFlags = EntryFlags::PRESENT.union(EntryFlags::WRITE);
const USER_READ: EntryFlags = EntryFlags::USER_LEAF;
/// Frames of the hole.
const HOLE: u32 = 16;

impl Model {
    /// A machine with `mib` MiB of RAM, from the end of boot on.
    pub fn boot(mib: u32) -> Boot {
        let end = mib * 256;
        let mut builder =
            Builder { model: Model::new(end), next: 0x100, directory: Frame::from_number(0) };
        builder.directory = builder.zeroed();
        builder.set(UVPT, builder.directory, USER_READ);
        builder.set(Slot::CURRENT.base(), builder.directory, KERNEL_WRITE);
        for (address, pages) in [(UENVS, 31), (UPAGES, (end * 8).div_ceil(PAGE_SIZE).min(ENTRIES))]
        {
            builder.table(address, USER_READ);
            builder.pages(address, pages, USER_READ);
        }
        for address in [DEVICE_MEMORY, FRAME_TABLE, FRAME_TABLE + TABLE_SPAN, FRAME_SLOTS] {
            builder.table(address, KERNEL_WRITE);
        }
        for address in [KERNEL_STACKS, KERNEL_BASE] {
            builder.table(address, KERNEL_WRITE);
            builder.pages(address, 4, KERNEL_WRITE);
        }
        let Builder { mut model, next, directory } = builder;
        (0xA0..0x100).map(Frame::from_number).for_each(|frame| model.remove(frame));
        model.load_directory(directory);
        let hole = next + (end - next) / 4;
        for number in hole..hole + HOLE {
            model.remove(Frame::from_number(number));
        }
        let ranges =
            vec![FrameRange { first: next, end: hole }, FrameRange { first: hole + HOLE, end }];
        Boot { model, directory, ranges, records: end }
    }
}

struct Builder {
    model: Model,
    next: u32,
    directory: Frame,
}

impl Builder {
    fn zeroed(&mut self) -> Frame {
        let frame = Frame::from_number(self.next);
        self.next += 1;
        self.model.zero_frame(frame);
        frame
    }

    fn set(&mut self, address: u32, frame: Frame, flags: EntryFlags) {
        self.model.set_word(
            self.directory,
            directory_index(address),
            Entry::new(frame, flags).bits(),
        );
    }

    fn table(&mut self, address: u32, flags: EntryFlags) {
        let table = self.zeroed();
        self.set(address, table, flags);
    }

    fn pages(&mut self, address: u32, pages: u32, flags: EntryFlags) {
        let table =
            Entry::from_bits(self.model.word(self.directory, directory_index(address))).frame();
        for index in 0..pages {
            let frame = self.zeroed();
            let index = Page::containing(address).table_index() + index;
            self.model.set_word(table, index, Entry::new(frame, flags).bits());
        }
    }
}
