//! The JOS calls 0 to 14.
//!
//! They use the same operations as the native calls, with JOS's rules about who may do what and
//! JOS's numbers for calls and errors. Two of them differ from native calls by design:
//! `env_destroy` and `exofork` restart until ended processes have been torn down, because JOS frees
//! a slot at once and its programs rely on the order in which slots are used again. A JOS call that
//! meets bad memory ends its caller, as in JOS.
//!
//! The field names of the calls (`env`, `va`, `perm`) are JOS's.

use abi::jos::{JosCall, KNOWN, Numbering, REQUIRED, TRAPFRAME_WORDS};
use abi::layout::USER_TOP;
use abi::message::Reason;
use abi::process::Target;
use abi::process_info::Status;
use abi::registers::UserRegisters;
use abi::{Error, Permissions, UserPage};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::process::{Index, State, Unfinished};

impl<H: Hardware> Kernel<H> {
    /// Handles a JOS call of the current process, made by `int 0x30`.
    pub(crate) fn jos_call(&mut self, caller: Index) {
        let mut number = self.processes[caller].registers.eax;
        if self.processes[caller].numbering != Numbering::Lab5 {
            let Some(lab5) = self.number_of_another_lab(caller) else { return };
            number = lab5;
        }
        let r = &self.processes[caller].registers;
        let call = JosCall::decode(number, [r.edx, r.ecx, r.ebx, r.edi, r.esi])
            .ok_or(Error::InvalidArgument);
        if !matches!(call, Ok(JosCall::Cputs { .. } | JosCall::EnvDestroy { .. })) {
            self.processes[caller].unfinished = Unfinished::None;
        }
        if let Err(error) = call.and_then(|call| self.dispatch_jos(caller, call)) {
            self.refuse_jos(caller, error);
        }
    }

    /// As [`Kernel::refuse`], with JOS's error numbers.
    #[cold]
    #[inline(never)]
    fn refuse_jos(&mut self, caller: Index, error: Error) {
        if error == Error::OutOfFrames {
            return self.short_of_frames(caller);
        }
        if !self.waits_for_bound(caller, error) {
            let process = &mut self.processes[caller];
            process.registers.eax = process.numbering.error(error);
        }
    }

    /// Translates the call number of a process that uses another lab's numbering into lab 5's. For
    /// an unknown number, it sets the error and returns `None`.
    ///
    /// This is a function of its own so that calls in lab 5's numbering pay for one comparison
    /// only.
    fn number_of_another_lab(&mut self, caller: Index) -> Option<u32> {
        let numbering = self.processes[caller].numbering;
        if numbering == Numbering::Lab3 {
            self.report_call_of_lab_3();
        }
        let registers = &mut self.processes[caller].registers;
        let number = numbering.lab5(registers.eax);
        if number.is_none() {
            registers.eax = numbering.unknown_call();
        }
        number
    }

    /// Does a JOS call. On success, the caller's registers are set, unless the caller is blocked,
    /// has ended, or restarts the call.
    fn dispatch_jos(&mut self, caller: Index, call: JosCall) -> Result<(), Error> {
        match call {
            JosCall::Cputs { address, length } => self.cputs(caller, address, length),
            JosCall::Cgetc => {
                let byte = self.console.pop().map_or(0, u32::from);
                self.answer_jos(caller, byte)
            }
            JosCall::Getenvid => {
                let id = self.processes[caller].process_id().bits();
                self.answer_jos(caller, id)
            }
            JosCall::EnvDestroy { env } => self.env_destroy(caller, env),
            JosCall::PageAlloc { env, va, perm } => {
                let index = self.jos_target(caller, env)?;
                let (page, permissions) = (UserPage::new(va)?, jos_permissions(perm)?);
                if self.waits_for_room(caller, 2) {
                    return Ok(());
                }
                let permissions = self.processes.may_leave(caller, index, permissions);
                let space = self.space(index);
                self.memory().allocate(space, page, permissions)?;
                self.succeed(caller)
            }
            JosCall::PageMap { source, source_va, destination, destination_va, perm } => {
                let from = self.jos_target(caller, source)?;
                let to = self.jos_target(caller, destination)?;
                let (source, page) = (UserPage::new(source_va)?, UserPage::new(destination_va)?);
                let permissions = self.processes.may_leave(caller, to, jos_permissions(perm)?);
                if self.waits_for_room(caller, 1) {
                    return Ok(());
                }
                let (from, to) = self.spaces(from, to);
                self.memory().map(from.at(source), to.at(page), permissions)?;
                self.succeed(caller)
            }
            JosCall::PageUnmap { env, va } => {
                let index = self.jos_target(caller, env)?;
                let page = UserPage::new(va)?;
                let space = self.space(index);
                self.memory().unmap(space, page, Permissions::empty())?;
                self.succeed(caller)
            }
            JosCall::Exofork => self.exofork(caller),
            JosCall::EnvSetStatus { env, status } => self.env_set_status(caller, env, status),
            JosCall::EnvSetTrapframe { env, frame } => self.env_set_trapframe(caller, env, frame),
            JosCall::EnvSetPgfaultUpcall { env, entry } => {
                let index = self.jos_target(caller, env)?;
                self.processes[index].paging.handler = entry;
                self.processes.info_of(index).handler = entry;
                self.succeed(caller)
            }
            JosCall::Yield => {
                self.yield_cpu(caller);
                Ok(())
            }
            JosCall::IpcTrySend { env, value, va, perm } => {
                self.ipc_try_send(caller, env, (value, va, perm))
            }
            JosCall::IpcRecv { va } => self.ipc_recv(caller, va),
            JosCall::TimeMsec => self.time_msec(caller),
        }
    }

    /// Returns a value to the caller of a JOS call.
    fn answer_jos(&mut self, caller: Index, value: u32) -> Result<(), Error> {
        self.processes[caller].registers.eax = value;
        Ok(())
    }

    /// Returns the milliseconds since boot, modulo 2^32.
    fn time_msec(&mut self, caller: Index) -> Result<(), Error> {
        let milliseconds = self.cpu.hardware.now() / 1000;
        self.answer_jos(caller, milliseconds as u32)
    }

    /// The process that `env` names, by JOS's rule: 0 and the caller's own id are the caller; any
    /// other id must be a child's.
    ///
    /// # Errors
    /// `NoSuchProcess`: `env` is neither the caller nor a living child of the caller.
    fn jos_target(&self, caller: Index, env: u32) -> Result<Index, Error> {
        self.self_or_child(caller, Target::new(env)?)
    }

    /// Ends the caller or a child.
    ///
    /// As in JOS, the child's slot is free when the call returns. So the call restarts until no
    /// process is dying, and the child becomes unattended, so that its slot is freed without a
    /// wait.
    ///
    /// # Errors
    /// `NoSuchProcess`: `env` is neither the caller nor a living child of the caller.
    fn env_destroy(&mut self, caller: Index, env: u32) -> Result<(), Error> {
        let has_ended = Unfinished::EnvDestroy { env };
        if core::mem::take(&mut self.processes[caller].unfinished) != has_ended {
            let index = self.jos_target(caller, env)?;
            if index == caller {
                self.end(caller, 0, Reason::Exited);
                return Ok(());
            }
            self.processes.forget_child(index);
            self.end(index, 0, Reason::Destroyed);
        }
        if self.teardown_slice() {
            self.processes[caller].unfinished = has_ended;
            self.restart(caller);
            return Ok(());
        }
        self.succeed(caller)
    }

    /// Makes a stopped child with a copy of the caller's registers.
    ///
    /// The call restarts until no process is dying, so that slots are used again in JOS's order:
    /// the slot that was freed last comes first.
    ///
    /// # Errors
    /// - `OutOfProcesses`: no slot is free, or the quota on processes is reached.
    /// - `OutOfFrames`, `QuotaExceeded`: there is no frame for the directory.
    fn exofork(&mut self, caller: Index) -> Result<(), Error> {
        if self.teardown_slice() {
            self.restart(caller);
            return Ok(());
        }
        let child = self.create(Some(caller), false).map_err(|error| {
            // JOS has two errors for this call: no slot, and no frame. A quota on processes that
            // was reached is returned as no slot, unless a dying process will make room.
            let is_full = error == Error::QuotaExceeded && self.processes.met_bound_on_processes();
            if is_full && !self.processes.met_bound_gives_way() {
                Error::OutOfProcesses
            } else {
                error
            }
        })?;
        self.copy_registers(caller, child);
        self.processes[child].registers.eax = 0;
        self.processes[child].numbering = self.processes[caller].numbering;
        let id = self.processes[child].process_id().bits();
        self.answer_jos(caller, id)
    }

    /// Makes the caller or a child runnable (`ENV_RUNNABLE`, 2) or not runnable
    /// (`ENV_NOT_RUNNABLE`, 4).
    ///
    /// # Errors
    /// - `NoSuchProcess`: `env` is neither the caller nor a living child of the caller.
    /// - `InvalidArgument`: `status` is another number.
    fn env_set_status(&mut self, caller: Index, env: u32, status: u32) -> Result<(), Error> {
        let index = self.jos_target(caller, env)?;
        self.processes[caller].registers.eax = 0;
        if status == Status::Runnable as u32 {
            self.start(index);
        } else if status == Status::NotRunnable as u32 {
            // JOS has one status for a stopped process and for one that waits in `ipc_recv`. So in
            // JOS, to stop a receiver changes nothing: the next send makes it runnable.
            if self.processes[index].state != State::JosReceiving {
                self.stop(index);
            }
        } else {
            return Err(Error::InvalidArgument);
        }
        Ok(())
    }

    /// Sets the registers of the caller or a child from JOS's trap frame at `frame`.
    ///
    /// The selectors in the trap frame are ignored: a process always has the flat user segments.
    ///
    /// # Errors
    /// - `NoSuchProcess`: `env` is neither the caller nor a living child of the caller.
    /// - `InvalidArgument`: the child is blocked in a native call.
    fn env_set_trapframe(&mut self, caller: Index, env: u32, frame: u32) -> Result<(), Error> {
        let index = self.jos_target(caller, env)?;
        let space = self.space(caller);
        if let Err(fault) = self.memory().check_user(space, frame, TRAPFRAME_WORDS * 4, false) {
            self.fault_of_jos_call(caller, fault);
            return Ok(());
        }
        if index != caller
            && !matches!(self.processes[index].state, State::Ready | State::JosReceiving)
        {
            // The child is blocked in a native call, whose result would overwrite the new
            // registers.
            return Err(Error::InvalidArgument);
        }
        let mut word = |offset: u32| self.cpu.hardware.read_user(frame + offset);
        let selector = word(52) & 0xFFFF;
        let registers = UserRegisters {
            edi: word(0),
            esi: word(4),
            ebp: word(8),
            ebx: word(16),
            edx: word(20),
            ecx: word(24),
            eax: word(28),
            eip: word(48),
            eflags: word(56),
            esp: word(60),
        };
        self.processes[index].set_registers(registers);
        if !PLAUSIBLE_CODE_SELECTORS.contains(&selector) {
            self.hint_at_lab_4(caller);
        }
        if index == caller { Ok(()) } else { self.succeed(caller) }
    }

    /// Sends a value, and a page if `va` is below UTOP, to a process that waits in `ipc_recv`.
    ///
    /// # Errors
    /// - `NoSuchProcess`: no living process has the id `env`.
    /// - `NotReceiving`: the process does not wait in `ipc_recv`.
    /// - The errors of `send_jos_page`.
    fn ipc_try_send(
        &mut self,
        caller: Index,
        env: u32,
        (value, va, perm): (u32, u32, u32),
    ) -> Result<(), Error> {
        // This comes before the receiver's state is read, because a teardown step may wake
        // processes.
        if self.waits_for_room(caller, 1) {
            return Ok(());
        }
        let to = self.processes.resolve(caller, Target::new(env)?)?;
        if self.processes[to].state != State::JosReceiving {
            return Err(Error::NotReceiving);
        }
        let mut received = 0;
        if va < USER_TOP {
            received = self.send_jos_page((caller, to), va, perm)?;
        }
        let sender = self.processes[caller].process_id().bits();
        let info = self.processes.info_of(to);
        info.receiving = 0;
        info.from = sender;
        info.value = value;
        info.permissions = received;
        self.processes[to].registers.eax = 0;
        self.make_ready(to);
        self.succeed(caller)
    }

    /// Checks a page that is sent, and maps it if the receiver accepts one. Returns the permissions
    /// with which the page arrives; 0 if it was not mapped.
    ///
    /// # Errors
    /// - `InvalidArgument`: `va` is no user page, or `perm` is not valid.
    /// - `NotMapped`: nothing is present at `va`.
    /// - `NotPermitted`: `perm` asks for write permission that the sender's page does not have, or
    ///   the page is a driver's own.
    /// - `OutOfFrames`, `QuotaExceeded`: the receiver's page table cannot be allocated.
    fn send_jos_page(
        &mut self,
        (from, to): (Index, Index),
        va: u32,
        perm: u32,
    ) -> Result<u32, Error> {
        let (source, permissions) = (UserPage::new(va)?, jos_permissions(perm)?);
        let permissions = self.processes.may_leave(from, to, permissions);
        let wanted = self.processes.info_of(to).receive_page;
        let (from, to) = self.spaces(from, to);
        self.check_sendable(from, source, permissions)?;
        if wanted >= USER_TOP {
            return Ok(0);
        }
        self.memory().map(from.at(source), to.at(UserPage::new(wanted)?), permissions)?;
        Ok(REQUIRED | permissions.bits())
    }

    /// Blocks the caller until a process sends to it. A page is accepted at `va` if `va` is below
    /// UTOP.
    ///
    /// # Errors
    /// `InvalidArgument`: `va` is below UTOP and not a multiple of the page size.
    fn ipc_recv(&mut self, caller: Index, va: u32) -> Result<(), Error> {
        if va < USER_TOP {
            UserPage::new(va)?;
        }
        let info = self.processes.info_of(caller);
        info.receiving = 1;
        info.receive_page = va;
        self.block(caller, State::JosReceiving);
        Ok(())
    }
}

/// What a trap frame may hold for cs: 0 (a copy of what UENVS shows), JOS's kernel code, or JOS's
/// user code.
///
/// Any other value most likely means that the argument is not a trap frame but the address of a
/// page-fault handler: call 9 of lab 4 is call 10 of lab 5.
const PLAUSIBLE_CODE_SELECTORS: [u32; 3] = [0, 0x08, 0x1B];

/// The permissions in JOS's `perm`.
///
/// # Errors
/// `InvalidArgument`: P or U is missing, or an unknown bit is set.
fn jos_permissions(perm: u32) -> Result<Permissions, Error> {
    if perm & REQUIRED != REQUIRED || perm & !KNOWN != 0 {
        return Err(Error::InvalidArgument);
    }
    Permissions::new(perm & !REQUIRED)
}
