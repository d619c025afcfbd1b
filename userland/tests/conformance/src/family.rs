//! Children by call 7, which get a copy of the parent's memory, and how their parents learn their
//! outcomes.
#![allow(unsafe_code)]

use core::arch::global_asm;

use crate::calls::exit;
use crate::calls::{
    env_destroy, env_set_status, exofork, getenvid, page_alloc, page_map, page_unmap,
};
use crate::claims::{Outcome, Seen, equal, until};
use crate::print::print;
use crate::shown::{ID, STATUS, directory_entry, entry, field, record};
use support::memory::{copy_page, load, store};

/// The page that parents and children share. Words 0 to 511 are the children's reports, by slot;
/// the others are for the claims.
pub const BOARD: u32 = 0x0C00_0000;

/// Where a page of the child is mapped while it is filled. Its page table exists, because the board
/// has the same one.
const SCRATCH: u32 = BOARD + 0x1000;

/// The reports of a child.
const BEGUN: u32 = 1;
const DONE: u32 = 2;
const DISAPPOINTED: u32 = 3;

/// Reads a word of the board for claims: 0 to 511.
pub fn read_board(index: u32) -> u32 {
    load(BOARD + 2048 + 4 * index)
}

/// Writes a word of the board for claims.
pub fn write_board(index: u32, word: u32) {
    store(BOARD + 2048 + 4 * index, word);
}

fn report_at(env: u32) -> u32 {
    BOARD + 4 * (env & 0x1FF)
}

/// All pages that are present below UTOP.
pub fn pages() -> impl Iterator<Item = u32> {
    let tables = (0..0x3BB_u32).map(|index| index << 22);
    let present = tables.filter(|table| directory_entry(*table) & 1 != 0);
    present
        .flat_map(|table| (0..1024).map(move |page| table + page * 0x1000))
        .filter(|page| entry(*page) & 1 != 0)
}

/// Makes a child with a copy of the caller's memory. Returns 0 in the child, which is not started
/// yet; in the parent its id, or an error.
pub fn fork() -> i32 {
    // SAFETY: the stub keeps the C convention, in the child too: the parent does not return from it
    // before the child has its copy of the stack.
    unsafe { conformance_fork() }
}

/// Copies the caller's memory into a child, page by page. On an error the child is ended and the
/// error returned.
#[unsafe(no_mangle)]
extern "C" fn conformance_copy_memory(child: u32) -> i32 {
    for page in pages().filter(|page| *page != SCRATCH) {
        let error = give(child, page);
        if error < 0 {
            page_unmap(0, SCRATCH);
            env_destroy(child);
            return error;
        }
    }
    child.cast_signed()
}

/// Gives a child a page with its permissions: shared if it has the mark 0x400, else a copy.
fn give(child: u32, page: u32) -> i32 {
    let permissions = entry(page) & 0xE07;
    if permissions & 0x400 != 0 {
        return page_map((0, page), (child, page), permissions);
    }
    let error = page_alloc(child, page, 7);
    if error < 0 {
        return error;
    }
    let error = page_map((child, page), (0, SCRATCH), 7);
    if error < 0 {
        return error;
    }
    copy_page(page, SCRATCH);
    page_unmap(0, SCRATCH);
    page_map((child, page), (child, page), permissions)
}

/// A child without memory, which cannot run.
///
/// # Errors
/// There is no child.
pub fn blank_child() -> Result<u32, Seen> {
    made(exofork())
}

/// The child that a call has made.
///
/// # Errors
/// The call has returned an error.
fn made(child: i32) -> Result<u32, Seen> {
    if child > 0 {
        Ok(child.cast_unsigned())
    } else {
        Err(Seen::new(format_args!("no child: {child}")))
    }
}

/// A child that is not started yet. It will run `act`, and then end.
///
/// # Errors
/// There is no child.
pub fn stopped_child(act: impl FnOnce() -> Outcome) -> Result<u32, Seen> {
    let child = fork();
    if child < 0 {
        return Err(Seen::new(format_args!("no child: {child}")));
    }
    if child == 0 {
        let report = report_at(getenvid());
        store(report, BEGUN);
        let outcome = match act() {
            Ok(()) => DONE,
            Err(seen) => {
                print(format_args!("in a child: {seen}\n"));
                DISAPPOINTED
            }
        };
        store(report, outcome);
        exit();
    }
    store(report_at(child.cast_unsigned()), 0);
    Ok(child.cast_unsigned())
}

/// A child that runs `act`, and then ends.
///
/// # Errors
/// There is no child.
pub fn child(act: impl FnOnce() -> Outcome) -> Result<u32, Seen> {
    let child = stopped_child(act)?;
    equal("starting a child", env_set_status(child, 2), 0)?;
    Ok(child)
}

/// Whether a child has ended: its slot is free, or has another process.
pub fn is_gone(child: u32) -> bool {
    record(child, ID) != child || record(child, STATUS) == 0
}

/// Waits until a child ends, and states that its outcome was good.
///
/// # Errors
/// Its outcome was bad, it was killed, or it does not end.
#[track_caller]
pub fn ends_well(child: u32) -> Outcome {
    until("a child ends", || is_gone(child))?;
    equal("what a child came to", load(report_at(child)), DONE)
}

/// Waits until a child ends, and states that it was killed before it had an outcome.
///
/// # Errors
/// It has an outcome, or does not end.
#[track_caller]
pub fn is_killed(child: u32) -> Outcome {
    until("a child is killed", || is_gone(child))?;
    equal("what a child came to", load(report_at(child)), BEGUN)
}

/// States that a child that runs `act` is killed.
///
/// # Errors
/// It has an outcome, or does not end.
#[track_caller]
pub fn kills(act: impl FnOnce()) -> Outcome {
    is_killed(child(|| {
        act();
        Ok(())
    })?)
}

/// Waits until a child blocks in call 13.
///
/// # Errors
/// It does not block.
#[track_caller]
pub fn until_receiving(child: u32) -> Outcome {
    until("a child receives", || field(child, crate::shown::RECEIVING) == Some(1))
}

/// Ends a child.
///
/// # Errors
/// The call fails, or the child goes on living.
#[track_caller]
pub fn end(child: u32) -> Outcome {
    equal("ending a child", env_destroy(child), 0)?;
    equal("a child that was ended is gone", is_gone(child), true)
}

/// An address at which a process can resume with one word of stack: the code puts the registers on
/// the board and ends. The process *lands* there.
pub fn landing() -> u32 {
    (conformance_landing as *const ()).expose_provenance() as u32
}

/// The registers of a process that landed.
#[derive(Clone, Copy, Debug)]
pub struct Landed {
    /// eax, ebx, ecx, edx, esi, edi, ebp.
    pub general: [u32; 7],
    /// The stack pointer.
    pub esp: u32,
    /// The flags.
    pub eflags: u32,
    /// cs, ds, es, fs, gs, ss.
    pub selectors: [u32; 6],
}

/// The registers of the last process that landed.
pub fn landed() -> Landed {
    let word = |index: usize| read_board(LANDED + index as u32);
    Landed {
        general: core::array::from_fn(word),
        esp: word(7),
        eflags: word(8),
        selectors: core::array::from_fn(|index| word(9 + index)),
    }
}

/// The first word of the board for [`landed`].
const LANDED: u32 = 100;

/// Makes and starts a child by call 7, with these values of ebx, ecx, edx, esi, edi, ebp, and some
/// flags; the child lands.
///
/// # Errors
/// There is no child.
pub fn fork_and_land(registers: [u32; 6]) -> Result<u32, Seen> {
    // SAFETY: the stub keeps the C convention; the child only lands.
    let child = made(unsafe { conformance_fork_and_land(registers.as_ptr()) })?;
    equal("starting a child", env_set_status(child, 2), 0)?;
    Ok(child)
}

unsafe extern "C" {
    fn conformance_fork() -> i32;
    fn conformance_fork_and_land(registers: *const u32) -> i32;
    fn conformance_landing();
}

// C calling convention. At the call only eax is set. The child begins with eax = 0 and with the
// parent's stack at the moment of the copy: the words at esp and above are those at the call,
// because the parent has only pushed since.
global_asm!(
    "    .pushsection .text.conformance_family, \"ax\", @progbits",
    "    .global conformance_fork",
    "conformance_fork:",
    "    push ebp",
    "    push ebx",
    "    push esi",
    "    push edi",
    "    mov eax, 7",
    "    int 0x30",
    "    test eax, eax",
    "    jle 2f",
    // esp is a multiple of 16 at the call.
    "    sub esp, 8",
    "    push eax",
    "    call conformance_copy_memory",
    "    add esp, 12",
    "2:  pop edi",
    "    pop esi",
    "    pop ebx",
    "    pop ebp",
    "    ret",
    // As above; [esp + 4] is the address of six registers.
    "conformance_fork_and_land:",
    "    push ebp",
    "    push ebx",
    "    push esi",
    "    push edi",
    "    mov eax, [esp + 20]",
    "    mov ebx, [eax]",
    "    mov ecx, [eax + 4]",
    "    mov edx, [eax + 8]",
    "    mov esi, [eax + 12]",
    "    mov edi, [eax + 16]",
    "    mov ebp, [eax + 20]",
    "    push 0x2D7",
    "    popfd",
    "    mov eax, 7",
    "    int 0x30",
    // The flags of the comparison would hide those of the call. JECXZ and JMP change no flags, and
    // ecx is not 0.
    "    xchg eax, ecx",
    "    jecxz 3f",
    "    xchg eax, ecx",
    "    test eax, eax",
    "    jl 2b",
    "    sub esp, 8",
    "    push eax",
    "    call conformance_copy_memory",
    "    add esp, 12",
    "    jmp 2b",
    "3:  xchg eax, ecx",
    "conformance_landing:",
    "    mov [{landed}], eax",
    "    mov [{landed} + 4], ebx",
    "    mov [{landed} + 8], ecx",
    "    mov [{landed} + 12], edx",
    "    mov [{landed} + 16], esi",
    "    mov [{landed} + 20], edi",
    "    mov [{landed} + 24], ebp",
    "    mov [{landed} + 28], esp",
    "    pushfd",
    "    pop dword ptr [{landed} + 32]",
    "    mov eax, cs",
    "    mov [{landed} + 36], eax",
    "    mov eax, ds",
    "    mov [{landed} + 40], eax",
    "    mov eax, es",
    "    mov [{landed} + 44], eax",
    "    mov eax, fs",
    "    mov [{landed} + 48], eax",
    "    mov eax, gs",
    "    mov [{landed} + 52], eax",
    "    mov eax, ss",
    "    mov [{landed} + 56], eax",
    "    mov eax, 3",
    "    xor edx, edx",
    "    int 0x30",
    "    ud2",
    "    .popsection",
    landed = const BOARD + 2048 + 4 * LANDED,
);
