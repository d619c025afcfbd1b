//! Systems described, with the archive that their package manager reaches: for tests.

use super::{Hand, get};
use crate::system::{Emulator, Family, Lists, Part, Rustup, System};
use crate::toolchain::{Candidate, OLDEST, Version};

pub const BOTH: [Part; 2] = [Part::Toolchain, Part::Emulator];
pub const OLD: (u32, u32) = (OLDEST.0, OLDEST.1 - 1);

pub fn candidate(root: &str, number: (u32, u32), has_sources: bool) -> Candidate {
    Candidate {
        root: root.into(),
        has_programs: true,
        has_sources,
        version: Some(Version { number, nightly: false, host: "host".into() }),
        has_host_library: true,
    }
}

/// The toolchain that a newcomer has: new enough, and without the library's sources.
pub fn stock() -> Candidate {
    candidate("/home/.rustup/toolchains/stable", OLDEST, false)
}

/// A system described, and the archive that its package manager reaches.
pub struct World {
    pub system: System,
    pub network: bool,
    /// What old lists and fresh lists transfer.
    pub compilers: [(u32, u32); 2],
    pub events: Vec<String>,
}

/// Root on Debian with the stock toolchain, old lists, and a network.
pub fn world() -> World {
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
    pub fn with(change: impl FnOnce(&mut System)) -> Self {
        let mut world = world();
        change(&mut world.system);
        world
    }

    pub fn offline(mut self) -> Self {
        self.network = false;
        self
    }

    pub fn get(&mut self, parts: &[Part]) -> Result<System, String> {
        get(self, parts)
    }

    pub fn acts(&self) -> Vec<&str> {
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
