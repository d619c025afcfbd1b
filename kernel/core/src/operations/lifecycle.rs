//! The life of a process: how it is created, how it ends, and how its parent waits for it.
//!
//! The order of events at an end:
//! 1. `end` (`exit.rs`) stops the process at once. The process is *dying*: every request that waits
//!    for it fails, its children become children of its parent, and it joins the queue of dying
//!    processes.
//! 2. `teardown_slice` (`teardown.rs`) frees a page table of the first dying process with the pages
//!    in it, or half of them if they are many. It runs each time a process is chosen, while the CPU
//!    is idle, and in calls that need frames. So no call or interrupt waits until a whole address
//!    space is freed.
//! 3. After the last table, the directory is freed. If the parent waits for the end of this child,
//!    `finish_exit` (`wait.rs`) gives it the exit status. Otherwise the process is a *zombie*: its
//!    slot keeps the status until the parent asks.
//!
//! This file creates processes; each step of an end has a file below.

use abi::{Entry, EntryFlags, Error, Slot};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::process::Index;

mod exit;
mod teardown;
mod wait;

impl<H: Hardware> Kernel<H> {
    /// Creates a stopped process with an empty address space.
    ///
    /// # Errors
    /// - `OutOfProcesses`: no slot is free.
    /// - `OutOfFrames`: no frame for the directory.
    /// - `QuotaExceeded`: the parent's quota allows no further process or no further frame.
    ///
    /// On an error nothing was changed.
    pub(crate) fn create(&mut self, parent: Option<Index>, attended: bool) -> Result<Index, Error> {
        let fresh = self.frames.allocate().ok_or(Error::OutOfFrames)?;
        let directory = fresh.frame();
        let index = match self.processes.create(parent, directory, attended) {
            Ok(index) => index,
            Err(error) => {
                self.frames.put_back(fresh);
                return Err(error);
            }
        };
        self.frames.adopt(fresh);
        self.processes[index].fpu.begin();
        // The kernel's directory has no user entries, so a copy of it is an empty space. The self
        // maps are set last, because they name this directory in place of the kernel's.
        self.cpu.hardware.copy_frame(directory, self.cpu.kernel_directory);
        let window = Entry::new(directory, EntryFlags::USER_LEAF);
        let own = Entry::new(directory, EntryFlags::PRESENT | EntryFlags::WRITE);
        self.cpu.hardware.write_frame(directory, Slot::ALTERNATE.index(), Entry::ABSENT.bits());
        self.cpu.hardware.write_frame(directory, Slot::WINDOW.index(), window.bits());
        self.cpu.hardware.write_frame(directory, Slot::CURRENT.index(), own.bits());
        self.jos_report_new(index);
        Ok(index)
    }

    /// Gives a child the registers and FPU state of the current process.
    pub(crate) fn copy_registers(&mut self, from: Index, child: Index) {
        self.processes[child].registers = self.processes[from].registers;
        if self.processes[from].fpu.is_used() {
            self.processes[child].fpu.set_used();
            self.processes[child].switches_more = true;
            self.cpu.hardware.save_fpu(&mut self.processes[child].fpu);
        }
    }
}
