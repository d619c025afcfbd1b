//! Writes all mutants of a file into its text, each behind a switch.
//!
//! A *switch* is a number. `::switch::off(7, 2)` says that neither mutant 7 nor mutant 8 is wanted,
//! and `::switch::on(7)` that mutant 7 is. So one build serves every mutant (*mutant schemata*).
//! `a + b`, which has two mutants, becomes
//!
//! ```text
//! (match (a, b) {(a__, b__) => if ::switch::off(7, 2) {a__ + b__}
//!     else if ::switch::on(7) {a__ - b__} else {a__ * b__}})
//! ```
//!
//! and the others, with one mutant each:
//!
//! | mutant of | is written as |
//! | --- | --- |
//! | `a < b` | as `a + b`, but of `&(a)` and `&(b)`: a comparison borrows |
//! | `a && b` | `({let a__: bool = a; if a__ == ::switch::off(7, 1) {b} else {a__}})` |
//! | `a += b` | `(match b {b__ => if ::switch::off(7, 1) {a += b__} else {a -= b__}})` |
//! | `!a` | `(match a {a__ => if ::switch::off(7, 1) {!a__} else {a__}})` |
//! | an arm that goes | the arm with the guard `::switch::off(7, 1)` |
//! | guard, `true` | `(!::switch::off(7, 1) \|\| a)` |
//! | guard, `false` | `(::switch::off(7, 1) && a)` |
//! | a field before `..b` | `(if ::switch::off(7, 1) {a} else {(b).field})` |
//! | a function's body | `if !::switch::off(7, 1) {if ::switch::on(7) {return V;}}` before it |
//!
//! Each operand is written once, so mutants inside of mutants do not multiply the text. Nothing
//! that is inserted has a line feed: a line keeps its number.
//!
//! What is written between `/*7(*/` and `/*7)*/` is only compiled for mutant 7. What is written
//! between `/*7-8[*/` and `/*7-8]*/` is the *site*, an expression whose mutants are 7 and 8. So an
//! error of the compiler finds its mutant (`culprit.rs`).
//!
//! In a run without a mutant, the switches note which mutants would make a difference: an operator
//! that has both its values only does where its result is another one. For that, `calm` stands in
//! place of `off`, and each result is computed (`switch.rs.in` has all functions). `&&`, `||` and
//! guards make a difference wherever the program comes to them: even where the result is the same,
//! the mutant may not compute `b`, or the guard, which may have effects.
//!
//! The compiler computes constants, and asks no switch: no mutant in a constant, in the length of
//! an array or in a pattern is written so. Nor is one of a function that returns an `impl`, whose
//! type its statements decide.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::constants::Constants;
use super::list::{Mutant, place_of};
use super::sites::{Form, Part, Site, sites};

/// A file with its mutants.
#[derive(PartialEq, Eq, Debug)]
pub struct Rewritten {
    /// What is to be compiled.
    pub text: String,
    /// The mutant, by its place in the list that was given, of each number from the first on.
    pub numbered: Vec<usize>,
    /// The mutants of functions that a constant may call: the compiler does not see their mutants.
    pub in_constants: Vec<usize>,
    /// The mutants that cannot be written so.
    pub left: Vec<usize>,
}

/// Writes these mutants of a file into its text, numbered from `first` on.
///
/// # Errors
/// The text is no Rust, or a mutant has no place in it.
pub fn rewrite(
    text: &str,
    mutants: &[&Mutant],
    first: u32,
    plain: &[bool],
    constants: &Constants,
) -> Result<Rewritten> {
    let mut sites = sites(text, constants)?;
    let mut by_place: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for (index, mutant) in mutants.iter().enumerate() {
        let place = place_of(text, mutant).context("a mutant without a place")?;
        by_place.entry((place.start, place.end)).or_default().push(index);
    }
    let mut left = Vec::new();
    for ((start, end), of_place) in by_place {
        for mutant in of_place {
            let new = mutants[mutant].text.as_str();
            let mut takers = sites.iter_mut().filter_map(|site| site.takes(start..end, new));
            match takers.next() {
                Some(list) => list.push((new.replace('\n', " "), mutant)),
                None => left.push(mutant),
            }
        }
    }
    sites.retain(|site| !site.is_empty());
    // A site stands before the sites in it; what is inserted, before what begins at the same place.
    sites.sort_by_key(|site| {
        (site.whole.start, !site.whole.is_empty(), usize::MAX - site.whole.end, site.form.rank())
    });
    let (mut numbered, mut in_constants) = (Vec::new(), Vec::new());
    let mut numbers = Vec::new();
    for site in &sites {
        numbers.push(first + numbered.len() as u32);
        numbered.extend(site.mutants().map(|(_, mutant)| *mutant));
        if site.in_constants {
            in_constants.extend(site.mutants().map(|(_, mutant)| *mutant));
        }
    }
    let writer = Writer { text, sites: &sites, numbers: &numbers, plain };
    let text = writer.part(0..text.len(), 0);
    left.sort_unstable();
    Ok(Rewritten { text, numbered, in_constants, left })
}

/// The text with one mutant, written as it would be in the source. `None` if it has no place there.
///
/// The operands of a changed operator keep together, whatever the new operator binds.
pub fn alone(text: &str, mutant: &Mutant) -> Option<String> {
    let place = place_of(text, mutant)?;
    let mut sites = sites(text, &Constants::default()).ok()?;
    let mut sites = sites.iter_mut();
    let new = mutant.text.as_str();
    let site =
        sites.find_map(|site| site.takes(place.clone(), new).is_some().then_some(&site.form));
    let (whole, new) = match site {
        Some(Form::Binary { left, right, .. } | Form::Logic { left, right, .. }) => {
            let (left, right) = (left.clone(), right.clone());
            let gap = |part: Part| text[part].trim_matches(|c| c != '\n').to_owned();
            let (before, after) = (gap(left.end..place.start), gap(place.end..right.start));
            let new = format!(
                "(({}){before}{new}{after}({}))",
                &text[left.clone()],
                &text[right.clone()]
            );
            (left.start..right.end, new)
        }
        _ => (place, new.to_owned()),
    };
    Some(format!("{}{new}{}", &text[..whole.start], &text[whole.end..]))
}

/// Whether two operators have different results. An arithmetic result that overflows is one more
/// result. What is compared needs to be a number: else the compiler refuses it, and the next time
/// the site is written without.
fn differ(old: &str, new: &str, left: &str, right: &str) -> String {
    let is_arithmetic = |operator: &str| operator.starts_with(['+', '-', '*', '/', '%']);
    if is_arithmetic(old) && is_arithmetic(new) {
        let [old, new] = [old, new].map(|operator| &operator[..1]);
        return format!("::switch::differ('{old}','{new}',{left},{right})");
    }
    // `<=` compares, `|=` assigns.
    let result = |operator: &str| match operator.strip_suffix('=') {
        Some(bits @ ("&" | "|" | "^" | "<<" | ">>")) => format!("({left} {bits} {right})"),
        _ => format!("({left} {operator} {right})"),
    };
    format!("{}!={}", result(old), result(new))
}

struct Writer<'a> {
    text: &'a str,
    sites: &'a [Site],
    /// The first number of each site.
    numbers: &'a [u32],
    /// The mutants, by their places in the list, whose results are not compared.
    plain: &'a [bool],
}

impl Writer<'_> {
    /// A part of the text, in which the sites from this one on are written anew.
    fn part(&self, part: Part, from: usize) -> String {
        let mut written = String::new();
        let mut at = part.start;
        for (index, site) in self.sites.iter().enumerate().skip(from) {
            if site.whole.start >= at && site.whole.end <= part.end {
                written += &self.text[at..site.whole.start];
                written += &self.site(index);
                at = site.whole.end;
            }
        }
        written + &self.text[at..part.end]
    }

    fn site(&self, index: usize) -> String {
        let site = &self.sites[index];
        let (first, count) = (self.numbers[index], site.mutants().count());
        let off = format!("::switch::off({first},{count})");
        let mark = format!("{first}-{}", first as usize + count - 1);
        let inner = |part: &Part| self.part(part.clone(), index + 1);
        let as_is = |part: &Part| &self.text[part.clone()];
        let written = match &site.form {
            Form::Binary { left, operator, right, borrows } => {
                let gap = self.line_feeds(left.end..right.start);
                let (l, r) = (inner(left), inner(right));
                let (operands, star) = if *borrows {
                    (format!("&({l}),{gap}&({r})"), "*")
                } else {
                    (format!("{l},{gap}{r}"), "")
                };
                let values = (&*format!("{star}a__"), &*format!("{star}b__"));
                let choice = self.choice(index, as_is(operator), Some(values), |operator| {
                    format!("{} {operator} {}", values.0, values.1)
                });
                format!("(match ({operands}) {{(a__,b__)=>{choice}}})")
            }
            Form::Logic { left, operator, right } => {
                let gap = self.line_feeds(left.end..right.start);
                let compared = if as_is(operator) == "&&" { "==" } else { "!=" };
                let (l, r) = (inner(left), inner(right));
                format!("({{let a__:bool={l};{gap}if a__{compared}{off} {{{r}}} else {{a__}}}})")
            }
            Form::Assign { place, operator, value } => {
                let gap = self.line_feeds(place.end..value.start);
                let (place, value) = (inner(place), inner(value));
                let values = Some((&*place, "b__"));
                let choice = self.choice(index, as_is(operator), values, |operator| {
                    format!("{place} {operator} b__")
                });
                format!("(match {gap}{value} {{b__=>{choice}}})")
            }
            Form::Unary { operator, operand } => {
                let choice =
                    self.choice(index, as_is(operator), None, |operator| format!("{operator} a__"));
                format!("(match {} {{a__=>{choice}}})", inner(operand))
            }
            Form::Arm { guard, .. } => {
                let mut condition = guard.as_ref().map_or("true".to_owned(), inner);
                let of_guard = first + site.deleted.len() as u32;
                for (number, (new, _)) in (of_guard..).zip(&site.replaced) {
                    condition = match new.as_str() {
                        "true" => format!("(!::switch::off({number},1)||{condition})"),
                        _ => format!("(::switch::off({number},1)&&{condition})"),
                    };
                }
                if !site.deleted.is_empty() {
                    condition = format!("::switch::off({first},1)&&({condition})");
                }
                let keyword = if guard.is_none() { " if " } else { "" };
                return format!("{keyword}/*{mark}[*/({condition})/*{mark}]*/");
            }
            Form::Field { name, value, base, .. } => {
                let base = as_is(base);
                let colon = if value.is_none() { format!("{name}: ") } else { String::new() };
                let value = value.as_ref().map_or_else(|| name.clone(), inner);
                format!(
                    "{colon}(if {off} {{{value}}} else {{/*{first}(*/({base}).{name}/*{first})*/}})"
                )
            }
            Form::Body { .. } => {
                let value = |(number, (new, _)): (u32, &(String, usize))| {
                    format!("if ::switch::on({number}) {{return /*{number}(*/{new}/*{number})*/;}}")
                };
                let values: String = (first..).zip(site.mutants()).map(value).collect();
                format!("if !{off} {{{values}}}")
            }
        };
        format!("/*{mark}[*/{written}/*{mark}]*/")
    }

    /// The expression as it is, if no mutant of the site is wanted; or else the wanted one. With
    /// the values of an operator, a test asks for a mutant only where it has another result.
    fn choice(
        &self,
        index: usize,
        old: &str,
        values: Option<(&str, &str)>,
        write: impl Fn(&str) -> String,
    ) -> String {
        let (site, first) = (&self.sites[index], self.numbers[index]);
        let count = site.replaced.len() as u32;
        let values =
            values.filter(|_| !site.replaced.iter().any(|(_, mutant)| self.plain[*mutant]));
        let (off, old_written) = (if values.is_some() { "calm" } else { "off" }, write(old));
        let mut choice = format!("if ::switch::{off}({first},{count}) {{{old_written}}}");
        if let Some((left, right)) = values {
            let differ = |(number, (new, _)): (u32, &(String, usize))| {
                let differ = differ(old, new, left, right);
                format!("if {differ} {{::switch::note({number});}}")
            };
            let noted: String = (first..).zip(&site.replaced).map(differ).collect();
            choice += &format!(" else if ::switch::reaching() {{{noted}{old_written}}}");
        }
        for (number, (new, _)) in (first..).zip(&site.replaced) {
            let condition = match number + 1 - first {
                last if last == count => String::new(),
                _ => format!("if ::switch::on({number}) "),
            };
            let new = write(new);
            choice += &format!(" else {condition}{{/*{number}(*/{new}/*{number})*/}}");
        }
        choice
    }

    fn line_feeds(&self, part: Part) -> String {
        "\n".repeat(self.text[part].matches('\n').count())
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::Place;
    use super::super::switched::LIBRARY;
    use super::*;
    use crate::command;
    use std::fs;
    use std::process::Command;

    /// What every kind of mutant can be of, and what it returns.
    const TEXT: &str = r#"pub struct Two {
    pub a: i32,
    pub b: i32,
}
pub const SIZE: usize = 2 + 1;
pub fn sum(é: i32, b: i32) -> i32 {
    é /* é */ - b - 1
}
pub const fn less(a: i32, b: i32) -> bool {
    a < b
}
pub const ONE_IS_LESS: bool = less(1, 2);
pub fn both(a: bool, b: bool, c: bool) -> bool {
    a && !b || c
}
pub fn added(mut a: i32) -> i32 {
    a +=
        2 * a;
    a
}
pub fn arm(a: i32) -> &'static str {
    match a {
        0 => "zero",
        a if a > 5 => "many",
        _ => "few",
    }
}
pub fn fields(a: i32) -> i32 {
    let two = Two { a, b: 7, ..Two { a: 3, b: 4 } };
    two.a * 10 + two.b
}
pub fn steps(a: bool) -> i32 {
    let mut steps = 0;
    let mut step = |ten| {
        steps += ten;
        true
    };
    match a && step(1) {
        true if step(10) => steps,
        _ => 0,
    }
}
"#;

    /// The mutant that replaces the first `old` in the line by `new`.
    fn mutant(line: usize, old: &str, new: &str) -> Mutant {
        let (before, _) = TEXT.lines().nth(line - 1).unwrap().split_once(old).unwrap();
        let column = before.chars().count() + 1;
        let place = |column| Place { line, column };
        let to = place(column + old.chars().count());
        Mutant { what: String::new(), from: place(column), to, text: new.to_owned() }
    }

    /// Mutants of each kind, with a call, what it returns without the mutant, and with it.
    fn table() -> Vec<(Mutant, &'static str, &'static str, &'static str)> {
        vec![
            (mutant(7, "-", "+"), "sum(7, 2)", "4", "8"),
            (mutant(7, "- 1", "+").at(1), "sum(7, 2)", "4", "6"),
            (mutant(7, "é /* é */ - b - 1", "0"), "sum(7, 2)", "4", "0"),
            (mutant(10, "<", "<="), "less(2, 2)", "false", "true"),
            (mutant(10, "<", ">"), "less(1, 2)", "true", "false"),
            (mutant(14, "&&", "||"), "both(true, true, false)", "false", "true"),
            (mutant(14, "||", "&&"), "both(true, false, false)", "true", "false"),
            (mutant(14, "!", ""), "both(true, true, false)", "false", "true"),
            (mutant(17, "+=", "-="), "added(2)", "6", "-2"),
            (mutant(18, "*", "/"), "added(2)", "6", "3"),
            (mutant(23, r#"0 => "zero","#, ""), "arm(0)", "zero", "few"),
            (mutant(24, "a > 5", "true"), "arm(1)", "few", "many"),
            (mutant(24, "a > 5", "false"), "arm(6)", "many", "few"),
            (mutant(24, ">", "<"), "arm(6)", "many", "few"),
            (mutant(29, "a,", ""), "fields(1)", "17", "37"),
            (mutant(29, "b: 7,", ""), "fields(1)", "17", "14"),
            (mutant(38, "&&", "||"), "steps(true)", "11", "10"),
            (mutant(39, "step(10)", "true"), "steps(true)", "11", "1"),
        ]
    }

    impl Mutant {
        /// The same, of its first so many characters.
        fn at(mut self, characters: usize) -> Self {
            self.to.column = self.from.column + characters;
            self
        }
    }

    #[test]
    fn each_mutant_does_the_same_behind_its_switch_as_alone() {
        let table = table();
        let mutants: Vec<_> = table.iter().map(|(mutant, ..)| mutant).collect();
        let plain = vec![false; mutants.len()];
        let rewritten = rewrite(TEXT, &mutants, 7, &plain, &Constants::of(TEXT)).unwrap();
        assert_eq!(rewritten.left, [0; 0]);
        assert_eq!(rewritten.in_constants.len(), 2, "of `less`");
        assert_eq!(rewritten.text.lines().count(), TEXT.lines().count());
        let folder = tempfile::tempdir().unwrap();
        let rustc = |name: &str, text: &str, kind: &str| {
            fs::write(folder.path().join(name), text).unwrap();
            let mut rustc = Command::new("rustc");
            rustc.current_dir(folder.path()).env("RUSTC_BOOTSTRAP", "1").args(["-L", "."]);
            rustc.args(["--edition=2024", "--cap-lints=allow", "--crate-type", kind, name]);
            command::run_quietly(&mut rustc).unwrap();
        };
        rustc("switch.rs", &LIBRARY.replace("NUMBERS", "100"), "lib");
        let calls: String =
            table.iter().map(|(_, call, ..)| format!("println!(\"{{}}\", {call});")).collect();
        let build = |code: &str| {
            let text = format!("extern crate switch; {code} fn main() {{ {calls} }}");
            rustc("main.rs", &text, "bin");
        };
        let run = |variable: &str, value: &str| -> Vec<String> {
            let mut program = Command::new(folder.path().join("main"));
            let shown = command::run_quietly(program.env(variable, value)).unwrap();
            shown.lines().map(str::to_owned).collect()
        };
        build(&rewritten.text);
        let sound: Vec<_> = table.iter().map(|(_, _, sound, _)| *sound).collect();
        let reached = folder.path().join("reached");
        assert_eq!(run("VITRINE_REACHED", reached.to_str().unwrap()), sound);
        let reached = fs::read_to_string(reached).unwrap();
        assert_eq!(reached.lines().count(), table.len(), "{reached}");
        let number = |index| 7 + rewritten.numbered.iter().position(|it| *it == index).unwrap();
        let switched: Vec<_> = (0..table.len())
            .map(|index| run("VITRINE_MUTANT", &number(index).to_string()))
            .collect();
        for (index, (mutant, call, _, with)) in table.iter().enumerate() {
            assert_eq!(switched[index][index], *with, "{call} with {}", mutant.text);
            build(&alone(TEXT, mutant).unwrap());
            assert_eq!(run("VITRINE_MUTANT", "0"), switched[index], "{call} with {}", mutant.text);
        }
    }
}
