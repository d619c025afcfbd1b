//! `rasterise SCALE`: makes a PNG of the SVG on standard input, on standard output.
//!
//! A program of its own: what draws letters takes as long to compile as the rest of xtask, and only
//! `cargo xtask picture -o FILE.png` needs it. That command builds it at its first use.

#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

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
    let mut options = Options::default();
    options.fontdb_mut().load_system_fonts();
    if options.fontdb.is_empty() {
        return Err("no font is installed, and a PNG needs one \
                    (on Debian: apt-get install fonts-dejavu-core); \
                    .svg and .html need none"
            .into());
    }
    io::stdout().write_all(&rasterise(&drawing, &options, scale)?)?;
    Ok(())
}

/// Rasterises a drawing, with so many pixels for each of its units.
fn rasterise(drawing: &str, options: &Options<'_>, scale: f32) -> Result<Vec<u8>, Box<dyn Error>> {
    let tree = Tree::from_str(drawing, options)?;
    let size = tree.size().to_int_size().scale_by(scale).ok_or("a PNG has no such size")?;
    let pixels = Pixmap::new(size.width(), size.height());
    let mut pixels = pixels.ok_or("the drawing is too large for a PNG")?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    Ok(pixels.encode_png()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_of_a_drawing_becomes_so_many_pixels() {
        let drawing = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"3\" height=\"2\">\
                       <rect width=\"3\" height=\"2\" fill=\"#ff0000\"/></svg>";
        let png = rasterise(drawing, &Options::default(), 2.0).unwrap();
        let pixels = Pixmap::decode_png(&png).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (6, 4));
        assert!(pixels.data().chunks(4).all(|pixel| pixel == [0xFF, 0, 0, 0xFF]));
    }
}
