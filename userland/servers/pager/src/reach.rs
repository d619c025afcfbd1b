//! How far the pager reaches: its clients' tables through views, their pages by calls, the disk by messages.

use alloc::vec::Vec;

use libsys::abi::layout::{EXCEPTION_STACK, USER_TOP};
use libsys::abi::process_info::Status;
use libsys::paging::fixed_pages::{self, Scratch, held};
use libsys::paging::regions::Kind;
use libsys::paging::self_map::Step;
use libsys::paging::view::View;
use libsys::process::info;
use libsys::runtime::heap;
use libsys::{
    Entry, Error, Frame, Page, PageRange, Permissions, ProcessId, Target, UserPage, machine,
    page_allocate, page_copy, page_move, page_protect, page_unmap, range_protect,
};
use pager::Clients;
use swap::place::{MINE, Rights};
use swap::world::{Failure, Nature};
use swap::{Bytes, CLUSTER, Disk, DiskError, Memory, World};

use crate::disk::SwapDisk;
use crate::server::{File, is_page_of};

/// `0x4000_0000  PDE 0x100` to `0xE000_0000  PDE 0x380`: where clients are viewed, by process slot.
const VIEWS: core::ops::Range<u32> = 0x100..0x380;
/// The directory entries that a process can have tables in.
const TABLES: u32 = USER_TOP >> 22;

/// What the pager has its hands on.
pub struct Hands {
    views: Vec<Option<Watched>>,
    scratch: Option<Scratch>,
    disk: SwapDisk,
}

impl Hands {
    /// Takes all the memory that is needed to reach out later.
    ///
    /// # Errors
    /// `OutOfFrames`.
    pub fn new(disk: SwapDisk) -> Result<Self, Error> {
        // So that the table is there in which pages are held.
        page_allocate(Target::Caller, held(0), Permissions::empty())?;
        page_unmap(Target::Caller, held(0), Permissions::empty())?;
        let views = VIEWS.map(|_| None).collect();
        Ok(Self { views, scratch: None, disk })
    }

    /// Slots of the disk; 0 without one.
    pub fn slots(&self) -> u32 {
        self.disk.slots()
    }

    /// Maps the scratch page into a client and gives it up.
    ///
    /// # Errors
    /// See `page_map`; the scratch page stays.
    pub fn give_copy_of_scratch(
        &mut self,
        client: ProcessId,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<(), Error> {
        self.scratch.as_mut().ok_or(Error::NotMapped)?.give(client, page, permissions)?;
        self.scratch = None;
        Ok(())
    }
}

/// A view of a client.
struct Watched {
    client: ProcessId,
    view: View,
    /// It was attached since [`World::lost_sight`] was last asked: what was before it is not known.
    is_new: bool,
}

/// The world, as the decisions see it.
pub struct Reach<'a> {
    /// Who the clients are.
    pub clients: &'a Clients<File>,
    /// What the pager has its hands on.
    pub hands: &'a mut Hands,
}

impl Reach<'_> {
    /// The view of a client, if there is one and it shows something.
    fn view(&self, client: ProcessId) -> Option<&View> {
        let watched = self.hands.views[place_of_view(client)].as_ref()?;
        (watched.client == client && watched.view.is_live()).then_some(&watched.view)
    }

    /// The present leaf of a page of a client that cannot be viewed, since it views something itself. This clears the leaf's A
    /// and D; the kernel drops the pager's mark with a D that was set, so nothing is taken for clean that is not.
    ///
    /// # Errors
    /// `NotMapped`: nothing is present there. `NoSuchProcess`: the client has ended.
    fn present(client: ProcessId, page: UserPage) -> Result<Entry, Error> {
        page_protect(client, page, libsys::call::Change::NONE)
    }

    /// The leaf of a page of a client that cannot be viewed. The client waits, so that two questions have one answer.
    fn probe(client: ProcessId, page: UserPage) -> Entry {
        match Self::present(client, page) {
            Ok(leaf) => leaf,
            // Only now is it sure that nothing is present, and that the marks are all there is to find out.
            Err(Error::NotMapped) => Self::absent(client, page),
            // The client has ended.
            Err(_) => Entry::ABSENT,
        }
    }

    /// The absent leaf of a page: takes its marks and puts them back. Neither needs memory: without marks there is nothing to
    /// put back, and where there are marks there is a table.
    fn absent(client: ProcessId, page: UserPage) -> Entry {
        let Ok(leaf) = page_unmap(client, page, Permissions::empty()) else {
            // The client has ended.
            return Entry::ABSENT;
        };
        let marks = leaf.permissions() - Permissions::WRITE;
        if !marks.is_empty() {
            let _ = page_unmap(client, page, marks);
        }
        leaf
    }
}

const fn place_of_view(client: ProcessId) -> usize {
    client.index() as usize % (VIEWS.end - VIEWS.start) as usize
}

/// What a failed call means for a client's page.
const fn failure(error: Error) -> Failure {
    match error {
        Error::OutOfFrames => Failure::NoFrame,
        Error::QuotaExceeded => Failure::Quota,
        Error::Busy => Failure::Taken,
        Error::NotPermitted => Failure::Refused,
        // What else a call on a client's page can say is that there is no such client any more.
        _ => Failure::Gone,
    }
}

impl Memory for Reach<'_> {
    fn take(&mut self, address: usize, bytes: usize) -> bool {
        heap::commit(address, bytes).is_ok()
    }
}

impl Disk for Reach<'_> {
    fn slots(&self) -> u32 {
        self.hands.disk.slots()
    }

    fn fill_buffer(&mut self, index: usize, bytes: &Bytes) {
        self.hands.disk.area().write(index as u32, bytes);
    }

    fn read_buffer(&mut self, index: usize, bytes: &mut Bytes) {
        self.hands.disk.area().read(index as u32, bytes);
    }

    fn write(&mut self, first: u32, count: usize) -> Result<(), DiskError> {
        self.hands.disk.write(first, count)
    }

    fn read(&mut self, first: u32, count: usize) -> Result<(), DiskError> {
        self.hands.disk.read(first, count)
    }
}

impl World for Reach<'_> {
    fn free_frames(&mut self) -> u32 {
        machine().free
    }

    fn lives(&self, client: ProcessId) -> bool {
        info::process(client).is_some_and(|facts| facts.status != Status::Dying as u32)
    }

    fn has_begun(&self, client: ProcessId) -> bool {
        const READY: [u32; 2] = [Status::Runnable as u32, Status::Running as u32];
        info::process(client).is_none_or(|facts| facts.runs > 0 || READY.contains(&facts.status))
    }

    fn nature(&self, client: ProcessId, page: Page) -> Nature {
        if page == Page::containing(EXCEPTION_STACK) {
            return Nature::Private;
        }
        let Ok(program) = self.clients.program_of(client) else { return Nature::Foreign };
        match program.regions.find(page.address()).map(libsys::paging::regions::Region::kind) {
            Some(Kind::Image { writable: false }) => Nature::Text,
            Some(Kind::Image { writable: true } | Kind::DemandZero | Kind::Stack) => {
                Nature::Private
            }
            Some(Kind::Guard) | None => Nature::Foreign,
        }
    }

    fn watch(&mut self, client: ProcessId) -> bool {
        if self.view(client).is_some() {
            return true;
        }
        let place = place_of_view(client);
        if let Some(Watched { client: other, .. }) = &self.hands.views[place]
            && *other != client
            && self.lives(*other)
        {
            return false;
        }
        // The old one has to go before a new one can take its place.
        self.hands.views[place] = None;
        let Ok(slot) = libsys::abi::ViewSlot::new(VIEWS.start + place as u32) else { return false };
        let view = View::attach(client, slot).ok();
        self.hands.views[place] = view.map(|view| Watched { client, view, is_new: true });
        self.view(client).is_some()
    }

    fn lost_sight(&mut self, client: ProcessId) -> bool {
        if self.view(client).is_none() {
            return true;
        }
        let watched = self.hands.views[place_of_view(client)].as_mut();
        watched.is_none_or(|watched| core::mem::replace(&mut watched.is_new, false))
    }

    fn table_from(&mut self, client: ProcessId, index: u32) -> Option<u32> {
        if !self.watch(client) {
            return None;
        }
        let window = self.view(client)?.window();
        let program = self.clients.program_of(client).ok()?;
        let is_ours = |index: u32| {
            let (start, last) = (index << 22, index << 22 | 0x3F_FFFF);
            let mut regions = program.regions.iter();
            (start..=last).contains(&EXCEPTION_STACK)
                || regions.any(|region| region.start() <= last && start < region.end())
        };
        let mut tables = index..TABLES;
        tables.find(|index| window.directory_entry(*index).is_own_table() && is_ours(*index))
    }

    fn leaves(&mut self, client: ProcessId, first: Page) -> [Entry; CLUSTER] {
        let mut leaves = [Entry::ABSENT; CLUSTER];
        if !self.watch(client) {
            for (page, leaf) in (first.number()..).zip(&mut leaves) {
                let page = UserPage::containing(Page::numbered(page).address());
                *leaf =
                    page.and_then(|page| Self::present(client, page).ok()).unwrap_or(Entry::ABSENT);
            }
            return leaves;
        }
        let Some(view) = self.view(client) else { return leaves };
        for (page, leaf) in (first.number()..).zip(&mut leaves) {
            if let Step::Leaf(entry) = view.window().walk(Page::numbered(page)) {
                *leaf = entry;
            }
        }
        leaves
    }

    fn leaf(&mut self, client: ProcessId, page: UserPage) -> Entry {
        if self.watch(client) {
            let walked = self.view(client).map(|view| view.window().walk(page.page()));
            // A view that was lost on the way shows nothing, which is no answer.
            if self.view(client).is_some() {
                return if let Some(Step::Leaf(leaf)) = walked { leaf } else { Entry::ABSENT };
            }
        }
        Self::probe(client, page)
    }

    fn clear_accessed(&mut self, client: ProcessId, first: Page) -> u32 {
        let cleared = UserPage::new(first.address())
            .and_then(|first| PageRange::new(first, CLUSTER as u32))
            .and_then(|range| {
                let cleared = range_protect(client, range, libsys::call::Change::NONE);
                cleared.map_err(Error::from)
            });
        // It can only fail if the client has ended.
        cleared.map_or(0, |found| found.dirty)
    }

    fn references(&mut self, frame: Frame) -> u32 {
        // What is not RAM is everyone's.
        info::frame_references(frame).unwrap_or(u32::MAX)
    }

    fn take_page(&mut self, client: ProcessId, page: UserPage, place: usize) -> Option<Entry> {
        page_move((client, page), (Target::Caller, held(place)), MINE).ok()
    }

    fn held(&mut self, place: usize, bytes: &mut Bytes) {
        assert!(fixed_pages::read(held(place), bytes), "no page is held there");
    }

    fn is_as_in_the_file(&mut self, client: ProcessId, page: UserPage, place: usize) -> bool {
        let Ok(program) = self.clients.program_of(client) else { return false };
        let mut bytes = [0; size_of::<Bytes>()];
        self.held(place, &mut bytes);
        is_page_of(program, page.page(), &mut bytes)
    }

    fn give_back(
        &mut self,
        client: ProcessId,
        page: UserPage,
        place: usize,
    ) -> Result<(), Failure> {
        let from = (Target::Caller, held(place));
        page_move(from, (client, page), Permissions::empty()).map(drop).map_err(failure)
    }

    fn drop_held(&mut self, place: usize) {
        // Unmapping without marks needs no memory and cannot fail.
        let _ = page_unmap(Target::Caller, held(place), Permissions::empty());
    }

    fn scratch(&mut self) -> Result<&mut Bytes, Failure> {
        if self.hands.scratch.is_none() {
            self.hands.scratch = Some(Scratch::new().map_err(failure)?);
        }
        self.hands.scratch.as_mut().map(Scratch::bytes).ok_or(Failure::NoFrame)
    }

    fn give_scratch(
        &mut self,
        client: ProcessId,
        page: UserPage,
        rights: Rights,
        marked: bool,
    ) -> Result<Frame, Failure> {
        let mark = if marked { MINE } else { Permissions::empty() };
        let permissions = rights.permissions | mark;
        // What arrives without W is sealed; what was not, because its owner itself gave W up, has to lose it here.
        let gives_up = !rights.sealed && !permissions.contains(Permissions::WRITE);
        let at_first = if gives_up { permissions | Permissions::WRITE } else { permissions };
        let scratch = self.hands.scratch.take().ok_or(Failure::NoFrame)?;
        let frame = scratch.move_to(client, page, at_first).map_err(|(scratch, error)| {
            // It stays, to be filled again.
            self.hands.scratch = Some(scratch);
            failure(error)
        })?;
        if gives_up {
            let drop = Permissions::WRITE;
            let change = libsys::call::Change { drop, add: Permissions::empty() };
            // It can only fail if the client has ended, or has changed the page by now.
            let _ = page_protect(client, page, change);
        }
        Ok(frame)
    }

    fn copy(&mut self, client: ProcessId, page: UserPage) -> Result<(), Failure> {
        // Without the pager's mark: the copy is about to be written.
        let kept = Permissions::SHARED;
        let marks = self.leaf(client, page).permissions() & kept;
        page_copy(client, page, marks).map(drop).map_err(failure)
    }

    fn mark(&mut self, client: ProcessId, page: UserPage) -> Result<(), Failure> {
        page_unmap(client, page, MINE).map(drop).map_err(failure)
    }
}
