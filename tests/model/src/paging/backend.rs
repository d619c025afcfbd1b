//! The pager's calls: what `userland/servers/pager/src/backend.rs` does, by the same calls, made by
//! the first process.

use abi::fault::Access;
use abi::process_info::Status;
use abi::{
    DirectoryEntry, Entry, Error, Frame, Page, PageRange, Permissions, ProcessId, Syscall,
    UserPage, ViewSlot,
};
use swap::backend::{GiveError, PageClass};
use swap::codec::SAMPLE;
use swap::page::Rights;
use swap::{Backend, Bytes, CLUSTER, Disk, DiskError, Memory, Taken};

use super::layout::{EXCEPTION, HEAP, ME, NONE, SCRATCH, TEXT, file, held};
use super::machine::Machine;

/// How often others run between two calls: one time in so many. A search for pages that may go
/// reads the leaves of hundreds of groups, and they should not run a hundred times in it.
const OFTEN: u32 = 4;
const SELDOM: u32 = 400;
/// How often a page is stored to just before it is taken.
const LAST_MOMENT: u32 = 12;
/// The directory entry of the view of the client in slot 0.
const VIEWS: u32 = 0x100;
/// Directory entries under which clients have pages of their program's regions.
const OURS: [u32; 3] = [TEXT.start >> 10, HEAP.start >> 10, EXCEPTION >> 10];

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

    /// Leaves that lie in one page of the view. That page is translated once, and the other words
    /// are read past the TLB: this is most of what a run does.
    fn viewed_leaves(&mut self, client: ProcessId, first: Page) -> [Entry; CLUSTER] {
        let viewed = self.viewed_leaf(client, first.number());
        let Some(directory) = self.find(client).map(|process| process.directory) else {
            return [Entry::ABSENT; CLUSTER];
        };
        let hardware = &self.world.kernel.cpu.hardware;
        let table = Entry::from_bits(hardware.word(directory, first.directory_index()));
        let mut leaves = [Entry::ABSENT; CLUSTER];
        if table.is_own_table() {
            let words = first.table_index()..;
            let words = words.map(|index| Entry::from_bits(hardware.word(table.frame(), index)));
            leaves.iter_mut().zip(words).for_each(|(leaf, word)| *leaf = word);
        }
        if leaves[0] != viewed {
            self.fail(format!("the view of [{client}] shows {viewed:?} for {first:?}"));
        }
        leaves
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
}

impl Machine {
    /// Moves a page into a client, and counts why that fails.
    fn give(&mut self, client: ProcessId, page: UserPage, call: Syscall) -> Result<(), GiveError> {
        let was_present = self.see(client, page).is_present();
        let given = self.call(call).map(drop).map_err(GiveError::from);
        match given {
            Ok(()) if was_present => {
                self.fail(format!("[{client}] {page:?}: a page is put over another one"));
            }
            Ok(()) | Err(GiveError::Gone | GiveError::Refused) => {}
            Err(GiveError::NoFrame) => self.tally.no_frame += 1,
            Err(GiveError::Quota) => self.tally.no_quota += 1,
            Err(GiveError::Occupied) => self.tally.occupied += 1,
        }
        given
    }

    /// Others run, and choose this page more often than others; or its client stores to it.
    fn meanwhile_about(&mut self, client: ProcessId, page: UserPage) {
        if self.see(client, page).is_writable() && self.random.one_in(LAST_MOMENT) {
            return self.last_store(client, page);
        }
        let before = self.hot.replace((client, page));
        self.meanwhile(OFTEN);
        self.hot = before;
    }

    /// A request that reaches the disk: one in `fails` fails.
    fn request(&mut self, fails: u32) -> Result<(), DiskError> {
        if fails != 0 && self.random.one_in(fails) {
            self.tally.disk_errors += 1;
            return Err(DiskError::Failed);
        }
        Ok(())
    }
}

impl Memory for Machine {
    fn take(&mut self, address: usize, bytes: usize) -> bool {
        self.grow_table(address, bytes)
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
        self.meanwhile(OFTEN);
        self.request(self.setting.write_fails)?;
        self.slots[first as usize..][..count].copy_from_slice(&self.buffer[..count]);
        Ok(())
    }

    fn read(&mut self, first: u32, count: usize, skipped: u32) -> Result<(), DiskError> {
        self.meanwhile(OFTEN);
        self.request(self.setting.read_fails)?;
        self.tally.ahead += count as u64 - 1;
        for page in (0..count).filter(|page| skipped >> page & 1 == 0) {
            self.buffer[page] = self.slots[first as usize + page];
        }
        Ok(())
    }
}

impl Taken for Machine {
    fn read_taken(&mut self, index: usize, bytes: &mut Bytes) {
        self.meanwhile(OFTEN);
        let frame = self.see(self.pager(), held(index)).frame();
        let words = self.words(frame);
        for (bytes, word) in bytes.chunks_mut(4).zip(words.iter()) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
    }

    fn sample_taken(&mut self, index: usize) -> [u32; SAMPLE.len()] {
        self.meanwhile(OFTEN);
        let frame = self.see(self.pager(), held(index)).frame();
        let words = self.words(frame);
        SAMPLE.map(|offset| words[offset as usize / 4])
    }

    fn fill_buffer_from_taken(&mut self, to: usize, index: usize) {
        let mut bytes = [0; 4096];
        self.read_taken(index, &mut bytes);
        self.fill_buffer(to, &bytes);
    }
}

impl Backend for Machine {
    fn free_frames(&mut self) -> u32 {
        self.meanwhile(OFTEN);
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

    fn present_from(&mut self, _: ProcessId, first: Page) -> Option<Page> {
        Some(first)
    }

    fn leaves(&mut self, client: ProcessId, first: Page) -> [Entry; CLUSTER] {
        self.meanwhile(SELDOM);
        if self.attach_view(client) {
            return self.viewed_leaves(client, first);
        }
        std::array::from_fn(|index| {
            let page = UserPage::containing((first.number() + index as u32) << 12);
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
        self.meanwhile(SELDOM);
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
        // Between the pager's look at the page and this call the page may change.
        self.meanwhile_about(client, page);
        let call = Syscall::PageMove {
            process: client.into(),
            page,
            to: ME,
            to_page: held(index),
            marks: Permissions::PAGER,
        };
        let [leaf, ..] = self.call(call).ok()?;
        let leaf = Entry::from_bits(leaf);
        self.judge.is_taken(index);
        self.taken[index] = Some((client, page, leaf));
        Some(leaf)
    }

    fn matches_the_file(&mut self, _: ProcessId, page: UserPage, index: usize) -> bool {
        let mut bytes = [0; 4096];
        self.read_taken(index, &mut bytes);
        let matches = bytes == file(page.page().number());
        self.tally.false_text += u64::from(!matches);
        matches
    }

    fn give_back(
        &mut self,
        client: ProcessId,
        page: UserPage,
        index: usize,
    ) -> Result<(), GiveError> {
        self.meanwhile_about(client, page);
        let call = Syscall::PageMove {
            process: ME,
            page: held(index),
            to: client.into(),
            to_page: page,
            marks: NONE,
        };
        if let Err(error) = self.give(client, page, call) {
            self.judge.stays_taken(index);
            return Err(error);
        }
        self.taken[index] = None;
        Ok(())
    }

    fn drop_taken(&mut self, index: usize) {
        self.judge_dropped(index);
        let _ = self.call(Syscall::PageUnmap { process: ME, page: held(index), marks: NONE });
    }

    fn scratch(&mut self) -> Result<&mut Bytes, GiveError> {
        self.meanwhile(OFTEN);
        if self.scratch.is_none() {
            let (page, permissions) = (scratch_page(), Permissions::WRITE);
            let call = Syscall::PageAllocate { process: ME, page, permissions };
            let allocated = self.call(call).map_err(GiveError::from);
            self.tally.no_frame += u64::from(allocated.is_err());
            allocated?;
            self.scratch = Some(Box::new([0; 4096]));
        }
        self.scratch.as_deref_mut().ok_or(GiveError::NoFrame)
    }

    fn scratch_from_buffer(&mut self, index: usize) -> Result<(), GiveError> {
        let bytes = self.buffer[index];
        self.scratch().map(|scratch| *scratch = bytes)
    }

    fn give_scratch(
        &mut self,
        client: ProcessId,
        page: UserPage,
        rights: Rights,
        marked: bool,
    ) -> Result<Frame, GiveError> {
        self.meanwhile(OFTEN);
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
        let call = Syscall::PageMove {
            process: ME,
            page: scratch_page(),
            to: client.into(),
            to_page: page,
            marks: NONE,
        };
        let before = self.see(client, page);
        if let Err(error) = self.give(client, page, call) {
            self.scratch = Some(bytes);
            return Err(error);
        }
        if gives_up {
            let (process, drop) = (client.into(), Permissions::WRITE);
            let _ = self.call(Syscall::PageProtect { process, page, drop, add: NONE });
        }
        self.tally.marked += u64::from(marked);
        self.judge_given(client, page, before, &bytes);
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
        self.meanwhile(OFTEN);
        if self.see(client, page).is_present() {
            self.fail(format!("[{client}] {page:?}: a mark over a page loses it"));
        }
        let (process, marks) = (client.into(), Permissions::PAGER);
        self.call(Syscall::PageUnmap { process, page, marks }).map_err(GiveError::from)?;
        self.judge_marked(client, page);
        Ok(())
    }
}
