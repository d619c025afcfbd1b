//! Calls that touch absent memory of their caller: the fault is handled, the call restarts, and
//! nothing happens twice.

use core::sync::atomic::{AtomicU32, Ordering};

use libsys::abi::layout::PAGE_SIZE;
use libsys::abi::registers::UserRegisters;
use libsys::paging::fault::{Fault, Handled, set_handler};
use libsys::process::end;
use libsys::{
    Permissions, Target, page_allocate, process_create, range_protect, registers_read,
    registers_write,
};

use crate::bare::{self, CALL};
use crate::expect::{Outcome, checks, equal};
use crate::family::{PAGE_FAULT, child, is_killed, until, until_blocked};
use crate::memory::{BOARD, children, fresh, share_board, test_page, test_pages};
use support::Registers;
use support::gate::{interrupt, sysenter};
use support::memory::{load, store};

checks! {
    a_write_from_an_absent_buffer_appears_once,
    a_write_from_a_lazy_page_restarts_under_the_pager,
    registers_are_written_from_an_absent_buffer,
    registers_are_read_into_a_copy_on_write_buffer,
    a_read_into_an_absent_buffer_restarts_and_waits,
    a_call_with_a_bad_buffer_ends_a_process_that_nobody_helps,
}

const SELF: Target = Target::Caller;
const WRITE: Permissions = Permissions::WRITE;
static FAULTS: AtomicU32 = AtomicU32::new(0);

/// A fault handler that maps a page full of one letter, which follows from its address; it counts
/// the faults.
fn map_letters(fault: &mut Fault<'_>) -> Handled {
    FAULTS.fetch_add(1, Ordering::Relaxed);
    let Some(page) = fault.page().filter(|page| page_allocate(SELF, *page, WRITE).is_ok()) else {
        return Handled::PassOn;
    };
    for word in 0..PAGE_SIZE / 4 {
        store(page.address() + 4 * word, 0x2E2E_2E2E);
    }
    Handled::Resume
}

fn faults() -> u32 {
    FAULTS.swap(0, Ordering::Relaxed)
}

/// The buffer crosses two absent pages: two faults, one line.
fn a_write_from_an_absent_buffer_appears_once() -> Outcome {
    set_handler(Some(map_letters))?;
    for (round, gate) in [interrupt, sysenter].into_iter().enumerate() {
        let buffer = test_page(10 * round as u32 + 1).address() - 3;
        let raw = gate(Registers { eax: 68, ebx: buffer, esi: 6, ..Registers::default() });
        libsys::println!();
        equal("result", (raw.eax, raw.ebx), (0, 6))?;
        equal("faults", faults(), 2)?;
    }
    Ok(())
}

fn a_write_from_a_lazy_page_restarts_under_the_pager() -> Outcome {
    let heap = libsys::paging::regions::HEAP_END - 32 * PAGE_SIZE;
    let raw =
        interrupt(Registers { eax: 68, ebx: heap + PAGE_SIZE - 2, esi: 4, ..Registers::default() });
    equal("result", (raw.eax, raw.ebx), (0, 4))?;
    // The JOS call prints up to the first zero, which is the first byte.
    let jos = interrupt(Registers {
        eax: 0,
        edx: heap + 4 * PAGE_SIZE - 2,
        ecx: 4,
        ..Registers::default()
    });
    equal("cputs", jos.eax, 0)
}

fn registers_are_written_from_an_absent_buffer() -> Outcome {
    set_handler(Some(map_letters))?;
    let child = process_create()?;
    for (index, gate) in [interrupt, sysenter].into_iter().enumerate() {
        let buffer = test_page(10 * index as u32 + 1).address() - 20;
        let who = child.bits();
        let raw =
            gate(Registers { eax: 46, edx: who, edi: who, ebx: buffer, ..Registers::default() });
        equal("result", raw.eax, 0)?;
        equal("faults", faults(), 2)?;
        let registers = registers_read(child)?;
        equal("both halves", (registers.edi, registers.esp), (0x2E2E_2E2E, 0x2E2E_2E2E))?;
        registers_write(child, &UserRegisters::default())?;
    }
    end(child)?;
    Ok(())
}

fn registers_are_read_into_a_copy_on_write_buffer() -> Outcome {
    let buffer = fresh(0)?.address();
    let process = process_create()?;
    registers_write(process, &UserRegisters { eax: 0xEA, ..UserRegisters::default() })?;
    // The fork has dropped W from the buffer here.
    let reader = child(|| Ok(()))?;
    let raw =
        interrupt(Registers { eax: 45, edx: process.bits(), ebx: buffer, ..Registers::default() });
    equal("result", raw.eax, 0)?;
    equal("eax of the process", load(buffer + 24), 0xEA)?;
    crate::family::ends_well(reader)?;
    end(process)?;
    Ok(())
}

fn a_read_into_an_absent_buffer_restarts_and_waits() -> Outcome {
    share_board()?;
    let reader = child(|| {
        fn map_and_tell(fault: &mut Fault<'_>) -> Handled {
            store(BOARD.address(), fault.address());
            map_letters(fault)
        }
        set_handler(Some(map_and_tell))?;
        let buffer = test_page(0).address();
        interrupt(Registers { eax: 69, ebx: buffer, esi: 100, ..Registers::default() });
        Ok(())
    })?;
    until("the buffer was touched", || load(BOARD.address()) == test_page(0).address())?;
    until_blocked(reader)?;
    end(reader)?;
    // A read-only buffer cannot be read into.
    let reader = child(|| {
        fresh(0)?;
        let change = libsys::call::Change { drop: WRITE, add: Permissions::empty() };
        range_protect(SELF, test_pages(0, 1)?, change)?;
        interrupt(Registers {
            eax: 69,
            ebx: test_page(0).address(),
            esi: 1,
            ..Registers::default()
        });
        Ok(())
    })?;
    is_killed(reader, PAGE_FAULT)
}

fn a_call_with_a_bad_buffer_ends_a_process_that_nobody_helps() -> Outcome {
    for number in [45, 46, 68, 69] {
        let registers = UserRegisters {
            eax: number,
            ebx: test_page(0).address(),
            esi: 1,
            ..UserRegisters::default()
        };
        let child = child(|| {
            // Calls 45 and 46 need a child of the caller.
            let own = process_create()?;
            let raw = Registers {
                eax: number,
                edx: own.bits(),
                ebx: test_page(0).address(),
                esi: 1,
                ..Registers::default()
            };
            interrupt(raw);
            Ok(())
        })?;
        is_killed(child, PAGE_FAULT)?;
        // The children of that process are children of this one now.
        for child in children() {
            libsys::destroy(child, false)?;
        }
        if number >= 68 {
            is_killed(bare::run(CALL, registers)?, PAGE_FAULT)?;
        }
    }
    Ok(())
}
