//! Where toolchains may lie on this system, and what each of them has.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::command::find;
use crate::toolchain::{Candidate, OVERRIDE, Toolchain, Version, choose};

/// Below a sysroot: there if, and only if, the library's sources are.
const SOURCES: &str = "lib/rustlib/src/rust/library/Cargo.lock";

/// The toolchains of this system in the order in which they are preferred, up to the first good
/// one.
///
/// To examine one means to run its compiler, so those after a good one are not examined.
#[must_use]
pub fn candidates() -> Vec<Candidate> {
    let roots = env::var_os(OVERRIDE).map_or_else(usual_sysroots, |root| vec![PathBuf::from(root)]);
    let mut candidates = Vec::new();
    for candidate in roots.into_iter().map(Candidate::examine) {
        let good = choose(std::slice::from_ref(&candidate)).is_ok();
        candidates.push(candidate);
        if good {
            break;
        }
    }
    candidates
}

/// Where toolchains usually are, each once.
fn usual_sysroots() -> Vec<PathBuf> {
    let mut roots = Vec::new();
    roots.extend(env::var_os("CARGO").and_then(|cargo| sysroot_of(Path::new(&cargo))));
    roots.extend(rustup_toolchains());
    roots.extend(["/usr", "/usr/local", "/opt/homebrew"].map(PathBuf::from));
    let mut seen = BTreeSet::new();
    roots.retain(|root| seen.insert(fs::canonicalize(root).unwrap_or_else(|_| root.clone())));
    roots
}

/// The linker for a toolchain: its own `rust-lld`, any other toolchain's, or `ld.lld`. All link
/// i686.
#[must_use]
pub fn linker(toolchain: &Toolchain) -> Option<PathBuf> {
    let lld = format!("lib/rustlib/{}/bin/rust-lld", toolchain.host());
    let roots = std::iter::once(toolchain.root().to_owned()).chain(usual_sysroots());
    first_file(roots.map(|root| root.join(&lld))).or_else(|| find("ld.lld"))
}

/// The first of these files that is there, by its real name. Cargo builds everything anew when the
/// linker's name changes, and rustup's toolchains may be links to one another.
fn first_file(files: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let file = files.into_iter().find(|file| file.is_file())?;
    Some(fs::canonicalize(&file).unwrap_or(file))
}

/// `ROOT/bin/cargo` → `ROOT`.
fn sysroot_of(program: &Path) -> Option<PathBuf> {
    Some(program.parent()?.parent()?.to_path_buf())
}

fn rustup_toolchains() -> Vec<PathBuf> {
    let home = env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".rustup")));
    let Some(home) = home else { return Vec::new() };
    let entries = fs::read_dir(home.join("toolchains")).into_iter().flatten().flatten();
    let mut roots: Vec<_> = entries.map(|entry| entry.path()).collect();
    roots.sort();
    roots
}

impl Candidate {
    fn examine(root: PathBuf) -> Self {
        let has_programs =
            ["cargo", "rustc"].iter().all(|name| root.join("bin").join(name).is_file());
        let has_sources = root.join(SOURCES).is_file();
        let mut candidate = Self { root, has_programs, has_sources, ..Self::default() };
        if has_programs {
            candidate.version = candidate.ask_version();
            candidate.has_host_library = candidate.find_host_library();
        }
        candidate
    }

    fn ask_version(&self) -> Option<Version> {
        let mut command = Command::new(self.root.join("bin/rustc"));
        let output = command.arg("-vV").env_remove("LD_LIBRARY_PATH").output().ok()?;
        parse_version(&String::from_utf8_lossy(&output.stdout))
    }

    fn find_host_library(&self) -> bool {
        let Some(version) = &self.version else {
            return false;
        };
        let library = self.root.join(format!("lib/rustlib/{}/lib", version.host));
        let files = fs::read_dir(library).into_iter().flatten().flatten();
        files.into_iter().any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
    }
}

/// Reads what `rustc -vV` printed.
fn parse_version(text: &str) -> Option<Version> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let release = field("release: ")?;
    let mut numbers = release.split('.').map(str::parse::<u32>);
    let number = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let nightly = release.contains("-nightly") || release.contains("-dev");
    Some(Version { number, nightly, host: field("host: ")?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_rustc_prints_them() {
        let stable =
            "rustc 1.96.0 (x)\nbinary: rustc\nhost: i686-unknown-linux-gnu\nrelease: 1.96.0\n";
        let version = parse_version(stable).unwrap();
        assert_eq!((version.number, version.nightly), ((1, 96), false));
        assert_eq!(version.host, "i686-unknown-linux-gnu");
        assert!(parse_version("host: x\nrelease: 1.98.0-nightly\n").unwrap().nightly);
        assert_eq!(parse_version("rustc 1.96.0"), None);
        assert_eq!(parse_version(""), None);
    }

    #[test]
    fn the_linker_has_one_name_whichever_link_leads_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(folder.path()).unwrap().join("stable");
        let link = folder.path().join("1.95");
        fs::create_dir(&real).unwrap();
        fs::write(real.join("rust-lld"), "").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let find = |folders: &[&Path]| first_file(folders.iter().map(|f| f.join("rust-lld")));
        assert_eq!(find(&[&link, &real]), Some(real.join("rust-lld")));
        assert_eq!(find(&[&real, &link]), Some(real.join("rust-lld")));
        assert_eq!(find(&[folder.path()]), None);
    }
}
