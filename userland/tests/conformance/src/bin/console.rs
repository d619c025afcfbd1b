//! `console`: printing and reading. The test on the other side of the serial line checks what is
//! printed.
#![no_std]
#![no_main]

use conformance::calls::{cgetc, cputs, page_alloc, page_map, sys_yield};
use conformance::claims::{Outcome, equal};
use conformance::print::print;
use conformance::shown::{READ, fresh, test_page};
use support::memory::store;

conformance::program! {
    cgetc_returns_0_when_nothing_was_typed,
    cputs_prints_no_more_than_its_length,
    cputs_stops_at_a_zero,
    cputs_reads_over_the_edge_of_a_page,
    cputs_reads_what_cannot_be_written,
    cputs_prints_more_than_a_page,
    cgetc_returns_each_byte_once_and_in_order,
}

fn cgetc_returns_0_when_nothing_was_typed() -> Outcome {
    equal("cgetc", [cgetc(), cgetc()], [0, 0])
}

/// Puts text at an address.
fn put(address: u32, text: &[u8]) {
    for (at, word) in (address..).step_by(4).zip(text.chunks(4)) {
        store(at, word.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte)));
    }
}

fn cputs_prints_no_more_than_its_length() -> Outcome {
    let page = fresh(1);
    put(page, b"length: four and no more");
    equal("nothing", cputs(page, 0), 0)?;
    equal("twelve bytes", cputs(page, 12), 0)?;
    print(format_args!("|\n"));
    Ok(())
}

fn cputs_stops_at_a_zero() -> Outcome {
    let page = fresh(1);
    put(page, b"zero: up to here\0and no further");
    equal("the page", cputs(page, 0x1000), 0)?;
    print(format_args!("|\n"));
    Ok(())
}

fn cputs_reads_over_the_edge_of_a_page() -> Outcome {
    let page = fresh(1);
    fresh(2);
    put(page + 0xFF8, b"edge: one page and the next");
    equal("27 bytes", cputs(page + 0xFF8, 27), 0)?;
    print(format_args!("|\n"));
    Ok(())
}

fn cputs_reads_what_cannot_be_written() -> Outcome {
    let page = fresh(1);
    put(page, b"read-only");
    equal("drop W", page_map((0, page), (0, page), READ), 0)?;
    equal("9 bytes", cputs(page, 9), 0)?;
    print(format_args!("|\n"));
    Ok(())
}

/// 4,103 bytes: the first of them `<`, the last `>`.
fn cputs_prints_more_than_a_page() -> Outcome {
    let page = fresh(1);
    equal("the next", page_alloc(0, test_page(2), 7), 0)?;
    for at in (page..page + 4104).step_by(4) {
        put(at, b"....");
    }
    put(page, b"<...");
    put(page + 4100, b"..>.");
    equal("4,103 bytes", cputs(page, 4103), 0)?;
    print(format_args!("|\n"));
    Ok(())
}

/// The test types `jos` and a carriage return after the prompt.
fn cgetc_returns_each_byte_once_and_in_order() -> Outcome {
    print(format_args!("type now: "));
    let mut typed = [0; 4];
    for byte in &mut typed {
        while *byte == 0 {
            *byte = cgetc();
            sys_yield();
        }
    }
    print(format_args!("\n"));
    equal("bytes", typed, [0x6A, 0x6F, 0x73, 0x0D])?;
    equal("afterwards", cgetc(), 0)
}
