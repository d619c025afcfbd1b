//! `rewritten`: writes pages that have come back from the disk, and then maps, moves and protects
//! them. Each write must still be there when the page has gone and come back once more. `rewritten
//! view` views a child first: its own pages go all the same.
#![no_std]
#![no_main]
#![allow(unsafe_code)]

extern crate alloc;

use alloc::vec;
use alloc::vec::Vec;
use core::hint::black_box;

use libsys::call::{Change, page_map, page_move, page_protect, page_unmap};
use libsys::paging::self_map::Step;
use libsys::paging::view::View;
use libsys::process::id;
use libsys::process::start::usage;
use libsys::service::pager::{Request, ask};
use libsys::{
    EntryFlags, Error, Page, Permissions, Target, UserPage, println, process_create, window,
};

libsys::main!(main, arguments);
libsys::about!("pages that are written between two disk trips", "rewritten [view]");

const WORDS: usize = 1024;
type Words = [u32; WORDS];
/// Enough pages to have all others evicted, as the program may have eight in memory.
const MANY: usize = 64;
/// The page that is written, and the page of a second mapping.
const PAGE: usize = 3;
const OTHER: usize = 40;
const SELF: Target = Target::Caller;
const WRITE: Permissions = Permissions::WRITE;

/// What is done to a page around the write.
///
/// The calls replace and share pages of a `Vec`. No reference to its words exists during a call,
/// and each call leaves words at the same addresses. A page that shares a frame or has lost its
/// contents is only read as numbers, and any bits are a number.
type Way = fn(&mut Memory, u32) -> Result<(), Error>;

const WAYS: [(&str, Way); 5] = [
    ("only written", |memory, value| {
        memory.write(PAGE, value);
        Ok(())
    }),
    ("protected", |memory, value| {
        memory.write(PAGE, value);
        // SAFETY: the permissions and the contents stay.
        unsafe { page_protect(SELF, memory.at(PAGE)?, Change::NONE) }.map(drop)
    }),
    ("moved there and back", |memory, value| {
        memory.write(PAGE, value);
        let (page, other) = (memory.at(PAGE)?, memory.at(OTHER)?);
        let none = Permissions::empty();
        // SAFETY: see `Way`. The other page, which is absent afterwards, becomes zeros.
        unsafe { page_unmap(SELF, other, none) }?;
        // SAFETY: see `Way`.
        unsafe { page_move((SELF, page), (SELF, other), none) }?;
        // SAFETY: see `Way`.
        unsafe { page_move((SELF, other), (SELF, page), none) }.map(drop)
    }),
    ("mapped onto itself", |memory, value| {
        memory.write(PAGE, value);
        let page = memory.at(PAGE)?;
        // SAFETY: the page keeps its frame.
        unsafe { page_map((SELF, page), (SELF, page), WRITE | Permissions::PAGER) }
    }),
    ("written through a second mapping", |memory, value| {
        let (page, other) = (memory.at(PAGE)?, memory.at(OTHER)?);
        // SAFETY: see `Way`.
        unsafe { page_map((SELF, page), (SELF, other), WRITE) }?;
        memory.write(OTHER, value);
        // SAFETY: see `Way`. The other page becomes zeros.
        unsafe { page_unmap(SELF, other, Permissions::empty()) }.map(drop)
    }),
];

fn main() -> Result<u8, Error> {
    let mut arguments = libsys::args().skip(1);
    let view = match (arguments.next(), arguments.next()) {
        (None, _) => None,
        (Some("view"), None) => Some(View::of(process_create()?)?),
        (Some(_), _) => {
            return Ok(usage());
        }
    };
    ask(Request::SetLimit { client: id(), pages: 1 })?;
    let mut memory = Memory::new();
    memory.evict_others();
    println!(
        "the page is {}",
        if memory.is_paged_out(PAGE)? { "paged out" } else { "still there" }
    );
    let mut wrong = 0;
    for (value, (name, way)) in (1..).zip(WAYS) {
        memory.evict_others();
        // Read first, so that the pager keeps the copy on the disk.
        black_box(memory.read(PAGE));
        way(&mut memory, value)?;
        memory.evict_others();
        let found = memory.read(PAGE);
        println!("{name}: {}", if found == value { "right" } else { "WRONG" });
        wrong += u8::from(found != value);
    }
    drop(view);
    Ok(wrong)
}

/// Pages that do not compress, so that they go to the disk.
struct Memory(Vec<Words>);

impl Memory {
    fn new() -> Self {
        let mut seed = 12345_u32;
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            seed
        };
        let mut pages = vec![[0; WORDS]; MANY + 1];
        pages.iter_mut().flatten().for_each(|word| *word = next());
        Self(pages)
    }

    /// The array and the word in the middle of page `index`. A page begins at a multiple of 4 KiB,
    /// in the middle of one of the arrays.
    fn place(&self, index: usize) -> (usize, usize) {
        let gap = (self.0.as_ptr().addr().wrapping_neg() % 4096) / 4;
        let word = index * WORDS + gap + 7;
        (word / WORDS, word % WORDS)
    }

    fn at(&self, index: usize) -> Result<UserPage, Error> {
        let (array, word) = self.place(index);
        let address = (&raw const self.0[array][word]).addr() as u32;
        UserPage::containing(address).ok_or(Error::InvalidArgument)
    }

    fn write(&mut self, index: usize, value: u32) {
        let (array, word) = self.place(index);
        self.0[array][word] = black_box(value);
    }

    fn read(&self, index: usize) -> u32 {
        let (array, word) = self.place(index);
        black_box(&self.0)[array][word]
    }

    /// Reads all pages but [`PAGE`] and [`OTHER`], so that these are evicted.
    fn evict_others(&self) {
        for index in (0..MANY).filter(|index| ![PAGE, OTHER].contains(index)).chain(0..3) {
            black_box(self.read(index));
        }
    }

    /// Whether a page is paged out.
    fn is_paged_out(&self, index: usize) -> Result<bool, Error> {
        let page = Page::containing(self.at(index)?.address());
        Ok(match window().walk(page) {
            Step::Leaf(leaf) => !leaf.is_present() && leaf.flags().contains(EntryFlags::PAGER),
            Step::NoTable(_) | Step::Hidden(_) | Step::Large(_) | Step::View(_) => false,
        })
    }
}
