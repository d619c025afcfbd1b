//! What happens when a process traps: the top of the kernel, which knows every kind of trap and what handles it.

use abi::Registers;
use abi::fault::PAGE_FAULT;
use abi::jos::VECTOR;

use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};

impl<H: Hardware> Kernel<H> {
    /// A process has trapped: a call, a page fault, or another exception. Its saved registers say which. Calls and page
    /// faults have entries of their own below, and come here only if events are recorded.
    pub fn trap(&mut self) -> After {
        let Some(current) = self.cpu.current else { return self.resume() };
        match self.processes[current].registers.trap {
            VECTOR | Registers::SYSENTER => self.recorded_call(current),
            PAGE_FAULT => self.page_fault(current),
            vector => self.exception(current, vector),
        }
        self.resume()
    }

    /// A process has made a call by `int 0x30`.
    #[inline(always)]
    pub fn call(&mut self) -> After {
        if let Some(caller) = self.cpu.current {
            self.native_call::<false>(caller);
        }
        self.resume()
    }

    /// A process has made a call by `sysenter`: a native one.
    #[inline(always)]
    pub fn call_by_sysenter(&mut self) -> After {
        if let Some(caller) = self.cpu.current {
            self.native_call::<true>(caller);
        }
        self.resume()
    }

    /// A process has met a page fault.
    #[inline(always)]
    pub fn fault(&mut self) -> After {
        if let Some(current) = self.cpu.current {
            self.page_fault(current);
        }
        self.resume()
    }

    /// A process has entered virtual-8086 mode, in which nothing of it can be relied on, its saved registers included: it
    /// ends as by a general protection fault.
    pub fn virtual_8086(&mut self) -> After {
        if let Some(current) = self.cpu.current {
            self.end_by_virtual_8086(current);
        }
        self.resume()
    }
}
