//! What happens next, drawn from the model's state so that processes meet.

use abi::call::Number;

use super::action::Action;
use super::arguments::{Draw, ODD, Raw};
use super::random::Random;
use crate::reference::state::{Ask, Doing, Model, Regs, SYSENTER, Slot, UTOP, bit};
use crate::world::CALL_SITE;

/// Where in a page a list is written: the longest ends with the page.
const LIST_OFFSET: u32 = 0x800;
/// Most living processes.
const MOST: usize = 7;

/// The next step.
pub fn action(model: &Model, random: &mut Random) -> Action {
    let Some(me) = model.current else {
        return match random.below(8) {
            0 => Action::Key(random.of(b"ab\x03")),
            1 => Action::Line(random.of(&[9, 10, 11])),
            _ => Action::Tick,
        };
    };
    let mut draw = Draw { model, random, me };
    if model.procs[me].regs.eip == CALL_SITE && !draw.random.one_in(12) {
        return Action::Again;
    }
    draw.next()
}

impl Draw<'_> {
    fn next(&mut self) -> Action {
        if let Some(reply) = self.reply_to_somebody() {
            return reply;
        }
        if let Some(action) = self.meet() {
            return action;
        }
        match self.random.below(1000) {
            0..=639 => self.native(),
            640..=729 => self.jos(),
            730..=889 => self.access(),
            890..=969 => Action::Tick,
            970..=979 => Action::Key(self.random.of(b"abcd\x03")),
            980..=993 => Action::Line(9 + self.random.below(3)),
            994..=997 if self.me != 0 => Action::Exception(self.random.of(&[0, 3, 6, 13, 17])),
            998 if self.me != 0 => Action::Virtual8086,
            _ => self.number(Number::ProcessCreate),
        }
    }

    /// What lets processes meet: children are made and started, servers and pagers receive.
    fn meet(&mut self) -> Option<Action> {
        let procs = &self.model.procs;
        let mine = &procs[self.me];
        let living = procs.iter().filter(|process| process.is_alive()).count();
        let stopped = mine.children.iter().find(|child| procs[**child].stopped);
        let serves = !mine.senders.is_empty()
            || procs.iter().any(|other| other.is_alive() && other.pager == Some(self.me));
        if let Some(child) = stopped.filter(|_| self.random.one_in(8)) {
            let eax = Number::ProcessStart as u32;
            let edx = procs[*child].id;
            return Some(Action::Call(Regs { eax, edx, trap: 0x30, ..mine.regs }));
        }
        if living < 4 && self.random.one_in(if living < 2 { 3 } else { 12 }) {
            return Some(self.number(Number::ProcessCreate));
        }
        let may_wait = self.me != 0
            || !mine.senders.is_empty()
            || self.model.ready.len() > 1 && self.random.one_in(3);
        if serves && may_wait && self.random.one_in(5) {
            let mut action = self.number(Number::Receive);
            if let Action::Call(regs) = &mut action {
                let anyone = if regs.trap == SYSENTER { &mut regs.edi } else { &mut regs.edx };
                *anyone = 0;
            }
            return Some(action);
        }
        None
    }

    /// Whoever waits for an answer of this process's gets one, half of the time.
    fn reply_to_somebody(&mut self) -> Option<Action> {
        let waits =
            |s: &Slot| matches!(self.model.procs[*s].doing, Doing::Answer(by, _) if by == self.me);
        let waiting = (0..self.model.procs.len()).find(waits)?;
        if !self.random.one_in(2) {
            return None;
        }
        let Doing::Answer(_, ask) = self.model.procs[waiting].doing else { return None };
        if ask == Ask::Frames && self.random.one_in(2) {
            // A pager frees what the call needs.
            return Some(self.number(Number::RangeUnmap));
        }
        let alone = self.me == 0 && self.model.ready.is_empty();
        let receives = !alone && !self.random.one_in(3);
        let number = match (ask, receives) {
            (Ask::Fault { .. } | Ask::Forwarded | Ask::Frames, true) => {
                Number::FaultReplyAndReceive
            }
            (Ask::Fault { .. } | Ask::Forwarded | Ask::Frames, false) => Number::FaultReply,
            (_, true) => Number::ReplyAndReceive,
            (_, false) => Number::Reply,
        };
        let mut action = self.number(number);
        if let Action::Call(regs) = &mut action {
            let id = self.model.procs[waiting].id;
            if regs.trap == SYSENTER { regs.edi = id } else { regs.edx = id }
        }
        Some(action)
    }

    fn native(&mut self) -> Action {
        use Number as N;
        const PAGES: [Number; 19] = [
            N::Transact,
            N::Transact,
            N::Transact,
            N::PageAllocate,
            N::PageAllocate,
            N::PageMap,
            N::PageMap,
            N::PageMove,
            N::PageMove,
            N::PageUnmap,
            N::PageCopy,
            N::PageProtect,
            N::RangeShare,
            N::RangeShare,
            N::RangeProtect,
            N::RangeUnmap,
            N::RangeAllocate,
            N::ViewAttach,
            N::ViewDetach,
        ];
        const MESSAGES: [Number; 8] = [
            N::Send,
            N::Receive,
            N::Call,
            N::Call,
            N::ReplyAndReceive,
            N::Receive,
            N::Clone,
            N::FaultForward,
        ];
        const PROCESSES: [Number; 14] = [
            N::ProcessCreate,
            N::ProcessStart,
            N::ProcessStart,
            N::ProcessStart,
            N::ProcessStop,
            N::SetPager,
            N::SetPager,
            N::SetHandler,
            N::SetQuota,
            N::SetFaultTimeout,
            N::AcceptClients,
            N::AcceptFrameRequests,
            N::DriverAllow,
            N::Destroy,
        ];
        const DEVICES: [Number; 8] = [
            N::PortsAllow,
            N::DeviceMap,
            N::DmaAllocate,
            N::DmaAllocate,
            N::DmaRelease,
            N::InterruptAttach,
            N::InterruptAcknowledge,
            N::DmaReclaim,
        ];
        let is_driver = self.me != 0 && self.model.procs[self.me].driver;
        let number = match self.random.below(16) {
            0 | 1 if is_driver => self.random.of(&DEVICES),
            0..=6 => self.random.of(&PAGES),
            7..=8 => self.random.of(&MESSAGES),
            9..=11 => self.random.of(&PROCESSES),
            _ => self.random.of(Number::ALL),
        };
        // The first process seldom ends, or waits for what may never come.
        let ends = matches!(
            number,
            N::Exit
                | N::Receive
                | N::Call
                | N::Send
                | N::ReplyAndReceive
                | N::FaultReplyAndReceive
                | N::Wait
        );
        if ends && self.stays() {
            return self.number(N::PageAllocate);
        }
        self.number(number)
    }

    fn number(&mut self, number: Number) -> Action {
        let living = self.model.procs.iter().filter(|process| process.doing != Doing::Free).count();
        let number = match number {
            Number::ProcessCreate if living >= MOST => Number::Destroy,
            other => other,
        };
        let mut raw = self.arguments(number);
        if number == Number::Transact && !self.random.one_in(6) {
            // A list that was written for it, in a page of the caller's own.
            raw.words[0] = self.own_page() + LIST_OFFSET;
            let list = self.list(&raw);
            return Action::CallWithList(raw.words[0], list, self.registers(number, raw));
        }
        Action::Call(self.registers(number, raw))
    }

    /// Registers of a call, by either instruction; once in a while one of them is odd.
    fn registers(&mut self, number: Number, raw: Raw) -> Regs {
        let Raw { bits, process, page, mut words } = raw;
        let old = self.model.procs[self.me].regs;
        let mut regs = Regs { eax: number as u32 | bits << 8, trap: 0x30, ..old };
        if self.random.one_in(40) {
            words[self.random.below(4) as usize] = self.random.of(&ODD);
        }
        if self.random.one_in(6) {
            (regs.trap, regs.edi, regs.ebx, regs.esi) = (SYSENTER, process, words[0], words[1]);
            regs.ebp = if page != 0 && !self.random.one_in(8) { page } else { words[2] };
            if (60..=64).contains(&(number as u32)) {
                (regs.eax, regs.ebp) = (number as u32, words[2]);
            }
        } else {
            (regs.edx, regs.ecx) = (process, page);
            [regs.ebx, regs.esi, regs.edi, regs.ebp] = words;
        }
        if self.random.one_in(60) {
            let odd = self.random.of(&ODD);
            *self.random.of(&[0, 1, 2]).pick(&mut regs) = odd;
        }
        if self.random.one_in(8) {
            let stacks = [
                UTOP,
                UTOP - 4,
                UTOP - 56,
                UTOP - 0x1000,
                UTOP - 0xFFC,
                0xEEBF_E000,
                0xEEBF_E001,
                0xEEBF_DFFC,
                0,
            ];
            regs.esp = self.random.of(&stacks);
        }
        regs
    }

    /// Whether a fault would be the end of the first process, and with it of the episode.
    pub(super) fn ends(&mut self, address: u32, length: u32, write: bool) -> bool {
        let handled = self.model.procs[self.me].handler != 0
            && self.model.leaf(self.me, 0xE_EBFF).has(bit::W)
            && !self.random.one_in(4);
        let bad = self.model.first_bad(self.me, address, length, write).is_some();
        let paged = self.model.procs[self.me].pager.is_some();
        let rare = if self.me == 0 { 100 } else { 12 };
        bad && !handled && !paged && !self.random.one_in(rare)
    }

    /// A buffer of this length.
    pub(super) fn buffer(&mut self, length: u32, write: bool) -> u32 {
        let address = self.address();
        if self.ends(address, length, write) { self.own_page() } else { address }
    }

    /// A page that the process may write, or where calls answer that there is none.
    fn own_page(&self) -> u32 {
        let leaves = &self.model.procs[self.me].space.leaves;
        leaves.iter().find(|leaf| leaf.1.has(bit::W)).map_or(UTOP, |leaf| leaf.0 << 12)
    }

    /// Whether the first process had better not block now: nobody might wake it.
    fn stays(&mut self) -> bool {
        let rare = if self.model.ready.len() > 1 { 12 } else { 500 };
        self.me == 0 && !self.random.one_in(rare)
    }

    /// A buffer whose bytes can be foretold: it does not lie in what shows a directory.
    pub(super) fn printable(&mut self, length: u32) -> u32 {
        let address = self.buffer(length, false);
        let space = &self.model.procs[self.me].space;
        let ends = [address, address.saturating_add(length)];
        let is_shown = ends.iter().any(|at| {
            space.views.contains_key(&(at >> 22)) || (0xEF40_0000..0xEF80_0000).contains(at)
        });
        if is_shown { 0x0080_1000 } else { address }
    }

    fn jos(&mut self) -> Action {
        let number = self
            .random
            .of(&[0, 0, 0, 1, 2, 3, 4, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 12, 12, 13, 14, 15, 99]);
        let blocks = matches!(number, 3 | 13);
        if blocks && self.stays() {
            return self.number(Number::PageAllocate);
        }
        let living = self.model.procs.iter().filter(|process| process.doing != Doing::Free).count();
        let number = if number == 7 && living >= MOST { 6 } else { number };
        let env = if self.random.one_in(3) { 0 } else { self.relative() };
        let (page, perm) = (self.page(), self.permissions() | 5);
        let top = |page: u32, at_top: bool| if at_top { UTOP } else { page };
        let at_top = self.random.one_in(2);
        let mut arguments = match number {
            0 => {
                let length = self.random.of(&[0, 3, 30, 0xFFF, 0x1001, 0x1001, 0x2100]);
                [self.printable(length), length, 0, 0, 0]
            }
            3 if self.me == 0 => [self.relative(), 0, 0, 0, 0],
            4 => [env, page, perm, 0, 0],
            5 => [env, page, self.target(), self.page(), perm],
            8 => [env, 2 + self.random.below(3), 0, 0, 0],
            9 => [env, self.printable(68), 0, 0, 0],
            10 => [env, 0x0080_0080 * self.flag(), 0, 0, 0],
            12 => [self.id(), 7, top(page, at_top), perm, 0],
            13 => [top(page, at_top), 0, 0, 0, 0],
            _ => [env, page, 0, 0, 0],
        };
        if number == 3 && arguments[0] == self.model.procs[0].id && self.me == 0 {
            arguments[0] = 0x13E7;
        }
        if self.random.one_in(30) {
            arguments[self.random.below(5) as usize] = self.random.of(&ODD);
        }
        if number == 3 && self.me == 0 && [0, self.model.procs[0].id].contains(&arguments[0]) {
            arguments[0] = 0x13E7;
        }
        // Strings and records lie in memory whose bytes can be foretold.
        if number == 0 || number == 9 {
            let at = usize::from(number == 9);
            if (0xEF00_0000..0xEF80_0000).contains(&arguments[at]) {
                arguments[at] = UTOP;
            }
        }
        if number == 0 && self.ends(arguments[0], arguments[1], false) {
            arguments[..2].copy_from_slice(&[self.own_page(), 0]);
        }
        if number == 9 && self.ends(arguments[1], 68, false) {
            return self.number(Number::PageAllocate);
        }
        let [edx, ecx, ebx, edi, esi] = arguments;
        let old = self.model.procs[self.me].regs;
        Action::Call(Regs { eax: number, edx, ecx, ebx, edi, esi, trap: 0x30, ..old })
    }

    fn access(&mut self) -> Action {
        let mut address = match self.random.below(12) {
            0 => self.random.of(&ODD) & !3,
            1 => 0xEF40_0000 + (self.page() >> 10),
            2 => 0xEF7B_D000 + (self.page() >> 20 & !3),
            3 => (self.entry() << 22) + (self.page() >> 10),
            4 => (self.entry() << 22) + 0x3B_D000 + (self.page() >> 20 & !3),
            _ => self.page() + self.random.of(&[0, 4, 0x554, 0xFFC]),
        };
        let store = self.random.one_in(2);
        let value = store.then(|| self.random.next() as u32);
        // The first process has mostly what it touches, or it would end soon.
        let has = self.model.may_use(self.me, address, store);
        if !has && self.ends(address, 4, store) {
            address = self.own_page();
            if address == UTOP {
                return self.number(Number::PageAllocate);
            }
        }
        Action::Access(address, value)
    }
}

/// Chooses one of a call's registers.
trait Pick {
    fn pick(self, regs: &mut Regs) -> &mut u32;
}

impl Pick for i32 {
    fn pick(self, regs: &mut Regs) -> &mut u32 {
        match self {
            0 => &mut regs.edx,
            1 => &mut regs.ecx,
            _ => &mut regs.edi,
        }
    }
}
