//! `cargo xtask setup`: finds the tools that are needed, and installs those that are missing or
//! prints how to.
//!
//! Every other subcommand asks here for the parts that it needs, so nobody has to run it first.
//! What is done in which situation is decided in [`crate::plan`]; this file looks and acts.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{env, fs};

use anyhow::{Context, Result, anyhow};
use nix::unistd::geteuid;

use crate::bochs::installed;
use crate::command::find;
use crate::discovery;
use crate::machine::QEMU;
use crate::plan::{self, HANDS_OFF, Hand};
use crate::progress::Ticker;
use crate::system::{Emulator, Family, Lists, Part, Rustup, System};
use crate::toolchain::{OVERRIDE, Toolchain};

/// The name under which every system has its C++ compiler, and under which Cargo looks for it.
pub const CPP_COMPILER: &str = "c++";

/// The user's wish for this whole process, from the command line.
static NO_INSTALL: AtomicBool = AtomicBool::new(false);

/// Whether this process has tried to refresh the package lists: once is enough.
static REFRESHED: AtomicBool = AtomicBool::new(false);

/// Whether the user wants nothing installed or fetched, by the command line or the environment.
#[must_use]
pub fn installs_nothing() -> bool {
    NO_INSTALL.load(Ordering::Relaxed) || is_set(HANDS_OFF)
}

/// From now on, nothing is installed: what is missing is only named.
pub fn install_nothing() {
    NO_INSTALL.store(true, Ordering::Relaxed);
}

/// Looks for every part, says what was found, and gets what is missing.
///
/// # Errors
/// Something is missing and could not be installed.
pub fn all() -> Result<()> {
    let system = ThisSystem.look(&Part::ALL);
    for part in Part::ALL {
        println!("{}", state(&system, part));
    }
    let lacked = system.missing(&Part::ALL);
    let system = plan::get(&mut ThisSystem, &Part::ALL).map_err(|text| anyhow!("{text}"))?;
    for part in lacked {
        println!("{}", state(&system, part));
    }
    Ok(())
}

/// Describes this system, as far as these parts need it. Nothing is changed.
#[must_use]
pub fn look(parts: &[Part]) -> System {
    ThisSystem.look(parts)
}

/// One line on a part: found or missing, and which one was found.
fn state(system: &System, part: Part) -> String {
    let found = system.has(part);
    let detail = match (part, system.toolchain(), system.emulator) {
        (Part::Toolchain, Some(toolchain), _) => {
            format!(": {} in {}", toolchain.version(), toolchain.root().display())
        }
        (Part::Emulator, _, Emulator::Version(major, minor)) => format!(": {major}.{minor}"),
        _ => String::new(),
    };
    format!("{:>8}  {}{detail}", if found { "found" } else { "missing" }, part.name())
}

/// Makes sure that these parts are there.
///
/// # Errors
/// Something is missing and could not be installed: the message says what to type.
pub fn ensure(parts: &[Part]) -> Result<()> {
    plan::get(&mut ThisSystem, parts).map(drop).map_err(|text| anyhow!("{text}"))
}

/// Installs missing parts where we may. A part that is missing afterwards is not needed.
pub fn install_if_ours(parts: &[Part]) {
    if let Err(text) = plan::get(&mut ThisSystem, parts) {
        let missing = text.lines().filter(|line| line.starts_with("missing: "));
        missing.for_each(|line| eprintln!("vitrine: {line} (nothing depends on it here)"));
    }
}

/// The toolchain that builds for the machine, after making sure that there is one.
///
/// # Errors
/// There is none, and it could not be installed.
pub fn toolchain() -> Result<Toolchain> {
    let parts = [Part::Toolchain, Part::Linker];
    let system = plan::get(&mut ThisSystem, &parts).map_err(|text| anyhow!("{text}"))?;
    system.toolchain().context("the toolchain went away")
}

/// The name under which this system has grub-mkrescue.
#[must_use]
pub fn grub_mkrescue() -> Option<&'static str> {
    ["grub-mkrescue", "grub2-mkrescue", "i686-elf-grub-mkrescue"]
        .into_iter()
        .find(|name| find(name).is_some())
}

/// The name under which this system has Chromium.
#[must_use]
pub fn browser() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| find(name).is_some())
}

/// The system that we run on.
struct ThisSystem;

impl Hand for ThisSystem {
    fn look(&mut self, parts: &[Part]) -> System {
        let rust = [Part::Toolchain, Part::Linker, Part::TargetClippy];
        let toolchains = if rust.iter().any(|part| parts.contains(part)) {
            discovery::candidates()
        } else {
            Vec::new()
        };
        let mut system = System {
            family: family(),
            root: geteuid().is_root(),
            hands_off: installs_nothing(),
            lists: lists(),
            rustup: rustup(),
            toolchain_is_named: env::var_os(OVERRIDE).is_some(),
            toolchains,
            emulator: if parts.contains(&Part::Emulator) { emulator() } else { Emulator::Absent },
            present: Vec::new(),
        };
        let toolchain = system.toolchain();
        let is_here = |part: &Part| is_here(*part, toolchain.as_ref());
        system.present = parts.iter().copied().filter(is_here).collect();
        system
    }

    fn say(&mut self, line: &str) {
        eprintln!("vitrine: {line}");
    }

    fn refresh(&mut self) -> Result<(), String> {
        // Without the option, apt-get calls it a success when no list could be fetched.
        let options = ["-o", "APT::Update::Error-Mode=any"];
        REFRESHED.store(true, Ordering::Relaxed);
        apt_get("update", &options, "refreshing the package lists")
    }

    fn install(&mut self, packages: &[&str]) -> Result<(), String> {
        let options = ["--yes", "--no-install-recommends"];
        apt_get("install", &[&options[..], packages].concat(), "installing")
    }
}

/// Runs apt-get without questions, and returns the line in which it says why it failed.
fn apt_get(what: &str, arguments: &[&str], doing: &'static str) -> Result<(), String> {
    let mut command = Command::new("apt-get");
    command.arg(what).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command.env("LC_ALL", "C").stdin(Stdio::null());
    let ticker = Ticker::start(move |seconds| format!("still {doing} ({seconds} s)"));
    let output = command.output().map_err(|error| format!("cannot start apt-get: {error}"));
    drop(ticker);
    let output = output?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(apt_reason(&text).unwrap_or_else(|| output.status.to_string()))
}

/// The first error among apt-get's messages.
fn apt_reason(messages: &str) -> Option<String> {
    let errors = messages.lines().filter_map(|line| line.strip_prefix("E: "));
    errors.map(|line| line.trim().to_owned()).next()
}

fn family() -> Family {
    if cfg!(target_os = "macos") {
        return Family::Mac;
    }
    Family::of(&fs::read_to_string("/etc/os-release").unwrap_or_default())
}

fn lists() -> Lists {
    if REFRESHED.load(Ordering::Relaxed) {
        return Lists::Fresh;
    }
    let files = fs::read_dir("/var/lib/apt/lists").into_iter().flatten().flatten();
    let mut names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    if names.any(|name| name.contains("_Packages")) { Lists::AsFound } else { Lists::Absent }
}

fn rustup() -> Rustup {
    let told_not_to = env::var("RUSTUP_AUTO_INSTALL").is_ok_and(|value| value == "0")
        || env::var("CARGO_NET_OFFLINE").is_ok_and(|value| value == "true");
    match find("rustup") {
        None => Rustup::Absent,
        Some(_) if told_not_to => Rustup::ToldNotToDownload,
        Some(_) => Rustup::Downloads,
    }
}

fn emulator() -> Emulator {
    if find(QEMU).is_none() {
        return Emulator::Absent;
    }
    let output = Command::new(QEMU).arg("--version").stdin(Stdio::null()).output();
    output.map_or(Emulator::Broken, |output| Emulator::of(&String::from_utf8_lossy(&output.stdout)))
}

/// Whether a word of the environment is set to something other than nothing and 0.
fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0")
}

fn is_here(part: Part, toolchain: Option<&Toolchain>) -> bool {
    let has = |program: &str| toolchain.is_some_and(|chosen| chosen.program(program).is_file());
    match part {
        // The description of the system has them in full.
        Part::Toolchain | Part::Emulator => false,
        Part::Linker => toolchain.is_some_and(|chosen| discovery::linker(chosen).is_some()),
        Part::TargetClippy => has("cargo-clippy") && has("clippy-driver"),
        Part::HostLints => find("cargo-fmt").is_some() && find("cargo-clippy").is_some(),
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
        Part::CppCompiler => find(CPP_COMPILER).is_some(),
        Part::Bochs => find(installed::BOCHS).is_some() && installed::firmware().is_some(),
        Part::Node => find("node").is_some() && find("npm").is_some(),
        Part::Browser => browser().is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_first_error_that_apt_names() {
        let text = "W: old\nE: Unable to locate package x\nE: Broken packages\n";
        assert_eq!(apt_reason(text).as_deref(), Some("Unable to locate package x"));
        assert_eq!(apt_reason("W: only a warning\n"), None);
        assert_eq!(apt_reason(""), None);
    }
}
