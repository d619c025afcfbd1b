//! What a child does while something runs short. Each scenario ends with success, or with the error
//! that the failed call documents; and checks all that it can see.

use alloc::vec;

use libsys::abi::call::PageTransfer;
use libsys::abi::layout::PAGE_SIZE;
use libsys::call::{Change, Ended, Partial};
use libsys::paging::fork::{Fork, fork};
use libsys::process::{Command, SpawnError, end, exit, id, wait};
use libsys::service::pager::{Request, ask};
use libsys::{
    Error, Frame, PageRange, Permissions, ProcessId, Target, UserPage, View, device_map,
    dma_allocate, page_allocate, page_copy, page_map, page_move, page_unmap, process_create,
    range_allocate, range_share, range_unmap, receive, send,
};
use support::Registers;
use support::gate::interrupt;
use support::memory::{load, store};

/// A scenario.
pub struct Scenario {
    /// What the tool calls it.
    pub name: &'static str,
    /// What the child does.
    pub run: fn() -> Result<(), Why>,
}

const fn scenario(name: &'static str, run: fn() -> Result<(), Why>) -> Scenario {
    Scenario { name, run }
}

/// All of them.
pub const SCENARIOS: [Scenario; 10] = [
    scenario("map", map),
    scenario("range", range),
    scenario("fork", forks),
    scenario("exofork", exoforks),
    scenario("spawn", spawns),
    scenario("message", message),
    scenario("view", view),
    scenario("swap", swaps),
    scenario("pager", starts_a_pager),
    scenario("driver", driver),
];

/// Why a scenario did not succeed.
pub enum Why {
    /// A call failed.
    Call(Error),
    /// A program could not be started.
    Spawn(SpawnError),
    /// A child of the scenario's ended so.
    Child(Ended),
    /// Memory has not the contents, or a call not the result, that it must have.
    Wrong,
}

impl From<Error> for Why {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<Partial> for Why {
    fn from(partial: Partial) -> Self {
        Self::Call(partial.error)
    }
}

impl From<SpawnError> for Why {
    fn from(error: SpawnError) -> Self {
        Self::Spawn(error)
    }
}

/// Exit status of a scenario that has seen something wrong.
const WRONG: u8 = 99;
/// Exit status if a program could not be started for another reason than a call's error.
const NOT_STARTED: u8 = 98;

impl Why {
    /// The exit status: an error's number, what a child ended with, or one of the two above.
    pub fn status(&self) -> u8 {
        match self {
            Self::Call(error) | Self::Spawn(SpawnError::Call(error)) => *error as u8,
            Self::Spawn(_) => NOT_STARTED,
            Self::Child(Ended { status, .. }) => *status as u8,
            Self::Wrong => WRONG,
        }
    }
}

const NONE: Permissions = Permissions::empty();
const WRITE: Permissions = Permissions::WRITE;
const SELF: Target = Target::Caller;

/// The `index`-th page from 1 GiB on, where no Rust object lies; every 1,024th needs a table.
const fn page(index: u32) -> UserPage {
    UserPage::known(0x4000_0000 + index * PAGE_SIZE)
}

fn pages(index: u32, count: u32) -> Result<PageRange, Error> {
    PageRange::new(page(index), count)
}

const fn expect(so: bool) -> Result<(), Why> {
    if so { Ok(()) } else { Err(Why::Wrong) }
}

/// A child that works and exits as a scenario does.
fn child(work: impl FnOnce() -> Result<(), Why>) -> Result<ProcessId, Why> {
    match fork()? {
        Fork::Parent { child } => Ok(child),
        Fork::Child => exit(work().map_or_else(|why| why.status(), |()| 0)),
    }
}

/// Waits for a child; its failure is the scenario's.
fn ends_well(child: ProcessId) -> Result<(), Why> {
    let ended = wait(Some(child))?;
    if ended.status == 0 { Ok(()) } else { Err(Why::Child(ended)) }
}

/// Pages one by one: each call that maps, where a table is missing and where it is there.
fn map() -> Result<(), Why> {
    page_allocate(SELF, page(0), WRITE)?;
    store(page(0).address(), 1);
    page_map((SELF, page(0)), (SELF, page(1)), NONE)?;
    page_map((SELF, page(0)), (SELF, page(1024)), NONE)?;
    page_copy(SELF, page(1), NONE)?;
    store(page(1).address(), 2);
    page_move((SELF, page(1)), (SELF, page(2048)), NONE)?;
    page_unmap(SELF, page(3072), Permissions::COPY_ON_WRITE)?;
    let seen = [page(0), page(1024), page(2048)].map(|page| load(page.address()));
    expect(seen == [1, 1, 2])
}

/// Ranges: across the edge between two tables.
fn range() -> Result<(), Why> {
    range_allocate(SELF, pages(1000, 64)?, WRITE)?;
    for index in 1000..1064 {
        store(page(index).address(), index);
    }
    let change = Change { drop: WRITE, add: Permissions::COPY_ON_WRITE };
    range_share((SELF, pages(1000, 64)?), (SELF, page(5100)), change, true)?;
    for index in 0..64 {
        expect(load(page(5100 + index).address()) == 1000 + index)?;
    }
    range_unmap(SELF, pages(1000, 64)?, Permissions::COPY_ON_WRITE)?;
    Ok(())
}

/// A fork, and a write to the same page on both sides.
fn forks() -> Result<(), Why> {
    let mut memory = vec![1_u32; 4096];
    let child = child(|| {
        expect(memory.iter().all(|word| *word == 1))?;
        core::hint::black_box(&mut memory).fill(2);
        expect(memory.iter().all(|word| *word == 2))
    })?;
    core::hint::black_box(&mut memory).fill(3);
    let outcome = ends_well(child);
    expect(memory.iter().all(|word| *word == 3))?;
    outcome
}

/// A JOS call by number, with its arguments in edx, ecx, ebx, edi and esi.
fn jos(number: u32, [edx, ecx, ebx, edi, esi]: [u32; 5]) -> Result<u32, Error> {
    let before = Registers { eax: number, edx, ecx, ebx, edi, esi, ..Registers::default() };
    Error::check(interrupt(before).eax)
}

/// JOS calls as JOS's own fork makes them: exofork, pages for the child, and its end.
fn exoforks() -> Result<(), Why> {
    const READ: u32 = 5;
    const READ_WRITE: u32 = 7;
    let [first, second] = [page(0).address(), page(1).address()];
    jos(4, [0, first, READ_WRITE, 0, 0])?;
    store(first, 5);
    // The child would return here, but is never made runnable.
    let child = jos(7, [0; 5])?;
    let populate = || {
        jos(4, [child, second, READ_WRITE, 0, 0])?;
        jos(5, [0, first, child, page(2048).address(), READ])?;
        jos(6, [child, second, 0, 0, 0])
    };
    let outcome = populate();
    jos(3, [child, 0, 0, 0, 0])?;
    expect(load(first) == 5)?;
    outcome?;
    Ok(())
}

/// A program by the pager.
fn spawns() -> Result<(), Why> {
    ends_well(Command::new("nothing").spawn()?)
}

/// A message with a page, to a process that has no table for the page.
fn message() -> Result<(), Why> {
    let parent = id();
    let receiver = child(|| {
        let transfer = PageTransfer { page: page(5000), send: None, accept: true };
        let message = receive(Some(parent), Some(transfer))?;
        expect(message.words == [6; 4] && load(page(5000).address()) == 7)
    })?;
    let sent = (|| {
        page_allocate(SELF, page(0), WRITE)?;
        store(page(0).address(), 7);
        let transfer = PageTransfer { page: page(0), send: Some(WRITE), accept: false };
        send(receiver, [6; 4], Some(transfer))
    })();
    if sent.is_err() {
        // The receiver may have ended for want of memory before; else it still waits.
        end(receiver)?;
        return Ok(sent?);
    }
    ends_well(receiver)
}

/// A view of a child that maps.
fn view() -> Result<(), Why> {
    let child = process_create()?;
    let look = || -> Result<(), Why> {
        page_allocate(child, page(0), WRITE)?;
        let view = View::of(child)?;
        page_allocate(child, page(1024), WRITE)?;
        let entry_of = |page: UserPage| view.window().entry_of(page.page());
        let is_present = |page| entry_of(page).is_some_and(libsys::Entry::is_present);
        expect([page(0), page(1), page(1024)].map(is_present) == [true, false, true])
    };
    let outcome = look();
    end(child)?;
    outcome
}

/// More pages than the process may have in memory: each goes out and comes back.
fn swaps() -> Result<(), Why> {
    const PAGES: usize = 24;
    const WORDS: usize = PAGE_SIZE as usize / 4;
    // What cannot be compressed goes to the disk, if there is one.
    let word = |index: usize| (index as u32).wrapping_mul(0x9E37_79B9) ^ (index as u32) << 16;
    expect(ask(Request::SetLimit { client: id(), pages: 8 })?[0] == 0)?;
    let mut memory = vec![0_u32; PAGES * WORDS];
    for round in 0..2 {
        for (index, value) in memory.iter_mut().enumerate() {
            expect(*value == if round == 0 { 0 } else { word(index) })?;
            *value = word(index);
        }
    }
    Ok(())
}

/// A program that is a pager itself, with a client.
fn starts_a_pager() -> Result<(), Why> {
    ends_well(Command::new("tiny_pager").spawn()?)
}

/// What a driver gets: DMA frames, device memory, and a driver as its child.
fn driver() -> Result<(), Why> {
    /// The last 16 bytes below 4 GiB, where the CPU starts: in the firmware's ROM.
    const ROM: Frame = Frame::from_number(0xF_FFFF);
    dma_allocate(pages(0, 2)?)?;
    store(page(1).address(), 9);
    device_map(ROM, pages(1024, 1)?)?;
    ends_well(Command::new("nothing").driver().spawn()?)?;
    expect(load(page(1).address()) == 9)
}
