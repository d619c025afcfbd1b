//! What the kernel knows about one process.

use core::num::NonZeroU16;

use abi::call::PageTransfer;
use abi::jos::Numbering;
use abi::layout::PROCESSES;
use abi::message::{Kind, Reason};
use abi::registers::{FLAG_INTERRUPTS, FLAGS_PROGRAM, UserRegisters};
use abi::{Entry, Frame, Permissions, ProcessId, Registers, UserPage, UserSlot};

use crate::hardware::FpuState;
use crate::hardware::Ports;
use crate::state::account::AccountName;

/// A process slot, `0..1024`. `Option<Index>` is two bytes, and all zero for `None`: a bit above the number says that
/// there is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Index(NonZeroU16);

impl Index {
    /// Slot `slot`, taken modulo 1,024.
    #[must_use]
    pub const fn new(slot: u32) -> Self {
        match NonZeroU16::new((slot % PROCESSES + PROCESSES) as u16) {
            Some(number) => Self(number),
            None => unreachable!(),
        }
    }

    /// The slot, as an array index below 1,024.
    #[must_use]
    pub const fn slot(self) -> usize {
        self.0.get() as usize % PROCESSES as usize
    }
}

/// By what right a process views another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    /// It is the other's parent.
    Parent,
    /// It is the other's pager.
    Pager,
}

impl Right {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Parent, Self::Pager];
}

/// A view's name: whose tables it shows, and by what right. `Option<ViewName>` is two bytes, and all zero for `None`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ViewName(NonZeroU16);

impl ViewName {
    /// The view of `viewed` by this right.
    #[must_use]
    pub const fn new(viewed: Index, right: Right) -> Self {
        match NonZeroU16::new((viewed.slot() * 2 + right as usize) as u16 + 1) {
            Some(number) => Self(number),
            None => unreachable!(),
        }
    }

    /// Whose tables it shows.
    #[must_use]
    pub const fn viewed(self) -> Index {
        Index::new((self.0.get() - 1) as u32 / 2)
    }

    /// By what right.
    #[must_use]
    pub const fn right(self) -> Right {
        if self.0.get() % 2 == 1 { Right::Parent } else { Right::Pager }
    }
}

/// A view that shows something, as it is kept with the process that it shows.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Who views; `None` is no view.
    pub viewer: Option<Index>,
    /// In which of the viewer's directory entries.
    pub entry: u16,
    /// Next of the viewer's views.
    pub next: Option<ViewName>,
    /// Previous of the viewer's views.
    pub previous: Option<ViewName>,
}

impl View {
    /// No view.
    pub const NONE: Self = Self { viewer: None, entry: 0, next: None, previous: None };
}

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

/// A message that waits in its sender's slot.
#[derive(Clone, Copy, Debug)]
pub struct MessageBuffer {
    /// The words.
    pub words: [u32; 4],
    /// The page: what is sent (send, call) or where one may come (receive).
    pub transfer: SentPage,
}

impl MessageBuffer {
    /// Nothing to say.
    pub const EMPTY: Self = Self { words: [0; 4], transfer: SentPage::Nothing };

    /// A message without a page.
    #[must_use]
    pub const fn words(words: [u32; 4]) -> Self {
        Self { words, transfer: SentPage::Nothing }
    }
}

/// An `Option<PageTransfer>` whose nothing is all zero bytes, which keeps empty slots out of the kernel image.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub enum SentPage {
    /// No page.
    Nothing = 0,
    /// This page.
    Page(PageTransfer),
}

impl From<Option<PageTransfer>> for SentPage {
    fn from(transfer: Option<PageTransfer>) -> Self {
        transfer.map_or(Self::Nothing, Self::Page)
    }
}

impl SentPage {
    /// The page that is sent, and with what permissions.
    #[must_use]
    pub fn sent(self) -> Option<(UserPage, Permissions)> {
        match self {
            Self::Page(PageTransfer { page, send: Some(permissions), .. }) => {
                Some((page, permissions))
            }
            Self::Page(_) | Self::Nothing => None,
        }
    }

    /// Where a page may come.
    #[must_use]
    pub fn accepted(self) -> Option<UserPage> {
        match self {
            Self::Page(PageTransfer { page, accept: true, .. }) => Some(page),
            Self::Page(_) | Self::Nothing => None,
        }
    }
}

/// In which parts of an address space there has ever been a page table: one bit for each 32 directory entries, which
/// cover 128 MiB. So the end of a process costs nothing for the address space that it never used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TableGroups(u32);

impl TableGroups {
    /// There has been no table.
    pub const NONE: Self = Self(0);
    /// Directory entries that share a bit. The last group of a process has 27: the kernel's entries follow.
    const ENTRIES: u32 = 32;

    /// Notes that there is a table under this entry.
    #[inline(always)]
    pub fn insert(&mut self, slot: UserSlot) {
        self.0 |= 1 << (slot.index() / Self::ENTRIES);
    }

    /// The entries from number `first` on, up to the end of the first noted group that has one of them.
    #[must_use]
    #[inline(always)]
    pub fn group_from(self, first: u32) -> Option<impl Iterator<Item = UserSlot>> {
        let group = UserSlot::new(first)?.index() / Self::ENTRIES;
        let noted = self.0 >> group;
        if noted == 0 {
            return None;
        }
        let group = group + noted.trailing_zeros();
        let slot = UserSlot::new(first.max(group * Self::ENTRIES))?;
        Some(slot.up_to((group + 1) * Self::ENTRIES))
    }
}

const _: () = assert!(UserSlot::COUNT.div_ceil(TableGroups::ENTRIES) <= u32::BITS);

/// How far a call has come that goes back to its trap instruction and is made again: work of no fixed length in steps of
/// one.
///
/// It belongs to that call with those arguments. Whatever else of the process enters the kernel makes it void: another
/// call, a fault that is delivered to the process's handler, or its parent, who sets its registers. For a process can go
/// elsewhere in between: its code may be changed, and a fault on its own text goes to its handler.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u32)]
pub enum Unfinished {
    /// No call is to be repeated, or it begins anew.
    #[default]
    None = 0,
    /// JOS call 0 of so many bytes from an address on.
    Cputs {
        /// Its first argument.
        address: u32,
        /// Its second.
        length: u32,
        /// How far it has come.
        progress: Cputs,
    },
    /// JOS call 3 about a child, which has been ended.
    EnvDestroy {
        /// Its argument.
        child: ProcessId,
    },
}

/// How far a cputs has come, in bytes that are multiples of the page size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cputs {
    /// So many bytes can be read.
    Checked(u32),
    /// All can be read, and so many are printed.
    Printed(u32),
}

/// The longest chain of pagers that serve each other.
pub const PAGER_CHAIN: u8 = 8;

/// Bytes below the saved registers that nothing uses: should a trap ever push more than the registers have room for, it
/// does not write into the process of the slot before. A trap from virtual-8086 mode pushes 16 bytes more.
const SLACK: usize = 16;

/// Which word of a request for frames says how many pages the range call has walked.
const PAGES_DONE: usize = 1;

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

/// The views of a process, and the views that it has of others.
#[derive(Clone, Copy, Debug)]
pub struct Views {
    /// The views of it: by the right of a parent, and of a pager.
    pub of_it: [View; 2],
    /// What it views, newest first: only views that show something.
    pub first: Option<ViewName>,
}

impl Views {
    /// No views.
    pub const NONE: Self = Self { of_it: [View::NONE; 2], first: None };
}

/// One process. The saved registers come first, above the slack: a trap writes them there.
#[repr(C)]
pub struct Process {
    /// Zeros.
    pub slack: [u8; SLACK],
    /// The registers, while it is not running.
    pub registers: Registers,
    /// The FPU and SSE registers, while another process has them loaded.
    pub fpu: FpuState,
    /// The id; in a free slot, that of the last process.
    pub id: Option<ProcessId>,
    /// What it is doing.
    pub state: State,
    /// Its parent has stopped it: it does not run, whatever its state.
    pub stopped: bool,
    /// Its directory.
    pub directory: Frame,
    /// Its place in a queue.
    pub links: QueueLinks,
    /// Its parent and its children.
    pub family: FamilyLinks,
    /// How it has ended.
    pub exit: Exit,
    /// Its fault handler, its pager and its clients.
    pub paging: Paging,
    /// What it sends and receives.
    pub messages: Messages,
    /// When it wakes.
    pub alarm: Alarm,
    /// What its memory costs.
    pub memory: MemoryUse,
    /// What it may do with devices.
    pub device: DeviceRights,
    /// How it numbers its JOS calls.
    pub numbering: Numbering,
    /// The call that it has to repeat, if any.
    pub unfinished: Unfinished,
    /// Who views it, and what it views.
    pub views: Views,
}

impl Process {
    /// An empty slot: all zero bytes, so that the table costs nothing in the kernel image.
    pub const FREE: Self = Self {
        slack: [0; SLACK],
        registers: Registers::ZERO,
        fpu: FpuState([0; 512]),
        id: None,
        state: State::Free,
        stopped: false,
        directory: Entry::ABSENT.frame(),
        links: QueueLinks::NONE,
        family: FamilyLinks::NONE,
        exit: Exit::NONE,
        paging: Paging::NONE,
        messages: Messages::NONE,
        alarm: Alarm::NONE,
        memory: MemoryUse::NONE,
        device: DeviceRights::NONE,
        numbering: Numbering::Lab5,
        unfinished: Unfinished::None,
        views: Views::NONE,
    };

    /// Makes a slot a stopped process with this directory and nothing else. The FPU state, which is most of a slot, is left
    /// to the caller.
    pub fn begin(&mut self, id: ProcessId, directory: Frame) {
        self.registers = Registers::start(0, 0);
        self.id = Some(id);
        (self.state, self.stopped) = (State::Ready, true);
        self.directory = directory;
        self.links = QueueLinks::NONE;
        self.family = FamilyLinks::NONE;
        self.exit = Exit::NONE;
        self.paging = Paging::NONE;
        self.messages = Messages::NONE;
        self.alarm = Alarm::NONE;
        self.memory = MemoryUse { mapped: 1, ..MemoryUse::NONE };
        self.device = DeviceRights::NONE;
        self.numbering = Numbering::Lab5;
        self.unfinished = Unfinished::None;
        self.views = Views::NONE;
    }

    /// The id of a slot that holds a process.
    ///
    /// # Panics
    /// If the slot was never used: a kernel bug.
    #[must_use]
    pub fn name(&self) -> ProcessId {
        self.id.expect("a process has an id")
    }

    /// The pages that its range call has walked before it found no frame. They are kept with the request for frames, so that
    /// the second try goes on from there.
    #[must_use]
    pub const fn pages_done(&self) -> u32 {
        self.messages.buffer.words[PAGES_DONE]
    }

    /// Sets what [`Process::pages_done`] returns.
    pub const fn set_pages_done(&mut self, pages: u32) {
        self.messages.buffer.words[PAGES_DONE] = pages;
    }

    /// Neither free, nor ended, nor on its way there.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        !matches!(self.state, State::Free | State::Dying | State::Ended)
    }

    /// The words of the message call that it has made; by `sysenter` there are three.
    #[inline(always)]
    #[must_use]
    pub fn words(&self) -> [u32; 4] {
        let r = &self.registers;
        if r.trap == Registers::SYSENTER {
            [r.ebx, r.esi, r.ebp, 0]
        } else {
            [r.ebx, r.esi, r.edi, r.ebp]
        }
    }

    /// Puts a call's success and four words where the process's call reads them.
    pub fn set_words(&mut self, words: [u32; 4]) {
        self.set_words_of(self.registers.trap == Registers::SYSENTER, words);
    }

    /// Does it wait for time to pass, perhaps among other things?
    #[inline(always)]
    pub fn sleeps(&self) -> bool {
        self.alarm.sleeper != 0
    }

    /// As [`Process::set_words`], for a call of which it is known whether it came by `sysenter`.
    #[inline(always)]
    pub fn set_words_of(&mut self, sysenter: bool, words: [u32; 4]) {
        let [first, second, third, fourth] = words;
        self.set_three_words_of(sysenter, [first, second, third]);
        if !sysenter {
            self.registers.ebp = fourth;
        }
    }

    /// As [`Process::set_words_of`], for a call that returns three: what it was given for a fourth stays.
    #[inline(always)]
    pub fn set_three_words_of(&mut self, sysenter: bool, words: [u32; 3]) {
        let registers = &mut self.registers;
        registers.eax = 0;
        registers.ebx = words[0];
        registers.esi = words[1];
        if sysenter {
            registers.ebp = words[2];
        } else {
            registers.edi = words[2];
        }
    }

    /// Puts a message's words, and whom it is about, where the process's call reads them.
    pub fn set_message(&mut self, header: u32, process: u32, words: [u32; 4]) {
        let registers = &mut self.registers;
        registers.eax = header;
        registers.ebx = words[0];
        registers.esi = words[1];
        if registers.trap == Registers::SYSENTER {
            registers.edi = process;
            registers.ebp = words[2];
        } else {
            registers.edx = process;
            registers.edi = words[2];
            registers.ebp = words[3];
        }
    }

    /// Sets what a parent may set; selectors and system flags stay the kernel's.
    pub fn set_registers(&mut self, new: UserRegisters) {
        let trap = self.registers.trap;
        // What it does next is not the rest of the call that it was in.
        self.unfinished = Unfinished::None;
        self.registers = Registers {
            edi: new.edi,
            esi: new.esi,
            ebp: new.ebp,
            ebx: new.ebx,
            edx: new.edx,
            ecx: new.ecx,
            eax: new.eax,
            eflags: new.eflags & FLAGS_PROGRAM | FLAG_INTERRUPTS,
            trap,
            ..Registers::start(new.eip, new.esp)
        };
    }
}
