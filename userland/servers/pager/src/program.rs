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
