//! `cargo xtask test [FILTER]`: the host tests, the emulator tests on a fresh image, and those of
//! the laboratory in a browser; with `--on`, those emulator tests that hold on every emulator; with
//! `--cases`, the host tests with many cases of each property.

use std::env;
use std::process::Command;

use anyhow::Result;

use crate::command::host_cargo;
use crate::emulators::EmulatorKind;
use crate::gdb::XTASK;
use crate::npm::V86;
use crate::system::Part;
use crate::workspace::Workspace;
use crate::{build, command, setup, web};

/// The environment word that names the emulator for the emulator tests. Without it they are all
/// run, on QEMU.
pub const EMULATOR: &str = "VITRINE_EMULATOR";

/// The environment word from which all cases of the property tests follow. [`test()`] sets it where
/// nobody else has, so that the same tree has the same outcome; [`with_cases`] looks for new cases.
pub const SEED: &str = "PROPTEST_RNG_SEED";

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
    // Without these tools the tests that boot from a CD are skipped with a line.
    setup::install_if_ours(&[Part::DiscTools]);
    let mut host = host_cargo(workspace);
    if env::var_os(SEED).is_none() {
        host.env(SEED, "1");
    }
    command::run(host.arg("test").arg("--").args(filter))?;
    build::build(workspace)?;
    command::run(emulator_tests(workspace).arg("--").args(filter))?;
    if in_browser { web::test::test(workspace, filter) } else { Ok(()) }
}

/// Runs the host tests whose names contain `filter`, or all, compiled with optimisation, with so
/// many cases of each property. The cases are others each time.
///
/// # Errors
/// A test failed, or something could not be built.
pub fn with_cases(workspace: &Workspace, cases: u32, filter: Option<&str>) -> Result<()> {
    let mut host = host_cargo(workspace);
    host.args(["test", "--release"]).env("PROPTEST_CASES", cases.to_string());
    command::run(host.arg("--").args(filter))
}

/// Runs the checks, the conformance programs and the demonstrations on this emulator: those whose
/// names contain `filter`, or all. Differences that the tests list are expected.
///
/// # Errors
/// A test failed, or something is missing or could not be built.
pub fn on(workspace: &Workspace, kind: EmulatorKind, filter: Option<&str>) -> Result<()> {
    setup::ensure(kind.parts())?;
    if kind == EmulatorKind::V86 {
        V86.folder(workspace)?;
    }
    build::build(workspace)?;
    let mut tests = emulator_tests(workspace);
    tests.env(EMULATOR, kind.name());
    command::run(tests.args(["--test", "emulator", "--"]).args(filter))
}

/// The emulator tests on the image that was built.
fn emulator_tests(workspace: &Workspace) -> Command {
    let mut tests = host_cargo(workspace);
    tests.args(["test", "--package", "vitrine-tests"]);
    tests.env("VITRINE_KERNEL", workspace.kernel());
    tests.env("VITRINE_ARCHIVE", workspace.archive());
    if let Ok(xtask) = command::this_program() {
        tests.env(XTASK, xtask);
    }
    tests
}
