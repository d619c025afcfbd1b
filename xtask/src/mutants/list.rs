//! Which mutants there are: those of a package that host tests judge, function by function.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use hmac_sha256::Hash;
use serde::Deserialize;

use super::suite::Suite;

/// The packages whose mutants are listed.
pub const PACKAGES: [&str; 4] = ["vitrine-core", "vitrine-abi", "swap", "pager"];

/// Which files are judged, by the beginnings of their paths, and by what. The pager's program has
/// only its calls, which no host can make.
const SCOPE: [(&str, Suite); 11] = [
    ("kernel/core/src/jos/absent.rs", Suite::WithoutJos),
    ("kernel/core/src/", Suite::Core),
    ("kernel/abi/src/", Suite::Abi),
    ("userland/servers/swap/src/", Suite::Swap),
    ("userland/servers/pager/src/backend.rs", Suite::Pager),
    ("userland/servers/pager/src/clients.rs", Suite::Pager),
    ("userland/servers/pager/src/disk.rs", Suite::Pager),
    ("userland/servers/pager/src/frame_pointer.rs", Suite::Pager),
    ("userland/servers/pager/src/held.rs", Suite::Pager),
    ("userland/servers/pager/src/program.rs", Suite::Pager),
    ("userland/servers/pager/src/server.rs", Suite::Pager),
];

/// A function, or a constant, with its mutants. It is known by its file and its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Function {
    pub file: String,
    /// For people.
    pub name: String,
    /// How many lines it has.
    pub lines: usize,
    /// The beginning of the sum of these lines.
    pub hash: String,
    /// Its first line, from 1.
    pub first: usize,
    pub mutants: Vec<Mutant>,
    pub suite: Suite,
}

impl Function {
    /// The file and the name.
    pub fn line(&self) -> String {
        format!("{} {} ({} mutants)", self.file, self.name, self.mutants.len())
    }
}

/// One change of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mutant {
    /// What is changed, in words.
    pub what: String,
    /// Where it begins.
    pub from: Place,
    /// Where it ends: behind the last character that is replaced.
    pub to: Place,
    /// What is put there.
    pub text: String,
}

/// A place in a file: line and column, both from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

#[derive(Clone, Copy, Deserialize)]
struct Span {
    start: Place,
    end: Place,
}

/// A mutant as cargo-mutants writes it.
#[derive(Deserialize)]
struct Listed {
    file: String,
    function: Option<ListedFunction>,
    span: Span,
    name: String,
    replacement: String,
}

#[derive(Deserialize)]
struct ListedFunction {
    function_name: String,
    span: Span,
}

/// The functions of the scope, in the order of files and lines.
///
/// # Errors
/// The list is not what cargo-mutants writes, or a source cannot be read.
pub fn functions(root: &Path, json: &str) -> Result<Vec<Function>> {
    let listed: Vec<Listed> = serde_json::from_str(json).context("cargo-mutants' list")?;
    let mut sources = BTreeMap::new();
    let mut functions: BTreeMap<(String, usize), Function> = BTreeMap::new();
    for mutant in listed {
        let Some(suite) = suite(&mutant.file) else { continue };
        if !sources.contains_key(&mutant.file) {
            let path = root.join(&mutant.file);
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            sources.insert(mutant.file.clone(), text);
        }
        let (span, name) = match &mutant.function {
            Some(function) => (function.span, function.function_name.as_str()),
            None => (mutant.span, "constant"),
        };
        let key = (mutant.file.clone(), span.start.line);
        let function = functions.entry(key).or_insert_with(|| {
            let lines = span.end.line + 1 - span.start.line;
            let source = sources[&mutant.file].lines().skip(span.start.line - 1);
            let hash = hash(&source.take(lines).collect::<Vec<_>>());
            let (file, name) = (mutant.file.clone(), name.to_owned());
            Function { file, name, lines, hash, first: span.start.line, mutants: vec![], suite }
        });
        function.mutants.push(mutant.read());
    }
    Ok(merged(functions.into_values()))
}

impl Listed {
    fn read(self) -> Mutant {
        let what = self.name.splitn(4, ':').last().unwrap_or_default().trim().to_owned();
        Mutant { what, from: self.span.start, to: self.span.end, text: self.replacement }
    }
}

fn suite(file: &str) -> Option<Suite> {
    let scope = SCOPE.iter().find(|(folder, _)| file.starts_with(folder));
    scope.map(|(_, suite)| *suite)
}

/// Functions of one file with the same text are one for the results.
fn merged(functions: impl Iterator<Item = Function>) -> Vec<Function> {
    let mut all: Vec<Function> = Vec::new();
    for function in functions {
        match all.iter_mut().find(|other| other.is_same(&function.file, &function.hash)) {
            Some(other) => other.mutants.extend(function.mutants),
            None => all.push(function),
        }
    }
    all
}

impl Function {
    /// Whether the line of this file, counted from 1, is one of its lines.
    pub fn has_line(&self, file: &str, line: usize) -> bool {
        self.file == file && (self.first..self.first + self.lines).contains(&line)
    }

    /// Whether the text of its file has it where it was when it was listed.
    pub fn is_in(&self, text: &str) -> bool {
        let lines: Vec<&str> = text.lines().skip(self.first - 1).take(self.lines).collect();
        hash(&lines) == self.hash
    }

    /// Whether it is the function of this file with this hash.
    pub fn is_same(&self, file: &str, hash: &str) -> bool {
        self.file == file && self.hash == hash
    }
}

/// Twelve hexadecimal digits of the SHA-256 of the lines, each with its line feed.
pub fn hash(lines: &[&str]) -> String {
    let mut sum = Hash::new();
    for line in lines {
        sum.update(line);
        sum.update("\n");
    }
    sum.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the text holds so many lines with this hash, one after another.
pub fn holds(text: &str, lines: usize, wanted: &str) -> bool {
    let text: Vec<&str> = text.lines().collect();
    lines > 0 && text.windows(lines).any(|window| hash(window) == wanted)
}

/// The bytes that the mutant replaces. `None` if its places are not in the text.
pub fn place_of(text: &str, mutant: &Mutant) -> Option<Range<usize>> {
    let (from, to) = (offset(text, mutant.from)?, offset(text, mutant.to)?);
    (from <= to).then_some(from..to)
}

/// The byte of a place. Columns count characters.
fn offset(text: &str, place: Place) -> Option<usize> {
    let mut begin = 0;
    for _ in 1..place.line {
        begin += text[begin..].find('\n')? + 1;
    }
    let line = text[begin..].split('\n').next()?;
    let mut places = line.char_indices().map(|(at, _)| at).chain([line.len()]);
    places.nth(place.column.checked_sub(1)?).map(|at| begin + at)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A function with so many mutants.
    pub fn function(file: &str, name: &str, mutants: usize) -> Function {
        let place = |column| Place { line: 3, column };
        let mutant = |n| Mutant {
            what: format!("replace {n} in {name}"),
            from: place(n + 1),
            to: place(n + 2),
            text: "x".to_owned(),
        };
        Function {
            file: file.to_owned(),
            name: name.to_owned(),
            lines: 3,
            hash: hash(&[name]),
            first: 2,
            mutants: (0..mutants).map(mutant).collect(),
            suite: Suite::Core,
        }
    }

    fn mutant(from: (usize, usize), to: (usize, usize), text: &str) -> Mutant {
        let place = |(line, column)| Place { line, column };
        Mutant { what: String::new(), from: place(from), to: place(to), text: text.to_owned() }
    }

    #[test]
    fn a_mutant_replaces_from_its_first_character_to_behind_its_last() {
        let text = "fn f() {\n    é <= 1\n}\n";
        let place = |from, to| place_of(text, &mutant(from, to, "")).map(|place| &text[place]);
        assert_eq!(place((2, 7), (2, 9)), Some("<="));
        assert_eq!(place((2, 5), (2, 11)), Some("é <= 1"));
        assert_eq!(place((1, 8), (3, 2)), Some("{\n    é <= 1\n}"));
        for outside in [(0, 0), (2, 12), (9, 1), (1, 0)] {
            assert_eq!(place(outside, outside), None, "{outside:?}");
        }
    }

    #[test]
    fn a_hash_is_of_every_byte_and_finds_its_lines_again() {
        let text = "a\n  b\nc\nd\n";
        let sum = hash(&["  b", "c"]);
        assert_eq!(
            (sum.len(), sum == hash(&["b", "c"]), sum == hash(&["  b", "c", ""])),
            (12, false, false)
        );
        assert!(holds(text, 2, &sum));
        assert!(!holds(text, 1, &sum) && !holds(text, 0, &sum) && !holds("a\n b\nc\n", 2, &sum));
        assert!(holds(text, 4, &hash(&["a", "  b", "c", "d"])));
    }

    #[test]
    fn a_list_is_read_by_functions_and_only_in_the_scope() {
        let entry = |file: &str, line: usize, function: &str| {
            format!(
                r#"{{"file": "{file}", "function": {function}, "genre": "x", "replacement": "<",
                "name": "{file}:{line}:3: replace > with < in a::b",
                "span": {{"start": {{"line": {line}, "column": 3}}, "end": {{"line": {line}, "column": 4}}}}}}"#
            )
        };
        let of = r#"{"function_name": "f", "return_type": "",
            "span": {"start": {"line": 2, "column": 1}, "end": {"line": 4, "column": 2}}}"#;
        let folder = tempfile::tempdir().unwrap();
        let file = "kernel/core/src/a.rs";
        fs::create_dir_all(folder.path().join("kernel/core/src")).unwrap();
        fs::write(folder.path().join(file), "const A;\nfn f() {\n  a\n}\n").unwrap();
        let calls = "userland/servers/pager/src/live.rs";
        let entries = [entry(file, 1, "null"), entry(file, 3, of), entry(calls, 1, of)];
        let read = functions(folder.path(), &format!("[{}]", entries.join(","))).unwrap();
        let names: Vec<_> = read.iter().map(|function| function.name.as_str()).collect();
        assert_eq!(names, ["constant", "f"]);
        assert_eq!((read[1].hash.clone(), read[1].lines), (hash(&["fn f() {", "  a", "}"]), 3));
        let text = fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(read[1].is_in(&text) && !read[1].is_in(&format!("\n{text}")));
        assert_eq!(read[1].mutants[0].what, "replace > with < in a::b");
    }
}
