//! Every kept input, for every parser: what once reached new code, and what once broke a promise.

#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use vitrine_parsers::{PARSERS, Parser};

/// Judges all inputs of one folder, and returns how many the parser took and how many it refused.
fn judge_all(parser: Parser) -> [usize; 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(parser.name);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut counts = [0; 2];
    for file in files {
        let path = file.unwrap().path();
        // The test's output names the input if the judge panics.
        println!("{}", path.display());
        let taken = (parser.judge)(&fs::read(&path).unwrap());
        counts[usize::from(!taken)] += 1;
    }
    counts
}

#[test]
fn every_kept_input_keeps_every_promise() {
    for parser in PARSERS {
        let [taken, refused] = judge_all(parser);
        // Inputs of one kind alone would reach only half of a parser.
        assert!(taken > 1 && refused > 1, "{}: {taken} taken, {refused} refused", parser.name);
    }
}

#[test]
fn every_folder_of_the_corpus_belongs_to_a_parser() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for folder in fs::read_dir(corpus).unwrap() {
        let name = folder.unwrap().file_name();
        assert!(PARSERS.iter().any(|parser| name == parser.name), "{name:?}");
    }
}
