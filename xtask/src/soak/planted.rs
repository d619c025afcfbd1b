//! Mistakes that are planted in a copy of the kernel's core, to see that the reference model finds
//! each.
//!
//! A mistake is a replacement in one source file. The copy lies in `target/vitrine/planted` and
//! shares nothing with the tree but its text, so the tree never holds a mistake, and the kernel has
//! no switch for one.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::command::host_cargo;
use crate::workspace::Workspace;

mod kernel;
mod mistake;
mod paging;

use mistake::{Judge, Mistake};

/// The packages that the copy needs.
const PACKAGES: [&str; 6] = [
    "kernel/abi",
    "kernel/core",
    "libsys",
    "userland/servers/pager",
    "userland/servers/swap",
    "tests/model",
];
/// The files that it needs beside them.
const FILES: [&str; 2] = ["Cargo.lock", "boot/link_program.rs"];

/// Plants each mistake in the kernel, or each in the pager and in what it relies on, one by one,
/// and prints after how many steps it is found.
///
/// # Errors
/// A mistake cannot be planted or is not found, or a copy cannot be built.
pub fn planted(workspace: &Workspace, in_pager: bool, seed: u64, steps: u64) -> Result<()> {
    let copy = workspace.output().join("planted");
    make_copy(workspace, &copy)?;
    let mut missed = Vec::new();
    println!("{:>10}  {:<10}  mistake", "steps", "found by");
    for mistake in if in_pager { paging::MISTAKES } else { kernel::MISTAKES } {
        let file = copy.join(mistake.file);
        let sound = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        fs::write(&file, plant(&sound, mistake)?)?;
        let found = look(workspace, &copy, mistake.by, (seed, steps));
        fs::write(&file, sound)?;
        match found? {
            Some(step) => {
                println!("{step:>10}  {:<10}  {}", mistake.by.program(), mistake.what);
            }
            None => {
                println!("{:>10}  {:<10}  {}", "-", "nobody", mistake.what);
                missed.push(mistake.what);
            }
        }
    }
    if !missed.is_empty() {
        bail!("not found in {steps} steps: {}", missed.join("; "));
    }
    Ok(())
}

/// The text with the mistake.
fn plant(sound: &str, mistake: &Mistake) -> Result<String> {
    let (from, to) = mistake.replace;
    if sound.matches(from).count() != 1 {
        bail!("{}: {from:?} is not there once ({})", mistake.file, mistake.what);
    }
    Ok(sound.replacen(from, to, 1))
}

/// Copies what a run needs, as a workspace of its own.
fn make_copy(workspace: &Workspace, copy: &Path) -> Result<()> {
    command::create_directory(copy)?;
    let manifest = fs::read_to_string(workspace.root().join("Cargo.toml"))?;
    fs::write(copy.join("Cargo.toml"), smaller(&manifest)?)?;
    command::create_directory(&copy.join("boot"))?;
    for name in PACKAGES.into_iter().chain(FILES) {
        let to = copy.join(name);
        if to.is_dir() {
            fs::remove_dir_all(&to).with_context(|| to.display().to_string())?;
        }
        copy_all(&workspace.root().join(name), &to)?;
    }
    Ok(())
}

/// The workspace's manifest with the copied packages as members.
fn smaller(manifest: &str) -> Result<String> {
    let (head, rest) = manifest.split_once("members = [").context("members in Cargo.toml")?;
    let (_, rest) = rest.split_once("[workspace.package]").context("the end of the members")?;
    let members: Vec<String> = PACKAGES.map(|name| format!("{name:?}")).into();
    let members = members.join(", ");
    Ok(format!("{head}members = [{members}]\n\n[workspace.package]{rest}"))
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    let failed = || format!("cannot copy {}", from.display());
    if !from.is_dir() {
        fs::copy(from, to).with_context(failed)?;
        return Ok(());
    }
    fs::create_dir_all(to).with_context(failed)?;
    for entry in fs::read_dir(from).with_context(failed)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Builds the copy and runs it. Returns the step at which it finds something; 0 if it has none.
fn look(
    workspace: &Workspace,
    copy: &Path,
    judge: Judge,
    (seed, steps): (u64, u64),
) -> Result<Option<u64>> {
    let mut build = host_cargo(workspace);
    build.current_dir(copy).args(["build", "--quiet", "--offline", "--profile", "soak"]);
    build.args(["--package", "vitrine-model", "--bin", judge.program()]);
    build.env("CARGO_TARGET_DIR", copy.join("target")).env("RUSTFLAGS", "--cap-lints=allow");
    // A mistake is found within seconds, so compiling is most of the time.
    let quick = [("OPT_LEVEL", "1"), ("DEBUG", "0"), ("INCREMENTAL", "true")];
    build.envs(quick.map(|(name, value)| (format!("CARGO_PROFILE_SOAK_{name}"), value)));
    command::run_quietly(&mut build)?;
    let mut run = Command::new(copy.join("target/soak").join(judge.program()));
    let output = run.args(judge.arguments(seed, steps)).output();
    let output = output.with_context(|| command::cannot_start(&run))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(None);
    }
    if text.is_empty() {
        bail!("{} ended without a word", judge.program());
    }
    let step = text.lines().find_map(|line| line.strip_prefix("step ")?.split(' ').next());
    Ok(Some(step.and_then(|step| step.parse().ok()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_can_be_planted() {
        let workspace = Workspace::find().unwrap();
        for mistake in kernel::MISTAKES.iter().chain(paging::MISTAKES) {
            let file = workspace.root().join(mistake.file);
            let sound = fs::read_to_string(file).unwrap();
            let planted = plant(&sound, mistake).unwrap();
            assert_ne!(planted, sound, "{}", mistake.what);
        }
    }

    #[test]
    fn the_copys_manifest_has_the_copied_members_alone() {
        let manifest =
            "[workspace]\nmembers = [\n \"a\"]\ndefault-members = []\n[workspace.package]\nx";
        let smaller = smaller(manifest).unwrap();
        assert!(
            smaller.starts_with("[workspace]\nmembers = [\"kernel/abi\"")
                && smaller.ends_with("\nx")
        );
    }
}
