//! `hog SIZE`: fills memory with words that can be verified, reads them back in another order, and
//! checks every byte.
//!
//! The size may exceed the machine's memory. Each word depends on its address and on the seed, so
//! that a page that comes back at a wrong address is noticed. With `--fork`, both processes go on
//! writing; with `--calls`, each call allocates up to 64 pages.
//!
//! With `--measure` it says what paging has cost: the time of the counter less the time in which
//! nobody had work ([`Meter`]) and less its own work, which it measures on a few pages that stay in
//! memory. Under QEMU's `-icount` the counter shows instructions; elsewhere the figures are cycles.
#![no_std]
#![no_main]
#![allow(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use core::sync::atomic::{AtomicU32, Ordering};

use libsys::abi::Syscall;
use libsys::abi::message::Reason;
use libsys::call::range_allocate;
use libsys::paging::fork::{Fork, fork};
use libsys::process::start::usage;
use libsys::process::{Command, SpawnError, end, exit, id, info, wait};
use libsys::runtime::counter::{now, now_long, unit};
use libsys::service::pager::{Request, Transfers, ask, faults_of, pages_of, transfers};
use libsys::{
    Error, PageRange, Permissions, ProcessId, Target, UserPage, args, page_allocate, println,
    yield_now,
};

libsys::main!(main, arguments);
libsys::about!(
    "fills memory and reads every byte back",
    "hog SIZE [--compressible] [--fork] [--two] [--calls] [--seed N]",
    "           [--limit SIZE] [--order ORDER] [--measure]",
    "  SIZE            4K to 192M, as 65536, 64K or 16M",
    "  --compressible  most bytes of a page are alike",
    "  --fork          a child reads everything back, too",
    "  --two           another hog runs at the same time",
    "  --calls         memory comes by calls, not by touching it",
    "  --seed N        other contents (the default is 1)",
    "  --limit SIZE    the pager leaves it that much memory",
    "  --order ORDER   reads back one page after the other (rising), in",
    "                  no order (random), or from both halves in turn",
    "                  (halves, the default)",
    "  --measure       prints what paging has cost (see docs/pagers.md)"
);

const PAGE: usize = 4096;
const WORDS: usize = PAGE / 4;
/// The largest size: that of the heap.
const LIMIT: usize = 192 << 20;
/// Pages between two lines of progress: 32 MiB.
const PROGRESS: usize = 8192;

/// A page of memory.
#[repr(align(4096))]
struct Block([u32; WORDS]);

/// In which order the pages are read back.
#[derive(Clone, Copy)]
enum Order {
    /// One after the other.
    Rising,
    /// In no order.
    Random,
    /// One of the lower half, one of the upper half; each half twice, every other page.
    Halves,
}

#[derive(Clone, Copy)]
struct Options {
    order: Order,
    measure: bool,
    pages: usize,
    compressible: bool,
    fork: bool,
    two: bool,
    calls: bool,
    seed: u32,
    limit: u32,
}

fn main() -> Result<u8, SpawnError> {
    let Some(options) = options() else {
        return Ok(usage());
    };
    let other = if options.two { Some(start_another()?) } else { None };
    let status = fill_and_verify(options)?;
    let Some(other) = other else { return Ok(status) };
    let ended = wait(Some(other))?;
    println!("the other hog ended with status {}", ended.status);
    Ok(status | u8::from(ended.status != 0))
}

/// Starts another hog with the same arguments without `--two`, and another seed.
fn start_another() -> Result<ProcessId, SpawnError> {
    let arguments = args().skip(1).filter(|word| *word != "--two");
    let arguments: Vec<&str> = arguments.chain(["--seed", "2"]).collect();
    Command::new("hog").args(&arguments).spawn()
}

fn fill_and_verify(options: Options) -> Result<u8, Error> {
    if options.limit > 0 {
        let request = Request::SetLimit { client: id(), pages: options.limit };
        if ask(request)?[0] != 0 {
            println!("hog: the pager sets no limits");
            return Ok(1);
        }
    }
    let mut memory: Vec<Block> = Vec::new();
    if memory.try_reserve_exact(options.pages).is_err() {
        println!("hog: there is no room for {} pages", options.pages);
        return Ok(1);
    }
    let mut meter = if options.measure { Some(Meter::start(options)?) } else { None };
    let first = memory.as_ptr().expose_provenance() as u32;
    for page in 0..options.pages {
        if options.calls && page.is_multiple_of(Syscall::ALLOCATE_LIMIT as usize) {
            take(first, page as u32, options.pages as u32)?;
        }
        progress("filled", page, options.pages);
        memory.push(options.block(page));
    }
    println!("filled {} pages", options.pages);
    if let Some(meter) = &mut meter {
        meter.report("filling", meter.own_filling, options.pages);
    }
    let wrong = if options.fork { forked(&mut memory, options)? } else { verify(&memory, options) };
    if let Some(meter) = &mut meter {
        meter.report("reading", meter.own_reading, options.pages);
    }
    report();
    println!("read {} bytes back in another order: {wrong} wrong", options.pages * PAGE);
    Ok(u8::from(wrong > 0))
}

/// Allocates the next pages by a call when the first of them is reached.
fn take(first: u32, page: u32, pages: u32) -> Result<(), Error> {
    let pages = (pages - page).min(Syscall::ALLOCATE_LIMIT);
    let range = PageRange::new(UserPage::new(first + page * PAGE as u32)?, pages)?;
    // SAFETY: the pages are room of the `Vec` in which it has no elements yet.
    unsafe { range_allocate(Target::Caller, range, Permissions::WRITE) }?;
    Ok(())
}

/// Both processes read everything back; then each writes every other page, and reads everything
/// once more.
fn forked(memory: &mut [Block], options: Options) -> Result<usize, Error> {
    let child = match fork()? {
        Fork::Child => {
            let wrong = write_and_verify(memory, options, 1);
            println!("hog: the child found {wrong} wrong");
            exit(u8::from(wrong > 0));
        }
        Fork::Parent { child } => child,
    };
    let wrong = write_and_verify(memory, options, 0);
    let ended = wait(Some(child))?;
    let failed = ended.reason != Reason::Exited || ended.status != 0;
    Ok(wrong + usize::from(failed))
}

fn write_and_verify(memory: &mut [Block], options: Options, parity: usize) -> usize {
    let wrong = verify(memory, options);
    let other = Options { seed: !options.seed, ..options };
    for (page, block) in memory.iter_mut().enumerate().skip(parity).step_by(2) {
        block.0.iter_mut().enumerate().for_each(|(word, value)| *value = other.word(page, word));
    }
    let expected = |page: usize| if page % 2 == parity { other } else { options };
    wrong + count_wrong(memory, expected)
}

fn verify(memory: &[Block], options: Options) -> usize {
    count_wrong(memory, |_| options)
}

/// Counts the bytes that differ from what was written.
fn count_wrong(memory: &[Block], expected: impl Fn(usize) -> Options) -> usize {
    let order = expected(0).order;
    let mut wrong = 0;
    for (step, page) in order.pages(memory.len()).enumerate() {
        progress("read", step, memory.len());
        let options = expected(page);
        for (word, value) in memory[page].0.iter().enumerate() {
            let differs = (value ^ options.word(page, word)).to_le_bytes();
            wrong += differs.iter().filter(|byte| **byte != 0).count();
        }
    }
    wrong
}

impl Order {
    fn named(name: &str) -> Option<Self> {
        match name {
            "rising" => Some(Self::Rising),
            "random" => Some(Self::Random),
            "halves" => Some(Self::Halves),
            _ => None,
        }
    }

    /// Each of `pages` pages once.
    fn pages(self, pages: usize) -> impl Iterator<Item = usize> {
        // A stride that has no common divisor with the number of pages.
        let stride = (pages / 2..).find(|stride| common_divisor(*stride, pages) == 1).unwrap_or(1);
        // For `Random`, a generator whose period is the next power of two.
        let period = pages.next_power_of_two();
        let mut state = 0_usize;
        let steps = if matches!(self, Self::Random) { period } else { pages };
        let page = move |step: usize| match self {
            Self::Rising => step,
            Self::Halves => step * stride % pages,
            Self::Random => {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) % period;
                state
            }
        };
        (0..steps).map(page).filter(move |page| *page < pages)
    }
}

/// The page on which the process that counts idle time and the one that asks for it meet.
const BOARD: UserPage = UserPage::known(0x3000_0000);
/// Ticks in one unit of the idle time on [`BOARD`].
const IDLE_UNIT: u64 = 16;
/// A yield that took fewer ticks came back at once: nobody else had work.
const SHORT: u32 = 600;
/// Pages on which the program's own work is measured.
const FEW: usize = 16;

/// What paging costs. A child yields all the time, and adds up the time of those yields that came
/// back at once. So the CPU never halts, and what the child does not count is work.
struct Meter {
    idle_counter: ProcessId,
    own_filling: u32,
    own_reading: u32,
    since: u64,
    idle: u32,
    transfers: Transfers,
}

impl Meter {
    fn start(options: Options) -> Result<Self, Error> {
        let (own_filling, own_reading) = own_work(options);
        page_allocate(Target::Caller, BOARD, Permissions::WRITE | Permissions::SHARED)?;
        let parent = id();
        let idle_counter = match fork()? {
            Fork::Child => count_idle_time(parent),
            Fork::Parent { child } => child,
        };
        let transfers = transfers().unwrap_or_default();
        let (since, idle) = (now_long(), idle_time().load(Ordering::Relaxed));
        Ok(Self { idle_counter, own_filling, own_reading, since, idle, transfers })
    }

    /// Prints what the pages have cost since the last report.
    fn report(&mut self, what: &str, own: u32, pages: usize) {
        let (now, idle) = (now_long(), idle_time().load(Ordering::Relaxed));
        let idle_ticks = u64::from(idle.wrapping_sub(self.idle)) * IDLE_UNIT;
        let busy = (now - self.since).saturating_sub(idle_ticks) / pages as u64;
        let rest = busy.saturating_sub(u64::from(own));
        println!("{what}: {rest} {} a page, beside {own} of its own", unit());
        let after = transfers().unwrap_or_default();
        let before = core::mem::replace(&mut self.transfers, after);
        println!(
            "{what}: {} reads of {} pages, {} writes of {} pages",
            after.reads.wrapping_sub(before.reads),
            after.pages_read.wrapping_sub(before.pages_read),
            after.writes.wrapping_sub(before.writes),
            after.pages_written.wrapping_sub(before.pages_written),
        );
        (self.since, self.idle) = (now_long(), idle_time().load(Ordering::Relaxed));
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        // It can only have ended already.
        let _ = end(self.idle_counter);
    }
}

/// The ticks a page that filling and reading take without any paging.
fn own_work(options: Options) -> (u32, u32) {
    let mut few = Vec::with_capacity(FEW);
    let (mut filling, mut reading) = (u32::MAX, u32::MAX);
    for _ in 0..4 {
        few.clear();
        let start = now();
        (0..FEW).for_each(|page| few.push(options.block(page)));
        filling = filling.min(now().wrapping_sub(start));
        let start = now();
        core::hint::black_box(verify(&few, options));
        reading = reading.min(now().wrapping_sub(start));
    }
    (filling / FEW as u32, reading / FEW as u32)
}

/// Counts idle time on the board until the parent ends.
fn count_idle_time(parent: ProcessId) -> ! {
    let mut idle = 0_u64;
    let mut before = now();
    while info::is_alive(parent) {
        yield_now();
        let after = now();
        let took = after.wrapping_sub(core::mem::replace(&mut before, after));
        if took < SHORT {
            idle += u64::from(took);
            idle_time().store((idle / IDLE_UNIT) as u32, Ordering::Relaxed);
        }
    }
    exit(0)
}

/// The idle time on the board.
fn idle_time() -> &'static AtomicU32 {
    // SAFETY: `Meter::start` has mapped the page before anybody asks, and nothing unmaps it. It is
    // accessed by atomic loads and stores of this one word alone, in both processes.
    unsafe { AtomicU32::from_ptr(core::ptr::with_exposed_provenance_mut(BOARD.address() as usize)) }
}

impl Options {
    /// The contents of a page.
    fn block(&self, page: usize) -> Block {
        Block(core::array::from_fn(|word| self.word(page, word)))
    }

    /// The contents of a word of a page.
    fn word(&self, page: usize, word: usize) -> u32 {
        let word = if self.compressible { word / 64 } else { word };
        let place = (page * WORDS + word) as u32;
        let mixed = (place ^ self.seed).wrapping_mul(0x9E37_79B9);
        (mixed ^ mixed >> 15).wrapping_mul(0x85EB_CA6B) ^ place
    }
}

/// Prints how often the pager has served this process.
fn report() {
    if let (Some(pages), Some(faults)) = (pages_of(id()), faults_of(id())) {
        println!("pages: {pages}");
        println!("pages out: {}, in: {}", faults.pages_out, faults.pages_in);
    }
}

fn progress(what: &str, done: usize, all: usize) {
    if done > 0 && done.is_multiple_of(PROGRESS) {
        println!("{what} {done} of {all} pages");
    }
}

fn options() -> Option<Options> {
    let mut words = args().skip(1);
    let size = size(words.next()?).filter(|size| (PAGE..=LIMIT).contains(size))?;
    let pages = size / PAGE;
    let mut options = Options {
        order: Order::Halves,
        measure: false,
        pages,
        compressible: false,
        fork: false,
        two: false,
        calls: false,
        seed: 1,
        limit: 0,
    };
    while let Some(word) = words.next() {
        match word {
            "--compressible" => options.compressible = true,
            "--fork" => options.fork = true,
            "--two" => options.two = true,
            "--measure" => options.measure = true,
            "--order" => options.order = Order::named(words.next()?)?,
            "--calls" => options.calls = true,
            "--seed" => options.seed = words.next()?.parse().ok()?,
            "--limit" => options.limit = (self::size(words.next()?)? / PAGE) as u32,
            _ => return None,
        }
    }
    Some(options)
}

const fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

fn size(text: &str) -> Option<usize> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix(['M', 'm']).map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}
