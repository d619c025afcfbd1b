//! Whether another cargo builds in a build directory: then ours waits, and we print what it waits
//! for.

use std::fs::{self, File, TryLockError};
use std::path::Path;

/// Prints a line if a build in `directory`, one of cargo's for a target and a profile, has to wait.
///
/// Cargo prints one as well, which does not name the directory.
pub fn announce(directory: &Path) {
    if is_held(directory) {
        eprintln!(
            "vitrine: another cargo is building in {}: waiting until it has ended",
            directory.display()
        );
    }
}

/// Whether another process holds one of cargo's locks on a build directory.
///
/// How many lock files there are, and what they are called, differs from version to version.
fn is_held(directory: &Path) -> bool {
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    let locks = files.filter(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        name.starts_with(".cargo") && name.ends_with("lock")
    });
    let held = |path: &Path| {
        let Ok(file) = File::open(path) else { return false };
        match file.try_lock() {
            // Unlocked and not only closed: a process that another thread starts at this moment
            // inherits the file, and would keep the lock for a while.
            Ok(()) => drop(file.unlock()),
            Err(error) => return matches!(error, TryLockError::WouldBlock),
        }
        false
    };
    locks.into_iter().any(|file| held(&file.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_seen_while_another_holds_it() {
        for name in [".cargo-lock", ".cargo-build-lock", ".cargo-artifact-lock"] {
            let folder = tempfile::tempdir().unwrap();
            assert!(!is_held(&folder.path().join("not there")));
            File::create(folder.path().join("other.lock")).unwrap().lock().unwrap();
            let lock = File::create(folder.path().join(name)).unwrap();
            assert!(!is_held(folder.path()), "{name} is free");
            lock.lock_shared().unwrap();
            assert!(is_held(folder.path()), "{name} is held for reading");
            lock.unlock().unwrap();
            lock.lock().unwrap();
            assert!(is_held(folder.path()), "{name} is held");
            lock.unlock().unwrap();
            assert!(!is_held(folder.path()), "{name} is free again");
        }
    }
}
