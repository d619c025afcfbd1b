//! The drawing as PNG, by the program `rasterise`, which is built at its first use.

use std::io::Write;
use std::process::Stdio;

use anyhow::{Context, Result};

use super::svg::Drawing;
use crate::bad_input::BadInput;
use crate::command;
use crate::command::host_cargo;
use crate::workspace::Workspace;

/// Pixels for each unit of the drawing.
const SCALE: &str = "2";

/// Rasterises a drawing with the fonts of this machine.
///
/// # Errors
/// The program cannot be built, or no font is installed.
pub fn rasterise(workspace: &Workspace, drawing: &Drawing) -> Result<Vec<u8>> {
    let package = ["--package", "rasterise"];
    command::run(host_cargo(workspace).arg("build").args(package))?;
    let mut run = host_cargo(workspace);
    run.args(["run", "--quiet"]).args(package).args(["--", SCALE]);
    run.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = run.spawn().with_context(|| command::cannot_start(&run))?;
    let stdin = child.stdin.take();
    // It reads everything before it writes anything. If it has ended, it says why.
    let _ = stdin.map(|mut stdin| stdin.write_all(drawing.text().as_bytes()));
    let output = child.wait_with_output().context("cannot read the picture")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(BadInput(text.lines().next().unwrap_or("no reason").to_owned()).into());
    }
    Ok(output.stdout)
}
