//! What is claimed about the running system, one file for each part of it.

use libtest_mimic::Trial;

mod boot;
mod docs;
mod programs;
mod shell;

/// Every claim.
#[must_use]
pub fn all() -> Vec<Trial> {
    [boot::trials(), programs::trials(), shell::trials(), docs::trials()]
        .into_iter()
        .flatten()
        .collect()
}
