//! `numbers`: how a call is made, and what it does not change.
#![no_std]
#![no_main]

use abi::Syscall;
use conformance::calls::{call, getenvid, ipc_try_send, sys_yield};
use conformance::claims::{Outcome, Seen, equal, holds, until};
use conformance::family::{child, end, ends_well, read_board, stopped_child, write_board};
use conformance::native::native;
use conformance::shown::{INVALID, UTOP, fresh, own, test_page};
use support::Registers;
use support::cpu::es_after_a_call;
use support::gate::interrupt;

conformance::program! {
    the_number_is_in_eax_and_so_is_the_result,
    number_14_is_the_time_in_milliseconds,
    numbers_from_15_to_31_are_unknown,
    the_number_is_all_of_eax,
    every_call_keeps_the_other_registers,
    recv_keeps_the_other_registers,
    flags_survive_a_call,
    flags_of_the_system_cannot_be_changed,
    es_is_the_flat_one_after_a_call,
    exofork_looks_at_eax_alone,
    yield_leaves_its_number_in_eax,
}

fn the_number_is_in_eax_and_so_is_the_result() -> Outcome {
    let raw = interrupt(Registers { eax: 2, edx: 0xFFFF_FFFF, ..Registers::default() });
    equal("call 2", raw.eax, own(72))?;
    equal("the same", getenvid(), raw.eax)
}

/// Lab 6's `time_msec`, beside the native clock, which counts microseconds.
fn number_14_is_the_time_in_milliseconds() -> Outcome {
    let milliseconds = || {
        let [low, high, ..] = native(Syscall::Clock)?;
        Ok::<_, Seen>(((u64::from(high) << 32 | u64::from(low)) / 1000) as u32)
    };
    let start = milliseconds()?;
    until("time passes", || milliseconds().is_ok_and(|now| now >= start + 3))?;
    let before = milliseconds()?;
    let told = call(14, []).cast_unsigned();
    let after = milliseconds()?;
    holds("it lies between two looks at the clock", (before..=after).contains(&told))
}

fn numbers_from_15_to_31_are_unknown() -> Outcome {
    for number in 15..32 {
        equal("call", (number, call(number, [0, 0, 0, 0, 0])), (number, -3))?;
    }
    Ok(())
}

fn the_number_is_all_of_eax() -> Outcome {
    for number in [0x100, 0x102, 0x1_0000, 0x8000_0002, 0xFFFF_FF02, 0xFFFF_FFFF, 0xFFFF_FF00, 0x80]
    {
        equal("call", (number, call(number, [0, 0, 0, 0, 0])), (number, -3))?;
    }
    Ok(())
}

/// Calls 0 to 13 but 3 and 7, with arguments that do something or are refused.
fn every_call_keeps_the_other_registers() -> Outcome {
    let (page, other) = (fresh(1), test_page(2));
    let calls: [[u32; 6]; 16] = [
        [0, page, 1, 0xB, 0xD, 0x5],
        [1, 0xD, 0xC, 0xB, 0xD, 0x5],
        [2, 0xD, 0xC, 0xB, 0xD, 0x5],
        [3, 0xFFFF_FFFF, 0xC, 0xB, 0xD, 0x5],
        [4, 0, other, 7, 0xD, 0x5],
        [5, 0, page, 0, other, 7],
        [5, 0, page, 0, other, 8],
        [6, 0, other, 0xB, 0xD, 0x5],
        [8, 0, 2, 0xB, 0xD, 0x5],
        [8, 0, 3, 0xB, 0xD, 0x5],
        [9, 0xFFFF_FFFF, page, 0xB, 0xD, 0x5],
        [10, 0, 0, 0xB, 0xD, 0x5],
        [11, 0xD, 0xC, 0xB, 0xD, 0x5],
        [12, 0, 7, UTOP, 5, 0x5],
        [13, 1, 0xC, 0xB, 0xD, 0x5],
        [14, 0xD, 0xC, 0xB, 0xD, 0x5],
    ];
    for [eax, edx, ecx, ebx, edi, esi] in calls {
        let before = Registers {
            eax,
            edx,
            ecx,
            ebx,
            edi,
            esi,
            ebp: 0xB0,
            eflags: 0x246,
            ..Registers::default()
        };
        equal("registers", Registers { eax, ..interrupt(before) }, before)?;
    }
    Ok(())
}

fn recv_keeps_the_other_registers() -> Outcome {
    let sender = getenvid();
    let receiver = child(|| {
        let edx = UTOP;
        let before = Registers {
            eax: 13,
            edx,
            ecx: 1,
            ebx: 2,
            edi: 3,
            esi: 4,
            ebp: 5,
            eflags: 0x2D7,
            ..Registers::default()
        };
        equal("registers", interrupt(before), Registers { eax: 0, ..before })?;
        equal("sender", own(116), sender)
    })?;
    until("it is sent", || ipc_try_send(receiver, 9, UTOP, 0) == 0)?;
    ends_well(receiver)
}

/// Carry, parity, adjust, zero, sign, direction, overflow, alignment check, identification. The
/// interrupt flag and bit 1 are always set.
fn flags_survive_a_call() -> Outcome {
    for flag in [1_u32, 4, 0x10, 0x40, 0x80, 0x400, 0x800, 0x4_0000, 0x20_0000, 0x24_0CD5] {
        for number in [2, 11, 14] {
            let before = Registers { eax: number, eflags: 0x202 | flag, ..Registers::default() };
            equal("flags", interrupt(before).eflags, before.eflags)?;
        }
    }
    Ok(())
}

/// IOPL, nested task and the interrupt flag: a program cannot change them before a call, and does
/// not get them by a call.
fn flags_of_the_system_cannot_be_changed() -> Outcome {
    for flags in [0x3002, 0x3202, 0x2] {
        let after = interrupt(Registers { eax: 2, eflags: flags, ..Registers::default() }).eflags;
        equal("IOPL and the interrupt flag", after & 0x3200, 0x200)?;
    }
    Ok(())
}

/// In JOS, es and ds keep any selector.
fn es_is_the_flat_one_after_a_call() -> Outcome {
    for selector in [0x23, 0, 0x1B, 3] {
        equal("es", es_after_a_call(selector), 0x23)?;
    }
    Ok(())
}

fn exofork_looks_at_eax_alone() -> Outcome {
    let junk = Registers {
        eax: 7,
        edx: 0xFFFF_FFFF,
        ecx: 0xF000_0000,
        ebx: 0xFFFF_FFFF,
        edi: 0x8000_0001,
        esi: 0xEEC0_0001,
        ebp: 0xFFFF_FFFC,
        eflags: 0x8D7,
        ..Registers::default()
    };
    let parent = interrupt(junk);
    holds("a child", parent.eax.cast_signed() > 0)?;
    let expected = Registers { eax: parent.eax, eflags: 0xAD7, ..junk };
    end(parent.eax)?;
    equal("the parent's registers", parent, expected)
}

fn yield_leaves_its_number_in_eax() -> Outcome {
    write_board(0, 0);
    let other = stopped_child(|| {
        write_board(0, 1);
        Ok(())
    })?;
    equal("result", sys_yield(), 11)?;
    equal("start", call(8, [other, 2]), 0)?;
    equal("result with another to run", call(11, []), 11)?;
    equal("the other has run", read_board(0), 1)?;
    equal("an unknown one", call(15, []), INVALID)?;
    ends_well(other)
}
