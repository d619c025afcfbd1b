//! `rasterise SCALE`: makes a PNG of the SVG on standard input, on standard output.
//!
//! A program of its own: what draws letters takes as long to compile as the rest of xtask, and only
//! `cargo xtask picture -o FILE.png` needs it. That command builds it at its first use.

#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let scale = std::env::args().nth(1).ok_or("no scale is named")?.parse()?;
    let drawing = io::read_to_string(io::stdin())?;
    io::stdout().write_all(&rasterise::rasterise(&drawing, &rasterise::fonts()?, scale)?)?;
    Ok(())
}
