//! What a receiver gets: the sender, the kind of message, four words, and perhaps a page.

use crate::entry::Permissions;
use crate::error::Error;
use crate::process::ProcessId;

/// The kind of a message. The kernel writes it; no sender can. The words are the kernel's as
/// well, except those of `Message` and `Forwarded`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Kind {
    /// `send`, `call` or a reply: the words are the sender's.
    Message = 0,
    /// The sender, a client of the receiver, faulted: words `[address, access, eip, 0]`.
    Fault = 1,
    /// Ctrl-C on the console (the sender is the receiver itself).
    Interrupt = 2,
    /// The sender, a child of the receiver, ended: words `[status, reason, 0, 0]`. Receiving this
    /// is waiting for the child: its slot is free afterwards.
    Exit = 3,
    /// The sender, a client of the receiver, forks: words `[child id, 0, 0, 0]`. It is answered by
    /// a reply.
    Clone = 4,
    /// A call of the sender's needs frames, and no frame is free: words `[frames, 0, 0, 0]`, the
    /// most that the call may take. The receiver answers as it answers a fault; then the call is
    /// made again.
    Frames = 5,
    /// A fault handler of the sender, a client of the receiver, passes a fault on: words `[address,
    /// access, eip, 0]`, which the handler chose. There may have been no such fault. The receiver
    /// answers as it answers a fault.
    Forwarded = 6,
}

impl Kind {
    /// Reads a kind from the wire.
    #[must_use]
    pub const fn new(bits: u32) -> Option<Self> {
        Some(match bits {
            0 => Self::Message,
            1 => Self::Fault,
            2 => Self::Interrupt,
            3 => Self::Exit,
            4 => Self::Clone,
            5 => Self::Frames,
            6 => Self::Forwarded,
            _ => return None,
        })
    }
}

/// Why a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Reason {
    /// It called exit; the status is its own.
    Exited = 0,
    /// A call destroyed it: another process's or its own.
    Destroyed = 1,
    /// It raised a fault or an exception that was not handled; the status is 128 plus the vector.
    Killed = 2,
}

impl Reason {
    /// Reads a reason from the wire.
    #[must_use]
    pub const fn new(bits: u32) -> Option<Self> {
        Some(match bits {
            0 => Self::Exited,
            1 => Self::Destroyed,
            2 => Self::Killed,
            _ => return None,
        })
    }
}

/// A message as it arrives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// The sender.
    pub sender: ProcessId,
    /// The kind.
    pub kind: Kind,
    /// Four words; by `sysenter` only the first three are seen.
    pub words: [u32; 4],
    /// Permissions of the page that came with the message, if one came. It is mapped where the
    /// receiver asked for it.
    pub page: Option<Permissions>,
}

impl Message {
    /// Bit of the wire header that says that a page came.
    const PAGE: u32 = 1 << 8;

    /// The header word that travels in `eax`: bits 0 to 7 kind, bit 8 page, bits 12 to 23 its
    /// permissions.
    #[must_use]
    pub const fn header(kind: Kind, page: Option<Permissions>) -> u32 {
        match page {
            Some(permissions) => kind as u32 | Self::PAGE | permissions.bits() << 12,
            None => kind as u32,
        }
    }

    /// Puts a message together from what came in registers.
    ///
    /// # Errors
    /// The error in `eax`. `InvalidArgument`: no message has this header.
    // Inlined: see `address.rs`.
    #[inline(always)]
    pub fn from_wire(eax: u32, sender: u32, words: [u32; 4]) -> Result<Self, Error> {
        let header = Error::check(eax)?;
        let kind = Kind::new(header & 0xFF).ok_or(Error::InvalidArgument)?;
        let page =
            (header & Self::PAGE != 0).then(|| Permissions::from_bits_truncate(header >> 12));
        Ok(Self { sender: ProcessId::new(sender)?, kind, words, page })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_the_wire() {
        let sender = ProcessId::first(3);
        for kind in (0..).map_while(Kind::new) {
            for page in [None, Some(Permissions::empty()), Some(Permissions::all())] {
                let message = Message { sender, kind, words: [1, 2, 3, 4], page };
                let header = Message::header(kind, page);
                assert_eq!(Message::from_wire(header, sender.bits(), message.words), Ok(message));
            }
        }
    }
}
