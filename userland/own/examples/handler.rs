//! `my_program`: handles its own page faults. Its handler maps a page at the first access to it.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering};

use libsys::paging::fault::{Fault, Handled, set_handler};
use libsys::{Error, Permissions, Target, page_allocate, println};

libsys::about!("handles its own page faults");
libsys::main!(main);

/// The area that the handler serves: nothing of Rust's lies there (`libsys::paging::own_pages`).
const START: u32 = 0x4000_0000;
const END: u32 = 0x4010_0000;

/// How many pages the handler has mapped. The handler may run between any two instructions of
/// `main`, so what they share is atomic.
static MAPPED: AtomicU32 = AtomicU32::new(0);

fn main() -> Result<u8, Error> {
    set_handler(Some(map_a_page))?;
    let words = [START, START + 4, START + 0x1000, END - 4];
    let sum: u32 = words.into_iter().map(load).sum();
    let mapped = MAPPED.load(Ordering::Relaxed);
    println!("my_program: {} loads, {mapped} page faults, the sum is {sum}", words.len());
    Ok(u8::from(mapped != 3 || sum != 0))
}

/// The handler. After `Resume` the processor makes the access again; after `PassOn` the fault goes
/// on to the pager, which ends the process if the address means nothing to it.
fn map_a_page(fault: &mut Fault<'_>) -> Handled {
    let Some(page) = fault.page().filter(|_| (START..END).contains(&fault.address())) else {
        return Handled::PassOn;
    };
    if page_allocate(Target::Caller, page, Permissions::WRITE).is_err() {
        return Handled::PassOn;
    }
    MAPPED.fetch_add(1, Ordering::Relaxed);
    Handled::Resume
}

/// Loads the word at an address of the area.
#[allow(unsafe_code)]
fn load(address: u32) -> u32 {
    assert!((START..END).contains(&address) && address.is_multiple_of(4));
    let word = core::ptr::with_exposed_provenance::<u32>(address as usize);
    // SAFETY: the assertion above has found an aligned word where no Rust object lies. If the page
    // is absent, the handler maps it and the load is made again, or the process ends. Volatile,
    // because the handler runs in the middle of the load.
    unsafe { word.read_volatile() }
}
