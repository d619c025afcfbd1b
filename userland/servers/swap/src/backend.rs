//! What the decisions need of the world: the machine for the pager, a model in the tests.

use libsys::{Entry, Frame, Page, ProcessId, UserPage};

use crate::page::Rights;
use crate::pool::Memory;
use crate::{Bytes, CLUSTER};

/// Why a request to the disk failed, after the driver has done what it could.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiskError {
    /// The disk could not do it: these sectors may be bad.
    Failed,
    /// There is nobody to ask: nothing is known of the sectors.
    Gone,
}

/// A disk that is divided into slots of a page, with a buffer of [`CLUSTER`] pages.
pub trait Disk {
    /// Slots; 0 if there is no disk.
    fn slots(&self) -> u32;

    /// Page `index` of the buffer.
    fn buffer(&mut self, index: usize) -> &mut Bytes;

    /// Writes the first `count` pages of the buffer to the slots from `first` on.
    ///
    /// # Errors
    /// `DiskError`: what the slots hold is unknown.
    fn write(&mut self, first: u32, count: usize) -> Result<(), DiskError>;

    /// Reads the slots from `first` on into the first `count` pages of the buffer.
    ///
    /// # Errors
    /// `DiskError`: what the buffer holds is unknown.
    fn read(&mut self, first: u32, count: usize) -> Result<(), DiskError>;
}

/// Why the client did not get what the pager had for it. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GiveError {
    /// The client has ended.
    Gone,
    /// There is no frame: something has to go first.
    NoFrame,
    /// The client's quota is used up: something of its own has to go first.
    Quota,
    /// Something is present at the page by now.
    Occupied,
    /// The kernel refuses: the page lies in a view of the client's.
    Refused,
}

/// What a client's page is, by the regions of its program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageClass {
    /// Not the pager's business.
    Foreign,
    /// Its own: what it contains has to be kept.
    Private,
    /// Part of the program that the client only reads: the file has it.
    Text,
}

/// Clients, their tables, and a scratch page. Pages that have been taken from clients are *held* in places numbered
/// from 0 up to [`CLUSTER`].
pub trait Backend: Memory + Disk {
    /// Frames that are free.
    fn free_frames(&mut self) -> u32;

    /// Does the client live?
    fn is_alive(&self, client: ProcessId) -> bool;

    /// Has it been started, if it was made as a copy?
    fn has_started(&self, client: ProcessId) -> bool;

    /// What a page of a client's is.
    fn page_class(&self, client: ProcessId, page: Page) -> PageClass;

    /// Makes sure that the client's tables can be seen from now on, in a view. `false`: they cannot, because the client views
    /// something itself. Then its leaves are asked for one by one.
    fn attach_view(&mut self, client: ProcessId) -> bool;

    /// Whether the view of the client was lost at any time since this was last asked, or there is none now. A view is lost,
    /// among other things, when the client gets another pager, which may set marks of its own.
    fn view_was_lost(&mut self, client: ProcessId) -> bool;

    /// The first directory index from `index` on below which the client has a table with pages that are the
    /// pager's business; `None` if it cannot be watched.
    fn table_from(&mut self, client: ProcessId, index: u32) -> Option<u32>;

    /// The client's leaves from `first` on, a multiple of [`CLUSTER`]; all absent where there is no table. If the client
    /// cannot be watched, this clears A and D of the present ones, and absent ones read as 0 even if they have marks.
    fn leaves(&mut self, client: ProcessId, first: Page) -> [Entry; CLUSTER];

    /// The leaf of a page at this instant, as [`Backend::leaves`] tells it.
    fn snapshot(&mut self, client: ProcessId, page: Page) -> Entry {
        let index = page.number() as usize % CLUSTER;
        self.leaves(client, Page::numbered(page.number() - index as u32))[index]
    }

    /// The leaf of a page of a client that waits for the pager, or has not begun: what it says stays true.
    fn leaf(&mut self, client: ProcessId, page: UserPage) -> Entry;

    /// Clears A and D of the [`CLUSTER`] pages from `first` on; bit `i` of the result is the old D of page `i`.
    fn clear_accessed(&mut self, client: ProcessId, first: Page) -> u32;

    /// Mappings of a frame.
    fn references(&mut self, frame: Frame) -> u32;

    /// Takes a page away from a client, leaves the pager's mark, and holds it in `place`. Returns the last leaf; `None`
    /// if there is no such page any more. The page has its contents of this instant for as long as it is held, unless
    /// someone else maps it writable.
    fn take_page(&mut self, client: ProcessId, page: UserPage, index: usize) -> Option<Entry>;

    /// The contents of a held page.
    fn read_taken(&mut self, index: usize, bytes: &mut Bytes);

    /// Whether the held page has the bytes that the program's file has there for the client.
    fn matches_the_file(&mut self, client: ProcessId, page: UserPage, index: usize) -> bool;

    /// Gives a held page back to its client as it was, without the pager's mark.
    ///
    /// # Errors
    /// A [`GiveError`]; the page is still held.
    fn give_back(
        &mut self,
        client: ProcessId,
        page: UserPage,
        index: usize,
    ) -> Result<(), GiveError>;

    /// Drops a held page.
    fn drop_taken(&mut self, index: usize);

    /// A page of the pager's own to be filled.
    ///
    /// # Errors
    /// `NoFrame`.
    fn scratch(&mut self) -> Result<&mut Bytes, GiveError>;

    /// Moves the scratch page into a client where nothing is present, with these rights, and with the pager's mark if
    /// `marked`.
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

    /// Makes a copy-on-write page the client's own, writable and without the mark.
    ///
    /// # Errors
    /// A [`GiveError`].
    fn copy(&mut self, client: ProcessId, page: UserPage) -> Result<(), GiveError>;

    /// Leaves the pager's mark on an absent leaf.
    ///
    /// # Errors
    /// A [`GiveError`].
    fn mark_paged_out(&mut self, client: ProcessId, page: UserPage) -> Result<(), GiveError>;
}
