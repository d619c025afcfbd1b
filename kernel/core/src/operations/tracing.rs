//! The trace: records an event for each trap and each switch in a ring ([`crate::state::trace`]).
//!
//! Nothing here runs unless the boot line asks for a trace. The entry stubs then call a second set
//! of functions, which call [`Kernel::trace_trap`] before the trap is handled,
//! [`Kernel::trace_result`] after it, and [`Kernel::trace_resume`] when the next process is chosen.
//! The ordinary functions do not use the ring, so a machine without a trace pays nothing for it.
//! [`abi::trace`] documents the events.

use abi::fault::PAGE_FAULT;
use abi::jos::VECTOR;
use abi::process::Target;
use abi::trace::{Argument, BY_SYSENTER, ELSEWHERE, Event, Kind};
use abi::{Error, ProcessId, Registers};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::call_registers;
use crate::state::process::{Index, State};

impl<H: Hardware> Kernel<H> {
    /// Records a trap of the current process. `line` is the interrupt line, if a device caused the
    /// trap.
    pub fn trace_trap(&mut self, line: Option<u32>) {
        let Some(current) = self.cpu.current else { return };
        let process = &self.processes[current];
        let registers = &process.registers;
        let begin = |kind, number, argument| Event::begin(process.id, kind, number, argument);
        let event = match (line, registers.trap) {
            (Some(line), _) => begin(Kind::Interrupt, line as u8, registers.eip),
            (None, VECTOR | Registers::SYSENTER) => call(process.id, registers),
            (None, PAGE_FAULT) => {
                begin(Kind::Fault, registers.error as u8, self.cpu.hardware.fault_address())
            }
            (None, vector) => begin(Kind::Exception, vector as u8, registers.eip),
        };
        self.trace.open = Some((current, registers.eip));
        self.trace.record(event);
    }

    /// Records an exception of the current process in virtual-8086 mode. The event has no address,
    /// because the saved registers are not valid in that mode.
    pub fn trace_virtual_8086(&mut self, vector: u32) {
        let Some(current) = self.cpu.current else { return };
        let id = self.processes[current].id;
        self.trace.open = Some((current, 0));
        self.trace.record(Event::begin(id, Kind::Exception, vector as u8, 0));
    }

    /// Records a switch, if the process that runs now is not the one that ran last.
    pub fn trace_resume(&mut self) {
        let Some(current) = self.cpu.current else { return };
        let process = &self.processes[current];
        if process.id == self.trace.running {
            return;
        }
        let last = core::mem::replace(&mut self.trace.running, process.id);
        let argument = last.map_or(0, ProcessId::bits);
        let event = Event::begin(process.id, Kind::Switch, 0, argument);
        self.trace.record(event.end(process.state.published(), process.registers.eax));
    }

    /// Copies the latest events of a child, at most `count`, to `address` in the caller's space,
    /// the oldest first. Answers how many events it has copied.
    ///
    /// # Errors
    /// - `NoSuchProcess`: the process is not a child of the caller.
    /// - `NotPermitted`: the machine runs without a trace.
    /// - `InvalidArgument`, `Fault`: those of [`Kernel::check_words`].
    pub(crate) fn events_read(
        &mut self,
        caller: Index,
        child: Target,
        (address, count): (u32, u32),
    ) -> Result<(), Error> {
        let child = self.child(caller, child)?;
        if !self.trace.on {
            return Err(Error::NotPermitted);
        }
        let length = count * size_of::<Event>() as u32;
        if !self.check_words(caller, (address, length), true)? {
            return Ok(());
        }
        let id = self.processes[child].process_id().bits();
        let own = |event: &Event| event.process == id;
        let known = self.trace.events().filter(own).count();
        let last = self.trace.events().filter(own).skip(known.saturating_sub(count as usize));
        let words = last.flat_map(|event| event.words());
        for (at, word) in (address..address + length).step_by(4).zip(words) {
            self.cpu.hardware.write_user(at, word);
        }
        self.answer(caller, known.min(count as usize) as u32)
    }
}

impl<H: Hardware> Kernel<H> {
    /// Records an interrupt that came while no process ran.
    pub fn trace_idle_interrupt(&mut self, line: u32) {
        let event = Event::begin(None, Kind::Interrupt, line as u8, 0);
        self.trace.record(event.end(abi::debug::State::Free, 0));
    }

    /// Completes the event of the trap that was recorded last with the process's state and the
    /// result.
    ///
    /// If the process is ready but its instruction pointer has changed during a call, it did not
    /// return from the call: a fault handler runs, or the call restarts. `eax` is then no result.
    pub fn trace_result(&mut self) {
        let Some((index, eip)) = self.trace.open.take() else { return };
        let process = &self.processes[index];
        let (state, registers) = (process.state, &process.registers);
        let event = self.trace.last();
        let call = [Kind::Call as u8, Kind::Message as u8].contains(&event.kind);
        let result = match event.kind {
            kind if kind == Kind::Fault as u8 => registers.eip,
            kind if kind == Kind::Exception as u8 => registers.error,
            _ if call => registers.eax,
            _ => 0,
        };
        *event = event.end(state.published(), result);
        if call && state == State::Ready && registers.eip != eip {
            (event.state, event.result) = (ELSEWHERE, 0);
        }
    }
}

/// The event that records a call.
fn call(id: Option<ProcessId>, registers: &Registers) -> Event {
    let number = registers.eax as u8;
    let by_sysenter = registers.trap == Registers::SYSENTER;
    let argument = match Argument::of_call(number) {
        Argument::Process => call_registers::process(registers, by_sysenter),
        Argument::Page => call_registers::page(registers, by_sysenter),
        Argument::Word => registers.ebx,
    };
    let flags = if by_sysenter { BY_SYSENTER } else { 0 };
    Event { flags, ..Event::begin(id, Kind::of_call(number), number, argument) }
}
