//! The native calls: what each of them does, one arm a call.

use abi::call::{Arguments, FaultReply, Number};
use abi::message::Reason;
use abi::process::Target;
use abi::{Error, Frame, PageRange, Permissions, ProcessId, Registers, Syscall, UserPage};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::range::{Sharing, SpaceRange};
use crate::memory::space::Change;
use crate::state::account::Quota;
use crate::state::call_registers::{self, CallRegisters};
use crate::state::fault::Fault;
use crate::state::process::{Index, MessageBuffer, PendingRequest, SentPage, Unfinished};

/// Tables that a range may need: it crosses one boundary between tables at most.
const TWO_TABLES: u32 = 2;

impl<H: Hardware> Kernel<H> {
    /// A call of the current process: a native one, or one that turns out not to be. Where it succeeds, the arm of
    /// `dispatch` has left its caller's registers as they should be; unless the caller is blocked, has ended, or restarts
    /// the call, that includes 0 in `eax`.
    #[inline(always)]
    pub(crate) fn native_call<const SYSENTER: bool>(&mut self, caller: Index) {
        let raw = CallRegisters::<SYSENTER>(&self.processes[caller].registers);
        let call = raw.decode();
        let done = match call {
            Ok(call) => {
                self.processes[caller].unfinished = Unfinished::None;
                self.dispatch(caller, SYSENTER, call)
            }
            Err(_) if !SYSENTER && raw.number() < Syscall::FIRST => {
                return self.jos_call(caller);
            }
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            self.refuse(caller, error);
        }
    }

    /// As [`Kernel::native_call`], by whichever instruction the call has come: compiled once, for calls that are recorded.
    #[inline(never)]
    pub(crate) fn recorded_call(&mut self, caller: Index) {
        let registers = &self.processes[caller].registers;
        let (sysenter, number) = (registers.trap == Registers::SYSENTER, registers.eax & 0xFF);
        let done = match call_registers::decode(registers) {
            Ok(call) => {
                self.processes[caller].unfinished = Unfinished::None;
                self.dispatch_again(caller, call)
            }
            Err(_) if !sysenter && number < Syscall::FIRST => return self.jos_call(caller),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            self.refuse(caller, error);
        }
    }

    /// As `dispatch`, compiled once, for calls that are recorded or made a second time.
    #[inline(never)]
    pub(crate) fn dispatch_again(&mut self, caller: Index, call: Syscall) -> Result<(), Error> {
        let sysenter = self.processes[caller].registers.trap == Registers::SYSENTER;
        self.dispatch(caller, sysenter, call)
    }

    /// Tells the caller of an error. A call that has changed nothing may be made again instead: when its caller's pager has
    /// freed frames, or when a bound that it met has given way.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse(&mut self, caller: Index, error: Error) {
        if error == Error::OutOfFrames {
            return self.short_of_frames(caller);
        }
        if !self.waits_for_bound(caller, error) {
            let done = self.done_before(caller);
            let registers = &mut self.processes[caller].registers;
            if says_how_far(registers.eax & 0xFF) {
                registers.ebx = done;
            }
            registers.eax = error.to_wire();
        }
    }

    #[inline(always)]
    fn dispatch(&mut self, caller: Index, sysenter: bool, call: Syscall) -> Result<(), Error> {
        match call {
            Syscall::Identity => {
                let info = self.processes.info_of(caller);
                let (own, parent) = (info.id, info.parent);
                let pager = self.processes[caller].paging.pager.map_or(0, ProcessId::bits);
                self.processes[caller].set_three_words_of(sysenter, [own, parent, pager]);
                Ok(())
            }
            Syscall::PageAllocate { process, page, permissions } => {
                self.page_allocate(caller, process, page, permissions)
            }
            Syscall::PageMap { process, page, to, to_page, permissions } => {
                self.page_map(caller, (process, page), (to, to_page), permissions)
            }
            Syscall::PageUnmap { process, page, marks } => {
                self.page_unmap(caller, process, page, marks)
            }
            Syscall::PageCopy { process, page, permissions } => {
                self.page_copy(caller, process, page, permissions)
            }
            Syscall::PageProtect { process, page, drop, add } => {
                self.page_protect(caller, process, page, (drop, add))
            }
            Syscall::FrameReferences { frame } => {
                let known = frame < 0x10_0000;
                let count = known.then(|| self.frames.count(Frame::from_number(frame))).flatten();
                let count = count.ok_or(Error::NotMapped)?;
                self.answer(caller, count)
            }
            Syscall::RangeShare { process, range, to, to_page, drop, add, both } => {
                self.range_share(caller, (process, range), (to, to_page), (drop, add, both))
            }
            // Four words come back, and by `sysenter` there is a register for three.
            Syscall::RangeProtect { .. } | Syscall::Machine | Syscall::Usage { .. } if sysenter => {
                Err(Error::InvalidArgument)
            }
            Syscall::RangeProtect { process, range, drop, add } => {
                let Some(space) = self.room_in(caller, process, 0)? else { return Ok(()) };
                let add = self.processes.may_leave(caller, space.owner, add);
                let change = Change::new(drop, add);
                let (progress, found) = self.memory().protect_range(space, range, change);
                if progress.result.is_err() {
                    return self.progress(caller, &progress);
                }
                let words = [progress.done, found.any, found.accessed, found.dirty];
                self.answer_all(caller, words)
            }
            Syscall::RangeUnmap { process, range, marks } => {
                self.range_unmap(caller, (process, range), marks)
            }
            Syscall::RangeAllocate { process, range, permissions } => {
                self.range_allocate(caller, (process, range), permissions)
            }
            Syscall::ProcessCreate { copy } => self.process_create(caller, copy),
            Syscall::ProcessStart { process } => {
                let child = self.child(caller, process)?;
                self.start(child);
                self.succeed(caller)
            }
            Syscall::ProcessStop { process } => {
                let child = self.child(caller, process)?;
                self.stop(child);
                self.succeed(caller)
            }
            Syscall::RegistersRead { process, address } => {
                self.registers_read(caller, process, address)
            }
            Syscall::RegistersWrite { process, address } => {
                self.registers_write(caller, process, address)
            }
            Syscall::EventsRead { process, address, count } => {
                self.events_read(caller, process, (address, count))
            }
            Syscall::Exit { status } => {
                self.end(caller, status, Reason::Exited);
                Ok(())
            }
            Syscall::Wait { child } => self.wait(caller, child),
            Syscall::Destroy { process, subtree } => {
                let index = self.descendant(caller, process)?;
                if subtree {
                    self.end_subtree(index);
                } else {
                    self.end(index, 0, Reason::Destroyed);
                }
                if index == caller { Ok(()) } else { self.succeed(caller) }
            }
            Syscall::SetQuota { process, frames, processes } => {
                let child = self.child(caller, process)?;
                self.processes.set_quota(child, Quota { frames, processes })?;
                self.succeed(caller)
            }
            Syscall::Usage { process } => {
                let index = self.memory_of(caller, process)?;
                let (used, bound) = self.processes.usage(index);
                let words = [used.frames, bound.frames, used.processes, bound.processes];
                self.answer_all(caller, words)
            }
            Syscall::Machine => {
                let flushes = self.cpu.flushes.pages & 0xFFFF | self.cpu.flushes.all << 16;
                let (total, free) = (self.frames.total(), self.frames.free());
                let words = [total, free, self.processes.live(), flushes];
                self.answer_all(caller, words)
            }
            Syscall::SetHandler { process, address } => {
                let index = self.self_or_child(caller, process)?;
                self.processes[index].paging.handler = address;
                // The record shows what JOS programs set, and nothing that is not so any more.
                self.processes.info_of(index).handler = 0;
                self.succeed(caller)
            }
            Syscall::SetPager { process, pager } => self.set_pager(caller, process, pager),
            Syscall::AcceptClients { accept } => {
                self.processes[caller].paging.accepts_clients = accept;
                self.succeed(caller)
            }
            Syscall::AcceptFrameRequests { accept } => {
                self.processes[caller].paging.frees_frames = accept;
                self.succeed(caller)
            }
            Syscall::FaultForward { address, access, eip } => {
                self.forward(caller, Fault { address, access, eip })?;
                Ok(())
            }
            Syscall::FaultReply { process, reply } => {
                let maps = matches!(reply, FaultReply::Map { .. });
                if maps && self.waits_for_room(caller, 1) {
                    return Ok(());
                }
                self.fault_reply(caller, process, reply)
            }
            Syscall::FaultReplyAndReceive { process, reply, accept } => {
                self.fault_reply_and_receive(caller, process, reply, accept)
            }
            Syscall::SetFaultTimeout { process, milliseconds } => {
                let child = self.child(caller, process)?;
                self.processes[child].paging.fault_timeout = milliseconds;
                self.succeed(caller)
            }
            Syscall::Clone { child } => self.clone_call(caller, child),
            // The words of a message are read from the caller's registers when it is clear where they go.
            Syscall::Send { to, words: _, transfer } => {
                self.send_request(caller, to, PendingRequest::Send, transfer.into())
            }
            Syscall::Receive { from, transfer } => self.receive(caller, from, transfer),
            Syscall::Call { to, words: _, transfer } => {
                let done = match transfer {
                    None => self.call_at_once(caller, to, None),
                    Some(transfer) => self.call_with_page(caller, to, transfer),
                };
                if done? {
                    return Ok(());
                }
                self.send_request(caller, to, PendingRequest::Call, transfer.into())
            }
            Syscall::Reply { to, words: _, transfer } => {
                if transfer.is_some() && self.waits_for_room(caller, 1) {
                    return Ok(());
                }
                let message_buffer = MessageBuffer {
                    words: self.processes[caller].words(),
                    transfer: transfer.into(),
                };
                let answered = self.reply(caller, to, message_buffer)?;
                self.make_ready(answered);
                self.succeed(caller)
            }
            Syscall::ReplyAndReceive { to, words: _, transfer } => {
                let done = match transfer {
                    None => self.reply_at_once(caller, to, None),
                    Some(transfer) => self.reply_with_page(caller, to, transfer),
                };
                if done? {
                    return Ok(());
                }
                self.reply_and_receive(caller, to, transfer.into())
            }
            Syscall::Clock => {
                let now = self.cpu.hardware.now();
                self.answer_all(caller, [now as u32, (now >> 32) as u32, 0, 0])
            }
            Syscall::Sleep { milliseconds: 0 } | Syscall::Yield => {
                self.processes[caller].registers.eax = 0;
                self.yield_cpu(caller);
                Ok(())
            }
            Syscall::Sleep { milliseconds } => {
                self.processes[caller].registers.eax = 0;
                self.sleep(caller, milliseconds);
                Ok(())
            }
            Syscall::ConsoleWrite { address, length } => {
                self.console_write(caller, address, length)
            }
            Syscall::ConsoleRead { address, length } => self.console_read(caller, address, length),
            Syscall::SetConsoleOwner { owner } => {
                let owner = owner.map(|owner| self.self_or_child(caller, owner)).transpose()?;
                if !self.console.may_set_owner(caller) {
                    return Err(Error::NoSuchProcess);
                }
                self.console.set_owner(owner);
                if let Some(owner) = owner {
                    // A Ctrl-C from before was not meant for what it does now.
                    self.processes[owner].messages.interrupts &= !1;
                }
                self.succeed(caller)
            }
            Syscall::ViewAttach { process, view } => self.view_attach(caller, process, view),
            Syscall::ViewDetach { view } => self.view_detach(caller, view),
            Syscall::DriverAllow { process, allow } => self.driver_allow(caller, process, allow),
            Syscall::PortsAllow { ports } => self.ports_allow(caller, ports),
            Syscall::DeviceMap { frame, range } => self.device_map(caller, frame, range),
            Syscall::DmaAllocate { range } => self.dma_allocate(caller, range),
            Syscall::DmaRelease { range } => self.dma_release(caller, range),
            Syscall::DmaReclaim { driver } => self.dma_reclaim(caller, driver),
            Syscall::InterruptAttach { line } => self.interrupt_attach(caller, line),
            Syscall::InterruptAcknowledge { line } => self.interrupt_acknowledge(caller, line),
            Syscall::PageMove { process, page, to, to_page, marks } => {
                self.page_move(caller, (process, page), (to, to_page), marks)
            }
        }
    }

    /// Shares what is left of a range after the pages of a first try.
    #[inline(always)]
    pub(crate) fn range_share(
        &mut self,
        caller: Index,
        (process, range): (Target, PageRange),
        (to, to_page): (Target, UserPage),
        (drop, add, both): (Permissions, Permissions, bool),
    ) -> Result<(), Error> {
        let done = self.done_before(caller);
        let first = PageRange::new(to_page, range.pages())?;
        let spaces = self.room_in_both(caller, process, to, TWO_TABLES)?;
        let Some((from, to)) = spaces else { return Ok(()) };
        if self.waits_for_quota(caller, to.owner, range.pages() + TWO_TABLES) {
            return Ok(());
        }
        let mut add = self.processes.may_leave(caller, to.owner, add);
        if both {
            add = self.processes.may_leave(caller, from.owner, add);
        }
        let change = Change::new(drop, add);
        // A range that overlaps its destination upwards is walked from its last page on.
        let (range, first) = if done != 0 && from.owner == to.owner && range.overlaps_upwards(first)
        {
            (range.before_last(done)?, first.before_last(done)?)
        } else {
            (range.after(done)?, first.after(done)?)
        };
        let progress = {
            let (from, to) =
                (SpaceRange { space: from, range }, SpaceRange { space: to, range: first });
            self.memory().share_range(from, to, Sharing { change, both })
        };
        self.progress(caller, &progress.after(done))
    }

    /// Unmaps what is left of a range after the pages of a first try.
    #[inline(always)]
    pub(crate) fn range_unmap(
        &mut self,
        caller: Index,
        (process, range): (Target, PageRange),
        marks: Permissions,
    ) -> Result<(), Error> {
        let done = self.done_before(caller);
        let Some(space) = self.room_in(caller, process, 0)? else { return Ok(()) };
        let marks = self.processes.may_leave(caller, space.owner, marks);
        let progress = self.memory().unmap_range(space, range.after(done)?, marks);
        self.progress(caller, &progress.after(done))
    }

    /// Allocates what is left of a range after the pages of a first try.
    #[inline(always)]
    pub(crate) fn range_allocate(
        &mut self,
        caller: Index,
        (process, range): (Target, PageRange),
        permissions: Permissions,
    ) -> Result<(), Error> {
        let done = self.done_before(caller);
        let range = range.after(done)?;
        let frames = range.pages() + TWO_TABLES;
        let Some(space) = self.room_in(caller, process, frames)? else { return Ok(()) };
        if self.waits_for_quota(caller, space.owner, frames) {
            return Ok(());
        }
        let permissions = self.processes.may_leave(caller, space.owner, permissions);
        let progress = self.memory().allocate_range(space, range, permissions);
        self.progress(caller, &progress.after(done))
    }

    #[inline(never)]
    pub(crate) fn page_move(
        &mut self,
        caller: Index,
        (process, page): (Target, UserPage),
        (to, to_page): (Target, UserPage),
        marks: Permissions,
    ) -> Result<(), Error> {
        let spaces = self.room_in_both(caller, process, to, 1)?;
        let Some((from, to)) = spaces else { return Ok(()) };
        let marks = self.processes.may_leave(caller, from.owner, marks);
        let carries = self.processes.carries_mark_9(caller, from.owner, to.owner);
        let drop = if carries { Permissions::empty() } else { Permissions::PAGER };
        let old = self.memory().move_page(from.at(page), to.at(to_page), marks, drop)?;
        self.answer(caller, old.bits())
    }

    pub(crate) fn process_create(&mut self, caller: Index, copy: bool) -> Result<(), Error> {
        let waits_for_slot = !self.processes.has_room() && self.a_slot_comes_back();
        if self.waits_for_room(caller, 1) || waits_for_slot && self.take_down_and_restart(caller) {
            return Ok(());
        }
        let child = self.create(Some(caller), true)?;
        if copy {
            self.copy_registers(caller, child);
            self.processes[child].registers.eax = 0;
            self.processes[child].registers.ebx = 0;
        }
        let id = self.processes[child].process_id().bits();
        self.answer(caller, id)
    }

    #[inline(never)]
    pub(crate) fn send_request(
        &mut self,
        caller: Index,
        to: ProcessId,
        pending_request: PendingRequest,
        transfer: SentPage,
    ) -> Result<(), Error> {
        let to = self.processes.find(to)?;
        let message_buffer = MessageBuffer { words: self.processes[caller].words(), transfer };
        self.begin_request(caller, to, pending_request, message_buffer)
    }
}

/// Is this the number of a call that says in word 0 how many pages it has done, also when it fails? An error that comes
/// before the first page says 0.
const fn says_how_far(number: u32) -> bool {
    const RANGES: core::ops::RangeInclusive<u32> =
        Number::RangeShare as u32..=Number::RangeAllocate as u32;
    const DEVICE_MAP: u32 = Number::DeviceMap as u32;
    *RANGES.start() <= number && number <= *RANGES.end() || number == DEVICE_MAP
}
