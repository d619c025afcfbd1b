//! `cargo xtask doc`: the documentation of the code, for the host and for the machine, in one
//! folder with a page to start from.
//!
//! Libraries that run on both are documented as the host sees them, programs and the kernel as the
//! machine does. `libsys` is on both sides: its calls and its runtime exist on the machine alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::build::{PACKAGES, target_cargo};
use crate::command;
use crate::command::host_cargo;
use crate::setup;
use crate::toolchain::Toolchain;
use crate::workspace::{TARGET, Workspace};

/// What builds for the host: the workspace's default members, and the emulator tests.
pub const HOST: [&str; 16] = [
    "vitrine-abi",
    "vitrine-core",
    "vitrine-boot",
    "libsys",
    "picture",
    "pager",
    "swap",
    "disk",
    "appel-li",
    "shell",
    "xtask",
    "vitrine-counter",
    "rasterise",
    "vitrine-tests",
    "vitrine-model",
    "vitrine-parsers",
];

/// Libraries with code for the target alone, beside the packages whose programs run there.
pub const TARGET_ONLY: [&str; 3] = ["vitrine-boot", "libsys", "vitrine-support"];

/// The page from which a reader starts; its links lead into `host` and `machine` beside it.
const START: &str = include_str!("../data/doc.html");

/// Builds the pages and returns the one to start from.
///
/// # Errors
/// The documentation has a mistake, could not be built, or the start page names a page that is not
/// there.
pub fn doc(workspace: &Workspace) -> Result<PathBuf> {
    let toolchain = setup::toolchain()?;
    command::run(&mut host(workspace))?;
    command::run(&mut target(workspace, &toolchain))?;

    let output = workspace.output().join("doc");
    if output.exists() {
        fs::remove_dir_all(&output).with_context(|| output.display().to_string())?;
    }
    copy(&workspace.root().join("target/doc"), &output.join("host"))?;
    let machine = workspace.target_build().join(TARGET).join("doc");
    copy(&machine, &output.join("machine"))?;
    let start = output.join("index.html");
    fs::write(&start, START).with_context(|| start.display().to_string())?;
    match links(START).find(|link| !output.join(link).is_file()) {
        None => Ok(start),
        Some(link) => {
            bail!("the start page leads to {link}, which the documentation does not have")
        }
    }
}

/// The command that documents the libraries for the host; it fails at a warning.
#[must_use]
pub fn host(workspace: &Workspace) -> Command {
    let mut doc = host_cargo(workspace);
    doc.args(["doc", "--no-deps", "--lib"]).args(packages(&HOST));
    doc.env("RUSTDOCFLAGS", "-D warnings");
    doc
}

/// The command that documents the kernel, the programs and `libsys` for the machine; it fails at a
/// warning.
#[must_use]
pub fn target(workspace: &Workspace, toolchain: &Toolchain) -> Command {
    let mut doc = target_cargo(workspace, toolchain, "cargo", "doc");
    doc.arg("--no-deps").args(packages(&PACKAGES)).args(packages(&TARGET_ONLY));
    doc.env("RUSTDOCFLAGS", "-D warnings");
    doc
}

/// The arguments that choose packages.
pub fn packages<'a>(names: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    names.iter().flat_map(|name| ["--package", name])
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let copied = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &copied)?;
        } else {
            fs::copy(entry.path(), &copied).with_context(|| copied.display().to_string())?;
        }
    }
    Ok(())
}

/// The pages that a page's links lead to.
fn links(page: &str) -> impl Iterator<Item = &str> {
    page.split("href=\"").skip(1).filter_map(|rest| rest.split(['"', '#']).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_page_leads_to_both_halves() {
        for half in ["host/", "machine/"] {
            assert!(links(START).any(|link| link.starts_with(half)), "{half}");
        }
    }

    #[test]
    fn every_default_member_is_linted_and_documented() {
        let mut cargo = host_cargo(&Workspace::locate());
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
        let metadata = command::run_quietly(&mut cargo).unwrap();
        let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
        let members = metadata["workspace_default_members"].as_array().unwrap();
        let packages = metadata["packages"].as_array().unwrap();
        let is_default = |package: &&serde_json::Value| members.contains(&package["id"]);
        let names =
            packages.iter().filter(is_default).filter_map(|package| package["name"].as_str());
        let mut names: Vec<&str> = names.chain(["vitrine-tests"]).collect();
        names.sort_unstable();
        let mut listed = HOST.to_vec();
        listed.sort_unstable();
        assert_eq!(listed, names);
    }

    #[test]
    fn a_folder_is_copied_with_its_folders() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("deep")).unwrap();
        fs::write(from.join("deep/page"), "text").unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("deep/page")).unwrap(), "text");
    }
}
