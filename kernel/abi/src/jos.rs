//! The JOS interface: calls 0 to 14, as the 2012 to 2018 course trees number them from lab 5 on;
//! programs of other labs count differently ([`Numbering`]).
//!
//! Number in `eax`; arguments in `edx`, `ecx`, `ebx`, `edi`, `esi`; result in `eax`.

use crate::Error;

/// The vector of `int 0x30`.
pub const VECTOR: u32 = 0x30;
/// JOS permissions that a mapping must have: P and U.
pub const REQUIRED: u32 = 0x005;
/// All JOS permissions: P, W, U and the three available bits.
pub const KNOWN: u32 = 0xE07;

/// How a program numbers its JOS calls and errors.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Numbering {
    /// As [`JosCall`] lists them: lab 5 and lab 6.
    #[default]
    Lab5,
    /// Calls 0 to 3 and no others.
    Lab3,
    /// Without call 9, which lab 5 inserted: its 9 to 12 are 10 to 13 here.
    Lab4,
    /// The calls of [`Numbering::Lab4`] with the errors of the year 2014, which had one more: 7 is
    /// an unknown call, and 8 is a receiver that does not wait.
    Lab4Of2014,
}

impl Numbering {
    /// The option that names each numbering but the first.
    pub const OPTIONS: [(&str, Self); 3] =
        [("abi=lab3", Self::Lab3), ("abi=lab4", Self::Lab4), ("abi=lab4-2014", Self::Lab4Of2014)];

    /// Lab 5's number for the call that this numbering gives `number`; `None` if it has no such
    /// call.
    // Inlined: see `address.rs`.
    #[inline(always)]
    #[must_use]
    pub const fn lab5(self, number: u32) -> Option<u32> {
        const INSERTED: u32 = 9;
        const LAST_OF_LAB_3: u32 = 3;
        const LAST_OF_LAB_4: u32 = 12;
        match self {
            Self::Lab5 if number <= LAST => Some(number),
            Self::Lab3 if number <= LAST_OF_LAB_3 => Some(number),
            Self::Lab4 | Self::Lab4Of2014 if number < INSERTED => Some(number),
            Self::Lab4 | Self::Lab4Of2014 if number <= LAST_OF_LAB_4 => Some(number + 1),
            Self::Lab5 | Self::Lab3 | Self::Lab4 | Self::Lab4Of2014 => None,
        }
    }

    /// The result of a call that ends in this error.
    #[must_use]
    pub const fn error(self, error: Error) -> u32 {
        match (self, error) {
            (Self::Lab4Of2014, Error::NotReceiving) => 8_u32.wrapping_neg(),
            _ => error.to_jos(),
        }
    }

    /// The result of a call with an unknown number.
    #[must_use]
    pub const fn unknown_call(self) -> u32 {
        match self {
            Self::Lab4Of2014 => 7_u32.wrapping_neg(),
            Self::Lab5 | Self::Lab3 | Self::Lab4 => Error::InvalidArgument.to_jos(),
        }
    }
}

/// The last JOS call.
const LAST: u32 = 14;

/// A JOS call with its raw arguments: JOS checks them one by one, each call in its own order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JosCall {
    /// 0: print at most `length` bytes, up to a NUL.
    Cputs {
        /// First byte.
        address: u32,
        /// At most so many bytes.
        length: u32,
    },
    /// 1: next console byte, or 0.
    Cgetc,
    /// 2: the caller's id.
    Getenvid,
    /// 3: end a process.
    EnvDestroy {
        /// The process; 0 is the caller.
        env: u32,
    },
    /// 4: map a fresh zeroed page.
    PageAlloc {
        /// In whose space.
        env: u32,
        /// Where.
        va: u32,
        /// JOS permissions.
        perm: u32,
    },
    /// 5: map a page of one process into another.
    PageMap {
        /// From whose space.
        source: u32,
        /// From where.
        source_va: u32,
        /// Into whose space.
        destination: u32,
        /// The destination's address.
        destination_va: u32,
        /// JOS permissions.
        perm: u32,
    },
    /// 6: unmap a page.
    PageUnmap {
        /// In whose space.
        env: u32,
        /// Where.
        va: u32,
    },
    /// 7: a child with the caller's registers and an empty space.
    Exofork,
    /// 8: set a process runnable (2) or not (4).
    EnvSetStatus {
        /// The process.
        env: u32,
        /// 2 or 4.
        status: u32,
    },
    /// 9: set a process's registers.
    EnvSetTrapframe {
        /// The process.
        env: u32,
        /// The address of the 68-byte record.
        frame: u32,
    },
    /// 10: set a process's fault handler.
    EnvSetPgfaultUpcall {
        /// The process.
        env: u32,
        /// The handler's entry.
        entry: u32,
    },
    /// 11: let others run.
    Yield,
    /// 12: send if the receiver waits now.
    IpcTrySend {
        /// To whom.
        env: u32,
        /// The value.
        value: u32,
        /// The page, or UTOP and above for none.
        va: u32,
        /// JOS permissions of the page.
        perm: u32,
    },
    /// 13: wait for a message.
    IpcRecv {
        /// The address at which a page is received; UTOP and above for no page.
        va: u32,
    },
    /// 14: milliseconds since boot (lab 6).
    TimeMsec,
}

impl JosCall {
    /// Reads call `number`, as lab 5 numbers it, with its arguments in the order `edx, ecx, ebx,
    /// edi, esi`; `None` above 14.
    #[must_use]
    pub const fn decode(number: u32, [a, b, c, d, e]: [u32; 5]) -> Option<Self> {
        Some(match number {
            0 => Self::Cputs { address: a, length: b },
            1 => Self::Cgetc,
            2 => Self::Getenvid,
            3 => Self::EnvDestroy { env: a },
            4 => Self::PageAlloc { env: a, va: b, perm: c },
            5 => Self::PageMap {
                source: a,
                source_va: b,
                destination: c,
                destination_va: d,
                perm: e,
            },
            6 => Self::PageUnmap { env: a, va: b },
            7 => Self::Exofork,
            8 => Self::EnvSetStatus { env: a, status: b },
            9 => Self::EnvSetTrapframe { env: a, frame: b },
            10 => Self::EnvSetPgfaultUpcall { env: a, entry: b },
            11 => Self::Yield,
            12 => Self::IpcTrySend { env: a, value: b, va: c, perm: d },
            13 => Self::IpcRecv { va: a },
            14 => Self::TimeMsec,
            _ => return None,
        })
    }
}

/// Words of JOS's `struct Trapframe`: 68 bytes.
pub const TRAPFRAME_WORDS: u32 = 17;
/// Where JOS's kernel stack begins to hold the trap frame of a program: 68 bytes below KSTACKTOP.
pub const TRAPFRAME_ON_STACK: u32 = 0xF000_0000 - 4 * TRAPFRAME_WORDS;

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn lab_4_numbers_have_a_gap_where_lab_5_inserted_a_call() {
        for numbering in [Numbering::Lab4, Numbering::Lab4Of2014] {
            let lab4 = |number| numbering.lab5(number);
            assert_eq!((0..9).map(lab4).collect::<Vec<_>>(), (0..9).map(Some).collect::<Vec<_>>());
            let moved: Vec<_> = (9..15).map(lab4).collect();
            assert_eq!(moved, [Some(10), Some(11), Some(12), Some(13), None, None]);
            assert_eq!(lab4(u32::MAX), None);
        }
    }

    #[test]
    fn lab_3_has_calls_0_to_3() {
        let lab3: Vec<_> = [0, 1, 2, 3, 4, u32::MAX].map(|n| Numbering::Lab3.lab5(n)).into();
        assert_eq!(lab3, [Some(0), Some(1), Some(2), Some(3), None, None]);
    }

    #[test]
    fn errors_7_and_8_are_others_in_2014() {
        let numbers = |numbering: Numbering| {
            let error = |error| numbering.error(error).wrapping_neg();
            (
                numbering.unknown_call().wrapping_neg(),
                error(Error::NotReceiving),
                error(Error::OutOfFrames),
            )
        };
        assert_eq!(numbers(Numbering::Lab4Of2014), (7, 8, 4));
        for numbering in [Numbering::Lab3, Numbering::Lab4, Numbering::Lab5] {
            assert_eq!(numbers(numbering), (3, 7, 4), "{numbering:?}");
        }
    }

    #[test]
    fn the_frame_lies_where_lab_3s_graders_expect_it() {
        assert_eq!(TRAPFRAME_ON_STACK, 0xEFFF_FFBC);
    }

    #[test]
    fn lab_5_numbers_are_the_calls_own() {
        for number in 0..300 {
            let call = JosCall::decode(number, [0; 5]).map(|_| number);
            assert_eq!(Numbering::Lab5.lab5(number), call);
        }
    }
}
