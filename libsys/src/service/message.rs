//! Received messages by their kind, with types in place of words.

use abi::fault::Access;
use abi::message::{Kind, Message, Reason};
use abi::{Permissions, ProcessId};

/// A received message. The kernel wrote the kind and the ids, and all words but those of
/// [`Event::Message`] and of a [`Event::Fault`] that was forwarded, which are the sender's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Another process sent or called.
    Message {
        /// The sender.
        sender: ProcessId,
        /// The words.
        words: [u32; 4],
        /// Permissions of the page that came along.
        page: Option<Permissions>,
    },
    /// A client faulted and waits for `fault_reply`.
    Fault {
        /// Which client.
        client: ProcessId,
        /// The address that was touched.
        address: u32,
        /// How.
        access: Access,
        /// The instruction.
        eip: u32,
        /// The client's own handler has passed it on: the other fields are what the handler chose.
        forwarded: bool,
    },
    /// Ctrl-C. (For a driver also an interrupt line of its own, if word 0 of the message is not 0.)
    Interrupt,
    /// A child ended; receiving this waited for it.
    Exit {
        /// Which child.
        child: ProcessId,
        /// Its status, or the kernel's: 128 and the vector.
        status: u32,
        /// Why.
        reason: Reason,
    },
    /// A client forks and waits for a reply: word 0 is 0 to adopt the child, anything else to
    /// refuse.
    Clone {
        /// Which client.
        client: ProcessId,
        /// Its new child.
        child: ProcessId,
    },
    /// A call of a client, or of a process that sends a client a page, finds no frame, and waits
    /// for `fault_reply`: `Resume` when frames are free, `Refuse` if none can be freed. Only a
    /// pager that has called `accept_frame_requests` gets this.
    Frames {
        /// The process that makes the call.
        client: ProcessId,
        /// The most frames that the call needs.
        frames: u32,
    },
}

impl Event {
    /// The event of a message; `None` if the words are not the kernel's, which cannot happen with
    /// this kernel.
    #[must_use]
    pub fn new(message: Message) -> Option<Self> {
        let Message { sender, kind, words, page } = message;
        let [first, second, third, _] = words;
        Some(match kind {
            Kind::Message => Self::Message { sender, words, page },
            Kind::Fault | Kind::Forwarded => Self::Fault {
                client: sender,
                address: first,
                access: Access::from_bits_truncate(second),
                eip: third,
                forwarded: kind == Kind::Forwarded,
            },
            Kind::Interrupt => Self::Interrupt,
            Kind::Exit => Self::Exit { child: sender, status: first, reason: Reason::new(second)? },
            Kind::Clone => Self::Clone { client: sender, child: ProcessId::new(first).ok()? },
            Kind::Frames => Self::Frames { client: sender, frames: first },
        })
    }
}

/// Waits for any message, without a page.
///
/// # Errors
/// See [`abi::Syscall::Receive`].
#[cfg(target_os = "none")]
pub fn next_event() -> Result<Event, abi::Error> {
    Event::new(crate::call::receive(None, None)?).ok_or(abi::Error::InvalidArgument)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_becomes_its_event() {
        let (sender, child) = (ProcessId::first(1), ProcessId::first(2));
        let event = |kind, words| Event::new(Message { sender, kind, words, page: None });
        let words = [1, 2, 3, 4];
        assert_eq!(event(Kind::Message, words), Some(Event::Message { sender, words, page: None }));
        let access = Access::WRITE | Access::USER;
        for (kind, forwarded) in [(Kind::Fault, false), (Kind::Forwarded, true)] {
            let (address, eip) = (0x1000_0004, 0x80_0020);
            let fault = Event::Fault { client: sender, address, access, eip, forwarded };
            assert_eq!(event(kind, [address, 6, eip, 0]), Some(fault));
        }
        assert_eq!(event(Kind::Interrupt, [0; 4]), Some(Event::Interrupt));
        let exit = Event::Exit { child: sender, status: 142, reason: Reason::Killed };
        assert_eq!(event(Kind::Exit, [142, 2, 0, 0]), Some(exit));
        assert_eq!(event(Kind::Exit, [0, 3, 0, 0]), None);
        assert_eq!(
            event(Kind::Clone, [0x1002, 0, 0, 0]),
            Some(Event::Clone { client: sender, child })
        );
        assert_eq!(event(Kind::Clone, [0; 4]), None);
        let frames = Event::Frames { client: sender, frames: 66 };
        assert_eq!(event(Kind::Frames, [66, 3, 0, 0]), Some(frames));
    }
}
