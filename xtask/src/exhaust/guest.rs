//! The machine that runs the program `exhaust`, and the conversation with it.

use std::fmt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use abi::debug::{FAIL_FROM_THEN_ON, Table};
use anyhow::{Context, Result, bail, ensure};

use super::shortage::Shortage;
use crate::disk::Disk;
use crate::machine::{Image, Machine, kernel_command_line};
use crate::oracle::monitor::DiskUse;
use crate::oracle::rules::judge;
use crate::oracle::text::KernelText;
use crate::oracle::watch::Watched;
use crate::oracle::world::World;
use crate::workspace::Workspace;

/// Each line of the guest's for us begins so.
const MARK: &str = "exhaust: ";
/// Only a guest that hangs ever takes this long for one line.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the serial line.
const PAUSE: Duration = Duration::from_millis(1);

/// How a scenario's process has ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct End {
    /// An exception has ended it, or another process.
    pub killed: bool,
    /// Its exit status.
    pub status: u32,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.killed, self.status) {
            (false, 0) => f.write_str("done"),
            (false, 4) => f.write_str("OutOfFrames"),
            (false, 5) => f.write_str("OutOfProcesses"),
            (false, 34) => f.write_str("QuotaExceeded"),
            (false, 39) => f.write_str("Refused"),
            (false, 98) => f.write_str("not started"),
            (false, 99) => f.write_str("wrong contents"),
            (false, 142) => f.write_str("child ended by a page fault"),
            (true, 142) => f.write_str("ended by a page fault"),
            (false, status) => write!(f, "exit status {status}"),
            (true, status) => write!(f, "killed, status {status}"),
        }
    }
}

/// What must be the same after each round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Census {
    /// Free frames, those that the pager uses itself, and those of the program.
    frames: u32,
    /// Clients of the pager.
    clients: u32,
    /// Processes.
    processes: u32,
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frames, clients, processes } = self;
        write!(f, "{frames} frames, {clients} clients, {processes} processes")
    }
}

/// One round.
pub struct Round {
    /// How the scenario ended.
    pub end: End,
    /// The allocation that was to fail was made.
    pub reached: bool,
    /// What the scenario's programs, and the kernel about them, have printed.
    pub printed: String,
    /// What is there afterwards.
    pub census: Census,
}

/// A machine in which the program waits for the next line.
pub struct Guest {
    machine: Watched,
    text: KernelText,
    /// Bytes of the output that were read.
    read: usize,
    /// What the kernel says of its tables.
    table: Table,
    /// The physical address of process slot 0.
    slots: u32,
    /// The physical address of the word for failures.
    failing: u32,
}

impl Guest {
    /// Boots with a large swap disk, and waits until the program is ready.
    ///
    /// # Errors
    /// It never is.
    pub fn boot(workspace: &Workspace) -> Result<Self> {
        Self::boot_with(workspace, Disk::nameless(&workspace.output())?, None)
    }

    /// The same with this swap disk, whose requests fail as a configuration of QEMU's `blkdebug`
    /// says.
    ///
    /// # Errors
    /// It never is ready.
    pub fn boot_with(workspace: &Workspace, disk: Disk, errors: Option<PathBuf>) -> Result<Self> {
        let text = KernelText::read(&workspace.kernel())?;
        let image =
            Image::Kernel { kernel: workspace.kernel(), archive: Some(workspace.archive()) };
        let machine = Watched::boot(Machine {
            memory: 64,
            command_line: kernel_command_line(["disk swap trust"], Some("exhaust")),
            disk: Some(disk),
            disk_errors: errors,
            ..Machine::new(image)
        })?;
        let mut guest =
            Self { machine, text, read: 0, table: Table::default(), slots: 0, failing: 0 };
        guest.expect("ready")?;
        guest.find_tables()?;
        Ok(guest)
    }

    /// Notes where the kernel's tables lie. Physical memory holds them in one piece, as the
    /// kernel's image.
    fn find_tables(&mut self) -> Result<()> {
        let registers = self.machine.stop()?.context("the machine does not stop")?;
        let world = World::read(self.machine.memory(), registers, self.text.symbol())?;
        let (table, failing) = (world.table, world.physical(world.table.failing));
        let slots = world.physical(table.slots);
        self.machine.go_on();
        self.failing = failing.context("the kernel's word for failures is not mapped")?;
        self.slots = slots.context("the process table is not mapped")?;
        self.table = table;
        Ok(())
    }

    /// Runs a scenario. With k 0 no frame allocation fails.
    ///
    /// # Errors
    /// The machine has ended, or says what is not expected.
    pub fn round(&mut self, scenario: &str, shortage: Shortage, k: u32) -> Result<Round> {
        let line = match shortage {
            Shortage::Once
            | Shortage::Lasting
            | Shortage::Disk
            | Shortage::Writes
            | Shortage::Reads => format!("{scenario} frames\n"),
            Shortage::Quota => format!("{scenario} quota {k}\n"),
            Shortage::Slots => format!("{scenario} slots {k}\n"),
        };
        let failing = match shortage {
            Shortage::Lasting if k > 0 => FAIL_FROM_THEN_ON | k,
            Shortage::Once | Shortage::Lasting => k,
            Shortage::Quota
            | Shortage::Slots
            | Shortage::Disk
            | Shortage::Writes
            | Shortage::Reads => 0,
        };
        let round = || format!("{scenario}, {shortage:?} {k}");
        self.machine.type_keys(line.as_bytes())?;
        let child = self.expect("armed ").with_context(round)?.parse()?;
        let start = self.read;
        self.machine.memory_mut().store(self.failing, failing)?;
        self.machine.type_keys(b"g")?;
        self.wait_for_end(child).with_context(round)?;
        let left = self.machine.memory().word(self.failing);
        self.machine.memory_mut().store(self.failing, 0)?;
        self.machine.type_keys(b"g")?;
        let ended = self.expect("ended ").with_context(round)?;
        let printed = self.machine.output()[start..self.read].to_owned();
        let census = self.expect("census ").with_context(round)?;
        self.expect("ready").with_context(round)?;
        Ok(Round {
            end: end(&ended).with_context(round)?,
            printed,
            reached: left & !FAIL_FROM_THEN_ON == 0,
            census: Census::parse(&census).with_context(round)?,
        })
    }

    /// Waits until a process has ended: its parent has not asked for its status yet.
    fn wait_for_end(&mut self, child: u32) -> Result<()> {
        const ENDED: u8 = 13;
        let Table { slot_count, slot_size, slot_state, .. } = self.table;
        let at = self.slots + child % slot_count * slot_size + slot_state;
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.machine.memory_mut().forget();
            let word = self.machine.memory().word(at & !3);
            if word.to_le_bytes()[(at % 4) as usize] == ENDED {
                return Ok(());
            }
            let late = Instant::now() > deadline;
            ensure!(!late && !self.machine.has_ended(), "no end comes:\n{}", self.tail());
            thread::sleep(PAUSE);
        }
    }

    /// What the oracle finds, while the program waits.
    ///
    /// # Errors
    /// The machine cannot be read.
    pub fn violations(&mut self) -> Result<Vec<String>> {
        let registers = self.machine.stop()?.context("the machine does not stop")?;
        let world = World::read(self.machine.memory(), registers, self.text.symbol())?;
        let found = judge(&world, &self.text).violations;
        self.machine.go_on();
        Ok(found)
    }

    /// How the swap disk was used since the boot.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub fn disk_use(&mut self) -> Result<DiskUse> {
        self.machine.monitor().disk_use()
    }

    /// Lets the program end.
    ///
    /// # Errors
    /// The machine does not end, or not with status 0.
    pub fn exit(mut self) -> Result<()> {
        self.machine.type_keys(b"exit\n")?;
        let deadline = Instant::now() + PATIENCE;
        while !self.machine.has_ended() {
            ensure!(Instant::now() < deadline, "the machine does not end:\n{}", self.tail());
            thread::sleep(PAUSE);
        }
        ensure!(self.machine.output().contains("exit status 0"), "{}", self.tail());
        Ok(())
    }

    /// Waits for the guest's next line, which begins with `start`; returns the rest of it.
    fn expect(&mut self, start: &str) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ended = self.machine.has_ended();
            let output = self.machine.output();
            for line in output[self.read..].split_inclusive('\n') {
                if !line.ends_with('\n') {
                    break;
                }
                self.read += line.len();
                // A scenario's program may have written the start of a line before.
                let Some(at) = line.find(MARK) else { continue };
                let text = line[at + MARK.len()..].trim_end();
                let rest = text.strip_prefix(start);
                let rest = rest.with_context(|| format!("`{text}`, but not `{start}`"))?;
                return Ok(rest.to_owned());
            }
            if ended {
                bail!("the machine has ended:\n{}", self.tail());
            }
            if Instant::now() > deadline {
                bail!("no line `{MARK}{start}` comes:\n{}", self.tail());
            }
            thread::sleep(PAUSE);
        }
    }

    /// The last lines of the output.
    pub fn tail(&self) -> String {
        const LINES: usize = 20;
        let output = self.machine.output();
        let lines: Vec<&str> = output.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

/// Reads `exit STATUS` or `killed STATUS`.
fn end(text: &str) -> Result<End> {
    let (reason, status) = text.split_once(' ').context("no status")?;
    Ok(End { killed: reason == "killed", status: status.parse()? })
}

impl Census {
    /// Reads `FRAMES CLIENTS PROCESSES`.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(text: &str) -> Result<Self> {
        let words: Vec<u32> = text.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [frames, clients, processes] = words[..] else { bail!("`{text}` is no census") };
        Ok(Self { frames, clients, processes })
    }
}
