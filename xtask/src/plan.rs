//! How a system gets the parts that it lacks: what we do, or what its user types.
//!
//! [`get`] is the one way to a missing part. It asks a [`Hand`] what the system is like, decides,
//! and lets the hand act. There are two hands: that of `setup` looks at the real system and runs
//! apt-get, and that of the tests below is a described system with a described archive.
//!
//! We install only as root, only on Debian and its kin, and only by apt-get; nobody has to answer
//! a question there. The package lists are refreshed before the first package is installed, and
//! not only after an installation has failed: with old lists an installation may *succeed* and
//! bring a compiler that is too old, or find an old compiler installed and change nothing.
//! Every refresh and every installation is announced by a line that says what it does and why.
//! rustup is never run by us: its line is shown to the user, who knows what they want there.

use crate::system::{Family, Lists, Part, Rustup, System};
use crate::toolchain::{OLDEST, OVERRIDE, Reason, choose};

/// The environment word that stands for `--no-install`.
pub const HANDS_OFF: &str = "VITRINE_NO_INSTALL";

/// What looks at a system and acts on it.
pub trait Hand {
    /// Describes the system as it is now, as far as these parts need it.
    fn look(&mut self, parts: &[Part]) -> System;
    /// Tells the user one line.
    fn say(&mut self, line: &str);
    /// Refreshes the package lists.
    ///
    /// # Errors
    /// One line that says why some or all lists are as they were.
    fn refresh(&mut self) -> Result<(), String>;
    /// Installs packages, or upgrades those that are installed.
    ///
    /// # Errors
    /// One line that says why nothing was installed.
    fn install(&mut self, packages: &[&str]) -> Result<(), String>;
}

/// Something that we do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Refresh the package lists.
    Refresh,
    /// Install the packages of a part.
    Install(Part),
}

/// What we do to get these missing parts on this system. It may be nothing.
#[must_use]
pub fn steps(system: &System, missing: &[Part]) -> Vec<Step> {
    if system.hands_off || !system.root || system.family != Family::Debian {
        return Vec::new();
    }
    // No package changes the toolchain that the user has named.
    let ours =
        missing.iter().filter(|&&part| part != Part::Toolchain || !system.toolchain_is_named);
    let installs: Vec<_> = ours.map(|&part| Step::Install(part)).collect();
    let refresh = !installs.is_empty() && system.lists != Lists::Fresh;
    refresh.then_some(Step::Refresh).into_iter().chain(installs).collect()
}

/// Gets these parts: does what is ours to do, looks again, and returns what the system is like.
///
/// # Errors
/// A part is still missing. The text says which, why, and what to type.
pub fn get(hand: &mut impl Hand, wanted: &[Part]) -> Result<System, String> {
    let mut tried = Vec::new();
    let mut failures = Vec::new();
    loop {
        let system = hand.look(wanted);
        let missing = system.missing(wanted);
        if missing.is_empty() {
            return Ok(system);
        }
        // A part may turn out to be missing late: a new toolchain may come without a linker.
        let new: Vec<_> = missing.iter().copied().filter(|part| !tried.contains(part)).collect();
        let steps = steps(&system, &new);
        if steps.is_empty() {
            return Err(complaint(&system, &missing, &failures));
        }
        tried.extend(new);
        failures.extend(act(hand, &system, &steps));
    }
}

/// Takes the steps, and returns one line for each that failed.
fn act(hand: &mut impl Hand, system: &System, steps: &[Step]) -> Vec<String> {
    let mut failures = Vec::new();
    for step in steps {
        match step {
            Step::Refresh => {
                hand.say("refreshing the package lists by apt-get update: something is missing, and old lists would bring old packages");
                let Err(why) = hand.refresh() else { continue };
                failures.push(format!("apt-get update failed: {why}"));
                if system.lists == Lists::Absent {
                    return failures;
                }
                // One of many sources may be out of order, and not the one that is needed.
                hand.say(&format!(
                    "apt-get update failed ({why}): going on with the lists that are here"
                ));
            }
            Step::Install(part) => {
                let packages = part.debian();
                hand.say(&format!(
                    "installing {} by apt-get: {} is missing",
                    packages.join(" "),
                    part.name()
                ));
                if let Err(why) = hand.install(packages) {
                    failures.push(format!("apt-get install {} failed: {why}", packages.join(" ")));
                }
            }
        }
    }
    failures
}

/// What is missing, what was found instead, what we tried, and what the user types.
fn complaint(system: &System, missing: &[Part], failures: &[String]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for &part in missing {
        lines.push(format!("missing: {}", part.name()));
        if part == Part::Toolchain {
            let (major, minor) = OLDEST;
            lines
                .push(format!("  Rust {major}.{minor} or newer with its own rust-src; looked at:"));
        }
        lines.extend(system.reasons(part).iter().map(|reason| format!("  - {reason}")));
        if part == Part::Toolchain && system.toolchain_is_named {
            lines.push(format!("  {OVERRIDE} names the only toolchain that may be used."));
            continue;
        }
        let ways = ways(system, part);
        let intro =
            if ways.len() > 1 { "type one of these, the likeliest first:" } else { "type:" };
        lines.push(format!("  {intro}"));
        lines.extend(ways.iter().map(|way| format!("    {way}")));
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

/// One line for all parts, if there are several and one line can get them.
fn all_at_once(system: &System, missing: &[Part]) -> Option<String> {
    let installer = system.family.installer(system.root)?;
    let mut names = Vec::new();
    for &part in missing {
        let new: Vec<_> = packages(system.family, part)?;
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
        Part::TargetClippy => "clippy",
        Part::HostLints => "rustfmt clippy",
        Part::Linker | Part::Emulator | Part::DiscTools | Part::Debugger => return None,
    };
    Some(format!("rustup component add {component}"))
}

/// Adds the sources to the first toolchain of rustup's that lacks nothing else; if there is none,
/// installs one.
fn rust_src_line(system: &System) -> String {
    let refusals = choose(&system.toolchains).err().unwrap_or_default();
    let name =
        refusals.iter().filter(|refusal| refusal.reason == Reason::NoSources).find_map(|refusal| {
            let of_rustup = refusal.root.parent()?.ends_with("toolchains");
            if of_rustup { refusal.root.file_name()?.to_str() } else { None }
        });
    match name {
        Some(name) => format!("rustup component add rust-src --toolchain {name}"),
        None => "rustup toolchain install stable --component rust-src".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::Emulator;
    use crate::toolchain::{Candidate, Version};

    const BOTH: [Part; 2] = [Part::Toolchain, Part::Emulator];
    const OLD: (u32, u32) = (OLDEST.0, OLDEST.1 - 1);

    fn candidate(root: &str, number: (u32, u32), has_sources: bool) -> Candidate {
        Candidate {
            root: root.into(),
            has_programs: true,
            has_sources,
            version: Some(Version { number, nightly: false, host: "host".into() }),
            has_host_library: true,
        }
    }

    /// The toolchain that a newcomer has: new enough, and without the library's sources.
    fn stock() -> Candidate {
        candidate("/home/.rustup/toolchains/stable", OLDEST, false)
    }

    /// A system described, and the archive that its package manager reaches.
    struct World {
        system: System,
        network: bool,
        /// What old lists and fresh lists offer.
        compilers: [(u32, u32); 2],
        events: Vec<String>,
    }

    /// Root on Debian with the stock toolchain, old lists, and a network.
    fn world() -> World {
        let system = System {
            family: Family::Debian,
            root: true,
            hands_off: false,
            lists: Lists::AsFound,
            rustup: Rustup::Downloads,
            toolchain_is_named: false,
            toolchains: vec![stock()],
            emulator: Emulator::Absent,
            present: vec![Part::Linker],
        };
        World { system, network: true, compilers: [OLD, OLDEST], events: Vec::new() }
    }

    impl World {
        fn with(change: impl FnOnce(&mut System)) -> Self {
            let mut world = world();
            change(&mut world.system);
            world
        }

        fn offline(mut self) -> Self {
            self.network = false;
            self
        }

        fn get(&mut self, parts: &[Part]) -> Result<System, String> {
            get(self, parts)
        }

        fn acts(&self) -> Vec<&str> {
            let acts = self.events.iter().filter(|event| !event.starts_with("say "));
            acts.map(String::as_str).collect()
        }
    }

    impl Hand for World {
        fn look(&mut self, _: &[Part]) -> System {
            self.system.clone()
        }

        fn say(&mut self, line: &str) {
            self.events.push(format!("say {line}"));
        }

        fn refresh(&mut self) -> Result<(), String> {
            self.events.push("refresh".to_owned());
            if !self.network {
                return Err("could not resolve the archive".to_owned());
            }
            self.system.lists = Lists::Fresh;
            Ok(())
        }

        /// As apt-get does: lists decide what there is, and a package of the offered version that
        /// is already installed is a success that changes nothing.
        fn install(&mut self, packages: &[&str]) -> Result<(), String> {
            self.events.push(format!("install {}", packages.join(" ")));
            if self.system.lists == Lists::Absent {
                return Err("unable to locate package".to_owned());
            }
            let compiler = self.compilers[usize::from(self.system.lists == Lists::Fresh)];
            let offered = candidate("/usr", compiler, true);
            if packages.contains(&"rustc-web") && !self.system.toolchains.contains(&offered) {
                self.download()?;
                self.system.toolchains.retain(|toolchain| toolchain.root != offered.root);
                self.system.toolchains.push(offered);
            }
            if packages.contains(&"lld") {
                self.download()?;
                self.system.present.push(Part::Linker);
            }
            if packages.contains(&"qemu-system-x86") {
                self.download()?;
                self.system.emulator = Emulator::Version(7, 2);
            }
            Ok(())
        }
    }

    impl World {
        fn download(&self) -> Result<(), String> {
            if self.network { Ok(()) } else { Err("failed to fetch".to_owned()) }
        }
    }

    const INSTALL_RUST: &str = "install rustc-web cargo-web rust-web-src";
    const INSTALL_QEMU: &str = "install qemu-system-x86 seabios";

    #[test]
    fn a_bare_machine_gets_everything_whatever_its_lists_and_compilers_are() {
        let old_compiler = candidate("/usr", OLD, true);
        let table = [
            ("old lists", world()),
            ("no lists", World::with(|s| s.lists = Lists::Absent)),
            (
                "the old compiler installed",
                World::with(|s| s.toolchains.push(old_compiler.clone())),
            ),
            ("only the old compiler", World::with(|s| s.toolchains = vec![old_compiler.clone()])),
            ("no toolchain", World::with(|s| s.toolchains = Vec::new())),
            ("no rustup", World::with(|s| s.rustup = Rustup::Absent)),
            ("an old emulator", World::with(|s| s.emulator = Emulator::Version(2, 5))),
            ("a broken emulator", World::with(|s| s.emulator = Emulator::Broken)),
            ("two toolchains", World::with(|s| s.toolchains.push(candidate("/opt", OLD, false)))),
        ];
        for (name, mut world) in table {
            let system = world.get(&BOTH).unwrap_or_else(|text| panic!("{name}: {text}"));
            assert_eq!(system.toolchain().unwrap().version(), "1.95", "{name}");
            assert_eq!(world.acts(), ["refresh", INSTALL_RUST, INSTALL_QEMU], "{name}");
        }
    }

    #[test]
    fn lists_are_refreshed_once() {
        let mut world = world();
        world.get(&[Part::Emulator]).unwrap();
        world.get(&BOTH).unwrap();
        assert_eq!(world.acts(), ["refresh", INSTALL_QEMU, INSTALL_RUST]);
    }

    #[test]
    fn a_linker_that_the_new_toolchain_lacks_is_installed_after_it() {
        let mut world = World::with(|s| s.present = Vec::new());
        world.get(&[Part::Toolchain, Part::Linker]).unwrap();
        assert_eq!(world.acts(), ["refresh", INSTALL_RUST, "install lld"]);
    }

    #[test]
    fn a_part_is_tried_once() {
        let mut world = world().offline();
        world.get(&BOTH).unwrap_err();
        assert_eq!(world.acts(), ["refresh", INSTALL_RUST, INSTALL_QEMU]);
    }

    #[test]
    fn every_act_is_announced_by_the_line_before_it() {
        let mut world = world();
        world.get(&BOTH).unwrap();
        let what = ["refresh", "install", "install"];
        for (pair, what) in world.events.chunks(2).zip(what) {
            assert!(pair[0].starts_with(&format!("say {what}ing")), "{pair:?}");
            assert!(pair[1].starts_with(what), "{pair:?}");
        }
        assert!(world.events[2].contains("a Rust toolchain"), "{}", world.events[2]);
        assert!(world.events[4].contains("the emulator"), "{}", world.events[4]);
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let mut world = World::with(|s| {
            s.toolchains.push(candidate("/usr", OLDEST, true));
            s.emulator = Emulator::Version(7, 2);
        });
        world.get(&BOTH).unwrap();
        assert_eq!(world.events, Vec::<String>::new());
    }

    #[test]
    fn nothing_is_done_where_it_is_not_ours_to_do() {
        let named = |s: &mut System| s.toolchain_is_named = true;
        let table = [
            ("no root", World::with(|s| s.root = false), &BOTH[..]),
            ("hands off", World::with(|s| s.hands_off = true), &BOTH),
            ("another system", World::with(|s| s.family = Family::Fedora), &BOTH),
            ("a named toolchain", World::with(named), &BOTH[..1]),
        ];
        for (name, mut world, parts) in table {
            let text = world.get(parts).unwrap_err();
            assert_eq!(world.events, Vec::<String>::new(), "{name}");
            assert!(text.contains("/toolchains/stable: has no library sources"), "{name}: {text}");
        }
    }

    #[test]
    fn a_named_toolchain_is_no_obstacle_to_other_parts() {
        let mut world = World::with(|s| s.toolchain_is_named = true);
        let text = world.get(&BOTH).unwrap_err();
        assert_eq!(world.acts(), ["refresh", INSTALL_QEMU]);
        assert!(text.contains("VITRINE_TOOLCHAIN names"), "{text}");
        assert!(!text.contains("type"), "{text}");
    }

    #[test]
    fn an_archive_without_a_new_compiler_is_named_with_the_way_that_is_left() {
        let mut world = world();
        world.compilers = [OLD, OLD];
        let text = world.get(&[Part::Toolchain]).unwrap_err();
        assert_eq!(world.acts(), ["refresh", INSTALL_RUST]);
        assert!(text.contains("/usr: is 1.94, and 1.95 is needed"), "{text}");
        in_order(
            &text,
            &["rustup component add rust-src --toolchain stable", "apt-get update && "],
        );
    }

    #[test]
    fn without_a_network_the_text_says_so_and_what_to_type_later() {
        let mut absent = World::with(|s| s.lists = Lists::Absent).offline();
        let text = absent.get(&BOTH).unwrap_err();
        assert_eq!(absent.acts(), ["refresh"], "without lists there is nothing to install from");
        let mut old = world().offline();
        let with_lists = old.get(&BOTH).unwrap_err();
        assert_eq!(old.acts(), ["refresh", INSTALL_RUST, INSTALL_QEMU]);
        for text in [text, with_lists] {
            assert!(text.contains("apt-get update failed: could not resolve"), "{text}");
            let line = "apt-get update && apt-get install qemu-system-x86 seabios";
            assert!(text.contains(line), "{text}");
        }
    }

    /// One of many sources may be out of order, and the packages come from another.
    #[test]
    fn a_failed_refresh_does_not_keep_a_package_from_being_installed() {
        struct Broken(World);
        impl Hand for Broken {
            fn look(&mut self, parts: &[Part]) -> System {
                self.0.look(parts)
            }
            fn say(&mut self, line: &str) {
                self.0.say(line);
            }
            fn refresh(&mut self) -> Result<(), String> {
                self.0.refresh()?;
                Err("a third source has no key".to_owned())
            }
            fn install(&mut self, packages: &[&str]) -> Result<(), String> {
                self.0.install(packages)
            }
        }
        let mut hand = Broken(world());
        assert!(get(&mut hand, &BOTH).is_ok());
    }

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

    fn in_order(text: &str, parts: &[&str]) {
        let mut rest = text;
        for part in parts {
            let Some(at) = rest.find(part) else { panic!("{part} in its order in:\n{text}") };
            rest = &rest[at..];
        }
    }
}
