//! The virtual-memory primitives of Appel and Li (1991) under their own names, each one load or one
//! call.
//!
//! | the paper | here | what it does |
//! | --- | --- | --- |
//! | TRAP | [`trap`] | page faults run a function of the program |
//! | PROT1 | [`prot1`] | one page becomes read-only |
//! | PROTN | [`protn`], [`protn_scattered`] | so do many pages, with few calls |
//! | UNPROT | [`unprot`] | one page becomes writable |
//! | DIRTY | [`dirty`], [`clean`] | which pages were written since the last `clean`: loads, no call |
//! | MAP2 | [`map2`] | one frame at two pages, each with its own rights |
//!
//! A page without any rights is one that is absent: give its frame a second page by [`map2`], then
//! unmap the first.
//!
//! Assumed: the pages hold no Rust object that the program refers to while its rights are less than
//! the reference's.
//!
//! Not done: several handlers of one program. Copy-on-write comes before the program's handler, and
//! the heap and the pager after it; a handler that answers
//! [`PassOn`](crate::paging::fault::Handled::PassOn) leaves a fault to those.

use abi::process::Target;
use abi::transaction::{Kind, Seen, Wish};
use abi::{Error, Page, PageRange, Permissions, UserPage};

use crate::call::{Change, Partial};
use crate::paging::checked;
use crate::paging::fault::{self, Handler};
use crate::paging::self_map::live::window;

const READ_ONLY: Change = Change { drop: Permissions::WRITE, add: Permissions::empty() };
const WRITABLE: Change = Change { drop: Permissions::empty(), add: Permissions::WRITE };

/// TRAP: sets the handler of page faults, in place of the one before; `None` removes it. Writes to
/// copy-on-write pages are handled before it is asked.
///
/// # Errors
/// `OutOfFrames`, `QuotaExceeded`: there is no frame for the exception stack.
pub fn trap(handler: Option<Handler>) -> Result<(), Error> {
    fault::set_handler(handler)
}

/// PROT1: makes a page read-only, and clean.
///
/// # Errors
/// `NotMapped`: nothing is present there.
#[inline(always)]
pub fn prot1(page: UserPage) -> Result<(), Error> {
    checked::page_protect(Target::Caller, page, READ_ONLY).map(drop)
}

/// PROTN: makes all present pages of a range read-only, and clean. Cheaper for each page than
/// [`prot1`].
///
/// # Errors
/// See [`Syscall::RangeProtect`](crate::Syscall::RangeProtect); for pages of the caller's own there
/// are none.
#[inline(always)]
pub fn protn(pages: PageRange) -> Result<(), Partial> {
    checked::range_protect(Target::Caller, pages, READ_ONLY).map(drop)
}

/// PROTN for pages that do not follow each other: makes those that are present read-only. A and D
/// stay. Cheaper for each page than [`prot1`].
///
/// # Errors
/// `InvalidArgument`: not the address of a page below UTOP.
pub fn protn_scattered(pages: &[UserPage]) -> Result<(), Error> {
    const WISH: Wish = Wish {
        kind: Kind::Protect,
        drop: Permissions::WRITE,
        add: Permissions::empty(),
        distance: 0,
    };
    let mut list = [Seen::NONE; 64];
    for pages in pages.chunks(list.len()) {
        let mut used = 0;
        for page in pages {
            if let Some(entry) = window().entry_of(page.page()) {
                list[used] = Seen::new(*page, entry);
                used += 1;
            }
        }
        checked::transact(Target::Caller, &list[..used], WISH)?;
    }
    Ok(())
}

/// UNPROT: makes a page writable, and clean.
///
/// # Errors
/// `NotMapped`: nothing is present there. `NotPermitted`: the page came from another space without
/// W, and its frame has another mapping.
#[inline(always)]
pub fn unprot(page: UserPage) -> Result<(), Error> {
    checked::page_protect(Target::Caller, page, WRITABLE).map(drop)
}

/// DIRTY: calls `each` with the pages of a range that were written since they were made or last
/// made clean, in order. It makes no call of the kernel.
pub fn dirty(pages: PageRange, mut each: impl FnMut(Page)) {
    let first = pages.first().page();
    for (group, bits) in window().dirty(first, first.plus(pages.pages())) {
        let mut rest = bits;
        while rest != 0 {
            each(group.plus(rest.trailing_zeros()));
            rest &= rest - 1;
        }
    }
}

/// The other half of DIRTY: makes all pages of a range clean. The next [`dirty`] does not see a
/// write that comes between the last one and this. Only a fault handler could make such a write.
///
/// # Errors
/// As [`protn`].
pub fn clean(pages: PageRange) -> Result<(), Partial> {
    checked::range_protect(Target::Caller, pages, Change::NONE).map(drop)
}

/// MAP2: maps the frame behind `page` at `second` as well, with these permissions there.
///
/// # Errors
/// `NotMapped`: nothing is present at `page`. `NotPermitted`: W is asked for, and `page` lacks it.
/// `OutOfFrames`, `QuotaExceeded`: there is no frame for a table.
pub fn map2(page: UserPage, second: UserPage, permissions: Permissions) -> Result<(), Error> {
    checked::page_map((Target::Caller, page), (Target::Caller, second), permissions)
}
