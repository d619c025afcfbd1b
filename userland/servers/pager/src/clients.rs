//! Which clients the pager serves, and which program each of them runs.
//!
//! Only [`Clients::new`] allocates: a client is an id, the number of a program and what is counted,
//! and there is room for every process and for [`PROGRAMS`] programs from the beginning. So a new
//! client needs no memory, and the pager goes on when memory has run out.

use alloc::boxed::Box;
use alloc::vec;

use libsys::abi::ProcessId;
use libsys::abi::fault::Access;
use libsys::abi::layout::PROCESSES;
use libsys::paging::regions::{Decision, Refusal};
use libsys::service::pager::Given;

use crate::frame_pointer::{Question, Search};
use crate::program::Program;

/// The most programs that clients can run.
pub const PROGRAMS: usize = 64;

/// The process is not a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unknown;

/// There are [`PROGRAMS`] programs already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// The number of a program that has been read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known(usize);

#[derive(Clone, Copy, Debug)]
struct Client {
    id: ProcessId,
    program: Known,
    last_refusal: Option<Question>,
    search: Search,
    /// The process whose program it runs, which was spawned; itself, or an ancestor.
    leader: ProcessId,
    /// Of a leader: the leader of the process that has spawned it.
    outer: Option<ProcessId>,
    /// Of a leader: what its program and its descendants have cost.
    given: Given,
}

/// How many programs that have spawned each other count what the innermost one is given.
const NESTED: usize = 16;

/// The programs that were read, and the clients by process slot. A client that has ended stays
/// until another process takes its slot; until then no process has its id.
#[derive(Debug)]
pub struct Clients<F> {
    programs: Box<[Option<Program<F>>]>,
    by_slot: Box<[Option<Client>]>,
}

impl<F: Copy + PartialEq> Clients<F> {
    /// No clients and no programs.
    #[must_use]
    pub fn new() -> Self {
        Self {
            programs: vec![None; PROGRAMS].into(),
            by_slot: vec![None; PROCESSES as usize].into(),
        }
    }

    /// The program in this file, if it was read.
    pub fn program_in(&self, file: F) -> Option<Known> {
        let known = |program: &Option<Program<F>>| program.is_some_and(|it| it.file == file);
        self.programs.iter().position(known).map(Known)
    }

    /// Adds a program.
    ///
    /// # Errors
    /// `Full`: there are [`PROGRAMS`] programs already.
    pub fn add(&mut self, program: Program<F>) -> Result<Known, Full> {
        let free = self.programs.iter().position(Option::is_none).ok_or(Full)?;
        self.programs[free] = Some(program);
        Ok(Known(free))
    }

    /// Adds a client that `parent` has spawned, in place of an older one in its slot.
    pub fn insert(&mut self, parent: ProcessId, id: ProcessId, program: Known) {
        let outer = self.find(parent).ok().map(|parent| parent.leader);
        self.place(id, program, id, outer);
    }

    fn place(
        &mut self,
        id: ProcessId,
        program: Known,
        leader: ProcessId,
        outer: Option<ProcessId>,
    ) {
        self.by_slot[id.index() as usize] = Some(Client {
            id,
            program,
            last_refusal: None,
            search: Search::NotYet,
            leader,
            outer,
            given: Given::default(),
        });
    }

    /// Adds a forked child, which runs its parent's program: the same regions, and the same file.
    ///
    /// # Errors
    /// `Unknown`: the parent is not a client.
    pub fn adopt(&mut self, parent: ProcessId, child: ProcessId) -> Result<(), Unknown> {
        let Client { program, leader, .. } = self.find(parent)?;
        self.place(child, program, leader, None);
        Ok(())
    }

    /// The program that a client runs.
    ///
    /// # Errors
    /// `Unknown`: the process is not a client.
    pub fn program_of(&self, id: ProcessId) -> Result<&Program<F>, Unknown> {
        let Known(index) = self.find(id)?.program;
        self.programs[index].as_ref().ok_or(Unknown)
    }

    /// What the regions of a client's program say about a fault.
    #[must_use]
    pub fn decide(&self, id: ProcessId, address: u32, access: Access) -> Decision {
        match self.program_of(id) {
            Ok(program) => program.regions.decide(address, access),
            Err(Unknown) => Decision::Refuse(Refusal::NoRegion),
        }
    }

    /// Counts what a client was given: for its program, for the one that has spawned that, and so
    /// on. A program is counted for as long as no other process has its first one's slot.
    pub fn count(&mut self, id: ProcessId, given: Given) {
        let mut next = self.find(id).ok().map(|client| client.leader);
        for _ in 0..NESTED {
            let Some(leader) = next.and_then(|id| self.find_mut(id)) else { return };
            leader.given.add(given);
            next = leader.outer;
        }
    }

    /// What a program that was spawned and its descendants were given.
    ///
    /// # Errors
    /// `Unknown`: the process is no client, or was forked.
    pub fn given(&self, id: ProcessId) -> Result<Given, Unknown> {
        let client = self.find(id)?;
        if client.leader == id { Ok(client.given) } else { Err(Unknown) }
    }

    /// Notes that a client's fault is refused; `false` if the last one that was is the same.
    pub fn note_refusal(&mut self, id: ProcessId, fault: Question) -> bool {
        let client = self.find_mut(id);
        client.is_some_and(|client| client.last_refusal.replace(fault) != Some(fault))
    }

    /// How far the search for a client's frame pointer is.
    #[must_use]
    pub fn search(&self, id: ProcessId) -> Search {
        self.find(id).map_or(Search::Over, |client| client.search)
    }

    /// Notes how far the search for a client's frame pointer is.
    pub fn set_search(&mut self, id: ProcessId, search: Search) {
        if let Some(client) = self.find_mut(id) {
            client.search = search;
        }
    }

    /// All clients, including those that have ended.
    pub fn ids(&self) -> impl Iterator<Item = ProcessId> {
        self.by_slot.iter().flatten().map(|client| client.id)
    }

    fn find(&self, id: ProcessId) -> Result<Client, Unknown> {
        self.by_slot[id.index() as usize].filter(|client| client.id == id).ok_or(Unknown)
    }

    fn find_mut(&mut self, id: ProcessId) -> Option<&mut Client> {
        self.by_slot[id.index() as usize].as_mut().filter(|client| client.id == id)
    }
}

impl<F: Copy + PartialEq> Default for Clients<F> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libsys::abi::format::elf::Image;
    use libsys::abi::{Page, UserPage};
    use libsys::paging::regions::{HEAP_END, HEAP_START};

    const READ: Access = Access::USER;
    const WRITE: Access = Access::USER.union(Access::WRITE);

    /// A program of two segments: two pages of text, and a page of data with a page of zeros after
    /// it.
    fn image() -> Image {
        let mut file = [0_u8; 0x3000];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"\x7fELF\x01\x01\x01");
        for (at, half) in [(16, 2_u16), (18, 3), (40, 52), (42, 32), (44, 2), (46, 40)] {
            put(at, &half.to_le_bytes());
        }
        for (at, word) in [(20, 1_u32), (24, 0x80_0020), (28, 52)] {
            put(at, &word.to_le_bytes());
        }
        let segments = [
            [1, 0, 0x80_0000, 0, 0x1800, 0x1800, 5, 0x1000],
            [1, 0x2000, 0x80_2000, 0, 0x800, 0x1800, 6, 0x1000],
        ];
        for (index, words) in segments.iter().enumerate() {
            for (word, value) in words.iter().enumerate() {
                put(52 + 32 * index + 4 * word, &u32::to_le_bytes(*value));
            }
        }
        Image::plan(&file[..1024], file.len() as u32).unwrap()
    }

    fn clients() -> (Clients<u8>, ProcessId) {
        let (mut clients, id) = (Clients::new(), ProcessId::first(5));
        let program = clients.add(Program::new("walk", image(), 1).unwrap()).unwrap();
        clients.insert(ProcessId::first(1), id, program);
        (clients, id)
    }

    #[test]
    fn each_region_is_served_in_its_own_way_and_nothing_else_is() {
        let (clients, id) = clients();
        let zero = |address| Decision::Zero(UserPage::known(address));
        let file = |address, writable| Decision::Image { page: UserPage::known(address), writable };
        let refuse = Decision::Refuse;
        let table = [
            (0x80_0020, READ, file(0x80_0000, false)),
            (0x80_1FFF, READ, file(0x80_1000, false)),
            (0x80_0020, WRITE, refuse(Refusal::ReadOnly)),
            (0x80_2004, WRITE, file(0x80_2000, true)),
            (0x80_3000, READ, file(0x80_3000, true)),
            (0x80_4000, READ, refuse(Refusal::NoRegion)),
            (HEAP_START, WRITE, zero(HEAP_START)),
            (HEAP_END - 1, READ, zero(HEAP_END - 0x1000)),
            (HEAP_END, READ, refuse(Refusal::NoRegion)),
            (0xEEBF_DFFC, WRITE, zero(0xEEBF_D000)),
            (0xEEAF_E000, WRITE, refuse(Refusal::Guard)),
            (0xEEBF_E000, READ, refuse(Refusal::NoRegion)),
            (0, READ, refuse(Refusal::NoRegion)),
            (0xEF40_0000, READ, refuse(Refusal::NoRegion)),
            (0xFFFF_FFFF, WRITE, refuse(Refusal::NoRegion)),
        ];
        for (address, access, expected) in table {
            assert_eq!(clients.decide(id, address, access), expected, "{address:#010x} {access:?}");
        }
    }

    #[test]
    fn a_stale_id_is_nobody() {
        let (clients, id) = clients();
        assert!(clients.program_of(id).is_ok());
        assert_eq!(clients.program_of(id.next()).err(), Some(Unknown));
        let refused = Decision::Refuse(Refusal::NoRegion);
        assert_eq!(clients.decide(id.next(), HEAP_START, WRITE), refused);
    }

    #[test]
    fn a_program_is_known_by_its_file_and_there_are_so_many_of_them() {
        let (mut clients, _) = clients();
        let first = clients.program_in(1).unwrap();
        assert_eq!(clients.program_in(2), None);
        for file in 2..=PROGRAMS as u8 {
            let known = clients.add(Program::new("walk", image(), file).unwrap()).unwrap();
            assert_ne!(known, first);
            assert_eq!(clients.program_in(file), Some(known));
        }
        assert_eq!(clients.add(Program::new("walk", image(), 0).unwrap()), Err(Full));
    }

    #[test]
    fn a_forked_child_may_touch_what_its_parent_may_and_outlives_it() {
        let (mut clients, parent) = clients();
        let child = ProcessId::first(6);
        clients.adopt(parent, child).unwrap();
        assert_eq!(clients.ids().count(), 2);
        let program = clients.program_in(1).unwrap();
        clients.insert(ProcessId::first(1), parent.next(), program);
        let text = Page::containing(0x80_0000);
        assert_eq!(clients.program_of(child).unwrap().image.pieces(text).count(), 1);
        assert_eq!(clients.program_of(child).unwrap().name.as_str(), "walk");
        assert_eq!(clients.adopt(parent, child.next()), Err(Unknown), "the parent has ended");
    }

    #[test]
    fn a_program_is_counted_with_what_it_forks_and_spawns_and_with_nothing_else() {
        let (mut clients, shell) = clients();
        let program = clients.program_in(1).unwrap();
        let [first, forked, inner, other] = [6, 7, 8, 9].map(ProcessId::first);
        clients.insert(shell, first, program);
        clients.adopt(first, forked).unwrap();
        clients.insert(forked, inner, program);
        clients.insert(shell, other, program);
        for (id, zeroed) in [(shell, 1), (first, 10), (forked, 100), (inner, 1000), (other, 10000)]
        {
            clients.count(id, Given { faults: 1, zeroed, ..Given::default() });
        }
        let zeroed = |id| clients.given(id).map(|given| (given.faults, given.zeroed));
        assert_eq!(zeroed(inner), Ok((1, 1000)));
        assert_eq!(zeroed(first), Ok((3, 1110)));
        assert_eq!(zeroed(other), Ok((1, 10000)));
        assert_eq!(zeroed(shell), Ok((5, 11111)));
        assert_eq!(zeroed(forked), Err(Unknown), "it has no program of its own");
        assert_eq!(zeroed(first.next()), Err(Unknown));
        // Another program in the slot is not charged for what the first one has left behind.
        clients.insert(shell, first.next(), program);
        clients.count(forked, Given { faults: 1, ..Given::default() });
        assert_eq!(clients.given(first.next()), Ok(Given::default()));
    }

    #[test]
    fn a_refusal_is_new_once_and_each_client_has_its_own_search() {
        let (mut clients, id) = clients();
        let fault = Question { address: 0, eip: 0x80_0020 };
        let other = Question { address: 4, ..fault };
        let child = ProcessId::first(6);
        clients.set_search(id, Search::Asked(fault));
        clients.adopt(id, child).unwrap();
        assert_eq!(
            [id, id, child, child].map(|id| clients.note_refusal(id, fault)),
            [true, false, true, false]
        );
        assert!(clients.note_refusal(id, other) && clients.note_refusal(id, fault));
        assert!(!clients.note_refusal(id.next(), fault), "a process that is no client");
        assert_eq!(clients.search(id), Search::Asked(fault));
        assert_eq!(clients.search(child), Search::NotYet);
        assert_eq!(clients.search(id.next()), Search::Over);
    }

    #[test]
    fn the_next_process_of_a_slot_takes_the_place_of_the_last() {
        let (mut clients, id) = clients();
        let program = clients.program_in(1).unwrap();
        clients.insert(ProcessId::first(1), id.next(), program);
        assert_eq!((clients.ids().count(), clients.program_of(id).is_err()), (1, true));
    }
}
