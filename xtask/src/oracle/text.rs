//! What the kernel's image says about the kernel in memory: its read-only pages, and where the
//! table for debuggers is.

use std::fs;
use std::path::Path;

use abi::debug::SYMBOL;
use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSegment, ObjectSymbol, SegmentFlags};

use super::memory::PAGE;

/// `p_flags` of a segment that may be written.
const WRITABLE: u32 = 2;

/// The part of a page that a segment without W fills.
pub struct TextPage {
    /// The page's virtual address.
    pub address: u32,
    /// Its first bytes.
    pub bytes: Vec<u8>,
}

/// The kernel's ELF file.
pub struct KernelText {
    pages: Vec<TextPage>,
    symbol: u32,
}

impl KernelText {
    /// Reads `kernel.elf`.
    ///
    /// # Errors
    /// It cannot be read, is no ELF file, or has no table for debuggers.
    pub fn read(file: &Path) -> Result<Self> {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let elf = object::File::parse(bytes.as_slice())
            .with_context(|| format!("{} is no ELF file", file.display()))?;
        let symbol = elf
            .symbols()
            .find(|symbol| symbol.name() == Ok(SYMBOL))
            .with_context(|| format!("{} has no symbol {SYMBOL}", file.display()))?;
        let symbol = u32::try_from(symbol.address())?;
        let mut pages = Vec::new();
        for segment in elf.segments() {
            let SegmentFlags::Elf { p_flags, .. } = segment.flags() else { continue };
            let start = u32::try_from(segment.address())?;
            // The code that runs before paging lies below the kernel's half, and is dropped after
            // the boot.
            if p_flags.0 & WRITABLE != 0 || start < abi::layout::KERNEL_BASE {
                continue;
            }
            ensure!(start.is_multiple_of(PAGE), "a segment begins inside a page, at {start:#x}");
            let addresses = (start..).step_by(PAGE as usize);
            pages.extend(
                addresses
                    .zip(segment.data()?.chunks(PAGE as usize))
                    .map(|(address, bytes)| TextPage { address, bytes: bytes.to_vec() }),
            );
        }
        ensure!(!pages.is_empty(), "{} has no read-only segment", file.display());
        Ok(Self { pages, symbol })
    }

    /// The read-only pages.
    pub fn pages(&self) -> &[TextPage] {
        &self.pages
    }

    /// The virtual address of the table for debuggers.
    pub const fn symbol(&self) -> u32 {
        self.symbol
    }
}
