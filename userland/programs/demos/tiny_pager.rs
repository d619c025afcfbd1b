//! `tiny_pager`: a pager in a hundred lines. It forks a child, becomes the child's pager, and gives
//! it [`ROOM`] pages of heap at a time, though the child works with [`PAGES`]. The oldest page goes
//! first; its contents are stored in the pager's own memory. docs/pagers.md explains it step by
//! step.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec;

use libsys::abi::call::FaultReply;
use libsys::abi::format::elf::STACK_START;
use libsys::abi::layout::{PAGE_SIZE, USER_STACK_TOP};
use libsys::paging::fixed_pages::{self, Bytes, Scratch, held};
use libsys::paging::fork::{Fork, fork};
use libsys::paging::regions::{HEAP_END, HEAP_START};
use libsys::process::{exit, id};
use libsys::service::message::{Event, next_event};
use libsys::{
    Error, Permissions, ProcessId, Target, UserPage, fault_reply, identity, page_allocate,
    page_move, page_unmap, println, receive, send, set_pager,
};

libsys::main!(main);
libsys::about!("pages its child itself, in a hundred lines");

/// Pages that the child fills.
const PAGES: usize = 24;
/// Pages of heap that the child may have at a time: an instruction may need two of them, and a call
/// as well.
const ROOM: usize = 4;
/// The mark on an absent leaf: the page is paged out.
const PAGED_OUT: Permissions = Permissions::PAGER;

fn main() -> Result<u8, Error> {
    let child = match fork()? {
        Fork::Child => exit(u8::from(work().is_err())),
        Fork::Parent { child } => child,
    };
    // The pager is the child's parent, so it need not have accepted clients. The child waits for
    // the message.
    set_pager(child, Some(id()))?;
    send(child, [0; 4], None)?;
    let mut pager = Pager::new(child);
    let status = loop {
        match next_event()? {
            Event::Fault { client, address, .. } if client == child => pager.fault(address)?,
            Event::Exit { child: ended, status, .. } if ended == child => break status,
            // No process should have sent these.
            Event::Message { .. }
            | Event::Fault { .. }
            | Event::Exit { .. }
            | Event::Interrupt
            | Event::Clone { .. }
            | Event::Frames { .. } => {}
        }
    };
    println!("tiny_pager: {} pages out, {} in", pager.pages_out, pager.pages_in);
    match status {
        0 => println!("tiny_pager: every byte is right"),
        1 => println!("tiny_pager: bytes were lost"),
        // For want of memory, for example: then the kernel has printed a line about the fault.
        status => println!("tiny_pager: the child has ended with status {status}"),
    }
    Ok(if status == 0 { u8::from(pager.pages_in == 0) } else { status as u8 })
}

/// What the pager knows of its one client.
struct Pager {
    child: ProcessId,
    /// The pages that are in memory, the oldest first.
    present: VecDeque<UserPage>,
    /// The contents of the pages that are paged out.
    paged_out: BTreeMap<u32, Box<Bytes>>,
    pages_in: u32,
    pages_out: u32,
}

impl Pager {
    const fn new(child: ProcessId) -> Self {
        Self {
            child,
            present: VecDeque::new(),
            paged_out: BTreeMap::new(),
            pages_in: 0,
            pages_out: 0,
        }
    }

    /// Serves a fault. The child waits until this replies; then its instruction is executed again.
    fn fault(&mut self, address: u32) -> Result<(), Error> {
        let child = self.child;
        let Some(page) = UserPage::containing(address) else {
            return fault_reply(child, FaultReply::Refuse);
        };
        match address {
            STACK_START..USER_STACK_TOP => page_allocate(child, page, Permissions::WRITE)?,
            HEAP_START..HEAP_END => {
                if self.present.len() == ROOM {
                    self.page_one_out()?;
                }
                self.present.push_back(page);
                if let Some(bytes) = self.paged_out.remove(&address_of(page)) {
                    return self.bring_back(page, &bytes);
                }
                page_allocate(child, page, Permissions::WRITE)?;
            }
            _ => return fault_reply(child, FaultReply::Refuse),
        }
        fault_reply(child, FaultReply::Resume)
    }

    /// Takes the oldest page. The child cannot change it after the move, so it is read after the
    /// move.
    fn page_one_out(&mut self) -> Result<(), Error> {
        let Some(oldest) = self.present.pop_front() else { return Ok(()) };
        page_move((self.child, oldest), (Target::Caller, held(0)), PAGED_OUT)?;
        let mut bytes = Box::new([0; PAGE_SIZE as usize]);
        fixed_pages::read(held(0), &mut bytes);
        page_unmap(Target::Caller, held(0), Permissions::empty())?;
        self.paged_out.insert(address_of(oldest), bytes);
        self.pages_out += 1;
        Ok(())
    }

    /// Fills the scratch page, maps it into the child, and gives it up.
    fn bring_back(&mut self, page: UserPage, bytes: &Bytes) -> Result<(), Error> {
        let mut scratch = Scratch::new()?;
        *scratch.bytes() = *bytes;
        self.pages_in += 1;
        scratch.give(self.child, page, Permissions::WRITE)?;
        fault_reply(self.child, FaultReply::Resume)
    }
}

fn address_of(page: UserPage) -> u32 {
    page.page().address()
}

/// The child: fills its pages three times, each time in another order, and checks every word before
/// it changes it.
fn work() -> Result<(), Error> {
    receive(identity().parent, None)?;
    let mut pages = vec![[0_u32; WORDS]; PAGES];
    for (round, stride) in (1..).zip([5, 7, 11]) {
        for page in (0..PAGES).map(|step| step * stride % PAGES) {
            for (word, value) in pages[page].iter_mut().enumerate() {
                if *value != pattern(page, word, round - 1) {
                    println!("tiny_pager: word {word} of page {page} is {value:#x}");
                    return Err(Error::Fault);
                }
                *value = pattern(page, word, round);
            }
        }
    }
    Ok(())
}

const WORDS: usize = PAGE_SIZE as usize / 4;

/// The contents of a word of a page after a round; 0 before the first.
const fn pattern(page: usize, word: usize, round: u32) -> u32 {
    ((page * WORDS + word) as u32 + 1).wrapping_mul(round.wrapping_mul(0x9E37_79B9))
}
