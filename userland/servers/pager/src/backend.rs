//! The machine as the decisions of `swap` see it: the clients' page tables through views, their
//! pages by calls, the disk by messages.
//!
//! One view is kept for each client, at a directory entry that follows from its process slot. There
//! are fewer directory entries than slots, so two clients may want the same one; the second is then
//! treated like a client that cannot be viewed, until the first has ended.
//!
//! A client that has views itself cannot be viewed. Its leaves are read by calls that also change
//! them (A and D are cleared, marks are taken off and put back), which is why the two ways are kept
//! apart.

use alloc::vec::Vec;

use libsys::abi::fault::Access;
use libsys::abi::layout::{ENTRIES, EXCEPTION_STACK, USER_TOP};
use libsys::abi::process_info::Status;
use libsys::paging::fixed_pages::{
    self, HELD_PAGES, INBOX, Scratch, empty_inbox, held, read_inbox,
};
use libsys::paging::regions::{Decision, Kind, Region};
use libsys::paging::self_map::Step;
use libsys::paging::view::View;
use libsys::process::info;
use libsys::runtime::heap;
use libsys::service::pager::Transfers;
use libsys::{
    Entry, Error, Frame, Page, PageRange, Permissions, ProcessId, Target, UserPage, machine,
    page_allocate, page_copy, page_map, page_move, page_protect, page_unmap, range_protect, window,
};
use pager::{Clients, File};
use swap::backend::{GiveError, PageClass};
use swap::codec::SAMPLE;
use swap::page::Rights;
use swap::{Backend, Bytes, CLUSTER, Disk, DiskError, Memory, Taken};

use crate::disk::SwapDisk;

/// `0x4000_0000  PDE 0x100` to `0xE000_0000  PDE 0x380`: where clients are viewed, by process slot.
const VIEWS: core::ops::Range<u32> = 0x100..0x380;
/// The directory entries that a process can have tables in.
const TABLES: u32 = USER_TOP >> 22;

/// What the pager needs to work on clients, and keeps between two messages.
pub struct Resources {
    views: Vec<Option<Watched>>,
    scratch: Option<Scratch>,
    held: Held,
    disk: SwapDisk,
    /// Pages of zeros that clients were given; wraps.
    pub zeroed: u32,
    /// Pages of files that clients were given; wraps.
    pub loaded: u32,
}

impl Resources {
    /// Takes all the memory that later steps need.
    ///
    /// # Errors
    /// `OutOfFrames`.
    pub fn new(disk: SwapDisk) -> Result<Self, Error> {
        // So that the page table exists in which taken pages are mapped.
        page_allocate(Target::Caller, held(0), Permissions::empty())?;
        page_unmap(Target::Caller, held(0), Permissions::empty())?;
        let views = VIEWS.map(|_| None).collect();
        Ok(Self { views, scratch: None, held: Held::NONE, disk, zeroed: 0, loaded: 0 })
    }

    /// How many slots the disk has; 0 without a disk.
    pub fn slots(&self) -> u32 {
        self.disk.slots()
    }

    /// The requests that the disk has got.
    pub const fn transfers(&self) -> Transfers {
        self.disk.transfers()
    }

    /// The scratch page, whatever its bytes are.
    fn scratch(&mut self) -> Result<&mut Scratch, Error> {
        let scratch = match self.scratch.take() {
            Some(scratch) => scratch,
            None => match self.held.scratch() {
                Some(scratch) => scratch,
                None => Scratch::new()?,
            },
        };
        Ok(self.scratch.insert(scratch))
    }

    /// Makes the scratch page one of zeros.
    fn clear_scratch(&mut self) -> Result<(), Error> {
        match &mut self.scratch {
            Some(scratch) => scratch.bytes().fill(0),
            None => {
                // To move a spare page here and to fill it takes 200 instructions more.
                let mut new = Scratch::new();
                if new.is_err() && self.held.drop_spares() {
                    new = Scratch::new();
                }
                self.scratch = Some(new?);
            }
        }
        Ok(())
    }
}

/// The pages that the pager has taken from clients, and where they are held.
struct Held {
    /// Where each taken page is held.
    places: [u8; CLUSTER],
    /// Bit `i`: at place `i` is a page that does not go back to its client, and that nobody else
    /// maps. It becomes a scratch page: to give up its frame and to have another one zeroed would
    /// take 800 instructions more. There are at most [`CLUSTER`], because other processes may need
    /// the frames.
    spares: u32,
    /// Bit `i`: at place `i` is a page of which the pager has not decided.
    taken: u32,
}

/// There is always a place for a taken page.
const _: () = assert!(HELD_PAGES == u32::BITS as usize && 2 * CLUSTER <= HELD_PAGES);

impl Held {
    const NONE: Self = Self { places: [0; CLUSTER], spares: 0, taken: 0 };

    /// A place for taken page `index`.
    fn take_place(&mut self, index: usize) -> UserPage {
        let place = (self.spares | self.taken).trailing_ones();
        self.taken |= 1 << place;
        self.places[index] = place as u8;
        held(place as usize)
    }

    /// Where taken page `index` is.
    const fn page(&self, index: usize) -> UserPage {
        held(self.places[index] as usize)
    }

    /// The place of taken page `index` is free again.
    const fn leave_place(&mut self, index: usize) {
        self.taken &= !(1 << self.places[index]);
    }

    /// Drops taken page `index`.
    fn drop(&mut self, index: usize) {
        self.leave_place(index);
        let entry = window().entry_of(self.page(index).page());
        let is_spare = entry.is_some_and(|entry| {
            entry.is_writable() && info::frame_references(entry.frame()) == Some(1)
        });
        if is_spare && self.spares.count_ones() < CLUSTER as u32 {
            self.spares |= 1 << self.places[index];
        } else {
            unmap(self.page(index));
        }
    }

    /// A spare page as scratch page.
    fn scratch(&mut self) -> Option<Scratch> {
        let place = self.spares.checked_ilog2()?;
        self.spares &= !(1 << place);
        let page = held(place as usize);
        // It fails only if the pager's parent has mapped the page meanwhile.
        Scratch::from_page(page).map_err(|_| unmap(page)).ok()
    }

    /// Gives the frames of the spare pages back. Returns whether there were any.
    fn drop_spares(&mut self) -> bool {
        let spares = core::mem::take(&mut self.spares);
        (0..HELD_PAGES).filter(|place| spares >> place & 1 != 0).map(held).for_each(unmap);
        spares != 0
    }
}

fn unmap(page: UserPage) {
    // Unmapping without marks needs no memory and cannot fail.
    let _ = page_unmap(Target::Caller, page, Permissions::empty());
}

/// A view of a client.
struct Watched {
    client: ProcessId,
    view: View,
    /// Whether the view was attached since [`Backend::view_was_lost`] was last asked: nothing is
    /// known of the time before.
    is_new: bool,
}

/// The machine, for one message.
pub struct MachineBackend<'a> {
    /// The clients and their programs.
    pub clients: &'a Clients<File>,
    /// Views, scratch page and disk.
    pub resources: &'a mut Resources,
}

impl MachineBackend<'_> {
    /// Gives back the frames that wait for the pages that come next: a client needs some itself.
    pub fn drop_spares(&mut self) {
        self.resources.held.drop_spares();
    }

    /// The view of a client, if there is one and it is not lost.
    fn view(&self, client: ProcessId) -> Option<&View> {
        let watched = self.resources.views[view_index(client)].as_ref()?;
        (watched.client == client && watched.view.is_live()).then_some(&watched.view)
    }

    /// The words of a client's window for four pages; `None` if it cannot be viewed.
    pub fn entries(&mut self, client: ProcessId, first: u32) -> Option<[Entry; 4]> {
        if self.clients.program_of(client).is_err() || !self.attach_view(client) {
            return None;
        }
        let view = self.view(client)?;
        let entry = |page: u32| match view.window().walk(Page::numbered(page)) {
            Step::Leaf(entry) => entry,
            Step::NoTable(_) | Step::Hidden(_) | Step::Large(_) | Step::View(_) => Entry::ABSENT,
        };
        let entries = core::array::from_fn(|at| entry(first + at as u32));
        // If the view was lost meanwhile, the walk has read nothing.
        view.is_live().then_some(entries)
    }

    /// Puts a client's page of text there anew, after `change`; `false` if there is no frame for
    /// it, or the page is not text alone. If something goes wrong on the way, the page is absent,
    /// and the next touch brings it.
    pub fn renew_text(
        &mut self,
        client: ProcessId,
        page: UserPage,
        change: impl FnOnce(&mut Bytes),
    ) -> bool {
        let Ok(program) = self.clients.program_of(client) else { return false };
        let region = program.regions.find(page.address()).map(Region::kind);
        if region != Some(Kind::Image { writable: false })
            || self.resources.clear_scratch().is_err()
        {
            return false;
        }
        let Ok(bytes) = self.scratch() else { return false };
        program.fill(page.page(), bytes);
        change(bytes);
        // Unmapping without marks needs no memory. It fails if the client has ended, and then so
        // does the next call.
        let _ = page_unmap(client, page, Permissions::empty());
        let rights = Rights { permissions: Permissions::empty(), sealed: true };
        self.give_scratch(client, page, rights, false).is_ok()
    }

    /// Copies a page of a client that is in memory; `None` if it is not, or may not be shared.
    pub fn read_page(&mut self, client: ProcessId, page: UserPage) -> Option<Bytes> {
        page_map((client, page), (Target::Caller, INBOX), Permissions::empty()).ok()?;
        let bytes = read_inbox();
        empty_inbox();
        bytes
    }

    /// The present leaf of a page of a client that cannot be viewed. The call clears the leaf's A
    /// and D; the kernel drops the pager's mark together with a D that was set, so a dirty page
    /// never looks clean.
    ///
    /// # Errors
    /// `NotMapped`: nothing is present there. `NoSuchProcess`: the client has ended.
    fn present(client: ProcessId, page: UserPage) -> Result<Entry, Error> {
        page_protect(client, page, libsys::call::Change::NONE)
    }

    /// The leaf of a page of a client that cannot be viewed. It takes two calls; the client waits,
    /// so that nothing changes between them.
    fn probe(client: ProcessId, page: UserPage) -> Entry {
        match Self::present(client, page) {
            Ok(leaf) => leaf,
            // Nothing is present, so the marks are all there is to read.
            Err(Error::NotMapped) => Self::absent(client, page),
            // The client has ended.
            Err(_) => Entry::ABSENT,
        }
    }

    /// The absent leaf of a page: takes its marks off and puts them back. Neither call needs
    /// memory: without marks there is nothing to put back, and where there are marks there is a
    /// table.
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

const fn view_index(client: ProcessId) -> usize {
    client.index() as usize % (VIEWS.end - VIEWS.start) as usize
}

impl Memory for MachineBackend<'_> {
    fn take(&mut self, address: usize, bytes: usize) -> bool {
        let commit = || heap::commit(address, bytes).is_ok();
        commit() || self.resources.held.drop_spares() && commit()
    }
}

impl Disk for MachineBackend<'_> {
    fn slots(&self) -> u32 {
        self.resources.disk.slots()
    }

    fn fill_buffer(&mut self, index: usize, bytes: &Bytes) {
        self.resources.disk.area().write(index as u32, bytes);
    }

    fn read_buffer(&mut self, index: usize, bytes: &mut Bytes) {
        self.resources.disk.area().read(index as u32, bytes);
    }

    fn write(&mut self, first: u32, count: usize) -> Result<(), DiskError> {
        self.resources.disk.write(first, count)
    }

    fn read(&mut self, first: u32, count: usize, skipped: u32) -> Result<(), DiskError> {
        self.resources.disk.read(first, count, skipped)
    }
}

impl Taken for MachineBackend<'_> {
    fn read_taken(&mut self, index: usize, bytes: &mut Bytes) {
        assert!(
            fixed_pages::read(self.resources.held.page(index), bytes),
            "no page was taken there"
        );
    }

    fn sample_taken(&mut self, index: usize) -> [u32; SAMPLE.len()] {
        fixed_pages::words(self.resources.held.page(index), SAMPLE).expect("a page was taken there")
    }

    fn fill_buffer_from_taken(&mut self, to: usize, index: usize) {
        let Resources { disk, held, .. } = &mut *self.resources;
        disk.area().write_page(to as u32, held.page(index));
    }
}

impl Backend for MachineBackend<'_> {
    fn free_frames(&mut self) -> u32 {
        machine().free + self.resources.held.spares.count_ones()
    }

    fn is_alive(&self, client: ProcessId) -> bool {
        info::is_alive(client)
    }

    fn has_started(&self, client: ProcessId) -> bool {
        const READY: [u32; 2] = [Status::Runnable as u32, Status::Running as u32];
        info::process(client).is_none_or(|info| info.runs > 0 || READY.contains(&info.status))
    }

    fn page_class(&self, client: ProcessId, page: Page) -> PageClass {
        if page == Page::containing(EXCEPTION_STACK) {
            return PageClass::Private;
        }
        let Ok(program) = self.clients.program_of(client) else { return PageClass::Foreign };
        match program.regions.find(page.address()).map(Region::kind) {
            Some(Kind::Image { writable: false }) => PageClass::Text,
            Some(Kind::Image { writable: true } | Kind::DemandZero | Kind::Stack) => {
                PageClass::Private
            }
            Some(Kind::Guard) | None => PageClass::Foreign,
        }
    }

    fn attach_view(&mut self, client: ProcessId) -> bool {
        if self.view(client).is_some() {
            return true;
        }
        let index = view_index(client);
        if let Some(Watched { client: other, .. }) = &self.resources.views[index]
            && *other != client
            && self.is_alive(*other)
        {
            return false;
        }
        // The old view must be detached before a new one can be attached there.
        self.resources.views[index] = None;
        let Ok(slot) = libsys::abi::ViewSlot::new(VIEWS.start + index as u32) else { return false };
        let view = View::attach(client, slot).ok();
        self.resources.views[index] = view.map(|view| Watched { client, view, is_new: true });
        self.view(client).is_some()
    }

    fn view_was_lost(&mut self, client: ProcessId) -> bool {
        if self.view(client).is_none() {
            return true;
        }
        let watched = self.resources.views[view_index(client)].as_mut();
        watched.is_none_or(|watched| core::mem::replace(&mut watched.is_new, false))
    }

    fn table_from(&mut self, client: ProcessId, index: u32) -> Option<u32> {
        if !self.attach_view(client) {
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

    fn present_from(&mut self, client: ProcessId, first: Page) -> Option<Page> {
        if !self.attach_view(client) {
            return Some(first);
        }
        let end = Page::numbered((first.directory_index() + 1) * ENTRIES);
        self.view(client)?.window().present(first, end).next().map(|(page, _)| page)
    }

    fn leaves(&mut self, client: ProcessId, first: Page) -> [Entry; CLUSTER] {
        let mut leaves = [Entry::ABSENT; CLUSTER];
        if !self.attach_view(client) {
            for (page, leaf) in (first.number()..).zip(&mut leaves) {
                let page = UserPage::containing(Page::numbered(page).address());
                *leaf =
                    page.and_then(|page| Self::present(client, page).ok()).unwrap_or(Entry::ABSENT);
            }
            return leaves;
        }
        self.view(client).map_or(leaves, |view| view.window().leaves(first))
    }

    fn leaf(&mut self, client: ProcessId, page: UserPage) -> Entry {
        if self.attach_view(client) {
            let walked = self.view(client).map(|view| view.window().walk(page.page()));
            // If the view was lost after the check, the walk has read nothing.
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
        // The call can only fail if the client has ended.
        cleared.map_or(0, |found| found.dirty)
    }

    fn references(&mut self, frame: Frame) -> u32 {
        // A frame outside of RAM has no count: it must not be taken.
        info::frame_references(frame).unwrap_or(u32::MAX)
    }

    fn take_page(&mut self, client: ProcessId, page: UserPage, index: usize) -> Option<Entry> {
        let held = &mut self.resources.held;
        let to = (Target::Caller, held.take_place(index));
        let taken = page_move((client, page), to, Permissions::PAGER).ok();
        if taken.is_none() {
            held.leave_place(index);
        }
        taken
    }

    fn matches_the_file(&mut self, client: ProcessId, page: UserPage, index: usize) -> bool {
        let Ok(program) = self.clients.program_of(client) else { return false };
        let mut bytes = [0; size_of::<Bytes>()];
        self.read_taken(index, &mut bytes);
        program.matches(page.page(), &mut bytes)
    }

    fn give_back(
        &mut self,
        client: ProcessId,
        page: UserPage,
        index: usize,
    ) -> Result<(), GiveError> {
        let held = &mut self.resources.held;
        let from = (Target::Caller, held.page(index));
        page_move(from, (client, page), Permissions::empty()).map_err(GiveError::from)?;
        held.leave_place(index);
        Ok(())
    }

    fn drop_taken(&mut self, index: usize) {
        self.resources.held.drop(index);
    }

    fn scratch(&mut self) -> Result<&mut Bytes, GiveError> {
        Ok(self.resources.scratch().map_err(GiveError::from)?.bytes())
    }

    fn scratch_from_buffer(&mut self, index: usize) -> Result<(), GiveError> {
        self.scratch()?;
        let Resources { scratch, disk, .. } = &mut *self.resources;
        let scratch = scratch.as_mut().ok_or(GiveError::NoFrame)?;
        disk.area().read(index as u32, scratch.bytes());
        Ok(())
    }

    fn give_scratch(
        &mut self,
        client: ProcessId,
        page: UserPage,
        rights: Rights,
        marked: bool,
    ) -> Result<Frame, GiveError> {
        let mark = if marked { Permissions::PAGER } else { Permissions::empty() };
        let permissions = rights.permissions | mark;
        // A page that arrives without W is sealed by the kernel. If it was not sealed before,
        // because the client itself gave W up, it arrives with W and loses W here.
        let gives_up = !rights.sealed && !permissions.contains(Permissions::WRITE);
        let at_first = if gives_up { permissions | Permissions::WRITE } else { permissions };
        let scratch = self.resources.scratch.take().ok_or(GiveError::NoFrame)?;
        let frame = scratch.move_to(client, page, at_first).map_err(|(scratch, error)| {
            // The scratch page stays, to be filled again.
            self.resources.scratch = Some(scratch);
            GiveError::from(error)
        })?;
        if gives_up {
            let drop = Permissions::WRITE;
            let change = libsys::call::Change { drop, add: Permissions::empty() };
            // The call can only fail if the client has ended, or has changed the page by now.
            let _ = page_protect(client, page, change);
        }
        Ok(frame)
    }

    fn give_first(
        &mut self,
        client: ProcessId,
        page: UserPage,
        access: Access,
    ) -> Result<bool, GiveError> {
        let decision = self.clients.decide(client, page.address(), access);
        let writable = match decision {
            Decision::Zero(_) => {
                self.resources.clear_scratch()?;
                true
            }
            Decision::Image { writable, .. } => {
                let clients = self.clients;
                let program = clients.program_of(client).map_err(|_| GiveError::Gone)?;
                program.fill(page.page(), self.scratch()?);
                writable
            }
            Decision::Refuse(_) => return Ok(false),
        };
        let mut permissions = Permissions::empty();
        permissions.set(Permissions::WRITE, writable);
        self.give_scratch(client, page, Rights { permissions, sealed: !writable }, false)?;
        let Resources { zeroed, loaded, .. } = self.resources;
        let count = if matches!(decision, Decision::Zero(_)) { zeroed } else { loaded };
        *count = count.wrapping_add(1);
        Ok(true)
    }

    fn copy(&mut self, client: ProcessId, page: UserPage) -> Result<(), GiveError> {
        // The copy is about to be written, so it does not get the pager's mark.
        let kept = Permissions::SHARED;
        let marks = self.leaf(client, page).permissions() & kept;
        page_copy(client, page, marks).map(drop).map_err(GiveError::from)
    }

    fn mark_paged_out(&mut self, client: ProcessId, page: UserPage) -> Result<(), GiveError> {
        page_unmap(client, page, Permissions::PAGER).map(drop).map_err(GiveError::from)
    }
}
