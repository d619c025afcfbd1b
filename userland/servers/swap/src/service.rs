//! How pages come back, how a forked child inherits them, and how the books are closed.

use libsys::abi::fault::Access;
use libsys::abi::layout::{ENTRIES, EXCEPTION_STACK, PAGE_SIZE};
use libsys::{Entry, Page, Permissions, ProcessId, UserPage};

use crate::accounts::{Account, Accounts};
use crate::books::Books;
use crate::clock::{self, Hand};
use crate::eviction::is_backed;
use crate::place::{Contents, Place, Rights};
use crate::pool::Full;
use crate::store::{Refusal, Store};
use crate::world::{Failure, Nature, World};
use crate::{Bytes, CLUSTER};

/// What became of a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Served {
    /// It is none of a page that was taken away: the regions decide.
    NotMine,
    /// The access is possible now.
    Resume,
    /// The page cannot be brought back.
    Failed(Trouble),
}

/// Why a page cannot be brought back, or given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// There is no memory, and none can be freed.
    NoMemory,
    /// There is no memory, and no room for what would have to leave it.
    NoRoom,
    /// The disk cannot keep what would have to leave memory.
    DiskWrite,
    /// The disk cannot read it.
    DiskRead,
    /// The client's quota is used up.
    Quota,
    /// The client has ended.
    Gone,
    /// The client has a view where the page was.
    View,
    /// The page could neither be kept nor given back when it was taken: the client had used up its quota.
    Lost,
}

impl core::fmt::Display for Trouble {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoMemory => "out of frames",
            Self::NoRoom => "out of frames, and the swap space is full",
            Self::DiskWrite => "out of frames, and the disk cannot be written",
            Self::DiskRead => "the disk cannot be read",
            Self::Quota => "quota exceeded",
            Self::Gone => "the client has ended",
            Self::View => "a view is in its place",
            Self::Lost => "quota exceeded, and there was no room to keep it",
        })
    }
}

/// What a client has where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Pages in memory.
    pub resident: u32,
    /// Pages on disk.
    pub swapped: u32,
    /// Pages that are compressed in memory.
    pub compressed: u32,
    /// Pages that need no room: zeros, and the program's file.
    pub elsewhere: u32,
}

/// All that is known and kept.
#[derive(Debug)]
pub struct Swap {
    pub(crate) books: Books,
    pub(crate) store: Store,
    pub(crate) accounts: Accounts,
    pub(crate) hand: Hand,
    /// Frames below which pages are taken away, until there are twice as many.
    low_water: u32,
    /// Faults that may pass until the free frames are counted again.
    credit: u32,
}

impl Swap {
    /// For a machine of so many frames with a disk of so many slots: at most a quarter of memory, and 64 MiB, for
    /// compressed pages.
    #[must_use]
    pub fn new(frames: u32, slots: u32) -> Self {
        const MOST: u32 = 64 << 20;
        let arena = (frames / 4).min(MOST / PAGE_SIZE) as usize * PAGE_SIZE as usize;
        // A table tells of 1,024 pages; a small client has four that are nearly empty.
        let tables = (frames + slots).div_ceil(ENTRIES) * 2 + 64;
        Self {
            books: Books::new(tables as usize),
            store: Store::new(arena, slots),
            accounts: Accounts::new(),
            hand: Hand::default(),
            low_water: (frames / 64).max(48),
            credit: 0,
        }
    }

    /// Takes the memory that the next pages to go will need, as far as there is any: when there is none, the pager is
    /// asked to free some, and cannot ask anyone itself.
    pub fn reserve<W: World>(&mut self, world: &mut W) {
        const TABLES: usize = 4;
        // What is missing now may be there the next time; until then, fewer pages can go.
        let _ = self.books.reserve(TABLES, world);
        let _ = self.store.prepare(world);
    }

    /// A new client.
    ///
    /// # Errors
    /// `Full`: there is no memory for its account. It is served, but its pages stay.
    pub fn arrive<W: World>(&mut self, world: &mut W, client: ProcessId) -> Result<(), Full> {
        self.close_slot(client);
        self.accounts.insert(Account::new(client), world)
    }

    /// Bounds the pages that a client has in memory; 0 for no bound. `false`: it is not a client.
    pub fn set_limit(&mut self, client: ProcessId, pages: u32) -> bool {
        let account = self.accounts.get_mut(client);
        account.map(|account| account.limit = pages).is_some()
    }

    /// The client was given a page that was nowhere before.
    pub fn given(&mut self, client: ProcessId, page: UserPage) {
        if let Some(account) = self.accounts.get_mut(client) {
            account.given(page.page());
        }
    }

    /// Has pages go as long as the client has as many as it should, or the machine too few frames. That it may not
    /// succeed is no error yet.
    pub fn make_room<W: World>(&mut self, world: &mut W, client: ProcessId) {
        while self.accounts.get(client).is_some_and(Account::is_at_its_limit) {
            if !matches!(self.evict(world, Some(client), client), Ok(1..)) {
                let resident = self.resident(world, client);
                if let Some(account) = self.accounts.get_mut(client) {
                    account.resident = resident;
                }
                break;
            }
        }
        if self.credit > 0 {
            self.credit -= 1;
            return;
        }
        let mut free = world.free_frames();
        if free < self.low_water {
            self.close_ended(world);
            free = world.free_frames();
            while free < 2 * self.low_water && matches!(self.evict(world, None, client), Ok(1..)) {
                free = world.free_frames();
            }
        }
        // A client may help itself to frames meanwhile, so not all of them are credit.
        self.credit = (free.saturating_sub(self.low_water) / 16).min(64);
    }

    /// Has pages go because there was no frame.
    ///
    /// # Errors
    /// None can.
    pub fn free_some<W: World>(&mut self, world: &mut W, client: ProcessId) -> Result<(), Trouble> {
        self.credit = 0;
        self.close_ended(world);
        match self.evict(world, None, client) {
            Ok(0) => Err(Trouble::NoMemory),
            Ok(_) => Ok(()),
            Err(Refusal::Full) if self.drop_copies() => Ok(()),
            Err(Refusal::Full) if world.slots() == 0 => Err(Trouble::NoMemory),
            Err(Refusal::Full) => Err(Trouble::NoRoom),
            Err(Refusal::Disk) => Err(Trouble::DiskWrite),
        }
    }

    /// Has pages go because a call of a client's needs so many frames: until they are free, and as many more as are always
    /// kept free, or until no page can go. Returns how many are free.
    pub fn free_frames<W: World>(&mut self, world: &mut W, client: ProcessId, frames: u32) -> u32 {
        let wanted = frames.max(self.low_water);
        // Other clients may take frames while pages go to the disk, so not each round has to leave more of them free.
        for _ in 0..wanted {
            if world.free_frames() >= wanted || self.free_some(world, client).is_err() {
                break;
            }
        }
        world.free_frames()
    }

    /// Has pages go because of a failure, so that it is worth a second try.
    fn relieve<W: World>(
        &mut self,
        world: &mut W,
        client: ProcessId,
        failure: Failure,
    ) -> Result<(), Trouble> {
        match failure {
            Failure::Gone => Err(Trouble::Gone),
            Failure::Refused => Err(Trouble::View),
            Failure::Taken => Ok(()),
            Failure::NoFrame => self.free_some(world, client),
            Failure::Quota => match self.evict(world, Some(client), client) {
                Ok(1..) => Ok(()),
                Ok(0) | Err(_) => Err(Trouble::Quota),
            },
        }
    }

    /// Serves a fault.
    pub fn serve<W: World>(
        &mut self,
        world: &mut W,
        client: ProcessId,
        page: UserPage,
        access: Access,
    ) -> Served {
        let Some(account) = self.accounts.get(client) else { return Served::NotMine };
        if !account.disturbed && !access.contains(Access::PROTECTION) {
            return Served::NotMine;
        }
        let leaf = world.leaf(client, page);
        let place = self.books.place(client, page.page());
        match place {
            Place::Stored { contents, rights } if is_backed(leaf) => {
                self.bring_back(world, client, page, (contents, rights), access)
            }
            // The client has put something else there, or has given the page up.
            Place::Stored { .. } => {
                self.forget(client, page.page());
                self.look_again(world, client, page, leaf, access)
            }
            Place::Unknown | Place::Copied { .. } => {
                self.look_again(world, client, page, leaf, access)
            }
        }
    }

    /// A fault on a page that is not away: it may be possible by now, or a copy that the client had no frame for.
    fn look_again<W: World>(
        &mut self,
        world: &mut W,
        client: ProcessId,
        page: UserPage,
        leaf: Entry,
        access: Access,
    ) -> Served {
        if !leaf.is_present() {
            self.forget(client, page.page());
            return Served::NotMine;
        }
        let allowed = leaf.is_writable() || !access.contains(Access::WRITE);
        if allowed || !access.contains(Access::PROTECTION) {
            // It was absent when it was touched. If it is not allowed, the next fault says so.
            return Served::Resume;
        }
        if !leaf.permissions().contains(Permissions::COPY_ON_WRITE) {
            return Served::NotMine;
        }
        loop {
            match world.copy(client, page) {
                Ok(()) => return Served::Resume,
                Err(failure) => {
                    if let Err(trouble) = self.relieve(world, client, failure) {
                        return Served::Failed(trouble);
                    }
                }
            }
        }
    }

    fn bring_back<W: World>(
        &mut self,
        world: &mut W,
        client: ProcessId,
        page: UserPage,
        (contents, rights): (Contents, Rights),
        access: Access,
    ) -> Served {
        let write = access.contains(Access::WRITE);
        let mut bytes: Bytes = [0; size_of::<Bytes>()];
        let mut copy = None;
        match contents {
            Contents::Zeros => {}
            Contents::File => {
                self.forget(client, page.page());
                return Served::NotMine;
            }
            Contents::Lost => return Served::Failed(Trouble::Lost),
            Contents::Kept(item) => {
                if self.store.fetch(world, item, &mut bytes).is_err() {
                    return Served::Failed(Trouble::DiskRead);
                }
                // A copy on disk may save a write; one in memory would take what it is to save.
                let may_save = !write && !self.store.is_compressed(item);
                copy = Some(item).filter(|_| may_save && world.watch(client));
            }
        }
        loop {
            let filled = world.scratch().map(|scratch| *scratch = bytes);
            let frame =
                filled.and_then(|()| world.give_scratch(client, page, rights, copy.is_some()));
            match (frame, copy) {
                (Ok(frame), Some(item)) => {
                    self.books.note(client, page.page(), Place::Copied { frame, item });
                    break;
                }
                (Ok(_), None) => {
                    self.forget(client, page.page());
                    break;
                }
                // The client's parent has put a page there meanwhile: that is the page now.
                (Err(Failure::Taken), _) => {
                    self.forget(client, page.page());
                    return Served::Resume;
                }
                (Err(failure), _) => {
                    if let Err(trouble) = self.relieve(world, client, failure) {
                        return Served::Failed(trouble);
                    }
                }
            }
        }
        if let Some(account) = self.accounts.get_mut(client) {
            account.given(page.page());
            account.faults_in = account.faults_in.wrapping_add(1);
        }
        Served::Resume
    }

    /// A client forks: what is away is away for both. What is in memory is the two's affair, but for what goes before
    /// they have got to it ([`Account::copy_of`]).
    ///
    /// # Errors
    /// A [`Trouble`]; nothing is known of the child.
    pub fn fork<W: World>(
        &mut self,
        world: &mut W,
        parent: ProcessId,
        child: ProcessId,
    ) -> Result<(), Trouble> {
        self.close_slot(child);
        let Some(account) = self.accounts.get(parent).copied() else { return Ok(()) };
        let mut copy = Account::new(child);
        copy.copy_of = Some(parent);
        copy.disturbed = account.disturbed;
        (copy.limit, copy.resident) = (account.limit, account.resident);
        copy.tables = account.tables;
        self.accounts.insert(copy, world).map_err(|Full| Trouble::NoMemory)?;
        let inherited = self.inherit(world, parent, child);
        if inherited.is_err() {
            self.close(child);
        }
        inherited
    }

    fn inherit<W: World>(
        &mut self,
        world: &mut W,
        parent: ProcessId,
        child: ProcessId,
    ) -> Result<(), Trouble> {
        let mut from = Page::numbered(0);
        while let Some((page, place)) = self.books.next(parent, from) {
            from = Page::numbered(page.number() + 1);
            // Every process has an exception stack of its own.
            let Some(user_page) = UserPage::containing(page.address()) else { break };
            let Place::Stored { contents, .. } = place else { continue };
            if page == Page::containing(EXCEPTION_STACK) {
                continue;
            }
            if !is_backed(world.leaf(parent, user_page)) {
                self.forget(parent, page);
                continue;
            }
            loop {
                let ready = self.books.prepare(child, page, world).map_err(|Full| Failure::NoFrame);
                match ready.and_then(|()| world.mark(child, user_page)) {
                    Ok(()) => break,
                    Err(failure) => self.relieve(world, parent, failure)?,
                }
            }
            // To find memory, other pages may have gone, for the child as well; this one was away before.
            if self.books.place(child, page) == Place::Unknown {
                self.store.retain(contents);
                self.books.note(child, page, place);
            }
        }
        Ok(())
    }

    /// What a client has where. Counts its pages in memory one by one.
    pub fn report<W: World>(&mut self, world: &mut W, client: ProcessId) -> Option<Report> {
        self.accounts.get(client)?;
        let mut report = Report::default();
        let mut from = Page::numbered(0);
        while let Some((page, place)) = self.books.next(client, from) {
            from = Page::numbered(page.number() + 1);
            match place {
                Place::Stored { .. }
                    if world.watch(client) && !is_backed(world.glance(client, page)) => {}
                Place::Stored { contents: Contents::Kept(item), .. } => {
                    if self.store.is_compressed(item) {
                        report.compressed += 1;
                    } else {
                        report.swapped += 1;
                    }
                }
                Place::Stored { .. } => report.elsewhere += 1,
                Place::Unknown | Place::Copied { .. } => {}
            }
        }
        report.resident = self.resident(world, client);
        if let Some(account) = self.accounts.get_mut(client) {
            account.resident = report.resident;
        }
        Some(report)
    }

    /// What is counted for a client.
    #[must_use]
    pub fn account(&self, client: ProcessId) -> Option<&Account> {
        self.accounts.get(client)
    }

    /// What is kept for all clients together.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Forgets the clients that have ended.
    pub fn close_ended<W: World>(&mut self, world: &W) {
        for slot in 0..self.accounts.slots() {
            let client = self.accounts.at(slot).map(|account| account.id);
            if let Some(client) = client.filter(|client| !world.lives(*client)) {
                self.close(client);
            }
        }
    }

    /// Whoever was in the slot of a new client has ended.
    fn close_slot(&mut self, client: ProcessId) {
        if let Some(before) = self.accounts.at(client.index() as usize) {
            let before = before.id;
            self.close(before);
        }
    }

    fn close(&mut self, client: ProcessId) {
        while let Some((page, _)) = self.books.next(client, Page::numbered(0)) {
            self.forget(client, page);
        }
        self.books.tidy(client);
        self.accounts.remove(client);
    }

    /// Nothing is known of the page any more.
    pub(crate) fn forget(&mut self, client: ProcessId, page: Page) {
        match self.books.note(client, page, Place::Unknown) {
            Place::Unknown => {}
            Place::Copied { item, .. } => self.store.release(Contents::Kept(item)),
            Place::Stored { contents, .. } => self.store.release(contents),
        }
    }

    /// The page is not what its copy says any more.
    pub(crate) fn forget_copy(&mut self, client: ProcessId, page: Page) {
        if matches!(self.books.place(client, page), Place::Copied { .. }) {
            self.forget(client, page);
        }
    }

    /// Gives up all copies of pages that are in memory, for the room they take. Says whether there were any.
    fn drop_copies(&mut self) -> bool {
        let before = self.store.items();
        for slot in 0..self.accounts.slots() {
            let Some(client) = self.accounts.at(slot).map(|account| account.id) else { continue };
            self.forget_copies(client);
        }
        self.store.items() < before
    }

    /// Gives up all copies of a client's pages that are in memory.
    pub(crate) fn forget_copies(&mut self, client: ProcessId) {
        let mut from = Page::numbered(0);
        while let Some((page, _)) = self.books.next(client, from) {
            from = Page::numbered(page.number() + 1);
            self.forget_copy(client, page);
        }
    }

    /// The pages of a client that are in memory, without those that are none of the pager's business.
    fn resident<W: World>(&self, world: &mut W, client: ProcessId) -> u32 {
        let mut count = 0;
        let mut index = 0;
        while let Some(table) = clock::table_from(world, &self.accounts, client, index) {
            index = table + 1;
            for first in (table * ENTRIES..index * ENTRIES).step_by(CLUSTER) {
                let leaves = world.leaves(client, Page::numbered(first));
                for (page, _) in (first..).zip(leaves).filter(|(_, leaf)| leaf.is_present()) {
                    let nature = world.nature(client, Page::numbered(page));
                    count += u32::from(nature != Nature::Foreign);
                }
            }
        }
        count
    }
}
