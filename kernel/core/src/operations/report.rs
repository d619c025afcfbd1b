//! What the console is told of processes: one line when the kernel ends one, or everything as JOS prints it.
//!
//! JOS's format (the one that its graders read) has lines for every process that begins and ends, and the registers
//! of one that an exception ends. `jos` on the command line asks for it. `course` decides which lines belong to lab 3.

use core::fmt::{self, Write};

use abi::Registers;
use abi::fault::{Access, PAGE_FAULT};
use abi::jos::{TRAPFRAME_ON_STACK, VECTOR};
use abi::message::Reason;

use crate::cpu::Cpu;
use crate::hardware::Hardware;
use crate::kernel::Trap;
use crate::operations::fault::Fault;
use crate::state::process::Index;

/// Why nobody mended a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unhandled {
    /// It has no handler and no pager that could answer.
    Nobody,
    /// There is no room for the record, whose first byte would be here, and no pager that could answer.
    NoExceptionStack { record: u32 },
    /// Its pager did not.
    Pager(&'static str),
}

/// Who acts: the process on the CPU, or nobody (0).
struct Actor(u32);

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl<H: Hardware> Trap<'_, H> {
    fn actor(&self) -> Actor {
        Actor(self.cpu.current.map_or(0, |current| self.kernel.processes[current].name().bits()))
    }

    /// A process has been made.
    pub(crate) fn report_new(&mut self, index: Index) {
        if self.kernel.report_as_jos {
            let (actor, id) = (self.actor(), self.kernel.processes[index].name());
            tell(self.cpu, format_args!("[{actor}] new env {id}"));
        }
    }

    /// A process is about to end.
    pub(crate) fn report_end(&mut self, index: Index, reason: Reason) {
        if !self.kernel.report_as_jos {
            return;
        }
        let (actor, id) = (self.actor(), self.kernel.processes[index].name());
        match reason {
            Reason::Exited => tell(self.cpu, format_args!("[{id}] exiting gracefully")),
            Reason::Destroyed => tell(self.cpu, format_args!("[{actor}] destroying {id}")),
            Reason::Killed => {}
        }
        tell(self.cpu, format_args!("[{actor}] free env {id}"));
    }

    /// Nothing can run any more, and nothing will. JOS's kernel goes into its monitor then.
    pub(crate) fn report_nothing_to_run(&mut self) {
        if self.only_process_has_ended() {
            tell(self.cpu, format_args!("Destroyed the only environment - nothing more to do!"));
        }
        if !(self.kernel.report_as_jos && self.is_lab_3()) {
            tell(self.cpu, format_args!("No runnable environments in the system!"));
        }
        if self.kernel.report_as_jos {
            report_monitor(self.cpu);
        }
    }

    /// A breakpoint stops the machine: JOS's kernel goes into its monitor, which shows the registers.
    pub(crate) fn report_breakpoint(&mut self, index: Index) {
        self.report_trap();
        report_monitor(self.cpu);
        self.report_registers(index, None);
    }

    /// A process in lab 3's numbering makes a call.
    #[cold]
    #[inline(never)]
    pub(crate) fn report_call_of_lab_3(&mut self) {
        if self.kernel.report_as_jos {
            report_incoming(self.cpu);
        }
    }

    /// A trap is about to end a process or to stop the machine: lab 3 has a line for it.
    fn report_trap(&mut self) {
        if self.kernel.report_as_jos && self.may_be_lab_3() {
            report_incoming(self.cpu);
        }
    }

    /// Call 9 was given something that is no trap frame: most likely the process is a program of lab 4, whose call 9 sets
    /// the page-fault handler.
    #[cold]
    #[inline(never)]
    pub(crate) fn hint_at_lab_4(&mut self, index: Index) {
        if self.is_course() {
            let id = self.kernel.processes[index].name();
            tell(
                self.cpu,
                format_args!(
                    "hint: [{id}] gave call 9 no trap frame; a program of lab 4 is started with abi=lab4"
                ),
            );
        }
    }

    /// A page fault ends a process.
    pub(crate) fn report_fault(&mut self, index: Index, fault: Fault, why: Unhandled) {
        let Fault { address, access, eip } = fault;
        let id = self.kernel.processes[index].name();
        if self.kernel.report_as_jos {
            if let Unhandled::NoExceptionStack { record } = why {
                return self.report_bad_memory(index, record);
            }
            self.report_trap();
            tell(self.cpu, format_args!("[{id}] user fault va {address:08x} ip {eip:08x}"));
            return self.report_registers(index, Some(fault));
        }
        let access = Access::from_bits_truncate(access);
        let what = if access.contains(Access::WRITE) { "write to" } else { "read of" };
        let page = if access.contains(Access::PROTECTION) { "a protected" } else { "an absent" };
        let why = match why {
            Unhandled::Nobody => "no handler, no pager",
            Unhandled::NoExceptionStack { .. } => "no room on the exception stack",
            Unhandled::Pager(why) => why,
        };
        tell(
            self.cpu,
            format_args!(
                "[{id}] user fault va {address:08x} ip {eip:08x}: {what} {page} page; {why}"
            ),
        );
    }

    /// A JOS call named memory that its caller may not use, which ends the caller.
    pub(crate) fn report_bad_memory(&mut self, index: Index, address: u32) {
        let id = self.kernel.processes[index].name();
        // In lab 3's numbering the call has had its line.
        if !self.is_lab_3() {
            self.report_trap();
        }
        tell(
            self.cpu,
            format_args!("[{id}] user_mem_check assertion failure for va {address:08x}"),
        );
    }

    /// A process entered virtual-8086 mode, which ends it. Its saved registers say nothing.
    pub(crate) fn report_virtual_8086(&mut self, index: Index) {
        let id = self.kernel.processes[index].name();
        tell(self.cpu, format_args!("[{id}] entered virtual-8086 mode: ended"));
    }

    /// Any other exception ends a process.
    pub(crate) fn report_exception(&mut self, index: Index) {
        if self.kernel.report_as_jos {
            self.report_trap();
            return self.report_registers(index, None);
        }
        let id = self.kernel.processes[index].name();
        let Registers { trap, error, eip, .. } = self.kernel.processes[index].registers;
        let name = EXCEPTIONS.get(trap as usize).map_or("unexpected interrupt", |names| names.0);
        tell(
            self.cpu,
            format_args!("[{id}] {name} (vector {trap}, error {error:08x}) at ip {eip:08x}: ended"),
        );
    }

    /// The registers of a process, as JOS lists them; a page fault's own words come from `fault`, because a call that
    /// met it has none in the registers.
    fn report_registers(&mut self, index: Index, fault: Option<Fault>) {
        let r = &self.kernel.processes[index].registers;
        let (trap, error) = match fault {
            Some(fault) => (PAGE_FAULT, fault.access),
            None => (r.trap, r.error),
        };
        let (place, number) = (core::ptr::from_ref(r).addr(), self.cpu.number);
        tell(self.cpu, format_args!("TRAP frame at {place:#x} from CPU {number}"));
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
            tell(self.cpu, format_args!("  {name:<4} 0x{value:08x}"));
        }
        tell(self.cpu, format_args!("  es   0x----{:04x}", r.es & 0xFFFF));
        tell(self.cpu, format_args!("  ds   0x----{:04x}", r.ds & 0xFFFF));
        tell(self.cpu, format_args!("  trap 0x{trap:08x} {}", jos_name(trap)));
        match fault {
            Some(fault) => {
                let of = |bit: Access, yes, no| if error & bit.bits() != 0 { yes } else { no };
                let ring = of(Access::USER, "user", "kernel");
                let what = of(Access::WRITE, "write", "read");
                let page = of(Access::PROTECTION, "protection", "not-present");
                tell(self.cpu, format_args!("  cr2  0x{:08x}", fault.address));
                tell(self.cpu, format_args!("  err  0x{error:08x} [{ring}, {what}, {page}]"));
            }
            None => tell(self.cpu, format_args!("  err  0x{error:08x}")),
        }
        tell(self.cpu, format_args!("  eip  0x{:08x}", r.eip));
        tell(self.cpu, format_args!("  cs   0x----{:04x}", r.cs & 0xFFFF));
        tell(self.cpu, format_args!("  flag 0x{:08x}", r.eflags));
        tell(self.cpu, format_args!("  esp  0x{:08x}", r.esp));
        tell(self.cpu, format_args!("  ss   0x----{:04x}", r.ss & 0xFFFF));
    }
}

/// What JOS's kernel prints for a trap from a program, in lab 3.
fn report_incoming<H: Hardware>(cpu: &mut Cpu<H>) {
    tell(cpu, format_args!("Incoming TRAP frame at {TRAPFRAME_ON_STACK:#x}"));
}

/// What JOS's monitor prints when it begins. Nobody can type commands here.
fn report_monitor<H: Hardware>(cpu: &mut Cpu<H>) {
    tell(cpu, format_args!("Welcome to the JOS kernel monitor!"));
    tell(cpu, format_args!("Type 'help' for a list of commands."));
}

/// A line on the console, which never fails.
fn tell<H: Hardware>(cpu: &mut Cpu<H>, line: fmt::Arguments<'_>) {
    let _ = writeln!(cpu, "{line}");
}

fn jos_name(vector: u32) -> &'static str {
    match vector {
        VECTOR => "System call",
        32..48 => "Hardware Interrupt",
        _ => EXCEPTIONS.get(vector as usize).map_or("(unknown trap)", |names| names.1),
    }
}

/// Vectors 0 to 19 as the manual calls them (Intel SDM vol. 3A, table 6-1), and as JOS prints them.
const EXCEPTIONS: [(&str, &str); 20] = [
    ("divide error", "Divide error"),
    ("debug exception", "Debug"),
    ("non-maskable interrupt", "Non-Maskable Interrupt"),
    ("breakpoint", "Breakpoint"),
    ("overflow", "Overflow"),
    ("bound range exceeded", "BOUND Range Exceeded"),
    ("invalid opcode", "Invalid Opcode"),
    ("device not available", "Device Not Available"),
    ("double fault", "Double Fault"),
    ("coprocessor segment overrun", "Coprocessor Segment Overrun"),
    ("invalid TSS", "Invalid TSS"),
    ("segment not present", "Segment Not Present"),
    ("stack fault", "Stack Fault"),
    ("general protection", "General Protection"),
    ("page fault", "Page Fault"),
    ("reserved exception", "(unknown trap)"),
    ("floating-point error", "x87 FPU Error"),
    ("alignment check", "Alignment Check"),
    ("machine check", "Machine-Check"),
    ("SIMD floating-point error", "SIMD Floating-Point Exception"),
];
