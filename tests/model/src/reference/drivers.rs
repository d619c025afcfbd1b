//! What drivers get: ports, device memory, frames for devices, and interrupt lines.

use super::ranges::Range;
use super::state::{Doing, E, Holder, Leaf, Model, Names, R, Slot, bit};

/// Ports that the kernel keeps: first and count.
const KEPT_PORTS: [(u32, u32); 8] =
    [(0x20, 2), (0x40, 4), (0xA0, 2), (0xF4, 4), (0x3F8, 8), (0x4D0, 2), (0x604, 4), (0x8900, 1)];
/// Interrupt lines that the kernel keeps: timer, second controller, console.
const KEPT_LINES: [u32; 3] = [0, 2, 4];
/// Frames of devices that the kernel keeps: two interrupt controllers.
const KEPT_FRAMES: [u32; 2] = [0xF_EC00, 0xF_EE00];

impl Model {
    pub fn is_driver(&self, me: Slot) -> R {
        if self.procs[me].driver { Ok(()) } else { Err(E::NotPermitted) }
    }

    pub fn ports_allow(&mut self, me: Slot, first: u32, count: u32) -> R {
        if count == 0 || count > 256 || first > 0xFFFF || first + count > 0x1_0000 {
            return Err(E::InvalidArgument);
        }
        self.is_driver(me)?;
        let end = first + count;
        if KEPT_PORTS.iter().any(|kept| kept.0 < end && first < kept.0 + kept.1) {
            return Err(E::Busy);
        }
        let ports = &mut self.procs[me].ports;
        if !ports.iter().any(|range| range.0 <= first && end <= range.0 + range.1) {
            if ports.len() == 4 {
                return Err(E::Quota);
            }
            ports.push((first, count));
        }
        self.procs[me].granted = true;
        self.ok(me)
    }

    pub fn device_map(&mut self, me: Slot, range: Range, frame: u32) -> R {
        self.is_driver(me)?;
        let records = self.records;
        let is_device = |number: u32| {
            (number >= records || (0xA0..0xC0).contains(&number)) && !KEPT_FRAMES.contains(&number)
        };
        let bits = bit::P | bit::W | bit::U | bit::OWN | bit::UNCACHED;
        self.map_device(me, range, |done| match frame + done {
            number if is_device(number) => Ok(Leaf { names: Names::Device(number), bits }),
            _ => Err(E::NotPermitted),
        })
    }

    pub fn dma_allocate(&mut self, me: Slot, range: Range) -> R {
        self.is_driver(me)?;
        let pages = range.0..range.0 + range.1;
        if pages.clone().any(|page| self.leaf(me, page).is_present()) {
            return Err(E::Busy);
        }
        let run = range.1 as usize;
        let free = |run: &[Holder]| run.iter().all(|holder| *holder == Holder::Nobody);
        let at = self.pool.windows(run).position(free).ok_or(E::OutOfFrames)?;
        let before: Vec<Leaf> = pages.clone().map(|page| self.leaf(me, page)).collect();
        for (index, page) in pages.clone().enumerate() {
            let token = self.pool_tokens[at + index];
            let bits = bit::P | bit::W | bit::U | bit::OWN;
            let leaf = Leaf { names: Names::Ram(token), bits };
            self.frames[token].as_mut().expect("pinned").words.fill(0);
            if let Err(error) = self.map_own(me, page, leaf) {
                for (page, leaf) in pages.clone().zip(&before).take(index) {
                    self.put(me, page, *leaf);
                }
                return Err(error);
            }
        }
        self.procs[me].granted = true;
        for (index, page) in pages.enumerate() {
            self.pool[at + index] = Holder::Driver(me, page);
        }
        let first = self.frame(self.pool_tokens[at]).number.expect("the pool is known");
        self.answer(me, first << 12)
    }

    pub fn dma_release(&mut self, me: Slot, range: Range) -> R {
        if !self.procs[me].granted {
            self.is_driver(me)?;
        }
        let pages = range.0..range.0 + range.1;
        let held = |page| self.pool.contains(&Holder::Driver(me, page));
        if !pages.clone().all(held) {
            return Err(E::NotMapped);
        }
        for index in 0..self.pool.len() {
            let Holder::Driver(driver, page) = self.pool[index] else { continue };
            if driver != me || !pages.contains(&page) {
                continue;
            }
            if self.leaf(me, page).names == Names::Ram(self.pool_tokens[index]) {
                self.put(me, page, Leaf::ABSENT);
            }
            self.pool[index] = Holder::Nobody;
        }
        self.ok(me)
    }

    pub fn dma_reclaim(&mut self, me: Slot, id: u32) -> R {
        let kept = Holder::Quarantine(id, me);
        if !self.pool.contains(&kept) {
            self.is_driver(me)?;
            return Err(E::NoSuchProcess);
        }
        let former = &self.procs[(id & 0x3FF) as usize];
        if former.id == id && former.doing == Doing::Dying {
            return Err(E::Busy);
        }
        let mut count = 0;
        for holder in self.pool.iter_mut().filter(|holder| **holder == kept) {
            *holder = Holder::Nobody;
            count += 1;
        }
        self.answer(me, count)
    }

    pub fn interrupt_attach(&mut self, me: Slot, line: u32) -> R {
        self.is_driver(me)?;
        if KEPT_LINES.contains(&line) || self.lines[line as usize].is_some() {
            return Err(E::Busy);
        }
        self.lines[line as usize] = Some(me);
        self.procs[me].granted = true;
        self.masked &= !(1 << line);
        self.ok(me)
    }

    /// A device raises its line. It is masked, and its driver runs next if it waits.
    pub fn device_interrupt(&mut self, line: u32) {
        self.masked |= 1 << line;
        if let Some(owner) = self.lines[line as usize]
            && self.interrupt(owner, line)
        {
            self.give_up_cpu();
        }
    }
}
