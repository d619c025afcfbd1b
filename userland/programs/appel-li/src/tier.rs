//! The pager of `compress`: it has the frames of an arena, and the compressed contents of the pages
//! without a frame.
//!
//! Each frame has two mappings (MAP2): a private page, which is always mapped and writable, and a
//! page of the arena, which is mapped only while the frame holds its contents. So the pager fills
//! and empties a frame while the program cannot see it.

use alloc::boxed::Box;

use libsys::abi::layout::PAGE_SIZE;
use libsys::call::Change;
use libsys::paging::primitives;
use libsys::{Error, Permissions, Target, UserPage, page_protect, page_unmap, window};
use swap::Bytes;
use swap::codec::{Codec, Compressed, expand};

use crate::blobs::Blobs;
use crate::raw_pages::{self, load, raw_page, store};
use crate::residents::Residents;

/// Pages of the arena.
pub const PAGES: u16 = 256;
/// Frames of the arena.
pub const FRAMES: usize = 48;
/// The private page of frame 0.
const PRIVATE: u32 = 1024;
/// Bytes for compressed pages.
const ROOM: usize = 768 << 10;

/// What the pager has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Done {
    /// Faults served.
    pub faults: u32,
    /// Pages that were compressed when they went.
    pub compressed: u32,
    /// Pages that had not changed since they came.
    pub clean: u32,
}

/// The pager.
#[derive(Debug)]
pub struct Tier {
    residents: Residents<FRAMES>,
    /// Frames whose contents have changed since they came, and whose D bit has been cleared since.
    dirty: [bool; FRAMES],
    blobs: Blobs,
    codec: Codec,
    buffer: Box<Bytes>,
    done: Done,
}

/// A page of the arena.
#[must_use]
pub const fn public(page: u16) -> UserPage {
    raw_page(page as u32)
}

impl Tier {
    /// A pager whose pages are all zeros. It takes all its memory here, because it runs in a fault
    /// handler.
    ///
    /// # Errors
    /// See [`raw_pages::allocate`].
    pub fn new() -> Result<Self, Error> {
        raw_pages::allocate(raw_page(PRIVATE), FRAMES as u32)?;
        Ok(Self {
            residents: Residents::EMPTY,
            dirty: [false; FRAMES],
            blobs: Blobs::new(PAGES, ROOM),
            codec: Codec::new(),
            buffer: Box::new([0; PAGE_SIZE as usize]),
            done: Done::default(),
        })
    }

    /// What the pager has done.
    #[must_use]
    pub const fn done(&self) -> Done {
        self.done
    }

    /// Bytes of all compressed pages.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.blobs.bytes()
    }

    /// Brings a page that is absent.
    ///
    /// # Errors
    /// `OutOfFrames`: there is no room for the page that must go, or no frame for a page table.
    /// `Fault`: the compressed bytes are damaged.
    pub fn bring(&mut self, page: u16) -> Result<(), Error> {
        self.done.faults += 1;
        let dirty = &mut self.dirty;
        let (frame, old) = self.residents.admit(page, |frame, page| {
            let used =
                window().entry_of(public(page).page()).is_some_and(|leaf| leaf.is_accessed());
            if used {
                // This clears D as well.
                let leaf = page_protect(Target::Caller, public(page), Change::NONE);
                dirty[frame] |= leaf.is_ok_and(|leaf| leaf.is_dirty());
            }
            used
        });
        if let Some(old) = old {
            let leaf = page_unmap(Target::Caller, public(old), Permissions::empty())?;
            if core::mem::take(&mut self.dirty[frame]) || leaf.is_dirty() {
                self.compress(frame, old)?;
                self.done.compressed += 1;
            } else {
                self.done.clean += 1;
            }
        }
        self.fill(frame, page)?;
        primitives::map2(private(frame), public(page), Permissions::WRITE)
    }

    fn compress(&mut self, frame: usize, page: u16) -> Result<(), Error> {
        for (address, word) in words(frame).zip(self.buffer.chunks_exact_mut(4)) {
            word.copy_from_slice(&load(address).to_le_bytes());
        }
        let blob = match self.codec.compress(&self.buffer) {
            Compressed::Zeros => &[],
            Compressed::Smaller(blob) => blob,
            Compressed::Incompressible => &self.buffer[..],
        };
        self.blobs.put(page, blob).map_err(|_| Error::OutOfFrames)
    }

    fn fill(&mut self, frame: usize, page: u16) -> Result<(), Error> {
        match self.blobs.get(page) {
            None | Some([]) => self.buffer.fill(0),
            Some(blob) if blob.len() == self.buffer.len() => self.buffer.copy_from_slice(blob),
            Some(blob) => expand(blob, &mut self.buffer).map_err(|_| Error::Fault)?,
        }
        for (address, word) in words(frame).zip(self.buffer.as_chunks::<4>().0) {
            store(address, u32::from_le_bytes(*word));
        }
        Ok(())
    }
}

const fn private(frame: usize) -> UserPage {
    raw_page(PRIVATE + frame as u32)
}

/// The addresses of a frame's words.
fn words(frame: usize) -> impl Iterator<Item = u32> {
    let start = private(frame).address();
    (start..start + PAGE_SIZE).step_by(4)
}
