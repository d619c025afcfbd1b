//! The calls of drivers: ports, device memory, DMA frames and interrupt lines; and how they are
//! taken back when a driver ends.
//!
//! A process is a driver if its parent, which is a driver, has said so. `init` is the first driver.
//! There is no IOMMU, and a device can be programmed to write to any frame, so a driver is trusted
//! like the kernel. The checks of these calls still keep a driver's mistakes within its own memory,
//! as far as the CPU can enforce that.
//!
//! The leaves of a driver's pages (device memory, DMA frames) are marked as the driver's own, and
//! no other space can get these frames: no call maps, sends or copies them. So device memory needs
//! no reference counts, and when a driver has ended, no process can reach its DMA frames.
//!
//! The errors of each call are documented with the call in `kernel/abi/src/call/table.rs`.

use abi::driver::{LINES, Line, PortRange};
use abi::process::Target;
use abi::{EntryFlags, Error, Frame, PageRange, Permissions, ProcessId};

use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};
use crate::memory::budget;
use crate::memory::map::TABLE;
use crate::state::dma::{DmaPool, POOL};
use crate::state::process::{Index, State};

/// The interrupt lines that the kernel uses itself, as a bit mask: 0 is the timer, 2 the second
/// interrupt controller, 4 the console.
pub const KERNEL_LINES: u32 = 1 << 0 | 1 << 2 | 1 << 4;

/// Frame numbers of device memory that the kernel uses: the registers of the first I/O APIC and of
/// the local APIC.
const KERNEL_DEVICES: [u32; 2] = [0xF_EC00, 0xF_EE00];

impl<H: Hardware> Kernel<H> {
    /// Handles an interrupt of a device: masks the line and delivers the interrupt to the line's
    /// owner. If the owner was blocked in a receive, the owner runs next. An open line without an
    /// owner should not exist; its interrupt is dropped and the line stays masked.
    pub fn device_interrupt(&mut self, line: u32) -> After {
        self.cpu.hardware.mask_line(line, true);
        if let Some(owner) = self.lines.owner(line)
            && self.interrupt(owner, line)
        {
            self.give_up_cpu();
        }
        self.resume()
    }

    /// Makes a child a driver, or ends that.
    pub(crate) fn driver_allow(
        &mut self,
        caller: Index,
        target: Target,
        allow: bool,
    ) -> Result<(), Error> {
        self.driver(caller)?;
        let child = self.child(caller, target)?;
        self.processes[child].device.driver = allow;
        self.succeed(caller)
    }

    /// Opens I/O ports to the caller.
    pub(crate) fn ports_allow(&mut self, caller: Index, ports: PortRange) -> Result<(), Error> {
        self.driver(caller)?;
        self.processes[caller].device.ports.add(ports)?;
        self.processes[caller].switches_more = true;
        self.processes[caller].device.granted = true;
        self.set_ports(caller);
        self.succeed(caller)
    }

    /// Maps the first pages of a range of device memory into the caller's space. A range call: see
    /// `syscall/ranges.rs`.
    pub(crate) fn device_map(
        &mut self,
        caller: Index,
        frame: Frame,
        range: PageRange,
    ) -> Result<(), Error> {
        self.driver(caller)?;
        let Some(space) = self.room_in(caller, Target::Caller, TABLE)? else { return Ok(()) };
        let flags = EntryFlags::FRESH | EntryFlags::DEVICE;
        let first = range.at_most(budget::UNITS / budget::MAP);
        let done = self.memory().for_each_page(first, |memory, index| {
            let frame = Frame::from_number(frame.number() + index);
            if !memory.frames.is_device(frame) || KERNEL_DEVICES.contains(&frame.number()) {
                return Err(Error::NotPermitted);
            }
            memory.map_own(space, range.page(index), frame, flags)
        })?;
        self.processes[caller].device.granted = true;
        self.answer(caller, done)
    }

    /// Maps zeroed frames of the DMA pool into the caller's space. On an error, the pages are as
    /// before.
    ///
    /// Not inlined, because no other call needs the stack room that the array of marks takes.
    #[inline(never)]
    pub(crate) fn dma_allocate(&mut self, caller: Index, range: PageRange) -> Result<(), Error> {
        self.driver(caller)?;
        let Some(space) = self.room_in(caller, Target::Caller, 2)? else { return Ok(()) };
        let pages = range.pages();
        if (0..pages).any(|index| self.memory().leaf(space, range.page(index)).is_present()) {
            return Err(Error::Busy);
        }
        let first = self.dma.find(pages).ok_or(Error::OutOfFrames)?;
        let frame = |index: u32| Frame::from_number(first.number() + index);
        let flags = EntryFlags::FRESH | EntryFlags::DRIVERS_OWN;
        // The marks of the absent leaves: an error puts them back.
        let mut marks = [Permissions::empty(); POOL as usize];
        for (done, marks) in (0..pages).zip(&mut marks) {
            *marks = self.memory().leaf(space, range.page(done)).permissions();
        }
        for done in 0..pages {
            self.cpu.hardware.zero_frame(frame(done));
            let mapped = self.memory().map_own(space, range.page(done), frame(done), flags);
            if let Err(error) = mapped {
                for (index, marks) in (0..done).zip(marks) {
                    self.memory().unmap_of_table(space, range.page(index), marks);
                }
                return Err(error);
            }
        }
        self.processes[caller].device.granted = true;
        for index in 0..pages {
            self.dma.hold(caller, frame(index), range.page(index));
        }
        self.answer(caller, first.address())
    }

    /// Unmaps DMA pages of the caller and gives their frames back to the pool.
    pub(crate) fn dma_release(&mut self, caller: Index, range: PageRange) -> Result<(), Error> {
        self.holder(caller)?;
        // The pool knows which frame the driver got for each page. The leaf may not show that frame
        // any more, because the driver may have unmapped the page or mapped another frame there. A
        // page of a long range that is not held comes soon, because the pool is small.
        let held = |dma: &DmaPool, index| dma.held_at(caller, range.page(index)).is_some();
        if !(0..range.pages()).all(|index| held(&self.dma, index)) {
            return Err(Error::NotMapped);
        }
        let space = self.space(caller);
        for page in (0..range.pages()).map(|index| range.page(index)) {
            while let Some(frame) = self.dma.held_at(caller, page) {
                let leaf = self.memory().leaf(space, page);
                if leaf.is_present() && leaf.frame() == frame {
                    self.memory().unmap_of_table(space, page, Permissions::empty());
                }
                self.dma.release(frame);
            }
        }
        self.succeed(caller)
    }

    /// Gives the quarantined frames of an ended driver back to the pool.
    pub(crate) fn dma_reclaim(&mut self, caller: Index, driver: ProcessId) -> Result<(), Error> {
        // A caller that keeps no frame of the driver always gets the same error, so that it cannot
        // find out whether the driver is dying.
        if !self.dma.keeps(driver, caller) {
            return self.driver(caller).and(Err(Error::NoSuchProcess));
        }
        let former = &self.processes[Index::new(driver.index())];
        if former.id == Some(driver) && former.state == State::Dying {
            return Err(Error::Busy);
        }
        let count = self.dma.reclaim(driver, caller);
        self.answer(caller, count)
    }

    /// Makes the caller the owner of an interrupt line and unmasks the line.
    pub(crate) fn interrupt_attach(&mut self, caller: Index, line: Line) -> Result<(), Error> {
        self.driver(caller)?;
        let number = line.number();
        if KERNEL_LINES & 1 << number != 0 || self.lines.owner(number).is_some() {
            return Err(Error::Busy);
        }
        self.lines.set_owner(number, Some(caller));
        self.processes[caller].device.granted = true;
        self.cpu.hardware.mask_line(number, false);
        self.succeed(caller)
    }

    /// Unmasks an interrupt line of the caller.
    pub(crate) fn interrupt_acknowledge(&mut self, caller: Index, line: Line) -> Result<(), Error> {
        if self.lines.owner(line.number()) != Some(caller) {
            return Err(Error::NotPermitted);
        }
        self.cpu.hardware.mask_line(line.number(), false);
        self.succeed(caller)
    }

    /// Takes the interrupt lines and DMA frames of an ended process back, and passes the
    /// quarantined frames that it kept on to its parent. Its ports close when the next process is
    /// loaded, and its mappings are removed with its memory.
    pub(crate) fn release_hardware(&mut self, dead: Index) {
        let parent = self.processes[dead].family.parent;
        if self.processes[dead].device.granted {
            for line in 0..LINES {
                if self.lines.owner(line) == Some(dead) {
                    self.cpu.hardware.mask_line(line, true);
                    self.lines.set_owner(line, None);
                }
            }
            self.dma.quarantine(dead, self.processes[dead].process_id(), parent);
        }
        self.dma.inherit(dead, parent);
    }

    /// Opens the ports of the process that is being loaded, and closes those of the process before.
    #[cold]
    #[inline(never)]
    pub(crate) fn set_ports(&mut self, process: Index) {
        let ports = &self.processes[process].device.ports;
        self.cpu.ports_open = ports.any();
        self.cpu.hardware.open_ports(ports);
    }

    /// Checks that the caller is a driver, or was granted something when it was one: a process that
    /// is no driver any more keeps that until it ends, and may give it back.
    fn holder(&self, caller: Index) -> Result<(), Error> {
        if self.processes[caller].device.granted { Ok(()) } else { self.driver(caller) }
    }

    /// Checks that the caller is a driver.
    fn driver(&self, caller: Index) -> Result<(), Error> {
        if self.processes[caller].device.driver { Ok(()) } else { Err(Error::NotPermitted) }
    }
}
