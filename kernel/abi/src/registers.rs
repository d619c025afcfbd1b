//! The trap frame: what a trap saves, straight into the process's slot.
//!
//! ```text
//!  offset  written by                         low addresses
//!    0     pusha       edi esi ebp (esp) ebx edx ecx eax
//!   32     entry stub  trap number
//!   36     CPU or stub error code (0 if the CPU has none)
//!   40     CPU         eip cs eflags esp ss
//!   60     end: TSS.esp0 points here          high addresses
//! ```
//!
//! The kernel does not use the FPU: its registers stay in the CPU until another process's are
//! loaded. ds, es, fs and gs are no part of a process's state. They are [`USER_DATA`] when it
//! begins. A program may load another selector, but ds and es are [`USER_DATA`] again after any
//! trap, and fs and gs after another process has run.

/// Code segment selector of programs: descriptor 3, ring 3.
pub const USER_CODE: u32 = 0x1B;
/// Data segment selector of programs: descriptor 4, ring 3.
pub const USER_DATA: u32 = 0x23;
/// EFLAGS bit 8: a debug exception after each instruction.
pub const FLAG_TRAP: u32 = 0x100;
/// EFLAGS bit 9: interrupts on.
pub const FLAG_INTERRUPTS: u32 = 0x200;
/// EFLAGS bit 17, VM: the CPU is in virtual-8086 mode, in which no program runs.
pub const FLAG_VIRTUAL_8086: u32 = 0x2_0000;
/// The flags that a program or its parent may set: CF, PF, AF, ZF, SF, TF, DF, OF, AC and ID.
pub const FLAGS_PROGRAM: u32 = 0x0024_0DD5;

/// Declares a record of words: some words, the general registers in the order of `pusha`, and some
/// more words. With a name in parentheses, the record has the word that `pusha` stores for ESP.
macro_rules! record {
    (
        $(#[$meta:meta])*
        $record:ident [$($(#[$before_doc:meta])* $before:ident)*]
        general $(($unused:ident))?
        [$($(#[$after_doc:meta])* $after:ident)*]
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        #[repr(C)]
        pub struct $record {
            $($(#[$before_doc])* pub $before: u32,)*
            /// General register.
            pub edi: u32,
            /// General register.
            pub esi: u32,
            /// General register.
            pub ebp: u32,
            $(
                /// What `pusha` stores for ESP; without meaning.
                pub $unused: u32,
            )?
            /// General register.
            pub ebx: u32,
            /// General register.
            pub edx: u32,
            /// General register.
            pub ecx: u32,
            /// General register.
            pub eax: u32,
            $($(#[$after_doc])* pub $after: u32,)*
        }

        impl $record {
            /// Words of the record.
            pub const WORDS: usize = size_of::<Self>() / 4;

            /// The words, in the order in which they lie in memory.
            #[must_use]
            pub const fn words(&self) -> [u32; Self::WORDS] {
                let Self { $($before,)* edi, esi, ebp, $($unused,)? ebx, edx, ecx, eax, $($after),* } = *self;
                [$($before,)* edi, esi, ebp, $($unused,)? ebx, edx, ecx, eax, $($after),*]
            }

            /// The record with these words.
            #[must_use]
            pub const fn from_words(words: [u32; Self::WORDS]) -> Self {
                let [$($before,)* edi, esi, ebp, $($unused,)? ebx, edx, ecx, eax, $($after),*] = words;
                Self { $($before,)* edi, esi, ebp, $($unused,)? ebx, edx, ecx, eax, $($after),* }
            }
        }
    };
}

pub(crate) use record;

record! {
    /// A process's registers while it is not running, laid out as the entry stubs push them.
    Registers []
    general (unused)
    [
        /// Vector of the trap; [`Registers::SYSENTER`] for a call by `sysenter`.
        trap
        /// The CPU's error code, or 0.
        error
        /// Where the process continues.
        eip
        /// Code segment.
        cs
        /// Flags.
        eflags
        /// Stack pointer.
        esp
        /// Stack segment.
        ss
    ]
}

impl Registers {
    /// The "vector" that the `sysenter` stub stores: above all 256 real ones.
    pub const SYSENTER: u32 = 0x100;

    /// All zeros: the registers of a slot without a process.
    pub const ZERO: Self = Self::from_words([0; Self::WORDS]);

    /// The start state of a process: at `eip` with stack `esp`, all else 0, flat user segments,
    /// interrupts on.
    #[must_use]
    pub const fn start(eip: u32, esp: u32) -> Self {
        Self { eip, cs: USER_CODE, eflags: FLAG_INTERRUPTS, esp, ss: USER_DATA, ..Self::ZERO }
    }

    /// The state in which a process continues with these registers. Of the flags, only those of
    /// [`FLAGS_PROGRAM`] are taken.
    #[must_use]
    pub const fn of(user: UserRegisters) -> Self {
        let UserRegisters { edi, esi, ebp, ebx, edx, ecx, eax, eip, eflags, esp } = user;
        let eflags = eflags & FLAGS_PROGRAM | FLAG_INTERRUPTS;
        Self { edi, esi, ebp, ebx, edx, ecx, eax, eflags, ..Self::start(eip, esp) }
    }
}

const _: () = {
    assert!(size_of::<Registers>() == 60);
    assert!(core::mem::offset_of!(Registers, eax) == 28);
    assert!(core::mem::offset_of!(Registers, trap) == 32);
    assert!(core::mem::offset_of!(Registers, eip) == 40);
};

record! {
    /// The registers that a parent may read and set: 40 bytes. Selectors are never taken from a
    /// process.
    UserRegisters []
    general
    [
        /// Where the process continues.
        eip
        /// Flags; only those of [`FLAGS_PROGRAM`] are taken.
        eflags
        /// Stack pointer.
        esp
    ]
}

impl UserRegisters {
    /// The registers among these that a parent may read.
    #[must_use]
    pub const fn of(saved: &Registers) -> Self {
        let Registers { edi, esi, ebp, ebx, edx, ecx, eax, eip, eflags, esp, .. } = *saved;
        Self { edi, esi, ebp, ebx, edx, ecx, eax, eip, eflags, esp }
    }
}

const _: () = assert!(size_of::<UserRegisters>() == 40);
