//! Page faults of a claim: what an upcall (JOS's name for a fault handler) found ([`touch`]), an
//! upcall that maps a page and returns ([`handle_faults`]), and whether an address can be read at
//! all ([`peek`]).
#![allow(unsafe_code)]

use core::arch::global_asm;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::calls::{env_destroy, env_set_pgfault_upcall, page_alloc};
use crate::print::print;
use crate::shown::INVALID;
use support::Registers;
use support::memory::{load, store};

/// The exception stack: one page. The kernel writes a record at its end and enters the upcall.
pub const EXCEPTION_STACK: u32 = 0xEEBF_F000;

/// What an upcall found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caught {
    /// The registers when it was entered, except `eip`.
    pub registers: Registers,
    /// ds, es, fs, gs, ss, cs.
    pub selectors: [u32; 6],
    /// The 13 words from esp on.
    pub record: [u32; 13],
}

impl Caught {
    /// The word of the record at a byte offset.
    pub const fn word(&self, offset: usize) -> u32 {
        self.record[offset / 4]
    }
}

/// The instruction that [`touch`] executes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// `mov eax, [ecx]`.
    Read,
    /// `mov [ecx], eax`.
    Write,
    /// The instruction at this address.
    Execute(u32),
}

/// Executes one instruction with these registers, except `eip`. Returns `None` if it did not fault.
///
/// Sets an upcall, and removes it again. There must be an exception stack.
pub fn touch(access: Access, registers: Registers) -> Option<Caught> {
    let eip = match access {
        Access::Read => (conformance_load as *const ()).expose_provenance() as u32,
        Access::Write => (conformance_store as *const ()).expose_provenance() as u32,
        Access::Execute(address) => address,
    };
    let registers = Registers { eip, ..registers };
    env_set_pgfault_upcall(0, (conformance_capture as *const ()).expose_provenance() as u32);
    // SAFETY: the stub keeps the C convention whatever the registers are: it returns through the
    // upcall or, if the instruction does not fault, through the code after it.
    let faulted = unsafe { conformance_touch(&raw const registers) };
    env_set_pgfault_upcall(0, 0);
    let word = |index: usize| CONFORMANCE_CAUGHT[index].load(Ordering::Relaxed);
    (faulted != 0).then(|| Caught {
        registers: Registers {
            edi: word(0),
            esi: word(1),
            ebp: word(2),
            ebx: word(3),
            edx: word(4),
            ecx: word(5),
            eax: word(6),
            esp: word(7),
            eflags: word(8),
            eip: 0,
        },
        selectors: core::array::from_fn(|index| word(9 + index)),
        record: core::array::from_fn(|index| word(15 + index)),
    })
}

/// Loads `eax` from the address in `ecx` with these registers, except `esp` and `eip`, and returns
/// all registers after the load.
pub fn load_with(registers: Registers) -> Registers {
    let mut after = registers;
    // SAFETY: the stub keeps the C convention, and the upcall that handles the fault restores all
    // registers.
    unsafe { conformance_load_with(&raw mut after) };
    after
}

/// The address of the instruction that [`touch`] executes for a read.
pub fn load_instruction() -> u32 {
    (conformance_load as *const ()).expose_provenance() as u32
}

/// Gives the caller an exception stack and an upcall that maps a fresh page for each fault from
/// 0x1000_0000 to below 0x2000_0000, and logs the fault. A fault at any other address ends the
/// process, with a line.
pub fn handle_faults() {
    if crate::shown::entry(EXCEPTION_STACK) & 1 == 0 {
        assert_eq!(page_alloc(0, EXCEPTION_STACK, 7), 0, "a page for the exception stack");
    }
    env_set_pgfault_upcall(0, handling_upcall());
    FAULTS.store(0, Ordering::Relaxed);
}

/// The entry of the upcall that handles faults.
pub fn handling_upcall() -> u32 {
    (conformance_upcall as *const ()).expose_provenance() as u32
}

/// How many faults were handled since [`handle_faults`].
pub fn faults() -> u32 {
    FAULTS.load(Ordering::Relaxed)
}

/// The address of the record of a handled fault (of the first four), and its 13 words.
pub fn handled(index: usize) -> (u32, [u32; 13]) {
    let word = |offset: usize| LOG[14 * index + offset].load(Ordering::Relaxed);
    (word(0), core::array::from_fn(|offset| word(1 + offset)))
}

/// Makes the next upcall store a word here before it handles its fault, so that it faults itself.
pub fn fault_within(address: u32) {
    WITHIN.store(address, Ordering::Relaxed);
}

/// Reads a word; `None` if the page does not allow it.
///
/// Sets the upcall that handles faults, which skips this fault.
pub fn peek(address: u32) -> Option<u32> {
    handle_faults();
    let mut value = 0;
    // SAFETY: the stub loads a word, or the upcall resumes it where it returns 0.
    let readable = unsafe { conformance_peek(address, &raw mut value) };
    env_set_pgfault_upcall(0, 0);
    (readable != 0).then_some(value)
}

/// Stores the word that is there already; `false` if the page does not allow it. The page must be
/// readable.
pub fn can_write(address: u32) -> bool {
    let registers = Registers { eax: load(address), ecx: address, ..Registers::default() };
    handle_faults();
    touch(Access::Write, registers).is_none()
}

static FAULTS: AtomicU32 = AtomicU32::new(0);
static WITHIN: AtomicU32 = AtomicU32::new(0);
static LOG: [AtomicU32; 56] = [const { AtomicU32::new(0) }; 56];
/// What `conformance_capture` stores: 9 words of registers, 6 of selectors, the 13 of the record.
#[unsafe(no_mangle)]
static CONFORMANCE_CAUGHT: [AtomicU32; 28] = [const { AtomicU32::new(0) }; 28];
/// The stack pointer with which `conformance_touch` returns.
#[unsafe(no_mangle)]
static CONFORMANCE_RETURN: AtomicU32 = AtomicU32::new(0);
/// The instruction that `conformance_touch` executes.
#[unsafe(no_mangle)]
static CONFORMANCE_TARGET: AtomicU32 = AtomicU32::new(0);

/// The Rust half of the upcall that handles faults. `record` is the address of the kernel's record.
#[unsafe(no_mangle)]
extern "C" fn conformance_handle(record: u32) {
    let (address, eip) = (load(record), load(record + 40));
    if eip == (conformance_peek_load as *const ()).expose_provenance() as u32 {
        store(record + 40, (conformance_peek_fault as *const ()).expose_provenance() as u32);
        return;
    }
    let number = FAULTS.fetch_add(1, Ordering::Relaxed) as usize;
    if number < 4 {
        LOG[14 * number].store(record, Ordering::Relaxed);
        for (word, at) in LOG[14 * number + 1..14 * number + 14].iter().zip((record..).step_by(4)) {
            word.store(load(at), Ordering::Relaxed);
        }
    }
    let within = WITHIN.swap(0, Ordering::Relaxed);
    if within != 0 {
        store(within, number as u32);
    }
    let page = address & !0xFFF;
    let can_be_mended = (0x1000_0000..0x2000_0000).contains(&address);
    let error = if can_be_mended { page_alloc(0, page, 7) } else { INVALID };
    if error != 0 {
        print(format_args!(
            "FAILED with a fault at {address:#010x}, instruction {eip:#010x}: {error}\n"
        ));
        env_destroy(0);
    }
}

unsafe extern "C" {
    fn conformance_touch(registers: *const Registers) -> u32;
    fn conformance_load_with(registers: *mut Registers);
    fn conformance_peek(address: u32, value: *mut u32) -> u32;
    fn conformance_capture();
    fn conformance_upcall();
    fn conformance_load();
    fn conformance_store();
    fn conformance_peek_load();
    fn conformance_peek_fault();
}

global_asm!(
    "    .pushsection .text.conformance_upcall, \"ax\", @progbits",
    // C calling convention; [esp + 4] is the address of the registers. Returns 0 if there was no
    // fault.
    "conformance_touch:",
    "    push ebp",
    "    push ebx",
    "    push esi",
    "    push edi",
    "    mov [CONFORMANCE_RETURN], esp",
    "    mov eax, [esp + 20]",
    "    mov edi, [eax + 32]",
    "    mov [CONFORMANCE_TARGET], edi",
    "    mov edi, [eax + 20]",
    "    mov esi, [eax + 16]",
    "    mov ebp, [eax + 24]",
    "    mov ebx, [eax + 12]",
    "    mov edx, [eax + 4]",
    "    mov ecx, [eax + 8]",
    "    push dword ptr [eax + 28]",
    "    popfd",
    "    mov esp, [eax + 36]",
    "    mov eax, [eax]",
    "    jmp [CONFORMANCE_TARGET]",
    "conformance_load:",
    "    mov eax, [ecx]",
    "    mov esp, [CONFORMANCE_RETURN]",
    "    xor eax, eax",
    "    jmp 3f",
    "conformance_store:",
    "    mov [ecx], eax",
    "    mov esp, [CONFORMANCE_RETURN]",
    "    xor eax, eax",
    "    jmp 3f",
    // An upcall that stores everything, uses none of the exception stack, and returns to the caller
    // of conformance_touch.
    "conformance_capture:",
    "    mov [CONFORMANCE_CAUGHT], edi",
    "    mov [CONFORMANCE_CAUGHT + 4], esi",
    "    mov [CONFORMANCE_CAUGHT + 8], ebp",
    "    mov [CONFORMANCE_CAUGHT + 12], ebx",
    "    mov [CONFORMANCE_CAUGHT + 16], edx",
    "    mov [CONFORMANCE_CAUGHT + 20], ecx",
    "    mov [CONFORMANCE_CAUGHT + 24], eax",
    "    mov [CONFORMANCE_CAUGHT + 28], esp",
    "    mov esi, esp",
    "    mov esp, [CONFORMANCE_RETURN]",
    "    pushfd",
    "    pop dword ptr [CONFORMANCE_CAUGHT + 32]",
    "    mov eax, ds",
    "    mov [CONFORMANCE_CAUGHT + 36], eax",
    "    mov eax, es",
    "    mov [CONFORMANCE_CAUGHT + 40], eax",
    "    mov eax, fs",
    "    mov [CONFORMANCE_CAUGHT + 44], eax",
    "    mov eax, gs",
    "    mov [CONFORMANCE_CAUGHT + 48], eax",
    "    mov eax, ss",
    "    mov [CONFORMANCE_CAUGHT + 52], eax",
    "    mov eax, cs",
    "    mov [CONFORMANCE_CAUGHT + 56], eax",
    "    cld",
    "    mov edi, offset CONFORMANCE_CAUGHT + 60",
    "    mov ecx, 13",
    "    rep movsd",
    "    mov eax, 1",
    "3:  push 2",
    "    popfd",
    "    pop edi",
    "    pop esi",
    "    pop ebx",
    "    pop ebp",
    "    ret",
    // C calling convention; [esp + 4] is the address of the registers, whose stack pointer is not
    // used.
    "conformance_load_with:",
    "    push ebp",
    "    push ebx",
    "    push esi",
    "    push edi",
    "    mov eax, [esp + 20]",
    "    push eax",
    "    push dword ptr [eax + 28]",
    "    mov edi, [eax + 20]",
    "    mov esi, [eax + 16]",
    "    mov ebp, [eax + 24]",
    "    mov ebx, [eax + 12]",
    "    mov edx, [eax + 4]",
    "    mov ecx, [eax + 8]",
    "    mov eax, [eax]",
    "    popfd",
    "    mov eax, [ecx]",
    // Stack: the flags after the load, the address of the registers.
    "    pushfd",
    "    xchg eax, [esp + 4]",
    "    mov [eax + 20], edi",
    "    mov [eax + 16], esi",
    "    mov [eax + 24], ebp",
    "    mov [eax + 12], ebx",
    "    mov [eax + 4], edx",
    "    mov [eax + 8], ecx",
    "    pop dword ptr [eax + 28]",
    "    pop dword ptr [eax]",
    "    push 2",
    "    popfd",
    "    pop edi",
    "    pop esi",
    "    pop ebx",
    "    pop ebp",
    "    ret",
    // C calling convention; the address to read, and the address for the value. Returns 1, or 0 if
    // the load faulted.
    "conformance_peek:",
    "    mov ecx, [esp + 4]",
    "conformance_peek_load:",
    "    mov eax, [ecx]",
    "    mov ecx, [esp + 8]",
    "    mov [ecx], eax",
    "    mov eax, 1",
    "    ret",
    "conformance_peek_fault:",
    "    xor eax, eax",
    "    ret",
    // An upcall that returns; esp is the address of the record. The faulting instruction's address
    // is stored below the top of the stack on which the fault happened. Then all registers are
    // popped, and RET takes that address. No call to the kernel is needed.
    "conformance_upcall:",
    "    mov eax, esp",
    // esp is a multiple of 16 at the call; ebx holds the record's address.
    "    mov ebx, esp",
    "    and esp, -16",
    "    sub esp, 12",
    "    push eax",
    "    call conformance_handle",
    "    mov esp, ebx",
    "    mov eax, [esp + 48]",
    "    mov ebx, [esp + 40]",
    "    sub eax, 4",
    "    mov [eax], ebx",
    "    mov [esp + 48], eax",
    "    add esp, 8",
    "    popad",
    "    add esp, 4",
    "    popfd",
    "    pop esp",
    "    ret",
    "    .popsection",
);
