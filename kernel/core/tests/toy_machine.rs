//! The teaching model of docs/recursive-paging.md: a machine with 16 pages, small enough to run
//! with a pencil.
//!
//! The document is the test: every line of its `toy` blocks is run here, and what the machine
//! answers must be what the line says.

use std::collections::HashMap;
use std::fmt::Write;

/// Entries in a table, tables in a directory, words in a page.
const RADIX: usize = 4;

/// An address: three digits from 0 to 3, which are directory index, table index and word.
#[derive(Clone, Copy)]
struct Address([usize; 3]);

impl Address {
    fn parse(text: &str) -> Self {
        let digits: Vec<usize> = text.bytes().map(|byte| usize::from(byte - b'0')).collect();
        assert!(digits.iter().all(|digit| *digit < RADIX), "{text} is no address");
        Self(digits.try_into().unwrap())
    }

    /// The address at which the entry of this address's page can be read: the slot in front, the
    /// word dropped.
    fn of_entry(self, slot: usize) -> Self {
        let Self([directory, table, _]) = self;
        Self([slot, directory, table])
    }
}

/// A page fault.
struct Fault;

/// Eight frames of four words, a directory register, and a cache that forgets only what it is told
/// to.
#[derive(Default)]
struct Toy {
    ram: [[usize; RADIX]; 10],
    directory: usize,
    cache: HashMap<[usize; 2], usize>,
}

impl Toy {
    /// Finds the frame behind a page, and says how. An entry is a frame's number; 0 is absent.
    fn walk(
        &mut self,
        Address([upper, lower, _]): Address,
        told: &mut String,
    ) -> Result<usize, Fault> {
        if let Some(&frame) = self.cache.get(&[upper, lower]) {
            let _ = write!(told, "cached {frame}");
            return Ok(frame);
        }
        let table = self.ram[self.directory][upper];
        let _ = write!(told, "directory[{upper}] = {table}");
        if table == 0 {
            return Err(Fault);
        }
        let frame = self.ram[table][lower];
        let _ = write!(told, ", table[{lower}] = {frame}");
        if frame == 0 {
            return Err(Fault);
        }
        self.cache.insert([upper, lower], frame);
        Ok(frame)
    }

    /// Runs one line of the document and says it as the document should.
    fn run(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut told = String::new();
        match words[..] {
            ["frame", number, ..] => {
                let number: usize = number.trim_end_matches(':').parse().unwrap();
                let contents: Vec<usize> =
                    words[2..6].iter().map(|word| word.parse().unwrap()).collect();
                self.ram[number] = contents.try_into().unwrap();
                line.to_owned()
            }
            ["directory", "register", number] => {
                self.directory = number.parse().unwrap();
                line.to_owned()
            }
            ["flush", page] => {
                let Address([upper, lower, _]) = Address::parse(&format!("{page}0"));
                self.cache.remove(&[upper, lower]);
                line.to_owned()
            }
            ["read", at, ..] => {
                let address = Address::parse(at);
                let _ = match self.walk(address, &mut told) {
                    Ok(frame) => {
                        write!(told, ", word {}: {}", address.0[2], self.ram[frame][address.0[2]])
                    }
                    Err(Fault) => write!(told, ": fault"),
                };
                format!("read {at}  {told}")
            }
            ["write", at, value, ..] => {
                let address = Address::parse(at);
                let _ = match self.walk(address, &mut told) {
                    Ok(frame) => {
                        self.ram[frame][address.0[2]] = value.parse().unwrap();
                        write!(told, ", word {}", address.0[2])
                    }
                    Err(Fault) => write!(told, ": fault"),
                };
                format!("write {at} {value}  {told}")
            }
            _ => panic!("not a line of a toy block: {line}"),
        }
    }
}

/// The lines of the document's `toy` blocks.
fn lines() -> Vec<&'static str> {
    let document = include_str!("../../../docs/recursive-paging.md");
    let blocks = document.split("```toy\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).collect()
}

#[test]
fn the_machine_does_what_the_document_says() {
    let mut toy = Toy::default();
    let lines = lines();
    assert!(lines.len() > 15, "the document has lost its examples");
    for line in lines {
        let spaced = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        // What stands behind the answer in a line is a remark.
        let (said, answer) = (spaced(line) + " ", spaced(&toy.run(line)) + " ");
        assert!(
            said.starts_with(&answer),
            "the document says\n  {said}\nand the machine\n  {answer}"
        );
    }
}

#[test]
fn the_entry_of_every_page_lies_where_the_rule_says() {
    let mut toy = Toy::default();
    for line in lines().into_iter().take_while(|line| !line.starts_with("read")) {
        toy.run(line);
    }
    for (upper, lower) in (0..RADIX).flat_map(|upper| (0..RADIX).map(move |lower| (upper, lower))) {
        let table = toy.ram[toy.directory][upper];
        let entry = Address([upper, lower, 0]).of_entry(3);
        match toy.walk(entry, &mut String::new()) {
            Ok(frame) => assert_eq!(toy.ram[frame][entry.0[2]], toy.ram[table][lower]),
            Err(Fault) => assert_eq!(table, 0, "only a page without a table has no entry"),
        }
    }
}
