//! The pager's calls: what `userland/servers/pager/src/backend.rs` does, by the same calls, made by
//! the first process.

use abi::fault::Access;
use abi::process::Target;
use abi::process_info::Status;
use abi::{
    DirectoryEntry, Entry, Error, Frame, Page, PageRange, Permissions, ProcessId, Syscall,
    UserPage, ViewSlot,
};
use swap::backend::{GiveError, PageClass};
use swap::page::Rights;
use swap::{Backend, Bytes, CLUSTER, Disk, DiskError, Memory};

use super::clients::{EXCEPTION, HEAP, TEXT, file};
use super::machine::{HELD, Machine, SCRATCH};

const ME: Target = Target::Caller;
const NONE: Permissions = Permissions::empty();
/// The pager's mark on an absent leaf.
const PAGED_OUT: u32 = 0x200;
/// The directory entry of the view of the client in slot 0.
const VIEWS: u32 = 0x100;
/// Directory entries under which clients have pages of their program's regions.
const OURS: [u32; 3] = [TEXT.start >> 10, HEAP.start >> 10, EXCEPTION >> 10];

const fn held(index: usize) -> UserPage {
    UserPage::known(HELD + index as u32 * 0x1000)
}

const fn scratch_page() -> UserPage {
    UserPage::known(SCRATCH)
}

impl Machine {
    /// A load by the pager.
    fn load(&mut self, address: u32) -> Option<u32> {
        self.world.kernel.cpu.hardware.user_read(address).ok()
    }

    /// Whether the pager's view of a client shows it.
    fn has_view(&mut self, client: ProcessId) -> bool {
        let is_known = self.views.get(&client.index()).is_some_and(|view| view.0 == client);
        is_known && self.directory_word(client, 0x3BD) != 0
    }

    fn directory_word(&mut self, client: ProcessId, index: u32) -> u32 {
        let directory = (VIEWS + client.index()) << 22 | 0x3BD << 12;
        self.load(directory + index * 4).unwrap_or(0)
    }

    /// A leaf through the view, as a program walks it.
    fn viewed_leaf(&mut self, client: ProcessId, page: u32) -> Entry {
        let entry = Entry::from_bits(self.directory_word(client, page >> 10));
        if DirectoryEntry::classify(entry, Frame::from_number(0)) == DirectoryEntry::Absent
            || !entry.is_own_table()
        {
            return Entry::ABSENT;
        }
        let address = ((VIEWS + client.index()) << 22) + page * 4;
        Entry::from_bits(self.load(address).unwrap_or(0))
    }

    /// The present leaf of a client that cannot be viewed; A and D are cleared.
    fn present(&mut self, client: ProcessId, page: UserPage) -> Result<Entry, Error> {
        let process = client.into();
        let words = self.call(Syscall::PageProtect { process, page, drop: NONE, add: NONE })?;
        Ok(Entry::from_bits(words[0]))
    }

    /// The absent leaf of a client that cannot be viewed: its marks are taken off and put back.
    fn absent(&mut self, client: ProcessId, page: UserPage) -> Entry {
        let process = client.into();
        let call = Syscall::PageUnmap { process, page, marks: NONE };
        let Ok([leaf, ..]) = self.call(call) else { return Entry::ABSENT };
        let leaf = Entry::from_bits(leaf);
        let marks = leaf.permissions() - Permissions::WRITE;
        if !marks.is_empty() {
            let _ = self.call(Syscall::PageUnmap { process, page, marks });
        }
        leaf
    }

    /// Notes what a page must have when it comes back, if it is paged out.
    fn note(&mut self, client: ProcessId, page: UserPage, words: &[u32; 1024]) {
        if self.see(client, page).bits() == PAGED_OUT {
            self.expected.insert((client.bits(), page.address()), Box::new(*words));
            self.tally.went += 1;
        }
    }

    /// The same for the children that a client forks and that have not started: what it loses now,
    /// it cannot share with them any more.
    fn note_for_children(&mut self, client: ProcessId, page: UserPage, words: &[u32; 1024]) {
        let children: Vec<u32> = self
            .parents
            .iter()
            .filter(|(_, parent)| **parent == client)
            .map(|(child, _)| *child)
            .collect();
        for child in children.into_iter().filter_map(|child| ProcessId::new(child).ok()) {
            if self.find(child).is_some() && !self.has_started(child) {
                self.note(child, page, words);
            }
        }
    }

    /// Compares the bytes with which a page comes back.
    pub(super) fn compare(&mut self, client: ProcessId, page: UserPage, bytes: &Bytes) {
        let expected = self.expected.remove(&(client.bits(), page.address()));
        if self.see(client, page).bits() != PAGED_OUT {
            return;
        }
        // A child's mark for a page of its parent that did not go after all.
        let Some(expected) = expected else { return };
        let mut words =
            bytes.chunks(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        let differs = expected.iter().position(|word| words.next() != Some(*word));
        self.tally.came += 1;
        if let Some(at) = differs {
            self.fail(format!(
                "[{client}] {page:?} comes back with another word {at:#x} than {:#x}",
                expected[at]
            ));
        }
    }
}

impl Memory for Machine {
    fn take(&mut self, _: usize, _: usize) -> bool {
        true
    }
}

impl Disk for Machine {
    fn slots(&self) -> u32 {
        self.slots.len() as u32
    }

    fn fill_buffer(&mut self, index: usize, bytes: &Bytes) {
        self.buffer[index] = *bytes;
    }

    fn read_buffer(&mut self, index: usize, bytes: &mut Bytes) {
        *bytes = self.buffer[index];
    }

    fn write(&mut self, first: u32, count: usize) -> Result<(), DiskError> {
        self.meanwhile();
        if self.random.one_in(60) {
            return Err(DiskError::Failed);
        }
        self.slots[first as usize..][..count].copy_from_slice(&self.buffer[..count]);
        Ok(())
    }

    fn read(&mut self, first: u32, count: usize) -> Result<(), DiskError> {
        self.meanwhile();
        self.buffer[..count].copy_from_slice(&self.slots[first as usize..][..count]);
        Ok(())
    }
}

impl Backend for Machine {
    fn free_frames(&mut self) -> u32 {
        self.meanwhile();
        self.call(Syscall::Machine).map_or(0, |words| words[1])
    }

    fn is_alive(&self, client: ProcessId) -> bool {
        self.find(client).is_some()
    }

    fn has_started(&self, client: ProcessId) -> bool {
        const READY: [u32; 2] = [Status::Runnable as u32, Status::Running as u32];
        let info = self.world.info(client);
        self.find(client).is_none() || info.runs > 0 || READY.contains(&info.status)
    }

    fn page_class(&self, _: ProcessId, page: Page) -> PageClass {
        match page.number() {
            page if TEXT.contains(&page) => PageClass::Text,
            page if HEAP.contains(&page) || page == EXCEPTION => PageClass::Private,
            _ => PageClass::Foreign,
        }
    }

    fn attach_view(&mut self, client: ProcessId) -> bool {
        if self.has_view(client) {
            return true;
        }
        let Ok(view) = ViewSlot::new(VIEWS + client.index()) else { return false };
        self.views.remove(&client.index());
        let _ = self.call(Syscall::ViewDetach { view });
        let attached = self.call(Syscall::ViewAttach { process: client.into(), view }).is_ok();
        if attached {
            self.views.insert(client.index(), (client, true));
        }
        attached
    }

    fn view_was_lost(&mut self, client: ProcessId) -> bool {
        if !self.has_view(client) {
            return true;
        }
        let view = self.views.get_mut(&client.index());
        view.is_none_or(|view| std::mem::replace(&mut view.1, false))
    }

    fn table_from(&mut self, client: ProcessId, index: u32) -> Option<u32> {
        if !self.attach_view(client) {
            return None;
        }
        OURS.into_iter()
            .filter(|table| *table >= index)
            .find(|table| Entry::from_bits(self.directory_word(client, *table)).is_own_table())
    }

    fn leaves(&mut self, client: ProcessId, first: Page) -> [Entry; CLUSTER] {
        self.meanwhile();
        let is_viewed = self.attach_view(client);
        std::array::from_fn(|index| {
            let page = first.number() + index as u32;
            if is_viewed {
                return self.viewed_leaf(client, page);
            }
            let page = UserPage::containing(page << 12);
            page.and_then(|page| self.present(client, page).ok()).unwrap_or(Entry::ABSENT)
        })
    }

    fn leaf(&mut self, client: ProcessId, page: UserPage) -> Entry {
        if self.attach_view(client) {
            return self.viewed_leaf(client, page.page().number());
        }
        match self.present(client, page) {
            Ok(leaf) => leaf,
            Err(Error::NotMapped) => self.absent(client, page),
            Err(_) => Entry::ABSENT,
        }
    }

    fn clear_accessed(&mut self, client: ProcessId, first: Page) -> u32 {
        self.meanwhile();
        let range =
            UserPage::new(first.address()).and_then(|first| PageRange::new(first, CLUSTER as u32));
        let Ok(range) = range else { return 0 };
        let process = client.into();
        let call = Syscall::RangeProtect { process, range, drop: NONE, add: NONE };
        self.call(call).map_or(0, |words| words[3])
    }

    fn references(&mut self, frame: Frame) -> u32 {
        let call = Syscall::FrameReferences { frame: frame.number() };
        self.call(call).map_or(u32::MAX, |words| words[0])
    }

    fn take_page(&mut self, client: ProcessId, page: UserPage, index: usize) -> Option<Entry> {
        self.meanwhile();
        let call = Syscall::PageMove {
            process: client.into(),
            page,
            to: ME,
            to_page: held(index),
            marks: Permissions::PAGER,
        };
        let [leaf, ..] = self.call(call).ok()?;
        self.taken[index] = Some((client, page));
        Some(Entry::from_bits(leaf))
    }

    fn read_taken(&mut self, index: usize, bytes: &mut Bytes) {
        self.meanwhile();
        let frame = self.see(self.pager(), held(index)).frame();
        let words = self.words(frame);
        for (bytes, word) in bytes.chunks_mut(4).zip(words.iter()) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
    }

    fn matches_the_file(&mut self, _: ProcessId, page: UserPage, index: usize) -> bool {
        let mut bytes = [0; 4096];
        self.read_taken(index, &mut bytes);
        bytes == file(page.page().number())
    }

    fn give_back(
        &mut self,
        client: ProcessId,
        page: UserPage,
        index: usize,
    ) -> Result<(), GiveError> {
        self.meanwhile();
        let call = Syscall::PageMove {
            process: ME,
            page: held(index),
            to: client.into(),
            to_page: page,
            marks: NONE,
        };
        self.call(call).map_err(GiveError::from)?;
        self.taken[index] = None;
        Ok(())
    }

    fn drop_taken(&mut self, index: usize) {
        let frame = self.see(self.pager(), held(index)).frame();
        let words = self.words(frame);
        if let Some((client, page)) = self.taken[index].take() {
            self.note(client, page, &words);
            self.note_for_children(client, page, &words);
        }
        let _ = self.call(Syscall::PageUnmap { process: ME, page: held(index), marks: NONE });
    }

    fn scratch(&mut self) -> Result<&mut Bytes, GiveError> {
        self.meanwhile();
        if self.scratch.is_none() {
            let (page, permissions) = (scratch_page(), Permissions::WRITE);
            let call = Syscall::PageAllocate { process: ME, page, permissions };
            self.call(call).map_err(GiveError::from)?;
            self.scratch = Some(Box::new([0; 4096]));
        }
        self.scratch.as_deref_mut().ok_or(GiveError::NoFrame)
    }

    fn give_scratch(
        &mut self,
        client: ProcessId,
        page: UserPage,
        rights: Rights,
        marked: bool,
    ) -> Result<Frame, GiveError> {
        self.meanwhile();
        let bytes = self.scratch.take().ok_or(GiveError::NoFrame)?;
        let frame = self.see(self.pager(), scratch_page()).frame();
        for (index, word) in (0..).zip(bytes.chunks(4)) {
            let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            self.world.kernel.cpu.hardware.set_word(frame, index, word);
        }
        let gives_up = !rights.sealed && !rights.permissions.contains(Permissions::WRITE);
        let mark = if marked { Permissions::PAGER } else { NONE };
        let mut add = rights.permissions | mark;
        add.set(Permissions::WRITE, gives_up || rights.permissions.contains(Permissions::WRITE));
        let (process, drop) = (ME, Permissions::all() - add);
        let _ = self.call(Syscall::PageProtect { process, page: scratch_page(), drop, add });
        let was = (self.see(client, page), *bytes);
        if !was.0.is_present() && self.find(client).is_some() {
            self.compare(client, page, &was.1);
        }
        let call = Syscall::PageMove {
            process: ME,
            page: scratch_page(),
            to: client.into(),
            to_page: page,
            marks: NONE,
        };
        if let Err(error) = self.call(call) {
            self.note_again(client, page, &bytes);
            self.scratch = Some(bytes);
            return Err(GiveError::from(error));
        }
        if gives_up {
            let (process, drop) = (client.into(), Permissions::WRITE);
            let _ = self.call(Syscall::PageProtect { process, page, drop, add: NONE });
        }
        Ok(frame)
    }

    fn give_first(
        &mut self,
        client: ProcessId,
        page: UserPage,
        access: Access,
    ) -> Result<bool, GiveError> {
        let number = page.page().number();
        let is_text = TEXT.contains(&number);
        let is_read_only = is_text && access.contains(Access::WRITE);
        if is_read_only || !is_text && !HEAP.contains(&number) && number != EXCEPTION {
            return Ok(false);
        }
        *self.scratch()? = if is_text { file(number) } else { [0; 4096] };
        let permissions = if is_text { NONE } else { Permissions::WRITE };
        self.give_scratch(client, page, Rights { permissions, sealed: is_text }, false)?;
        Ok(true)
    }

    fn copy(&mut self, client: ProcessId, page: UserPage) -> Result<(), GiveError> {
        let permissions = self.leaf(client, page).permissions() & Permissions::SHARED;
        let process = client.into();
        self.call(Syscall::PageCopy { process, page, permissions })
            .map(drop)
            .map_err(GiveError::from)
    }

    fn mark_paged_out(&mut self, client: ProcessId, page: UserPage) -> Result<(), GiveError> {
        self.meanwhile();
        if self.see(client, page).is_present() {
            self.fail(format!("[{client}] {page:?}: a mark over a page loses it"));
        }
        let (process, marks) = (client.into(), Permissions::PAGER);
        self.call(Syscall::PageUnmap { process, page, marks }).map_err(GiveError::from)?;
        // The page is the parent's, which is paged out or being taken now.
        let Some(parent) = self.parents.get(&client.bits()).copied() else { return Ok(()) };
        let taken = self.taken.iter().position(|taken| *taken == Some((parent, page)));
        let words = match taken {
            Some(index) => Some(self.words(self.see(self.pager(), held(index)).frame())),
            None => self.expected.get(&(parent.bits(), page.address())).cloned(),
        };
        // If it is neither, it may go soon, and is noted then.
        if let Some(words) = words {
            self.note(client, page, &words);
        }
        Ok(())
    }
}

impl Machine {
    /// A page that was not given stays paged out with the bytes that it was to get.
    fn note_again(&mut self, client: ProcessId, page: UserPage, bytes: &Bytes) {
        if self.see(client, page).bits() == PAGED_OUT {
            let words = std::array::from_fn(|at| {
                let at = at * 4;
                u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
            });
            self.expected.insert((client.bits(), page.address()), Box::new(words));
        }
    }
}
