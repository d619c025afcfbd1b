//! What a boot of the benchmark says: rows and sizes, a line of JSON each, among other lines.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::anchors::Anchors;
use super::events::{Counted, Events, Series};
use super::figure::Figure;
use super::row::Row;
use super::weights::Weights;

/// Everything that was measured.
#[derive(Debug, Default)]
pub struct Report {
    /// What operations cost.
    pub rows: Vec<Row>,
    /// How large things are.
    pub sizes: Vec<Size>,
}

/// How large something is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Size {
    /// What.
    #[serde(rename = "size")]
    pub name: String,
    /// How large.
    pub value: Figure,
    /// Of what.
    pub unit: String,
}

/// A line of the benchmark's.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Unit { counted: String },
    Part { part: String },
    Operation(Measured),
    Size(Size),
}

/// A row as the benchmark prints it: `median`, `min` and `max` are for `per` things at once.
#[derive(Deserialize)]
struct Measured {
    operation: String,
    per: u32,
    median: u32,
    min: u32,
    max: u32,
    iterations: u32,
    /// Its series in the part that printed it.
    series: Option<usize>,
    /// The series whose operation is a part of this one and was subtracted.
    beyond: Option<usize>,
}

impl Measured {
    fn row(self, anchors: &Anchors, events: Option<Events>) -> Row {
        let share = |ticks: u32| Figure::new(f64::from(ticks) / f64::from(self.per));
        let target = anchors.of(&self.operation).and_then(|operation| operation.target);
        Row {
            median: share(self.median),
            min: share(self.min),
            max: share(self.max),
            iterations: self.iterations,
            events,
            model_cycles: None,
            target,
            operation: self.operation,
        }
    }

    /// The events of one thing. `parts` are the parts that have begun; the row is of the last.
    fn events(&self, counted: &Counted, parts: &[String]) -> Result<Option<Events>> {
        let Some(series) = self.series else { return Ok(None) };
        let (last, before) = parts.split_last().context("a row is in no part")?;
        let of = |series| {
            let found = counted.series(before.len(), series);
            found.with_context(|| format!("{} of the part {last}", self.operation))
        };
        let Series { repetitions, .. } = of(series)?;
        ensure!(
            *repetitions == self.iterations,
            "{}: the plugin has counted {repetitions} of {} iterations",
            self.operation,
            self.iterations
        );
        let mut events = of(series)?.events();
        if let Some(beyond) = self.beyond {
            events = events.beyond(&of(beyond)?.events());
        }
        Ok(Some(events.share(self.per)))
    }
}

/// What the counter must have counted.
const UNIT: &str = "instructions";

impl Report {
    /// Reads what a boot printed, and what the plugin has counted meanwhile, if it was there.
    ///
    /// # Errors
    /// A line of the benchmark's is damaged, it did not count instructions, or the plugin has not
    /// counted what it measured.
    pub fn read(text: &str, anchors: &Anchors, counted: Option<&Counted>) -> Result<Self> {
        let mut report = Self::default();
        let (mut units, mut parts) = (Vec::new(), Vec::new());
        for line in text.lines().map(str::trim).filter(|line| line.starts_with('{')) {
            match serde_json::from_str(line).with_context(|| format!("cannot read {line}"))? {
                Line::Unit { counted } => units.push(counted),
                Line::Part { part } => parts.push(part),
                Line::Operation(measured) => {
                    let events = match counted {
                        Some(counted) => measured.events(counted, &parts)?,
                        None => None,
                    };
                    report.rows.push(measured.row(anchors, events));
                }
                Line::Size(size) => report.sizes.push(size),
            }
        }
        ensure!(units == [UNIT], "the benchmark did not count instructions but {units:?}");
        Ok(report)
    }

    /// Estimates what the rows with events cost a processor.
    pub fn weigh(&mut self, weights: &Weights) {
        for row in &mut self.rows {
            let cycles = row.events.as_ref().map(|events| weights.cycles(row.median, events));
            row.model_cycles = cycles;
        }
    }

    /// Adds another boot's.
    pub fn append(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.sizes.extend(other.sizes);
    }
}

/// The row of the boot itself: the kernel says how many cycles it took to the first program.
///
/// # Errors
/// It did not say.
pub fn boot_row(operation: &str, text: &str, anchors: &Anchors) -> Result<Row> {
    let cycles = text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("boot: ")?;
        rest.strip_suffix(" cycles to the first program")?.parse().ok()
    });
    let cycles: u32 = cycles.context("the kernel did not say how long the boot took")?;
    let measured = Measured {
        operation: operation.to_owned(),
        per: 1,
        median: cycles,
        min: cycles,
        max: cycles,
        iterations: 1,
        series: None,
        beyond: None,
    };
    Ok(measured.row(anchors, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Vitrine 0.1.0\r\n\
        boot: 945585 cycles to the first program\r\n\
        {\"counted\":\"instructions\"}\r\n\
        {\"part\":\"calls\"}\r\n\
        {\"part\":\"protection\"}\r\n\
        {\"operation\":\"protect_100_per_page\",\"per\":100,\"median\":14072,\
         \"min\":14071,\"max\":14072,\
        \"iterations\":200,\"series\":1,\"beyond\":0}\r\n\
        {\"operation\":\"fork@16\",\"per\":1,\"median\":126631,\
         \"min\":1,\"max\":2,\"iterations\":20}\r\n\
        {\"size\":\"blank_process\",\"value\":1,\"unit\":\"frames\"}\r\n\
        exit status 0\r\n";

    const COUNTED: &str = "\"part\"\n\"part\"\n\
        {\"repetitions\":10,\"int\":1,\"cr3\":0}\n\
        {\"repetitions\":200,\"int\":2,\"cr3\":100}\n";

    fn report(text: &str) -> Result<Report> {
        Report::read(text, &Anchors::load().unwrap(), None)
    }

    #[test]
    fn a_row_is_one_things_part() {
        let report = report(TEXT).unwrap();
        let row = &report.rows[0];
        assert_eq!((row.median.get(), row.min.get()), (140.72, 140.71));
        assert_eq!(row.events, None);
        assert_eq!(row.target, Some(Figure::from(14)));
        assert_eq!(report.sizes[0].value, Figure::from(1));
    }

    #[test]
    fn a_rows_events_are_those_of_its_series_in_its_part() {
        let counted = Counted::read(COUNTED).unwrap();
        let anchors = Anchors::load().unwrap();
        let mut report = Report::read(TEXT, &anchors, Some(&counted)).unwrap();
        report.weigh(&Weights::load().unwrap());
        let expected = Events::from([("int", 0.01), ("cr3", 1.0)]);
        assert_eq!(report.rows[0].events, Some(expected));
        // 0.6 × 140.72 instructions, 0.01 × 90 and 500.
        assert_eq!(report.rows[0].model_cycles, Some(Figure::new(585.33)));
        assert_eq!((report.rows[1].events.as_ref(), report.rows[1].model_cycles), (None, None));
    }

    #[test]
    fn iterations_that_the_plugin_has_not_seen_are_an_error() {
        let counted = Counted::read(&COUNTED.replace("200", "199")).unwrap();
        let error = Report::read(TEXT, &Anchors::load().unwrap(), Some(&counted)).unwrap_err();
        assert!(error.to_string().ends_with("counted 199 of 200 iterations"), "{error}");
    }

    #[test]
    fn a_series_that_was_not_counted_is_an_error_with_the_rows_name() {
        let counted = Counted::read("\"part\"\n\"part\"\n").unwrap();
        let error = Report::read(TEXT, &Anchors::load().unwrap(), Some(&counted)).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.starts_with("protect_100_per_page of the part protection: "), "{text}");
    }

    #[test]
    fn the_boot_is_a_row_too() {
        let row = boot_row("boot_128", TEXT, &Anchors::load().unwrap()).unwrap();
        assert_eq!((row.median, row.meets_target()), (Figure::from(945_585), Some(true)));
        assert!(boot_row("boot_128", "Vitrine 0.1.0", &Anchors::load().unwrap()).is_err());
    }

    #[test]
    fn cycles_are_no_instructions() {
        let cycles = TEXT.replace("\"instructions\"", "\"cycles\"");
        assert!(report(&cycles).unwrap_err().to_string().contains("cycles"));
        assert!(report("{\"operation\":\"trap\"}").is_err());
        assert!(report("").is_err());
    }
}
