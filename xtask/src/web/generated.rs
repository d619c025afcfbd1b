//! `generated.js`: what the pages take from the crates, so that a class, a colour or a row's name
//! stands in one place.
//!
//! An entry's class depends on its low 12 bits alone, so the rules of [`picture::Cell`] go over as
//! two tables of 4,096 letters. The one exception, an absent entry with a frame number and no mark,
//! is left out: no kernel of ours writes one.

use std::fs;

use abi::Entry;
use abi::debug::SYMBOL;
use anyhow::{Context, Result};
use object::{Object, ObjectSymbol};
use picture::{Cell, Row, Snapshot};
use serde_json::{Value, json};

use crate::workspace::Workspace;

/// The flags of an entry: its low bits.
const FLAGS: u32 = 0x1000;
/// Present, writable, for programs.
const TABLE: u32 = 0x007;
/// Present, for programs, and bit 9 in a directory entry: a view.
const VIEW: u32 = 0x205;
/// Present, writable, for the kernel alone.
const KERNEL: u32 = 0x003;
/// A directory entry that is not the window's.
const ANY_INDEX: u32 = 2;

/// The text of the module.
///
/// # Errors
/// The kernel's image cannot be read, or has no table for debuggers.
pub fn module(workspace: &Workspace) -> Result<String> {
    let constants = [
        ("CLASSES", classes()),
        ("LEAF_CLASSES", json!(letters(Cell::of_leaf))),
        ("DIRECTORY_CLASSES", json!(letters(|entry| Cell::of_directory_entry(ANY_INDEX, entry)))),
        ("TABLE_ROWS", row_names(TABLE)),
        ("VIEW_ROWS", row_names(VIEW)),
        ("KERNEL_ROWS", row_names(KERNEL)),
        ("DEBUG_TABLE", json!(debug_table(workspace)?)),
    ];
    let mut text = "// Made by `cargo xtask web` from the crates picture and abi.\n".to_owned();
    for (name, value) in constants {
        text += &format!("export const {name} = {value};\n");
    }
    Ok(text)
}

/// Every class, in the order of the legend; the later one of two stands out where both are drawn as
/// one.
fn classes() -> Value {
    let class = |class: Cell| {
        let (red, green, blue) = class.color();
        json!({
            "name": class.name(),
            "meaning": class.meaning(),
            "letter": class.letter().to_string(),
            "color": format!("#{red:02x}{green:02x}{blue:02x}"),
            "dark": class.is_dark(),
        })
    };
    Cell::ALL.map(class).into_iter().collect()
}

/// The letter of the class of an entry with the low bits 0, 1, 2 and so on.
fn letters(class: impl Fn(Entry) -> Cell) -> String {
    (0..FLAGS).map(|bits| class(Entry::from_bits(bits)).letter()).collect()
}

/// What lies in row 0, 1, 2 and so on if all directory entries are alike: pairs of the first row
/// and a name.
fn row_names(directory_entry: u32) -> Value {
    let snapshot = Snapshot::take(Default::default(), |_| directory_entry, |_, _| 0);
    let mut names: Vec<(u32, &str)> =
        Row::all(&snapshot).map(|row| (row.index, row.name())).collect();
    names.dedup_by_key(|(_, name)| *name);
    json!(names)
}

/// The address of the table for debuggers.
fn debug_table(workspace: &Workspace) -> Result<u64> {
    let file = workspace.kernel();
    let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let elf = object::File::parse(bytes.as_slice()).context("the kernel is no ELF file")?;
    let symbol = elf.symbols().find(|symbol| symbol.name() == Ok(SYMBOL));
    Ok(symbol.with_context(|| format!("the kernel has no symbol {SYMBOL}"))?.address())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_say_of_each_entry_what_the_picture_says() {
        let leaves = letters(Cell::of_leaf);
        assert_eq!(leaves.len(), 4096);
        for (bits, class) in [(0, Cell::Absent), (0x067, Cell::Dirty), (0x865, Cell::CopyOnWrite)] {
            assert_eq!(leaves.as_bytes()[bits], class.letter() as u8, "{bits:#x}");
        }
        // A frame number changes no class.
        let entry = Entry::from_bits(0x0043_2067);
        assert_eq!(Cell::of_leaf(entry), Cell::Dirty);
    }

    #[test]
    fn rows_are_named_from_the_first_to_the_last() {
        let names = row_names(TABLE);
        assert_eq!(names[0][0], 0);
        assert_eq!(names.as_array().unwrap().last().unwrap()[1], "UVPT: the window");
        assert_eq!(row_names(KERNEL), json!([[0, "kernel"]]));
    }
}
