//! The command line.

use core::fmt;

use libsys::args;

/// The most numbers that `--drop` takes.
pub const DROPPED: usize = 64;

/// What to do.
#[derive(Clone, Copy)]
pub struct Options {
    /// Send requests to the servers instead of running families.
    pub servers: bool,
    /// The seed of all choices.
    pub seed: u32,
    /// About how many calls and traps to make.
    pub calls: u32,
    /// Run this batch alone.
    pub batch: Option<u32>,
    /// Print each step in C before it is made.
    pub print: bool,
    /// Steps that are left out, as half-open ranges of `member * 65536 + step`.
    pub dropped: [(u32, u32); DROPPED],
    /// Leave so many frames free, and let the families use them up.
    pub leave: Option<u32>,
    /// The supervisor loses a page whenever a family makes this step. The finding tests what is
    /// done about findings.
    pub plant: Option<u32>,
}

impl Options {
    /// Reads the arguments. Without any (as a first process has none) these are seed 1 and 20,000
    /// calls.
    ///
    /// # Errors
    /// The first argument that cannot be read.
    pub fn read() -> Result<Self, Unreadable> {
        let mut options = Self {
            servers: false,
            seed: 1,
            calls: 20_000,
            batch: None,
            print: false,
            dropped: [(0, 0); DROPPED],
            leave: None,
            plant: None,
        };
        let mut numbers = [("SEED", options.seed), ("CALLS", options.calls)].into_iter();
        let mut words = args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || number(word, words.next().unwrap_or(""));
            match word {
                "servers" => options.servers = true,
                "--print" => options.print = true,
                "--batch" => options.batch = Some(value()?),
                "--leave" => options.leave = Some(value()?),
                "--plant" => options.plant = Some(value()?),
                "--drop" => options.dropped = ranges(words.next().unwrap_or(""))?,
                option if option.starts_with('-') => return Err(Unreadable::Unknown(option)),
                other => match numbers.next() {
                    Some((name @ "SEED", _)) => options.seed = number(name, other)?,
                    Some((name, _)) => options.calls = number(name, other)?,
                    None => return Err(Unreadable::Unknown(other)),
                },
            }
        }
        Ok(options)
    }

    /// Whether this step is left out. Its number is `member * 65536 + step`.
    pub fn drops(&self, at: u32) -> bool {
        self.dropped.iter().any(|(first, end)| (*first..*end).contains(&at))
    }

    /// Whether all steps of a member are left out by one range.
    pub fn drops_all(&self, member: u32) -> bool {
        let (start, after) = (member << 16, (member + 1) << 16);
        self.dropped.iter().any(|(first, end)| *first <= start && *end >= after)
    }
}

/// Why the command line cannot be read.
pub enum Unreadable {
    /// An argument too many, or an option that does not exist.
    Unknown(&'static str),
    /// An argument that is no number, and what it should be.
    NoNumber(&'static str, &'static str),
    /// A part of `--drop` that is no range.
    NoRange(&'static str),
    /// More than [`DROPPED`] ranges.
    TooManyRanges,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word) => write!(
                f,
                "`{word}` is not understood; usage: fuzz [servers] [SEED [CALLS]] [--batch N] [--print] \
                 [--drop FIRST-END,...] [--leave FRAMES] [--plant STEP]"
            ),
            Self::NoNumber(name, word) => {
                write!(f, "{name} `{word}`: a number from 0 to {} is wanted", u32::MAX)
            }
            Self::NoRange(word) => write!(f, "--drop `{word}`: FIRST-END is wanted, two numbers"),
            Self::TooManyRanges => write!(f, "--drop takes at most {DROPPED} ranges"),
        }
    }
}

fn ranges(text: &'static str) -> Result<[(u32, u32); DROPPED], Unreadable> {
    let mut dropped = [(0, 0); DROPPED];
    let words = text.split(',');
    if words.clone().count() > DROPPED {
        return Err(Unreadable::TooManyRanges);
    }
    for (range, word) in dropped.iter_mut().zip(words) {
        let (first, end) = word.split_once('-').ok_or(Unreadable::NoRange(word))?;
        *range = (number("--drop", first)?, number("--drop", end)?);
    }
    Ok(dropped)
}

fn number(name: &'static str, word: &'static str) -> Result<u32, Unreadable> {
    let read = match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => word.parse(),
    };
    read.map_err(|_| Unreadable::NoNumber(name, word))
}
