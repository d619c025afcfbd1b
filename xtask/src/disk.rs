//! The disks of a machine: images that the user names, and one without a name for pages that do not
//! fit in memory.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::bad_input::BadInput;

/// Bytes of a sector.
const SECTOR: u64 = 512;

/// Bytes of a disk that nobody has named.
const SPARSE: u64 = 256 << 20;

/// A virtio drive.
#[derive(Clone, Debug)]
pub enum Disk {
    /// A raw image.
    Image(PathBuf),
    /// A file without a name, open in this process and in the emulator. It is gone with both,
    /// however they end.
    Nameless(Arc<File>),
}

impl From<PathBuf> for Disk {
    fn from(image: PathBuf) -> Self {
        Self::Image(image)
    }
}

impl Disk {
    /// A disk for one run, whose file takes room in `directory` as it is written. The emulator
    /// inherits it, and so does every process that is started after this call.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn nameless(directory: &Path) -> Result<Self, BadInput> {
        let make = || -> std::io::Result<File> {
            fs::create_dir_all(directory)?;
            let file = tempfile::tempfile_in(directory)?;
            file.set_len(SPARSE)?;
            fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))?;
            Ok(file)
        };
        let name = directory.display();
        let file = make()
            .map_err(|error| BadInput(format!("cannot make a swap disk in {name}: {error}")))?;
        Ok(Self::Nameless(Arc::new(file)))
    }
}

/// The full path of the disk for a user who names none: `name` in `directory`, made when it is not
/// there, and kept from boot to boot. It takes room on the host as it is written.
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
/// The file cannot be opened for both, is no ordinary file, is no whole number of sectors, or is
/// the disk of an emulator that is running.
pub fn image(file: &Path) -> Result<PathBuf, BadInput> {
    let name = file.display();
    let bad = |why: &dyn fmt::Display| BadInput(format!("cannot use disk {name}: {why}"));
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
    if in_use(&disk) {
        return Err(bad(&"another machine is using it; end that one, or name another file"));
    }
    file.canonicalize().map_err(|error| bad(&error))
}

/// Whether a running emulator has this image: QEMU keeps locks on bytes of each image that it has
/// open. On systems without such locks the answer is always no.
fn in_use(file: &File) -> bool {
    #[cfg(target_os = "linux")]
    {
        use nix::libc;
        // A lock on the whole file conflicts with every lock on a part of it. `F_OFD_GETLK` only
        // asks, and takes no lock.
        let mut lock = libc::flock {
            l_type: libc::F_WRLCK as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        let asked = fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock));
        asked.is_ok() && lock.l_type != libc::F_UNLCK as libc::c_short
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = file;
        false
    }
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
    fn a_swap_disk_leaves_no_name_behind() {
        let directory = tempfile::tempdir().unwrap();
        let deep = directory.path().join("a/b");
        let disks = [Disk::nameless(&deep).unwrap(), Disk::nameless(&deep).unwrap()];
        for disk in disks {
            let Disk::Nameless(file) = disk else { panic!("{disk:?}") };
            assert_eq!(file.metadata().unwrap().len(), SPARSE);
        }
        assert_eq!(fs::read_dir(&deep).unwrap().count(), 0);
        let error = Disk::nameless(Path::new("/proc/nowhere")).unwrap_err().to_string();
        assert!(error.contains("/proc/nowhere") && error.lines().count() == 1, "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_image_on_which_one_byte_is_locked_is_in_use() {
        use nix::libc;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[0; 512]).unwrap();
        assert!(image(file.path()).is_ok());
        // QEMU locks single bytes from 100 on, for reading.
        let lock = libc::flock {
            l_type: libc::F_RDLCK as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: 100,
            l_len: 1,
            l_pid: 0,
        };
        fcntl(file.as_file(), FcntlArg::F_OFD_SETLK(&lock)).unwrap();
        let error = image(file.path()).unwrap_err().to_string();
        assert!(error.contains("another machine") && error.lines().count() == 1, "{error}");
        drop(file.reopen().unwrap());
        assert!(image(file.path()).is_err(), "the question released the lock");
    }

    #[test]
    fn what_is_missing_or_a_directory_is_named() {
        for file in ["/nowhere/fs.img", "/"] {
            let error = image(Path::new(file)).unwrap_err().to_string();
            assert!(error.contains(file) && error.lines().count() == 1, "{error}");
        }
    }
}
