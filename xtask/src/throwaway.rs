//! Files of one boot, in the output folder: a packed archive, a CD.
//!
//! Each run has its own, so two runs of one tree never share one. The file is removed when its
//! [`Throwaway`] is dropped. A run that is killed cannot do that; the next run removes what is
//! left. It knows such a file by its lock, which a living owner holds and which the system takes
//! from a dead one.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::{Builder, NamedTempFile};

use crate::command;

/// How the names of such files begin.
const PREFIX: &str = "run-";

/// A file that lives as long as this value.
#[derive(Debug)]
pub struct Throwaway(NamedTempFile);

impl Throwaway {
    /// Makes an empty file in `directory`, and removes there what runs that were killed have left.
    ///
    /// # Errors
    /// The directory or the file cannot be made.
    pub fn new(directory: &Path, suffix: &str) -> Result<Self> {
        command::create_directory(directory)?;
        sweep(directory);
        let failed = || format!("cannot make a file in {}", directory.display());
        loop {
            let file = locked(directory, suffix).with_context(failed)?;
            // Another run may have taken the file for a leftover before it was locked.
            if file.path().exists() {
                return Ok(Self(file));
            }
        }
    }

    /// Its name.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

fn locked(directory: &Path, suffix: &str) -> io::Result<NamedTempFile> {
    let file = Builder::new().prefix(PREFIX).suffix(suffix).tempfile_in(directory)?;
    file.as_file().lock()?;
    Ok(file)
}

/// Removes the files of runs that have ended. A file that cannot be removed stays: it is in
/// nobody's way.
fn sweep(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if ours
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            // The lock is held until the file is gone, so that its maker cannot take it in between.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_living_run_has_stays_and_what_a_dead_one_left_goes() {
        let directory = tempfile::tempdir().unwrap();
        let mine = Throwaway::new(directory.path(), ".tar").unwrap();
        let left = directory.path().join("run-left.tar");
        let other = directory.path().join("kernel.elf");
        for file in [&left, &other] {
            File::create(file).unwrap();
        }
        let next = Throwaway::new(directory.path(), ".tar").unwrap();
        assert!(mine.path().exists() && next.path().exists() && other.exists());
        assert!(mine.path() != next.path() && !left.exists());
    }

    #[test]
    fn a_file_goes_with_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let file = Throwaway::new(&directory.path().join("deep"), ".iso").unwrap();
        let path = file.path().to_owned();
        drop(file);
        assert!(!path.exists());
    }
}
