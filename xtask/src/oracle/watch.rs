//! A machine that is watched from outside: its RAM is a file, and its monitor stops it.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{ChildStdin, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use shared_child::SharedChild;
use tempfile::TempDir;

use super::memory::Memory;
use super::monitor::Monitor;
use super::world::Registers;
use crate::machine::{Machine, Serial};
use crate::{command, leash};

/// How often a machine that stands in its kernel is let go for a moment before that counts as a
/// miss.
const TRIES: u32 = 200;

/// A running machine. Dropping it ends the emulator.
pub struct Watched {
    emulator: SharedChild,
    monitor: Monitor,
    memory: Memory,
    keyboard: Option<ChildStdin>,
    output: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
    directory: TempDir,
}

impl Watched {
    /// Boots a machine. What comes over its serial line is kept, unless it goes to a file.
    ///
    /// # Errors
    /// The emulator cannot be started or does not answer.
    pub fn boot(machine: Machine) -> Result<Self> {
        let directory = tempfile::tempdir().context("cannot create a temporary directory")?;
        let (ram, socket) = (directory.path().join("ram"), directory.path().join("monitor"));
        let machine = Machine {
            ram: Some(ram.clone()),
            monitor: Some(socket.clone()),
            serial: match machine.serial {
                file @ Serial::File(_) => file,
                Serial::Terminal | Serial::Streams | Serial::Absent => Serial::Streams,
            },
            ..machine
        };
        let mut qemu = machine.command();
        qemu.stdin(Stdio::piped()).stdout(Stdio::piped());
        let emulator = leash::spawn(&mut qemu).with_context(|| command::cannot_start(&qemu))?;
        let keyboard = emulator.take_stdin();
        let output = Arc::new(Mutex::new(Vec::new()));
        let reader = emulator.take_stdout().map(|mut stdout| {
            let output = output.clone();
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = stdout.read(&mut buffer) {
                    if let Ok(mut output) = output.lock() {
                        output.extend_from_slice(&buffer[..length]);
                    }
                }
            })
        });
        let monitor = Monitor::connect(&socket)?;
        let memory = Memory::open(&ram)?;
        Ok(Self { emulator, monitor, memory, keyboard, output, reader, directory })
    }

    /// Stops the machine where nothing of the kernel's is half done, and returns its registers.
    /// `None`: it has ended, or stood in the kernel at every try.
    ///
    /// # Errors
    /// The monitor says what cannot be read.
    pub fn stop(&mut self) -> Result<Option<Registers>> {
        for _ in 0..TRIES {
            if self.has_ended() || self.monitor.stop().is_err() {
                return Ok(None);
            }
            let Ok(text) = self.monitor.human("info registers") else { return Ok(None) };
            let registers = Registers::parse(&text)?;
            if registers.is_quiet() {
                self.memory.forget();
                return Ok(Some(registers));
            }
            if self.monitor.go_on().is_err() {
                return Ok(None);
            }
            thread::sleep(Duration::from_micros(200));
        }
        Ok(None)
    }

    /// Lets a stopped machine go on.
    pub fn go_on(&mut self) {
        // If the emulator has ended, the next stop reports it.
        let _ = self.monitor.go_on();
    }

    /// The monitor of the stopped machine.
    pub fn monitor(&mut self) -> &mut Monitor {
        &mut self.monitor
    }

    /// The stopped machine's RAM.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The stopped machine's RAM, to plant something in it.
    pub fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// The file that is the machine's RAM.
    #[must_use]
    pub fn ram(&self) -> std::path::PathBuf {
        self.directory.path().join("ram")
    }

    /// Types on the machine's serial line.
    ///
    /// # Errors
    /// The emulator has ended.
    pub fn type_keys(&mut self, keys: &[u8]) -> Result<()> {
        let keyboard = self.keyboard.as_mut().context("the machine has no keyboard")?;
        keyboard.write_all(keys).and_then(|()| keyboard.flush()).context("the machine has ended")
    }

    /// The emulator has ended, and [`Watched::output`] is whole.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let has_read_all = self.reader.as_ref().is_none_or(JoinHandle::is_finished);
        has_read_all && !matches!(self.emulator.try_wait(), Ok(None))
    }

    /// What came over the serial line so far.
    #[must_use]
    pub fn output(&self) -> String {
        let output = self.output.lock().map(|output| output.clone()).unwrap_or_default();
        String::from_utf8_lossy(&output).into_owned()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.emulator.kill();
        let _ = self.emulator.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Copies RAM without its zeros: a sparse file.
///
/// # Errors
/// A file cannot be read or written.
pub fn copy_sparsely(from: &Path, to: &Path) -> Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    let copy = || -> std::io::Result<()> {
        let mut source = std::fs::File::open(from)?;
        let mut target = std::fs::File::create(to)?;
        let length = source.metadata()?.len();
        let mut buffer = vec![0; 1 << 16];
        let mut at = 0;
        loop {
            let read = source.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            if buffer[..read].iter().any(|byte| *byte != 0) {
                target.seek(SeekFrom::Start(at))?;
                target.write_all(&buffer[..read])?;
            }
            at += read as u64;
        }
        target.set_len(length)
    };
    copy().with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}
