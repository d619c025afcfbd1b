//! cargo-mutants, which lists the mutants: installed once, in this version, under `target`.

use std::process::Command;

use anyhow::{Result, bail};

use crate::command::{self, host_cargo};
use crate::setup;
use crate::workspace::Workspace;

use super::list::PACKAGES;

/// The version: another one may list other mutants.
const VERSION: &str = "27.1.0";

/// All mutants of the packages, as JSON.
///
/// # Errors
/// cargo-mutants cannot be had, or fails.
pub fn list(workspace: &Workspace) -> Result<String> {
    let tools = workspace.root().join("target/tools");
    let program = tools.join("bin/cargo-mutants");
    let with = || {
        let mut tool = Command::new(&program);
        tool.current_dir(workspace.root()).arg("mutants");
        tool
    };
    let version = with().arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    if version.unwrap_or_default().trim() != format!("cargo-mutants {VERSION}") {
        let mut install = host_cargo(workspace);
        install.args(["install", "cargo-mutants", "--locked", "--version", VERSION]);
        install.arg("--root").arg(&tools);
        if setup::installs_nothing() {
            bail!("missing: cargo-mutants {VERSION}; type\n  {}", command::line(&install));
        }
        eprintln!("vitrine: installing cargo-mutants {VERSION}: about three minutes, once");
        command::run(&mut install)?;
    }
    let mut list = with();
    list.args(["--list", "--json"]);
    for package in PACKAGES {
        list.args(["--package", package]);
    }
    command::run_quietly(&mut list)
}
