//! The calls that change mappings, as safe functions.
//!
//! Each one answers `NotPermitted`, without a call of the kernel, if it would change a page of the
//! caller's own in which a Rust object may lie, or let another process write such a page
//! ([`own_pages`](super::own_pages) has the addresses). In another process they change any page:
//! what that process loses is not the caller's memory.
//!
//! A process id is the caller's own if its record says that the process runs now: on the one CPU,
//! that is the caller.
#![allow(unsafe_code)]

use abi::format::elf::{BOOT_ARCHIVE_END, STACK_START};
use abi::layout::PAGE_SIZE;
use abi::process::Target;
use abi::transaction::{Kind, Seen, Wish};
use abi::{Entry, Error, PageRange, Permissions, UserPage, ViewSlot};

use super::own_pages::{are_free, are_high};
use super::transaction::{self, Stopped};
use crate::call::{self, Change, Partial, Protected};
use crate::process::info;

/// Whether `process` loses no Rust object when its pages from `first` on change.
///
/// # Errors
/// `NotPermitted`: it is the caller, and an object may lie there.
pub(super) fn check(process: Target, first: UserPage, pages: u32) -> Result<(), Error> {
    if are_high(first, pages) { Ok(()) } else { check_rest(process, first, pages) }
}

/// The rest of [`check`]. It is a function of its own so that the addresses that most programs use
/// cost three instructions.
#[cold]
fn check_rest(process: Target, first: UserPage, pages: u32) -> Result<(), Error> {
    let is_other = || match process {
        Target::Caller => false,
        Target::Process(id) => !info::runs_now(id),
    };
    if are_free(first, pages) || is_other() { Ok(()) } else { Err(Error::NotPermitted) }
}

fn check_range(process: Target, range: PageRange) -> Result<(), Partial> {
    check(process, range.first(), range.pages()).map_err(|error| Partial { error, done: 0 })
}

/// Maps a fresh zeroed page.
///
/// # Errors
/// See [`abi::Syscall::PageAllocate`], and the module's `NotPermitted`.
pub fn page_allocate(
    process: impl Into<Target>,
    page: UserPage,
    permissions: Permissions,
) -> Result<(), Error> {
    let process = process.into();
    check(process, page, 1)?;
    // SAFETY: `check`.
    unsafe { call::page_allocate(process, page, permissions) }
}

/// Maps the frame behind a page at another page as well. A page of the caller's own that is mapped
/// with W must be one in which no Rust object lies.
///
/// # Errors
/// See [`abi::Syscall::PageMap`], and the module's `NotPermitted`.
pub fn page_map(
    (process, page): (impl Into<Target>, UserPage),
    (to, to_page): (impl Into<Target>, UserPage),
    permissions: Permissions,
) -> Result<(), Error> {
    let (process, to) = (process.into(), to.into());
    if permissions.contains(Permissions::WRITE) {
        check(process, page, 1)?;
    }
    check(to, to_page, 1)?;
    // SAFETY: `check`, for the source, too, if it becomes writable at another page.
    unsafe { call::page_map((process, page), (to, to_page), permissions) }
}

/// Moves a page to where nothing is present, leaves `marks`, and returns the old entry.
///
/// # Errors
/// See [`abi::Syscall::PageMove`], and the module's `NotPermitted`.
pub fn page_move(
    (process, page): (impl Into<Target>, UserPage),
    (to, to_page): (impl Into<Target>, UserPage),
    marks: Permissions,
) -> Result<Entry, Error> {
    let (process, to) = (process.into(), to.into());
    check(process, page, 1)?;
    check(to, to_page, 1)?;
    // SAFETY: `check`, for both pages.
    unsafe { call::page_move((process, page), (to, to_page), marks) }
}

/// Unmaps a page, leaves `marks`, and returns the old entry.
///
/// # Errors
/// See [`abi::Syscall::PageUnmap`], and the module's `NotPermitted`.
pub fn page_unmap(
    process: impl Into<Target>,
    page: UserPage,
    marks: Permissions,
) -> Result<Entry, Error> {
    let process = process.into();
    check(process, page, 1)?;
    // SAFETY: `check`.
    unsafe { call::page_unmap(process, page, marks) }
}

/// Makes a page private and writable; returns whether that took a copy.
///
/// # Errors
/// See [`abi::Syscall::PageCopy`], and the module's `NotPermitted`.
pub fn page_copy(
    process: impl Into<Target>,
    page: UserPage,
    permissions: Permissions,
) -> Result<bool, Error> {
    let process = process.into();
    check(process, page, 1)?;
    // SAFETY: `check`.
    unsafe { call::page_copy(process, page, permissions) }
}

/// Drops and adds bits on one page and clears A and D; returns the old entry.
///
/// # Errors
/// See [`abi::Syscall::PageProtect`], and the module's `NotPermitted`.
pub fn page_protect(
    process: impl Into<Target>,
    page: UserPage,
    change: Change,
) -> Result<Entry, Error> {
    let process = process.into();
    check(process, page, 1)?;
    // SAFETY: `check`.
    unsafe { call::page_protect(process, page, change) }
}

/// Maps every present page of a range at another place as well; with `both`, changes the bits of
/// the source, too. Returns the pages walked. In one space, the destination may begin before the
/// source and overlap it.
///
/// # Errors
/// See [`abi::Syscall::RangeShare`], and the module's `NotPermitted`.
pub fn range_share(
    (process, range): (impl Into<Target>, PageRange),
    (to, to_page): (impl Into<Target>, UserPage),
    change: Change,
    both: bool,
) -> Result<u32, Partial> {
    let (process, to) = (process.into(), to.into());
    if both || !change.drop.contains(Permissions::WRITE) {
        check_range(process, range)?;
    }
    check(to, to_page, range.pages()).map_err(|error| Partial { error, done: 0 })?;
    // SAFETY: `check`, for the source, too, if its bits change or it becomes writable at another
    // page.
    unsafe { call::range_share((process, range), (to, to_page), change, both) }
}

/// Changes the pages of a list, by as many calls as that takes. Returns the A and D bits of their
/// old entries together.
///
/// # Errors
/// Those of [`abi::Syscall::Transact`] for the first page that could not be changed; what came
/// before stays changed. If a page of the list may not change, the module's `NotPermitted`, and
/// nothing has changed.
pub fn transact(process: impl Into<Target>, list: &[Seen], wish: Wish) -> Result<u32, Stopped> {
    let process = process.into();
    // Whether all lie where `are_high` says it, so many bytes further on. An address that is none
    // of a page is refused by the kernel.
    let all_high = |bytes: u32| {
        let in_place = |seen: &Seen| seen.page.wrapping_add(bytes).wrapping_sub(BOOT_ARCHIVE_END);
        list.iter().all(|seen| in_place(seen) < STACK_START - BOOT_ARCHIVE_END)
    };
    let further_on = wish.distance.wrapping_mul(PAGE_SIZE);
    if !all_high(0) || further_on != 0 && !all_high(further_on) {
        check_list(process, list, wish)?;
    }
    // SAFETY: no Rust object lies in the pages that the call changes or makes writable at another
    // address: all lie in a part of the space that has none, or `check_list` has looked at each.
    unsafe { transaction::transact(process, list, wish) }
}

/// Checks the pages of a list one by one, of which some are not where most programs keep theirs.
fn check_list(process: Target, list: &[Seen], wish: Wish) -> Result<(), Stopped> {
    let takes = wish.kind == Kind::MapBoth || !wish.drop.contains(Permissions::WRITE);
    for seen in list {
        let checked = UserPage::new(seen.page).and_then(|page| {
            if !wish.kind.maps() {
                return check(process, page, 1);
            }
            if takes {
                check(Target::Caller, page, 1)?;
            }
            check(process, wish.place(page)?, 1)
        });
        checked.map_err(|error| Stopped { error, done: 0 })?;
    }
    Ok(())
}

/// Drops and adds bits on every present page of a range, and clears A and D.
///
/// # Errors
/// See [`abi::Syscall::RangeProtect`], and the module's `NotPermitted`.
pub fn range_protect(
    process: impl Into<Target>,
    range: PageRange,
    change: Change,
) -> Result<Protected, Partial> {
    let process = process.into();
    check_range(process, range)?;
    // SAFETY: `check_range`.
    unsafe { call::range_protect(process, range, change) }
}

/// Unmaps a range; returns the pages walked.
///
/// # Errors
/// See [`abi::Syscall::RangeUnmap`], and the module's `NotPermitted`.
pub fn range_unmap(
    process: impl Into<Target>,
    range: PageRange,
    marks: Permissions,
) -> Result<u32, Partial> {
    let process = process.into();
    check_range(process, range)?;
    // SAFETY: `check_range`.
    unsafe { call::range_unmap(process, range, marks) }
}

/// Maps fresh zeroed pages over a range of at most 64; returns how many.
///
/// # Errors
/// See [`abi::Syscall::RangeAllocate`], and the module's `NotPermitted`.
pub fn range_allocate(
    process: impl Into<Target>,
    range: PageRange,
    permissions: Permissions,
) -> Result<u32, Partial> {
    let process = process.into();
    check_range(process, range)?;
    // SAFETY: `check_range`.
    unsafe { call::range_allocate(process, range, permissions) }
}

/// Points an empty directory entry of the caller's at a child or client; [`crate::View`] keeps one.
///
/// # Errors
/// See [`abi::Syscall::ViewAttach`], and the module's `NotPermitted`.
pub fn view_attach(process: impl Into<Target>, view: ViewSlot) -> Result<(), Error> {
    check(Target::Caller, UserPage::known(view.slot().base()), abi::layout::ENTRIES)?;
    // SAFETY: `check`.
    unsafe { call::view_attach(process, view) }
}
