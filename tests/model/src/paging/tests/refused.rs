//! Faults that are refused: the client's end, the lines about it, and the search for its frame
//! pointer.

use abi::Syscall;
use abi::layout::USER_STACK_TOP;
use libsys::runtime::backtrace::MOST;

use super::super::layout::{NONE, PAGED_OUT, text};
use super::*;

/// Where the faults of these tests come from.
const EIP: u32 = T + 0x60;
/// From the question's first access; its distance from the frame is 128 MiB.
const ABOVE: u32 = 0x0800_0000;
/// The second access of the question: 16 bytes behind the instruction, at no page.
const SECOND: (u32, u32) = (EIP + 16, u32::MAX);
/// No program has a page here.
const NOWHERE: u32 = 0x7000_0000;

/// A client's fault is refused, and the client is asked for its frame pointer: it lives.
fn asked(run: &mut Run, client: ProcessId) {
    assert!(touch(run, client, NOWHERE, None), "it is asked");
    let leaf = leaf(run, client, EIP);
    assert!(leaf.is_present() && !leaf.is_writable());
    let word = run.machine().words(leaf.frame())[(EIP as usize & 0xFFF) / 4];
    assert_eq!(word & 0xFFFF, 0x853A, "cmp al, [ebp + …]");
}

/// The bytes of the page of text, as the client has them.
fn is_text_of_the_file(run: &mut Run, client: ProcessId) -> bool {
    load(run, client, T);
    let leaf = leaf(run, client, T);
    let words = run.machine().words(leaf.frame());
    text(TEXT.start).chunks(4).zip(words.iter()).all(|(bytes, word)| bytes == word.to_le_bytes())
}

/// Puts frames on the client's stack, from `frame` on: so many, of 16 bytes each. Returns them.
fn stack(run: &mut Run, client: ProcessId, frame: u32, count: u32) {
    for index in 0..count {
        let at = frame + 16 * index;
        let outer = if index + 1 == count { 0 } else { at + 16 };
        store(run, client, at, outer);
        store(run, client, at + 4, T + 0x100 + index);
    }
}

#[test]
fn an_access_outside_of_the_regions_ends_the_client_with_one_line() {
    for (address, value, why) in [
        (NOWHERE, None, "in no region"),
        (NOWHERE, Some(1), "in no region"),
        (0, None, "in no region"),
        (0xEF40_0000, Some(1), "in no region"),
        (T, Some(1), "read-only"),
        (0xEEAF_EFFC, Some(1), "below the stack"),
        (USER_STACK_TOP, None, "in no region"),
    ] {
        let (mut run, client) = with_client(0);
        // No question has room behind this instruction.
        let eip = T + 0xFF0;
        assert!(!touch_from(&mut run, client, eip, address, value), "{address:#x}");
        let line = format!("pager: [{client}] client: {address:08x} is {why}, ip {eip:08x}");
        assert_eq!(lines(&mut run), [line]);
        assert!(another(&mut run).index() > 0, "the pager goes on");
    }
}

#[test]
fn a_present_page_that_is_not_for_this_access_is_refused_so() {
    let (mut run, client) = with_client(0);
    let eip = T + 0xFF0;
    assert!(!touch_from(&mut run, client, eip, 0xEF40_0000 - 4, Some(1)));
    assert_eq!(lines(&mut run).len(), 1);
}

#[test]
fn a_client_tells_its_frame_pointer_and_its_backtrace_is_printed() {
    let (mut run, client) = with_client(0);
    let frame = USER_STACK_TOP - 0x40;
    stack(&mut run, client, frame, 3);
    asked(&mut run, client);
    assert_eq!(lines(&mut run).len(), 1);
    assert!(touch(&mut run, client, frame + ABOVE, None), "this is the answer");
    assert!(is_text_of_the_file(&mut run, client));
    assert!(!touch(&mut run, client, NOWHERE, None), "the access again");
    let expected: Vec<String> =
        (0..3).map(|index| format!("  backtrace of client {:#010x}", T + 0x100 + index)).collect();
    assert_eq!(lines(&mut run), expected);
}

#[test]
fn a_backtrace_has_so_many_lines_and_brings_the_stack_back() {
    let (mut run, client) = with_client(100);
    let more = 5;
    let frame = USER_STACK_TOP - 0x1000 - 0x100;
    stack(&mut run, client, frame, MOST as u32 + more);
    for index in 0..8 {
        store(&mut run, client, A + index * 0x1000, 1);
    }
    asked(&mut run, client);
    assert!(touch(&mut run, client, frame + ABOVE, None), "this is the answer");
    page_out(&mut run, client);
    lines(&mut run);
    assert!(!touch(&mut run, client, NOWHERE, None));
    let lines = lines(&mut run);
    assert_eq!(lines.len(), MOST + 1, "{lines:?}");
    assert_eq!(lines[MOST], format!("  backtrace of client: {more} more"));
}

#[test]
fn a_backtrace_of_as_many_lines_as_there_can_be_has_no_more() {
    let (mut run, client) = with_client(0);
    let frame = USER_STACK_TOP - 0x400;
    stack(&mut run, client, frame, MOST as u32);
    asked(&mut run, client);
    assert!(touch(&mut run, client, frame + ABOVE, None));
    lines(&mut run);
    assert!(!touch(&mut run, client, NOWHERE, None));
    assert_eq!(lines(&mut run).len(), MOST);
}

#[test]
fn a_stack_that_was_overwritten_gives_no_backtrace() {
    let (mut run, client) = with_client(0);
    let frame = USER_STACK_TOP - 0x40;
    stack(&mut run, client, frame, 3);
    store(&mut run, client, frame + 16, 0x1234);
    asked(&mut run, client);
    assert!(touch(&mut run, client, frame + ABOVE, None));
    lines(&mut run);
    assert!(!touch(&mut run, client, NOWHERE, None));
    let none = "  backtrace of client: none, its stack does not lead to its start";
    assert_eq!(lines(&mut run), [none]);
}

#[test]
fn a_client_without_a_frame_pointer_ends_without_a_backtrace() {
    let (mut run, client) = with_client(0);
    asked(&mut run, client);
    let (eip, address) = SECOND;
    assert!(touch_from(&mut run, client, eip, address, None), "it goes back");
    let text = leaf(&mut run, client, eip);
    let word = run.machine().words(text.frame())[(eip as usize & 0xFFF) / 4];
    assert_eq!(word & 0xFFFF, 0xEEEB, "jmp to the instruction");
    lines(&mut run);
    assert!(!touch(&mut run, client, NOWHERE, None));
    assert_eq!(lines(&mut run), [""; 0]);
}

#[test]
fn another_fault_after_the_question_is_served_and_ends_the_search_if_it_is_refused() {
    let (mut run, client) = with_client(0);
    asked(&mut run, client);
    assert!(touch_from(&mut run, client, EIP + 4, A, Some(1)), "a page of zeros");
    lines(&mut run);
    assert!(!touch_from(&mut run, client, EIP + 4, NOWHERE, None));
    let line =
        format!("pager: [{client}] client: {NOWHERE:08x} is in no region, ip {:08x}", EIP + 4);
    assert_eq!(lines(&mut run), [line]);
}

#[test]
fn an_answer_ends_another_faults_client_without_a_backtrace() {
    let (mut run, client) = with_client(0);
    let frame = USER_STACK_TOP - 0x40;
    stack(&mut run, client, frame, 3);
    asked(&mut run, client);
    assert!(touch(&mut run, client, frame + ABOVE, None));
    lines(&mut run);
    assert!(!touch(&mut run, client, NOWHERE + 4, None), "not the access that was refused");
    assert_eq!(lines(&mut run).len(), 1);
}

#[test]
fn the_repetition_of_a_refused_access_is_not_counted() {
    let (mut run, client) = with_client(0);
    let before = given(&mut run, client).unwrap().faults;
    asked(&mut run, client);
    assert!(touch(&mut run, client, USER_STACK_TOP - 0x40 + ABOVE, None));
    assert!(touch_from(&mut run, client, EIP + 8, A, None), "a page of zeros");
    assert_eq!(given(&mut run, client).unwrap().faults - before, 1);
    assert_eq!(given(&mut run, client).unwrap().zeroed, 1);
}

#[test]
fn a_client_with_a_handler_is_not_asked() {
    let (mut run, client) = with_client(0);
    let boss = run.machine().boss;
    assert!(run.machine().run(boss));
    let set = Syscall::SetHandler { process: client.into(), address: T + 0x200 };
    assert!(run.machine().make(boss, set));
    assert!(run.machine().run(client));
    let access = abi::fault::Access::USER.bits();
    let forward = Syscall::FaultForward { address: NOWHERE, access, eip: EIP };
    let answer = run.call(client, forward);
    assert!(answer.is_err() && run.machine().find(client).is_some(), "it goes on");
    assert!(!leaf(&mut run, client, EIP).is_present(), "no question is put there");
    assert_eq!(lines(&mut run).len(), 1);
    // The same fault again is not a second line.
    assert!(run.machine().run(client));
    assert!(run.call(client, forward).is_err());
    assert_eq!(lines(&mut run), [""; 0]);
}

#[test]
fn a_forwarded_fault_is_served_like_any_other() {
    let (mut run, client) = with_client(0);
    assert!(run.machine().run(client));
    let access = (abi::fault::Access::USER | abi::fault::Access::WRITE).bits();
    assert!(run.call(client, Syscall::FaultForward { address: A, access, eip: EIP }).is_ok());
    assert!(leaf(&mut run, client, A).is_writable());
}

#[test]
fn an_instruction_outside_of_the_text_gets_no_question() {
    for eip in [A + 0x60, NOWHERE, 0xF000_0060, T + 0xFEB] {
        let (mut run, client) = with_client(0);
        store(&mut run, client, A, 5);
        assert!(!touch_from(&mut run, client, eip, NOWHERE, None), "{eip:#x}");
    }
    let (mut run, client) = with_client(0);
    assert!(touch_from(&mut run, client, T + 0xFEA, NOWHERE, None), "the last that has room");
}

#[test]
fn the_question_needs_a_frame() {
    let (mut run, client) = with_client(0);
    load(&mut run, client, T);
    run.machine().use_all_memory();
    assert!(!touch(&mut run, client, NOWHERE, None));
}

#[test]
fn the_text_is_put_back_at_once_or_brought_by_the_next_touch_if_there_is_no_frame() {
    for without_a_frame in [false, true] {
        let (mut run, client) = with_client(0);
        asked(&mut run, client);
        if without_a_frame {
            run.machine().use_all_memory();
        }
        assert!(touch(&mut run, client, USER_STACK_TOP - 0x40 + ABOVE, None), "this is the answer");
        assert_eq!(leaf(&mut run, client, EIP).is_present(), !without_a_frame);
    }
}

#[test]
fn a_page_that_cannot_come_back_keeps_its_mark() {
    for is_viewed in [true, false] {
        let (mut run, client) = with_client(100);
        store(&mut run, client, A, 5);
        page_out(&mut run, client);
        if !is_viewed {
            view_somebody(&mut run, client);
        }
        run.machine().use_all_memory();
        assert!(spares(&mut run) > 0);
        drop_spares(&mut run, client);
        let recent = (0..8).map(|index| page(((A + 0x40_0000) >> 12) + index));
        for page in recent {
            let unmap = Syscall::PageUnmap { process: client.into(), page, marks: NONE };
            let boss = run.machine().boss;
            assert!(run.machine().run(boss) && run.machine().make(boss, unmap));
        }
        run.machine().use_all_memory();
        assert!(run.machine().run(client));
        let access = abi::fault::Access::USER.bits();
        let forward = Syscall::FaultForward { address: A, access, eip: EIP };
        assert!(run.call(client, forward).is_err(), "there is no frame");
        assert_eq!(leaf(&mut run, client, A).bits(), PAGED_OUT, "{is_viewed}");
    }
}
