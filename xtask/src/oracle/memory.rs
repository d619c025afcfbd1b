//! Physical memory of a stopped machine, read from the file that is its RAM; and words of it by
//! physical address.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Bytes of a page and of a frame.
pub const PAGE: u32 = 4096;

/// A frame's bytes.
type Bytes = Box<[u8; PAGE as usize]>;

/// The machine's RAM. A frame is read from the file once; [`Memory::forget`] begins anew.
pub struct Memory {
    file: File,
    frames: u32,
    read: RefCell<HashMap<u32, Bytes>>,
}

impl Memory {
    /// RAM that begins at physical address 0 and has no hole: machines of less than 3.5 GiB.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let open = || -> std::io::Result<(File, u64)> {
            let file = File::options().read(true).write(true).open(path)?;
            let length = file.metadata()?.len();
            Ok((file, length))
        };
        let (file, length) = open().with_context(|| format!("cannot read {}", path.display()))?;
        let frames = u32::try_from(length / u64::from(PAGE)).context("more RAM than 4 GiB")?;
        Ok(Self { file, frames, read: RefCell::default() })
    }

    /// How many frames there are.
    #[must_use]
    pub const fn frames(&self) -> u32 {
        self.frames
    }

    /// Drops what was read: the machine has run since then.
    pub fn forget(&mut self) {
        self.read.get_mut().clear();
    }

    /// The word at a physical address, a multiple of 4. Reads 0xFFFF_FFFF where there is no RAM.
    #[must_use]
    pub fn word(&self, address: u32) -> u32 {
        self.with(address / PAGE, |bytes| {
            let at = (address % PAGE) as usize;
            bytes
                .get(at..at + 4)
                .map_or(u32::MAX, |word| u32::from_le_bytes(word.try_into().unwrap_or([0xFF; 4])))
        })
    }

    /// The 1,024 words of a frame.
    #[must_use]
    pub fn words(&self, frame: u32) -> Vec<u32> {
        self.with(frame, |bytes| {
            let word = |word: &[u8]| u32::from_le_bytes(word.try_into().unwrap_or([0xFF; 4]));
            bytes.chunks_exact(4).map(word).collect()
        })
    }

    /// The bytes of a frame.
    #[must_use]
    pub fn bytes(&self, frame: u32) -> Vec<u8> {
        self.with(frame, |bytes| bytes.to_vec())
    }

    /// Stores a word: for tests that plant a violation.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn store(&mut self, address: u32, word: u32) -> Result<()> {
        self.read.get_mut().remove(&(address / PAGE));
        self.file.write_all_at(&word.to_le_bytes(), address.into()).context("cannot write RAM")
    }

    fn with<R>(&self, frame: u32, use_it: impl FnOnce(&[u8]) -> R) -> R {
        let mut read = self.read.borrow_mut();
        let bytes = read.entry(frame).or_insert_with(|| {
            let mut bytes = Box::new([0xFF; PAGE as usize]);
            if frame < self.frames {
                // A frame that cannot be read keeps its ones, which no rule takes for memory of the
                // kernel's.
                let _ = self.file.read_exact_at(&mut bytes[..], u64::from(frame) * u64::from(PAGE));
            }
            bytes
        });
        use_it(&bytes[..])
    }
}
