//! `cargo xtask bench`: what every operation costs, beside its target and beside other systems.
//!
//! Two boots under `-icount`: one of 128 MiB for the table, one of 3,583 MiB for what grows. The
//! program `bench` measures and prints; everything here reads and judges:
//!
//! - [`boot`]: one boot and what it printed; [`report`]: the rows in it;
//! - [`anchors`]: targets and other systems' figures; [`row`], [`figure`]: what a row is;
//! - [`baseline`]: what may not get worse; [`compare`]: what has changed since another run;
//! - [`table`], [`plot`]: how it is shown; [`size`]: the kernel's own size;
//! - [`swap`]: what paging costs, which is measured apart.

pub mod anchors;
pub mod baseline;
pub mod boot;
pub mod compare;
pub mod figure;
pub mod plot;
pub mod report;
pub mod row;
pub mod size;
pub mod swap;
pub mod table;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::system::Part;
use crate::workspace::Workspace;
use crate::{build, command, setup};

use anchors::Anchors;
use baseline::Baseline;
use report::Report;
use row::Row;

/// What to do with the rows, beside printing them.
#[derive(clap::Args, Debug, Default)]
pub struct Options {
    /// Write the rows: an array of objects
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
    /// Fail if a row is worse than the baseline by over 2%, or misses a target that it met
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
    let earlier = options.compare.as_deref().map(read::<Vec<Row>>).transpose()?;
    setup::ensure(&[Part::Emulator])?;
    build::build(workspace)?;
    if options.swap {
        return swap::swap(workspace);
    }
    let compiler = compiler()?;

    let anchors = Anchors::load()?;
    let report = measure(workspace, &anchors)?;
    println!("{}", table::operations(&report.rows, &anchors));
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
        return check(&read(&file)?, &compiler, &report.rows);
    }
    Ok(())
}

/// Boots both machines.
fn measure(workspace: &Workspace, anchors: &Anchors) -> Result<Report> {
    let small = boot::run(workspace, SMALL, "bench")?;
    let large = boot::run(workspace, LARGE, "bench growth")?;
    let mut report = Report::read(&small, anchors)?;
    report.rows.push(report::boot_row("boot_128", &small, anchors)?);
    report.rows.push(report::boot_row("boot_3583", &large, anchors)?);
    report.append(Report::read(&large, anchors)?);
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
