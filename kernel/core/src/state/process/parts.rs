//! The parts of a process: one for each subject.

use abi::ProcessId;
use abi::message::Reason;

use crate::hardware::Ports;
use crate::state::account::AccountName;
use crate::state::process::index::Index;
use crate::state::process::message_buffer::MessageBuffer;
use crate::state::process::table_groups::TableGroups;

/// The longest chain of pagers that serve each other.
pub const PAGER_CHAIN: u8 = 8;

/// A list of processes, linked through their slots.
#[derive(Clone, Copy, Debug, Default)]
pub struct Queue {
    /// First.
    pub head: Option<Index>,
    /// Last.
    pub tail: Option<Index>,
}

impl Queue {
    /// No process.
    pub const EMPTY: Self = Self { head: None, tail: None };
}

/// Where a process stands in its queue, or in the list of free slots.
#[derive(Clone, Copy, Debug)]
pub struct QueueLinks {
    /// Next in the queue, or in the list of free slots.
    pub next: Option<Index>,
    /// Previous in the queue.
    pub previous: Option<Index>,
}

impl QueueLinks {
    /// In no queue.
    pub const NONE: Self = Self { next: None, previous: None };
}

/// A process's parent and children.
#[derive(Clone, Copy, Debug)]
pub struct FamilyLinks {
    /// The process that made it, or that its parent's end has given it to.
    pub parent: Option<Index>,
    /// Its living children, newest first.
    pub first_child: Option<Index>,
    /// Its children that are dying, or ended and wait to be waited for.
    pub first_gone: Option<Index>,
    /// Next of its parent's children.
    pub next_sibling: Option<Index>,
    /// Previous of its parent's children.
    pub previous_sibling: Option<Index>,
    /// Children that ended and wait to be waited for.
    pub zombies: Queue,
    /// Children whose end it may still wait for.
    pub awaited: u32,
    /// Its parent does not wait for its end: JOS call 7 made it, or its first parent has ended.
    pub unattended: bool,
}

impl FamilyLinks {
    /// Without parent and children.
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

/// How a process has ended.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// Its exit status.
    pub status: u32,
    /// Why it ended.
    pub reason: Reason,
}

impl Exit {
    /// It has not ended.
    pub const NONE: Self = Self { status: 0, reason: Reason::Exited };
}

/// What handles a process's faults, and whose faults it handles.
#[derive(Clone, Copy, Debug)]
pub struct Paging {
    /// The entry point of its fault handler; 0 for none.
    pub handler: u32,
    /// Its pager, a living process. The id goes when that process ends, because ids are used again.
    pub pager: Option<ProcessId>,
    /// The pager that it had, or that its parent had when it was made, has ended, and it has got no other.
    pub pager_ended: bool,
    /// How long its pager may take, in milliseconds; 0 for ever.
    pub fault_timeout: u32,
    /// The processes whose pager it is.
    pub first_client: Option<Index>,
    /// Next of its pager's clients.
    pub next_client: Option<Index>,
    /// Previous of its pager's clients.
    pub previous_client: Option<Index>,
    /// It serves the faults of every process that names it as a pager.
    pub accepts_clients: bool,
    /// It frees frames for its clients' calls when it is asked.
    pub frees_frames: bool,
    /// How many of its clients have a chain of so many clients and clients' clients below them.
    pub clients_over: [u16; PAGER_CHAIN as usize],
}

impl Paging {
    /// Without handler, pager and clients.
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

    /// How long the longest chain of its clients and clients' clients is.
    #[must_use]
    pub fn clients_below(&self) -> u8 {
        let longest = self.clients_over.iter().rposition(|clients| *clients > 0);
        longest.map_or(0, |below| below as u8 + 1)
    }
}

/// What a process sends and receives.
#[derive(Clone, Copy, Debug)]
pub struct Messages {
    /// Processes whose messages it has not received.
    pub senders: Queue,
    /// Processes that wait for its answer, or for a message from it.
    pub callers: Queue,
    /// The message that it waits to send, or the page that it waits to receive.
    pub buffer: MessageBuffer,
    /// Interrupts that it has not received. Bit 0: Ctrl-C was pressed; bit `n`: its interrupt line `n` was raised.
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
    /// In microseconds since boot.
    pub wake: u64,
    /// Its position among the sleepers plus 1; 0 for none.
    pub sleeper: u16,
}

impl Alarm {
    /// No alarm.
    pub const NONE: Self = Self { wake: 0, sleeper: 0 };
}

/// What a process's memory costs, and how far its teardown has come.
#[derive(Clone, Copy, Debug)]
pub struct MemoryUse {
    /// Frames mapped in its space, tables included.
    pub mapped: u32,
    /// Where it has had page tables.
    pub table_groups: TableGroups,
    /// While it is dying, the number of the first directory entry that was not looked at yet.
    pub teardown: u16,
    /// The account that counts what it uses, if there is a bound on that.
    pub account: Option<AccountName>,
    /// The account was opened for it: what its descendants use is counted there, too.
    pub bounded: bool,
}

impl MemoryUse {
    /// Nothing is mapped, and there is no bound.
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
    /// It may make the calls of drivers.
    pub driver: bool,
    /// Such a call has granted it something.
    pub granted: bool,
    /// The I/O ports that it may use.
    pub ports: Ports,
}

impl DeviceRights {
    /// No rights.
    pub const NONE: Self = Self { driver: false, granted: false, ports: Ports::NONE };
}
