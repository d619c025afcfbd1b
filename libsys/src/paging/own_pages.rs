//! Which pages of its own a program may map and unmap without `unsafe`: those at which no Rust
//! object lies.
//!
//! A `&u32` promises that its word stays readable and does not change. A call that puts a fresh
//! page in place of the word's page breaks that promise, although no pointer was used. So the calls
//! that change the caller's own mappings are `unsafe fn` in `crate::call`. Most programs need none
//! of them: they keep what they map and unmap at addresses that Rust never uses, and for those
//! addresses `paging::checked` has the same calls as safe functions.
//!
//! | addresses | what lies there | free |
//! | --- | --- | --- |
//! | below `0x0040_0000` | nothing | yes |
//! | `0x0040_0000`, one page | the scratch page, which `fixed_pages` lends as a slice | no |
//! | up to `0x0080_0000` | pages that other processes write; they are copied, never lent | yes |
//! | up to `0x3000_0000` | the program, the heap, the boot archive | no |
//! | up to `0xEEAF_E000` | what the program puts there | yes |
//! | above | the stacks | no |
//!
//! Assumed: whoever makes a reference to a free address, which takes `unsafe`, sees to it that its
//! page stays.

use abi::UserPage;
use abi::call::PageTransfer;
use abi::format::elf::{BOOT_ARCHIVE_END, STACK_START};
use abi::layout::{PAGE_SIZE, PROGRAM_TEXT, SCRATCH};
use abi::{Error, Permissions};

/// Whether no Rust object lies in `pages` pages from `first` on, all of which are user pages.
#[must_use]
pub const fn are_free(first: UserPage, pages: u32) -> bool {
    are_high(first, pages) || are_low(first, pages)
}

/// Whether the pages lie between the boot archive and the stack, where most programs keep what they
/// map. This alone is a subtraction and a comparison, so it is asked first.
pub(crate) const fn are_high(first: UserPage, pages: u32) -> bool {
    first.address() >= BOOT_ARCHIVE_END && end(first, pages) <= STACK_START
}

const fn are_low(first: UserPage, pages: u32) -> bool {
    let below_scratch = end(first, pages) <= SCRATCH;
    let above_scratch = first.address() >= SCRATCH + PAGE_SIZE && end(first, pages) <= PROGRAM_TEXT;
    below_scratch || above_scratch
}

const fn end(first: UserPage, pages: u32) -> u32 {
    first.address() + pages * PAGE_SIZE
}

/// Whether a message may take the page of `transfer` along and put another in its place.
///
/// # Errors
/// `NotPermitted`: a Rust object may lie in the page, and the transfer replaces it or lets another
/// process write it.
#[cfg_attr(
    not(target_os = "none"),
    allow(dead_code, reason = "programs send messages; tests do not")
)]
#[inline(always)] // As a call it costs 30 instructions, 5 % of a fault that a pager serves.
pub(crate) fn check_transfer(transfer: Option<PageTransfer>) -> Result<(), Error> {
    match transfer {
        None => Ok(()),
        Some(PageTransfer { page, send, accept }) => {
            let lends = send.is_some_and(|permissions| permissions.contains(Permissions::WRITE));
            let keeps_the_page = !(accept || lends);
            if are_high(page, 1) || keeps_the_page || are_low(page, 1) {
                Ok(())
            } else {
                Err(Error::NotPermitted)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_free_where_no_rust_object_lies() {
        let table = [
            (0x0000_0000, 1, true),
            (0x003F_F000, 1, true),
            (0x003F_F000, 2, false), // into the scratch page
            (0x0040_0000, 1, false),
            (0x0040_1000, 1, true),
            (0x007F_F000, 1, true),
            (0x007F_F000, 2, false), // into the text
            (0x0080_0000, 1, false),
            (0x1000_0000, 1, false), // the heap
            (0x1FFF_F000, 1, false),
            (0x2000_0000, 1, false), // the boot archive
            (0x2FFF_F000, 1, false),
            (0x2FFF_F000, 2, false),
            (0x3000_0000, 1024, true),
            (0xEEAF_D000, 1, true),
            (0xEEAF_D000, 2, false), // into the stack
            (0xEEBF_F000, 1, false), // the exception stack
        ];
        for (address, pages, free) in table {
            let first = UserPage::new(address).unwrap();
            assert_eq!(are_free(first, pages), free, "{address:#010x}, {pages} pages");
        }
    }

    #[test]
    fn a_message_may_show_any_page_and_lend_or_replace_a_free_one() {
        let heap = UserPage::new(0x1000_0000).unwrap();
        let free = UserPage::new(0x3000_0000).unwrap();
        let (read, write) = (Some(Permissions::empty()), Some(Permissions::WRITE));
        let check = |page, send, accept| check_transfer(Some(PageTransfer { page, send, accept }));
        assert_eq!(check_transfer(None), Ok(()));
        assert_eq!(check(heap, read, false), Ok(()));
        for (send, accept) in [(write, false), (read, true), (None, true)] {
            assert_eq!(check(heap, send, accept), Err(Error::NotPermitted));
            assert_eq!(check(free, send, accept), Ok(()));
        }
    }
}
