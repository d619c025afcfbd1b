//! How large the kernel is: the image that is loaded, and the memory that it takes for good.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use object::LittleEndian as Le;
use object::elf::{FileHeader32, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};

use super::figure::Figure;
use super::report::Size;

/// Bytes of the kernel in its file, and in memory, zeroed data included.
///
/// # Errors
/// The file cannot be read, or is no kernel.
pub fn of_kernel(file: &Path) -> Result<[Size; 2]> {
    let elf = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let header = FileHeader32::<Le>::parse(elf.as_slice()).context("no ELF32 file")?;
    let segments = header.program_headers(Le, elf.as_slice()).context("no program headers")?;
    let loaded = || segments.iter().filter(|segment| segment.p_type(Le) == PT_LOAD);
    let size = |name: &str, bytes: u32| Size {
        name: name.to_owned(),
        value: Figure::from(bytes),
        unit: "bytes".to_owned(),
    };
    Ok([
        size("kernel_image", loaded().map(|segment| segment.p_filesz(Le)).sum()),
        size("kernel_memory", loaded().map(|segment| segment.p_memsz(Le)).sum()),
    ])
}
