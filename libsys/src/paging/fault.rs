//! How a process handles its own page faults: from the kernel's record to a Rust function and back.
//!
//! What happens at a fault, in order:
//!
//! 1. The kernel pushes a [`FaultRecord`] on the exception stack and resumes at the entry below.
//!    The record holds all general registers, and no Rust code here uses the FPU, so the entry
//!    saves nothing else.
//! 2. The entry calls `serve`, which asks the handlers one after the other: copy-on-write, the
//!    program's own handler, the region map, the pager.
//! 3. If one of them has handled the fault, the entry restores all registers and returns to the
//!    instruction that faulted, without entering the kernel.
//! 4. If none has, a process without a pager prints its backtrace. The handler is removed and the
//!    access is repeated. The kernel then ends the process, with a line that names this very
//!    access. This way back uses no memory of the program's: its stack may be what faulted, and its
//!    data may be copy-on-write.
//!
//! A fault inside a handler nests: its record lies below the first one, with one word between. The
//! return of step 3 stores `eip` in that word.
//!
//! Assumed: the pages of the program's code are present while a handler is installed
//! (`touch_program` sees to it), because a fault of the handler's first instruction would be
//! handled by the same instruction, until the exception stack is full. A handler may run between
//! any two instructions of the program; so what both use is atomic.
//!
//! The types: [`Fault`] is the record, as a handler may use it; [`Handled`] is the handler's
//! answer; `Handlers` says which of the handlers are in use.
//!
//! Not done: handlers for exceptions other than page faults, and several handlers of one program.
#![allow(unsafe_code)]

mod handlers;

use core::arch::global_asm;
use core::sync::atomic::Ordering;

use abi::fault::FaultRecord;
use abi::format::elf::STACK_START;
use abi::layout::{EXCEPTION_STACK, PAGE_SIZE, PROGRAM_TEXT};
use abi::process::Target;
use abi::{Error, Page, Permissions, ProcessId, UserPage};

use crate::paging::self_map::live::window;
use crate::runtime::backtrace::{Frames, MOST};
use crate::{call, println};

pub use handlers::{Fault, Handled, Handler};

use handlers::Handlers;

static HANDLERS: Handlers = Handlers::none();

/// Sets the program's own handler, which is asked about every fault that is not a write to a
/// copy-on-write page; `None` removes it.
///
/// # Errors
/// `OutOfFrames`, `QuotaExceeded`: there is no frame for the exception stack.
pub fn set_handler(handler: Option<Handler>) -> Result<(), Error> {
    HANDLERS.set_program(handler);
    install()
}

/// Has the fault handler copy copy-on-write pages from now on. [`crate::paging::fork::fork`] calls
/// this.
///
/// # Errors
/// As [`set_handler`].
pub fn enable_copy_on_write() -> Result<(), Error> {
    HANDLERS.enable_copy_on_write();
    install()
}

/// Has the fault handler map zeros where the heap and the stack grow: for a process without a
/// pager.
///
/// # Errors
/// As [`set_handler`].
pub fn serve_own_regions() -> Result<(), Error> {
    HANDLERS.own_regions.store(true, Ordering::Relaxed);
    install()
}

/// The address at which the kernel resumes after a fault, in this process and in forked children.
#[must_use]
pub fn entry() -> u32 {
    (libsys_fault_entry as *const ()).expose_provenance() as u32
}

/// Maps the exception stack and sets the handler in the kernel.
fn install() -> Result<(), Error> {
    const STACK: UserPage = UserPage::known(EXCEPTION_STACK);
    if window().entry_of(STACK.page()).is_none() {
        // SAFETY: nothing is present there; and only a handler uses the page, which does not run
        // now.
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

/// Touches every page of the program, so that all of them are present: see the module comment.
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
    /// Repeats an access that was not handled, whose address is in [`LEFT_EIP`].
    fn libsys_fault_repeat(record: *const FaultRecord) -> !;
}

/// The Rust half of the entry.
///
/// # Safety
/// `record` is the kernel's record on the exception stack, and nothing else uses it meanwhile.
unsafe extern "fastcall" fn libsys_fault(record: *mut FaultRecord) {
    // SAFETY: by this function's contract; the stub passes the stack pointer that the kernel set to
    // the record, and nested records lie below it.
    let mut fault = Fault::new(unsafe { &mut *record });
    if !HANDLERS.first_handles(&mut fault) {
        ask_others(fault);
    }
}

/// Asks the other handlers. Does not return if none of them handles the fault.
#[cold]
#[inline(never)]
fn ask_others(mut fault: Fault<'_>) {
    if handlers::serve(&mut fault, &HANDLERS) == Handled::Resume {
        return;
    }
    if call::identity().pager.is_none() {
        report(&fault);
    }
    leave_eip(fault.eip());
    // This call has no errors for the caller itself.
    // SAFETY: without a handler the next fault ends the process.
    let _ = unsafe { call::set_handler(Target::Caller, None) };
    // SAFETY: the record is the kernel's, the handler is gone, and LEFT_EIP is set.
    unsafe { libsys_fault_repeat(fault.record()) }
}

/// Prints a line for a fault that ends a process without a pager, then its backtrace. For a process
/// with a pager, the pager prints both.
#[cold]
fn report(fault: &Fault<'_>) {
    let (id, name) = (call::identity().id, crate::args().next().unwrap_or("program"));
    let (address, eip) = (fault.address(), fault.eip());
    println!("[{id}] {name}: nothing serves {address:08x}, ip {eip:08x}");
    let read = |address: u32| {
        window().entry_of(Page::containing(address))?;
        let word = core::ptr::with_exposed_provenance::<u32>(address as usize);
        // SAFETY: the page is present, as the window shows, and of the stack, which is the
        // program's own; any bits are a number. Volatile, because the word belongs to a function
        // that has not returned.
        Some(unsafe { word.read_volatile() })
    };
    for address in Frames::new(fault.record().ebp, STACK_START, read).take(MOST) {
        println!("  backtrace of {name} {address:#010x}");
    }
}

/// The word that holds the address of an access that was not handled: the lowest word of the
/// exception stack. It cannot be in the program's data, which may be copy-on-write. If there is no
/// frame to copy such a page, storing the address there would be the next fault that is not
/// handled, and so on without end.
const LEFT_EIP: u32 = EXCEPTION_STACK;

fn leave_eip(eip: u32) {
    let word = core::ptr::with_exposed_provenance_mut::<u32>(LEFT_EIP as usize);
    // SAFETY: the page is there and writable, for this code runs on it. The lowest word is in use
    // only by a stack that is full to the last byte, whose process is about to end by its next
    // push.
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
    // From the kernel: esp is the record's address; all other registers are those of the fault.
    // Flags, too: DF may be set, and Rust wants it clear.
    "    .global libsys_fault_entry",
    "libsys_fault_entry:",
    "    cld",
    // Rust keeps ebx, and wants esp to be a multiple of 16 at a call. ecx is the argument.
    "    mov ebx, esp",
    "    mov ecx, esp",
    "    and esp, -16",
    "    call {libsys_fault}",
    // Return to where `eip` says with every register, esp and the flags included, as the record has
    // them. The only way to load esp and eip as the last thing is `ret` from the stack that is
    // returned to: eip goes into the word below its top, which is free: the blank word of a nested
    // fault, or the dead space below the program's stack. That store may itself fault (the
    // program's stack can be copy-on-write); everything is still in place then.
    "    mov edx, [ebx + 40]",
    "    sub dword ptr [ebx + 48], 4",
    "    mov eax, [ebx + 48]",
    "    mov [eax], edx",
    "    lea esp, [ebx + 8]",
    "    popad",
    // Over eip; `lea`, because the flags are still to come and `add` would be undone by `popfd`
    // anyway.
    "    lea esp, [esp + 4]",
    "    popfd",
    // From here on the record is behind us: no instruction but `pop esp` and `ret` may follow.
    "    pop esp",
    "    ret",
    // The same, but reading eip from memory as the last thing. Only safe when no fault is handled
    // meanwhile, for its record could lie over the word.
    "    .global libsys_fault_repeat",
    "libsys_fault_repeat:",
    "    mov esp, [esp + 4]",
    "    add esp, 8",
    "    popad",
    "    lea esp, [esp + 4]",
    "    popfd",
    "    pop esp",
    "    jmp dword ptr [{left_eip}]",
    "    .popsection",
    libsys_fault = sym libsys_fault,
    left_eip = const LEFT_EIP,
);
