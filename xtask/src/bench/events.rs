//! How often each event happens in an operation: what the plugin (`xtask/counter`) has counted.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize, Serializer};

use super::figure::Figure;

/// Events of one operation, by name: the median over its repetitions, or one page's share of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Events(#[serde(serialize_with = "whole_where_whole")] BTreeMap<String, f64>);

/// The iterations of `rep` instructions: each counts as an instruction.
pub const REP_TURN: &str = "rep_turn";
/// 4 KiB that `rep` instructions have stored.
pub const REP_PAGE: &str = "rep_page";
/// The plugin counts bytes.
const REP_BYTE: &str = "rep_byte";
const BYTES_OF_A_PAGE: f64 = 4096.0;

impl Events {
    /// How often an event happens; 0 if it has never been heard of.
    #[must_use]
    pub fn of(&self, event: &str) -> f64 {
        self.0.get(event).copied().unwrap_or(0.0)
    }

    /// All events and how often each happens.
    pub fn all(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(event, count)| (event.as_str(), *count))
    }

    /// Only those that happen; the others are 0 all the same.
    #[must_use]
    pub fn that_happen(&self) -> Self {
        self.all().filter(|(_, count)| *count != 0.0).collect()
    }

    /// Without those of an operation that is a part of this one.
    #[must_use]
    pub fn beyond(&self, part: &Self) -> Self {
        self.map(|event, count| count - part.of(event))
    }

    /// The share of one of `things`.
    #[must_use]
    pub fn share(&self, things: u32) -> Self {
        self.map(|_, count| count / f64::from(things))
    }

    fn map(&self, change: impl Fn(&str, f64) -> f64) -> Self {
        Self(self.all().map(|(event, count)| (event.to_owned(), change(event, count))).collect())
    }
}

impl<'a> FromIterator<(&'a str, f64)> for Events {
    fn from_iter<I: IntoIterator<Item = (&'a str, f64)>>(counts: I) -> Self {
        Self(counts.into_iter().map(|(event, count)| (event.to_owned(), count)).collect())
    }
}

impl<const N: usize> From<[(&str, f64); N]> for Events {
    fn from(counts: [(&str, f64); N]) -> Self {
        counts.into_iter().collect()
    }
}

fn whole_where_whole<S: Serializer>(
    counts: &BTreeMap<String, f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counts.iter().map(|(event, count)| (event, Figure::exact(*count))))
}

/// What the plugin wrote: each part's series, in the order in which they ran.
#[derive(Debug, Default)]
pub struct Counted(Vec<Vec<Series>>);

/// The plugin's line where a part begins; each other line is a series.
const PART: &str = "\"part\"";

/// The repetitions of an operation.
#[derive(Debug, Deserialize)]
pub struct Series {
    /// How many there were.
    pub repetitions: u32,
    /// Of each event.
    #[serde(flatten)]
    medians: BTreeMap<String, f64>,
}

impl Counted {
    /// Reads the plugin's file.
    ///
    /// # Errors
    /// A line is damaged.
    pub fn read(text: &str) -> Result<Self> {
        let mut parts: Vec<Vec<Series>> = Vec::new();
        for line in text.lines() {
            if line == PART {
                parts.push(Vec::new());
                continue;
            }
            let series = serde_json::from_str(line)
                .with_context(|| format!("cannot read the plugin's line {line}"))?;
            parts.last_mut().context("a series is in no part")?.push(series);
        }
        Ok(Self(parts))
    }

    /// A series of a part.
    ///
    /// # Errors
    /// There is none.
    pub fn series(&self, part: usize, series: usize) -> Result<&Series> {
        let found = self.0.get(part).and_then(|part| part.get(series));
        found.with_context(|| format!("the plugin's part {part} has no series {series}"))
    }
}

impl Series {
    /// The events of one repetition.
    #[must_use]
    pub fn events(&self) -> Events {
        Events(self.medians.iter().map(in_pages).collect())
    }
}

fn in_pages((event, count): (&String, &f64)) -> (String, f64) {
    if event == REP_BYTE {
        (REP_PAGE.to_owned(), count / BYTES_OF_A_PAGE)
    } else {
        (event.clone(), *count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\"part\"\n\
        {\"repetitions\":2,\"int\":2,\"rep_byte\":2048}\n\
        \"part\"\n\
        {\"repetitions\":4,\"int\":1,\"rep_byte\":0}\n";

    #[test]
    fn events_are_those_of_a_series_in_its_part() {
        let counted = Counted::read(TEXT).unwrap();
        let series = counted.series(0, 0).unwrap();
        assert_eq!(series.repetitions, 2);
        assert_eq!(series.events(), Events::from([("int", 2.0), (REP_PAGE, 0.5)]));
        assert_eq!(counted.series(1, 0).unwrap().events().of("int"), 1.0);
    }

    #[test]
    fn what_was_not_counted_is_an_error() {
        let counted = Counted::read(TEXT).unwrap();
        for (part, series) in [(0, 1), (1, 1), (2, 0)] {
            assert!(counted.series(part, series).is_err(), "{part} {series}");
        }
        assert!(Counted::read("{\"repetitions\":1}").is_err());
        assert!(Counted::read("\"part\"\n{\"int\":1}").is_err());
    }

    #[test]
    fn a_part_is_subtracted_before_a_thing_gets_its_share() {
        let whole = Events::from([("int", 12.0), ("invlpg", 100.0)]);
        let part = Events::from([("int", 2.0)]);
        let share = whole.beyond(&part).share(100);
        assert_eq!(share, Events::from([("int", 0.1), ("invlpg", 1.0)]));
        assert_eq!(share.of("cr3"), 0.0);
    }

    #[test]
    fn what_does_not_happen_can_be_left_out() {
        let events = Events::from([("int", 1.0), ("cr3", 0.0), ("invlpg", -1.0)]).that_happen();
        assert_eq!(events, Events::from([("int", 1.0), ("invlpg", -1.0)]));
    }
}
