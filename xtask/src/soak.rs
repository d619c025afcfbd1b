//! `cargo xtask soak`: long random runs of the kernel's decisions on the host, against a reference
//! model; and `cargo xtask exhaustive`: every word, every address and every small world.
//!
//! The runs are programs of the package `vitrine-model`, built by the profile `soak`: fast, and
//! with every assertion. Both answer Ctrl-C like any program, so nothing is left running.

use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::bad_input::BadInput;
use crate::command;
use crate::command::host_cargo;
use crate::workspace::Workspace;

pub mod planted;

/// Steps of the share that `cargo xtask test` runs: about 20 seconds.
const SHARE: u64 = 300_000;
/// The same for the run with the pager.
const PAGING_SHARE: u64 = 60_000;
/// Of how many words `cargo xtask test` tries one.
const STRIDE: u64 = 255;

/// What `cargo xtask soak` is asked. Numbers are read here, so that a mistake is one line.
#[derive(Args)]
pub struct Options {
    /// Choose everything by this number
    #[arg(long, value_name = "N", default_value = "1")]
    seed: String,
    /// Make so many steps
    #[arg(long, value_name = "N", default_value = "1000000")]
    steps: String,
    /// Begin with this episode of the seed: a machine from its boot on
    #[arg(long, value_name = "N", default_value = "0")]
    first: String,
    /// Instead, run the pager on the kernel's decisions, with clients that map, move, share, copy,
    /// fork and end: no write of theirs may be lost
    #[arg(long)]
    paging: bool,
    /// Instead, plant mistakes in copies of the kernel's core, one by one, and say after how many
    /// steps each is found; with --paging, mistakes in the pager's decisions and in what they rely
    /// on
    #[arg(long)]
    planted: bool,
}

impl Options {
    fn numbers(&self) -> Result<[u64; 3], BadInput> {
        let steps = number("--steps", &self.steps)?;
        if steps == 0 {
            return Err(BadInput("--steps 0: at least 1 step is wanted".to_owned()));
        }
        Ok([number("--seed", &self.seed)?, steps, number("--first", &self.first)?])
    }
}

/// What `cargo xtask exhaustive` is asked.
#[derive(Args)]
pub struct Exhaustive {
    /// Try these parts: words, addresses, worlds, or one world: one-page, first-pages, last-pages,
    /// table-edge [default: all]
    parts: Vec<String>,
    /// Try one share of the words and addresses: the K-th of N
    #[arg(long, value_name = "K/N", default_value = "1/1")]
    shard: String,
    /// Give up a world after so many states
    #[arg(long, value_name = "N", default_value = "5000000")]
    states: String,
    /// But make every sequence of so many calls in any case
    #[arg(long, value_name = "N", default_value = "4")]
    calls: String,
}

/// The parts of `cargo xtask exhaustive`: without a name, the first three.
const PARTS: [&str; 7] =
    ["words", "addresses", "worlds", "one-page", "first-pages", "last-pages", "table-edge"];

impl Exhaustive {
    fn arguments(&self) -> Result<Vec<String>, BadInput> {
        if let Some(part) = self.parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
            let part = part.escape_debug();
            return Err(BadInput(format!("{part}: no such part; there are {}", PARTS.join(", "))));
        }
        let wrong = || {
            let shard = self.shard.escape_debug();
            BadInput(format!("--shard {shard}: K/N is wanted, with K from 1 to N"))
        };
        let (index, of) = self.shard.split_once('/').ok_or_else(wrong)?;
        let read = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        let (index, of) = (read(index)?, read(of)?);
        if !(1..=of).contains(&index) {
            return Err(wrong());
        }
        let states = number("--states", &self.states)?;
        let calls = number("--calls", &self.calls)?;
        if calls > u64::from(u16::MAX) {
            return Err(BadInput(format!("--calls {calls}: at most {} are made", u16::MAX)));
        }
        let all = PARTS[..3].iter().map(|part| (*part).to_owned()).collect();
        let mut arguments =
            [index - 1, of, states, calls].map(|number| number.to_string()).to_vec();
        arguments.extend(if self.parts.is_empty() { all } else { self.parts.clone() });
        Ok(arguments)
    }
}

fn number(option: &str, text: &str) -> Result<u64, BadInput> {
    text.parse().map_err(|_| {
        let text = text.escape_debug();
        BadInput(format!("{option} {text}: a number from 0 to {} is wanted", u64::MAX))
    })
}

/// Makes random steps and compares after each; or plants mistakes.
///
/// # Errors
/// The kernel and the model differ, or a planted mistake is not found; or the program cannot be
/// built.
pub fn soak(workspace: &Workspace, options: &Options) -> Result<()> {
    let [seed, steps, first] = options.numbers()?;
    if options.planted {
        return planted::planted(workspace, options.paging, seed, steps);
    }
    if options.paging {
        return run(workspace, "paging", &[seed, steps].map(|number| number.to_string()));
    }
    run(workspace, "soak", &[seed, steps, first].map(|number| number.to_string()))
}

/// Tries every word, every address and every small world.
///
/// # Errors
/// Something is not as the manual or the model says; or the program cannot be built.
pub fn exhaustive(workspace: &Workspace, options: &Exhaustive) -> Result<()> {
    run(workspace, "exhaustive", &options.arguments()?)
}

/// The share that belongs to the tests, if `filter` asks for it.
///
/// # Errors
/// As [`soak`] and [`exhaustive`].
pub fn share(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    let wanted = |name: &str| filter.is_none_or(|filter| name.contains(filter));
    if wanted("soak") {
        run(workspace, "soak", &["1".to_owned(), SHARE.to_string(), "0".to_owned()])?;
    }
    if wanted("paging") {
        run(workspace, "paging", &["1".to_owned(), PAGING_SHARE.to_string()])?;
    }
    if wanted("exhaustive") {
        let share = ["0", &STRIDE.to_string(), "6000", "2", "words", "addresses", "worlds"];
        run(workspace, "exhaustive", &share.map(str::to_owned))?;
    }
    Ok(())
}

/// Builds a program of the package `vitrine-model`, and runs it.
fn run(workspace: &Workspace, program: &str, arguments: &[String]) -> Result<()> {
    let mut build = host_cargo(workspace);
    build.args(["build", "--quiet", "--profile", "soak", "--package", "vitrine-model"]);
    command::run(build.args(["--bin", program]))?;
    let file = workspace.root().join("target/soak").join(program);
    let mut run = Command::new(file);
    let status = run.args(arguments).status().with_context(|| command::cannot_start(&run))?;
    if !status.success() {
        bail!("{program} found a difference");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exhaustive(parts: &[&str], shard: &str, states: &str) -> Result<Vec<String>, BadInput> {
        let parts = parts.iter().map(|part| (*part).to_owned()).collect();
        let [shard, states, calls] = [shard, states, "4"].map(str::to_owned);
        Exhaustive { parts, shard, states, calls }.arguments()
    }

    #[test]
    fn what_cannot_be_used_is_told_in_one_line() {
        for (seed, steps) in [("x", "1"), ("-1", "1"), ("1", "0"), ("1", "1e6"), ("", "5\n")] {
            let options = Options {
                seed: seed.to_owned(),
                steps: steps.to_owned(),
                first: "0".to_owned(),
                planted: false,
                paging: false,
            };
            let line = options.numbers().unwrap_err().to_string();
            assert!(line.starts_with("--s") && line.lines().count() == 1, "{line}");
        }
        for shard in ["", "1", "0/2", "3/2", "a/b", "1/", "-1/2"] {
            let line = exhaustive(&[], shard, "1").unwrap_err().to_string();
            assert!(line.starts_with("--shard") && line.lines().count() == 1, "{line}");
        }
        let line = exhaustive(&["word"], "1/1", "1").unwrap_err().to_string();
        assert!(
            line.starts_with("word: no such part; there are words, addresses, worlds, one-page")
        );
    }

    #[test]
    fn a_shard_is_counted_from_one_and_parts_default_to_all() {
        let arguments = exhaustive(&[], "2/3", "9").unwrap();
        assert_eq!(arguments, ["1", "3", "9", "4", "words", "addresses", "worlds"]);
        assert_eq!(exhaustive(&["worlds"], "1/1", "9").unwrap()[4..], ["worlds"]);
    }
}
