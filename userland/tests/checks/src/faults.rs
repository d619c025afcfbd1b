//! Page faults that a process handles itself: nested faults, full stacks, invalid handlers.

use core::sync::atomic::{AtomicU32, Ordering};

use libsys::abi::fault::Access;
use libsys::abi::layout::{EXCEPTION_STACK, KERNEL_BASE, PAGE_SIZE};
use libsys::abi::process_info::Status;
use libsys::abi::registers::UserRegisters;
use libsys::paging::fault::{Fault, Handled, set_handler};
use libsys::process::info;
use libsys::{
    Permissions, Target, UserPage, page_allocate, page_map, page_unmap, process_start,
    range_protect,
};

use crate::bare::{self, LOAD, at};
use crate::expect::{Outcome, checks, equal, holds};
use crate::family::{PAGE_FAULT, child, ends_well, is_killed, until};
use crate::memory::{bits, fresh, test_page, test_pages};
use support::memory::{load, store};

checks! {
    a_handler_learns_the_access,
    a_handler_may_fault_itself,
    faults_nest_until_the_exception_stack_is_full,
    an_exception_stack_that_runs_over_ends_its_process,
    a_handler_that_passes_on_leaves_it_to_the_pager,
    a_handler_in_kernel_memory_ends_its_process,
    a_handler_without_an_exception_stack_is_passed_over,
    an_exception_stack_that_cannot_be_written_is_passed_over,
    without_handler_and_pager_a_fault_is_the_end,
    a_fault_that_is_mended_already_just_resumes,
}

const SELF: Target = Target::Caller;
const WRITE: Permissions = Permissions::WRITE;

/// How many faults the handlers below got.
static FAULTS: AtomicU32 = AtomicU32::new(0);
static ADDRESS: AtomicU32 = AtomicU32::new(0);
static ACCESS: AtomicU32 = AtomicU32::new(0);

fn note(fault: &Fault<'_>) {
    FAULTS.fetch_add(1, Ordering::Relaxed);
    ADDRESS.store(fault.address(), Ordering::Relaxed);
    ACCESS.store(fault.access().bits(), Ordering::Relaxed);
}

fn noted() -> (u32, u32, u32) {
    let value = |cell: &AtomicU32| cell.load(Ordering::Relaxed);
    (value(&FAULTS), value(&ADDRESS), value(&ACCESS))
}

fn map_zeros(fault: &mut Fault<'_>) -> Handled {
    note(fault);
    match fault.page() {
        Some(page) if page_allocate(SELF, page, WRITE).is_ok() => Handled::Resume,
        Some(_) | None => Handled::PassOn,
    }
}

fn a_handler_learns_the_access() -> Outcome {
    set_handler(Some(map_zeros))?;
    let address = test_page(0).address();
    equal("what is read", load(address + 8), 0)?;
    equal("a read of an absent page", noted(), (1, address + 8, Access::USER.bits()))?;
    store(test_page(1).address() + 0xFFC, 5);
    let write = Access::USER | Access::WRITE;
    equal("a write to an absent page", noted(), (2, test_page(1).address() + 0xFFC, write.bits()))?;
    equal("what was written", load(test_page(1).address() + 0xFFC), 5)?;
    let change = libsys::call::Change { drop: WRITE, add: Permissions::empty() };
    range_protect(SELF, test_pages(1, 1)?, change)?;
    store(test_page(1).address(), 6);
    let protected = write | Access::PROTECTION;
    equal("a write to a read-only page", noted(), (3, test_page(1).address(), protected.bits()))
}

/// The first fault's handler touches a second absent page, whose handler touches a third.
fn a_handler_may_fault_itself() -> Outcome {
    fn nesting(fault: &mut Fault<'_>) -> Handled {
        note(fault);
        let address = fault.address();
        if address > test_page(0).address() {
            store(address - PAGE_SIZE, address);
        }
        match fault.page() {
            Some(page) if page_allocate(SELF, page, WRITE).is_ok() => Handled::Resume,
            Some(_) | None => Handled::PassOn,
        }
    }
    set_handler(Some(nesting))?;
    store(test_page(3).address(), 0x333);
    equal("faults", noted().0, 4)?;
    equal("the first", load(test_page(3).address()), 0x333)?;
    for index in 0..3 {
        let stored = test_page(index + 1).address();
        equal("stored by a handler", load(test_page(index).address()), stored)?;
    }
    Ok(())
}

fn faults_nest_until_the_exception_stack_is_full() -> Outcome {
    fn endless(fault: &mut Fault<'_>) -> Handled {
        store(fault.address() + PAGE_SIZE, 0);
        Handled::Resume
    }
    let child = child(|| {
        set_handler(Some(endless))?;
        store(test_page(0).address(), 0);
        Ok(())
    })?;
    is_killed(child, PAGE_FAULT)
}

/// The handler moves its stack pointer past the end of its stack, as a function with many locals
/// does, and then uses the stack. If the kernel began again at the top, this would repeat for ever.
fn an_exception_stack_that_runs_over_ends_its_process() -> Outcome {
    let mut code = [0x90; 0x16];
    code[..LOAD.len()].copy_from_slice(LOAD);
    // sub esp, 64; push eax; jmp to the sub
    code[0x10..].copy_from_slice(&[0x83, 0xEC, 0x40, 0x50, 0xEB, 0xFA]);
    let child = bare::bare(&code, at(test_page(0).address()))?;
    page_allocate(child, UserPage::known(EXCEPTION_STACK), WRITE)?;
    bare::set_handler(child, bare::CODE + 0x10)?;
    process_start(child)?;
    until("it has ended", || {
        info::process(child).is_some_and(|info| info.status == Status::Dying as u32)
    })?;
    is_killed(child, PAGE_FAULT)
}

fn a_handler_that_passes_on_leaves_it_to_the_pager() -> Outcome {
    fn pass_on(fault: &mut Fault<'_>) -> Handled {
        note(fault);
        Handled::PassOn
    }
    set_handler(Some(pass_on))?;
    // The pager or the regions provide the heap.
    let heap = libsys::paging::regions::HEAP_END - 16 * PAGE_SIZE;
    store(heap, 3);
    equal("the handler was asked first", noted().0, 1)?;
    equal("and the page came", load(heap), 3)?;
    let child = child(|| {
        load(test_page(0).address());
        Ok(())
    })?;
    is_killed(child, PAGE_FAULT)
}

/// A child whose faults go to `handler`, with or without an exception stack. It touches an absent
/// page.
fn faulting(handler: u32, stack: Option<Permissions>) -> Result<libsys::ProcessId, libsys::Error> {
    let child = bare::bare(LOAD, at(test_page(0).address()))?;
    if let Some(permissions) = stack {
        page_allocate(child, UserPage::known(EXCEPTION_STACK), permissions)?;
    }
    bare::set_handler(child, handler)?;
    process_start(child)?;
    Ok(child)
}

fn a_handler_in_kernel_memory_ends_its_process() -> Outcome {
    for handler in [KERNEL_BASE + 0x10_0000, 0xFFFF_FFFF, 0xEF80_0000, 0x5000_0000, 1] {
        is_killed(faulting(handler, Some(WRITE))?, PAGE_FAULT)?;
    }
    Ok(())
}

fn a_handler_without_an_exception_stack_is_passed_over() -> Outcome {
    is_killed(faulting(bare::CODE, None)?, PAGE_FAULT)
}

fn an_exception_stack_that_cannot_be_written_is_passed_over() -> Outcome {
    is_killed(faulting(bare::CODE, Some(Permissions::empty()))?, PAGE_FAULT)
}

fn without_handler_and_pager_a_fault_is_the_end() -> Outcome {
    for address in [0, test_page(0).address(), 0xEEBF_DFFC] {
        is_killed(bare::run(LOAD, at(address))?, PAGE_FAULT)?;
    }
    Ok(())
}

/// The parent maps the page while the child is stopped with its fault pending: the child just
/// resumes.
fn a_fault_that_is_mended_already_just_resumes() -> Outcome {
    let page = fresh(0)?;
    store(page.address(), 0x77);
    let child = bare::bare(LOAD, UserRegisters { ebx: page.address(), ..at(0) })?;
    page_map((SELF, page), (child, page), Permissions::empty())?;
    process_start(child)?;
    crate::family::ends(child, libsys::abi::message::Reason::Exited, 0x77)?;
    // W was dropped and added again: the CPU must not fault because of an old translation.
    let family = crate::family::child(|| {
        let change = libsys::call::Change { drop: WRITE, add: Permissions::empty() };
        let back = libsys::call::Change { drop: Permissions::empty(), add: WRITE };
        fresh(1)?;
        for round in 0..10 {
            range_protect(SELF, test_pages(1, 1)?, change)?;
            load(test_page(1).address());
            range_protect(SELF, test_pages(1, 1)?, back)?;
            store(test_page(1).address(), round);
            holds("it was written", bits(test_page(1)) & 0x40 != 0)?;
        }
        page_unmap(SELF, test_page(1), Permissions::empty())?;
        Ok(())
    })?;
    ends_well(family)
}
