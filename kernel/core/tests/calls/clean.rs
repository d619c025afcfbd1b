//! The mark PAGER of a present leaf: if D is clear, nobody has written the frame since the pager
//! set the mark.

use std::collections::HashMap;

use abi::call::PageTransfer;
use abi::layout::USER_TOP;
use abi::process::Target;
use abi::transaction::{Kind, Wish};
use abi::{Entry, EntryFlags, PageRange, Permissions, ProcessId, Syscall, UserPage};
use proptest::prelude::*;

use crate::world::{PAGE, PAGE_2, PAGE_3, READ, WRITE, World};

const ME: Target = Target::Caller;
const MARK: Permissions = Permissions::PAGER;
const PAGES: [u32; 4] = [PAGE, PAGE + 0x1000, PAGE_2, PAGE_3 - 0x1000];
const SCRATCH: u32 = PAGE_3 + 0x8000;
const HELD: u32 = PAGE_3 + 0x9000;

/// A pager (the first process), its client, the client's child (a client, too), and a server
/// without a pager.
struct Family {
    world: World,
    pager: ProcessId,
    actors: [ProcessId; 3],
    /// What the pager filled a page with when it set the mark there.
    filled: HashMap<(ProcessId, u32), u32>,
    value: u32,
}

impl Family {
    fn new() -> Self {
        let mut world = World::new();
        let pager = world.init();
        let server = world.running_child();
        let client = world.running_child();
        world.call(Syscall::SetPager { process: client.into(), pager: Some(pager) }).unwrap();
        world.run(client);
        let child = world.running_child();
        let actors = [client, child, server];
        Self { world, pager, actors, filled: HashMap::new(), value: 0 }
    }

    fn fresh_value(&mut self) -> u32 {
        self.value += 1;
        self.value
    }

    /// The pager brings a page: it fills a page of its own, marks it and moves it; or it maps it
    /// with the mark, and unmaps its own mapping.
    fn bring(&mut self, client: ProcessId, page: u32, rights: Permissions) {
        let value = self.fresh_value();
        let world = &mut self.world;
        world.run(self.pager);
        world.allocate(SCRATCH);
        world.write(SCRATCH, value).unwrap();
        if value.is_multiple_of(2) {
            let (scratch, page_there) = (UserPage::known(SCRATCH), UserPage::known(page));
            let (process, marks, add) = (client.into(), READ, rights | MARK);
            world.call(Syscall::PageUnmap { process, page: page_there, marks }).unwrap();
            let (process, to) = (ME, process);
            world.call(Syscall::PageProtect { process, page: scratch, drop: WRITE, add }).unwrap();
            let (page, to_page) = (scratch, page_there);
            world.call(Syscall::PageMove { process, page, to, to_page, marks }).unwrap();
            let leaf = world.leaf(client, page_there.address());
            assert!(leaf.contains(EntryFlags::PAGER) && !leaf.is_dirty());
            self.filled.insert((client, page_there.address()), value);
        } else if world.map(ME, SCRATCH, client.into(), page, rights | MARK).is_ok() {
            self.filled.insert((client, page), value);
        }
        self.unmap_own(SCRATCH);
    }

    fn unmap_own(&mut self, page: u32) {
        let (page, marks) = (UserPage::known(page), READ);
        self.world.call_of(self.pager, Syscall::PageUnmap { process: ME, page, marks }).unwrap();
    }

    /// The pager takes a page and gives it back.
    fn take_and_give_back(&mut self, client: ProcessId, page: u32) {
        let (page, held, marks) = (UserPage::known(page), UserPage::known(HELD), MARK);
        let process = client.into();
        let call = Syscall::PageMove { process, page, to: ME, to_page: held, marks };
        if self.world.call_of(self.pager, call).is_ok() {
            let marks = READ;
            let call =
                Syscall::PageMove { process: ME, page: held, to: process, to_page: page, marks };
            self.world.call(call).unwrap();
        }
    }

    /// Writes the page if that is allowed, so that no fault needs an answer.
    fn write(&mut self, actor: ProcessId, page: u32) {
        if self.world.leaf(actor, page).contains(EntryFlags::FRESH) {
            let value = self.fresh_value();
            self.world.run(actor);
            self.world.write(page, value).unwrap();
        }
    }

    /// Whether the process is on the CPU.
    fn runs(&self, id: ProcessId) -> bool {
        self.world.kernel.cpu.current().is_some_and(|at| at.slot() as u32 == id.index())
    }

    fn word(&self, leaf: Entry) -> u32 {
        self.world.kernel.cpu.hardware.word(leaf.frame(), 0)
    }

    fn check(&self) {
        for client in self.actors.into_iter().take(2) {
            for page in PAGES {
                let leaf = self.world.leaf(client, page);
                if leaf.is_present() && leaf.contains(EntryFlags::PAGER) && !leaf.is_dirty() {
                    let filled = self.filled.get(&(client, page)).copied();
                    let word = Some(self.word(leaf));
                    assert_eq!(filled, word, "{client}, page {page:#x}: {leaf:?} says it is clean");
                }
            }
        }
    }

    /// One process sends a page to another, in one of the ways that there are. If the page cannot
    /// be sent, a message without a page ends what was begun.
    fn send(
        &mut self,
        way: u32,
        (from, page): (ProcessId, u32),
        (to, place): (ProcessId, u32),
        rights: Permissions,
    ) {
        let (source, place) = (UserPage::known(page), UserPage::known(place));
        let accept = Some(PageTransfer { page: place, send: None, accept: true });
        let transfer = Some(PageTransfer { page: source, send: Some(rights), accept: false });
        let receive = Syscall::Receive { from: Some(from), transfer: accept };
        let words = [0; 4];
        let send = |transfer| Syscall::Send { to, words, transfer };
        let call = |transfer| Syscall::Call { to, words, transfer };
        match way {
            0 => {
                self.world.begin_of(to, receive);
                self.world.begin_of(from, send(transfer));
                if self.world.result(from).is_err() {
                    self.world.call_of(from, send(None)).unwrap();
                }
            }
            1 => {
                self.world.begin_of(from, send(transfer));
                if !self.runs(from) {
                    self.world.begin_of(to, receive);
                    if !self.runs(to) {
                        self.world.call_of(from, send(None)).unwrap();
                    }
                }
            }
            2 => {
                self.world.begin_of(to, receive);
                self.world.begin_of(from, call(transfer));
                if self.runs(from) {
                    self.world.begin(call(None));
                }
                let back = Some(PageTransfer { page: place, send: Some(rights), accept: false });
                let reply = |transfer| Syscall::Reply { to: from, words, transfer };
                if self.world.call_of(to, reply(back)).is_err() {
                    self.world.call(reply(None)).unwrap();
                }
            }
            _ => {
                self.world.run(to);
                self.world.jos_once(13, [place.address(), 0, 0, 0, 0]);
                self.world.run(from);
                let sent = self.world.jos_once(12, [to.bits(), 7, page, 5 | rights.bits(), 0]);
                if sent != 0 {
                    self.world.jos_once(12, [to.bits(), 7, USER_TOP, 0, 0]);
                }
            }
        }
    }

    fn step(&mut self, kind: u8, choices: [u8; 6]) {
        let [a, b, c, d, e, f] = choices.map(u32::from);
        let actor = self.actors[a as usize % 3];
        // Only the client has a child to work on; everyone may name itself.
        let target = |choice: u32| -> Target {
            if actor == self.actors[0] && choice.is_multiple_of(2) {
                self.actors[1].into()
            } else {
                ME
            }
        };
        let (from, to) = (target(e), target(f));
        let (page, place) = (PAGES[b as usize % 4], PAGES[c as usize % 4]);
        const RIGHTS: [u32; 8] = [0, 2, 2, 0x202, 0x200, 0x800, 0xE02, 0xA00];
        let rights = Permissions::new(RIGHTS[d as usize % 8]).unwrap();
        let other = Permissions::new(RIGHTS[e as usize % 8]).unwrap();
        let marks = rights - WRITE;
        let (user_page, to_page) = (UserPage::known(page), UserPage::known(place));
        let range = PageRange::new(user_page, 1 + f % 2).unwrap();
        match kind % 20 {
            0..=3 => self.bring(self.actors[a as usize % 2], page, rights - MARK),
            4..=7 => self.write(actor, page),
            8 => self.take_and_give_back(self.actors[a as usize % 2], page),
            9 => {
                let client = self.actors[a as usize % 2].into();
                let call = Syscall::RangeProtect { process: client, range, drop: READ, add: READ };
                self.world.call_of(self.pager, call).unwrap();
            }
            10 => {
                let to = self.actors[(a as usize + 1 + e as usize % 2) % 3];
                self.send(d % 4, (actor, page), (to, place), other);
            }
            11 => {
                let jos = |target: Target| if target == ME { 0 } else { self.actors[1].bits() };
                let rights = 5 | rights.bits();
                let arguments = [jos(from), page, jos(to), place, rights];
                self.world.run(actor);
                self.world.jos_once(5, arguments);
            }
            kind => {
                let call = match kind {
                    12 => Syscall::PageMap {
                        process: from,
                        page: user_page,
                        to,
                        to_page,
                        permissions: rights,
                    },
                    13 => Syscall::PageMove { process: from, page: user_page, to, to_page, marks },
                    14 => Syscall::RangeShare {
                        process: from,
                        range: PageRange::new(user_page, 1).unwrap(),
                        to,
                        to_page,
                        drop: rights,
                        add: other - WRITE,
                        both: c.is_multiple_of(2),
                    },
                    15 => Syscall::RangeShare {
                        process: from,
                        range,
                        to,
                        to_page: user_page,
                        drop: WRITE,
                        add: Permissions::COPY_ON_WRITE,
                        both: true,
                    },
                    16 => Syscall::PageCopy { process: from, page: user_page, permissions: marks },
                    17 => Syscall::PageProtect {
                        process: from,
                        page: user_page,
                        drop: rights,
                        add: other,
                    },
                    18 => Syscall::PageUnmap { process: from, page: user_page, marks },
                    _ => Syscall::RangeAllocate { process: from, range, permissions: rights },
                };
                self.world.run(actor);
                self.world.begin(call);
            }
        }
        self.check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn a_leaf_that_says_it_is_clean_is_what_the_pager_filled(
        steps in prop::collection::vec(any::<(u8, [u8; 6])>(), 1..80),
    ) {
        let mut family = Family::new();
        for (kind, choices) in steps {
            family.step(kind, choices);
        }
    }
}

/// A client with a page that its pager has brought with W and the mark.
fn brought() -> Family {
    let mut family = Family::new();
    family.bring(family.actors[0], PAGE, WRITE);
    let client = family.actors[0];
    family.world.run(client);
    family
}

fn is_marked(family: &Family, page: u32) -> bool {
    family.world.leaf(family.actors[0], page).contains(EntryFlags::PAGER)
}

#[test]
fn a_second_mapping_that_can_be_written_takes_the_mark_from_the_first() {
    for (to, rights, stays) in
        [(0, WRITE, false), (0, READ, false), (1, WRITE, false), (1, READ, true)]
    {
        let mut family = brought();
        let target = if to == 0 { ME } else { family.actors[1].into() };
        family.world.map(ME, PAGE, target, PAGE_2, rights | MARK).unwrap();
        assert_eq!(is_marked(&family, PAGE), stays, "to {to} with {rights:?}");
        assert!(!family.world.leaf(family.actors[to], PAGE_2).contains(EntryFlags::PAGER));
    }
}

/// Pages that keep their place in their tables have a short way.
#[test]
fn so_does_one_at_the_same_place_in_another_table_by_a_range_or_a_list() {
    for listed in [false, true] {
        let mut family = brought();
        let world = &mut family.world;
        let (to, none) = (PAGE + 0x40_0000, Permissions::empty());
        world.allocate(to + 0x1000);
        if listed {
            let entry = world.leaf(family.actors[0], PAGE).bits();
            world.write(to + 0x1000, PAGE).unwrap();
            world.write(to + 0x1004, entry).unwrap();
            let wish = Wish { kind: Kind::Map, drop: none, add: none, distance: 0x400 };
            let list = to + 0x1000;
            world.call(Syscall::Transact { process: ME, list, pages: 1, wish }).unwrap();
        } else {
            let range = PageRange::new(UserPage::known(PAGE), 1).unwrap();
            let to_page = UserPage::known(to);
            let (process, drop, add, both) = (ME, none, none, false);
            world
                .call(Syscall::RangeShare { process, range, to: ME, to_page, drop, add, both })
                .unwrap();
        }
        assert!(family.world.leaf(family.actors[0], to).is_writable());
        assert!(!is_marked(&family, PAGE) && !is_marked(&family, to), "listed: {listed}");
    }
}

#[test]
fn a_fork_keeps_the_parents_marks_and_gives_the_child_none() {
    let mut family = brought();
    let child = family.actors[1];
    for page in [PAGE + 0x1000, PAGE + 0x2000] {
        family.bring(family.actors[0], page, WRITE);
    }
    family.world.run(family.actors[0]);
    let range = PageRange::new(UserPage::known(PAGE), 3).unwrap();
    let (drop, add) = (WRITE, Permissions::COPY_ON_WRITE);
    let to_page = range.first();
    let call = Syscall::RangeShare {
        process: ME,
        range,
        to: child.into(),
        to_page,
        drop,
        add,
        both: true,
    };
    family.world.call(call).unwrap();
    for page in (PAGE..).step_by(0x1000).take(3) {
        assert!(is_marked(&family, page));
        assert_eq!(family.world.leaf(child, page).bits() & 0xFFF, 0x905);
    }
}

#[test]
fn a_page_that_moves_or_is_mapped_onto_itself_loses_the_mark() {
    let page = UserPage::known(PAGE);
    let range = PageRange::new(page, 1).unwrap();
    let (away, marks) = (UserPage::known(PAGE_2), READ);
    let there = Syscall::PageMove { process: ME, page, to: ME, to_page: away, marks };
    let back = Syscall::PageMove { process: ME, page: away, to: ME, to_page: page, marks };
    let onto_itself =
        Syscall::PageMap { process: ME, page, to: ME, to_page: page, permissions: WRITE | MARK };
    let share = |both| {
        let (drop, add) = (READ, READ);
        Syscall::RangeShare { process: ME, range, to: ME, to_page: page, drop, add, both }
    };
    for calls in [vec![there, back], vec![onto_itself], vec![share(true)], vec![share(false)]] {
        let mut family = brought();
        family.world.write(PAGE, 9).unwrap();
        for call in &calls {
            family.world.call(*call).unwrap();
        }
        assert!(!is_marked(&family, PAGE), "{calls:?}");
    }
}

#[test]
fn a_client_cannot_set_pager_mark_in_its_own_space_or_its_childs() {
    let page = UserPage::known(PAGE_2);
    let range = PageRange::new(page, 1).unwrap();
    let all = WRITE | Permissions::all();
    let marks = all - WRITE;
    for target in [0, 1] {
        let mut family = brought();
        let process = if target == 0 { ME } else { family.actors[1].into() };
        let calls = [
            Syscall::PageAllocate { process, page, permissions: all },
            Syscall::PageProtect { process, page, drop: READ, add: all },
            Syscall::RangeProtect { process, range, drop: READ, add: all },
            Syscall::PageCopy { process, page, permissions: marks },
            Syscall::PageMap {
                process: ME,
                page: UserPage::known(PAGE),
                to: process,
                to_page: page,
                permissions: all,
            },
            Syscall::PageUnmap { process, page, marks },
            Syscall::RangeAllocate { process, range, permissions: all },
            Syscall::RangeUnmap { process, range, marks },
        ];
        for call in calls {
            family.world.call(call).unwrap();
            let bits = family.world.leaf(family.actors[target], PAGE_2).bits();
            assert_eq!(bits & 0xE00, 0xC00, "{call:?}");
        }
    }
}

#[test]
fn without_a_pager_pager_mark_is_the_programs_own_and_stays() {
    let mut world = World::new();
    let (process, page) = (ME, UserPage::known(PAGE));
    world.call(Syscall::PageAllocate { process, page, permissions: WRITE | MARK }).unwrap();
    world.write(PAGE, 1).unwrap();
    let range = PageRange::new(page, 1).unwrap();
    world.call(Syscall::RangeProtect { process, range, drop: READ, add: READ }).unwrap();
    assert_eq!(world.leaf(world.init(), PAGE).bits() & 0xFFF, 0x207, "a dropped D changes nothing");
    world.map(ME, PAGE, ME, PAGE_2, WRITE | MARK).unwrap();
    assert_eq!(world.leaf(world.init(), PAGE).bits() & 0xFFF, 0x207, "nor does a second mapping");
    assert_eq!(world.leaf(world.init(), PAGE_2).bits() & 0xFFF, 0x207);
}

#[test]
fn a_change_that_drops_the_mark_with_d_still_adds_what_it_adds() {
    let mut family = brought();
    family.world.write(PAGE, 9).unwrap();
    let (process, page) = (ME, UserPage::known(PAGE));
    let add = Permissions::COPY_ON_WRITE;
    family.world.call(Syscall::PageProtect { process, page, drop: READ, add }).unwrap();
    let leaf = family.world.leaf(family.actors[0], PAGE);
    assert_eq!(leaf.bits() & 0xFFF, 0x807, "COPY_ON_WRITE, and neither PAGER nor D");
}

#[test]
fn a_page_that_neither_is_the_callers_nor_stays_a_programs_own_moves_without_the_mark() {
    let mut family = Family::new();
    let [client, _, server] = family.actors;
    let (page, marks) = (UserPage::known(PAGE), READ);
    let allocate = Syscall::PageAllocate { process: ME, page, permissions: WRITE | MARK };
    family.world.call_of(server, allocate).unwrap();
    let (process, to) = (server.into(), client.into());
    let to_page = UserPage::known(PAGE_2);
    let by_pager = Syscall::PageMove { process, page, to, to_page, marks };
    family.world.call_of(family.pager, by_pager).unwrap();
    assert_eq!(family.world.leaf(client, PAGE_2).bits() & 0xFFF, 0x007, "not the pager's page");
}
