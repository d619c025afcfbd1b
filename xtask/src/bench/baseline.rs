//! What may not get worse: the committed rows, and the compiler that made them.

use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::row::Row;

/// A row that is so many times the baseline's is not worse yet.
const TOLERANCE: f64 = 1.02;

/// The committed rows.
#[derive(Debug, Serialize, Deserialize)]
pub struct Baseline {
    /// The compiler that built what was measured: another one makes other instructions.
    pub compiler: String,
    rows: Vec<Held>,
}

/// What a row is held to.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    operation: String,
    median: Figure,
    /// Whether it met its target then; `None` without one.
    meets_target: Option<bool>,
}

impl Baseline {
    /// These rows.
    #[must_use]
    pub fn new(compiler: String, rows: &[Row]) -> Self {
        let rows = rows.iter().map(|row| Held {
            operation: row.operation.clone(),
            median: row.median,
            meets_target: row.meets_target(),
        });
        Self { compiler, rows: rows.collect() }
    }

    /// What is worse, a line each. Another compiler's rows are held to the targets alone.
    #[must_use]
    pub fn check(&self, compiler: &str, rows: &[Row]) -> Vec<String> {
        let held = self.rows.iter().filter_map(|held| {
            let row = rows.iter().find(|row| row.operation == held.operation);
            match row {
                Some(row) => held.complaint(row, self.compiler == compiler),
                None => Some(format!("{} is not measured any more", held.operation)),
            }
        });
        let is_held = |row: &&Row| self.rows.iter().any(|held| held.operation == row.operation);
        let new = rows.iter().filter(|row| !is_held(row));
        let new = new.map(|row| format!("{} is not in the baseline", row.operation));
        held.chain(new).collect()
    }
}

impl Held {
    fn complaint(&self, row: &Row, same_compiler: bool) -> Option<String> {
        let Row { operation, median, .. } = row;
        if let (Some(true), Some(target)) = (self.meets_target, row.target)
            && *median > target
        {
            return Some(format!("{operation} takes {median}, and its target of {target} was met"));
        }
        let ratio = median.get() / self.median.get();
        (same_compiler && ratio > TOLERANCE).then(|| {
            let percent = (ratio - 1.0) * 100.0;
            format!("{operation} takes {median} instead of {}: {percent:.1}% more", self.median)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::sample;
    use super::*;

    const COMPILER: &str = "rustc 1.96.0";

    fn check(compiler: &str, then: Row, now: Row) -> Vec<String> {
        Baseline::new(COMPILER.to_owned(), &[then]).check(compiler, &[now])
    }

    #[test]
    fn one_percent_more_passes_and_three_percent_more_fails() {
        let row = |median| sample("page_map", median, None);
        for passes in [500.0, 1000.0, 1010.0, 1020.0] {
            assert!(check(COMPILER, row(1000.0), row(passes)).is_empty(), "{passes}");
        }
        let worse = check(COMPILER, row(1000.0), row(1030.0));
        assert_eq!(worse, ["page_map takes 1,030 instead of 1,000: 3.0% more"]);
    }

    #[test]
    fn a_target_that_was_met_stays_met() {
        let row = |median| sample("trap", median, Some(150));
        assert_eq!(check(COMPILER, row(150.0), row(151.0)).len(), 1);
        assert!(check(COMPILER, row(150.0), row(150.0)).is_empty());
        assert!(check(COMPILER, row(400.0), row(401.0)).is_empty());
    }

    #[test]
    fn another_compilers_rows_are_held_to_the_targets_alone() {
        let row = |median| sample("trap", median, Some(150));
        assert!(check("rustc 1.97.0", row(100.0), row(150.0)).is_empty());
        assert_eq!(check("rustc 1.97.0", row(100.0), row(151.0)).len(), 1);
        assert!(check("rustc 1.97.0", row(200.0), row(400.0)).is_empty());
    }

    #[test]
    fn both_sides_have_the_same_rows() {
        let worse = check(COMPILER, sample("gone", 1.0, None), sample("new", 1.0, None));
        assert_eq!(worse, ["gone is not measured any more", "new is not in the baseline"]);
    }

    #[test]
    fn a_baseline_reads_back() {
        let rows = [sample("trap", 418.0, Some(150)), sample("fork_per_page", 406.6, None)];
        let text = serde_json::to_string(&Baseline::new(COMPILER.to_owned(), &rows)).unwrap();
        let back: Baseline = serde_json::from_str(&text).unwrap();
        assert_eq!(back.compiler, COMPILER);
        assert!(back.check(COMPILER, &rows).is_empty());
    }
}
