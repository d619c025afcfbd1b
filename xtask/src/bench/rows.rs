//! What each row measures, and where that is defined: the text of `cargo xtask bench --rows`.
//!
//! A row is defined where its name stands in the sources of the program that measures it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::anchors::{Anchors, Operation, System};
use super::table::or_dash;
use super::weights::Weights;

/// Where rows are defined: the benchmark, and, for the boots, xtask itself.
const PLACES: [&str; 2] = ["userland/bench/src", "xtask/src/bench.rs"];

/// The width of a line.
const COLUMNS: usize = 100;

/// What prints a row that shows what grows, under the name of one of the table.
const OF_GROWTH: &str = "print_at(";

/// A place in the sources.
#[derive(Debug, PartialEq, Eq)]
pub struct Definition {
    /// Relative to the tree's root.
    pub file: String,
    /// From 1.
    pub line: usize,
}

/// Every row with what it measures, where it is defined, its figures on other systems and what
/// those measure; then the weights of the model.
///
/// # Errors
/// A source cannot be read, or a row is not defined exactly once.
pub fn text(root: &Path, anchors: &Anchors, weights: &Weights) -> Result<String> {
    let mut text = format!("{}\n", wrapped(&anchors.rule, ""));
    for key in anchors.operations() {
        let Definition { file, line } = definition(root, key)?;
        let operation = anchors.of(key).context("an operation of the table is in it")?;
        text += &format!("{key}\n  {file}:{line}\n");
        let notes = operation.notes.as_deref();
        for told in [operation.what.as_str(), &figures(operation)].into_iter().chain(notes) {
            text += &wrapped(told, "  ");
        }
    }
    text += "\n";
    for (system, how) in &anchors.systems {
        text += &wrapped(&format!("{system}: {how}"), "");
    }
    text += &format!("\n{}\n", wrapped(&weights.rule, ""));
    for line in weights.lines() {
        text += &wrapped(&line, "");
    }
    Ok(text)
}

/// The target and what other systems take.
fn figures(operation: &Operation) -> String {
    let target = format!("target {}", or_dash(operation.target));
    let other = |system: System| Some(format!("{} {}", system.name(), operation.on(system)?));
    let others = System::ALL.into_iter().filter_map(other);
    std::iter::once(target).chain(others).collect::<Vec<_>>().join(", ")
}

/// Lines of at most 100 columns; all but the first are indented further.
fn wrapped(text: &str, indent: &str) -> String {
    let (mut lines, mut line) = (String::new(), indent.to_owned());
    for word in text.split(' ') {
        if line.chars().count() + word.chars().count() > COLUMNS {
            lines += line.trim_end();
            lines += "\n";
            line = format!("{indent}    ");
        }
        line += word;
        line += " ";
    }
    lines + line.trim_end() + "\n"
}

/// The one line of the sources that names a row.
///
/// # Errors
/// A source cannot be read, or the row is not defined exactly once.
pub fn definition(root: &Path, row: &str) -> Result<Definition> {
    let name = format!("\"{row}\"");
    let mut found = Vec::new();
    for place in PLACES {
        for file in files(&root.join(place))? {
            let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let names_it = |line: &str| line.contains(&name) && !line.contains(OF_GROWTH);
            let lines = (1..).zip(text.lines()).filter(|(_, line)| names_it(line));
            let file = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            found.extend(lines.map(|(line, _)| Definition { file: file.clone(), line }));
        }
    }
    ensure!(found.len() == 1, "the row {row} is defined {} times: {found:?}", found.len());
    Ok(found.remove(0))
}

/// A file, or the files of a folder.
fn files(place: &Path) -> Result<Vec<PathBuf>> {
    if place.is_file() {
        return Ok(vec![place.to_path_buf()]);
    }
    let entries = fs::read_dir(place).with_context(|| place.display().to_string())?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn every_row_has_one_definition() {
        let workspace = Workspace::locate();
        let anchors = Anchors::load().unwrap();
        for row in anchors.operations() {
            let Definition { file, line } = definition(workspace.root(), row).unwrap();
            let text = fs::read_to_string(workspace.root().join(&file)).unwrap();
            let line = text.lines().nth(line - 1).unwrap();
            assert!(line.contains(&format!("\"{row}\"")), "{row}: {file}: {line}");
        }
    }

    #[test]
    fn a_row_that_nobody_measures_has_no_definition() {
        let error = definition(Workspace::locate().root(), "no_such_row").unwrap_err();
        assert_eq!(error.to_string(), "the row no_such_row is defined 0 times: []");
    }

    #[test]
    fn the_text_has_each_row_with_its_place_and_each_weight() {
        let workspace = Workspace::locate();
        let (anchors, weights) = (Anchors::load().unwrap(), Weights::load().unwrap());
        let text = text(workspace.root(), &anchors, &weights).unwrap();
        assert!(text.contains("\ntrap\n  userland/bench/src/faults.rs:"), "{text}");
        assert!(text.contains("\n  target 135, JOS 485, Linux 4,081, seL4 1,508\n"), "{text}");
        assert!(text.contains("\nboot_128\n  xtask/src/bench.rs:"), "{text}");
        assert!(text.contains("\ninvlpg          120  estimate"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
    }
}
