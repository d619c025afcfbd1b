//! How the rows are shown on a terminal: Markdown tables, so that they can be pasted.

use comfy_table::{CellAlignment, presets};

use super::anchors::{Anchors, Operation, System};
use super::figure::Figure;
use super::report::Report;
use super::row::Row;

pub use comfy_table::Table;

/// An empty table whose first column is text and whose others are figures.
#[must_use]
pub fn markdown<'a>(header: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Every operation beside its target and the other systems.
#[must_use]
pub fn operations(rows: &[Row], anchors: &Anchors) -> Table {
    let [jos, linux, sel4, xv6] = System::ALL.map(System::name);
    let mut table = markdown([
        "operation",
        "median",
        "min",
        "max",
        "iterations",
        "flushes",
        "CR3 loads",
        "target",
        "verdict",
        jos,
        linux,
        sel4,
        xv6,
    ]);
    for row in rows {
        let Some(operation) = anchors.of(&row.operation) else { continue };
        let mut cells = vec![
            row.operation.clone(),
            median(row, operation),
            row.min.to_string(),
            row.max.to_string(),
            row.iterations.to_string(),
            or_dash(row.flushes),
            or_dash(row.cr3_loads),
            or_dash(row.target),
            verdict(row, operation),
        ];
        cells.extend(System::ALL.map(|system| or_dash(operation.on(system))));
        table.add_row(cells);
    }
    table
}

/// The median; where a page is zeroed or copied, what remains stands beside it.
fn median(row: &Row, operation: &Operation) -> String {
    match operation.page {
        Some(page) => {
            let rest = Figure::new(row.median.get() - page.get());
            format!("{} ({page} + {rest})", row.median)
        }
        None => row.median.to_string(),
    }
}

/// Whether the target is met, and who is not slower.
fn verdict(row: &Row, operation: &Operation) -> String {
    let ahead = |system: &System| operation.on(*system).is_some_and(|other| other <= row.median);
    let behind: Vec<_> = System::ALL.into_iter().filter(ahead).map(System::name).collect();
    let target = match row.meets_target() {
        Some(true) => "met",
        Some(false) => "missed",
        None => "-",
    };
    if behind.is_empty() {
        target.to_owned()
    } else {
        format!("{target}, behind {}", behind.join(", "))
    }
}

/// The three figures of Appel and Li under the names of the VM-PUP suite.
#[must_use]
pub fn appel_and_li(rows: &[Row]) -> String {
    let names = [
        ("prot1_trap_unprot", "prot1+trap+unprot"),
        ("protn_trap_unprot_per_page", "protN+trap+unprot"),
        ("trap", "trap"),
    ];
    let found = names.iter().filter_map(|(key, name)| {
        let row = rows.iter().find(|row| row.operation == *key)?;
        Some((name, row.median))
    });
    let found: Vec<_> = found.collect();
    let sum = Figure::new(found.iter().map(|(_, median)| median.get()).sum());
    let parts: Vec<_> = found.iter().map(|(name, median)| format!("{name} {median}")).collect();
    format!("VM-PUP (Appel and Li 1991): {}; sum {sum}\n", parts.join(", "))
}

/// What grows with what: a line for each operation, then the sizes.
#[must_use]
pub fn growth(report: &Report) -> String {
    let mut text = String::new();
    for (unit, counts) in [
        ("processes that wait", &[1, 10, 100, 1000][..]),
        ("pages", &[16, 256, 1024, 4096, 65_536]),
    ] {
        text += &format!("{}\n\n", growth_with(&report.rows, unit, counts));
    }
    for size in &report.sizes {
        text += &format!("{}: {} {}\n", size.name, size.value, size.unit);
    }
    text
}

fn growth_with(rows: &[Row], unit: &str, counts: &[u32]) -> Table {
    let heads: Vec<_> = counts.iter().map(|count| Figure::from(*count).to_string()).collect();
    let mut table = markdown(std::iter::once(unit).chain(heads.iter().map(String::as_str)));
    let growth: Vec<_> = rows.iter().filter_map(|row| Some((row.growth()?, row.median))).collect();
    // The first count has every operation, in order.
    let operations = growth.iter().filter(|((_, count), _)| Some(count) == counts.first());
    let operations = operations.map(|((operation, _), _)| *operation);
    for operation in operations {
        let at = |count: &u32| {
            let found = growth.iter().find(|(key, _)| *key == (operation, *count));
            or_dash(found.map(|(_, median)| *median))
        };
        table.add_row(std::iter::once(operation.to_owned()).chain(counts.iter().map(at)));
    }
    table
}

fn or_dash(figure: Option<Figure>) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| figure.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::row::sample;
    use super::*;

    fn cells(text: &str) -> Vec<Vec<String>> {
        let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect();
        text.lines().skip(2).map(cells).collect()
    }

    #[test]
    fn a_row_says_whether_its_target_is_met_and_who_is_ahead() {
        let anchors = Anchors::load().unwrap();
        let verdicts = [
            ("null_int", 70.0, "met"),
            ("null_int", 106.0, "missed, behind seL4"),
            ("trap", 485.0, "missed, behind JOS"),
            ("handler_entry", 1.0, "-"),
        ];
        for (operation, median, expected) in verdicts {
            let target = anchors.of(operation).unwrap().target.map(|target| target.get() as u32);
            let table = operations(&[sample(operation, median, target)], &anchors).to_string();
            assert_eq!(cells(&table)[0][9], expected, "{operation} {median}");
        }
    }

    #[test]
    fn what_a_page_costs_in_any_case_is_told_apart() {
        let rows = [sample("page_alloc", 1566.0, Some(1200))];
        let table = operations(&rows, &Anchors::load().unwrap()).to_string();
        assert_eq!(cells(&table)[0][2], "1,566 (1,024 + 542)");
    }

    #[test]
    fn growth_is_a_line_for_each_operation() {
        let names = ["null_int@1", "trap@1", "null_int@10", "trap@10", "fork@16"];
        let rows: Vec<_> = (1..).zip(names).map(|(n, name)| sample(name, n.into(), None)).collect();
        let processes = cells(&growth_with(&rows, "processes", &[1, 10, 100]).to_string());
        assert_eq!(processes[0][1..5], ["null_int", "1", "3", "-"]);
        assert_eq!(processes[1][1..5], ["trap", "2", "4", "-"]);
        assert_eq!(processes.len(), 2);
    }

    #[test]
    fn the_three_of_appel_and_li_have_their_own_names() {
        let rows = [
            sample("trap", 418.0, None),
            sample("prot1_trap_unprot", 1682.0, None),
            sample("protn_trap_unprot_per_page", 1200.76, None),
        ];
        assert_eq!(
            appel_and_li(&rows),
            "VM-PUP (Appel and Li 1991): prot1+trap+unprot 1,682, protN+trap+unprot 1,200.76, \
             trap 418; sum 3,300.76\n"
        );
    }
}
