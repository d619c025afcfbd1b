//! `start`: the state in which a first process begins.
#![no_std]
#![no_main]

use core::sync::atomic::AtomicU32;

use conformance::calls::getenvid;
use conformance::claims::{Outcome, equal, holds};
use conformance::shown::{
    CPU, FROM, ID, PARENT, PERM, RECEIVE_AT, RECEIVING, RUNS, STATUS, TYPE, VALUE, entry, flags,
    own, record,
};
use conformance::start::{image_ends, start};
use support::memory::{load, store};

conformance::program! {
    esp_is_the_top_of_the_user_stack,
    general_registers_are_zero,
    selectors_are_the_flat_user_ones,
    no_flag_is_set_but_the_one_for_interrupts,
    there_is_one_page_of_stack_and_nothing_around_it,
    the_stack_page_is_zero,
    the_segment_at_00200000_is_there,
    what_the_file_lacks_of_a_segment_is_zero,
    two_segments_may_share_a_page,
    all_of_the_image_is_writable,
    nothing_else_is_mapped,
    the_id_is_1000_and_the_slot,
    the_record_of_the_slot_is_its_own,
    it_has_no_parent_and_is_no_file_server,
    it_runs_and_receives_nothing,
}

fn esp_is_the_top_of_the_user_stack() -> Outcome {
    equal("esp", start().esp, 0xEEBF_E000)
}

fn general_registers_are_zero() -> Outcome {
    equal("eax, ebx, ecx, edx, esi, edi, ebp", start().general, [0; 7])
}

fn selectors_are_the_flat_user_ones() -> Outcome {
    let expected = [0x1B, 0x23, 0x23, 0x23, 0x23, 0x23];
    equal("cs, ds, es, fs, gs, ss", start().selectors, expected)
}

/// Bit 1 is always set; IOPL is 0.
fn no_flag_is_set_but_the_one_for_interrupts() -> Outcome {
    equal("eflags", start().eflags, 0x202)
}

fn there_is_one_page_of_stack_and_nothing_around_it() -> Outcome {
    let [below, stack, above, exception] = start().stack_entries;
    equal("below, above, exception stack", [below, above, exception], [0; 3])?;
    equal("present, writable, user", stack & 7, 7)
}

fn the_stack_page_is_zero() -> Outcome {
    equal("words that are not", start().dirty_stack, 0)
}

fn the_segment_at_00200000_is_there() -> Outcome {
    let words = [0, 4, 8, 12].map(|offset| load(0x0020_0000 + offset));
    equal("its words", words, [0x0BAD_F00D, 0, 0, 0x1BAD_B002])?;
    let rest = (0x0020_0010..0x0020_1000).step_by(4).map(load);
    equal("the rest of its page", rest.fold(0, |all, word| all | word), 0)
}

/// Longer than the program's other data: the end of the file's data and the first zeros share a
/// page.
static ZEROS: [AtomicU32; 3000] = [const { AtomicU32::new(0) }; 3000];

fn what_the_file_lacks_of_a_segment_is_zero() -> Outcome {
    let (file_end, end) = image_ends();
    holds("the file lacks much", end - file_end > 3000 * 4)?;
    let zeros = address_of(&ZEROS);
    let words = (zeros..zeros + 3000 * 4).step_by(4).map(load);
    equal("words", words.fold(0, |all, word| all | word), 0)?;
    let rest = (end.next_multiple_of(4)..end.next_multiple_of(0x1000)).step_by(4).map(load);
    equal("the rest of the last page", rest.fold(0, |all, word| all | word), 0)
}

static DATA: AtomicU32 = AtomicU32::new(0x600D_DA7A);
static TEXT: [u8; 4] = *b"text";

/// Data begins on the page where the read-only data ends (`jos.ld`).
fn two_segments_may_share_a_page() -> Outcome {
    equal("data", load(address_of(&DATA)), 0x600D_DA7A)?;
    equal("read-only data", load(address_of(&TEXT)), u32::from_le_bytes(*b"text"))
}

fn address_of<T>(object: &T) -> u32 {
    core::ptr::from_ref(object).expose_provenance() as u32
}

fn all_of_the_image_is_writable() -> Outcome {
    let (_, end) = image_ends();
    for page in [0x0020_0000].into_iter().chain((0x0080_0000..end).step_by(0x1000)) {
        equal("present, writable, user", flags(page) & 7, 7)?;
    }
    // No section of the program has the four bytes before its first.
    store(0x0080_001C, 7);
    equal("a word on the page of text", load(0x0080_001C), 7)
}

/// The image, 16 bytes at 0x0020_0000, the stack.
fn nothing_else_is_mapped() -> Outcome {
    let (_, end) = image_ends();
    equal("pages", start().pages, (end.next_multiple_of(0x1000) - 0x0080_0000) / 0x1000 + 2)?;
    equal("page 0", entry(0), 0)
}

fn the_id_is_1000_and_the_slot() -> Outcome {
    let id = getenvid();
    holds("one of the first slots", id & 0x3FF < 8)?;
    equal("id", id, 0x1000 | (id & 0x3FF))
}

/// 124 bytes a record, from 0xEEC0_0000 on.
fn the_record_of_the_slot_is_its_own() -> Outcome {
    let id = getenvid();
    equal("thisenv->env_id", load(0xEEC0_0000 + 124 * (id & 0x3FF) + 72), id)?;
    equal("the same", record(id, ID), id)
}

fn it_has_no_parent_and_is_no_file_server() -> Outcome {
    equal("parent, type", [own(PARENT), own(TYPE)], [0, 0])
}

fn it_runs_and_receives_nothing() -> Outcome {
    equal("status, CPU", [own(STATUS), own(CPU)], [3, 0])?;
    holds("it has run", own(RUNS) > 0)?;
    equal("message", [RECEIVING, RECEIVE_AT, VALUE, FROM, PERM].map(own), [0; 5])
}
