//! Packages of npm: each pinned by version and hash, fetched once, and kept in `target/npm`.
//!
//! npm itself checks the hash: it gets a lock file that names nothing but the package. Only
//! packages that need no others are fetched this way, so the lock file is complete. No script of a
//! package runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::command;
use crate::setup;
use crate::system::Part;
use crate::workspace::Workspace;

/// A package of one version.
#[derive(Clone, Copy, Debug)]
pub struct Package {
    /// Its name on the registry.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The SHA-512 of its archive, as npm writes it.
    pub integrity: &'static str,
}

/// An emulator of PCs in JavaScript and WebAssembly.
pub const V86: Package = Package {
    name: "v86",
    version: "0.5.462",
    integrity: "sha512-aKPX7DdzqAKFRv2omDkqSju0uEzlOxzo+II82J5UT7+tZNsboA6kyaNq9NKAnxvo9hzpJ8dQj7vcvcz0J7I2QA==",
};

impl Package {
    /// Whether the package was fetched already.
    #[must_use]
    pub fn is_here(&self, workspace: &Workspace) -> bool {
        self.inside(&self.kept(workspace)).is_dir()
    }

    /// Where the package is kept, with what npm writes beside it.
    fn kept(&self, workspace: &Workspace) -> PathBuf {
        let name = format!("{}-{}", self.name.replace('/', "+"), self.version);
        workspace.root().join("target/npm").join(name)
    }

    fn inside(&self, kept: &Path) -> PathBuf {
        kept.join("node_modules").join(self.name)
    }

    /// The folder with the package's files. It is fetched if it is not there.
    ///
    /// # Errors
    /// It is not there, and it may not be fetched (`--no-install`), npm is missing, the registry
    /// cannot be reached, or what came has another hash.
    pub fn folder(&self, workspace: &Workspace) -> Result<PathBuf> {
        let root = workspace.root().join("target/npm");
        let kept = self.kept(workspace);
        let inside = self.inside(&kept);
        if inside.is_dir() {
            return Ok(inside);
        }
        if setup::installs_nothing() {
            bail!("{self} is missing, and nothing is fetched, because --no-install says so");
        }
        setup::ensure(&[Part::Node])?;
        eprintln!("vitrine: fetching {self} from npm's registry, once");
        command::create_directory(&root)?;
        let begun =
            tempfile::tempdir_in(&root).context("cannot create a directory in target/npm")?;
        let manifest = json!({ "private": true, "dependencies": { self.name: self.version } });
        fs::write(begun.path().join("package.json"), manifest.to_string())?;
        fs::write(begun.path().join("package-lock.json"), self.lock())?;
        self.fetch(Command::new("npm").current_dir(begun.path()))?;
        // Two commands may fetch at once: the second finds the folder that the first has put there.
        if fs::rename(begun.path(), &kept).is_ok() {
            // The guard has nothing to remove any more.
            let _ = begun.keep();
        }
        if inside.is_dir() { Ok(inside) } else { bail!("npm fetched no {self}") }
    }

    /// A lock file for this package alone. Without an address, npm asks its configured registry.
    fn lock(&self) -> String {
        let package = json!({ "version": self.version, "integrity": self.integrity });
        let root = json!({ "dependencies": { self.name: self.version } });
        let path = format!("node_modules/{}", self.name);
        json!({ "lockfileVersion": 3, "packages": { "": root, path: package } }).to_string()
    }

    fn fetch(&self, npm: &mut Command) -> Result<()> {
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]);
        let output = npm.output().with_context(|| command::cannot_start(npm))?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr);
        bail!("npm cannot fetch {self}: {}", reason(&text))
    }
}

impl std::fmt::Display for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// The first error of npm's that is a sentence: codes and names of system calls come before it.
fn reason(messages: &str) -> &str {
    let prefixes = ["npm error ", "npm ERR! "];
    let errors = messages
        .lines()
        .filter_map(|line| prefixes.iter().find_map(|prefix| line.strip_prefix(prefix)));
    let mut sentences = errors.filter(|line| line.split_whitespace().count() > 3);
    sentences.next().unwrap_or("it gave no reason")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_names_the_package_its_version_and_its_hash() {
        let lock: serde_json::Value = serde_json::from_str(&V86.lock()).unwrap();
        let package = &lock["packages"]["node_modules/v86"];
        assert_eq!(package["version"], V86.version);
        assert_eq!(package["integrity"], V86.integrity);
        assert_eq!(lock["packages"].as_object().unwrap().len(), 2);
    }

    #[test]
    fn the_reason_is_the_first_sentence_of_npms() {
        let new = "npm error code ECONNREFUSED\nnpm error syscall connect\n\
                   npm error FetchError: request to x failed\nnpm error     at y\n";
        let old = "npm ERR! code EINTEGRITY\nnpm ERR! Integrity checksum failed when using z\n";
        assert_eq!(reason(new), "FetchError: request to x failed");
        assert_eq!(reason(old), "Integrity checksum failed when using z");
        assert_eq!(reason(""), "it gave no reason");
    }
}
