//! `trapframes`: call 9: what a parent may set in its child's registers.
#![no_std]
#![no_main]

use conformance::calls::{env_destroy, env_set_status, env_set_trapframe, getenvid};
use conformance::claims::{Outcome, Seen, equal, holds, until};
use conformance::family::{Landed, child, is_gone, is_killed, landed, landing, stopped_child};
use conformance::shown::{fresh, record};
use support::memory::store;

conformance::program! {
    env_set_trapframe_sets_all_registers,
    env_set_trapframe_gives_no_privilege,
    env_set_trapframe_takes_what_spawn_finds_in_uenvs,
    env_set_trapframe_reads_a_record_of_uenvs,
    env_set_trapframe_reads_an_unaligned_record,
    env_set_trapframe_on_oneself_goes_on_there,
}

/// cs, ds, es, fs, gs, ss.
const USER_SELECTORS: [u32; 6] = [0x1B, 0x23, 0x23, 0x23, 0x23, 0x23];

/// Puts a record at test page 9 and returns its address: words by offset, all others 0.
fn trapframe(words: &[(u32, u32)]) -> u32 {
    let frame = fresh(9);
    for (offset, word) in words {
        store(frame + offset, *word);
    }
    frame
}

/// Starts a child with this record; returns the registers with which it landed.
fn start_with(frame: u32) -> Result<Landed, Seen> {
    let child = stopped_child(|| holds("it begins where it was made", false))?;
    equal("registers", env_set_trapframe(child, frame), 0)?;
    equal("start", env_set_status(child, 2), 0)?;
    until("it ends", || is_gone(child))?;
    Ok(landed())
}

/// edi 0, esi 4, ebp 8, ebx 16, edx 20, ecx 24, eax 28, eip 48, flags 56, esp 60.
const GENERAL: [(u32, u32); 8] = [
    (0, 0xED1),
    (4, 0xE51),
    (8, 0xEB9),
    (12, 0xBAD),
    (16, 0xEB1),
    (20, 0xED2),
    (24, 0xEC1),
    (28, 0xEA1),
];

/// The stack pointer for a child that lands: one word on the page of stack that it has.
const STACK: u32 = 0xEEBF_D804;

fn env_set_trapframe_sets_all_registers() -> Outcome {
    let frame = trapframe(&GENERAL);
    for (offset, word) in [(48, landing()), (52, 0x1B), (56, 0xAD7), (60, STACK), (64, 0x23)] {
        store(frame + offset, word);
    }
    store(frame + 32, 0x23);
    store(frame + 36, 0x23);
    let landed = start_with(frame)?;
    let general = [0xEA1, 0xEB1, 0xEC1, 0xED2, 0xE51, 0xED1, 0xEB9];
    equal("eax, ebx, ecx, edx, esi, edi, ebp", landed.general, general)?;
    equal("esp, flags", [landed.esp, landed.eflags], [STACK, 0xAD7])?;
    equal("cs, ds, es, fs, gs, ss", landed.selectors, USER_SELECTORS)
}

/// The kernel's selectors, IOPL 3, interrupts off. JOS panics when a process with ss = 0x10 runs.
fn env_set_trapframe_gives_no_privilege() -> Outcome {
    for [es, ds, cs, ss] in
        [[0x10, 0x10, 0x08, 0x10], [0x28, 0xFFFF, 0x20, 0x18], [0x23, 0x23, 0x08, 0x10]]
    {
        let words =
            [(32, es), (36, ds), (48, landing()), (52, cs), (56, 0x3002), (60, STACK), (64, ss)];
        let landed = start_with(trapframe(&words))?;
        equal("flags", landed.eflags, 0x202)?;
        equal("selectors", landed.selectors, USER_SELECTORS)?;
    }
    for flags in [0x2_0202, 0x8_0202, 0x10_0202, 0x18_0202, 0x4202, 0xFFDA_FAFF] {
        let words = [(48, landing()), (56, flags), (60, STACK)];
        let landed = start_with(trapframe(&words))?;
        equal("system flags", landed.eflags & !0x24_0CD5, 0x202)?;
    }
    Ok(())
}

/// JOS's spawn copies the 68 bytes of a child's record, and sets eip and esp. Here the record reads
/// 0.
fn env_set_trapframe_takes_what_spawn_finds_in_uenvs() -> Outcome {
    let child = stopped_child(|| holds("it begins where it was made", false))?;
    let frame = fresh(9);
    for offset in (0..68).step_by(4) {
        store(frame + offset, record(child, offset));
    }
    store(frame + 48, landing());
    store(frame + 60, STACK);
    equal("registers", env_set_trapframe(child, frame), 0)?;
    equal("start", env_set_status(child, 2), 0)?;
    until("it ends", || is_gone(child))?;
    let landed = landed();
    equal("general", landed.general, [0; 7])?;
    equal("esp, flags", [landed.esp, landed.eflags], [STACK, 0x202])?;
    equal("selectors", landed.selectors, USER_SELECTORS)
}

/// The pages that the kernel shows to every program may be named in a call.
fn env_set_trapframe_reads_a_record_of_uenvs() -> Outcome {
    let child = stopped_child(|| holds("it never runs", false))?;
    let record = 0xEEC0_0000 + child % 1024 * 124;
    equal("result", env_set_trapframe(child, record), 0)?;
    equal("end", env_destroy(child), 0)
}

fn env_set_trapframe_reads_an_unaligned_record() -> Outcome {
    let frame = fresh(9);
    fresh(10);
    // Across the end of a page, at an odd address.
    let odd = frame + 0xFE1;
    for (offset, word) in [(16, 0x600D), (48, landing()), (60, STACK)] {
        store(odd + offset, word);
    }
    equal("ebx", start_with(odd)?.general[1], 0x600D)
}

fn env_set_trapframe_on_oneself_goes_on_there() -> Outcome {
    let frame = trapframe(&[(16, 0x0B5E), (28, 0x0EA5), (48, landing()), (60, STACK)]);
    for by_id in [false, true] {
        let child = child(|| {
            let env = if by_id { getenvid() } else { 0 };
            env_set_trapframe(env, frame);
            holds("it comes back", false)
        })?;
        is_killed(child)?;
        let [eax, ebx, ..] = landed().general;
        equal("eax, ebx", [eax, ebx], [0x0EA5, 0x0B5E])?;
    }
    Ok(())
}
