//! A description of a system, as far as it decides how the system gets a missing part.
//!
//! [`System`] is a description: `setup` fills one in from the real system, and the tests of
//! [`crate::plan`] write down the systems that they need. Nothing here looks at a file.

use std::path::Path;

use crate::toolchain::{Candidate, Reason, Toolchain, choose};

/// Something that a subcommand needs and a system may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A Rust toolchain with the library's sources.
    Toolchain,
    /// A linker for i686.
    Linker,
    /// Clippy of the toolchain above.
    TargetClippy,
    /// Rustfmt and clippy of the host's toolchain.
    HostLints,
    /// The emulator with its firmware.
    Emulator,
    /// What writes a CD with GRUB on it.
    DiscTools,
    /// The debugger.
    Debugger,
    /// Another emulator, with its firmware and a display in a terminal.
    Bochs,
    /// What runs JavaScript and fetches its packages.
    Node,
    /// The browser in which the laboratory is tested.
    Browser,
    /// A compiler for libFuzzer, which is in C++.
    CppCompiler,
}

impl Part {
    /// Every part, in the order in which `setup` looks.
    pub const ALL: [Self; 11] = [
        Self::Toolchain,
        Self::Linker,
        Self::TargetClippy,
        Self::HostLints,
        Self::Emulator,
        Self::DiscTools,
        Self::Debugger,
        Self::Bochs,
        Self::Node,
        Self::Browser,
        Self::CppCompiler,
    ];

    /// What it is, in a sentence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Toolchain => "a Rust toolchain with the library's sources",
            Self::Linker => "the linker (rust-lld or ld.lld)",
            Self::TargetClippy => "clippy for the kernel's toolchain",
            Self::HostLints => "rustfmt and clippy",
            Self::Emulator => "the emulator (qemu-system-i386)",
            Self::DiscTools => "grub-mkrescue with xorriso and mtools",
            Self::Debugger => "the debugger (gdb)",
            Self::Bochs => "Bochs with its firmware and its display in a terminal",
            Self::Node => "Node.js with npm",
            Self::Browser => "a browser for tests (chromium)",
            Self::CppCompiler => "a C++ compiler (c++)",
        }
    }

    /// Debian's packages.
    #[must_use]
    pub fn debian(self) -> &'static [&'static str] {
        match self {
            Self::Toolchain => &["rustc-web", "cargo-web", "rust-web-src"],
            Self::Linker => &["lld"],
            Self::TargetClippy => &["rust-web-clippy"],
            Self::HostLints => &["rustfmt-web", "rust-web-clippy"],
            Self::Emulator => &["qemu-system-x86", "seabios"],
            Self::DiscTools => &["grub-pc-bin", "grub-common", "xorriso", "mtools"],
            Self::Debugger => &["gdb"],
            Self::Bochs => &["bochs", "bochs-term", "bochsbios", "vgabios"],
            Self::Node => &["nodejs", "npm"],
            Self::Browser => &["chromium"],
            Self::CppCompiler => &["g++"],
        }
    }

    /// Other systems' packages. There are none for Rust: rustup is the usual way there.
    #[must_use]
    pub fn other(self, family: Family) -> Option<&'static str> {
        let [fedora, arch, suse, mac] = match self {
            Self::Toolchain | Self::TargetClippy | Self::HostLints => return None,
            Self::Linker => ["lld", "lld", "lld", "lld"],
            Self::Emulator => ["qemu-system-x86", "qemu-system-x86", "qemu-x86", "qemu"],
            Self::DiscTools => [
                "grub2-tools-extra grub2-pc-modules xorriso mtools",
                "grub libisoburn mtools",
                "grub2 grub2-i386-pc xorriso mtools",
                "i686-elf-grub xorriso mtools",
            ],
            Self::Debugger => ["gdb"; 4],
            Self::Bochs => ["bochs"; 4],
            Self::Node => ["nodejs npm", "nodejs npm", "nodejs npm", "node"],
            Self::Browser => ["chromium", "chromium", "chromium", "--cask chromium"],
            Self::CppCompiler => ["gcc-c++", "gcc", "gcc-c++", "gcc"],
        };
        Some(match family {
            Family::Fedora => fedora,
            Family::Arch => arch,
            Family::Suse => suse,
            Family::Mac | Family::Debian | Family::Other => mac,
        })
    }
}

/// Systems that install packages the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Debian and what comes from it: apt.
    Debian,
    /// Fedora and what comes from it: dnf.
    Fedora,
    /// Arch and what comes from it: pacman.
    Arch,
    /// SUSE: zypper.
    Suse,
    /// macOS with Homebrew.
    Mac,
    /// Unknown.
    Other,
}

impl Family {
    /// Reads `/etc/os-release`.
    #[must_use]
    pub fn of(os_release: &str) -> Self {
        let fields = os_release
            .lines()
            .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")));
        for word in fields.flat_map(|field| field.trim_matches('"').split_whitespace()) {
            match word {
                "debian" | "ubuntu" => return Self::Debian,
                "fedora" | "rhel" | "centos" => return Self::Fedora,
                "arch" => return Self::Arch,
                "suse" | "opensuse" => return Self::Suse,
                _ => {}
            }
        }
        Self::Other
    }

    /// What installs packages, with the package lists refreshed first where they may be old.
    #[must_use]
    pub fn installer(self, root: bool) -> Option<String> {
        let (refresh, install) = match self {
            Self::Debian => (Some("apt-get update"), "apt-get install"),
            Self::Fedora => (None, "dnf install"),
            Self::Arch => (None, "pacman -S"),
            Self::Suse => (Some("zypper refresh"), "zypper install"),
            Self::Mac => return Some("brew install".to_owned()),
            Self::Other => return None,
        };
        let sudo = if root { "" } else { "sudo " };
        let refresh = refresh.map(|refresh| format!("{sudo}{refresh} && ")).unwrap_or_default();
        Some(format!("{refresh}{sudo}{install}"))
    }
}

/// The oldest emulator that the command line of [`crate::machine`] is written for: (major, minor).
///
/// `-accel` came with QEMU 2.9. The locks on disk images, which keep two boots from writing one
/// image, came with 2.10. The tests run on whatever the system has: 7.2 is the oldest one seen.
pub const OLDEST_EMULATOR: (u32, u32) = (2, 10);

/// The emulator of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emulator {
    /// It is not on the search path.
    Absent,
    /// It is there, but `--version` does not run or shows no version.
    Broken,
    /// Its version: (major, minor).
    Version(u32, u32),
}

impl Emulator {
    /// Reads what `qemu-system-i386 --version` prints.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let number = text.split("version ").nth(1).unwrap_or("");
        let mut numbers = number.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Self::Version(major, minor),
            _ => Self::Broken,
        }
    }

    fn is_good(self) -> bool {
        matches!(self, Self::Version(major, minor) if (major, minor) >= OLDEST_EMULATOR)
    }
}

/// The system's package lists, from which an installer learns what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// There are none.
    Absent,
    /// They are there, and may be years old.
    AsFound,
    /// We have refreshed them, as far as that could be done.
    Fresh,
}

/// Rust's own installer on a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rustup {
    /// It is not on the search path.
    Absent,
    /// It is there, but a setting of its user's forbids it or cargo to download
    /// (`RUSTUP_AUTO_INSTALL=0`, `CARGO_NET_OFFLINE=true`).
    ToldNotToDownload,
    /// It is there.
    Downloads,
}

/// What decides how something is installed on a system.
#[derive(Clone, Debug)]
pub struct System {
    /// How packages come.
    pub family: Family,
    /// We may write where packages go.
    pub root: bool,
    /// The user wants nothing installed: `--no-install` or `VITRINE_NO_INSTALL`.
    pub hands_off: bool,
    /// The package lists.
    pub lists: Lists,
    /// Rust's own installer.
    pub rustup: Rustup,
    /// The user has named the one toolchain to use: `VITRINE_TOOLCHAIN`.
    pub toolchain_is_named: bool,
    /// The toolchains, in the order in which they are preferred. None is listed after a good one.
    pub toolchains: Vec<Candidate>,
    /// The emulator.
    pub emulator: Emulator,
    /// Which parts are there, of those whose presence is a matter of yes or no.
    pub present: Vec<Part>,
}

impl System {
    /// Which of these parts are not there, or will not do.
    #[must_use]
    pub fn missing(&self, parts: &[Part]) -> Vec<Part> {
        parts.iter().copied().filter(|&part| !self.has(part)).collect()
    }

    /// The toolchain that builds for the machine, if one will do.
    #[must_use]
    pub fn toolchain(&self) -> Option<Toolchain> {
        choose(&self.toolchains).ok()
    }

    /// Whether a part is there and will do.
    #[must_use]
    pub fn has(&self, part: Part) -> bool {
        match part {
            Part::Toolchain => self.toolchain().is_some(),
            Part::Emulator => self.emulator.is_good(),
            // A toolchain may bring a linker along: without one, no linker is known to be missing.
            Part::Linker => self.toolchain().is_none() || self.present.contains(&part),
            Part::TargetClippy
            | Part::HostLints
            | Part::DiscTools
            | Part::Debugger
            | Part::Bochs
            | Part::Node
            | Part::Browser
            | Part::CppCompiler => self.present.contains(&part),
        }
    }

    /// Whether packages of the system can bring a part. No package changes the toolchain that the
    /// user has named, or adds clippy to a toolchain that did not come in a package.
    #[must_use]
    pub fn takes_packages_for(&self, part: Part) -> bool {
        match part {
            Part::Toolchain => !self.toolchain_is_named,
            Part::TargetClippy => {
                self.toolchain().is_none_or(|toolchain| toolchain.root() == Path::new("/usr"))
            }
            Part::Linker
            | Part::HostLints
            | Part::Emulator
            | Part::DiscTools
            | Part::Debugger
            | Part::Bochs
            | Part::Node
            | Part::Browser
            | Part::CppCompiler => true,
        }
    }

    /// The lines that say what was found in place of a missing part.
    #[must_use]
    pub fn reasons(&self, part: Part) -> Vec<String> {
        match part {
            Part::Toolchain => {
                let refusals = choose(&self.toolchains).err().unwrap_or_default();
                let mut lines: Vec<_> = refusals
                    .iter()
                    // An empty place is news only if the user has named it.
                    .filter(|r| r.reason != Reason::NoPrograms || self.toolchain_is_named)
                    .map(|r| format!("{}: {}", r.root.display(), r.reason))
                    .collect();
                if lines.is_empty() {
                    lines.push("no toolchain in any of the usual places".to_owned());
                }
                lines
            }
            Part::Emulator => match self.emulator {
                Emulator::Absent => Vec::new(),
                Emulator::Broken => vec!["its --version shows no version".to_owned()],
                Emulator::Version(major, minor) => {
                    let (oldest, least) = OLDEST_EMULATOR;
                    vec![format!("it is {major}.{minor}, and {oldest}.{least} is needed")]
                }
            },
            Part::Linker
            | Part::TargetClippy
            | Part::HostLints
            | Part::DiscTools
            | Part::Debugger
            | Part::Bochs
            | Part::Node
            | Part::Browser
            | Part::CppCompiler => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_known_by_their_ancestors() {
        assert_eq!(Family::of("NAME=x\nID=debian\n"), Family::Debian);
        assert_eq!(Family::of("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), Family::Debian);
        assert_eq!(Family::of("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"), Family::Fedora);
        assert_eq!(Family::of("ID=arch"), Family::Arch);
        assert_eq!(Family::of("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\""), Family::Suse);
        assert_eq!(Family::of("ID=plan9"), Family::Other);
        assert_eq!(Family::of(""), Family::Other);
    }

    #[test]
    fn versions_are_read_as_the_emulator_prints_them() {
        let table = [
            (
                "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright",
                Emulator::Version(7, 2),
            ),
            ("QEMU emulator version 10.0.2\n", Emulator::Version(10, 0)),
            ("QEMU emulator version 9.1-rc1", Emulator::Version(9, 1)),
            ("QEMU emulator version ", Emulator::Broken),
            ("QEMU emulator version 9", Emulator::Broken),
            ("error while loading shared libraries", Emulator::Broken),
            ("", Emulator::Broken),
        ];
        for (text, emulator) in table {
            assert_eq!(Emulator::of(text), emulator, "{text}");
        }
    }

    #[test]
    fn the_oldest_emulator_is_just_new_enough() {
        let (major, minor) = OLDEST_EMULATOR;
        assert!(Emulator::Version(major, minor).is_good());
        assert!(Emulator::Version(major + 1, 0).is_good());
        assert!(!Emulator::Version(major, minor - 1).is_good());
        assert!(!Emulator::Version(major - 1, minor + 1).is_good());
        assert!(!Emulator::Absent.is_good());
        assert!(!Emulator::Broken.is_good());
    }
}
