//! The pager's calls, loads and requests to the disk, made on the modelled machine by the first
//! process: what `userland/servers/pager/src/live.rs` does on the real one.
//!
//! Others run between any two of them, and what the pager takes, drops, marks and gives is judged.

use std::cell::{Cell, RefCell};
use std::fmt;

use abi::layout::ENTRIES;
use abi::process_info::{ProcessInfo, Status};
use abi::{
    Entry, Error, Frame, Page, PageRange, Permissions, ProcessId, Slot, Syscall, UserPage, ViewSlot,
};
use libsys::paging::self_map::{TableReader, Window};
use libsys::service::disk::protocol::{DiskError, PAGE_SECTORS, Transfer};
use pager::{Driver, Kernel};
use swap::Bytes;
use swap::codec::SAMPLE;

use super::layout::{INBOX, ME, NONE, PAGER, SCRATCH, WRITE, held};
use super::machine::Machine;
use crate::model::Model;

/// How often others run between two calls: one time in so many. A search for pages that may go
/// reads the leaves of hundreds of groups, and they should not run a hundred times in it.
const OFTEN: u32 = 4;
const SELDOM: u32 = 1200;
/// How often a page is stored to just before it is taken.
const LAST_MOMENT: u32 = 12;

/// Reads the tables of the process on the CPU by loads. Words that follow in the same page are read
/// past the TLB: this is most of what a run does.
struct Loads<'a> {
    model: RefCell<&'a mut Model>,
    /// The page of the last word, and its frame.
    last: Cell<Option<(Page, Frame)>>,
}

impl<'a> Loads<'a> {
    const fn new(model: &'a mut Model) -> Self {
        Self { model: RefCell::new(model), last: Cell::new(None) }
    }
}

impl TableReader for Loads<'_> {
    fn word(&self, address: u32) -> u32 {
        let (page, index) = (Page::containing(address), address / 4 % ENTRIES);
        let mut model = self.model.borrow_mut();
        if let Some((_, frame)) = self.last.get().filter(|(last, _)| *last == page) {
            return model.word(frame, index);
        }
        let word = model.user_read(address);
        let word = word.unwrap_or_else(|_| panic!("no table is at {address:#x}"));
        if let (_, Some(leaf)) = model.entries_of(page) {
            assert_eq!(model.word(leaf.frame(), index), word, "the TLB is stale at {address:#x}");
            self.last.set(Some((page, leaf.frame())));
        }
        word
    }
}

impl Machine {
    /// The calls of the pager give and take pages; others may run before each.
    fn meanwhile_about(&mut self, client: ProcessId, page: UserPage) {
        if self.see(client, page).is_writable() && self.random.one_in(LAST_MOMENT) {
            return self.last_store(client, page);
        }
        let before = self.hot.replace((client, page));
        self.meanwhile(OFTEN);
        self.hot = before;
    }

    /// Moves a page into a client, and counts why that fails.
    fn give(&mut self, client: ProcessId, page: UserPage, from: UserPage) -> Result<(), Error> {
        let was_present = self.see(client, page).is_present();
        let (to, to_page) = (client.into(), page);
        let call = Syscall::PageMove { process: ME, page: from, to, to_page, marks: NONE };
        let given = self.call(call).map(drop);
        match given {
            Ok(()) if was_present => {
                self.fail(format!("[{client}] {page:?}: a page is put over another one"));
            }
            Err(Error::OutOfFrames) => self.tally.no_frame += 1,
            Err(Error::QuotaExceeded) => self.tally.no_quota += 1,
            Err(Error::Busy) => self.tally.occupied += 1,
            Ok(()) | Err(_) => {}
        }
        given
    }

    /// Gives the scratch page these permissions in place of all that it has.
    fn protect_scratch(&mut self, permissions: Permissions) -> Result<Frame, Error> {
        let (process, page, drop) = (ME, SCRATCH, Permissions::all());
        let call = Syscall::PageProtect { process, page, drop, add: permissions };
        self.call(call).map(|[leaf, ..]| Entry::from_bits(leaf).frame())
    }

    /// A request to the disk: one in `fails` fails, and as often the driver ends.
    fn request(&mut self, transfer: Transfer, fails: u32) -> Result<usize, DiskError> {
        self.meanwhile(OFTEN);
        transfer.check(u64::from(PAGE_SECTORS) * self.slots.len() as u64)?;
        if self.shared != u16::MAX {
            return Err(DiskError::NotShared);
        }
        if fails != 0 && self.random.one_in(fails) {
            self.tally.disk_errors += 1;
            return Err(DiskError::DeviceError);
        }
        if fails != 0 && self.random.one_in(fails) {
            self.tally.drivers_ended += 1;
            self.shared = 0;
            return Err(DiskError::Gone);
        }
        Ok((transfer.sector / u64::from(PAGE_SECTORS)) as usize)
    }

    fn page_bytes(&self, page: UserPage) -> Option<Bytes> {
        let leaf = self.see(self.pager(), page);
        let words = leaf.is_present().then(|| self.words(leaf.frame()))?;
        let mut bytes = [0; 4096];
        for (bytes, word) in bytes.chunks_mut(4).zip(words.iter()) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Some(bytes)
    }
}

impl Driver for Machine {
    /// Its sectors.
    type Disk = u64;

    fn find(&mut self) -> Result<u64, DiskError> {
        match self.slots.len() {
            0 => Err(DiskError::Gone),
            slots => Ok(slots as u64 * u64::from(PAGE_SECTORS)),
        }
    }

    fn sectors(disk: &u64) -> u64 {
        *disk
    }

    fn share(&mut self, _: &u64, slot: u32) -> Result<(), DiskError> {
        self.shared |= 1 << slot;
        Ok(())
    }

    fn read(&mut self, _: &u64, transfer: Transfer, skipped: u32) -> Result<(), DiskError> {
        let first = self.request(transfer, self.setting.read_fails)?;
        let (slot, count) = (transfer.slot as usize, transfer.pages as usize);
        self.tally.ahead += count as u64 - 1;
        for page in (0..count).filter(|page| skipped >> page & 1 == 0) {
            self.area[slot + page] = self.slots[first + page];
        }
        Ok(())
    }

    fn write(&mut self, _: &u64, transfer: Transfer) -> Result<(), DiskError> {
        let first = self.request(transfer, self.setting.write_fails)?;
        let (slot, count) = (transfer.slot as usize, transfer.pages as usize);
        self.slots[first..][..count].copy_from_slice(&self.area[slot..][..count]);
        Ok(())
    }

    fn fill_area(&mut self, slot: u32, bytes: &Bytes) {
        self.area[slot as usize] = *bytes;
    }

    fn read_area(&mut self, slot: u32, bytes: &mut Bytes) {
        *bytes = self.area[slot as usize];
    }
}

impl Kernel for Machine {
    type View = ViewSlot;
    type Scratch = Box<Bytes>;

    fn print(&mut self, line: fmt::Arguments<'_>) {
        self.lines.push(line.to_string());
    }

    fn program(&self, name: &str) -> Option<&'static [u8]> {
        self.files.iter().find(|(known, _)| *known == name).map(|(_, file)| *file)
    }

    fn process(&self, id: ProcessId) -> Option<ProcessInfo> {
        let info = *self.world.info(id);
        (info.id == id.bits() && info.status != Status::Free as u32).then_some(info)
    }

    fn is_client(&mut self, process: ProcessId) -> bool {
        self.call(Syscall::Usage { process: process.into() }).is_ok()
    }

    fn free_frames(&mut self) -> u32 {
        self.meanwhile(OFTEN);
        self.call(Syscall::Machine).map_or(0, |words| words[1])
    }

    fn references(&mut self, frame: Frame) -> Option<u32> {
        let call = Syscall::FrameReferences { frame: frame.number() };
        self.call(call).ok().map(|words| words[0])
    }

    fn own_window(&mut self) -> Window<impl TableReader> {
        Window::new(Slot::WINDOW, Loads::new(&mut self.world.kernel.cpu.hardware))
    }

    fn commit(&mut self, address: usize, bytes: usize) -> bool {
        self.grow_table(address, bytes)
    }

    fn attach(&mut self, client: ProcessId, view: ViewSlot) -> Result<ViewSlot, Error> {
        self.call(Syscall::ViewAttach { process: client.into(), view }).map(|_| view)
    }

    fn detach(&mut self, view: ViewSlot) {
        let _ = self.call(Syscall::ViewDetach { view });
    }

    fn window(&mut self, view: &ViewSlot) -> Window<impl TableReader> {
        self.meanwhile(SELDOM);
        Window::of_view(*view, Loads::new(&mut self.world.kernel.cpu.hardware))
    }

    fn page_copy(
        &mut self,
        client: ProcessId,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<(), Error> {
        self.call(Syscall::PageCopy { process: client.into(), page, permissions }).map(drop)
    }

    fn page_protect(
        &mut self,
        client: ProcessId,
        page: UserPage,
        drop: Permissions,
    ) -> Result<Entry, Error> {
        let process = client.into();
        let call = Syscall::PageProtect { process, page, drop, add: NONE };
        self.call(call).map(|[leaf, ..]| Entry::from_bits(leaf))
    }

    fn page_unmap(
        &mut self,
        client: ProcessId,
        page: UserPage,
        marks: Permissions,
    ) -> Result<Entry, Error> {
        let call = Syscall::PageUnmap { process: client.into(), page, marks };
        self.call(call).map(|[leaf, ..]| Entry::from_bits(leaf))
    }

    fn mark_paged_out(&mut self, client: ProcessId, page: UserPage) -> Result<(), Error> {
        self.meanwhile(OFTEN);
        if self.see(client, page).is_present() {
            self.fail(format!("[{client}] {page:?}: a mark over a page loses it"));
        }
        self.page_unmap(client, page, PAGER)?;
        self.judge_marked(client, page);
        Ok(())
    }

    fn clear_accessed(&mut self, client: ProcessId, range: PageRange) -> Result<u32, Error> {
        self.meanwhile(SELDOM);
        let call = Syscall::RangeProtect { process: client.into(), range, drop: NONE, add: NONE };
        self.call(call).map(|words| words[3])
    }

    fn take_page(
        &mut self,
        client: ProcessId,
        page: UserPage,
        place: usize,
    ) -> Result<Entry, Error> {
        // Between the pager's look at the page and this call the page may change.
        self.meanwhile_about(client, page);
        let (process, to_page) = (client.into(), held(place));
        let call = Syscall::PageMove { process, page, to: ME, to_page, marks: PAGER };
        let [leaf, ..] = self.call(call)?;
        let leaf = Entry::from_bits(leaf);
        self.judge_taken(place, (client, page, leaf));
        Ok(leaf)
    }

    fn read_held(&mut self, place: usize, bytes: &mut Bytes) {
        self.meanwhile(OFTEN);
        *bytes = self.page_bytes(held(place)).expect("a page is held there");
    }

    fn sample_held(&mut self, place: usize) -> [u32; SAMPLE.len()] {
        self.meanwhile(OFTEN);
        let words = self.words(self.see(self.pager(), held(place)).frame());
        SAMPLE.map(|offset| words[offset as usize / 4])
    }

    fn fill_area_from_held(&mut self, slot: u32, place: usize) {
        self.meanwhile(OFTEN);
        let bytes = self.page_bytes(held(place)).expect("a page is held there");
        self.area[slot as usize] = bytes;
    }

    fn is_private(&mut self, place: usize) -> bool {
        self.judge_dropped(place);
        let leaf = self.see(self.pager(), held(place));
        leaf.is_writable() && self.references(leaf.frame()) == Some(1)
    }

    fn give_back(&mut self, client: ProcessId, page: UserPage, place: usize) -> Result<(), Error> {
        self.meanwhile_about(client, page);
        let given = self.give(client, page, held(place));
        match given {
            Ok(()) => self.judge_returned(place),
            Err(error) => self.judge.could_not_return[place] = Some(error),
        }
        given
    }

    fn drop_held(&mut self, place: usize) {
        self.judge_dropped(place);
        let _ = self.call(Syscall::PageUnmap { process: ME, page: held(place), marks: NONE });
    }

    fn new_scratch(&mut self) -> Result<Box<Bytes>, Error> {
        self.meanwhile(OFTEN);
        let call = Syscall::PageAllocate { process: ME, page: SCRATCH, permissions: WRITE };
        let allocated = self.call(call).map(|_| Box::new([0; 4096]));
        self.tally.no_frame += u64::from(allocated.is_err());
        allocated
    }

    fn scratch_from_held(&mut self, place: usize) -> Result<Box<Bytes>, Error> {
        self.meanwhile(OFTEN);
        self.judge_spare(place);
        let bytes = self.page_bytes(held(place)).ok_or(Error::NotPermitted)?;
        let (to, to_page) = (ME, SCRATCH);
        let call = Syscall::PageMove { process: ME, page: held(place), to, to_page, marks: NONE };
        self.call(call)?;
        self.tally.reused += 1;
        Ok(Box::new(bytes))
    }

    fn bytes(scratch: &mut Box<Bytes>) -> &mut Bytes {
        scratch
    }

    fn give_scratch(
        &mut self,
        scratch: Box<Bytes>,
        client: ProcessId,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<Frame, (Box<Bytes>, Error)> {
        self.meanwhile(OFTEN);
        let frame = self.see(self.pager(), SCRATCH).frame();
        for (index, word) in (0..).zip(scratch.chunks(4)) {
            let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            self.world.kernel.cpu.hardware.set_word(frame, index, word);
        }
        let before = self.see(client, page);
        let moved = self.protect_scratch(permissions).and_then(|frame| {
            self.give(client, page, SCRATCH)?;
            Ok(frame)
        });
        match moved {
            Ok(frame) => {
                self.tally.marked += u64::from(permissions.contains(PAGER));
                self.given = Some((client, page, before, scratch));
                Ok(frame)
            }
            Err(error) => {
                let _ = self.protect_scratch(WRITE);
                Err((scratch, error))
            }
        }
    }

    fn map_to_inbox(&mut self, client: ProcessId, page: UserPage) -> Result<(), Error> {
        let (process, to_page) = (client.into(), INBOX);
        self.call(Syscall::PageMap { process, page, to: ME, to_page, permissions: NONE }).map(drop)
    }

    fn read_inbox(&mut self) -> Option<Bytes> {
        self.page_bytes(INBOX)
    }

    fn empty_inbox(&mut self) {
        let _ = self.call(Syscall::PageUnmap { process: ME, page: INBOX, marks: NONE });
    }
}
