//! `hog SIZE`: fills memory with words that can be verified, reads them back in another order, and
//! checks every byte.
//!
//! The size may exceed the machine's memory. Each word depends on its address and on the seed, so
//! that a page that comes back at a wrong address is noticed. With `--fork`, both processes go on
//! writing; with `--calls`, each call allocates up to 64 pages.
#![no_std]
#![no_main]
#![allow(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use libsys::abi::Syscall;
use libsys::abi::message::Reason;
use libsys::call::range_allocate;
use libsys::paging::fork::{Fork, fork};
use libsys::process::start::usage;
use libsys::process::{Command, SpawnError, exit, id, wait};
use libsys::service::pager::{Request, ask, faults_of, pages_of};
use libsys::{Error, PageRange, Permissions, ProcessId, Target, UserPage, args, println};

libsys::main!(main, arguments);
libsys::about!(
    "fills memory and reads every byte back",
    "hog SIZE [--compressible] [--fork] [--two] [--calls] [--seed N]",
    "           [--limit SIZE]",
    "  SIZE            4K to 192M, as 65536, 64K or 16M",
    "  --compressible  most bytes of a page are alike",
    "  --fork          a child reads everything back, too",
    "  --two           another hog runs at the same time",
    "  --calls         memory comes by calls, not by touching it",
    "  --seed N        other contents (the default is 1)",
    "  --limit SIZE    the pager leaves it that much memory"
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

#[derive(Clone, Copy)]
struct Options {
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
    let first = memory.as_ptr().expose_provenance() as u32;
    for page in 0..options.pages {
        if options.calls && page.is_multiple_of(Syscall::ALLOCATE_LIMIT as usize) {
            take(first, page as u32, options.pages as u32)?;
        }
        progress("filled", page, options.pages);
        memory.push(Block(core::array::from_fn(|word| options.word(page, word))));
    }
    println!("filled {} pages", options.pages);
    let wrong = if options.fork { forked(&mut memory, options)? } else { verify(&memory, options) };
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

/// Counts the bytes that differ from what was written, in an order that visits each page once.
fn count_wrong(memory: &[Block], expected: impl Fn(usize) -> Options) -> usize {
    let pages = memory.len();
    // A stride that has no common divisor with the number of pages.
    let stride = (pages / 2..).find(|stride| common_divisor(*stride, pages) == 1).unwrap_or(1);
    let mut wrong = 0;
    for step in 0..pages {
        progress("read", step, pages);
        let page = step * stride % pages;
        let options = expected(page);
        for (word, value) in memory[page].0.iter().enumerate() {
            let differs = (value ^ options.word(page, word)).to_le_bytes();
            wrong += differs.iter().filter(|byte| **byte != 0).count();
        }
    }
    wrong
}

impl Options {
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
