//! `cow`: parent and child share every page after a fork, until one of them writes.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::vec;

use libsys::abi::message::Reason;
use libsys::paging::fork::{Fork, fork};
use libsys::process::info;
use libsys::process::{exit, wait};
use libsys::{Entry, EntryFlags, Error, Page, println, window};

libsys::main!(main);
libsys::about!("memory is shared until one side writes");

/// Pages that lie wholly within the data.
const PAGES: usize = 8;
const PAGE: usize = 4096;

/// The byte at `index`, as `owner` writes it.
fn pattern(owner: u8, index: usize) -> u8 {
    (index as u8).wrapping_mul(31) ^ (index >> 8) as u8 ^ owner
}

fn main() -> Result<u8, Error> {
    let mut data = vec![0_u8; (PAGES + 1) * PAGE];
    fill(&mut data, 0);
    println!("before the fork:");
    show(&data);
    match fork()? {
        Fork::Child => {
            let failures = child(&mut data);
            exit(failures);
        }
        Fork::Parent { child } => {
            println!("parent, after the fork:");
            show(&data);
            let before = marked(&data);
            fill(&mut data, 1);
            println!("parent, after it has written every page:");
            show(&data);
            let ended = wait(Some(child))?;
            let right = check(&data, 1) && before >= PAGES && marked(&data) == 0;
            let child_right = ended.reason == Reason::Exited && ended.status == 0;
            println!("parent sees its own bytes: {right}; child saw its own: {child_right}");
            Ok(u8::from(!(right && child_right)))
        }
    }
}

/// The child: finds the parent's bytes, writes every other page, and finds both kinds of bytes.
fn child(data: &mut [u8]) -> u8 {
    let inherited = check(data, 0);
    let half = data.len() / 2;
    fill(&mut data[..half], 2);
    let own = (0..half).all(|index| data[index] == pattern(2, index));
    let rest = (half..data.len()).all(|index| data[index] == pattern(0, index));
    println!("child, after it has written the first half:");
    show(data);
    println!(
        "child sees the parent's bytes: {inherited}; its own: {own}; the rest as it was: {rest}"
    );
    u8::from(!(inherited && own && rest))
}

fn fill(data: &mut [u8], owner: u8) {
    for (index, byte) in data.iter_mut().enumerate() {
        *byte = pattern(owner, index);
    }
}

fn check(data: &[u8], owner: u8) -> bool {
    data.iter().enumerate().all(|(index, byte)| *byte == pattern(owner, index))
}

/// The pages that lie wholly within the data, with their leaves.
fn pages(data: &[u8]) -> impl Iterator<Item = (Page, Entry)> {
    let start = (data.as_ptr().addr() as u32).next_multiple_of(PAGE as u32);
    (0..PAGES as u32).filter_map(move |index| {
        let page = Page::containing(start + index * PAGE as u32);
        Some((page, window().entry_of(page)?))
    })
}

fn marked(data: &[u8]) -> usize {
    pages(data).filter(|(_, entry)| entry.flags().contains(EntryFlags::COPY_ON_WRITE)).count()
}

fn show(data: &[u8]) {
    for (page, entry) in pages(data).step_by(PAGES - 1) {
        let mappings = info::frame_references(entry.frame()).unwrap_or(0);
        let rights = if entry.is_writable() { "writable" } else { "read-only" };
        let mark =
            if entry.flags().contains(EntryFlags::COPY_ON_WRITE) { ", copy-on-write" } else { "" };
        println!(
            "  page {:#010x}: frame {:#07x}, {mappings} mappings, {rights}{mark}",
            page.address(),
            entry.frame().number()
        );
    }
}
