//! The registers that a test sets before a trap and reads after it.

/// General registers, flags, instruction and stack pointer.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Registers {
    /// In a call its number and permissions; then its result.
    pub eax: u32,
    /// In a native call by `int 0x30` the process; by `sysenter` the stub's own.
    pub edx: u32,
    /// In a native call by `int 0x30` the page; by `sysenter` the stub's own.
    pub ecx: u32,
    /// In a native call word 0.
    pub ebx: u32,
    /// In a native call word 1.
    pub esi: u32,
    /// In a native call word 2; by `sysenter` the process.
    pub edi: u32,
    /// In a native call word 3; by `sysenter` word 2 or the page.
    pub ebp: u32,
    /// Flags. A program cannot change IF and IOPL.
    pub eflags: u32,
    /// The instruction to execute, where the caller chooses it.
    pub eip: u32,
    /// The stack pointer, where the caller chooses it.
    pub esp: u32,
}

// The stubs of this crate and of `conformance::upcall` use these offsets.
const _: () = {
    assert!(core::mem::offset_of!(Registers, eax) == 0);
    assert!(core::mem::offset_of!(Registers, edx) == 4);
    assert!(core::mem::offset_of!(Registers, ecx) == 8);
    assert!(core::mem::offset_of!(Registers, ebx) == 12);
    assert!(core::mem::offset_of!(Registers, esi) == 16);
    assert!(core::mem::offset_of!(Registers, edi) == 20);
    assert!(core::mem::offset_of!(Registers, ebp) == 24);
    assert!(core::mem::offset_of!(Registers, eflags) == 28);
    assert!(core::mem::offset_of!(Registers, eip) == 32);
    assert!(core::mem::offset_of!(Registers, esp) == 36);
};
