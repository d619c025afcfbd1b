//! Model cycles: an estimate of what an operation costs a processor, from its instructions, its
//! events and a table of weights.
//!
//! The weights are in `data/weights.json`, each with where it comes from.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::events::{Events, REP_PAGE, REP_TURN};
use super::figure::Figure;

const FILE: &str = include_str!("../../data/weights.json");

/// The data file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// How the weights are used.
    pub rule: String,
    instruction: Weight,
    events: Vec<EventWeight>,
}

/// What something costs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weight {
    /// Cycles.
    weight: f64,
    /// Whether they were measured or estimated, and how.
    source: String,
}

/// What an event costs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventWeight {
    event: String,
    /// Cycles, beside those of the instruction itself; none for an event that is not weighed.
    weight: Option<f64>,
    source: String,
}

impl Weights {
    /// Reads the data file.
    ///
    /// # Errors
    /// It is damaged.
    pub fn load() -> Result<Self> {
        serde_json::from_str(FILE).context("xtask/data/weights.json is damaged")
    }

    /// What so many instructions with these events cost. An iteration of `rep` is no instruction
    /// here, because the processor moves a page in one; a page by `rep` is one.
    #[must_use]
    pub fn cycles(&self, instructions: Figure, events: &Events) -> Figure {
        let instructions = instructions.get() - events.of(REP_TURN) + events.of(REP_PAGE);
        let weighed = self.events.iter().map(|EventWeight { event, weight, .. }| {
            weight.map_or(0.0, |weight| weight * events.of(event))
        });
        Figure::new(self.instruction.weight * instructions + weighed.sum::<f64>())
    }

    /// The events that happen and have no weight.
    pub fn unweighed<'a>(&'a self, events: &'a Events) -> impl Iterator<Item = &'a str> {
        let is_weighed = |event: &str| {
            let of_table = |known: &&EventWeight| known.event == event;
            event == REP_TURN
                || self.events.iter().find(of_table).is_some_and(|known| known.weight.is_some())
        };
        events
            .all()
            .filter(move |(event, count)| *count != 0.0 && !is_weighed(event))
            .map(|(event, _)| event)
    }

    /// A line for each weight, with where it comes from.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let Weight { weight, source } = &self.instruction;
        let instruction = ("instruction", Some(*weight), source);
        let events = self
            .events
            .iter()
            .map(|EventWeight { event, weight, source }| (event.as_str(), *weight, source));
        std::iter::once(instruction).chain(events).map(|(what, weight, source)| {
            let weight = weight.map_or_else(|| "-".to_owned(), |weight| weight.to_string());
            format!("{what:<12} {weight:>6}  {source}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles(instructions: u32, events: Events) -> f64 {
        Weights::load().unwrap().cycles(Figure::from(instructions), &events).get()
    }

    /// The pairs are what was published or measured; how one is divided is a convention.
    #[test]
    fn a_pair_costs_what_its_source_says() {
        let table = [
            (["int", "iret"], 200.0),
            (["fault", "iret"], 250.0),
            (["sysenter", "iret"], 150.0),
            (["sysenter", "sysexit"], 70.0),
            (["fpu_save", "fpu_load"], 104.0),
        ];
        for (pair, expected) in table {
            assert_eq!(cycles(0, Events::from(pair.map(|event| (event, 1.0)))), expected);
        }
        assert_eq!(cycles(0, Events::from([("ds_es", 2.0)])), 37.0);
        assert_eq!(cycles(0, Events::from([("fs_gs", 2.0)])), 47.0);
    }

    #[test]
    fn a_page_by_rep_is_one_instruction_and_its_weight() {
        let page = Events::from([(REP_TURN, 1025.0), (REP_PAGE, 1.0)]);
        assert_eq!(cycles(1125, page), 0.6 * 101.0 + 54.0);
    }

    /// The plugin's source: it is loaded by QEMU and cannot be asked.
    const PLUGIN: &str = include_str!("../../counter/src/event.rs");

    /// A weight of anything else would weigh nothing.
    #[test]
    fn every_weight_is_that_of_an_event_that_the_plugin_counts() {
        for EventWeight { event, .. } in Weights::load().unwrap().events {
            let counted = if event == REP_PAGE { "rep_byte" } else { event.as_str() };
            assert!(PLUGIN.contains(&format!("=> \"{counted}\"")), "{event}");
        }
    }

    #[test]
    fn an_event_without_a_weight_is_named() {
        let weights = Weights::load().unwrap();
        let events = Events::from([("int", 1.0), ("other", 2.0), ("new", 1.0), (REP_TURN, 3.0)]);
        assert_eq!(weights.unweighed(&events).collect::<Vec<_>>(), ["new", "other"]);
        let events = Events::from([("int", 1.0), ("other", 0.0)]);
        assert_eq!(weights.unweighed(&events).count(), 0);
    }
}
