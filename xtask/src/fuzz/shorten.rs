//! Which steps of a batch a finding needs: halves, then smaller and smaller pieces, are left out
//! while it is still shown.
//!
//! This is delta debugging (Zeller and Hildebrandt, 2002) with one difference: the steps that are
//! kept form a few runs of neighbours, because the fuzzer takes the steps to leave out as ranges.

use anyhow::Result;

/// The most ranges that the fuzzer takes, and the most bytes that the kernel's command line has
/// room for.
const RANGES: usize = 64;
const BYTES: usize = 800;
/// Behind every step that there can be.
const END: u32 = u32::MAX;

/// A step of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step(u32);

impl Step {
    /// The step of a line `/* BATCH:MEMBER:STEP */ …`.
    #[must_use]
    pub fn of_line(line: &str) -> Option<Self> {
        let (place, _) = line.strip_prefix("/* ")?.split_once(" */")?;
        let mut numbers = place.split(':').skip(1).map(str::parse::<u16>);
        let (Some(Ok(member)), Some(Ok(step)), None) =
            (numbers.next(), numbers.next(), numbers.next())
        else {
            return None;
        };
        Some(Self(u32::from(member) << 16 | u32::from(step)))
    }

    /// `member * 65536 + step`.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// The ranges of all steps but these, as the fuzzer's `--drop` takes them. `None`: there are more
/// than it takes.
#[must_use]
pub fn left_out(kept: &[Step]) -> Option<String> {
    let mut kept: Vec<u32> = kept.iter().map(|step| step.0).collect();
    kept.sort_unstable();
    let mut ranges = Vec::new();
    let mut next = 0;
    for step in kept {
        if next < step {
            ranges.push(format!("{next}-{step}"));
        }
        next = step + 1;
    }
    if next < END {
        ranges.push(format!("{next}-{END}"));
    }
    let text = ranges.join(",");
    (ranges.len() <= RANGES && text.len() <= BYTES).then_some(text)
}

/// The steps without which `shows` is false, as far as leaving out neighbours finds them.
///
/// # Errors
/// Those of `shows`.
pub fn shorten(all: &[Step], mut shows: impl FnMut(&[Step]) -> Result<bool>) -> Result<Vec<Step>> {
    let mut kept = all.to_vec();
    kept.sort_unstable();
    let mut size = kept.len().div_ceil(2);
    while size > 0 && !kept.is_empty() {
        let mut start = 0;
        let before = kept.len();
        while start < kept.len() {
            let end = (start + size).min(kept.len());
            let fewer: Vec<Step> = [&kept[..start], &kept[end..]].concat();
            if shows(&fewer)? {
                kept = fewer;
            } else {
                start = end;
            }
        }
        // What is left out makes other pieces superfluous.
        if kept.len() == before || size > 1 {
            size /= 2;
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_read_from_its_line_and_from_nothing_else() {
        assert_eq!(Step::of_line("/* 12:3:5 */ x;"), Some(Step(3 << 16 | 5)));
        for line in ["/* 12:3 */", "/* 12:3:5:6 */", "/* 12:3:65536 */", "12:3:5", "/* a:b:c */"] {
            assert_eq!(Step::of_line(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_left_out_is_all_between_the_kept_steps() {
        let ranges = |kept: &[u32]| left_out(&kept.iter().copied().map(Step).collect::<Vec<_>>());
        assert_eq!(ranges(&[]).unwrap(), "0-4294967295");
        assert_eq!(ranges(&[0, 1, 7]).unwrap(), "2-7,8-4294967295");
        let every_second = |count: u32| (1..=count).map(|step| step * 2).collect::<Vec<_>>();
        assert!(ranges(&every_second(63)).is_some());
        assert!(ranges(&every_second(64)).is_none());
        // The ranges are few, but their numbers long.
        let far: Vec<u32> = every_second(60).iter().map(|step| step << 20).collect();
        assert!(ranges(&far).is_none());
    }

    #[test]
    fn the_steps_that_are_needed_are_kept_and_no_others() {
        let mut random = fastrand::Rng::with_seed(1);
        for count in [0, 1, 2, 3, 7, 8, 9, 300] {
            let all: Vec<Step> = (0..count).map(Step).collect();
            for needs in 0..6.min(count + 1) {
                let mut needed = random.choose_multiple(all.iter().copied(), needs as usize);
                needed.sort_unstable();
                let shows = |kept: &[Step]| Ok(needed.iter().all(|step| kept.contains(step)));
                assert_eq!(shorten(&all, shows).unwrap(), needed);
            }
        }
    }
}
