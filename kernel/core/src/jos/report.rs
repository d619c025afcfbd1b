//! What the console shows of processes on a machine that reports as JOS does (`jos` on the command
//! line).
//!
//! The format is the one that JOS's grading scripts read: a line for each process that begins or
//! ends, and the registers of a process that an exception ends. `course` decides which lines belong
//! to lab 3.

use core::fmt;

use abi::fault::{Access, PAGE_FAULT};
use abi::jos::TRAPFRAME_ON_STACK;
use abi::message::Reason;
use abi::registers::USER_DATA;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::fault::{Fault, Unhandled};
use crate::state::process::Index;

/// The id of the current process in a line; 0 while no process runs.
struct Actor(u32);

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl<H: Hardware> Kernel<H> {
    /// The current process, as the lines show it.
    fn actor(&self) -> Actor {
        Actor(self.cpu.current.map_or(0, |current| self.processes[current].process_id().bits()))
    }

    /// Reports a new process.
    pub(crate) fn jos_report_new(&mut self, index: Index) {
        if self.course.reports {
            let (actor, id) = (self.actor(), self.processes[index].process_id());
            self.cpu.print_line(format_args!("[{actor}] new env {id}"));
        }
    }

    /// Reports a process that is about to end.
    pub(crate) fn jos_report_end(&mut self, index: Index, reason: Reason) {
        if !self.course.reports {
            return;
        }
        let (actor, id) = (self.actor(), self.processes[index].process_id());
        match reason {
            Reason::Exited => self.cpu.print_line(format_args!("[{id}] exiting gracefully")),
            Reason::Destroyed => self.cpu.print_line(format_args!("[{actor}] destroying {id}")),
            Reason::Killed => {}
        }
        self.cpu.print_line(format_args!("[{actor}] free env {id}"));
    }

    /// Reports a page fault that ends a process. `false`: the machine does not report as JOS does,
    /// and nothing was printed.
    pub(crate) fn jos_report_fault(&mut self, index: Index, fault: Fault, why: Unhandled) -> bool {
        if !self.course.reports {
            return false;
        }
        if let Unhandled::NoExceptionStack { record } = why {
            self.report_bad_memory(index, record);
            return true;
        }
        self.report_trap();
        let (id, Fault { address, eip, .. }) = (self.processes[index].process_id(), fault);
        self.cpu.print_line(format_args!("[{id}] user fault va {address:08x} ip {eip:08x}"));
        self.report_registers(index, Some(fault));
        true
    }

    /// Reports another exception that ends a process. `false`: the machine does not report as JOS
    /// does, and nothing was printed.
    pub(crate) fn jos_report_exception(&mut self, index: Index) -> bool {
        let reports = self.course.reports;
        if reports {
            self.report_trap();
            self.report_registers(index, None);
        }
        reports
    }

    /// Reports that no process can ever run again. JOS's kernel enters its monitor then.
    pub(crate) fn report_nothing_to_run(&mut self) {
        if self.only_process_has_ended() {
            self.cpu
                .print_line(format_args!("Destroyed the only environment - nothing more to do!"));
        }
        if !(self.course.reports && self.is_lab_3()) {
            self.cpu.print_line(format_args!("No runnable environments in the system!"));
        }
        if self.course.reports {
            self.report_monitor();
        }
    }

    /// Reports a breakpoint that stops the machine. JOS's kernel enters its monitor then, and shows
    /// the registers.
    pub(crate) fn report_breakpoint(&mut self, index: Index) {
        self.report_trap();
        self.report_monitor();
        self.report_registers(index, None);
    }

    /// Reports a call of a process in lab 3's numbering.
    pub(crate) fn report_call_of_lab_3(&mut self) {
        if self.course.reports {
            self.report_incoming();
        }
    }

    /// Reports a trap that ends a process or stops the machine: lab 3 has a line for it.
    fn report_trap(&mut self) {
        if self.course.reports && self.may_be_lab_3() {
            self.report_incoming();
        }
    }

    /// Prints a hint after call 9 got an argument that is no trap frame. The process is most likely
    /// a program of lab 4, whose call 9 sets the page-fault handler.
    pub(crate) fn hint_at_lab_4(&mut self, index: Index) {
        if self.is_course() {
            let id = self.processes[index].process_id();
            self.cpu.print_line(format_args!(
                    "hint: [{id}] gave call 9 no trap frame; a program of lab 4 is started with abi=lab4"
                ),
            );
        }
    }

    /// Reports a JOS call that named memory that its caller may not use. The call ends the caller.
    pub(crate) fn report_bad_memory(&mut self, index: Index, address: u32) {
        let id = self.processes[index].process_id();
        // In lab 3's numbering the line for the trap was printed when the call began.
        if !self.is_lab_3() {
            self.report_trap();
        }
        self.cpu.print_line(format_args!(
            "[{id}] user_mem_check assertion failure for va {address:08x}"
        ));
    }

    /// Prints the registers of a process, as JOS lists them.
    ///
    /// A page fault's trap number and error code come from `fault`: if a call met the fault, the
    /// saved registers hold those of the call.
    fn report_registers(&mut self, index: Index, fault: Option<Fault>) {
        let r = &self.processes[index].registers;
        let (trap, error) = match fault {
            Some(fault) => (PAGE_FAULT, fault.access),
            None => (r.trap, r.error),
        };
        let (address, number) = (core::ptr::from_ref(r).addr(), self.cpu.number);
        self.cpu.print_line(format_args!("TRAP frame at {address:#x} from CPU {number}"));
        let general = [
            ("edi", r.edi),
            ("esi", r.esi),
            ("ebp", r.ebp),
            ("oesp", r.unused),
            ("ebx", r.ebx),
            ("edx", r.edx),
            ("ecx", r.ecx),
            ("eax", r.eax),
        ];
        for (name, value) in general {
            self.cpu.print_line(format_args!("  {name:<4} 0x{value:08x}"));
        }
        self.cpu.print_line(format_args!("  es   0x----{USER_DATA:04x}"));
        self.cpu.print_line(format_args!("  ds   0x----{USER_DATA:04x}"));
        let name = EXCEPTIONS.get(trap as usize).unwrap_or(&"(unknown trap)");
        self.cpu.print_line(format_args!("  trap 0x{trap:08x} {name}"));
        match fault {
            Some(fault) => self.report_cause(fault),
            None => self.cpu.print_line(format_args!("  err  0x{error:08x}")),
        }
        let r = &self.processes[index].registers;
        self.cpu.print_line(format_args!("  eip  0x{:08x}", r.eip));
        self.cpu.print_line(format_args!("  cs   0x----{:04x}", r.cs & 0xFFFF));
        self.cpu.print_line(format_args!("  flag 0x{:08x}", r.eflags));
        self.cpu.print_line(format_args!("  esp  0x{:08x}", r.esp));
        self.cpu.print_line(format_args!("  ss   0x----{:04x}", r.ss & 0xFFFF));
    }

    /// Prints the address and the error code of a page fault.
    fn report_cause(&mut self, Fault { address, access, .. }: Fault) {
        let of = |bit: Access, yes, no| if access & bit.bits() != 0 { yes } else { no };
        let ring = of(Access::USER, "user", "kernel");
        let what = of(Access::WRITE, "write", "read");
        let page = of(Access::PROTECTION, "protection", "not-present");
        self.cpu.print_line(format_args!("  cr2  0x{address:08x}"));
        self.cpu.print_line(format_args!("  err  0x{access:08x} [{ring}, {what}, {page}]"));
    }

    /// Prints the line that lab 3's kernel prints for each trap from a program.
    fn report_incoming(&mut self) {
        self.cpu.print_line(format_args!("Incoming TRAP frame at {TRAPFRAME_ON_STACK:#x}"));
    }

    /// Prints what JOS's monitor prints when it begins. There is no monitor here, so no command can
    /// be typed.
    fn report_monitor(&mut self) {
        self.cpu.print_line(format_args!("Welcome to the JOS kernel monitor!"));
        self.cpu.print_line(format_args!("Type 'help' for a list of commands."));
    }
}

/// JOS's names of vectors 0 to 19.
const EXCEPTIONS: [&str; 20] = [
    "Divide error",
    "Debug",
    "Non-Maskable Interrupt",
    "Breakpoint",
    "Overflow",
    "BOUND Range Exceeded",
    "Invalid Opcode",
    "Device Not Available",
    "Double Fault",
    "Coprocessor Segment Overrun",
    "Invalid TSS",
    "Segment Not Present",
    "Stack Fault",
    "General Protection",
    "Page Fault",
    "(unknown trap)",
    "x87 FPU Error",
    "Alignment Check",
    "Machine-Check",
    "SIMD Floating-Point Exception",
];
