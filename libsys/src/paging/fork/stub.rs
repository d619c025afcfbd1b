//! Where a forked child begins to run: a stack frame that does not change while the parent builds
//! the child.
//!
//! The child begins with the registers that the parent had at its trap, but with the stack as it is
//! when it is shared, later. So the trap is made here, in a frame that nothing changes until the
//! child has been built, and what the parent does meanwhile lies below it.
#![allow(unsafe_code)]

use core::arch::global_asm;

use abi::call::Number;
use abi::{Error, ProcessId};

/// Completes the child, in the parent. `value` and `child` are `eax` and word 0 of
/// `process_create`; so is the result: the child's id, or an error.
pub(super) type Complete = extern "C" fn(value: u32, child: u32) -> u32;

/// Makes a stopped child with the caller's registers and completes it. Returns twice: `None` in the
/// child, its id in the parent.
///
/// # Errors
/// Those of `process_create` and of `complete`.
pub(super) fn fork_through(complete: Complete) -> Result<Option<ProcessId>, Error> {
    // SAFETY: the stub keeps the C calling convention. That it returns once more in another process
    // is a return like any other there: the child's memory is what the parent's was when it was
    // shared, and the parent changed nothing between the trap and then but what lies below the
    // stub's frame, which is dead.
    let result = unsafe { libsys_fork(complete) };
    match Error::check(result)? {
        0 => Ok(None),
        child => ProcessId::new(child).map(Some),
    }
}

unsafe extern "C" {
    /// Returns 0 in the child; in the parent, what `complete` returns.
    fn libsys_fork(complete: Complete) -> u32;
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
    // `complete`, which is above the return address.
    "    call dword ptr [esp + 32]",
    "    add esp, 12",
    "3:  pop edi",
    "    pop esi",
    "    pop ebx",
    "    pop ebp",
    "    ret",
    "    .popsection",
    process_create = const Number::ProcessCreate as u32,
    copy = const true as u32,
);
