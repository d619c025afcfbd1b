//! `cargo xtask check`: imports, listed mutants, format, lints and documentation, for the host and
//! for the target, and what must not compile.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::build::{PACKAGES, target_cargo};
use crate::command::host_cargo;
use crate::doc::{self, HOST, TARGET_ONLY, packages};
use crate::setup;
use crate::system::Part;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{command, imports, mutants};

/// Runs every check, and stops at the first that finds something.
///
/// # Errors
/// A check found something, or could not run.
pub fn check(workspace: &Workspace) -> Result<()> {
    imports::check(workspace)?;
    eprintln!("vitrine: the listed survivors");
    mutants::check(workspace)?;
    setup::ensure(&[Part::HostLints])?;
    step("format", host_cargo(workspace).args(["fmt", "--all", "--check"]))?;

    let mut clippy = host_cargo(workspace);
    clippy.arg("clippy").args(packages(&HOST)).args(["--lib", "--tests", "--", "-D", "warnings"]);
    step("lints for the host", &mut clippy)?;

    step("documentation for the host", &mut doc::host(workspace))?;

    let toolchain = setup::toolchain()?;
    setup::ensure(&[Part::TargetClippy])?;
    let mut clippy = target_cargo(workspace, &toolchain, "cargo-clippy", "clippy");
    clippy.args(packages(&PACKAGES)).args(packages(&TARGET_ONLY));
    // The templates of `cargo xtask new` are examples.
    clippy.args(["--lib", "--bins", "--examples", "--", "-D", "warnings"]);
    step("lints for the target (core is checked too, the first time)", &mut clippy)?;

    step("documentation for the target", &mut doc::target(workspace, &toolchain))?;

    eprintln!("vitrine: what safe code must not do");
    check_unsound(workspace, &toolchain)
}

/// Sees that the compiler refuses each line of the program `unsound` that says so, and no other.
fn check_unsound(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    let mut cargo = target_cargo(workspace, toolchain, "cargo", "check");
    cargo.args(["--package", "vitrine-unsound", "--message-format=json"]);
    let output = cargo.output().with_context(|| command::cannot_start(&cargo))?;
    let file = workspace.root().join("userland/tests/unsound/src/main.rs");
    let source = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let (expected, found) = (
        errors_named_in(&source),
        errors_reported(&String::from_utf8_lossy(&output.stdout), "vitrine-unsound"),
    );
    if expected.is_empty() || expected != found {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!("{}: expected {expected:?}, found {found:?}\n{message}", file.display());
    }
    Ok(())
}

/// The lines that end in `// E` and four digits, with that code.
fn errors_named_in(source: &str) -> BTreeSet<(u64, String)> {
    let code = |line: &str| {
        let (_, code) = line.rsplit_once("// ")?;
        (code.len() == 5 && code.starts_with('E')).then(|| code.to_owned())
    };
    (1..).zip(source.lines()).filter_map(|(number, line)| Some((number, code(line)?))).collect()
}

/// The first line of each error in a package, with the error's code, from cargo's messages.
fn errors_reported(messages: &str, package: &str) -> BTreeSet<(u64, String)> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_package = messages.filter(|message| {
        message["package_id"].as_str().is_some_and(|id| id.contains(package))
            && message["message"]["level"] == "error"
    });
    of_package
        .filter_map(|message| {
            let code = message["message"]["code"]["code"].as_str().unwrap_or("none").to_owned();
            Some((message["message"]["spans"].get(0)?["line_start"].as_u64()?, code))
        })
        .collect()
}

fn step(name: &str, command: &mut Command) -> Result<()> {
    eprintln!("vitrine: {name}");
    command::run(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn errors_are_compared_by_line_and_code() {
        let source = "fn f() {\n    g(); // E0133\n    h(); // EXAMPLE\n}\n";
        let expected = BTreeSet::from([(2, "E0133".to_owned())]);
        assert_eq!(errors_named_in(source), expected);
        let message = |package: &str, level: &str| {
            let (code, spans) = (json!({ "code": "E0133" }), json!([{ "line_start": 2 }]));
            let message = json!({ "level": level, "code": code, "spans": spans });
            json!({ "package_id": format!("a#{package}@0"), "message": message }).to_string()
        };
        let messages = [message("p", "error"), message("q", "error"), message("p", "warning")];
        assert_eq!(errors_reported(&messages.join("\n"), "#p@"), expected);
    }
}
