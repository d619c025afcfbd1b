//! What the mutator of `gc` builds: lists and trees of numbers that follow from a seed.
//!
//! The checksum of a structure follows from its shape ([`Shape::checksum`]). Reading the cells
//! ([`Shape::read`]) must give the same.

use crate::copying::Value;
use crate::generations::{Generations, Watched};
use crate::random::Random;

/// A structure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Shape {
    /// Nothing.
    #[default]
    Empty,
    /// A list of numbers.
    List {
        /// The seed of its numbers.
        seed: u32,
        /// How many numbers; not 0.
        length: u32,
        /// How many numbers, from 0 on, were inserted behind the first one later. The last inserted
        /// comes first.
        grown: u32,
    },
    /// A binary tree with numbers at its leaves.
    Tree {
        /// The seed of its numbers.
        seed: u32,
        /// The depth; 0 is a leaf.
        depth: u32,
    },
}

impl Shape {
    /// A structure of any kind and size.
    pub fn any(random: &mut Random) -> Self {
        let seed = random.next();
        if random.below(3) == 0 {
            Self::Tree { seed, depth: 1 + random.below(4) }
        } else {
            Self::List { seed, length: 1 + random.below(24), grown: 0 }
        }
    }

    /// The cells that [`Shape::build`] allocates.
    #[must_use]
    pub const fn cells(self) -> u32 {
        match self {
            Self::Empty => 0,
            Self::List { length, .. } => length,
            Self::Tree { depth, .. } => (1 << depth) - 1,
        }
    }

    /// Builds the structure. Its cells must have been reserved.
    pub fn build<M: Watched>(self, heap: &mut Generations<M>) -> Value {
        match self {
            Self::Empty => Value::NOTHING,
            Self::List { seed, length, .. } => {
                let numbers = (0..length).rev().map(|index| number(seed, index));
                numbers.fold(Value::NOTHING, |rest, number| heap.cons(Value::number(number), rest))
            }
            Self::Tree { seed, depth } => tree(heap, seed, depth, 1),
        }
    }

    /// The right checksum.
    #[must_use]
    pub fn checksum(self) -> u32 {
        match self {
            Self::Empty => 0,
            Self::List { seed, length, grown } => {
                let grown = (0..grown).rev();
                let rest = (1..length).map(|index| number(seed, index));
                core::iter::once(number(seed, 0)).chain(grown).chain(rest).fold(1, mix)
            }
            Self::Tree { seed, depth } => {
                let leaves = 1 << depth;
                (leaves..2 * leaves).map(|leaf| number(seed, leaf)).fold(2, mix)
            }
        }
    }

    /// The checksum of the cells; 0 if they have another shape.
    #[must_use]
    pub fn read<M: Watched>(self, heap: &Generations<M>, value: Value) -> u32 {
        match self {
            Self::Empty => u32::from(value != Value::NOTHING),
            Self::List { .. } => {
                let cells =
                    core::iter::successors(value.as_cell(), |cell| heap.get(*cell, 1).as_cell());
                let numbers = cells.map(|cell| heap.get(cell, 0).as_number());
                numbers.fold(1, |sum, number| number.map_or(0, |number| mix(sum, number)))
            }
            Self::Tree { depth, .. } => read_tree(heap, value, depth, 2),
        }
    }
}

/// The number at an index of a structure: 31 bits, as many as a value holds.
const fn number(seed: u32, index: u32) -> u32 {
    Random::new(seed.wrapping_add(index)).next() >> 1
}

const fn mix(sum: u32, number: u32) -> u32 {
    (sum ^ number).wrapping_mul(0x0100_0193).rotate_left(5)
}

/// The subtree below the node with this number: the root is 1, the children of `n` are `2n` and `2n
/// + 1`.
fn tree<M: Watched>(heap: &mut Generations<M>, seed: u32, depth: u32, node: u32) -> Value {
    if depth == 0 {
        return Value::number(number(seed, node));
    }
    let left = tree(heap, seed, depth - 1, 2 * node);
    let right = tree(heap, seed, depth - 1, 2 * node + 1);
    heap.cons(left, right)
}

/// Adds up the leaves from left to right.
fn read_tree<M: Watched>(heap: &Generations<M>, value: Value, depth: u32, sum: u32) -> u32 {
    match (value.as_cell(), value.as_number()) {
        (Some(cell), None) if depth > 0 => {
            let sum = read_tree(heap, heap.get(cell, 0), depth - 1, sum);
            read_tree(heap, heap.get(cell, 1), depth - 1, sum)
        }
        (None, Some(number)) if depth == 0 => mix(sum, number),
        _ => 0,
    }
}
