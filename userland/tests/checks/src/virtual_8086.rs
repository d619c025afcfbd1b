//! Virtual-8086 mode, and the flags that a program gives to IRETD: they open no way into the kernel
//! and give no right.
//!
//! A processor ignores VM in the flags that ring 3's IRETD pops; QEMU's TCG takes it. So each child
//! here may end in two ways: killed because it entered the mode, or by the code that runs where the
//! flag is ignored. Linear addresses in the mode are `16 * segment + offset`, so a frame with cs
//! 0x1B and eip 0x1000 leads to 0x11B0 in the mode, and to 0x1000 in protected mode.

use libsys::abi::message::Reason;
use libsys::abi::registers::UserRegisters;
use libsys::process::wait;
use libsys::{Error, Permissions, ProcessId, Target, UserPage, page_map, process_start};

use crate::bare;
use crate::expect::{Outcome, checks, equal, holds};
use crate::family::{GENERAL_PROTECTION, KILLED, is_killed};
use crate::memory::{fresh, test_page};
use support::memory::store;

checks! {
    a_trap_from_virtual_8086_mode_ends_its_process,
    an_interrupt_in_virtual_8086_mode_is_served_and_ends_the_process,
    sysenter_out_of_virtual_8086_mode_brings_no_right_along,
    segments_of_virtual_8086_mode_never_reach_the_kernel,
    flags_by_iretd_bring_no_right,
}

/// `0x0000_1000  PDE 0x000`: the page with the frame and the code to which IRETD leads.
const LOW: u32 = 0x1000;
/// Offsets in that page: the code for the case that VM is ignored, the code of virtual-8086 mode,
/// the frame, and the code to which `sysenter` returns, with the end of its stack.
const IGNORED: u32 = 0;
const MODE: u32 = 0x1B0;
const FRAME: u32 = 0x400;
const AFTER: u32 = 0x800;
const STACK: u32 = 0xF00;

/// Flags: VM, interrupts on, and the bit that is always set.
const VM: u32 = 0x2_0202;
const IOPL_3: u32 = 0x3000;
const NESTED_TASK: u32 = 0x4000;

/// `iretd`
const IRETD: &[u8] = &[0xCF];
/// `xor ebx, ebx; mov eax, 47; int 0x30`: exits with 0.
const EXIT: &[u8] = &[0x31, 0xDB, 0xB8, 47, 0, 0, 0, 0xCD, 0x30];
/// `cli`, then exits with 0.
const CLI: &[u8] = &[0xFA, 0x31, 0xDB, 0xB8, 47, 0, 0, 0, 0xCD, 0x30];
/// `mov eax, 67 (yield); int 0x30; cli`, then exits with 0.
const CALL_CLI: &[u8] =
    &[0xB8, 67, 0, 0, 0, 0xCD, 0x30, 0xFA, 0x31, 0xDB, 0xB8, 47, 0, 0, 0, 0xCD, 0x30];
/// `mov esi, 50; 1: mov eax, 67 (yield); int 0x30; dec esi; jnz 1b`, then exits with 0.
const YIELDS: &[u8] = &[
    0xBE, 50, 0, 0, 0, 0xB8, 67, 0, 0, 0, 0xCD, 0x30, 0x4E, 0x75, 0xF6, 0x31, 0xDB, 0xB8, 47, 0, 0,
    0, 0xCD, 0x30,
];

/// What IRETD pops in virtual-8086 mode beyond eip and cs.
#[derive(Clone, Copy)]
struct Segments {
    eflags: u32,
    ss: u32,
    es: u32,
    ds: u32,
    fs: u32,
    gs: u32,
}

/// Segments of 64 KiB that begin at linear address 0x5_0000, where the child has no page.
const ABSENT: Segments =
    Segments { eflags: VM, ss: 0x5000, es: 0x5000, ds: 0x5000, fs: 0x5000, gs: 0x5000 };

/// A stopped child whose first instruction is IRETD with this frame. `mode` runs in virtual-8086
/// mode, `ignored` if VM is ignored, `after` after `sysenter`.
fn child(frame: Segments, mode: &[u8], ignored: &[u8], after: &[u8]) -> Result<ProcessId, Error> {
    let page = fresh(0)?;
    for (offset, code) in [(IGNORED, ignored), (MODE, mode), (AFTER, after)] {
        put(offset, code);
    }
    let Segments { eflags, ss, es, ds, fs, gs } = frame;
    let words = [LOW, 0x1B, eflags, 0xFF0, ss, es, ds, fs, gs];
    for (offset, word) in (FRAME..).step_by(4).zip(words) {
        store(page.address() + offset, word);
    }
    let registers = UserRegisters {
        eax: 67,
        edx: LOW + AFTER,
        ecx: LOW + STACK,
        esp: LOW + FRAME,
        ..UserRegisters::default()
    };
    let child = bare::bare(IRETD, registers)?;
    page_map((Target::Caller, page), (child, UserPage::known(LOW)), Permissions::WRITE)?;
    Ok(child)
}

/// Stores code at an offset of the page, padded to whole words.
fn put(offset: u32, code: &[u8]) {
    for (offset, bytes) in (offset..).step_by(4).zip(code.chunks(4)) {
        let mut word = [0x90; 4];
        word[..bytes.len()].copy_from_slice(bytes);
        store(test_page(0).address() + offset, u32::from_le_bytes(word));
    }
}

/// Starts the child. It must end by a general protection fault, or with 0 if VM is ignored.
fn is_refused(what: &str, child: ProcessId) -> Outcome {
    process_start(child)?;
    let ended = wait(Some(child))?;
    let ends = [(Reason::Killed, GENERAL_PROTECTION), (Reason::Exited, 0)];
    holds(what, ends.contains(&(ended.reason, ended.status)))
}

fn a_trap_from_virtual_8086_mode_ends_its_process() -> Outcome {
    let codes: [(&str, &[u8]); 7] = [
        ("a call", &[0xCD, 0x30]),
        ("a read of an absent page", &[0xA0, 0, 0]),
        ("a push on an absent page", &[0x50]),
        ("a breakpoint", &[0xCC]),
        ("hlt", &[0xF4]),
        ("an undefined instruction", &[0x0F, 0x0B]),
        ("a division by zero", &[0x31, 0xC9, 0xF7, 0xF1]),
    ];
    // What the stubs would read as cs, eip, eflags and ss, 16 bytes too low: the kernel's, a
    // program's, and invalid ones.
    let segments = [
        ABSENT,
        Segments { es: 0x08, ds: 0x5002, ..ABSENT },
        Segments { es: 0x1B, ds: 0x3202, ss: 0x23, ..ABSENT },
        Segments { es: 0xFFFF, ds: 0xFFFF, ss: 0xFFFF, fs: 0xFFFF, gs: 0xFFFF, ..ABSENT },
    ];
    for (what, code) in codes {
        for frame in segments {
            for flags in [0, IOPL_3, NESTED_TASK] {
                let frame = Segments { eflags: frame.eflags | flags, ..frame };
                is_refused(what, child(frame, code, EXIT, EXIT)?)?;
            }
        }
    }
    Ok(())
}

/// The timer's next interrupt ends the loop, and the timer goes on.
fn an_interrupt_in_virtual_8086_mode_is_served_and_ends_the_process() -> Outcome {
    for frame in [ABSENT, Segments { es: 0x08, ds: 0x5002, ..ABSENT }] {
        is_refused("a loop", child(frame, bare::SPIN, EXIT, EXIT)?)?;
        libsys::sleep(20);
    }
    Ok(())
}

/// `sysenter` clears VM, so the kernel cannot see it. It returns to protected mode, where `cli` is
/// refused in spite of the IOPL in the frame.
fn sysenter_out_of_virtual_8086_mode_brings_no_right_along() -> Outcome {
    const SYSENTER: &[u8] = &[0x0F, 0x34];
    for flags in [VM, VM | IOPL_3, VM | IOPL_3 | NESTED_TASK, VM & !0x200 | IOPL_3] {
        for code in [CLI, CALL_CLI] {
            let child = child(Segments { eflags: flags, ..ABSENT }, SYSENTER, code, code)?;
            process_start(child)?;
            is_killed(child, GENERAL_PROTECTION)?;
        }
    }
    Ok(())
}

/// Two processes leave the mode by `sysenter` with invalid selectors in ds, es, fs and gs, and take
/// turns.
fn segments_of_virtual_8086_mode_never_reach_the_kernel() -> Outcome {
    const SYSENTER: &[u8] = &[0x0F, 0x34];
    for selector in [0x5000, 0x08, 0x10, 0x28, 0x38, 0x40, 0xFFFF, 0x23, 0] {
        let frame = Segments { es: selector, ds: selector, fs: selector, gs: selector, ..ABSENT };
        let one = child(frame, SYSENTER, YIELDS, YIELDS)?;
        let other = child(frame, SYSENTER, YIELDS, YIELDS)?;
        for child in [one, other] {
            process_start(child)?;
        }
        for child in [one, other] {
            let ended = wait(Some(child))?;
            equal(
                format_args!("{selector:#x}"),
                (ended.reason, ended.status),
                (Reason::Exited, 0),
            )?;
        }
    }
    Ok(())
}

/// Each flag but VM alone, and all of them together: after a call the program still cannot clear
/// the interrupt flag.
fn flags_by_iretd_bring_no_right() -> Outcome {
    const TRAP: u32 = 0x100;
    const DEBUG: u32 = KILLED + 1;
    let single = (0..32).map(|bit| 1 << bit).filter(|flag| flag & 0x2_0000 == 0);
    for flags in single.chain([IOPL_3, 0xFFFD_FFFF, 0xFFFD_FEFF, 0]) {
        let child = child(Segments { eflags: flags, ..ABSENT }, EXIT, CALL_CLI, EXIT)?;
        process_start(child)?;
        is_killed(child, if flags & TRAP == 0 { GENERAL_PROTECTION } else { DEBUG })?;
    }
    Ok(())
}
