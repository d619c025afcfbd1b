//! `cargo xtask test [FILTER]`: the host tests, then the emulator tests on a fresh image.

use std::env;
use std::process::Command;

use anyhow::Result;

use crate::system::Part;
use crate::workspace::Workspace;
use crate::{build, command, setup};

/// Runs the tests whose names contain `filter`, or all.
///
/// # Errors
/// A test failed, or something could not be built.
pub fn test(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    setup::ensure(&[Part::Emulator])?;
    // Without these tools the tests that boot from a CD are skipped with a line.
    setup::install_if_ours(&[Part::DiscTools]);
    let mut host = host_cargo(workspace);
    command::run(host.arg("test").arg("--").args(filter))?;
    build::build(workspace)?;
    let mut emulator = host_cargo(workspace);
    emulator.args(["test", "--package", "vitrine-tests", "--"]).args(filter);
    emulator.env("VITRINE_KERNEL", workspace.kernel());
    emulator.env("VITRINE_ARCHIVE", workspace.archive());
    command::run(&mut emulator)
}

/// The cargo that runs us, without its variables about our own package.
#[must_use]
pub fn host_cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace.root());
    for (name, _) in env::vars_os() {
        let about_us = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_PRIMARY_"];
        if name.to_str().is_some_and(|name| about_us.iter().any(|part| name.starts_with(part))) {
            command.env_remove(name);
        }
    }
    command
}
