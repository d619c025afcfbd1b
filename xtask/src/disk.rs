//! `--disk FILE` and `--ide-disk FILE`: a disk image, as the emulator wants it.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use crate::bad_input::BadInput;

/// Bytes of a sector.
const SECTOR: u64 = 512;

/// Bytes of a disk that nobody has named.
const SPARSE: u64 = 256 << 20;

/// The full path of the disk of whoever names none, `name` in `directory`: kept from boot to boot, and made when it is not
/// there. It takes room on the host as it is written.
///
/// # Errors
/// It cannot be made; or those of [`image`].
pub fn sparse(directory: &Path, name: &str) -> Result<PathBuf, BadInput> {
    let file = directory.join(name);
    if !file.exists() {
        let make = || -> std::io::Result<()> {
            fs::create_dir_all(directory)?;
            File::create_new(&file)?.set_len(SPARSE)
        };
        make()
            .map_err(|error| BadInput(format!("cannot make disk {}: {error}", file.display())))?;
    }
    image(&file)
}

/// The full path of an image that can be read and written.
///
/// # Errors
/// The file cannot be opened for both, is no ordinary file, or is no whole number of sectors.
pub fn image(file: &Path) -> Result<PathBuf, BadInput> {
    let name = file.display();
    let bad = |why: &dyn std::fmt::Display| BadInput(format!("cannot use disk {name}: {why}"));
    let disk = OpenOptions::new().read(true).write(true).open(file).map_err(|error| bad(&error))?;
    let facts = disk.metadata().map_err(|error| bad(&error))?;
    if !facts.is_file() {
        return Err(bad(&"not an ordinary file"));
    }
    let length = facts.len();
    if length == 0 || !length.is_multiple_of(SECTOR) {
        return Err(bad(&format_args!(
            "its {length} bytes are no whole number of {SECTOR}-byte sectors"
        )));
    }
    file.canonicalize().map_err(|error| bad(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_disk_is_a_file_of_whole_sectors() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for (add, sound) in [(0, false), (511, false), (1, true), (512, true), (3, false)] {
            file.write_all(&vec![0; add]).unwrap();
            assert_eq!(
                image(file.path()).is_ok(),
                sound,
                "{}",
                file.path().metadata().unwrap().len()
            );
        }
    }

    #[test]
    fn a_disk_that_nobody_names_is_made_once_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let deep = directory.path().join("a/b");
        let file = sparse(&deep, "disk.img").unwrap();
        assert_eq!(file.metadata().unwrap().len(), SPARSE);
        std::fs::write(&file, [7; 512]).unwrap();
        assert_eq!(sparse(&deep, "disk.img").unwrap(), file);
        assert_eq!(std::fs::read(&file).unwrap(), [7; 512]);
        assert!(sparse(Path::new("/proc/nowhere"), "disk.img").is_err());
    }

    #[test]
    fn what_is_missing_or_a_directory_is_named() {
        for file in ["/nowhere/fs.img", "/"] {
            let error = image(Path::new(file)).unwrap_err().to_string();
            assert!(error.contains(file) && error.lines().count() == 1, "{error}");
        }
    }
}
