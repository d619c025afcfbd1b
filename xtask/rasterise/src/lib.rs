//! Makes a PNG of an SVG drawing, with the fonts of this machine.
//!
//! The program `rasterise` does nothing else. It is a package of its own because what draws letters
//! takes almost as long to compile as the rest of xtask.

#![forbid(unsafe_code)]

use std::error::Error;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

/// Reads the fonts of this machine.
///
/// # Errors
/// There are none.
pub fn fonts() -> Result<Options<'static>, &'static str> {
    let mut options = Options::default();
    options.fontdb_mut().load_system_fonts();
    if options.fontdb.is_empty() {
        return Err("no font is installed, and a PNG needs one \
                    (on Debian: apt-get install fonts-dejavu-core); \
                    .svg and .html need none");
    }
    Ok(options)
}

/// Rasterises a drawing, with so many pixels for each of its units.
///
/// # Errors
/// It is no SVG, or too large.
pub fn rasterise(
    drawing: &str,
    options: &Options<'_>,
    scale: f32,
) -> Result<Vec<u8>, Box<dyn Error>> {
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
