//! What has changed since an earlier run.

use super::figure::Figure;
use super::row::Row;
use super::table::{Table, markdown, or_dash, shown};

/// Every operation of either run: then, now, and the difference, in instructions and in model
/// cycles.
#[must_use]
pub fn table(earlier: &[Row], now: &[Row]) -> Table {
    let mut table =
        markdown(["operation", "instructions", "now", "change", "model cycles", "now", "change"]);
    let gone = earlier.iter().filter(|row| now.iter().all(|now| now.operation != row.operation));
    let before = |row: &Row| earlier.iter().find(|before| before.operation == row.operation);
    let pairs = now.iter().map(|row| (before(row), Some(row)));
    for (before, now) in pairs.chain(gone.map(|row| (Some(row), None))) {
        let Some(row) = now.or(before) else { continue };
        let figures = |of: fn(&Row) -> Option<Figure>| {
            let (before, now) = (before.and_then(of), now.and_then(of));
            [or_dash(before), or_dash(now), change(before, now)]
        };
        let [instructions, cycles] =
            [figures(|row| Some(row.median)), figures(|row| row.model_cycles)];
        table.add_row([shown(&row.operation)].into_iter().chain(instructions).chain(cycles));
    }
    table
}

fn change(before: Option<Figure>, now: Option<Figure>) -> String {
    match (before.map(Figure::get), now.map(Figure::get)) {
        (None, None) => "-".to_owned(),
        (None, Some(_)) => "new".to_owned(),
        (Some(_), None) => "gone".to_owned(),
        (Some(before), Some(now)) if before == now => "same".to_owned(),
        (Some(before), Some(now)) => format!("{:+.1}%", (now / before - 1.0) * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::sample;
    use super::*;

    #[test]
    fn every_row_of_either_run_is_told() {
        let earlier = [("a", 1000.0), ("b", 200.0), ("c", 3.0)];
        let now = [("b", 200.0), ("a", 900.0), ("d", 4.0)];
        let row = |(name, median)| Row {
            model_cycles: (name == "a").then(|| Figure::new(2.0 * median)),
            ..sample(name, median, None)
        };
        let rows = |rows: [(&'static str, f64); 3]| rows.map(row);
        let text = table(&rows(earlier), &rows(now)).to_string();
        let lines: Vec<_> = text.lines().skip(2).map(|line| line.replace(' ', "")).collect();
        let expected = [
            "|b|200|200|same|-|-|-|",
            "|a|1,000|900|-10.0%|2,000|1,800|-10.0%|",
            "|d|-|4|new|-|-|-|",
            "|c|3|-|gone|-|-|-|",
        ];
        assert_eq!(lines, expected);
    }
}
