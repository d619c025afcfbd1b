//! The command line.

use libsys::args;

/// The most numbers that `--drop` takes.
pub const DROPPED: usize = 64;

/// What to do.
#[derive(Clone, Copy)]
pub struct Options {
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
}

impl Options {
    /// Reads the arguments. Without any (as a first process has none) it is seed 1 and 20,000 calls.
    ///
    /// # Errors
    /// A sentence about what cannot be read.
    pub fn read() -> Result<Self, &'static str> {
        const SENTENCE: &str =
            "usage: fuzz SEED CALLS [--batch N] [--print] [--drop FIRST-END,...]   (numbers)";
        let mut options =
            Self { seed: 1, calls: 20_000, batch: None, print: false, dropped: [(0, 0); DROPPED] };
        let mut numbers = [options.seed, options.calls];
        let mut given = 0;
        let mut words = args().skip(1);
        while let Some(word) = words.next() {
            match word {
                "--print" => options.print = true,
                "--batch" => {
                    options.batch = Some(number(words.next().unwrap_or("")).ok_or(SENTENCE)?);
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

    /// Is this step left out?
    pub fn drops(&self, member: u32, step: u32) -> bool {
        let at = member << 16 | step;
        self.dropped.iter().any(|(first, end)| (*first..*end).contains(&at))
    }
}

fn number(word: &str) -> Option<u32> {
    match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}
