//! JOS programs run out of frames, without `init` and without a pager. Each k is a boot.
//!
//! The word for failures is written while the machine stands still. To hurt the *boot*, it is
//! written behind the store with which the kernel takes over the machine's frames, so k counts from
//! there. To hurt a *program*, it is written before the program's first instruction. The process
//! `onlooker` runs beside the program: it counts the free frames when no other process can run any
//! more, and keeps the machine alive until the machine has been judged. It allocates nothing.
//!
//! The programs are conformance programs. A claim that finds no frame fails with the error of the
//! call, and may leave children behind. So the census is not that as many frames are free as
//! without a shortage, but that as many are free or in use: the kernel counts the free ones, and
//! the frame records show the others. The oracle demands an owner for each frame in use.

use std::thread;
use std::time::{Duration, Instant};

use abi::debug::FAIL_FROM_THEN_ON;
use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::guest::End;
use super::row::{MOST, Row};
use super::shortage::Shortage;
use crate::elf::{Program, Staged};
use crate::gdb_stub::Stub;
use crate::machine::{Image, Machine};
use crate::oracle::rules::judge;
use crate::oracle::text::KernelText;
use crate::oracle::watch::Watched;
use crate::oracle::world::{Registers, World};
use crate::workspace::Workspace;

/// The scenario's name.
pub const SCENARIO: &str = "jos";
/// What is hurt, as the table calls it: the boot, and programs that make each JOS call that needs a
/// frame. The last word is the program's name.
const BOOT: &str = "jos boot";
const PROGRAMS: [&str; 5] =
    ["jos pages", "jos mappings", "jos sends", "jos upcall", "jos children"];
/// The program that counts.
const ONLOOKER: &str = "onlooker";
/// How the onlooker's line begins and ends.
const COUNT: (&str, &str) = ("onlooker: ", " frames are free");
/// What a program prints of JOS's error for memory, -4.
const NO_MEMORY: [&str; 2] = ["fffffffc", "-4"];
/// Only a machine that hangs ever takes this long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the serial line.
const PAUSE: Duration = Duration::from_millis(1);
/// The link in the record of a frame that is not RAM.
const NOT_RAM: u32 = u32::MAX;

/// Whether this can run short on a machine with JOS programs: they have no quota, and no disk.
pub const fn can_lack(shortage: Shortage) -> bool {
    matches!(shortage, Shortage::Once | Shortage::Lasting)
}

/// Tries every k until one is not reached, for the boot and for each program.
///
/// # Errors
/// An end that is not documented, a frame that is lost, or a violation.
pub fn sweep(
    workspace: &Workspace,
    shortage: Shortage,
    every: u32,
    done: &mut impl FnMut(Row),
) -> Result<()> {
    for hurt in [BOOT].into_iter().chain(PROGRAMS) {
        done(sweep_one(&Course::new(workspace, hurt)?, shortage, every)?);
    }
    Ok(())
}

fn sweep_one(course: &Course<'_>, shortage: Shortage, every: u32) -> Result<Row> {
    let hurt = course.hurt;
    let calm = course.round(0).context(hurt)?;
    ensure!(calm.end.status == 0, "{hurt}: without a shortage it ends with {}", calm.end);
    let mut row = Row::new(hurt, shortage);
    for k in (1..MOST).step_by(every as usize) {
        let place = || format!("{hurt}, {} {k}", shortage.name());
        let lasting = if shortage == Shortage::Lasting { FAIL_FROM_THEN_ON } else { 0 };
        let round = course.round(lasting | k).with_context(place)?;
        if let (Some(frames), Some(before)) = (round.frames, calm.frames) {
            let place = place();
            ensure!(
                frames == before,
                "{place}: {frames} frames are free or in use, and {before} without a shortage"
            );
        }
        row.count(round.end);
        if !round.reached {
            ensure!(round.end.status == 0, "{}: not reached, but {}", place(), round.end);
            return Ok(row);
        }
    }
    bail!("{hurt}: {} of {MOST} is still not enough", shortage.name())
}

/// One boot.
struct Round {
    end: End,
    /// The allocation that was to fail was made.
    reached: bool,
    /// How many frames are free or in use; `None` if the machine did not boot.
    frames: Option<u32>,
}

/// What is booted again and again.
struct Course<'a> {
    workspace: &'a Workspace,
    hurt: &'static str,
    text: KernelText,
    /// The onlooker's first instruction, and the program's.
    entries: [u32; 2],
    staged: Staged,
    /// The word for failures: its virtual and its physical address.
    failing: (u32, u32),
}

impl<'a> Course<'a> {
    /// Packs the programs, and finds the word for failures by a first boot.
    fn new(workspace: &'a Workspace, hurt: &'static str) -> Result<Self> {
        let program = if hurt == BOOT { PROGRAMS[0] } else { hurt };
        let name = &program[SCENARIO.len() + 1..];
        let files = [ONLOOKER, name].map(|name| workspace.programs().join(name));
        let programs = files.map(Program::of);
        let entries = [programs[0].entry()?, programs[1].entry()?];
        let staged = Staged::pack(workspace, &programs)?;
        let text = KernelText::read(&workspace.kernel())?;
        let mut course = Self { workspace, hurt, text, entries, staged, failing: (0, 0) };
        let mut boot = Boot::start(&course)?;
        boot.run_to(course.entries[0])?;
        let world = boot.world(&course.text)?;
        let at = world.table.failing;
        let physical = world.physical(at);
        course.failing = (at, physical.context("the kernel's word for failures is not mapped")?);
        Ok(course)
    }

    /// Boots with this word for failures.
    fn round(&self, failing: u32) -> Result<Round> {
        let mut boot = Boot::start(self)?;
        if self.hurt == BOOT {
            boot.stub.watch(self.failing.0)?;
            ensure!(boot.run()?, "the machine has ended before it had frames");
            boot.stub.unwatch(self.failing.0)?;
            boot.machine.memory_mut().store(self.failing.1, failing)?;
            if !boot.try_to_run_to(self.entries[0])? {
                return boot.not_started();
            }
            // The boot is over, and its programs are to run unhurt.
            let left = boot.failing(self);
            ensure!(failing == 0 || left != 0, "the boot has gone on without a frame");
            boot.machine.memory_mut().store(self.failing.1, 0)?;
            return Ok(Round { reached: false, ..boot.go_on(self)? });
        } else {
            boot.run_to(self.entries[1])?;
            // The onlooker in slot 0 may begin at the same address.
            while boot.world(&self.text)?.current != Some(1) {
                ensure!(boot.stub.step(Instant::now() + PATIENCE)?, "the machine has ended");
                boot.run_to(self.entries[1])?;
            }
            boot.machine.memory_mut().store(self.failing.1, failing)?;
        }
        boot.go_on(self)
    }
}

/// A machine that stands still until its onlooker's first instruction.
struct Boot {
    machine: Watched,
    stub: Stub,
    _folder: TempDir,
}

impl Boot {
    fn start(course: &Course<'_>) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot create a temporary directory")?;
        let socket = folder.path().join("gdb");
        let server = format!("unix:{},server=on,wait=off", socket.display());
        let archive = Some(course.staged.archive().to_owned());
        let machine = Watched::boot(Machine {
            memory: 32,
            command_line: course.staged.words.clone(),
            more: ["-S", "-gdb", &server].map(str::to_owned).to_vec(),
            ..Machine::new(Image::Kernel { kernel: course.workspace.kernel(), archive })
        })?;
        Ok(Self { machine, stub: Stub::connect(&socket)?, _folder: folder })
    }

    /// Runs to the next stop. `false`: the machine has ended.
    fn run(&mut self) -> Result<bool> {
        self.stub.run(Instant::now() + PATIENCE)
    }

    /// Runs to an instruction. `false`: the machine has ended.
    fn try_to_run_to(&mut self, address: u32) -> Result<bool> {
        self.stub.insert(address)?;
        let came = self.run()?;
        if came {
            self.stub.remove(address)?;
        }
        Ok(came)
    }

    fn run_to(&mut self, address: u32) -> Result<()> {
        let came = self.try_to_run_to(address)?;
        ensure!(came, "the machine has ended:\n{}", self.machine.output());
        Ok(())
    }

    /// The stopped machine's word for failures.
    fn failing(&mut self, course: &Course<'_>) -> u32 {
        self.machine.memory_mut().forget();
        self.machine.memory().word(course.failing.1)
    }

    /// What the stopped machine's memory says.
    fn world(&mut self, text: &KernelText) -> Result<World<'_>> {
        let registers = Registers::parse(&self.machine.monitor().human("info registers")?)?;
        self.machine.memory_mut().forget();
        World::read(self.machine.memory(), registers, text.symbol())
    }

    /// The end of a machine that did not boot: a line that says what memory is too small for, and
    /// status 1.
    fn not_started(self) -> Result<Round> {
        self.wait_for("an end", |machine| machine.has_ended().then_some(()))?;
        let output = self.machine.output();
        let told = output.contains("\ncannot boot: too little memory for ");
        ensure!(told && output.ends_with("exit status 1\n"), "not as documented:\n{output}");
        Ok(Round { end: End { killed: false, status: 98 }, reached: true, frames: None })
    }

    /// Lets the programs run to their ends, judges what is left, and ends the machine.
    fn go_on(mut self, course: &Course<'_>) -> Result<Round> {
        self.stub.leave()?;
        let free: u32 = self.wait_for("the onlooker's line", |machine| {
            let output = machine.output();
            let line = output.lines().find_map(|line| line.strip_prefix(COUNT.0))?;
            line.strip_suffix(COUNT.1)?.parse().ok()
        })?;
        self.machine.stop()?.context("the machine does not stop")?;
        let world = self.world(&course.text)?;
        let violations = judge(&world, &course.text).violations;
        let in_use = world.records.iter().filter(|(link, count)| *link != NOT_RAM && *count > 0);
        let frames = free + in_use.count() as u32;
        let reached = self.failing(course) & !FAIL_FROM_THEN_ON == 0;
        if let Some(first) = violations.first() {
            bail!("{} violations; the first: {first}\n{}", violations.len(), self.machine.output());
        }
        self.machine.go_on();
        self.machine.type_keys(b"k")?;
        self.wait_for("an end", |machine| machine.has_ended().then_some(()))?;
        let end = end(&self.machine.output())?;
        Ok(Round { end, reached, frames: Some(frames) })
    }

    /// Waits until something is there.
    fn wait_for<T>(&self, what: &str, look: impl Fn(&Watched) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // In this order: what an ended machine has printed is there when it has ended.
            let ended = self.machine.has_ended();
            if let Some(found) = look(&self.machine) {
                return Ok(found);
            }
            let late = Instant::now() > deadline;
            ensure!(!late && !ended, "{what} does not come:\n{}", self.machine.output());
            thread::sleep(PAUSE);
        }
    }
}

/// How the program that was hurt has ended, from all that was printed.
///
/// # Errors
/// A claim was found false, but no call has returned the error for memory.
fn end(output: &str) -> Result<End> {
    let last = output.lines().last().and_then(|line| line.strip_prefix("exit status "));
    let status = last.context("no status")?.parse().context("no status")?;
    if status == 128 + 14 {
        return Ok(End { killed: true, status });
    }
    ensure!(status == 0, "exit status {status}:\n{output}");
    if !output.contains("FAILED") {
        return Ok(End { killed: false, status });
    }
    let mut words = output.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    ensure!(words.any(|word| NO_MEMORY.contains(&word)), "no error for memory:\n{output}");
    Ok(End { killed: false, status: 4 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_that_is_false_has_to_name_the_error_for_memory() {
        let done = |killed, status| Some(End { killed, status });
        for (output, expected) in [
            ("ok a\nexit status 0\n", done(false, 0)),
            ("FAILED a: map: fffffffc, not 0 (line 7)\nexit status 0\n", done(false, 4)),
            ("FAILED a: no child: -4 (line 7)\nexit status 0\n", done(false, 4)),
            ("FAILED a: map: fffffffd, not 0 (line 7)\nexit status 0\n", None),
            ("FAILED a: not so: b (line 4)\nexit status 0\n", None),
            ("FAILED a: no child: -40 (line 7)\nexit status 0\n", None),
            ("exit status 142\n", done(true, 142)),
            ("exit status 1\n", None),
            ("kernel panic: a\n", None),
            ("", None),
        ] {
            assert_eq!(end(output).ok(), expected, "{output}");
        }
    }
}
