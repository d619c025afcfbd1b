//! What a driver gets of the machine, and what becomes of it when the driver ends.
//!
//! A process is a driver because its parent, a driver, says so; `init` is one. There is no IOMMU: whoever programs a
//! device can have it write anywhere, so a driver is trusted as the kernel is. The calls are narrow all the same: a
//! driver's mistakes stay its own as far as the CPU can see to that.
//!
//! A driver's pages (device memory, DMA frames) carry a mark and belong to no other space: nothing maps, sends or
//! copies them. So device memory needs no counts, and a DMA frame is out of reach when its driver is dead.

use abi::driver::{LINES, Line, PortRange};
use abi::process::Target;
use abi::{EntryFlags, Error, Frame, PageRange, Permissions, ProcessId};

use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};
use crate::memory::range::Progress;
use crate::state::dma::{DmaPool, POOL};
use crate::state::process::{Index, State};

/// The kernel's own interrupt lines, as a bit mask: the timer, the second controller's, the console.
pub const KERNEL_LINES: u32 = 1 << 0 | 1 << 2 | 1 << 4;

/// Frames of device memory that the kernel uses: the registers of the first I/O APIC and of the local APIC.
const KERNEL_DEVICES: [u32; 2] = [0xF_EC00, 0xF_EE00];

impl<H: Hardware> Kernel<H> {
    /// A device has raised an interrupt. Who waits for it runs next; a line of nobody's should not have been open.
    pub fn device_interrupt(&mut self, line: u32) -> After {
        self.cpu.hardware.mask_line(line, true);
        if let Some(owner) = self.lines.owner(line)
            && self.interrupt(owner, line)
        {
            self.give_up_cpu();
        }
        self.resume()
    }

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

    pub(crate) fn ports_allow(&mut self, caller: Index, ports: PortRange) -> Result<(), Error> {
        self.driver(caller)?;
        self.processes[caller].device.ports.add(ports)?;
        self.processes[caller].device.granted = true;
        self.set_ports(caller);
        self.succeed(caller)
    }

    pub(crate) fn device_map(
        &mut self,
        caller: Index,
        frame: Frame,
        range: PageRange,
    ) -> Result<(), Error> {
        self.driver(caller)?;
        let frame = |index: u32| Frame::from_number(frame.number() + index);
        let usable = |frame: Frame| {
            self.frames.is_device(frame) && !KERNEL_DEVICES.contains(&frame.number())
        };
        if !(0..range.pages()).map(frame).all(usable) {
            return Err(Error::NotPermitted);
        }
        self.processes[caller].device.granted = true;
        let Some(space) = self.room_in(caller, Target::Caller, 2)? else { return Ok(()) };
        if self.waits_for_quota(caller, caller, range.pages() + 2) {
            return Ok(());
        }
        let flags = EntryFlags::FRESH | EntryFlags::DEVICE;
        for done in 0..range.pages() {
            let mapped = self.memory().map_own(space, range.page(done), frame(done), flags);
            if let Err(error) = mapped {
                return self.progress(caller, &Progress { done, result: Err(error) });
            }
        }
        self.progress(caller, &Progress { done: range.pages(), result: Ok(()) })
    }

    /// Not inlined, because no other call needs the room on the stack that the marks take.
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
        // What the absent entries said: an error puts it back.
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

    pub(crate) fn dma_release(&mut self, caller: Index, range: PageRange) -> Result<(), Error> {
        self.holder(caller)?;
        // The pool notes which frame each page got: the driver may have unmapped the page since.
        let held = |dma: &DmaPool, index| dma.held_at(caller, range.page(index)).is_some();
        if range.pages() > POOL || !(0..range.pages()).all(|index| held(&self.dma, index)) {
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

    pub(crate) fn dma_reclaim(&mut self, caller: Index, driver: ProcessId) -> Result<(), Error> {
        // Whoever keeps none of the driver's frames learns nothing of the driver, not even that it is dying.
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

    pub(crate) fn interrupt_acknowledge(&mut self, caller: Index, line: Line) -> Result<(), Error> {
        if self.lines.owner(line.number()) != Some(caller) {
            return Err(Error::NotPermitted);
        }
        self.cpu.hardware.mask_line(line.number(), false);
        self.succeed(caller)
    }

    /// A process ends that may have been granted something, or may keep what dead drivers had. Its ports close when
    /// another process is loaded, and its mappings go with its memory.
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

    /// Gives the loaded process its ports, and takes away those of the one before.
    #[cold]
    #[inline(never)]
    pub(crate) fn set_ports(&mut self, process: Index) {
        let ports = &self.processes[process].device.ports;
        self.cpu.ports_open = ports.any();
        self.cpu.hardware.open_ports(ports);
    }

    /// One that is no driver any more keeps what it was granted, and may give it back.
    fn holder(&self, caller: Index) -> Result<(), Error> {
        if self.processes[caller].device.granted { Ok(()) } else { self.driver(caller) }
    }

    fn driver(&self, caller: Index) -> Result<(), Error> {
        if self.processes[caller].device.driver { Ok(()) } else { Err(Error::NotPermitted) }
    }
}
