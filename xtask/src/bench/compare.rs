//! What has changed since an earlier run.

use super::row::Row;
use super::table::{Table, markdown};

/// Every operation of either run: then, now, and the difference.
#[must_use]
pub fn table(earlier: &[Row], now: &[Row]) -> Table {
    let mut table = markdown(["operation", "earlier", "now", "change"]);
    for row in now {
        let before = earlier.iter().find(|before| before.operation == row.operation);
        table.add_row([
            row.operation.clone(),
            before.map_or_else(|| "-".to_owned(), |before| before.median.to_string()),
            row.median.to_string(),
            before.map_or_else(|| "new".to_owned(), |before| change(before, row)),
        ]);
    }
    for gone in earlier.iter().filter(|row| now.iter().all(|now| now.operation != row.operation)) {
        let (operation, median) = (gone.operation.clone(), gone.median.to_string());
        table.add_row([operation, median, "-".to_owned(), "gone".to_owned()]);
    }
    table
}

fn change(before: &Row, now: &Row) -> String {
    let (before, now) = (before.median.get(), now.median.get());
    if before == now { "same".to_owned() } else { format!("{:+.1}%", (now / before - 1.0) * 100.0) }
}

#[cfg(test)]
mod tests {
    use super::super::row::sample;
    use super::*;

    #[test]
    fn every_row_of_either_run_is_told() {
        let earlier = [("a", 1000.0), ("b", 200.0), ("c", 3.0)];
        let now = [("b", 200.0), ("a", 900.0), ("d", 4.0)];
        let rows = |rows: [(&str, f64); 3]| rows.map(|(name, median)| sample(name, median, None));
        let text = table(&rows(earlier), &rows(now)).to_string();
        let lines: Vec<_> = text.lines().skip(2).map(|line| line.replace(' ', "")).collect();
        let expected = ["|b|200|200|same|", "|a|1,000|900|-10.0%|", "|d|-|4|new|", "|c|3|-|gone|"];
        assert_eq!(lines, expected);
    }
}
