//! FPU and SSE registers: each process has its own, and begins with clean ones.

use libsys::paging::fork::{Fork, fork};
use libsys::process::exit;
use libsys::registers_write;
use libsys::{process_start, sleep, yield_now};

use crate::bare::{self, at};
use crate::expect::{Outcome, checks, equal};
use crate::family::{child, ends, ends_well};
use support::cpu::{fill_fpu, gs, read_fpu, set_gs};

checks! {
    two_processes_keep_their_own_fpu_registers,
    a_fresh_process_has_a_clean_fpu,
    a_forked_child_has_its_parents_fpu,
    a_segment_register_does_not_leak,
}

fn two_processes_keep_their_own_fpu_registers() -> Outcome {
    let keep = |pattern: u32| {
        fill_fpu(pattern);
        for round in 0..200 {
            if round % 50 == 0 {
                sleep(1);
            }
            yield_now();
            equal("registers", read_fpu(), [pattern; 9])?;
        }
        Ok(())
    };
    let (one, two) = (child(|| keep(0x1111_1111))?, child(|| keep(0x2222_2222))?);
    keep(0x3333_3333)?;
    ends_well(one)?;
    ends_well(two)
}

/// Exits with 0 if xmm0, xmm7 and the x87 status word are zero.
const IS_CLEAN: &[u8] = &[
    0x66, 0x0F, 0x7E, 0xC0, // movd eax, xmm0
    0x66, 0x0F, 0x7E, 0xF9, // movd ecx, xmm7
    0x09, 0xC8, // or eax, ecx
    0x89, 0xC3, // mov ebx, eax
    0x31, 0xC0, // xor eax, eax
    0xDF, 0xE0, // fnstsw ax
    0x09, 0xC3, // or ebx, eax
    0xB8, 47, 0, 0, 0, // mov eax, 47 (exit)
    0xCD, 0x30, // int 0x30
];

fn a_fresh_process_has_a_clean_fpu() -> Outcome {
    for pattern in [0xFFFF_FFFF, 0x0101_0101] {
        let child = bare::bare(IS_CLEAN, at(0))?;
        fill_fpu(pattern);
        process_start(child)?;
        ends(child, libsys::abi::message::Reason::Exited, 0)?;
        equal("the parent's", read_fpu(), [pattern; 9])?;
    }
    Ok(())
}

fn a_forked_child_has_its_parents_fpu() -> Outcome {
    fill_fpu(0x4242_4242);
    match fork()? {
        Fork::Child => exit(u8::from(read_fpu() != [0x4242_4242; 9])),
        Fork::Parent { child } => {
            fill_fpu(0x6666_6666);
            ends_well(child)
        }
    }
}

/// Selector 0 in gs is allowed, and differs from the selector that every process starts with, which
/// is there again when another process has run.
fn a_segment_register_does_not_leak() -> Outcome {
    let start = gs();
    let child = child(|| {
        for _ in 0..20 {
            set_gs(0);
            yield_now();
            equal("gs in the child", gs(), start)?;
        }
        Ok(())
    })?;
    for _ in 0..20 {
        yield_now();
        equal("gs in the parent", gs(), start)?;
    }
    ends_well(child)?;
    let bare = bare::bare(bare::LOAD, at(bare::CODE))?;
    registers_write(
        bare,
        &libsys::abi::registers::UserRegisters { eip: bare::CODE, ..at(bare::CODE) },
    )?;
    set_gs(0);
    process_start(bare)?;
    ends(bare, libsys::abi::message::Reason::Exited, 0x8B)?;
    equal("gs after another process ran", gs(), start)
}
