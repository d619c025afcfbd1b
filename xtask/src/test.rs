//! `cargo xtask test [FILTER]`: the host tests, the emulator tests on a fresh image, the laboratory's in a browser.

use std::env;
use std::process::Command;

use anyhow::Result;

use crate::system::Part;
use crate::workspace::Workspace;
use crate::{build, command, setup, web};

/// Runs the tests whose names contain `filter`, or all.
///
/// # Errors
/// A test failed, or something could not be built.
pub fn test(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    let in_browser = web::test::has_tests(workspace, filter)?;
    setup::ensure(&[Part::Emulator])?;
    if in_browser {
        setup::ensure(&web::test::PARTS)?;
    }
    // Without them the tests that boot from a CD are ignored, and say so.
    setup::install_if_ours(&[Part::DiscTools]);
    let mut host = host_cargo(workspace);
    command::run(host.arg("test").arg("--").args(filter))?;
    build::build(workspace)?;
    let mut emulator = host_cargo(workspace);
    emulator.args(["test", "--package", "vitrine-tests", "--"]).args(filter);
    emulator.env("VITRINE_KERNEL", workspace.kernel());
    emulator.env("VITRINE_ARCHIVE", workspace.archive());
    command::run(&mut emulator)?;
    if in_browser { web::test::test(workspace, filter) } else { Ok(()) }
}

/// The cargo that runs us, without what it told us about our own package.
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
