//! `squeezed`: tests a program that may have eight pages in memory: a call with a buffer of two
//! pages, and a fault handler whose own code and stack are paged out.
#![no_std]
#![no_main]
#![allow(unsafe_code)]

extern crate alloc;

use alloc::vec;
use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering};

use libsys::abi::layout::EXCEPTION_STACK;
use libsys::call::{Change, range_protect};
use libsys::paging::fault::{Fault, Handled};
use libsys::paging::self_map::Step;
use libsys::process::id;
use libsys::service::pager::{Request, ask};
use libsys::{
    EntryFlags, Error, Page, PageRange, Permissions, Target, UserPage, console_write, println,
    set_handler, window,
};

libsys::main!(main);
libsys::about!("a program that may have eight pages in memory");

const PAGE: usize = 4096;
/// Enough pages to have all others evicted.
const MANY: usize = 64;

/// The number of faults that the handler got, and the address of the last one.
static FAULTS: AtomicU32 = AtomicU32::new(0);
static ADDRESS: AtomicU32 = AtomicU32::new(0);

fn main() -> Result<u8, Error> {
    let mut memory = vec![b' '; (MANY + 1) * PAGE];
    let start = memory.as_ptr().align_offset(PAGE);
    let pages = &mut memory[start..start + MANY * PAGE];
    set_handler(Some(handler))?;
    ask(Request::SetLimit { client: id(), pages: 1 })?;

    touch(pages, 0..MANY);
    // The buffer begins near the end of a page.
    let done = console_write(&pages[4 * PAGE - 128..][..256])? == 256;
    println!("\na call with a buffer of two pages: {}", if done { "done" } else { "cut short" });

    let address = pages[7 * PAGE..].as_ptr().addr() as u32;
    let range = PageRange::new(UserPage::new(address)?, 1)?;
    pages[7 * PAGE] = 1;
    let change = Change { drop: Permissions::WRITE, add: Permissions::empty() };
    // SAFETY: the page keeps its contents, and the handler gives W back at the next write.
    unsafe { range_protect(Target::Caller, range, change) }?;
    touch(pages, 8..MANY);
    let paged_out = is_paged_out(EXCEPTION_STACK) && is_paged_out(address);
    pages[7 * PAGE + 9] = black_box(77);
    println!("the exception stack: {}", if paged_out { "paged out" } else { "still there" });

    let faults = (FAULTS.load(Ordering::Relaxed), ADDRESS.load(Ordering::Relaxed));
    let right = faults == (1, address + 9) && pages[7 * PAGE + 9] == 77;
    let got = if right { "the fault of the write, and no other" } else { "other faults" };
    println!("the handler got {got}");
    Ok(u8::from(!(done && paged_out && right)))
}

/// Gives W back to the page from which the program has dropped it. Passes on all other faults.
fn handler(fault: &mut Fault<'_>) -> Handled {
    FAULTS.fetch_add(1, Ordering::Relaxed);
    ADDRESS.store(fault.address(), Ordering::Relaxed);
    let Some(range) = fault.page().and_then(|page| PageRange::new(page, 1).ok()) else {
        return Handled::PassOn;
    };
    let change = Change { drop: Permissions::empty(), add: Permissions::WRITE };
    // SAFETY: this only adds W to a page of the program, which had it before.
    match unsafe { range_protect(Target::Caller, range, change) } {
        Ok(_) => Handled::Resume,
        Err(_) => Handled::PassOn,
    }
}

/// Writes one byte of each of these pages.
fn touch(pages: &mut [u8], which: core::ops::Range<usize>) {
    for page in which {
        pages[page * PAGE + page] = black_box(b' ');
    }
}

/// Whether the page at this address is paged out.
fn is_paged_out(address: u32) -> bool {
    match window().walk(Page::containing(address)) {
        Step::Leaf(leaf) => !leaf.is_present() && leaf.flags().contains(EntryFlags::PAGER),
        Step::NoTable(_) | Step::Hidden(_) | Step::Large(_) | Step::View(_) => false,
    }
}
