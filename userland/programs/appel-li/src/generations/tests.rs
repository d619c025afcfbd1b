//! The heap against a model that never collects: what the roots reach is the same, whatever
//! happened before.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;

const START: u32 = 0x4000_0000;
const NURSERY: u32 = 1;
const OLD: u32 = 6;
const ROOTS: usize = 5;

/// How a memory notices writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum By {
    /// A write to a watched page faults, once.
    Faults,
    /// Every write sets a mark, without a fault.
    Marks,
}

struct Model {
    words: Vec<u32>,
    by: By,
    watched: BTreeSet<u32>,
    written: BTreeSet<u32>,
    collecting: bool,
}

impl Memory for Model {
    fn load(&self, address: u32) -> u32 {
        self.words[((address - START) / 4) as usize]
    }

    fn store(&mut self, address: u32, word: u32) {
        let page = page_of(address);
        let faults = self.watched.remove(&page);
        assert!(!(faults && self.collecting), "the collector wrote a watched page");
        if faults || self.by == By::Marks {
            self.written.insert(page);
        }
        self.words[((address - START) / 4) as usize] = word;
    }
}

impl Watched for Model {
    fn written(&mut self, pages: Range<u32>, each: impl FnMut(u32)) {
        self.written.range(pages).copied().for_each(each);
    }

    fn open(&mut self, page: u32) {
        self.watched.remove(&page);
    }

    fn watch(&mut self, pages: Range<u32>) {
        for page in pages.step_by(PAGE_SIZE as usize) {
            self.written.remove(&page);
            if self.by == By::Faults {
                self.watched.insert(page);
            }
        }
    }
}

/// The contents of a field or root of the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Held {
    Nothing,
    Number(u32),
    Object(usize),
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A root becomes a new cell with the contents of two roots.
    Cons(usize, usize, usize),
    /// So many new cells with numbers are put before the contents of a root.
    Numbers(usize, u32),
    /// A field of a root's cell becomes the contents of another root.
    Set(usize, u32, usize),
    /// A root becomes the contents of a field of another root's cell.
    Follow(usize, usize, u32),
    Forget(usize),
    Collect,
    Major,
}

struct World {
    heap: Generations<Model>,
    roots: [Value; ROOTS],
    objects: Vec<[Held; 2]>,
    held: [Held; ROOTS],
}

impl World {
    fn new(by: By) -> Self {
        let words = vec![0; ((NURSERY + 2 * OLD) * PAGE_SIZE / 4) as usize];
        let (watched, written) = (BTreeSet::new(), BTreeSet::new());
        let memory = Model { words, by, watched, written, collecting: false };
        Self {
            heap: Generations::new(memory, START, NURSERY, OLD),
            roots: [Value::NOTHING; ROOTS],
            objects: Vec::new(),
            held: [Held::Nothing; ROOTS],
        }
    }

    fn collecting<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.heap.memory().collecting = true;
        let result = work(self);
        self.heap.memory().collecting = false;
        result
    }

    fn cons(&mut self, into: usize, first: Held, second: usize) -> Result<(), Full> {
        self.collecting(|world| world.heap.reserve(1, &mut world.roots))?;
        let value = match first {
            Held::Number(number) => Value::number(number),
            _ => self.roots[into],
        };
        self.roots[into] = self.heap.cons(value, self.roots[second]);
        self.objects.push([first, self.held[second]]);
        self.held[into] = Held::Object(self.objects.len() - 1);
        Ok(())
    }

    fn steps(&mut self, steps: &[Step]) {
        steps.iter().for_each(|step| self.step(*step).unwrap());
    }

    fn step(&mut self, step: Step) -> Result<(), Full> {
        match step {
            Step::Cons(into, first, second) => {
                (self.roots[into], self.held[into]) = (self.roots[first], self.held[first]);
                let held = self.held[into];
                self.cons(into, held, second)?;
            }
            Step::Numbers(into, count) => {
                for number in 0..count {
                    self.cons(into, Held::Number(number), into)?;
                }
            }
            Step::Set(root, field, from) => {
                if let (Some(cell), Held::Object(object)) =
                    (self.roots[root].as_cell(), self.held[root])
                {
                    self.heap.set(cell, field, self.roots[from]);
                    self.objects[object][field as usize] = self.held[from];
                }
            }
            Step::Follow(into, from, field) => {
                if let (Some(cell), Held::Object(object)) =
                    (self.roots[from].as_cell(), self.held[from])
                {
                    self.roots[into] = self.heap.get(cell, field);
                    self.held[into] = self.objects[object][field as usize];
                }
            }
            Step::Forget(root) => {
                (self.roots[root], self.held[root]) = (Value::NOTHING, Held::Nothing)
            }
            Step::Collect => self.collecting(|world| world.heap.collect(&mut world.roots))?,
            Step::Major => self.collecting(|world| {
                world.heap.collect(&mut world.roots)?;
                world.heap.major(&mut world.roots);
                Ok(())
            })?,
        }
        Ok(())
    }

    /// Every path from the roots reads the same in the heap and in the model, and the same cells
    /// are shared.
    fn assert_alike(&self) {
        let mut cells = HashMap::new();
        let mut objects = HashMap::new();
        let mut pending: Vec<_> = self.roots.into_iter().zip(self.held).collect();
        while let Some((value, held)) = pending.pop() {
            match held {
                Held::Nothing => assert_eq!(value, Value::NOTHING),
                Held::Number(number) => assert_eq!(value.as_number(), Some(number)),
                Held::Object(object) => {
                    let cell = value.as_cell().expect("a cell");
                    assert_eq!(*objects.entry(cell).or_insert(object), object, "two in one cell");
                    if let Some(known) = cells.insert(object, cell) {
                        assert_eq!(known, cell, "one in two cells");
                        continue;
                    }
                    for (field, held) in (0..).zip(self.objects[object]) {
                        pending.push((self.heap.get(cell, field), held));
                    }
                }
            }
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let root = || 0..ROOTS;
    let step = prop_oneof![
        6 => (root(), root(), root()).prop_map(|(into, a, b)| Step::Cons(into, a, b)),
        3 => (root(), 1_u32..300).prop_map(|(into, count)| Step::Numbers(into, count)),
        6 => (root(), 0_u32..2, root()).prop_map(|(root, field, from)| Step::Set(root, field, from)),
        6 => (root(), root(), 0_u32..2).prop_map(|(into, from, field)| Step::Follow(into, from, field)),
        1 => root().prop_map(Step::Forget),
        2 => Just(Step::Collect),
        1 => Just(Step::Major),
    ];
    prop::collection::vec(step, 1..120)
}

fn run(by: By, steps: &[Step]) -> World {
    let mut world = World::new(by);
    for step in steps {
        // A full heap has lost nothing. The run goes on with fewer live cells.
        if world.step(*step).is_err() {
            world.assert_alike();
            (world.roots[0], world.held[0]) = (Value::NOTHING, Held::Nothing);
        }
    }
    world.assert_alike();
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_the_roots_reach_is_never_changed_by_a_collection(steps in steps()) {
        run(By::Faults, &steps);
        run(By::Marks, &steps);
    }

    #[test]
    fn both_ways_of_noticing_writes_leave_the_same_words(steps in steps()) {
        let [faults, marks] = [By::Faults, By::Marks].map(|by| run(by, &steps));
        prop_assert_eq!(&faults.roots, &marks.roots);
        prop_assert_eq!(faults.heap.work(), marks.heap.work());
        for address in faults.heap.old_cells().step_by(4) {
            prop_assert_eq!(faults.heap.memory.load(address), marks.heap.memory.load(address));
        }
    }
}

#[test]
fn only_the_pages_that_were_written_are_read_again() {
    let mut world = World::new(By::Faults);
    world.steps(&[Step::Numbers(0, 400), Step::Collect, Step::Numbers(1, 400), Step::Collect]);
    let before = world.heap.work().pages;
    world.steps(&[Step::Cons(2, 1, 1), Step::Set(0, 0, 2), Step::Collect]);
    assert_eq!(world.heap.work().pages - before, 1);
    world.assert_alike();
}

#[test]
fn a_heap_full_of_needed_cells_says_so() {
    let mut world = World::new(By::Faults);
    assert_eq!(world.step(Step::Numbers(0, 10_000)), Err(Full));
    world.assert_alike();
    world.step(Step::Forget(0)).unwrap();
    world.step(Step::Collect).unwrap_err();
}
