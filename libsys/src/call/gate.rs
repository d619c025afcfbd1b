//! How a call enters the kernel: the trap instructions themselves.
//!
//! A call may restart: then the kernel resumes at the trap instruction with all registers as they
//! were at the trap. So nothing that must not be repeated stands between the loading of the
//! registers and the trap.
//!
//! One stub, which takes all registers of a call in memory, would do for every call. The others are
//! there because most calls use few registers, and the compiler can then keep them in registers.
#![allow(unsafe_code)]

use core::arch::{asm, global_asm};

use abi::call::{Number, RawCall};
use abi::{Error, ProcessId, Syscall};

/// The registers of a call, in the order in which the stubs load and store them.
#[derive(Default)]
#[repr(C)]
struct Wire {
    eax: u32,
    edx: u32,
    ecx: u32,
    ebx: u32,
    esi: u32,
    edi: u32,
    ebp: u32,
}

/// The result of a call: zeros where it returns nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// `eax`: negative for an error; a message's header.
    pub value: u32,
    /// The register in which the process travels: a message's sender.
    pub process: u32,
    /// The words; by [`Gate::Sysenter`] the last is 0.
    pub words: [u32; 4],
}

/// The two ways into the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Gate {
    /// `int 0x30`: takes every call.
    #[default]
    Interrupt,
    /// `sysenter`: faster, but has two registers fewer (see [`abi::call`]).
    Sysenter,
}

impl Gate {
    /// Makes a call. Words may come back with an error, too: a range call says how far it got.
    ///
    /// # Safety
    /// The call changes no memory in which a Rust object of the caller's lies: neither by its
    /// mappings nor through an address that it takes. [`Syscall::ProcessCreate`] with `copy` is for
    /// `fork` alone, which knows where the child continues.
    #[must_use]
    #[inline(always)]
    pub unsafe fn enter(self, call: Syscall) -> Answer {
        let raw = call.encode();
        match self {
            Self::Interrupt => interrupt(&raw),
            Self::Sysenter => match Short::new(&raw) {
                Some(short) => sysenter(&short),
                None => {
                    Answer { value: Error::InvalidArgument.to_wire(), process: 0, words: [0; 4] }
                }
            },
        }
    }

    /// Makes a call.
    ///
    /// # Safety
    /// As [`Gate::enter`].
    ///
    /// # Errors
    /// Those of the call; by [`Gate::Sysenter`] `InvalidArgument` for a call that needs more
    /// registers.
    #[inline(always)]
    pub unsafe fn invoke(self, call: Syscall) -> Result<Answer, Error> {
        // SAFETY: by this function's contract.
        let answer = unsafe { self.enter(call) };
        Error::check(answer.value).map(|_| answer)
    }
}

/// A call that fits the registers that `sysenter` leaves.
struct Short {
    head: u32,
    process: u32,
    words: [u32; 2],
    third: u32,
}

impl Short {
    #[inline(always)]
    fn new(raw: &RawCall) -> Option<Self> {
        let [first, second, third, fourth] = raw.words;
        // `ebp` is the page or the third word; no call that fits has both.
        let fits = fourth == 0 && (raw.page == 0 || third == 0);
        fits.then_some(Self {
            head: raw.head,
            process: raw.process,
            words: [first, second],
            third: if raw.page == 0 { third } else { raw.page },
        })
    }
}

/// Makes a call by `int 0x30` that takes at most one word and returns at most one: `eax` and word
/// 0.
#[inline(always)]
pub(super) fn one_word(call: Syscall) -> (u32, u32) {
    let raw = call.encode();
    let (value, word);
    // SAFETY: by the contract of the call, these registers are all that it reads and writes, beside
    // memory that its caller names.
    unsafe {
        asm!(
            "int 0x30",
            inlateout("eax") raw.head => value,
            inlateout("edx") raw.process => _,
            inlateout("ecx") raw.page => _,
            inlateout("ebx") raw.words[0] => word,
            options(nostack),
        );
    }
    (value, word)
}

/// As [`one_word`], for a call that takes two words.
#[inline(always)]
pub(super) fn two_words(call: Syscall) -> (u32, u32) {
    let raw = call.encode();
    let (value, word);
    // SAFETY: as for `one_word`. LLVM reserves ESI, so it is exchanged before and after.
    unsafe {
        asm!(
            "xchg esi, edi",
            "int 0x30",
            "xchg esi, edi",
            inlateout("eax") raw.head => value,
            inlateout("edx") raw.process => _,
            inlateout("ecx") raw.page => _,
            inlateout("ebx") raw.words[0] => word,
            inlateout("edi") raw.words[1] => _,
            options(nostack),
        );
    }
    (value, word)
}

/// A call by `int 0x30` that takes nothing, always succeeds, and returns three words.
#[inline(always)]
pub(super) fn question(call: Syscall) -> [u32; 3] {
    let (first, second, third);
    // SAFETY: as for `one_word`. LLVM reserves ESI, so it is saved.
    unsafe {
        asm!(
            "push esi",
            "int 0x30",
            "mov edx, esi",
            "pop esi",
            inlateout("eax") call.encode().head => _,
            lateout("ebx") first,
            lateout("edx") second,
            lateout("edi") third,
        );
    }
    [first, second, third]
}

/// A call by `int 0x30` that takes at most two words and returns four: `eax` and the words.
#[inline(always)]
pub(super) fn four_answers(call: Syscall) -> (u32, [u32; 4]) {
    let raw = call.encode();
    let (value, first, second, third, fourth);
    // SAFETY: as for `one_word`. LLVM reserves ESI and EBP, so they are saved.
    unsafe {
        asm!(
            "push ebp",
            "push esi",
            "mov esi, edi",
            "int 0x30",
            "mov ecx, esi",
            "mov edx, ebp",
            "pop esi",
            "pop ebp",
            inlateout("eax") raw.head => value,
            inlateout("edx") raw.process => fourth,
            inlateout("ecx") raw.page => second,
            inlateout("ebx") raw.words[0] => first,
            inlateout("edi") raw.words[1] => third,
        );
    }
    (value, [first, second, third, fourth])
}

/// [`Syscall::Call`] without a page: `eax` and the words of the reply, which is the process's that
/// was called.
#[inline(always)]
pub(super) fn call(to: ProcessId, words: [u32; 4]) -> (u32, [u32; 4]) {
    let (value, first, second, third, fourth);
    // SAFETY: as for `four_answers`. LLVM reserves ESI and EBP. ESI is exchanged with ECX, which a
    // call without a page neither reads nor changes.
    unsafe {
        asm!(
            "push ebp",
            "mov ebp, eax",
            "xchg esi, ecx",
            "mov eax, {call}",
            "int 0x30",
            "xchg esi, ecx",
            "mov edx, ebp",
            "pop ebp",
            call = const Number::Call as u32,
            inlateout("eax") words[3] => value,
            inlateout("edx") to.bits() => fourth,
            inlateout("ecx") words[1] => second,
            inlateout("ebx") words[0] => first,
            inlateout("edi") words[2] => third,
        );
    }
    (value, [first, second, third, fourth])
}

/// [`Syscall::ReplyAndReceive`] without a page. One word of the answer finds no register.
#[inline(always)]
pub(super) fn reply_and_receive(to: ProcessId, words: [u32; 4]) -> Answer {
    let mut fourth = words[3];
    let (value, process, first, second, third);
    // SAFETY: as for `four_answers`. ECX, which a call without a page neither reads nor changes,
    // points to the fourth word, which the call replaces.
    unsafe {
        asm!(
            "push ebp",
            "push esi",
            "mov esi, eax",
            "mov ebp, [ecx]",
            "mov eax, {call}",
            "int 0x30",
            "mov [ecx], ebp",
            "mov ecx, esi",
            "pop esi",
            "pop ebp",
            call = const Number::ReplyAndReceive as u32,
            inlateout("eax") words[1] => value,
            inlateout("edx") to.bits() => process,
            inlateout("ecx") &raw mut fourth => second,
            inlateout("ebx") words[0] => first,
            inlateout("edi") words[2] => third,
        );
    }
    Answer { value, process, words: [first, second, third, fourth] }
}

/// Makes a message call by `int 0x30`.
#[inline(always)]
pub(super) fn message(raw: &RawCall) -> Answer {
    let mut others = [raw.words[1], raw.words[3], raw.page];
    let (value, process, ebx, edi);
    // SAFETY: as for `four_answers`; `ecx` points to three words, of which the call replaces two.
    unsafe {
        asm!(
            "push ebp",
            "push esi",
            "push ecx",
            "mov esi, [ecx]",
            "mov ebp, [ecx + 4]",
            "mov ecx, [ecx + 8]",
            "int 0x30",
            "pop ecx",
            "mov [ecx], esi",
            "mov [ecx + 4], ebp",
            "pop esi",
            "pop ebp",
            inlateout("eax") raw.head => value,
            inlateout("edx") raw.process => process,
            inlateout("ecx") &raw mut others => _,
            inlateout("ebx") raw.words[0] => ebx,
            inlateout("edi") raw.words[2] => edi,
        );
    }
    Answer { value, process, words: [ebx, others[0], edi, others[1]] }
}

fn interrupt(raw: &RawCall) -> Answer {
    let [ebx, esi, edi, ebp] = raw.words;
    let mut wire = Wire { eax: raw.head, edx: raw.process, ecx: raw.page, ebx, esi, edi, ebp };
    // SAFETY: the stub reads and writes the seven words of `Wire` and keeps the C calling
    // convention.
    unsafe { libsys_interrupt(&raw mut wire) };
    Answer { value: wire.eax, process: wire.edx, words: [wire.ebx, wire.esi, wire.edi, wire.ebp] }
}

#[inline(always)]
fn sysenter(call: &Short) -> Answer {
    let [first, second] = call.words;
    let (value, process, ebx, edx, ecx);
    // SAFETY: as for `four_answers`. EDX is where the kernel returns to, which has to be the
    // instruction after `sysenter`, because a call that restarts goes back by its two bytes; ECX is
    // the stack to return with.
    unsafe {
        asm!(
            "push ebp",
            "push esi",
            "mov esi, edx",
            "mov ebp, ecx",
            "mov ecx, esp",
            "lea edx, [2f]",
            "sysenter",
            "2:",
            "mov edx, esi",
            "mov ecx, ebp",
            "pop esi",
            "pop ebp",
            inlateout("eax") call.head => value,
            inlateout("ebx") first => ebx,
            inlateout("edx") second => edx,
            inlateout("edi") call.process => process,
            inlateout("ecx") call.third => ecx,
        );
    }
    Answer { value, process, words: [ebx, edx, ecx, 0] }
}

unsafe extern "C" {
    fn libsys_interrupt(wire: *mut Wire);
}

const _: () = {
    assert!(core::mem::offset_of!(Wire, edx) == 4);
    assert!(core::mem::offset_of!(Wire, ecx) == 8);
    assert!(core::mem::offset_of!(Wire, ebx) == 12);
    assert!(core::mem::offset_of!(Wire, esi) == 16);
    assert!(core::mem::offset_of!(Wire, edi) == 20);
    assert!(core::mem::offset_of!(Wire, ebp) == 24);
};

global_asm!(
    "    .pushsection .text.libsys_gate, \"ax\", @progbits",
    // C calling convention: [esp + 4] is the address of the wire; ebx, esi, edi and ebp belong to
    // the caller.
    "    .global libsys_interrupt",
    "libsys_interrupt:",
    "    push ebp",
    "    push ebx",
    "    push esi",
    "    push edi",
    "    mov eax, [esp + 20]",
    // The wire's address is kept on the stack: no register is left for it.
    "    push eax",
    "    mov edx, [eax + 4]",
    "    mov ecx, [eax + 8]",
    "    mov ebx, [eax + 12]",
    "    mov esi, [eax + 16]",
    "    mov edi, [eax + 20]",
    "    mov ebp, [eax + 24]",
    "    mov eax, [eax]",
    "    int 0x30",
    "    xchg eax, [esp]",
    "    mov [eax + 4], edx",
    "    mov [eax + 12], ebx",
    "    mov [eax + 16], esi",
    "    mov [eax + 20], edi",
    "    mov [eax + 24], ebp",
    "    pop dword ptr [eax]",
    "    pop edi",
    "    pop esi",
    "    pop ebx",
    "    pop ebp",
    "    ret",
    "    .popsection",
);
