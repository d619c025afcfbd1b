//! Where pages lie, and names that all files of these runs use.

use std::ops::Range;
use std::sync::OnceLock;

use abi::process::Target;
use abi::{Permissions, UserPage};

/// Pages of the program that are only read.
pub const TEXT: Range<u32> = 0x800..0x808;
/// Pages that are zeros at first; they lie under two tables.
pub const HEAP: Range<u32> = 0x1_03E8..0x1_0418;
/// Pages in no region.
pub const FOREIGN: Range<u32> = 0x6_0000..0x6_0004;
/// Where the pager maps the pages that it has taken.
pub const HELD: u32 = 0x0043_0000;
/// The pages that the pager has for its own tables, in the order in which it needs them.
const TABLES: u32 = 0x0050_0000;
/// The pager's scratch page.
pub const SCRATCH: UserPage = UserPage::known(0x0041_0000);
/// Where the pager receives pages.
pub const INBOX: UserPage = UserPage::known(0x0041_1000);
/// The page in which the parent keeps the name of the clients' program.
pub const NAME: u32 = 0x2_0080;
/// The name of the clients' program.
pub const PROGRAM: &str = "client";
/// The pager's mark on an absent leaf.
pub const PAGED_OUT: u32 = 0x200;

pub const ME: Target = Target::Caller;
pub const WRITE: Permissions = Permissions::WRITE;
pub const NONE: Permissions = Permissions::empty();
pub const COW: Permissions = Permissions::COPY_ON_WRITE;
pub const PAGER: Permissions = Permissions::PAGER;

/// The bytes of a page of the program's text.
pub fn text(page: u32) -> swap::Bytes {
    std::array::from_fn(|index| (page as usize * 7 + index / 3) as u8)
}

/// The file of the clients' program: a segment of text, behind a page with the headers.
pub fn file() -> &'static [u8] {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| {
        let (start, length) = (TEXT.start << 12, (TEXT.len() as u32) << 12);
        let mut file = b"\x7fELF\x01\x01\x01".to_vec();
        file.resize(16, 0);
        file.extend([2_u16, 3].iter().flat_map(|half| half.to_le_bytes()));
        file.extend([1, start + 0x20, 52, 0, 0].iter().flat_map(|word: &u32| word.to_le_bytes()));
        file.extend([52_u16, 32, 1, 0, 0, 0].iter().flat_map(|half| half.to_le_bytes()));
        let segment = [1, 0x1000, start, start, length, length, 5, 0x1000];
        file.extend(segment.iter().flat_map(|word| word.to_le_bytes()));
        file.resize(0x1000, 0);
        file.extend(TEXT.flat_map(text));
        file
    })
}

pub const fn page(number: u32) -> UserPage {
    UserPage::known(number << 12)
}

/// Where the pager holds the taken page of this place.
pub const fn held(place: usize) -> UserPage {
    UserPage::known(HELD + place as u32 * 0x1000)
}

/// A page of the pager's tables.
pub const fn table_page(number: u32) -> UserPage {
    UserPage::known(TABLES + number * 0x1000)
}
