//! `cargo xtask qemu` as a user has it: several runs of one tree, input that ends, options that
//! cannot be used.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use shared_child::SharedChild;
use xtask::command::host_cargo;
use xtask::leash;
use xtask::workspace::Workspace;

use crate::{Claim, claim};

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    vec![
        claim("runs::two_machines_of_one_tree_swap_at_the_same_time", two_machines),
        claim("runs::a_disk_that_another_machine_has_is_one_line_and_status_1", disk_in_use),
        claim("runs::the_machine_ends_with_the_input_of_its_shell", input_ends),
        claim("runs::input_before_the_end_is_not_lost", input_before_the_end),
        claim("runs::what_cannot_be_asked_for_is_one_line_and_status_1", refused),
        claim("runs::a_machine_that_cannot_start_is_not_called_a_kernel_that_died", not_started),
    ]
}

/// Only a run that hangs takes this long.
const PATIENCE: Duration = Duration::from_secs(300);
const PROMPT: &str = "vitrine> ";
/// In a machine of 32 MiB, half of this lies on the swap disk.
const MORE_THAN_MEMORY: &str = "hog 48M";

/// A run of `cargo xtask qemu` in the background.
struct Run {
    process: SharedChild,
    input: ChildStdin,
    output: ChildStdout,
    printed: String,
}

/// A run that is over.
struct Ended {
    status: Option<i32>,
    printed: String,
    errors: String,
}

impl Run {
    fn start(arguments: &[&str]) -> Result<Self, Failed> {
        let mut command = host_cargo(&Workspace::locate());
        command.args(["run", "--quiet", "--package", "xtask", "--", "qemu", "--timeout", "240"]);
        command.args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let process = leash::spawn(&mut command)?;
        let input = process.take_stdin().ok_or("no standard input")?;
        let output = process.take_stdout().ok_or("no standard output")?;
        Ok(Self { process, input, output, printed: String::new() })
    }

    fn types(&mut self, text: &str) -> Claim {
        self.input.write_all(text.as_bytes())?;
        Ok(())
    }

    /// Reads until the machine has printed this.
    fn reads(&mut self, text: &str) -> Claim {
        let mut buffer = [0; 4096];
        while !self.printed.contains(text) {
            let length = self.output.read(&mut buffer)?;
            self.printed.push_str(&String::from_utf8_lossy(&buffer[..length]));
            if length == 0 {
                return Err(format!("no `{text}` in:\n{}", self.printed).into());
            }
        }
        Ok(())
    }

    /// Ends its input, and waits.
    fn ends(mut self) -> Result<Ended, Failed> {
        drop(self.input);
        self.output.read_to_string(&mut self.printed)?;
        let mut errors = String::new();
        if let Some(mut stream) = self.process.take_stderr() {
            stream.read_to_string(&mut errors)?;
        }
        let Some(status) = self.process.wait_timeout(PATIENCE)? else {
            self.process.kill()?;
            return Err(format!("it did not end; it printed:\n{}", self.printed).into());
        };
        Ok(Ended { status: status.code(), printed: self.printed, errors })
    }
}

impl Ended {
    fn with(&self, status: i32, text: &str) -> Result<&Self, Failed> {
        let Self { status: is, printed, errors } = self;
        if *is == Some(status) && (printed.contains(text) || errors.contains(text)) {
            return Ok(self);
        }
        let wanted = format!("wanted `{text}` and status {status}, not {is:?}");
        Err(format!("{wanted}; printed:\n{printed}\nerrors:\n{errors}").into())
    }

    /// The machine was never started, and one line says why.
    fn refused(&self, why: &str) -> Claim {
        self.with(1, why)?;
        // cargo may have had to wait for another cargo, and says so.
        let errors = self.errors.lines().filter(|line| !line.contains("waiting for file lock"));
        if errors.count() == 1 && self.printed.is_empty() {
            return Ok(());
        }
        Err(format!("not one line:\n{}\nprinted:\n{}", self.errors, self.printed).into())
    }
}

fn ended(arguments: &[&str]) -> Result<Ended, Failed> {
    Run::start(arguments)?.ends()
}

fn two_machines() -> Claim {
    let mut first = Run::start(&["--memory", "32"])?;
    first.reads(PROMPT)?;
    first.types(&format!("{MORE_THAN_MEMORY}\n"))?;
    // Some of its pages are on its disk when the second machine starts to put pages on a disk.
    first.reads("filled 12288 pages")?;
    ended(&["--memory", "32", "--run", MORE_THAN_MEMORY])?.with(0, ": 0 wrong")?;
    first.reads(": 0 wrong")?;
    first.types("exit 3\n")?;
    first.ends()?.with(3, "exit status 3")?;
    Ok(())
}

fn disk_in_use() -> Claim {
    let disk = tempfile::NamedTempFile::new()?;
    disk.as_file().set_len(1 << 20)?;
    let name = disk.path().to_str().ok_or("a path that is no text")?;
    let mut first = Run::start(&["--disk", name])?;
    first.reads(PROMPT)?;
    for option in ["--disk", "--ide-disk"] {
        ended(&[option, name])?.refused("another machine is using it; end that one, or name")?;
    }
    first.ends()?.with(0, "exit status 0")?;
    ended(&["--disk", name])?.with(0, "exit status 0")?;
    Ok(())
}

fn input_ends() -> Claim {
    ended(&[])?.with(0, "exit status 0")?;
    ended(&["--run", "sh"])?.with(0, "exit status 0")?;
    Ok(())
}

/// The last line has no end, and its command's status is the machine's.
fn input_before_the_end() -> Claim {
    let mut run = Run::start(&[])?;
    run.types("ps\nnonesuch")?;
    let ended = run.ends()?;
    ended.with(127, "STATUS")?.with(127, "no such program: nonesuch")?;
    Ok(())
}

fn refused() -> Claim {
    let table: [(&[&str], &str); 6] = [
        (&["--run", ""], "--run: no program is named"),
        (&["--run", "walk \"0x10"], "--run: there is no closing \""),
        (&["--memory", "15"], "--memory 15: "),
        (&["--memory", "3584"], "--memory 3584: "),
        (&["--append", "nonsense=1"], "unknown word `nonsense=1`"),
        (&["--append", "elf=bin/hello", "--run", "hello"], "only init runs a program"),
    ];
    for (arguments, why) in table {
        ended(arguments)?.refused(why)?;
    }
    Ok(())
}

/// Two drives of one file is what our own check cannot see when the names differ.
fn not_started() -> Claim {
    let directory = tempfile::tempdir()?;
    let (one, two) = (directory.path().join("one.img"), directory.path().join("two.img"));
    std::fs::write(&one, [0; 512])?;
    std::fs::hard_link(&one, &two)?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let ended = ended(&["--disk", &text(&one), "--ide-disk", &text(&two)])?;
    ended.with(125, "the emulator did not start the machine")?;
    Ok(())
}
