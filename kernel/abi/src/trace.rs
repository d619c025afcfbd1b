//! The trace: what a record of the kernel's ring of events says.
//!
//! The kernel records events only if the boot line has the word `trace`. Each trap of a process is
//! one [`Event`], and so is each choice of another process for the CPU. The event of a trap is
//! recorded when the trap comes in, with state [`OPEN`], and gets its result when the kernel has
//! done what was asked. So if the kernel panics in between, the last event says for which process.
//! `docs/debugging.md` has the same format for readers that are not written in Rust.

use crate::call::limits;
use crate::call::{Number, Syscall};
use crate::debug::State;
use crate::process::ProcessId;

/// How many events the ring holds. A new event takes the place of the oldest.
pub const EVENTS: u32 = limits::EVENTS;
/// In place of a state: the kernel has not finished with this event.
pub const OPEN: u8 = 0xFF;
/// In place of a state: the process can run, but the call has no result yet. It is made again,
/// because memory had to be freed first or a buffer was absent; or the process continues in its
/// fault handler.
pub const ELSEWHERE: u8 = 0xFE;
/// Bit of [`Event::flags`]: the call came by `sysenter`.
pub const BY_SYSENTER: u8 = 1;

/// The kind of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// A call. The number is the call's; the argument is the one that [`Argument::of_call`] names;
    /// the result is `eax`.
    Call = 1,
    /// A page fault. The number is the error code; the argument is the address; the result is where
    /// the process continues, which is its handler if that was entered.
    Fault = 2,
    /// A call that sends or receives. As `Call`; the argument is the other process, 0 for any.
    Message = 3,
    /// Another process gets the CPU than the one that had it last. The argument is the id of that
    /// one, 0 for none; the result is the new one's `eax`, which is the result of the call in which
    /// it has waited.
    Switch = 4,
    /// A device's interrupt. The number is its line; the argument is the instruction that was
    /// interrupted; the process is 0 if none ran.
    Interrupt = 5,
    /// Any other exception. The number is the vector; the argument is the instruction; the result
    /// is the error code.
    Exception = 6,
}

impl Kind {
    /// All kinds, for tables.
    pub const ALL: [Self; 6] =
        [Self::Call, Self::Fault, Self::Message, Self::Switch, Self::Interrupt, Self::Exception];

    /// The kind of a call with this number.
    #[must_use]
    pub const fn of_call(number: u8) -> Self {
        match Number::new(number as u32) {
            Some(
                Number::Send
                | Number::Receive
                | Number::Call
                | Number::Reply
                | Number::ReplyAndReceive
                | Number::FaultReplyAndReceive,
            ) => Self::Message,
            _ => Self::Call,
        }
    }
}

/// Which of a call's arguments its event keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Argument {
    /// The process, 0 for the caller itself.
    Process,
    /// The page.
    Page,
    /// The first word.
    Word,
}

impl Argument {
    /// The argument that says most about a native call. A JOS call keeps its first one, which lies
    /// where native calls have the process.
    #[must_use]
    pub const fn of_call(number: u8) -> Self {
        use Number as N;
        let Some(native) = N::new(number as u32) else {
            return if (number as u32) < Syscall::FIRST { Self::Process } else { Self::Word };
        };
        match native {
            N::PageAllocate | N::PageMap | N::PageMove | N::PageUnmap | N::PageCopy => Self::Page,
            N::PageProtect | N::RangeShare | N::RangeProtect | N::RangeUnmap => Self::Page,
            N::RangeAllocate | N::DeviceMap | N::DmaAllocate | N::DmaRelease => Self::Page,
            N::ProcessStart | N::ProcessStop | N::RegistersRead | N::RegistersWrite => {
                Self::Process
            }
            N::EventsRead | N::Destroy | N::SetQuota | N::Usage | N::Clone => Self::Process,
            N::Transact => Self::Process,
            N::SetHandler | N::SetPager | N::SetFaultTimeout | N::SetConsoleOwner => Self::Process,
            N::FaultReply | N::FaultReplyAndReceive | N::Send | N::Receive => Self::Process,
            N::Call | N::Reply | N::ReplyAndReceive => Self::Process,
            N::ViewAttach | N::DriverAllow | N::DmaReclaim => Self::Process,
            N::Identity | N::FrameReferences | N::ProcessCreate | N::Exit | N::Wait => Self::Word,
            N::Machine | N::AcceptClients | N::AcceptFrameRequests | N::FaultForward => Self::Word,
            N::Clock | N::Sleep | N::Yield | N::ConsoleWrite | N::ConsoleRead => Self::Word,
            N::ViewDetach | N::PortsAllow | N::InterruptAttach => Self::Word,
            N::InterruptAcknowledge => Self::Word,
        }
    }
}

/// One event: 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct Event {
    /// The id of the process, or 0.
    pub process: u32,
    /// A [`Kind`]; 0 if there is no event here yet.
    pub kind: u8,
    /// Which call, vector or line.
    pub number: u8,
    /// A [`State`]: what the process does after the event; or [`OPEN`], or [`ELSEWHERE`].
    pub state: u8,
    /// [`BY_SYSENTER`] or 0.
    pub flags: u8,
    /// With what; see [`Kind`].
    pub argument: u32,
    /// The result; see [`Kind`]. 0 while the event is open.
    pub result: u32,
}

const _: () = assert!(size_of::<Event>() == 16);

impl Event {
    /// No event.
    pub const NONE: Self =
        Self { process: 0, kind: 0, number: 0, state: 0, flags: 0, argument: 0, result: 0 };

    /// An event that the kernel begins to work on.
    #[must_use]
    pub const fn begin(process: Option<ProcessId>, kind: Kind, number: u8, argument: u32) -> Self {
        let process = match process {
            Some(id) => id.bits(),
            None => 0,
        };
        Self { process, kind: kind as u8, number, state: OPEN, flags: 0, argument, result: 0 }
    }

    /// The same event with what came of it.
    #[must_use]
    pub const fn end(self, state: State, result: u32) -> Self {
        Self { state: state as u8, result, ..self }
    }

    /// The words, in the order in which they lie in memory.
    #[must_use]
    pub const fn words(&self) -> [u32; 4] {
        let head = u32::from_le_bytes([self.kind, self.number, self.state, self.flags]);
        [self.process, head, self.argument, self.result]
    }

    /// The event with these words.
    #[must_use]
    pub const fn from_words(words: [u32; 4]) -> Self {
        let [process, head, argument, result] = words;
        let [kind, number, state, flags] = head.to_le_bytes();
        Self { process, kind, number, state, flags, argument, result }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_its_words() {
        let event = Event {
            process: 0x1003,
            kind: Kind::Message as u8,
            number: 62,
            state: State::Answer as u8,
            flags: BY_SYSENTER,
            argument: 0x1002,
            result: 0xFFFF_FFD8,
        };
        assert_eq!(event.words(), [0x1003, 0x0103_3E03, 0x1002, 0xFFFF_FFD8]);
        assert_eq!(Event::from_words(event.words()), event);
    }

    #[test]
    fn a_call_of_jos_keeps_its_first_argument_and_an_unknown_call_its_first_word() {
        for number in [0, Syscall::FIRST as u8 - 1] {
            assert_eq!(Argument::of_call(number), Argument::Process, "{number}");
        }
        for number in [Syscall::LAST as u8 + 1, 0xFF] {
            assert_eq!(Argument::of_call(number), Argument::Word, "{number}");
        }
    }

    #[test]
    fn no_state_has_the_number_of_a_mark() {
        assert!((State::Ended as u8) < ELSEWHERE && ELSEWHERE < OPEN);
    }
}
