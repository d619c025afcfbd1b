//! What happens when a process traps: the top of the kernel, with one entry for each kind of trap.
//!
//! Each entry finds the current process, handles the trap, and returns what the CPU does next.

use abi::Registers;
use abi::fault::PAGE_FAULT;
use abi::jos::VECTOR;

use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};

impl<H: Hardware> Kernel<H> {
    /// Handles any trap: a call, a page fault, or another exception. The saved registers say which.
    ///
    /// Calls and page faults have faster entries of their own below. They come here only while
    /// events are recorded.
    pub fn trap(&mut self) -> After {
        let Some(current) = self.cpu.current else { return self.resume() };
        match self.processes[current].registers.trap {
            VECTOR | Registers::SYSENTER => self.recorded_call(current),
            PAGE_FAULT => self.page_fault(current),
            vector => self.exception(current, vector),
        }
        self.resume()
    }

    /// Handles a call by `int 0x30`, native or JOS.
    // The inlined functions of an entry, here, in `syscall/native.rs` and in `kernel/src`: with
    // them an empty call takes 78 instructions in place of 153.
    #[inline(always)]
    pub fn call(&mut self) -> After {
        if let Some(caller) = self.cpu.current {
            self.native_call::<false>(caller);
        }
        self.resume()
    }

    /// Handles a call by `sysenter`, which is always a native one.
    #[inline(always)]
    pub fn call_by_sysenter(&mut self) -> After {
        if let Some(caller) = self.cpu.current {
            self.native_call::<true>(caller);
        }
        self.resume()
    }

    /// Handles a page fault.
    #[inline(always)]
    pub fn fault(&mut self) -> After {
        if let Some(current) = self.cpu.current {
            self.page_fault(current);
        }
        self.resume()
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
