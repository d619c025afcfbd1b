//! How a claim is stated, checked and reported: `ok NAME`, or `FAILED NAME: what was seen`.

use core::fmt::{self, Debug, Write};
use core::panic::Location;

use crate::calls::sys_yield;
use crate::print::print;

/// A claim, and the function that checks it.
pub struct Claim {
    /// The claim.
    pub name: &'static str,
    /// Checks the claim.
    pub test: fn() -> Outcome,
}

/// The outcome of a claim.
pub type Outcome = Result<(), Seen>;

/// What was seen instead, and in which line; longer text is cut off.
pub struct Seen {
    text: [u8; 104],
    length: usize,
    line: u32,
}

impl Seen {
    /// Something unexpected, at the line of the caller.
    #[track_caller]
    pub fn new(what: fmt::Arguments<'_>) -> Self {
        let mut seen = Self { text: [0; 104], length: 0, line: Location::caller().line() };
        // The only error is that the text does not fit; then it is cut off.
        let _ = seen.write_fmt(what);
        seen
    }
}

impl Write for Seen {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            *self.text.get_mut(self.length).ok_or(fmt::Error)? = byte;
            self.length += 1;
        }
        Ok(())
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = str::from_utf8(&self.text[..self.length]).unwrap_or("?");
        write!(f, "{text} (line {})", self.line)
    }
}

/// States that a value is the expected one.
///
/// # Errors
/// It is not; both values are shown in hexadecimal.
#[track_caller]
pub fn equal<T: PartialEq + Debug>(what: &str, seen: T, expected: T) -> Outcome {
    if seen == expected {
        return Ok(());
    }
    Err(Seen::new(format_args!("{what}: {seen:x?}, not {expected:x?}")))
}

/// States that a condition holds.
///
/// # Errors
/// It does not hold.
#[track_caller]
pub fn holds(what: &str, truth: bool) -> Outcome {
    if truth { Ok(()) } else { Err(Seen::new(format_args!("not so: {what}"))) }
}

/// Yields until a condition holds.
///
/// # Errors
/// It does not come to hold.
#[track_caller]
pub fn until(what: &str, mut truth: impl FnMut() -> bool) -> Outcome {
    /// Far more turns than any claim needs.
    const TURNS: u32 = 100_000;
    for _ in 0..TURNS {
        if truth() {
            return Ok(());
        }
        sys_yield();
    }
    Err(Seen::new(format_args!("never so: {what}")))
}

/// Checks claims one after another. Prints a line for each, and one at the end.
pub fn try_all(claims: &[Claim]) {
    let (mut passed, mut failed) = (0, 0);
    for claim in claims {
        match (claim.test)() {
            Ok(()) => {
                passed += 1;
                print(format_args!("ok {}\n", claim.name));
            }
            Err(seen) => {
                failed += 1;
                print(format_args!("FAILED {}: {seen}\n", claim.name));
            }
        }
    }
    print(format_args!("{passed} passed, {failed} failed\n"));
}
