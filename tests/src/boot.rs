//! One boot of the machine: how it is described, and how it is watched until it ends.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use tempfile::TempDir;
use xtask::command;
use xtask::elf::{Program, Staged};
use xtask::emulators::{EmulatorKind, Guest};
use xtask::machine::{Image, Machine, Serial, kernel_command_line};
use xtask::verdict::Verdict;
use xtask::workspace::Workspace;

use crate::emulator;
use crate::outcome::Outcome;
use crate::pattern::without_escapes;

/// Only a boot that hangs ever takes this long, even on a busy machine with one processor. Bochs
/// interprets, so it is ten times as slow as the others.
const PATIENCE: Duration = Duration::from_secs(60);
const PATIENCE_WITH_BOCHS: Duration = Duration::from_secs(240);

/// A machine to boot, and what to type on its console.
pub struct Boot {
    machine: Machine,
    run: Option<String>,
    append: Option<String>,
    jos: bool,
    programs: Vec<String>,
    timeout: Duration,
    script: VecDeque<Answer>,
    /// Where the socket of QEMU's monitor lies, if the script needs it.
    monitor: Option<TempDir>,
}

/// What to type once the guest has printed something.
struct Answer {
    prompt: String,
    keys: Vec<u8>,
    to: Reader,
}

/// Who gets what is typed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Guest,
    Monitor,
}

impl Default for Boot {
    fn default() -> Self {
        Self::new()
    }
}

impl Boot {
    /// The built image on a machine of the default size, with a shell.
    ///
    /// Time passes by instructions run, so that every boot of a test is the same.
    #[must_use]
    pub fn new() -> Self {
        let workspace = Workspace::locate();
        let image =
            Image::Kernel { kernel: workspace.kernel(), archive: Some(workspace.archive()) };
        Self {
            machine: Machine { icount: true, ..Machine::new(image) },
            run: None,
            append: None,
            jos: false,
            programs: Vec::new(),
            timeout: match emulator() {
                EmulatorKind::Bochs => PATIENCE_WITH_BOCHS,
                EmulatorKind::Qemu | EmulatorKind::V86 => PATIENCE,
            },
            script: VecDeque::new(),
            monitor: None,
        }
    }

    /// Memory in MiB.
    #[must_use]
    pub fn memory(mut self, mib: u32) -> Self {
        self.machine.memory = mib;
        self
    }

    /// Boots with another CPU than QEMU's default.
    #[must_use]
    pub fn cpu(mut self, cpu: &str) -> Self {
        self.machine.cpu = Some(cpu.to_owned());
        self
    }

    /// Boots another board than QEMU's default; its properties follow the name.
    #[must_use]
    pub fn board(mut self, board: &str) -> Self {
        self.machine.board = Some(board.to_owned());
        self
    }

    /// Leaves out the serial port.
    #[must_use]
    pub fn no_serial_port(mut self) -> Self {
        self.machine.serial = Serial::Absent;
        self
    }

    /// Runs a program with arguments instead of the shell.
    #[must_use]
    pub fn run(mut self, program: &str) -> Self {
        self.run = Some(program.to_owned());
        self
    }

    /// Puts this on the kernel's command line.
    #[must_use]
    pub fn append(mut self, text: &str) -> Self {
        self.append = Some(text.to_owned());
        self
    }

    /// Starts this program instead of init, after those named before: what `--elf` takes, where a
    /// plain name means one of our own programs.
    #[must_use]
    pub fn elf(mut self, text: &str) -> Self {
        let programs = Workspace::locate().programs();
        let path = if text.contains('/') {
            text.to_owned()
        } else {
            format!("{}/{text}", programs.display())
        };
        self.programs.push(path);
        self
    }

    /// Tells of processes as JOS does.
    #[must_use]
    pub fn jos(mut self) -> Self {
        self.jos = true;
        self
    }

    /// Attaches a raw image as the second IDE drive.
    #[must_use]
    pub fn ide_disk(mut self, file: PathBuf) -> Self {
        self.machine.ide_disk = Some(file);
        self
    }

    /// Attaches a raw image as a virtio drive.
    #[must_use]
    pub fn disk(mut self, file: PathBuf) -> Self {
        self.machine.disk = Some(file.into());
        self
    }

    /// Has requests to that drive fail as this configuration of QEMU's `blkdebug` says.
    #[must_use]
    pub fn disk_errors(mut self, file: PathBuf) -> Self {
        self.machine.disk_errors = Some(file);
        self
    }

    /// Attaches another device, as QEMU's `-device` takes it.
    #[must_use]
    pub fn device(mut self, device: &str) -> Self {
        self.machine.more.extend(["-device".to_owned(), device.to_owned()]);
        self
    }

    /// Chooses whether time passes by instructions run, which is the default.
    #[must_use]
    pub fn icount(mut self, icount: bool) -> Self {
        self.machine.icount = icount;
        self
    }

    /// Gives up after this long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Boots with another archive, or with none.
    #[must_use]
    pub fn archive(mut self, archive: Option<PathBuf>) -> Self {
        let kernel = Workspace::locate().kernel();
        self.machine.image = Image::Kernel { kernel, archive };
        self
    }

    /// Boots from a CD, which brings its own command line.
    #[must_use]
    pub fn disc(mut self, disc: PathBuf) -> Self {
        self.machine.image = Image::Disc(disc);
        self
    }

    /// Types `keys` when `prompt` has appeared after everything that was answered before.
    #[must_use]
    pub fn answer(mut self, prompt: &str, keys: impl AsRef<[u8]>) -> Self {
        let keys = keys.as_ref().to_vec();
        self.script.push_back(Answer { prompt: prompt.to_owned(), keys, to: Reader::Guest });
        self
    }

    /// As [`Boot::answer`], but gives QEMU's monitor a command.
    #[must_use]
    pub fn monitor(mut self, prompt: &str, command: &str) -> Self {
        let keys = format!("{command}\n").into_bytes();
        self.script.push_back(Answer { prompt: prompt.to_owned(), keys, to: Reader::Monitor });
        self
    }

    /// More arguments for QEMU, for an odd machine.
    #[must_use]
    pub fn more(mut self, arguments: &[&str]) -> Self {
        self.machine.more.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Boots, types, and waits until the machine powers off or time is up.
    ///
    /// # Errors
    /// The emulator could not be run. A boot that fails is an [`Outcome`].
    pub fn boot(mut self) -> Result<Outcome, Failed> {
        let first = self.stage()?;
        let words = first.iter().map(|first| first.words.as_str());
        let words = words.chain(self.jos.then_some("jos")).chain(self.append.as_deref());
        self.machine.command_line = kernel_command_line(words, self.run.as_deref());
        if let Some(first) = &first {
            let kernel = Workspace::locate().kernel();
            let archive = Some(first.archive().to_owned());
            self.machine.image = Image::Kernel { kernel, archive };
        }
        if self.script.iter().any(|answer| answer.to == Reader::Monitor) {
            let directory = tempfile::tempdir()?;
            let socket = socket_in(&directory).display().to_string().replace(',', ",,");
            let socket = format!("unix:{socket},server=on,wait=off");
            self.machine.more.extend(["-monitor".to_owned(), socket]);
            self.monitor = Some(directory);
        }
        let kind = emulator();
        let workspace = Workspace::locate();
        let deadline = Instant::now() + self.timeout;
        let Guest { process, from_guest, to_guest } =
            Guest::start(kind, &workspace, &self.machine).map_err(|error| format!("{error:#}"))?;

        let monitor = self.monitor.as_ref().map(socket_in);
        let mut console = Console::of(from_guest, to_guest, self.script, monitor);
        console.watch(deadline);
        let end = process.finish(deadline)?;
        let text = String::from_utf8_lossy(&console.output).into_owned();
        let lines: Vec<_> = text.lines().map(without_escapes).collect();
        let last_line = lines.iter().rfind(|line| !line.is_empty());
        Ok(Outcome {
            command: match kind {
                EmulatorKind::Qemu => command::line(&self.machine.command()),
                kind => format!("{}: {}", kind.name(), self.machine.command_line),
            },
            verdict: Verdict::of(end, last_line.map_or("", String::as_str)),
            lines,
            unanswered: console.script.pop_front().map(|answer| answer.prompt),
        })
    }
}

impl Boot {
    /// Packs the programs that come instead of init, if any.
    fn stage(&self) -> Result<Option<Staged>, Failed> {
        if self.programs.is_empty() {
            return Ok(None);
        }
        let programs: Result<Vec<_>, _> =
            self.programs.iter().map(|text| Program::parse(text)).collect();
        Ok(Some(Staged::pack(&Workspace::locate(), &programs?)?))
    }
}

/// Where QEMU's monitor listens.
fn socket_in(directory: &TempDir) -> PathBuf {
    directory.path().join("monitor")
}

/// Both directions of the serial line.
struct Console {
    from_guest: Receiver<Vec<u8>>,
    to_guest: Box<dyn Write + Send>,
    output: Vec<u8>,
    /// Output before this belongs to prompts that were answered.
    answered: usize,
    script: VecDeque<Answer>,
    monitor: Option<PathBuf>,
    /// Connected at the first command, and kept: QEMU drops what a closed connection has not read
    /// yet.
    to_monitor: Option<UnixStream>,
}

impl Console {
    fn of(
        from_guest: Box<dyn Read + Send>,
        to_guest: Box<dyn Write + Send>,
        script: VecDeque<Answer>,
        monitor: Option<PathBuf>,
    ) -> Self {
        let from_guest = pieces(from_guest);
        let output = Vec::new();
        Self { from_guest, to_guest, output, answered: 0, script, monitor, to_monitor: None }
    }

    /// Reads and answers until the guest is gone or its time is up.
    fn watch(&mut self, deadline: Instant) {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.from_guest.recv_timeout(left) {
                Ok(piece) => self.output.extend(piece),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
            while self.answer_next() {}
        }
    }

    fn answer_next(&mut self) -> bool {
        let Some(next) = self.script.front() else {
            return false;
        };
        let prompt = next.prompt.as_bytes();
        let Some(end) = end_of(prompt, &self.output[self.answered..]) else {
            return false;
        };
        self.answered += end;
        // A guest that has just ended no longer reads; its outcome says so.
        let _ = match next.to {
            Reader::Guest => {
                self.to_guest.write_all(&next.keys).and_then(|()| self.to_guest.flush())
            }
            Reader::Monitor => tell(&mut self.to_monitor, self.monitor.as_ref(), &next.keys),
        };
        self.script.pop_front();
        true
    }
}

/// Gives a command to QEMU's monitor, which has listened since before the guest ran.
fn tell(
    monitor: &mut Option<UnixStream>,
    socket: Option<&PathBuf>,
    keys: &[u8],
) -> std::io::Result<()> {
    if let (None, Some(socket)) = (&monitor, socket) {
        *monitor = Some(UnixStream::connect(socket)?);
    }
    match monitor {
        Some(monitor) => monitor.write_all(keys),
        None => Ok(()),
    }
}

/// Where the first occurrence of `needle` ends.
fn end_of(needle: &[u8], text: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    let start = text.windows(needle.len()).position(|window| window == needle)?;
    Some(start + needle.len())
}

/// The output in the pieces in which it comes, until it is closed.
fn pieces(mut from_guest: Box<dyn Read + Send>) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = from_guest.read(&mut buffer) {
            if send.send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    receive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_found_where_it_ends() {
        assert_eq!(end_of(b"> ", b"hello\n> x"), Some(8));
        assert_eq!(end_of(b"> ", b">"), None);
        assert_eq!(end_of(b"", b"anything"), Some(0));
    }
}
