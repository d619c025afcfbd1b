//! What a user reads when a part is missing and we cannot or may not install it.

use std::path::Path;

use crate::system::{Family, Part, Rustup, System};
use crate::toolchain::{OLDEST, OVERRIDE, Reason, choose};

/// The text for a user whose system lacks a part: what is missing, what was found instead, what we
/// tried, and which commands to type.
#[must_use]
pub fn complaint(system: &System, missing: &[Part], failures: &[String]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for &part in missing {
        lines.push(format!("missing: {}", part.name()));
        lines.extend(about(system, part));
    }
    lines.extend(all_at_once(system, missing));
    lines.extend(failures.iter().cloned());
    if system.hands_off {
        lines.push(
            "Nothing was installed, because --no-install or VITRINE_NO_INSTALL says so.".into(),
        );
    }
    lines.push("`cargo xtask setup` checks again.".into());
    lines.join("\n")
}

/// What was found in place of a missing part, and what to type to get the part.
#[must_use]
pub fn about(system: &System, part: Part) -> Vec<String> {
    let mut lines = Vec::new();
    if part == Part::Toolchain {
        let (major, minor) = OLDEST;
        lines.push(format!("  Rust {major}.{minor} or newer with its own rust-src; looked at:"));
    }
    lines.extend(system.reasons(part).iter().map(|reason| format!("  - {reason}")));
    if part == Part::Toolchain && system.toolchain_is_named {
        lines.push(format!("  {OVERRIDE} names the only toolchain that may be used."));
        return lines;
    }
    let ways = ways(system, part);
    let intro = if ways.len() > 1 { "type one of these, the likeliest first:" } else { "type:" };
    lines.push(format!("  {intro}"));
    lines.extend(ways.iter().map(|way| format!("    {way}")));
    lines
}

/// One line for all parts, if there are several and one line can get them.
fn all_at_once(system: &System, missing: &[Part]) -> Option<String> {
    let installer = system.family.installer(system.root)?;
    let mut names = Vec::new();
    for &part in missing.iter().filter(|&&part| system.takes_packages_for(part)) {
        let new = packages(system.family, part)?;
        names.extend(new.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
    }
    (missing.len() > 1).then(|| format!("or all of it: {installer} {}", names.join(" ")))
}

/// What a user of this system may type to get a part, in the order in which it is likely to work.
#[must_use]
pub fn ways(system: &System, part: Part) -> Vec<String> {
    let installer = installer_line(system, part);
    let rustup = rustup_line(system, part);
    let mut ways: Vec<String> = match system.rustup {
        Rustup::Downloads => rustup.into_iter().chain(installer).collect(),
        Rustup::ToldNotToDownload | Rustup::Absent => installer.into_iter().chain(rustup).collect(),
    };
    if ways.is_empty() {
        ways.push("install Rust as https://rustup.rs says, then run this again".to_owned());
    }
    ways
}

fn packages(family: Family, part: Part) -> Option<Vec<&'static str>> {
    match family {
        Family::Debian => Some(part.debian().to_vec()),
        family => Some(part.other(family)?.split(' ').collect()),
    }
}

fn installer_line(system: &System, part: Part) -> Option<String> {
    if !system.takes_packages_for(part) {
        return None;
    }
    let names = packages(system.family, part)?.join(" ");
    Some(match system.family.installer(system.root) {
        Some(installer) => format!("{installer} {names}"),
        None => format!("install these with your package manager: {names}"),
    })
}

fn rustup_line(system: &System, part: Part) -> Option<String> {
    if system.rustup == Rustup::Absent {
        return None;
    }
    let component = match part {
        Part::Toolchain => return Some(rust_src_line(system)),
        Part::TargetClippy => {
            let toolchain = system.toolchain()?;
            let name = name_in_rustup(toolchain.root())?;
            return Some(format!("rustup component add clippy --toolchain {name}"));
        }
        Part::HostLints => "rustfmt clippy",
        Part::Linker
        | Part::Emulator
        | Part::DiscTools
        | Part::Debugger
        | Part::Bochs
        | Part::CppCompiler
        | Part::Node
        | Part::Browser => return None,
    };
    Some(format!("rustup component add {component}"))
}

/// Adds the sources to the first toolchain of rustup's that lacks nothing else; if there is none,
/// installs one.
fn rust_src_line(system: &System) -> String {
    let refusals = choose(&system.toolchains).err().unwrap_or_default();
    let mut without = refusals.iter().filter(|refusal| refusal.reason == Reason::NoSources);
    match without.find_map(|refusal| name_in_rustup(&refusal.root)) {
        Some(name) => format!("rustup component add rust-src --toolchain {name}"),
        None => "rustup toolchain install stable --component rust-src".to_owned(),
    }
}

/// What rustup calls the toolchain in a folder, if it is one of rustup's.
fn name_in_rustup(root: &Path) -> Option<&str> {
    if root.parent()?.ends_with("toolchains") { root.file_name()?.to_str() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::world::{OLD, World, candidate, stock, world};
    use crate::toolchain::Candidate;

    #[test]
    fn the_ways_are_in_the_order_in_which_they_are_likely_to_work() {
        let apt = "sudo apt-get update && sudo apt-get install rustc-web cargo-web rust-web-src";
        let add = "rustup component add rust-src --toolchain stable";
        let new = "rustup toolchain install stable --component rust-src";
        let site = "install Rust as https://rustup.rs says, then run this again";
        let aged = || candidate("/home/.rustup/toolchains/old", OLD, true);
        let debian = Family::Debian;
        let table: [(Family, Rustup, Vec<Candidate>, &[&str]); 8] = [
            (debian, Rustup::Downloads, vec![stock()], &[add, apt]),
            (debian, Rustup::Downloads, vec![aged()], &[new, apt]),
            (debian, Rustup::Downloads, vec![aged(), stock()], &[add, apt]),
            (debian, Rustup::ToldNotToDownload, vec![stock()], &[apt, add]),
            (debian, Rustup::Absent, vec![], &[apt]),
            (Family::Mac, Rustup::Downloads, vec![stock()], &[add]),
            (Family::Arch, Rustup::ToldNotToDownload, vec![aged()], &[new]),
            (Family::Fedora, Rustup::Absent, vec![], &[site]),
        ];
        for (family, rustup, toolchains, expected) in table {
            let mut system = System { root: false, family, rustup, ..world().system };
            system.toolchains = toolchains;
            assert_eq!(ways(&system, Part::Toolchain), expected, "{family:?} {rustup:?}");
        }
    }

    #[test]
    fn sources_are_added_only_to_a_toolchain_of_rustups() {
        let mut system = world().system;
        system.toolchains = vec![candidate("/usr", OLDEST, false)];
        let ways = ways(&system, Part::Toolchain);
        assert_eq!(ways[0], "rustup toolchain install stable --component rust-src");
    }

    #[test]
    fn clippy_belongs_to_the_toolchain_that_is_used() {
        let apt = "apt-get update && apt-get install rust-web-clippy";
        let rustup = "rustup component add clippy --toolchain stable";
        let table = [("/usr", apt), ("/home/.rustup/toolchains/stable", rustup)];
        for (root, way) in table {
            let toolchains = vec![candidate(root, OLDEST, true)];
            let system = System { toolchains, ..world().system };
            assert_eq!(ways(&system, Part::TargetClippy), [way]);
        }
    }

    #[test]
    fn each_system_has_its_own_words_for_packages() {
        let table = [
            (Family::Debian, "sudo apt-get update && sudo apt-get install qemu-system-x86 seabios"),
            (Family::Fedora, "sudo dnf install qemu-system-x86"),
            (Family::Arch, "sudo pacman -S qemu-system-x86"),
            (Family::Suse, "sudo zypper refresh && sudo zypper install qemu-x86"),
            (Family::Mac, "brew install qemu"),
            (Family::Other, "install these with your package manager: qemu"),
        ];
        for (family, line) in table {
            let system = System { family, root: false, ..world().system };
            assert_eq!(ways(&system, Part::Emulator), [line], "{family:?}");
        }
    }

    #[test]
    fn several_parts_can_be_had_by_one_line() {
        let mut world = World::with(|s| s.hands_off = true);
        let text = world.get(&[Part::TargetClippy, Part::HostLints]).unwrap_err();
        let line = "or all of it: apt-get update && apt-get install rust-web-clippy rustfmt-web\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("Nothing was installed, because --no-install"), "{text}");
    }
}
