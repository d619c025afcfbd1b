//! What an event of the kernel's trace means, in words.

use core::fmt;

use abi::Error;
use abi::call::Number;
use abi::debug::State;
use abi::trace::{Argument, BY_SYSENTER, ELSEWHERE, Event, Kind, OPEN};

/// An event, which is printed in words without its process: `page_allocate page 00400000 -> done`.
#[derive(Clone, Copy, Debug)]
pub struct InWords(pub Event);

/// The kind of an event; `None` if there is none of this number.
#[must_use]
pub fn kind_of(event: &Event) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| *kind as u8 == event.kind)
}

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = &self.0;
        let Event { number, argument, result, .. } = *event;
        let Some(kind) = kind_of(event) else { return write!(f, "unknown kind {}", event.kind) };
        match kind {
            Kind::Call | Kind::Message => write_call(f, event)?,
            Kind::Fault => {
                let what = ["read", "write"][usize::from(number >> 1 & 1)];
                let page = ["an absent", "a present"][usize::from(number & 1)];
                write!(f, "fault: {what} of {page} page, {argument:08x}")?;
            }
            Kind::Switch => {
                return write!(f, "gets the CPU after [{argument:08x}], eax {result:x}");
            }
            Kind::Interrupt => write!(f, "interrupt {number} at {argument:08x}")?,
            Kind::Exception => {
                write!(f, "exception {number} at {argument:08x}, error {result:x}")?;
            }
        }
        f.write_str(" -> ")?;
        write_outcome(f, event, kind)
    }
}

fn write_outcome(f: &mut fmt::Formatter<'_>, event: &Event, kind: Kind) -> fmt::Result {
    let is_call = matches!(kind, Kind::Call | Kind::Message);
    let is_ready = event.state == State::Ready as u8;
    match event.state {
        OPEN => f.write_str("the kernel has not finished"),
        ELSEWHERE if is_call => f.write_str("made again, or a handler runs"),
        _ if is_ready && is_call => write_answer(f, event.result),
        _ if is_ready && kind == Kind::Fault => write!(f, "goes on at {:08x}", event.result),
        state => f.write_str(doing(state)),
    }
}

fn write_call(f: &mut fmt::Formatter<'_>, event: &Event) -> fmt::Result {
    let Event { number, argument, flags, .. } = *event;
    match (Number::new(number.into()), number < 32) {
        (Some(native), _) => f.write_str(native.name())?,
        (None, true) => write!(f, "JOS call {number}")?,
        (None, false) => write!(f, "unknown call {number}")?,
    }
    f.write_str(if flags & BY_SYSENTER == 0 { "" } else { " by sysenter" })?;
    match Argument::of_call(number) {
        Argument::Process if number >= 32 && argument == 0 => Ok(()),
        Argument::Process if number >= 32 => write!(f, " [{argument:08x}]"),
        Argument::Page => write!(f, " page {argument:08x}"),
        Argument::Process | Argument::Word => write!(f, " {argument:x}"),
    }
}

fn write_answer(f: &mut fmt::Formatter<'_>, eax: u32) -> fmt::Result {
    let error = Error::ALL.into_iter().find(|error| error.to_wire() == eax);
    match error {
        Some(error) => write!(f, "{error:?}"),
        None if eax == 0 => f.write_str("done"),
        None => write!(f, "{eax:x}"),
    }
}

/// What a process does that is not ready.
fn doing(state: u8) -> &'static str {
    /// In the order of [`State`].
    const DOING: [&str; State::Ended as usize + 1] = [
        "no process",
        "can run",
        "waits until it is received",
        "waits for the answer",
        "waits for a message",
        "waits for a child's end",
        "waits for an interrupt",
        "waits for a message from one process",
        "waits in JOS's ipc_recv",
        "sleeps",
        "waits for a child",
        "waits for console input",
        "ends",
        "has ended",
    ];
    DOING.get(usize::from(state)).unwrap_or(&"an unknown state")
}
