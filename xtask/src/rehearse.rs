//! `cargo xtask rehearse`: the README's commands on a bare Debian, from a fresh clone.
//!
//! A machine that somebody has set up says nothing about a machine that nobody has. So this makes
//! a bare system in a folder (a *root*), puts there what a newcomer has, and runs what a newcomer
//! types. It takes about half an hour and downloads a gigabyte, too much for every CI run.
//!
//! What the bare root has: the smallest Debian, a C compiler, git, and the Rust toolchain that
//! runs us, without the library's sources. Its package *sources* are the host's; its package
//! *lists* know only the main suite, as on a machine that was installed long ago: there the main
//! suite's compiler is too old, and a newer one comes with fresh lists.
//!
//! The host stays as it was. Each command runs in mount and process namespaces of its own
//! (`unshare`), where `/dev`, `/proc` and the toolchain are mounted. No mount is ever made outside,
//! so nothing has to be unmounted: when the command ends, or is killed, or we are, the kernel kills
//! what still runs there and forgets the mounts. Ctrl-C needs no handler for the same reason.
//!
//! The bare root is kept in `target/rehearsal/bare`; each rehearsal copies it to
//! `target/rehearsal/root`, which stays there afterwards.

mod bare;
mod commands;
mod host;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::bad_input::BadInput;
use crate::command::{self, cannot_start};
use crate::leash;
use crate::workspace::Workspace;

use self::commands::{in_namespaces, remove, say};
use self::host::Host;

/// What a newcomer types, in this order. Standard input is empty.
const COMMANDS: [&str; 3] =
    ["cargo xtask qemu --run hello", "cargo xtask qemu </dev/null", "cargo xtask test"];

/// Longer than any of the commands takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(2 * 60 * 60);

/// Where things lie inside the root.
const HOME: &str = "/root";
const TREE: &str = "/root/vitrine";
const SYSROOT: &str = "/root/.rustup/toolchains/stable";

/// Runs in the namespaces of one command, before it: mounts what it needs. Arguments: the root, the
/// toolchain on the host, the command.
const SCRIPT: &str = r#"set -e
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
mount --bind "$2" "$1$3"
mount -o remount,bind,ro "$1$3"
shift 3
exec chroot "$@""#;

/// Which commands are rehearsed, and in which root.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Rehearse only the commands that contain this
    filter: Option<String>,
    /// Make the bare system anew, instead of taking the one of the last rehearsal
    #[arg(long)]
    fresh: bool,
}

/// Rehearses, and prints how long each command took and how it ended.
///
/// # Errors
/// The rehearsal is not possible here (one line), or a command failed.
pub fn rehearse(workspace: &Workspace, options: &Options) -> Result<()> {
    let filter = options.filter.as_deref().unwrap_or("");
    let commands: Vec<_> = COMMANDS.into_iter().filter(|line| line.contains(filter)).collect();
    if commands.is_empty() {
        let all = COMMANDS.join("`, `");
        bail!(BadInput(format!("no command contains `{filter}`; there are `{all}`")));
    }
    let host = Host::look().map_err(BadInput)?;
    let folder = workspace.root().join("target/rehearsal");
    let bare = folder.join("bare");
    if options.fresh || !bare.is_dir() {
        bare::make(&host, &bare)?;
    }
    let root = folder.join("root");
    furnish(workspace, &host, &bare, &root)?;

    let mut outcomes = Vec::new();
    for line in commands {
        say(&format!("$ {line}"));
        let start = Instant::now();
        let status = run(&host, &root, line)?;
        outcomes.push(Outcome { line, status, seconds: start.elapsed().as_secs() });
        if outcomes.last().is_some_and(|outcome| !outcome.is_good()) {
            break;
        }
    }
    println!("\nthe rehearsal on a bare {} in {}:", host.suite, root.display());
    outcomes.iter().for_each(|outcome| println!("{}", outcome.text()));
    if outcomes.iter().all(Outcome::is_good) { Ok(()) } else { bail!("the rehearsal failed") }
}

/// How a command ended.
struct Outcome {
    line: &'static str,
    /// The exit status; `None` if it took longer than [`PATIENCE`] or was killed.
    status: Option<i32>,
    seconds: u64,
}

impl Outcome {
    fn is_good(&self) -> bool {
        self.status == Some(0)
    }

    fn text(&self) -> String {
        let (minutes, seconds) = (self.seconds / 60, self.seconds % 60);
        let status =
            self.status.map_or("was killed".to_owned(), |status| format!("exit status {status}"));
        let word = if self.is_good() { "ok" } else { "FAILED" };
        format!("  {word:<6}  {minutes:>3} min {seconds:>2} s  {}  ({status})", self.line)
    }
}

/// Copies the bare root and puts into the copy what a newcomer has: Rust, and a clone of this tree.
fn furnish(workspace: &Workspace, host: &Host, bare: &Path, root: &Path) -> Result<()> {
    say("copying the bare system");
    remove(root)?;
    command::run_quietly(
        Command::new("cp").args(["--archive", "--reflink=auto"]).args([bare, root]),
    )?;
    fs::copy("/etc/resolv.conf", root.join("etc/resolv.conf"))
        .context("cannot copy resolv.conf")?;
    if let Some(certificates) = &host.certificates {
        fs::copy(certificates, root.join("etc/ssl/certs/ca-certificates.crt"))
            .with_context(|| format!("cannot copy {}", certificates.display()))?;
    }
    command::create_directory(&root.join(SYSROOT.trim_start_matches('/')))?;
    let cargo_home = root.join("root/.cargo");
    command::create_directory(&cargo_home)?;
    if let Some(config) = &host.cargo_config {
        fs::copy(config, cargo_home.join("config.toml")).context("cannot copy cargo's settings")?;
    }

    let changed = Command::new("git")
        .args(["status", "--porcelain"])
        .current_dir(workspace.root())
        .output()
        .context("cannot start git")?;
    if !changed.stdout.is_empty() {
        say("what is not committed is not rehearsed");
    }
    say("cloning the committed tree");
    let tree = root.join(TREE.trim_start_matches('/'));
    let mut clone = Command::new("git");
    clone.args(["clone", "--quiet", "--no-hardlinks"]).arg(workspace.root()).arg(tree);
    command::run_quietly(&mut clone).map(drop)
}

/// Runs one command line in the root, and returns its exit status.
fn run(host: &Host, root: &Path, line: &str) -> Result<Option<i32>> {
    let mut command = in_namespaces();
    command.args(["sh", "-c", SCRIPT, "rehearse"]);
    command.arg(root).arg(&host.sysroot).arg(SYSROOT);
    command.arg(root).args(["sh", "-c", &format!("cd {TREE} && {line}")]);
    command.env_clear().envs(host.environment.iter().cloned());
    let path =
        format!("{SYSROOT}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("PATH", path).env("HOME", HOME).stdin(Stdio::null());
    let child = leash::spawn(&mut command).with_context(|| cannot_start(&command))?;
    match child.wait_timeout(PATIENCE).context("cannot wait for the command")? {
        Some(status) => Ok(status.code()),
        None => {
            child.kill().context("cannot kill the command")?;
            child.wait().context("cannot wait for the command")?;
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exit_status_0_is_a_success() {
        let outcome = |status| Outcome { line: "cargo xtask test", status, seconds: 725 };
        let table = [
            (Some(0), "  ok       12 min  5 s  cargo xtask test  (exit status 0)"),
            (Some(1), "  FAILED   12 min  5 s  cargo xtask test  (exit status 1)"),
            (None, "  FAILED   12 min  5 s  cargo xtask test  (was killed)"),
        ];
        for (status, text) in table {
            assert_eq!(outcome(status).text(), text);
            assert_eq!(outcome(status).is_good(), status == Some(0));
        }
    }

    /// The README says what a newcomer types, and the rehearsal types it.
    #[test]
    fn the_commands_of_the_readme_are_rehearsed() {
        let readme = include_str!("../../README.md");
        let section = readme.split("## ").find(|text| text.starts_with("Two commands")).unwrap();
        let typed: Vec<_> = section.lines().filter_map(|line| line.split_once("  #")).collect();
        assert_eq!(typed.len(), 2);
        for (command, _) in typed {
            let command = command.trim();
            assert!(COMMANDS.iter().any(|line| line.starts_with(command)), "{command}");
        }
    }
}
