//! The swap disk runs short: it has k pages, or its k-th request and all later ones fail.
//!
//! A disk is as it is from the boot on, so each k is a boot. A full disk and one that cannot be
//! written are no error while there is memory: the pages stay where they are. A page that cannot be
//! read ends its process. In each case the scenario itself checks every word, and the next rounds
//! on the same machine must find as much of everything as the one before.

use std::fmt::Write;
use std::io::Write as _;

use anyhow::{Context, Result, bail};
use tempfile::NamedTempFile;

use super::guest::Guest;
use super::row::{MOST, Row, judge};
use super::shortage::Shortage;
use crate::disk::Disk;
use crate::workspace::Workspace;

/// The scenario whose pages go to the disk.
pub const SCENARIO: &str = "swap";
/// Pages of a disk that is large enough.
const PLENTY: u32 = 256;
/// Rounds of each boot. After the first one the servers have all the tables that they will need.
const ROUNDS: u32 = 4;
const PAGE: u64 = 4096;

/// Tries every k until the disk is large enough, or no request fails.
pub fn sweep(
    workspace: &Workspace,
    scenario: &'static str,
    shortage: Shortage,
    every: u32,
) -> Result<Row> {
    let mut row = Row::new(scenario, shortage);
    for k in (shortage.first()..MOST).step_by(every as usize) {
        if boot(workspace, &mut row, k)? {
            return Ok(row);
        }
    }
    bail!("{scenario}: {} of {MOST} is still not enough", shortage.name())
}

/// Runs the scenario on a machine with this k. Returns whether nothing ran short.
fn boot(workspace: &Workspace, row: &mut Row, k: u32) -> Result<bool> {
    let pages = if row.shortage == Shortage::Disk { k } else { PLENTY };
    let image = NamedTempFile::new_in(workspace.output()).context("cannot make a disk")?;
    image.as_file().set_len(u64::from(pages) * PAGE).context("cannot make a disk")?;
    let errors = errors(row.shortage, k)?;
    let path = errors.as_ref().map(|file| file.path().to_owned());
    let disk = Disk::Image(image.path().to_owned());
    let mut guest = Guest::boot_with(workspace, disk, path)?;
    let mut before = guest.round(row.scenario, row.shortage, 0)?;
    for _ in 1..ROUNDS {
        let round = guest.round(row.scenario, row.shortage, 0)?;
        judge(&mut guest, row, k, before.census, &round)?;
        before = round;
    }
    row.count(before.end);
    let used = guest.disk_use()?;
    guest.exit()?;
    Ok(match row.shortage {
        Shortage::Disk => used.highest < u64::from(pages) * PAGE,
        _ => used.failed == 0,
    })
}

/// The configuration of QEMU's `blkdebug` by which the k-th request of this kind and all later ones
/// fail: it counts them by its states.
fn errors(shortage: Shortage, k: u32) -> Result<Option<NamedTempFile>> {
    let kind = match shortage {
        Shortage::Writes => "write",
        Shortage::Reads => "read",
        Shortage::Once | Shortage::Lasting | Shortage::Quota | Shortage::Slots | Shortage::Disk => {
            return Ok(None);
        }
    };
    let mut text = String::new();
    for state in 1..k {
        let next = state + 1;
        write!(
            text,
            "[set-state]\nevent = \"{kind}_aio\"\nstate = \"{state}\"\nnew_state = \"{next}\"\n"
        )?;
    }
    write!(
        text,
        "[inject-error]\nevent = \"{kind}_aio\"\nstate = \"{k}\"\niotype = \"{kind}\"\n\
         errno = \"5\"\nonce = \"off\"\n"
    )?;
    let mut file = NamedTempFile::new().context("cannot make a configuration")?;
    file.write_all(text.as_bytes()).context("cannot write a configuration")?;
    Ok(Some(file))
}
