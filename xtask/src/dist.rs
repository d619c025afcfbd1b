//! `cargo xtask dist`: one folder for those who only want to look: the CD, the kernel, the boot
//! archive, the laboratory's site, and a page that says how to boot them.
//!
//! The commands on the page are written by [`crate::machine`], as those that the tests run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use hmac_sha256::Hash;

use crate::bad_input::BadInput;
use crate::command;
use crate::image;
use crate::iso;
use crate::machine::{Image, Machine, Serial};
use crate::setup;
use crate::system::Part;
use crate::web::{self, Site};
use crate::workspace::Workspace;

/// Where it goes.
#[derive(Args)]
pub struct Options {
    /// Write into this folder: a new one, an empty one, or one that `dist` has written [default:
    /// target/vitrine/dist]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// The page, with words in braces in the place of what depends on the build.
const PAGE: &str = include_str!("../data/dist.html");
/// The file with the sums; a folder that has it was written by us.
const SUMS: &str = "SHA256SUMS";
/// The folder of the laboratory's site.
const LABORATORY: &str = "laboratory";

/// What the page says of the files at the top. Of the site it names the first page.
const FILES: [(&str, &str); 6] = [
    (DISC, "a CD with the kernel, the boot archive and GRUB"),
    (KERNEL, "the kernel, as a Multiboot loader takes it"),
    (ARCHIVE, "the boot archive: every program"),
    ("laboratory/index.html", "the first page of the laboratory"),
    ("LICENSE-MIT", "one licence"),
    ("LICENSE-APACHE", "the other licence"),
];
const DISC: &str = "vitrine.iso";
const KERNEL: &str = "kernel.elf";
const ARCHIVE: &str = "boot.tar";

/// Builds everything, and writes the folder.
///
/// # Errors
/// The folder has files of somebody else's or cannot be written, or something is missing or could
/// not be built.
pub fn dist(workspace: &Workspace, options: &Options) -> Result<()> {
    let usual = workspace.output().join("dist");
    let folder = options.out.as_ref().unwrap_or(&usual);
    check_folder(folder)?;
    setup::ensure(&[Part::DiscTools, Part::Emulator, Part::Node])?;
    let site = web::build_site(workspace)?;
    let disc = iso::for_one_boot(workspace, "")?;
    let dist = Dist::gather(workspace, disc.path(), &site)?;
    dist.write(folder)?;
    println!("{}", folder.join("index.html").display());
    Ok(())
}

/// Whether a folder may be replaced.
fn check_folder(folder: &Path) -> Result<(), BadInput> {
    let refuse = |why: &str| Err(BadInput(format!("--out: {} {why}", folder.display())));
    if !folder.exists() {
        return Ok(());
    }
    let Ok(mut entries) = fs::read_dir(folder) else { return refuse("is not a folder") };
    if entries.next().is_some() && !folder.join(SUMS).is_file() {
        return refuse("has other files; name a new folder, or one that `dist` has written");
    }
    Ok(())
}

/// The files of the folder, in memory.
#[derive(Default)]
pub struct Dist {
    files: BTreeMap<String, Vec<u8>>,
}

impl Dist {
    /// Gathers what has been built: the image, and the CD and the site that were made of it.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn gather(workspace: &Workspace, disc: &Path, site: &Site) -> Result<Self> {
        let mut dist = Self::default();
        dist.files.insert(KERNEL.to_owned(), image::stripped(&read(&workspace.kernel())?)?);
        dist.files.insert(ARCHIVE.to_owned(), read(&workspace.archive())?);
        dist.files.insert(DISC.to_owned(), read(disc)?);
        for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
            dist.files.insert(name.to_owned(), read(&workspace.root().join(name))?);
        }
        let of_site =
            site.files().map(|(path, bytes)| (format!("{LABORATORY}/{path}"), bytes.to_vec()));
        dist.files.extend(of_site);
        let page = dist.page();
        dist.files.insert("index.html".to_owned(), page.into_bytes());
        let sums = dist.sums();
        dist.files.insert(SUMS.to_owned(), sums.into_bytes());
        Ok(dist)
    }

    /// Puts the files into a folder, in place of what was there. They are written beside it first:
    /// a disk that gets full leaves the old folder as it was.
    ///
    /// # Errors
    /// A file or the folder cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        command::create_directory(parent)?;
        let cannot = || format!("cannot write {}", folder.display());
        let beside = tempfile::Builder::new().prefix(".dist-").tempdir_in(parent);
        let beside = beside.with_context(cannot)?;
        let new = beside.path().join("new");
        for (path, contents) in &self.files {
            let file = new.join(path);
            command::create_directory(file.parent().context("a file lies in a folder")?)?;
            fs::write(&file, contents)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        if folder.exists() {
            fs::rename(folder, beside.path().join("old")).with_context(cannot)?;
        }
        fs::rename(new, folder).with_context(cannot)
    }

    /// The page that says how to boot it.
    fn page(&self) -> String {
        let mut rows = String::new();
        for (file, what) in FILES {
            let bytes = self.files.get(file).map_or(0, Vec::len);
            // A `String` takes whatever is written to it.
            let _ = writeln!(
                rows,
                "<tr><td><a href=\"{file}\">{file}</a></td><td>{bytes}</td><td>{what}</td></tr>"
            );
        }
        let kernel = Image::Kernel { kernel: KERNEL.into(), archive: Some(ARCHIVE.into()) };
        PAGE.replace("{version}", env!("CARGO_PKG_VERSION"))
            .replace("{qemu_disc}", &escaped(&qemu(Image::Disc(DISC.into()))))
            .replace("{qemu}", &escaped(&qemu(kernel)))
            .replace("{files}", &rows)
    }

    /// The sums, as `sha256sum` writes them.
    fn sums(&self) -> String {
        let line = |(path, bytes): (&String, &Vec<u8>)| {
            let sum = Hash::hash(bytes);
            let hex: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{hex}  {path}\n")
        };
        self.files.iter().map(line).collect()
    }
}

/// The command that boots an image of this folder, on the terminal.
fn qemu(image: Image) -> String {
    command::line(&Machine { serial: Serial::Terminal, ..Machine::new(image) }.command())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// A folder as `dist` writes it, of files that are nothing.
    fn written(folder: &Path) -> Dist {
        let mut dist = Dist::default();
        for (name, contents) in FILES.map(|(name, _)| (name, name.as_bytes().to_vec())) {
            dist.files.insert(name.to_owned(), contents);
        }
        dist.files.insert("laboratory/licences/v86.txt".to_owned(), Vec::new());
        dist.files.insert("laboratory/a b.js".to_owned(), vec![0; 65]);
        dist.files.insert("index.html".to_owned(), dist.page().into_bytes());
        dist.files.insert(SUMS.to_owned(), dist.sums().into_bytes());
        dist.write(folder).unwrap();
        dist
    }

    #[test]
    fn the_sums_are_those_of_another_program() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let files = written(&out).files.len();
        let check = || {
            let mut sum = Command::new("sha256sum");
            sum.args(["--check", "--strict", SUMS]).current_dir(&out).output().unwrap()
        };
        let output = check();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        assert_eq!(text.lines().count(), files - 1, "all but the sums' own file:\n{text}");
        fs::write(out.join(KERNEL), "another").unwrap();
        assert!(!check().status.success());
    }

    #[test]
    fn the_page_names_only_files_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let page = written(folder.path()).page();
        let links: Vec<_> = page.split("href=\"").skip(1).collect();
        let targets = links.iter().filter_map(|rest| rest.split('"').next());
        let inside: Vec<_> = targets.filter(|target| !target.starts_with("http://127.")).collect();
        assert!(inside.len() > FILES.len());
        for target in inside {
            assert!(folder.path().join(target).is_file(), "{target}");
        }
        for word in ["-kernel kernel.elf", "-initrd boot.tar", "-cdrom vitrine.iso"] {
            assert!(page.contains(word), "{word}");
        }
        for word in ["{version}", "{qemu}", "{qemu_disc}", "{files}"] {
            assert!(PAGE.contains(word) && !page.contains(word), "{word}");
        }
    }

    #[test]
    fn a_folder_with_other_files_is_left_alone_and_an_old_one_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new/out");
        check_folder(&out).unwrap();
        written(&out);
        fs::write(out.join("left"), "by an older dist").unwrap();
        check_folder(&out).unwrap();
        written(&out);
        assert!(!out.join("left").exists());
        assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 1);

        fs::remove_file(out.join(SUMS)).unwrap();
        for refused in [&out, &out.join(KERNEL)] {
            let line = check_folder(refused).unwrap_err().to_string();
            assert!(line.starts_with("--out: ") && line.lines().count() == 1, "{line}");
        }
        check_folder(tempfile::tempdir().unwrap().path()).unwrap();
    }
}
