//! How far the pager reaches: its clients' tables through views, their pages by calls, the disk by messages.

use alloc::vec::Vec;

use libsys::abi::layout::{EXCEPTION_STACK, PAGE_SIZE, USER_TOP};
use libsys::abi::public::Status;
use libsys::regions::Kind;
use libsys::scratch::Scratch;
use libsys::view::View;
use libsys::window::Step;
use libsys::window::live::window;
use libsys::{
    Entry, Error, Frame, Page, PageRange, Permissions, ProcessId, Target, UserPage, facts, held,
    machine, page_allocate, page_copy, page_map, page_move, page_unmap, range_protect,
};
use pager::Clients;
use swap::place::{MINE, Rights};
use swap::world::{Failure, Nature};
use swap::{Bytes, CLUSTER, Disk, DiskError, Memory, World};

use crate::disk::SwapDisk;
use crate::server::File;

/// `0x4000_0000  PDE 0x100` to `0xE000_0000  PDE 0x380`: where clients are viewed, by process slot.
const VIEWS: core::ops::Range<u32> = 0x100..0x380;
/// The directory entries that a process can have tables in.
const TABLES: u32 = USER_TOP >> 22;

/// What the pager has its hands on.
pub struct Hands {
    views: Vec<Option<(ProcessId, View)>>,
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
        page_allocate(Target::Caller, held::page(0), Permissions::empty())?;
        page_unmap(Target::Caller, held::page(0), Permissions::empty())?;
        let views = VIEWS.map(|_| None).collect();
        Ok(Self { views, scratch: None, disk })
    }

    /// Slots of the disk; 0 without one.
    pub fn slots(&self) -> u32 {
        self.disk.slots()
    }

    /// The scratch page has been mapped elsewhere, too: parts with it.
    pub fn part_with_scratch(&mut self) {
        self.scratch = None;
    }
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
        let (viewed, view) = self.hands.views[place_of_view(client)].as_ref()?;
        (*viewed == client && view.is_live()).then_some(view)
    }

    /// The leaf of a page of a client that cannot be viewed, since it views something itself. It waits, so that two
    /// questions have one answer.
    fn probe(&mut self, client: ProcessId, page: UserPage) -> Entry {
        let place = held::PROBE;
        let mut probed = Entry::ABSENT;
        for permissions in [Permissions::WRITE, Permissions::empty()] {
            if page_map((client, page), (Target::Caller, place), permissions).is_ok() {
                probed = window().entry_of(place.page()).unwrap_or(Entry::ABSENT);
                // Unmapping without marks needs no memory and cannot fail.
                let _ = page_unmap(Target::Caller, place, Permissions::empty());
                return probed;
            }
        }
        // Nothing is present, so that this changes only marks.
        if let Ok(old) = page_unmap(client, page, MINE) {
            probed = old;
            let _ = page_unmap(client, page, old.permissions() - Permissions::WRITE);
        }
        probed
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
        _ => Failure::Gone,
    }
}

impl Memory for Reach<'_> {
    fn take(&mut self, address: usize, bytes: usize) -> bool {
        // Addresses of this machine have 32 bits.
        let (first, end) = (address as u32 & !(PAGE_SIZE - 1), (address + bytes) as u32);
        (first..end).step_by(PAGE_SIZE as usize).all(|address| {
            let page = Page::containing(address);
            window().entry_of(page).is_some()
                || UserPage::new(address)
                    .and_then(|page| page_allocate(Target::Caller, page, Permissions::WRITE))
                    .is_ok()
        })
    }
}

impl Disk for Reach<'_> {
    fn slots(&self) -> u32 {
        self.hands.disk.slots()
    }

    fn buffer(&mut self, index: usize) -> &mut Bytes {
        self.hands.disk.buffer(index)
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
        facts::process(client).is_some_and(|facts| facts.status != Status::Dying as u32)
    }

    fn has_begun(&self, client: ProcessId) -> bool {
        const READY: [u32; 2] = [Status::Runnable as u32, Status::Running as u32];
        facts::process(client).is_none_or(|facts| facts.runs > 0 || READY.contains(&facts.status))
    }

    fn nature(&self, client: ProcessId, page: Page) -> Nature {
        if page == Page::containing(EXCEPTION_STACK) {
            return Nature::Private;
        }
        let Ok(program) = self.clients.program_of(client) else { return Nature::Foreign };
        match program.regions.find(page.address()).map(libsys::regions::Region::kind) {
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
        if let Some((other, _)) = &self.hands.views[place]
            && *other != client
            && self.lives(*other)
        {
            return false;
        }
        // The old one has to go before a new one can take its place.
        self.hands.views[place] = None;
        let Ok(slot) = libsys::abi::ViewSlot::new(VIEWS.start + place as u32) else { return false };
        self.hands.views[place] = View::attach(client, slot).ok().map(|view| (client, view));
        self.view(client).is_some()
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
        if !self.watch(client) {
            return self.probe(client, page);
        }
        let walked = self.view(client).map(|view| view.window().walk(page.page()));
        if let Some(Step::Leaf(leaf)) = walked { leaf } else { Entry::ABSENT }
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
        facts::frame_references(frame).unwrap_or(u32::MAX)
    }

    fn take_page(&mut self, client: ProcessId, page: UserPage, place: usize) -> Option<Entry> {
        page_move((client, page), (Target::Caller, held::page(place)), MINE).ok()
    }

    fn held(&mut self, place: usize, bytes: &mut Bytes) {
        held::copy(place, bytes);
    }

    fn give_back(&mut self, client: ProcessId, page: UserPage, place: usize) {
        let from = (Target::Caller, held::page(place));
        if page_move(from, (client, page), Permissions::empty()).is_err() {
            self.drop_held(place);
        }
    }

    fn drop_held(&mut self, place: usize) {
        // Unmapping without marks needs no memory and cannot fail.
        let _ = page_unmap(Target::Caller, held::page(place), Permissions::empty());
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
        let scratch = window().entry_of(Scratch::PAGE.page()).ok_or(Failure::NoFrame)?;
        page_map((Target::Caller, Scratch::PAGE), (client, page), at_first).map_err(failure)?;
        if gives_up && let Ok(range) = PageRange::new(page, 1) {
            let drop = Permissions::WRITE;
            let change = libsys::call::Change { drop, add: Permissions::empty() };
            range_protect(client, range, change).map_err(|partial| failure(partial.error))?;
        }
        self.hands.part_with_scratch();
        Ok(scratch.frame())
    }

    fn copy(&mut self, client: ProcessId, page: UserPage) -> Result<(), Failure> {
        let marks = self.leaf(client, page).permissions() - Permissions::COPY_ON_WRITE;
        page_copy(client, page, marks).map(drop).map_err(failure)
    }

    fn mark(&mut self, client: ProcessId, page: UserPage) -> Result<(), Failure> {
        page_unmap(client, page, MINE).map(drop).map_err(failure)
    }
}
