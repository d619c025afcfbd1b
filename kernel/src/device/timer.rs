//! Time: 100 interrupts a second from the 8254, and a clock from the time-stamp counter.

use x86::io::{inb, outb};
use x86::time::rdtsc;

/// The interrupt line.
pub const LINE: u32 = 0;
/// The 8254 counts at 1,193,182 Hz.
const FREQUENCY: u32 = 1_193_182;
/// Counts from one interrupt to the next: 10 ms.
const PERIOD: u16 = 11_932;
/// Ports of counter 0 and of the control word.
const COUNTER: u16 = 0x40;
const CONTROL: u16 = 0x43;
/// Counter 0, low byte then high byte, rate generator, binary.
const RATE: u8 = 0x34;
/// Latch counter 0.
const LATCH: u8 = 0x00;

/// Counts that one calibration takes: 215 microseconds.
const SAMPLE: u16 = 256;
/// Calibrations that a busy host may spoil before one is taken as it is.
const TRIES: u32 = 8;
/// Polls of the counter, at most, until it moves: at 50 ns a poll, 50 ms. It counts every 838 ns.
const POLLS: u32 = 1_000_000;

/// The 8254 does not count, so there is neither a clock nor a time slice.
#[derive(Debug)]
pub struct NoTimer;

/// Microseconds since boot, from the time-stamp counter.
#[derive(Clone, Copy)]
pub struct Clock {
    start: u64,
    /// Microseconds a cycle, in units of 2^-32.
    scale: u32,
}

impl Clock {
    /// A clock that stands still.
    pub const STOPPED: Self = Self { start: 0, scale: 0 };

    /// Starts the 8254 and measures the time-stamp counter by it.
    ///
    /// # Errors
    /// `NoTimer`: the counter stands still; most likely there is no 8254.
    pub fn start() -> Result<Self, NoTimer> {
        start_counter();
        let mut tries = 1;
        let cycles = loop {
            let (cycles, counts, steady) = sample().ok_or(NoTimer)?;
            if steady || tries == TRIES {
                // Cycles in 2^32 microseconds would not fit; cycles a second do.
                break cycles * u64::from(FREQUENCY) / u64::from(counts.max(1));
            }
            tries += 1;
        };
        let scale = (1_000_000_u64 << 32) / cycles.max(1_000_000);
        Ok(Self { start: cycle(), scale: u32::try_from(scale).unwrap_or(u32::MAX) })
    }

    /// Microseconds since [`Clock::start`]. Never goes back, because the counter does not.
    pub fn microseconds(&self) -> u64 {
        let cycles = cycle().saturating_sub(self.start);
        let scale = u64::from(self.scale);
        (cycles >> 32) * scale + (((cycles & 0xFFFF_FFFF) * scale) >> 32)
    }
}

/// Counts at least [`SAMPLE`]: cycles, counts, and whether the machine ran all the time. (A host
/// that stops the machine for longer than a period would hide whole periods.) `None` if the counter
/// stands still, or moves [`PERIOD`] times without getting that far.
fn sample() -> Option<(u64, u16, bool)> {
    let (first, start) = next_count()?;
    let (mut last, mut longest) = (start, 0);
    for _ in 0..PERIOD {
        let (now, cycle) = next_count()?;
        longest = longest.max(cycle - last);
        last = cycle;
        let end = if first >= now { first } else { first.wrapping_add(PERIOD) };
        let counts = end.wrapping_sub(now);
        if counts >= SAMPLE {
            return Some((last - start, counts, longest < (last - start) / 4));
        }
    }
    None
}

/// Waits for the counter to move. Returns its new value and the cycle at which it was seen; `None`
/// if the counter stands still.
fn next_count() -> Option<(u16, u64)> {
    let before = counter();
    let mut counts = (0..POLLS).map(|_| counter());
    counts.find(|now| *now != before).map(|now| (now, cycle()))
}

fn start_counter() {
    let [low, high] = PERIOD.to_le_bytes();
    write(CONTROL, RATE);
    write(COUNTER, low);
    write(COUNTER, high);
}

fn counter() -> u16 {
    write(CONTROL, LATCH);
    u16::from_le_bytes([read(COUNTER), read(COUNTER)])
}

fn cycle() -> u64 {
    // SAFETY: the CPU has the counter (`start.s` looks), and ring 0 may read it.
    unsafe { rdtsc() }
}

fn read(port: u16) -> u8 {
    // SAFETY: reading a latched count touches nothing but the latch.
    unsafe { inb(port) }
}

fn write(port: u16, value: u8) {
    // SAFETY: the timer does not touch memory, and its interrupts have a vector and a handler
    // before the CPU takes any.
    unsafe { outb(port, value) };
}
