//! How an operation is repeated, and what is printed about it: median, least, most, flushes, CR3
//! loads.
//!
//! The times lie in a static, so that a program that measures its own forks has no heap to be
//! copied.

use core::sync::atomic::{AtomicU32, Ordering};

use libsys::process::SpawnError;
use libsys::runtime::counter;
use libsys::{Error, call::Partial, machine, println};

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
    page_flushes: u32,
    directory_loads: u32,
}

/// The measurements of a row.
pub struct Samples {
    median: u32,
    least: u32,
    most: u32,
    iterations: usize,
    page_flushes: u32,
    directory_loads: u32,
}

impl Stopwatch {
    fn new() -> Self {
        Self { overhead: counter::overhead(), noted: 0, page_flushes: 0, directory_loads: 0 }
    }

    /// Measures an operation: its time, and its flushes.
    #[inline(always)]
    pub fn time<T>(&mut self, operation: impl FnOnce() -> T) -> T {
        let before = machine();
        let start = counter::now();
        let result = operation();
        let end = counter::now();
        let after = machine();
        self.page_flushes += u32::from(after.page_flushes.wrapping_sub(before.page_flushes));
        self.directory_loads += u32::from(after.full_flushes.wrapping_sub(before.full_flushes));
        self.note(end.wrapping_sub(start));
        result
    }

    /// Adds a time that the caller has measured, by two readings of the counter.
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
    for _ in 0..iterations {
        iteration(&mut stopwatch)?;
    }
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
            page_flushes: stopwatch.page_flushes,
            directory_loads: stopwatch.directory_loads,
        }
    }

    /// Subtracts an operation that is a part of this one: its median from each time, its flushes
    /// from the sum.
    pub fn beyond(mut self, part: &Self) -> Self {
        for ticks in [&mut self.median, &mut self.least, &mut self.most] {
            *ticks = ticks.saturating_sub(part.median);
        }
        let scaled =
            |sum: u32| (u64::from(sum) * self.iterations as u64 / part.iterations as u64) as u32;
        self.page_flushes = self.page_flushes.saturating_sub(scaled(part.page_flushes));
        self.directory_loads = self.directory_loads.saturating_sub(scaled(part.directory_loads));
        self
    }

    /// Prints the row. `per` is how many things the operation works on; the reader of the line
    /// divides by it.
    pub fn print(&self, operation: &str, per: u32) {
        let (flushes, loads) = (self.page_flushes, self.directory_loads);
        println!(
            "{{\"operation\":\"{operation}\",\"per\":{per},{self},\"flushes\":{flushes},\"cr3_loads\":{loads}}}"
        );
    }

    /// Prints the row of an operation with `count` of something as `OPERATION@COUNT`, without the
    /// flushes, because the kernel's counters wrap at 65,536.
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
