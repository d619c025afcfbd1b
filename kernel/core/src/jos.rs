//! The JOS calls 0 to 13, on the same mechanisms as the native ones but with JOS's rules and numbers.

use abi::jos::{JosCall, KNOWN, REQUIRED, TRAPFRAME_WORDS};
use abi::layout::USER_TOP;
use abi::message::Reason;
use abi::process::Target;
use abi::public::Status;
use abi::registers::UserRegisters;
use abi::{Error, Permissions, UserPage};

use crate::cpu::Cpu;
use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::process::{Index, State};

impl Kernel {
    /// A JOS call of the current process, by `int 0x30`.
    pub(crate) fn jos_call<H: Hardware>(&mut self, cpu: &mut Cpu<H>, caller: Index) {
        let r = &self.processes[caller].registers;
        let number = self.processes[caller].numbering.lab5(r.eax);
        let call = number
            .and_then(|number| JosCall::decode(number, [r.edx, r.ecx, r.ebx, r.edi, r.esi]))
            .ok_or(Error::InvalidArgument);
        if let Err(error) = call.and_then(|call| self.dispatch_jos(cpu, caller, call)) {
            self.processes[caller].registers.eax = error.to_jos();
        }
    }

    fn dispatch_jos<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        call: JosCall,
    ) -> Result<(), Error> {
        match call {
            JosCall::Cputs { address, length } => self.cputs(cpu, caller, address, length),
            JosCall::Cgetc => {
                let byte = self.console.pop().map_or(0, u32::from);
                self.answer_jos(caller, byte)
            }
            JosCall::Getenvid => {
                let id = self.processes[caller].name().bits();
                self.answer_jos(caller, id)
            }
            JosCall::EnvDestroy { env } => self.env_destroy(cpu, caller, env),
            JosCall::PageAlloc { env, va, perm } => {
                let index = self.jos_target(caller, env)?;
                let (page, permissions) = (UserPage::new(va)?, jos_permissions(perm)?);
                self.make_room(cpu, 2);
                let permissions = self.processes.may_leave(caller, index, permissions);
                let space = self.space(cpu, index);
                self.memory(cpu).allocate(space, page, permissions)?;
                self.succeed(caller)
            }
            JosCall::PageMap { source, source_va, destination, destination_va, perm } => {
                let from = self.jos_target(caller, source)?;
                let to = self.jos_target(caller, destination)?;
                let (source, page) = (UserPage::new(source_va)?, UserPage::new(destination_va)?);
                let permissions = self.processes.may_leave(caller, to, jos_permissions(perm)?);
                self.make_room(cpu, 1);
                let (from, to) = self.spaces(cpu, from, to);
                self.memory(cpu).map(from, source, to, page, permissions)?;
                self.succeed(caller)
            }
            JosCall::PageUnmap { env, va } => {
                let index = self.jos_target(caller, env)?;
                let page = UserPage::new(va)?;
                let space = self.space(cpu, index);
                self.memory(cpu).unmap(space, page, Permissions::empty())?;
                self.succeed(caller)
            }
            JosCall::Exofork => self.exofork(cpu, caller),
            JosCall::EnvSetStatus { env, status } => self.env_set_status(cpu, caller, env, status),
            JosCall::EnvSetTrapframe { env, frame } => {
                self.env_set_trapframe(cpu, caller, env, frame)
            }
            JosCall::EnvSetPgfaultUpcall { env, entry } => {
                let index = self.jos_target(caller, env)?;
                self.processes[index].handler = entry;
                self.processes.facts_of(index).handler = entry;
                self.succeed(caller)
            }
            JosCall::Yield => {
                self.yield_cpu(cpu, caller);
                Ok(())
            }
            JosCall::IpcTrySend { env, value, va, perm } => {
                self.ipc_try_send(cpu, caller, env, (value, va, perm))
            }
            JosCall::IpcRecv { va } => self.ipc_recv(cpu, caller, va),
        }
    }

    fn answer_jos(&mut self, caller: Index, value: u32) -> Result<(), Error> {
        self.processes[caller].registers.eax = value;
        Ok(())
    }

    /// JOS's rule: 0 and the own id are the caller, else an immediate child.
    fn jos_target(&self, caller: Index, env: u32) -> Result<Index, Error> {
        self.self_or_child(caller, Target::new(env)?)
    }

    /// The child's slot is free when the call returns, as in JOS: the call restarts until its memory is gone.
    fn env_destroy<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        env: u32,
    ) -> Result<(), Error> {
        if self.processes[caller].progress == 0 {
            let index = self.jos_target(caller, env)?;
            if index == caller {
                self.end(cpu, caller, 0, Reason::Exited);
                return Ok(());
            }
            self.processes[caller].progress = env;
            self.end(cpu, index, 0, Reason::Destroyed);
        }
        let child = Index::new(env);
        if self.processes[child].name().bits() == env
            && self.processes[child].state == State::Dying
            && self.teardown_slice(cpu)
        {
            self.restart(caller);
            return Ok(());
        }
        self.processes[caller].progress = 0;
        self.succeed(caller)
    }

    /// Slots are reused in JOS's order: the call restarts until every process that has ended has given back its own.
    fn exofork<H: Hardware>(&mut self, cpu: &mut Cpu<H>, caller: Index) -> Result<(), Error> {
        if self.teardown_slice(cpu) {
            self.restart(caller);
            return Ok(());
        }
        let child = self.create(cpu, Some(caller), false)?;
        self.copy_registers(cpu, caller, child);
        self.processes[child].registers.eax = 0;
        self.processes[child].numbering = self.processes[caller].numbering;
        let id = self.processes[child].name().bits();
        self.answer_jos(caller, id)
    }

    fn env_set_status<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        env: u32,
        status: u32,
    ) -> Result<(), Error> {
        let index = self.jos_target(caller, env)?;
        self.processes[caller].registers.eax = 0;
        if status == Status::Runnable as u32 {
            self.start(index);
        } else if status == Status::NotRunnable as u32 {
            self.stop(cpu, index);
        } else {
            return Err(Error::InvalidArgument);
        }
        Ok(())
    }

    /// The record's selectors are ignored: a program's are always the flat user ones.
    fn env_set_trapframe<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        env: u32,
        frame: u32,
    ) -> Result<(), Error> {
        let index = self.jos_target(caller, env)?;
        let space = self.space(cpu, caller);
        if let Err(fault) = self.memory(cpu).check_user(space, frame, TRAPFRAME_WORDS * 4, false) {
            self.fault_of_jos_call(cpu, caller, fault);
            return Ok(());
        }
        let mut word = |offset: u32| cpu.hardware.read_user(frame + offset);
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
        if index == caller { Ok(()) } else { self.succeed(caller) }
    }

    fn ipc_try_send<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        env: u32,
        (value, va, perm): (u32, u32, u32),
    ) -> Result<(), Error> {
        // Before anything is decided, as it may end and wake processes.
        self.make_room(cpu, 1);
        let to = self.processes.resolve(caller, Target::new(env)?)?;
        if self.processes[to].state != State::JosReceiving {
            return Err(Error::NotReceiving);
        }
        let mut received = 0;
        if va < USER_TOP {
            received = self.send_jos_page(cpu, (caller, to), va, perm)?;
        }
        let sender = self.processes[caller].name().bits();
        let facts = self.processes.facts_of(to);
        facts.receiving = 0;
        facts.from = sender;
        facts.value = value;
        facts.permissions = received;
        self.processes[to].registers.eax = 0;
        self.make_ready(to);
        self.succeed(caller)
    }

    /// Checks a page that is sent, and maps it if the receiver wants one; returns the permissions it arrives with.
    fn send_jos_page<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        (from, to): (Index, Index),
        va: u32,
        perm: u32,
    ) -> Result<u32, Error> {
        let (source, permissions) = (UserPage::new(va)?, jos_permissions(perm)?);
        let permissions = self.processes.may_leave(from, to, permissions);
        let wanted = self.processes.facts_of(to).receive_page;
        let (from, to) = self.spaces(cpu, from, to);
        let mut memory = self.memory(cpu);
        let leaf = memory.leaf(from, source);
        if !leaf.is_present() {
            return Err(Error::NotMapped);
        }
        if permissions.contains(Permissions::WRITE) && !leaf.is_writable() {
            return Err(Error::NotPermitted);
        }
        if wanted >= USER_TOP {
            return Ok(0);
        }
        memory.map(from, source, to, UserPage::new(wanted)?, permissions)?;
        Ok(REQUIRED | permissions.bits())
    }

    fn ipc_recv<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        va: u32,
    ) -> Result<(), Error> {
        if va < USER_TOP {
            UserPage::new(va)?;
        }
        let facts = self.processes.facts_of(caller);
        facts.receiving = 1;
        facts.receive_page = va;
        self.block(cpu, caller, State::JosReceiving);
        Ok(())
    }
}

/// # Errors
/// `InvalidArgument`: P or U is missing, or a bit is unknown.
fn jos_permissions(perm: u32) -> Result<Permissions, Error> {
    if perm & REQUIRED != REQUIRED || perm & !KNOWN != 0 {
        return Err(Error::InvalidArgument);
    }
    Permissions::new(perm & !REQUIRED)
}
