//! The native calls: how the registers are read, and what each call does.

use abi::call::Number;

use super::decode::{Raw, at_most, flag, page, permissions, range, target};
use super::state::{Ask, Buffer, Doing, E, Model, R, Regs, SYSENTER, Slot, Unfinished};
use super::transactions::Wish;

/// Whether the call has an argument in the bits of `eax` above its number.
fn takes_bits(number: Number) -> bool {
    use Number as N;
    match number {
        N::PageAllocate | N::PageMap | N::PageMove | N::PageUnmap | N::PageCopy => true,
        N::PageProtect | N::RangeShare | N::RangeProtect | N::RangeUnmap => true,
        N::RangeAllocate | N::Transact | N::FaultReply | N::FaultReplyAndReceive => true,
        N::Send | N::Receive | N::Call | N::Reply | N::ReplyAndReceive => true,
        N::FrameReferences | N::ViewAttach | N::ViewDetach | N::Identity => false,
        N::ProcessCreate | N::ProcessStart | N::ProcessStop | N::RegistersRead => false,
        N::RegistersWrite | N::EventsRead | N::Exit | N::Wait | N::Destroy => false,
        N::SetQuota | N::Usage | N::Machine | N::Clock | N::Sleep | N::Yield => false,
        N::SetHandler | N::SetPager | N::AcceptClients | N::AcceptFrameRequests => false,
        N::FaultForward | N::SetFaultTimeout | N::Clone | N::ConsoleWrite => false,
        N::ConsoleRead | N::SetConsoleOwner | N::DriverAllow | N::PortsAllow => false,
        N::DeviceMap | N::DmaAllocate | N::DmaRelease | N::DmaReclaim => false,
        N::InterruptAttach | N::InterruptAcknowledge => false,
    }
}

/// Calls that do not fit into the registers that `sysenter` leaves.
fn is_too_large_for_sysenter(raw: &Raw) -> bool {
    matches!(raw.number, 38 | 83) || (60..=64).contains(&raw.number) && raw.bits != 0
}

/// Calls that answer with more words than `sysenter` leaves.
fn answers_too_much(number: u32) -> bool {
    matches!(number, 39 | 51 | 52)
}

impl Model {
    /// A call by either instruction.
    pub fn call(&mut self, me: Slot) {
        let raw = Raw::of(&self.procs[me].regs);
        self.calling = raw.number;
        if raw.number < 32 && !raw.sysenter {
            return self.jos_call(me);
        }
        self.procs[me].unfinished = Unfinished::None;
        if self.was_made_again(me) {
            return;
        }
        let done = self.native(me, &raw);
        if let Err(error) = done {
            self.refuse(me, error);
        }
    }

    /// The kernel may take a step of a teardown and have the call made again, if processes are
    /// dying.
    pub fn was_made_again(&mut self, me: Slot) -> bool {
        let (regs, ready) = self.hints[me];
        let mine = self.procs[me].regs;
        let again = Regs { eip: mine.eip.wrapping_sub(2), ..mine };
        let ends_others = mine.eax & 0xFF == Number::Destroy as u32;
        if !ready || regs != again || ends_others {
            return false;
        }
        if !self.slice() {
            self.broken.push("a call is made again, and nobody is dying".to_owned());
        }
        self.procs[me].regs.eip = again.eip;
        true
    }

    /// Returns an error, or asks the pager for frames.
    pub fn refuse_again(&mut self, me: Slot, error: E) {
        self.refuse(me, error);
    }

    fn refuse(&mut self, me: Slot, error: E) {
        let number = self.procs[me].regs.eax & 0xFF;
        if error == E::OutOfFrames {
            return self.short_of_frames(me);
        }
        if error == E::Quota
            && number != Number::PortsAllow as u32
            && self.met.is_some_and(|met| self.used(met).2 > 0)
        {
            self.broken.push("QuotaExceeded while a process dies that the quota counts".to_owned());
        }
        self.procs[me].regs.eax = (error as u32).wrapping_neg();
    }

    /// A call that found no frame: its pager may free some.
    pub fn short_of_frames(&mut self, me: Slot) {
        if !self.second_try && self.ask_for_frames(me) {
            return;
        }
        self.fail_for_frames(me);
    }

    fn ask_for_frames(&mut self, me: Slot) -> bool {
        let raw = Raw::of(&self.procs[me].regs);
        let jos = raw.number < 32 && !raw.sysenter;
        let needy = if jos { self.needy_of_jos(me) } else { self.needy(me, &raw) };
        let Some(needy) = needy else { return false };
        let Some(pager) = self.procs[needy].pager else { return false };
        if !self.procs[pager].frees_frames {
            return false;
        }
        self.ask(me, pager, Ask::Frames, [FRAMES_WANTED, 0, 0, 0])
    }

    /// Whose pager is asked: the caller's, or that of a message's receiver.
    fn needy(&self, me: Slot, raw: &Raw) -> Option<Slot> {
        match raw.number {
            33..=36 | 82 | 38 | 40 | 41 | 42 | 86 => Some(me),
            60 | 62 | 63 | 64 => raw.id().ok().and_then(|id| self.find(id).ok()),
            _ => None,
        }
    }

    pub fn fail_for_frames(&mut self, me: Slot) {
        let raw = Raw::of(&self.procs[me].regs);
        self.procs[me].regs.eax = (E::OutOfFrames as u32).wrapping_neg();
        // The pool for devices is not what dying processes give back.
        let by_itself = raw.number == 77;
        if self.enough {
            self.broken.push(format!(
                "{} frames were asked for, and are not enough",
                self.procs[me].wanted
            ));
        }
        if self.current == Some(me) && !self.dying.is_empty() && !by_itself {
            self.broken.push("OutOfFrames while a process is dying".to_owned());
        }
    }

    pub fn find(&self, id: u32) -> R<Slot> {
        let slot = (id & 0x3FF) as usize;
        match self.procs.get(slot) {
            Some(process) if process.id == id && process.is_alive() => Ok(slot),
            _ => Err(E::NoSuchProcess),
        }
    }

    pub fn resolve(&self, me: Slot, target: Option<u32>) -> R<Slot> {
        target.map_or(Ok(me), |id| self.find(id))
    }

    pub fn is_child(&self, me: Slot, s: Slot) -> bool {
        self.procs[s].parent == Some(me)
    }

    fn memory_of(&self, me: Slot, target: Option<u32>) -> R<Slot> {
        let s = self.resolve(me, target)?;
        let may = s == me || self.is_child(me, s) || self.procs[s].pager == Some(me);
        if may { Ok(s) } else { Err(E::NoSuchProcess) }
    }

    pub fn child(&self, me: Slot, target: Option<u32>) -> R<Slot> {
        let s = self.resolve(me, target)?;
        if self.is_child(me, s) { Ok(s) } else { Err(E::NoSuchProcess) }
    }

    pub fn self_or_child(&self, me: Slot, target: Option<u32>) -> R<Slot> {
        let s = self.resolve(me, target)?;
        if s == me || self.is_child(me, s) { Ok(s) } else { Err(E::NoSuchProcess) }
    }

    pub fn ok(&mut self, me: Slot) -> R {
        self.procs[me].regs.eax = 0;
        Ok(())
    }

    pub fn answer(&mut self, me: Slot, word: u32) -> R {
        self.procs[me].regs.ebx = word;
        self.ok(me)
    }

    /// Answers with as many words as the instruction leaves registers for.
    pub fn answer_words(&mut self, me: Slot, words: &[u32]) -> R {
        let regs = &mut self.procs[me].regs;
        let places = if regs.trap == SYSENTER {
            vec![&mut regs.ebx, &mut regs.esi, &mut regs.ebp]
        } else {
            vec![&mut regs.ebx, &mut regs.esi, &mut regs.edi, &mut regs.ebp]
        };
        for (place, word) in places.into_iter().zip(words) {
            *place = *word;
        }
        self.ok(me)
    }

    /// One native call. `Ok`: the registers are set, or the caller does not go on now.
    #[allow(clippy::too_many_lines, reason = "a table of all calls")]
    pub fn native(&mut self, me: Slot, raw: &Raw) -> R {
        let number = Number::new(raw.number).ok_or(E::InvalidArgument)?;
        if raw.sysenter && is_too_large_for_sysenter(raw) {
            return Err(E::InvalidArgument);
        }
        if !takes_bits(number) && raw.bits != 0 {
            return Err(E::InvalidArgument);
        }
        let refused = raw.sysenter && answers_too_much(raw.number);
        let [w0, w1, w2, w3] = raw.w;
        match number {
            Number::PageAllocate => {
                let (t, page, chosen) = (raw.target()?, raw.page()?, raw.permissions()?);
                let s = self.memory_of(me, t)?;
                self.allocate(s, page, self.may_leave(me, s, chosen))?;
                self.ok(me)
            }
            Number::PageMap => {
                let (t, from) = (raw.target()?, raw.page()?);
                let (u, to, chosen) = (target(w0)?, page(w1)?, raw.permissions()?);
                let (t, u) = (self.memory_of(me, t)?, self.memory_of(me, u)?);
                self.map((t, from), (u, to), self.may_leave(me, u, chosen))?;
                self.ok(me)
            }
            Number::PageMove => {
                let (t, from) = (raw.target()?, raw.page()?);
                let (u, to, marks) = (target(w0)?, page(w1)?, raw.marks()?);
                let (t, u) = (self.memory_of(me, t)?, self.memory_of(me, u)?);
                // As it is before the move, which may give a frame of it back.
                let word = self.bits_of(self.leaf(t, from));
                self.move_page(me, (t, from), (u, to), marks)?;
                self.answer(me, word)
            }
            Number::PageUnmap => {
                let (t, page, marks) = (raw.target()?, raw.page()?, raw.marks()?);
                let s = self.memory_of(me, t)?;
                let word = self.bits_of(self.leaf(s, page));
                self.unmap(s, page, self.may_leave(me, s, marks))?;
                self.answer(me, word)
            }
            Number::PageCopy => {
                let (marks, t, page) = (raw.permissions()?, raw.target()?, raw.page()?);
                let s = self.memory_of(me, t)?;
                let copied = self.copy(s, page, self.may_leave(me, s, marks))?;
                self.answer(me, copied.into())
            }
            Number::PageProtect => {
                let (t, page, drop) = (raw.target()?, raw.page()?, permissions(w0)?);
                let add = raw.permissions()?;
                let s = self.memory_of(me, t)?;
                let word = self.bits_of(self.leaf(s, page));
                self.protect(s, page, drop, self.may_leave(me, s, add))?;
                self.answer(me, word)
            }
            Number::FrameReferences => {
                let count = self.count_of(w0)?;
                self.answer(me, count)
            }
            Number::RangeShare => {
                let t = raw.target()?;
                let from = range(raw.page(), w2)?;
                let (u, to) = (target(w0)?, range(page(w1), w2)?.0);
                let (drop, add) = (permissions(w3 & !(1 << 31))?, raw.marks()?);
                let (t, u) = (self.memory_of(me, t)?, self.memory_of(me, u)?);
                self.range_share(me, (t, from), (u, to), (drop, add, w3 >> 31 != 0))
            }
            Number::RangeProtect => {
                let (t, range) = (raw.target()?, range(raw.page(), w0)?);
                let (drop, add) = (permissions(w1)?, raw.permissions()?);
                let s = if refused { Err(E::InvalidArgument) } else { self.memory_of(me, t) }?;
                self.range_protect(me, s, range, (drop, add))
            }
            Number::RangeUnmap => {
                let (t, range, marks) = (raw.target()?, range(raw.page(), w0)?, raw.marks()?);
                let s = self.memory_of(me, t)?;
                self.range_unmap(me, s, range, marks)
            }
            Number::RangeAllocate => {
                let range = range(raw.page(), w0)?;
                at_most(range.1, 64)?;
                let (t, chosen) = (raw.target()?, raw.permissions()?);
                let s = self.memory_of(me, t)?;
                self.range_allocate(me, s, range, chosen)
            }
            Number::Transact => {
                let (t, pages, wish) = (raw.target()?, at_most(w1, 256)?, Wish::of(raw)?);
                let s = self.memory_of(me, t)?;
                if !self.words_buffer(me, w0, 8 * pages, false)? {
                    return Ok(());
                }
                let list: Vec<(u32, u32)> = (w0..)
                    .step_by(8)
                    .take(pages as usize)
                    .map(|at| (self.read(me, at), self.read(me, at + 4)))
                    .collect();
                self.transact(me, s, wish, &list)
            }
            Number::ViewAttach => {
                let (t, entry) = (raw.target()?, at_most(w0, 0x3BA)?);
                self.view_attach(me, t, entry)
            }
            Number::ViewDetach => {
                let entry = at_most(w0, 0x3BA)?;
                self.procs[me].space.views.remove(&entry).ok_or(E::NotMapped)?;
                self.ok(me)
            }
            Number::Identity => {
                let name = |s: Option<Slot>| s.map_or(0, |s| self.procs[s].id);
                let of = &self.procs[me];
                let words = [of.id, name(of.parent), name(of.pager)];
                self.answer_words(me, &words)
            }
            Number::ProcessCreate => {
                let copy = flag(w0)?;
                let child = self.create(me, true)?;
                if copy {
                    self.copy_registers(me, child);
                    self.procs[child].regs.ebx = 0;
                }
                let id = self.procs[child].id;
                self.answer(me, id)
            }
            Number::ProcessStart => {
                let s = self.child(me, raw.target()?)?;
                self.start(s);
                self.ok(me)
            }
            Number::ProcessStop => {
                let s = self.child(me, raw.target()?)?;
                self.stop(s);
                self.ok(me)
            }
            Number::RegistersRead => {
                let s = self.child(me, raw.target()?)?;
                if !self.words_buffer(me, w0, 40, true)? {
                    return Ok(());
                }
                let r = self.procs[s].regs;
                let words =
                    [r.edi, r.esi, r.ebp, r.ebx, r.edx, r.ecx, r.eax, r.eip, r.eflags, r.esp];
                for (at, word) in (w0..).step_by(4).zip(words) {
                    self.write(me, at, word);
                }
                self.ok(me)
            }
            Number::RegistersWrite => {
                let s = self.child(me, raw.target()?)?;
                if self.procs[s].doing != Doing::Ready {
                    return Err(E::Busy);
                }
                if !self.words_buffer(me, w0, 40, false)? {
                    return Ok(());
                }
                let mut words = [0; 10];
                for (at, word) in (w0..).step_by(4).zip(&mut words) {
                    *word = self.read(me, at);
                }
                self.set_registers(s, words);
                self.ok(me)
            }
            Number::EventsRead => {
                let t = raw.target()?;
                at_most(w1, 256)?;
                self.child(me, t)?;
                // The boot line has no word `trace`.
                Err(E::NotPermitted)
            }
            Number::Exit => {
                self.end(me, w0, 0);
                Ok(())
            }
            Number::Wait => {
                let child = target(w0)?;
                self.wait(me, child)
            }
            Number::Destroy => {
                let (t, subtree) = (raw.target()?, flag(w0)?);
                let s = self.resolve(me, t)?;
                if !self.is_descendant(s, me) {
                    return Err(E::NoSuchProcess);
                }
                if !subtree {
                    self.end(s, 0, 1);
                } else if !self.end_subtree(me, s) {
                    self.restart(me);
                    return Ok(());
                }
                if s == me { Ok(()) } else { self.ok(me) }
            }
            Number::SetQuota => {
                let s = self.child(me, raw.target()?)?;
                self.set_quota(s, w0, w1)?;
                self.ok(me)
            }
            Number::Usage => {
                let t = raw.target()?;
                let s = if refused { Err(E::InvalidArgument) } else { self.memory_of(me, t) }?;
                let words = self.usage(s);
                self.answer_words(me, &words)
            }
            Number::Machine if refused => Err(E::InvalidArgument),
            Number::Machine => {
                let live = self.procs.iter().filter(|process| process.doing != Doing::Free).count();
                // How often the kernel flushes is its own affair.
                let flushes = self.hints[me].0.ebp;
                let words = [self.total, self.free, live as u32, flushes];
                self.answer_words(me, &words)
            }
            Number::Clock => {
                let words = [self.now as u32, (self.now >> 32) as u32, 0, 0];
                self.answer_words(me, &words)
            }
            Number::Sleep if w0 != 0 => {
                self.ok(me)?;
                self.block(me, Doing::Sleeping);
                self.wake_in(me, w0);
                Ok(())
            }
            Number::Sleep | Number::Yield => {
                self.ok(me)?;
                self.yield_cpu(me);
                Ok(())
            }
            Number::SetHandler => {
                let s = self.self_or_child(me, raw.target()?)?;
                self.procs[s].handler = w0;
                self.procs[s].jos.handler = 0;
                self.ok(me)
            }
            Number::SetPager => {
                let (t, pager) = (raw.target()?, target(w0)?);
                self.set_pager(me, t, pager)
            }
            Number::AcceptClients => {
                self.procs[me].accepts_clients = flag(w0)?;
                self.ok(me)
            }
            Number::AcceptFrameRequests => {
                self.procs[me].frees_frames = flag(w0)?;
                self.ok(me)
            }
            Number::FaultForward => self.forward(me, [w0, w1, w2, 0]),
            Number::FaultReply => {
                let (id, reply) = (raw.id()?, self.reply_of(raw)?);
                let client = self.reply_to_fault(me, id, reply)?;
                self.ok(me)?;
                if let Some(client) = client {
                    self.call_again(client);
                }
                Ok(())
            }
            Number::FaultReplyAndReceive => {
                let (id, reply) = (raw.id()?, self.reply_of(raw)?);
                let accepts = if w2 == 0 { None } else { Some(page(w2.wrapping_sub(1))?) };
                self.reply_to_fault_and_receive(me, id, reply, accepts)
            }
            Number::SetFaultTimeout => {
                let s = self.child(me, raw.target()?)?;
                self.procs[s].timeout = w0;
                self.ok(me)
            }
            Number::Clone => {
                let id = raw.id()?;
                self.clone_call(me, id)
            }
            Number::Send => {
                let (id, buffer) = (raw.id()?, raw.transfer()?);
                self.request(me, id, Ask::Send, buffer)
            }
            Number::Receive => {
                let buffer = Buffer { words: [0; 4], sent: None, ..raw.transfer()? };
                let from = target(raw.process)?;
                self.receive(me, from, buffer)
            }
            Number::Call => {
                let (id, buffer) = (raw.id()?, raw.transfer()?);
                self.request(me, id, Ask::Call, buffer)
            }
            Number::Reply => {
                let (id, buffer) = (raw.id()?, raw.transfer()?);
                let to = self.reply(me, id, buffer)?;
                self.make_ready(to);
                self.ok(me)
            }
            Number::ReplyAndReceive => {
                let (id, buffer) = (raw.id()?, raw.transfer()?);
                self.reply_and_receive(me, id, buffer)
            }
            Number::ConsoleWrite => {
                let length = at_most(w1, 4096)?;
                self.console_write(me, w0, length)
            }
            Number::ConsoleRead => {
                let length = at_most(w1, 4096)?;
                self.console_read(me, w0, length)
            }
            Number::SetConsoleOwner => {
                let owner = if flag(w0)? { Some(raw.target()?) } else { None };
                self.set_console_owner(me, owner)
            }
            Number::DriverAllow => {
                let (t, allow) = (raw.target()?, flag(w0)?);
                self.is_driver(me)?;
                let s = self.child(me, t)?;
                self.procs[s].driver = allow;
                self.ok(me)
            }
            Number::PortsAllow => self.ports_allow(me, w1, w0),
            Number::DeviceMap => {
                let range = range(raw.page(), w0)?;
                if w1 % 4096 != 0 || (w1 >> 12) + range.1 > 0x10_0000 {
                    return Err(E::InvalidArgument);
                }
                self.device_map(me, range, w1 >> 12)
            }
            Number::DmaAllocate => {
                let range = range(raw.page(), w0)?;
                at_most(range.1, 64)?;
                self.dma_allocate(me, range)
            }
            Number::DmaRelease => {
                let range = range(raw.page(), w0)?;
                self.dma_release(me, range)
            }
            Number::DmaReclaim => {
                let id = raw.id()?;
                self.dma_reclaim(me, id)
            }
            Number::InterruptAttach => {
                let line = at_most(w0, 15)?;
                self.interrupt_attach(me, line)
            }
            Number::InterruptAcknowledge => {
                let line = at_most(w0, 15)?;
                if self.lines[line as usize] != Some(me) {
                    return Err(E::NotPermitted);
                }
                self.masked &= !(1 << line);
                self.ok(me)
            }
        }
    }

    /// Checks a buffer of words. `false`: the caller has a fault, and makes the call again.
    pub fn words_buffer(&mut self, me: Slot, address: u32, length: u32, write: bool) -> R<bool> {
        if !address.is_multiple_of(4) {
            return Err(E::InvalidArgument);
        }
        self.buffer(me, address, length, write)
    }

    /// Checks a buffer. `false`: the caller has a fault, and makes the call again.
    pub fn buffer(&mut self, me: Slot, address: u32, length: u32, write: bool) -> R<bool> {
        self.check_buffer(me, address, length, write)?;
        match self.first_bad(me, address, length, write) {
            None => Ok(true),
            Some(bad) => {
                self.fault_of_call(me, bad, write);
                Ok(false)
            }
        }
    }
}

/// Stands in a request for frames for a number that the kernel chooses.
pub const FRAMES_WANTED: u32 = 0xFFFF_FFFB;
