//! The JOS calls 0 to 14: they have JOS's numbers and rules, without its faults.

use libsys::abi::layout::{PAGE_SIZE, USER_TOP};
use libsys::abi::process_info::{ProcessInfo, Status};
use libsys::abi::registers::UserRegisters;
use libsys::paging::fixed_pages::Scratch;
use libsys::process::info;
use libsys::process::{id, wait};
use libsys::{
    Error, Permissions, ProcessId, Target, page_allocate, process_start, registers_read, set_quota,
};

use crate::bare::{self, CALL, CODE, STORE};
use crate::expect::{Outcome, checks, equal, refused};
use crate::family::{
    PAGE_FAULT, child, ends, ends_well, is_killed, until, until_blocked, until_gone,
};
use crate::memory::{BOARD, bits, children, fresh, leaf, mappings, parent, stale_id, test_page};
use support::Registers;
use support::gate::interrupt;
use support::memory::{load, store};

checks! {
    jos_cputs_stops_at_a_zero_and_at_its_length,
    jos_cputs_of_bad_memory_ends_its_process,
    jos_cgetc_does_not_wait,
    jos_getenvid_is_the_callers_id,
    jos_env_destroy_leaves_nothing_to_wait_for,
    jos_page_alloc_checks_its_arguments,
    jos_page_map_checks_its_arguments,
    jos_page_unmap_of_nothing_is_no_error,
    jos_exofork_makes_an_empty_child_that_does_not_run,
    jos_trapframe_and_status_start_a_child,
    jos_trapframe_takes_no_selector_from_a_program,
    jos_status_is_runnable_or_not,
    jos_calls_reach_only_the_caller_and_its_children,
    jos_upcalls_are_set_for_oneself_and_children,
    jos_yield_leaves_registers_alone,
    jos_ipc_needs_a_receiver,
    jos_ipc_brings_a_value_and_its_sender,
    jos_ipc_brings_a_page_only_if_both_want,
    jos_ipc_checks_the_page,
    jos_ipc_receivers_stay_blocked_when_made_runnable,
    jos_errors_for_quotas_are_joss,
}

const BAD_ENV: u32 = 0xFFFF_FFFE;
const INVALID: u32 = 0xFFFF_FFFD;
const NO_MEMORY: u32 = 0xFFFF_FFFC;
/// JOS's "no free environment".
const NO_FREE_ENV: u32 = 0xFFFF_FFFB;
const NOT_RECEIVING: u32 = 0xFFFF_FFF9;

/// The permissions P and U, and the same with W.
const READ: u32 = 5;
const READ_WRITE: u32 = 7;
const NO_PAGE: u32 = USER_TOP;

/// Arguments in JOS's order: edx, ecx, ebx, edi, esi.
fn jos<const N: usize>(number: u32, arguments: [u32; N]) -> u32 {
    let argument = |index: usize| arguments.get(index).copied().unwrap_or(0);
    let raw = Registers {
        eax: number,
        edx: argument(0),
        ecx: argument(1),
        ebx: argument(2),
        edi: argument(3),
        esi: argument(4),
        ..Registers::default()
    };
    interrupt(raw).eax
}

fn exofork() -> Result<ProcessId, Error> {
    let child = jos(7, []);
    assert!(child != 0, "the child has no memory to run in");
    Error::check(child).and_then(ProcessId::new)
}

fn jos_cputs_stops_at_a_zero_and_at_its_length() -> Outcome {
    let page = fresh(0)?.address();
    let text = *b"jos: seen\n\0not seen\n";
    for (index, word) in text.chunks(4).enumerate() {
        let word = word.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
        store(page + 4 * index as u32, word);
    }
    equal("up to the zero", jos(0, [page, PAGE_SIZE]), 0)?;
    equal("up to the length", jos(0, [page + 5, 4]), 0)?;
    equal("nothing", jos(0, [page, 0]), 0)?;
    libsys::println!();
    // Longer than the kernel reads at a time, and only zeros from there on.
    fresh(1)?;
    equal("two pages", jos(0, [page + 10, 2 * PAGE_SIZE - 10]), 0)
}

fn jos_cputs_of_bad_memory_ends_its_process() -> Outcome {
    for (address, length) in [
        (test_page(0).address(), 1),
        (0xF010_0000, 4),
        (USER_TOP - 1, 1),
        (0xFFFF_FFFF, 2),
        (CODE, 0x1001),
    ] {
        let registers =
            UserRegisters { eax: 0, edx: address, ecx: length, ..UserRegisters::default() };
        is_killed(bare::run(CALL, registers)?, PAGE_FAULT)?;
    }
    // Not even with a handler: JOS calls never raise the caller's own handler.
    let child = bare::bare(
        CALL,
        UserRegisters { edx: test_page(0).address(), ecx: 1, ..UserRegisters::default() },
    )?;
    page_allocate(child, libsys::UserPage::known(0xEEBF_F000), Permissions::WRITE)?;
    equal("upcall", jos(10, [child.bits(), CODE + 2]), 0)?;
    process_start(child)?;
    is_killed(child, PAGE_FAULT)
}

fn jos_cgetc_does_not_wait() -> Outcome {
    equal("nothing was typed", jos(1, []), 0)
}

fn jos_getenvid_is_the_callers_id() -> Outcome {
    equal("id", jos(2, []), id().bits())
}

fn jos_env_destroy_leaves_nothing_to_wait_for() -> Outcome {
    equal("a stale id", jos(3, [stale_id()?.bits()]), BAD_ENV)?;
    equal("the parent", jos(3, [parent()?.bits()]), BAD_ENV)?;
    equal("no id at all", jos(3, [0x8000_0001]), BAD_ENV)?;
    let child = exofork()?;
    equal("a child", jos(3, [child.bits()]), 0)?;
    until_gone(child)?;
    refused("wait", wait(Some(child)), Error::NoChild)?;
    // 0 names the caller: a native parent sees an exit.
    let child = crate::family::child(|| {
        jos(3, [0]);
        equal("it came back", true, false)
    })?;
    ends_well(child)
}

fn jos_page_alloc_checks_its_arguments() -> Outcome {
    let page = test_page(0).address();
    equal("a page", jos(4, [0, page, READ_WRITE]), 0)?;
    equal("flags", bits(test_page(0)), 0x007)?;
    // The mark PAGER is ignored.
    equal("with marks", jos(4, [id().bits(), page, READ | 0xE00]), 0)?;
    equal("flags", bits(test_page(0)), 0xC05)?;
    let before = leaf(test_page(0));
    for perm in [0, 1, 2, 3, 4, 6, 0x15, 0x27, 0x47, 0x87, 0x105, 0x1007, 0xFFFF_FFFF, 0x8000_0005]
    {
        equal("permissions", jos(4, [0, page, perm]), INVALID)?;
    }
    for va in [1, page + 0xFFF, USER_TOP, 0xEF40_0000, 0xF000_0000, 0xFFFF_F000, 0xFFFF_FFFF] {
        equal("address", jos(4, [0, va, READ]), INVALID)?;
    }
    for env in [stale_id()?.bits(), parent()?.bits(), 0xFFFF_FFFF] {
        equal("environment", jos(4, [env, page, READ]), BAD_ENV)?;
    }
    equal("the page", leaf(test_page(0)), before)
}

fn jos_page_map_checks_its_arguments() -> Outcome {
    let (from, to) = (test_page(0).address(), test_page(1).address());
    equal("nothing there", jos(5, [0, from, 0, to, READ]), INVALID)?;
    page_allocate(Target::Caller, test_page(0), Permissions::empty())?;
    equal("W from a page without it", jos(5, [0, from, 0, to, READ_WRITE]), INVALID)?;
    for perm in [0, 3, 4, 0x25, 0x107, 0x1005] {
        equal("permissions", jos(5, [0, from, 0, to, perm]), INVALID)?;
    }
    for va in [from + 1, USER_TOP, 0xEF7B_D000, 0xFFFF_F000] {
        equal("source", jos(5, [0, va, 0, to, READ]), INVALID)?;
        equal("destination", jos(5, [0, from, 0, va, READ]), INVALID)?;
    }
    let stale = stale_id()?.bits();
    equal("from nobody", jos(5, [stale, from, 0, to, READ]), BAD_ENV)?;
    equal("to nobody", jos(5, [0, from, stale, to, READ]), BAD_ENV)?;
    equal("nothing was mapped", bits(test_page(1)), 0)?;
    equal("at last", jos(5, [0, from, 0, to, READ | 0x800]), 0)?;
    equal("flags", (bits(test_page(1)), mappings(test_page(0))), (0x805, Some(2)))
}

fn jos_page_unmap_of_nothing_is_no_error() -> Outcome {
    let page = fresh(0)?.address();
    equal("a page", jos(6, [0, page]), 0)?;
    equal("once more", jos(6, [0, page]), 0)?;
    equal("no table", jos(6, [0, test_page(9000).address()]), 0)?;
    equal("the entry", leaf(test_page(0)).bits(), 0)?;
    for va in [1, USER_TOP, 0xEF40_0000, 0xFFFF_FFFF] {
        equal("address", jos(6, [0, va]), INVALID)?;
    }
    equal("environment", jos(6, [parent()?.bits(), page]), BAD_ENV)
}

fn jos_exofork_makes_an_empty_child_that_does_not_run() -> Outcome {
    let child = exofork()?;
    let public = info::process(child).map(|info| (info.status, info.parent));
    equal("status and parent", public, Some((Status::NotRunnable as u32, id().bits())))?;
    equal("eax in the child", registers_read(child)?.eax, 0)?;
    equal("frames", libsys::usage(child)?.frames, 1)?;
    refused("nobody waits for it", wait(Some(child)), Error::NoChild)?;
    equal("end", jos(3, [child.bits()]), 0)?;
    until_gone(child)
}

/// Puts JOS's 68-byte record at test page 9: eip 48, cs 52, eflags 56, esp 60, ss 64.
fn put_trapframe(ebx: u32, ecx: u32, selectors: [u32; 4]) -> Result<u32, Error> {
    let at = fresh(9)?.address();
    let [es, ds, cs, ss] = selectors;
    for (offset, value) in [
        (16, ebx),
        (24, ecx),
        (32, es),
        (36, ds),
        (48, CODE),
        (52, cs),
        (56, 0x3000),
        (60, 0xEEBF_E000),
        (64, ss),
    ] {
        store(at + offset, value);
    }
    Ok(at)
}

/// Starts a JOS child that stores a word on the board, with these selectors in its record.
fn start_with(selectors: [u32; 4]) -> Outcome {
    page_allocate(Target::Caller, BOARD, Permissions::WRITE | Permissions::SHARED)?;
    let child = exofork()?;
    let mut code = Scratch::new()?;
    code.bytes()[..STORE.len()].copy_from_slice(STORE);
    code.give(child, libsys::UserPage::known(CODE), Permissions::empty())?;
    let board = BOARD.address();
    equal("map", jos(5, [0, board, child.bits(), board, READ_WRITE]), 0)?;
    let frame = put_trapframe(board, 0x0BAD_CAFE, selectors)?;
    equal("trapframe", jos(9, [child.bits(), frame]), 0)?;
    equal("status", jos(8, [child.bits(), Status::Runnable as u32]), 0)?;
    until_gone(child)?;
    equal("what it stored", load(board), 0x0BAD_CAFE)
}

fn jos_trapframe_and_status_start_a_child() -> Outcome {
    start_with([0x23, 0x23, 0x1B, 0x23])
}

/// All zero is what JOS's spawn reads in UENVS here; 0x10 and 0x08 are the kernel's.
fn jos_trapframe_takes_no_selector_from_a_program() -> Outcome {
    start_with([0, 0, 0, 0])?;
    start_with([0x10, 0x10, 0x08, 0x10])?;
    start_with([0xFFFF, 0x28, 0x30, 0x10])?;
    let frame = put_trapframe(0, 0, [0; 4])?;
    equal("for nobody", jos(9, [stale_id()?.bits(), frame]), BAD_ENV)?;
    let bad = crate::family::child(|| {
        let own = exofork()?;
        jos(9, [own.bits(), test_page(0).address() - 4]);
        Ok(())
    })?;
    is_killed(bad, PAGE_FAULT)?;
    // The children of that process are children of this one now.
    for child in children() {
        equal("end", jos(3, [child.bits()]), 0)?;
        until_gone(child)?;
    }
    Ok(())
}

fn jos_status_is_runnable_or_not() -> Outcome {
    let child = exofork()?;
    for status in [0, 1, 3, 5, 0xFFFF_FFFF] {
        equal("status", jos(8, [child.bits(), status]), INVALID)?;
    }
    equal("not runnable", jos(8, [child.bits(), 4]), 0)?;
    equal("for nobody", jos(8, [stale_id()?.bits(), 2]), BAD_ENV)?;
    equal("for the parent", jos(8, [parent()?.bits(), 4]), BAD_ENV)?;
    equal("end", jos(3, [child.bits()]), 0)?;
    until_gone(child)
}

/// Only its parent may act on a grandchild.
fn jos_calls_reach_only_the_caller_and_its_children() -> Outcome {
    let family = child(|| {
        let grandchild = exofork()?;
        libsys::send(parent()?, [grandchild.bits(), 0, 0, 0], None)?;
        libsys::receive(None, None)?;
        equal("end", jos(3, [grandchild.bits()]), 0)
    })?;
    let grandchild = libsys::receive(None, None)?.words[0];
    let page = test_page(0).address();
    let results = [
        jos(3, [grandchild]),
        jos(4, [grandchild, page, READ]),
        jos(6, [grandchild, page]),
        jos(8, [grandchild, 2]),
        jos(10, [grandchild, CODE]),
    ];
    equal("results", results, [BAD_ENV; 5])?;
    libsys::send(family, [0; 4], None)?;
    ends_well(family)
}

fn jos_upcalls_are_set_for_oneself_and_children() -> Outcome {
    // The address is not read.
    let child = exofork()?;
    for entry in [0, CODE, 0xF010_0000, 0xFFFF_FFFF] {
        equal("a child's", jos(10, [child.bits(), entry]), 0)?;
    }
    equal("a stale id's", jos(10, [stale_id()?.bits(), CODE]), BAD_ENV)?;
    equal("one's own", jos(10, [0, libsys::paging::fault::entry()]), 0)?;
    equal("end", jos(3, [child.bits()]), 0)?;
    until_gone(child)
}

fn jos_yield_leaves_registers_alone() -> Outcome {
    let before = Registers {
        eax: 11,
        edx: 1,
        ecx: 2,
        ebx: 3,
        esi: 4,
        edi: 5,
        ebp: 6,
        eflags: 0x202,
        ..Registers::default()
    };
    equal("registers", Registers { eflags: 0x202, ..interrupt(before) }, before)
}

fn jos_ipc_needs_a_receiver() -> Outcome {
    equal("a stale id", jos(12, [stale_id()?.bits(), 1, NO_PAGE, 0]), BAD_ENV)?;
    equal("oneself", jos(12, [0, 1, NO_PAGE, 0]), NOT_RECEIVING)?;
    equal("one's parent", jos(12, [parent()?.bits(), 1, NO_PAGE, 0]), NOT_RECEIVING)?;
    // A process that waits for native messages does not get JOS's.
    let idle = crate::family::idle_child()?;
    until_blocked(idle)?;
    equal("a native receiver", jos(12, [idle.bits(), 1, NO_PAGE, 0]), NOT_RECEIVING)?;
    libsys::process::end(idle)?;
    for va in [1, test_page(0).address() + 1, USER_TOP - 1] {
        equal("where a page is wanted", jos(13, [va]), INVALID)?;
    }
    equal("public", own_facts().receiving, 0)
}

fn own_facts() -> ProcessInfo {
    info::slot(id().index())
}

/// A child in JOS call 13, which accepts a page at `va` and then does this with the result.
fn receiver(
    va: u32,
    act: impl FnOnce(ProcessInfo) -> Outcome,
) -> Result<ProcessId, crate::expect::Why> {
    let receiver = child(|| {
        equal("receive", jos(13, [va]), 0)?;
        act(own_facts())
    })?;
    let waits = || info::process(receiver).is_some_and(|info| info.receiving == 1);
    until("it receives", waits)?;
    equal("where", info::process(receiver).map(|info| info.receive_page), Some(va))?;
    Ok(receiver)
}

fn jos_ipc_brings_a_value_and_its_sender() -> Outcome {
    let own = id().bits();
    let receiver = receiver(NO_PAGE, |info| {
        equal("value and sender", (info.value, info.from), (0xFFFF_FFFF, own))?;
        equal("page and flag", (info.permissions, info.receiving), (0, 0))
    })?;
    equal("send", jos(12, [receiver.bits(), 0xFFFF_FFFF, NO_PAGE, READ]), 0)?;
    equal("not twice", jos(12, [receiver.bits(), 1, NO_PAGE, 0]), NOT_RECEIVING)?;
    ends_well(receiver)
}

fn jos_ipc_brings_a_page_only_if_both_want() -> Outcome {
    let page = fresh(0)?.address();
    store(page, 0x1BC);
    let wants = test_page(5).address();
    let both = receiver(wants, |info| {
        equal("permissions", info.permissions, READ | 0x400)?;
        equal("contents", load(wants), 0x1BC)?;
        equal("flags", bits(test_page(5)) & !0x20, 0x505)
    })?;
    equal("both", jos(12, [both.bits(), 1, page, READ | 0x400]), 0)?;
    ends_well(both)?;
    let none = receiver(NO_PAGE, |info| equal("not wanted", info.permissions, 0))?;
    equal("sent", jos(12, [none.bits(), 1, page, READ]), 0)?;
    ends_well(none)?;
    let nothing =
        receiver(wants, |info| equal("not sent", (info.permissions, bits(test_page(5))), (0, 0)))?;
    equal("no page", jos(12, [nothing.bits(), 1, 0xFFFF_FFFF, READ]), 0)?;
    ends_well(nothing)
}

fn jos_ipc_checks_the_page() -> Outcome {
    let receiver = receiver(test_page(5).address(), |info| equal("value", info.value, 2))?;
    let to = receiver.bits();
    equal("absent", jos(12, [to, 1, test_page(1).address(), READ]), INVALID)?;
    page_allocate(Target::Caller, test_page(0), Permissions::empty())?;
    let page = test_page(0).address();
    equal("unaligned", jos(12, [to, 1, page + 4, READ]), INVALID)?;
    equal("W from a page without it", jos(12, [to, 1, page, READ_WRITE]), INVALID)?;
    for perm in [0, 1, 4, 0x15, 0x1005] {
        equal("permissions", jos(12, [to, 1, page, perm]), INVALID)?;
    }
    equal("at last", jos(12, [to, 2, page, READ]), 0)?;
    ends_well(receiver)
}

fn jos_ipc_receivers_stay_blocked_when_made_runnable() -> Outcome {
    let receiver = receiver(NO_PAGE, |info| equal("value", info.value, 3))?;
    for status in [2, 4, 2] {
        equal("status", jos(8, [receiver.bits(), status]), 0)?;
    }
    libsys::sleep(20);
    equal("it still waits", info::process(receiver).map(|info| info.receiving), Some(1))?;
    equal("send", jos(12, [receiver.bits(), 3, NO_PAGE, 0]), 0)?;
    ends_well(receiver)
}

fn jos_errors_for_quotas_are_joss() -> Outcome {
    let child = exofork()?;
    set_quota(child, 2, 0)?;
    equal("a page", jos(4, [child.bits(), test_page(0).address(), READ]), NO_MEMORY)?;
    equal("end", jos(3, [child.bits()]), 0)?;
    until_gone(child)?;
    let bounded = crate::family::child(|| {
        until("there is a quota", || {
            libsys::usage(Target::Caller).is_ok_and(|usage| usage.process_bound != 0)
        })?;
        equal("a child", jos(7, []), NO_FREE_ENV)
    })?;
    set_quota(bounded, 0, 1)?;
    ends(bounded, libsys::abi::message::Reason::Exited, 0)
}
