//! The page tables of any client of the caller's pager, which the pager reads for it.
//!
//! A parent and a pager can view a process; a program that somebody types beside it is neither. The
//! pager has a view of each of its clients anyway, so it answers with words of that: a program
//! walks them as it walks its own window. Nothing is read that the client could not read itself.
//!
//! Each word is one of the moment in which it is asked for. A picture of all tables is not one of
//! one moment, unless nothing else runs. A client that views others cannot be viewed.

use core::cell::Cell;

use abi::layout::UVPT;
use abi::{ProcessId, Slot};

use super::pager::{NOT_A_CLIENT, Request, ask};
use crate::paging::self_map::{TableReader, Window};

/// Where the words of a client's window come from.
#[derive(Debug)]
pub struct Asked {
    client: ProcessId,
    /// The answers to the last question about tables and to the last one about the directory, each
    /// with the number of its first page. A walk reads both in turn.
    last: [Cell<(u32, [u32; 4])>; 2],
    is_lost: Cell<bool>,
}

/// No page has this number.
const NO_PAGE: u32 = u32::MAX;

/// The tables of a client: the pager is asked for each four words. `None`: the process is no client
/// of the caller's pager, or views others.
#[must_use]
pub fn tables_of(client: ProcessId) -> Option<Window<Asked>> {
    let last = [const { Cell::new((NO_PAGE, [0; 4])) }; 2];
    let window = Window::new(Slot::WINDOW, Asked { client, last, is_lost: Cell::new(false) });
    // Directory entry 0x3BD of a process is never empty.
    window.directory_entry(Slot::WINDOW.index()).is_present().then_some(window)
}

impl Asked {
    /// Whether an answer was missing: the client has ended meanwhile, and words that read 0 may not
    /// have been 0.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.is_lost.get()
    }
}

impl TableReader for Asked {
    fn word(&self, address: u32) -> u32 {
        let page = (address - UVPT) / 4;
        let first = page & !3;
        let last = &self.last[usize::from(page >> 10 == Slot::WINDOW.index())];
        if last.get().0 != first {
            let client = self.client;
            let words = ask(Request::Entries { client, page: first }).unwrap_or([NOT_A_CLIENT; 4]);
            let is_lost = words == [NOT_A_CLIENT; 4];
            self.is_lost.set(self.is_lost.get() || is_lost);
            last.set((first, if is_lost { [0; 4] } else { words }));
        }
        last.get().1[(page & 3) as usize]
    }
}
