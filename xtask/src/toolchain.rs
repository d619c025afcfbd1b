//! Which Rust toolchain builds the code that runs on the machine.
//!
//! It has to have the library's sources, because no compiled `core` exists for our target, and
//! they have to be its own: sources of another version do not compile. Candidates are looked at
//! in order: `$VITRINE_TOOLCHAIN` (then nothing else), the toolchain of the cargo that runs us,
//! every toolchain of rustup, and the places where systems install one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt};

/// The oldest compiler that builds the tree: (major, minor).
pub const OLDEST: (u32, u32) = (1, 95);

/// Names the one toolchain to use: a directory with `bin/rustc`.
pub const OVERRIDE: &str = "VITRINE_TOOLCHAIN";

/// A directory that may hold a toolchain, and what is known about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// The sysroot: `bin/cargo` and `bin/rustc` lie below it.
    pub root: PathBuf,
    /// Both programs are there.
    pub has_programs: bool,
    /// The library's sources are there.
    pub has_sources: bool,
    /// What `rustc -vV` said, if it ran.
    pub version: Option<Version>,
    /// The standard library for this host is there: build scripts need it.
    pub has_host_library: bool,
}

/// A compiler's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Major and minor number.
    pub number: (u32, u32),
    /// Takes unstable flags without being asked.
    pub nightly: bool,
    /// The host's triple.
    pub host: String,
}

/// The toolchain that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    root: PathBuf,
    version: Version,
}

/// Why a candidate was not chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The candidate's sysroot.
    pub root: PathBuf,
    /// The first thing that is wrong with it.
    pub reason: Reason,
}

/// What can be wrong with a toolchain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `bin/cargo` or `bin/rustc` is missing.
    NoPrograms,
    /// The library's sources are missing.
    NoSources,
    /// `rustc -vV` failed or said something else.
    NoVersion,
    /// It is older than [`OLDEST`].
    TooOld((u32, u32)),
    /// It cannot build for this host.
    NoHostLibrary,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPrograms => write!(f, "has no bin/cargo and bin/rustc"),
            Self::NoSources => write!(f, "has no library sources (rust-src)"),
            Self::NoVersion => write!(f, "its rustc does not run"),
            Self::TooOld((major, minor)) => {
                write!(f, "is {major}.{minor}, and {}.{} is needed", OLDEST.0, OLDEST.1)
            }
            Self::NoHostLibrary => write!(f, "has no standard library for this host"),
        }
    }
}

/// The first candidate that will do, or what is wrong with each.
///
/// # Errors
/// No candidate will do.
pub fn choose(candidates: &[Candidate]) -> Result<Toolchain, Vec<Refusal>> {
    let mut refusals = Vec::new();
    for candidate in candidates {
        match judge(candidate) {
            Ok(toolchain) => return Ok(toolchain),
            Err(reason) => refusals.push(Refusal { root: candidate.root.clone(), reason }),
        }
    }
    Err(refusals)
}

/// Looks first at what cannot be repaired: sources can be added to a compiler, but an old one stays
/// old.
fn judge(candidate: &Candidate) -> Result<Toolchain, Reason> {
    if !candidate.has_programs {
        return Err(Reason::NoPrograms);
    }
    let version = candidate.version.clone().ok_or(Reason::NoVersion)?;
    if version.number < OLDEST {
        return Err(Reason::TooOld(version.number));
    }
    if !candidate.has_sources {
        return Err(Reason::NoSources);
    }
    if !candidate.has_host_library {
        return Err(Reason::NoHostLibrary);
    }
    Ok(Toolchain { root: candidate.root.clone(), version })
}

impl Toolchain {
    /// The machine that it runs on, as in `x86_64-unknown-linux-gnu`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.version.host
    }

    /// The sysroot.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// One of its programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.root.join("bin").join(name)
    }

    /// Major and minor number, as one would say them.
    #[must_use]
    pub fn version(&self) -> String {
        format!("{}.{}", self.version.number.0, self.version.number.1)
    }

    /// A command of this toolchain, in an environment that the cargo above us left no traces in.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.program(program));
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(is_cargos_own) {
                command.env_remove(&name);
            }
        }
        // A distribution's cargo would run whatever `rustc` is first on the path.
        command.env("CARGO", self.program("cargo"));
        command.env("RUSTC", self.program("rustc"));
        command.env("RUSTDOC", self.program("rustdoc"));
        if !self.version.nightly {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        command
    }
}

/// Settings of the cargo that runs us, which are not meant for the one that we run. Where crates
/// come from and what a terminal looks like are the user's settings, and stay.
fn is_cargos_own(name: &str) -> bool {
    const KEPT: [&str; 7] = [
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
        "CARGO_BUILD_JOBS",
    ];
    let settings = name == "CARGO" || name.starts_with("CARGO_") || name.starts_with("RUSTC");
    let kept = KEPT.iter().any(|prefix| name.starts_with(prefix));
    const OTHERS: [&str; 5] =
        ["RUSTUP_TOOLCHAIN", "RUSTFLAGS", "RUSTDOC", "RUSTDOCFLAGS", "LD_LIBRARY_PATH"];
    (settings && !kept) || OTHERS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(root: &str) -> Candidate {
        let version = Version { number: (1, 96), nightly: false, host: "host".into() };
        Candidate {
            root: root.into(),
            has_programs: true,
            has_sources: true,
            version: Some(version),
            has_host_library: true,
        }
    }

    fn aged(root: &str, number: (u32, u32)) -> Candidate {
        let mut candidate = good(root);
        candidate.version.as_mut().unwrap().number = number;
        candidate
    }

    #[test]
    fn the_first_good_candidate_wins() {
        let bare = Candidate { has_sources: false, ..good("/a") };
        let chosen = choose(&[bare, good("/b"), good("/c")]).unwrap();
        assert_eq!(chosen.root(), Path::new("/b"));
        assert_eq!(chosen.version(), "1.96");
    }

    #[test]
    fn the_oldest_compiler_is_just_new_enough() {
        assert!(choose(&[aged("/a", OLDEST)]).is_ok());
        assert!(choose(&[aged("/a", (2, 0))]).is_ok());
        assert!(choose(&[aged("/a", (1, 94))]).is_err());
    }

    #[test]
    fn every_refusal_says_what_is_wrong() {
        let table = [
            (Candidate { has_programs: false, ..good("/a") }, Reason::NoPrograms),
            (Candidate { has_sources: false, ..good("/a") }, Reason::NoSources),
            (Candidate { version: None, ..good("/a") }, Reason::NoVersion),
            (aged("/a", (1, 63)), Reason::TooOld((1, 63))),
            (Candidate { has_host_library: false, ..good("/a") }, Reason::NoHostLibrary),
        ];
        for (candidate, reason) in table {
            assert_eq!(choose(&[candidate]), Err(vec![Refusal { root: "/a".into(), reason }]));
        }
        assert_eq!(choose(&[]), Err(Vec::new()));
    }

    #[test]
    fn only_settings_of_the_outer_cargo_are_dropped() {
        let dropped = [
            "CARGO",
            "CARGO_PKG_NAME",
            "CARGO_BUILD_TARGET",
            "RUSTC_WRAPPER",
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_TARGET_DIR",
            "RUSTUP_TOOLCHAIN",
        ];
        let kept = [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_REGISTRIES_X_INDEX",
            "PATH",
            "CARGO_TERM_COLOR",
            "RUSTUP_HOME",
            "RUST_BACKTRACE",
        ];
        assert!(dropped.iter().all(|name| is_cargos_own(name)));
        assert!(!kept.iter().any(|name| is_cargos_own(name)));
    }
}
