//! The native calls: what each of them does, one arm a call.

use abi::call::RawCall;
use abi::message::Reason;
use abi::process::Target;
use abi::{Error, Frame, PageRange, ProcessId, Registers, Syscall};

use crate::cpu::Cpu;
use crate::fault::Fault;
use crate::hardware::Hardware;
use crate::kernel::{Kernel, Outcome};
use crate::process::{Errand, Index, Outbox, Quota};
use crate::range::Progress;
use crate::space::Space;

impl Kernel {
    /// A native call of the current process, by `int 0x30` or `sysenter`.
    pub(crate) fn native_call<H: Hardware>(&mut self, cpu: &mut Cpu<H>, caller: Index) {
        let outcome = self
            .raw_call(caller)
            .and_then(|raw| self.dispatch(cpu, caller, Syscall::decode(&raw)?));
        let process = &mut self.processes[caller];
        match outcome {
            Ok(Outcome::Done) => process.registers.eax = 0,
            Ok(Outcome::One(word)) => {
                process.registers.eax = 0;
                process.registers.ebx = word;
            }
            Ok(Outcome::Four(words)) => process.set_words(words),
            Ok(Outcome::Partial(done, error)) => {
                process.registers.eax = error.to_wire();
                process.registers.ebx = done;
            }
            Ok(Outcome::Settled) => {}
            Err(error) => process.registers.eax = error.to_wire(),
        }
    }

    /// The registers of a call, in the places that [`RawCall`] has for them.
    ///
    /// # Errors
    /// `InvalidArgument`: a call by `sysenter` that needs more registers than that leaves.
    fn raw_call(&self, caller: Index) -> Result<RawCall, Error> {
        let registers = &self.processes[caller].registers;
        if registers.trap != Registers::SYSENTER {
            return Ok(RawCall {
                head: registers.eax,
                process: registers.edx,
                page: registers.ecx,
                words: [registers.ebx, registers.esi, registers.edi, registers.ebp],
            });
        }
        let raw = RawCall {
            head: registers.eax,
            process: registers.edi,
            page: registers.ebp,
            words: [registers.ebx, registers.esi, registers.ebp, 0],
        };
        const RANGE_SHARE: u32 = 38;
        const MESSAGES: core::ops::RangeInclusive<u32> = 60..=64;
        let page_and_third_word = MESSAGES.contains(&raw.number()) && raw.head >> 8 != 0;
        if raw.number() == RANGE_SHARE || page_and_third_word {
            return Err(Error::InvalidArgument);
        }
        Ok(raw)
    }

    fn dispatch<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        call: Syscall,
    ) -> Result<Outcome, Error> {
        match call {
            Syscall::Identity => {
                let parent =
                    self.processes[caller].parent.map(|parent| self.processes[parent].name());
                let own = self.processes[caller].name();
                let bits = |id: Option<ProcessId>| id.map_or(0, ProcessId::bits);
                Ok(Outcome::Four([own.bits(), bits(parent), bits(self.processes[caller].pager), 0]))
            }
            Syscall::PageAllocate { process, page, permissions } => {
                let space = self.room_in(cpu, caller, process, 2)?;
                self.memory(cpu).allocate(space, page, permissions)?;
                Ok(Outcome::Done)
            }
            Syscall::PageMap { process, page, to, to_page, permissions } => {
                let (from, to) = self.room_in_both(cpu, caller, process, to, 1)?;
                self.memory(cpu).map(from, page, to, to_page, permissions)?;
                Ok(Outcome::Done)
            }
            Syscall::PageUnmap { process, page, marks } => {
                let space = self.room_in(cpu, caller, process, 1)?;
                Ok(Outcome::One(self.memory(cpu).unmap(space, page, marks)?.bits()))
            }
            Syscall::PageCopy { process, page, permissions } => {
                let space = self.room_in(cpu, caller, process, 1)?;
                Ok(Outcome::One(u32::from(self.memory(cpu).copy(space, page, permissions)?)))
            }
            Syscall::FrameReferences { frame } => {
                let known = frame < 0x10_0000;
                let count = known.then(|| self.frames.count(Frame::from_number(frame))).flatten();
                count.map(Outcome::One).ok_or(Error::NotMapped)
            }
            Syscall::RangeShare { process, range, to, to_page, drop, add, both } => {
                let (from, to) = self.room_in_both(cpu, caller, process, to, 2)?;
                let first = PageRange::new(to_page, range.pages())?;
                let progress =
                    self.memory(cpu).share_range(from, range, to, first, (drop, add), both);
                Ok(outcome_of(&progress))
            }
            Syscall::RangeProtect { process, range, drop, add } => {
                let space = self.room_in(cpu, caller, process, 0)?;
                let (progress, found) = self.memory(cpu).protect_range(space, range, drop, add);
                Ok(match progress.result {
                    Ok(()) => {
                        Outcome::Four([progress.done, found.any, found.accessed, found.dirty])
                    }
                    Err(_) => outcome_of(&progress),
                })
            }
            Syscall::RangeUnmap { process, range, marks } => {
                let space = self.room_in(cpu, caller, process, 0)?;
                Ok(outcome_of(&self.memory(cpu).unmap_range(space, range, marks)))
            }
            Syscall::RangeAllocate { process, range, permissions } => {
                let space = self.room_in(cpu, caller, process, range.pages() + 2)?;
                Ok(outcome_of(&self.memory(cpu).allocate_range(space, range, permissions)))
            }
            Syscall::ProcessCreate { copy } => self.process_create(cpu, caller, copy),
            Syscall::ProcessStart { process } => {
                let child = self.child(caller, process)?;
                self.start(child);
                Ok(Outcome::Done)
            }
            Syscall::ProcessStop { process } => {
                let child = self.child(caller, process)?;
                self.stop(cpu, child);
                Ok(Outcome::Done)
            }
            Syscall::RegistersRead { process, address } => {
                self.registers_read(cpu, caller, process, address)
            }
            Syscall::RegistersWrite { process, address } => {
                self.registers_write(cpu, caller, process, address)
            }
            Syscall::Exit { status } => {
                self.end(cpu, caller, status, Reason::Exited);
                Ok(Outcome::Settled)
            }
            Syscall::Wait { child } => self.wait(cpu, caller, child),
            Syscall::Destroy { process, subtree } => {
                let index = self.descendant(caller, process)?;
                if subtree {
                    self.end_subtree(cpu, index);
                } else {
                    self.end(cpu, index, 0, Reason::Destroyed);
                }
                Ok(if index == caller { Outcome::Settled } else { Outcome::Done })
            }
            Syscall::SetQuota { process, frames, processes } => {
                let child = self.child(caller, process)?;
                self.processes.set_quota(child, Quota { frames, processes })?;
                Ok(Outcome::Done)
            }
            Syscall::Usage { process } => {
                let index = self.memory_target(caller, process)?;
                let process = &self.processes[index];
                let used = if process.account == Some(index) {
                    process.subtree
                } else {
                    Quota { frames: process.mapped, processes: 1 }
                };
                let quota = process.quota;
                Ok(Outcome::Four([used.frames, quota.frames, used.processes, quota.processes]))
            }
            Syscall::Machine => {
                let flushes = cpu.flushes.pages & 0xFFFF | cpu.flushes.all << 16;
                Ok(Outcome::Four([
                    self.frames.total(),
                    self.frames.free(),
                    self.processes.live(),
                    flushes,
                ]))
            }
            Syscall::SetHandler { process, address } => {
                let index = self.self_or_child(caller, process)?;
                self.processes[index].handler = address;
                Ok(Outcome::Done)
            }
            Syscall::SetPager { process, pager } => self.set_pager(caller, process, pager),
            Syscall::AcceptClients { accept } => {
                self.processes[caller].accepts_clients = accept;
                Ok(Outcome::Done)
            }
            Syscall::FaultForward { address, access, eip } => {
                self.forward(cpu, caller, Fault { address, access, eip })?;
                Ok(Outcome::Settled)
            }
            Syscall::FaultReply { process, verdict } => {
                self.fault_reply(cpu, caller, process, verdict)?;
                Ok(Outcome::Done)
            }
            Syscall::SetFaultTimeout { process, milliseconds } => {
                let child = self.child(caller, process)?;
                self.processes[child].fault_timeout = milliseconds;
                Ok(Outcome::Done)
            }
            Syscall::Clone { child } => self.clone_call(cpu, caller, child),
            Syscall::Send { to, words, offer } => {
                self.errand(cpu, caller, to, Errand::Send, Outbox { words, offer: offer.into() })
            }
            Syscall::Receive { from, offer } => self.receive(cpu, caller, from, offer),
            Syscall::Call { to, words, offer } => {
                self.errand(cpu, caller, to, Errand::Call, Outbox { words, offer: offer.into() })
            }
            Syscall::Reply { to, words, offer } => {
                let answered =
                    self.reply(cpu, caller, to, Outbox { words, offer: offer.into() })?;
                self.make_ready(answered);
                Ok(Outcome::Done)
            }
            Syscall::ReplyAndReceive { to, words, offer } => {
                self.reply_and_receive(cpu, caller, to, words, offer)
            }
            Syscall::Clock => {
                let now = cpu.hardware.now();
                Ok(Outcome::Four([now as u32, (now >> 32) as u32, 0, 0]))
            }
            Syscall::Sleep { milliseconds: 0 } | Syscall::Yield => {
                self.processes[caller].registers.eax = 0;
                self.give_up_cpu(cpu);
                Ok(Outcome::Settled)
            }
            Syscall::Sleep { milliseconds } => {
                self.processes[caller].registers.eax = 0;
                self.sleep(cpu, caller, milliseconds);
                Ok(Outcome::Settled)
            }
            Syscall::ConsoleWrite { address, length } => {
                within_user(address, length)?;
                Ok(self.console_write(cpu, caller, address, length))
            }
            Syscall::ConsoleRead { address, length } => {
                within_user(address, length)?;
                Ok(self.console_read(cpu, caller, address, length))
            }
            Syscall::SetConsoleOwner { owner } => {
                let owner = owner.map(|owner| self.self_or_child(caller, owner)).transpose()?;
                if !self.console.may_set_owner(caller) {
                    return Err(Error::NoSuchProcess);
                }
                self.console.set_owner(owner);
                if let Some(owner) = owner {
                    // A Ctrl-C from before was not meant for what it does now.
                    self.processes[owner].interrupted = false;
                }
                Ok(Outcome::Done)
            }
        }
    }

    /// A space to change, after teardowns have made room for `frames` if they can.
    fn room_in<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        target: Target,
        frames: u32,
    ) -> Result<Space, Error> {
        let index = self.memory_target(caller, target)?;
        self.make_room(cpu, frames);
        Ok(self.space(cpu, index))
    }

    fn room_in_both<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        from: Target,
        to: Target,
        frames: u32,
    ) -> Result<(Space, Space), Error> {
        let (from, to) = (self.memory_target(caller, from)?, self.memory_target(caller, to)?);
        self.make_room(cpu, frames);
        Ok(self.spaces(cpu, from, to))
    }

    fn process_create<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        copy: bool,
    ) -> Result<Outcome, Error> {
        let child = self.create(cpu, Some(caller), true)?;
        if copy {
            self.copy_registers(cpu, caller, child);
            self.processes[child].registers.eax = 0;
            self.processes[child].registers.ebx = 0;
        }
        Ok(Outcome::One(self.processes[child].name().bits()))
    }

    fn errand<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        to: ProcessId,
        errand: Errand,
        outbox: Outbox,
    ) -> Result<Outcome, Error> {
        let to = self.processes.find(to)?;
        self.begin_errand(cpu, caller, to, errand, outbox)?;
        Ok(Outcome::Settled)
    }
}

fn outcome_of(progress: &Progress) -> Outcome {
    match progress.result {
        Ok(()) => Outcome::One(progress.done),
        Err(error) => Outcome::Partial(progress.done, error),
    }
}

/// Checks that a buffer is one that a process could have.
///
/// # Errors
/// `Fault`: the buffer does not lie below UTOP.
pub(crate) fn within_user(address: u32, length: u32) -> Result<(), Error> {
    let end = address.checked_add(length).ok_or(Error::Fault)?;
    if end <= abi::layout::USER_TOP { Ok(()) } else { Err(Error::Fault) }
}
