//! The laboratory's share of `cargo xtask test`: its tests run in a headless browser, against the
//! site served here.

use std::fs;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail};

use super::packages::{AXE, PLAYWRIGHT};
use super::{Server, build_site};
use crate::command;
use crate::leash;
use crate::setup;
use crate::system::Part;
use crate::workspace::Workspace;

/// What the tests need beside the image.
pub const PARTS: [Part; 2] = [Part::Node, Part::Browser];

/// Whether a filter chooses a browser test. One for other tests must not ask for a browser.
///
/// # Errors
/// The tests cannot be read.
pub fn has_tests(workspace: &Workspace, filter: Option<&str>) -> Result<bool> {
    let file = workspace.root().join("xtask/web/test/tests.mjs");
    let source = fs::read_to_string(file).context("cannot read the browser tests")?;
    Ok(names(&source).any(|name| name.contains(filter.unwrap_or(""))))
}

/// Runs the browser tests whose names contain `filter`, or all. Screenshots go to
/// `target/vitrine/web`.
///
/// # Errors
/// A test failed, or npm, the browser or a package could not be had.
pub fn test(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    setup::ensure(&PARTS)?;
    let browser = setup::browser().and_then(command::find).context("the browser went away")?;
    let site = build_site(workspace)?;
    let server = Server::bind(0)?;
    let shots = workspace.output().join("web");
    command::create_directory(&shots)?;
    let mut node = Command::new("node");
    node.arg(workspace.root().join("xtask/web/test/run.mjs")).args(filter);
    node.env("VITRINE_URL", format!("http://127.0.0.1:{}/", server.port()));
    node.env("VITRINE_PLAYWRIGHT", PLAYWRIGHT.folder(workspace)?);
    node.env("VITRINE_AXE", AXE.folder(workspace)?);
    node.env("VITRINE_BROWSER", browser).env("VITRINE_SHOTS", shots);
    // The thread ends with this process.
    thread::spawn(move || server.run(site));
    // The browser ends with node, which holds the other end of its pipe.
    let child = leash::spawn(&mut node).with_context(|| command::cannot_start(&node))?;
    let status = child.wait().context("cannot wait for node")?;
    if !status.success() {
        bail!("browser tests failed ({status})");
    }
    Ok(())
}

/// The names of the tests in a module.
fn names(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| line.strip_prefix("test(\"")?.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_by_their_names() {
        let source = "const test = 1;\ntest(\"web::a\", async () => {\n});\ntest(\"web::b\", b);\n";
        assert_eq!(names(source).collect::<Vec<_>>(), ["web::a", "web::b"]);
        let ours = include_str!("../../web/test/tests.mjs");
        assert!(names(ours).count() > 10);
        assert!(names(ours).all(|name| name.starts_with("web::")));
    }
}
