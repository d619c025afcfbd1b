//! How processes begin and end: create, registers, start and stop, exit, wait, destroy.

use alloc::vec::Vec;

use libsys::abi::UserSlot;
use libsys::abi::debug::State;
use libsys::abi::layout::TABLE_SPAN;
use libsys::abi::message::Reason;
use libsys::abi::process_info::Status;
use libsys::abi::registers::{FLAG_INTERRUPTS, UserRegisters};
use libsys::abi::trace::{Event, Kind};
use libsys::process::info;
use libsys::process::{Command, SpawnError, end, exit, id, wait};
use libsys::{
    Error, Permissions, ProcessId, Target, UserPage, destroy, events_read, identity, machine,
    page_allocate, println, process_create, process_start, process_stop, receive, registers_read,
    registers_write, send, usage,
};

use crate::bare::{self, CODE, LOAD, SPIN};
use crate::expect::{Outcome, checks, equal, holds, refused};
use crate::family::{child, ends, ends_well, idle_child, until, until_blocked, until_gone};
use crate::memory::{BOARD, children, parent, share_board, stale_id};
use support::Registers;
use support::gate::interrupt;
use support::memory::{load, store};

checks! {
    a_process_knows_its_parent_and_pager,
    a_created_process_is_blank_and_stopped,
    exit_statuses_have_eight_bits,
    wait_takes_one_child_or_any,
    wait_refuses_what_is_no_child,
    wait_for_a_child_that_waits_for_its_parent_is_a_deadlock,
    a_created_child_keeps_its_slot_until_it_is_waited_for,
    memory_is_free_when_wait_returns,
    the_end_of_a_process_frees_its_own_tables_and_none_of_the_kernels,
    an_id_is_stale_once_its_process_is_gone,
    destroy_ends_a_descendant,
    destroy_takes_the_subtree_with_it,
    destroy_of_oneself_is_an_end_like_others,
    orphans_pass_to_their_grandparent,
    registers_come_back_as_they_were_set,
    flags_of_the_system_are_the_kernels,
    registers_of_a_blocked_process_are_busy,
    a_parent_reads_its_childs_events,
    a_stopped_process_does_not_run,
    a_blocked_process_stays_blocked_when_it_is_started,
    start_and_stop_count_once,
    all_1024_slots_can_be_used,
    the_console_has_one_owner,
}

fn a_process_knows_its_parent_and_pager() -> Outcome {
    let (own, pager) = (id(), identity().pager);
    let child = child(|| {
        let identity = identity();
        equal("parent", identity.parent, Some(own))?;
        equal("pager", identity.pager, pager)?;
        equal("public parent", info::process(identity.id).map(|info| info.parent), Some(own.bits()))
    })?;
    ends_well(child)
}

fn a_created_process_is_blank_and_stopped() -> Outcome {
    let child = process_create()?;
    let status = info::process(child).map(|info| info.status);
    equal("status", status, Some(Status::NotRunnable as u32))?;
    let flags = FLAG_INTERRUPTS;
    equal(
        "registers",
        registers_read(child)?,
        UserRegisters { eflags: flags, ..UserRegisters::default() },
    )?;
    equal("frames: the directory", usage(child)?.frames, 1)?;
    let ended = end(child)?;
    equal("end", (ended.reason, ended.status), (Reason::Destroyed, 0))
}

fn exit_statuses_have_eight_bits() -> Outcome {
    for status in [0, 1, 127, 128, 255] {
        ends(child(|| exit(status))?, Reason::Exited, u32::from(status))?;
    }
    for (status, seen) in [(256, 0), (0x1_02, 2), (0xFFFF_FFFF, 255)] {
        let registers = UserRegisters { eax: 47, ebx: status, ..UserRegisters::default() };
        ends(bare::run(bare::CALL, registers)?, Reason::Exited, seen)?;
    }
    Ok(())
}

fn wait_takes_one_child_or_any() -> Outcome {
    let (first, second) = (child(|| exit(1))?, child(|| exit(2))?);
    ends(second, Reason::Exited, 2)?;
    let any = wait(None)?;
    equal("the other one", (any.child, any.status), (first, 1))?;
    let third = child(|| exit(3))?;
    let any = wait(None)?;
    equal("waited for before it ended", (any.child, any.status), (third, 3))
}

fn wait_refuses_what_is_no_child() -> Outcome {
    refused("any of none", wait(None), Error::NoChild)?;
    refused("a stale id", wait(Some(stale_id()?)), Error::NoChild)?;
    refused("oneself", wait(Some(id())), Error::NoChild)?;
    refused("the parent", wait(Some(parent()?)), Error::NoChild)?;
    let child = child(|| exit(0))?;
    ends_well(child)?;
    refused("twice", wait(Some(child)), Error::NoChild)
}

fn wait_for_a_child_that_waits_for_its_parent_is_a_deadlock() -> Outcome {
    let child = child(|| send(parent()?, [7; 4], None).map_err(Into::into))?;
    until_blocked(child)?;
    refused("wait", wait(Some(child)), Error::Deadlock)?;
    equal("its message", receive(None, None)?.words, [7; 4])?;
    ends_well(child)
}

fn a_created_child_keeps_its_slot_until_it_is_waited_for() -> Outcome {
    let child = child(|| exit(9))?;
    until("it has ended", || {
        info::process(child).is_some_and(|info| info.status == Status::Dying as u32)
    })?;
    let other = process_create()?;
    holds("another slot", other.index() != child.index())?;
    end(other)?;
    ends(child, Reason::Exited, 9)
}

fn memory_is_free_when_wait_returns() -> Outcome {
    let free = machine().free;
    let child = process_create()?;
    for page in 0..200 {
        libsys::page_allocate(
            child,
            crate::memory::test_page(page * 7),
            libsys::Permissions::WRITE,
        )?;
    }
    holds("it has frames", machine().free < free - 200)?;
    end(child)?;
    equal("free frames", machine().free, free)
}

/// The kernel looks at directory entries in groups of 32. There is a table at either edge of each
/// group, alone and with all others.
fn the_end_of_a_process_frees_its_own_tables_and_none_of_the_kernels() -> Outcome {
    let edges = (0..UserSlot::COUNT).filter(|slot| matches!(slot % 32, 0 | 1 | 31));
    let edges: Vec<u32> = edges.chain([UserSlot::COUNT - 1]).collect();
    for slots in edges.chunks(1).chain([&edges[..]]) {
        let free = machine().free;
        let child = process_create()?;
        for slot in slots {
            page_allocate(child, UserPage::known(slot * TABLE_SPAN), Permissions::WRITE)?;
        }
        end(child)?;
        equal(format_args!("free frames, after tables at {slots:#x?}"), machine().free, free)?;
    }
    Ok(())
}

fn an_id_is_stale_once_its_process_is_gone() -> Outcome {
    let first = stale_id()?;
    let second = process_create()?;
    equal("the slot is used again", second.index(), first.index())?;
    equal("the next generation", second, first.next())?;
    refused("start", process_start(first), Error::NoSuchProcess)?;
    refused("destroy", destroy(first, true), Error::NoSuchProcess)?;
    holds("the new one is alive", info::process(second).is_some())?;
    end(second)?;
    Ok(())
}

/// A child that has a child, both idle. The grandchild's id comes in a message.
fn family() -> Result<(ProcessId, ProcessId), crate::expect::Why> {
    let child = child(|| {
        let grandchild = idle_child()?;
        send(parent()?, [grandchild.bits(), 0, 0, 0], None)?;
        wait(None)?;
        Ok(())
    })?;
    let grandchild = receive(None, None)?.words[0];
    Ok((child, ProcessId::new(grandchild)?))
}

fn destroy_ends_a_descendant() -> Outcome {
    let (child, grandchild) = family()?;
    destroy(grandchild, false)?;
    // The parent of that process was waiting for it, and its outcome is good.
    ends_well(child)?;
    refused("twice", destroy(grandchild, false), Error::NoSuchProcess)
}

fn destroy_takes_the_subtree_with_it() -> Outcome {
    let (child, grandchild) = family()?;
    destroy(child, true)?;
    ends(child, Reason::Destroyed, 0)?;
    until_gone(grandchild)?;
    refused("nobody is left", wait(None), Error::NoChild)
}

fn destroy_of_oneself_is_an_end_like_others() -> Outcome {
    let alone = child(|| destroy(Target::Caller, false).map_err(Into::into))?;
    ends(alone, Reason::Destroyed, 0)?;
    let with_children = child(|| {
        idle_child()?;
        destroy(id(), true).map_err(Into::into)
    })?;
    ends(with_children, Reason::Destroyed, 0)?;
    until("no children are left", || children().count() == 0)
}

fn orphans_pass_to_their_grandparent() -> Outcome {
    let (child, grandchild) = family()?;
    destroy(child, false)?;
    ends(child, Reason::Destroyed, 0)?;
    let parent_now = info::process(grandchild).map(|info| info.parent);
    equal("its parent now", parent_now, Some(id().bits()))?;
    // The process can be ended, and no process need wait for it.
    refused("wait", wait(Some(grandchild)), Error::NoChild)?;
    destroy(grandchild, false)?;
    until_gone(grandchild)
}

fn registers_come_back_as_they_were_set() -> Outcome {
    let child = process_create()?;
    let set = UserRegisters {
        edi: 1,
        esi: 2,
        ebp: 3,
        ebx: 4,
        edx: 5,
        ecx: 6,
        eax: 7,
        eip: 0xF010_0000,
        eflags: 0x200,
        esp: 0xFFFF_FFFC,
    };
    registers_write(child, &set)?;
    equal("registers", registers_read(child)?, set)?;
    end(child)?;
    Ok(())
}

/// Tries to set IOPL 3, NT, RF, VM, VIF and VIP, and to clear IF.
fn flags_of_the_system_are_the_kernels() -> Outcome {
    let child = process_create()?;
    for (asked, given) in
        [(0x0000_3000, 0x200), (0x0019_4000, 0x200), (0x0002_0001, 0x201), (0, 0x200)]
    {
        registers_write(child, &UserRegisters { eflags: asked, ..UserRegisters::default() })?;
        equal(format_args!("flags for {asked:#x}"), registers_read(child)?.eflags, given)?;
    }
    end(child)?;
    Ok(())
}

fn registers_of_a_blocked_process_are_busy() -> Outcome {
    let child = idle_child()?;
    until_blocked(child)?;
    let registers = registers_read(child)?;
    refused("write", registers_write(child, &registers), Error::Busy)?;
    process_stop(child)?;
    refused("write, stopped as well", registers_write(child, &registers), Error::Busy)?;
    end(child)?;
    Ok(())
}

/// Whether events are recorded depends on the boot line, so the check prints which case it has
/// found.
fn a_parent_reads_its_childs_events() -> Outcome {
    const RECEIVE: u8 = 61;
    let child = idle_child()?;
    until_blocked(child)?;
    let mut buffer = [Event::NONE; 8];
    match events_read(child, &mut buffer) {
        Err(Error::NotPermitted) => println!("no events: NotPermitted"),
        Err(error) => return Err(error.into()),
        Ok(count) => {
            println!("events are recorded");
            let events = &buffer[..count];
            holds("events of the child", events.iter().all(|event| event.process == child.bits()))?;
            let last = events.last().copied().unwrap_or_default();
            equal("the last call", (last.kind, last.number), (Kind::Message as u8, RECEIVE))?;
            equal("what it does", last.state, State::Receiving as u8)?;
            let Some(parent) = identity().parent else { return Ok(()) };
            let refusal = events_read(parent, &mut buffer).map(drop);
            refused("events of the parent", refusal, Error::NoSuchProcess)?;
        }
    }
    end(child)?;
    Ok(())
}

/// A child that counts on the board without end.
fn counter() -> Result<ProcessId, crate::expect::Why> {
    share_board()?;
    let at = BOARD.address();
    Ok(child(|| {
        loop {
            store(at, load(at).wrapping_add(1));
        }
    })?)
}

fn a_stopped_process_does_not_run() -> Outcome {
    let counter = counter()?;
    let count = || load(BOARD.address());
    until("it counts", || count() > 0)?;
    process_stop(counter)?;
    let stopped_at = count();
    for _ in 0..5 {
        libsys::sleep(10);
        equal("while it is stopped", count(), stopped_at)?;
    }
    process_start(counter)?;
    until("it counts on", || count() != stopped_at)?;
    end(counter)?;
    Ok(())
}

fn a_blocked_process_stays_blocked_when_it_is_started() -> Outcome {
    let child = child(|| {
        let message = receive(None, None)?;
        equal("the message", message.words, [1, 2, 3, 4])
    })?;
    until_blocked(child)?;
    process_start(child)?;
    process_stop(child)?;
    process_start(child)?;
    libsys::yield_now();
    let status = info::process(child).map(|info| info.status);
    equal("status", status, Some(Status::NotRunnable as u32))?;
    // A stopped process gets a message, too; it runs when it is started.
    process_stop(child)?;
    send(child, [1, 2, 3, 4], None)?;
    libsys::sleep(20);
    holds("it has not run", info::process(child).is_some_and(|info| info.status == 4))?;
    process_start(child)?;
    ends_well(child)
}

fn start_and_stop_count_once() -> Outcome {
    let spinner = bare::run(SPIN, UserRegisters::default())?;
    for _ in 0..3 {
        process_start(spinner)?;
    }
    for _ in 0..3 {
        process_stop(spinner)?;
    }
    until_blocked(spinner)?;
    let runs = |id| info::process(id).map(|info| info.runs);
    let before = runs(spinner);
    libsys::sleep(30);
    equal("runs", runs(spinner), before)?;
    equal("where it loops", registers_read(spinner)?.eip, CODE)?;
    process_start(spinner)?;
    until("it runs again", || runs(spinner) != before)?;
    end(spinner)?;
    Ok(())
}

fn all_1024_slots_can_be_used() -> Outcome {
    let mut made = Vec::with_capacity(1024);
    let before = machine().processes;
    let refusal = loop {
        match process_create() {
            Ok(child) => made.push(child),
            Err(error) => break error,
        }
    };
    let (full, number) = (machine().processes, made.len() as u32);
    let jos = interrupt(Registers { eax: 7, ..Registers::default() }).eax;
    for child in &made {
        end(*child)?;
    }
    equal("why no more", refusal, Error::OutOfProcesses)?;
    equal("JOS's name for that", jos, 0xFFFF_FFFB)?;
    equal("processes", (full, number), (1024, 1024 - before))?;
    // And again: the slots come back.
    let child = bare::run(LOAD, bare::at(CODE))?;
    ends(child, Reason::Exited, 0x8B)
}

fn the_console_has_one_owner() -> Outcome {
    // The console belongs to another process: init or the shell.
    refused("to take it", libsys::set_console_owner(Some(Target::Caller)), Error::NoSuchProcess)?;
    refused("to take it away", libsys::set_console_owner(None), Error::NoSuchProcess)?;
    let stranger = libsys::set_console_owner(Some(Target::Process(parent()?)));
    refused("to give it to one's parent", stranger, Error::NoSuchProcess)?;
    let before = machine().processes;
    let owner = Command::new("hello").owning_console().spawn();
    equal("a child that would own it", owner, Err(SpawnError::Call(Error::NoSuchProcess)))?;
    equal("processes", machine().processes, before)
}
