//! How the rows are shown on a terminal: Markdown tables, so that they can be pasted, of at most 100
//! columns.

use comfy_table::{CellAlignment, presets};

use super::anchors::{Anchors, Operation, System};
use super::events::{Events, REP_PAGE};
use super::figure::Figure;
use super::report::Report;
use super::row::Row;
use super::weights::Weights;

pub use comfy_table::Table;

/// After a target that is missed.
const MISSED: char = '!';
/// After the figure of a system that is not slower.
const AHEAD: char = '*';

/// What the signs in the first table mean.
pub const LEGEND: &str = "\
Instructions. rest: without zeroing and copying by `rep`; !: above the target; *: not above Vitrine.
`cargo xtask bench --rows` says what each row measures, here and elsewhere.
";

/// What the columns of the second table mean.
pub const EVENTS_LEGEND: &str = "\
cycles: model cycles, an estimate by xtask/data/weights.json, of instructions and of what follows.
int, sys, #PF: entries by int, SYSENTER and page fault; sysx: returns by SYSEXIT (others: IRET);
inv, CR3: INVLPGs, loads of CR3; FPU: states stored and loaded; seg: loads of ds, es, fs and gs;
lock: locked operations; page: 4 KiB zeroed or copied by `rep`.
";

/// The columns of the second table: a name, and the events whose sum it is.
const EVENT_COLUMNS: [(&str, &[&str]); 10] = [
    ("int", &["int"]),
    ("sys", &["sysenter"]),
    ("#PF", &["fault"]),
    ("sysx", &["sysexit"]),
    ("inv", &["invlpg"]),
    ("CR3", &["cr3"]),
    ("FPU", &["fpu_save", "fpu_load"]),
    ("seg", &["ds_es", "fs_gs"]),
    ("lock", &["locked"]),
    ("page", &[REP_PAGE]),
];

/// An empty table whose first column is text and whose others are figures.
#[must_use]
pub fn markdown<'a>(header: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
        column.set_padding((1, 0));
    }
    table
}

/// Every operation beside its target and the other systems.
#[must_use]
pub fn operations(rows: &[Row], anchors: &Anchors) -> Table {
    let [jos, linux, sel4, xv6] = System::ALL.map(System::name);
    let mut table = markdown(["operation", "Vitrine", "rest", "target", jos, linux, sel4, xv6]);
    for row in rows {
        let Some(operation) = anchors.of(&row.operation) else { continue };
        let mut cells = vec![
            shown(&row.operation),
            row.median.to_string(),
            or_dash(row.without_rep()),
            target(row),
        ];
        cells.extend(System::ALL.map(|system| other(row, operation, system)));
        table.add_row(cells);
    }
    table
}

/// What a processor takes long for in each operation, and the estimate of it all.
#[must_use]
pub fn events(rows: &[Row]) -> Table {
    let names = EVENT_COLUMNS.iter().map(|(name, _)| *name);
    let mut table = markdown(["operation", "cycles"].into_iter().chain(names));
    for row in rows {
        let (Some(events), Some(cycles)) = (&row.events, row.model_cycles) else { continue };
        let counts = EVENT_COLUMNS.iter().map(|(_, summed)| count(events, summed));
        table.add_row([shown(&row.operation), short(cycles.get())].into_iter().chain(counts));
    }
    table
}

/// A line for each row in which something happens that has no weight.
#[must_use]
pub fn unweighed(rows: &[Row], weights: &Weights) -> String {
    let line = |row: &Row| {
        let events = row.events.as_ref()?;
        let names: Vec<_> = weights.unweighed(events).collect();
        let (operation, names) = (&row.operation, names.join(", "));
        (!names.is_empty()).then(|| format!("{operation}: the model cycles lack {names}\n"))
    };
    rows.iter().filter_map(line).collect()
}

/// How often events happen; less than a hundredth shows that it is not 0.
fn count(events: &Events, summed: &[&str]) -> String {
    let sum = summed.iter().map(|event| events.of(event)).sum::<f64>();
    if sum > 0.0 && sum < 0.005 { "<.01".to_owned() } else { short(sum) }
}

/// Three digits, or all before the point: `--json` has the others.
fn short(number: f64) -> String {
    let scale = match number.abs() {
        ..10.0 => 100.0,
        ..100.0 => 10.0,
        _ => 1.0,
    };
    Figure::new((number * scale).round() / scale).to_string()
}

/// An operation as tables name it.
pub(super) fn shown(operation: &str) -> String {
    match operation.strip_suffix("_per_page") {
        Some(of_page) => format!("{of_page}/page"),
        None => operation.to_owned(),
    }
}

fn target(row: &Row) -> String {
    let missed = if row.meets_target() == Some(false) { MISSED } else { ' ' };
    row.target.map_or_else(|| "- ".to_owned(), |target| format!("{target}{missed}"))
}

/// The cost on another system, and whether that is not slower.
fn other(row: &Row, operation: &Operation, system: System) -> String {
    let Some(figure) = operation.on(system) else { return "- ".to_owned() };
    let ahead = if figure <= row.median { AHEAD } else { ' ' };
    format!("{figure}{ahead}")
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

pub(super) fn or_dash(figure: Option<Figure>) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| figure.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::events::REP_TURN;
    use super::super::row::sample;
    use super::*;

    fn cells(text: &str) -> Vec<Vec<String>> {
        let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect();
        text.lines().skip(2).map(cells).collect()
    }

    #[test]
    fn a_row_says_whether_its_target_is_met_and_who_is_ahead() {
        let anchors = Anchors::load().unwrap();
        let rows = [
            ("null_int", 48.0, Some(48), ["48", "-", "250", "105", "1,397"]),
            ("null_int", 106.0, Some(48), ["48!", "-", "250", "105*", "1,397"]),
            ("trap", 485.0, Some(135), ["135!", "485*", "4,081", "1,508", "-"]),
            ("handler_entry", 1.0, None, ["-"; 5]),
        ];
        for (operation, median, target, expected) in rows {
            let table = operations(&[sample(operation, median, target)], &anchors).to_string();
            assert_eq!(cells(&table)[0][4..9], expected, "{operation} {median}");
        }
    }

    #[test]
    fn what_is_left_without_rep_stands_beside_the_whole() {
        let events = Events::from([(REP_TURN, 1025.0), (REP_PAGE, 1.0)]);
        let row = Row { events: Some(events), ..sample("page_alloc", 1172.0, None) };
        let table = operations(&[row], &Anchors::load().unwrap()).to_string();
        assert_eq!(cells(&table)[0][2..4], ["1,172", "147"]);
    }

    #[test]
    fn events_are_summed_by_column() {
        let events = [("fpu_save", 2.0), ("fpu_load", 1.0), ("int", 0.001), ("invlpg", 1.5)];
        let row = Row {
            events: Some(Events::from(events)),
            model_cycles: Some(Figure::from(1234)),
            ..sample("fork_per_page", 30.0, None)
        };
        let table = events_of(&row);
        assert_eq!(table[..4], ["fork/page", "1,234", "<.01", "0"]);
        assert_eq!(table[6..9], ["1.5", "0", "3"]);
        assert!(cells(&super::events(&[sample("trap", 1.0, None)]).to_string()).is_empty());
    }

    #[test]
    fn a_count_has_three_digits_and_no_fewer_than_are_before_the_point() {
        let table = [
            (0.0, "0"),
            (0.04, "0.04"),
            (9.996, "10"),
            (30.04, "30"),
            (30.06, "30.1"),
            (152.16, "152"),
            (29_880.4, "29,880"),
        ];
        for (number, text) in table {
            assert_eq!(short(number), text, "{number}");
        }
    }

    fn events_of(row: &Row) -> Vec<String> {
        cells(&super::events(std::slice::from_ref(row)).to_string())[0][1..].to_vec()
    }

    /// Every operation, with figures at least as long as those that are likely.
    #[test]
    fn the_tables_have_at_most_100_columns() {
        let anchors = Anchors::load().unwrap();
        let events = EVENT_COLUMNS.iter().flat_map(|(_, events)| *events);
        let row = |operation: &str| {
            let all = events.clone().map(|event| (*event, 49.96)).collect::<Vec<_>>();
            let boots = operation.starts_with("boot");
            let median = if boots { 9_999_999.0 } else { 99_999.0 };
            Row {
                events: Some(Events::from_iter(all)),
                model_cycles: Some(Figure::new(99_999.99)),
                target: anchors.of(operation).unwrap().target,
                ..sample(operation, median, None)
            }
        };
        let rows: Vec<_> = anchors.operations().map(row).collect();
        let tables = [operations(&rows, &anchors), super::events(&rows)].map(|t| t.to_string());
        let texts = tables.iter().map(String::as_str).chain([LEGEND, EVENTS_LEGEND]);
        for line in texts.flat_map(str::lines) {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }

    /// A name that the plugin does not know would be a column of zeros.
    #[test]
    fn every_column_is_counted() {
        let known = Weights::load().unwrap();
        for event in EVENT_COLUMNS.iter().flat_map(|(_, summed)| *summed) {
            let happens = Events::from([(*event, 1.0)]);
            assert_eq!(known.unweighed(&happens).count(), 0, "{event}");
        }
    }

    #[test]
    fn an_event_that_is_not_weighed_is_told() {
        let row = Row {
            events: Some(Events::from([("other", 1.0), ("int", 1.0)])),
            ..sample("trap", 1.0, None)
        };
        let weights = Weights::load().unwrap();
        assert_eq!(unweighed(&[row], &weights), "trap: the model cycles lack other\n");
        assert_eq!(unweighed(&[sample("trap", 1.0, None)], &weights), "");
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
