//! The picture as SVG: for each moment a line of panels, one for each process; in a panel a strip
//! for each table.
//!
//! A strip has 128 × 8 cells, so each of its lines is 512 KiB and each cell a page. Absent pages
//! are the strip's background, and a line on which all pages are absent is drawn low: address
//! spaces are mostly empty. Classes that are alike in grey differ in their form.

use std::fmt::Write as _;

use picture::{Cell, Row, Snapshot};
use svg::Document;
use svg::node::element::{Group, Path, Rectangle, Style, Text, Title};

use super::moment::Moment;

/// Pages of a strip's line.
const COLUMNS: u32 = 128;
/// Lines of a strip.
const LINES: u32 = 1024 / COLUMNS;
/// A cell's width with the gap to the next, in units of the drawing.
const CELL: u32 = 5;
const STRIP_WIDTH: u32 = COLUMNS * CELL;
/// Height of a strip's line, with its gap.
const LINE: u32 = 10;
/// The same if nothing is on it.
const EMPTY_LINE: u32 = 2;
/// From a row's label to its strip, and from a strip to the next row.
const LABEL: u32 = 16;
const ROW_GAP: u32 = 8;
const MARGIN: u32 = 24;
/// Between two panels.
const GUTTER: u32 = 40;
/// Above the first row of a panel: the process's name.
const PANEL_HEAD: u32 = 24;
/// Above the panels of a moment: its line.
const MOMENT_HEAD: u32 = 34;
/// A line of the legend.
const LEGEND_LINE: u32 = 18;

/// What a character takes, on the average of a line, in the widest font of [`STYLE`] at 12 units.
const CHARACTER: u32 = 7;
/// The same in the line above a moment.
const MOMENT_CHARACTER: u32 = 9;

const STYLE: &str = "text{font-family:system-ui,'DejaVu Sans',Helvetica,Arial,sans-serif;fill:#222;\
    font-size:12px}.code{font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace}\
    .title{font-size:18px;\
    font-weight:600}.moment{font-size:14px;font-weight:600}.name{font-size:13px;font-weight:600}\
    .quiet{fill:#555}";

/// Which rows are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rows {
    /// The process's own, and the window.
    Own,
    /// Also those that are alike in all processes.
    All,
}

/// A finished drawing.
pub struct Drawing {
    document: Document,
}

impl Drawing {
    /// Draws moments of a run, one below the other.
    #[must_use]
    pub fn new(run: &str, moments: &[Moment], rows: Rows) -> Self {
        let panels = moments.iter().map(|moment| moment.snapshots.len()).max().unwrap_or(1) as u32;
        let width = 2 * MARGIN + panels * STRIP_WIDTH + panels.saturating_sub(1) * GUTTER;
        let mut body = Group::new();
        let mut y = MARGIN + 18;
        body = body.add(text(MARGIN, y, "title", run));
        y += 12;
        for moment in moments {
            let (group, height) = draw_moment(moment, y, width, rows);
            body = body.add(group);
            y += height;
        }
        let (group, height) = draw_legend(moments, y, width, rows);
        body = body.add(group);
        let height = y + height + MARGIN;
        let document = Document::new()
            .set("viewBox", (0, 0, width, height))
            .set("width", width)
            .set("height", height)
            .set("role", "img")
            .add(Title::new(format!("Page tables of {run}")))
            .add(Style::new(STYLE))
            .add(Rectangle::new().set("width", width).set("height", height).set("fill", "#fff"))
            .add(body);
        Self { document }
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n", self.document)
    }
}

fn text(x: u32, y: u32, class: &str, content: &str) -> Text {
    Text::new(content).set("x", x).set("y", y).set("class", class)
}

/// A text, cut to so many characters.
fn cut(text: &str, most: u32) -> String {
    let most = most as usize;
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// A text in lines of so many characters at most, if no word is longer.
fn wrapped(text: &str, most: u32) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a first line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= most as usize {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn draw_moment(moment: &Moment, top: u32, width: u32, rows: Rows) -> (Group, u32) {
    let most = (width - 2 * MARGIN) / MOMENT_CHARACTER;
    let heading = cut(&format!("After it has printed “{}”", moment.line), most);
    let mut group = Group::new().add(text(MARGIN, top + 22, "moment", &heading));
    let mut height = 0;
    for (index, snapshot) in (0..).zip(&moment.snapshots) {
        let x = MARGIN + index * (STRIP_WIDTH + GUTTER);
        let (panel, panel_height) = draw_panel(snapshot, x, top + MOMENT_HEAD, rows);
        group = group.add(panel);
        height = height.max(panel_height);
    }
    (group, MOMENT_HEAD + height)
}

/// The rows of a snapshot that are drawn as strips.
fn drawn(snapshot: &Snapshot, rows: Rows) -> impl Iterator<Item = Row<'_>> {
    Row::all(snapshot).filter(move |row| {
        row.has_cells() && (rows == Rows::All || row.is_programs_own() || row.is_window())
    })
}

fn draw_panel(snapshot: &Snapshot, x: u32, top: u32, rows: Rows) -> (Group, u32) {
    let parent = snapshot.owner.parent;
    let mut group = Group::new()
        .add(text(x, top + 16, "name", &snapshot.owner.to_string()))
        .add(text(x + 150, top + 16, "quiet", &format!("child of {parent:08x}")));
    let mut y = top + PANEL_HEAD;
    for row in drawn(snapshot, rows) {
        let (drawn, height) = draw_row(&row, x, y);
        group = group.add(drawn);
        y += height;
    }
    (group, y - top)
}

fn draw_row(row: &Row<'_>, x: u32, top: u32) -> (Group, u32) {
    let place = format!("{:#05x}  {:#010x}", row.index, row.address());
    let counts: Vec<String> = Cell::ALL
        .into_iter()
        .filter(|class| *class != Cell::Absent)
        .filter_map(|class| match row.count(class) {
            0 => None,
            count => Some(format!("{count} {}", class.name())),
        })
        .collect();
    let label = format!("{}: {}", row.name(), counts.join(", "));
    let label = cut(&label, (STRIP_WIDTH - 150) / CHARACTER);
    let lines = line_tops(row, top + LABEL);
    let height = lines[LINES as usize] - lines[0];
    let mut group = Group::new()
        .add(text(x, top + 12, "code quiet", &place))
        .add(text(x + 150, top + 12, "", &label))
        .add(
            Rectangle::new()
                .set("x", x)
                .set("y", lines[0])
                .set("width", STRIP_WIDTH)
                .set("height", height)
                .set("fill", color(Cell::Absent)),
        );
    for class in Cell::ALL {
        let cells: Vec<u32> = (0..1024).filter(|at| row.cell(*at) == class).collect();
        if class != Cell::Absent && !cells.is_empty() {
            let corner = |at: u32| (x + at % COLUMNS * CELL, lines[(at / COLUMNS) as usize]);
            group = add_cells(group, class, cells.into_iter().map(corner));
        }
    }
    (group, LABEL + height + ROW_GAP)
}

/// Where each line of a row's strip begins, and where the last one ends.
fn line_tops(row: &Row<'_>, top: u32) -> [u32; LINES as usize + 1] {
    let mut tops = [top; LINES as usize + 1];
    for line in 0..LINES {
        let mut cells = (line * COLUMNS..(line + 1) * COLUMNS).map(|at| row.cell(at));
        let height = if cells.all(|cell| cell == Cell::Absent) { EMPTY_LINE } else { LINE };
        tops[line as usize + 1] = tops[line as usize] + height;
    }
    tops
}

/// Cells of one class, whose left upper corners these are.
fn add_cells(group: Group, class: Cell, corners: impl Iterator<Item = (u32, u32)>) -> Group {
    let (mut squares, mut marks) = (String::new(), String::new());
    for (x, y) in corners {
        // Writing to a string cannot fail.
        let _ = write!(squares, "M{x} {y}h4v9h-4z");
        // Forms, for whoever sees no colours.
        let _ = match class {
            Cell::CopyOnWrite => write!(marks, "M{x} {}l4 -9", y + 9),
            Cell::Sealed => write!(marks, "M{x} {}h4M{x} {}h4", y + 3, y + 6),
            Cell::Shared => write!(marks, "M{} {}v5", x + 2, y + 2),
            Cell::PagedOut => write!(marks, "M{x} {y}h4v9h-4z"),
            Cell::Window => write!(marks, "M{} {}h2v3h-2z", x + 1, y + 3),
            Cell::Absent
            | Cell::Clean
            | Cell::Accessed
            | Cell::Dirty
            | Cell::Marked
            | Cell::Device
            | Cell::Table
            | Cell::View
            | Cell::Kernel => Ok(()),
        };
    }
    let group = group.add(Path::new().set("d", squares).set("fill", color(class)));
    if marks.is_empty() {
        return group;
    }
    let stroke = if class.is_dark() { "#fff" } else { "#222" };
    let mark = Path::new()
        .set("d", marks)
        .set("fill", "none")
        .set("stroke", stroke)
        .set("stroke-width", 0.8);
    group.add(mark)
}

fn color(class: Cell) -> String {
    let (red, green, blue) = class.color();
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// The classes that occur, with a cell of each, in as many columns as fit.
fn draw_legend(moments: &[Moment], top: u32, width: u32, rows: Rows) -> (Group, u32) {
    const COLUMN: u32 = 540;
    const MEANING: u32 = 128;
    let occurs = |class: &Cell| {
        let mut drawn_rows = moments
            .iter()
            .flat_map(|moment| &moment.snapshots)
            .flat_map(|snapshot| drawn(snapshot, rows));
        drawn_rows.any(|row| row.count(*class) != 0)
    };
    let classes: Vec<Cell> = Cell::ALL.into_iter().filter(occurs).collect();
    let columns = ((width - 2 * MARGIN) / COLUMN).max(1);
    let lines = (classes.len() as u32).div_ceil(columns);
    let caption = "A strip is one page table: 1,024 pages, 4 MiB, 128 pages a line. \
                   In row 0x3bd, the window, \
        a cell is a directory entry: it is set exactly where the address space has a table.";
    let mut group = Group::new();
    let mut top = top;
    let mut height = 12;
    for line in wrapped(caption, (width - 2 * MARGIN) / CHARACTER) {
        group = group.add(text(MARGIN, top + 16, "quiet", &line));
        top += 16;
        height += 16;
    }
    for (index, class) in (0..).zip(&classes) {
        let (x, y) = (MARGIN + index / lines * COLUMN, top + 12 + index % lines * LEGEND_LINE);
        group = group.add(add_cells(
            Group::new().set("transform", format!("translate({x} {y}) scale(1.3)")),
            *class,
            [(0, 0)].into_iter(),
        ));
        group = group.add(text(x + 14, y + 10, "name", class.name())).add(text(
            x + MEANING,
            y + 10,
            "quiet",
            class.meaning(),
        ));
    }
    (group, height + lines * LEGEND_LINE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picture::snapshot::Owner;

    /// One process in which every class occurs.
    fn snapshot() -> Snapshot {
        let leaves = [0, 7, 0x27, 0x67, 0x865, 0x465, 0x125, 0x200, 0x400, 0x1F];
        let entry = |index: u32| match index {
            2 | 0x40 => 0x43_1027,
            0x3BD => 0x43_0025,
            0xE0 => 0x50_0225,
            0x3C0.. => 0x10_0023,
            _ => 0,
        };
        let leaf = |table: u32, at: u32| match table {
            2 => leaves.get(at as usize).copied().unwrap_or(0),
            _ => 0,
        };
        let owner = Owner { id: 0x1003, parent: 0x1001, name: Some("program".to_owned()) };
        Snapshot::take(owner, entry, leaf)
    }

    /// Each text of a drawing: where it begins, and how wide it is.
    fn texts(drawing: &Drawing) -> Vec<(u32, u32, String)> {
        let svg = drawing.text();
        let parts = svg.split("<text ").skip(1).map(|part| part.split("</text>").next().unwrap());
        let read = |part: &str| {
            let (attributes, text) = part.split_once('>').unwrap();
            let of = |name: &str| {
                let rest = attributes.split_once(&format!("{name}=\"")).unwrap().1;
                rest.split('"').next().unwrap().to_owned()
            };
            let text = text.trim().to_owned();
            let character = match of("class").as_str() {
                "title" | "moment" => MOMENT_CHARACTER,
                _ => CHARACTER,
            };
            (of("x").parse().unwrap(), text.chars().count() as u32 * character, text)
        };
        parts.map(read).collect()
    }

    /// How wide a drawing says it is, in its first element.
    fn width(drawing: &Drawing) -> u32 {
        let text = drawing.document.to_string();
        let rest = text.split_once(" width=\"").unwrap().1;
        rest.split('"').next().unwrap().parse().unwrap()
    }

    #[test]
    fn no_text_is_cut_off_at_the_edge_or_runs_into_the_next() {
        let line = "a line that is longer than a panel is wide, ".repeat(4);
        for panels in 1..=3 {
            let moment = Moment { line: line.clone(), snapshots: vec![snapshot(); panels] };
            let drawing = Drawing::new("program", &[moment], Rows::All);
            let texts = texts(&drawing);
            assert!(texts.len() > 30, "{panels}: {texts:?}");
            let width = width(&drawing);
            for (x, long, text) in &texts {
                assert!(x + long <= width, "{panels}: {text} ends at {} of {width}", x + long);
            }
            let heading = texts.iter().find(|(.., text)| text.starts_with("After")).unwrap();
            assert_eq!(heading.2.ends_with('…'), panels < 3, "{}", heading.2);
        }
        // A name ends before its meaning begins, and that before the next column.
        for class in Cell::ALL {
            assert!(14 + class.name().len() as u32 * 8 <= 128, "{class:?}");
            assert!(128 + class.meaning().len() as u32 * CHARACTER <= 540, "{class:?}");
        }
    }

    #[test]
    fn a_caption_is_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one two three", 13), ["one two three"]);
        assert_eq!(wrapped("three", 2), ["three"]);
        assert_eq!((cut("three", 5), cut("three", 4)), ("three".to_owned(), "thr…".to_owned()));
    }
}
