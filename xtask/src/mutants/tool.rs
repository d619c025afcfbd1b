//! cargo-mutants, which lists the mutants: installed once, in this version, under `target`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command::{self, host_cargo};
use crate::setup;
use crate::workspace::Workspace;

use super::list::PACKAGES;

/// The version: another one may list other mutants.
const VERSION: &str = "27.1.0";

/// The tool with its version, as it names itself.
#[must_use]
pub fn name() -> String {
    format!("cargo-mutants {VERSION}")
}

/// Whether the tool is installed already, in this version.
#[must_use]
pub fn is_here(workspace: &Workspace) -> bool {
    let version = tool(workspace).arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    version.unwrap_or_default().trim() == name()
}

/// Installs the tool if it is not here.
///
/// # Errors
/// It may not be installed (`--no-install`), or cannot be fetched or built.
pub fn get(workspace: &Workspace) -> Result<()> {
    if is_here(workspace) {
        return Ok(());
    }
    let mut install = host_cargo(workspace);
    install.args(["install", "cargo-mutants", "--locked", "--version", VERSION]);
    install.arg("--root").arg(folder(workspace));
    if setup::installs_nothing() {
        bail!("missing: {}; type\n  {}", name(), command::line(&install));
    }
    eprintln!("vitrine: installing {}: about three minutes, once", name());
    command::run(&mut install)
}

/// Where tools are installed.
fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root().join("target/tools")
}

/// The command that starts the tool, to which a caller adds its arguments.
fn tool(workspace: &Workspace) -> Command {
    let mut tool = Command::new(folder(workspace).join("bin/cargo-mutants"));
    tool.current_dir(workspace.root()).arg("mutants");
    tool
}

/// All mutants of the packages, as JSON.
///
/// # Errors
/// cargo-mutants cannot be had, or fails.
pub fn list(workspace: &Workspace) -> Result<String> {
    get(workspace)?;
    let mut list = tool(workspace);
    list.args(["--list", "--json"]);
    for package in PACKAGES {
        list.args(["--package", package]);
    }
    command::run_quietly(&mut list)
}
