//! Why a call was refused, and what the caller should do about it.

/// Every error that a call can answer. It travels as the negated number in `eax`.
///
/// Numbers 1 to 8 are JOS's; those from 32 on are Vitrine's own and reach native callers only.
/// Unless a call says otherwise, an error means that nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u32)]
pub enum Error {
    /// The id is stale, or names a process over which the caller has no authority. Forget the id.
    NoSuchProcess = 2,
    /// An argument is malformed: unaligned, out of range, unknown bits, an unknown call. Correct
    /// the program.
    InvalidArgument = 3,
    /// No frame is left for the page, or for a table that it needs. Free memory and try again.
    OutOfFrames = 4,
    /// All process slots are taken. Wait for a process to end.
    OutOfProcesses = 5,
    /// A buffer does not lie below UTOP, where the caller's own memory is. Correct the program.
    Fault = 6,
    /// The receiver is not waiting for this message now. Try again later.
    NotReceiving = 7,
    /// Nothing is mapped at the page. Map something, or ask the pager.
    NotMapped = 32,
    /// The call would give write permission that its source lacks, or put a page into a view; or
    /// the page is a driver's own; or only a driver may make the call.
    NotPermitted = 33,
    /// A quota of the process or of an ancestor is used up. Ask the parent.
    QuotaExceeded = 34,
    /// Waiting would close a cycle of processes that wait for each other. Do something else first.
    Deadlock = 35,
    /// The caller has no child that it may wait for. Adopted children and those of JOS call 7 do
    /// not count.
    NoChild = 36,
    /// The process does not wait for an answer of the caller's: neither to a call nor to a fault.
    NotWaiting = 37,
    /// The change comes too late, because the process has children, waits or runs; or the page, the
    /// directory entry or the device is in use.
    Busy = 38,
    /// The other process refused, or there is none that could answer.
    Refused = 39,
    /// The other process ended during the call. (If it ended before, its id is stale:
    /// `NoSuchProcess`.)
    PeerEnded = 40,
}

impl Error {
    /// All of them, for tables and tests.
    pub const ALL: [Self; 15] = [
        Self::NoSuchProcess,
        Self::InvalidArgument,
        Self::OutOfFrames,
        Self::OutOfProcesses,
        Self::Fault,
        Self::NotReceiving,
        Self::NotMapped,
        Self::NotPermitted,
        Self::QuotaExceeded,
        Self::Deadlock,
        Self::NoChild,
        Self::NotWaiting,
        Self::Busy,
        Self::Refused,
        Self::PeerEnded,
    ];

    /// The error on the wire: the negated number.
    #[must_use]
    pub const fn to_wire(self) -> u32 {
        (self as u32).wrapping_neg()
    }

    /// Reads `eax` after a call: `Ok` for anything that is not negative.
    ///
    /// # Errors
    /// The error whose number `eax` holds negated; a negative number that is none reads as
    /// `InvalidArgument`.
    // Inlined: see `address.rs`.
    #[inline(always)]
    pub fn check(eax: u32) -> Result<u32, Self> {
        if eax.cast_signed() >= 0 {
            return Ok(eax);
        }
        Err(Self::from_number(eax.wrapping_neg()))
    }

    #[cold]
    fn from_number(number: u32) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|error| *error as u32 == number).unwrap_or(Self::InvalidArgument)
    }

    /// The JOS number of the error, negated: what JOS calls 0 to 14 return. JOS has no number for
    /// Vitrine's own errors, so those that a JOS call can meet become the nearest of JOS's.
    /// (`exofork` itself turns a bound on processes into `OutOfProcesses`.)
    #[must_use]
    pub const fn to_jos(self) -> u32 {
        match self {
            Self::NotMapped | Self::NotPermitted => Self::InvalidArgument.to_wire(),
            Self::QuotaExceeded => Self::OutOfFrames.to_wire(),
            other => other.to_wire(),
        }
    }
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoSuchProcess => "no such process, or no authority over it",
            Self::InvalidArgument => "invalid argument",
            Self::OutOfFrames => "out of frames",
            Self::OutOfProcesses => "out of process slots",
            Self::Fault => "a buffer is not the caller's to use",
            Self::NotReceiving => "the receiver is not waiting",
            Self::NotMapped => "nothing is mapped there",
            Self::NotPermitted => "not permitted",
            Self::QuotaExceeded => "quota exceeded",
            Self::Deadlock => "waiting would deadlock",
            Self::NoChild => "no child to wait for",
            Self::NotWaiting => "the process waits for no answer from here",
            Self::Busy => "too late, or in use",
            Self::Refused => "refused",
            Self::PeerEnded => "the other side ended",
        })
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_survives_the_wire() {
        for error in Error::ALL {
            assert_eq!(Error::check(error.to_wire()), Err(error));
        }
        assert_eq!(Error::check(0), Ok(0));
        assert_eq!(Error::check(0x7FFF_FFFF), Ok(0x7FFF_FFFF));
    }

    #[test]
    fn each_error_has_words_of_its_own() {
        let texts = Error::ALL.map(|error| std::string::ToString::to_string(&error));
        for (index, text) in texts.iter().enumerate() {
            assert!(!text.is_empty() && !texts[..index].contains(text), "{text}");
        }
    }

    #[test]
    fn jos_callers_get_jos_numbers_only() {
        for error in Error::ALL.into_iter().take(8) {
            assert!(error.to_jos().wrapping_neg() <= 8, "{error:?}");
        }
        assert_eq!(Error::NotPermitted.to_jos(), 0xFFFF_FFFD);
    }
}
