//! One boot of the fuzzer, and its outcome.

use std::fmt;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};

use super::shorten::Step;
use crate::disk::{self, Disk};
use crate::machine::{Image, Machine, Serial, kernel_command_line};
use crate::verdict::{End, Verdict};
use crate::workspace::Workspace;
use crate::{command, leash};

/// A machine, and what the fuzzer is to do on it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Chooses everything.
    pub seed: u32,
    /// Steps.
    pub calls: u32,
    /// MiB.
    pub memory: u32,
    /// Words of the kernel's command line.
    pub words: String,
    /// With a swap disk.
    pub swap: bool,
    /// Frames that the families may use up.
    pub leave: Option<u32>,
    /// The step for which the supervisor loses a page.
    pub plant: Option<u32>,
    /// Messages to the servers instead of families.
    pub servers: bool,
}

/// What came of a boot.
#[derive(Debug)]
pub enum Ran {
    /// Nothing was found; the fuzzer's last line.
    Clean(String),
    /// Something was found.
    Found {
        /// Of which kind.
        finding: Finding,
        /// In which batch, if any had begun.
        batch: Option<u32>,
        /// The line that reports it.
        line: String,
    },
}

/// A kind of finding: a shorter run shows the same thing only if it ends in the same kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The supervisor's counts differ; which of them.
    Counts(String),
    /// The kernel gave up; its message without numbers.
    KernelPanic(String),
    /// The machine was still running when its time was up.
    Hang,
    /// The emulator or the supervisor ended otherwise.
    End(Verdict),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counts(which) => write!(f, "finding: {which}"),
            Self::KernelPanic(message) => write!(f, "kernel panic: {message}"),
            Self::Hang => f.write_str("the machine hangs"),
            Self::End(verdict) => verdict.fmt(f),
        }
    }
}

/// What the supervisor says of a batch at its beginning.
const BATCH: &str = "batch ";
/// What it says of a finding.
const FINDING: &str = "FINDING: ";
/// What the kernel says of its own end.
const PANIC: &str = "kernel panic: ";
/// What the supervisor says when all is well.
const NO_FINDING: &str = "no finding";

impl Asked {
    /// The fuzzer's command line.
    #[must_use]
    pub fn command(&self, arguments: &str) -> String {
        let mode = if self.servers { "fuzz servers" } else { "fuzz" };
        let mut words = vec![format!("{mode} {} {}", self.seed, self.calls)];
        words.extend(self.leave.map(|frames| format!("--leave {frames}")));
        words.extend(self.plant.map(|step| format!("--plant {step}")));
        words.extend((!arguments.is_empty()).then(|| arguments.to_owned()));
        words.join(" ")
    }

    /// The options of `cargo xtask qemu` that make this machine.
    #[must_use]
    pub fn as_options(&self) -> String {
        let mut words = vec![format!("--memory {}", self.memory)];
        words.extend((!self.words.is_empty()).then(|| format!("--append \"{}\"", self.words)));
        words.extend((!self.swap).then(|| "--no-swap".to_owned()));
        words.join(" ")
    }

    /// Boots the machine and waits for its end.
    ///
    /// # Errors
    /// The emulator cannot be run.
    pub fn boot(&self, workspace: &Workspace, arguments: &str, patience: Duration) -> Result<Ran> {
        let (end, output) = self.output(workspace, arguments, patience)?;
        Ok(judge(end, &output))
    }

    /// The steps that a single batch makes, in their order, as the fuzzer prints them.
    ///
    /// # Errors
    /// The emulator cannot be run.
    pub fn steps(
        &self,
        workspace: &Workspace,
        arguments: &str,
        patience: Duration,
    ) -> Result<Vec<(Step, String)>> {
        let (_, output) = self.output(workspace, &format!("{arguments} --print"), patience)?;
        Ok(steps_in(&output))
    }

    fn output(
        &self,
        workspace: &Workspace,
        arguments: &str,
        patience: Duration,
    ) -> Result<(End, String)> {
        let directory = tempfile::tempdir().context("cannot create a temporary directory")?;
        let log = directory.path().join("serial");
        let disk = if self.swap {
            Some(Disk::Image(disk::sparse(directory.path(), "swap.img")?))
        } else {
            None
        };
        let words = [self.words.as_str(), if self.swap { "disk swap" } else { "" }];
        let words = words.into_iter().filter(|words| !words.is_empty());
        let machine = Machine {
            memory: self.memory,
            command_line: kernel_command_line(words, Some(&self.command(arguments))),
            icount: true,
            serial: Serial::File(log.clone()),
            disk,
            ..Machine::new(Image::Kernel {
                kernel: workspace.kernel(),
                archive: Some(workspace.archive()),
            })
        };
        let mut qemu = machine.command();
        qemu.stdin(Stdio::null());
        let emulator = leash::spawn(&mut qemu).with_context(|| command::cannot_start(&qemu))?;
        let status = emulator.wait_timeout(patience).context("cannot wait for the emulator")?;
        let end = if let Some(status) = status {
            status.into()
        } else {
            emulator.kill().context("cannot kill the emulator")?;
            emulator.wait().context("cannot wait for the emulator")?;
            End::TimedOut
        };
        let output = fs::read(&log).context("cannot read what the machine has printed")?;
        Ok((end, String::from_utf8_lossy(&output).into_owned()))
    }
}

/// What a boot that printed this and ended so has found.
fn judge(end: End, output: &str) -> Ran {
    let lines = || output.lines().filter(|line| !line.trim().is_empty());
    let verdict = Verdict::of(end, lines().next_back().unwrap_or_default());
    let batch =
        lines().filter_map(|line| line.strip_prefix(BATCH)?.trim().parse().ok()).next_back();
    let found = |finding, line: &str| Ran::Found { finding, batch, line: line.trim().to_owned() };
    if let Some(line) = lines().find(|line| line.contains(PANIC)) {
        let message = line.split(PANIC).nth(1).unwrap_or_default();
        let message = message.chars().filter(|c| !c.is_ascii_digit()).collect();
        return found(Finding::KernelPanic(message), line);
    }
    // A member that jumps into the middle of the program may print anything; the supervisor's line
    // comes with its status.
    if verdict == Verdict::Exited(1)
        && let Some(line) = lines().rfind(|line| line.starts_with(FINDING))
    {
        let which = line.split(": ").nth(2).unwrap_or_default();
        return found(Finding::Counts(which.to_owned()), line);
    }
    let last = lines().rfind(|line| line.contains(NO_FINDING));
    match (verdict, last) {
        (Verdict::Exited(0), Some(line)) => Ran::Clean(line.to_owned()),
        (Verdict::TimedOut, _) => found(Finding::Hang, &verdict.to_string()),
        _ => found(Finding::End(verdict), &verdict.to_string()),
    }
}

/// Lines `/* BATCH:MEMBER:STEP */ …`, each step once.
fn steps_in(output: &str) -> Vec<(Step, String)> {
    let mut steps: Vec<(Step, String)> = Vec::new();
    for line in output.lines() {
        if let Some(step) = Step::of_line(line)
            && steps.iter().all(|(other, _)| *other != step)
        {
            steps.push((step, line.trim().to_owned()));
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(end: End, output: &str) -> Option<(Finding, Option<u32>)> {
        match judge(end, output) {
            Ran::Clean(_) => None,
            Ran::Found { finding, batch, .. } => Some((finding, batch)),
        }
    }

    #[test]
    fn an_end_is_clean_only_if_the_supervisor_says_so_and_the_machine_ends_in_order() {
        let clean = End::Status(33);
        let good = "batch 0\nfuzz: seed 1, 9 steps in 1 batches: no finding (3)\nexit status 0\n";
        assert_eq!(kind(clean, good), None);
        let table = [
            (clean, "batch 4\nexit status 0\n", Finding::End(Verdict::Exited(0)), Some(4)),
            (clean, "exit status 127\n", Finding::End(Verdict::Exited(127)), None),
            (clean, "FINDING: forged\nexit status 0\n", Finding::End(Verdict::Exited(0)), None),
            (End::TimedOut, "batch 0\nbatch 1\n", Finding::Hang, Some(1)),
            (End::Status(0), "batch 7\n", Finding::End(Verdict::Died(0)), Some(7)),
            (
                clean,
                "batch 9\nFINDING: seed 1 batch 9: frames: 1 free\nexit status 1\n",
                Finding::Counts("frames".to_owned()),
                Some(9),
            ),
            (
                End::Status(35),
                "batch 2\r\nkernel panic: frame 17 is free\r\n",
                Finding::KernelPanic("frame  is free".to_owned()),
                Some(2),
            ),
        ];
        for (end, output, finding, batch) in table {
            assert_eq!(kind(end, output), Some((finding, batch)), "{output}");
        }
    }

    #[test]
    fn a_step_that_is_printed_twice_is_one_step() {
        let output = "batch 3\n/* 3:1:0 */ a;\nx /* 3:1:1 */\n/* 3:2:5 */ b;\n/* 3:1:0 */ a;\n";
        let steps = steps_in(output);
        assert_eq!(
            steps.iter().map(|(step, _)| step.number()).collect::<Vec<_>>(),
            [65536, 131_077]
        );
    }

    #[test]
    fn the_fuzzer_is_told_what_was_asked() {
        let mut asked = Asked {
            seed: 7,
            calls: 9,
            memory: 16,
            words: String::new(),
            swap: false,
            leave: None,
            plant: None,
            servers: false,
        };
        assert_eq!(asked.command(""), "fuzz 7 9");
        assert_eq!(asked.as_options(), "--memory 16 --no-swap");
        asked = Asked { leave: Some(3), plant: Some(4), servers: true, swap: true, ..asked };
        asked.words = "trust".to_owned();
        assert_eq!(asked.command("--batch 1"), "fuzz servers 7 9 --leave 3 --plant 4 --batch 1");
        assert_eq!(asked.as_options(), "--memory 16 --append \"trust\"");
    }
}
