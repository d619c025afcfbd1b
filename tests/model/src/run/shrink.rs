//! Leaves steps out of an episode that fails, as long as it fails.

use super::episode::{Step, run};

/// The steps that are needed for a failure.
#[must_use]
pub fn shrink(free: u32, steps: &[Step]) -> Vec<Step> {
    let mut kept = steps.to_vec();
    let mut size = kept.len().div_ceil(2);
    loop {
        let mut at = 0;
        let mut shorter = false;
        while at < kept.len() {
            let end = (at + size).min(kept.len());
            let tried = [&kept[..at], &kept[end..]].concat();
            let outcome = run(free, &tried, false);
            if outcome.failure.is_some() {
                kept = tried[..outcome.steps as usize].to_vec();
                shorter = true;
            } else {
                at = end;
            }
        }
        if size == 1 && !shorter {
            return kept;
        }
        size = size.div_ceil(2).max(1);
    }
}
