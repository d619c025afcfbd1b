//! The pager's [`Kernel`] on the machine: each function is a call or a load of libsys's.

use core::fmt;

use libsys::abi::process_info::ProcessInfo;
use libsys::call::Change;
use libsys::paging::fixed_pages::{self, HELD_PAGES, INBOX, Scratch, TransferArea, held};
use libsys::paging::self_map::{TableReader, Window};
use libsys::process::{archive, info};
use libsys::runtime::heap;
use libsys::service::disk::client::Disk;
use libsys::service::disk::protocol::{DiskError, Transfer};
use libsys::{
    Entry, Error, Frame, PageRange, Permissions, ProcessId, Target, UserPage, View, ViewSlot,
    identity, machine, page_allocate, page_copy, page_map, page_move, page_protect, page_unmap,
    println, range_protect, usage, window,
};
use pager::{Driver, Kernel, PLACES};
use swap::Bytes;
use swap::codec::SAMPLE;

const NONE: Permissions = Permissions::empty();

const _: () = assert!(PLACES == HELD_PAGES);

/// The boot archive's programs, and the transfer area.
pub struct Live {
    programs: archive::Index,
    area: Option<TransferArea>,
}

impl Live {
    /// Reads the boot archive, and makes the page table in which taken pages are mapped.
    ///
    /// # Errors
    /// `OutOfFrames`.
    pub fn new() -> Result<Self, Error> {
        page_allocate(Target::Caller, held(0), NONE)?;
        page_unmap(Target::Caller, held(0), NONE)?;
        Ok(Self { programs: archive::Index::read(), area: None })
    }

    const fn area(&mut self) -> &mut TransferArea {
        self.area.as_mut().expect("nobody asks for the buffer of no disk")
    }
}

impl Driver for Live {
    type Disk = Disk;

    fn find(&mut self) -> Result<Disk, DiskError> {
        if self.area.is_none() {
            self.area = Some(TransferArea::new().map_err(|_| DiskError::NotShared)?);
        }
        Disk::find_at(identity().parent.ok_or(DiskError::Gone)?)
    }

    fn sectors(disk: &Disk) -> u64 {
        disk.geometry().sectors
    }

    fn share(&mut self, disk: &Disk, slot: u32) -> Result<(), DiskError> {
        disk.share(slot, self.area().page(slot), Permissions::WRITE)
    }

    fn read(&mut self, disk: &Disk, transfer: Transfer, skipped: u32) -> Result<(), DiskError> {
        disk.read_except(transfer, skipped)
    }

    fn write(&mut self, disk: &Disk, transfer: Transfer) -> Result<(), DiskError> {
        disk.write(transfer)
    }

    fn fill_area(&mut self, slot: u32, bytes: &Bytes) {
        self.area().write(slot, bytes);
    }

    fn read_area(&mut self, slot: u32, bytes: &mut Bytes) {
        self.area().read(slot, bytes);
    }
}

impl Kernel for Live {
    type View = View;
    type Scratch = Scratch;

    fn print(&mut self, line: fmt::Arguments<'_>) {
        println!("{line}");
    }

    fn program(&self, name: &str) -> Option<&'static [u8]> {
        self.programs.program(name)
    }

    fn process(&self, id: ProcessId) -> Option<ProcessInfo> {
        info::process(id)
    }

    fn is_client(&mut self, process: ProcessId) -> bool {
        usage(process).is_ok()
    }

    fn free_frames(&mut self) -> u32 {
        machine().free
    }

    fn references(&mut self, frame: Frame) -> Option<u32> {
        info::frame_references(frame)
    }

    fn own_window(&mut self) -> Window<impl TableReader> {
        window()
    }

    fn commit(&mut self, address: usize, bytes: usize) -> bool {
        heap::commit(address, bytes).is_ok()
    }

    fn attach(&mut self, client: ProcessId, slot: ViewSlot) -> Result<View, Error> {
        View::attach(client, slot)
    }

    fn detach(&mut self, view: View) {
        drop(view);
    }

    fn window(&mut self, view: &View) -> Window<impl TableReader> {
        *view.window()
    }

    fn page_copy(
        &mut self,
        client: ProcessId,
        page: UserPage,
        marks: Permissions,
    ) -> Result<(), Error> {
        page_copy(client, page, marks).map(drop)
    }

    fn page_protect(
        &mut self,
        client: ProcessId,
        page: UserPage,
        drop: Permissions,
    ) -> Result<Entry, Error> {
        page_protect(client, page, Change { drop, add: NONE })
    }

    fn page_unmap(
        &mut self,
        client: ProcessId,
        page: UserPage,
        marks: Permissions,
    ) -> Result<Entry, Error> {
        page_unmap(client, page, marks)
    }

    fn mark_paged_out(&mut self, client: ProcessId, page: UserPage) -> Result<(), Error> {
        page_unmap(client, page, Permissions::PAGER).map(drop)
    }

    fn clear_accessed(&mut self, client: ProcessId, range: PageRange) -> Result<u32, Error> {
        let found = range_protect(client, range, Change::NONE)?;
        Ok(found.dirty)
    }

    fn take_page(
        &mut self,
        client: ProcessId,
        page: UserPage,
        place: usize,
    ) -> Result<Entry, Error> {
        page_move((client, page), (Target::Caller, held(place)), Permissions::PAGER)
    }

    fn read_held(&mut self, place: usize, bytes: &mut Bytes) {
        assert!(fixed_pages::read(held(place), bytes), "no page is held there");
    }

    fn sample_held(&mut self, place: usize) -> [u32; SAMPLE.len()] {
        fixed_pages::words(held(place), SAMPLE).expect("a page is held there")
    }

    fn fill_area_from_held(&mut self, slot: u32, place: usize) {
        self.area().write_page(slot, held(place));
    }

    fn is_private(&mut self, place: usize) -> bool {
        fixed_pages::is_private(held(place))
    }

    fn give_back(&mut self, client: ProcessId, page: UserPage, place: usize) -> Result<(), Error> {
        page_move((Target::Caller, held(place)), (client, page), NONE).map(drop)
    }

    fn drop_held(&mut self, place: usize) {
        // Unmapping without marks needs no memory and cannot fail.
        let _ = page_unmap(Target::Caller, held(place), NONE);
    }

    fn new_scratch(&mut self) -> Result<Scratch, Error> {
        Scratch::new()
    }

    fn scratch_from_held(&mut self, place: usize) -> Result<Scratch, Error> {
        Scratch::from_page(held(place))
    }

    fn bytes(scratch: &mut Scratch) -> &mut Bytes {
        scratch.bytes()
    }

    fn give_scratch(
        &mut self,
        scratch: Scratch,
        client: ProcessId,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<Frame, (Scratch, Error)> {
        scratch.move_to(client, page, permissions)
    }

    fn map_to_inbox(&mut self, client: ProcessId, page: UserPage) -> Result<(), Error> {
        page_map((client, page), (Target::Caller, INBOX), NONE)
    }

    fn read_inbox(&mut self) -> Option<Bytes> {
        fixed_pages::read_inbox()
    }

    fn empty_inbox(&mut self) {
        fixed_pages::empty_inbox();
    }
}
