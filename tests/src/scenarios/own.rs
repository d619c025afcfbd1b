//! The programs that `cargo xtask new` begins do what their tests demand, and so does a new one of
//! each kind.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use libtest_mimic::{Failed, Trial};
use serde::Deserialize;
use xtask::build::target_cargo;
use xtask::c::{self, Compiler};
use xtask::new::{self, Kind};
use xtask::workspace::{TARGET, Workspace};
use xtask::{command, image, setup};

use crate::{Boot, Claim, claim};

/// What a file in `userland/own/tests` demands of a program.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Demands {
    /// What `cargo xtask qemu --run` takes.
    run: String,
    /// The exit status.
    status: u8,
    /// Patterns of lines that must come in this order.
    lines: Vec<String>,
}

/// The claims of this file: one for each file of demands, and those about `new`.
pub fn trials() -> Vec<Trial> {
    let files = fs::read_dir(Workspace::locate().root().join("userland/own/tests"));
    let files = files.into_iter().flatten().flatten().map(|entry| entry.path());
    let demands = files.filter(|file| file.extension().is_some_and(|end| end == "toml"));
    let mut demands: Vec<_> = demands.collect();
    demands.sort();
    let trial = |file: PathBuf| {
        let program = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        claim(&format!("own::{program}_does_what_its_test_demands"), move || {
            meets(Workspace::locate().root(), &program, Boot::new())
        })
    };
    let new = claim("new::a_program_of_each_kind_builds_and_passes_its_test", each_kind);
    demands.into_iter().map(trial).chain([new]).collect()
}

/// Boots `machine` with a program of the tree at `root`, as the program's test says.
fn meets(root: &Path, program: &str, machine: Boot) -> Claim {
    let file = root.join(format!("userland/own/tests/{program}.toml"));
    let demands = Demands::read(&fs::read_to_string(file)?)?;
    let lines: Vec<&str> = demands.lines.iter().map(String::as_str).collect();
    machine.run(&demands.run).boot()?.exits(demands.status)?.shows(&lines)?;
    Ok(())
}

/// Begins a program of each kind in a copy of the tree, builds it there, and tries its test.
fn each_kind() -> Claim {
    let root = Workspace::locate().output().join("tree");
    copy_tree(&root)?;
    let tree = Workspace::at(&root)?;
    let name = |kind: Kind| format!("{}-begun-by-new", format!("{kind:?}").to_lowercase());
    for kind in Kind::ALL {
        new::write(&root, kind, &name(kind)).map_err(|error| format!("{error:#}"))?;
    }
    let mut kinds = Kind::ALL.to_vec();
    if Compiler::find().is_none() {
        eprintln!("new: no C compiler is here, so the template in C was not tried");
        kinds.retain(|kind| *kind != Kind::C);
    }
    let begun: Vec<_> = kinds.into_iter().map(|kind| (kind, name(kind))).collect();
    let archive = archive_with(&tree, &begun)?;
    let help = Boot::new().archive(Some(archive.clone())).run("help").boot()?;
    let widest = help.lines.iter().map(|line| line.chars().count()).max();
    help.exits(0)?.demand(widest <= Some(60), || format!("{widest:?} columns"))?;
    for (_, name) in &begun {
        // The names are too long for their column, so what the program does is on the next line.
        help.shows(&[&format!("  {name}"), &format!("  {:12} *", "")])?;
        meets(&root, name, Boot::new().archive(Some(archive.clone())))?;
    }
    Ok(())
}

/// Makes `root` a copy of the tree, with this tree's build folder for target code. Cargo knows a
/// source by its path in the tree and its time of change, which the copy keeps; so nothing that the
/// two trees have in common is built anew.
fn copy_tree(root: &Path) -> Claim {
    let tree = Workspace::locate();
    let own = root.join("userland/own");
    if own.exists() {
        fs::remove_dir_all(own)?;
    }
    fs::create_dir_all(root)?;
    for entry in fs::read_dir(tree.root())? {
        let entry = entry?;
        if ![".git", "target"].contains(&entry.file_name().to_string_lossy().as_ref()) {
            copy(&entry.path(), &root.join(entry.file_name()))?;
        }
    }
    let shared = root.join("target/i686");
    if !shared.exists() {
        fs::create_dir_all(root.join("target"))?;
        std::os::unix::fs::symlink(tree.target_build(), shared)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            copy(&from.join(&name), &to.join(name))?;
        }
        return Ok(());
    }
    let changed = |file: &Path| fs::metadata(file)?.modified();
    let time = changed(from)?;
    if changed(to).ok() != Some(time) {
        fs::copy(from, to)?;
        fs::File::options().write(true).open(to)?.set_modified(time)?;
    }
    Ok(())
}

/// Builds the programs of `userland/own`, and puts these beside those of the boot archive.
fn archive_with(tree: &Workspace, begun: &[(Kind, String)]) -> Result<PathBuf, Failed> {
    let toolchain = setup::toolchain().map_err(|error| format!("{error:#}"))?;
    // The libraries are built from this tree, so that their debug information does not name the
    // copy.
    for tree in [&Workspace::locate(), tree] {
        let mut cargo = target_cargo(tree, &toolchain, "cargo", "build");
        cargo.args(["--bins", "--package", "vitrine-own"]).stdin(Stdio::null());
        command::run_quietly(&mut cargo).map_err(|error| format!("{error:#}"))?;
    }
    c::build(tree).map_err(|error| format!("{error:#}"))?;

    let mut programs = Vec::new();
    for entry in tar::Archive::new(fs::File::open(Workspace::locate().archive())?).entries()? {
        let mut entry = entry?;
        let mut program = Vec::new();
        entry.read_to_end(&mut program)?;
        programs.push((entry.path()?.display().to_string(), program));
    }
    let built = tree.target_build().join(TARGET).join("release");
    for (kind, name) in begun {
        let file = if *kind == Kind::C { c::program(tree, name) } else { built.join(name) };
        let stripped = image::stripped(&fs::read(file)?);
        programs.push((format!("bin/{name}"), stripped.map_err(|error| error.to_string())?));
    }
    let archive = tree.root().join("target/boot.tar");
    let bytes = image::archive(&programs).map_err(|error| error.to_string())?;
    fs::write(&archive, bytes)?;
    Ok(archive)
}

impl Demands {
    fn read(text: &str) -> Result<Self, Failed> {
        let demands: Self = toml::from_str(text)?;
        if demands.lines.is_empty() {
            return Err("`lines` is empty: a test demands at least one line".into());
        }
        Ok(demands)
    }
}
