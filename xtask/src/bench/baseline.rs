//! What may not get worse: the committed rows, and the compiler that made them.

use serde::{Deserialize, Serialize};

use super::events::Events;
use super::figure::Figure;
use super::row::Row;

/// A figure that exceeds the baseline's by this share of it is not worse yet.
const TOLERANCE: f64 = 0.02;

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model_cycles: Option<Figure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    events: Option<Events>,
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
            model_cycles: row.model_cycles,
            events: row.events.as_ref().map(Events::that_happen),
            meets_target: row.meets_target(),
        });
        Self { compiler, rows: rows.collect() }
    }

    /// What is worse, a line each. Another compiler's rows are held to the targets alone.
    #[must_use]
    pub fn check(&self, compiler: &str, rows: &[Row]) -> Vec<String> {
        let held = self.rows.iter().flat_map(|held| {
            let row = rows.iter().find(|row| row.operation == held.operation);
            match row {
                Some(row) => held.complaints(row, self.compiler == compiler),
                None => vec![format!("{} is not measured any more", held.operation)],
            }
        });
        let is_held = |row: &&Row| self.rows.iter().any(|held| held.operation == row.operation);
        let new = rows.iter().filter(|row| !is_held(row));
        let new = new.map(|row| format!("{} is not in the baseline", row.operation));
        held.chain(new).collect()
    }
}

impl Held {
    fn complaints(&self, row: &Row, same_compiler: bool) -> Vec<String> {
        let mut complaints: Vec<_> = self.missed_target(row).into_iter().collect();
        if same_compiler {
            complaints.extend(self.slower(row));
            complaints.extend(self.more_events(row));
        }
        complaints
    }

    fn missed_target(&self, row: &Row) -> Option<String> {
        let Row { operation, median, target, .. } = row;
        let target = target.filter(|target| self.meets_target == Some(true) && median > target)?;
        Some(format!("{operation} takes {median}, and its target of {target} was met"))
    }

    /// More instructions, or more model cycles.
    fn slower<'a>(&self, row: &'a Row) -> impl Iterator<Item = String> + use<'a> {
        let figures = [
            ("", Some(self.median), Some(row.median)),
            (" model cycles", self.model_cycles, row.model_cycles),
        ];
        figures.into_iter().filter_map(|(unit, then, now)| {
            let (then, now) = (then?, now?);
            let percent = (worse(then.get(), now.get())? - 1.0) * 100.0;
            let operation = &row.operation;
            Some(format!("{operation} takes {now}{unit} instead of {then}: {percent:.1}% more"))
        })
    }

    /// More of an event: one flush more does not show among many instructions.
    fn more_events(&self, row: &Row) -> Vec<String> {
        let (Some(then), Some(now)) = (&self.events, &row.events) else { return Vec::new() };
        let more = now.all().filter(|(event, count)| worse(then.of(event), *count).is_some());
        let complaint = |(event, count): (&str, f64)| {
            let (operation, then) = (&row.operation, then.of(event));
            format!("{operation} has {count} of `{event}` instead of {then}")
        };
        more.map(complaint).collect()
    }
}

/// How many times as much it is now, if that is worse. What was nothing may not become something.
fn worse(then: f64, now: f64) -> Option<f64> {
    (now > then + then.abs() * TOLERANCE).then(|| now / then)
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
    fn one_more_flush_fails_where_it_is_no_two_percent() {
        let row = |flushes, cycles| Row {
            events: Some(Events::from([("invlpg", flushes), ("cr3", 0.0)])),
            model_cycles: Some(Figure::new(cycles)),
            ..sample("spawn_program", 31_000.0, None)
        };
        let worse = check(COMPILER, row(2.0, 30_000.0), row(3.0, 30_120.0));
        assert_eq!(worse, ["spawn_program has 3 of `invlpg` instead of 2"]);
        let worse = check(COMPILER, row(0.0, 30_000.0), row(0.5, 30_000.0));
        assert_eq!(worse, ["spawn_program has 0.5 of `invlpg` instead of 0"]);
        let worse = check(COMPILER, row(2.0, 1_000.0), row(2.0, 1_030.0));
        assert_eq!(worse, ["spawn_program takes 1,030 model cycles instead of 1,000: 3.0% more"]);
        assert!(check(COMPILER, row(2.0, 30_000.0), row(1.0, 29_880.0)).is_empty());
        assert!(check("rustc 1.97.0", row(2.0, 30_000.0), row(3.0, 60_000.0)).is_empty());
    }

    #[test]
    fn a_run_without_events_is_held_to_its_instructions() {
        let with = Row {
            events: Some(Events::from([("invlpg", 1.0)])),
            model_cycles: Some(Figure::from(300)),
            ..sample("trap", 100.0, None)
        };
        let without = |median| sample("trap", median, None);
        assert!(check(COMPILER, with.clone(), without(100.0)).is_empty());
        assert_eq!(check(COMPILER, with, without(103.0)).len(), 1);
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
