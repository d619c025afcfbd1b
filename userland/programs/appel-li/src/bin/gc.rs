//! `gc`: a generational collector whose write barrier is the page (Appel and Li 1991, "generational
//! garbage collection"), once with protection faults and once with dirty bits.
//!
//! The mutator has a table: a tree of old cells with a slot at each leaf. It builds lists and
//! trees, drops most of them, puts some into slots (so that an old cell refers to young ones), and
//! inserts new cells into lists. The right contents of each slot follow from seeds. The two runs
//! make the same steps, and must leave the same cells.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::vec;
use alloc::vec::Vec;

use appel_li::barrier::{ByDirtyBits, ByFaults};
use appel_li::copying::{CELL, Value};
use appel_li::failure::{Failure, expect};
use appel_li::generations::{Full, Generations, Watched};
use appel_li::random::Random;
use appel_li::raw_pages::{self, START, raw_page};
use appel_li::shapes::Shape;
use libsys::runtime::counter;
use libsys::{Error, PageRange, Target, println, range_unmap};

libsys::main!(main);
libsys::about!("a collector whose write barrier is the page");

/// Pages of the nursery.
const NURSERY: u32 = 32;
/// Pages of each of the two spaces for old cells.
const OLD: u32 = 160;
/// Slots: 2 to the power of this.
const DEPTH: u32 = 12;
const STEPS: u32 = 60_000;
/// One structure in so many is kept.
const KEPT: u32 = 8;

/// The result of a run.
struct Run {
    faults: u32,
    /// Pages scanned, including those of the last collection.
    scanned: u32,
    cells: u32,
    /// A sum over all words that are left.
    words: u32,
}

fn main() -> Result<(), Failure> {
    println!("gc: {STEPS} steps on {} slots, counted in {}", 1 << DEPTH, counter::unit());
    let faults = run("protection", ByFaults::new()?)?;
    expect("pages scanned by the end, one for each fault", faults.scanned, faults.faults)?;
    let bits = run("dirty bits", ByDirtyBits::new()?)?;
    expect("faults by dirty bits", bits.faults, 0)?;
    expect("pages scanned by either", bits.scanned, faults.scanned)?;
    expect("cells that are left by either", bits.cells, faults.cells)?;
    expect("sum of their words", bits.words, faults.words)?;
    println!("gc: both leave the same {} cells", bits.cells);
    Ok(())
}

/// The mutator.
struct Mutator<M> {
    heap: Generations<M>,
    /// The table.
    roots: [Value; 1],
    /// The structure in each slot.
    slots: Vec<Shape>,
    random: Random,
}

fn run<M: Watched>(name: &str, memory: M) -> Result<Run, Failure> {
    let pages = NURSERY + 2 * OLD;
    raw_pages::allocate(raw_page(0), pages)?;
    let faults = ByFaults::faults();
    let start = counter::now();
    let heap = Generations::new(memory, START, NURSERY, OLD);
    let slots = vec![Shape::Empty; 1 << DEPTH];
    let mut mutator = Mutator { heap, roots: [Value::NOTHING], slots, random: Random::new(7) };
    mutator.work().map_err(|Full| Error::OutOfFrames)?;
    let ticks = counter::now().wrapping_sub(start);
    let (faults, work) = (ByFaults::faults() - faults, mutator.heap.work());
    mutator.verify()?;
    let (cells, words) = mutator.leave().map_err(|Full| Error::OutOfFrames)?;
    println!(
        "gc: by {name}: {faults} faults, {} pages scanned in {} minor and {} major collections, {ticks} ticks",
        work.pages, work.minor, work.major
    );
    println!("gc: by {name}: all {} slots hold what they should", 1 << DEPTH);
    for first in (0..pages).step_by(PageRange::LIMIT as usize) {
        let range = PageRange::new(raw_page(first), PageRange::LIMIT.min(pages - first))?;
        range_unmap(Target::Caller, range, libsys::Permissions::empty())?;
    }
    Ok(Run { faults, scanned: mutator.heap.work().pages, cells, words })
}

impl<M: Watched> Mutator<M> {
    fn work(&mut self) -> Result<(), Full> {
        self.heap.reserve(1 << DEPTH, &mut self.roots)?;
        self.roots[0] = table(&mut self.heap, DEPTH - 1);
        for _ in 0..STEPS {
            self.step()?;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Full> {
        let slot = self.random.below(1 << DEPTH);
        if self.random.below(KEPT) == 0 {
            self.grow(slot)
        } else {
            let shape = Shape::any(&mut self.random);
            self.heap.reserve(shape.cells(), &mut self.roots)?;
            let value = shape.build(&mut self.heap);
            if self.random.below(KEPT) == 0 {
                let (cell, field) = self.find(slot);
                self.heap.set(cell, field, value);
                self.slots[slot as usize] = shape;
            }
            Ok(())
        }
    }

    /// Inserts a cell behind the first one of a slot's list, if the slot has a list.
    fn grow(&mut self, slot: u32) -> Result<(), Full> {
        let Shape::List { grown, .. } = &mut self.slots[slot as usize] else { return Ok(()) };
        let number = Value::number(*grown);
        *grown += 1;
        self.heap.reserve(1, &mut self.roots)?;
        let (cell, field) = self.find(slot);
        if let Some(list) = self.heap.get(cell, field).as_cell() {
            let rest = self.heap.get(list, 1);
            let new = self.heap.cons(number, rest);
            self.heap.set(list, 1, new);
        }
        Ok(())
    }

    /// The cell and the field that are a slot.
    fn find(&self, slot: u32) -> (u32, u32) {
        let mut value = self.roots[0];
        let mut level = DEPTH;
        loop {
            level -= 1;
            let cell = value.as_cell().expect("the table is there");
            let field = slot >> level & 1;
            if level == 0 {
                return (cell, field);
            }
            value = self.heap.get(cell, field);
        }
    }

    fn verify(&self) -> Result<(), Failure> {
        for (slot, shape) in (0..).zip(&self.slots) {
            let (cell, field) = self.find(slot);
            let found = shape.read(&self.heap, self.heap.get(cell, field));
            expect("the checksum of a slot", found, shape.checksum())?;
        }
        Ok(())
    }

    /// Moves the live cells together. Returns how many they are, and a sum of their words.
    fn leave(&mut self) -> Result<(u32, u32), Full> {
        self.heap.collect(&mut self.roots)?;
        self.heap.major(&mut self.roots);
        let cells = self.heap.old_cells();
        let words = cells.clone().step_by(4).map(|address| self.heap.memory().load(address));
        let sum = words.fold(0_u32, |sum, word| sum.rotate_left(3) ^ word);
        Ok(((cells.end - cells.start) / CELL, sum))
    }
}

fn table<M: Watched>(heap: &mut Generations<M>, depth: u32) -> Value {
    if depth == 0 {
        return heap.cons(Value::NOTHING, Value::NOTHING);
    }
    let (left, right) = (table(heap, depth - 1), table(heap, depth - 1));
    heap.cons(left, right)
}
