//! How a system gets the parts that it lacks: our steps, or the commands for its user to type.
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
//! We never run rustup: we print its command line, and the user decides.

pub mod advice;
#[cfg(test)]
mod world;

use crate::system::{Family, Lists, Part, System};

use self::advice::complaint;

/// The environment word that stands for `--no-install`.
pub const HANDS_OFF: &str = "VITRINE_NO_INSTALL";

/// What looks at a system and acts on it.
pub trait Hand {
    /// Describes the system as it is now, as far as these parts need it.
    fn look(&mut self, parts: &[Part]) -> System;
    /// Prints one line for the user.
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
    let ours = missing.iter().filter(|&&part| system.takes_packages_for(part));
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
                hand.say(
                    "refreshing the package lists by apt-get update: something is missing, \
                     and old lists would bring old packages",
                );
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

#[cfg(test)]
mod tests {
    use super::world::{BOTH, OLD, World, candidate, world};
    use super::*;
    use crate::system::{Emulator, Rustup};
    use crate::toolchain::OLDEST;

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
    fn clippy_is_installed_only_for_a_toolchain_that_comes_in_packages() {
        let table = [("/usr", true), ("/home/.rustup/toolchains/stable", false), ("/opt", false)];
        for (root, installs) in table {
            let toolchain = candidate(root, OLDEST, true);
            let mut world = World::with(|s| s.toolchains = vec![toolchain]);
            world.get(&[Part::TargetClippy]).unwrap_err();
            assert_eq!(!world.acts().is_empty(), installs, "{root}");
        }
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

    fn in_order(text: &str, parts: &[&str]) {
        let mut rest = text;
        for part in parts {
            let Some(at) = rest.find(part) else { panic!("{part} in its order in:\n{text}") };
            rest = &rest[at..];
        }
    }
}
