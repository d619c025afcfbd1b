//! The supervisor: starts a family, waits a while, ends what is left, and counts.

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use libsys::abi::layout::PAGE_SIZE;
use libsys::abi::public::Status;
use libsys::fork::{Fork, fork};
use libsys::process::{end_all_children, wait};
use libsys::{
    Error, Permissions, ProcessId, Target, UserPage, clock, destroy, facts, machine, page_allocate,
    println, process_start, process_stop, set_fault_timeout, set_pager, set_quota, yield_now,
};

use crate::member::act;
use crate::options::Options;
use crate::random::Random;

/// A page that the families share with the supervisor, to count in. Nothing is believed of it.
const COUNTER: u32 = 0x2FFF_F000;
/// What a family may have: the supervisor keeps the rest.
const FRAMES: u32 = 600;
const PROCESSES: u32 = 24;
/// How long a family may take, in microseconds of the machine's clock.
const PATIENCE: u64 = 60_000;
/// Turns of the scheduler after which a family in which nobody runs is ended.
const TURNS: u32 = 1500;
/// How long a pager of the family's own may take for a fault, in milliseconds.
const FAULT_TIMEOUT: u32 = 20;
/// Batches after which the supervisor's own memory and the pager's books have grown as far as they do.
const WARM_UP: u32 = 24;

/// What was there before a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Census {
    processes: u32,
    free: u32,
}

impl Census {
    fn take() -> Self {
        let machine = machine();
        Self { processes: machine.processes, free: machine.free }
    }
}

/// What a batch left behind.
pub enum Finding {
    /// A process of the family lives on.
    Survivors { before: u32, after: u32 },
    /// Frames are missing, or there are too many.
    Frames { before: u32, after: u32 },
    /// A call of the supervisor's own failed.
    Supervisor(&'static str, Error),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Survivors { before, after } => {
                write!(f, "{after} processes after the batch, {before} before")
            }
            Self::Frames { before, after } => {
                write!(f, "{after} frames free after the batch, {before} before")
            }
            Self::Supervisor(call, error) => write!(f, "the supervisor's {call}: {error}"),
        }
    }
}

/// The supervisor.
pub struct Judge {
    options: Options,
    next: u32,
    made: u64,
    /// The counts after the warm-up, from which nothing may differ.
    settled: Option<Census>,
    last: Option<Census>,
}

impl Judge {
    /// Prepares the page to count in.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn new(options: Options) -> Result<Self, Error> {
        let permissions = Permissions::WRITE | Permissions::SHARED;
        page_allocate(Target::Caller, UserPage::known(COUNTER), permissions)?;
        Ok(Self { options, next: options.batch.unwrap_or(0), made: 0, settled: None, last: None })
    }

    /// The number of the next batch, if more calls are wanted.
    pub fn next_batch(&mut self) -> Option<u32> {
        let batch = self.next;
        let wanted = match self.options.batch {
            // Often enough for a leak to be told from memory that is kept.
            Some(only) => {
                self.next = only;
                self.made == 0 || self.last.is_none()
            }
            None => {
                self.next += 1;
                self.made < u64::from(self.options.calls)
            }
        };
        wanted.then_some(batch)
    }

    /// Runs a batch and judges it.
    ///
    /// # Errors
    /// What it left behind.
    pub fn run(&mut self, batch: u32) -> Result<(), Finding> {
        let supervisor = |call| move |error| Finding::Supervisor(call, error);
        let before = Census::take();
        let counter = counter();
        counter.store(0, Ordering::Relaxed);
        let root = match fork().map_err(supervisor("fork"))? {
            Fork::Child => {
                // Until its parent has set the bounds, it waits to be stopped and started.
                yield_now();
                act(&self.options, batch, counter)
            }
            Fork::Parent { child } => child,
        };
        process_stop(root).map_err(supervisor("stop"))?;
        set_quota(root, FRAMES, PROCESSES).map_err(supervisor("quota"))?;
        set_fault_timeout(root, FAULT_TIMEOUT).map_err(supervisor("timeout"))?;
        let mut random = Random::of(self.options.seed, batch, u32::MAX >> 16, 0);
        if random.once_in(3) {
            set_pager(root, None).map_err(supervisor("set_pager"))?;
        }
        process_start(root).map_err(supervisor("start"))?;
        watch(root);
        destroy(root, true).or_else(gone).map_err(supervisor("destroy"))?;
        wait(Some(root)).map_err(supervisor("wait"))?;
        // Children of members that have ended are the supervisor's by now. This waits until their memory is free.
        end_all_children();
        self.made += u64::from(counter.load(Ordering::Relaxed)).min(100_000);
        self.judge(batch, before, Census::take())
    }

    fn judge(&mut self, batch: u32, before: Census, after: Census) -> Result<(), Finding> {
        self.last = Some(after);
        if before.processes != after.processes {
            let (before, after) = (before.processes, after.processes);
            return Err(Finding::Survivors { before, after });
        }
        if batch.wrapping_sub(self.options.batch.unwrap_or(0)) < WARM_UP {
            return Ok(());
        }
        let settled = *self.settled.get_or_insert(after);
        if settled.free > after.free {
            return Err(Finding::Frames { before: settled.free, after: after.free });
        }
        // More can only be free because somebody else gave something back; from now on that counts.
        self.settled = Some(after);
        Ok(())
    }

    /// Says how much was done.
    pub fn report(&self) {
        let Census { processes, free } = Census::take();
        println!(
            "fuzz: seed {}, {} steps in {} batches: no finding ({processes} processes, {free} frames free)",
            self.options.seed, self.made, self.next
        );
    }
}

/// Waits until the family's first process has ended and its others are quiet, or its time is over.
fn watch(root: ProcessId) {
    let end = clock() + PATIENCE;
    for _ in 0..TURNS {
        let ended = facts::process(root).is_none_or(|facts| facts.status == Status::Dying as u32);
        if ended || clock() >= end {
            return;
        }
        yield_now();
    }
}

/// A process that has ended by itself meanwhile is no failure.
fn gone(error: Error) -> Result<(), Error> {
    if error == Error::NoSuchProcess { Ok(()) } else { Err(error) }
}

/// The word that all members count in.
#[allow(unsafe_code)]
fn counter() -> &'static AtomicU32 {
    let address = core::ptr::with_exposed_provenance::<AtomicU32>(COUNTER as usize);
    // SAFETY: `Judge::new` has mapped the page, aligned, for the whole life of the supervisor; it is reached by nothing
    // but atomic accesses, and any bits are a number. In a member it may be gone: then the access is its page fault.
    unsafe { &*address }
}

const _: () = assert!(COUNTER.is_multiple_of(PAGE_SIZE));
