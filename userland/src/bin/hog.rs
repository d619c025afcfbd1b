//! `hog SIZE`: fills memory with what can be verified, reads it back in another order, checks every byte.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use libsys::{args, println};

libsys::main!(main);

const PAGE: usize = 4096;
/// The largest hog: what the heap holds.
const LIMIT: usize = 192 << 20;

fn main() -> u8 {
    let Some(size) = args().nth(1).and_then(size).filter(|size| (PAGE..=LIMIT).contains(size))
    else {
        println!("usage: hog SIZE   (4K to 192M, as 65536, 64K or 16M)");
        return 2;
    };
    let pages = size / PAGE;
    let mut memory: Vec<u8> = Vec::new();
    if memory.try_reserve_exact(pages * PAGE).is_err() {
        println!("hog: there is no room for {size} bytes");
        return 1;
    }
    for page in 0..pages {
        memory.extend((0..PAGE).map(|offset| pattern(page, offset)));
    }
    println!("filled {pages} pages");
    // A stride that is prime to the number of pages visits each once.
    let stride = (pages / 2..).find(|stride| common_divisor(*stride, pages) == 1).unwrap_or(1);
    let mut wrong = 0_usize;
    for step in 0..pages {
        let page = step * stride % pages;
        let bytes = &memory[page * PAGE..][..PAGE];
        wrong += bytes
            .iter()
            .enumerate()
            .filter(|(offset, byte)| **byte != pattern(page, *offset))
            .count();
    }
    println!("read {} bytes back in another order: {wrong} wrong", pages * PAGE);
    u8::from(wrong > 0)
}

fn pattern(page: usize, offset: usize) -> u8 {
    (page.wrapping_mul(0x9E37_79B9) >> 13) as u8 ^ (offset.wrapping_mul(0x85EB) >> 7) as u8
}

const fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

fn size(text: &str) -> Option<usize> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix(['M', 'm']).map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}
