//! What the parent of all clients does: it maps, writes and changes their pages, is their pager for
//! a moment, sets their quotas, and uses memory up.

use std::ops::Range;

use abi::process::Target;
use abi::{PageRange, Permissions, ProcessId, Syscall};

use super::acts::is_marked;
use super::layout::{ME, NONE, PAGER, TEXT, WRITE, page};
use super::machine::Machine;
use crate::world::rest_of;

/// Pages of the parent's, some of them mapped in clients.
const OWN: Range<u32> = 0x2_0000..0x2_0006;
/// Pages that only use up memory.
const HOG: Range<u32> = 0x2_0100..0x2_01C0;
/// The most pages that one call allocates.
const PIECE: u32 = 64;

impl Machine {
    /// The parent does something with its clients.
    pub(super) fn boss_acts(&mut self) {
        let clients: Vec<ProcessId> =
            self.clients().into_iter().filter(|id| !self.busy.contains(id)).collect();
        if clients.is_empty() {
            return;
        }
        let random = &mut self.random;
        if let Some((client, at)) = self.hot.take_if(|_| random.one_in(3)) {
            return self.use_hot_page(client, at.page().number());
        }
        let (one, other) = (self.random.of(&clients), self.random.of(&clients));
        let (from, to) = (self.marked_page(one), self.some_page(other));
        let own = OWN.start + self.random.below(OWN.len() as u32);
        let boss = self.boss;
        match self.random.below(24) {
            0..=3 => self.write_through_alias(boss, (one.into(), from), page(own), false),
            4 | 5 => {
                let permissions = self.some_permissions();
                self.map((one.into(), from), (ME, own), permissions);
            }
            6 => {
                let permissions = self.some_permissions();
                self.map((one.into(), from), (other.into(), to), permissions);
            }
            7 => self.place(other, to),
            9 => self.give_false_text(one),
            8 | 10 | 11 => {
                let unmap = Syscall::PageUnmap { process: ME, page: page(own), marks: NONE };
                self.make(boss, unmap);
            }
            12 => self.shift((one.into(), from), (other.into(), to)),
            13 => {
                let (process, page) = (one.into(), page(from));
                self.make(boss, Syscall::PageProtect { process, page, drop: NONE, add: NONE });
            }
            14 | 15 => self.be_the_pager(one),
            16 | 17 => self.use_memory(),
            19 => self.change_quota(one),
            20 if self.random.one_in(50) => {
                self.make(boss, Syscall::Destroy { process: one.into(), subtree: false });
            }
            _ => self.write_own(own),
        }
    }

    fn some_permissions(&mut self) -> Permissions {
        if self.random.one_in(3) { NONE } else { WRITE }
    }

    fn map(&mut self, from: (Target, u32), to: (Target, u32), permissions: Permissions) -> bool {
        let map = Syscall::PageMap {
            process: from.0,
            page: page(from.1),
            to: to.0,
            to_page: page(to.1),
            permissions,
        };
        self.make(self.boss, map)
    }

    fn shift(&mut self, from: (Target, u32), to: (Target, u32)) {
        let shift = Syscall::PageMove {
            process: from.0,
            page: page(from.1),
            to: to.0,
            to_page: page(to.1),
            marks: NONE,
        };
        self.make(self.boss, shift);
    }

    /// The parent has a page of its own, which it has written.
    fn write_own(&mut self, own: u32) {
        let leaf = self.see(self.boss, page(own));
        if !leaf.is_present() {
            let (process, page, permissions) = (ME, page(own), WRITE);
            if !self.make(self.boss, Syscall::PageAllocate { process, page, permissions }) {
                return;
            }
        } else if !leaf.is_writable() {
            return;
        }
        self.fill(self.boss, own);
    }

    /// Does something with the page that the pager is about to give or to take.
    fn use_hot_page(&mut self, client: ProcessId, at: u32) {
        if !self.see(client, page(at)).is_present() {
            if self.setting.quotas && self.random.one_in(2) {
                return self.change_quota(client);
            }
            self.tally.placed += 1;
            return self.place(client, at);
        }
        let own = OWN.start + self.random.below(OWN.len() as u32);
        if self.random.one_in(2) {
            self.map((client.into(), at), (ME, own), WRITE);
        } else {
            self.write_through_alias(self.boss, (client.into(), at), page(own), false);
        }
    }

    /// Puts a page of the parent's own at a page of a client, and keeps no mapping of it.
    fn place(&mut self, client: ProcessId, at: u32) {
        let own = OWN.start + self.random.below(OWN.len() as u32);
        self.write_own(own);
        if self.random.one_in(2) {
            self.shift((ME, own), (client.into(), at));
            return;
        }
        let permissions = self.some_permissions();
        if self.map((ME, own), (client.into(), at), permissions) {
            self.make(self.boss, Syscall::PageUnmap { process: ME, page: page(own), marks: NONE });
        }
    }

    /// Puts a page with other bytes than the file's where the client has text, with text's rights.
    fn give_false_text(&mut self, client: ProcessId) {
        let own = OWN.start + self.random.below(OWN.len() as u32);
        let at = TEXT.start + self.random.below(TEXT.len() as u32);
        self.write_own(own);
        if self.map((ME, own), (client.into(), at), NONE) {
            self.make(self.boss, Syscall::PageUnmap { process: ME, page: page(own), marks: NONE });
        }
    }

    /// The parent is a client's pager for a moment: it writes a page of which the pager has a copy,
    /// and sets the mark PAGER there as only a pager can.
    fn be_the_pager(&mut self, client: ProcessId) {
        let Some(number) = self.one_of(client, is_marked) else { return };
        let process = client.into();
        let own = OWN.end;
        let (boss, pager) = (self.boss, self.pager());
        if !self.make(boss, Syscall::SetPager { process, pager: Some(boss) }) {
            return;
        }
        self.write_through_alias(boss, (process, number), page(own), false);
        let protect = Syscall::PageProtect { process, page: page(number), drop: NONE, add: PAGER };
        let marked = self.make(boss, protect);
        self.tally.foreign_marks += u64::from(marked);
        self.make(boss, Syscall::SetPager { process, pager: Some(pager) });
    }

    /// Uses 64 frames more, or gives all back.
    fn use_memory(&mut self) {
        let (first, pages) = if self.random.one_in(3) {
            (HOG.start, HOG.len() as u32)
        } else {
            (HOG.start + self.random.below(HOG.len() as u32 - PIECE), PIECE)
        };
        let Ok(range) = PageRange::new(page(first), pages) else { return };
        let process = ME;
        let call = if pages > PIECE {
            Syscall::RangeUnmap { process, range, marks: NONE }
        } else {
            Syscall::RangeAllocate { range, process, permissions: WRITE }
        };
        self.make_whole(call);
    }

    /// The parent makes a range call until all pages are done, or one fails.
    fn make_whole(&mut self, call: Syscall) {
        let mut done = 0;
        while let Some(rest) = rest_of(call, done)
            && self.current() == Some(self.boss)
            && let Ok([pages, ..]) = self.call(rest)
        {
            done += pages;
        }
    }

    /// The parent takes all frames that are free.
    pub(super) fn use_all_memory(&mut self) {
        if !self.run(self.boss) {
            return;
        }
        for first in HOG.step_by(PIECE as usize) {
            let Ok(range) = PageRange::new(page(first), PIECE) else { continue };
            self.make_whole(Syscall::RangeAllocate { range, process: ME, permissions: WRITE });
        }
    }

    /// A client may have a few frames more than it has, or as many as it likes.
    fn change_quota(&mut self, client: ProcessId) {
        if !self.setting.quotas {
            return;
        }
        let process = client.into();
        if self.current() != Some(self.boss) {
            return;
        }
        let Ok([has, ..]) = self.call(Syscall::Usage { process }) else { return };
        let more = if self.random.one_in(3) { 1000 } else { self.random.below(4) };
        let frames = has + more;
        self.make(self.boss, Syscall::SetQuota { process, frames, processes: 8 });
    }
}
