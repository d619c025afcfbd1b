//! Judges the parsers: the functions that read bytes which somebody else wrote and may have written to do harm.
//!
//! Each parser has a function that feeds it arbitrary bytes and panics if it breaks one of its promises. The promises
//! are judged by code that the parser does not use: another crate's reader, or a plain model with wide numbers.
//! The same functions run over a kept corpus (`tests/corpus.rs`, a part of `cargo test`) and under libFuzzer
//! (`cargo xtask parsers`), which looks for bytes that reach new code and keeps those in the corpus.

#![forbid(unsafe_code)]

mod archive;
mod boot_line;
mod call;
mod command_line;
mod elf;
mod message;
mod multiboot;
mod protocols;
mod swapped;

/// A parser and its judge.
#[derive(Clone, Copy)]
pub struct Parser {
    /// Its name, which is also that of its folder in the corpus.
    pub name: &'static str,
    /// Feeds it these bytes, and panics if it breaks a promise. Says whether it took them.
    pub judge: fn(&[u8]) -> bool,
}

/// Every parser.
pub const PARSERS: [Parser; 9] = [
    Parser { name: "multiboot", judge: multiboot::judge },
    Parser { name: "elf", judge: elf::judge },
    Parser { name: "archive", judge: archive::judge },
    Parser { name: "boot_line", judge: boot_line::judge },
    Parser { name: "command_line", judge: command_line::judge },
    Parser { name: "call", judge: call::judge },
    Parser { name: "message", judge: message::judge },
    Parser { name: "protocols", judge: protocols::judge },
    Parser { name: "swapped", judge: swapped::judge },
];

/// The parser of this name.
#[must_use]
pub fn named(name: &str) -> Option<Parser> {
    PARSERS.into_iter().find(|parser| parser.name == name)
}

/// Little-endian words from the first bytes. What is missing is 0.
fn words<const COUNT: usize>(bytes: &[u8]) -> [u32; COUNT] {
    std::array::from_fn(|index| {
        let byte = |offset| bytes.get(index * 4 + offset).copied().unwrap_or(0);
        u32::from_le_bytes(std::array::from_fn(byte))
    })
}
