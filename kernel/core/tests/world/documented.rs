//! Which errors the documentation of each native call names, read out of the table of the calls.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use abi::Error;

const SOURCE: &str = include_str!("../../../abi/src/call/table.rs");

/// What the documentation says of a call.
pub struct Documented {
    /// The name of its variant.
    pub name: &'static str,
    /// The errors that its documentation names.
    pub errors: Vec<Error>,
}

/// Errors that every call shares, says the documentation of `Syscall`.
pub const SHARED: [Error; 2] = [Error::InvalidArgument, Error::NoSuchProcess];

/// Calls that share `NotPermitted` too, where they would have to map something, or leave a mark, in
/// a view.
const MAPPING: [u32; 5] = [33, 34, 35, 38, 41];

/// All native calls by their numbers.
pub static CALLS: LazyLock<BTreeMap<u32, Documented>> = LazyLock::new(|| {
    let body = SOURCE.split_once("calls! {\n").expect("the calls").1;
    let body = body.split_once("\n}\n").expect("the end of the calls").0;
    let mut calls = BTreeMap::new();
    let mut text = String::new();
    for line in body.lines() {
        // Calls are indented by four spaces, their arguments by eight.
        let Some(line) = line.strip_prefix("    ").filter(|line| !line.starts_with(' ')) else {
            continue;
        };
        if let Some(comment) = line.strip_prefix("///") {
            text += comment;
            continue;
        }
        if let Some((name, rest)) = line.split_once(" = ") {
            let number = rest.split(' ').next().and_then(|number| number.parse().ok());
            let number = number.unwrap_or_else(|| panic!("{name} has no number"));
            calls.insert(number, Documented { name, errors: named_in(&text) });
            text.clear();
        }
    }
    calls
});

/// The errors that stand behind the word "Errors:".
fn named_in(text: &str) -> Vec<Error> {
    let Some((_, errors)) = text.split_once("Errors:") else { return Vec::new() };
    let quoted = errors.split('`').skip(1).step_by(2);
    quoted
        .filter_map(|word| Error::ALL.into_iter().find(|error| format!("{error:?}") == word))
        .collect()
}

/// May the call with this number answer so?
pub fn may_answer(number: u32, error: Error) -> bool {
    let named = CALLS.get(&number).is_some_and(|call| call.errors.contains(&error));
    named || SHARED.contains(&error) || error == Error::NotPermitted && MAPPING.contains(&number)
}
