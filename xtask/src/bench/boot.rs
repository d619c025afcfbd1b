//! One boot under `-icount`, and everything that it printed.

use std::io::Read;
use std::process::{ChildStdout, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::disk::Disk;
use crate::machine::{Image, Machine, kernel_command_line};
use crate::verdict::{End, Verdict};
use crate::workspace::Workspace;
use crate::{command, leash};

/// Only a boot that hangs takes this long.
const PATIENCE: Duration = Duration::from_secs(300);

/// Boots a machine of `memory` MiB that runs a program, and returns what it printed. `more` are
/// further arguments for QEMU.
///
/// # Errors
/// The emulator cannot be run, or the program did not end with 0.
pub fn run(workspace: &Workspace, memory: u32, program: &str, more: Vec<String>) -> Result<String> {
    let command_line = kernel_command_line([], Some(program));
    boot(&Machine { memory, command_line, more, ..machine(workspace) })
        .with_context(|| format!("`{program}` at {memory} MiB"))
}

/// As [`run`], with a disk for pages.
///
/// # Errors
/// As [`run`].
pub fn run_with_swap(
    workspace: &Workspace,
    memory: u32,
    program: &str,
    disk: Disk,
) -> Result<String> {
    let command_line = kernel_command_line(["disk", "swap"], Some(program));
    boot(&Machine { memory, command_line, disk: Some(disk), ..machine(workspace) })
        .with_context(|| format!("`{program}` at {memory} MiB with a disk"))
}

fn machine(workspace: &Workspace) -> Machine {
    let image = Image::Kernel { kernel: workspace.kernel(), archive: Some(workspace.archive()) };
    Machine { icount: true, ..Machine::new(image) }
}

fn boot(machine: &Machine) -> Result<String> {
    let mut command = machine.command();
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let guest = leash::spawn(&mut command).with_context(|| command::cannot_start(&command))?;
    let stdout = guest.take_stdout().expect("standard output is a pipe");
    let reader = thread::spawn(move || everything(stdout));
    let end = match guest.wait_deadline(Instant::now() + PATIENCE)? {
        Some(status) => status.into(),
        None => {
            guest.kill()?;
            guest.wait()?;
            End::TimedOut
        }
    };
    let text = reader.join().expect("the reader does not panic");
    let last_line = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("");
    match Verdict::of(end, last_line) {
        Verdict::Exited(0) => Ok(text),
        verdict => bail!("{verdict}\n{text}"),
    }
}

fn everything(mut stdout: ChildStdout) -> String {
    let mut bytes = Vec::new();
    // What came before an error is all there is; the guest's end says whether that was enough.
    drop(stdout.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}
