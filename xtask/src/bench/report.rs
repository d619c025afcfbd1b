//! What a boot of the benchmark says: rows and sizes, a line of JSON each, among other lines.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::anchors::Anchors;
use super::figure::Figure;
use super::row::Row;

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
    Operation(Measured),
    Size(Size),
}

/// A row as the benchmark prints it: `median`, `min` and `max` are for `per` things at once,
/// `flushes` and `cr3_loads` for all iterations together.
#[derive(Deserialize)]
struct Measured {
    operation: String,
    per: u32,
    median: u32,
    min: u32,
    max: u32,
    iterations: u32,
    flushes: Option<u32>,
    cr3_loads: Option<u32>,
}

impl Measured {
    fn row(self, anchors: &Anchors) -> Row {
        let share = |ticks: u32| Figure::new(f64::from(ticks) / f64::from(self.per));
        let times = f64::from(self.per) * f64::from(self.iterations);
        let each = |sum: u32| Figure::new(f64::from(sum) / times);
        let target = anchors.of(&self.operation).and_then(|operation| operation.target);
        Row {
            median: share(self.median),
            min: share(self.min),
            max: share(self.max),
            iterations: self.iterations,
            flushes: self.flushes.map(each),
            cr3_loads: self.cr3_loads.map(each),
            target,
            operation: self.operation,
        }
    }
}

/// What the counter must have counted.
const UNIT: &str = "instructions";

impl Report {
    /// Reads what a boot printed.
    ///
    /// # Errors
    /// A line of the benchmark's is damaged, or it did not count instructions.
    pub fn read(text: &str, anchors: &Anchors) -> Result<Self> {
        let mut report = Self::default();
        let mut units = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| line.starts_with('{')) {
            match serde_json::from_str(line).with_context(|| format!("cannot read {line}"))? {
                Line::Unit { counted } => units.push(counted),
                Line::Operation(measured) => report.rows.push(measured.row(anchors)),
                Line::Size(size) => report.sizes.push(size),
            }
        }
        ensure!(units == [UNIT], "the benchmark did not count instructions but {units:?}");
        Ok(report)
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
        flushes: None,
        cr3_loads: None,
    };
    Ok(measured.row(anchors))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Vitrine 0.1.0\r\n\
        boot: 945585 cycles to the first program\r\n\
        {\"counted\":\"instructions\"}\r\n\
        {\"operation\":\"protect_100_per_page\",\"per\":100,\"median\":14072,\
         \"min\":14071,\"max\":14072,\
        \"iterations\":200,\"flushes\":20000,\"cr3_loads\":0}\r\n\
        {\"operation\":\"fork@16\",\"per\":1,\"median\":126631,\
         \"min\":1,\"max\":2,\"iterations\":20}\r\n\
        {\"size\":\"blank_process\",\"value\":1,\"unit\":\"frames\"}\r\n\
        exit status 0\r\n";

    fn report(text: &str) -> Result<Report> {
        Report::read(text, &Anchors::load().unwrap())
    }

    #[test]
    fn a_row_is_one_things_part() {
        let report = report(TEXT).unwrap();
        let row = &report.rows[0];
        assert_eq!((row.median.get(), row.min.get()), (140.72, 140.71));
        assert_eq!(row.flushes, Some(Figure::from(1)));
        assert_eq!(row.target, Some(Figure::from(12)));
        assert_eq!(report.rows[1].flushes, None);
        assert_eq!(report.sizes[0].value, Figure::from(1));
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
