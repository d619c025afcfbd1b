//! The pictures in the documentation, and how each is made: `cargo xtask picture --gallery` makes
//! all anew.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use super::moment::Asked;
use super::svg::{Drawing, Rows};
use crate::workspace::Workspace;

/// A picture of the documentation.
pub struct Exhibit {
    /// The file, from the root of the tree.
    pub file: &'static str,
    /// The command for init.
    run: &'static str,
    /// Texts of the lines after which it is drawn.
    when: &'static [&'static str],
    rows: Rows,
}

/// All of them.
pub const GALLERY: [Exhibit; 2] = [
    Exhibit {
        file: "docs/pictures/fork.svg",
        run: "cow",
        when: &["before the fork", "parent, after the fork", "parent, after it has written"],
        rows: Rows::Own,
    },
    Exhibit {
        file: "docs/pictures/window.svg",
        run: "hello",
        when: &["hello from"],
        rows: Rows::All,
    },
];

/// MiB of the machine.
const MEMORY: u32 = 64;
/// Only a machine that hangs takes this long.
const PATIENCE: Duration = Duration::from_secs(120);

impl Exhibit {
    /// Draws it, as the system is now.
    ///
    /// # Errors
    /// A line did not come, or the emulator is at fault.
    pub fn draw(&self, workspace: &Workspace) -> Result<String> {
        let when: Vec<String> = self.when.iter().map(|text| (*text).to_owned()).collect();
        let program = self.run.split(' ').next().unwrap_or_default();
        let asked =
            Asked { run: self.run, program, when: &when, memory: MEMORY, timeout: PATIENCE };
        Ok(Drawing::new(self.run, &asked.take(workspace)?, self.rows).text())
    }
}

/// Makes every picture of the documentation anew.
///
/// # Errors
/// One cannot be drawn or written.
pub fn make(workspace: &Workspace) -> Result<()> {
    for exhibit in &GALLERY {
        let file = workspace.root().join(exhibit.file);
        let text = exhibit.draw(workspace)?;
        fs::create_dir_all(file.parent().context("a picture lies in a folder")?)?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        println!("{}", exhibit.file);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_shows_each_picture() {
        let root = Workspace::locate().root().to_path_buf();
        let documents = ["README.md", "ARCHITECTURE.md"]
            .map(|file| fs::read_to_string(root.join(file)).unwrap())
            .concat();
        for exhibit in &GALLERY {
            assert!(documents.contains(&format!("]({})", exhibit.file)), "{}", exhibit.file);
        }
    }
}
