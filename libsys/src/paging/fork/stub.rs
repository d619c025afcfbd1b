//! Where a forked child begins to run: a stack frame that does not change while the parent builds
//! the child.
//!
//! The child begins with the registers that the parent had at its trap, but with the stack as it is
//! when it is shared, later. So the trap is made here, in a frame that nothing changes until the
//! child has been built, and what the parent does meanwhile lies below it.
#![allow(unsafe_code)]

use core::arch::global_asm;

use abi::{Error, ProcessId};

use super::live::build;
use super::{COPY, PROCESS_CREATE};

/// Makes a stopped child with the caller's registers and has [`build`] complete it. Returns twice:
/// `None` in the child, its id in the parent.
///
/// # Errors
/// Those of `process_create` and of [`build`].
pub(super) fn fork_through_build() -> Result<Option<ProcessId>, Error> {
    // SAFETY: the stub keeps the C calling convention. That it returns once more in another process
    // is a return like any other there: the child's memory is what the parent's was when it was
    // shared, and the parent changed nothing between the trap and then but what lies below the
    // stub's frame, which is dead.
    let result = unsafe { libsys_fork() };
    match Error::check(result)? {
        0 => Ok(None),
        child => ProcessId::new(child).map(Some),
    }
}

unsafe extern "C" {
    /// Returns 0 in the child; in the parent, what [`libsys_fork_complete`] returns.
    fn libsys_fork() -> u32;
}

/// The parent's part: `value` and `child` are `eax` and word 0 of `process_create`.
#[unsafe(no_mangle)]
extern "C" fn libsys_fork_complete(value: u32, child: u32) -> u32 {
    let built = Error::check(value).and_then(|_| ProcessId::new(child)).and_then(build);
    match built {
        Ok(()) => child,
        Err(error) => error.to_wire(),
    }
}

global_asm!(
    "    .pushsection .text.libsys_fork, \"ax\", @progbits",
    // C calling convention: ebx, esi, edi and ebp belong to the caller. They are on the stack at
    // the trap, so that the child finds them there. 16 bytes of them and 4 of return address; three
    // words more make calls aligned.
    "    .global libsys_fork",
    "libsys_fork:",
    "    push ebp",
    "    push ebx",
    "    push esi",
    "    push edi",
    "    mov eax, {process_create}",
    "    mov ebx, {copy}",
    "    xor ecx, ecx",
    "    xor edx, edx",
    "    xor esi, esi",
    "    xor edi, edi",
    "    xor ebp, ebp",
    "    int 0x30",
    // An error comes first: word 0 (ebx) means nothing then. It is 0 in the child alone.
    "    test eax, eax",
    "    js 2f",
    "    test ebx, ebx",
    "    jz 3f",
    "2:  sub esp, 4",
    "    push ebx",
    "    push eax",
    "    call libsys_fork_complete",
    "    add esp, 12",
    "3:  pop edi",
    "    pop esi",
    "    pop ebx",
    "    pop ebp",
    "    ret",
    "    .popsection",
    process_create = const PROCESS_CREATE,
    copy = const COPY,
);
