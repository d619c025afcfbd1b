//! The packages from npm: fetched once into `target`, in the versions and with the hashes of
//! `package-lock.json`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::workspace::Workspace;

/// What names the packages. The lock file has a hash of each, which npm checks.
const LISTS: [&str; 2] = ["package.json", "package-lock.json"];

/// Returns the folder `node_modules` with exactly the packages of the lock file.
///
/// # Errors
/// npm cannot be started or cannot get a package.
pub fn fetch(workspace: &Workspace) -> Result<PathBuf> {
    let sources = workspace.root().join("xtask/web");
    let folder = workspace.output().join("web-packages");
    let modules = folder.join("node_modules");
    let read = |name: &str| {
        let file = sources.join(name);
        fs::read(&file).with_context(|| format!("cannot read {}", file.display()))
    };
    let wanted = LISTS.iter().map(|name| read(name)).collect::<Result<Vec<_>>>()?;
    // Written after npm has succeeded, so a fetch that was broken off is made again.
    let stamp = folder.join("fetched");
    let state = wanted.concat();
    if fs::read(&stamp).is_ok_and(|fetched| fetched == state) {
        return Ok(modules);
    }
    command::create_directory(&folder)?;
    for (name, text) in LISTS.iter().zip(&wanted) {
        fs::write(folder.join(name), text).context("cannot write to target")?;
    }
    eprintln!("vitrine: fetching the laboratory's packages by npm (once)");
    let mut npm = Command::new("npm");
    // No package needs a script of its own to be installed, so none may run one.
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
    command::run_quietly(&mut npm)?;
    fs::write(&stamp, &state).context("cannot write to target")?;
    Ok(modules)
}
