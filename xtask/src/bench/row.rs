//! A row: what one operation costs.

use serde::{Deserialize, Serialize};

use super::events::{Events, REP_TURN};
use super::figure::Figure;

/// What one operation costs, as `--json` writes it.
///
/// The names of rows that show what grows with what have two parts: `fork@4096`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its key.
    pub operation: String,
    /// Instructions, in the middle of all iterations.
    pub median: Figure,
    /// The fewest.
    pub min: Figure,
    /// The most.
    pub max: Figure,
    /// How often it was repeated.
    pub iterations: u32,
    /// What happens in it that takes a processor long; if that was counted.
    #[serde(default)]
    pub events: Option<Events>,
    /// What it is estimated to cost a processor: [`super::weights`]; if events were counted.
    #[serde(default)]
    pub model_cycles: Option<Figure>,
    /// At most so many instructions; if there is a target.
    pub target: Option<Figure>,
}

impl Row {
    /// The instructions without the iterations of `rep`, by which pages are zeroed and copied; if
    /// there are any.
    #[must_use]
    pub fn without_rep(&self) -> Option<Figure> {
        let turns = self.events.as_ref()?.of(REP_TURN);
        (turns != 0.0).then(|| Figure::new(self.median.get() - turns))
    }

    /// Whether it meets its target; `None` without one.
    #[must_use]
    pub fn meets_target(&self) -> Option<bool> {
        self.target.map(|target| self.median <= target)
    }

    /// The operation and how many there are of what it grows with.
    #[must_use]
    pub fn growth(&self) -> Option<(&str, u32)> {
        let (operation, count) = self.operation.split_once('@')?;
        Some((operation, count.parse().ok()?))
    }
}

/// A row for tests.
#[cfg(test)]
#[must_use]
pub fn sample(operation: &str, median: f64, target: Option<u32>) -> Row {
    let median = Figure::new(median);
    Row {
        operation: operation.to_owned(),
        median,
        min: median,
        max: median,
        iterations: 10,
        events: None,
        model_cycles: None,
        target: target.map(Figure::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_up_to_the_last_instruction() {
        assert_eq!(sample("trap", 150.0, Some(150)).meets_target(), Some(true));
        assert_eq!(sample("trap", 150.01, Some(150)).meets_target(), Some(false));
        assert_eq!(sample("trap", 150.0, None).meets_target(), None);
    }

    #[test]
    fn json_has_the_members_that_others_read() {
        let row = Row {
            events: Some(Events::from([("cr3", 2.0), ("ds_es", 0.5)])),
            model_cycles: Some(Figure::from(1400)),
            ..sample("yield_pair", 682.0, Some(200))
        };
        let json = serde_json::to_value(&row).unwrap();
        let expected = serde_json::json!({
            "operation": "yield_pair", "median": 682, "min": 682, "max": 682, "iterations": 10,
            "events": { "cr3": 2, "ds_es": 0.5 }, "model_cycles": 1400, "target": 200,
        });
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<Row>(json).unwrap(), row);
    }

    #[test]
    fn a_row_of_before_events_were_counted_is_read() {
        let old = r#"{"operation":"trap","median":418,"min":418,"max":418,"iterations":10,
            "flushes":0,"cr3_loads":0,"target":150}"#;
        let row = serde_json::from_str::<Row>(old).unwrap();
        assert_eq!((row.events, row.model_cycles), (None, None));
    }

    #[test]
    fn iterations_of_rep_are_told_apart() {
        let mut row = sample("page_alloc", 1172.0, None);
        assert_eq!(row.without_rep(), None);
        row.events = Some(Events::from([(REP_TURN, 1025.0)]));
        assert_eq!(row.without_rep(), Some(Figure::from(147)));
    }

    #[test]
    fn growth_is_in_the_name() {
        assert_eq!(sample("fork@4096", 1.0, None).growth(), Some(("fork", 4096)));
        assert_eq!(sample("fork", 1.0, None).growth(), None);
    }
}
