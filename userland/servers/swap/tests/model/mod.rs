//! A model of the machine: clients with page tables, few frames, a disk that can fail, and clients
//! that go on running while the pager works.
//!
//! Each frame contains a pattern made from a *tag*, and the model knows which tag was written last,
//! through whatever mapping and by whatever process. When a page goes, the model notes the tag of
//! its frame; the frame in which the page comes back must have the same tag. A client looks at a
//! page's bytes each time it touches the page, so no byte may ever differ.
//!
//! With [`Model::relatives`], clients, a server without a pager and a second pager do to pages all
//! that calls allow. The model follows the kernel's rule for the mark `PAGER`
//! (`kernel/core/src/memory/clean.rs`), unless [`Model::kernel_rule`] is off.

// Each test file uses a part of the model.
#![allow(dead_code)]

use std::collections::BTreeMap;

use libsys::abi::fault::Access;
use libsys::abi::layout::EXCEPTION_STACK;
use libsys::{Entry, EntryFlags, Frame, Page, Permissions, ProcessId, UserPage};
use swap::backend::{GiveError, PageClass};
use swap::codec::SAMPLE;
use swap::page::Rights;
use swap::{Backend, Bytes, CLUSTER, Disk, DiskError, Memory, Served, Swap, Taken};

/// Pages of the program that are only read, and their tags.
pub const TEXT: core::ops::Range<u32> = 0x800..0x808;
/// Pages that are zeros at first.
pub const HEAP: core::ops::Range<u32> = 0x1_03E0..0x1_0420;
/// Pages in no region.
pub const FOREIGN: core::ops::Range<u32> = 0x6_0000..0x6_0004;
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
    /// The tags of pages that are paged out.
    paged_out: BTreeMap<u32, u32>,
    started: bool,
    /// The client has a view, so it cannot be viewed.
    views: bool,
    /// The pager's view of the client was lost since the pager last asked.
    view_lost: bool,
}

impl Client {
    const fn new(started: bool) -> Self {
        Self {
            leaves: BTreeMap::new(),
            paged_out: BTreeMap::new(),
            started,
            views: false,
            view_lost: true,
        }
    }
}

struct RamFrame {
    bytes: Box<Bytes>,
    count: u32,
    /// The tag that was written last.
    tag: u32,
}

/// A page that the pager has taken.
#[derive(Clone, Copy)]
struct TakenPage {
    client: ProcessId,
    page: u32,
    leaf: Entry,
}

/// The process that a page belongs to: a client, or the server if `None`.
type Side = Option<ProcessId>;

/// The machine.
pub struct Model {
    clients: BTreeMap<u32, (ProcessId, Client)>,
    frames: BTreeMap<u32, RamFrame>,
    /// The pages of a process without a pager, which gets pages from clients.
    server: BTreeMap<u32, Entry>,
    frame_limit: usize,
    /// The bytes of each of the pager's tables, by the address of its end.
    tables: BTreeMap<usize, usize>,
    /// The pages of all of them.
    own_pages: usize,
    taken: [Option<TakenPage>; CLUSTER],
    scratch: Option<u32>,
    slots: Vec<Bytes>,
    buffer: [Bytes; CLUSTER],
    /// One in so many requests to the disk fails; 0 for none.
    pub disk_fails: u32,
    /// Requests that wrote to the disk.
    pub writes: u32,
    /// Requests that read from the disk.
    pub reads: u32,
    /// Pages that such requests have skipped.
    pub skipped: u32,
    /// A slot that cannot be read.
    pub bad_slot: Option<u32>,
    /// A page that its client's parent unmaps while the disk reads.
    pub dropped_while_reading: Option<(ProcessId, u32)>,
    random: u64,
    /// The clients that wait for the pager.
    blocked: Vec<ProcessId>,
    /// How many clients ended because a fault could not be served.
    pub killed: u32,
    /// A write that happens just before a page is taken: the client, the page, and the tag.
    pub before_taking: Option<(ProcessId, u32, u32)>,
    /// Flags that a page gets just before it is taken: the client, the page, and the flags.
    pub changed_before_taking: Option<(ProcessId, u32, EntryFlags)>,
    /// A page that its client maps in the server just before it is taken.
    pub lent_before_taking: Option<(ProcessId, u32)>,
    /// A page that another client maps at the page that is given for the first time, just before.
    pub mapped_before_giving: Option<(ProcessId, u32)>,
    /// Whether every client has used up its quota when a page is given back.
    pub no_quota: bool,
    /// Whether clients run while the pager works.
    pub is_busy: bool,
    /// Whether clients and others map, share, move and protect pages, and change pagers.
    pub relatives: bool,
    /// Whether the kernel follows its rule for the mark `PAGER`.
    pub kernel_rule: bool,
    /// The parents and children of forks that are under way.
    forking: Vec<ProcessId>,
}

impl Model {
    pub fn new(frame_limit: usize, slots: usize, seed: u64) -> Self {
        Self {
            clients: BTreeMap::new(),
            frames: BTreeMap::new(),
            server: BTreeMap::new(),
            frame_limit,
            tables: BTreeMap::new(),
            own_pages: 0,
            taken: [None; CLUSTER],
            scratch: None,
            slots: vec![[0; 4096]; slots],
            buffer: [[0; 4096]; CLUSTER],
            disk_fails: 0,
            writes: 0,
            reads: 0,
            skipped: 0,
            bad_slot: None,
            dropped_while_reading: None,
            random: seed | 1,
            blocked: Vec::new(),
            killed: 0,
            before_taking: None,
            changed_before_taking: None,
            lent_before_taking: None,
            mapped_before_giving: None,
            no_quota: false,
            is_busy: true,
            relatives: false,
            kernel_rule: true,
            forking: Vec::new(),
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

    /// Makes the machine smaller or larger.
    pub fn set_frame_limit(&mut self, frames: usize) {
        self.frame_limit = frames + self.own_pages;
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

    pub fn see(&self, id: ProcessId, page: u32) -> Entry {
        let client = self.clients.get(&id.index()).filter(|(known, _)| *known == id);
        client.and_then(|(_, client)| client.leaves.get(&page)).copied().unwrap_or(Entry::ABSENT)
    }

    fn free(&self) -> usize {
        self.frame_limit - self.frames.len() - self.own_pages
    }

    fn allocate(&mut self) -> Option<u32> {
        if self.free() == 0 {
            return None;
        }
        // The lowest free number: a frame that was just freed is used again at once, which is what
        // can mislead a pager.
        let number = (1..).find(|number| !self.frames.contains_key(number)).unwrap();
        self.frames.insert(number, RamFrame { bytes: Box::new([0; 4096]), count: 1, tag: 0 });
        Some(number)
    }

    fn retain(&mut self, leaf: Entry) {
        self.ram(leaf).count += 1;
    }

    fn release(&mut self, leaf: Entry) {
        if leaf.is_present() {
            let number = leaf.frame().number();
            let count = &mut self.ram(leaf).count;
            *count -= 1;
            if *count == 0 {
                self.frames.remove(&number);
            }
        }
    }

    /// The frame of a present leaf.
    fn ram(&mut self, leaf: Entry) -> &mut RamFrame {
        self.frames.get_mut(&leaf.frame().number()).expect("a mapped frame is there")
    }

    /// Replaces a leaf. If the page was paged out, its contents are given up.
    fn map(&mut self, id: ProcessId, page: u32, leaf: Entry) {
        let client = self.client(id).unwrap();
        client.paged_out.remove(&page);
        let old = client.leaves.insert(page, leaf);
        self.release(old.unwrap_or(Entry::ABSENT));
    }

    /// Changes the flags of a present leaf.
    pub fn set_flags(&mut self, id: ProcessId, page: u32, flags: EntryFlags) {
        let leaf = self.see(id, page).with_flags(flags);
        self.client(id).unwrap().leaves.insert(page, leaf);
    }

    fn fresh(&mut self, id: ProcessId, page: u32, flags: EntryFlags) -> bool {
        let Some(number) = self.allocate() else { return false };
        self.map(id, page, Entry::new(Frame::from_number(number), flags));
        true
    }

    pub fn start(&mut self, swap: &mut Swap, id: ProcessId) {
        self.clients.insert(id.index(), (id, Client::new(true)));
        let _ = swap.add_client(self, id);
    }

    pub fn exit(&mut self, id: ProcessId) {
        let Some((_, client)) = self.clients.remove(&id.index()) else { return };
        client.leaves.into_values().for_each(|leaf| self.release(leaf));
    }

    /// Ends the server: its pages are given up.
    pub fn end_server(&mut self) {
        core::mem::take(&mut self.server).into_values().for_each(|leaf| self.release(leaf));
    }

    /// The tag of the contents that the client's page must have.
    fn tag(&mut self, id: ProcessId, page: u32) -> u32 {
        let leaf = self.see(id, page);
        if leaf.is_present() {
            return self.ram(leaf).tag;
        }
        let at_first = if TEXT.contains(&page) { file_tag(page) } else { 0 };
        self.client(id).unwrap().paged_out.get(&page).copied().unwrap_or(at_first)
    }

    /// Reads or writes a present page, as the CPU would.
    fn access(&mut self, id: ProcessId, page: u32, write: Option<u32>) {
        let leaf = self.see(id, page);
        let frame = self.ram(leaf);
        let is_right = *frame.bytes == pattern(frame.tag);
        assert!(is_right, "[{id}] page {page:#x} is not what was written there");
        let mut flags = leaf.flags() | EntryFlags::ACCESSED;
        if let Some(tag) = write {
            self.store(leaf, tag);
            flags |= EntryFlags::DIRTY;
        }
        self.set_flags(id, page, flags);
    }

    /// Stores to the frame of a present leaf.
    fn store(&mut self, leaf: Entry, tag: u32) {
        let frame = self.ram(leaf);
        *frame.bytes = pattern(tag);
        frame.tag = tag;
    }

    /// Touches a page without the pager's help. Returns `false` if that faults.
    fn try_alone(&mut self, id: ProcessId, page: u32, write: Option<u32>) -> bool {
        let leaf = self.see(id, page);
        if !leaf.is_present() {
            return false;
        }
        if write.is_some() && !leaf.is_writable() {
            // The client's own fault handler makes the copy.
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
        let marks = self.allowed(leaf.permissions()).difference(Permissions::COPY_ON_WRITE);
        let flags = (marks | Permissions::WRITE).leaf();
        if self.ram(leaf).count == 1 {
            let kept = leaf.flags() & EntryFlags::ACCESSED_DIRTY;
            self.set_flags(id, page, flags | kept);
            return true;
        }
        let (bytes, tag) = (self.ram(leaf).bytes.clone(), self.ram(leaf).tag);
        if !self.fresh(id, page, flags) {
            return false;
        }
        let copy = self.see(id, page);
        *self.ram(copy) = RamFrame { bytes, count: 1, tag };
        true
    }

    /// A client touches a page, and its faults are served. Returns `false` if it was ended for it.
    pub fn touch(&mut self, swap: &mut Swap, id: ProcessId, page: u32, write: Option<u32>) -> bool {
        for _ in 0..100 {
            if self.try_alone(id, page, write) {
                return true;
            }
            let leaf = self.see(id, page);
            let rights = Permissions::WRITE | Permissions::COPY_ON_WRITE;
            if leaf.is_present() && !leaf.permissions().intersects(rights) {
                // The client itself has made the page read-only: a write would be a mistake of the
                // program.
                self.access(id, page, None);
                return true;
            }
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

    /// Serves a fault as the pager's server does.
    fn fault(&mut self, swap: &mut Swap, id: ProcessId, page: u32, access: Access) -> bool {
        match swap.serve(self, id, UserPage::known(page << 12), access) {
            Served::Resume => true,
            Served::Failed(_) => false,
            Served::Refused => {
                // A relative has taken W from the page, or has put another page there.
                assert!(self.relatives && access.contains(Access::PROTECTION));
                true
            }
        }
    }

    /// A client forks, page by page, while others run. Returns the child's id if the fork
    /// succeeded.
    pub fn fork(&mut self, swap: &mut Swap, parent: ProcessId, child: ProcessId) -> bool {
        self.clients.insert(child.index(), (child, Client::new(false)));
        self.blocked.extend([parent, child]);
        self.forking.extend([parent, child]);
        let forked = self.share_all(swap, parent, child);
        self.blocked.truncate(self.blocked.len() - 2);
        self.forking.truncate(self.forking.len() - 2);
        if !forked {
            self.exit(child);
        }
        forked
    }

    /// A client begins a fork: the pager has answered, and no page is shared yet.
    pub fn begin_fork(&mut self, swap: &mut Swap, parent: ProcessId, child: ProcessId) {
        self.clients.insert(child.index(), (child, Client::new(false)));
        swap.fork(self, parent, child).unwrap();
    }

    /// Starts the child of a fork. Pages that it does not have by now are paged out.
    pub fn end_fork(&mut self, parent: ProcessId, child: ProcessId) -> bool {
        for page in TEXT.chain(HEAP) {
            if !self.is_present(child, page) {
                let tag = self.tag(parent, page);
                self.client(child).unwrap().paged_out.insert(page, tag);
            }
        }
        self.client(child).unwrap().started = true;
        self.fresh(child, EXCEPTION, EntryFlags::FRESH)
    }

    /// The client makes a view, so that it cannot be viewed itself.
    pub fn make_view(&mut self, id: ProcessId) {
        self.client(id).unwrap().views = true;
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
                (marks.leaf() | kept, self.allowed(marks).leaf() | EntryFlags::SEALED)
            } else {
                (leaf.flags(), self.allowed(permissions).leaf() | EntryFlags::SEALED)
            };
            self.retain(leaf);
            self.map(child, page, leaf.with_flags(at_child));
            self.client(parent).unwrap().leaves.insert(page, leaf.with_flags(at_parent));
        }
        self.end_fork(parent, child)
    }

    /// Another client touches a page while a fork is under way, or the parent reads one. Returns
    /// `false` if the parent was ended for it.
    fn disturb(&mut self, swap: &mut Swap, parent: ProcessId) -> bool {
        let ids = self.ids();
        let id = ids[self.random(ids.len() as u32) as usize];
        let page = HEAP.start + self.random(HEAP.len() as u32);
        if id == parent {
            // A write would be a mistake of the program. For a read, some pages of the parent may
            // have to go.
            return self.touch(swap, id, page, None);
        } else if !self.blocked.contains(&id) {
            let tag = self.random(1 << 20);
            self.touch(swap, id, page, Some(tag));
        }
        true
    }

    /// A client that does not wait for the pager may run between any two calls of the pager.
    fn meanwhile(&mut self) {
        let seldom = if self.relatives { 2 } else { 6 };
        if !self.is_busy || self.random(seldom) != 0 {
            return;
        }
        if self.relatives && self.random(3) != 0 {
            self.interfere();
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

    /// The client unmaps a page.
    pub fn drop_page(&mut self, id: ProcessId, page: u32) {
        self.map(id, page, Entry::ABSENT);
    }

    /// The client replaces a page by a fresh one.
    pub fn replace_page(&mut self, id: ProcessId, page: u32) {
        self.fresh(id, page, EntryFlags::FRESH);
    }

    /// The client drops W from a page and marks it copy-on-write.
    fn protect(&mut self, id: ProcessId, page: u32) {
        if self.see(id, page).is_writable() {
            self.change(id, page, EntryFlags::WRITE, EntryFlags::COPY_ON_WRITE);
        }
    }

    /// Drops and adds bits of a present page, and clears A and D. If D was set, the kernel drops
    /// the mark `PAGER`.
    fn change(&mut self, id: ProcessId, page: u32, drop: EntryFlags, add: EntryFlags) {
        let leaf = self.see(id, page);
        if !leaf.is_present() {
            return;
        }
        let gains = add.contains(EntryFlags::WRITE);
        if gains && leaf.is_sealed() && self.ram(leaf).count != 1 {
            return;
        }
        let mut flags = (leaf.flags() - drop - EntryFlags::ACCESSED_DIRTY) | add;
        if gains {
            flags.remove(EntryFlags::SEALED);
        }
        if leaf.is_dirty() {
            flags.remove(EntryFlags::PAGER);
        }
        self.set_flags(id, page, flags);
    }

    /// The permissions out of these that a client may set.
    fn allowed(&self, asked: Permissions) -> Permissions {
        if self.kernel_rule { asked.difference(Permissions::PAGER) } else { asked }
    }

    fn look(&self, side: Side, page: u32) -> Entry {
        match side {
            Some(id) => self.see(id, page),
            None => self.server.get(&page).copied().unwrap_or(Entry::ABSENT),
        }
    }

    fn put(&mut self, side: Side, page: u32, leaf: Entry) {
        match side {
            Some(id) => self.map(id, page, leaf),
            None => {
                let old = self.server.insert(page, leaf);
                self.release(old.unwrap_or(Entry::ABSENT));
            }
        }
    }

    /// Maps a page a second time with its marks, as `page_map`, a message or a JOS call does.
    pub fn map_again(&mut self, from: (Side, u32), to: (Side, u32), write: bool) {
        let source = self.look(from.0, from.1);
        if !source.is_present() || write && !source.is_writable() {
            return;
        }
        let apart = from.0 != to.0;
        let mut permissions = self.allowed(source.permissions());
        permissions.set(Permissions::WRITE, write);
        let sealed =
            if apart && !write { EntryFlags::SEALED } else { source.flags() & EntryFlags::SEALED };
        self.retain(source);
        self.put(to.0, to.1, source.with_flags(permissions.leaf() | sealed));
        let left = self.look(from.0, from.1);
        if self.kernel_rule
            && (!apart || write)
            && left.is_present()
            && let Some(id) = from.0
        {
            self.set_flags(id, from.1, left.flags() - EntryFlags::PAGER);
        }
    }

    /// Moves a page to an address where nothing is present.
    fn move_page(&mut self, id: ProcessId, from: u32, to: u32) {
        let leaf = self.see(id, from);
        if leaf.is_present() && !self.is_present(id, to) {
            let flags = self.allowed(leaf.permissions()).leaf() | leaf.flags() & EntryFlags::SEALED;
            self.retain(leaf);
            self.map(id, to, leaf.with_flags(flags));
            self.map(id, from, Entry::ABSENT);
        }
    }

    /// The client's parent gives it another pager for a while, which writes a page and sets marks.
    /// It writes no sealed page that somebody else maps: the kernel adds no W there.
    fn second_pager(&mut self, id: ProcessId, page: u32, tag: u32) {
        let leaf = self.see(id, page);
        if leaf.is_present() {
            if !leaf.is_sealed() || self.ram(leaf).count == 1 {
                self.store(leaf, tag);
            }
            self.set_flags(id, page, (leaf.flags() - EntryFlags::DIRTY) | EntryFlags::PAGER);
        }
        self.client(id).unwrap().view_lost = true;
    }

    /// A page that the actions of [`Model::interfere`] choose.
    fn some_page(&mut self) -> u32 {
        match self.random(8) {
            0 => TEXT.start + self.random(TEXT.len() as u32),
            1 => FOREIGN.start + self.random(FOREIGN.len() as u32),
            // Few pages, so that much happens to each.
            2..=5 => HEAP.start + self.random(6),
            _ => HEAP.start + self.random(HEAP.len() as u32),
        }
    }

    /// A page of the client's that the pager has given with its mark.
    fn marked_page(&mut self, id: ProcessId) -> Option<u32> {
        let client = self.client(id)?;
        let is_marked =
            |leaf: &Entry| leaf.is_present() && leaf.permissions().contains(Permissions::PAGER);
        let pages: Vec<u32> = client
            .leaves
            .iter()
            .filter(|(_, leaf)| is_marked(leaf))
            .map(|(page, _)| *page)
            .collect();
        (!pages.is_empty()).then(|| pages[self.random(pages.len() as u32) as usize])
    }

    /// A client that does not wait, the server, or a relative does something to a page.
    pub fn interfere(&mut self) {
        let all = self.ids();
        let ids: Vec<_> = all.iter().copied().filter(|id| !self.blocked.contains(id)).collect();
        let (page, place, tag) = (self.some_page(), self.some_page(), self.random(1 << 20));
        let slot = self.random(4);
        let write = self.random(2) == 0;
        if self.random(4) == 0 {
            let lent = self.look(None, slot);
            if self.random(3) == 0 {
                self.put(None, slot, Entry::ABSENT);
            } else if lent.is_writable() {
                self.store(lent, tag);
            }
            return;
        }
        if ids.is_empty() {
            return;
        }
        let id = ids[self.random(ids.len() as u32) as usize];
        let other = all[self.random(all.len() as u32) as usize];
        // Pages that may have a stored copy are the interesting ones.
        let page = if self.random(2) == 0 { self.marked_page(id).unwrap_or(page) } else { page };
        match self.random(18) {
            0 | 1 => self.map_again((Some(id), page), (Some(id), place), write),
            2 | 3 => self.map_again((Some(id), page), (None, slot), write),
            // The page is written through a second mapping that is dropped again, or while it is
            // moved.
            14 => {
                self.map_again((Some(id), page), (Some(id), place), true);
                self.try_alone(id, place, Some(tag));
                self.drop_page(id, place);
            }
            15 => {
                self.map_again((Some(id), page), (None, slot), true);
                let lent = self.look(None, slot);
                if lent.is_writable() {
                    self.store(lent, tag);
                }
                self.put(None, slot, Entry::ABSENT);
            }
            16 => {
                self.try_alone(id, page, Some(tag));
                self.move_page(id, page, place);
                self.move_page(id, place, page);
            }
            17 => {
                self.try_alone(id, page, Some(tag));
                let write = self.see(id, page).is_writable();
                self.map_again((Some(id), page), (Some(id), page), write);
            }
            4 => self.map_again((None, slot), (Some(id), place), write),
            // The page is mapped in another client, even while that client waits for the pager, but
            // not during its fork.
            5 if !self.forking.contains(&other) => {
                self.map_again((Some(id), page), (Some(other), place), write);
            }
            5 | 6 => self.move_page(id, page, place),
            7 => self.change(id, page, EntryFlags::empty(), EntryFlags::empty()),
            8 => self.change(id, page, EntryFlags::WRITE, EntryFlags::empty()),
            9 => self.change(id, page, EntryFlags::COPY_ON_WRITE, EntryFlags::WRITE),
            // Rare, because it drops all copies of a client.
            10 if self.random(100) == 0 => self.client(id).unwrap().views = true,
            10 if self.random(20) == 0 => self.second_pager(id, page, tag),
            11 if self.random(4) == 0 => self.replace_page(id, page),
            _ => {
                self.try_alone(id, page, Some(tag));
            }
        }
    }

    /// Checks that every mapping is counted and no other frame is in use.
    pub fn audit(&self) {
        let mut counts = BTreeMap::<u32, u32>::new();
        let leaves = self.clients.values().flat_map(|(_, client)| client.leaves.values());
        let taken = self.taken.iter().flatten().map(|taken| &taken.leaf);
        for leaf in leaves.chain(taken).chain(self.server.values()).filter(|leaf| leaf.is_present())
        {
            *counts.entry(leaf.frame().number()).or_default() += 1;
        }
        if let Some(frame) = self.scratch {
            *counts.entry(frame).or_default() += 1;
        }
        let real: BTreeMap<u32, u32> =
            self.frames.iter().map(|(number, frame)| (*number, frame.count)).collect();
        assert_eq!(counts, real);
        assert!(self.taken.iter().all(Option::is_none), "nothing is taken between two faults");
        assert!(self.frames.len() + self.own_pages <= self.frame_limit);
    }
}

impl Memory for Model {
    /// A table grows at its end. The pages that it takes follow from its bytes alone and not from
    /// where it lies on the host, so that a seed always makes the same run.
    fn take(&mut self, end: usize, bytes: usize) -> bool {
        let before = self.tables.get(&end).copied().unwrap_or(0);
        let after = before + bytes;
        let missing = after.div_ceil(4096) - before.div_ceil(4096);
        let enough = missing <= self.free();
        if enough {
            self.own_pages += missing;
            self.tables.remove(&end);
            self.tables.insert(end + bytes, after);
        }
        enough
    }
}

impl Disk for Model {
    fn slots(&self) -> u32 {
        self.slots.len() as u32
    }

    fn fill_buffer(&mut self, index: usize, bytes: &Bytes) {
        assert!(!self.slots.is_empty(), "without a disk there is no buffer");
        self.buffer[index] = *bytes;
    }

    fn read_buffer(&mut self, index: usize, bytes: &mut Bytes) {
        *bytes = self.buffer[index];
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

    fn read(&mut self, first: u32, count: usize, skipped: u32) -> Result<(), DiskError> {
        self.meanwhile();
        self.reads += 1;
        if let Some((id, page)) = self.dropped_while_reading.take() {
            self.drop_page(id, page);
        }
        let slots = first..first + count as u32;
        if self.bad_slot.is_some_and(|bad| slots.contains(&bad)) {
            return Err(DiskError::Failed);
        }
        if self.disk_fails != 0 && self.random(self.disk_fails) == 0 {
            return Err(DiskError::Failed);
        }
        self.skipped += skipped.count_ones();
        for page in (0..count).filter(|page| skipped >> page & 1 == 0) {
            self.buffer[page] = self.slots[first as usize + page];
        }
        Ok(())
    }
}

impl Taken for Model {
    fn read_taken(&mut self, index: usize, bytes: &mut Bytes) {
        self.meanwhile();
        let leaf = self.taken[index].unwrap().leaf;
        *bytes = *self.ram(leaf).bytes;
    }

    fn sample_taken(&mut self, index: usize) -> [u32; SAMPLE.len()] {
        let mut bytes = [0; 4096];
        self.read_taken(index, &mut bytes);
        SAMPLE.map(|offset| u32::from_le_bytes(*bytes[offset as usize..].first_chunk().unwrap()))
    }

    fn fill_buffer_from_taken(&mut self, to: usize, index: usize) {
        let mut bytes = [0; 4096];
        self.read_taken(index, &mut bytes);
        self.fill_buffer(to, &bytes);
    }
}

impl Backend for Model {
    fn free_frames(&mut self) -> u32 {
        self.meanwhile();
        self.free() as u32
    }

    fn drop_spares(&mut self) -> bool {
        false
    }

    fn is_alive(&self, client: ProcessId) -> bool {
        self.clients.get(&client.index()).is_some_and(|(id, _)| *id == client)
    }

    fn has_started(&self, client: ProcessId) -> bool {
        self.clients.get(&client.index()).is_none_or(|(_, client)| client.started)
    }

    fn page_class(&self, _: ProcessId, page: Page) -> PageClass {
        match page.number() {
            page if TEXT.contains(&page) => PageClass::Text,
            page if HEAP.contains(&page) || page == EXCEPTION => PageClass::Private,
            _ => PageClass::Foreign,
        }
    }

    fn attach_view(&mut self, client: ProcessId) -> bool {
        self.client(client).is_some_and(|client| !client.views)
    }

    fn view_was_lost(&mut self, client: ProcessId) -> bool {
        let client = self.client(client);
        client.is_none_or(|client| core::mem::replace(&mut client.view_lost, false) || client.views)
    }

    fn table_from(&mut self, client: ProcessId, index: u32) -> Option<u32> {
        let client = self.client(client)?;
        client.leaves.range(index * 1024..).next().map(|(page, _)| page / 1024)
    }

    fn present_from(&mut self, client: ProcessId, first: Page) -> Option<Page> {
        let end = (first.directory_index() + 1) * 1024;
        let mut pages = (first.number()..end).map(Page::numbered);
        let has_view = self.attach_view(client);
        pages.find(|page| !has_view || self.is_present(client, page.number()))
    }

    fn leaves(&mut self, client: ProcessId, first: Page) -> [Entry; CLUSTER] {
        self.meanwhile();
        let leaves = core::array::from_fn(|index| self.see(client, first.number() + index as u32));
        if self.attach_view(client) {
            return leaves;
        }
        if self.is_alive(client) {
            self.clear_accessed(client, first);
        }
        leaves.map(|leaf| if leaf.is_present() { leaf } else { Entry::ABSENT })
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
                self.change(client, page, EntryFlags::empty(), EntryFlags::empty());
            }
        }
        dirty
    }

    fn references(&mut self, frame: Frame) -> u32 {
        self.frames.get(&frame.number()).map_or(0, |frame| frame.count)
    }

    fn take_page(&mut self, client: ProcessId, page: UserPage, index: usize) -> Option<Entry> {
        self.meanwhile();
        let number = page.page().number();
        if let Some((id, page, tag)) = self.before_taking.filter(|(_, page, _)| *page == number) {
            assert!(self.try_alone(id, page, Some(tag)));
            self.before_taking = None;
        }
        if let Some((id, page, flags)) =
            self.changed_before_taking.take_if(|(_, page, _)| *page == number)
        {
            self.set_flags(id, page, flags);
        }
        if let Some((id, page)) = self.lent_before_taking.take_if(|(_, page)| *page == number) {
            self.map_again((Some(id), page), (None, 0), true);
        }
        let leaf = self.see(client, number);
        if !leaf.is_present() {
            return None;
        }
        assert!(self.taken[index].is_none());
        self.taken[index] = Some(TakenPage { client, page: number, leaf });
        self.client(client).unwrap().leaves.insert(number, Entry::paged_out(Permissions::PAGER));
        Some(leaf)
    }

    fn matches_the_file(&mut self, _: ProcessId, page: UserPage, index: usize) -> bool {
        self.meanwhile();
        let leaf = self.taken[index].unwrap().leaf;
        *self.ram(leaf).bytes == pattern(file_tag(page.page().number()))
    }

    fn give_back(
        &mut self,
        client: ProcessId,
        page: UserPage,
        index: usize,
    ) -> Result<(), GiveError> {
        self.meanwhile();
        let leaf = self.taken[index].unwrap().leaf;
        if !self.is_alive(client) {
            return Err(GiveError::Gone);
        }
        if self.is_present(client, page.page().number()) {
            return Err(GiveError::Occupied);
        }
        if self.no_quota || self.relatives && self.random(8) == 0 {
            return Err(GiveError::Quota);
        }
        self.taken[index] = None;
        let seal = if leaf.is_writable() { EntryFlags::empty() } else { EntryFlags::SEALED };
        let flags = leaf.permissions().difference(Permissions::PAGER).leaf() | seal;
        self.map(client, page.page().number(), leaf.with_flags(flags));
        Ok(())
    }

    fn drop_taken(&mut self, index: usize) {
        let TakenPage { client, page, leaf } = self.taken[index].take().unwrap();
        let tag = self.ram(leaf).tag;
        if self.see(client, page) == Entry::paged_out(Permissions::PAGER) {
            self.client(client).unwrap().paged_out.insert(page, tag);
        }
        self.release(leaf);
    }

    fn scratch(&mut self) -> Result<&mut Bytes, GiveError> {
        self.meanwhile();
        if self.scratch.is_none() {
            self.scratch = Some(self.allocate().ok_or(GiveError::NoFrame)?);
        }
        Ok(&mut self.frames.get_mut(&self.scratch.unwrap()).unwrap().bytes)
    }

    fn scratch_from_buffer(&mut self, index: usize) -> Result<(), GiveError> {
        let bytes = self.buffer[index];
        self.scratch().map(|scratch| *scratch = bytes)
    }

    fn give_scratch(
        &mut self,
        client: ProcessId,
        page: UserPage,
        rights: Rights,
        marked: bool,
    ) -> Result<Frame, GiveError> {
        self.meanwhile();
        if !self.is_alive(client) {
            return Err(GiveError::Gone);
        }
        if self.is_present(client, page.page().number()) {
            return Err(GiveError::Occupied);
        }
        let expected = self.tag(client, page.page().number());
        let frame = Frame::from_number(self.scratch.take().unwrap());
        self.frames.get_mut(&frame.number()).unwrap().tag = expected;
        let mut flags = rights.permissions.leaf();
        flags.set(EntryFlags::SEALED, rights.sealed);
        flags.set(EntryFlags::PAGER, marked);
        self.map(client, page.page().number(), Entry::new(frame, flags));
        Ok(frame)
    }

    fn give_first(
        &mut self,
        client: ProcessId,
        page: UserPage,
        _: Access,
    ) -> Result<bool, GiveError> {
        let number = page.page().number();
        let is_text = TEXT.contains(&number);
        let bytes = if is_text { pattern(file_tag(number)) } else { [0; 4096] };
        *self.scratch()? = bytes;
        if let Some((other, from)) = self.mapped_before_giving.take() {
            self.map_again((Some(other), from), (Some(client), number), true);
        }
        let mut permissions = Permissions::empty();
        permissions.set(Permissions::WRITE, !is_text);
        self.give_scratch(client, page, Rights { permissions, sealed: is_text }, false)?;
        Ok(true)
    }

    fn copy(&mut self, client: ProcessId, page: UserPage) -> Result<(), GiveError> {
        if self.copy_page(client, page.page().number()) { Ok(()) } else { Err(GiveError::NoFrame) }
    }

    fn mark_paged_out(&mut self, client: ProcessId, page: UserPage) -> Result<(), GiveError> {
        self.meanwhile();
        if !self.is_alive(client) {
            return Err(GiveError::Gone);
        }
        let old = self.see(client, page.page().number());
        assert!(!old.is_present(), "a mark over a page loses it");
        self.map(client, page.page().number(), Entry::paged_out(Permissions::PAGER));
        Ok(())
    }
}
