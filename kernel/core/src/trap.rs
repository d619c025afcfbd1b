//! What happens when a process traps: the top of the kernel, with one entry for each kind of trap.
//!
//! Each entry finds the current process, handles the trap, and returns what the CPU does next.

use abi::call::Number;
use abi::fault::PAGE_FAULT;
use abi::jos::VECTOR;
use abi::{Registers, Syscall};

use crate::frequent_calls;
use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};

impl<H: Hardware> Kernel<H> {
    /// Handles any trap: a call, a page fault, or another exception. The saved registers say which.
    ///
    /// Calls and page faults have faster entries of their own. They come here only while events are
    /// recorded.
    pub fn trap(&mut self) -> After {
        let Some(current) = self.cpu.current else { return self.resume() };
        match self.processes[current].registers.trap {
            VECTOR | Registers::SYSENTER => return self.any_call(),
            PAGE_FAULT => return self.page_fault(current),
            vector => self.exception(current, vector),
        }
        self.resume()
    }

    /// Handles a call by `int 0x30`, or, if `SYSENTER`, by `sysenter`, in the entry that the stubs
    /// of the machine choose by the call's number: for tests, which have no stubs.
    pub fn call<const SYSENTER: bool>(&mut self) -> After {
        let head = self.processes[self.cpu.trapped()].registers.eax;
        macro_rules! entry {
            ($($call:ident)*) => {
                match Number::new(head & 0xFF) {
                    $(Some(Number::$call) => {
                        self.frequent_call::<{ Number::$call as u32 }, SYSENTER, _>(|after| after)
                    })*
                    None if !SYSENTER && head & 0xFF < Syscall::FIRST => self.call_of_jos(),
                    _ => self.any_call(),
                }
            };
        }
        frequent_calls!(entry)
    }

    /// Handles a page fault.
    #[inline(always)]
    pub fn fault(&mut self) -> After {
        self.page_fault(self.cpu.trapped())
    }

    /// Ends a process that was in virtual-8086 mode when it trapped, as by a general protection
    /// fault.
    ///
    /// The trap saves a longer frame in that mode, so the saved registers of the process are not
    /// valid and the process cannot be resumed. `kernel/src/x86/traps.s` says how a process can get
    /// there.
    pub fn virtual_8086(&mut self) -> After {
        if let Some(current) = self.cpu.current {
            self.end_by_virtual_8086(current);
        }
        self.resume()
    }
}
