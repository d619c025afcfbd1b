//! What the decisions need of the machine: [`Backend`] is implemented by the pager with calls and
//! views, and by a model in the tests.
//!
//! The functions are as small as the decisions allow, because clients run between any two of them.
//! Each one says what can have changed when it returns.

use libsys::abi::fault::Access;
use libsys::{Entry, Error, Frame, Page, ProcessId, UserPage};

use crate::codec::SAMPLE;
use crate::page::Rights;
use crate::pool::Memory;
use crate::{Bytes, CLUSTER};

/// Why a request to the disk failed, after the driver has tried what it can.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiskError {
    /// The disk reported an error: these sectors may be bad.
    Failed,
    /// There is no driver: nothing is known of the sectors.
    Gone,
}

/// A disk that is divided into slots of one page, and a buffer of [`CLUSTER`] pages. Without a disk
/// there is no buffer, and nobody asks for it.
pub trait Disk {
    /// How many slots there are; 0 without a disk.
    fn slots(&self) -> u32;

    /// Fills page `index` of the buffer. The driver maps the buffer too, so that there is no
    /// reference to it.
    fn fill_buffer(&mut self, index: usize, bytes: &Bytes);

    /// Copies page `index` of the buffer.
    fn read_buffer(&mut self, index: usize, bytes: &mut Bytes);

    /// Writes the first `count` pages of the buffer to the slots from `first` on.
    ///
    /// # Errors
    /// A [`DiskError`]: the contents of the slots are unknown.
    fn write(&mut self, first: u32, count: usize) -> Result<(), DiskError>;

    /// Reads the slots from `first` on into the first `count` pages of the buffer, without the pages
    /// whose bits in `skipped` are set: their contents are unknown.
    ///
    /// # Errors
    /// A [`DiskError`]: the contents of the buffer are unknown.
    fn read(&mut self, first: u32, count: usize, skipped: u32) -> Result<(), DiskError>;
}

/// The contents of pages that were taken from clients, by index from 0 to [`CLUSTER`].
pub trait Taken: Disk {
    /// Copies the contents of a taken page.
    fn read_taken(&mut self, index: usize, bytes: &mut Bytes);

    /// The words of a taken page at [`SAMPLE`].
    fn sample_taken(&mut self, index: usize) -> [u32; SAMPLE.len()];

    /// Copies a taken page to page `to` of the disk's buffer.
    fn fill_buffer_from_taken(&mut self, to: usize, index: usize);
}

/// Why a client was not given a page. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GiveError {
    /// The client has ended.
    Gone,
    /// There is no frame: some page has to go first.
    NoFrame,
    /// The client's quota is used up: a page of its own has to go first.
    Quota,
    /// Another page is present there by now.
    Occupied,
    /// The kernel refuses the call: the page lies in a view of the client's.
    Refused,
}

impl From<Error> for GiveError {
    /// The meaning of a failed call on a client's page.
    fn from(error: Error) -> Self {
        match error {
            Error::OutOfFrames => Self::NoFrame,
            Error::QuotaExceeded => Self::Quota,
            Error::Busy => Self::Occupied,
            Error::NotPermitted => Self::Refused,
            // Every other error of such a call means that there is no such client any more.
            _ => Self::Gone,
        }
    }
}

/// The class of a client's page, which follows from the regions of its program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageClass {
    /// In no region. The pager leaves the page alone.
    Foreign,
    /// Written by the client: its contents have to be stored.
    Private,
    /// A page of the program that the client only reads: the file has its contents.
    Text,
}

/// Clients, their page tables, a scratch page, and the pages that were taken from clients.
pub trait Backend: Memory + Disk + Taken {
    /// How many frames are free, those included that were taken from clients and wait to be given
    /// to others.
    fn free_frames(&mut self) -> u32;

    /// Gives back the frames that wait. Returns whether there were any.
    fn drop_spares(&mut self) -> bool;

    /// Whether the client has not ended.
    fn is_alive(&self, client: ProcessId) -> bool;

    /// Whether the client has been started. Only a forked child can exist without having been
    /// started.
    fn has_started(&self, client: ProcessId) -> bool;

    /// The class of a client's page.
    fn page_class(&self, client: ProcessId, page: Page) -> PageClass;

    /// Makes sure that the pager has a view of the client's page tables. Returns `false` if that is
    /// impossible because the client has views itself; then its leaves are read by calls, one by
    /// one.
    fn attach_view(&mut self, client: ProcessId) -> bool;

    /// Whether the view of the client was lost at any time since this was last asked, or does not
    /// exist now. A view is lost, among other reasons, when the client gets another pager, which
    /// may set marks of its own.
    fn view_was_lost(&mut self, client: ProcessId) -> bool;

    /// The first directory index from `index` on below which the client has a table with pages in
    /// its program's regions; `None` also if there is no view of the client.
    fn table_from(&mut self, client: ProcessId, index: u32) -> Option<u32>;

    /// A page from `first` on, in the same table, before which none is present; `None` if none is
    /// present in the rest of the table. Without a view of the client it is `first`.
    fn present_from(&mut self, client: ProcessId, first: Page) -> Option<Page>;

    /// The client's leaves from `first` on, which is a multiple of [`CLUSTER`]; absent where there
    /// is no table. Without a view of the client, this clears A and D of the present leaves, and
    /// absent leaves read as 0 even if they have marks.
    fn leaves(&mut self, client: ProcessId, first: Page) -> [Entry; CLUSTER];

    /// The leaf of a page, read as by [`Backend::leaves`]. It may change at any time.
    fn snapshot(&mut self, client: ProcessId, page: Page) -> Entry {
        let index = page.number() as usize % CLUSTER;
        self.leaves(client, Page::numbered(page.number() - index as u32))[index]
    }

    /// The leaf of a page of a client that waits for the pager, or that has not started: only a
    /// process that may change its mappings can change the leaf.
    fn leaf(&mut self, client: ProcessId, page: UserPage) -> Entry;

    /// Clears A and D of the [`CLUSTER`] pages from `first` on; bit `i` of the result is the old D
    /// of page `i`.
    fn clear_accessed(&mut self, client: ProcessId, first: Page) -> u32;

    /// How many mappings a frame has.
    fn references(&mut self, frame: Frame) -> u32;

    /// Moves a page from a client into the pager as taken page `index`, and leaves the pager's mark
    /// in the client's leaf. Returns the last leaf; `None` if no page is present any more. The
    /// contents do not change until the page is given back or dropped, unless another process maps
    /// the frame writable.
    fn take_page(&mut self, client: ProcessId, page: UserPage, index: usize) -> Option<Entry>;

    /// Whether a taken page has the bytes that the file of the client's program has for it.
    fn matches_the_file(&mut self, client: ProcessId, page: UserPage, index: usize) -> bool;

    /// Gives a taken page back to its client with its old permissions, without the pager's mark.
    ///
    /// # Errors
    /// A [`GiveError`]; the page is still taken.
    fn give_back(
        &mut self,
        client: ProcessId,
        page: UserPage,
        index: usize,
    ) -> Result<(), GiveError>;

    /// Drops a taken page: if nobody else maps its frame, that is free, or one of the next scratch
    /// pages.
    fn drop_taken(&mut self, index: usize);

    /// The pager's scratch page, to be filled, whatever its bytes are.
    ///
    /// # Errors
    /// `NoFrame`.
    fn scratch(&mut self) -> Result<&mut Bytes, GiveError>;

    /// Copies page `index` of the disk's buffer to the scratch page.
    ///
    /// # Errors
    /// `NoFrame`.
    fn scratch_from_buffer(&mut self, index: usize) -> Result<(), GiveError>;

    /// Moves the scratch page into a client where nothing is present, with these rights, and with
    /// the pager's mark if `marked`. Returns its frame.
    ///
    /// # Errors
    /// A [`GiveError`]; nothing was mapped.
    fn give_scratch(
        &mut self,
        client: ProcessId,
        page: UserPage,
        rights: Rights,
        marked: bool,
    ) -> Result<Frame, GiveError>;

    /// Gives the client the page that its program has at first, where nothing is present: zeros, or
    /// bytes of the program's file. Returns `false` if the program has no page there, or none for
    /// this access.
    ///
    /// # Errors
    /// A [`GiveError`]; nothing was mapped.
    fn give_first(
        &mut self,
        client: ProcessId,
        page: UserPage,
        access: Access,
    ) -> Result<bool, GiveError>;

    /// Makes a copy-on-write page private: writable, in a frame of its own, without the mark for
    /// copy-on-write.
    ///
    /// # Errors
    /// A [`GiveError`].
    fn copy(&mut self, client: ProcessId, page: UserPage) -> Result<(), GiveError>;

    /// Sets the pager's mark in an absent leaf.
    ///
    /// # Errors
    /// A [`GiveError`].
    fn mark_paged_out(&mut self, client: ProcessId, page: UserPage) -> Result<(), GiveError>;
}
