//! What one client may touch: its program's image, a heap, and a stack that grows.

use libsys::abi::image::Image;
use libsys::abi::layout::PAGE_SIZE;
use libsys::abi::{Page, Permissions};
use libsys::regions::{Kind, Region, RegionError, Regions, STANDARD};

/// Regions of one client: heap, stack, and two for each segment of the image, as segments may share a page.
const REGIONS: usize = 18;

/// A client: the program that it runs, whose bytes are in `file`, and its regions.
#[derive(Clone, Copy, Debug)]
pub struct Client<F> {
    /// What `main` reads the program's bytes from.
    pub file: F,
    /// Where they belong.
    pub image: Image,
    /// What it may touch.
    pub regions: Regions<REGIONS>,
}

impl<F> Client<F> {
    /// A client that runs the program in `file`.
    ///
    /// # Errors
    /// The image lies over the heap or the stack, or is in too many pieces.
    pub fn new(image: Image, file: F) -> Result<Self, RegionError> {
        let mut regions = Regions::EMPTY;
        for region in STANDARD.iter() {
            regions.add(*region)?;
        }
        for region in image_regions(&image) {
            regions.add(region?)?;
        }
        Ok(Self { file, image, regions })
    }
}

/// The image's pages, in runs of equal rights.
fn image_regions(image: &Image) -> impl Iterator<Item = Result<Region, RegionError>> {
    let mut pages = image.pages().peekable();
    core::iter::from_fn(move || {
        let first = pages.next()?;
        let writable = |page: Page| {
            image.permissions(page).is_some_and(|rights| rights.contains(Permissions::WRITE))
        };
        let mut last = first;
        while let Some(next) = pages.next_if(|next| {
            next.number() == last.number() + 1 && writable(*next) == writable(first)
        }) {
            last = next;
        }
        let kind = Kind::Image { writable: writable(first) };
        Some(Region::new(first.address(), last.address() + PAGE_SIZE, kind))
    })
}
