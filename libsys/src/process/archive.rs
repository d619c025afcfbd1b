//! The boot archive, from which programs are loaded, in processes that have it mapped.
#![allow(unsafe_code)]

use alloc::collections::BTreeMap;
use alloc::string::String;

use abi::format::elf::BOOT_ARCHIVE_END;
use abi::format::ustar::{Archive, ArchiveError};
use abi::layout::{BOOT_ARCHIVE, PAGE_SIZE};
use abi::process::Target;
use abi::{Error, Page, PageRange, ProcessId, UserPage};

use crate::call::{self, Change};
use crate::paging::self_map::live::window;

/// The boot archive; `None` if this process does not have it.
///
/// The kernel maps it, read-only, into init. init shares it with the pager and with programs that
/// load others ([`share`]).
#[must_use]
pub fn boot_archive() -> Option<Archive<'static>> {
    let pages = pages();
    if pages == 0 {
        return None;
    }
    let start = core::ptr::with_exposed_provenance::<u8>(BOOT_ARCHIVE as usize);
    // SAFETY: so many pages from BOOT_ARCHIVE on are present, as the window shows, and nothing
    // unmaps or writes them: the kernel maps them read-only and sealed, and this library only ever
    // shares them.
    let bytes = unsafe { core::slice::from_raw_parts(start, (pages * PAGE_SIZE) as usize) };
    Some(Archive::new(bytes))
}

/// The file of a program: the member `bin/NAME`.
///
/// # Errors
/// The archive is damaged.
pub fn program(name: &str) -> Result<Option<&'static [u8]>, ArchiveError> {
    let Some(archive) = boot_archive() else { return Ok(None) };
    for member in archive.members() {
        let (member, bytes) = member?;
        if member.is_file && program_name(member.name()) == Some(name) {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// The files of all programs by name, for a process that loads many: a look costs a few hundred
/// instructions, and a walk over the archive some ten thousand.
pub struct Index(BTreeMap<String, &'static [u8]>);

impl Index {
    /// Reads the headers of the whole archive; of a damaged one, up to the damage. It is empty in a
    /// process that does not have the archive.
    #[must_use]
    pub fn read() -> Self {
        let mut files = BTreeMap::new();
        let members = boot_archive().into_iter().flat_map(|archive| archive.members());
        for (member, bytes) in members.map_while(Result::ok) {
            if let Some(name) = program_name(member.name()).filter(|_| member.is_file) {
                // As in `program`, the first of two members of one name counts.
                files.entry(String::from(name)).or_insert(bytes);
            }
        }
        Self(files)
    }

    /// The file of a program: the member `bin/NAME`.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<&'static [u8]> {
        self.0.get(name).copied()
    }
}

/// The names of all programs, in the archive's order.
pub fn programs() -> impl Iterator<Item = abi::format::ustar::Member> {
    let members = boot_archive().into_iter().flat_map(|archive| archive.members());
    members.map_while(Result::ok).map(|(member, _)| member).filter(|member| member.is_file)
}

/// `walk` for the member `bin/walk`; `None` for a member that is no program.
#[must_use]
pub fn program_name(member: &str) -> Option<&str> {
    member.strip_prefix("bin/")
}

/// Maps the archive, read-only, into a child at the same place.
///
/// # Errors
/// `NoSuchProcess`: not a child. `OutOfFrames`, `QuotaExceeded`: no frame for its page tables.
pub fn share(child: ProcessId) -> Result<(), Error> {
    let mut first = UserPage::known(BOOT_ARCHIVE);
    let mut left = pages();
    while left > 0 {
        let range = PageRange::new(first, left.min(PageRange::LIMIT))?;
        let (from, to) = ((Target::Caller, range), (child, first));
        // SAFETY: the pages are read-only and sealed, so the child cannot write them either;
        // nothing changes here.
        let walked = unsafe { call::range_share(from, to, Change::NONE, false) }?;
        left -= walked;
        first = UserPage::new(first.address() + walked * PAGE_SIZE)?;
    }
    Ok(())
}

/// The pages that are present from the archive's first address on, without a gap.
fn pages() -> u32 {
    let (first, end) = (Page::containing(BOOT_ARCHIVE), Page::containing(BOOT_ARCHIVE_END));
    window()
        .runs(first, end, u32::MAX, |_, _| Some(()))
        .next()
        .map_or(0, |run| if run.first == first { run.pages } else { 0 })
}
