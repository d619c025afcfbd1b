//! Leaves steps out of an episode that fails, as long as it fails.

use super::episode::{Step, run};

/// The steps that are needed for a failure.
#[must_use]
pub fn shrink(free: u32, steps: &[Step]) -> Vec<Step> {
    shorten(steps, |tried| {
        let outcome = run(free, tried, false);
        outcome.failure.map(|_| outcome.steps as usize)
    })
}

/// Leaves runs of steps out, long ones first. `fails` says after how many steps what is left fails.
fn shorten(steps: &[Step], fails: impl Fn(&[Step]) -> Option<usize>) -> Vec<Step> {
    let mut kept = steps.to_vec();
    let mut size = kept.len().div_ceil(2);
    loop {
        let mut at = 0;
        let mut shorter = false;
        while at < kept.len() {
            let end = (at + size).min(kept.len());
            let tried = [&kept[..at], &kept[end..]].concat();
            if let Some(needed) = fails(&tried) {
                kept = tried[..needed].to_vec();
                shorter = true;
            } else {
                at = end;
            }
        }
        if size <= 1 && !shorter {
            return kept;
        }
        size = size.div_ceil(2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_that_are_needed_stay_and_no_others() {
        let steps: Vec<Step> = (0..1000).collect();
        let needs = [17, 400, 401, 903];
        let fails = |tried: &[Step]| {
            let at = |need: &Step| tried.iter().position(|step| step == need);
            let last = needs.iter().map(at).collect::<Option<Vec<_>>>()?.into_iter().max()?;
            Some(last + 1)
        };
        assert_eq!(shorten(&steps, fails), needs);
    }
}
