//! Whether another cargo is at work in a build directory: then ours will wait, and we say for what.

use std::fs::{self, File, TryLockError};
use std::path::Path;

/// Says that a build in `directory`, one of cargo's for a target and a profile, has to wait.
///
/// Cargo says so as well, in words that do not name the directory.
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
    // A lock that we get is given back when the file is closed, at the end of its turn.
    let held = |path: &Path| {
        File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
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
            drop(lock);
            assert!(!is_held(folder.path()), "{name} is free again");
        }
    }
}
