//! `cargo xtask`, the alias itself: what cargo shows before `xtask` runs.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// A workspace with our alias and a package called `xtask` that does nothing.
fn tree(root: &Path) {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cargo/config.toml");
    let package =
        "[package]\nname = \"xtask\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
    for folder in [".cargo", "src"] {
        fs::create_dir(root.join(folder)).unwrap();
    }
    fs::copy(config, root.join(".cargo/config.toml")).unwrap();
    fs::write(root.join("Cargo.toml"), package).unwrap();
    fs::write(root.join("src/main.rs"), "fn main() {}\n").unwrap();
}

fn xtask(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.arg("xtask").current_dir(root).stdin(Stdio::null());
    command.env("CARGO_TARGET_DIR", root.join("target"));
    command
}

#[test]
fn a_cargo_that_waits_for_another_says_so() {
    let folder = tempfile::tempdir().unwrap();
    tree(folder.path());
    assert!(xtask(folder.path()).output().unwrap().status.success());

    let lock = File::open(folder.path().join("target/debug/.cargo-lock")).unwrap();
    lock.lock().unwrap();
    let mut waiting = xtask(folder.path()).stderr(Stdio::piped()).spawn().unwrap();
    let stderr = BufReader::new(waiting.stderr.take().unwrap());
    let (line, lines) = channel();
    let reader = thread::spawn(move || {
        stderr.lines().map_while(Result::ok).try_for_each(|text| line.send(text))
    });
    // Nothing else is printed while the lock is held. A cargo that is silent would wait for ever,
    // and so would we.
    let first = lines.recv_timeout(Duration::from_secs(60));
    lock.unlock().unwrap();
    assert!(waiting.wait().unwrap().success());
    drop(lines);
    drop(reader.join());
    let first = first.expect("cargo says that it waits");
    assert!(first.contains("Blocking waiting for file lock"), "{first}");
}
