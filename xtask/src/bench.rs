//! `cargo xtask bench`: what every operation costs, beside its target and beside other systems.
//!
//! Two boots under `-icount`: one of 128 MiB for the table, one of 3,583 MiB for what grows. The
//! program `bench` measures and prints; during the first boot a plugin of QEMU's counts events.
//! Everything here reads and judges; `docs/benchmark.md` says what the figures mean.
//!
//! - [`boot`]: one boot and what it printed; [`counter`]: the plugin; [`report`]: the rows;
//! - [`anchors`]: targets and other systems' figures; [`rows`]: what each row measures, and where;
//!   [`row`], [`figure`]: what a row is;
//! - [`events`]: what the plugin has counted; [`weights`]: what that costs a processor, by
//!   estimate;
//! - [`baseline`]: what may not get worse; [`compare`]: what has changed since another run;
//! - [`table`], [`plot`]: how it is shown; [`size`]: the kernel's own size;
//! - [`swap`]: what paging costs, which is measured apart.

pub mod anchors;
pub mod baseline;
pub mod boot;
pub mod compare;
pub mod counter;
pub mod events;
pub mod figure;
pub mod plot;
pub mod report;
pub mod row;
pub mod rows;
pub mod size;
pub mod swap;
pub mod table;
pub mod weights;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::system::Part;
use crate::workspace::Workspace;
use crate::{build, command, setup};

use anchors::Anchors;
use baseline::Baseline;
use counter::Counter;
use report::Report;
use row::Row;
use weights::Weights;

/// What to do with the rows, beside printing them.
#[derive(clap::Args, Debug, Default)]
pub struct Options {
    /// Say what each row measures and where that is defined, and the model's weights; measure
    /// nothing
    #[arg(long)]
    pub rows: bool,
    /// Count instructions alone: for a QEMU that takes no plugins
    #[arg(long, conflicts_with = "renew")]
    pub no_events: bool,
    /// Write the rows: an array of objects, with least, most, iterations and each event
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Draw the rows
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// Say what has changed since an earlier --json
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// Measure what a page out and in costs, and nothing else
    #[arg(long, exclusive = true)]
    pub swap: bool,
    /// Fail if a row takes over 2% more instructions, model cycles or events than the baseline, or
    /// misses a target that it met
    #[arg(long)]
    pub check: bool,
    /// Make these rows the baseline; the commit should say why
    #[arg(long, conflicts_with = "check")]
    pub renew: bool,
}

/// Memory of the boot for the table, in MiB.
const SMALL: u32 = 128;
/// Memory of the boot for what grows: the most that QEMU puts below 4 GiB.
const LARGE: u32 = 3583;

/// Measures, prints, and does what the options say.
///
/// # Errors
/// Something cannot be built, booted, read or written; or `--check` found something.
pub fn bench(workspace: &Workspace, options: &Options) -> Result<()> {
    let (anchors, weights) = (Anchors::load()?, Weights::load()?);
    if options.rows {
        print!("{}", rows::text(workspace.root(), &anchors, &weights)?);
        return Ok(());
    }
    let earlier = options.compare.as_deref().map(read::<Vec<Row>>).transpose()?;
    setup::ensure(&[Part::Emulator])?;
    build::build(workspace)?;
    if options.swap {
        return swap::swap(workspace);
    }
    let compiler = compiler()?;

    let counter = if options.no_events { None } else { Some(Counter::build(workspace)?) };
    let mut report = measure(workspace, &anchors, counter.as_ref())?;
    report.weigh(&weights);
    println!("{}\n{}", table::operations(&report.rows, &anchors), table::LEGEND);
    if counter.is_some() {
        println!("{}\n{}", table::events(&report.rows), table::EVENTS_LEGEND);
        print!("{}", table::unweighed(&report.rows, &weights));
    }
    println!("{}", table::appel_and_li(&report.rows));
    println!("{}", table::growth(&report));
    if let Some(earlier) = earlier {
        println!("{}", compare::table(&earlier, &report.rows));
    }
    if let Some(file) = &options.json {
        write(file, &(serde_json::to_string_pretty(&report.rows)? + "\n"))?;
    }
    if let Some(file) = &options.plot {
        write(file, &plot::draw(&report.rows, &anchors)?)?;
    }
    let file = workspace.root().join("xtask/data/baseline.json");
    if options.renew {
        let baseline = Baseline::new(compiler, &report.rows);
        return write(&file, &(serde_json::to_string_pretty(&baseline)? + "\n"));
    }
    if options.check {
        if counter.is_none() {
            println!("No events were counted: only instructions are compared.");
        }
        return check(&read(&file)?, &compiler, &report.rows);
    }
    Ok(())
}

/// Boots both machines, the first one with the plugin.
fn measure(workspace: &Workspace, anchors: &Anchors, counter: Option<&Counter>) -> Result<Report> {
    let plugin = counter.map(Counter::arguments).unwrap_or_default();
    let small = boot::run(workspace, SMALL, "bench", plugin).with_context(|| match counter {
        Some(_) => "if QEMU does not take the plugin, --no-events counts without it",
        None => "the boot for the table",
    })?;
    let counted = counter.map(Counter::counted).transpose()?;
    let large = boot::run(workspace, LARGE, "bench growth", Vec::new())?;
    let mut report = Report::read(&small, anchors, counted.as_ref())?;
    report.rows.push(report::boot_row("boot_128", &small, anchors)?);
    report.rows.push(report::boot_row("boot_3583", &large, anchors)?);
    report.append(Report::read(&large, anchors, None)?);
    report.sizes.extend(size::of_kernel(&workspace.kernel())?);
    let measured = |operation: &str| report.rows.iter().any(|row| row.operation == operation);
    let missing = anchors.operations().find(|operation| !measured(operation));
    ensure!(missing.is_none(), "the benchmark has no row {}", missing.unwrap_or_default());
    report.rows.sort_by_key(|row| anchors.place(&row.operation));
    Ok(report)
}

fn check(baseline: &Baseline, compiler: &str, rows: &[Row]) -> Result<()> {
    if baseline.compiler != compiler {
        println!(
            "The baseline is {}'s and this is {compiler}: only targets count.",
            baseline.compiler
        );
    }
    let worse = baseline.check(compiler, rows);
    if worse.is_empty() {
        println!("No row is worse than the baseline.");
        return Ok(());
    }
    bail!(
        "worse than the baseline:\n  {}\nIf that is meant: cargo xtask bench --renew, and say why \
         in the commit",
        worse.join("\n  ")
    )
}

/// What the compiler calls itself, as `rustc 1.96.0`.
fn compiler() -> Result<String> {
    let toolchain = setup::toolchain()?;
    let line = command::run_quietly(toolchain.command("rustc").arg("--version"))?;
    Ok(line.split(" (").next().unwrap_or("").trim().to_owned())
}

fn read<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("cannot understand {}", file.display()))
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
