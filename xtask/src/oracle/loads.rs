//! What the machine does while it is watched.

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::bad_input::BadInput;
use crate::disk::{self, Disk};
use crate::elf::{Program, Staged};
use crate::machine::{Image, Machine, kernel_command_line};
use crate::workspace::Workspace;

/// A load: a machine and what it runs.
pub struct Load {
    /// What `--run` calls it.
    pub name: &'static str,
    /// MiB.
    memory: u32,
    /// Words of the kernel's command line before `run=`.
    words: &'static str,
    /// The program under init, with its arguments.
    run: Option<&'static str>,
    /// JOS programs, instead of init.
    elf: &'static [&'static str],
}

/// A load whose machine can be booted; holds the files that it needs.
pub struct Ready {
    pub machine: Machine,
    /// The archive with the JOS programs, which goes with this.
    _staged: Option<Staged>,
    /// Where the swap disk is, which goes with this, too.
    _directory: TempDir,
}

impl Load {
    /// All of them, in the order in which they take turns.
    pub const ALL: &[Self] = &[
        Self::under_init("bustle", 64, "disk swap trust archive", "bustle"),
        Self::under_init("forks", 64, "", "forever"),
        Self::under_init("swap", 32, "disk swap", "hog 128M"),
        Self::under_init("two", 32, "disk swap", "hog 40M --two"),
        Self::under_init("views", 32, "disk swap", "peek hog 16M"),
        Self::under_init("pager", 32, "", "tiny_pager"),
        Self::under_init("fuzz", 64, "disk swap trust", "fuzz 1 100000000"),
        // A thousand rounds are over before the first stop.
        Self::under_init("messages", 16, "", "pingpong 1000000"),
        Self {
            elf: &["death", "upcall", "rendezvous", "children"],
            ..Self::under_init("jos", 32, "", "")
        },
    ];

    const fn under_init(
        name: &'static str,
        memory: u32,
        words: &'static str,
        run: &'static str,
    ) -> Self {
        let run = if run.is_empty() { None } else { Some(run) };
        Self { name, memory, words, run, elf: &[] }
    }

    /// The load of this name.
    ///
    /// # Errors
    /// There is none; the message lists all.
    pub fn find(name: &str) -> Result<&'static Self, BadInput> {
        Self::ALL.iter().find(|load| load.name == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|load| load.name).collect();
            BadInput(format!("there is no load `{name}`; the loads are {}", names.join(", ")))
        })
    }

    /// Prepares the machine.
    ///
    /// # Errors
    /// A file cannot be read or made.
    pub fn stage(&self, workspace: &Workspace) -> Result<Ready> {
        let programs: Vec<Program> = self
            .elf
            .iter()
            .map(|name| Program::parse(&workspace.programs().join(name).display().to_string()))
            .collect::<Result<_, _>>()?;
        let staged = match programs.as_slice() {
            [] => None,
            programs => Some(Staged::pack(workspace, programs)?),
        };
        let archive = staged
            .as_ref()
            .map_or_else(|| workspace.archive(), |staged| staged.archive().to_owned());
        let swaps = self.words.split(' ').any(|word| word == "disk");
        let directory = tempfile::tempdir().context("cannot create a temporary directory")?;
        let disk = swaps
            .then(|| disk::sparse(directory.path(), "swap.img").map(Disk::Image))
            .transpose()?;
        let words = staged.as_ref().map(|staged| staged.words.clone());
        let words =
            words.as_deref().into_iter().chain((!self.words.is_empty()).then_some(self.words));
        let machine = Machine {
            memory: self.memory,
            command_line: kernel_command_line(words, self.run),
            disk,
            ..Machine::new(Image::Kernel { kernel: workspace.kernel(), archive: Some(archive) })
        };
        Ok(Ready { machine, _staged: staged, _directory: directory })
    }

    /// A kernel panic is a finding, too, and so is what the fuzzer's supervisor finds.
    ///
    /// # Errors
    /// The serial line shows one.
    pub fn check_output(&self, output: &str) -> Result<()> {
        if let Some(line) = output.lines().find(|line| line.contains("kernel panic")) {
            bail!("the load {} ended the kernel: {line}", self.name);
        }
        // A fuzzed process may print such a line, too, but then the machine does not end with it.
        let mut end = output.lines().rev().filter(|line| !line.trim().is_empty());
        if end.next().is_some_and(|last| last.starts_with("exit status 1"))
            && let Some(line) = end.next().filter(|line| line.starts_with("FINDING"))
        {
            bail!("the load {}: {line}", self.name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_panic_and_a_finding_of_the_fuzzer_are_told() {
        let load = Load::find("fuzz").unwrap();
        assert!(load.check_output("batch 0\nbatch 1\n").is_ok());
        assert!(load.check_output("FINDING: forged\nbatch 1\n").is_ok());
        for line in ["kernel panic: x", "FINDING: seed 1 batch 0: frames: 1 free"] {
            let error = load
                .check_output(&format!("batch 0\n{line}\nexit status 1\n"))
                .unwrap_err()
                .to_string();
            assert!(error.contains(line), "{error}");
        }
    }

    #[test]
    fn a_load_is_found_by_its_name_and_an_unknown_one_is_told() {
        for load in Load::ALL {
            assert_eq!(Load::find(load.name).unwrap().name, load.name);
        }
        let error = Load::find("nonsense").err().unwrap().to_string();
        assert!(error.contains("nonsense") && error.contains("bustle"), "{error}");
    }
}
