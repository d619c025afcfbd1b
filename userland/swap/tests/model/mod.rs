//! A machine in little: clients with tables and few frames, a disk that can fail, and clients that go on running while
//! the pager works.
//!
//! Each page of a client's contains a pattern made from a *tag*, and the model knows which tag it should be. A client
//! looks at a page's bytes each time it touches it, so no byte may ever differ.

// Each test file uses a part of it.
#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};

use libsys::abi::fault::Access;
use libsys::abi::layout::EXCEPTION_STACK;
use libsys::{Entry, EntryFlags, Frame, Page, Permissions, ProcessId, UserPage};
use swap::place::{MINE, Rights};
use swap::world::{Failure, Nature};
use swap::{Bytes, CLUSTER, Disk, DiskError, Memory, Served, Swap, World};

/// Pages of the program that are only read, and their tags.
pub const TEXT: core::ops::Range<u32> = 0x800..0x808;
/// Pages that are zeros at first.
pub const HEAP: core::ops::Range<u32> = 0x1_03E0..0x1_0420;
/// The exception stack.
pub const EXCEPTION: u32 = EXCEPTION_STACK >> 12;

/// The bytes that a tag stands for: zeros, something that compresses, or noise.
pub fn pattern(tag: u32) -> Bytes {
    let mut state = tag;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    match tag % 4 {
        _ if tag == 0 => [0; 4096],
        0 => core::array::from_fn(|index| (tag as usize + index / 64) as u8),
        1 => core::array::from_fn(|index| if index < 2500 { next() } else { 7 }),
        _ => core::array::from_fn(|_| next()),
    }
}

fn file_tag(page: u32) -> u32 {
    page * 4 + 1
}

struct Client {
    leaves: BTreeMap<u32, Entry>,
    tags: BTreeMap<u32, u32>,
    begun: bool,
}

/// The machine.
pub struct Model {
    clients: BTreeMap<u32, (ProcessId, Client)>,
    frames: BTreeMap<u32, (Box<Bytes>, u32)>,
    frame_limit: usize,
    own_pages: BTreeSet<usize>,
    held: [Option<Entry>; CLUSTER],
    scratch: Option<u32>,
    slots: Vec<Bytes>,
    buffer: [Bytes; CLUSTER],
    /// One in so many requests fails; 0 for none.
    pub disk_fails: u32,
    /// Requests that wrote to the disk.
    pub writes: u32,
    random: u64,
    /// Who waits for the pager.
    blocked: Vec<ProcessId>,
    /// A client was ended because it could not be served.
    pub killed: u32,
    /// What a client writes just before a page of it is taken: the page and the tag.
    pub before_taking: Option<(ProcessId, u32, u32)>,
    /// Does anything happen while the pager works?
    pub is_busy: bool,
}

impl Model {
    pub fn new(frame_limit: usize, slots: usize, seed: u64) -> Self {
        Self {
            clients: BTreeMap::new(),
            frames: BTreeMap::new(),
            frame_limit,
            own_pages: BTreeSet::new(),
            held: [None; CLUSTER],
            scratch: None,
            slots: vec![[0; 4096]; slots],
            buffer: [[0; 4096]; CLUSTER],
            disk_fails: 0,
            writes: 0,
            random: seed | 1,
            blocked: Vec::new(),
            killed: 0,
            before_taking: None,
            is_busy: true,
        }
    }

    pub fn random(&mut self, below: u32) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 32) as u32 % below
    }

    pub fn ids(&self) -> Vec<ProcessId> {
        self.clients.values().map(|(id, _)| *id).collect()
    }

    pub fn frames_in_use(&self) -> usize {
        self.frames.len()
    }

    pub fn is_present(&self, id: ProcessId, page: u32) -> bool {
        self.see(id, page).is_present()
    }

    pub fn frame(&self, id: ProcessId, page: u32) -> u32 {
        self.see(id, page).frame().number()
    }

    fn client(&mut self, id: ProcessId) -> Option<&mut Client> {
        self.clients
            .get_mut(&id.index())
            .filter(|(known, _)| *known == id)
            .map(|(_, client)| client)
    }

    fn see(&self, id: ProcessId, page: u32) -> Entry {
        let client = self.clients.get(&id.index()).filter(|(known, _)| *known == id);
        client.and_then(|(_, client)| client.leaves.get(&page)).copied().unwrap_or(Entry::ABSENT)
    }

    fn free(&self) -> usize {
        self.frame_limit - self.frames.len() - self.own_pages.len()
    }

    fn allocate(&mut self) -> Option<u32> {
        if self.free() == 0 {
            return None;
        }
        // The lowest free number: a frame that was just given up comes back at once, which is what misleads a pager.
        let number = (1..).find(|number| !self.frames.contains_key(number)).unwrap();
        self.frames.insert(number, (Box::new([0; 4096]), 1));
        Some(number)
    }

    fn retain(&mut self, leaf: Entry) {
        self.frames.get_mut(&leaf.frame().number()).unwrap().1 += 1;
    }

    fn release(&mut self, leaf: Entry) {
        if leaf.is_present() {
            let number = leaf.frame().number();
            let count = &mut self.frames.get_mut(&number).expect("a mapped frame is there").1;
            *count -= 1;
            if *count == 0 {
                self.frames.remove(&number);
            }
        }
    }

    /// Puts a leaf in place of another.
    fn map(&mut self, id: ProcessId, page: u32, leaf: Entry) {
        let old = self.client(id).unwrap().leaves.insert(page, leaf);
        self.release(old.unwrap_or(Entry::ABSENT));
    }

    fn fresh(&mut self, id: ProcessId, page: u32, flags: EntryFlags) -> bool {
        let Some(number) = self.allocate() else { return false };
        self.map(id, page, Entry::new(Frame::from_number(number), flags));
        true
    }

    pub fn start(&mut self, swap: &mut Swap, id: ProcessId) {
        let client = Client { leaves: BTreeMap::new(), tags: BTreeMap::new(), begun: true };
        self.clients.insert(id.index(), (id, client));
        let _ = swap.arrive(self, id);
    }

    pub fn exit(&mut self, id: ProcessId) {
        let Some((_, client)) = self.clients.remove(&id.index()) else { return };
        client.leaves.into_values().for_each(|leaf| self.release(leaf));
    }

    /// What the client's page should contain.
    fn tag(&mut self, id: ProcessId, page: u32) -> u32 {
        let at_first = if TEXT.contains(&page) { file_tag(page) } else { 0 };
        self.client(id).unwrap().tags.get(&page).copied().unwrap_or(at_first)
    }

    /// Looks at a present page, and writes it, as the CPU would.
    fn access(&mut self, id: ProcessId, page: u32, write: Option<u32>) {
        let leaf = self.see(id, page);
        let tag = self.tag(id, page);
        let frame = leaf.frame().number();
        let bytes = &mut self.frames.get_mut(&frame).unwrap().0;
        assert!(**bytes == pattern(tag), "[{id}] page {page:#x} is not what was written there");
        let mut flags = leaf.flags() | EntryFlags::ACCESSED;
        if let Some(tag) = write {
            **bytes = pattern(tag);
            flags |= EntryFlags::DIRTY;
        }
        let client = self.client(id).unwrap();
        client.leaves.insert(page, leaf.with_flags(flags));
        if let Some(tag) = write {
            client.tags.insert(page, tag);
        }
    }

    /// What a client can do without the pager. `false`: it faults.
    fn try_alone(&mut self, id: ProcessId, page: u32, write: Option<u32>) -> bool {
        let leaf = self.see(id, page);
        if !leaf.is_present() {
            return false;
        }
        if write.is_some() && !leaf.is_writable() {
            // Its own handler.
            let marked = leaf.permissions().contains(Permissions::COPY_ON_WRITE);
            if !marked || !self.copy_page(id, page) {
                return false;
            }
        }
        self.access(id, page, write);
        true
    }

    fn copy_page(&mut self, id: ProcessId, page: u32) -> bool {
        let leaf = self.see(id, page);
        let marks = leaf.permissions().difference(Permissions::COPY_ON_WRITE);
        let flags = (marks | Permissions::WRITE).leaf();
        if self.frames[&leaf.frame().number()].1 == 1 {
            let kept = leaf.flags() & EntryFlags::ACCESSED_DIRTY;
            self.client(id).unwrap().leaves.insert(page, leaf.with_flags(flags | kept));
            return true;
        }
        let bytes = self.frames[&leaf.frame().number()].0.clone();
        if !self.fresh(id, page, flags) {
            return false;
        }
        let copy = self.see(id, page).frame().number();
        self.frames.get_mut(&copy).unwrap().0 = bytes;
        true
    }

    /// A client touches a page, with all that follows. `false`: it was ended for it.
    pub fn touch(&mut self, swap: &mut Swap, id: ProcessId, page: u32, write: Option<u32>) -> bool {
        for _ in 0..100 {
            if self.try_alone(id, page, write) {
                return true;
            }
            let leaf = self.see(id, page);
            let mut access = Access::USER;
            access.set(Access::WRITE, write.is_some());
            access.set(Access::PROTECTION, leaf.is_present());
            self.blocked.push(id);
            let served = self.fault(swap, id, page, access);
            self.blocked.pop();
            if !served {
                self.killed += 1;
                self.exit(id);
                return false;
            }
        }
        panic!("[{id}] does not get on with page {page:#x}");
    }

    /// What the pager's server does about a fault.
    fn fault(&mut self, swap: &mut Swap, id: ProcessId, page: u32, access: Access) -> bool {
        swap.make_room(self, id);
        let user_page = UserPage::known(page << 12);
        match swap.serve(self, id, user_page, access) {
            Served::Resume => return true,
            Served::Failed(_) => return false,
            Served::NotMine => {}
        }
        assert!(!self.see(id, page).is_present(), "the regions would put zeros over a page");
        loop {
            let given = if TEXT.contains(&page) {
                self.scratch().map(|scratch| *scratch = pattern(file_tag(page))).is_ok()
                    && self
                        .give_scratch(
                            id,
                            user_page,
                            Rights { permissions: Permissions::empty(), sealed: true },
                            false,
                        )
                        .is_ok()
            } else {
                self.fresh(id, page, EntryFlags::FRESH)
            };
            if given {
                swap.given(id, user_page);
                return true;
            }
            if swap.free_some(self, id).is_err() {
                return false;
            }
        }
    }

    /// A client forks, page by page; others run on meanwhile. The child's id, if it came to be.
    pub fn fork(&mut self, swap: &mut Swap, parent: ProcessId, child: ProcessId) -> bool {
        let client = Client { leaves: BTreeMap::new(), tags: BTreeMap::new(), begun: false };
        self.clients.insert(child.index(), (child, client));
        self.blocked.extend([parent, child]);
        let forked = self.share_all(swap, parent, child);
        self.blocked.truncate(self.blocked.len() - 2);
        if !forked {
            self.exit(child);
        }
        forked
    }

    fn share_all(&mut self, swap: &mut Swap, parent: ProcessId, child: ProcessId) -> bool {
        if swap.fork(self, parent, child).is_err() {
            return false;
        }
        for page in TEXT.chain(HEAP) {
            if self.random(8) == 0 && !self.disturb(swap, parent) {
                return false;
            }
            let leaf = self.see(parent, page);
            if !leaf.is_present() {
                continue;
            }
            let permissions = leaf.permissions();
            let (at_parent, at_child) = if leaf.is_writable()
                || permissions.contains(Permissions::COPY_ON_WRITE)
            {
                let marks = permissions.difference(Permissions::WRITE) | Permissions::COPY_ON_WRITE;
                let kept = leaf.flags() & (EntryFlags::ACCESSED_DIRTY | EntryFlags::SEALED);
                (marks.leaf() | kept, marks.leaf() | EntryFlags::SEALED)
            } else {
                (leaf.flags(), permissions.leaf() | EntryFlags::SEALED)
            };
            self.retain(leaf);
            self.map(child, page, leaf.with_flags(at_child));
            self.client(parent).unwrap().leaves.insert(page, leaf.with_flags(at_parent));
        }
        let tags = self.client(parent).unwrap().tags.clone();
        let client = self.client(child).unwrap();
        client.tags = tags;
        client.tags.remove(&EXCEPTION);
        client.begun = true;
        self.fresh(child, EXCEPTION, EntryFlags::FRESH)
    }

    /// Someone else touches something while a fork is under way, or the parent looks at a page. `false`: the parent was
    /// ended for it.
    fn disturb(&mut self, swap: &mut Swap, parent: ProcessId) -> bool {
        let ids = self.ids();
        let id = ids[self.random(ids.len() as u32) as usize];
        let page = HEAP.start + self.random(HEAP.len() as u32);
        if id == parent {
            // Anything but a look would be the program's own mistake. For a look, some of its own pages may have to go.
            return self.touch(swap, id, page, None);
        } else if !self.blocked.contains(&id) {
            let tag = self.random(1 << 20);
            self.touch(swap, id, page, Some(tag));
        }
        true
    }

    /// Between any two calls of the pager's, a client that does not wait for it may run.
    fn meanwhile(&mut self) {
        if !self.is_busy || self.random(6) != 0 {
            return;
        }
        let ids: Vec<_> = self.ids().into_iter().filter(|id| !self.blocked.contains(id)).collect();
        if ids.is_empty() {
            return;
        }
        let id = ids[self.random(ids.len() as u32) as usize];
        let page = HEAP.start + self.random(HEAP.len() as u32);
        let tag = self.random(1 << 20);
        match self.random(12) {
            0 => self.exit(id),
            1 => self.drop_page(id, page),
            2 => self.replace_page(id, page),
            3 => self.protect(id, page),
            4 | 5 => {
                self.try_alone(id, page, None);
            }
            _ => {
                self.try_alone(id, page, Some(tag));
            }
        }
    }

    /// The client gives a page up.
    pub fn drop_page(&mut self, id: ProcessId, page: u32) {
        self.map(id, page, Entry::ABSENT);
        self.client(id).unwrap().tags.remove(&page);
    }

    /// The client puts a fresh page there.
    pub fn replace_page(&mut self, id: ProcessId, page: u32) {
        if self.fresh(id, page, EntryFlags::FRESH) {
            self.client(id).unwrap().tags.remove(&page);
        }
    }

    /// The client takes W from a page; A and D go, too, as a `range_protect` has it: but for the pager's sake, here
    /// only on pages of which there is no copy elsewhere.
    fn protect(&mut self, id: ProcessId, page: u32) {
        let leaf = self.see(id, page);
        if leaf.is_present() && !leaf.permissions().contains(MINE) {
            let mut flags = leaf.flags() - EntryFlags::WRITE - EntryFlags::ACCESSED_DIRTY;
            flags.set(
                EntryFlags::MARK_11,
                leaf.is_writable() || flags.contains(EntryFlags::MARK_11),
            );
            self.client(id).unwrap().leaves.insert(page, leaf.with_flags(flags));
        }
    }

    /// Everything that is mapped is counted, and nothing else is there.
    pub fn audit(&self) {
        let mut counts = BTreeMap::<u32, u32>::new();
        let leaves = self.clients.values().flat_map(|(_, client)| client.leaves.values());
        for leaf in leaves.chain(self.held.iter().flatten()).filter(|leaf| leaf.is_present()) {
            *counts.entry(leaf.frame().number()).or_default() += 1;
        }
        if let Some(frame) = self.scratch {
            *counts.entry(frame).or_default() += 1;
        }
        let real: BTreeMap<u32, u32> =
            self.frames.iter().map(|(number, (_, count))| (*number, *count)).collect();
        assert_eq!(counts, real);
        assert!(self.held.iter().all(Option::is_none), "nothing is held between two faults");
        assert!(self.frames.len() + self.own_pages.len() <= self.frame_limit);
    }
}

impl Memory for Model {
    fn take(&mut self, address: usize, bytes: usize) -> bool {
        let pages = address / 4096..(address + bytes).div_ceil(4096);
        let missing: Vec<_> = pages.filter(|page| !self.own_pages.contains(page)).collect();
        let enough = missing.len() <= self.free();
        if enough {
            self.own_pages.extend(missing);
        }
        enough
    }
}

impl Disk for Model {
    fn slots(&self) -> u32 {
        self.slots.len() as u32
    }

    fn buffer(&mut self, index: usize) -> &mut Bytes {
        &mut self.buffer[index]
    }

    fn write(&mut self, first: u32, count: usize) -> Result<(), DiskError> {
        self.meanwhile();
        self.writes += 1;
        if self.disk_fails != 0 && self.random(self.disk_fails) == 0 {
            return Err(DiskError::Failed);
        }
        self.slots[first as usize..][..count].copy_from_slice(&self.buffer[..count]);
        Ok(())
    }

    fn read(&mut self, first: u32, count: usize) -> Result<(), DiskError> {
        self.meanwhile();
        if self.disk_fails != 0 && self.random(self.disk_fails) == 0 {
            return Err(DiskError::Failed);
        }
        self.buffer[..count].copy_from_slice(&self.slots[first as usize..][..count]);
        Ok(())
    }
}

impl World for Model {
    fn free_frames(&mut self) -> u32 {
        self.meanwhile();
        self.free() as u32
    }

    fn lives(&self, client: ProcessId) -> bool {
        self.clients.get(&client.index()).is_some_and(|(id, _)| *id == client)
    }

    fn has_begun(&self, client: ProcessId) -> bool {
        self.clients.get(&client.index()).is_none_or(|(_, client)| client.begun)
    }

    fn nature(&self, _: ProcessId, page: Page) -> Nature {
        match page.number() {
            page if TEXT.contains(&page) => Nature::Text,
            page if HEAP.contains(&page) || page == EXCEPTION => Nature::Private,
            _ => Nature::Foreign,
        }
    }

    fn watch(&mut self, _: ProcessId) -> bool {
        true
    }

    fn table_from(&mut self, client: ProcessId, index: u32) -> Option<u32> {
        let client = self.client(client)?;
        client.leaves.range(index * 1024..).next().map(|(page, _)| page / 1024)
    }

    fn leaves(&mut self, client: ProcessId, first: Page) -> [Entry; CLUSTER] {
        self.meanwhile();
        core::array::from_fn(|index| self.see(client, first.number() + index as u32))
    }

    fn leaf(&mut self, client: ProcessId, page: UserPage) -> Entry {
        self.see(client, page.page().number())
    }

    fn clear_accessed(&mut self, client: ProcessId, first: Page) -> u32 {
        self.meanwhile();
        let mut dirty = 0;
        for index in 0..CLUSTER as u32 {
            let page = first.number() + index;
            let leaf = self.see(client, page);
            if leaf.is_present() {
                dirty |= u32::from(leaf.is_dirty()) << index;
                let flags = leaf.flags() - EntryFlags::ACCESSED_DIRTY;
                self.client(client).unwrap().leaves.insert(page, leaf.with_flags(flags));
            }
        }
        dirty
    }

    fn references(&mut self, frame: Frame) -> u32 {
        self.frames.get(&frame.number()).map_or(0, |frame| frame.1)
    }

    fn take_page(&mut self, client: ProcessId, page: UserPage, place: usize) -> Option<Entry> {
        self.meanwhile();
        let number = page.page().number();
        if let Some((id, page, tag)) = self.before_taking.filter(|(_, page, _)| *page == number) {
            assert!(self.try_alone(id, page, Some(tag)));
            self.before_taking = None;
        }
        let leaf = self.see(client, number);
        if !leaf.is_present() {
            return None;
        }
        assert!(self.held[place].is_none());
        self.held[place] = Some(leaf);
        self.client(client).unwrap().leaves.insert(number, Entry::backed(MINE));
        Some(leaf)
    }

    fn held(&mut self, place: usize, bytes: &mut Bytes) {
        self.meanwhile();
        let frame = self.held[place].unwrap().frame().number();
        *bytes = *self.frames[&frame].0;
    }

    fn give_back(&mut self, client: ProcessId, page: UserPage, place: usize) {
        self.meanwhile();
        let leaf = self.held[place].take().unwrap();
        if self.lives(client) && !self.see(client, page.page().number()).is_present() {
            let seal = if leaf.is_writable() { EntryFlags::empty() } else { EntryFlags::SEALED };
            let flags = leaf.permissions().leaf() | seal;
            self.map(client, page.page().number(), leaf.with_flags(flags));
        } else {
            self.release(leaf);
        }
    }

    fn drop_held(&mut self, place: usize) {
        let leaf = self.held[place].take().unwrap();
        self.release(leaf);
    }

    fn scratch(&mut self) -> Result<&mut Bytes, Failure> {
        self.meanwhile();
        if self.scratch.is_none() {
            self.scratch = Some(self.allocate().ok_or(Failure::NoFrame)?);
        }
        Ok(&mut self.frames.get_mut(&self.scratch.unwrap()).unwrap().0)
    }

    fn give_scratch(
        &mut self,
        client: ProcessId,
        page: UserPage,
        rights: Rights,
        marked: bool,
    ) -> Result<Frame, Failure> {
        self.meanwhile();
        if !self.lives(client) {
            return Err(Failure::Gone);
        }
        let frame = Frame::from_number(self.scratch.take().unwrap());
        let mut flags = rights.permissions.leaf();
        flags.set(EntryFlags::SEALED, rights.sealed);
        flags.set(EntryFlags::MARK_9, marked);
        self.map(client, page.page().number(), Entry::new(frame, flags));
        Ok(frame)
    }

    fn copy(&mut self, client: ProcessId, page: UserPage) -> Result<(), Failure> {
        if self.copy_page(client, page.page().number()) { Ok(()) } else { Err(Failure::NoFrame) }
    }

    fn mark(&mut self, client: ProcessId, page: UserPage) -> Result<(), Failure> {
        self.meanwhile();
        if !self.lives(client) {
            return Err(Failure::Gone);
        }
        let old = self.see(client, page.page().number());
        assert!(!old.is_present(), "a mark over a page loses it");
        self.map(client, page.page().number(), Entry::backed(MINE));
        Ok(())
    }
}
