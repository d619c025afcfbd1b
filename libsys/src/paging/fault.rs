//! How a process handles its own page faults: from the kernel's record to a Rust function and back.
//!
//! The kernel pushes a [`FaultRecord`] on the exception stack and resumes at the entry below. The general registers
//! are in the record already, and no Rust code of ours uses the FPU, so the entry has nothing else to save. It
//! calls `serve`, then puts all registers back and jumps to the instruction that faulted, without
//! entering the kernel. A fault inside a handler nests: its record lies below, with one word between.
//!
//! When nobody can help, the handler is taken away and the access repeated, so that the kernel ends the process with
//! a line that names this very access. That way back must not touch the program's stack, which may be what faulted.
#![allow(unsafe_code)]

mod serve;

use core::arch::global_asm;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use abi::fault::{Access, FaultRecord};
use abi::layout::{EXCEPTION_STACK, PAGE_SIZE, PROGRAM_TEXT};
use abi::process::Target;
use abi::{Error, Permissions, ProcessId, UserPage};

use crate::call;
use crate::paging::self_map::live::window;

/// A page fault, as its handler sees it.
#[derive(Debug)]
pub struct Fault<'a> {
    record: &'a mut FaultRecord,
}

impl Fault<'_> {
    /// The address that was touched.
    #[must_use]
    pub const fn address(&self) -> u32 {
        self.record.address
    }

    /// The page that was touched; `None` if no process may map it.
    #[must_use]
    pub const fn page(&self) -> Option<UserPage> {
        UserPage::containing(self.record.address)
    }

    /// How it was touched.
    #[must_use]
    pub const fn access(&self) -> Access {
        Access::from_bits_truncate(self.record.access)
    }

    /// The instruction.
    #[must_use]
    pub const fn eip(&self) -> u32 {
        self.record.eip
    }

    /// Everything that the kernel recorded.
    #[must_use]
    pub const fn record(&self) -> &FaultRecord {
        self.record
    }

    /// Continues at `eip` instead of repeating the access. The registers stay as they were at the fault.
    ///
    /// # Safety
    /// The code at `eip` may run with the registers and the stack of the fault: for example, because the access was made by
    /// assembly that says where it continues.
    pub const unsafe fn resume_at(&mut self, eip: u32) {
        self.record.eip = eip;
    }
}

/// What a handler did about a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handled {
    /// Mended it: the process goes on.
    Resume,
    /// Nothing: the next one in line is asked.
    PassOn,
}

/// A program's own fault handler. It runs between any two instructions of the program, on a stack of at most 4 KiB:
/// it should neither allocate nor print more than a line.
pub type Handler = fn(&mut Fault<'_>) -> Handled;

/// Who is asked about a fault. The program changes it, and a handler may read it between any two instructions: so the
/// fields are atomic.
struct Line {
    copy_on_write: AtomicBool,
    /// A [`Handler`]; null for none.
    program: AtomicPtr<()>,
    own_regions: AtomicBool,
}

static LINE: Line = Line {
    copy_on_write: AtomicBool::new(false),
    program: AtomicPtr::new(core::ptr::null_mut()),
    own_regions: AtomicBool::new(false),
};

impl Line {
    /// The program's own handler.
    fn program(&self) -> Option<Handler> {
        let handler = self.program.load(Ordering::Relaxed);
        // SAFETY: the pointer is null or what `set_handler` stored, a `Handler`; both are an `Option` of one.
        unsafe { core::mem::transmute::<*mut (), Option<Handler>>(handler) }
    }
}

/// Has the program's own handler asked about every fault, except those that copy-on-write mends; `None` for no
/// longer.
///
/// # Errors
/// `OutOfFrames`, `QuotaExceeded`: there is no frame for the exception stack.
pub fn set_handler(handler: Option<Handler>) -> Result<(), Error> {
    let handler = handler.map_or(core::ptr::null_mut(), |handler| handler as *mut ());
    LINE.program.store(handler, Ordering::Relaxed);
    install()
}

/// Has copy-on-write pages mended from now on. [`crate::paging::fork::fork`] sees to it.
///
/// # Errors
/// As [`set_handler`].
pub fn enable_copy_on_write() -> Result<(), Error> {
    LINE.copy_on_write.store(true, Ordering::Relaxed);
    install()
}

/// Has the heap and the stack grow by themselves: for a process that has no pager to do it.
///
/// # Errors
/// As [`set_handler`].
pub fn serve_own_regions() -> Result<(), Error> {
    LINE.own_regions.store(true, Ordering::Relaxed);
    install()
}

/// The address that the kernel is to reflect faults to, in this process and in forked children.
#[must_use]
pub fn entry() -> u32 {
    (libsys_fault_entry as *const ()).expose_provenance() as u32
}

/// Makes the exception stack, and tells the kernel.
fn install() -> Result<(), Error> {
    const STACK: UserPage = UserPage::known(EXCEPTION_STACK);
    if window().entry_of(STACK.page()).is_none() {
        // SAFETY: nothing is present there; and only a handler uses the page, which does not run now.
        unsafe { call::page_allocate(Target::Caller, STACK, Permissions::WRITE) }?;
    }
    touch_program();
    set_entry(Target::Caller)
}

/// Gives a forked child the handler of its parent; its exception stack is there.
pub(crate) fn set_handler_of(child: ProcessId) -> Result<(), Error> {
    set_entry(child.into())
}

fn set_entry(process: Target) -> Result<(), Error> {
    // SAFETY: `libsys_fault_entry` is made to be entered with a fault.
    unsafe { call::set_handler(process, Some(entry())) }
}

/// Has every page of the program loaded. A handler whose own instructions are absent would meet the fault of its first
/// one again and again, until its stack is full.
fn touch_program() {
    let end = (&raw const program_end).expose_provenance();
    for address in (PROGRAM_TEXT as usize..end).step_by(PAGE_SIZE as usize) {
        let byte = core::ptr::with_exposed_provenance::<u8>(address);
        // SAFETY: the linker script puts nothing but the program between these two addresses.
        unsafe { byte.read_volatile() };
    }
}

unsafe extern "C" {
    /// The first address after the program; `boot/program.ld` defines it.
    static program_end: u8;
}

unsafe extern "C" {
    fn libsys_fault_entry();
}

/// The Rust half of the entry.
///
/// # Safety
/// `record` is the kernel's record on the exception stack, and nothing else uses it meanwhile.
#[unsafe(no_mangle)]
unsafe extern "C" fn libsys_fault(record: *mut FaultRecord) -> u32 {
    // SAFETY: by this function's contract; the stub passes the stack pointer that the kernel set to the record, and
    // nested records lie below it.
    let record = unsafe { &mut *record };
    let mut fault = Fault { record };
    match serve::serve(&mut fault, &LINE) {
        Handled::Resume => RETURN,
        Handled::PassOn => {
            leave_eip(fault.eip());
            // This call has no errors for the caller itself.
            // SAFETY: without a handler the next fault ends the process.
            let _ = unsafe { call::set_handler(Target::Caller, None) };
            REPEAT
        }
    }
}

/// What [`libsys_fault`] has the stub do: go back by way of the stack that faulted.
const RETURN: u32 = 0;
/// What [`libsys_fault`] has the stub do: go back by way of [`LEFT_EIP`]; faults are not handled any more.
const REPEAT: u32 = 1;

/// Where the address of an access that nobody could mend is left: the lowest word of the exception stack. It cannot
/// be in the program's data, which may be copy-on-write: with no memory left to copy it, leaving the address there
/// would be one more fault that nobody mends, for ever.
const LEFT_EIP: u32 = EXCEPTION_STACK;

fn leave_eip(eip: u32) {
    let word = core::ptr::with_exposed_provenance_mut::<u32>(LEFT_EIP as usize);
    // SAFETY: the page is there and writable, for this code runs on it. The lowest word is in use only by a stack that
    // is full to the last byte, whose process is about to end by its next push.
    unsafe { word.write_volatile(eip) };
}

// The offsets below are the record's.
const _: () = {
    assert!(core::mem::offset_of!(FaultRecord, edi) == 8);
    assert!(core::mem::offset_of!(FaultRecord, eip) == 40);
    assert!(core::mem::offset_of!(FaultRecord, eflags) == 44);
    assert!(core::mem::offset_of!(FaultRecord, esp) == 48);
};

global_asm!(
    "    .pushsection .text.libsys_fault_entry, \"ax\", @progbits",
    // From the kernel: esp is the record's address; all other registers are those of the fault. Flags, too: DF may
    // be set, and Rust wants it clear.
    "    .global libsys_fault_entry",
    "libsys_fault_entry:",
    "    cld",
    // Rust keeps ebx, and wants esp + 4 at its entry to be a multiple of 16.
    "    mov ebx, esp",
    "    and esp, -16",
    "    sub esp, 12",
    "    push ebx",
    "    call libsys_fault",
    "    mov esp, ebx",
    "    cmp eax, {repeat}",
    "    je 2f",
    // Return to where `eip` says with every register, esp and the flags included, as the record has them. The only
    // way to load esp and eip as the last thing is `ret` from the stack that is returned to: eip goes into the word
    // below its top, which is free: the blank word of a nested fault, or the dead space below the program's stack.
    // That store may itself fault (the program's stack can be copy-on-write); everything is still in place then.
    "    mov eax, [esp + 48]",
    "    sub eax, 4",
    "    mov edx, [esp + 40]",
    "    mov [eax], edx",
    "    mov [esp + 48], eax",
    "    add esp, 8",
    "    popad",
    // Over eip; `lea`, because the flags are still to come and `add` would be undone by `popfd` anyway.
    "    lea esp, [esp + 4]",
    "    popfd",
    // From here on the record is behind us: no instruction but `pop esp` and `ret` may follow.
    "    pop esp",
    "    ret",
    // The same, but reading eip from memory as the last thing. Only safe when no fault is handled meanwhile, for its
    // record could lie over the word.
    "2:  add esp, 8",
    "    popad",
    "    lea esp, [esp + 4]",
    "    popfd",
    "    pop esp",
    "    jmp dword ptr [{left_eip}]",
    "    .popsection",
    repeat = const REPEAT,
    left_eip = const LEFT_EIP,
);
