//! How pages leave memory: they are taken from their clients, kept, noted, and their frames given up.
//!
//! A page is *taken* in one step, so that from then on nothing changes it; only then is it read and written out. So
//! a client may run between any two steps: if it touches the page, it faults and waits its turn. What cannot be kept
//! goes back.
//!
//! A frame that several clients map without W, as after a fork, goes as a whole or not at all: it is taken from all of
//! them and kept once. A frame that has other mappings, or one that can be written, stays.
//!
//! # When a page need not be kept
//!
//! A page that is dropped without being kept has to have its bytes elsewhere. There are two ways to know that, and neither
//! believes a client.
//! - *Text* is compared with the program's file, byte by byte, while the page is held. Its entry proves nothing: a relative
//!   may have put another page there, without W, and a fork gives a child what its parent has written.
//! - *A copy in the store* is good if all of these hold for the entry as it was when the page was taken:
//!   1. The books note a copy for this page of this client ([`Place::Copied`]), in this frame.
//!   2. The entry has the mark [`MINE`] and no D. The kernel promises that then nobody has written the frame since a pager of
//!      the client set the mark, through whatever mapping: only the client's pager can set the mark, and the kernel drops it
//!      when the page moves or is replaced, when its D is cleared, and when its frame is mapped where it can be written.
//!   3. This pager was the client's only one since the note was made: its view of the client was never lost
//!      ([`World::lost_sight`]). If it was, all notes of copies of that client are dropped.
//!
//!   The note is made in the same step in which the page is brought with the mark. By 2 and 3 the mark is the one of that step
//!   or of a later one, which made a later note. So the bytes are those of the item in the note.
//!
//! "Dirty" is thus the OR over all mappings of a frame, and "no mark" counts as dirty. Pages of a client that cannot be viewed
//! come back without the mark, so they are always kept anew.

use libsys::{Entry, EntryFlags, Page, Permissions, ProcessId, UserPage};

use crate::CLUSTER;
use crate::clock::{self, Group, Search};
use crate::place::{Contents, MINE, Place, Rights};
use crate::service::Swap;
use crate::store::Refusal;
use crate::world::{Failure, Nature, World};

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

impl Hands {
    /// If one of the clients that map a frame has a good copy of it, the others need none.
    fn share_copies(&mut self) {
        for place in 0..self.count {
            let Some(held) = self.held[place] else { continue };
            let has_copy = |one: &Option<Held>| {
                one.is_some_and(|one| {
                    one.leaf.frame() == held.leaf.frame()
                        && matches!(one.fate, Fate::Goes(Contents::Kept(_)))
                })
            };
            if let Fate::Open | Fate::SameAs(_) = held.fate
                && let Some(copied) = self.held.iter().position(has_copy)
            {
                self.held[place] = Some(Held { fate: Fate::SameAs(copied), ..held });
            }
        }
    }
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
            EntryFlags::WRITE.union(EntryFlags::ACCESSED).union(EntryFlags::SHARED);
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
            // What one client's file has need not be in another one's.
            let elder = hands.held[..place]
                .iter()
                .flatten()
                .position(|one| same(&one) && one.fate != Fate::Goes(Contents::File));
            let shared = held.leaf.permissions().contains(Permissions::SHARED);
            let stays =
                shared || mappings > 1 && written || world.references(frame) as usize != mappings;
            let fate = if stays {
                Fate::Stays
            } else if let Some(contents) = self.clean_copy(world, &held, place) {
                Fate::Goes(contents)
            } else {
                elder.map_or(Fate::Open, Fate::SameAs)
            };
            hands.held[place] = Some(Held { fate, ..held });
        }
        hands.share_copies();
    }

    /// Where the bytes of a held page are already; the module's head says how that is known.
    fn clean_copy<W: World>(
        &mut self,
        world: &mut W,
        held: &Held,
        place: usize,
    ) -> Option<Contents> {
        if world.lost_sight(held.client) {
            self.forget_copies(held.client);
        }
        let leaf = held.leaf;
        match self.books.place(held.client, held.page.page()) {
            Place::Copied { frame, item }
                if frame == leaf.frame()
                    && leaf.permissions().contains(MINE)
                    && !leaf.is_dirty() =>
            {
                Some(Contents::Kept(item))
            }
            _ if is_given_as_text(world, held)
                && world.is_as_in_the_file(held.client, held.page, place) =>
            {
                Some(Contents::File)
            }
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
            // The one that is referred to does not refer to another.
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
                self.give_back(world, &held, place);
                continue;
            };
            self.note_gone(world, &held, contents, new);
            world.drop_held(place);
            gone += 1;
        }
        gone
    }

    /// Gives a held page back. The client may have used up its quota meanwhile; then the page is kept after all, and if that
    /// cannot be, it is noted as lost: zeros in its place would be worse.
    fn give_back<W: World>(&mut self, world: &mut W, held: &Held, place: usize) {
        match world.give_back(held.client, held.page, place) {
            Ok(()) => return,
            // The client has put something else there, or has ended.
            Err(Failure::Taken | Failure::Gone) => {}
            Err(Failure::NoFrame | Failure::Quota | Failure::Refused) => {
                let contents = self.keep_one(world, place);
                self.note_gone(world, held, contents, true);
            }
        }
        world.drop_held(place);
    }

    fn keep_one<W: World>(&mut self, world: &mut W, place: usize) -> Contents {
        if self.store.prepare(world).is_err() {
            return Contents::Lost;
        }
        let kept = self.store.keep(world, 1, |world, _, bytes| world.held(place, bytes));
        kept[0].unwrap_or(Contents::Lost)
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

/// The page has the rights with which the program's text is given, so that it can come back from the file.
fn is_given_as_text(world: &impl World, held: &Held) -> bool {
    world.nature(held.client, held.page.page()) == Nature::Text
        && Rights::of(held.leaf) == Rights { permissions: Permissions::empty(), sealed: true }
}
