//! What the machine boots from what the compiler made: programs without symbols, in one archive.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use object::LittleEndian as Le;
use object::elf::{FileHeader32, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};

/// Offset of `e_shoff` in an ELF32 header, four bytes long.
const E_SHOFF: usize = 0x20;

/// Offset of `e_shnum`, two bytes, with `e_shstrndx` after it.
const E_SHNUM: usize = 0x30;

/// A program as the loader needs it: everything after its last segment is cut off.
///
/// Our linker puts what is not loaded (symbols, line tables) at the end of the file, so no strip
/// tool has to be installed. The section table goes too: only debuggers read it.
///
/// # Errors
/// This is no ELF32 file with segments in it.
pub fn stripped(elf: &[u8]) -> Result<Vec<u8>> {
    let header = FileHeader32::<Le>::parse(elf).context("no ELF32 file")?;
    let segments = header.program_headers(Le, elf).context("no program headers")?;
    let table_end = header.e_phoff.get(Le) + u32::try_from(size_of_val(segments))?;
    let loaded = segments.iter().filter(|segment| segment.p_type(Le) == PT_LOAD);
    let ends = loaded.map(|segment| segment.p_offset(Le) + segment.p_filesz(Le));
    let Some(end) = ends.max() else { bail!("no segment to load") };
    let end = end.max(table_end) as usize;
    ensure!(end <= elf.len(), "a segment lies beyond the end of the file");
    let mut image = elf[..end].to_vec();
    image[E_SHOFF..E_SHOFF + 4].fill(0);
    image[E_SHNUM..E_SHNUM + 4].fill(0);
    Ok(image)
}

/// An archive of files in ustar format, ordered by name: the same for the same files.
///
/// # Errors
/// A name is too long for the format.
pub fn archive(files: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let mut files: Vec<_> = files.iter().collect();
    files.sort();
    let mut builder = tar::Builder::new(Vec::new());
    for (name, contents) in files {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).with_context(|| format!("bad name {name}"))?;
        header.set_size(contents.len() as u64);
        header.set_mode(0o555);
        header.set_mtime(0);
        header.set_cksum();
        builder.append(&header, contents.as_slice())?;
    }
    Ok(builder.into_inner()?)
}

/// Replaces a file in one step: an emulator that is just starting sees the old one or the new one.
///
/// # Errors
/// The file cannot be written.
pub fn replace(path: &Path, contents: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == contents) {
        return Ok(());
    }
    let directory = path.parent().context("a file has a directory")?;
    let write = || -> std::io::Result<()> {
        // Readable for all, as any built file; temporary files usually are not.
        let mode = Permissions::from_mode(0o644);
        let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(directory)?;
        file.write_all(contents)?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// An ELF32 header, one program header at 0x34, four bytes to load at 0x54, and more.
    fn elf() -> Vec<u8> {
        let mut file = vec![0; 0x34];
        file[..7].copy_from_slice(b"\x7fELF\x01\x01\x01");
        file[0x10] = 2; // ET_EXEC
        file[0x12] = 3; // EM_386
        file[0x14] = 1; // EV_CURRENT
        file[0x1C] = 0x34; // e_phoff
        file[E_SHOFF] = 0x58;
        file[0x28] = 0x34; // e_ehsize
        file[0x2A] = 0x20; // e_phentsize
        file[0x2C] = 1; // e_phnum
        file[0x2E] = 0x28; // e_shentsize
        file[E_SHNUM] = 9;
        file[0x32] = 8; // e_shstrndx
        for word in [1_u32, 0x54, 0x80_0020, 0, 4, 4, 5, 0x1000] {
            file.extend(word.to_le_bytes());
        }
        file.extend(b"codeDEBUG");
        file
    }

    #[test]
    fn a_stripped_program_ends_with_its_last_segment() {
        let image = stripped(&elf()).unwrap();
        assert!(image.ends_with(b"code"));
        assert_eq!(image.len(), 0x58);
        let header = FileHeader32::<Le>::parse(image.as_slice()).unwrap();
        assert_eq!((header.e_shoff.get(Le), header.e_shnum.get(Le)), (0, 0));
        assert_eq!(header.e_shstrndx.get(Le).0, 0);
        assert_eq!(stripped(&image).unwrap(), image);
    }

    #[test]
    fn a_damaged_program_is_refused() {
        assert!(stripped(b"#!/bin/sh").is_err());
        assert!(stripped(&elf()[..0x56]).is_err());
        let mut nothing_to_load = elf();
        nothing_to_load[0x34] = 4; // PT_NOTE
        assert!(stripped(&nothing_to_load).is_err());
    }

    #[test]
    fn the_archive_is_sorted_and_reads_back() {
        let file = |name: &str, contents: &[u8]| (name.to_owned(), contents.to_vec());
        let programs = [file("bin/walk", b"W"), file("bin/cow", &[1; 600])];
        let bytes = archive(&programs).unwrap();
        assert_eq!(&bytes[257..263], b"ustar\0");
        assert_eq!(bytes.len() % 512, 0);
        let mut reader = tar::Archive::new(bytes.as_slice());
        let mut found = Vec::new();
        for entry in reader.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents).unwrap();
            found.push((entry.path().unwrap().display().to_string(), contents.len()));
        }
        assert_eq!(found, [("bin/cow".to_owned(), 600), ("bin/walk".to_owned(), 1)]);
    }
}
