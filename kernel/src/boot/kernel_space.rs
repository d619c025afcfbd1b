//! The kernel's half of every address space, made once, at boot.
//!
//! # What this is
//!
//! The boot begins with one directory that has four entries: the identity map of low memory, the
//! image, the frame slots, and the self map. [`take_over`] turns it into the directory from which
//! every other one gets its upper part:
//!
//! 1. It makes every table that the kernel will ever need: device memory, stacks, the frame table,
//!    UENVS, UPAGES. From then on no directory entry of the kernel's half changes, so a new
//!    directory copies these entries once and is never brought up to date, and no access by the
//!    kernel meets an absent table.
//! 2. It opens to programs, read-only, what they may read: UVPT, UPAGES and UENVS.
//! 3. It maps the stacks, with absent pages around them, and the frame table.
//! 4. It takes W from code and constants, removes the identity map, and flushes the TLB.
//! 5. It checks that exactly those three entries can be read by programs, and that none of them can
//!    be written. The safety of the window rests on this check: U and W are ANDed over both levels,
//!    so no leaf, whatever it says, makes a page table writable for a program.
//!
//! # What is assumed
//!
//! Interrupts are off, one CPU runs, and the boot's tables are loaded. Until step 4 only absent
//! entries are filled in; no CPU caches an absent entry, so these steps need no flush.
//!
//! # What is deliberately not done
//!
//! There are no global pages and no large pages: a leaf's bit 8 is the kernel's sealed mark, and a
//! table of 4 KiB pages can say which pages of the image are read-only. Nothing here is ever
//! undone.

use core::arch::asm;

use ::boot::image;
use abi::layout::{
    DEVICE_MEMORY, ENTRIES, FRAME_TABLE, KERNEL_BASE, KERNEL_STACKS, PAGE_SIZE, PUBLIC_FRAMES,
    TABLE_SPAN, UENVS, UPAGES, UVPT, directory_index,
};
use abi::process_info::FrameRecord;
use abi::{Entry, EntryFlags, Frame, Page, Slot};
use kernel_core::boot::memory_map::{MemoryPlan, PlanError};
use kernel_core::hardware::{Hardware as _, Reach};

use crate::device::console;
use crate::x86::hardware::Machine;
use crate::x86::stacks::Stack;

/// Supervisor, read-only.
const KERNEL_READ: EntryFlags = EntryFlags::PRESENT;
/// Supervisor, writable.
const KERNEL_WRITE: EntryFlags = EntryFlags::PRESENT.union(EntryFlags::WRITE);
/// What programs may read.
const USER_READ: EntryFlags = EntryFlags::USER_LEAF;

/// Directory entries of the memory map from UENVS up; entries below belong to programs.
const SHARED: core::ops::Range<u32> = directory_index(UENVS)..ENTRIES;
/// The only ones of them that programs may read through.
const READABLE: [u32; 3] = [directory_index(UENVS), directory_index(UPAGES), directory_index(UVPT)];

/// Builds the shared half and returns the frame table, zeroed: one record for each frame that the
/// plan names.
///
/// Frames for tables, stacks and the frame table come out of the plan. UENVS shows `processes`.
///
/// # Errors
/// `TooLittleMemory`: the plan ran out of frames.
pub fn take_over<F>(
    machine: &mut Machine,
    plan: &mut MemoryPlan,
    processes: &F,
) -> Result<&'static mut [FrameRecord], PlanError> {
    let mut builder = Builder { machine, plan };
    for address in [DEVICE_MEMORY, KERNEL_STACKS, FRAME_TABLE, FRAME_TABLE + TABLE_SPAN] {
        builder.make_table(address, KERNEL_WRITE)?;
    }
    let uenvs = builder.make_table(UENVS, USER_READ)?;
    let upages = builder.make_table(UPAGES, USER_READ)?;
    builder.set_directory_entry(UVPT, Entry::new(Frame::containing(image::directory()), USER_READ));
    builder.show_processes(uenvs, processes);
    builder.make_stack(Stack::KERNEL)?;
    builder.make_stack(Stack::FAILURE)?;
    let records = builder.make_frame_table(upages)?;
    builder.protect_image();
    builder.drop_identity_map();
    builder.check_sharing();
    Ok(records)
}

/// Prints one line about the memory of the machine.
pub fn report(plan: &MemoryPlan) {
    let frames = plan.frames();
    console::print(format_args!("memory: {frames} frames ({} MiB) usable", frames / 256));
    if plan.above_4_gib() > 0 {
        console::print(format_args!(", {} KiB left above 4 GiB", plan.above_4_gib() / 1024));
    }
    console::print(format_args!("\n"));
}

struct Builder<'a> {
    machine: &'a mut Machine,
    plan: &'a mut MemoryPlan,
}

impl Builder<'_> {
    fn take(&mut self) -> Result<Frame, PlanError> {
        self.plan.take().ok_or(PlanError::TooLittleMemory { kib: 0 })
    }

    /// Puts an empty table under the directory entry of `address`.
    fn make_table(&mut self, address: u32, flags: EntryFlags) -> Result<Frame, PlanError> {
        let frame = self.take()?;
        self.machine.zero_frame(frame);
        self.set_directory_entry(address, Entry::new(frame, flags));
        Ok(frame)
    }

    /// Writes a directory entry that was absent, so that no CPU can have cached it.
    fn set_directory_entry(&mut self, address: u32, entry: Entry) {
        self.machine.write_entry(Reach::Current, directory_entry(directory_index(address)), entry);
    }

    /// Maps a kernel page that was absent, so that no CPU can have cached it.
    fn map(&mut self, address: u32, frame: Frame) {
        self.machine.write_entry(
            Reach::Current,
            Page::containing(address),
            Entry::new(frame, KERNEL_WRITE),
        );
    }

    /// Lets programs read a page that was absent. This goes through a frame slot: a table whose
    /// directory entry lacks W cannot be written through a self map, not even by the kernel.
    fn show(&mut self, table: Frame, address: u32, frame: Frame) {
        let index = Page::containing(address).table_index();
        self.machine.write_frame(table, index, Entry::new(frame, USER_READ).bits());
    }

    /// Lets UENVS show the kernel's table of process info, which fills whole pages of the image.
    fn show_processes<F>(&mut self, uenvs: Frame, processes: &F) {
        let (start, size) = ((&raw const *processes) as u32, size_of::<F>() as u32);
        assert!(
            start.is_multiple_of(PAGE_SIZE) && size.is_multiple_of(PAGE_SIZE),
            "UENVS would show {start:#x}"
        );
        for offset in (0..size).step_by(PAGE_SIZE as usize) {
            self.show(uenvs, UENVS + offset, Frame::containing(image::physical(start + offset)));
        }
    }

    /// Maps a stack; the pages on both sides stay absent.
    fn make_stack(&mut self, stack: Stack) -> Result<(), PlanError> {
        for address in (stack.start..stack.end).step_by(PAGE_SIZE as usize) {
            let frame = self.take()?;
            self.map(address, frame);
        }
        Ok(())
    }

    /// Maps the frame table, for the kernel to write, and as much of it as fits in UPAGES for
    /// programs to read.
    fn make_frame_table(&mut self, upages: Frame) -> Result<&'static mut [FrameRecord], PlanError> {
        let records = self.plan.records();
        let bytes = (records * size_of::<FrameRecord>() as u32).next_multiple_of(PAGE_SIZE);
        let public = PUBLIC_FRAMES * size_of::<FrameRecord>() as u32;
        for offset in (0..bytes).step_by(PAGE_SIZE as usize) {
            let frame = self.take()?;
            self.map(FRAME_TABLE + offset, frame);
            if offset < public {
                self.show(upages, UPAGES + offset, frame);
            }
        }
        let first = FRAME_TABLE as *mut FrameRecord;
        // SAFETY: the bytes have just been mapped, writable, and nothing else uses them; DF is
        // clear.
        unsafe {
            asm!(
                "rep stosd",
                inout("edi") first => _, inout("ecx") bytes / 4 => _, in("eax") 0,
                options(nostack, preserves_flags)
            );
        };
        // SAFETY: mapped and zeroed above, which is valid for records of integers; never unmapped;
        // and this is the only reference that is ever made.
        Ok(unsafe { core::slice::from_raw_parts_mut(first, records as usize) })
    }

    /// Gives the image's pages their rights: code and constants read-only, the rest writable, the
    /// page below the boot's stack and everything beside the image absent.
    fn protect_image(&mut self) {
        for address in (KERNEL_BASE..KERNEL_BASE + TABLE_SPAN).step_by(PAGE_SIZE as usize) {
            let frame = Frame::containing(image::physical(address));
            let entry = match address {
                _ if address < image::start() || address >= image::end() => Entry::ABSENT,
                _ if address == image::stack_guard() => Entry::ABSENT,
                _ if address < image::writable() => Entry::new(frame, KERNEL_READ),
                _ => Entry::new(frame, KERNEL_WRITE),
            };
            self.machine.write_entry(Reach::Current, Page::containing(address), entry);
        }
    }

    /// Removes the map of low memory on which the boot ran. One INVLPG would not do: the entry
    /// covers 4 MiB, and [`Builder::protect_image`] has changed live entries too, so the whole TLB
    /// is flushed.
    fn drop_identity_map(&mut self) {
        self.machine.write_entry(Reach::Current, directory_entry(0), Entry::ABSENT);
        self.machine.flush_all();
    }

    /// Panics unless programs can read through exactly three of the shared directory entries, and
    /// can write through none of them.
    fn check_sharing(&mut self) {
        for index in SHARED {
            let entry = self.machine.read_entry(Reach::Current, directory_entry(index));
            let readable = entry.flags().contains(EntryFlags::USER);
            assert_eq!(
                readable,
                READABLE.contains(&index),
                "directory entry {index:#x} is {entry:?}"
            );
            assert!(!(readable && entry.is_writable()), "directory entry {index:#x} is {entry:?}");
        }
    }
}

/// The page that shows directory entry `index` as its leaf, through the self map.
const fn directory_entry(index: u32) -> Page {
    Page::containing(Slot::CURRENT.table_address(index))
}
