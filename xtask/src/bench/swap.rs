//! `cargo xtask bench --swap`: what a page out and in costs, and how many requests the disk gets.
//!
//! `hog` measures: it knows its own work, and a child of its counts the time in which no process has
//! any. This file boots it on a machine whose memory is a quarter of its size.

use anyhow::{Context, Result};

use crate::disk::Disk;
use crate::workspace::Workspace;

use super::boot;

/// Memory of the machine, in MiB.
const MEMORY: u32 = 32;

/// The runs, and what they show.
const RUNS: [(&str, &str); 4] = [
    ("hog 128M --measure", "filled; then read back from both halves in turn"),
    ("hog 128M --measure --order rising", "filled; then read back one page after the other"),
    ("hog 128M --measure --order random", "filled; then read back in no order"),
    ("hog 64M --measure --compressible", "pages that shrink; from both halves in turn"),
];

/// Boots each run and prints its figures.
///
/// # Errors
/// A boot fails, or a run prints no figures.
pub fn swap(workspace: &Workspace) -> Result<()> {
    for (program, what) in RUNS {
        let disk = Disk::nameless(&workspace.output())?;
        let text = boot::run_with_swap(workspace, MEMORY, program, disk)?;
        println!("{program}, {MEMORY} MiB: {what}");
        let figures = figures(&text).with_context(|| format!("no figures in:\n{text}"))?;
        figures.iter().for_each(|line| println!("  {line}"));
    }
    Ok(())
}

/// The lines with figures, if there are all of them.
fn figures(text: &str) -> Option<Vec<&str>> {
    const BEGINNINGS: [&str; 3] = ["filling: ", "reading: ", "pages out: "];
    let is_figure = |line: &&str| BEGINNINGS.iter().any(|beginning| line.starts_with(beginning));
    let lines: Vec<_> = text.lines().filter(is_figure).collect();
    (lines.len() == 5 && lines[0].contains(" instructions a page")).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_five_lines_of_figures_that_are_instructions() {
        let text = "disk: 9 sectors\nfilling: 9 instructions a page, beside 8 of its own\n\
                    filling: 0 reads of 0 pages, 1 writes of 16 pages\nread 1 of 2 pages\n\
                    reading: 7 instructions a page, beside 6 of its own\n\
                    reading: 1 reads of 16 pages, 0 writes of 0 pages\npages out: 3, in: 2\n";
        assert_eq!(figures(text).map(|lines| lines.len()), Some(5));
        assert_eq!(figures(&text.replace("instructions", "cycles")), None);
        assert_eq!(figures(&text.replace("pages out", "out")), None);
    }
}
