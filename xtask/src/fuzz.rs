//! `cargo xtask fuzz`: boots the fuzzer and, if it finds something, shortens the batch that shows
//! it to few steps.
//!
//! - [`mod@run`]: one boot of it, and its outcome;
//! - [`mod@shorten`]: which steps of a batch a finding needs.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use crate::bad_input::BadInput;
use crate::system::Part;
use crate::workspace::Workspace;
use crate::{build, request, setup};

pub mod run;
pub mod shorten;

use run::{Asked, Finding, Ran};
use shorten::{Step, left_out, shorten};

/// What `cargo xtask fuzz` is asked. Numbers are read here, so that a mistake is one line.
#[derive(Args)]
pub struct Options {
    /// Choose everything by this number
    #[arg(long, value_name = "N", default_value = "1")]
    seed: String,
    /// Make so many steps, about
    #[arg(long, value_name = "N", default_value = "100000")]
    calls: String,
    /// Memory in MiB, from 16 to 3583
    #[arg(long, value_name = "MIB", default_value = "128")]
    memory: String,
    /// Put these words on the kernel's command line: with `trust` the families are drivers
    #[arg(long, value_name = "TEXT", default_value = "")]
    words: String,
    /// Attach a swap disk
    #[arg(long)]
    swap: bool,
    /// Give up a boot after this long
    #[arg(long, value_name = "SECONDS", default_value = "600")]
    seconds: String,
    /// Leave so many frames free for the families
    #[arg(long, value_name = "FRAMES")]
    leave: Option<String>,
    /// Have the supervisor lose a page when a family makes this step (member * 65536 + step): a
    /// finding to try out with
    #[arg(long, value_name = "STEP")]
    plant: Option<String>,
    /// Send the servers random messages instead
    #[arg(long)]
    servers: bool,
}

impl Options {
    fn asked(&self) -> Result<(Asked, Duration), BadInput> {
        let optional = |name, text: &Option<String>| {
            text.as_deref().map(|text| number(name, text)).transpose()
        };
        let of = |option, other| move |BadInput(line)| BadInput(line.replace(option, other));
        request::append(&self.words).map_err(of("--append", "--words"))?;
        let asked = Asked {
            seed: number("--seed", &self.seed)?,
            calls: number("--calls", &self.calls)?,
            memory: request::memory(&self.memory)?,
            words: self.words.clone(),
            swap: self.swap,
            leave: optional("--leave", &self.leave)?,
            plant: optional("--plant", &self.plant)?,
            servers: self.servers,
        };
        let seconds = number("--seconds", &self.seconds)?;
        if seconds == 0 {
            return Err(BadInput("--seconds 0: at least 1 second is wanted".to_owned()));
        }
        Ok((asked, Duration::from_secs(seconds.into())))
    }
}

fn number(option: &str, text: &str) -> Result<u32, BadInput> {
    text.parse().map_err(|_| {
        let text = text.escape_debug();
        BadInput(format!("{option} {text}: a number from 0 to {} is wanted", u32::MAX))
    })
}

/// Runs the fuzzer; shortens and prints what it finds.
///
/// # Errors
/// There is a finding, or the emulator cannot be run.
pub fn fuzz(workspace: &Workspace, options: &Options) -> Result<()> {
    let (asked, patience) = options.asked()?;
    setup::ensure(&[Part::Emulator])?;
    build::build(workspace)?;
    let (finding, batch) = match asked.boot(workspace, "", patience)? {
        Ran::Clean(line) => {
            println!("{line}");
            return Ok(());
        }
        Ran::Found { finding, batch, line } => {
            println!("{line}");
            (finding, batch)
        }
    };
    let again = format!("cargo xtask qemu --icount {}", asked.as_options());
    println!("the same again: {again} --run \"{}\"", asked.command(""));
    let Some(batch) = batch.filter(|_| !asked.servers) else {
        bail!("{finding}: it belongs to no batch");
    };
    let Some(found) = shorten_batch(workspace, &asked, &finding, batch, patience)? else {
        bail!("{finding}: batch {batch} does not show it alone, so it cannot be shortened");
    };
    println!("batch {batch} needs these steps:");
    found.steps.iter().for_each(|line| println!("  {line}"));
    let shortest = asked.command(&found.arguments);
    println!("they alone: {again} --run \"{shortest}\"");
    bail!("{finding}: in batch {batch}, {} steps", found.steps.len())
}

/// The shortest form of a batch with a finding.
pub struct Shortened {
    /// The steps as C.
    pub steps: Vec<String>,
    /// The fuzzer's options beside seed and calls.
    pub arguments: String,
}

/// A boot with a single batch ends soon, or hangs.
const BATCH_PATIENCE: Duration = Duration::from_secs(60);

/// Finds out which steps of a batch a finding needs. `None`: the batch alone does not show it.
///
/// # Errors
/// The emulator cannot be run.
pub fn shorten_batch(
    workspace: &Workspace,
    asked: &Asked,
    finding: &Finding,
    batch: u32,
    patience: Duration,
) -> Result<Option<Shortened>> {
    let patience = patience.min(BATCH_PATIENCE);
    let alone = format!("--batch {batch}");
    let shows = |arguments: &str| -> Result<bool> {
        match asked.boot(workspace, arguments, patience)? {
            Ran::Found { finding: found, .. } => Ok(found == *finding),
            Ran::Clean(_) => Ok(false),
        }
    };
    if !shows(&alone)? {
        return Ok(None);
    }
    // Printing takes time, so the steps of this run may be others at the end of the batch; none of
    // them is missing that a shorter run could make.
    let all = asked.steps(workspace, &alone, patience)?;
    let all: Vec<Step> = all.iter().map(|(step, _)| *step).collect();
    let with = |kept: &[Step]| left_out(kept).map(|ranges| format!("{alone} --drop {ranges}"));
    let kept = shorten(&all, |kept| match with(kept) {
        Some(arguments) => shows(&arguments),
        // More ranges than the fuzzer takes.
        None => Ok(false),
    })?;
    let arguments = with(&kept).filter(|_| kept.len() < all.len()).unwrap_or(alone);
    let printed = asked.steps(workspace, &arguments, patience)?;
    let steps = printed.into_iter().filter(|(step, _)| kept.contains(step));
    Ok(Some(Shortened { steps: steps.map(|(_, line)| line).collect(), arguments }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_told_in_one_line() {
        assert_eq!(number("--seed", "4294967295").unwrap(), u32::MAX);
        for text in ["", "x", "-1", "4294967296", "1.5", "7\n"] {
            let line = number("--seed", text).unwrap_err().to_string();
            assert!(line.starts_with("--seed ") && line.lines().count() == 1, "{line}");
        }
    }
}
