//! The program that `cargo xtask parsers` builds with coverage counters: libFuzzer, with one of the judges.
//!
//! The environment word `VITRINE_PARSER` names the parser.

#![no_main]

use std::sync::LazyLock;

use vitrine_parsers::{Parser, named};

static PARSER: LazyLock<Parser> = LazyLock::new(|| {
    let name = std::env::var("VITRINE_PARSER").unwrap_or_default();
    named(&name).unwrap_or_else(|| panic!("VITRINE_PARSER={name}: no such parser"))
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (PARSER.judge)(bytes);
});
