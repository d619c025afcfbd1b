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

use alloc::boxed::Box;

use libsys::abi::fault::Access;
use libsys::abi::layout::{ENTRIES, EXCEPTION_STACK, USER_TOP};
use libsys::abi::process_info::Status;
use libsys::paging::regions::{Decision, Kind, Region};
use libsys::paging::self_map::{Step, TableReader, Window};
use libsys::service::pager::Transfers;
use libsys::{Entry, Error, Frame, Page, PageRange, Permissions, ProcessId, UserPage, ViewSlot};
use swap::backend::{GiveError, PageClass};
use swap::codec::SAMPLE;
use swap::page::Rights;
use swap::{Backend, Bytes, CLUSTER, Disk, DiskError, Memory, Taken};

use crate::clients::Clients;
use crate::disk::SwapDisk;
use crate::held::Held;
use crate::kernel::Kernel;
use crate::program::File;

/// `0x4000_0000  PDE 0x100` to `0xE000_0000  PDE 0x380`: where clients are viewed, by process slot.
const VIEWS: core::ops::Range<u32> = 0x100..0x380;
/// The directory entries that a process can have tables in.
const TABLES: u32 = USER_TOP >> 22;
const NONE: Permissions = Permissions::empty();

/// What the pager needs to work on clients, and keeps between two messages.
pub struct Resources<K: Kernel> {
    /// The kernel.
    pub kernel: K,
    views: Box<[Option<Watched<K::View>>]>,
    scratch: Option<K::Scratch>,
    held: Held,
    disk: SwapDisk<K::Disk>,
    /// Pages of zeros that clients were given; wraps.
    pub zeroed: u32,
    /// Pages of files that clients were given; wraps.
    pub loaded: u32,
}

impl<K: Kernel> Resources<K> {
    /// Takes all the memory that later steps need.
    pub fn new(kernel: K, disk: SwapDisk<K::Disk>) -> Self {
        let views = VIEWS.map(|_| None).collect();
        Self { kernel, views, scratch: None, held: Held::NONE, disk, zeroed: 0, loaded: 0 }
    }

    /// How many slots the disk has; 0 without a disk.
    pub fn slots(&self) -> u32 {
        self.disk.slots::<K>()
    }

    /// The requests that the disk has got.
    pub const fn transfers(&self) -> Transfers {
        self.disk.transfers()
    }

    /// The scratch page, whatever its bytes are.
    fn scratch(&mut self) -> Result<&mut K::Scratch, Error> {
        let kernel = &mut self.kernel;
        let scratch = match self.scratch.take().or_else(|| self.held.scratch(kernel)) {
            Some(scratch) => scratch,
            None => kernel.new_scratch()?,
        };
        Ok(self.scratch.insert(scratch))
    }

    /// Makes the scratch page one of zeros.
    fn clear_scratch(&mut self) -> Result<(), Error> {
        // To take a spare page and to fill it takes 200 instructions more than to make a new one.
        if self.scratch.is_none() {
            self.scratch = self.kernel.new_scratch().ok();
            if self.scratch.is_some() {
                return Ok(());
            }
        }
        K::bytes(self.scratch()?).fill(0);
        Ok(())
    }
}

/// A view of a client.
struct Watched<V> {
    client: ProcessId,
    view: V,
    /// Whether the view was attached since [`Backend::view_was_lost`] was last asked: nothing is
    /// known of the time before.
    is_new: bool,
}

/// The machine, for one message.
pub struct MachineBackend<'a, K: Kernel> {
    /// The clients and their programs.
    pub clients: &'a Clients<File>,
    /// Kernel, views, scratch page and disk.
    pub resources: &'a mut Resources<K>,
}

impl<K: Kernel> MachineBackend<'_, K> {
    /// The tables of a client, if it is viewed and the view is not lost.
    fn window(&mut self, client: ProcessId) -> Option<Window<impl TableReader>> {
        let Resources { kernel, views, .. } = &mut *self.resources;
        let watched = views[view_index(client)].as_ref().filter(|it| it.client == client)?;
        let window = kernel.window(&watched.view);
        window.shows_a_process().then_some(window)
    }

    /// The words of a client's window for four pages; `None` if it cannot be viewed.
    pub fn entries(&mut self, client: ProcessId, first: u32) -> Option<[Entry; 4]> {
        if self.clients.program_of(client).is_err() || !self.attach_view(client) {
            return None;
        }
        let window = self.window(client)?;
        let entry = |page: u32| match window.walk(Page::numbered(page)) {
            Step::Leaf(entry) => entry,
            Step::NoTable(_) | Step::Hidden(_) | Step::Large(_) | Step::View(_) => Entry::ABSENT,
        };
        let entries = core::array::from_fn(|at| entry(first + at as u32));
        // If the view was lost meanwhile, the walk has read nothing.
        window.shows_a_process().then_some(entries)
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
        let _ = self.resources.kernel.page_unmap(client, page, NONE);
        let rights = Rights { permissions: NONE, sealed: true };
        self.give_scratch(client, page, rights, false).is_ok()
    }

    /// Copies a page of a client that is in memory; `None` if it is not, or may not be shared.
    pub fn read_page(&mut self, client: ProcessId, page: UserPage) -> Option<Bytes> {
        let kernel = &mut self.resources.kernel;
        kernel.map_to_inbox(client, page).ok()?;
        let bytes = kernel.read_inbox();
        kernel.empty_inbox();
        bytes
    }

    /// The present leaf of a page of a client that cannot be viewed. The call clears the leaf's A
    /// and D; the kernel drops the pager's mark together with a D that was set, so a dirty page
    /// never looks clean.
    ///
    /// # Errors
    /// `NotMapped`: nothing is present there. `NoSuchProcess`: the client has ended.
    fn present(&mut self, client: ProcessId, page: UserPage) -> Result<Entry, Error> {
        self.resources.kernel.page_protect(client, page, NONE)
    }

    /// The leaf of a page of a client that cannot be viewed. It takes two calls; the client waits,
    /// so that nothing changes between them.
    fn probe(&mut self, client: ProcessId, page: UserPage) -> Entry {
        match self.present(client, page) {
            Ok(leaf) => leaf,
            // Nothing is present, so the marks are all there is to read.
            Err(Error::NotMapped) => self.absent(client, page),
            // The client has ended.
            Err(_) => Entry::ABSENT,
        }
    }

    /// The absent leaf of a page: takes its marks off and puts them back. Neither call needs
    /// memory: without marks there is nothing to put back, and where there are marks there is a
    /// table.
    fn absent(&mut self, client: ProcessId, page: UserPage) -> Entry {
        let kernel = &mut self.resources.kernel;
        let Ok(leaf) = kernel.page_unmap(client, page, NONE) else {
            // The client has ended.
            return Entry::ABSENT;
        };
        let marks = leaf.permissions() - Permissions::WRITE;
        if !marks.is_empty() {
            let _ = kernel.page_unmap(client, page, marks);
        }
        leaf
    }
}

/// Whether a process has not ended. Its parent may not have received its end yet.
pub fn is_alive(kernel: &impl Kernel, id: ProcessId) -> bool {
    kernel.process(id).is_some_and(|info| info.status != Status::Dying as u32)
}

const fn view_index(client: ProcessId) -> usize {
    client.index() as usize % (VIEWS.end - VIEWS.start) as usize
}

impl<K: Kernel> Memory for MachineBackend<'_, K> {
    fn take(&mut self, address: usize, bytes: usize) -> bool {
        let Resources { kernel, held, .. } = &mut *self.resources;
        kernel.commit(address, bytes) || held.drop_spares(kernel) && kernel.commit(address, bytes)
    }
}

impl<K: Kernel> Disk for MachineBackend<'_, K> {
    fn slots(&self) -> u32 {
        self.resources.slots()
    }

    fn fill_buffer(&mut self, index: usize, bytes: &Bytes) {
        self.resources.kernel.fill_area(index as u32, bytes);
    }

    fn read_buffer(&mut self, index: usize, bytes: &mut Bytes) {
        self.resources.kernel.read_area(index as u32, bytes);
    }

    fn write(&mut self, first: u32, count: usize) -> Result<(), DiskError> {
        let Resources { kernel, disk, .. } = &mut *self.resources;
        disk.write(kernel, first, count)
    }

    fn read(&mut self, first: u32, count: usize, skipped: u32) -> Result<(), DiskError> {
        let Resources { kernel, disk, .. } = &mut *self.resources;
        disk.read(kernel, first, count, skipped)
    }
}

impl<K: Kernel> Taken for MachineBackend<'_, K> {
    fn read_taken(&mut self, index: usize, bytes: &mut Bytes) {
        let Resources { kernel, held, .. } = &mut *self.resources;
        kernel.read_held(held.place(index), bytes);
    }

    fn sample_taken(&mut self, index: usize) -> [u32; SAMPLE.len()] {
        let Resources { kernel, held, .. } = &mut *self.resources;
        kernel.sample_held(held.place(index))
    }

    fn fill_buffer_from_taken(&mut self, to: usize, index: usize) {
        let Resources { kernel, held, .. } = &mut *self.resources;
        kernel.fill_area_from_held(to as u32, held.place(index));
    }
}

impl<K: Kernel> Backend for MachineBackend<'_, K> {
    fn free_frames(&mut self) -> u32 {
        self.resources.kernel.free_frames() + self.resources.held.spares()
    }

    fn drop_spares(&mut self) -> bool {
        let Resources { kernel, held, .. } = &mut *self.resources;
        held.drop_spares(kernel)
    }

    fn is_alive(&self, client: ProcessId) -> bool {
        is_alive(&self.resources.kernel, client)
    }

    fn has_started(&self, client: ProcessId) -> bool {
        const READY: [u32; 2] = [Status::Runnable as u32, Status::Running as u32];
        self.resources
            .kernel
            .process(client)
            .is_none_or(|info| info.runs > 0 || READY.contains(&info.status))
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
        if self.window(client).is_some() {
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
        let Resources { kernel, views, .. } = &mut *self.resources;
        if let Some(old) = views[index].take() {
            kernel.detach(old.view);
        }
        let Ok(slot) = ViewSlot::new(VIEWS.start + index as u32) else { return false };
        let view = kernel.attach(client, slot).ok();
        views[index] = view.map(|view| Watched { client, view, is_new: true });
        self.window(client).is_some()
    }

    fn view_was_lost(&mut self, client: ProcessId) -> bool {
        if self.window(client).is_none() {
            return true;
        }
        let watched = self.resources.views[view_index(client)].as_mut();
        watched.is_none_or(|watched| core::mem::replace(&mut watched.is_new, false))
    }

    fn table_from(&mut self, client: ProcessId, index: u32) -> Option<u32> {
        if !self.attach_view(client) {
            return None;
        }
        let program = self.clients.program_of(client).ok()?;
        let window = self.window(client)?;
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
        self.window(client)?.present(first, end).next().map(|(page, _)| page)
    }

    fn leaves(&mut self, client: ProcessId, first: Page) -> [Entry; CLUSTER] {
        let mut leaves = [Entry::ABSENT; CLUSTER];
        if !self.attach_view(client) {
            for (page, leaf) in (first.number()..).zip(&mut leaves) {
                let page = UserPage::containing(Page::numbered(page).address());
                *leaf =
                    page.and_then(|page| self.present(client, page).ok()).unwrap_or(Entry::ABSENT);
            }
            return leaves;
        }
        self.window(client).map_or(leaves, |window| window.leaves(first))
    }

    fn leaf(&mut self, client: ProcessId, page: UserPage) -> Entry {
        if self.attach_view(client) {
            let walked = self.window(client).map(|window| window.walk(page.page()));
            // If the view was lost after the check, the walk has read nothing.
            if self.window(client).is_some() {
                return if let Some(Step::Leaf(leaf)) = walked { leaf } else { Entry::ABSENT };
            }
        }
        self.probe(client, page)
    }

    fn clear_accessed(&mut self, client: ProcessId, first: Page) -> u32 {
        let cleared = UserPage::new(first.address())
            .and_then(|first| PageRange::new(first, CLUSTER as u32))
            .and_then(|range| self.resources.kernel.clear_accessed(client, range));
        // The call can only fail if the client has ended.
        cleared.unwrap_or(0)
    }

    fn references(&mut self, frame: Frame) -> u32 {
        // A frame outside of RAM has no count: it must not be taken.
        self.resources.kernel.references(frame).unwrap_or(u32::MAX)
    }

    fn take_page(&mut self, client: ProcessId, page: UserPage, index: usize) -> Option<Entry> {
        let Resources { kernel, held, .. } = &mut *self.resources;
        let taken = kernel.take_page(client, page, held.take_place(index)).ok();
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
        let Resources { kernel, held, .. } = &mut *self.resources;
        kernel.give_back(client, page, held.place(index)).map_err(GiveError::from)?;
        held.leave_place(index);
        Ok(())
    }

    fn drop_taken(&mut self, index: usize) {
        let Resources { kernel, held, .. } = &mut *self.resources;
        held.drop(index, kernel);
    }

    fn scratch(&mut self) -> Result<&mut Bytes, GiveError> {
        Ok(K::bytes(self.resources.scratch().map_err(GiveError::from)?))
    }

    fn scratch_from_buffer(&mut self, index: usize) -> Result<(), GiveError> {
        self.scratch()?;
        let Resources { kernel, scratch, .. } = &mut *self.resources;
        let scratch = scratch.as_mut().ok_or(GiveError::NoFrame)?;
        kernel.read_area(index as u32, K::bytes(scratch));
        Ok(())
    }

    fn give_scratch(
        &mut self,
        client: ProcessId,
        page: UserPage,
        rights: Rights,
        marked: bool,
    ) -> Result<Frame, GiveError> {
        let mark = if marked { Permissions::PAGER } else { NONE };
        let permissions = rights.permissions | mark;
        // A page that arrives without W is sealed by the kernel. If it was not sealed before,
        // because the client itself gave W up, it arrives with W and loses W here.
        let gives_up = !rights.sealed && !permissions.contains(Permissions::WRITE);
        let at_first = if gives_up { permissions | Permissions::WRITE } else { permissions };
        let Resources { kernel, scratch, .. } = &mut *self.resources;
        let filled = scratch.take().ok_or(GiveError::NoFrame)?;
        let given = kernel.give_scratch(filled, client, page, at_first);
        let frame = given.map_err(|(filled, error)| {
            // The scratch page stays, to be filled again.
            *scratch = Some(filled);
            GiveError::from(error)
        })?;
        if gives_up {
            // The call can only fail if the client has ended, or has changed the page by now.
            let _ = kernel.page_protect(client, page, Permissions::WRITE);
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
        let mut permissions = NONE;
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
        self.resources.kernel.page_copy(client, page, marks).map_err(GiveError::from)
    }

    fn mark_paged_out(&mut self, client: ProcessId, page: UserPage) -> Result<(), GiveError> {
        self.resources.kernel.mark_paged_out(client, page).map_err(GiveError::from)
    }
}
