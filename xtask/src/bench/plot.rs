//! The rows as a picture: bars on a logarithmic scale, Vitrine beside the other systems, and lines
//! for operations whose cost grows.

use std::ops::Range;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::combinators::LogCoord;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::anchors::{Anchors, System};
use super::row::Row;

/// Size of the picture, in pixels, without the groups of bars.
const WIDTH: u32 = 1200;
const GROWTH_HEIGHT: u32 = 420;
const MARGINS: u32 = 140;
/// Height of one operation's group of bars.
const GROUP_HEIGHT: u32 = 60;
/// Instructions at the ends of the scale: no row is below the one or above the other.
const SCALE: Range<f64> = 1.0..1e9;

/// Ours, then the other systems.
const COLOURS: [RGBColor; 5] = [
    RGBColor(0xC2, 0x3B, 0x22),
    RGBColor(0x3B, 0x6E, 0xA8),
    RGBColor(0xE0, 0xA4, 0x3A),
    RGBColor(0x4F, 0x8A, 0x5B),
    RGBColor(0x8A, 0x6F, 0xA8),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws an SVG file.
///
/// # Errors
/// The drawing library gave up, which it has no reason to.
pub fn draw(rows: &[Row], anchors: &Anchors) -> Result<String> {
    let mut text = String::new();
    draw_into(&mut text, rows, anchors).map_err(|error| anyhow!("cannot draw: {error}"))?;
    Ok(text)
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw_into(text: &mut String, rows: &[Row], anchors: &Anchors) -> Drawn {
    let groups: Vec<_> = rows.iter().filter(|row| anchors.of(&row.operation).is_some()).collect();
    let bars_height = MARGINS + GROUP_HEIGHT * groups.len() as u32;
    let size = (WIDTH, bars_height + GROWTH_HEIGHT);
    let root = SVGBackend::with_string(text, size).into_drawing_area();
    root.fill(&WHITE)?;
    let (upper, lower) = root.split_vertically(bars_height);
    bars(&upper, &groups, anchors)?;
    let (left, right) = lower.split_horizontally(WIDTH / 2);
    growth(
        &left,
        rows,
        "processes that wait",
        &["null_int", "yield_pair", "message_round_trip", "trap"],
    )?;
    growth(&right, rows, "pages to fork", &["fork"])?;
    root.present()?;
    Ok(())
}

/// A group of bars for each operation, the first one at the top; a line where the target is.
fn bars(area: &Area<'_>, rows: &[&Row], anchors: &Anchors) -> Drawn {
    let mut chart = ChartBuilder::on(area)
        .caption("Instructions for one operation: fewer is better", ("sans-serif", 22))
        .margin(20)
        .x_label_area_size(40)
        .y_label_area_size(230)
        .build_cartesian_2d(SCALE.log_scale(), -0.5..rows.len() as f64 - 0.5)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(rows.len() + 1)
        .y_label_formatter(&|place| operation_at(rows, *place))
        .x_label_formatter(&|count| format!("{count:.0}"))
        .draw()?;
    for (index, name) in std::iter::once("Vitrine").chain(System::ALL.map(System::name)).enumerate()
    {
        let colour = COLOURS[index];
        let bar = |(place, row): (usize, &&Row)| {
            let corners = bar(middle(rows, place), index, count(row, anchors, index)?);
            Some(Rectangle::new(corners, colour.filled()))
        };
        chart
            .draw_series(rows.iter().enumerate().filter_map(bar))?
            .label(name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
    }
    let target = |(place, row): (usize, &&Row)| {
        let (middle, target) = (middle(rows, place), row.target?.get());
        Some(PathElement::new([(target, middle - 0.47), (target, middle + 0.47)], BLACK))
    };
    chart
        .draw_series(rows.iter().enumerate().filter_map(target))?
        .label("target")
        .legend(|(x, y)| PathElement::new([(x + 6, y - 6), (x + 6, y + 6)], BLACK));
    legend(&mut chart)
}

/// A chart of bars: a logarithmic scale to the right, groups from the bottom up.
type Bars<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<LogCoord<f64>, RangedCoordf64>>;

fn legend<'a, 'b: 'a>(chart: &mut Bars<'a, 'b>) -> Drawn {
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    Ok(())
}

/// The label at `place` of the axis: a group's middle is a whole number, 0 at the bottom.
fn operation_at(rows: &[&Row], place: f64) -> String {
    let from_top = rows.len().checked_sub(1 + place.round() as usize);
    from_top.map_or_else(String::new, |index| rows[index].operation.clone())
}

/// The middle of the group of bars at `place`, counted from the top.
fn middle(rows: &[&Row], place: usize) -> f64 {
    (rows.len() - 1 - place) as f64
}

/// What an operation costs: in Vitrine for index 0, then in the other systems.
fn count(row: &Row, anchors: &Anchors, index: usize) -> Option<f64> {
    let count = match index {
        0 => Some(row.median),
        _ => anchors.of(&row.operation)?.on(System::ALL[index - 1]),
    };
    Some(count?.get())
}

/// The corners of bar `index` in a group: five bars, the first at the top, and a gap to the next
/// group.
fn bar(middle: f64, index: usize, count: f64) -> [(f64, f64); 2] {
    let top = middle + 0.45 - 0.18 * index as f64;
    [(SCALE.start, top), (count.max(SCALE.start), top - 0.17)]
}

/// A line for each operation over how many there are of something.
fn growth(area: &Area<'_>, rows: &[Row], unit: &str, operations: &[&str]) -> Drawn {
    let points = |operation: &str| -> Vec<(f64, f64)> {
        let own = |row: &Row| {
            let (name, count) = row.growth()?;
            (name == operation).then(|| (f64::from(count), row.median.get()))
        };
        rows.iter().filter_map(own).collect()
    };
    let all = || operations.iter().flat_map(|operation| points(operation));
    let most = |of: fn((f64, f64)) -> f64| all().map(of).fold(10.0, f64::max);
    let (right, top) = (most(|(count, _)| count), most(|(_, median)| median));
    let mut chart =
        ChartBuilder::on(area)
            .margin(20)
            .x_label_area_size(45)
            .y_label_area_size(90)
            .build_cartesian_2d((1.0..right * 2.0).log_scale(), (10.0..top * 10.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(unit)
        .y_desc("instructions")
        .x_label_formatter(&|count| format!("{count:.0}"))
        .y_label_formatter(&|count| format!("{count:.0}"))
        .draw()?;
    for (operation, colour) in operations.iter().zip(COLOURS) {
        chart
            .draw_series(LineSeries::new(points(operation), colour.stroke_width(2)).point_size(3))?
            .label(*operation)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], colour));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::row::sample;
    use super::*;

    #[test]
    fn the_picture_has_every_operation_and_every_system() {
        let rows = [sample("null_int", 284.0, Some(70)), sample("fork@16", 126_366.0, None)];
        let picture = draw(&rows, &Anchors::load().unwrap()).unwrap();
        for text in ["<svg", "null_int", "Vitrine", "JOS", "Linux", "seL4", "xv6", "target", "fork"]
        {
            assert!(picture.contains(text), "{text}");
        }
    }

    #[test]
    fn a_longer_bar_is_drawn_for_more_instructions() {
        let anchors = Anchors::load().unwrap();
        let width = |median| {
            let picture = draw(&[sample("process_create", median, None)], &anchors).unwrap();
            let bar = picture.split("<rect").find(|rect| rect.contains("C23B22")).unwrap();
            let rest = bar.split("width=\"").nth(1).unwrap();
            rest.split('"').next().unwrap().parse::<u32>().unwrap()
        };
        assert!(width(100.0) < width(10_000.0));
    }
}
