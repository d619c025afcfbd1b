//! `cargo xtask check`: format, lints and documentation, for the host and for the target.

use std::process::Command;

use anyhow::Result;

use crate::build::{PACKAGES, target_cargo};
use crate::command;
use crate::setup;
use crate::system::Part;
use crate::test::host_cargo;
use crate::workspace::Workspace;

/// What builds for the host: the workspace's default members, and the emulator tests.
const HOST: [&str; 12] = [
    "vitrine-abi",
    "vitrine-core",
    "vitrine-boot",
    "libsys",
    "picture",
    "pager",
    "swap",
    "disk",
    "appel-li",
    "xtask",
    "vitrine-tests",
    "vitrine-parsers",
];

/// Libraries with code for the target alone, beside the packages whose programs run there.
const TARGET_ONLY: [&str; 2] = ["vitrine-boot", "libsys"];

/// Runs every check, and stops at the first that finds something.
///
/// # Errors
/// A check found something, or could not run.
pub fn check(workspace: &Workspace) -> Result<()> {
    setup::ensure(&[Part::HostLints])?;
    step("format", host_cargo(workspace).args(["fmt", "--all", "--check"]))?;

    let mut clippy = host_cargo(workspace);
    clippy.arg("clippy").args(packages(&HOST)).args(["--lib", "--tests", "--", "-D", "warnings"]);
    step("lints for the host", &mut clippy)?;

    let mut doc = host_cargo(workspace);
    doc.args(["doc", "--no-deps", "--lib"])
        .args(packages(&HOST))
        .env("RUSTDOCFLAGS", "-D warnings");
    step("documentation for the host", &mut doc)?;

    let toolchain = setup::toolchain()?;
    setup::ensure(&[Part::TargetClippy])?;
    let mut clippy = target_cargo(workspace, &toolchain, "cargo-clippy", "clippy");
    clippy.args(packages(&PACKAGES)).args(packages(&TARGET_ONLY)).args(["--", "-D", "warnings"]);
    step("lints for the target (core is checked too, the first time)", &mut clippy)?;

    let mut doc = target_cargo(workspace, &toolchain, "cargo", "doc");
    doc.args(["--no-deps"])
        .args(packages(&PACKAGES))
        .args(packages(&TARGET_ONLY))
        .env("RUSTDOCFLAGS", "-D warnings");
    step("documentation for the target", &mut doc)
}

fn step(name: &str, command: &mut Command) -> Result<()> {
    eprintln!("vitrine: {name}");
    command::run(command)
}

fn packages<'a>(names: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    names.iter().flat_map(|name| ["--package", name])
}
