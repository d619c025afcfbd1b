//! The parts of a process's record, one type for each subject.

use abi::ProcessId;
use abi::message::Reason;

use crate::hardware::Ports;
use crate::state::account::AccountName;
use crate::state::process::index::Index;
use crate::state::process::message_buffer::MessageBuffer;
use crate::state::process::table_groups::TableGroups;

/// The longest chain of pagers, each of which is the client of the next.
pub const PAGER_CHAIN: u8 = 8;

/// A list of processes, linked through their slots.
#[derive(Clone, Copy, Debug, Default)]
pub struct Queue {
    /// The first process.
    pub head: Option<Index>,
    /// The last process.
    pub tail: Option<Index>,
}

impl Queue {
    /// An empty queue.
    pub const EMPTY: Self = Self { head: None, tail: None };
}

/// A process's neighbours in its queue, or in the list of free slots.
#[derive(Clone, Copy, Debug)]
pub struct QueueLinks {
    /// The next process in the queue, or the next free slot.
    pub next: Option<Index>,
    /// The previous process in the queue.
    pub previous: Option<Index>,
}

impl QueueLinks {
    /// The links of a process that is in no queue.
    pub const NONE: Self = Self { next: None, previous: None };
}

/// A process's parent and children.
#[derive(Clone, Copy, Debug)]
pub struct FamilyLinks {
    /// The process's parent: the process that made it, or the one to which it was reparented.
    pub parent: Option<Index>,
    /// The newest of the process's living children.
    pub first_child: Option<Index>,
    /// The newest of the process's children that are dying, or that have ended and are not reaped.
    pub first_gone: Option<Index>,
    /// The next child in the same list of the parent.
    pub next_sibling: Option<Index>,
    /// The previous child in the same list of the parent.
    pub previous_sibling: Option<Index>,
    /// The process's children that have ended and are not reaped, in the order in which their
    /// memory was freed.
    pub zombies: Queue,
    /// How many of the process's children it can still wait for.
    pub awaited: u32,
    /// Whether the parent cannot wait for this process: JOS call 7 made it, or it was reparented.
    /// The slot is freed without a wait.
    pub unattended: bool,
}

impl FamilyLinks {
    /// No parent and no children.
    pub const NONE: Self = Self {
        parent: None,
        first_child: None,
        first_gone: None,
        next_sibling: None,
        previous_sibling: None,
        zombies: Queue::EMPTY,
        awaited: 0,
        unattended: false,
    };
}

/// How a process has ended. Not valid before.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// The exit status.
    pub status: u32,
    /// Why the process ended.
    pub reason: Reason,
}

impl Exit {
    /// The process has not ended.
    pub const NONE: Self = Self { status: 0, reason: Reason::Exited };
}

/// What handles a process's faults, and the processes whose faults it handles as a pager.
#[derive(Clone, Copy, Debug)]
pub struct Paging {
    /// The entry point of the fault handler; 0 for none.
    pub handler: u32,
    /// The pager, a living process. The id is cleared when the pager ends, because ids are used
    /// again.
    pub pager: Option<ProcessId>,
    /// The process has no pager because its last one has ended. A new process inherits this from
    /// its parent.
    pub pager_ended: bool,
    /// How long the pager may take for a reply, in milliseconds; 0 for no limit.
    pub fault_timeout: u32,
    /// The newest of the process's clients: the processes whose pager it is.
    pub first_client: Option<Index>,
    /// The next client of the same pager.
    pub next_client: Option<Index>,
    /// The previous client of the same pager.
    pub previous_client: Option<Index>,
    /// Whether every process may name this process as a pager.
    pub accepts_clients: bool,
    /// Whether this process, as a pager, accepts requests for frames.
    pub frees_frames: bool,
    /// Element `n` is the number of the process's clients that have a chain of `n` clients below
    /// them (`process_table/clients.rs`).
    pub clients_over: [u16; PAGER_CHAIN as usize],
}

impl Paging {
    /// No handler, no pager and no clients.
    pub const NONE: Self = Self {
        handler: 0,
        pager: None,
        pager_ended: false,
        fault_timeout: 0,
        first_client: None,
        next_client: None,
        previous_client: None,
        accepts_clients: false,
        frees_frames: false,
        clients_over: [0; PAGER_CHAIN as usize],
    };

    /// The length of the longest chain of clients below the process: 0 if it has no clients, 1 if
    /// no client has clients.
    #[must_use]
    pub fn clients_below(&self) -> u8 {
        let longest = self.clients_over.iter().rposition(|clients| *clients > 0);
        longest.map_or(0, |below| below as u8 + 1)
    }
}

/// A process's messages: the queues of other processes at it, and its own message.
#[derive(Clone, Copy, Debug)]
pub struct Messages {
    /// Processes whose messages the process has not received.
    pub senders: Queue,
    /// Processes that wait for the process's reply, or for a message from it.
    pub callers: Queue,
    /// The message that the process waits to send, or the page at which it waits to receive one.
    pub buffer: MessageBuffer,
    /// Pending interrupts. Bit 0: Ctrl-C was pressed; bit `n`: interrupt line `n`, which the
    /// process has attached, was raised.
    pub interrupts: u16,
}

impl Messages {
    /// No messages.
    pub const NONE: Self = Self {
        senders: Queue::EMPTY,
        callers: Queue::EMPTY,
        buffer: MessageBuffer::EMPTY,
        interrupts: 0,
    };
}

/// When a process wakes.
#[derive(Clone, Copy, Debug)]
pub struct Alarm {
    /// The time, in microseconds since boot.
    pub wake: u64,
    /// The process's position in the heap of sleepers plus 1; 0 if it is not in the heap.
    pub sleeper: u16,
}

impl Alarm {
    /// No alarm.
    pub const NONE: Self = Self { wake: 0, sleeper: 0 };
}

/// What a process's memory costs, and how far its teardown has come.
#[derive(Clone, Copy, Debug)]
pub struct MemoryUse {
    /// Frames mapped in the process's space, its directory and page tables included.
    pub mapped: u32,
    /// The parts of the space that have had page tables.
    pub table_groups: TableGroups,
    /// While the process is dying: the number of the first page that the teardown has not reached.
    pub teardown: u32,
    /// The account to which the process's use is charged; `None` if no quota applies.
    pub account: Option<AccountName>,
    /// Whether the account was opened for this process. If not, it is an ancestor's.
    pub bounded: bool,
}

impl MemoryUse {
    /// Nothing is mapped, and no quota applies.
    pub const NONE: Self = Self {
        mapped: 0,
        table_groups: TableGroups::NONE,
        teardown: 0,
        account: None,
        bounded: false,
    };
}

/// What a process may do with the machine's devices.
#[derive(Clone, Copy, Debug)]
pub struct DeviceRights {
    /// The process may make the calls of drivers.
    pub driver: bool,
    /// A driver's call has granted the process something.
    pub granted: bool,
    /// The I/O ports that the process may use.
    pub ports: Ports,
}

impl DeviceRights {
    /// No rights.
    pub const NONE: Self = Self { driver: false, granted: false, ports: Ports::NONE };
}
