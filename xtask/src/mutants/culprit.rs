//! Finds, in the messages of a compiler that refuses the rewritten sources, which mutants it means.

use std::ops::Range;

use serde_json::Value;

/// What the compiler refuses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Culprit {
    /// What is only compiled for the mutant with this number: alone, it would not compile either.
    Mutant(u32),
    /// Something in the site, or around the site, whose mutants have these numbers.
    Site(Range<u32>),
    /// Something else, in this line of this file. Lines are counted from 1.
    Line(String, usize),
}

/// Errors that do not depend on how the mutant is written into the source: a type, a name or an
/// operator that is not there. Errors about borrows, moves and unknown types are not among them:
/// the switch may be their cause.
const CERTAIN: [&str; 13] = [
    "E0015", // a call in a constant function of one that is none
    "E0063", // a field without a value
    "E0277", // a trait that is not implemented
    "E0308", // another type
    "E0368", // an assignment operator that is not there
    "E0369", // an operator that is not there
    "E0412", // no such type
    "E0423", "E0425", // no such value
    "E0433", // no such module
    "E0599", // no such function
    "E0600", // a prefix operator that is not there
    "E0604", // a cast that is not there
];

/// What each error among cargo's messages means; `source` gives the text of a file, by its path in
/// the tree.
pub fn culprits(messages: &str, source: impl Fn(&str) -> Option<String>) -> Vec<Culprit> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.filter_map(|message| culprit(&message["message"], &source)).collect()
}

fn culprit(message: &Value, source: &impl Fn(&str) -> Option<String>) -> Option<Culprit> {
    if message["level"] != "error" {
        return None;
    }
    let code = message["code"]["code"].as_str().unwrap_or_default();
    let spans = message["spans"].as_array()?;
    let span = spans.iter().find(|span| span["is_primary"] == true)?;
    let file = span["file_name"].as_str()?;
    let number = |name: &str| span[name].as_u64().map(|number| number as usize);
    let at = number("byte_start")?..number("byte_end")?;
    let line = || Culprit::Line(file.to_owned(), number("line_start").unwrap_or_default());
    let Some(text) = source(file) else { return Some(line()) };
    let marked = marked(&text);
    let innermost = |is_own: bool| {
        let around = marked.iter().filter(|mark| {
            mark.is_own == is_own && mark.part.start <= at.start && at.end <= mark.part.end
        });
        around.min_by_key(|mark| mark.part.len()).map(|mark| mark.numbers.clone())
    };
    let own = innermost(true).filter(|_| CERTAIN.contains(&code));
    let own = own.map(|numbers| Culprit::Mutant(numbers.start));
    // The site of a mutant is around what is its own, so it is meant by every other error there.
    let inside = marked.iter().find(|mark| !mark.is_own && within(&mark.part, &at));
    own.or_else(|| innermost(false).map(Culprit::Site))
        .or_else(|| inside.map(|mark| Culprit::Site(mark.numbers.clone())))
        .or_else(|| Some(line()))
}

fn within(inner: &Range<usize>, outer: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// A part of a text between two marks.
struct Marked {
    numbers: Range<u32>,
    is_own: bool,
    part: Range<usize>,
}

/// All parts between marks of `rewrite`.
fn marked(text: &str) -> Vec<Marked> {
    let (mut open, mut all) = (Vec::<Marked>::new(), Vec::new());
    for (at, _) in text.match_indices("/*") {
        let rest = &text[at + 2..];
        let Some((mark, _)) = rest.split_once("*/") else { continue };
        let Some((numbers, kind)) = mark.split_at_checked(mark.len().saturating_sub(1)) else {
            continue;
        };
        let Some(numbers) = range(numbers) else { continue };
        match kind {
            "(" | "[" => open.push(Marked { numbers, is_own: kind == "(", part: at..at }),
            ")" | "]" => {
                let Some(mark) = open.pop() else { continue };
                all.push(Marked { part: mark.part.start..at, ..mark });
            }
            _ => {}
        }
    }
    all
}

/// Reads `7` and `7-8`.
fn range(text: &str) -> Option<Range<u32>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..last.parse::<u32>().ok()? + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "/*7-8[*/a /*7(*/b/*7)*/ /*9-9[*/c/*9-9]*/ d/*7-8]*/ e\n/* 9 */ f";

    fn of(code: &str, at: &str) -> Culprit {
        let start = TEXT.find(at).unwrap();
        let message = format!(
            r#"{{"message": {{"level": "error", "code": {{"code": "{code}"}}, "spans": [
                {{"is_primary": false, "file_name": "b.rs"}}, {{"is_primary": true,
                "file_name": "a.rs", "byte_start": {start}, "byte_end": {}, "line_start": 1}}]}}}}"#,
            start + at.len()
        );
        let messages = format!("no JSON\n{}\n", message.replace('\n', " "));
        let found = culprits(&messages, |file| (file == "a.rs").then(|| TEXT.to_owned()));
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    }

    #[test]
    fn an_error_means_the_innermost_mutant_or_site() {
        assert_eq!(of("E0308", "b"), Culprit::Mutant(7));
        assert_eq!(of("E0505", "b"), Culprit::Site(7..9), "the switch may be the cause");
        assert_eq!(of("E0308", "c"), Culprit::Site(9..10));
        assert_eq!(of("E0308", "d"), Culprit::Site(7..9));
        assert_eq!(of("E0308", TEXT), Culprit::Site(9..10), "the first that is inside");
        assert_eq!(of("E0308", "f"), Culprit::Line("a.rs".to_owned(), 1));
    }

    #[test]
    fn a_warning_and_the_number_of_errors_mean_nothing() {
        let messages = [
            r#"{"message": {"level": "warning", "spans": [{"is_primary": true}]}}"#,
            r#"{"message": {"level": "error", "message": "aborting", "spans": []}}"#,
            r#"{"reason": "build-finished"}"#,
        ];
        assert_eq!(culprits(&messages.join("\n"), |_| None), []);
    }
}
