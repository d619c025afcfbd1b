//! One build in which every mutant has a switch.
//!
//! The copy of the tree lies in `target/vitrine/mutants/switched`. `rewrite` puts the mutants into
//! it, and the package `switch` is added to it, which reads the wanted mutant's number from the
//! environment. A mutant that the compiler refuses is taken out, and the rest is compiled again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{self, host_cargo};
use crate::workspace::Workspace;

use super::constants::Constants;
use super::copy::{Built, build, messages, mirror, rendered};
use super::culprit::{Culprit, culprits};
use super::list::{Function, Mutant, PACKAGES};
use super::rewrite::rewrite;
use super::suite::{Program, Suite};

/// What becomes of a mutant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It has the switch with this number. If a constant may be computed with it, that test has
    /// still to come: the compiler computes constants without mutants.
    Switch { number: u32, in_constants: bool },
    /// It does not compile, however it is written.
    Unviable,
    /// It needs a build of its own.
    Alone,
}

/// Where a mutant is: the place of its function, and its place in it.
pub type Place = (usize, usize);

/// The copy with the switches.
pub struct Switched {
    folder: PathBuf,
    workspace: Workspace,
    constants: Constants,
    pub fates: BTreeMap<Place, Fate>,
    /// The mutants whose results are not compared with those without them.
    plain: BTreeSet<Place>,
}

/// Where sources lie that are compiled with the mutants.
const SOURCES: [&str; 5] = ["boot", "kernel", "libsys", "tests", "userland"];

/// The package that the copy has more than the tree.
const MANIFEST: &str = "[package]\nname = \"switch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
/// Its source, for `NUMBERS` numbers.
pub const LIBRARY: &str = include_str!("switch.rs.in");

/// Enough for the errors of every crate, and of every phase of the compiler in it.
const ROUNDS: usize = 40;

impl Switched {
    /// Makes the copy, with a switch for each mutant of these functions that can have one.
    ///
    /// # Errors
    /// The copy cannot be made, or the compiler refuses something that is no mutant.
    pub fn set_up(workspace: &Workspace, due: &[&Function]) -> Result<Self> {
        let folder = workspace.output().join("mutants/switched");
        command::create_directory(&folder)?;
        let places = due
            .iter()
            .enumerate()
            .flat_map(|(function, of)| (0..of.mutants.len()).map(move |mutant| (function, mutant)));
        let start = Fate::Switch { number: 0, in_constants: false };
        let fates = places.map(|place| (place, start)).collect();
        let sources = SOURCES.map(|folder| workspace.root().join(folder));
        let constants = Constants::read(&sources.each_ref().map(PathBuf::as_path))?;
        let mut switched =
            Self { folder, workspace: workspace.clone(), constants, fates, plain: BTreeSet::new() };
        for round in 1..=ROUNDS {
            switched.write(due)?;
            let messages = switched.check(due)?;
            let Some(messages) = messages else {
                switched.tell(due);
                return Ok(switched);
            };
            let refused = switched.take_out(due, &messages)?;
            eprintln!("vitrine: all mutants in one build, round {round}: {refused} taken out");
        }
        bail!("the mutants do not compile after {ROUNDS} rounds")
    }

    /// Prints how many mutants have which fate, and those that need a build of their own.
    fn tell(&self, due: &[&Function]) {
        for ((function, mutant), _) in self.fates.iter().filter(|(_, fate)| **fate == Fate::Alone) {
            let Function { file, mutants, .. } = due[*function];
            let Mutant { from, what, .. } = &mutants[*mutant];
            eprintln!("vitrine: {file}:{} {what}: needs a build", from.line);
        }
        let count = |wanted: fn(&Fate) -> bool| self.fates.values().filter(|it| wanted(it)).count();
        eprintln!(
            "vitrine: {} mutants have a switch, {} do not compile, {} need a build each",
            count(|fate| matches!(fate, Fate::Switch { .. })),
            count(|fate| *fate == Fate::Unviable),
            count(|fate| *fate == Fate::Alone),
        );
    }

    /// Makes the copy equal to the tree, and puts the mutants and the switches into it.
    fn write(&mut self, due: &[&Function]) -> Result<()> {
        let files: BTreeSet<&str> = due.iter().map(|function| function.file.as_str()).collect();
        let packages = files.iter().filter_map(|file| Some(file.split_once("/src/")?.0));
        let manifests = packages.map(|package| format!("{package}/Cargo.toml"));
        let manifests: BTreeSet<String> = manifests.collect();
        let kept =
            files.iter().copied().chain(manifests.iter().map(String::as_str)).chain(["switch"]);
        let kept = kept.map(|file| self.folder.join(file)).collect();
        mirror(self.workspace.root(), &self.folder, true, &kept)?;
        let mut next = 1;
        for file in files {
            next = self.write_file(due, file, next)?;
        }
        let switch = self.folder.join("switch");
        for manifest in manifests {
            let text = self.text_of(&manifest)?;
            let dependency = format!("[dependencies]\nswitch = {{ path = {switch:?} }}");
            self.put(&manifest, &text.replacen("[dependencies]", &dependency, 1))?;
        }
        self.put("switch/Cargo.toml", MANIFEST)?;
        self.put("switch/src/lib.rs", &LIBRARY.replace("NUMBERS", &next.to_string()))
    }

    /// Puts its mutants into a file, numbered from `first` on. Returns the number behind all that
    /// the file can have: the other files keep theirs when one is taken out.
    fn write_file(&mut self, due: &[&Function], file: &str, first: u32) -> Result<u32> {
        let of_file = |place: &Place| due[place.0].file == file;
        let is_switch = |fate: &Fate| matches!(fate, Fate::Switch { .. });
        let all = self.fates.iter().filter(|(place, _)| of_file(place));
        let behind = first + all.clone().count() as u32;
        let wanted: Vec<Place> =
            all.filter(|(_, fate)| is_switch(fate)).map(|(place, _)| *place).collect();
        let mutants: Vec<&Mutant> =
            wanted.iter().map(|(function, mutant)| &due[*function].mutants[*mutant]).collect();
        let text = self.text_of(file)?;
        if due.iter().any(|function| function.file == file && !function.is_in(&text)) {
            bail!("{file} has been changed meanwhile: start again");
        }
        let plain: Vec<bool> = wanted.iter().map(|place| self.plain.contains(place)).collect();
        let rewritten = rewrite(&text, &mutants, first, &plain, &self.constants);
        let rewritten = rewritten.with_context(|| file.to_owned())?;
        for (number, index) in (first..).zip(&rewritten.numbered) {
            let in_constants = rewritten.in_constants.contains(index);
            self.fates.insert(wanted[*index], Fate::Switch { number, in_constants });
        }
        for index in rewritten.left {
            self.fates.insert(wanted[index], Fate::Alone);
        }
        self.put(file, &rewritten.text)?;
        Ok(behind)
    }

    /// The text of a file of the tree.
    fn text_of(&self, file: &str) -> Result<String> {
        let path = self.workspace.root().join(file);
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    }

    /// Writes a file of the copy, if it is not so already: cargo compiles what is younger.
    fn put(&self, file: &str, text: &str) -> Result<()> {
        let path = self.folder.join(file);
        command::create_directory(path.parent().expect("a file lies in a folder"))?;
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        fs::write(&path, text).with_context(|| path.display().to_string())
    }

    /// The compiler's messages, if it refuses a package.
    fn check(&self, due: &[&Function]) -> Result<Option<String>> {
        let mut check = self.cargo();
        check.arg("check");
        for package in PACKAGES {
            check.args(["--package", package]);
        }
        let mut checks = vec![check];
        if due.iter().any(|function| function.suite == Suite::WithoutJos) {
            let mut check = self.cargo();
            check.args(["check", "--package", "vitrine-core", "--no-default-features"]);
            checks.push(check);
        }
        for mut check in checks {
            check.args(["--lib", "--keep-going", "--quiet", "--offline", "--message-format=json"]);
            let (messages, is_good) = messages(&mut check, &self.folder)?;
            if !is_good {
                return Ok(Some(messages));
            }
        }
        Ok(None)
    }

    /// What cargo is called with in the copy.
    fn cargo(&self) -> Command {
        let mut cargo = host_cargo(&self.workspace);
        cargo.current_dir(&self.folder);
        cargo.env("CARGO_TARGET_DIR", self.folder.join("target"));
        cargo.env("RUSTC_BOOTSTRAP", "switch").env("RUSTFLAGS", "--cap-lints=allow");
        cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "2").env("CARGO_PROFILE_DEV_DEBUG", "0");
        cargo
    }

    /// Builds a part of a suite.
    ///
    /// # Errors
    /// It cannot be built.
    pub fn build(&self, program: Program) -> Result<Built> {
        build(self.cargo(), &self.folder, program)?.or_else(|messages| {
            bail!("with the switches, this does not compile:\n{}", rendered(&messages))
        })
    }

    /// Takes out the mutants that the compiler refuses. Where it refuses something around them, the
    /// comparison of their results goes first. Returns how many mutants are taken out.
    fn take_out(&mut self, due: &[&Function], messages: &str) -> Result<usize> {
        let source = |file: &str| fs::read_to_string(self.folder.join(file)).ok();
        let (mut fates, mut plain) = (BTreeMap::new(), BTreeSet::new());
        for culprit in culprits(messages, source) {
            for (place, fate) in &self.fates {
                let Fate::Switch { number, .. } = *fate else { continue };
                let is_in_doubt = match &culprit {
                    Culprit::Mutant(mutant) => {
                        if *mutant == number {
                            fates.insert(*place, Fate::Unviable);
                        }
                        false
                    }
                    Culprit::Site(of) => of.contains(&number),
                    Culprit::Line(file, line) => due[place.0].has_line(file, *line),
                };
                if is_in_doubt && self.plain.contains(place) {
                    fates.entry(*place).or_insert(Fate::Alone);
                } else if is_in_doubt {
                    plain.insert(*place);
                }
            }
        }
        let taken_out = fates.len();
        if taken_out + plain.len() == 0 {
            bail!("the compiler refuses something that is no mutant:\n{}", rendered(messages));
        }
        self.fates.extend(fates);
        self.plain.extend(plain);
        Ok(taken_out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::tests::function;
    use super::*;

    #[test]
    fn what_is_refused_is_taken_out_once_it_is_certain() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.rs"), "/*1-2[*/x /*1(*/y/*1)*/ /*2(*/z/*2)*/ /*1-2]*/")
            .unwrap();
        let f = function("a.rs", "f", 3);
        let fate = |number| Fate::Switch { number, in_constants: false };
        let mut switched = Switched {
            folder: folder.path().to_owned(),
            workspace: Workspace::locate(),
            constants: Constants::default(),
            fates: (0..3).map(|mutant| ((0, mutant), fate(mutant as u32 + 1))).collect(),
            plain: BTreeSet::new(),
        };
        let refused = |code: &str, file: &str, at: usize| {
            format!(
                r#"{{"message": {{"level": "error", "rendered": "no", "code": {{"code": "{code}"}},
                "spans": [{{"is_primary": true, "file_name": "{file}", "line_start": 9,
                "byte_start": {at}, "byte_end": {}}}]}}}}"#,
                at + 1
            )
            .replace('\n', " ")
        };
        let fates = |switched: &Switched| switched.fates.values().copied().collect::<Vec<_>>();
        let own = refused("E0308", "a.rs", 16);
        assert_eq!(switched.take_out(&[&f], &own).unwrap(), 1);
        assert_eq!(fates(&switched), [Fate::Unviable, fate(2), fate(3)]);
        let site = refused("E0505", "a.rs", 8);
        assert_eq!(switched.take_out(&[&f], &site).unwrap(), 0, "first without comparisons");
        assert_eq!(switched.take_out(&[&f], &site).unwrap(), 1);
        assert_eq!(fates(&switched), [Fate::Unviable, Fate::Alone, fate(3)]);
        let error = switched.take_out(&[&f], &refused("E0308", "b.rs", 0)).unwrap_err();
        assert!(error.to_string().contains("no mutant"), "{error}");
    }
}
