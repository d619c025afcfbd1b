//! The command line.

use libsys::args;

/// The most numbers that `--drop` takes.
pub const DROPPED: usize = 64;

/// What to do.
#[derive(Clone, Copy)]
pub struct Options {
    /// Ask the servers, instead of running families.
    pub servers: bool,
    /// Chooses everything.
    pub seed: u32,
    /// How many calls and traps to make, about.
    pub calls: u32,
    /// Run this batch alone.
    pub batch: Option<u32>,
    /// Say each step in C before it is made.
    pub print: bool,
    /// Steps that are left out, as half-open ranges of `member * 65536 + step`.
    pub dropped: [(u32, u32); DROPPED],
    /// Leave so many frames free, and let the families use them up.
    pub leave: Option<u32>,
    /// The supervisor loses a page whenever a family makes this step: a finding, to try out what is done about findings.
    pub plant: Option<u32>,
}

impl Options {
    /// Reads the arguments. Without any (as a first process has none) it is seed 1 and 20,000 calls.
    ///
    /// # Errors
    /// A sentence about what cannot be read.
    pub fn read() -> Result<Self, &'static str> {
        const SENTENCE: &str = "usage: fuzz [servers] SEED CALLS [--batch N] [--print] [--drop FIRST-END,...] [--leave FRAMES] \
             [--plant STEP]   (numbers)";
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
        let mut numbers = [options.seed, options.calls];
        let mut given = 0;
        let mut words = args().skip(1);
        while let Some(word) = words.next() {
            match word {
                "servers" => options.servers = true,
                "--print" => options.print = true,
                "--batch" | "--leave" | "--plant" => {
                    let value = Some(number(words.next().unwrap_or("")).ok_or(SENTENCE)?);
                    match word {
                        "--batch" => options.batch = value,
                        "--leave" => options.leave = value,
                        _ => options.plant = value,
                    }
                }
                "--drop" => {
                    let ranges = words.next().unwrap_or("").split(',');
                    if ranges.clone().count() > DROPPED {
                        return Err("--drop takes at most 64 ranges");
                    }
                    for (place, range) in options.dropped.iter_mut().zip(ranges) {
                        let (first, end) = range.split_once('-').ok_or(SENTENCE)?;
                        *place = (number(first).ok_or(SENTENCE)?, number(end).ok_or(SENTENCE)?);
                    }
                }
                other => {
                    *numbers.get_mut(given).ok_or(SENTENCE)? = number(other).ok_or(SENTENCE)?;
                    given += 1;
                }
            }
        }
        [options.seed, options.calls] = numbers;
        Ok(options)
    }

    /// Is this step left out? Its number is `member * 65536 + step`.
    pub fn drops(&self, at: u32) -> bool {
        self.dropped.iter().any(|(first, end)| (*first..*end).contains(&at))
    }

    /// Are all steps of a member left out by one range?
    pub fn drops_all(&self, member: u32) -> bool {
        let (start, after) = (member << 16, (member + 1) << 16);
        self.dropped.iter().any(|(first, end)| *first <= start && *end >= after)
    }
}

fn number(word: &str) -> Option<u32> {
    match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}
