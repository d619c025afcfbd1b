//! `upcall`: page faults that a program handles itself: the address of the record, its contents,
//! and how an upcall returns.
#![no_std]
#![no_main]

use conformance::calls::{env_set_pgfault_upcall, page_alloc, page_map, page_unmap};
use conformance::claims::{Outcome, equal, holds};
use conformance::family::kills;
use conformance::shown::{READ, RUNS, WRITE, own, test_page};
use conformance::upcall::{
    Access, Caught, EXCEPTION_STACK, fault_within, faults, handle_faults, handled,
    load_instruction, load_with, touch,
};
use support::Registers;
use support::memory::{load, store};

conformance::program! {
    the_record_is_the_last_52_bytes_of_the_exception_stack,
    the_record_tells_the_address,
    the_record_tells_the_error_code,
    the_record_tells_the_registers,
    an_upcall_finds_all_registers_as_they_were,
    interrupts_stay_on_in_an_upcall,
    a_record_on_the_exception_stack_leaves_a_blank_word,
    the_exception_stack_begins_at_eebff000_and_ends_below_eec00000,
    a_record_may_fill_the_exception_stack_to_its_first_byte,
    the_stack_may_be_anywhere,
    an_upcall_returns_without_a_call,
    registers_and_flags_survive_a_fault,
    an_upcall_may_fault_itself,
    an_instruction_that_is_absent_faults_at_its_own_address,
    a_fault_in_the_kernels_half_is_told_too,
    upcall_zero_is_no_upcall,
    an_upcall_is_looked_at_when_it_is_needed,
}

const PATTERN: Registers = Registers {
    edi: 0xED1,
    esi: 0xE51,
    ebp: 0xEB9,
    ebx: 0xEB1,
    edx: 0xED2,
    ecx: 0,
    eax: 0xEA1,
    esp: 0x1234_5678,
    eflags: 0xAD7,
    eip: 0,
};

/// Touches an address, with all other registers as in [`PATTERN`] and an exception stack.
fn fault(access: Access, address: u32, esp: u32) -> Option<Caught> {
    page_alloc(0, EXCEPTION_STACK, WRITE);
    touch(access, Registers { ecx: address, esp, ..PATTERN })
}

/// The address of the record for a fault with this stack pointer.
fn record_at(esp: u32) -> Option<u32> {
    fault(Access::Read, test_page(800), esp).map(|caught| caught.registers.esp)
}

fn the_record_is_the_last_52_bytes_of_the_exception_stack() -> Outcome {
    equal("esp", record_at(0xEEBF_D800), Some(0xEEBF_FFCC))
}

fn the_record_tells_the_address() -> Outcome {
    for address in [
        0,
        1,
        test_page(800),
        test_page(800) + 0xFFC,
        0xEEBF_E000,
        0xEF7F_FFFC,
        0xF000_0000,
        0xFFFF_FFFC,
    ] {
        let found = fault(Access::Read, address, 0).map(|caught| caught.word(0));
        equal("fault_va, offset 0", found, Some(address))?;
    }
    Ok(())
}

/// 1: the page is present, 2: a write, 4: in ring 3.
fn the_record_tells_the_error_code() -> Outcome {
    let code = |access, address| fault(access, address, 0).map(|caught| caught.word(4));
    equal("read, absent", code(Access::Read, test_page(800)), Some(4))?;
    equal("write, absent", code(Access::Write, test_page(800)), Some(6))?;
    equal("a page without W", page_alloc(0, test_page(1), READ), 0)?;
    equal("it can be read", code(Access::Read, test_page(1)), None)?;
    equal("write, read-only", code(Access::Write, test_page(1)), Some(7))?;
    equal("read, the kernel's", code(Access::Read, 0xF010_0000), Some(5))?;
    equal("write, the kernel's", code(Access::Write, 0xF010_0000), Some(7))?;
    equal("write, the window", code(Access::Write, 0xEF7B_D000), Some(7))
}

/// edi 8, esi 12, ebp 16, ebx 24, edx 28, ecx 32, eax 36, eip 40, eflags 44, esp 48.
fn the_record_tells_the_registers() -> Outcome {
    let Some(caught) = fault(Access::Read, test_page(800), 0x1234_5678) else {
        return holds("it faults", false);
    };
    let words = [8, 12, 16, 24, 28, 32, 36].map(|offset| caught.word(offset));
    equal("general", words, [0xED1, 0xE51, 0xEB9, 0xEB1, 0xED2, test_page(800), 0xEA1])?;
    equal("eip", caught.word(40), load_instruction())?;
    // Bit 16 is the resume flag, which the CPU sets in the image that a fault saves (Intel SDM vol.
    // 3B, 18.3.1.1).
    equal("eflags", caught.word(44) & !0x1_0000, 0xAD7)?;
    equal("esp", caught.word(48), 0x1234_5678)
}

fn an_upcall_finds_all_registers_as_they_were() -> Outcome {
    let Some(caught) = fault(Access::Write, test_page(800), 0xEEBF_D800) else {
        return holds("it faults", false);
    };
    let flags = caught.registers.eflags & !0x1_0000;
    let expected = Registers { ecx: test_page(800), esp: 0xEEBF_FFCC, ..PATTERN };
    equal("general", Registers { eflags: flags, ..caught.registers }, expected)?;
    equal("ds, es, fs, gs, ss, cs", caught.selectors, [0x23, 0x23, 0x23, 0x23, 0x23, 0x1B])
}

fn interrupts_stay_on_in_an_upcall() -> Outcome {
    let flags =
        fault(Access::Read, test_page(800), 0).map(|caught| caught.registers.eflags & 0x3200);
    equal("IOPL and the interrupt flag", flags, Some(0x200))
}

/// The record ends 4 bytes below the stack pointer; the word between is for the return address.
fn a_record_on_the_exception_stack_leaves_a_blank_word() -> Outcome {
    for esp in [0xEEBF_FFCC, 0xEEBF_F800, 0xEEBF_F7FE] {
        page_alloc(0, EXCEPTION_STACK, WRITE);
        store(esp - 4, 0xB1A4);
        store(esp, 0x01D);
        let caught = touch(Access::Read, Registers { ecx: test_page(800), esp, ..PATTERN });
        let found = caught.map(|caught| (caught.registers.esp, caught.word(48)));
        equal("record and esp", found, Some((esp - 56, esp)))?;
        equal("blank word and what is above", [load(esp - 4), load(esp)], [0xB1A4, 0x01D])?;
    }
    Ok(())
}

fn the_exception_stack_begins_at_eebff000_and_ends_below_eec00000() -> Outcome {
    for (esp, record) in [
        (0xEEC0_0000, 0xEEBF_FFCC),
        (0xEEBF_FFFF, 0xEEBF_FFC7),
        (0xEEBF_FFFC, 0xEEBF_FFC4),
        (0xEEBF_E000, 0xEEBF_FFCC),
        (0xEEC0_0004, 0xEEBF_FFCC),
    ] {
        equal("record", (esp, record_at(esp)), (esp, Some(record)))?;
    }
    Ok(())
}

fn a_record_may_fill_the_exception_stack_to_its_first_byte() -> Outcome {
    equal("record", record_at(0xEEBF_F038), Some(0xEEBF_F000))
}

fn the_stack_may_be_anywhere() -> Outcome {
    for esp in [0, 4, 3, 0x0080_0000, test_page(800), 0xEEBF_D000, 0xF000_0000, 0xFFFF_FFFF] {
        equal("record", (esp, record_at(esp)), (esp, Some(0xEEBF_FFCC)))?;
    }
    Ok(())
}

fn an_upcall_returns_without_a_call() -> Outcome {
    handle_faults();
    let runs = own(RUNS);
    store(test_page(801), 7);
    equal("word", load(test_page(801)), 7)?;
    equal("faults", faults(), 1)?;
    let (record, words) = handled(0);
    equal("record", record, 0xEEBF_FFCC)?;
    equal("address and error code", [words[0], words[1]], [test_page(801), 6])?;
    holds("no switch was needed", own(RUNS).wrapping_sub(runs) <= 1)?;
    env_set_pgfault_upcall(0, 0);
    Ok(())
}

/// Also the direction flag, and `eax`, which is loaded in the end.
fn registers_and_flags_survive_a_fault() -> Outcome {
    handle_faults();
    for flags in [0x202, 0xAD7, 0x6D7] {
        equal("unmap", page_unmap(0, test_page(802)), 0)?;
        let before = Registers { ecx: test_page(802), eflags: flags, ..PATTERN };
        let faults_before = faults();
        let after = load_with(before);
        equal("a fault", faults(), faults_before + 1)?;
        equal("registers", after, Registers { eax: 0, ..before })?;
    }
    env_set_pgfault_upcall(0, 0);
    Ok(())
}

fn an_upcall_may_fault_itself() -> Outcome {
    handle_faults();
    fault_within(test_page(805));
    store(test_page(804), 7);
    equal("faults", faults(), 2)?;
    equal("words", [load(test_page(804)), load(test_page(805))], [7, 0])?;
    let ((outer, first), (inner, second)) = (handled(0), handled(1));
    equal("addresses", [first[0], second[0]], [test_page(804), test_page(805)])?;
    equal("outer record", outer, 0xEEBF_FFCC)?;
    equal("inner record", inner, second[12] - 56)?;
    holds("it lies below", second[12] <= outer)?;
    env_set_pgfault_upcall(0, 0);
    Ok(())
}

fn an_instruction_that_is_absent_faults_at_its_own_address() -> Outcome {
    for (address, code) in [(test_page(806), 4), (0, 4), (0xF010_0000, 5)] {
        let caught = fault(Access::Execute(address), 0, 0xEEBF_D800);
        // On a machine without the execute-disable bit, the error code does not tell that an
        // instruction was fetched.
        let found = caught.map(|caught| (caught.word(0), caught.word(4), caught.word(40)));
        equal("address, code, eip", found, Some((address, code, address)))?;
    }
    Ok(())
}

fn a_fault_in_the_kernels_half_is_told_too() -> Outcome {
    for address in [0xF000_0000, 0xEFC0_0000, 0xEF80_0000, 0xFFC0_0000, 0xFFFF_F000] {
        let found = fault(Access::Read, address, 0).map(|caught| caught.word(0));
        equal("address", found, Some(address))?;
    }
    Ok(())
}

fn upcall_zero_is_no_upcall() -> Outcome {
    kills(|| {
        handle_faults();
        load(test_page(807));
        env_set_pgfault_upcall(0, 0);
        load(test_page(808));
    })
}

/// Any address is accepted. An absent one faults in turn, until the exception stack is full.
fn an_upcall_is_looked_at_when_it_is_needed() -> Outcome {
    for entry in [1, test_page(809), 0xEF40_0000, 0xF010_0000, 0xFFFF_FFFF] {
        equal("result", env_set_pgfault_upcall(0, entry), 0)?;
    }
    equal("none", env_set_pgfault_upcall(0, 0), 0)?;
    for entry in [test_page(809), 0xF010_0000] {
        kills(|| {
            page_alloc(0, EXCEPTION_STACK, WRITE);
            page_map((0, EXCEPTION_STACK), (0, EXCEPTION_STACK), WRITE);
            env_set_pgfault_upcall(0, entry);
            load(test_page(810));
        })?;
    }
    Ok(())
}
