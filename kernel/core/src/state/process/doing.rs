//! What a process is doing: its state, and the request for which it is blocked.

use abi::ProcessId;
use abi::message::Kind;

use crate::state::process::index::Index;

/// What a blocked process waits for another process to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PendingRequest {
    /// Receive the message.
    Send,
    /// Receive the message and reply.
    Call,
    /// As the pager: adopt the child that the process forks.
    Clone,
    /// As the pager: handle a fault.
    Fault {
        /// A JOS call met the fault. If the fault is not handled, the console shows JOS's line for
        /// it.
        jos: bool,
    },
    /// As the pager: handle a fault that the process's handler passed on.
    ForwardedFault,
    /// As the pager: free frames for a call (`shortage.rs`).
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

/// What a process is doing. The name in parentheses is the queue that the process is in. The first
/// byte is the number that [`abi::debug::State`] gives to the variant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// The slot holds no process.
    Free,
    /// Runs, or is ready to run (ready queue, unless the process runs or is stopped).
    Ready,
    /// Blocked until `to` receives its message (senders of `to`).
    Sending {
        /// The receiver.
        to: Index,
        /// What the receiver is asked to do.
        pending_request: PendingRequest,
    },
    /// Blocked until `by` replies to its message, which `by` has received (callers of `by`).
    Answer {
        /// The process that has to reply.
        by: Index,
        /// What that process is asked to do.
        pending_request: PendingRequest,
    },
    /// Blocked until a message from any process, an interrupt or a child's exit arrives.
    Receiving,
    /// Blocked in a receiving call until the memory of this dying child is freed. The call then
    /// returns the exit as a message.
    ReceivingExit {
        /// The child.
        child: ProcessId,
    },
    /// Blocked until one of its interrupts arrives; messages do not wake it.
    ReceivingInterrupt,
    /// Blocked until a message from one process arrives (callers of `from`).
    ReceivingFrom {
        /// The sender.
        from: Index,
    },
    /// Blocked in JOS call 13 (`ipc_recv`) until a process sends.
    JosReceiving,
    /// Blocked until its time comes (sleepers).
    Sleeping,
    /// Blocked until a child ends.
    Waiting {
        /// The child; `None` is any child.
        child: Option<ProcessId>,
    },
    /// Blocked until there is console input (readers).
    Reading,
    /// Has ended, and its memory is being freed (dying).
    Dying,
    /// Has ended, and its memory is freed; its parent has not reaped it yet (zombies of the
    /// parent).
    Ended,
}
