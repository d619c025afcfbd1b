//! Reports: the one line on the console that says why the kernel has ended a process.
//!
//! On a course machine that reports as JOS does, `jos::report` prints JOS's lines instead.

use abi::Registers;
use abi::fault::Access;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::fault::{Fault, Unhandled};
use crate::state::process::Index;

impl<H: Hardware> Kernel<H> {
    /// Reports that a page fault has ended a process.
    pub(crate) fn report_fault(&mut self, index: Index, fault: Fault, why: Unhandled) {
        let Fault { address, access, eip } = fault;
        let id = self.processes[index].process_id();
        if self.jos_report_fault(index, fault, why) {
            return;
        }
        let access = Access::from_bits_truncate(access);
        let what = if access.contains(Access::WRITE) { "write to" } else { "read of" };
        let page = if access.contains(Access::PROTECTION) { "a protected" } else { "an absent" };
        let why = match why {
            Unhandled::Nobody => "no handler, no pager",
            Unhandled::NoExceptionStack { .. } => "no room on the exception stack",
            Unhandled::Pager(why) => why,
        };
        self.cpu.print_line(format_args!(
            "[{id}] user fault va {address:08x} ip {eip:08x}: {what} {page} page; {why}"
        ));
    }

    /// Reports that a process has entered virtual-8086 mode, which ends the process. The saved
    /// registers are not valid in that mode, so the line shows none.
    pub(crate) fn report_virtual_8086(&mut self, index: Index) {
        let id = self.processes[index].process_id();
        self.cpu.print_line(format_args!("[{id}] entered virtual-8086 mode: ended"));
    }

    /// Reports that an exception other than a page fault has ended a process.
    pub(crate) fn report_exception(&mut self, index: Index) {
        if self.jos_report_exception(index) {
            return;
        }
        let id = self.processes[index].process_id();
        let Registers { trap, error, eip, .. } = self.processes[index].registers;
        let name = EXCEPTIONS.get(trap as usize).unwrap_or(&"unexpected interrupt");
        self.cpu.print_line(format_args!(
            "[{id}] {name} (vector {trap}, error {error:08x}) at ip {eip:08x}: ended"
        ));
    }
}

/// The names of the vectors 0 to 19, after the manual (Intel SDM vol. 3A, table 6-1).
const EXCEPTIONS: [&str; 20] = [
    "divide error",
    "debug exception",
    "non-maskable interrupt",
    "breakpoint",
    "overflow",
    "bound range exceeded",
    "invalid opcode",
    "device not available",
    "double fault",
    "coprocessor segment overrun",
    "invalid TSS",
    "segment not present",
    "stack fault",
    "general protection",
    "page fault",
    "reserved exception",
    "floating-point error",
    "alignment check",
    "machine check",
    "SIMD floating-point error",
];
