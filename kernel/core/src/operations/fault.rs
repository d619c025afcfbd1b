//! Where a page fault goes: to the process's handler, else to its pager, else it ends the process.

use core::mem::offset_of;

use abi::call::FaultReply;
use abi::fault::{Access, FaultRecord, GENERAL_PROTECTION, PAGE_FAULT};
use abi::layout::{EXCEPTION_STACK, EXCEPTION_STACK_TOP, USER_STACK_TOP};
use abi::message::Reason;
use abi::{Entry, EntryFlags, Error, ProcessId, Registers, UserPage};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::space::Space;
use crate::state::fault::{Fault, Unhandled};
use crate::state::process::{Index, MessageBuffer, PendingRequest, State, Unfinished};

/// Has the process's pager got the page? Then nobody else can bring it, the process's own handler least of all, whose
/// code and stack may be away as well. So the pager is asked first: the access is repeated then, and if there is still
/// something wrong with it, the handler learns of that. In the same way the pager is asked for the exception stack.
#[inline(always)]
const fn is_paged_out(leaf: Entry) -> bool {
    leaf.contains(EntryFlags::PAGER) && is_absent(leaf)
}

/// Apart, so that a fault elsewhere costs a test of one bit.
#[cold]
#[inline(never)]
const fn is_absent(leaf: Entry) -> bool {
    !leaf.is_present()
}

/// Exit status of a process that an exception ended: 128 and the vector.
pub(crate) const KILLED: u32 = 128;
/// Length of `int 0x30` and of `sysenter`: how far a call that restarts goes back.
const TRAP_INSTRUCTION: u32 = 2;

impl<H: Hardware> Kernel<H> {
    /// A page fault of the current process.
    #[inline(always)]
    pub(crate) fn page_fault(&mut self, index: Index) {
        let address = self.cpu.hardware.fault_address();
        let Registers { error: access, eip, .. } = self.processes[index].registers;
        let fault = Fault { address, access, eip };
        let leaf = self.leaf_at(index, address);
        // Is the access allowed by now? A translation may be cached that was never flushed because it only got wider.
        let needs = EntryFlags::PRESENT.bits() | access & Access::WRITE.bits();
        if leaf.bits() & needs == needs {
            return;
        }
        let handler = self.processes[index].paging.handler;
        if handler == 0 || is_paged_out(leaf) || self.enter_handler(index, fault, handler).is_err()
        {
            // In words, so that the record of a fault that is handled never has to lie in memory.
            self.reflect_words(index, address, access, eip);
        }
    }

    /// The leaf of the current process's page at this address; absent where no process has pages.
    #[inline(always)]
    fn leaf_at(&mut self, index: Index, address: u32) -> Entry {
        match UserPage::containing(address) {
            Some(page) => self.memory().leaf(Space::current(index), page),
            None => Entry::ABSENT,
        }
    }

    /// A call of the current process met memory that it cannot use yet: the call restarts after the fault.
    pub(crate) fn fault_of_call(&mut self, index: Index, address: u32, write: bool) {
        let fault = self.rewind(index, address, write);
        self.reflect(index, fault);
    }

    pub(crate) fn rewind(&mut self, index: Index, address: u32, write: bool) -> Fault {
        let mut access = Access::USER;
        access.set(Access::WRITE, write);
        if let Some(page) = UserPage::containing(address) {
            let space = self.space(index);
            access.set(Access::PROTECTION, self.memory().is_there(space, page));
        }
        self.restart(index);
        Fault { address, access: access.bits(), eip: self.processes[index].registers.eip }
    }

    /// Sets the current process back to before its trap instruction; all its registers are as they were.
    pub(crate) fn restart(&mut self, index: Index) {
        let registers = &mut self.processes[index].registers;
        registers.eip = registers.eip.wrapping_sub(TRAP_INSTRUCTION);
    }

    #[inline(never)]
    fn reflect_words(&mut self, index: Index, address: u32, access: u32, eip: u32) {
        const REQUEST: PendingRequest = PendingRequest::Fault { jos: false };
        let words = [address, access, eip, 0];
        let asked = self.processes[index].paging.handler == 0
            && self
                .pager_of(index)
                .is_some_and(|pager| self.ask_at_once(index, pager, REQUEST, words));
        if !asked {
            self.reflect(index, Fault { address, access, eip });
        }
    }

    #[inline(never)]
    fn reflect(&mut self, index: Index, fault: Fault) {
        let leaf = self.leaf_at(index, fault.address);
        if is_paged_out(leaf) && self.ask_pager(index, fault, PendingRequest::Fault { jos: false })
        {
            return;
        }
        let handler = self.processes[index].paging.handler;
        let why = if handler == 0 {
            Unhandled::Nobody
        } else {
            match self.enter_handler(index, fault, handler) {
                Ok(()) => return,
                Err(record) => Unhandled::NoExceptionStack { record },
            }
        };
        if handler != 0 && is_paged_out(self.leaf_at(index, EXCEPTION_STACK)) {
            let access = (Access::USER | Access::WRITE).bits();
            let stack = Fault { address: EXCEPTION_STACK, access, eip: fault.eip };
            if self.ask_pager(index, stack, PendingRequest::Fault { jos: false }) {
                return;
            }
        }
        if self.ask_pager(index, fault, PendingRequest::Fault { jos: false }) {
            return;
        }
        self.processes[index].messages.buffer.words = [fault.address, fault.access, fault.eip, 0];
        self.die_of_fault(index, false, why);
    }

    /// Pushes the record and resumes at the handler. If the exception stack is absent or full, the error says where
    /// the record would have begun.
    #[inline(always)]
    fn enter_handler(&mut self, index: Index, fault: Fault, handler: u32) -> Result<(), u32> {
        const RECORD: u32 = size_of::<FaultRecord>() as u32;
        let old = self.processes[index].registers.esp;
        let mut esp = EXCEPTION_STACK_TOP - RECORD;
        // Rarely, the fault came from the exception stack itself or near it. (The gap's first address is where an empty
        // program stack begins.)
        if (USER_STACK_TOP + 1..EXCEPTION_STACK_TOP).contains(&old) {
            if old >= EXCEPTION_STACK {
                // A nested record leaves one word for the handler's return address between itself and the older stack.
                esp = old - 4 - RECORD;
            } else if self.is_gap(index) {
                // A stack that ran over into the gap below is full; starting again at its top would go on for ever.
                return Err(esp);
            }
            if esp < EXCEPTION_STACK {
                return Err(esp);
            }
        }
        let page = UserPage::known(EXCEPTION_STACK);
        let leaf = self.memory().leaf(Space::current(index), page);
        if !leaf.contains(EntryFlags::PRESENT.union(EntryFlags::WRITE)) {
            return Err(esp);
        }
        self.processes[index].unfinished = Unfinished::None;
        let registers = &mut self.processes[index].registers;
        let user = &mut self.cpu.hardware;
        user.write_user_at::<{ offset_of!(FaultRecord, address) }>(esp, fault.address);
        user.write_user_at::<{ offset_of!(FaultRecord, access) }>(esp, fault.access);
        user.write_user_at::<{ offset_of!(FaultRecord, edi) }>(esp, registers.edi);
        user.write_user_at::<{ offset_of!(FaultRecord, esi) }>(esp, registers.esi);
        user.write_user_at::<{ offset_of!(FaultRecord, ebp) }>(esp, registers.ebp);
        user.write_user_at::<{ offset_of!(FaultRecord, unused) }>(esp, 0);
        user.write_user_at::<{ offset_of!(FaultRecord, ebx) }>(esp, registers.ebx);
        user.write_user_at::<{ offset_of!(FaultRecord, edx) }>(esp, registers.edx);
        user.write_user_at::<{ offset_of!(FaultRecord, ecx) }>(esp, registers.ecx);
        user.write_user_at::<{ offset_of!(FaultRecord, eax) }>(esp, registers.eax);
        user.write_user_at::<{ offset_of!(FaultRecord, eip) }>(esp, fault.eip);
        user.write_user_at::<{ offset_of!(FaultRecord, eflags) }>(esp, registers.eflags);
        user.write_user_at::<{ offset_of!(FaultRecord, esp) }>(esp, old);
        registers.eip = handler;
        registers.esp = esp;
        Ok(())
    }

    /// Is the page below the exception stack absent, as it should be? A program may have mapped it, and stand there.
    #[cold]
    fn is_gap(&mut self, index: Index) -> bool {
        let gap = UserPage::known(USER_STACK_TOP);
        !self.memory().leaf(Space::current(index), gap).is_present()
    }

    /// Suspends the current process and tells its pager. `false` if it has none, or none that could answer.
    pub(crate) fn ask_pager(
        &mut self,
        index: Index,
        fault: Fault,
        pending_request: PendingRequest,
    ) -> bool {
        let Some(pager) = self.pager_of(index) else { return false };
        let words = [fault.address, fault.access, fault.eip, 0];
        if self.ask_at_once(index, pager, pending_request, words) {
            return true;
        }
        if self.begin_request(index, pager, pending_request, MessageBuffer::words(words)).is_err() {
            return false;
        }
        let timeout = self.processes[index].paging.fault_timeout;
        if timeout != 0 {
            self.wake_in(index, timeout);
        }
        true
    }

    /// The current process's handler passes a fault on.
    ///
    /// # Errors
    /// `Refused`: there is no pager, or none that could answer.
    pub(crate) fn forward(&mut self, index: Index, fault: Fault) -> Result<(), Error> {
        let asked = self.ask_pager(index, fault, PendingRequest::ForwardedFault);
        if asked { Ok(()) } else { Err(Error::Refused) }
    }

    #[inline(always)]
    pub(crate) fn living_pager(&self, client: Index) -> Option<Index> {
        self.processes.find(self.processes[client].paging.pager?).ok()
    }

    /// Answers a client. It is ready then, or has ended; or its call is to be made again, now that there are frames: then
    /// it is returned and is in no queue.
    pub(crate) fn fault_answer(
        &mut self,
        me: Index,
        client: ProcessId,
        reply: FaultReply,
    ) -> Result<Option<Index>, Error> {
        let client = self.processes.find(client).map_err(|_| Error::NotWaiting)?;
        let pending_request = match self.processes[client].state {
            State::Answer { by, pending_request } if by == me => pending_request,
            _ => return Err(Error::NotWaiting),
        };
        if !matches!(
            pending_request,
            PendingRequest::Fault { .. } | PendingRequest::ForwardedFault | PendingRequest::Frames
        ) {
            return Err(Error::NotWaiting);
        }
        if let FaultReply::Map { source, destination, permissions } = reply {
            let (from, to) = self.spaces(me, client);
            let permissions = self.processes.may_leave(me, to.owner, permissions);
            self.memory().map(from.at(source), to.at(destination), permissions)?;
        }
        self.leave_queue(client);
        if reply == FaultReply::Refuse {
            self.fail_request(client, pending_request, Unhandled::Pager("its pager refused"));
            return Ok(None);
        }
        if pending_request == PendingRequest::Frames {
            self.processes[client].state = State::Ready;
            return Ok(Some(client));
        }
        if pending_request == PendingRequest::ForwardedFault {
            self.processes[client].registers.eax = 0;
        }
        self.make_ready(client);
        Ok(None)
    }

    /// The end of a process whose fault, told in its message_buffer, nobody could mend.
    pub(crate) fn die_of_fault(&mut self, index: Index, jos: bool, why: Unhandled) {
        let [address, access, eip, _] = self.processes[index].messages.buffer.words;
        if jos {
            return self.die_of_jos_call(index, address);
        }
        self.report_fault(index, Fault { address, access, eip }, why);
        self.end(index, KILLED + PAGE_FAULT, Reason::Killed);
    }

    pub(crate) fn die_of_virtual_8086(&mut self, index: Index) {
        self.report_virtual_8086(index);
        self.end(index, KILLED + GENERAL_PROTECTION, Reason::Killed);
    }

    /// Any other exception ends the current process, or stops the machine where JOS's monitor would.
    pub(crate) fn exception(&mut self, index: Index, vector: u32) {
        if self.jos_exception(index, vector) {
            return;
        }
        self.report_exception(index);
        self.end(index, KILLED + vector, Reason::Killed);
    }
}
