//! What must hold of each page that goes and comes back. The judge is physical memory, so no rule
//! about marks is needed to say what is right:
//!
//! - When the pager drops the frame of a page that is paged out, all 4,096 bytes are noted with the
//!   page's rights; when the page comes back, it must have the same bytes and rights.
//! - A frame that is dropped is mapped nowhere else: a page that others can still write must stay.
//! - A frame that is filled for the next page was dropped, and is mapped once.
//! - Neither a page nor a mark is put where a page is present.

use abi::process_info::Status;
use abi::{Entry, EntryFlags, Error, ProcessId, UserPage};
use pager::PLACES;

use super::kept::{Kept, RIGHTS};
use super::layout::{PAGED_OUT, TEXT, held, text};
use super::machine::Machine;

impl Machine {
    pub(super) fn is_paged_out(&self, client: ProcessId, page: UserPage) -> bool {
        self.see(client, page).bits() == PAGED_OUT
    }

    /// Notes what a page must have when it comes back, if it is paged out.
    fn note(&mut self, client: ProcessId, page: UserPage, kept: &Kept) -> bool {
        let is_paged_out = self.is_paged_out(client, page);
        if is_paged_out {
            self.judge.kept.insert((client.bits(), page.address()), kept.clone());
        }
        is_paged_out
    }

    /// The pager has taken a page.
    pub(super) fn judge_taken(&mut self, place: usize, taken: (ProcessId, UserPage, Entry)) {
        if self.taken[place].replace(taken).is_some() {
            self.fail(format!("place {place} is taken twice"));
        }
    }

    /// The pager is about to use a spare. Its frame holds no page that others can see.
    pub(super) fn judge_spare(&mut self, place: usize) {
        let frame = self.see(self.pager(), held(place)).frame();
        let mappings = self.world.kernel.frames.count(frame);
        if self.taken[place].is_some() || mappings != Some(1) {
            self.fail(format!("place {place} has no spare: {mappings:?} mappings"));
        }
    }

    /// The pager is about to drop a held page, or to keep its frame for another one. The first time
    /// for each taken page counts: from then on it may come back.
    pub(super) fn judge_dropped(&mut self, place: usize) {
        let Some((client, page, leaf)) = self.taken[place].take() else { return };
        let could_not_return = self.judge.could_not_return[place].take();
        let frame = self.see(self.pager(), held(place)).frame();
        let held = (0..PLACES).map(|place| self.see(self.pager(), held(place)));
        let ours = held.filter(|leaf| leaf.is_present() && leaf.frame() == frame).count() as u32;
        let mappings = self.world.kernel.frames.count(frame);
        if could_not_return.is_none() && mappings != Some(ours) {
            self.fail(format!("[{client}] {page:?} goes, and others map its frame: {mappings:?}"));
        }
        let kept = Kept { words: self.words(frame), rights: leaf.bits() & RIGHTS, went: true };
        let number = page.page().number();
        let is_false = TEXT.contains(&number) && !is_of(&text(number), &kept.words);
        self.tally.false_text += u64::from(is_false);
        let is_clean = leaf.contains(EntryFlags::PAGER) && !leaf.is_dirty();
        if self.note(client, page, &kept) {
            self.tally.went += 1;
            self.tally.clean += u64::from(is_clean);
        }
        // Not if the client has got another page there, or has ended: then this one is nobody's.
        if !matches!(could_not_return, Some(Error::Busy | Error::NoSuchProcess)) {
            self.note_for_children(client, page, &kept);
        }
    }

    /// The pager has given a taken page back.
    pub(super) fn judge_returned(&mut self, place: usize) {
        let Some((client, page, _)) = self.taken[place].take() else { return };
        self.judge.kept.remove(&(client.bits(), page.address()));
    }

    /// The same for the children that a client forks and that have not started: what it loses now,
    /// it cannot share with them any more. A page that they have lost already, one that they shared
    /// before the client got another one there, stays theirs.
    fn note_for_children(&mut self, client: ProcessId, page: UserPage, kept: &Kept) {
        let children = self.parents.iter().filter(|(_, parent)| **parent == client);
        let children: Vec<u32> = children.map(|(child, _)| *child).collect();
        for child in children.into_iter().filter_map(|child| ProcessId::new(child).ok()) {
            let of_child = self.judge.kept.get(&(child.bits(), page.address()));
            let is_lost = of_child.is_some_and(|kept| kept.went);
            let lives = self.find(child).is_some();
            if lives && !is_lost && !self.has_started(child) {
                let noted = self.note(child, page, kept);
                self.tally.for_children += u64::from(noted);
            }
        }
    }

    /// The pager has marked a page of a child that a client forks. The page is the parent's, which
    /// is paged out or being taken now. If it is neither, it may go soon, and is noted then.
    pub(super) fn judge_marked(&mut self, child: ProcessId, page: UserPage) {
        let Some(parent) = self.parents.get(&child.bits()).copied() else { return };
        let of_parent = |taken: &Option<(ProcessId, UserPage, Entry)>| {
            taken.is_some_and(|(client, at, _)| (client, at) == (parent, page))
        };
        let kept = match self.taken.iter().position(of_parent) {
            Some(index) => {
                let leaf = self.taken[index].map_or(Entry::ABSENT, |(_, _, leaf)| leaf);
                let words = self.words(self.see(self.pager(), held(index)).frame());
                Some(Kept { words, rights: leaf.bits() & RIGHTS, went: false })
            }
            None if self.is_paged_out(parent, page) => {
                self.judge.kept.get(&(parent.bits(), page.address())).cloned()
            }
            None => None,
        };
        let noted = kept.is_some_and(|kept| self.note(child, page, &kept));
        self.tally.inherited += u64::from(noted);
    }

    /// Whether a process has been started, as everybody can read.
    fn has_started(&self, id: ProcessId) -> bool {
        const READY: [u32; 2] = [Status::Runnable as u32, Status::Running as u32];
        let info = self.world.info(id);
        info.runs > 0 || READY.contains(&info.status)
    }

    /// The page that was given last has its bytes and rights, before anybody else runs.
    pub(super) fn judge_given(&mut self) {
        let Some((client, page, before, bytes)) = self.given.take() else { return };
        let kept = self.judge.kept.remove(&(client.bits(), page.address()));
        let leaf = self.see(client, page);
        if before.bits() != PAGED_OUT || !leaf.is_present() {
            return;
        }
        // A child's mark for a page of its parent that did not go after all.
        let Some(Kept { words, rights, .. }) = kept else { return };
        self.tally.came += 1;
        if !is_of(&bytes, &words) {
            self.fail(format!("[{client}] {page:?} comes back with other bytes"));
        }
        if leaf.bits() & RIGHTS != rights {
            self.fail(format!(
                "[{client}] {page:?} comes back with the rights {:#x} instead of {rights:#x}",
                leaf.bits() & RIGHTS
            ));
        }
    }
}

/// Whether the words of a page are these bytes.
fn is_of(bytes: &[u8; 4096], words: &[u32; 1024]) -> bool {
    bytes.chunks(4).zip(words).all(|(bytes, word)| *bytes == word.to_le_bytes())
}
