//! Where pages lie, and names that all files of these runs use.

use std::ops::Range;

use abi::process::Target;
use abi::{Permissions, UserPage};

/// Pages of the program that are only read.
pub const TEXT: Range<u32> = 0x800..0x808;
/// Pages that are zeros at first; they lie under two tables.
pub const HEAP: Range<u32> = 0x1_03E8..0x1_0418;
/// The exception stack.
pub const EXCEPTION: u32 = 0xE_EBFF;
/// Pages in no region.
pub const FOREIGN: Range<u32> = 0x6_0000..0x6_0004;
/// Where the pager maps the pages that it has taken.
pub const HELD: u32 = 0x0040_0000;
/// The pager's scratch page.
pub const SCRATCH: u32 = 0x0041_0000;
/// The pager's mark on an absent leaf.
pub const PAGED_OUT: u32 = 0x200;

pub const ME: Target = Target::Caller;
pub const WRITE: Permissions = Permissions::WRITE;
pub const NONE: Permissions = Permissions::empty();
pub const COW: Permissions = Permissions::COPY_ON_WRITE;
pub const PAGER: Permissions = Permissions::PAGER;

/// The bytes of a page of the program's file.
pub fn file(page: u32) -> swap::Bytes {
    std::array::from_fn(|index| (page as usize * 7 + index / 3) as u8)
}

pub const fn page(number: u32) -> UserPage {
    UserPage::known(number << 12)
}

/// Where the pager maps the taken page of this index.
pub const fn held(index: usize) -> UserPage {
    UserPage::known(HELD + index as u32 * 0x1000)
}
