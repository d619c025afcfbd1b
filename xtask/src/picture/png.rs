//! The drawing as PNG.

use anyhow::{Context, Result};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use super::svg::Drawing;
use crate::bad_input::BadInput;

/// Pixels for each unit of the drawing.
const SCALE: f32 = 2.0;

/// Rasterises a drawing with the fonts of this machine.
///
/// # Errors
/// No font is installed.
pub fn rasterise(drawing: &Drawing) -> Result<Vec<u8>> {
    let mut options = Options::default();
    options.fontdb_mut().load_system_fonts();
    if options.fontdb.is_empty() {
        let why = "no font is installed, and a PNG needs one \
                   (on Debian: apt-get install fonts-dejavu-core); \
                   .svg and .html need none";
        return Err(BadInput(why.to_owned()).into());
    }
    let tree = Tree::from_str(&drawing.text(), &options).context("the drawing is no SVG")?;
    let (width, height) = drawing.size();
    let (width, height) = (width * SCALE as u32, height * SCALE as u32);
    let mut pixels = Pixmap::new(width, height).context("the drawing is too large for a PNG")?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    Ok(pixels.encode_png()?)
}
