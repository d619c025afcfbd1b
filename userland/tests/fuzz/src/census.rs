//! What is counted before and after a batch: everything that a process can have.

use libsys::abi::driver::{Line, PortRange};
use libsys::abi::layout::PAGE_SIZE;
use libsys::paging::fork::{Fork, fork};
use libsys::process::info;
use libsys::process::{exit, wait};
use libsys::service::pager::{Request, Space, Statistics, ask};
use libsys::{
    PageRange, ProcessId, UserPage, dma_allocate, dma_reclaim, dma_release, interrupt_attach,
    machine, ports_allow,
};

/// Where the supervisor maps the DMA pool in order to count it.
const POOL: u32 = 0x37C0_0000;
/// Frames of the DMA pool.
const POOL_FRAMES: u32 = 64;
/// Process slots.
const SLOTS: u32 = libsys::abi::layout::PROCESSES;

/// The counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Census {
    /// Living processes, and those whose end was not received yet.
    pub processes: u32,
    /// Free frames.
    pub free: u32,
    /// Clients of the pager; 0 without a pager.
    pub clients: u32,
    /// Pages of the pager itself; 0 without a pager. Its tables grow when a process slot is used
    /// for the first time.
    pub pager_pages: u32,
    /// Pages on the disk; 0 without a disk.
    pub slots: u32,
    /// Whether the pager puts pages on a disk: then frames and slots are not exact.
    pub swaps: bool,
}

impl Census {
    /// Counts everything.
    pub fn take() -> Self {
        let words = ask(Request::Statistics).unwrap_or_default();
        let Statistics { clients, own_pages: pager_pages, .. } = Statistics::decode(words);
        let space = ask(Request::Space).ok().map(Space::decode);
        let machine = machine();
        Self {
            processes: machine.processes,
            free: machine.free,
            clients,
            pager_pages,
            slots: space.map_or(0, |space| space.slots_used),
            swaps: space.is_some_and(|space| space.slots > 0),
        }
    }
}

/// The last known id of each process slot, to find the drivers that have ended.
pub struct Ids([u32; SLOTS as usize]);

impl Ids {
    /// The ids at this time.
    pub fn take() -> Self {
        Self(core::array::from_fn(|slot| info::slot(slot as u32).id))
    }

    /// Ends the quarantine of the DMA frames of every process that has ended since.
    pub fn reclaim_all(&mut self) {
        for slot in 0..SLOTS {
            let before = &mut self.0[slot as usize];
            let now = info::slot(slot).id;
            if *before == now {
                continue;
            }
            // A slot that was never used has id 0; its first process has generation 1.
            let mut id = if *before == 0 { slot | 0x1000 } else { *before };
            for _ in 0..SLOTS {
                if let Ok(driver) = ProcessId::new(id) {
                    // Most of these were no drivers, or had no frames.
                    reclaim(driver);
                    if id == now {
                        break;
                    }
                    id = driver.next().bits();
                }
            }
            *before = now;
        }
    }
}

#[allow(unsafe_code)]
fn reclaim(driver: ProcessId) {
    // SAFETY: the devices of a family use no frames, and the disk's driver lives.
    let _ = unsafe { dma_reclaim(driver) };
}

#[allow(unsafe_code)]
fn release(range: PageRange) {
    // SAFETY: no device uses the frames, and no Rust object lies in the range.
    let _ = unsafe { dma_release(range) };
}

/// How many frames of the DMA pool are free, after the quarantine has ended. The disk's driver may
/// have the others.
pub fn free_pool_frames() -> u32 {
    let page = |index| PageRange::new(UserPage::known(POOL + index * PAGE_SIZE), 1);
    // One at a time, because the free frames need not be contiguous.
    let taken = (0..POOL_FRAMES)
        .take_while(|index| page(*index).is_ok_and(|page| dma_allocate(page).is_ok()));
    let free = taken.count() as u32;
    if let Ok(range) = PageRange::new(UserPage::known(POOL), free) {
        release(range);
    }
    free
}

/// How many interrupt lines are free. A child attaches all of them and ends, because a line can be
/// given back only by the end of its owner.
pub fn free_lines() -> Option<u32> {
    match fork().ok()? {
        Fork::Child => {
            let free = (0..16).filter_map(|line| Line::new(line).ok());
            exit(free.filter(|line| interrupt_attach(*line).is_ok()).count() as u8)
        }
        Fork::Parent { child } => {
            let _ = libsys::driver_allow(child, true);
            wait(Some(child)).ok().map(|ended| ended.status)
        }
    }
}

/// Whether this process is a driver: a driver may open a port that no other driver has.
pub fn is_driver() -> bool {
    PortRange::new(0x80, 1).is_ok_and(|ports| ports_allow(ports).is_ok())
}
