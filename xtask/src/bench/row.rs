//! A row: what one operation costs.

use serde::{Deserialize, Serialize};

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
    /// Translations of single pages that the kernel dropped, for one operation; if that was
    /// counted.
    pub flushes: Option<Figure>,
    /// Loads of CR3, likewise.
    pub cr3_loads: Option<Figure>,
    /// At most so many instructions; if there is a target.
    pub target: Option<Figure>,
}

impl Row {
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
        flushes: None,
        cr3_loads: Some(Figure::from(2)),
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
        let json = serde_json::to_value(sample("yield_pair", 682.0, Some(200))).unwrap();
        let expected = serde_json::json!({
            "operation": "yield_pair", "median": 682, "min": 682, "max": 682, "iterations": 10,
            "flushes": null, "cr3_loads": 2, "target": 200,
        });
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<Row>(json).unwrap().target, Some(Figure::from(200)));
    }

    #[test]
    fn growth_is_in_the_name() {
        assert_eq!(sample("fork@4096", 1.0, None).growth(), Some(("fork", 4096)));
        assert_eq!(sample("fork", 1.0, None).growth(), None);
    }
}
