//! What a fault costs that the program handles itself: from the access to the instruction after it.
//!
//! `prot1_trap_unprot`, `protn_trap_unprot_per_page` and `trap` are the three measurements of Appel
//! and Li (ASPLOS 1991), in their order:
//!
//! - `prot1_trap_unprot`: all of 100 pages but one are protected. One of them is written; the
//!   handler first protects the page that is not, and then gives W back to this one.
//! - `protn_trap_unprot_per_page`: 100 pages are protected in one call and then written, in a
//!   shuffled order; the handler gives W back to each.
//! - `trap`: a protected page is written; the handler skips the instruction.

use core::sync::atomic::{AtomicU32, Ordering};

use libsys::paging::fault::{Fault, Handled};
use libsys::runtime::counter;
use libsys::{
    Error, PageRange, Permissions, Target, UserPage, page_allocate, page_protect, page_unmap,
    range_protect, set_handler,
};

use crate::mark;
use crate::stopwatch::{Outcome, repeat, row};
use crate::test_pages::{READ_ONLY, WRITABLE, allocate, test_page};
use crate::touch::{self, store};

/// Pages of Appel and Li's benchmarks.
const PAGES: u32 = 100;
/// A number that has no common divisor with [`PAGES`]: its multiples visit all pages, far apart.
const STRIDE: u32 = 37;

/// The address of the page that is not protected, in `prot1_trap_unprot`.
static OPEN: AtomicU32 = AtomicU32::new(0);
/// The counter at the handler's first instruction.
static ENTERED: AtomicU32 = AtomicU32::new(0);

/// `trap`, `handler_entry`, `prot1_trap_unprot`, `protn_trap_unprot_per_page`, `fault_alloc`.
pub fn run() -> Outcome {
    // From here on no other page may fault: each handler takes every fault for its own.
    touch::everything();
    allocate(Target::Caller, PAGES)?;
    traps()?;
    composites()?;
    allocation()
}

fn traps() -> Outcome {
    let page = test_page(0);
    page_protect(Target::Caller, page, READ_ONLY)?;
    set_handler(Some(go_on))?;
    row("trap", 1000, |watch| {
        watch.time(|| store(page));
        Ok(())
    })?;
    set_handler(Some(note_and_go_on))?;
    row("handler_entry", 1000, |watch| {
        mark::begin();
        let start = counter::now();
        store(page);
        watch.note(ENTERED.load(Ordering::Relaxed).wrapping_sub(start));
        Ok(())
    })?;
    page_protect(Target::Caller, page, WRITABLE)?;
    Ok(())
}

fn composites() -> Outcome {
    let all = PageRange::new(test_page(0), PAGES)?;
    range_protect(Target::Caller, all, READ_ONLY)?;
    let mut next = 0;
    page_protect(Target::Caller, test_page(next), WRITABLE)?;
    OPEN.store(test_page(next).address(), Ordering::Relaxed);
    set_handler(Some(protect_and_unprotect))?;
    row("prot1_trap_unprot", 500, |watch| {
        next = (next + STRIDE) % PAGES;
        watch.time(|| store(test_page(next)));
        Ok(())
    })?;
    set_handler(Some(unprotect))?;
    let samples = repeat(100, |watch| {
        watch.time(|| {
            range_protect(Target::Caller, all, READ_ONLY)?;
            (0..PAGES).for_each(|index| store(test_page(index * STRIDE % PAGES)));
            Ok(())
        })
    })?;
    samples.print("protn_trap_unprot_per_page", PAGES);
    Ok(())
}

fn allocation() -> Outcome {
    let page = test_page(0);
    set_handler(Some(map_zeros))?;
    row("fault_alloc", 1000, |watch| {
        page_unmap(Target::Caller, page, Permissions::empty())?;
        watch.time(|| store(page));
        Ok(())
    })?;
    Ok(())
}

/// Skips the access, which would only fault again.
#[allow(unsafe_code)]
fn go_on(fault: &mut Fault<'_>) -> Handled {
    // SAFETY: while this handler is installed, only a `store` faults.
    unsafe { touch::skip(fault) };
    Handled::Resume
}

fn note_and_go_on(fault: &mut Fault<'_>) -> Handled {
    ENTERED.store(counter::now(), Ordering::Relaxed);
    mark::end();
    go_on(fault)
}

fn protect_and_unprotect(fault: &mut Fault<'_>) -> Handled {
    handled(fault, |page| {
        let open = OPEN.load(Ordering::Relaxed);
        OPEN.store(page.address(), Ordering::Relaxed);
        let open = UserPage::containing(open).ok_or(Error::InvalidArgument)?;
        page_protect(Target::Caller, open, READ_ONLY)?;
        page_protect(Target::Caller, page, WRITABLE).map(drop)
    })
}

fn unprotect(fault: &mut Fault<'_>) -> Handled {
    handled(fault, |page| page_protect(Target::Caller, page, WRITABLE).map(drop))
}

fn map_zeros(fault: &mut Fault<'_>) -> Handled {
    handled(fault, |page| page_allocate(Target::Caller, page, Permissions::WRITE))
}

fn handled(fault: &Fault<'_>, handle: impl FnOnce(UserPage) -> Result<(), Error>) -> Handled {
    match fault.page().map(handle) {
        Some(Ok(())) => Handled::Resume,
        Some(Err(_)) | None => Handled::PassOn,
    }
}
