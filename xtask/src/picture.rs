//! `cargo xtask picture`: pictures of page tables at named moments of a run, as SVG, PNG or HTML.
//!
//! The machine is stopped by a breakpoint behind the function with which the kernel writes to the
//! serial line. So a moment is exact: the program has printed the line and has not gone on. What is
//! drawn is read from physical memory alone, by the table for debuggers and the oracle's decoder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use picture::Snapshot;
use picture::snapshot::Unreadable;
use picture::text::{COLUMNS, Style, Text};

use crate::bad_input::BadInput;
use crate::build;
use crate::request;
use crate::setup;
use crate::system::Part;
use crate::workspace::Workspace;

pub mod gallery;
pub mod html;
pub mod moment;
pub mod png;
pub mod read;
pub mod svg;

use svg::{Drawing, Rows};

/// What `cargo xtask picture` is asked.
#[derive(Args)]
pub struct Options {
    /// Run this program; it and its children are drawn
    #[arg(long, value_name = "PROGRAM ARGS", required_unless_present_any = ["gallery", "from"])]
    run: Option<String>,
    /// Draw when a line with this text has been printed; may be repeated, in the order of the lines
    ///
    /// Without it: when the program has printed its last line.
    #[arg(long, value_name = "TEXT")]
    when: Vec<String>,
    /// Draw also the tables that are alike in all processes: UENVS and UPAGES
    #[arg(long)]
    all: bool,
    /// The file to write; its name ends in .svg, .png or .html
    #[arg(short, long, value_name = "FILE", required_unless_present_any = ["gallery", "from"])]
    output: Option<PathBuf>,
    /// Print the picture of what `map --dump` has printed into this file, in letters; - is standard
    /// input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["run", "when", "all", "output"])]
    from: Option<PathBuf>,
    /// Make all pictures of the documentation anew, and nothing else
    #[arg(long, conflicts_with_all = ["run", "when", "all", "output", "from", "memory", "timeout"])]
    gallery: bool,
    /// Memory in MiB, from 16 to 3583
    #[arg(long, value_name = "MIB", default_value = "64")]
    memory: String,
    /// Give up after this long
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    timeout: u64,
}

/// The form of a picture's file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Svg,
    Png,
    Html,
}

impl Form {
    fn of(file: &Path) -> Result<Self, BadInput> {
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            Some("html") => Ok(Self::Html),
            _ => {
                let file = file.display();
                Err(BadInput(format!("-o {file}: the name has to end in .svg, .png or .html")))
            }
        }
    }
}

/// Runs a program and writes the picture.
///
/// # Errors
/// An option cannot be used, a text never came, or the emulator or the file is at fault.
pub fn picture(workspace: &Workspace, options: &Options) -> Result<()> {
    if options.gallery {
        setup::ensure(&[Part::Emulator])?;
        build::build_archive(workspace)?;
        return gallery::make(workspace);
    }
    if let Some(file) = &options.from {
        print!("{}", drawn(file)?);
        return Ok(());
    }
    // Both are there: clap has seen to it.
    let (Some(run), Some(file)) = (&options.run, &options.output) else { return Ok(()) };
    let form = Form::of(file)?;
    let words = request::run(run)?;
    let program = words.first().map_or("", String::as_str);
    let memory = request::memory(&options.memory)?;
    let timeout = request::timeout(options.timeout)?;
    setup::ensure(&[Part::Emulator])?;
    build::build_archive(workspace)?;
    let asked = moment::Asked { run, program, when: &options.when, memory, timeout };
    let moments = asked.take(workspace)?;
    let rows = if options.all { Rows::All } else { Rows::Own };
    let drawing = Drawing::new(run, &moments, rows);
    let bytes = match form {
        Form::Svg => drawing.text().into_bytes(),
        Form::Html => html::page(run, &moments, &drawing).into_bytes(),
        Form::Png => png::rasterise(workspace, &drawing)?,
    };
    fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{}", file.display());
    Ok(())
}

/// The picture of a dump in letters, as `map --plain` draws it.
fn drawn(file: &Path) -> Result<String> {
    let text = if file == Path::new("-") {
        io::read_to_string(io::stdin()).context("cannot read standard input")?
    } else {
        let why = |error| BadInput(format!("--from {}: {error}", file.display()));
        fs::read_to_string(file).map_err(why)?
    };
    let why = |Unreadable(line)| {
        let file = file.display();
        BadInput(match line.as_str() {
            "" => format!("--from {file}: there is nothing that `map --dump` has printed"),
            line => format!("--from {file}: not a line of a snapshot: `{}`", line.escape_debug()),
        })
    };
    let snapshot = Snapshot::parse(&text).map_err(why)?;
    Ok(Text { snapshot: &snapshot, style: Style::Plain, columns: COLUMNS }.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_is_drawn_and_what_is_none_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dump");
        let dump = "vitrine-snapshot 1\nprocess 00001003 parent 00001001 name cow\n\
                    d 002 00431027\nt 002 000 00432067\nend\n";
        fs::write(&file, dump).unwrap();
        let text = drawn(&file).unwrap();
        assert!(text.starts_with("cow (00001003): 1 pages in 1 tables below UTOP\n"), "{text}");
        assert!(text.contains("0x002 0x00800000  program: 1 dirty\n"), "{text}");
        for (bad, told) in [("", "nothing"), ("junk", "nothing"), ("vitrine-snapshot 1\nx", "`x`")]
        {
            fs::write(&file, bad).unwrap();
            let error = drawn(&file).unwrap_err();
            let line = error.to_string();
            assert!(error.is::<BadInput>() && line.contains(told), "{line}");
            assert_eq!(line.lines().count(), 1, "{line}");
        }
    }

    #[test]
    fn the_files_name_says_its_form() {
        assert_eq!(Form::of(Path::new("a/b.svg")), Ok(Form::Svg));
        for name in ["b", "svg", "b.SVG", "b.jpeg", "b.svg/"] {
            let form = Form::of(Path::new(name));
            assert_eq!(form.is_err(), name != "b.svg/", "{name}: {form:?}");
        }
    }
}
