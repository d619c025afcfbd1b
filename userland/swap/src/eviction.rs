//! How pages leave memory: they are taken from their clients, kept, noted, and their frames given up.
//!
//! A page is *taken* in one step, so that from then on nothing changes it; only then is it read and written out. So
//! a client may run between any two steps: if it touches the page, it faults and waits its turn. What cannot be kept
//! goes back.
//!
//! A frame that several clients map without W, as after a fork, goes as a whole or not at all: it is taken from all of
//! them and kept once. A frame that has other mappings, or one that can be written, stays.

use libsys::{Entry, EntryFlags, Page, Permissions, ProcessId, UserPage};

use crate::CLUSTER;
use crate::clock::{self, Group, Search};
use crate::place::{Contents, MINE, Place, Rights};
use crate::service::Swap;
use crate::store::Refusal;
use crate::world::{Nature, World};

/// A page that was taken.
#[derive(Clone, Copy)]
struct Held {
    client: ProcessId,
    page: UserPage,
    leaf: Entry,
    fate: Fate,
}

/// What becomes of a page that was taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Not decided, and it must be kept if it is to go.
    Open,
    /// It goes.
    Goes(Contents),
    /// It goes, and is the same as the held page of this number.
    SameAs(usize),
    /// It goes back.
    Stays,
}

/// The pages that were taken, in the places where they are held.
struct Hands {
    held: [Option<Held>; CLUSTER],
    count: usize,
}

/// Children that are still being built from one client, at most.
const HEIRS: usize = 4;

impl Swap {
    /// Has some pages go, of all clients or `only` of one; what `spared` was given last stays. Returns how many went:
    /// 0 if none can.
    ///
    /// # Errors
    /// Why pages that could go cannot be kept.
    pub fn evict<W: World>(
        &mut self,
        world: &mut W,
        only: Option<ProcessId>,
        spared: ProcessId,
    ) -> Result<u32, Refusal> {
        let mut search = Search::new(only, spared);
        let mut refused = None;
        let mut refusals = 0;
        loop {
            let Self { hand, accounts, .. } = self;
            let Some(group) = clock::next(world, hand, accounts, &mut search) else {
                return over(refused);
            };
            for index in Group::indices(group.dirty) {
                self.forget_copy(group.client, group.page(index));
            }
            if group.chosen == 0 {
                continue;
            }
            match self.evict_group(world, &group, spared) {
                // They are shared with others, or in use by them.
                Ok(0) => {}
                Ok(gone) => return Ok(gone),
                // Others may be had for nothing: the program's, or zeros.
                Err(refusal) => {
                    refused = Some(refusal);
                    refusals += 1;
                    if refusals == REFUSALS {
                        return over(refused);
                    }
                }
            }
        }
    }

    fn evict_group<W: World>(
        &mut self,
        world: &mut W,
        group: &Group,
        spared: ProcessId,
    ) -> Result<u32, Refusal> {
        let ready = self
            .store
            .prepare(world)
            .and_then(|()| self.books.prepare(group.client, group.first, world));
        if ready.is_err() {
            return Err(Refusal::Full);
        }
        let mut hands = Hands { held: [None; CLUSTER], count: 0 };
        for index in Group::indices(group.chosen) {
            let (page, leaf) = (group.page(index), group.leaves[index]);
            self.take(world, &mut hands, (group.client, page, leaf), spared);
        }
        self.decide(world, &mut hands);
        let refusal = self.keep(world, &mut hands);
        let gone = self.finish(world, &hands);
        if gone == 0 {
            // Tables in which nothing came to be noted are wanted elsewhere.
            self.books.tidy(group.client);
        }
        self.reserve(world);
        match (gone, refusal) {
            (0, Some(refusal)) => Err(refusal),
            (gone, _) => Ok(gone),
        }
    }

    /// Takes a page from everyone who has it, if they can be found.
    fn take<W: World>(
        &mut self,
        world: &mut W,
        hands: &mut Hands,
        (client, page, leaf): (ProcessId, Page, Entry),
        spared: ProcessId,
    ) {
        let references = world.references(leaf.frame()) as usize;
        let mut family = [client; CLUSTER];
        let room = CLUSTER - hands.count;
        if references.max(1) > room || references > 1 && leaf.is_writable() {
            return;
        }
        if references > 1 && self.find_family(world, page, leaf, &mut family) != references {
            return;
        }
        let Some(page) = UserPage::containing(page.address()) else { return };
        for member in &family[..references.max(1)] {
            let ready = self.books.prepare(*member, page.page(), world).is_ok();
            if !ready || !self.prepare_heirs(world, *member, page, spared) {
                return;
            }
        }
        for member in &family[..references.max(1)] {
            if let Some(account) = self.accounts.get_mut(*member) {
                account.disturbed = true;
            }
            if let Some(leaf) = world.take_page(*member, page, hands.count) {
                let held = Held { client: *member, page, leaf, fate: Fate::Open };
                hands.held[hands.count] = Some(held);
                hands.count += 1;
            }
        }
    }

    /// Everyone who has this frame at this page, without W, not shared, and unused of late. Returns how many.
    fn find_family<W: World>(
        &self,
        world: &mut W,
        page: Page,
        leaf: Entry,
        family: &mut [ProcessId; CLUSTER],
    ) -> usize {
        const BUSY: EntryFlags =
            EntryFlags::WRITE.union(EntryFlags::ACCESSED).union(EntryFlags::MARK_10);
        let mut count = 0;
        for client in self.accounts.ids() {
            let other = world.glance(client, page);
            let same = other.is_present() && other.frame() == leaf.frame();
            if same && !other.flags().intersects(BUSY) && count < CLUSTER {
                family[count] = client;
                count += 1;
            }
        }
        count
    }

    /// Decides which of the held pages go, and which have to be kept first.
    fn decide<W: World>(&mut self, world: &mut W, hands: &mut Hands) {
        for place in 0..hands.count {
            let Some(held) = hands.held[place] else { continue };
            let frame = held.leaf.frame();
            let same = |other: &&Held| other.leaf.frame() == frame;
            let mappings = hands.held.iter().flatten().filter(same).count();
            let written =
                hands.held.iter().flatten().filter(same).any(|one| one.leaf.is_writable());
            let elder = hands.held[..place].iter().flatten().position(|one| same(&one));
            let shared = held.leaf.permissions().contains(Permissions::SHARED);
            let stays =
                shared || mappings > 1 && written || world.references(frame) as usize != mappings;
            let fate = match self.clean_copy(world, &held) {
                _ if stays => Fate::Stays,
                Some(contents) => Fate::Goes(contents),
                None => elder.map_or(Fate::Open, Fate::SameAs),
            };
            hands.held[place] = Some(Held { fate, ..held });
        }
    }

    /// Where a held page is already, byte for byte.
    fn clean_copy<W: World>(&mut self, world: &W, held: &Held) -> Option<Contents> {
        let leaf = held.leaf;
        match self.books.place(held.client, held.page.page()) {
            Place::Copied { frame, item }
                if frame == leaf.frame()
                    && leaf.permissions().contains(MINE)
                    && !leaf.is_dirty() =>
            {
                Some(Contents::Kept(item))
            }
            _ if is_unchanged_text(world, held) => Some(Contents::File),
            Place::Unknown | Place::Copied { .. } | Place::Stored { .. } => None,
        }
    }

    /// Keeps what has to be kept; what cannot be stays. Returns why, if so.
    fn keep<W: World>(&mut self, world: &mut W, hands: &mut Hands) -> Option<Refusal> {
        let mut places = [0; CLUSTER];
        let mut count = 0;
        for place in 0..hands.count {
            if hands.held[place].is_some_and(|held| held.fate == Fate::Open) {
                places[count] = place;
                count += 1;
            }
        }
        let kept = self.store.keep(world, count, |world, nth, bytes| {
            world.held(places[nth], bytes);
        });
        let mut refusal = None;
        for (place, kept) in places.into_iter().zip(kept).take(count) {
            let fate = match kept {
                Ok(contents) => Fate::Goes(contents),
                Err(why) => {
                    refusal = Some(why);
                    Fate::Stays
                }
            };
            hands.held[place] = hands.held[place].map(|held| Held { fate, ..held });
        }
        refusal
    }

    /// Notes what goes and drops it; gives back what stays. Returns how many went.
    fn finish<W: World>(&mut self, world: &mut W, hands: &Hands) -> u32 {
        let mut gone = 0;
        for place in 0..hands.count {
            let Some(held) = hands.held[place] else { continue };
            // The elder comes first, and does not refer to another.
            let (contents, new) = match held.fate {
                Fate::Goes(contents) => (Some(contents), true),
                Fate::SameAs(elder) => match hands.held[elder].map(|elder| elder.fate) {
                    Some(Fate::Goes(contents)) => (Some(contents), false),
                    _ => (None, false),
                },
                Fate::Open | Fate::Stays => (None, false),
            };
            let Some(contents) = contents else {
                self.forget_copy(held.client, held.page.page());
                world.give_back(held.client, held.page, place);
                continue;
            };
            self.note_gone(world, &held, contents, new);
            world.drop_held(place);
            gone += 1;
        }
        gone
    }

    /// Notes where a page is that was taken. `new` says that the contents are counted for it already.
    fn note_gone<W: World>(&mut self, world: &mut W, held: &Held, contents: Contents, new: bool) {
        let page = held.page.page();
        if !new {
            self.store.retain(contents);
        }
        let stored = Place::Stored { contents, rights: Rights::of(held.leaf) };
        match self.books.note(held.client, page, stored) {
            // The copy became the page itself.
            Place::Copied { item, .. } if contents == Contents::Kept(item) && new => {}
            Place::Copied { item, .. } => self.store.release(Contents::Kept(item)),
            Place::Stored { contents, .. } => self.store.release(contents),
            Place::Unknown => {}
        }
        if let Some(account) = self.accounts.get_mut(held.client) {
            account.taken();
        }
        for heir in self.heirs(world, held.client).into_iter().flatten() {
            let waits = is_backed(world.leaf(heir, held.page));
            if waits && self.books.place(heir, page) == Place::Unknown {
                self.store.retain(contents);
                self.books.note(heir, page, stored);
                if let Some(account) = self.accounts.get_mut(heir) {
                    account.disturbed = true;
                }
            }
        }
    }

    /// The clients that are still becoming copies of this one.
    fn heirs<W: World>(&mut self, world: &W, client: ProcessId) -> [Option<ProcessId>; HEIRS] {
        let mut heirs = [None; HEIRS];
        let mut count = 0;
        for slot in 0..self.accounts.slots() {
            let Some(account) = self.accounts.at(slot) else { continue };
            if account.copy_of != Some(client) {
                continue;
            }
            let id = account.id;
            if world.has_begun(id) {
                if let Some(account) = self.accounts.get_mut(id) {
                    account.copy_of = None;
                }
            } else if count < HEIRS {
                heirs[count] = Some(id);
                count += 1;
            }
        }
        heirs
    }

    /// A page that goes before it has been shared with a child that is being built has to go for the child, too: makes
    /// sure that it can be noted there. Only while the parent itself waits for the pager does it not share it meanwhile.
    fn prepare_heirs<W: World>(
        &mut self,
        world: &mut W,
        client: ProcessId,
        page: UserPage,
        spared: ProcessId,
    ) -> bool {
        let heirs = self.heirs(world, client);
        heirs.into_iter().flatten().all(|heir| {
            client == spared
                && (world.leaf(heir, page) != Entry::ABSENT
                    || self.books.prepare(heir, page.page(), world).is_ok()
                        && world.mark(heir, page).is_ok())
        })
    }
}

/// So often is it tried to keep pages before nothing is said to be left.
const REFUSALS: u32 = 8;

/// The end of a search in which nothing went.
fn over(refused: Option<Refusal>) -> Result<u32, Refusal> {
    refused.map_or(Ok(0), Err)
}

/// Is the leaf absent, and the page with the pager?
pub(crate) const fn is_backed(leaf: Entry) -> bool {
    !leaf.is_present() && leaf.permissions().contains(MINE)
}

/// The client could never write it, since it came without W from elsewhere: it is what the file says.
fn is_unchanged_text(world: &impl World, held: &Held) -> bool {
    let leaf = held.leaf;
    world.nature(held.client, held.page.page()) == Nature::Text
        && leaf.is_sealed()
        && !leaf.is_writable()
        && !leaf.is_dirty()
}
