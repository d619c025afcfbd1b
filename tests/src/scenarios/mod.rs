//! What is claimed about the running system, one file for each part of it.

use libtest_mimic::Trial;

mod boot;

/// Every claim.
#[must_use]
pub fn all() -> Vec<Trial> {
    [boot::trials()].into_iter().flatten().collect()
}
