//! The shell's `ps`: every process on a line of at most 80 columns.

use libsys::abi::process_info::ProcessInfo;
use libsys::print;
use libsys::process::info;
use libsys::runtime::short::Short;
use libsys::service::pager::{ShortName, faults_of, name_of, pages_of};
use libsys::{ProcessId, identity, println, usage};

/// Letters of a name that are shown.
const NAME: usize = 10;

/// Prints the table.
///
/// The kernel knows no names: the pager has kept the names of its clients' programs. The rest is in UENVS, or the
/// pager's to tell, or for the shell's own processes the kernel's.
pub fn print() {
    println!(
        "{:<8} {:<8} {:<NAME$} {:<8} {:>5} {:>6} {:>6} {:>5} {:>6} {:>4} {:>4}",
        "ID", "PARENT", "NAME", "STATUS", "RUNS", "FRAMES", "MEMORY", "DISK", "PACKED", "IN", "OUT"
    );
    for facts in info::processes() {
        let ProcessInfo { id, parent, runs, .. } = facts;
        let status = info::status_name(&facts);
        let process = ProcessId::new(id).ok();
        let known = process.and_then(name_of);
        let name = known.as_ref().map_or_else(|| server(process, parent), ShortName::as_str);
        print!("{id:08x} {parent:08x} {name:<NAME$.NAME$} {status:<8} {:>5} ", Short(Some(runs)));
        // Only of itself and its children may the shell know how much they have.
        let frames = process.and_then(|process| usage(process).ok()).map(|usage| usage.frames);
        let (pages, faults) = (process.and_then(pages_of), process.and_then(faults_of));
        println!(
            "{:>6} {:>6} {:>5} {:>6} {:>4} {:>4}",
            Short(frames),
            Short(pages.map(|pages| pages.resident)),
            Short(pages.map(|pages| pages.swapped)),
            Short(pages.map(|pages| pages.compressed)),
            Short(faults.map(|faults| faults.pages_in)),
            Short(faults.map(|faults| faults.pages_out)),
        );
    }
}

/// The name of a process that is no client of the pager: of the pager itself, and of init, which alone has no parent.
fn server(process: Option<ProcessId>, parent: u32) -> &'static str {
    if process.is_some() && process == identity().pager {
        "pager"
    } else if parent == 0 {
        "init"
    } else {
        "-"
    }
}
