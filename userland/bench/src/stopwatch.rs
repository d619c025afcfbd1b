//! How an operation is repeated, and what is printed about it: median, least, most, and the number
//! of its series.
//!
//! Repetitions of one operation are a series. The emulator's plugin counts events of each series
//! (see [`mark`]); a row names its series, so that its events are found.
//!
//! The times lie in a static, so that a program that measures its own forks has no heap to be
//! copied.

use core::sync::atomic::{AtomicU32, Ordering};

use libsys::process::SpawnError;
use libsys::runtime::counter;
use libsys::{Error, call::Partial, print, println};

use crate::mark;

/// The result of a part: nothing, or why it cannot go on.
pub type Outcome = Result<(), Failure>;

/// Why a part cannot go on.
#[derive(Debug)]
pub enum Failure {
    /// A call failed.
    Call(Error),
    /// A spawn failed.
    Spawn(SpawnError),
    /// Something is not as expected.
    Wrong(&'static str),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<Partial> for Failure {
    fn from(partial: Partial) -> Self {
        Self::Call(partial.error)
    }
}

impl From<SpawnError> for Failure {
    fn from(error: SpawnError) -> Self {
        Self::Spawn(error)
    }
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Spawn(error) => error.fmt(f),
            Self::Wrong(what) => f.write_str(what),
        }
    }
}

/// The most iterations of one row.
const LIMIT: usize = 1000;

/// The times of the row that is being measured.
static TICKS: [AtomicU32; LIMIT] = [const { AtomicU32::new(0) }; LIMIT];

/// Measures operations. What an iteration does outside of [`Stopwatch::time`] is not counted.
pub struct Stopwatch {
    overhead: u32,
    noted: usize,
}

/// The measurements of a row.
pub struct Samples {
    median: u32,
    least: u32,
    most: u32,
    iterations: usize,
    /// The number of its series in this part.
    series: u32,
    /// The series whose operation is a part of this one and was subtracted.
    part: Option<u32>,
}

/// The number of the next series of this part.
static SERIES: AtomicU32 = AtomicU32::new(0);

impl Stopwatch {
    fn new() -> Self {
        Self { overhead: counter::overhead(), noted: 0 }
    }

    /// Measures an operation.
    #[inline(always)]
    pub fn time<T>(&mut self, operation: impl FnOnce() -> T) -> T {
        mark::begin();
        let start = counter::now();
        let result = operation();
        let end = counter::now();
        mark::end();
        self.note(end.wrapping_sub(start));
        result
    }

    /// Adds a time that the caller has measured, by two readings of the counter between
    /// [`mark::begin`] and [`mark::end`].
    ///
    /// # Panics
    /// If there are more than [`LIMIT`].
    pub fn note(&mut self, ticks: u32) {
        TICKS[self.noted].store(ticks.saturating_sub(self.overhead), Ordering::Relaxed);
        self.noted += 1;
    }
}

/// Repeats an iteration. The first one is not counted, because it touches pages for the first time.
pub fn repeat(
    iterations: usize,
    mut iteration: impl FnMut(&mut Stopwatch) -> Outcome,
) -> Result<Samples, Failure> {
    iteration(&mut Stopwatch::new())?;
    let mut stopwatch = Stopwatch::new();
    mark::series();
    for _ in 0..iterations {
        iteration(&mut stopwatch)?;
    }
    mark::done();
    Ok(Samples::of(&stopwatch))
}

impl Samples {
    /// The measurements of a stopwatch, of which there is at least one.
    fn of(stopwatch: &Stopwatch) -> Self {
        let ticks = &TICKS[..stopwatch.noted];
        let nth = |nth: usize| {
            let time = ticks.iter().map(|time| time.load(Ordering::Relaxed)).find(|time| {
                let below = ticks.iter().filter(|other| other.load(Ordering::Relaxed) < *time);
                let not_above = ticks.iter().filter(|other| other.load(Ordering::Relaxed) <= *time);
                (below.count()..not_above.count()).contains(&nth)
            });
            time.unwrap_or(0)
        };
        Self {
            // Of an even number of times, the larger of the two in the middle.
            median: nth(ticks.len() / 2),
            least: nth(0),
            most: nth(ticks.len().saturating_sub(1)),
            iterations: ticks.len(),
            series: SERIES.fetch_add(1, Ordering::Relaxed),
            part: None,
        }
    }

    /// Subtracts an operation that is a part of this one: its median from each time.
    pub fn beyond(mut self, part: &Self) -> Self {
        for ticks in [&mut self.median, &mut self.least, &mut self.most] {
            *ticks = ticks.saturating_sub(part.median);
        }
        self.part = Some(part.series);
        self
    }

    /// Prints the row. `per` is how many things the operation works on; the reader of the line
    /// divides by it.
    pub fn print(&self, operation: &str, per: u32) {
        let series = self.series;
        print!("{{\"operation\":\"{operation}\",\"per\":{per},{self},\"series\":{series}");
        if let Some(part) = self.part {
            print!(",\"beyond\":{part}");
        }
        println!("}}");
    }

    /// Prints the row of an operation with `count` of something as `OPERATION@COUNT`, without its
    /// series: events are counted for the table alone.
    pub fn print_at(&self, operation: &str, count: u32) {
        println!("{{\"operation\":\"{operation}@{count}\",\"per\":1,{self}}}");
    }
}

/// Prints the times as members of a JSON object.
impl core::fmt::Display for Samples {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { median, least, most, iterations, .. } = self;
        write!(f, "\"median\":{median},\"min\":{least},\"max\":{most},\"iterations\":{iterations}")
    }
}

/// Repeats an iteration and prints its row.
pub fn row(
    operation: &str,
    iterations: usize,
    iteration: impl FnMut(&mut Stopwatch) -> Outcome,
) -> Result<Samples, Failure> {
    let samples = repeat(iterations, iteration)?;
    samples.print(operation, 1);
    Ok(samples)
}

/// Prints a size.
pub fn print_size(name: &str, value: impl core::fmt::Display, unit: &str) {
    println!("{{\"size\":\"{name}\",\"value\":{value},\"unit\":\"{unit}\"}}");
}
