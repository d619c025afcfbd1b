//! Every sequence of calls on two spaces and a few pages: each state is remembered, and each call
//! is made once from each state, until no new state comes or there are enough.
//!
//! The spaces are those of the first process and of its child, which does not run. The first
//! process makes all calls, on both spaces, and loads and stores in its own. The pages lie at the
//! edges of the memory map and of tables, and few frames are free, so calls fail for want of frames
//! in many states. After each step the kernel is compared with the reference model, and no cached
//! translation may give more than the tables do.
//!
//! A kernel cannot be copied, so one machine walks from state to state. To reach a state from
//! anywhere, it goes back to the first state (the child is destroyed, every page unmapped) and from
//! there makes the calls that led to the state first.
//!
//! First the walk is *in order*, breadth first: it makes every call from a state before it makes
//! one from the next, until every sequence of so many calls was made. Then it is *free*: it goes on
//! from the state that it has come to, which costs no way back and leads far from the first state,
//! but leaves calls behind. It makes those, too, where a world ends. Where a world is given up,
//! only the states that are counted as *finished* had every call made from them.
//!
//! A state is what the model has of both spaces: leaves, tables, views, which leaves name the same
//! frame, and the first word of each frame. Frame numbers, ids and times are not part of it. Of
//! each state 64 bits of a hash are kept. That two of five million states have the same, so that
//! one of them is left out, has a probability below 1 in a million.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use abi::process::Target;
use abi::transaction::{Kind, Wish};
use abi::{PageRange, Permissions, ProcessId, Syscall, UserPage, ViewSlot};

use crate::reference::state::{Doing, Model, Names, Regs, bit};
use crate::run::action::Action;
use crate::run::machine::Machine;

/// Where lists are written: in the data of the first process, behind the word by which a state is
/// known.
const LIST_AT: u32 = 0x0080_1008;

/// A world: its name, its pages, and how many frames are free.
struct World {
    name: &'static str,
    pages: &'static [u32],
    free: u32,
    /// Loads and stores, marks and views too.
    all: bool,
}

const WORLDS: [World; 4] = [
    World { name: "one-page", pages: &[0x1000_0000], free: 5, all: true },
    World { name: "first-pages", pages: &[0, 0x003F_F000, 0x0040_0000], free: 7, all: false },
    World {
        name: "last-pages",
        pages: &[0xEE7F_F000, 0xEEBF_E000, 0xEEBF_F000],
        free: 7,
        all: true,
    },
    World {
        name: "table-edge",
        pages: &[0x0FFF_F000, 0x1000_0000, 0x1000_1000],
        free: 8,
        all: true,
    },
];

/// What the first process does. `true` is the child's space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Move {
    Create,
    Destroy,
    Attach,
    Detach,
    Load(u32),
    Store(u32),
    Allocate((bool, u32), u32),
    Unmap((bool, u32), u32),
    Protect((bool, u32), u32, u32),
    Copy((bool, u32)),
    Map((bool, u32), (bool, u32), u32),
    Shift((bool, u32), (bool, u32)),
    /// Shares both ways of a fork, page by page or all that lie side by side.
    Fork(u32, u32),
    Share(bool, u32),
    /// Changes listed pages of a space, or maps such pages of the first process there, a distance
    /// on. The list has the entries as they are.
    List(bool, Pages, Wish),
}

/// One page, or two, which may be the same.
type Pages = [Option<u32>; 2];

/// The calls of a world.
fn moves(world: &World) -> Vec<Move> {
    let mut all = vec![Move::Create, Move::Destroy];
    if world.all {
        all.extend([Move::Attach, Move::Detach]);
    }
    let places: Vec<(bool, u32)> =
        world.pages.iter().flat_map(|page| [(false, *page), (true, *page)]).collect();
    for page in world.pages {
        all.extend([Move::Fork(*page, 1), Move::Share(false, *page), Move::Share(true, *page)]);
        if world.all {
            all.extend([Move::Load(*page), Move::Store(*page)]);
        }
    }
    all.push(Move::Fork(world.pages[0], 2));
    all.extend(lists(world));
    for place in &places {
        let place = *place;
        all.extend([Move::Allocate(place, bit::W), Move::Unmap(place, 0), Move::Copy(place)]);
        all.extend([Move::Protect(place, bit::W, 0), Move::Protect(place, 0, bit::W)]);
        if world.all {
            all.extend([Move::Allocate(place, 0x800), Move::Unmap(place, bit::PAGER)]);
            all.push(Move::Protect(place, 0, bit::PAGER));
        }
        for to in places.iter().copied().filter(|to| *to != place) {
            all.extend([Move::Map(place, to, 0), Move::Map(place, to, bit::W)]);
            all.push(Move::Shift(place, to));
        }
    }
    all
}

/// The transactions of a world, on one page and on two.
fn lists(world: &World) -> Vec<Move> {
    let chosen = Permissions::from_bits_truncate;
    let wish =
        |kind, drop, add, distance| Wish { kind, drop: chosen(drop), add: chosen(add), distance };
    let fork = wish(Kind::MapBoth, bit::W, 0x800, 0);
    let mut all = Vec::new();
    for (index, page) in world.pages.iter().copied().enumerate() {
        let next = world.pages[(index + 1) % world.pages.len()];
        let one = [Some(page), None];
        for pages in [one, [Some(page), Some(next)]] {
            for is_child in [false, true] {
                all.push(Move::List(is_child, pages, wish(Kind::Unmap, 0, 0, 0)));
                all.push(Move::List(is_child, pages, wish(Kind::Protect, bit::W, 0, 0)));
            }
            all.push(Move::List(true, pages, fork));
        }
        for is_child in [false, true] {
            all.push(Move::List(is_child, one, wish(Kind::Protect, 0, bit::W, 0)));
            if world.all {
                all.push(Move::List(is_child, one, wish(Kind::Unmap, 0, bit::PAGER, 0)));
            }
        }
        all.push(Move::List(true, one, wish(Kind::Map, 0, 0, 0)));
        let on = next.wrapping_sub(page) >> 12;
        all.push(Move::List(false, one, wish(Kind::Map, 0, 0, on)));
        all.push(Move::List(false, one, wish(Kind::MapBoth, bit::W, 0x800, on)));
    }
    all
}

/// A state: how it was reached first, and which calls were made from it.
struct State {
    from: u32,
    by: u16,
    depth: u16,
    /// How many calls were made from it, in an order that begins anywhere.
    made: u16,
}

/// The walk through a world.
struct Walk {
    machine: Machine,
    pages: &'static [u32],
    moves: Vec<Move>,
    known: HashMap<u64, u32>,
    states: Vec<State>,
    /// Every call was made from the states before this one.
    unfinished: usize,
    steps: u64,
}

/// How far a walk goes, unless its world ends before.
#[derive(Clone, Copy)]
pub struct Bounds {
    /// States.
    pub states: usize,
    /// Every sequence of so many calls is made in any case.
    pub calls: u16,
}

/// Time between two lines that say how far a walk is.
const PROGRESS: Duration = Duration::from_secs(10);

/// Walks through the world of this name, or through all of them by the name `worlds`; each until no
/// new state comes or the bounds are reached.
///
/// # Errors
/// There is no such world; or the kernel and the model differ: the calls that show it.
pub fn named(name: &str, bounds: Bounds) -> Result<String, String> {
    panic::set_hook(Box::new(|_| {}));
    let mut total = None;
    for world in WORLDS.iter().filter(|world| world.name == name || name == "worlds") {
        let walk = walk(world, bounds)?;
        let is_closed = walk.unfinished == walk.states.len();
        let end = if is_closed { "and no more" } else { "then given up" };
        println!("{} ({:x?}): {}, {end}", world.name, world.pages, walk.summary());
        total = Some(total.unwrap_or(0) + walk.states.len());
    }
    total.map(|total| format!("{total} states")).ok_or_else(|| "there is no such world".to_owned())
}

fn walk(world: &World, bounds: Bounds) -> Result<Walk, String> {
    let mut machine = Machine::new(world.free + world.pages.len() as u32);
    machine.audits_tlb = true;
    let mut walk = Walk {
        machine,
        pages: world.pages,
        moves: moves(world),
        known: HashMap::new(),
        states: Vec::new(),
        unfinished: 0,
        steps: 0,
    };
    // The page of the lists was written in every state.
    walk.step(Action::Access(LIST_AT, Some(0)))?;
    // The tables of the first process stay once they are there.
    for page in world.pages {
        walk.act(Move::Allocate((false, *page), bit::W))?;
    }
    walk.reset()?;
    let mut at = walk.arrive(0, 0, 0);
    let begin = Instant::now();
    let mut told = begin;
    while let Some(first) = walk.first_unfinished() {
        let in_order = walk.states[first as usize].depth < bounds.calls;
        if !in_order && walk.states.len() >= bounds.states {
            break;
        }
        if walk.is_finished(at) || in_order && at != first {
            at = walk.go_to(first)?;
        }
        at = walk.next(at)?;
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            let left = begin.elapsed().as_secs_f64() * walk.left(bounds);
            let summary = walk.summary();
            eprintln!("exhaustive: {}: {summary}; at least {left:.0} s more", world.name);
        }
    }
    Ok(walk)
}

impl Walk {
    fn is_finished(&self, state: u32) -> bool {
        self.states[state as usize].made as usize == self.moves.len()
    }

    /// The first state from which not every call was made.
    fn first_unfinished(&mut self) -> Option<u32> {
        while self.unfinished < self.states.len() && self.is_finished(self.unfinished as u32) {
            self.unfinished += 1;
        }
        (self.unfinished < self.states.len()).then_some(self.unfinished as u32)
    }

    /// How far it is.
    fn summary(&self) -> String {
        let finished = (0..self.states.len() as u32).filter(|state| self.is_finished(*state));
        let (states, finished) = (self.states.len(), finished.count());
        format!("{states} states, {finished} of them finished, by {} steps", self.steps)
    }

    /// How much is left at least, as a multiple of what was done: the calls that are known to be
    /// left, or the states that the bounds allow.
    fn left(&self, bounds: Bounds) -> f64 {
        let made: usize = self.states.iter().map(|state| usize::from(state.made)).sum();
        let calls = self.states.len() * self.moves.len() - made;
        let states = bounds.states.saturating_sub(self.states.len());
        f64::min(calls as f64 / made as f64, states as f64 / self.states.len() as f64)
    }

    /// Makes the next call of a state. Returns the state that it leads to.
    fn next(&mut self, at: u32) -> Result<u32, String> {
        let state = &mut self.states[at as usize];
        let by = (at as usize * 7 + state.made as usize) % self.moves.len();
        state.made += 1;
        let depth = state.depth + 1;
        self.act(self.moves[by]).map_err(|error| self.explain(at, by as u16, &error))?;
        Ok(self.arrive(at, by as u16, depth))
    }

    /// The state that the machine is in; a new one was reached so.
    fn arrive(&mut self, from: u32, by: u16, depth: u16) -> u32 {
        let key = key(&self.machine.model);
        let next = self.states.len() as u32;
        let state = *self.known.entry(key).or_insert(next);
        if state == next {
            self.states.push(State { from, by, depth, made: 0 });
        } else if depth < self.states[state as usize].depth {
            // A shorter way, which makes going there again cheaper. `from` always has a smaller
            // depth, so ways do not become circles.
            let known = &mut self.states[state as usize];
            (known.from, known.by, known.depth) = (from, by, depth);
        }
        state
    }

    /// Leads the machine to a state, from the first one.
    fn go_to(&mut self, to: u32) -> Result<u32, String> {
        self.reset()?;
        let mut path = Vec::new();
        let mut at = to;
        while at != 0 {
            path.push(self.states[at as usize].by);
            at = self.states[at as usize].from;
        }
        for by in path.into_iter().rev() {
            self.act(self.moves[by as usize])?;
        }
        if self.known.get(&key(&self.machine.model)) != Some(&to) {
            return Err(format!("state {to} is not reached again by the same calls"));
        }
        Ok(to)
    }

    /// Back to the first state: no child, no page.
    fn reset(&mut self) -> Result<(), String> {
        self.act(Move::Destroy)?;
        if !self.machine.model.procs[0].space.views.is_empty() {
            self.act(Move::Detach)?;
        }
        for page in self.pages {
            if self.machine.model.procs[0].space.leaves.contains_key(&(page >> 12)) {
                self.act(Move::Unmap((false, *page), 0))?;
            }
        }
        Ok(())
    }

    /// The calls that lead to a state, and the one that fails there.
    fn explain(&self, at: u32, by: u16, error: &str) -> String {
        let mut path = vec![format!("{:x?}: {error}", self.moves[by as usize])];
        let mut at = at;
        while at != 0 {
            path.push(format!("{:x?}", self.moves[self.states[at as usize].by as usize]));
            at = self.states[at as usize].from;
        }
        path.reverse();
        format!("after the calls\n  {}", path.join("\n  "))
    }

    /// Does one thing on both sides.
    fn act(&mut self, what: Move) -> Result<(), String> {
        let child = (1..self.machine.model.procs.len())
            .find(|slot| self.machine.model.procs[*slot].doing == Doing::Ready);
        let child = child.map(|slot| self.machine.model.procs[slot].id);
        match what {
            Move::Load(page) if self.machine.model.may_use(0, page, false) => {
                return self.step(Action::Access(page, None));
            }
            Move::Store(page) if self.machine.model.may_use(0, page, true) => {
                return self.step(Action::Access(page, Some(page >> 12 | 1)));
            }
            // What is not there would end the first process.
            Move::Load(_) | Move::Store(_) => return Ok(()),
            // One child is enough.
            Move::Create if child.is_some() => return Ok(()),
            Move::List(is_child, pages, wish) => self.write_list((is_child, child), pages, wish)?,
            _ => {}
        }
        let Some(call) = call(what, child) else { return Ok(()) };
        self.make(call)?;
        if what == Move::Destroy {
            while !self.machine.model.dying.is_empty() {
                self.step(Action::Tick)?;
            }
            self.make(Syscall::Wait { child: None })?;
        }
        Ok(())
    }

    /// Writes the list of a transaction, with the entries as they are.
    fn write_list(
        &mut self,
        (is_child, child): (bool, Option<u32>),
        pages: Pages,
        wish: Wish,
    ) -> Result<(), String> {
        let slot = match child {
            Some(child) if is_child && !wish.kind.maps() => child as usize % 1024,
            _ => 0,
        };
        for (page, at) in pages.into_iter().flatten().zip((LIST_AT..).step_by(8)) {
            let model = &self.machine.model;
            let entry = model.bits_of(model.leaf(slot, page >> 12));
            self.step(Action::Access(at, Some(page)))?;
            self.step(Action::Access(at + 4, Some(entry)))?;
        }
        Ok(())
    }

    /// Makes a call, again and again while it restarts.
    fn make(&mut self, call: Syscall) -> Result<(), String> {
        let raw = call.encode();
        let [ebx, esi, edi, ebp] = raw.words;
        let old = self.machine.model.procs[0].regs;
        let regs = Regs {
            eax: raw.head,
            edx: raw.process,
            ecx: raw.page,
            ebx,
            esi,
            edi,
            ebp,
            trap: 0x30,
            ..old
        };
        self.step(Action::Call(regs))?;
        while self.machine.model.procs[0].regs.eip == crate::world::CALL_SITE {
            self.step(Action::Again)?;
        }
        Ok(())
    }

    fn step(&mut self, action: Action) -> Result<(), String> {
        self.steps += 1;
        let machine = &mut self.machine;
        panic::catch_unwind(AssertUnwindSafe(|| machine.step(action))).unwrap_or_else(|payload| {
            let text = payload.downcast_ref::<String>().cloned();
            Err(format!("panic: {}", text.unwrap_or_default()))
        })
    }
}

/// The call of a move. `None`: there is no child to make it on.
fn call(what: Move, child: Option<u32>) -> Option<Syscall> {
    let page = UserPage::known;
    let chosen = Permissions::from_bits_truncate;
    let of = |is_child: bool| -> Option<Target> {
        if !is_child {
            return Some(Target::Caller);
        }
        Some(Target::Process(ProcessId::new(child?).ok()?))
    };
    let range = |first: u32, pages: u32| PageRange::new(page(first), pages).ok();
    let share = |from: bool, first: u32, pages: u32, both: bool| -> Option<Syscall> {
        let (drop, add) = (Permissions::WRITE, Permissions::COPY_ON_WRITE);
        let (process, to) = (of(from)?, of(!from)?);
        let range = range(first, pages)?;
        Some(Syscall::RangeShare { process, range, to, to_page: page(first), drop, add, both })
    };
    Some(match what {
        Move::Create => Syscall::ProcessCreate { copy: false },
        Move::Destroy => Syscall::Destroy { process: of(true)?, subtree: false },
        Move::Attach => Syscall::ViewAttach { process: of(true)?, view: ViewSlot::new(0xC0).ok()? },
        Move::Detach => Syscall::ViewDetach { view: ViewSlot::new(0xC0).ok()? },
        Move::Load(_) | Move::Store(_) => return None,
        Move::Allocate((s, at), bits) => {
            Syscall::PageAllocate { process: of(s)?, page: page(at), permissions: chosen(bits) }
        }
        Move::Unmap((s, at), bits) => {
            Syscall::PageUnmap { process: of(s)?, page: page(at), marks: chosen(bits) }
        }
        Move::Protect((s, at), drop, add) => Syscall::PageProtect {
            process: of(s)?,
            page: page(at),
            drop: chosen(drop),
            add: chosen(add),
        },
        Move::Copy((s, at)) => {
            Syscall::PageCopy { process: of(s)?, page: page(at), permissions: Permissions::empty() }
        }
        Move::Map((s, at), (t, to), bits) => Syscall::PageMap {
            process: of(s)?,
            page: page(at),
            to: of(t)?,
            to_page: page(to),
            permissions: chosen(bits),
        },
        Move::Shift((s, at), (t, to)) => Syscall::PageMove {
            process: of(s)?,
            page: page(at),
            to: of(t)?,
            to_page: page(to),
            marks: Permissions::empty(),
        },
        Move::Fork(first, pages) => share(false, first, pages, true)?,
        Move::Share(from, first) => share(from, first, 1, false)?,
        Move::List(is_child, pages, wish) => {
            let pages = pages.into_iter().flatten().count() as u32;
            Syscall::Transact { process: of(is_child)?, list: LIST_AT, pages, wish }
        }
    })
}

/// What a state is known by.
fn key(model: &Model) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut names = Vec::new();
    for process in model.procs.iter().filter(|process| process.doing == Doing::Ready) {
        0xFFFF_FFFF_u32.hash(&mut hasher);
        for table in process.space.tables.keys() {
            table.hash(&mut hasher);
        }
        for (entry, view) in &process.space.views {
            (entry, view.is_some()).hash(&mut hasher);
        }
        for (page, leaf) in &process.space.leaves {
            (page, leaf.bits).hash(&mut hasher);
            let Names::Ram(token) = leaf.names else { continue };
            let name = names.iter().position(|known| *known == token).unwrap_or_else(|| {
                names.push(token);
                names.len() - 1
            });
            (name, model.frame(token).words[0]).hash(&mut hasher);
        }
    }
    hasher.finish()
}
