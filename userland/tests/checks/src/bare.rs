//! Children of a few machine instructions: no stack, no handler, one page of code and no other
//! memory.
//!
//! Such a process cannot handle anything itself, so that what happens is the work of the kernel and
//! its pager.

use libsys::abi::layout::PROGRAM_TEXT;
use libsys::abi::registers::UserRegisters;
use libsys::paging::fixed_pages::Scratch;
use libsys::{
    Error, Permissions, ProcessId, UserPage, process_create, process_start, registers_write,
    set_pager,
};

/// The address of the code: `0x0080_0000  PDE 0x002`.
pub const CODE: u32 = PROGRAM_TEXT;

/// `mov eax, [ebx]`, then exits with the byte in `al`.
pub const LOAD: &[u8] = &[
    0x8B, 0x03, // mov eax, [ebx]
    0x0F, 0xB6, 0xD8, // movzx ebx, al
    0xB8, 47, 0, 0, 0, // mov eax, 47 (exit)
    0xCD, 0x30, // int 0x30
];

/// `mov [ebx], ecx`, then exits with 0.
pub const STORE: &[u8] = &[
    0x89, 0x0B, // mov [ebx], ecx
    0x31, 0xDB, // xor ebx, ebx
    0xB8, 47, 0, 0, 0, // mov eax, 47 (exit)
    0xCD, 0x30, // int 0x30
];

/// Traps by `int 0x30` with the registers that it was given, then loops.
pub const CALL: &[u8] = &[
    0xCD, 0x30, // int 0x30
    0xEB, 0xFE, // jmp to itself
];

/// Traps by `sysenter` with the registers that it was given.
pub const SYSENTER: &[u8] = &[0x0F, 0x34];

/// Loops.
pub const SPIN: &[u8] = &[0xEB, 0xFE];

/// Makes a stopped child that will execute `code` with these registers, except `eip`. Its faults
/// are not served.
pub fn bare(code: &[u8], registers: UserRegisters) -> Result<ProcessId, Error> {
    let child = process_create()?;
    let mut scratch = Scratch::new()?;
    scratch.bytes()[..code.len()].copy_from_slice(code);
    scratch.give(child, UserPage::known(CODE), Permissions::empty())?;
    registers_write(child, &UserRegisters { eip: CODE, ..registers })?;
    set_pager(child, None)?;
    Ok(child)
}

/// As [`bare`], and starts it.
pub fn run(code: &[u8], registers: UserRegisters) -> Result<ProcessId, Error> {
    let child = bare(code, registers)?;
    process_start(child)?;
    Ok(child)
}

/// Registers with this address in `ebx`.
pub fn at(address: u32) -> UserRegisters {
    UserRegisters { ebx: address, ..UserRegisters::default() }
}

/// Sets a child's fault handler to an address.
///
/// # Errors
/// See [`libsys::Syscall::SetHandler`].
#[allow(unsafe_code)]
pub fn set_handler(child: ProcessId, entry: u32) -> Result<(), Error> {
    // SAFETY: the child runs none of the caller's code; the check wants to see where it ends up.
    unsafe { libsys::call::set_handler(child, Some(entry)) }
}
