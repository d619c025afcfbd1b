//! Page faults of processes: how a fault gets to the process's fault handler or to its pager.
//!
//! The kernel has no policy for a fault. It delivers the fault to the *fault handler*, which is
//! code of the faulting process and runs on its exception stack, or to the *pager*, another process
//! that gets the fault as a message. Which of them gets it is decided here, in `deliver`.
//!
//! The order of events:
//! 1. [`Kernel::page_fault`] reads the leaf again. If it allows the access by now, the process
//!    resumes: a processor may report a fault by a translation that is older than the leaf.
//! 2. If the leaf says that the page is paged out, the pager is asked before the handler. Only the
//!    pager can bring the page back, and the handler's code and stack may be paged out as well. The
//!    access is repeated afterwards. If it still faults, the handler gets that fault.
//! 3. Otherwise the handler, if there is one, gets the fault: the kernel writes the record onto the
//!    exception stack and resumes at the handler. The handler returns without entering the kernel.
//! 4. If the exception stack has no room for the record, the pager is asked: for the exception
//!    stack, if that is paged out, and else for the page of the fault.
//! 5. Without a handler, the pager is asked for the page of the fault. The process is blocked until
//!    the pager's reply (`pager.rs`, `reply.rs`).
//! 6. If there is no pager, or it waits for the faulting process, the process ends with one line on
//!    the console.
//!
//! A call that meets memory of its caller's that it cannot use raises the same fault and takes the
//! same way from step 2 on. It *restarts*: the saved instruction pointer goes back to the trap
//! instruction, and no other register has changed. So a call is made again after the fault was
//! handled, and needs no state of its own in the kernel.
//!
//! Assumed: the faulting process is the current one. Its directory is loaded, so its tables are
//! read through the self map, and its exception stack is written at its own addresses.
//!
//! The types: [`Fault`] is what a handler or a pager learns of a fault; [`Unhandled`] is why the
//! process ended.
//!
//! Not done here: the kernel does not look at the handler's address. If there is no code, each
//! entry faults again and takes room for one more record, until step 4.

use core::mem::offset_of;

use abi::fault::{Access, DEVICE_NOT_AVAILABLE, FaultRecord, GENERAL_PROTECTION, PAGE_FAULT};
use abi::layout::{EXCEPTION_STACK, EXCEPTION_STACK_TOP, USER_STACK_TOP};
use abi::message::Reason;
use abi::{Entry, EntryFlags, Registers, UserPage};

use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};
use crate::memory::space::Space;
use crate::state::fault::{Fault, Unhandled};
use crate::state::process::{Index, PendingRequest, Unfinished};

mod fast;
mod pager;
mod reply;

/// Exit status of a process that an exception ended: 128 and the vector.
pub(crate) const KILLED: u32 = 128;
/// Length of `int 0x30` and of `sysenter`: how far a call that restarts goes back.
const TRAP_INSTRUCTION: u32 = 2;
/// The request to the pager for a fault that no JOS call has met.
const FAULT: PendingRequest = PendingRequest::Fault { jos: false };

impl<H: Hardware> Kernel<H> {
    /// Handles a page fault of the current process.
    // The inlined functions of this file: with them a fault gets to its handler in 143 instructions
    // in place of 179.
    #[inline(always)]
    pub(crate) fn page_fault(&mut self, index: Index) -> After {
        let address = self.cpu.hardware.fault_address();
        let leaf = self.leaf_at(index, address);
        let access = self.processes[index].registers.error;
        let needs = EntryFlags::PRESENT.bits() | access & Access::WRITE.bits();
        if leaf.bits() & needs == needs {
            return After::Return;
        }
        if self.processes[index].paging.handler == 0 {
            let words = self.fault_at(index, address).words();
            let pager = self.pager_of(index);
            if pager.is_some_and(|pager| self.ask_at_once(index, pager, FAULT, words)) {
                return After::Run;
            }
        } else if !is_paged_out(leaf) && self.enter_handler(index, address).is_ok() {
            return After::Return;
        }
        self.deliver(index, address, leaf);
        self.resume()
    }

    /// Raises a page fault for a call of the current process that met memory that it cannot use
    /// yet. The call restarts after the fault.
    pub(crate) fn fault_of_call(&mut self, index: Index, address: u32, write: bool) {
        self.rewind(index, address, write);
        let leaf = self.leaf_at(index, address);
        self.deliver(index, address, leaf);
    }

    /// Restarts the current process's call, and returns the fault that the call met. The kind of
    /// access becomes the error code in the saved registers, as if the program itself had faulted.
    pub(crate) fn rewind(&mut self, index: Index, address: u32, write: bool) -> Fault {
        let mut access = Access::USER;
        access.set(Access::WRITE, write);
        if let Some(page) = UserPage::containing(address) {
            let space = self.space(index);
            access.set(Access::PROTECTION, self.memory().is_there(space, page));
        }
        self.restart(index);
        self.processes[index].registers.error = access.bits();
        self.fault_at(index, address)
    }

    /// The fault at this address that the saved registers of the current process describe.
    fn fault_at(&self, index: Index, address: u32) -> Fault {
        let Registers { error: access, eip, .. } = self.processes[index].registers;
        Fault { address, access, eip }
    }

    /// Sets the current process back to its trap instruction. Its other registers stay.
    pub(crate) fn restart(&mut self, index: Index) {
        let registers = &mut self.processes[index].registers;
        registers.eip = registers.eip.wrapping_sub(TRAP_INSTRUCTION);
    }

    /// The leaf of the current process's page at this address. Where no process has pages, it is
    /// absent.
    fn leaf_at(&mut self, index: Index, address: u32) -> Entry {
        match UserPage::containing(address) {
            Some(page) => self.memory().leaf(Space::current(index), page),
            None => Entry::ABSENT,
        }
    }

    /// Delivers a fault of the current process to its handler or to its pager, or ends the process.
    ///
    /// Not inlined: `page_fault` itself delivers most faults.
    #[inline(never)]
    fn deliver(&mut self, index: Index, address: u32, leaf: Entry) {
        let fault = self.fault_at(index, address);
        if self.processes[index].paging.handler == 0 {
            if !self.ask_pager(index, FAULT, fault) {
                self.end_by_fault(index, fault.words(), Unhandled::Nobody);
            }
            return;
        }
        if is_paged_out(leaf) && self.ask_pager(index, FAULT, fault) {
            return;
        }
        if let Err(record) = self.enter_handler(index, address) {
            self.deliver_without_stack(index, fault.words(), record);
        }
    }

    /// Delivers a fault whose record, which would begin at `record`, has no room on the exception
    /// stack.
    #[cold]
    #[inline(never)]
    fn deliver_without_stack(&mut self, index: Index, words: [u32; 4], record: u32) {
        let fault = Fault::from_words(words);
        let stack = self.leaf_at(index, EXCEPTION_STACK);
        let (address, access) = if is_paged_out(stack) {
            (EXCEPTION_STACK, (Access::USER | Access::WRITE).bits())
        } else {
            (fault.address, fault.access)
        };
        if !self.ask_pager(index, FAULT, Fault { address, access, ..fault }) {
            self.end_by_fault(index, words, Unhandled::NoExceptionStack { record });
        }
    }

    /// Writes the fault record onto the exception stack and resumes at the handler.
    ///
    /// # Errors
    /// The exception stack is absent, read-only or full; nothing was changed. The error is the
    /// address at which the record would begin.
    #[inline(always)]
    fn enter_handler(&mut self, index: Index, address: u32) -> Result<(), u32> {
        let old = self.processes[index].registers.esp;
        let esp = self.place_record(index, old)?;
        let page = UserPage::known(EXCEPTION_STACK);
        let leaf = self.memory().leaf(Space::current(index), page);
        if !leaf.contains(EntryFlags::PRESENT.union(EntryFlags::WRITE)) {
            return Err(esp);
        }
        // A call that is to go on where it stopped is void: the handler may change its caller's
        // memory and registers.
        let process = &mut self.processes[index];
        process.unfinished = Unfinished::None;
        let registers = &mut process.registers;
        let user = &mut self.cpu.hardware;
        user.write_user_at::<{ offset_of!(FaultRecord, address) }>(esp, address);
        user.write_user_at::<{ offset_of!(FaultRecord, access) }>(esp, registers.error);
        user.write_user_at::<{ offset_of!(FaultRecord, edi) }>(esp, registers.edi);
        user.write_user_at::<{ offset_of!(FaultRecord, esi) }>(esp, registers.esi);
        user.write_user_at::<{ offset_of!(FaultRecord, ebp) }>(esp, registers.ebp);
        user.write_user_at::<{ offset_of!(FaultRecord, unused) }>(esp, 0);
        user.write_user_at::<{ offset_of!(FaultRecord, ebx) }>(esp, registers.ebx);
        user.write_user_at::<{ offset_of!(FaultRecord, edx) }>(esp, registers.edx);
        user.write_user_at::<{ offset_of!(FaultRecord, ecx) }>(esp, registers.ecx);
        user.write_user_at::<{ offset_of!(FaultRecord, eax) }>(esp, registers.eax);
        user.write_user_at::<{ offset_of!(FaultRecord, eip) }>(esp, registers.eip);
        user.write_user_at::<{ offset_of!(FaultRecord, eflags) }>(esp, registers.eflags);
        user.write_user_at::<{ offset_of!(FaultRecord, esp) }>(esp, old);
        registers.eip = process.paging.handler;
        registers.esp = esp;
        Ok(())
    }

    /// Where the record of a fault begins that came with this stack pointer.
    ///
    /// # Errors
    /// The exception stack is full; the error is as that of `enter_handler`.
    #[inline(always)]
    fn place_record(&mut self, index: Index, old: u32) -> Result<u32, u32> {
        const RECORD: u32 = size_of::<FaultRecord>() as u32;
        let mut esp = EXCEPTION_STACK_TOP - RECORD;
        // Rarely, the fault came from the exception stack itself or from the page below. (The first
        // address of that page is left out: it is where an empty program stack begins.)
        if (USER_STACK_TOP + 1..EXCEPTION_STACK_TOP).contains(&old) {
            if old >= EXCEPTION_STACK {
                // One word stays free for the return address between a nested record and the older
                // stack.
                esp = old - 4 - RECORD;
            } else if self.is_gap(index) {
                // The exception stack has run over into the gap below it. Beginning again at the
                // top would overwrite records that are in use, and would never come to an end.
                return Err(esp);
            }
            if esp < EXCEPTION_STACK {
                return Err(esp);
            }
        }
        Ok(esp)
    }

    /// Whether the page below the exception stack is absent, as it should be. A program may have
    /// mapped it, and may use it as a stack.
    #[cold]
    fn is_gap(&mut self, index: Index) -> bool {
        let gap = UserPage::known(USER_STACK_TOP);
        !self.memory().leaf(Space::current(index), gap).is_present()
    }

    /// Ends a process by a page fault that was not handled. `words` are those of [`Fault::words`].
    #[cold]
    #[inline(never)]
    pub(crate) fn end_by_fault(&mut self, index: Index, words: [u32; 4], why: Unhandled) {
        self.report_fault(index, Fault::from_words(words), why);
        self.end(index, KILLED + PAGE_FAULT, Reason::Killed);
    }

    /// Ends a process that has entered virtual-8086 mode.
    pub(crate) fn end_by_virtual_8086(&mut self, index: Index) {
        self.report_virtual_8086(index);
        self.end(index, KILLED + GENERAL_PROTECTION, Reason::Killed);
    }

    /// Handles any exception but a page fault: it ends the current process, or stops the machine
    /// where JOS's monitor would. The first use of the FPU is no mistake.
    pub(crate) fn exception(&mut self, index: Index, vector: u32) {
        let first_use = vector == DEVICE_NOT_AVAILABLE && self.first_use_of_fpu(index);
        if first_use || self.jos_exception(index, vector) {
            return;
        }
        self.report_exception(index);
        self.end(index, KILLED + vector, Reason::Killed);
    }
}

/// Whether this is the leaf of a page that the process's pager keeps.
const fn is_paged_out(leaf: Entry) -> bool {
    leaf.contains(EntryFlags::PAGER) && !leaf.is_present()
}
