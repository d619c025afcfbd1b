//! The table of all processes, as `ps` and `top` print it: at most 60 columns.
//!
//! The kernel knows no names of processes. Whoever spawns a program tells the pager its name when
//! it registers the child there, and the pager keeps the name with its client; a forked child has
//! its parent's. A process that is no client has no name: its id and its parent tell what it is.

use alloc::vec::Vec;
use core::fmt;

use libsys::abi::process_info::ProcessInfo;
use libsys::process;
use libsys::runtime::short::Short;
use libsys::service::pager::{Faults, Pages, faults_of, name_of, pages_of};
use libsys::{ProcessId, identity};

/// Letters of a name that are shown, with its indentation.
const NAME: usize = 10;

/// The heading.
pub const HEADING: &str = "ID       NAME       STATUS   RUNS   MEM  DISK PACK   IN  OUT";

/// What the columns mean.
pub const LEGEND: &str = "\
RUNS: times on the CPU. The pager counts the rest: MEM, DISK
and PACK are pages in memory, on disk and compressed; IN and
OUT are pages that have come back and gone. A name is
indented below that of its parent; - is a process that is no
client of the pager.";

/// A process.
pub struct Process {
    /// Its public record.
    pub info: ProcessInfo,
    /// How many of its ancestors are in the table.
    pub depth: usize,
}

/// All processes, each after its parent.
#[must_use]
pub fn tree() -> Vec<Process> {
    let all: Vec<ProcessInfo> = process::info::processes().collect();
    let is_listed = |id: u32| all.iter().any(|info| info.id == id);
    let mut ordered = Vec::new();
    // The next one is at the end.
    let mut waiting: Vec<(ProcessInfo, usize)> =
        all.iter().rev().filter(|info| !is_listed(info.parent)).map(|info| (*info, 0)).collect();
    while let Some((info, depth)) = waiting.pop() {
        let children = all.iter().rev().filter(|child| child.parent == info.id);
        waiting.extend(children.map(|child| (*child, depth + 1)));
        ordered.push(Process { info, depth });
    }
    ordered
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ProcessInfo { id, parent, runs, .. } = self.info;
        let client = ProcessId::new(id).ok();
        let known = client.and_then(name_of);
        let name = known.as_ref().map_or_else(|| server(client, parent), |name| name.as_str());
        // A deep tree leaves room for the beginning of the name.
        let (indent, room) = (self.depth.min(4), NAME - self.depth.min(4));
        let status = process::info::status_name(&self.info);
        write!(f, "{id:08x} {:indent$}{name:<room$.room$} {status:<8}", "")?;
        let pages = client.and_then(pages_of);
        let faults = client.and_then(faults_of);
        let of_pages = |count: fn(Pages) -> u32| Short(pages.map(count));
        let of_faults = |count: fn(Faults) -> u32| Short(faults.map(count));
        write!(
            f,
            " {:>4} {:>5} {:>5} {:>4} {:>4} {:>4}",
            Short(Some(runs)),
            of_pages(|pages| pages.resident),
            of_pages(|pages| pages.swapped),
            of_pages(|pages| pages.compressed),
            of_faults(|faults| faults.pages_in),
            of_faults(|faults| faults.pages_out),
        )
    }
}

/// The name of a process that is no client of the pager: the pager itself, or init, which alone has
/// no parent.
fn server(process: Option<ProcessId>, parent: u32) -> &'static str {
    if process.is_some() && process == identity().pager {
        "pager"
    } else if parent == 0 {
        "init"
    } else {
        "-"
    }
}
