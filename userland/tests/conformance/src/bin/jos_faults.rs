//! `jos_faults`: faults of JOS that this kernel must not have. Has to be the only first process, in
//! 128 MiB.
#![no_std]
#![no_main]

use abi::process::Target;
use abi::{Permissions, ProcessId, Syscall, UserPage};
use conformance::calls::{
    env_set_status, env_set_trapframe, ipc_recv, ipc_try_send, page_map, page_unmap, sys_yield,
};
use conformance::claims::{Outcome, Seen, equal, holds, until};
use conformance::code;
use conformance::family::{
    blank_child, child, end, ends_well, is_gone, is_killed, kills, landed, landing, pages,
    read_board, stopped_child, until_receiving, write_board,
};
use conformance::native::{frames, native};
use conformance::shown::{
    READ, RECEIVING, STATUS, UTOP, WRITE, count, directory_entry, entry, field, flags, frame,
    fresh, own, pageref, test_page,
};
use conformance::upcall::peek;
use support::cpu::{cycles, fill_fpu, read_fpu};
use support::memory::{load, store};

conformance::program! {
    uenvs_shows_its_records_and_nothing_else,
    upages_shows_its_records_and_nothing_else,
    saved_registers_of_others_are_nowhere_in_uenvs,
    what_a_parent_unmaps_a_child_cannot_write_any_more,
    the_kernels_stack_selector_harms_nobody,
    a_breakpoint_ends_one_process_and_no_more,
    fpu_and_sse_registers_reach_no_other_process,
    a_yield_does_not_look_at_all_slots,
    a_message_does_not_look_at_all_slots,
    receive_never_returns_13,
    a_count_goes_beyond_16_bits,
    tables_of_the_kernel_cannot_be_read,
    the_last_owner_of_a_page_need_not_copy_it,
    the_directory_says_which_tables_to_look_at,
    a_parent_can_wait_without_polling_and_learns_a_status,
    a_native_call_ends_a_whole_family,
}

/// How many pages of a range can be read, and the first that cannot.
fn readable(start: u32, end: u32) -> (u32, u32) {
    let pages = (start..end).step_by(0x1000);
    let number = pages.clone().filter(|page| peek(*page).is_some()).count() as u32;
    let first_hole = pages.clone().find(|page| peek(*page).is_none()).unwrap_or(end);
    (number, first_hole)
}

/// 1,024 records of 124 bytes are 31 pages.
fn uenvs_shows_its_records_and_nothing_else() -> Outcome {
    equal("pages", readable(0xEEC0_0000, 0xEF00_0000), (31, 0xEEC1_F000))
}

/// 128 MiB are 32,768 frames; 8 bytes for each are 64 pages.
fn upages_shows_its_records_and_nothing_else() -> Outcome {
    equal("pages", readable(0xEF00_0000, 0xEF40_0000), (64, 0xEF04_0000))?;
    let (all, _) = frames()?;
    holds("frames of this machine", all < 32_768)?;
    // The firmware's memory at the end of RAM is never free, like the hole below 1 MiB.
    let firmware = (32_767 - 15..32_768).map(count);
    holds("frames of the firmware's have one mapping", firmware.into_iter().all(|count| count == 1))
}

fn saved_registers_of_others_are_nowhere_in_uenvs() -> Outcome {
    const SECRET: u32 = 0x5EC2_E7A1;
    let frame = fresh(9);
    (0..68).step_by(4).for_each(|offset| store(frame + offset, SECRET));
    let child = blank_child()?;
    equal("registers", env_set_trapframe(child, frame), 0)?;
    let words = (0xEEC0_0000..0xEEC1_F000).step_by(4);
    equal("places", words.filter(|at| load(*at) == SECRET).count(), 0)?;
    end(child)
}

fn what_a_parent_unmaps_a_child_cannot_write_any_more() -> Outcome {
    write_board(0, 0);
    let page = fresh(1);
    let writer = stopped_child(|| {
        loop {
            store(test_page(2), read_board(0));
            write_board(0, read_board(0) + 1);
        }
    })?;
    equal("share", page_map((0, page), (writer, test_page(2)), WRITE), 0)?;
    equal("start", env_set_status(writer, 2), 0)?;
    until("it writes", || load(page) > 10)?;
    equal("unmap", page_unmap(writer, test_page(2)), 0)?;
    store(page, 0);
    is_killed(writer)?;
    equal("written after that", load(page), 0)
}

fn the_kernels_stack_selector_harms_nobody() -> Outcome {
    let child = stopped_child(|| Ok(()))?;
    let frame = fresh(9);
    for (offset, word) in
        [(32, 0x10), (36, 0x10), (48, landing()), (52, 0x08), (60, 0xEEBF_D804), (64, 0x10)]
    {
        store(frame + offset, word);
    }
    equal("registers", env_set_trapframe(child, frame), 0)?;
    equal("start", env_set_status(child, 2), 0)?;
    until("it runs and ends", || is_gone(child))?;
    equal("ss", landed().selectors[5], 0x23)
}

fn a_breakpoint_ends_one_process_and_no_more() -> Outcome {
    kills(|| {
        code::execute(&[0xCC], 0); // int3
    })
}

fn fpu_and_sse_registers_reach_no_other_process() -> Outcome {
    fill_fpu(0x1111_1111);
    let own = read_fpu();
    equal("filled", own[..2] == [0x1111_1111; 2], true)?;
    let other = child(|| {
        equal("a child begins with its parent's", read_fpu(), own)?;
        fill_fpu(0x5EC2_E751);
        let filled = read_fpu();
        sys_yield();
        sys_yield();
        equal("its own after others ran", read_fpu(), filled)
    })?;
    for _ in 0..3 {
        sys_yield();
        equal("the parent's", read_fpu(), own)?;
    }
    ends_well(other)
}

/// The least of several measurements, so that a tick of the timer does not count.
fn least(mut act: impl FnMut()) -> u64 {
    let tries = (0..20).map(|_| {
        let before = cycles();
        act();
        cycles() - before
    });
    tries.min().unwrap_or(0)
}

/// States that something costs about the same with a thousand more processes.
fn costs_the_same_with_a_thousand_more(mut act: impl FnMut()) -> Outcome {
    let alone = least(&mut act);
    let mut children = [0; 1000];
    for child in &mut children {
        *child = blank_child()?;
    }
    let crowded = least(&mut act);
    children.into_iter().try_for_each(end)?;
    let costs = (alone, crowded);
    if crowded * 2 > alone * 3 {
        return Err(Seen::new(format_args!("cycles alone and in a crowd: {costs:?}")));
    }
    Ok(())
}

fn a_yield_does_not_look_at_all_slots() -> Outcome {
    let other = child(|| {
        loop {
            sys_yield();
        }
    })?;
    costs_the_same_with_a_thousand_more(|| {
        sys_yield();
    })?;
    end(other)
}

fn a_message_does_not_look_at_all_slots() -> Outcome {
    let receiver = child(|| {
        loop {
            ipc_recv(UTOP);
        }
    })?;
    until_receiving(receiver)?;
    costs_the_same_with_a_thousand_more(|| {
        ipc_try_send(receiver, 1, UTOP, 0);
        sys_yield();
    })?;
    equal("it receives", field(receiver, RECEIVING), Some(1))?;
    end(receiver)
}

fn receive_never_returns_13() -> Outcome {
    write_board(0, 0xFFFF);
    let receiver = child(|| {
        write_board(0, ipc_recv(UTOP).cast_unsigned());
        Ok(())
    })?;
    until_receiving(receiver)?;
    equal("runnable", env_set_status(receiver, 2), 0)?;
    for _ in 0..20 {
        sys_yield();
    }
    equal(
        "result, receiving, status",
        (read_board(0), field(receiver, RECEIVING), field(receiver, STATUS)),
        (0xFFFF, Some(1), Some(4)),
    )?;
    equal("send", ipc_try_send(receiver, 1, UTOP, 0), 0)?;
    ends_well(receiver)?;
    equal("result", read_board(0), 0)
}

/// 65,537 mappings: with 16 bits the count would be 1, and the next unmapping would free the frame.
fn a_count_goes_beyond_16_bits() -> Outcome {
    ends_well(child(|| {
        let page = fresh(1);
        store(page, 0xC0FF);
        for number in 0..0x1_0000 {
            equal("map", page_map((0, page), (0, 0x4000_0000 + 0x1000 * number), READ), 0)?;
        }
        equal("count", count(frame(page)), 0x1_0001)?;
        equal("what JOS programs see", pageref(page), 1)?;
        for number in 1..0x1_0000 {
            equal("unmap", page_unmap(0, 0x4000_0000 + 0x1000 * number), 0)?;
        }
        equal("count", count(frame(page)), 2)?;
        equal("word", load(0x4000_0000), 0xC0FF)
    })?)
}

/// Entries 0x3BE to 0x3FF of the directory lack U, so their page tables are not in the window.
fn tables_of_the_kernel_cannot_be_read() -> Outcome {
    for index in 0x3BB..0x400 {
        let open = [0x3BB, 0x3BC, 0x3BD].contains(&index);
        let entry = load(0xEF7B_D000 + 4 * index);
        equal("U", (index, entry & 4 != 0), (index, open))?;
        equal("its table", (index, peek(0xEF40_0000 + 0x1000 * index).is_some()), (index, open))?;
    }
    Ok(())
}

/// The JOS library would copy the page at a write. A native call makes it writable.
fn the_last_owner_of_a_page_need_not_copy_it() -> Outcome {
    let page = fresh(1);
    store(page, 0x0C0);
    equal("mark", page_map((0, page), (0, page), 0x805), 0)?;
    let before = frame(page);
    let page_of = UserPage::new(page).map_err(|_| Seen::new(format_args!("no page")))?;
    let copy = Syscall::PageCopy {
        process: Target::Caller,
        page: page_of,
        permissions: Permissions::empty(),
    };
    let [copied, ..] = native(copy)?;
    equal("copied, frame", (copied, frame(page)), (0, before))?;
    equal("flags", flags(page) & 0xE07, 7)?;
    equal("share", page_map((0, page), (0, test_page(2)), READ), 0)?;
    let [copied, ..] = native(copy)?;
    holds("with two owners it is copied", copied == 1 && frame(page) != before)?;
    equal("words", [load(page), load(test_page(2))], [0x0C0, 0x0C0])
}

/// A walk that reads UVPD first reads some thousand entries, not a million, and misses no page.
fn the_directory_says_which_tables_to_look_at() -> Outcome {
    let tables = (0..0x3BB).filter(|index| directory_entry(index << 22) & 1 != 0).count() as u32;
    let found = pages().count() as u32;
    let own = native(Syscall::Usage { process: Target::Caller })?[0];
    // The kernel counts the page tables and the directory as well.
    equal("pages", found + tables + 1, own)?;
    holds("few tables", tables < 16)?;
    let unlooked = (0..0x3BB_u32).filter(|index| directory_entry(index << 22) & 1 == 0);
    equal("what was not looked at", unlooked.map(|index| entry(index << 22)).sum::<u32>(), 0)
}

/// mov ebx, 7; mov eax, 47 (exit); int 0x30
const EXIT_WITH_7: [u8; 12] = [0xBB, 7, 0, 0, 0, 0xB8, 47, 0, 0, 0, 0xCD, 0x30];

fn a_parent_can_wait_without_polling_and_learns_a_status() -> Outcome {
    let child = native(Syscall::ProcessCreate { copy: false })?[0];
    let code = code::put(&EXIT_WITH_7);
    equal("code", page_map((0, code), (child, code), READ), 0)?;
    let frame = fresh(9);
    store(frame + 48, code);
    equal("registers", env_set_trapframe(child, frame), 0)?;
    equal("start", env_set_status(child, 2), 0)?;
    let runs = own(88);
    let id = ProcessId::new(child).map_err(|_| Seen::new(format_args!("no id: {child:#x}")))?;
    let [who, status, reason, _] = native(Syscall::Wait { child: Some(id) })?;
    equal("who, status, reason", [who, status, reason], [child, 7, 0])?;
    equal("switches meanwhile", own(88) - runs, 1)
}

/// Children whose parent has ended are ended as well: no process is left that no other could end.
fn a_native_call_ends_a_whole_family() -> Outcome {
    write_board(0, 0);
    let family = child(|| {
        let grandchild = child(|| {
            write_board(0, blank_child()?);
            equal("receive", ipc_recv(UTOP), 0)
        })?;
        until_receiving(grandchild)?;
        equal("receive", ipc_recv(UTOP), 0)
    })?;
    until_receiving(family)?;
    let last = read_board(0);
    equal("the last of them", field(last, STATUS), Some(4))?;
    let target = Target::new(family).map_err(|_| Seen::new(format_args!("no id")))?;
    native(Syscall::Destroy { process: target, subtree: true })?;
    until("all are gone", || is_gone(family) && is_gone(last))?;
    equal("living processes", native(Syscall::Machine)?[2], 1)
}
