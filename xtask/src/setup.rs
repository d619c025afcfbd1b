//! `cargo xtask setup`: finds what is needed, installs it where that is ours to do, or says how.
//!
//! Every other subcommand asks here for the parts that it needs, so nobody has to run it first.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{self, find};
use crate::machine::QEMU;
use crate::system::{Part, Plan, System};
use crate::toolchain::{OLDEST, OVERRIDE, Toolchain};

/// Looks for every part, says what was found, and gets what is missing.
///
/// # Errors
/// Something is missing and could not be installed.
pub fn all() -> Result<()> {
    let missing = missing(&Part::ALL);
    for part in Part::ALL {
        let state = if missing.contains(&part) { "missing" } else { "found" };
        println!("{state:>8}  {}", part.name());
    }
    ensure(&Part::ALL)?;
    let toolchain = Toolchain::find().ok().context("the toolchain went away")?;
    println!(
        "The kernel is built by Rust {} in {}.",
        toolchain.version(),
        toolchain.root().display()
    );
    Ok(())
}

/// Makes sure that these parts are there.
///
/// # Errors
/// Something is missing and could not be installed: the message says what to type.
pub fn ensure(parts: &[Part]) -> Result<()> {
    let missing_parts = missing(parts);
    if missing_parts.is_empty() {
        return Ok(());
    }
    if missing_parts.contains(&Part::Toolchain) && env::var_os(OVERRIDE).is_some() {
        bail!("{OVERRIDE} names a toolchain that will not do:\n{}", refusals().trim_end());
    }
    install_if_ours(&missing_parts)?;
    let still = missing(parts);
    if still.is_empty() { Ok(()) } else { bail!("{}", complaint(&System::look(), &still)) }
}

/// Installs what is missing where that is ours to do, and otherwise does nothing.
///
/// # Errors
/// The installation failed.
pub fn install_if_ours(parts: &[Part]) -> Result<()> {
    let missing = missing(parts);
    match System::look().plan(&missing) {
        Plan::Apt(packages) if !packages.is_empty() => {
            eprintln!("vitrine: installing {} by apt-get: may take a minute", packages.join(" "));
            install(&packages)
        }
        Plan::Apt(_) | Plan::Ask(_) => Ok(()),
    }
}

/// The toolchain that builds for the machine, after making sure that there is one.
///
/// # Errors
/// There is none, and it could not be installed.
pub fn toolchain() -> Result<Toolchain> {
    ensure(&[Part::Toolchain, Part::Linker])?;
    Toolchain::find().ok().context("the toolchain went away")
}

/// The name under which this system has grub-mkrescue.
#[must_use]
pub fn grub_mkrescue() -> Option<&'static str> {
    ["grub-mkrescue", "grub2-mkrescue", "i686-elf-grub-mkrescue"]
        .into_iter()
        .find(|name| find(name).is_some())
}

fn missing(parts: &[Part]) -> Vec<Part> {
    parts.iter().copied().filter(|&part| !is_here(part)).collect()
}

fn is_here(part: Part) -> bool {
    let toolchain = Toolchain::find();
    let has = |program: &str| {
        toolchain.as_ref().is_ok_and(|toolchain| toolchain.program(program).is_file())
    };
    match part {
        Part::Toolchain => toolchain.is_ok(),
        // Without a toolchain we cannot tell, and it may bring one along.
        Part::Linker => toolchain.as_ref().map_or(true, |chosen| chosen.linker().is_some()),
        Part::TargetClippy => has("cargo-clippy") && has("clippy-driver"),
        Part::HostLints => find("cargo-fmt").is_some() && find("cargo-clippy").is_some(),
        Part::Emulator => find(QEMU).is_some(),
        Part::DiscTools => {
            let modules = ["/usr/lib/grub/i386-pc", "/usr/share/grub2/i386-pc"];
            let bios =
                cfg!(target_os = "macos") || modules.iter().any(|path| Path::new(path).is_dir());
            grub_mkrescue().is_some()
                && find("xorriso").is_some()
                && find("mformat").is_some()
                && bios
        }
        Part::Debugger => find("gdb").is_some(),
    }
}

/// Installs packages; package lists that are missing or out of date are the usual reason to fail.
fn install(packages: &[&str]) -> Result<()> {
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    let first = install.output().with_context(|| command::cannot_start(&install))?;
    if first.status.success() {
        return Ok(());
    }
    eprintln!("vitrine: the package lists need an update (apt-get update)");
    command::run_quietly(Command::new("apt-get").arg("update"))?;
    command::run_quietly(&mut install).map(drop)
}

fn complaint(system: &System, missing: &[Part]) -> String {
    let mut text = String::new();
    for part in missing {
        text += &format!("missing: {}\n", part.name());
        if *part == Part::Toolchain {
            text += &refusals();
        }
    }
    text += "To get it, type:\n";
    for line in system.lines(missing) {
        text += &format!("  {line}\n");
    }
    text + "`cargo xtask setup` checks again."
}

fn refusals() -> String {
    let (major, minor) = OLDEST;
    let mut text =
        format!("  it has to be Rust {major}.{minor} or newer with its own rust-src; looked at:\n");
    for refusal in Toolchain::find().err().unwrap_or_default() {
        text += &format!("  - {}: {}\n", refusal.root.display(), refusal.reason);
    }
    text
}
