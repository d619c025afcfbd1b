//! `cargo xtask doctor` on a system that has nothing: it says so, and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

use xtask::system::Part;

/// A tree of Vitrine's as far as xtask looks, a home, a folder for temporary files, and a search
/// path with nothing on it.
fn bare() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["tree/boot", "home", "tmp", "path"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("tree/Cargo.toml"), "").unwrap();
    fs::write(folder.path().join("tree/boot/i686-vitrine.json"), "").unwrap();
    folder
}

/// Runs xtask where nothing but `folder` can be written by its variables, and no tool is found.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments).env_clear().current_dir(folder.join("tree"));
    command.env("PATH", folder.join("path")).env("HOME", folder.join("home"));
    command.env("TMPDIR", folder.join("tmp"));
    // Debian's own compiler would be found without a search path.
    command.env("VITRINE_TOOLCHAIN", folder.join("none"));
    command.output().unwrap()
}

/// Every file and folder below, with its length and its time of change.
fn listing(folder: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let facts = entry.metadata().unwrap();
        if facts.is_dir() {
            found.extend(listing(&entry.path()));
        }
        // Probes put files into the folder for temporary ones, and remove them again.
        let time = if entry.file_name() == "tmp" {
            SystemTime::UNIX_EPOCH
        } else {
            facts.modified().unwrap()
        };
        found.insert(entry.path(), (facts.len(), time));
    }
    found
}

#[test]
fn a_bare_system_is_described_and_left_as_it_is() {
    for arguments in [&["doctor"][..], &["setup", "--check"]] {
        let folder = bare();
        let before = listing(folder.path());
        let output = run(folder.path(), arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert_eq!(before, listing(folder.path()), "{arguments:?} has changed something");
        for part in Part::ALL {
            assert!(text.contains(part.name()), "{text}");
        }
        for needed in ["toolchain", "emulator (qemu-system-i386)", "Node.js", "browser"] {
            assert!(
                text.lines().any(|line| line.contains("lacks:") && line.contains(needed)),
                "{text}"
            );
        }
        assert!(text.contains("VITRINE_TOOLCHAIN names"), "{text}");
        assert!(text.contains("missing: a C compiler"), "{text}");
    }
}
