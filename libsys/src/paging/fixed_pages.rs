//! Pages at fixed addresses, through which a program and other processes hand each other bytes.
//!
//! | address | pages | owner | what |
//! | --- | --- | --- | --- |
//! | `0x0040_0000  PDE 0x001` | 1 | [`Scratch`] | a page that the program fills and gives away |
//! | `0x0040_1000` | 1 | [`INBOX`] | a page that came with a message |
//! | `0x0042_0000` | 16 | [`TransferArea`] | pages that the disk's driver maps as well |
//! | `0x0043_0000` | 32 | [`held`] | pages that a pager has taken from its clients |
//!
//! The scratch page is the program's alone until it is given away, so it is lent as a slice. Other
//! processes may write the pages of the other three at any time. A slice would promise that nobody
//! does; so these pages are copied, by [`read`], [`TransferArea::write`] and
//! [`TransferArea::write_page`], with instructions that the compiler does not look into. A few words
//! of them can be read where they are, by [`words`].
#![allow(unsafe_code)]

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering};

use abi::call::PageTransfer;
use abi::layout::{PAGE_SIZE, SCRATCH};
use abi::process::Target;
use abi::{Error, Frame, PageRange, Permissions, ProcessId, UserPage};

use super::checked;
use super::own_pages::are_free;
use super::self_map::live::window;
use crate::call::{self, Change};
use crate::process::info::is_only_mapping;

/// The contents of a page.
pub type Bytes = [u8; PAGE_SIZE as usize];

/// The page at which a page is received.
pub const INBOX: UserPage = UserPage::known(SCRATCH + PAGE_SIZE);
/// Accepts a page at [`INBOX`], for a call that receives.
pub const TO_INBOX: PageTransfer = PageTransfer { page: INBOX, send: None, accept: true };

/// Pages that can be held.
pub const HELD_PAGES: usize = 32;
const FIRST_HELD: u32 = SCRATCH + 0x3_0000;

/// Pages of the transfer area.
pub const TRANSFER_PAGES: u32 = 16;
const FIRST_TRANSFER: u32 = SCRATCH + 0x2_0000;

/// The `index`-th page (`0..32`) for a page that is taken from another process by
/// [`checked::page_move`].
///
/// # Panics
/// If `index` is 32 or more.
#[must_use]
pub const fn held(index: usize) -> UserPage {
    assert!(index < HELD_PAGES, "32 pages can be held");
    UserPage::known(FIRST_HELD + index as u32 * PAGE_SIZE)
}

/// Copies a page that other processes may write; `false` if nothing is mapped there, and then
/// `bytes` are as they were.
///
/// # Panics
/// If a Rust object may lie in the page.
pub fn read(page: UserPage, bytes: &mut Bytes) -> bool {
    assert!(are_free(page, 1), "not a page for what belongs to others");
    let is_present = window().entry_of(page.page()).is_some();
    if is_present {
        // SAFETY: the page is present, as the window shows, and this one thread does not unmap it
        // meanwhile; `bytes` are a page's and the caller's alone.
        unsafe { copy(page.address(), bytes.as_mut_ptr().expose_provenance() as u32) };
    }
    is_present
}

/// Some words of a page that other processes may write, at these offsets; `None` if nothing is
/// mapped there.
///
/// # Panics
/// If a Rust object may lie in the page, or an offset is not a multiple of 4 within it.
#[must_use]
pub fn words<const N: usize>(page: UserPage, offsets: [u32; N]) -> Option<[u32; N]> {
    assert!(are_free(page, 1), "not a page for what belongs to others");
    window().entry_of(page.page())?;
    Some(offsets.map(|offset| {
        assert!(offset < PAGE_SIZE && offset.is_multiple_of(4), "no word of a page");
        let word = core::ptr::with_exposed_provenance::<u32>((page.address() + offset) as usize);
        // SAFETY: a word of a page that is present, as the window shows; this one thread does not
        // unmap it meanwhile. No Rust object lies in it, and the load is volatile.
        unsafe { word.read_volatile() }
    }))
}

/// Whether a page is present, can be written, and has no second mapping, of whatever process.
#[must_use]
pub fn is_private(page: UserPage) -> bool {
    let entry = window().entry_of(page.page());
    entry.is_some_and(|entry| entry.is_writable() && is_only_mapping(entry.frame()))
}

/// Copies the page that came last; `None` if none is there.
#[must_use]
pub fn read_inbox() -> Option<Bytes> {
    let mut bytes = [0; PAGE_SIZE as usize];
    read(INBOX, &mut bytes).then_some(bytes)
}

/// Gives back the page that came last.
pub fn empty_inbox() {
    // Unmapping without marks needs no memory and cannot fail.
    let _ = checked::page_unmap(Target::Caller, INBOX, Permissions::empty());
}

/// Copies a page, whatever other processes do with either meanwhile.
///
/// # Safety
/// `PAGE_SIZE` bytes can be read from `from` on and written from `to` on. Rust objects lie at most
/// in the target, and nothing else refers to them.
pub unsafe fn copy(from: u32, to: u32) {
    // SAFETY: by this function's contract. DF is clear, as the ABI has it. ESI is not the
    // compiler's to give, so it is borrowed and put back.
    unsafe {
        asm!(
            "xchg esi, {from}", "rep movsd", "mov esi, {from}",
            from = inout(reg) from => _, inout("edi") to => _, inout("ecx") PAGE_SIZE / 4 => _,
            options(nostack, preserves_flags)
        );
    }
}

/// The scratch page: private and zeroed when made, unmapped when dropped. There is one at a time.
#[derive(Debug)]
pub struct Scratch {
    /// Another process may write the frame.
    is_lent: bool,
}

static SCRATCH_TAKEN: AtomicBool = AtomicBool::new(false);

impl Scratch {
    /// The page itself.
    pub const PAGE: UserPage = UserPage::known(SCRATCH);
    /// Shows the page, read-only, to the receiver of a message.
    pub const SHOWN: PageTransfer =
        PageTransfer { page: Self::PAGE, send: Some(Permissions::empty()), accept: false };

    /// Takes the scratch page.
    ///
    /// # Errors
    /// `OutOfFrames`, `QuotaExceeded`: there is no frame for it. `Busy`: it is taken.
    pub fn new() -> Result<Self, Error> {
        if SCRATCH_TAKEN.swap(true, Ordering::Relaxed) {
            return Err(Error::Busy);
        }
        let mut scratch = Self { is_lent: false };
        scratch.renew()?;
        Ok(scratch)
    }

    /// Takes a page of the program's own as the scratch page, whatever its bytes are.
    ///
    /// # Errors
    /// `Busy`: the scratch page is taken. `NotPermitted`: a Rust object may lie in `page`, another
    /// process maps it as well, or it is absent or read-only. `page` stays as it was.
    pub fn from_page(page: UserPage) -> Result<Self, Error> {
        checked::check(Target::Caller, page, 1)?;
        if !is_private(page) {
            return Err(Error::NotPermitted);
        }
        if SCRATCH_TAKEN.swap(true, Ordering::Relaxed) {
            return Err(Error::Busy);
        }
        let scratch = Self { is_lent: false };
        let (from, to) = ((Target::Caller, page), (Target::Caller, Self::PAGE));
        // SAFETY: no Rust object lies in `page`, as has just been checked; the scratch page is this
        // new value's, whose bytes nobody has.
        unsafe { call::page_move(from, to, Permissions::empty()) }?;
        Ok(scratch)
    }

    /// Puts a fresh zeroed page in place of the one that was filled.
    ///
    /// # Errors
    /// `OutOfFrames`, `QuotaExceeded`: there is no frame for it.
    pub fn renew(&mut self) -> Result<(), Error> {
        // SAFETY: the page is this value's, of whose bytes nobody has a reference while `self` is
        // borrowed.
        unsafe { call::page_allocate(Target::Caller, Self::PAGE, Permissions::WRITE) }?;
        self.is_lent = false;
        Ok(())
    }

    /// The page's bytes.
    ///
    /// # Panics
    /// If the page was given to a process that may write it, and not renewed since.
    pub fn bytes(&mut self) -> &mut Bytes {
        assert!(!self.is_lent, "another process may write the scratch page");
        let bytes = core::ptr::with_exposed_provenance_mut::<Bytes>(SCRATCH as usize);
        // SAFETY: `new` and `renew` have mapped a writable page there, which no process but this
        // may write. Only they, `move_to` and `drop` change that, which the borrow of `self`
        // excludes for as long as the reference lives: the checked calls refuse this page, and
        // `SCRATCH_TAKEN` makes `self` the only one.
        unsafe { &mut *bytes }
    }

    /// Maps the page into another process as well.
    ///
    /// # Errors
    /// See [`abi::Syscall::PageMap`]; `NotPermitted` also as in [`checked`].
    pub fn give(
        &mut self,
        process: ProcessId,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<(), Error> {
        checked::check(process.into(), page, 1)?;
        // SAFETY: the destination has just been checked. The source is this value's, which lends no
        // more slices of it if the other process may write it.
        unsafe { call::page_map((Target::Caller, Self::PAGE), (process, page), permissions) }?;
        self.is_lent |= permissions.contains(Permissions::WRITE);
        Ok(())
    }

    /// Moves the page into another process, where nothing is present, with these permissions and
    /// marks; returns its frame.
    ///
    /// # Errors
    /// The page, still writable, and the error of [`abi::Syscall::PageMove`].
    pub fn move_to(
        self,
        process: ProcessId,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<Frame, (Self, Error)> {
        let moved = Self::set_permissions(permissions).and_then(|frame| {
            checked::check(process.into(), page, 1)?;
            let (from, to) = ((Target::Caller, Self::PAGE), (process, page));
            // SAFETY: the destination has just been checked; the source is this value's, which ends
            // here.
            unsafe { call::page_move(from, to, Permissions::empty()) }.map(|_| frame)
        });
        moved.map_err(|error| {
            // The page is this process's, so it may get W back.
            let _ = Self::set_permissions(Permissions::WRITE);
            (self, error)
        })
    }

    /// Gives the page these permissions in place of all that it has; returns its frame.
    fn set_permissions(permissions: Permissions) -> Result<Frame, Error> {
        let entry = window().entry_of(Self::PAGE.page());
        if let Some(entry) = entry.filter(|entry| entry.permissions() == permissions) {
            return Ok(entry.frame());
        }
        let change = Change { drop: Permissions::all(), add: permissions };
        // SAFETY: the page is a `Scratch`'s, whose owner calls this and refers to no byte of it.
        unsafe { call::page_protect(Target::Caller, Self::PAGE, change) }.map(|entry| entry.frame())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: the page is this value's, which ends.
        // Unmapping without marks needs no memory and cannot fail.
        let _ = unsafe { call::page_unmap(Target::Caller, Self::PAGE, Permissions::empty()) };
        SCRATCH_TAKEN.store(false, Ordering::Relaxed);
    }
}

/// Pages through which a process and the disk hand each other bytes. There is one area in a
/// process, for good.
///
/// A page of it is a frame, which the driver maps as well. So the pages carry the mark *shared*: a
/// fork leaves them as they are, and parent and child have the same ones. Made copy-on-write, the
/// parent's next write would give the parent another frame than the driver's. A forked child cannot
/// make an area of its own; it may share other pages with the disk.
#[derive(Debug)]
pub struct TransferArea(());

static TRANSFER_TAKEN: AtomicBool = AtomicBool::new(false);

impl TransferArea {
    /// Maps it.
    ///
    /// # Errors
    /// `OutOfFrames`, `QuotaExceeded`: there are not enough frames; it can be tried again. `Busy`:
    /// it is there already.
    pub fn new() -> Result<Self, Error> {
        let range = PageRange::new(UserPage::known(FIRST_TRANSFER), TRANSFER_PAGES)?;
        if TRANSFER_TAKEN.swap(true, Ordering::Relaxed) {
            return Err(Error::Busy);
        }
        let permissions = Permissions::WRITE | Permissions::SHARED;
        if let Err(partial) = checked::range_allocate(Target::Caller, range, permissions) {
            // Unmapping without marks needs no memory and cannot fail.
            let _ = checked::range_unmap(Target::Caller, range, Permissions::empty());
            // NoServer has the area, and the next attempt may find more frames.
            TRANSFER_TAKEN.store(false, Ordering::Relaxed);
            return Err(partial.error);
        }
        Ok(Self(()))
    }

    /// Page `slot` (`0..16`).
    ///
    /// # Panics
    /// If there is no such slot.
    #[must_use]
    pub const fn page(&self, slot: u32) -> UserPage {
        assert!(slot < TRANSFER_PAGES, "a transfer area has 16 slots");
        UserPage::known(FIRST_TRANSFER + slot * PAGE_SIZE)
    }

    /// Copies a page of the area.
    ///
    /// # Panics
    /// If there is no such slot, or the program has unmapped its page.
    pub fn read(&self, slot: u32, bytes: &mut Bytes) {
        assert!(read(self.page(slot), bytes), "a transfer area has its pages");
    }

    /// Fills a page of the area.
    ///
    /// # Panics
    /// If there is no such slot, or the program has unmapped or protected its page.
    pub fn write(&mut self, slot: u32, bytes: &Bytes) {
        let page = self.writable(slot);
        // SAFETY: the page is present and writable, as the window shows, and no Rust object lies in
        // it; `bytes` are a page's.
        unsafe { copy(bytes.as_ptr().expose_provenance() as u32, page.address()) };
    }

    /// Fills a page of the area with the bytes of a page that other processes may write.
    ///
    /// # Panics
    /// As [`TransferArea::write`], and if `from` is absent or a Rust object may lie in it.
    pub fn write_page(&mut self, slot: u32, from: UserPage) {
        assert!(are_free(from, 1), "not a page for what belongs to others");
        assert!(window().entry_of(from.page()).is_some(), "nothing is mapped there");
        let to = self.writable(slot);
        // SAFETY: both pages are present and the target is writable, as the window shows; no Rust
        // object lies in either, and this one thread unmaps neither meanwhile.
        unsafe { copy(from.address(), to.address()) };
    }

    /// Page `slot`, which can be written.
    fn writable(&self, slot: u32) -> UserPage {
        let page = self.page(slot);
        let entry = window().entry_of(page.page());
        assert!(entry.is_some_and(|entry| entry.is_writable()), "a transfer area has its pages");
        page
    }
}
