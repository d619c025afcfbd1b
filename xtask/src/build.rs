//! `cargo xtask build`: the kernel and every program in one invocation, then the boot archive.
//!
//! One target directory, one profile and one set of flags for all target code, so that `core` is
//! built once. Linker scripts come from the packages' build scripts for the same reason.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::c;
use crate::cargo_lock;
use crate::command;
use crate::discovery;
use crate::image;
use crate::progress::Ticker;
use crate::setup;
use crate::toolchain::Toolchain;
use crate::workspace::{TARGET, Workspace};

/// The packages whose programs run on the machine.
pub const PACKAGES: [&str; 13] = [
    "vitrine-kernel",
    "vitrine-init",
    "vitrine-programs",
    "shell",
    "vitrine-own",
    "vitrine-loads",
    "pager",
    "disk",
    "appel-li",
    "vitrine-checks",
    "vitrine-fuzz",
    "vitrine-bench",
    FIRST_PROCESSES,
];

/// The package whose programs are only ever first processes, so the boot archive does not have
/// them.
const FIRST_PROCESSES: &str = "vitrine-conformance";

/// The kernel's name among the programs.
const KERNEL: &str = "kernel";

/// Builds everything that the machine boots.
///
/// # Errors
/// The toolchain is missing, a build fails, or a file cannot be written.
pub fn build(workspace: &Workspace) -> Result<()> {
    build_packages(workspace, &PACKAGES)
}

/// Builds the kernel and the boot archive, without the programs that only tests start. These take a
/// twelfth of the time, and a first boot need not wait for them.
///
/// # Errors
/// As [`build`].
pub fn build_archive(workspace: &Workspace) -> Result<()> {
    let packages: Vec<_> = PACKAGES.into_iter().filter(|name| *name != FIRST_PROCESSES).collect();
    build_packages(workspace, &packages)
}

fn build_packages(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    let toolchain = setup::toolchain()?;
    announce(workspace, "release", &toolchain);
    let mut executables = compile(workspace, &toolchain, packages)?;
    executables.extend(c::build(workspace)?.into_iter().map(|name| Executable {
        file: c::program(workspace, &name),
        name,
        in_archive: true,
    }));
    if let Some(name) = twice(&executables) {
        bail!("two programs are named `{name}`; each needs a name of its own");
    }
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
    image::replace(&workspace.output().join("boot.tar"), &image::archive(&programs)?)
}

/// A name that two programs have. Each is a file in one folder, and in the boot archive.
fn twice(programs: &[Executable]) -> Option<&str> {
    let mut names: Vec<&str> = programs.iter().map(|program| program.name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).find(|two| two[0] == two[1]).map(|two| two[0])
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
    if let Some(linker) = discovery::linker(toolchain) {
        let name = TARGET.replace('-', "_").to_uppercase();
        command.env(format!("CARGO_TARGET_{name}_LINKER"), linker);
    }
    command
}

/// Says why the terminal will be busy, if it will be: core is not built yet, or another cargo is
/// building here.
pub fn announce(workspace: &Workspace, profile: &str, toolchain: &Toolchain) {
    let directory = workspace.target_build().join(TARGET).join(profile);
    cargo_lock::announce(&directory);
    let files = fs::read_dir(directory.join("deps")).into_iter().flatten().flatten();
    let is_core = |name: &OsStr| name.to_string_lossy().starts_with("libcore-");
    if !files.into_iter().any(|file| is_core(&file.file_name())) {
        eprintln!(
            "vitrine: the first build in this tree: Rust {}'s core library for {TARGET}, \
             the kernel and every program; about 150 s of CPU time",
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

/// Compiles, with cargo's messages on this terminal, and returns every program, in the order of
/// their names.
///
/// On a terminal cargo shows its progress. Where there is no terminal, we print a line now and
/// then.
fn compile(
    workspace: &Workspace,
    toolchain: &Toolchain,
    packages: &[&str],
) -> Result<Vec<Executable>> {
    let cargo = || {
        let mut command = target_cargo(workspace, toolchain, "cargo", "build");
        command.arg("--bins").args(packages.iter().flat_map(|package| ["--package", package]));
        command.stdin(Stdio::null());
        command
    };
    let mut command = cargo();
    command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| command::cannot_start(&command))?;

    let done = Arc::new(Mutex::new(Done::default()));
    let ticker = (!io::stderr().is_terminal()).then(|| {
        let mut graph = cargo();
        graph.args(["--unit-graph", "-Zunstable-options"]);
        let (done, mut total) = (done.clone(), None);
        Ticker::start(move |seconds| {
            // Counted at the first line: a short build has no use for it.
            let total = *total.get_or_insert_with(|| count_steps(&mut graph));
            progress(&done.lock().unwrap_or_else(PoisonError::into_inner), total, seconds)
        })
    });
    let mut messages = String::new();
    let output = child.stdout.take().expect("standard output is a pipe");
    for line in BufReader::new(output).lines() {
        let line = line.context("cannot read what cargo prints")?;
        if let Some(last) = step(&line) {
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            *done = Done { steps: done.steps + 1, last };
        }
        messages += &line;
        messages.push('\n');
    }
    let status = child.wait().context("cannot wait for cargo")?;
    drop(ticker);
    if !status.success() {
        bail!("this command failed ({status}):\n  {}", command::line(&command));
    }
    Ok(executables(&messages))
}

/// The steps that a build has done.
#[derive(Default)]
struct Done {
    steps: usize,
    /// What was built last.
    last: String,
}

/// What one of cargo's messages says to be done: a crate is compiled, or a build script has run.
fn step(message: &str) -> Option<String> {
    let message = serde_json::from_str::<Value>(message).ok()?;
    match message["reason"].as_str()? {
        "compiler-artifact" => Some(message["target"]["name"].as_str()?.to_owned()),
        "build-script-executed" => Some("a build script".to_owned()),
        _ => None,
    }
}

/// How many steps a build has, if cargo can say so.
fn count_steps(graph: &mut Command) -> Option<usize> {
    steps_of(&String::from_utf8_lossy(&graph.output().ok()?.stdout))
}

/// Reads what `cargo build --unit-graph` prints.
fn steps_of(graph: &str) -> Option<usize> {
    Some(serde_json::from_str::<Value>(graph).ok()?.get("units")?.as_array()?.len())
}

fn progress(done: &Done, total: Option<usize>, seconds: u64) -> String {
    let Done { steps, last } = done;
    let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
    let last = if last.is_empty() { String::new() } else { format!(", the last was {last}") };
    format!("building: {steps}{of} steps done after {seconds} s{last}")
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
            r#"{"package_id":"a/userland#p@0.1.0","target":{"name":"walk"},"#,
            r#""executable":"/t/walk"}"#,
            "\n",
            "not json\n",
            r#"{"package_id":"a/c#vitrine-conformance@0.1.0","target":{"name":"ipc"},"#,
            r#""executable":"/t/ipc"}"#,
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

    #[test]
    fn two_programs_of_one_name_are_found() {
        let program = |name: &str, in_archive| Executable {
            name: name.to_owned(),
            file: PathBuf::new(),
            in_archive,
        };
        let three = |last| [program("b", false), program("a", true), program(last, true)];
        assert_eq!(twice(&three("c")), None);
        assert_eq!(twice(&three("b")), Some("b"));
    }

    #[test]
    fn progress_counts_the_steps_that_cargo_counts() {
        let artifact = r#"{"reason":"compiler-artifact","target":{"name":"core"}}"#;
        assert_eq!(step(artifact).as_deref(), Some("core"));
        let script = r#"{"reason":"build-script-executed"}"#;
        assert_eq!(step(script).as_deref(), Some("a build script"));
        assert_eq!(step(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(step("warning: something that a build script prints"), None);
        assert_eq!(steps_of(r#"{"version":1,"units":[{},{},{}],"roots":[2]}"#), Some(3));
        assert_eq!(steps_of("error: unknown flag"), None);
        let done = Done { steps: 2, last: "core".to_owned() };
        let line = "building: 2 of 3 steps done after 10 s, the last was core";
        assert_eq!(progress(&done, Some(3), 10), line);
        let line = "building: 0 steps done after 10 s";
        assert_eq!(progress(&Done::default(), None, 10), line);
    }
}
