//! Sets of files that import each other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::modules::Import;

/// One line for each set of files that reach each other by imports: the shortest way around through
/// the set's first file.
pub fn cycles(imports: &[Import]) -> Vec<String> {
    let mut next: BTreeMap<&str, Vec<&Import>> = BTreeMap::new();
    for import in imports {
        next.entry(&import.from).or_default().push(import);
    }
    let mut seen = BTreeSet::new();
    let mut lines = Vec::new();
    for file in next.keys().copied() {
        if seen.contains(file) {
            continue;
        }
        if let Some(way) = shortest_way(&next, file, file) {
            let together = reached(&next, file);
            let together =
                together.into_iter().filter(|other| reached(&next, other).contains(file));
            seen.extend(together);
            lines.push(line(&way));
        }
    }
    lines
}

fn line(way: &[&Import]) -> String {
    let step = |import: &&Import| format!("{}:{} `{}`", import.from, import.line, import.path);
    let mut steps: Vec<_> = way.iter().map(step).collect();
    steps.extend(way.first().map(|import| import.from.clone()));
    format!("cycle: {}", steps.join(" -> "))
}

/// All files that imports lead to from `start`.
fn reached<'a>(next: &BTreeMap<&'a str, Vec<&'a Import>>, start: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&str> = vec![start];
    while let Some(file) = waiting.pop() {
        for import in next.get(file).into_iter().flatten() {
            if reached.insert(import.to.as_str()) {
                waiting.push(&import.to);
            }
        }
    }
    reached
}

/// The fewest imports that lead from one file to another.
fn shortest_way<'a>(
    next: &BTreeMap<&'a str, Vec<&'a Import>>,
    from: &str,
    to: &str,
) -> Option<Vec<&'a Import>> {
    let mut seen = BTreeSet::new();
    let mut waiting = VecDeque::from([(from, Vec::new())]);
    while let Some((file, way)) = waiting.pop_front() {
        for import in next.get(file).into_iter().flatten().copied() {
            let longer = [way.as_slice(), &[import]].concat();
            if import.to == to {
                return Some(longer);
            }
            if seen.insert(import.to.as_str()) {
                waiting.push_back((import.to.as_str(), longer));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(from: &str, to: &str) -> Import {
        Import { from: from.to_owned(), to: to.to_owned(), line: 1, path: format!("to::{to}") }
    }

    #[test]
    fn files_without_a_way_back_are_no_cycle() {
        assert_eq!(cycles(&[import("a", "b"), import("a", "c"), import("b", "c")]), [""; 0]);
    }

    #[test]
    fn a_cycle_is_named_once_by_its_shortest_way() {
        let imports = [
            import("a", "b"),
            import("b", "c"),
            import("c", "a"),
            import("c", "b"),
            import("d", "a"),
        ];
        let expected = "cycle: a:1 `to::b` -> b:1 `to::c` -> c:1 `to::a` -> a";
        assert_eq!(cycles(&imports), [expected]);
    }

    #[test]
    fn two_cycles_that_do_not_touch_are_two_lines() {
        let imports = [import("a", "b"), import("b", "a"), import("c", "d"), import("d", "c")];
        assert_eq!(cycles(&imports).len(), 2);
    }
}
