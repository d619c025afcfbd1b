//! Every operation with its target and its cost on other systems.
//!
//! They are in `data/anchors.json`, with how each was measured.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::figure::Figure;

const FILE: &str = include_str!("../../data/anchors.json");

/// Other systems, in the order of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// MIT's teaching kernel, whose interface this one keeps.
    Jos,
    /// Linux for i386.
    Linux,
    /// The verified microkernel.
    Sel4,
    /// MIT's other teaching kernel.
    Xv6,
}

impl System {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Jos, Self::Linux, Self::Sel4, Self::Xv6];

    /// What it calls itself.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jos => "JOS",
            Self::Linux => "Linux",
            Self::Sel4 => "seL4",
            Self::Xv6 => "xv6",
        }
    }
}

/// The data file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchors {
    /// How everything was counted.
    pub rule: String,
    /// How each system was built and measured.
    pub systems: BTreeMap<String, String>,
    operations: Vec<Operation>,
}

/// One operation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    operation: String,
    /// What it is, in words.
    pub what: String,
    /// At most so many instructions.
    pub target: Option<Figure>,
    jos: Option<Figure>,
    linux: Option<Figure>,
    sel4: Option<Figure>,
    xv6: Option<Figure>,
    /// What the other systems' figures measure, where it is not the same.
    pub notes: Option<String>,
}

impl Operation {
    /// Its cost on other systems.
    #[must_use]
    pub const fn on(&self, system: System) -> Option<Figure> {
        match system {
            System::Jos => self.jos,
            System::Linux => self.linux,
            System::Sel4 => self.sel4,
            System::Xv6 => self.xv6,
        }
    }
}

impl Anchors {
    /// Reads the data file.
    ///
    /// # Errors
    /// It is damaged.
    pub fn load() -> Result<Self> {
        serde_json::from_str(FILE).context("xtask/data/anchors.json is damaged")
    }

    /// Every operation's key, in the order of the table.
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.operations.iter().map(|operation| operation.operation.as_str())
    }

    /// What is known about an operation.
    #[must_use]
    pub fn of(&self, key: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.operation == key)
    }

    /// Where an operation stands in the table; rows that are not there come last.
    #[must_use]
    pub fn place(&self, key: &str) -> usize {
        self.operations().position(|operation| operation == key).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key, its target, and what it costs on each system.
    type Expected = (&'static str, Option<u32>, [Option<u32>; 4]);

    #[test]
    fn the_data_file_has_the_figures_to_beat() {
        let anchors = Anchors::load().unwrap();
        let table: [Expected; 4] = [
            ("null_int", Some(48), [None, Some(250), Some(105), Some(1397)]),
            ("trap", Some(135), [Some(485), Some(4081), Some(1508), None]),
            ("jos_null", None, [Some(369), None, None, None]),
            ("boot_128", Some(1_000_000), [None; 4]),
        ];
        for (key, target, others) in table {
            let operation = anchors.of(key).unwrap();
            assert_eq!(operation.target, target.map(Figure::from), "{key}");
            let found = System::ALL.map(|system| operation.on(system));
            assert_eq!(found, others.map(|other| other.map(Figure::from)), "{key}");
        }
        assert_eq!(anchors.operations().count(), 52);
        assert_eq!(anchors.systems.len(), System::ALL.len());
    }

    #[test]
    fn no_operation_is_there_twice() {
        let anchors = Anchors::load().unwrap();
        for (index, key) in anchors.operations().enumerate() {
            assert_eq!(anchors.place(key), index, "{key}");
        }
    }
}
