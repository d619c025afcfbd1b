//! The shell's `ps`: prints every process in a line of at most 80 columns.

use libsys::abi::process_info::ProcessInfo;
use libsys::print;
use libsys::process;
use libsys::runtime::short::Short;
use libsys::service::pager::{ShortName, faults_of, name_of, pages_of};
use libsys::{ProcessId, identity, println, usage};

/// Letters of a name that are shown.
const NAME: usize = 10;

/// Prints the table.
///
/// The kernel knows no names: the pager has the names of its clients' programs. FRAMES comes from
/// the kernel, for the shell and its children alone. The columns from MEMORY to OUT come from the
/// pager. The rest is in UENVS.
pub fn print() -> u8 {
    println!(
        "{:<8} {:<8} {:<NAME$} {:<8} {:>5} {:>6} {:>6} {:>5} {:>6} {:>4} {:>4}",
        "ID", "PARENT", "NAME", "STATUS", "RUNS", "FRAMES", "MEMORY", "DISK", "PACKED", "IN", "OUT"
    );
    for info in process::info::processes() {
        let ProcessInfo { id, parent, runs, .. } = info;
        let status = process::info::status_name(&info);
        let client = ProcessId::new(id).ok();
        let known = client.and_then(name_of);
        let name = known.as_ref().map_or_else(|| server(client, parent), ShortName::as_str);
        print!("{id:08x} {parent:08x} {name:<NAME$.NAME$} {status:<8} {:>5} ", Short(Some(runs)));
        // A process can ask for the usage of itself and its children only.
        let frames = client.and_then(|client| usage(client).ok()).map(|usage| usage.frames);
        let (pages, faults) = (client.and_then(pages_of), client.and_then(faults_of));
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
    0
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
