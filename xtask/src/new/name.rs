//! Which names a new program may have.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;
use shell::builtin::Builtin;

use super::kind::Kind;
use crate::bad_input::BadInput;
use crate::c;
use crate::command;
use crate::command::host_cargo;
use crate::workspace::Workspace;

/// The longest name. The boot archive would take 96 bytes; longer names than this break the shell's
/// lists.
const LONGEST: usize = 32;

/// Names that Cargo refuses for a program because it has folders of these names, and crates of the
/// compiler's that every program can name.
const NOT_FOR_PROGRAMS: [&str; 9] =
    ["alloc", "build", "core", "deps", "examples", "incremental", "proc_macro", "std", "test"];

/// A name that a new program may have.
#[derive(PartialEq, Eq, Debug)]
pub struct Name(pub String);

impl Name {
    /// Checks a name against the tree.
    ///
    /// # Errors
    /// [`BadInput`]: it cannot be a program's name, or is taken. Or the names that are taken cannot
    /// be read.
    pub fn check(workspace: &Workspace, name: &str, kind: Kind) -> Result<Self> {
        check_form(name)?;
        if kind != Kind::C {
            check_rust(name)?;
        }
        if Builtin::named(name).is_some() {
            return Err(refused(name, "the shell has a command of this name"));
        }
        // Cargo makes the crate `a_b` of `a-b` and of `a_b`.
        let same = |other: &String| other.replace('-', "_") == name.replace('-', "_");
        if let Some(other) = taken(workspace)?.iter().find(|other| same(other)) {
            let why = if other == name {
                "there is one of this name already".to_owned()
            } else {
                format!("there is `{other}`, which is the same name for the compiler")
            };
            return Err(refused(name, &why));
        }
        Ok(Self(name.to_owned()))
    }
}

fn refused(name: &str, why: &str) -> anyhow::Error {
    BadInput(format!("no program can be named `{}`: {why}", name.escape_debug())).into()
}

/// Whether the shell, Cargo and the boot archive take a name.
fn check_form(name: &str) -> Result<()> {
    let may_follow = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(may_follow) {
        let why = "a name is small letters, digits, `-` and `_`, and begins with a letter";
        return Err(refused(name, why));
    }
    if name.len() > LONGEST {
        return Err(refused(name, &format!("it has more than {LONGEST} characters")));
    }
    Ok(())
}

/// Whether the compiler takes a name.
fn check_rust(name: &str) -> Result<()> {
    if NOT_FOR_PROGRAMS.contains(&name) {
        return Err(refused(name, "Cargo or the compiler has something of this name"));
    }
    if syn::parse_str::<syn::Ident>(&name.replace('-', "_")).is_err() {
        return Err(refused(name, "it is a word of Rust's"));
    }
    Ok(())
}

/// The names that are taken: those of the programs in C, and of the programs and libraries of all
/// packages. A program lies in one folder with all others, whatever its language.
fn taken(workspace: &Workspace) -> Result<BTreeSet<String>> {
    let sources = c::sources(workspace)?;
    let in_c = sources.iter().filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned()));
    let mut cargo = host_cargo(workspace);
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
    let metadata = command::run_quietly(&mut cargo)?;
    let metadata: Value =
        serde_json::from_str(&metadata).context("cargo's metadata are no JSON")?;
    Ok(programs_and_libraries(&metadata).into_iter().chain(in_c).collect())
}

fn programs_and_libraries(metadata: &Value) -> BTreeSet<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let targets = list(&metadata["packages"]).into_iter().flat_map(|it| list(&it["targets"]));
    let is_one =
        |target: &Value| list(&target["kind"]).iter().any(|kind| *kind == "bin" || *kind == "lib");
    targets.filter(is_one).filter_map(|it| Some(it["name"].as_str()?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, kind: Kind) -> String {
        let error = Name::check(&Workspace::locate(), name, kind).unwrap_err();
        assert!(error.is::<BadInput>(), "{error:#}");
        error.to_string()
    }

    #[test]
    fn a_name_is_one_that_cargo_the_archive_and_the_shell_take() {
        let longest = "a".repeat(LONGEST);
        for name in ["a", "demo", "a-b_2", &longest] {
            check_form(name).unwrap();
        }
        let longer = "a".repeat(LONGEST + 1);
        for name in [
            "", "-a", "_a", "2a", "Demo", "a b", "a.b", "a/b", "../a", "a\n", "é", "a\u{1b}",
            &longer,
        ] {
            for kind in Kind::ALL {
                assert_eq!(refusal(name, kind).lines().count(), 1, "{name:?}");
            }
        }
    }

    #[test]
    fn a_name_that_is_taken_is_refused_where_it_is_taken() {
        // Programs of the boot archive in both languages, first processes, and libraries.
        for name in
            ["cow", "sh", "kernel", "init", "libsys", "own", "tiny-pager", "forkwalk", "lab3"]
        {
            for kind in [Kind::Program, Kind::C] {
                assert!(refusal(name, kind).contains("there is"), "{name}");
            }
        }
        for name in ["help", "ps"] {
            for kind in Kind::ALL {
                assert!(refusal(name, kind).contains("the shell has"), "{name}");
            }
        }
        for name in ["fn", "async", "core", "build"] {
            refusal(name, Kind::Handler);
            // Rust's compiler has no part in a program in C.
            Name::check(&Workspace::locate(), name, Kind::C).unwrap();
        }
    }
}
