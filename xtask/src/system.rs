//! What kind of system this is, and how it installs what is missing.

use std::fs;

use nix::unistd::geteuid;

use crate::command::find;

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
}

impl Part {
    /// Every part, in the order in which `setup` looks.
    pub const ALL: [Self; 7] = [
        Self::Toolchain,
        Self::Linker,
        Self::TargetClippy,
        Self::HostLints,
        Self::Emulator,
        Self::DiscTools,
        Self::Debugger,
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
        }
    }

    /// Debian's packages.
    fn debian(self) -> &'static [&'static str] {
        match self {
            Self::Toolchain => &["rustc-web", "cargo-web", "rust-web-src"],
            Self::Linker => &["lld"],
            Self::TargetClippy => &["rust-web-clippy"],
            Self::HostLints => &["rustfmt-web", "rust-web-clippy"],
            Self::Emulator => &["qemu-system-x86", "seabios"],
            Self::DiscTools => &["grub-pc-bin", "grub-common", "xorriso", "mtools"],
            Self::Debugger => &["gdb"],
        }
    }

    /// Other systems' packages; Rust is best had from rustup there.
    fn other(self, family: Family) -> Option<&'static str> {
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
    fn of(os_release: &str) -> Self {
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

    fn installer(self) -> Option<&'static str> {
        match self {
            Self::Debian => Some("sudo apt-get install"),
            Self::Fedora => Some("sudo dnf install"),
            Self::Arch => Some("sudo pacman -S"),
            Self::Suse => Some("sudo zypper install"),
            Self::Mac => Some("brew install"),
            Self::Other => None,
        }
    }
}

/// What decides how something is installed here.
#[derive(Clone, Copy, Debug)]
pub struct System {
    /// How packages come.
    pub family: Family,
    /// May we install them ourselves?
    pub root: bool,
    /// Is rustup there?
    pub rustup: bool,
}

/// How to get what is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// We install these packages with apt.
    Apt(Vec<&'static str>),
    /// The user types these lines.
    Ask(Vec<String>),
}

impl System {
    /// Looks at this system.
    #[must_use]
    pub fn look() -> Self {
        let family = if cfg!(target_os = "macos") {
            Family::Mac
        } else {
            Family::of(&fs::read_to_string("/etc/os-release").unwrap_or_default())
        };
        Self { family, root: geteuid().is_root(), rustup: find("rustup").is_some() }
    }

    /// Decides how to get these parts.
    #[must_use]
    pub fn plan(&self, missing: &[Part]) -> Plan {
        if self.family == Family::Debian && self.root {
            Plan::Apt(packages(missing))
        } else {
            Plan::Ask(self.lines(missing))
        }
    }

    /// What a user of this system would type to get these parts.
    #[must_use]
    pub fn lines(&self, missing: &[Part]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut names = Vec::new();
        for &part in missing {
            if let Some(line) = self.rustup_line(part) {
                lines.push(line);
            } else if self.family == Family::Debian {
                names.extend(packages(&[part]));
            } else if let Some(name) = part.other(self.family) {
                names.push(name);
            } else {
                lines.push("install Rust as https://rustup.rs says, then run this again".into());
            }
        }
        if !names.is_empty() {
            let names = names.join(" ");
            lines.push(match self.family.installer() {
                Some(installer) => format!("{installer} {names}"),
                None => format!("install these with your package manager: {names}"),
            });
        }
        lines.dedup();
        lines
    }

    fn rustup_line(&self, part: Part) -> Option<String> {
        let component = match part {
            Part::Toolchain => "rust-src",
            Part::TargetClippy => "clippy",
            Part::HostLints => "rustfmt clippy",
            Part::Linker | Part::Emulator | Part::DiscTools | Part::Debugger => return None,
        };
        self.rustup.then(|| format!("rustup component add {component}"))
    }
}

fn packages(parts: &[Part]) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for package in parts.iter().flat_map(|part| part.debian()) {
        if !packages.contains(package) {
            packages.push(package);
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(family: Family, root: bool, rustup: bool) -> System {
        System { family, root, rustup }
    }

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
    fn only_root_on_debian_installs_by_itself() {
        let parts = [Part::HostLints, Part::TargetClippy];
        let plan = system(Family::Debian, true, true).plan(&parts);
        assert_eq!(plan, Plan::Apt(vec!["rustfmt-web", "rust-web-clippy"]));
        for asked in [system(Family::Debian, false, true), system(Family::Arch, true, true)] {
            assert!(matches!(asked.plan(&parts), Plan::Ask(_)));
        }
    }

    #[test]
    fn the_lines_to_type_fit_the_system() {
        let parts = [Part::Toolchain, Part::Emulator];
        let table = [
            (
                Family::Debian,
                true,
                &["rustup component add rust-src", "sudo apt-get install qemu-system-x86 seabios"]
                    [..],
            ),
            (
                Family::Debian,
                false,
                &["sudo apt-get install rustc-web cargo-web rust-web-src qemu-system-x86 seabios"],
            ),
            (
                Family::Fedora,
                true,
                &["rustup component add rust-src", "sudo dnf install qemu-system-x86"],
            ),
            (Family::Mac, true, &["rustup component add rust-src", "brew install qemu"]),
            (
                Family::Mac,
                false,
                &[
                    "install Rust as https://rustup.rs says, then run this again",
                    "brew install qemu",
                ],
            ),
        ];
        for (family, rustup, lines) in table {
            assert_eq!(system(family, false, rustup).lines(&parts), lines, "{family:?} {rustup}");
        }
    }
}
