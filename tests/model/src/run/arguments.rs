//! The arguments of calls: processes that are near, pages that are there or lie at an edge.

use abi::call::Number;

use super::action::Seen;
use super::random::Random;
use crate::reference::state::{Model, Slot, UTOP, bit};

/// Pages at the edges of the memory map, of tables, and of what processes have.
const PAGES: [u32; 14] = [
    0,
    0x0080_0000,
    0x0080_1000,
    0x1000_0000,
    0x1000_1000,
    0x103F_F000,
    0x1040_0000,
    0x3000_0000,
    // In a view at 0x0C0, if there is one: the table of 0x1000_0000.
    0x3004_0000,
    0xEE80_0000,
    0xEEBF_C000,
    0xEEBF_D000,
    0xEEBF_E000,
    0xEEBF_F000,
];
/// Directory entries for views, some of which have tables at times.
const VIEWS: [u32; 5] = [0x0C0, 0x0C1, 0x041, 0x3BA, 0x040];
/// Words that are none of the others.
pub(super) const ODD: [u32; 12] = [
    1,
    4,
    0xFFF,
    0x1001,
    0x8000_0000,
    UTOP - 1,
    UTOP - 0x1000,
    UTOP,
    UTOP + 4,
    0xEF40_0000,
    0xFFFF_F000,
    0xFFFF_FFFF,
];

/// What a step is drawn from: the model's state, and random numbers.
pub(super) struct Draw<'a> {
    pub(super) model: &'a Model,
    pub(super) random: &'a mut Random,
    pub(super) me: Slot,
}

/// A call's arguments, in the places of `int 0x30`.
#[derive(Clone, Copy, Default)]
pub(super) struct Raw {
    pub(super) bits: u32,
    pub(super) process: u32,
    pub(super) page: u32,
    pub(super) words: [u32; 4],
}

impl Draw<'_> {
    pub(super) fn flag(&mut self) -> u32 {
        self.random.below(2)
    }

    /// A living process; sometimes one that is none, or is none any more.
    pub(super) fn id(&mut self) -> u32 {
        let procs = &self.model.procs;
        let any = &procs[self.random.below(procs.len() as u32) as usize];
        if any.is_alive() || self.random.one_in(6) {
            return any.id;
        }
        if self.random.one_in(30) { 0x13E7 } else { procs[self.me].id }
    }

    /// A child, client, or any.
    pub(super) fn relative(&mut self) -> u32 {
        let procs = &self.model.procs;
        let near: Vec<u32> = procs
            .iter()
            .filter(|other| other.is_alive())
            .filter(|other| other.parent == Some(self.me) || other.pager == Some(self.me))
            .map(|other| other.id)
            .collect();
        if near.is_empty() || self.random.one_in(8) { self.id() } else { self.random.of(&near) }
    }

    pub(super) fn target(&mut self) -> u32 {
        if self.random.one_in(2) { 0 } else { self.relative() }
    }

    pub(super) fn page(&mut self) -> u32 {
        // Half of the time one that is there, so that calls find something.
        let leaves = &self.model.procs[self.me].space.leaves;
        if self.random.one_in(3) && !leaves.is_empty() {
            let at = self.random.below(leaves.len() as u32) as usize;
            let page = leaves.keys().nth(at).copied().unwrap_or(0) << 12;
            // The archive's page is not moved away: it stands for many.
            return page;
        }
        self.random.of(&PAGES)
    }

    pub(super) fn address(&mut self) -> u32 {
        let offset = self.random.of(&[0, 0, 4, 0x554, 0xFE0, 0xFFC]);
        if self.random.one_in(24) { self.random.of(&ODD) } else { self.page() + offset }
    }

    pub(super) fn marks(&mut self) -> u32 {
        self.random.of(&[0, 0, 0x200, 0x400, 0x800, 0xA00])
    }

    pub(super) fn permissions(&mut self) -> u32 {
        self.marks() | if self.random.one_in(3) { 0 } else { bit::W }
    }

    /// First page and length, mostly below the end.
    pub(super) fn range(&mut self) -> (u32, u32) {
        let page = self.page();
        let most = if self.random.one_in(16) { 80 } else { 5 };
        let pages = 1 + self.random.below(most);
        let room = (UTOP - page) >> 12;
        (page, if self.random.one_in(20) { pages } else { pages.min(room) })
    }

    /// How many pages further on a page is mapped: near, in the same place of another table, or as
    /// far as from one page that is there to another.
    fn distance(&mut self) -> u32 {
        let any = self.page().wrapping_sub(self.page()) >> 12;
        self.random.of(&[0, 1, 2, 0xF_FFFF, 0x400, 0x800, 0xF_FC00, any, any])
    }

    /// The list of a transaction with these arguments. Most of it is as the entries are.
    pub(super) fn list(&mut self, raw: &Raw) -> Vec<Seen> {
        let [_, pages, wish, _] = raw.words;
        let (kind, drop) = (wish >> 2 & 3, wish & 0xE02);
        let procs = &self.model.procs;
        let target = procs.iter().position(|process| process.id == raw.process);
        let slot = if kind < 2 { target.unwrap_or(self.me) } else { self.me };
        let mut list = Vec::new();
        // The first page, and those behind it; or pages that are there, often from one on that has
        // the pager's mark. A list that unmaps must not take all that a process has.
        let leaves = &procs[slot].space.leaves;
        let there: Vec<u32> = leaves.keys().copied().collect();
        let marked = leaves.values().position(|leaf| leaf.is_present() && leaf.has(bit::PAGER));
        let is_run = there.is_empty() || kind == 1 || self.random.one_in(3);
        let first = match marked {
            _ if is_run => self.page() >> 12,
            Some(marked) if self.random.one_in(2) => marked as u32,
            _ => self.random.below(1024),
        };
        for index in first..first + pages.min(256) {
            let page = if is_run { index } else { there[index as usize % there.len()] };
            let leaf = self.model.bits_of(self.model.leaf(slot, page));
            let round = index as usize - first as usize >= there.len() && !is_run;
            // What a page has become that comes again.
            let changes = round && (kind == 0 || kind == 3);
            let entry = if changes { leaf & !drop | raw.bits } else { leaf };
            list.push([page.wrapping_mul(4096), entry]);
        }
        self.spoil(&mut list, kind == 1);
        list
    }

    /// Makes a list wrong, sometimes: a bit is another one, or a page comes twice, in an unmap with
    /// an entry like those that wait for a flush.
    fn spoil(&mut self, list: &mut [Seen], unmaps: bool) {
        if list.is_empty() {
            return;
        }
        let length = list.len() as u32;
        // Near the beginning, where the pages that are there lie.
        let [from, to] = [4, length].map(|most| self.random.below(most.min(length)) as usize);
        if self.random.one_in(4) {
            list[to] = list[from];
            if unmaps && from < to && self.random.one_in(2) {
                list[to][1] &= !bit::P;
            }
        }
        if self.random.one_in(4) {
            let word = usize::from(!self.random.one_in(6));
            list[from][word] ^= 1 << self.random.below(32);
        }
    }

    pub(super) fn entry(&mut self) -> u32 {
        self.random.of(&VIEWS)
    }

    /// The bits and the page of a transfer.
    pub(super) fn transfer(&mut self, sends: bool) -> (u32, u32) {
        let accept = if self.random.one_in(2) { 4 } else { 0 };
        let send = if sends && self.random.one_in(2) { 1 | self.permissions() } else { 0 };
        let page = if send | accept == 0 { 0 } else { self.page() };
        (send | accept, page)
    }

    pub(super) fn words(&mut self) -> [u32; 4] {
        [self.random.below(2), self.random.below(1000), 2, 3]
    }

    #[allow(clippy::too_many_lines, reason = "a table of all calls")]
    pub(super) fn arguments(&mut self, number: Number) -> Raw {
        use Number as N;
        let mut raw = Raw::default();
        match number {
            N::PageAllocate | N::PageCopy => {
                (raw.process, raw.page, raw.bits) =
                    (self.target(), self.page(), self.permissions());
            }
            N::PageMap => {
                (raw.process, raw.page, raw.bits) =
                    (self.target(), self.page(), self.permissions());
                raw.words = [self.target(), self.page(), 0, 0];
            }
            N::PageMove => {
                (raw.process, raw.page, raw.bits) = (self.target(), self.page(), self.marks());
                raw.words = [self.target(), self.page(), 0, 0];
            }
            N::PageUnmap => {
                (raw.process, raw.page, raw.bits) = (self.target(), self.page(), self.marks());
            }
            N::PageProtect => {
                (raw.process, raw.page, raw.bits) =
                    (self.target(), self.page(), self.permissions());
                raw.words[0] = self.permissions();
            }
            N::FrameReferences => {
                let named = self.model.frames.iter().flatten().filter_map(|frame| frame.number);
                let all: Vec<u32> =
                    named.chain([0, 0xA0, 0xFF, 0x3FF, 0xF_FFFF, 0x10_0000]).collect();
                raw.words[0] = self.random.of(&all);
            }
            N::RangeShare => {
                let (page, pages) = self.range();
                // A fork keeps the addresses and takes W.
                let forks = self.random.one_in(2);
                let to = if forks { page } else { self.page() };
                let drop = if forks { bit::W } else { self.permissions() };
                let both = if forks || self.random.one_in(3) { 1 << 31 } else { 0 };
                (raw.process, raw.page, raw.bits) = (self.target(), page, self.marks());
                raw.words = [self.target(), to, pages, drop | both];
                if forks && self.random.one_in(2) {
                    raw.process = 0;
                }
            }
            N::RangeProtect => {
                let (page, pages) = self.range();
                (raw.process, raw.page, raw.bits) = (self.target(), page, self.permissions());
                raw.words = [pages, self.permissions(), 0, 0];
            }
            N::RangeUnmap | N::RangeAllocate => {
                let (page, pages) = self.range();
                let bits = if number == N::RangeUnmap { self.marks() } else { self.permissions() };
                (raw.process, raw.page, raw.bits) = (self.target(), page, bits);
                raw.words[0] = pages;
            }
            N::Transact => {
                let kind = self.random.below(4);
                let pages = self.random.of(&[0, 1, 1, 1, 2, 2, 3, 3, 5, 5, 32, 33, 256, 257]);
                let (drop, distance) = match kind {
                    0 => (self.permissions(), 0),
                    1 => (0, 0),
                    // A fork keeps the addresses and takes W.
                    _ if self.random.one_in(3) => (bit::W, 0),
                    _ => (self.permissions(), self.distance()),
                };
                raw.process = self.target();
                raw.bits = if kind == 0 { self.permissions() } else { self.marks() };
                let address = self.printable(8 * pages) & !3;
                raw.words = [address, pages, distance << 12 | drop | kind << 2, 0];
            }
            N::ViewAttach => (raw.process, raw.words[0]) = (self.relative(), self.entry()),
            N::ViewDetach => raw.words[0] = self.entry(),
            N::Identity | N::Machine | N::Clock | N::Yield => {}
            N::ProcessCreate | N::AcceptClients | N::AcceptFrameRequests => {
                raw.words[0] = if self.random.one_in(3) { 0 } else { 1 };
            }
            N::ProcessStart | N::ProcessStop => raw.process = self.relative(),
            N::RegistersRead | N::RegistersWrite => {
                (raw.process, raw.words[0]) =
                    (self.relative(), self.buffer(40, number == N::RegistersRead));
            }
            N::EventsRead => {
                (raw.process, raw.words) = (self.relative(), [self.address(), 256, 0, 0]);
                raw.words[1] += self.flag();
            }
            N::Exit => raw.words[0] = self.random.below(300),
            N::Wait => raw.words[0] = if self.random.one_in(2) { 0 } else { self.relative() },
            N::Destroy => {
                raw.process =
                    if self.me == 0 || !self.random.one_in(4) { self.relative() } else { 0 };
                if raw.process == self.model.procs[0].id && !self.random.one_in(20) {
                    raw.process = 0x13E7;
                }
                raw.words[0] = self.flag();
            }
            N::SetQuota => {
                raw.process = self.relative();
                let frames = if self.random.one_in(3) { 0 } else { 3 + self.random.below(24) };
                raw.words = [frames, self.random.below(5), 0, 0];
            }
            N::Usage => raw.process = self.target(),
            N::Sleep => raw.words[0] = self.random.below(50),
            N::SetHandler => {
                (raw.process, raw.words[0]) = (self.target(), self.flag() * 0x0080_0080);
            }
            N::SetPager => {
                raw.process = self.relative();
                let mine = self.model.procs[self.me].id;
                raw.words[0] = match self.random.below(4) {
                    0 => 0,
                    1 | 2 => mine,
                    _ => self.id(),
                };
            }
            N::FaultForward => raw.words = [self.address(), self.random.below(8), 7, 0],
            N::FaultReply | N::FaultReplyAndReceive => {
                raw.process = self.relative();
                let kind = self.random.of(&[0, 0, 1, 1, 1, 2]);
                raw.words = [kind, 0, 0, 0];
                if kind == 1 {
                    (raw.page, raw.bits) = (self.page(), self.permissions());
                    raw.words[1] = self.page();
                }
                if number == N::FaultReplyAndReceive && self.random.one_in(2) {
                    raw.words[2] = self.page() | 1;
                }
            }
            N::SetFaultTimeout => {
                (raw.process, raw.words[0]) =
                    (self.relative(), self.flag() * self.random.below(60));
            }
            N::Clone => raw.process = self.relative(),
            N::Send | N::Call | N::Reply | N::ReplyAndReceive => {
                raw.process = self.id();
                (raw.bits, raw.page) = self.transfer(true);
                raw.words = self.words();
            }
            N::Receive => {
                raw.process = if self.random.one_in(3) { self.id() } else { 0 };
                (raw.bits, raw.page) = self.transfer(self.random.clone().one_in(9));
            }
            N::ConsoleWrite | N::ConsoleRead => {
                let length = self.random.of(&[0, 1, 5, 17, 40]);
                let address = self.printable(length);
                let reads = number == N::ConsoleRead;
                let address = if reads { self.buffer(length, true) } else { address };
                raw.words = [address, length, 0, 0];
            }
            N::SetConsoleOwner => {
                (raw.process, raw.words[0]) = (self.target(), self.flag());
            }
            N::DriverAllow => {
                (raw.process, raw.words[0]) = (self.relative(), u32::from(!self.random.one_in(4)));
            }
            N::PortsAllow => {
                let first = self.random.of(&[0x1F, 0x22, 0x300, 0x310, 0x3F0, 0x500, 0xFFF0]);
                raw.words = [1 + self.random.below(17), first, 0, 0];
            }
            N::DeviceMap => {
                let (page, pages) = self.range();
                let frames = [0xF_E000, 0xB8, 0xBF, 0x9F, 0x200, 0x400, 0x3FF, 0xF_EC00, 0xF_EDFF];
                raw.page = page;
                raw.words = [pages.min(3), self.random.of(&frames) << 12, 0, 0];
            }
            N::DmaAllocate | N::DmaRelease => {
                let (page, pages) = self.range();
                (raw.page, raw.words[0]) = (page, pages);
            }
            N::DmaReclaim => {
                let gone: Vec<u32> = self.model.procs.iter().map(|process| process.id).collect();
                let id = self.random.of(&gone);
                raw.process = if self.flag() == 1 && id > 0x2000 { id - 0x1000 } else { id };
            }
            N::InterruptAttach | N::InterruptAcknowledge => {
                raw.words[0] = self.random.of(&[9, 10, 11, 4, 0, 2]);
            }
        }
        raw
    }
}
