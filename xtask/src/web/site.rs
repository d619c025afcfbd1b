//! The site: its files, gathered in memory, to be written or served.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::packages::{XTERM, XTERM_FIT};
use super::{generated, reader};
use crate::command;
use crate::image;
use crate::npm::{Package, V86};
use crate::workspace::Workspace;

/// What comes from npm: a package, a path in it, and the path in the site. Each package's licence
/// comes along.
const VENDOR: [(Package, &str, &str); 8] = [
    (V86, "build/libv86.mjs", "vendor/libv86.mjs"),
    (V86, "build/v86.wasm", "vendor/v86.wasm"),
    (V86, "LICENSE", "licences/v86.txt"),
    (XTERM, "lib/xterm.mjs", "vendor/xterm.mjs"),
    (XTERM, "css/xterm.css", "vendor/xterm.css"),
    (XTERM, "LICENSE", "licences/xterm.txt"),
    (XTERM_FIT, "lib/addon-fit.mjs", "vendor/addon-fit.mjs"),
    (XTERM_FIT, "LICENSE", "licences/addon-fit.txt"),
];

/// Paths with `/`, and contents.
#[derive(Default)]
pub struct Site {
    files: BTreeMap<String, Vec<u8>>,
}

impl Site {
    /// Gathers every file. The image has been built.
    ///
    /// # Errors
    /// A file cannot be read, or a package cannot be fetched.
    pub fn gather(workspace: &Workspace) -> Result<Self> {
        let mut site = Self::default();
        site.add_folder(&workspace.root().join("xtask/web/site"), "")?;
        for (package, from, to) in VENDOR {
            site.add_file(&package.folder(workspace)?.join(from), to)?;
        }
        for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
            site.add_file(&workspace.root().join(name), &format!("licences/{name}.txt"))?;
        }
        let kernel = workspace.kernel();
        let kernel =
            fs::read(&kernel).with_context(|| format!("cannot read {}", kernel.display()))?;
        site.files.insert("kernel.elf".to_owned(), image::stripped(&kernel)?);
        site.add_file(&workspace.archive(), "boot.tar")?;
        site.files.insert("generated.js".to_owned(), generated::module(workspace)?.into_bytes());
        site.files.extend(reader::pages(workspace.root())?);
        Ok(site)
    }

    /// Writes every file into a folder, which need not be there.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        for (path, contents) in &self.files {
            let file = folder.join(path);
            command::create_directory(file.parent().context("a file lies in a folder")?)?;
            fs::write(&file, contents)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }

    /// The file at a path of an address: what follows the host, without a query.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<(&'static str, &[u8])> {
        let path = path.trim_start_matches('/');
        let path = if path.is_empty() { "index.html" } else { path };
        let contents = self.files.get(path)?;
        Some((media_type(path), contents))
    }

    /// Every file: its path and its contents.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, contents)| (path.as_str(), contents.as_slice()))
    }

    /// A site of these files, for tests.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        Self { files: files.collect() }
    }

    fn add_folder(&mut self, folder: &Path, path: &str) -> Result<()> {
        let cannot = || format!("cannot read {}", folder.display());
        for entry in fs::read_dir(folder).with_context(cannot)? {
            let entry = entry.with_context(cannot)?;
            let path = format!("{path}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                self.add_folder(&entry.path(), &format!("{path}/"))?;
            } else {
                self.add_file(&entry.path(), &path)?;
            }
        }
        Ok(())
    }

    fn add_file(&mut self, file: &Path, path: &str) -> Result<()> {
        let contents = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        self.files.insert(path.to_owned(), contents);
        Ok(())
    }
}

/// What a browser needs to be told of a file. A module with another type is not run.
fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::packages::OF_SITE;
    use std::collections::BTreeSet;

    fn site() -> Site {
        Site::of(&[("index.html", "start"), ("vendor/a.mjs", "code")])
    }

    #[test]
    fn an_address_names_a_file_of_the_site_and_no_other() {
        let site = site();
        assert_eq!(site.file("/"), Some(("text/html; charset=utf-8", &b"start"[..])));
        assert_eq!(site.file("/vendor/a.mjs").unwrap().1, b"code");
        for path in ["/vendor", "/../Cargo.toml", "/vendor/../index.html", "//etc/passwd"] {
            assert_eq!(site.file(path), None, "{path}");
        }
    }

    #[test]
    fn the_files_come_from_the_packages_of_the_site() {
        let named: BTreeSet<_> = VENDOR.iter().map(|(package, ..)| package.name).collect();
        assert_eq!(named, OF_SITE.map(|package| package.name).into());
    }

    #[test]
    fn a_folder_gets_every_file() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new/site");
        site().write(&out).unwrap();
        assert_eq!(fs::read(out.join("vendor/a.mjs")).unwrap(), b"code");
    }
}
