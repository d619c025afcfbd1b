//! `guard`: a heap whose overflow is found by a fault (Appel and Li 1991, "heap overflow
//! detection").
//!
//! Cells are allocated by three instructions without a check. The page after the heap is absent;
//! the first cell that reaches into it faults. The handler copies the live cells into the other
//! space, gives that space more pages if it is more than half full, and the allocation begins
//! again.
//!
//! The program builds stacks of numbered cells and drops all but one of them now and then. It keeps
//! all its references in [`ROOTS`], because any allocation may move every cell.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use appel_li::bump;
use appel_li::copying::{CELL, Copying, Value};
use appel_li::failure::{Failure, expect};
use appel_li::random::Random;
use appel_li::raw_pages::{self, RawPages, load, raw_page, store};
use libsys::abi::layout::PAGE_SIZE;
use libsys::paging::fault::{Fault, Handled};
use libsys::paging::primitives;
use libsys::{Error, println};

libsys::main!(main);
libsys::about!("a heap whose overflow is found by a fault");

const CELLS: u32 = 800_000;
const STACKS: usize = 16;
/// After so many cells on average a stack is dropped.
const FORGET: u32 = 1_500;
/// One cell in so many goes to the stack that is never dropped.
const KEPT: u32 = 64;
/// Pages of either space at the beginning.
const PAGES: u32 = 4;
/// The most pages of a space.
const LIMIT: u32 = 1_024;

/// The top cell of each stack.
static ROOTS: [AtomicU32; STACKS] = [const { AtomicU32::new(0) }; STACKS];
/// Which space is in use: 0 or 1.
static SPACE: AtomicU32 = AtomicU32::new(0);
/// Pages that each space has.
static SIZES: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];
static FAULTS: AtomicU32 = AtomicU32::new(0);
static MOVED: AtomicU32 = AtomicU32::new(0);

fn main() -> Result<(), Failure> {
    extend(0, PAGES)?;
    bump::set_next(start(0));
    primitives::trap(Some(collect))?;
    let mut random = Random::new(40);
    // The numbers of each stack, in order; they are known without the heap.
    let mut model = [Model::EMPTY; STACKS];
    for number in 0..CELLS {
        let stack = which(&mut random);
        if stack > 0 && random.below(FORGET) == 0 {
            ROOTS[stack].store(Value::NOTHING.word(), Relaxed);
            model[stack] = Model::EMPTY;
        }
        push(stack, number);
        model[stack].push(number);
    }
    let faults = FAULTS.load(Relaxed);
    println!("guard: {CELLS} allocations without a check, {faults} faults on the guard page");
    println!(
        "guard: {} cells moved; two spaces of {PAGES} pages grew to {} and {}",
        MOVED.load(Relaxed),
        SIZES[0].load(Relaxed),
        SIZES[1].load(Relaxed)
    );
    let mut live = 0;
    for (stack, model) in model.iter().enumerate() {
        let found = walk(stack)?;
        expect("cells in a stack", found.cells, model.cells)?;
        expect("their sum", found.sum, model.sum)?;
        live += found.cells;
    }
    println!("guard: {STACKS} stacks of {live} cells are as they were built");
    expect("of at least 20 faults", faults.min(20), 20)?;
    expect("faults while reading", FAULTS.load(Relaxed), faults)
}

/// The stack for the next cell. Stack 0 is never dropped, so that it moves each time, and gets few
/// cells.
fn which(random: &mut Random) -> usize {
    let others = random.below(STACKS as u32 - 1) as usize + 1;
    if random.below(KEPT) == 0 { 0 } else { others }
}

/// The contents of a stack, known without the heap.
#[derive(Clone, Copy)]
struct Model {
    cells: u32,
    /// The sum of each number times its position, counted from 1 at the bottom.
    sum: u32,
}

impl Model {
    const EMPTY: Self = Self { cells: 0, sum: 0 };

    fn push(&mut self, number: u32) {
        self.cells += 1;
        self.sum = self.sum.wrapping_add(number.wrapping_mul(self.cells));
    }
}

/// Pushes a new top. The root is read after the allocation, which may change it.
fn push(stack: usize, number: u32) {
    let cell = bump::allocate();
    store(cell, Value::number(number).word());
    store(cell + 4, ROOTS[stack].load(Relaxed));
    ROOTS[stack].store(cell, Relaxed);
}

fn cells(stack: usize) -> impl Iterator<Item = u32> {
    let top = Value::from_word(ROOTS[stack].load(Relaxed)).as_cell();
    let cells = core::iter::successors(top, |cell| Value::from_word(load(*cell + 4)).as_cell());
    // A cycle would have no end.
    cells.take(CELLS as usize + 1)
}

fn walk(stack: usize) -> Result<Model, Failure> {
    let count = cells(stack).count() as u32;
    let mut found = Model { cells: count, sum: 0 };
    for (from_top, cell) in cells(stack).enumerate() {
        let number = Value::from_word(load(cell)).as_number();
        let number = number.ok_or(Error::InvalidArgument)?;
        found.sum = found.sum.wrapping_add(number.wrapping_mul(count - from_top as u32));
    }
    Ok(found)
}

/// The first address of a space.
fn start(space: u32) -> u32 {
    // One page beyond the limit is never mapped.
    raw_page(space * 2 * LIMIT).address()
}

/// Gives a space at least so many pages.
fn extend(space: u32, pages: u32) -> Result<(), Error> {
    let size = &SIZES[space as usize];
    let present = size.load(Relaxed);
    if pages > LIMIT {
        return Err(Error::OutOfFrames);
    }
    if pages > present {
        raw_pages::allocate(raw_page(space * 2 * LIMIT + present), pages - present)?;
        size.store(pages, Relaxed);
    }
    Ok(())
}

/// The fault handler: a write to the guard page moves all live cells into the other space.
fn collect(fault: &mut Fault<'_>) -> Handled {
    let space = SPACE.load(Relaxed);
    let guard = start(space) + SIZES[space as usize].load(Relaxed) * PAGE_SIZE;
    if fault.address() & !(PAGE_SIZE - 1) != guard || !bump::again(fault) {
        return Handled::PassOn;
    }
    FAULTS.fetch_add(1, Relaxed);
    match move_to(1 - space) {
        Ok(()) => Handled::Resume,
        Err(_) => Handled::PassOn,
    }
}

fn move_to(space: u32) -> Result<(), Error> {
    let old = start(1 - space)..bump::next();
    extend(space, SIZES[(1 - space) as usize].load(Relaxed))?;
    let mut memory = RawPages;
    let mut copying = Copying::new(&mut memory, old, start(space));
    for root in &ROOTS {
        root.store(copying.root(Value::from_word(root.load(Relaxed))).word(), Relaxed);
    }
    let end = copying.finish();
    MOVED.fetch_add((end - start(space)) / CELL, Relaxed);
    let pages = (end - start(space)).div_ceil(PAGE_SIZE);
    extend(space, 2 * pages)?;
    SPACE.store(space, Relaxed);
    bump::set_next(end);
    Ok(())
}
