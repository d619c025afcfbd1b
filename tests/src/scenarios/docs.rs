//! The documents show what really happens.

use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use xtask::workspace::Workspace;

use crate::{Boot, Claim, claim};

const PROMPT: &str = "vitrine> ";

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    vec![
        claim("docs::the_readme_shows_a_real_session", session),
        claim("docs::the_readme_shows_a_real_program", program),
        claim("docs::the_page_on_jos_shows_a_real_run", jos),
        claim("docs::the_page_on_appel_and_li_shows_real_runs", appel_li),
        claim("docs::every_path_that_the_documents_name_exists", paths),
        claim("docs::the_page_on_writing_a_pager_quotes_the_pager", quotes),
    ]
}

fn readme() -> Result<String, Failed> {
    Ok(std::fs::read_to_string(Workspace::locate().root().join("README.md"))?)
}

/// Types what the README types, and demands each line that it shows; numbers may differ.
fn session() -> Claim {
    let readme = readme()?;
    let block = readme.split("```text\n").nth(1).and_then(|rest| rest.split("```").next());
    let block = block.ok_or("the README has no transcript")?;
    let disk = tempfile::NamedTempFile::new()?;
    disk.as_file().set_len(256 << 20)?;
    let mut boot = Boot::new().disk(disk.path().to_owned()).append("disk swap");
    for line in block.lines() {
        if let Some(typed) = line.strip_prefix(PROMPT) {
            boot = boot.answer(PROMPT, format!("{typed}\r"));
        }
    }
    let patterns: Vec<_> =
        block.lines().filter(|line| !line.is_empty()).map(without_numbers).collect();
    let patterns: Vec<_> = patterns.iter().map(String::as_str).collect();
    boot.boot()?.exits(0)?.shows(&patterns)?;
    Ok(())
}

/// The run that `docs/jos.md` shows, from its beginning to its end; numbers may differ.
fn jos() -> Claim {
    let page = Workspace::locate().root().join("docs/jos.md");
    let page = std::fs::read_to_string(page)?;
    let blocks = page.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next());
    let patterns: Vec<_> = blocks.flat_map(str::lines).map(without_numbers).collect();
    if patterns.is_empty() {
        return Err("docs/jos.md has no transcript".into());
    }
    let patterns: Vec<_> = patterns.iter().map(String::as_str).collect();
    Boot::new().elf("death").jos().boot()?.exits(0)?.shows(&patterns)?;
    Ok(())
}

/// Each program's run in `docs/appel-li.md`, whole; numbers may differ.
fn appel_li() -> Claim {
    let page = Workspace::locate().root().join("docs/appel-li.md");
    let page = std::fs::read_to_string(page)?;
    let blocks = page.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut shown = Vec::new();
    for block in blocks {
        let program = block.split(':').next().unwrap_or_default();
        shown.push(program);
        let patterns: Vec<_> = block.lines().map(without_numbers).collect();
        let patterns: Vec<_> = patterns.iter().map(String::as_str).collect();
        Boot::new().run(program).boot()?.exits(0)?.shows(&patterns)?;
    }
    if shown == ["vmpup", "guard", "gc", "compress"] {
        Ok(())
    } else {
        Err(format!("docs/appel-li.md shows {shown:?}").into())
    }
}

/// A pattern for a line: every word with a digit in it may be another one.
fn without_numbers(line: &str) -> String {
    let words = line.split_whitespace();
    let masked =
        words.map(|word| if word.contains(|c: char| c.is_ascii_digit()) { "*" } else { word });
    masked.collect::<Vec<_>>().join("*")
}

/// The program in the README is the one in the tree, and it runs.
fn program() -> Claim {
    let source = Workspace::locate().root().join("userland/programs/demos/hello.rs");
    let source = std::fs::read_to_string(source)?;
    if !readme()?.contains(&format!("```rust\n{source}```")) {
        return Err("the README's program is not userland/programs/demos/hello.rs".into());
    }
    Boot::new().run("hello").boot()?.exits(0)?.shows(&["hello from frame 0x"])?;
    Ok(())
}

/// Every line of code in `docs/howto/write-a-pager.md` is one of the program's, in the same order
/// in each block.
fn quotes() -> Claim {
    let root = Workspace::locate().root().to_owned();
    let page = std::fs::read_to_string(root.join("docs/howto/write-a-pager.md"))?;
    let program = std::fs::read_to_string(root.join("userland/programs/demos/tiny_pager.rs"))?;
    let blocks: Vec<_> = page.split("```rust\n").skip(1).collect();
    for block in &blocks {
        let mut lines = program.lines().map(str::trim);
        for line in block.split("```").next().unwrap_or_default().lines().map(str::trim) {
            if !["// ...", "}"].contains(&line) && !lines.any(|other| other == line) {
                return Err(format!("tiny_pager.rs does not have `{line}` there").into());
            }
        }
    }
    if blocks.is_empty() { Err("the page quotes nothing".into()) } else { Ok(()) }
}

/// Folders at the top of the tree; a word that begins with one of them is a path.
const TOP: [&str; 8] =
    ["kernel/", "boot/", "libsys/", "userland/", "xtask/", "tests/", "docs/", ".github/"];

/// Every path in the text of a document exists, and so does the target of every link. Fenced blocks
/// show what somebody types or sees, and may name a file that a reader is to make.
fn paths() -> Claim {
    let root = Workspace::locate().root().to_owned();
    let mut missing = Vec::new();
    let mut named = 0;
    for document in documents(&root)? {
        let text = std::fs::read_to_string(&document)?;
        let folder = document.parent().unwrap_or(&root);
        let inside = document.strip_prefix(&root).unwrap_or(&document);
        let prose = || text.split("```").step_by(2);
        let paths = prose().flat_map(code_spans).filter(|word| is_path(word));
        let paths = paths.map(|path| (path, root.join(path)));
        let links = prose().flat_map(link_targets).map(|link| (link, folder.join(link)));
        for (name, path) in paths.chain(links) {
            named += 1;
            if !path.exists() {
                missing.push(format!("{} names {name}", inside.display()));
            }
        }
    }
    match (missing.as_slice(), named) {
        (_, 0) => Err("no document names a path".into()),
        ([], _) => Ok(()),
        (missing, _) => Err(missing.join("\n").into()),
    }
}

/// The documents at the top of the tree and below `docs`.
fn documents(root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut documents = Vec::new();
    for folder in ["", "docs", "docs/howto"] {
        for entry in std::fs::read_dir(root.join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                documents.push(path);
            }
        }
    }
    Ok(documents)
}

/// The words of all spans in backquotes.
fn code_spans(prose: &str) -> impl Iterator<Item = &str> {
    prose.split('`').skip(1).step_by(2).flat_map(str::split_whitespace)
}

/// Whether a word is a path of one file or folder in the tree.
fn is_path(word: &str) -> bool {
    TOP.iter().any(|top| word.starts_with(top)) && !word.contains(['*', '{', '<', '\u{2026}'])
}

/// The files in the tree that links lead to.
fn link_targets(prose: &str) -> impl Iterator<Item = &str> {
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains(':'))
}
