//! `cargo xtask build`: the kernel and every program in one invocation, then the boot archive.
//!
//! One target directory, one profile and one set of flags for all target code, so that `core` is
//! built once. Linker scripts come from the packages' build scripts for the same reason.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::c;
use crate::command;
use crate::image;
use crate::setup;
use crate::toolchain::Toolchain;
use crate::workspace::{TARGET, Workspace};

/// The packages whose programs run on the machine.
pub const PACKAGES: [&str; 9] = [
    "vitrine-kernel",
    "vitrine-programs",
    "pager",
    "disk",
    "appel-li",
    "vitrine-checks",
    "vitrine-fuzz",
    "vitrine-bench",
    FIRST_PROCESSES,
];

/// The package whose programs are only ever first processes, so the boot archive does not have them.
const FIRST_PROCESSES: &str = "vitrine-conformance";

/// The kernel's name among the programs.
const KERNEL: &str = "kernel";

/// Builds everything that the machine boots.
///
/// # Errors
/// The toolchain is missing, a build fails, or a file cannot be written.
pub fn build(workspace: &Workspace) -> Result<()> {
    let toolchain = setup::toolchain()?;
    announce(workspace, "release", &toolchain);
    let executables = compile(workspace, &toolchain)?;
    command::create_directory(&workspace.programs())?;
    let mut programs = Vec::new();
    let mut kernels = 0;
    for Executable { name, file, in_archive } in &executables {
        let elf = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        if name == KERNEL {
            image::replace(&workspace.output().join("kernel.elf"), &elf)?;
            kernels += 1;
            continue;
        }
        let stripped = image::stripped(&elf).with_context(|| format!("cannot strip {name}"))?;
        image::replace(&workspace.programs().join(name), &elf)?;
        if *in_archive {
            programs.push((format!("bin/{name}"), stripped));
        }
    }
    if kernels == 0 {
        bail!("the build made no program named `{KERNEL}`");
    }
    image::replace(&workspace.output().join("boot.tar"), &image::archive(&programs)?)?;
    c::build(workspace)
}

/// A cargo command for target code: `build`, `doc`, or what clippy takes.
///
/// `program` is the toolchain's `cargo`, or its `cargo-clippy`.
#[must_use]
pub fn target_cargo(
    workspace: &Workspace,
    toolchain: &Toolchain,
    program: &str,
    subcommand: &str,
) -> Command {
    let mut command = toolchain.command(program);
    command.current_dir(workspace.root());
    command.arg(subcommand).args(["--release", "--target"]).arg(workspace.target_file());
    command.arg("--target-dir").arg(workspace.target_build());
    command.args(["-Zjson-target-spec", "-Zbuild-std=core,alloc,compiler_builtins"]);
    command.arg("-Zbuild-std-features=compiler-builtins-mem");
    // The front end on two threads takes a third off the time that `core` needs.
    command.env("CARGO_ENCODED_RUSTFLAGS", "-Zthreads=2");
    if let Some(linker) = toolchain.linker() {
        let name = TARGET.replace('-', "_").to_uppercase();
        command.env(format!("CARGO_TARGET_{name}_LINKER"), linker);
    }
    command
}

/// Says why the terminal will be busy for a minute, if it will be.
pub fn announce(workspace: &Workspace, profile: &str, toolchain: &Toolchain) {
    let libraries = workspace.target_build().join(TARGET).join(profile).join("deps");
    let files = fs::read_dir(libraries).into_iter().flatten().flatten();
    let is_core = |name: &OsStr| name.to_string_lossy().starts_with("libcore-");
    if !files.into_iter().any(|file| is_core(&file.file_name())) {
        eprintln!(
            "vitrine: building Rust {}'s core library for {TARGET}: about a minute, the first time",
            toolchain.version()
        );
    }
}

/// What cargo has made.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Executable {
    name: String,
    file: PathBuf,
    in_archive: bool,
}

/// Compiles, with cargo's progress on this terminal, and returns every program, in the order of their names.
fn compile(workspace: &Workspace, toolchain: &Toolchain) -> Result<Vec<Executable>> {
    let mut command = target_cargo(workspace, toolchain, "cargo", "build");
    command.args(["--bins", "--message-format=json-render-diagnostics"]);
    command.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().with_context(|| command::cannot_start(&command))?;
    if !output.status.success() {
        bail!("this command failed ({}):\n  {}", output.status, command::line(&command));
    }
    Ok(executables(&String::from_utf8_lossy(&output.stdout)))
}

/// The programs among cargo's messages.
fn executables(messages: &str) -> Vec<Executable> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let apart = format!("#{FIRST_PROCESSES}@");
    let mut found: Vec<_> = messages
        .filter_map(|message| {
            let file = Path::new(message.get("executable")?.as_str()?).to_path_buf();
            let name = message.pointer("/target/name")?.as_str()?.to_owned();
            let in_archive = !message.get("package_id")?.as_str()?.contains(&apart);
            Some(Executable { name, file, in_archive })
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_among_cargos_messages() {
        let messages = concat!(
            r#"{"package_id":"a#core@0.0.0","target":{"name":"core"},"executable":null}"#,
            "\n",
            r#"{"package_id":"a/userland#p@0.1.0","target":{"name":"walk"},"executable":"/t/walk"}"#,
            "\n",
            "not json\n",
            r#"{"package_id":"a/c#vitrine-conformance@0.1.0","target":{"name":"ipc"},"executable":"/t/ipc"}"#,
            "\n",
            r#"{"package_id":"a/pager#0.1.0","target":{"name":"cow"},"executable":"/t/cow"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
            "\n",
        );
        let expected =
            [("cow", "/t/cow", true), ("ipc", "/t/ipc", false), ("walk", "/t/walk", true)].map(
                |(name, file, in_archive)| {
                    let (name, file) = (name.to_owned(), file.into());
                    Executable { name, file, in_archive }
                },
            );
        assert_eq!(executables(messages), expected);
    }
}
