//! `cargo xtask oracle`: boots the real image, stops it at random moments, and judges it by its
//! physical memory alone.
//!
//! The oracle knows the manual and this project's documents. It shares no code with the kernel but
//! the layout of the table for debuggers and the memory map, so a mistake in the kernel's picture
//! of the machine is not its own.
//!
//! - [`monitor`], [`watch`]: the emulator, stopped and continued; its RAM is a file;
//! - [`memory`], [`entry`], [`world`], [`text`]: what is read from that file and from `kernel.elf`;
//! - [`rules`]: what must hold, each rule a method;
//! - [`second`]: the same directory as the emulator's own walk shows it;
//! - [`loads`]: what the machine does meanwhile; [`image`]: a machine that was kept.

#![allow(
    missing_docs,
    reason = "the fields of small records that one file defines and the next reads"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Result, bail};
use clap::Args;

use crate::bad_input::BadInput;
use crate::system::Part;
use crate::workspace::Workspace;
use crate::{build, command, setup};

pub mod entry;
pub mod image;
pub mod loads;
pub mod memory;
pub mod monitor;
pub mod rules;
pub mod second;
pub mod text;
pub mod watch;
pub mod world;

use image::Kept;
use loads::Load;
use rules::{Judgement, judge};
use second::Shown;
use text::KernelText;
use watch::Watched;
use world::{Registers, World};

/// What `cargo xtask oracle` is asked.
#[derive(Args)]
pub struct Options {
    /// Stop and judge the machine for this long
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u64,
    /// Choose the moments and the order of the loads by this number
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Run this load alone, instead of all in turn
    ///
    /// A load is a name of the list that `--run ""` prints.
    #[arg(long, value_name = "LOAD")]
    run: Option<String>,
    /// Judge a machine that an earlier run has kept, and boot nothing
    #[arg(long, value_name = "DIRECTORY", conflicts_with_all = ["seconds", "seed", "run"])]
    image: Option<PathBuf>,
}

/// Of this many snapshots one is compared with the emulator's own walk.
const SECOND_OPINION: u32 = 16;
/// The longest pause between two stops, in microseconds.
const LONGEST_PAUSE: u64 = 25_000;

/// Watches machines until time is up, or judges one that was kept.
///
/// # Errors
/// A rule is violated, a load did not end as it should, or nothing could be judged.
pub fn oracle(workspace: &Workspace, options: &Options) -> Result<()> {
    if let Some(directory) = &options.image {
        return judge_kept(directory);
    }
    let loads = match &options.run {
        None => Load::ALL.iter().collect(),
        Some(name) => vec![Load::find(name)?],
    };
    setup::ensure(&[Part::Emulator])?;
    build::build(workspace)?;
    let mut random = fastrand::Rng::with_seed(options.seed);
    let deadline = Instant::now() + Duration::from_secs(options.seconds);
    let mut totals = Totals::default();
    println!("oracle: seed {}, {} seconds", options.seed, options.seconds);
    while Instant::now() < deadline {
        for load in &loads {
            if Instant::now() >= deadline {
                break;
            }
            // Each load gets a share, so that a short run still sees more than one.
            let share = Duration::from_secs(10).max(Duration::from_secs(options.seconds) / 20);
            let until = deadline.min(Instant::now() + share);
            totals.add(watch_load(workspace, load, until, &mut random)?);
        }
    }
    totals.report();
    if totals.snapshots == 0 {
        bail!("no moment could be judged: the machine always stood in its kernel");
    }
    Ok(())
}

/// What was looked at.
#[derive(Default)]
struct Totals {
    snapshots: u64,
    directories: u64,
    leaves: u64,
    second_opinions: u64,
    boots: u64,
}

impl Totals {
    fn add(&mut self, other: Self) {
        self.snapshots += other.snapshots;
        self.directories += other.directories;
        self.leaves += other.leaves;
        self.second_opinions += other.second_opinions;
        self.boots += other.boots;
    }

    fn count(&mut self, judgement: &Judgement) {
        self.snapshots += 1;
        self.directories += u64::from(judgement.directories);
        self.leaves += u64::from(judgement.leaves);
    }

    fn report(&self) {
        println!(
            "oracle: {} boots, {} snapshots, {} directories walked, {} leaves, \
             {} compared with the \
             emulator's walk: no violation",
            self.boots, self.snapshots, self.directories, self.leaves, self.second_opinions
        );
    }
}

/// Boots one load and judges it at random moments until it ends or time is up.
fn watch_load(
    workspace: &Workspace,
    load: &Load,
    until: Instant,
    random: &mut fastrand::Rng,
) -> Result<Totals> {
    let text = KernelText::read(&workspace.kernel())?;
    let staged = load.stage(workspace)?;
    let mut machine = Watched::boot(staged.machine)?;
    let mut totals = Totals { boots: 1, ..Totals::default() };
    while Instant::now() < until {
        thread::sleep(Duration::from_micros(random.u64(0..LONGEST_PAUSE)));
        let Some(registers) = machine.stop()? else {
            if machine.has_ended() {
                break;
            }
            continue;
        };
        if let Some(judgement) = judge_moment(&mut machine, registers, &text, &mut totals)?
            && !judgement.violations.is_empty()
        {
            return violated(workspace, load, &mut machine, registers, &judgement);
        }
        machine.go_on();
    }
    load.check_output(&machine.output())?;
    println!(
        "  {:<12} {:>5} snapshots, {:>6} directories",
        load.name, totals.snapshots, totals.directories
    );
    Ok(totals)
}

/// Judges a machine that stands still. `None` before the end of the kernel's boot: the firmware and
/// the boot loader have no paging, and the kernel publishes its table last.
fn judge_moment(
    machine: &mut Watched,
    registers: Registers,
    text: &KernelText,
    totals: &mut Totals,
) -> Result<Option<Judgement>> {
    if registers.cr0 >> 31 == 0 {
        return Ok(None);
    }
    let Ok(world) = World::read(machine.memory(), registers, text.symbol()) else {
        return Ok(None);
    };
    let mut judgement = judge(&world, text);
    totals.count(&judgement);
    if totals.snapshots % u64::from(SECOND_OPINION) == 1 {
        let shown = Shown::ask(machine)?;
        second::compare(machine.memory(), registers, &shown, &mut judgement.violations);
        totals.second_opinions += 1;
    }
    Ok(Some(judgement))
}

/// Keeps the machine and prints what is wrong with it.
fn violated<T>(
    workspace: &Workspace,
    load: &Load,
    machine: &mut Watched,
    registers: Registers,
    judgement: &Judgement,
) -> Result<T> {
    let directory = workspace.output().join("oracle").join(load.name);
    command::create_directory(&directory)?;
    fs::copy(workspace.kernel(), directory.join(image::KERNEL))?;
    Kept { registers }.write(&directory, &machine.ram())?;
    tell(judgement);
    bail!(
        "the load {} violates {} rules; the machine is kept: cargo xtask oracle --image {}",
        load.name,
        judgement.violations.len(),
        directory.display()
    )
}

fn judge_kept(directory: &std::path::Path) -> Result<()> {
    let bad = |error: anyhow::Error| BadInput(format!("{}: {error:#}", directory.display()));
    let (kept, memory) = Kept::read(directory).map_err(bad)?;
    let text = KernelText::read(&directory.join(image::KERNEL)).map_err(bad)?;
    let world = World::read(&memory, kept.registers, text.symbol()).map_err(bad)?;
    let judgement = judge(&world, &text);
    tell(&judgement);
    if judgement.violations.is_empty() {
        println!("oracle: {} directories walked: no violation", judgement.directories);
        return Ok(());
    }
    bail!("{} violations", judgement.violations.len())
}

/// Prints the first violations; one fault often shows in hundreds of entries.
fn tell(judgement: &Judgement) {
    const SHOWN: usize = 20;
    for sentence in judgement.violations.iter().take(SHOWN) {
        println!("  {sentence}");
    }
    if judgement.violations.len() > SHOWN {
        println!("  and {} more", judgement.violations.len() - SHOWN);
    }
}
