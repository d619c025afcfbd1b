//! The registers in which the arguments of a call travel, and the macro that reads the table of the
//! calls.
//!
//! A [`Place`] is a register, or a few of them, together with the check that an argument gets
//! there. One type may travel in several places, and one place carries several types.

use super::{Arguments, RawCall, limits};
use crate::address::{Frame, PageRange, UserPage};
use crate::driver::{Line, PortRange, device_frames};
use crate::entry::Permissions;
use crate::error::Error;
use crate::process::{ProcessId, Target};
use crate::self_map::ViewSlot;

/// A place in which a value of type `T` travels.
pub trait Place<T> {
    /// Whether it is part of `eax`. A call without such an argument has no bits there but its
    /// number.
    const IN_HEAD: bool = false;

    /// Reads and checks the value.
    ///
    /// # Errors
    /// `NoSuchProcess`: it is no process id. `InvalidArgument`: it is malformed in another way.
    fn read(raw: &impl Arguments) -> Result<T, Error>;

    /// The registers with the value.
    fn write(value: T, raw: RawCall) -> RawCall;
}

/// Declares the places, and what travels in each: `Type: how it is read; how it is written;`.
macro_rules! places {
    ($($(#[$doc:meta])* $place:ident {
        $($type:ty: |$in:ident| $read:expr; |$value:ident, $out:ident| $write:expr;)*
    })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $place;

        $(impl Place<$type> for $place {
            // The inlined functions of the places, in the kernel: with them an empty call takes 78
            // instructions in place of 84, and `page_map` 160 in place of 179.
            #[inline(always)]
            fn read($in: &impl Arguments) -> Result<$type, Error> {
                $read
            }

            #[inline(always)]
            fn write($value: $type, $out: RawCall) -> RawCall {
                $write
            }
        })*
    )* };
}

places! {
    /// The process.
    Process {
        Target: |raw| Target::new(raw.process());
            |target, raw| RawCall { process: target.bits(), ..raw };
        ProcessId: |raw| ProcessId::new(raw.process());
            |id, raw| RawCall { process: id.bits(), ..raw };
        Option<ProcessId>: |raw| some_id(raw.process());
            |id, raw| RawCall { process: id.map_or(0, ProcessId::bits), ..raw };
    }
    /// The page.
    Page {
        UserPage: |raw| UserPage::new(raw.page());
            |page, raw| RawCall { page: page.address(), ..raw };
    }
    /// `eax`, above the number: W and marks.
    Head {}
    /// `eax`, above the number: marks, without W.
    Marks {}
    /// The first page in the page's place, how many in word 0.
    Range {
        PageRange: |raw| PageRange::new(Page::read(raw)?, raw.word(0));
            |range, raw| set_word(Page::write(range.first(), raw), 0, range.pages());
    }
    /// As [`Range`], of at most [`limits::ALLOCATE`] pages.
    ShortRange {
        PageRange: |raw| {
            let range = Range::read(raw)?;
            at_most(range.pages(), limits::ALLOCATE).map(|_| range)
        }; |range, raw| Range::write(range, raw);
    }
    /// All four words.
    Words {
        [u32; 4]: |raw| Ok([raw.word(0), raw.word(1), raw.word(2), raw.word(3)]);
            |words, raw| RawCall { words, ..raw };
    }
    /// Of `Syscall::RangeShare`: the first page in the page's place, how many in word 2.
    SharedRange {
        PageRange: |raw| PageRange::new(Page::read(raw)?, raw.word(2));
            |range, raw| set_word(Page::write(range.first(), raw), 2, range.pages());
    }
    /// Of `Syscall::RangeShare`: word 1; the target's last page is a user page, too.
    SharedTarget {
        UserPage: |raw| Ok(PageRange::new(Word1::read(raw)?, raw.word(2))?.first());
            |page, raw| set_word(raw, 1, page.address());
    }
    /// Of `Syscall::RangeShare`: the low bits of word 3.
    SharedDrop {
        Permissions: |raw| Permissions::new(raw.word(3) & !SHARE_BOTH);
            |drop, raw| set_word(raw, 3, raw.words[3] | drop.bits());
    }
    /// Of `Syscall::RangeShare`: [`SHARE_BOTH`] of word 3.
    SharedBoth {
        bool: |raw| Ok(raw.word(3) & SHARE_BOTH != 0);
            |both, raw| set_word(raw, 3, raw.words[3] | if both { SHARE_BOTH } else { 0 });
    }
    /// Word 1: at most [`limits::BUFFER`] bytes.
    BufferLength {
        u32: |raw| at_most(raw.word(1), limits::BUFFER); |length, raw| set_word(raw, 1, length);
    }
    /// Word 1: at most [`limits::EVENTS`].
    EventCount {
        u32: |raw| at_most(raw.word(1), limits::EVENTS); |count, raw| set_word(raw, 1, count);
    }
    /// Word 1: at most [`limits::LIST`].
    ListLength {
        u32: |raw| at_most(raw.word(1), limits::LIST); |pages, raw| set_word(raw, 1, pages);
    }
    /// Word 0 is 1 for the process in its place, 0 for none.
    Owner {
        Option<Target>: |raw| if Word0::read(raw)? { Process::read(raw).map(Some) } else { Ok(None) };
            |owner, raw| match owner {
                Some(owner) => set_word(Process::write(owner, raw), 0, 1),
                None => raw,
            };
    }
    /// The first port in word 1, how many in word 0.
    Ports {
        PortRange: |raw| PortRange::new(raw.word(1), raw.word(0));
            |ports, raw| set_word(set_word(raw, 0, ports.count()), 1, ports.first());
    }
    /// Word 1: the address of the first of as many frames as the [`Range`] has pages.
    DeviceFrames {
        Frame: |raw| device_frames(raw.word(1), Range::read(raw)?);
            |frame, raw| set_word(raw, 1, frame.address());
    }
    /// Word 2: 0 for none, or the page's address and 1.
    AcceptPage {
        Option<UserPage>: |raw| match raw.word(2) {
            0 => Ok(None),
            word => UserPage::new(word.wrapping_sub(1)).map(Some),
        }; |page, raw| set_word(raw, 2, page.map_or(0, |page| page.address() | 1));
    }
    /// `eax` above the number, and the page: a [`super::message::PageTransfer`].
    Transfer {}
    /// `eax` above the number, the page, words 0 and 1: a [`super::fault::FaultReply`].
    Reply {}
}

impl Place<Permissions> for Head {
    const IN_HEAD: bool = true;

    #[inline(always)]
    fn read(raw: &impl Arguments) -> Result<Permissions, Error> {
        Permissions::new(raw.permission_bits())
    }

    #[inline(always)]
    fn write(permissions: Permissions, raw: RawCall) -> RawCall {
        RawCall { head: raw.head | permissions.bits() << 8, ..raw }
    }
}

impl Place<Permissions> for Marks {
    const IN_HEAD: bool = true;

    #[inline(always)]
    fn read(raw: &impl Arguments) -> Result<Permissions, Error> {
        Permissions::marks(raw.permission_bits())
    }

    #[inline(always)]
    fn write(marks: Permissions, raw: RawCall) -> RawCall {
        Head::write(marks, raw)
    }
}

/// Declares the places that are one word.
macro_rules! word_places {
    ($($place:ident $index:literal)*) => { places! { $(
        #[doc = concat!("Word ", $index, ".")]
        $place {
            u32: |raw| Ok(raw.word($index)); |word, raw| set_word(raw, $index, word);
            bool: |raw| flag(raw.word($index)); |flag, raw| set_word(raw, $index, flag.into());
            Target: |raw| Target::new(raw.word($index));
                |target, raw| set_word(raw, $index, target.bits());
            Option<ProcessId>: |raw| some_id(raw.word($index));
                |id, raw| set_word(raw, $index, id.map_or(0, ProcessId::bits));
            UserPage: |raw| UserPage::new(raw.word($index));
                |page, raw| set_word(raw, $index, page.address());
            Permissions: |raw| Permissions::new(raw.word($index));
                |permissions, raw| set_word(raw, $index, permissions.bits());
            ViewSlot: |raw| ViewSlot::new(raw.word($index));
                |view, raw| set_word(raw, $index, view.index());
            Line: |raw| Line::new(raw.word($index));
                |line, raw| set_word(raw, $index, line.number());
        }
    )* } };
}

word_places! { Word0 0 Word1 1 Word2 2 }

/// Bit of word 3 of `Syscall::RangeShare`: change the source, too. Bits 0 to 11 are the bits to
/// drop.
pub const SHARE_BOTH: u32 = 1 << 31;

#[inline(always)]
const fn set_word(mut raw: RawCall, index: usize, word: u32) -> RawCall {
    raw.words[index] = word;
    raw
}

fn some_id(bits: u32) -> Result<Option<ProcessId>, Error> {
    if bits == 0 { Ok(None) } else { ProcessId::new(bits).map(Some) }
}

const fn flag(word: u32) -> Result<bool, Error> {
    match word {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Error::InvalidArgument),
    }
}

const fn at_most(number: u32, limit: u32) -> Result<u32, Error> {
    if number <= limit { Ok(number) } else { Err(Error::InvalidArgument) }
}

/// Makes [`Syscall`] and [`super::Number`] of the table. Names are resolved in the table's module.
macro_rules! calls {
    ($($(#[$doc:meta])* $call:ident = $number:literal $name:literal $({
        $($(#[$argument_doc:meta])* $argument:ident at $place:ident: $type:ty,)*
    })?;)*) => {
        /// A native call with its checked arguments.
        ///
        /// Errors that every call shares: `InvalidArgument` for a malformed argument or an unknown
        /// bit, and `NoSuchProcess` for an id that is stale or outside the caller's authority (see
        /// the table in ARCHITECTURE.md); and `NotPermitted`, if something would have to be mapped,
        /// or a mark be left, in a view. Each variant names the others: its last sentences begin
        /// with "Errors:" and name each with its condition. (`tests/calls/errors.rs` of the core
        /// gets each of them, and every test of the core sees that no call answers with another.)
        ///
        /// `QuotaExceeded` where something is mapped: the process in whose space it is mapped, or
        /// an ancestor, has a bound. Each mapping is charged, also where its frame and its table
        /// are there already.
        ///
        /// The mark PAGER among permissions or marks is ignored where the process that the call
        /// changes has a pager and the caller is another process than that
        /// ([`EntryFlags::PAGER`](crate::EntryFlags::PAGER)). For the same reason a page that moves
        /// loses PAGER, unless a pager moves it from its own space into its client's, or neither
        /// process has a pager.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Syscall {
            $(
                #[doc = concat!("Call ", $number, ", `", $name, "`.")]
                ///
                $(#[$doc])*
                $call $({ $($(#[$argument_doc])* $argument: $type),* })?,
            )*
        }

        /// The number of a native call, which travels in bits 0 to 7 of `eax`.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum Number {
            $(
                #[doc = concat!("[`Syscall::", stringify!($call), "`].")]
                $call = $number,
            )*
        }

        impl Number {
            /// Every number, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$call),*];

            /// The number with these bits; `None` if no native call has it.
            #[must_use]
            #[inline(always)]
            pub const fn new(bits: u32) -> Option<Self> {
                match bits {
                    $($number => Some(Self::$call),)*
                    _ => None,
                }
            }

            /// The call's name, as its function in libsys has it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$call => $name,)*
                }
            }
        }

        impl Syscall {
            /// The call's number.
            #[must_use]
            pub const fn number(&self) -> Number {
                match self {
                    $(Self::$call { .. } => Number::$call,)*
                }
            }

            /// Puts the call into registers.
            #[must_use]
            #[inline(always)]
            pub fn encode(self) -> RawCall {
                match self {
                    $(Self::$call $({ $($argument),* })? => {
                        let raw = RawCall { head: $number, ..RawCall::default() };
                        $($(let raw = <$place as Place<$type>>::write($argument, raw);)*)?
                        raw
                    })*
                }
            }

            /// Reads a call out of registers.
            ///
            /// # Errors
            /// - `InvalidArgument`: no native call has this number, or an argument is malformed.
            /// - `NoSuchProcess`: a process argument cannot be an id.
            #[inline(always)]
            pub fn decode(raw: &impl Arguments) -> Result<Self, Error> {
                match Number::new(raw.number()) {
                    $(Some(Number::$call) => {
                        let takes_bits = false $($(|| <$place as Place<$type>>::IN_HEAD)*)?;
                        if !takes_bits && raw.permission_bits() != 0 {
                            return Err(Error::InvalidArgument);
                        }
                        Ok(Self::$call $({ $($argument: <$place as Place<$type>>::read(raw)?),* })?)
                    })*
                    None => Err(Error::InvalidArgument),
                }
            }
        }
    };
}

pub(super) use calls;
