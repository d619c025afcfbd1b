//! The calls that change and show mappings.
//!
//! They are `unsafe`, as `mmap` and `munmap` are in other systems, because they can change the
//! caller's own memory under a Rust reference. [`crate::paging::checked`] has the same calls as
//! safe functions, for other processes and for addresses at which no Rust object lies.

use abi::process::Target;
use abi::transaction::{Seen, Wish};
use abi::{Entry, Error, Frame, PageRange, Permissions, Syscall, UserPage, ViewSlot};

use super::entry::{address, done, invoke, one_word, two_words};
use super::gate;

/// A range of which an error stopped the rest. One call does a bounded number of pages; the
/// functions here ask for the others until all are done, or until a call fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Partial {
    /// Why.
    pub error: Error,
    /// Pages that were done, from the first on.
    pub done: u32,
}

impl From<Partial> for Error {
    fn from(partial: Partial) -> Self {
        partial.error
    }
}

/// The A and D bits that [`range_protect`] found before it cleared them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protected {
    /// Pages walked.
    pub pages: u32,
    /// A and D bits of all of them together, as in an entry.
    pub marks: u32,
    /// A of each of the first 32 pages.
    pub accessed: u32,
    /// D of each of the first 32 pages.
    pub dirty: u32,
}

/// What [`transact`] has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transacted {
    /// Pages that were done, from the first of the list on: all, or fewer.
    pub done: u32,
    /// A and D bits of their old entries together.
    pub marks: u32,
}

impl Protected {
    /// Adds what was found in the pages behind these.
    fn add(&mut self, rest: Self) {
        let first = |bits: u32| bits.checked_shl(self.pages).unwrap_or(0);
        self.accessed |= first(rest.accessed);
        self.dirty |= first(rest.dirty);
        self.marks |= rest.marks;
        self.pages += rest.pages;
    }
}

/// Which bits a range call drops and adds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// Bits to drop first.
    pub drop: Permissions,
    /// Bits to add then.
    pub add: Permissions,
}

impl Change {
    /// Leaves all bits as they are.
    pub const NONE: Self = Self { drop: Permissions::empty(), add: Permissions::empty() };
}

/// Makes a range call, and makes it again for the pages that it has not done. `call` gets what is
/// left of the range, and how many pages are done. Returns the pages of the range.
pub(super) fn whole(
    range: PageRange,
    call: impl Fn(PageRange, u32) -> Syscall,
) -> Result<u32, Partial> {
    let mut done = 0;
    while let Ok(rest) = range.after(done) {
        let [pages, ..] = invoke(call(rest, done)).map_err(|error| Partial { error, done })?;
        done += pages;
    }
    Ok(done)
}

/// Maps a fresh zeroed page.
///
/// # Safety
/// If `process` is the caller: no Rust object lies in `page`, or the program has arranged that the
/// object stays as it is.
///
/// # Errors
/// See [`Syscall::PageAllocate`].
#[inline(always)]
pub unsafe fn page_allocate(
    process: impl Into<Target>,
    page: UserPage,
    permissions: Permissions,
) -> Result<(), Error> {
    one_word(Syscall::PageAllocate { process: process.into(), page, permissions }).map(drop)
}

/// Maps the frame behind a page at another page, here or there, as well.
///
/// # Safety
/// If `to` is the caller: no Rust object lies in `to_page`. If `process` is the caller and
/// `permissions` have W: none lies in `page`.
///
/// # Errors
/// See [`Syscall::PageMap`].
#[inline(always)]
pub unsafe fn page_map(
    (process, page): (impl Into<Target>, UserPage),
    (to, to_page): (impl Into<Target>, UserPage),
    permissions: Permissions,
) -> Result<(), Error> {
    two_words(Syscall::PageMap {
        process: process.into(),
        page,
        to: to.into(),
        to_page,
        permissions,
    })
    .map(drop)
}

/// Moves a page to where nothing is present, leaves `marks`, and returns the old entry.
///
/// # Safety
/// If `process` is the caller: no Rust object lies in the pages of the caller, or the program has
/// arranged that the object stays as it is.
///
/// # Errors
/// See [`Syscall::PageMove`].
pub unsafe fn page_move(
    (process, page): (impl Into<Target>, UserPage),
    (to, to_page): (impl Into<Target>, UserPage),
    marks: Permissions,
) -> Result<Entry, Error> {
    let (process, to) = (process.into(), to.into());
    let old = two_words(Syscall::PageMove { process, page, to, to_page, marks })?;
    Ok(Entry::from_bits(old))
}

/// Unmaps a page, leaves `marks`, and returns the old entry.
///
/// # Safety
/// If `process` is the caller: no Rust object lies in `page`, or the program has arranged that the
/// object stays as it is.
///
/// # Errors
/// See [`Syscall::PageUnmap`].
#[inline(always)]
pub unsafe fn page_unmap(
    process: impl Into<Target>,
    page: UserPage,
    marks: Permissions,
) -> Result<Entry, Error> {
    let old = one_word(Syscall::PageUnmap { process: process.into(), page, marks })?;
    Ok(Entry::from_bits(old))
}

/// Makes a page private and writable; returns whether that took a copy.
///
/// # Safety
/// If `process` is the caller: no Rust object lies in `page`, or the program has arranged that the
/// object stays as it is.
///
/// # Errors
/// See [`Syscall::PageCopy`].
#[inline(always)]
pub unsafe fn page_copy(
    process: impl Into<Target>,
    page: UserPage,
    permissions: Permissions,
) -> Result<bool, Error> {
    let copied = one_word(Syscall::PageCopy { process: process.into(), page, permissions })?;
    Ok(copied != 0)
}

/// How many mappings a frame has. [`crate::process::info::frame_references`] asks only for what no
/// table shows.
///
/// # Errors
/// See [`Syscall::FrameReferences`].
pub fn frame_references(frame: Frame) -> Result<u32, Error> {
    one_word(Syscall::FrameReferences { frame: frame.number() })
}

/// Maps every present page of a range at another place as well; with `both`, changes the bits of
/// the source, too. Returns the pages walked. In one space, the destination may begin before the
/// source and overlap it.
///
/// # Safety
/// If `to` is the caller: no Rust object lies in the destination. If `process` is the caller: none
/// lies in `range`, or `change` drops W (so that no other process can write the pages) and the
/// program has arranged that its own writes still reach pages of its own.
///
/// # Errors
/// See [`Syscall::RangeShare`].
pub unsafe fn range_share(
    (process, range): (impl Into<Target>, PageRange),
    (to, to_page): (impl Into<Target>, UserPage),
    change: Change,
    both: bool,
) -> Result<u32, Partial> {
    let Change { drop, add } = change;
    let (process, to) = (process.into(), to.into());
    whole(range, |range, done| Syscall::RangeShare {
        process,
        range,
        to,
        to_page: to_page.plus(done),
        drop,
        add,
        both,
    })
}

/// Changes the pages of a list ([`abi::transaction`]), as long as their entries are what the list
/// says. [`crate::paging::transaction`] asks again where the call stops early.
///
/// # Safety
/// As of [`page_protect`], [`page_unmap`] and [`page_map`], for each page of the list.
///
/// # Errors
/// See [`Syscall::Transact`].
pub unsafe fn transact(
    process: impl Into<Target>,
    list: &[Seen],
    wish: Wish,
) -> Result<Transacted, Error> {
    let (process, pages) = (process.into(), list.len() as u32);
    let list = address(list.as_ptr());
    let [done, marks, ..] = invoke(Syscall::Transact { process, list, pages, wish })?;
    Ok(Transacted { done, marks })
}

/// Drops and adds bits on every present page of a range, and clears A and D.
///
/// # Safety
/// If `process` is the caller: no Rust object lies in `range`, or the program has arranged that the
/// object stays as it is.
///
/// # Errors
/// See [`Syscall::RangeProtect`].
#[inline(always)]
pub unsafe fn range_protect(
    process: impl Into<Target>,
    range: PageRange,
    change: Change,
) -> Result<Protected, Partial> {
    let process = process.into();
    let first = protect_some(process, range, change, 0)?;
    if first.pages == range.pages() {
        return Ok(first);
    }
    protect_rest(process, range, change, first)
}

/// The rest of [`range_protect`], if one call does not do all pages.
#[cold]
fn protect_rest(
    process: Target,
    range: PageRange,
    change: Change,
    mut protected: Protected,
) -> Result<Protected, Partial> {
    while let Ok(rest) = range.after(protected.pages) {
        protected.add(protect_some(process, rest, change, protected.pages)?);
    }
    Ok(protected)
}

/// Makes one call of [`range_protect`], after `done` pages.
#[inline(always)]
fn protect_some(
    process: Target,
    range: PageRange,
    Change { drop, add }: Change,
    done: u32,
) -> Result<Protected, Partial> {
    let call = Syscall::RangeProtect { process, range, drop, add };
    let (value, [pages, marks, accessed, dirty]) = gate::four_answers(call);
    match Error::check(value) {
        Ok(_) => Ok(Protected { pages, marks, accessed, dirty }),
        Err(error) => Err(Partial { error, done }),
    }
}

/// Drops and adds bits on one page and clears A and D; returns the old entry.
///
/// # Safety
/// If `process` is the caller: no Rust object lies in `page`, or the program has arranged that the
/// object stays as it is.
///
/// # Errors
/// See [`Syscall::PageProtect`].
#[inline(always)]
pub unsafe fn page_protect(
    process: impl Into<Target>,
    page: UserPage,
    change: Change,
) -> Result<Entry, Error> {
    let Change { drop, add } = change;
    let old = one_word(Syscall::PageProtect { process: process.into(), page, drop, add })?;
    Ok(Entry::from_bits(old))
}

/// Unmaps a range; returns the pages walked.
///
/// # Safety
/// If `process` is the caller: no Rust object lies in `range`, or the program has arranged that the
/// object stays as it is.
///
/// # Errors
/// See [`Syscall::RangeUnmap`].
pub unsafe fn range_unmap(
    process: impl Into<Target>,
    range: PageRange,
    marks: Permissions,
) -> Result<u32, Partial> {
    let process = process.into();
    whole(range, |range, _| Syscall::RangeUnmap { process, range, marks })
}

/// Maps fresh zeroed pages over a range of at most 64; returns how many.
///
/// # Safety
/// If `process` is the caller: no Rust object lies in `range`, or the program has arranged that the
/// object stays as it is.
///
/// # Errors
/// See [`Syscall::RangeAllocate`].
pub unsafe fn range_allocate(
    process: impl Into<Target>,
    range: PageRange,
    permissions: Permissions,
) -> Result<u32, Partial> {
    let process = process.into();
    whole(range, |range, _| Syscall::RangeAllocate { process, range, permissions })
}

/// Points an empty directory entry of the caller's at a child or client; [`crate::View`] keeps one.
///
/// # Safety
/// No Rust object will lie in the 4 MiB of `view` while it is attached.
///
/// # Errors
/// See [`Syscall::ViewAttach`].
pub unsafe fn view_attach(process: impl Into<Target>, view: ViewSlot) -> Result<(), Error> {
    done(Syscall::ViewAttach { process: process.into(), view })
}

/// Empties a directory entry that holds a view.
///
/// # Errors
/// See [`Syscall::ViewDetach`].
pub fn view_detach(view: ViewSlot) -> Result<(), Error> {
    done(Syscall::ViewDetach { view })
}
