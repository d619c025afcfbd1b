//! What the pager needs of the kernel and of its own pages: [`Kernel`] is implemented by the
//! program with libsys's calls, and by the modelled machine of `tests/model`.
//!
//! Each function is one call or one load, so that all that is decided is decided in `server.rs`,
//! `backend.rs` and `disk.rs`, which the host tests. Clients run between any two of them.

use core::fmt;

use libsys::abi::process_info::ProcessInfo;
use libsys::paging::self_map::{TableReader, Window};
use libsys::{Entry, Error, Frame, PageRange, Permissions, ProcessId, UserPage, ViewSlot};
use swap::Bytes;
use swap::codec::SAMPLE;

use crate::disk::Driver;

/// The places at which pages can be held that are taken from clients.
pub const PLACES: usize = 32;

/// The calls of the pager, its views, and its pages at fixed addresses.
pub trait Kernel: Driver {
    /// A view of a client.
    type View;
    /// The scratch page: private, and lent until it is given away.
    type Scratch;

    /// Prints a line.
    fn print(&mut self, line: fmt::Arguments<'_>);

    /// The file of a program of the boot archive.
    fn program(&self, name: &str) -> Option<&'static [u8]>;

    /// The record of a process; `None` if the id is stale.
    fn process(&self, id: ProcessId) -> Option<ProcessInfo>;

    /// Whether a process is a client or a child of the pager: what it uses can be asked for.
    fn is_client(&mut self, process: ProcessId) -> bool;

    /// Free frames of the machine.
    fn free_frames(&mut self) -> u32;

    /// How many mappings a frame has; `None`: it is not RAM.
    fn references(&mut self, frame: Frame) -> Option<u32>;

    /// The pager's own tables.
    fn own_window(&mut self) -> Window<impl TableReader>;

    /// Makes memory of the pager's tables present before it is touched; `false` if there is no
    /// frame for it.
    fn commit(&mut self, address: usize, bytes: usize) -> bool;

    /// Views a client in an empty directory entry.
    ///
    /// # Errors
    /// See [`Syscall::ViewAttach`](libsys::Syscall::ViewAttach).
    fn attach(&mut self, client: ProcessId, slot: ViewSlot) -> Result<Self::View, Error>;

    /// Ends a view.
    fn detach(&mut self, view: Self::View);

    /// The tables that a view shows.
    fn window(&mut self, view: &Self::View) -> Window<impl TableReader>;

    /// Makes a client's page private and writable.
    ///
    /// # Errors
    /// See [`Syscall::PageCopy`](libsys::Syscall::PageCopy).
    fn page_copy(
        &mut self,
        client: ProcessId,
        page: UserPage,
        marks: Permissions,
    ) -> Result<(), Error>;

    /// Drops bits of a client's page, and clears A and D; returns the old entry.
    ///
    /// # Errors
    /// See [`Syscall::PageProtect`](libsys::Syscall::PageProtect).
    fn page_protect(
        &mut self,
        client: ProcessId,
        page: UserPage,
        drop: Permissions,
    ) -> Result<Entry, Error>;

    /// Unmaps a client's page, leaves `marks`, and returns the old entry.
    ///
    /// # Errors
    /// See [`Syscall::PageUnmap`](libsys::Syscall::PageUnmap).
    fn page_unmap(
        &mut self,
        client: ProcessId,
        page: UserPage,
        marks: Permissions,
    ) -> Result<Entry, Error>;

    /// Sets the pager's mark in the absent leaf of a client's page.
    ///
    /// # Errors
    /// As [`Kernel::page_unmap`].
    fn mark_paged_out(&mut self, client: ProcessId, page: UserPage) -> Result<(), Error>;

    /// Clears A and D of a range of a client's; bit `i` of the result is the old D of page `i`.
    ///
    /// # Errors
    /// See [`Syscall::RangeProtect`](libsys::Syscall::RangeProtect).
    fn clear_accessed(&mut self, client: ProcessId, range: PageRange) -> Result<u32, Error>;

    /// Moves a client's page to a place at which nothing is held, and leaves the pager's mark in the
    /// client's leaf; returns the old entry.
    ///
    /// # Errors
    /// See [`Syscall::PageMove`](libsys::Syscall::PageMove).
    fn take_page(
        &mut self,
        client: ProcessId,
        page: UserPage,
        place: usize,
    ) -> Result<Entry, Error>;

    /// Copies a held page.
    fn read_held(&mut self, place: usize, bytes: &mut Bytes);

    /// The words of a held page at [`SAMPLE`].
    fn sample_held(&mut self, place: usize) -> [u32; SAMPLE.len()];

    /// Copies a held page to page `slot` of the transfer area.
    ///
    /// # Panics
    /// If no disk was found.
    fn fill_area_from_held(&mut self, slot: u32, place: usize);

    /// Whether a held page, which does not go back, can be written and is mapped nowhere else.
    fn is_private(&mut self, place: usize) -> bool;

    /// Moves a held page to a client's page where nothing is present.
    ///
    /// # Errors
    /// As [`Kernel::take_page`].
    fn give_back(&mut self, client: ProcessId, page: UserPage, place: usize) -> Result<(), Error>;

    /// Unmaps a held page.
    fn drop_held(&mut self, place: usize);

    /// Maps the scratch page, of zeros.
    ///
    /// # Errors
    /// `OutOfFrames`.
    fn new_scratch(&mut self) -> Result<Self::Scratch, Error>;

    /// Makes a held page the scratch page, whatever its bytes are.
    ///
    /// # Errors
    /// `NotPermitted`: it is not private ([`Kernel::is_private`]).
    fn scratch_from_held(&mut self, place: usize) -> Result<Self::Scratch, Error>;

    /// The bytes of the scratch page.
    fn bytes(scratch: &mut Self::Scratch) -> &mut Bytes;

    /// Moves the scratch page to a client's page where nothing is present, with these permissions;
    /// returns its frame.
    ///
    /// # Errors
    /// The page, to be filled again, and the error, as [`Kernel::take_page`].
    fn give_scratch(
        &mut self,
        scratch: Self::Scratch,
        client: ProcessId,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<Frame, (Self::Scratch, Error)>;

    /// Maps a client's page in the inbox, read-only.
    ///
    /// # Errors
    /// See [`Syscall::PageMap`](libsys::Syscall::PageMap).
    fn map_to_inbox(&mut self, client: ProcessId, page: UserPage) -> Result<(), Error>;

    /// Copies the page in the inbox; `None` if none is there.
    fn read_inbox(&mut self) -> Option<Bytes>;

    /// Unmaps the page in the inbox.
    fn empty_inbox(&mut self);
}
