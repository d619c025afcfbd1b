//! What the end of a boot means: a program's exit status, or a failure that says which.
//!
//! The exit port carries seven bits: the word "clean", or that there is no serial port and whether
//! the status was
//! 0. The status itself is the last line on serial. A triple fault ends QEMU with 0, so 0 is a
//!    failure like any other.

use std::fmt;
use std::process::ExitStatus;

/// QEMU's exit status after the kernel wrote 0x10 to the exit port: `(0x10 << 1) | 1`.
const CLEAN: i32 = 33;

/// QEMU's exit status after a kernel panic, for which the kernel writes 0x01 to the exit port.
const PANICKED: i32 = 3;

/// QEMU's exit status when it cannot be the machine that was asked for; it has said why on standard
/// error.
const REFUSED: i32 = 1;

/// The exit status of an emulator in a script when that emulator fails, for which QEMU has no
/// status of its own.
pub const BROKEN: i32 = 70;

/// QEMU's exit statuses after an orderly end on a machine whose serial port does not answer: after
/// the kernel wrote 0x20 (the status was 0) or 0x21 (it was another) to the exit port.
const SILENT: [i32; 2] = [65, 67];

/// Before the number, on the last line of a clean boot.
const LAST_LINE: &str = "exit status ";

/// What QEMU prints, after whatever prompt stands there, when its own keys (Ctrl-A X) ended it.
const TERMINATED: &str = "QEMU: Terminated";

/// QEMU's exit status after the kernel wrote this to the exit port. Other emulators are made to end
/// alike.
#[must_use]
pub fn exit_status(value: u8) -> i32 {
    i32::from(value) << 1 | 1
}

/// How the emulator's process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It ended with this status.
    Status(i32),
    /// A signal ended it.
    Signal(i32),
    /// It was still running when its time was up, and was killed.
    TimedOut,
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        match status.code() {
            Some(code) => Self::Status(code),
            None => Self::Signal(status.signal().unwrap_or(0)),
        }
    }
}

/// What a boot came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The kernel powered the machine off, and the program ended with this status.
    Exited(u8),
    /// The user ended the emulator with its own keys.
    Quit,
    /// Time ran out.
    TimedOut,
    /// The machine powered off without saying a status.
    Speechless,
    /// The emulator did not even start the machine.
    NotStarted,
    /// The machine powered off, but has no serial port to say anything. `failed`: the status was
    /// not 0.
    NoSerialPort {
        /// Whether the status that could not be shown was other than 0.
        failed: bool,
    },
    /// The kernel found a mistake of its own, said so and ended the machine.
    Panicked,
    /// The emulator ended with this status, which the kernel did not ask for.
    Died(i32),
    /// A signal killed the emulator.
    Killed(i32),
    /// The emulator failed, which is no fault of the machine's: its last line says how.
    Broken,
}

impl Verdict {
    /// Judges a boot by QEMU's end and by the last line on serial that was not empty.
    #[must_use]
    pub fn of(end: End, last_line: &str) -> Self {
        match end {
            End::TimedOut => Self::TimedOut,
            End::Signal(signal) => Self::Killed(signal),
            End::Status(PANICKED) => Self::Panicked,
            End::Status(CLEAN) => said_status(last_line).map_or(Self::Speechless, Self::Exited),
            End::Status(status) if SILENT.contains(&status) => {
                Self::NoSerialPort { failed: status != SILENT[0] }
            }
            End::Status(BROKEN) => Self::Broken,
            End::Status(0) if last_line.trim_end().ends_with(TERMINATED) => Self::Quit,
            End::Status(REFUSED) if last_line.is_empty() => Self::NotStarted,
            End::Status(status) => Self::Died(status),
        }
    }

    /// The exit status of `cargo xtask qemu`: 123 after a kernel panic, 124 after a timeout, 125
    /// for a boot that failed.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::Quit => 0,
            Self::Panicked => 123,
            Self::TimedOut => 124,
            Self::NotStarted
            | Self::Speechless
            | Self::NoSerialPort { .. }
            | Self::Died(_)
            | Self::Killed(_)
            | Self::Broken => 125,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "the program ended with status {status}"),
            Self::Quit => write!(f, "the emulator was quit by its keys"),
            Self::TimedOut => write!(f, "time ran out before the machine powered off"),
            Self::Speechless => write!(
                f,
                "the machine powered off, but its last line is not `{LAST_LINE}N` \
                 with N from 0 to 255"
            ),
            Self::NotStarted => {
                f.write_str("the emulator did not start the machine; its own message says why")
            }
            Self::NoSerialPort { failed } => write!(
                f,
                "the machine has no serial port that answers, so nothing could be shown; \
                 it powered off with {}",
                if *failed { "a status other than 0" } else { "status 0" }
            ),
            Self::Panicked => {
                f.write_str("the kernel panicked: a mistake of its own, not the program's")
            }
            Self::Died(0) => write!(
                f,
                "the emulator ended with status 0, but the kernel never powered off: \
                 most likely a triple fault"
            ),
            Self::Died(status) => {
                write!(
                    f,
                    "the emulator ended with status {status}, but the kernel never powered off"
                )
            }
            Self::Broken => f.write_str("the emulator itself failed; its last line says how"),
            Self::Killed(signal) => write!(f, "signal {signal} killed the emulator"),
        }
    }
}

fn said_status(last_line: &str) -> Option<u8> {
    let digits = last_line.trim_end().strip_prefix(LAST_LINE)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_agreed_code_with_the_agreed_line_is_clean() {
        let table = [
            (End::Status(33), "exit status 0", Verdict::Exited(0), 0),
            (End::Status(33), "exit status 255", Verdict::Exited(255), 255),
            (End::Status(33), "exit status 256", Verdict::Speechless, 125),
            (End::Status(33), "exit status -1", Verdict::Speechless, 125),
            (End::Status(33), "exit status +1", Verdict::Speechless, 125),
            (End::Status(33), "exit status ", Verdict::Speechless, 125),
            (End::Status(33), "hello", Verdict::Speechless, 125),
            (End::Status(33), "", Verdict::Speechless, 125),
            (End::Status(0), "exit status 0", Verdict::Died(0), 125),
            (End::Status(1), "exit status 0", Verdict::Died(1), 125),
            (End::Status(1), "", Verdict::NotStarted, 125),
            (End::Status(2), "", Verdict::Died(2), 125),
            (End::Status(3), "", Verdict::Panicked, 123),
            (End::Status(4), "", Verdict::Died(4), 125),
            (End::Status(35), "exit status 0", Verdict::Died(35), 125),
            (End::Status(63), "", Verdict::Died(63), 125),
            (End::Status(65), "", Verdict::NoSerialPort { failed: false }, 125),
            (End::Status(67), "", Verdict::NoSerialPort { failed: true }, 125),
            (End::Status(69), "", Verdict::Died(69), 125),
            (End::Status(70), "exit status 0", Verdict::Broken, 125),
            (End::Status(0), "> QEMU: Terminated", Verdict::Quit, 0),
            (End::Signal(9), "exit status 0", Verdict::Killed(9), 125),
            (End::TimedOut, "exit status 0", Verdict::TimedOut, 124),
        ];
        for (end, line, verdict, code) in table {
            assert_eq!(Verdict::of(end, line), verdict, "{end:?} {line:?}");
            assert_eq!(verdict.exit_code(), code, "{end:?} {line:?}");
        }
    }

    #[test]
    fn the_exit_port_has_a_status_for_each_value() {
        assert_eq!(
            [0x10, 0x01, 0x20, 0x21].map(exit_status),
            [CLEAN, PANICKED, SILENT[0], SILENT[1]]
        );
    }

    #[test]
    fn a_triple_fault_is_called_by_its_name() {
        assert!(Verdict::Died(0).to_string().contains("triple fault"));
    }
}
