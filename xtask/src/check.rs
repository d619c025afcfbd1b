//! `cargo xtask check`: imports, format, lints and documentation, for the host and for the target.

use std::process::Command;

use anyhow::Result;

use crate::build::{PACKAGES, target_cargo};
use crate::doc::{self, HOST, TARGET_ONLY, packages};
use crate::setup;
use crate::system::Part;
use crate::test::host_cargo;
use crate::workspace::Workspace;
use crate::{command, imports};

/// Runs every check, and stops at the first that finds something.
///
/// # Errors
/// A check found something, or could not run.
pub fn check(workspace: &Workspace) -> Result<()> {
    imports::check(workspace)?;
    setup::ensure(&[Part::HostLints])?;
    step("format", host_cargo(workspace).args(["fmt", "--all", "--check"]))?;

    let mut clippy = host_cargo(workspace);
    clippy.arg("clippy").args(packages(&HOST)).args(["--lib", "--tests", "--", "-D", "warnings"]);
    step("lints for the host", &mut clippy)?;

    step("documentation for the host", &mut doc::host(workspace))?;

    let toolchain = setup::toolchain()?;
    setup::ensure(&[Part::TargetClippy])?;
    let mut clippy = target_cargo(workspace, &toolchain, "cargo-clippy", "clippy");
    clippy.args(packages(&PACKAGES)).args(packages(&TARGET_ONLY)).args(["--", "-D", "warnings"]);
    step("lints for the target (core is checked too, the first time)", &mut clippy)?;

    step("documentation for the target", &mut doc::target(workspace, &toolchain))
}

fn step(name: &str, command: &mut Command) -> Result<()> {
    eprintln!("vitrine: {name}");
    command::run(command)
}
