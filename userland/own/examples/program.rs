//! `my_program`: watches a page of its own heap come and get dirty.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use libsys::{Page, println, window};

libsys::about!("watches a page of its heap get dirty");
libsys::main!(main);

const PAGE: usize = 4096;

/// The exit status is 0 if the page was absent before it was written, and dirty afterwards.
fn main() -> u8 {
    // Room for three pages: the one in the middle holds nothing else of this program.
    let mut bytes: Vec<u8> = Vec::with_capacity(3 * PAGE);
    let page = Page::containing((bytes.as_ptr().addr() + PAGE) as u32);

    let before = show("before it is written", page);
    bytes.resize(3 * PAGE, 7);
    let after = show("after it is written", page);
    u8::from(before || !after)
}

/// Prints what the page table says of a page, and returns whether the page is dirty. The window
/// shows this program's own page tables: reading an entry is a load, and no call.
fn show(when: &str, page: Page) -> bool {
    let Some(entry) = window().entry_of(page) else {
        println!("my_program: {when}: the page at {:#010x} is absent", page.address());
        return false;
    };
    let (frame, dirty) = (entry.frame().number(), entry.is_dirty());
    println!("my_program: {when}: it is in frame {frame:#07x}, dirty: {dirty}");
    dirty
}
