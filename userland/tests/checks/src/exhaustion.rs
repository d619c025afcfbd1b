//! Memory that has run out: every call reports it, nothing is lost, and all memory comes back.

use libsys::call::clone;
use libsys::paging::fork::{Fork, fork};
use libsys::paging::regions::HEAP_END;
use libsys::process::{end, exit, wait};
use libsys::{
    Error, PageRange, Permissions, ProcessId, Target, machine, page_allocate, page_copy, page_map,
    page_unmap, process_create, range_allocate, range_share, range_unmap, receive, send, set_pager,
};

use crate::expect::{Outcome, Why, checks, equal, holds};
use crate::family::{PAGE_FAULT, child, ends_well, is_killed, until};
use crate::harness::pager_pages;
use crate::memory::{
    BOARD, HOARD, TEST_PAGES, children, fresh, need_nothing, parent, share_board, test_page,
    test_pages,
};
use support::Registers;
use support::gate::interrupt;
use support::memory::{load, store};

checks! {
    every_call_says_when_memory_is_gone needs FewFrames,
    a_process_that_needs_memory_ends_alone needs FewFrames NoSwapDisk,
    the_pager_outlives_memory_that_is_gone needs FewFrames,
    fork_until_memory_is_gone needs FewFrames,
    fork_until_all_slots_are_taken needs ManyFrames,
}

const NONE: Permissions = Permissions::empty();
const WRITE: Permissions = Permissions::WRITE;
const SELF: Target = Target::Caller;

/// Takes frames until only `leave` are left; returns how many pages it took.
fn hoard(leave: u32) -> u32 {
    let mut taken = 0;
    while machine().free > leave && taken < TEST_PAGES - HOARD {
        let pages = (machine().free - leave).min(64);
        let Ok(range) = test_pages(HOARD + taken, pages) else { break };
        match range_allocate(SELF, range, WRITE) {
            Ok(done) => taken += done,
            Err(partial) => {
                taken += partial.done;
                break;
            }
        }
    }
    taken
}

fn give_back(taken: u32) -> Result<(), Error> {
    let mut done = 0;
    while done < taken {
        let pages = (taken - done).min(PageRange::LIMIT);
        range_unmap(SELF, test_pages(HOARD + done, pages)?, NONE)?;
        done += pages;
    }
    Ok(())
}

/// A child without a pager, which has all the pages that it needs: no frames are freed for its
/// calls, and its pages stay.
fn child_without_pager(work: impl FnOnce() -> Outcome) -> Result<ProcessId, Why> {
    let child = child(|| {
        need_nothing()?;
        receive(Some(parent()?), None)?;
        work()
    })?;
    crate::family::until_blocked(child)?;
    set_pager(child, None)?;
    send(child, [0; 4], None)?;
    Ok(child)
}

fn every_call_says_when_memory_is_gone() -> Outcome {
    ends_well(child_without_pager(calls_say_so)?)
}

/// Nothing between the two comments may need a frame: the results are collected and checked
/// afterwards.
fn calls_say_so() -> Outcome {
    fresh(0)?;
    page_map((SELF, test_page(0)), (SELF, test_page(1)), NONE)?;
    let receiver = child(|| {
        let transfer =
            libsys::abi::call::PageTransfer { page: test_page(5000), send: None, accept: true };
        let message = receive(None, Some(transfer))?;
        equal("the message that came", message.words, [2; 4])
    })?;
    crate::family::until_blocked(receiver)?;
    set_pager(receiver, None)?;
    need_nothing()?;
    let taken = hoard(0);
    // From here on there is no free frame.
    let far = test_page(4096);
    let jos = |raw: Registers| Error::check(interrupt(raw).eax).map(|_| ());
    let partial = |result: Result<u32, libsys::call::Partial>| match result {
        Err(partial) if partial.done == 0 => Err(partial.error),
        Err(_) => Err(Error::Busy),
        Ok(_) => Ok(()),
    };
    let transfer =
        libsys::abi::call::PageTransfer { page: test_page(0), send: Some(WRITE), accept: false };
    let results = [
        page_allocate(SELF, test_page(2), WRITE),
        page_allocate(SELF, far, WRITE),
        page_map((SELF, test_page(0)), (SELF, far), WRITE),
        page_unmap(SELF, far, Permissions::COPY_ON_WRITE).map(|_| ()),
        page_copy(SELF, test_page(1), NONE).map(|_| ()),
        partial(range_allocate(SELF, test_pages(2, 64)?, WRITE)),
        partial(range_share(
            (SELF, test_pages(0, 2)?),
            (SELF, far),
            libsys::call::Change::NONE,
            false,
        )),
        process_create().map(|_| ()),
        fork().map(|_| ()),
        send(receiver, [1; 4], Some(transfer)),
        jos(Registers { eax: 4, ecx: test_page(2).address(), ebx: 7, ..Registers::default() }),
        jos(Registers { eax: 7, ..Registers::default() }),
    ];
    let without = page_map((SELF, test_page(0)), (SELF, test_page(2)), WRITE);
    let free = machine().free;
    give_back(taken)?;
    // Here there are free frames again.
    equal("free frames then", free, 0)?;
    for (index, result) in results.into_iter().enumerate() {
        equal(format_args!("result {index}"), result, Err(Error::OutOfFrames))?;
    }
    equal("what needs no frame", without, Ok(()))?;
    send(receiver, [2; 4], None)?;
    ends_well(receiver)
}

/// A child that takes all memory but `leave` frames until it is ended.
fn miser(leave: u32) -> Result<ProcessId, Why> {
    let miser = child_without_pager(|| {
        hoard(leave);
        send(parent()?, [0; 4], None)?;
        receive(None, None)?;
        Ok(())
    })?;
    receive(Some(miser), None)?;
    Ok(miser)
}

fn a_process_that_needs_memory_ends_alone() -> Outcome {
    let needy = child(|| {
        need_nothing()?;
        receive(Some(parent()?), None)?;
        // More than there is, even for a pager that compresses pages and drops those of files:
        // every word differs.
        for word in 0..0x8_0000 {
            store(HEAP_END - 0x30_0000 + word * 4, word.wrapping_mul(0x9E37_79B9) ^ word << 16);
        }
        Ok(())
    })?;
    crate::family::until_blocked(needy)?;
    need_nothing()?;
    let miser = miser(4)?;
    send(needy, [0; 4], None)?;
    let ended = wait(Some(needy));
    end(miser)?;
    equal("the needy one", ended.map(|ended| ended.status), Ok(PAGE_FAULT))?;
    // The pager is alive, and has a frame.
    equal("a page", load(HEAP_END - 0x20_0000), 0)
}

/// Sixty forks begin when there is no frame for the pager's records: each is taken or refused.
fn the_pager_outlives_memory_that_is_gone() -> Outcome {
    let mut made = [None; 60];
    for child in &mut made {
        *child = Some(process_create()?);
    }
    need_nothing()?;
    let miser = miser(0)?;
    let mut strange = None;
    for child in made.into_iter().flatten() {
        match clone(child) {
            Ok(()) | Err(Error::Refused) => {}
            Err(error) => strange = Some(error),
        }
    }
    end(miser)?;
    equal("an answer that is neither yes nor no", strange, None)?;
    for child in made.into_iter().flatten() {
        end(child)?;
    }
    equal("the pager serves", load(HEAP_END - 0x20_0000), 0)
}

/// Forks a chain: each process forks one child and waits for it, until a fork fails. Counts on the
/// board, and notes the last error there.
fn chain() -> ! {
    let board = BOARD.address();
    loop {
        store(board, load(board) + 1);
        match fork() {
            Ok(Fork::Child) => {}
            Ok(Fork::Parent { child }) => {
                let _ = wait(Some(child));
                exit(0);
            }
            Err(error) => {
                store(board + 4, error as u32);
                exit(0);
            }
        }
    }
}

/// Runs a chain and waits until none of its processes is left. `keep` was there before.
fn run_chain(keep: Option<ProcessId>) -> Result<(u32, u32), Why> {
    share_board()?;
    let before = machine().processes;
    let root = child(|| chain())?;
    wait(Some(root))?;
    // When a process in the middle ends for want of memory, its descendants become children of this
    // process.
    until("the chain is gone", || {
        if let Some(child) = children().find(|child| Some(*child) != keep) {
            let _ = libsys::destroy(child, true);
        }
        machine().processes <= before
    })?;
    Ok((load(BOARD.address()), load(BOARD.address() + 4)))
}

fn fork_until_memory_is_gone() -> Outcome {
    need_nothing()?;
    let miser = miser(3000)?;
    let (length, _) = run_chain(Some(miser))?;
    // The pager keeps the memory that its tables have grown to.
    let free = machine().free + pager_pages();
    let (again, _) = run_chain(Some(miser))?;
    let free_again = machine().free + pager_pages();
    end(miser)?;
    holds(format_args!("{length} processes are many"), length > 50)?;
    holds(format_args!("{again} processes are about as many"), again > 50)?;
    // Some pages of this program and its parent may have been paged out, or come back, meanwhile;
    // but not a frame for each process.
    holds(format_args!("{free} and {free_again} are about as many"), free_again + again > free)?;
    equal("the pager serves", load(HEAP_END - 0x20_0000), 0)
}

fn fork_until_all_slots_are_taken() -> Outcome {
    let before = machine().processes;
    let (length, error) = run_chain(None)?;
    equal("why no more", error, Error::OutOfProcesses as u32)?;
    equal("length of the chain", length, 1024 - before)?;
    let alone = child(|| Ok(()))?;
    ends_well(alone)?;
    let bare = crate::bare::run(crate::bare::LOAD, crate::bare::at(0))?;
    is_killed(bare, PAGE_FAULT)
}
