//! `cargo xtask gdb`: QEMU halted before its first instruction, and gdb with every symbol.
//!
//! All programs are linked at the same address, so gdb gets the symbols of one program at a time.
//! The terminal belongs to gdb; the serial line goes to a file.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use shared_child::SharedChild;

use crate::command;
use crate::leash;
use crate::machine::{Image, Machine, Serial};
use crate::workspace::Workspace;

/// gdb's own commands: `vitrine ps`, `walk`, `map`, `frame`, `trace`.
const COMMANDS: &str = include_str!("gdb/vitrine.py");

/// The environment word that tells gdb's commands where xtask is.
pub const XTASK: &str = "VITRINE_XTASK";

/// Debugs a boot; `program` names the one whose symbols gdb reads beside the kernel's.
///
/// # Errors
/// The program does not exist, or QEMU or gdb cannot be started.
pub fn gdb(workspace: &Workspace, memory: u32, command_line: String, program: &str) -> Result<()> {
    let symbols = workspace.programs().join(program);
    if !symbols.is_file() {
        bail!("there is no program `{program}` in {}", workspace.programs().display());
    }
    // A socket's name is at most 107 bytes long: the tree's own path may be longer.
    let directory = tempfile::tempdir().context("cannot create a temporary directory")?;
    let socket = directory.path().join("gdb");
    let (log, _held) = free_log(&workspace.output())?;

    let machine = Machine {
        memory,
        command_line,
        serial: Serial::File(log.clone()),
        ..Machine::new(Image::Kernel {
            kernel: workspace.kernel(),
            archive: Some(workspace.archive()),
        })
    };
    let mut qemu = halted(&machine, &socket);
    // Ctrl-C in gdb stops the guest; it must not end QEMU, nor us.
    std::os::unix::process::CommandExt::process_group(&mut qemu, 0);
    let emulator = leash::spawn(&mut qemu).with_context(|| command::cannot_start(&qemu))?;
    ctrlc::set_handler(|| {}).context("cannot catch signals")?;

    let commands = directory.path().join("vitrine.py");
    fs::write(&commands, COMMANDS).context("cannot write gdb's commands")?;
    println!("vitrine: the serial line goes to {}", log.display());
    println!("vitrine: `help vitrine` lists gdb's commands for page tables and processes");
    await_socket(&socket, &emulator);
    let mut gdb = debugger();
    gdb.args(arguments(&workspace.kernel(), &symbols, &commands, &socket));
    let result = leash::spawn(&mut gdb).and_then(|gdb| gdb.wait());
    // It has ended already if a command of gdb has killed it.
    drop(emulator.kill());
    emulator.wait().context("cannot wait for the emulator")?;
    result.with_context(|| command::cannot_start(&gdb)).map(drop)
}

/// Boots a machine halted, has gdb run `commands` on it, and returns what gdb printed; then the
/// machine is killed.
///
/// # Errors
/// QEMU or gdb cannot be started, or gdb does not end within `limit`.
pub fn batch(
    mut machine: Machine,
    kernel: &Path,
    commands: &[&str],
    limit: Duration,
) -> Result<String> {
    let directory = tempfile::tempdir().context("cannot create a temporary directory")?;
    let socket = directory.path().join("gdb");
    let python = directory.path().join("vitrine.py");
    fs::write(&python, COMMANDS).context("cannot write gdb's commands")?;
    machine.serial = Serial::File(directory.path().join("serial.log"));
    let mut qemu = halted(&machine, &socket);
    let emulator = leash::spawn(&mut qemu).with_context(|| command::cannot_start(&qemu))?;
    await_socket(&socket, &emulator);

    let output = directory.path().join("output");
    let file = File::create(&output).context("cannot write gdb's output")?;
    let mut gdb = debugger();
    gdb.args(batch_arguments(kernel, commands, &python, &socket));
    gdb.stdin(Stdio::null()).stderr(file.try_clone()?).stdout(file);
    let debugger = leash::spawn(&mut gdb).with_context(|| command::cannot_start(&gdb));
    let ended = debugger.and_then(|debugger| {
        let ended = debugger.wait_timeout(limit).context("cannot wait for gdb")?;
        if ended.is_none() {
            drop(debugger.kill());
        }
        Ok(ended)
    });
    // It has ended already if a command of gdb has killed it.
    drop(emulator.kill());
    emulator.wait().context("cannot wait for the emulator")?;
    let text = fs::read_to_string(&output).context("cannot read gdb's output")?;
    if ended?.is_none() {
        bail!("gdb did not end within {} s; it printed:\n{text}", limit.as_secs());
    }
    Ok(text)
}

/// gdb, which is told where xtask is: that draws for `vitrine map`.
fn debugger() -> Command {
    let mut gdb = Command::new("gdb");
    let this = command::this_program().ok();
    if let Some(xtask) = this.filter(|file| file.file_name().is_some_and(|name| name == "xtask")) {
        gdb.env(XTASK, xtask);
    }
    gdb
}

/// QEMU, halted before the machine's first instruction until a debugger comes to `socket`.
fn halted(machine: &Machine, socket: &Path) -> Command {
    let mut qemu = machine.command();
    let chardev = format!("socket,id=gdb,path={},server=on,wait=off", socket.display());
    qemu.arg("-chardev").arg(chardev).args(["-gdb", "chardev:gdb", "-S"]);
    qemu.stdin(Stdio::null());
    qemu
}

/// gdb's arguments for commands that nobody types.
fn batch_arguments(kernel: &Path, commands: &[&str], python: &Path, socket: &Path) -> Vec<String> {
    let first = [
        "set pagination off".to_owned(),
        format!("source {}", python.display()),
        format!("target remote {}", socket.display()),
    ];
    let commands = commands.iter().map(|command| (*command).to_owned());
    let commands = first.into_iter().chain(commands);
    let start = ["-nx", "-q", "-batch"].map(str::to_owned).into_iter();
    let start = start.chain([kernel.display().to_string()]);
    start.chain(commands.flat_map(|command| ["-ex".to_owned(), command])).collect()
}

/// The first of `serial.log`, `serial-2.log`, … that no other debugger's machine writes to. The
/// lock on the file shows that it is taken, for as long as it is open.
fn free_log(directory: &Path) -> Result<(PathBuf, File)> {
    for number in 1_u32.. {
        let name = if number == 1 { "serial.log".into() } else { format!("serial-{number}.log") };
        let log = directory.join(name);
        let file = File::options().create(true).append(true).open(&log);
        let file = file.with_context(|| format!("cannot write {}", log.display()))?;
        match file.try_lock() {
            Ok(()) => return Ok((log, file)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", log.display()));
            }
        }
    }
    bail!("every name for a log of the serial line is taken")
}

/// gdb tries a socket only once, and QEMU makes it a moment after its start.
fn await_socket(socket: &Path, emulator: &SharedChild) {
    let running = || matches!(emulator.try_wait(), Ok(None));
    while !socket.exists() && running() {
        thread::sleep(Duration::from_millis(5));
    }
}

fn arguments(kernel: &Path, program: &Path, python: &Path, socket: &Path) -> Vec<String> {
    let commands = [
        "set confirm off".to_owned(),
        format!("add-symbol-file \"{}\"", program.display()),
        format!("source {}", python.display()),
        format!("target remote {}", socket.display()),
        "set confirm on".to_owned(),
    ];
    let commands = commands.into_iter().flat_map(|command| ["-ex".to_owned(), command]);
    let start = ["-q".to_owned(), kernel.display().to_string()];
    start.into_iter().chain(commands).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_debuggers_have_two_logs() {
        let directory = tempfile::tempdir().unwrap();
        let (first, held) = free_log(directory.path()).unwrap();
        let (second, _) = free_log(directory.path()).unwrap();
        assert_eq!(first, directory.path().join("serial.log"));
        assert_eq!(second, directory.path().join("serial-2.log"));
        drop(held);
        assert_eq!(free_log(directory.path()).unwrap().0, first);
        assert!(free_log(Path::new("/nowhere")).is_err());
    }

    #[test]
    fn gdb_reads_both_symbol_files_before_it_connects() {
        let words =
            arguments(Path::new("/k"), Path::new("/a b/walk"), Path::new("/p.py"), Path::new("/s"))
                .join(" ");
        assert_eq!(
            words,
            "-q /k -ex set confirm off -ex add-symbol-file \"/a b/walk\" \
             -ex source /p.py -ex target remote /s -ex set confirm on"
        );
    }
}
