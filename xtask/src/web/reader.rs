//! The documents and programs that the exhibits link to, as pages that every browser shows.
//!
//! A static host has no type for `.rs` and `.md`, so a browser would save them. Each becomes a page
//! with its text as it is.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// What is shown: files, or folders with all that they hold.
const SHOWN: [&str; 5] = [
    "ARCHITECTURE.md",
    "docs",
    "userland/programs",
    "userland/picture/src",
    "kernel/core/tests/toy_machine.rs",
];

/// The pages: path in the site, and contents.
///
/// # Errors
/// A file cannot be read.
pub fn pages(root: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut pages = Vec::new();
    for path in SHOWN {
        add(root, path, &mut pages)?;
    }
    Ok(pages)
}

fn add(root: &Path, path: &str, pages: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    let file = root.join(path);
    if file.is_dir() {
        let entries = fs::read_dir(&file).with_context(|| format!("cannot read {path}"))?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            add(root, &format!("{path}/{}", name.to_string_lossy()), pages)?;
        }
    } else if [".md", ".rs", ".c", ".h"].iter().any(|end| path.ends_with(end)) {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {path}"))?;
        pages.push((format!("tree/{path}.html"), page(path, &text).into_bytes()));
    }
    Ok(())
}

fn page(path: &str, text: &str) -> String {
    let up = "../".repeat(path.matches('/').count() + 1);
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{path} · Vitrine</title>\n\
         <link rel=\"stylesheet\" href=\"{up}style.css\">\n<body class=\"reader\">\n\
         <header><a href=\"{up}index.html\">Vitrine's laboratory</a><h1>{path}</h1></header>\n\
         <main tabindex=\"0\"><pre>{}</pre></main>\n</body></html>\n",
        escaped(text)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shown_as_it_is_and_finds_the_way_back() {
        let page = page("docs/a.md", "if a < b && c > d");
        assert!(page.contains("<pre>if a &lt; b &amp;&amp; c &gt; d</pre>"), "{page}");
        assert!(page.contains("href=\"../../index.html\""), "{page}");
    }
}
