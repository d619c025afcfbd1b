//! The supervisor: starts a family, waits a while, ends the processes that are left, and counts.

use core::fmt;
use core::sync::atomic::Ordering;

use libsys::abi::layout::PAGE_SIZE;
use libsys::paging::fork::{Fork, fork, unshare};
use libsys::process::info;
use libsys::process::{end_all_children, wait};
use libsys::{
    Error, Permissions, ProcessId, Target, UserPage, clock, destroy, driver_allow, page_allocate,
    println, process_start, process_stop, set_fault_timeout, set_pager, set_quota, yield_now,
};

use crate::census::{Census, Ids, free_lines, free_pool_frames, is_driver};
use crate::ground;
use crate::member::nurse;
use crate::options::Options;
use crate::random::Random;

/// The most frames that a family may have.
const FRAMES: u32 = 900;
const PROCESSES: u32 = 60;
/// How long a family may run, in microseconds of the machine's clock.
const PATIENCE: u64 = 60_000;
/// Turns of the scheduler after which a family is ended if none of its processes runs.
const TURNS: u32 = 1500;
/// The timeout for faults that a pager of the family serves, in milliseconds.
const FAULT_TIMEOUT: u32 = 2;
/// Batches after which the supervisor's memory and the pager's tables no longer grow.
const WARM_UP: u32 = 24;
/// How often a single batch is run, and after how many of these rounds the counts must stay the
/// same.
const ROUNDS: u32 = 6;
const WARM_ROUNDS: u32 = 3;
/// Batches between two checks of the interrupt lines.
const LINES_EVERY: u32 = 16;
/// Batches that are compared as one when pages are swapped, and by how much two such groups may
/// differ.
const GROUP: u32 = 48;
const SLACK: u32 = 96;
/// By how many pages the pager's tables may grow after the warm-up: they have an entry for each
/// process slot.
pub const MORE_PAGER_PAGES: u32 = 16;
/// The pages that the planted fault loses.
const LOST: u32 = 0x3280_0000;

/// What a batch has left behind.
pub enum Finding {
    /// A process of the family still lives.
    Survivors { before: u32, after: u32 },
    /// There are fewer free frames than before, or more.
    Frames { before: u32, after: u32 },
    /// The pager still knows clients.
    Clients { before: u32, after: u32 },
    /// The pager still has pages on the disk.
    Slots { before: u32, after: u32 },
    /// The pager's own pages become more and more.
    PagerPages { before: u32, after: u32 },
    /// Frames of the DMA pool are missing.
    Pool { before: u32, after: u32 },
    /// Interrupt lines are missing.
    Lines { before: u32, after: u32 },
    /// A call of the supervisor failed.
    Supervisor(&'static str, Error),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Survivors { before, after } => {
                write!(f, "processes: {after} after the batch, {before} before")
            }
            Self::Frames { before, after } => {
                write!(f, "frames: {after} free after the batch, {before} before")
            }
            Self::Clients { before, after } => {
                write!(f, "clients: the pager knows {after} after the batch, {before} before")
            }
            Self::Slots { before, after } => {
                write!(f, "disk: {after} pages are on it after the batch, {before} before")
            }
            Self::PagerPages { before, after } => {
                write!(
                    f,
                    "pager pages: {after} pages are the pager's own after the batch, {before} before"
                )
            }
            Self::Pool { before, after } => {
                write!(
                    f,
                    "dma: {after} frames of the pool are free after the batch, {before} before"
                )
            }
            Self::Lines { before, after } => {
                write!(f, "lines: {after} are free after the batch, {before} before")
            }
            Self::Supervisor(call, error) => write!(f, "supervisor: its {call} failed: {error}"),
        }
    }
}

/// The supervisor.
pub struct Judge {
    options: Options,
    next: u32,
    rounds: u32,
    made: u64,
    succeeded: u64,
    /// The counts after the warm-up, which must stay the same.
    settled: Option<Census>,
    /// The pager's own pages at that time.
    pager_pages: Option<u32>,
    /// When pages are swapped: the extremes of the first group of batches, and of this one.
    groups: [Option<Extremes>; 2],
    /// The counts that only a driver can make.
    drivers: Option<Drivers>,
    lost: u32,
}

/// The counts before the first batch.
struct Drivers {
    ids: Ids,
    pool: u32,
    lines: u32,
}

/// The least and the greatest of counts that are not exact.
#[derive(Clone, Copy)]
struct Extremes {
    free: (u32, u32),
    slots: (u32, u32),
}

impl Judge {
    /// Prepares what is shared with the families.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn new(options: Options) -> Result<Self, Error> {
        ground::found()?;
        let drivers = is_driver().then(|| {
            let (lines, pool) = (free_lines().unwrap_or(0), free_pool_frames());
            Drivers { ids: Ids::take(), pool, lines }
        });
        let next = options.batch.unwrap_or(0);
        let (settled, pager_pages, groups) = (None, None, [None; 2]);
        Ok(Self {
            options,
            next,
            rounds: 0,
            made: 0,
            succeeded: 0,
            settled,
            pager_pages,
            groups,
            drivers,
            lost: 0,
        })
    }

    /// The number of the next batch, if more calls are wanted.
    pub fn next_batch(&mut self) -> Option<u32> {
        let wanted = match self.options.batch {
            // Often enough to tell a leak from memory that is kept.
            Some(_) => self.rounds < ROUNDS,
            None => self.made < u64::from(self.options.calls),
        };
        let batch = self.options.batch.unwrap_or(self.next);
        self.next = batch + 1;
        self.rounds += 1;
        wanted.then_some(batch)
    }

    /// Runs a batch and judges it.
    ///
    /// # Errors
    /// What it has left behind.
    pub fn run(&mut self, batch: u32) -> Result<(), Finding> {
        let supervisor = |call| move |error| Finding::Supervisor(call, error);
        println!("batch {batch}");
        let before = Census::take();
        let (steps, planted) = (ground::steps(), ground::planted());
        steps.store(0, Ordering::Relaxed);
        planted.store(0, Ordering::Relaxed);
        ground::successes().store(0, Ordering::Relaxed);
        let root = self.start_family(batch, before.free)?;
        watch(root);
        destroy(root, true).or_else(gone).map_err(supervisor("destroy"))?;
        wait(Some(root)).map_err(supervisor("wait"))?;
        // Children of members that have ended are children of the supervisor by now. This waits
        // until their memory is free.
        end_all_children();
        self.made += u64::from(steps.load(Ordering::Relaxed)).min(10_000);
        self.succeeded += u64::from(ground::successes().load(Ordering::Relaxed)).min(10_000);
        if self.options.plant.is_some_and(|plant| planted.load(Ordering::Relaxed) == plant + 1) {
            let page = UserPage::new(LOST + self.lost * PAGE_SIZE).map_err(supervisor("plant"))?;
            page_allocate(Target::Caller, page, Permissions::SHARED)
                .map_err(supervisor("plant"))?;
            self.lost += 1;
        }
        self.judge_drivers()?;
        self.judge(before, Census::take())
    }

    /// Forks the first process of a family, bounds it, and starts it. `free` frames are free.
    fn start_family(&self, batch: u32, free: u32) -> Result<ProcessId, Finding> {
        let supervisor = |call| move |error| Finding::Supervisor(call, error);
        let root = match fork().map_err(supervisor("fork"))? {
            Fork::Child => {
                // The family waits until its quota is set and it is started.
                yield_now();
                nurse(&self.options, batch)
            }
            Fork::Parent { child } => child,
        };
        process_stop(root).map_err(supervisor("stop"))?;
        let frames = match self.options.leave {
            Some(_) => u32::MAX,
            None => FRAMES.min(free / 4 * 3),
        };
        set_quota(root, frames, PROCESSES).map_err(supervisor("quota"))?;
        set_fault_timeout(root, FAULT_TIMEOUT).map_err(supervisor("timeout"))?;
        let mut random = Random::of(self.options.seed, batch, u32::MAX >> 16, 0);
        if random.once_in(3) {
            match set_pager(root, None) {
                // The family's first process waits for the pager already, as it does when memory is
                // short: it keeps that pager.
                Ok(()) | Err(Error::Busy) => {}
                Err(error) => return Err(supervisor("set_pager")(error)),
            }
        }
        if self.drivers.is_some() && random.once_in(2) {
            driver_allow(root, true).map_err(supervisor("driver_allow"))?;
        }
        // The family may use up all frames, and the supervisor must not need one meanwhile. If
        // there is none now, its next write reports that.
        let _ = unshare();
        process_start(root).map_err(supervisor("start"))?;
        Ok(root)
    }

    /// After the quarantine of DMA frames, the pool is whole, and every line is free.
    fn judge_drivers(&mut self) -> Result<(), Finding> {
        let Some(drivers) = &mut self.drivers else { return Ok(()) };
        drivers.ids.reclaim_all();
        let (before, after) = (drivers.pool, free_pool_frames());
        if before != after {
            return Err(Finding::Pool { before, after });
        }
        if self.rounds.is_multiple_of(LINES_EVERY) {
            let (before, after) = (drivers.lines, free_lines().unwrap_or(0));
            if before != after {
                return Err(Finding::Lines { before, after });
            }
        }
        Ok(())
    }

    fn judge(&mut self, before: Census, after: Census) -> Result<(), Finding> {
        if before.processes != after.processes {
            let (before, after) = (before.processes, after.processes);
            return Err(Finding::Survivors { before, after });
        }
        if before.clients != after.clients {
            let (before, after) = (before.clients, after.clients);
            return Err(Finding::Clients { before, after });
        }
        let warm_up = if self.options.batch.is_some() { WARM_ROUNDS } else { WARM_UP };
        if self.rounds <= warm_up {
            return Ok(());
        }
        if after.swaps || self.options.leave.is_some() {
            return self.judge_trend(after);
        }
        let settled = *self.settled.get_or_insert(after);
        if settled.free + settled.pager_pages > after.free + after.pager_pages {
            return Err(Finding::Frames { before: settled.free, after: after.free });
        }
        let first = *self.pager_pages.get_or_insert(settled.pager_pages);
        if after.pager_pages > first + MORE_PAGER_PAGES {
            return Err(Finding::PagerPages { before: first, after: after.pager_pages });
        }
        // More frames can be free only because another process gave some back. From now on that is
        // the right count.
        self.settled = Some(after);
        Ok(())
    }

    /// Judges when pages are swapped or frames are few. The counts are not exact then, so only what
    /// grows for ever is a finding: a group of batches in which at all times fewer frames were
    /// free, or more slots used, than at the worst moment of the first group.
    fn judge_trend(&mut self, after: Census) -> Result<(), Finding> {
        let group = &mut self.groups[1];
        let now = Extremes { free: (after.free, after.free), slots: (after.slots, after.slots) };
        let seen = group.map_or(now, |seen: Extremes| seen.with(after));
        *group = Some(seen);
        if !self.rounds.is_multiple_of(GROUP) {
            return Ok(());
        }
        *group = None;
        let Some(first) = self.groups[0] else {
            self.groups[0] = Some(seen);
            return Ok(());
        };
        if seen.free.1 + SLACK < first.free.0 {
            return Err(Finding::Frames { before: first.free.0, after: seen.free.1 });
        }
        if seen.slots.0 > first.slots.1 + SLACK {
            return Err(Finding::Slots { before: first.slots.1, after: seen.slots.0 });
        }
        Ok(())
    }

    /// Prints how much was done.
    pub fn report(&self) {
        let Census { processes, free, .. } = Census::take();
        // The last batch that was chosen was not run.
        let (seed, made, batches) = (self.options.seed, self.made, self.rounds - 1);
        println!(
            "fuzz: seed {seed}, {made} steps in {batches} batches, {} calls without an error: no finding \
             ({processes} processes, {free} frames free)",
            self.succeeded
        );
    }
}

impl Extremes {
    fn with(self, census: Census) -> Self {
        let wider = |(least, most): (u32, u32), value| (least.min(value), most.max(value));
        Self { free: wider(self.free, census.free), slots: wider(self.slots, census.slots) }
    }
}

/// Waits until the family's first process has ended and no other one runs, or until its time is
/// over.
fn watch(root: ProcessId) {
    let end = clock() + PATIENCE;
    for _ in 0..TURNS {
        let ended = !info::is_alive(root);
        if ended || clock() >= end {
            return;
        }
        yield_now();
    }
}

/// It is no failure if a process has ended by itself meanwhile.
fn gone(error: Error) -> Result<(), Error> {
    if error == Error::NoSuchProcess { Ok(()) } else { Err(error) }
}
