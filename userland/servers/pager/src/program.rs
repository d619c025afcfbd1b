//! What a program may touch, and the contents of its pages at first touch: its image, a heap, and a
//! stack that grows.

use core::ops::Range;

use libsys::abi::format::elf::Image;
use libsys::abi::layout::PAGE_SIZE;
use libsys::abi::{Page, Permissions};
use libsys::paging::regions::{Kind, Region, RegionError, Regions, STANDARD};
use libsys::service::pager::ShortName;

/// The contents of a page.
pub type Bytes = [u8; PAGE_SIZE as usize];

/// Regions of one program: heap, stack, and two for each segment of the image, because two segments
/// may share a page.
const REGIONS: usize = 18;

/// A file of the boot archive. Two files are the same if they lie at the same address.
#[derive(Clone, Copy, Debug)]
pub struct File(pub &'static [u8]);

impl PartialEq for File {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.0, other.0)
    }
}

/// A program that can be run.
#[derive(Clone, Copy, Debug)]
pub struct Program<F> {
    /// The beginning of the program's name.
    pub name: ShortName,
    /// Where the bytes of the image are.
    pub file: F,
    /// Which bytes belong to which page.
    pub image: Image,
    /// What it may touch.
    pub regions: Regions<REGIONS>,
}

impl<F> Program<F> {
    /// The program `name` in `file`.
    ///
    /// # Errors
    /// A [`RegionError`]: the image overlaps the heap or the stack, or has too many segments.
    pub fn new(name: &str, image: Image, file: F) -> Result<Self, RegionError> {
        let mut regions = Regions::EMPTY;
        for region in STANDARD.iter() {
            regions.add(*region)?;
        }
        for region in image_regions(&image) {
            regions.add(region?)?;
        }
        Ok(Self { name: ShortName::new(name), file, image, regions })
    }
}

impl Program<File> {
    /// Fills a page as the program finds it at first: with the file's bytes, and zeros around them.
    pub fn fill(&self, page: Page, bytes: &mut Bytes) {
        bytes.fill(0);
        for (to, from) in self.pieces(page) {
            bytes[to].copy_from_slice(from);
        }
    }

    /// Whether these are the bytes that [`Program::fill`] would write. Overwrites them.
    pub fn matches(&self, page: Page, bytes: &mut Bytes) -> bool {
        for (to, from) in self.pieces(page) {
            if bytes[to.clone()] != *from {
                return false;
            }
            bytes[to].fill(0);
        }
        bytes.iter().all(|byte| *byte == 0)
    }

    /// The ranges of a page that come from the file, with the file's bytes.
    fn pieces(&self, page: Page) -> impl Iterator<Item = (Range<usize>, &'static [u8])> + '_ {
        let File(file) = self.file;
        self.image.pieces(page).map(move |piece| {
            let (to, from) = (piece.page_offset as usize, piece.file_offset as usize);
            let length = piece.length as usize;
            (to..to + length, &file[from..from + length])
        })
    }
}

/// The image's pages, in runs of equal permissions.
fn image_regions(image: &Image) -> impl Iterator<Item = Result<Region, RegionError>> {
    let mut pages = image.pages().peekable();
    core::iter::from_fn(move || {
        let first = pages.next()?;
        let writable = is_writable(image, first);
        let mut last = first;
        let goes_on = |last: Page, next: &Page| {
            next.number() == last.number() + 1 && is_writable(image, *next) == writable
        };
        while let Some(next) = pages.next_if(|next| goes_on(last, next)) {
            last = next;
        }
        let end = last.address() + PAGE_SIZE;
        Some(Region::new(first.address(), end, Kind::Image { writable }))
    })
}

fn is_writable(image: &Image, page: Page) -> bool {
    image.permissions(page).is_some_and(|rights| rights.contains(Permissions::WRITE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program of one segment: 0x1200 bytes of the file at 0x80_0100, then zeros up to 0x80_2100.
    fn program() -> Program<File> {
        program_of(0x2000)
    }

    /// The same with so many bytes of memory.
    fn program_of(memory: u32) -> Program<File> {
        let mut file = vec![0xEE_u8; 0x3000];
        file[..0x100].fill(0);
        file[..7].copy_from_slice(b"\x7fELF\x01\x01\x01");
        for (at, half) in [(16, 2_u16), (18, 3), (40, 52), (42, 32), (44, 1), (46, 40)] {
            file[at..at + 2].copy_from_slice(&half.to_le_bytes());
        }
        let segment = [1, 0x1100, 0x80_0100, 0, 0x1200, memory, 6, 0x1000];
        let words = [(20, 1_u32), (24, 0x80_0100), (28, 52)];
        let segment = (52..).step_by(4).zip(segment);
        for (at, word) in words.into_iter().chain(segment) {
            file[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        let file: &'static [u8] = file.leak();
        let image = Image::plan(&file[..0x1000], file.len() as u32).unwrap();
        Program::new("test", image, File(file)).unwrap()
    }

    #[test]
    fn a_file_is_known_by_where_it_lies_and_not_by_its_bytes() {
        let file: &'static [u8] = vec![7; 32].leak();
        assert_eq!(File(file), File(file));
        for other in [&file[..31], &file[1..], &file[..16], vec![7; 32].leak()] {
            assert_ne!(File(file), File(other));
        }
    }

    #[test]
    fn a_segment_of_many_pages_is_one_region() {
        use libsys::abi::fault::Access;
        use libsys::paging::regions::{Decision, Refusal};
        let pages = 10 * REGIONS as u32;
        let program = program_of(pages * PAGE_SIZE - 0x100);
        let decide = |address| program.regions.decide(address, Access::USER);
        for page in [0, 1, pages - 1] {
            let decision = decide(0x80_0000 + page * PAGE_SIZE);
            assert!(matches!(decision, Decision::Image { writable: true, .. }), "{page}");
        }
        let refused = Decision::Refuse(Refusal::NoRegion);
        assert_eq!(decide(0x80_0000 + pages * PAGE_SIZE), refused);
        assert_eq!(decide(0x80_0000 - 1), refused);
    }

    #[test]
    fn a_page_has_the_files_bytes_and_zeros_around_them() {
        let (program, mut bytes) = (program(), [0xAA; 4096]);
        for (address, from_file) in
            [(0x80_0000, 0x100..0x1000), (0x80_1000, 0..0x300), (0x80_2000, 0..0)]
        {
            program.fill(Page::containing(address), &mut bytes);
            for (offset, byte) in bytes.iter().enumerate() {
                let expected = if from_file.contains(&offset) { 0xEE } else { 0 };
                assert_eq!(*byte, expected, "{address:#x} + {offset:#x}");
            }
        }
    }

    #[test]
    fn a_page_matches_until_one_byte_differs() {
        let (program, page) = (program(), Page::containing(0x80_1000));
        for change in [None, Some(0), Some(0x2FF), Some(0x300), Some(0xFFF)] {
            let mut bytes = [0; 4096];
            program.fill(page, &mut bytes);
            if let Some(offset) = change {
                bytes[offset] ^= 1;
            }
            assert_eq!(program.matches(page, &mut bytes), change.is_none(), "{change:?}");
        }
    }
}
