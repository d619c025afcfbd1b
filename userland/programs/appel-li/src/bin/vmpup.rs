//! `vmpup`: what a protection fault costs that a program handles itself, by the three measurements
//! of Appel and Li (1991), section 3.
//!
//! - `prot1+trap+unprot`: a random protected page is written; the handler protects another page and
//!   unprotects this one.
//! - `protN+trap+unprot`: 100 pages are protected together and then written in random order; the
//!   handler unprotects each.
//! - `trap`: a protected page is written; the handler skips the instruction and changes nothing.
//!
//! A row is the ticks of the counter for one fault, from before the write to after it, including
//! the loop around it and its share of PROTN. The order of the pages is made outside of the
//! measured time.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering};

use appel_li::failure::{Failure, expect};
use appel_li::random::Random;
use appel_li::raw_pages::{self, TOUCH_LENGTH, raw_page, touch};
use libsys::paging::fault::{Fault, Handled};
use libsys::paging::primitives;
use libsys::runtime::counter;
use libsys::{PageRange, println};

libsys::main!(main);
libsys::about!("the cost of faults that a program handles");

const PAGES: u32 = 100;
const ROUNDS: u32 = 100;
const TRAPS: u32 = 5_000;

static FAULTS: AtomicU32 = AtomicU32::new(0);
/// The index of the page that is not protected.
static OPEN: AtomicU32 = AtomicU32::new(0);

/// Indices of all pages.
type Order = [u32; PAGES as usize];

fn main() -> Result<(), Failure> {
    raw_pages::allocate(raw_page(0), PAGES)?;
    let mut random = Random::new(1991);
    let mut order: Order = core::array::from_fn(|index| index as u32);
    println!("vmpup: {PAGES} pages in random order, counted in {}", counter::unit());
    let mut sum = 0;
    let mut row = |name: &str, operations: u32, ticks: u32| -> Result<(), Failure> {
        println!("{name:<18} {:>6} for each of {operations} faults", ticks / operations);
        sum += ticks / operations;
        expect("faults that were taken", FAULTS.swap(0, Ordering::Relaxed), operations)
    };
    row("prot1+trap+unprot", ROUNDS * PAGES, one_at_a_time(&mut order, &mut random)?)?;
    row("protN+trap+unprot", ROUNDS * PAGES, all_together(&mut order, &mut random)?)?;
    row("trap", TRAPS, nothing_but_traps()?)?;
    println!("{:<18} {sum:>6}", "sum");
    Ok(())
}

fn one_at_a_time(order: &mut Order, random: &mut Random) -> Result<u32, Failure> {
    primitives::trap(Some(swap_protection))?;
    primitives::protn(PageRange::new(raw_page(0), PAGES)?)?;
    let open = order[PAGES as usize - 1];
    primitives::unprot(raw_page(open))?;
    OPEN.store(open, Ordering::Relaxed);
    let mut ticks = 0;
    for _ in 0..ROUNDS {
        let last = order[PAGES as usize - 1];
        random.shuffle(order);
        // A write to the page that is not protected would not fault.
        if order[0] == last {
            order.swap(0, 1);
        }
        ticks += time(|| write_all(order));
    }
    Ok(ticks)
}

fn all_together(order: &mut Order, random: &mut Random) -> Result<u32, Failure> {
    primitives::trap(Some(unprotect))?;
    let pages = PageRange::new(raw_page(0), PAGES)?;
    let mut ticks = 0;
    for _ in 0..ROUNDS {
        random.shuffle(order);
        let mut protected = Ok(());
        ticks += time(|| {
            protected = primitives::protn(pages);
            write_all(order);
        });
        protected?;
    }
    Ok(ticks)
}

fn nothing_but_traps() -> Result<u32, Failure> {
    primitives::trap(Some(skip))?;
    primitives::prot1(raw_page(0))?;
    Ok(time(|| (0..TRAPS).for_each(|_| touch(raw_page(0)))))
}

fn write_all(order: &Order) {
    order.iter().for_each(|index| touch(raw_page(*index)));
}

#[inline(always)]
fn time(operation: impl FnOnce()) -> u32 {
    let start = counter::now();
    operation();
    counter::now().wrapping_sub(start)
}

fn count() {
    FAULTS.store(FAULTS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

fn swap_protection(fault: &mut Fault<'_>) -> Handled {
    count();
    let Some(page) = fault.page() else { return Handled::PassOn };
    let before = raw_page(OPEN.load(Ordering::Relaxed));
    OPEN.store(page.page().number() - raw_page(0).page().number(), Ordering::Relaxed);
    match primitives::prot1(before).and_then(|()| primitives::unprot(page)) {
        Ok(()) => Handled::Resume,
        Err(_) => Handled::PassOn,
    }
}

fn unprotect(fault: &mut Fault<'_>) -> Handled {
    count();
    match fault.page().map(primitives::unprot) {
        Some(Ok(())) => Handled::Resume,
        Some(Err(_)) | None => Handled::PassOn,
    }
}

#[allow(unsafe_code)]
fn skip(fault: &mut Fault<'_>) -> Handled {
    count();
    // SAFETY: while this handler is installed, only `touch` faults, whose one instruction changes
    // no register.
    unsafe { fault.resume_at(fault.eip() + TOUCH_LENGTH) };
    Handled::Resume
}
