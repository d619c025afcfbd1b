//! The counts of a series: of each event the median over its repetitions.
//!
//! The median, as for instructions: in a few repetitions something else happens as well, such as an
//! interrupt of the timer's, and another image has it in others. An average would show it.

use std::fmt::Write;

use crate::event::Event;
use crate::mark::Mark;

/// How often each event has happened.
pub type Counts = [u64; Event::ALL.len()];

/// The series that is open, and where its open repetition began.
#[derive(Default)]
pub struct Series {
    repetitions: Vec<Counts>,
    began: Option<Counts>,
}

impl Series {
    /// Takes a mark that is executed when `counts` have been counted. Some marks make a line of
    /// output.
    ///
    /// An end without a beginning has no effect: a forked child passes the end of the repetition
    /// that its parent began.
    pub fn take(&mut self, mark: Mark, counts: &Counts) -> Option<String> {
        match mark {
            Mark::Part => return Some("\"part\"".to_owned()),
            Mark::Series => *self = Self::default(),
            Mark::Begin => self.began = Some(*counts),
            Mark::End => {
                let repetition = |began: Counts| std::array::from_fn(|it| counts[it] - began[it]);
                self.repetitions.extend(self.began.take().map(repetition));
            }
            Mark::Done => return Some(self.line()),
        }
        None
    }

    /// A JSON object: how many repetitions there were, and the median of each event.
    fn line(&self) -> String {
        let mut line = format!("{{\"repetitions\":{}", self.repetitions.len());
        for event in Event::ALL {
            let median = self.median(event);
            write!(line, ",\"{}\":{median}", event.name()).expect("a string takes everything");
        }
        line + "}"
    }

    /// Of an even number of repetitions, the larger count of the two in the middle; 0 of none.
    fn median(&self, event: Event) -> u64 {
        let mut counts: Vec<_> = self.repetitions.iter().map(|it| it[event as usize]).collect();
        counts.sort_unstable();
        counts.get(counts.len() / 2).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts with so many of these events.
    fn counts(events: &[(Event, u64)]) -> Counts {
        let mut counts = Counts::default();
        events.iter().for_each(|(event, count)| counts[*event as usize] = *count);
        counts
    }

    /// Takes a repetition with so many of an event, after which there have been `sum`.
    fn repeat(series: &mut Series, event: Event, count: u64, sum: &mut u64) {
        assert_eq!(series.take(Mark::Begin, &counts(&[(event, *sum)])), None);
        *sum += count;
        assert_eq!(series.take(Mark::End, &counts(&[(event, *sum)])), None);
    }

    fn line(series: &mut Series) -> String {
        series.take(Mark::Done, &counts(&[])).unwrap()
    }

    #[test]
    fn an_event_that_one_repetition_has_is_not_in_the_median() {
        let (mut series, mut sum) = (Series::default(), 0);
        series.take(Mark::Series, &counts(&[]));
        for count in [2, 2, 9, 2] {
            repeat(&mut series, Event::Invlpg, count, &mut sum);
        }
        let line = line(&mut series);
        assert!(line.starts_with("{\"repetitions\":4,\"int\":0,"), "{line}");
        assert!(line.contains("\"invlpg\":2,\"cr3\":0,"), "{line}");
    }

    #[test]
    fn of_two_in_the_middle_the_larger_is_taken() {
        let (mut series, mut sum) = (Series::default(), 5);
        for count in [1, 0, 0, 1] {
            repeat(&mut series, Event::Cr3, count, &mut sum);
        }
        let line = line(&mut series);
        assert!(line.contains("\"cr3\":1,"), "{line}");
    }

    #[test]
    fn a_forked_childs_end_is_none() {
        let (mut series, mut sum) = (Series::default(), 0);
        repeat(&mut series, Event::Cr3, 3, &mut sum);
        series.take(Mark::End, &counts(&[(Event::Cr3, 7)]));
        let line = line(&mut series);
        assert!(line.starts_with("{\"repetitions\":1,"), "{line}");
        assert!(line.contains("\"cr3\":3,"), "{line}");
    }

    #[test]
    fn a_new_series_forgets_the_one_before() {
        let (mut series, mut sum) = (Series::default(), 0);
        repeat(&mut series, Event::Locked, 1, &mut sum);
        series.take(Mark::Series, &counts(&[]));
        let line = line(&mut series);
        assert!(line.contains("\"repetitions\":0,") && line.contains("\"locked\":0,"), "{line}");
        assert_eq!(series.take(Mark::Part, &counts(&[])).unwrap(), "\"part\"");
    }
}
