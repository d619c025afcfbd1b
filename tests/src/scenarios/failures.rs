//! The failure matrix: each cell ends in one clear line of the kernel's for whoever it ends, and loses no frame.
//!
//! The checks of the same names count the frames themselves. Each runs its cell twice, so each line comes twice.

use libtest_mimic::Trial;

use crate::{Boot, Claim, claim};

/// A cell, and how the line ends of each process that it ends.
const CELLS: [(&str, &[&str]); 7] = [
    ("the_pager_exits", &["its pager has ended"]),
    ("the_pager_hangs", &["its pager did not answer in time"]),
    ("the_pager_replies_with_garbage", &["its pager refused"]),
    ("the_pager_faults_on_itself", &["its pager refused", "its pager has ended"]),
    ("the_client_is_killed_while_its_fault_is_served", &[]),
    ("the_outer_of_two_nested_pagers_dies", &["no handler, no pager", "its pager has ended"]),
    ("the_inner_of_two_nested_pagers_dies", &["its pager has ended"]),
];

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    CELLS
        .into_iter()
        .map(|(cell, ends)| claim(&format!("failures::{cell}"), move || run(cell, ends)))
        .collect()
}

fn run(cell: &str, ends: &[&str]) -> Claim {
    let outcome = Boot::new().run(&format!("checks failure_{cell}")).boot()?;
    let twice: Vec<_> = ends.iter().chain(ends).map(|end| format!("*user fault*{end}")).collect();
    let ok = format!("ok failure_{cell}");
    let expected: Vec<_> = twice.iter().chain([&ok]).map(String::as_str).collect();
    outcome.exits(0)?.shows(&expected)?.lacks(&["kernel panic", "FAILED"])?;
    let told = outcome.lines.iter().filter(|line| line.contains("user fault")).count();
    outcome.demand(told == twice.len(), || format!("{told} lines for {} ends", twice.len()))?;
    Ok(())
}
