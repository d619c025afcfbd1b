//! What a process is doing.

use abi::ProcessId;
use abi::message::Kind;

use crate::state::process::index::Index;

/// What a blocked process waits for another process to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PendingRequest {
    /// To receive a message.
    Send,
    /// To receive a message and reply.
    Call,
    /// As its pager, to adopt a child that is being forked.
    Clone,
    /// As its pager, to serve a fault. `jos`: met by a JOS call, which has its own last words.
    Fault {
        /// By a JOS call.
        jos: bool,
    },
    /// As its pager, to serve a fault that its handler passed on.
    ForwardedFault,
    /// As its pager, to free frames for a call (`shortage.rs`).
    Frames,
}

impl PendingRequest {
    /// The kind of message that the other process gets.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Send | Self::Call => Kind::Message,
            Self::Clone => Kind::Clone,
            Self::Fault { .. } => Kind::Fault,
            Self::ForwardedFault => Kind::Forwarded,
            Self::Frames => Kind::Frames,
        }
    }
}

/// What a process is doing. In parentheses: the queue that it is in. The first byte is the number that
/// [`abi::debug::State`] gives to the variant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// There is no process.
    Free,
    /// On a CPU, or wants one (ready, unless it is stopped).
    Ready,
    /// Its message has not been received (senders of `to`).
    Sending {
        /// By whom.
        to: Index,
        /// What for.
        pending_request: PendingRequest,
    },
    /// Its message was received and has not been answered (callers of `by`).
    Answer {
        /// By whom.
        by: Index,
        /// What for.
        pending_request: PendingRequest,
    },
    /// Waits for a message from anyone.
    Receiving,
    /// Waits for a child that is dying, to be told as by a message.
    ReceivingExit {
        /// Which.
        child: ProcessId,
    },
    /// Waits for an interrupt of its own, and for nothing else.
    ReceivingInterrupt,
    /// Waits for a message from one process (callers of `from`).
    ReceivingFrom {
        /// Which.
        from: Index,
    },
    /// Waits in JOS call 13.
    JosReceiving,
    /// Waits for time to pass (sleepers).
    Sleeping,
    /// Waits for a child to end: this one, or any.
    Waiting {
        /// Which.
        child: Option<ProcessId>,
    },
    /// Waits for console input (readers).
    Reading,
    /// Its memory is being taken down (dying).
    Dying,
    /// Waits for its parent to ask (zombies of the parent).
    Ended,
}
