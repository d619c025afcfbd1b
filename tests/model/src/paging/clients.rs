//! What clients do, and who does something next.

use abi::{Permissions, ProcessId, Syscall, UserPage, ViewSlot};
use kernel_core::state::process::State;

use super::acts::{NOISE, is_marked};
use super::layout::{COW, FOREIGN, HEAP, ME, NONE, PAGER, WRITE, page};
use super::machine::Machine;

/// Most clients that the parent makes, and most with their forked children.
pub const MADE: usize = 3;
pub const MOST: usize = 5;
/// The view of a client's child.
const VIEW: u32 = 0xC0;

impl Machine {
    pub(super) fn clients(&self) -> Vec<ProcessId> {
        let pager = self.pager();
        let living = self.world.living().into_iter();
        living
            .filter(|id| self.find(*id).is_some_and(|it| it.paging.pager == Some(pager)))
            .collect()
    }

    pub(super) fn pager_has_a_message(&self) -> bool {
        self.find(self.pager()).is_some_and(|it| it.state == State::Ready)
    }

    /// Others run between two calls of the pager, one time in `times`.
    pub(super) fn meanwhile(&mut self, times: u32) {
        self.judge_given();
        let pager = self.pager();
        if self.is_meanwhile || self.current() != Some(pager) || !self.random.one_in(times) {
            return;
        }
        self.is_meanwhile = true;
        for _ in 0..1 + self.random.below(3) {
            self.tick();
            if let Some(id) = self.actor() {
                self.act(id);
            }
        }
        assert!(self.run(pager), "the pager goes on");
        self.is_meanwhile = false;
    }

    /// A client stores to a page of its own before the pager's next call.
    pub(super) fn last_store(&mut self, client: ProcessId, at: UserPage) {
        let pager = self.pager();
        let is_ready = self.find(client).is_some_and(|it| it.state == State::Ready);
        if self.is_meanwhile || self.current() != Some(pager) || !is_ready {
            return;
        }
        if self.run(client) {
            self.touch(at.address(), Some(0xD1D1_D1D1));
        }
        assert!(self.run(pager), "the pager goes on");
    }

    /// The process on the CPU, unless it is the pager, or waits for it in the middle of a fork.
    pub(super) fn actor(&self) -> Option<ProcessId> {
        self.current().filter(|id| *id != self.pager() && !self.busy.contains(id))
    }

    /// A process does something that does not need the pager at once.
    pub(super) fn act(&mut self, id: ProcessId) {
        if id == self.boss { self.boss_acts() } else { self.client_acts(id) }
    }

    fn client_acts(&mut self, id: ProcessId) {
        if let Some((_, at)) = self.hot.take_if(|(client, _)| *client == id) {
            return self.store(id, at.page().number());
        }
        if self.random.one_in(3) {
            return self.go_along_a_row(id);
        }
        if self.random.one_in(2) {
            return self.load_or_store(id);
        }
        let from = self.marked_page(id);
        let (at, to_page) = (page(from), page(self.some_page(id)));
        match self.random.below(20) {
            0..=3 => self.load_or_store(id),
            4 | 5 => {
                let permissions = self.random.of(&[WRITE, NONE, PAGER, WRITE.union(PAGER)]);
                let (process, page) = (ME, at);
                self.make(id, Syscall::PageMap { process, page, to: ME, to_page, permissions });
            }
            6 => {
                let (process, page, marks) = (ME, at, NONE);
                self.make(id, Syscall::PageMove { process, page, to: ME, to_page, marks });
            }
            7 | 8 => self.move_away_and_back(id, from),
            9 => {
                let marks = self.random.of(&[NONE, NONE, PAGER]);
                self.make(id, Syscall::PageUnmap { process: ME, page: at, marks });
            }
            10 => {
                let (process, page, permissions) = (ME, at, WRITE);
                self.make(id, Syscall::PageAllocate { process, page, permissions });
            }
            11 | 12 => self.change_rights(id, from),
            13 => {
                let permissions = self.random.of(&[NONE, PAGER]);
                self.make(id, Syscall::PageCopy { process: ME, page: at, permissions });
            }
            14..=16 => {
                if let Some(at) = self.vacant_page(id) {
                    let later = self.random.one_in(3);
                    self.write_through_alias(id, (ME, from), page(at), later);
                }
            }
            17 => self.write_and_clear_dirty(id, from),
            18 if self.random.one_in(20) => self.view_a_child(id),
            19 if self.random.one_in(40) => self.begin(Syscall::Exit { status: 0 }),
            _ => {}
        }
    }

    /// A client goes along a row of pages up to its next fault. It reads them, so that the pager
    /// reads pages ahead, or writes them, so that the pages of the row go to the disk together.
    fn go_along_a_row(&mut self, id: ProcessId) {
        let writes = self.random.one_in(2);
        for _ in 0..8 {
            let (last, distance) = self.rows.get(&id.index()).copied().unwrap_or_default();
            let next = last.wrapping_add_signed(distance);
            let row = if HEAP.contains(&next) {
                (next, distance)
            } else {
                let first = HEAP.start + self.random.below(HEAP.len() as u32);
                (first, self.random.of(&[1, 1, 2, -1]))
            };
            self.rows.insert(id.index(), row);
            if writes && self.see(id, page(row.0)).is_writable() {
                self.fill_words(id, row.0, NOISE);
            } else {
                self.touch(row.0 << 12, None);
            }
            if self.current() != Some(id) {
                return;
            }
        }
    }

    fn load_or_store(&mut self, id: ProcessId) {
        let number = self.some_page(id);
        if self.random.one_in(2) {
            return self.store(id, number);
        }
        if !FOREIGN.contains(&number) || self.see(id, page(number)).is_present() {
            self.touch(number << 12, None);
        }
    }

    /// A client moves a page, writes it there, and moves it back.
    fn move_away_and_back(&mut self, id: ProcessId, from: u32) {
        let Some(to) = self.vacant_page(id) else { return };
        let shift = |from, to| Syscall::PageMove {
            process: ME,
            page: page(from),
            to: ME,
            to_page: page(to),
            marks: NONE,
        };
        if !self.make(id, shift(from, to)) {
            return;
        }
        if self.see(id, page(to)).is_writable() {
            self.fill(id, to);
        }
        self.make(id, shift(to, from));
    }

    fn change_rights(&mut self, id: ProcessId, number: u32) {
        let all: [(Permissions, Permissions); 6] =
            [(WRITE, NONE), (NONE, NONE), (COW, WRITE), (WRITE, COW), (NONE, WRITE), (NONE, PAGER)];
        let (drop, add) = self.random.of(&all);
        self.make(id, Syscall::PageProtect { process: ME, page: page(number), drop, add });
    }

    /// A client writes a marked page and clears its D; it may try to have the mark again.
    fn write_and_clear_dirty(&mut self, id: ProcessId, number: u32) {
        let leaf = self.see(id, page(number));
        if !is_marked(leaf) || !leaf.is_writable() {
            return;
        }
        self.fill(id, number);
        let protect =
            |add| Syscall::PageProtect { process: ME, page: page(number), drop: NONE, add };
        self.make(id, protect(NONE));
        if self.random.one_in(2) {
            self.make(id, protect(PAGER));
        }
    }

    /// A client views its child: from then on it cannot be viewed itself. Or it detaches the view.
    fn view_a_child(&mut self, id: ProcessId) {
        let Ok(view) = ViewSlot::new(VIEW) else { return };
        let living = self.world.living();
        let child = living.into_iter().find(|it| self.parents.get(&it.bits()) == Some(&id));
        match child {
            Some(child) if !self.random.one_in(3) => {
                self.make(id, Syscall::ViewAttach { process: child.into(), view });
            }
            Some(_) | None => {
                self.make(id, Syscall::ViewDetach { view });
            }
        }
    }
}
