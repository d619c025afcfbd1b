//! `cargo xtask new`: begins a program of one's own, with a test.
//!
//! A program is a copy of a template in `userland/own/examples`, which is a program itself. Cargo
//! finds the programs in `userland/own/src/bin`, the build finds those in `userland/own/c`, and the
//! emulator tests find their demands in `userland/own/tests`. So nothing but two new files is
//! written, and no file of the tree is changed.

mod kind;
mod name;

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::bad_input::BadInput;
use crate::c::Compiler;
use crate::command;
use crate::workspace::Workspace;

pub use self::kind::Kind;
use self::name::Name;

/// What is begun.
#[derive(Args)]
pub struct Options {
    /// The program's name: a small letter, then small letters, digits, - and _, at most 32
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    kind: Flags,
}

/// The kinds that are not the usual one.
#[derive(Args)]
#[group(multiple = false)]
struct Flags {
    /// A program that handles its own page faults
    #[arg(long)]
    handler: bool,
    /// A program that is the pager of its own child
    #[arg(long)]
    pager: bool,
    /// A program in C
    #[arg(long)]
    c: bool,
}

impl Options {
    fn kind(&self) -> Kind {
        match self.kind {
            Flags { handler: true, .. } => Kind::Handler,
            Flags { pager: true, .. } => Kind::Pager,
            Flags { c: true, .. } => Kind::C,
            Flags { .. } => Kind::Program,
        }
    }
}

/// The word in a template that stands for the program's name.
const PLACEHOLDER: &str = "my_program";

/// Begins a program, and says what was written and what to type next.
///
/// # Errors
/// The name cannot be a program's or is taken, or a file cannot be written. Then none is left.
pub fn new(workspace: &Workspace, options: &Options) -> Result<()> {
    let kind = options.kind();
    let name = Name::check(workspace, &options.name, kind)?;
    for file in write(workspace.root(), kind, &name.0)? {
        println!("wrote {}", file.display());
    }
    if kind == Kind::C && Compiler::find().is_none() {
        println!("note: no C compiler that can do -m32 -ffreestanding is here to build it");
    }
    println!("run it:   cargo xtask qemu --run {}", name.0);
    println!("test it:  cargo xtask test own::{}", name.0);
    println!("go on:    docs/howto/add-a-program.md");
    Ok(())
}

/// Writes the files of a program, and returns their paths from the root of the tree.
///
/// # Errors
/// A file is there already or cannot be written. The files that were written are removed again.
pub fn write(root: &Path, kind: Kind, name: &str) -> Result<Vec<PathBuf>> {
    let files = [
        (PathBuf::from(kind.file(name)), kind.template().replace(PLACEHOLDER, name)),
        (PathBuf::from(format!("userland/own/tests/{name}.toml")), demands(kind, name)),
    ];
    let mut written = Vec::new();
    for (path, text) in files {
        if let Err(error) = write_new(&root.join(&path), &text) {
            for path in &written {
                command::remove_file(&root.join(path))?;
            }
            return Err(error);
        }
        written.push(path);
    }
    Ok(written)
}

fn write_new(path: &Path, text: &str) -> Result<()> {
    command::create_directory(path.parent().context("a program lies in a folder")?)?;
    let mut file = match File::create_new(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(BadInput(format!("{} is there already", path.display())).into());
        }
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let written = file.write_all(text.as_bytes());
    if written.is_err() {
        // Half a file would be a program that does not compile.
        drop(fs::remove_file(path));
    }
    written.with_context(|| path.display().to_string())
}

/// The program's test, for `tests/src/scenarios/own.rs`.
fn demands(kind: Kind, name: &str) -> String {
    let lines: Vec<_> =
        kind.lines().iter().map(|line| format!("    \"{name}: {line}\",\n")).collect();
    format!(
        "# The test of `{name}`: the machine boots and runs it, the exit status must be this one,\n\
         # and these lines must come in this order. `*` stands for any text.\n\
         run = \"{name}\"\nstatus = 0\nlines = [\n{}]\n",
        lines.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_its_template_under_its_own_name_and_a_test() {
        for kind in Kind::ALL {
            let folder = tempfile::tempdir().unwrap();
            let files = write(folder.path(), kind, "mine").unwrap();
            assert_eq!(files[0], Path::new(&kind.file("mine")));
            let texts = files.iter().map(|file| fs::read_to_string(folder.path().join(file)));
            for text in texts.map(Result::unwrap) {
                assert!(text.contains("mine: ") && !text.contains(PLACEHOLDER), "{text}");
            }
        }
    }

    #[test]
    fn nothing_is_left_where_a_file_is_in_the_way() {
        for kind in Kind::ALL {
            let program = kind.file("mine");
            let test = "userland/own/tests/mine.toml".to_owned();
            for (taken, other) in [(&program, &test), (&test, &program)] {
                let folder = tempfile::tempdir().unwrap();
                write_new(&folder.path().join(taken), "theirs").unwrap();
                let refusal = write(folder.path(), kind, "mine").unwrap_err();
                assert!(refusal.is::<BadInput>() && !folder.path().join(other).exists());
                assert_eq!(fs::read_to_string(folder.path().join(taken)).unwrap(), "theirs");
            }
        }
    }

    #[test]
    fn a_template_is_a_first_program() {
        for kind in Kind::ALL {
            let text = kind.template();
            let longest = text.lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(100) && text.lines().count() <= 90, "{kind:?}");
            assert!(text.contains(PLACEHOLDER), "{kind:?}");
        }
    }
}
