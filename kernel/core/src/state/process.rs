//! What the kernel knows of one process: the record in a slot of the process table.
//!
//! A slot is a fixed record, and the kernel has no heap. So lists of processes are links in the
//! slots, each process is in at most one queue at a time, and a message waits in its sender's slot.
//!
//! The parts of the record are types of their own, by subject (`parts`); [`State`] says what the
//! process is doing, and [`Unfinished`] how far a call has come that restarts.
//!
//! [`Process::FREE`] is all zero bytes, so the table of 1,024 slots lies in `.bss` and takes no
//! room in the kernel image. That is why several types here have an explicit representation in
//! which "none" is 0.

mod doing;
mod index;
mod message_buffer;
mod parts;
mod table_groups;
mod unfinished;
mod views;

use abi::jos::Numbering;
use abi::registers::UserRegisters;
use abi::{Entry, Frame, ProcessId, Registers};

use crate::hardware::FpuState;
use crate::state::call_registers;

pub use doing::{PendingRequest, State};
pub use index::Index;
pub use message_buffer::{MessageBuffer, SentPage};
pub use parts::{
    Alarm, DeviceRights, Exit, FamilyLinks, MemoryUse, Messages, PAGER_CHAIN, Paging, Queue,
    QueueLinks,
};
pub use table_groups::TableGroups;
pub use unfinished::{Cputs, Unfinished};
pub use views::{Right, View, ViewName, Views};

/// Unused bytes below the saved registers. A trap from virtual-8086 mode pushes 16 bytes more than
/// the registers have room for; without the slack it would write into the previous slot.
const SLACK: usize = 16;

/// One process. The saved registers are near the start, above the slack: a trap writes them there.
#[repr(C)]
pub struct Process {
    /// Unused; zeros unless a trap came from virtual-8086 mode.
    pub slack: [u8; SLACK],
    /// The saved registers, valid while the process does not run.
    pub registers: Registers,
    /// The FPU and SSE registers, valid while the process is not the loaded one.
    pub fpu: FpuState,
    /// The process's id. In a free slot, the id of the last process of the slot; `None` if the slot
    /// was never used.
    pub id: Option<ProcessId>,
    /// What the process is doing.
    pub state: State,
    /// Whether the process's parent has stopped it. A stopped process does not run, whatever its
    /// state.
    pub stopped: bool,
    /// Whether a switch to or from the process has more to do than most: it has used the FPU, or
    /// has I/O ports.
    pub switches_more: bool,
    /// The frame of the process's directory.
    pub directory: Frame,
    /// The process's neighbours in the queue that it is in.
    pub links: QueueLinks,
    /// The process's parent and children.
    pub family: FamilyLinks,
    /// The exit status, once the process has ended.
    pub exit: Exit,
    /// What the process's memory costs.
    ///
    /// The field lies here, between fields that start as zeros, because `mapped` starts as 1.
    /// Without it, the compiler would clear the longer run of zeros by a call, which costs
    /// `process_create` 124 instructions.
    pub memory: MemoryUse,
    /// The process's fault handler, pager and clients.
    pub paging: Paging,
    /// The messages that the process sends and receives.
    pub messages: Messages,
    /// When the process wakes.
    pub alarm: Alarm,
    /// What the process may do with devices.
    pub device: DeviceRights,
    /// The lab whose numbers the process uses for JOS calls.
    pub numbering: Numbering,
    /// How far the process's restarting call has come, if there is one.
    pub unfinished: Unfinished,
    /// The views that show this process's tables, and the views that this process has.
    pub views: Views,
}

impl Process {
    /// An empty slot: all zero bytes, so that the table takes no room in the kernel image.
    pub const FREE: Self = Self {
        slack: [0; SLACK],
        registers: Registers::ZERO,
        fpu: FpuState([0; 512]),
        id: None,
        state: State::Free,
        stopped: false,
        switches_more: false,
        directory: Entry::ABSENT.frame(),
        links: QueueLinks::NONE,
        family: FamilyLinks::NONE,
        exit: Exit::NONE,
        memory: MemoryUse::NONE,
        paging: Paging::NONE,
        messages: Messages::NONE,
        alarm: Alarm::NONE,
        device: DeviceRights::NONE,
        numbering: Numbering::Lab5,
        unfinished: Unfinished::None,
        views: Views::NONE,
    };

    /// Makes a slot a stopped process with this directory and nothing else.
    ///
    /// The FPU state, which is most of a slot, is set by the caller: it is either clean or a copy.
    pub fn begin(&mut self, id: ProcessId, directory: Frame) {
        self.registers = Registers::start(0, 0);
        self.id = Some(id);
        (self.state, self.stopped, self.switches_more) = (State::Ready, true, false);
        self.directory = directory;
        self.links = QueueLinks::NONE;
        self.family = FamilyLinks::NONE;
        self.exit = Exit::NONE;
        self.memory = MemoryUse { mapped: 1, ..MemoryUse::NONE };
        self.paging = Paging::NONE;
        self.messages = Messages::NONE;
        self.alarm = Alarm::NONE;
        self.device = DeviceRights::NONE;
        self.numbering = Numbering::Lab5;
        self.unfinished = Unfinished::None;
        self.views = Views::NONE;
    }

    /// The id of the process in this slot.
    ///
    /// # Panics
    /// If the slot was never used, which is a kernel bug.
    #[must_use]
    pub fn process_id(&self) -> ProcessId {
        self.id.expect("a process has an id")
    }

    /// Whether the slot holds a process that is neither dying nor ended.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        !matches!(self.state, State::Free | State::Dying | State::Ended)
    }

    /// The words of the message call in the saved registers. A call by `sysenter` has three; the
    /// fourth is 0.
    // Inlined: see `queues.rs`.
    #[inline(always)]
    #[must_use]
    pub fn words(&self) -> [u32; 4] {
        let sysenter = self.registers.trap == Registers::SYSENTER;
        core::array::from_fn(|index| self.word_of(sysenter, index))
    }

    /// One of [`Process::words`], where the caller knows whether the call came by `sysenter`.
    #[inline(always)]
    #[must_use]
    pub const fn word_of(&self, sysenter: bool, index: usize) -> u32 {
        call_registers::word(&self.registers, sysenter, index)
    }

    /// Sets the result of a call: success and four words, in the registers in which this kind of
    /// call returns them.
    pub fn set_words(&mut self, words: [u32; 4]) {
        self.set_words_of(self.registers.trap == Registers::SYSENTER, words);
    }

    /// Whether the process wakes at a time. It may wait for something else as well, with a timeout.
    pub fn sleeps(&self) -> bool {
        self.alarm.sleeper != 0
    }

    /// As [`Process::set_words`], where the caller knows whether the call came by `sysenter`.
    pub fn set_words_of(&mut self, sysenter: bool, words: [u32; 4]) {
        let [first, second, third, fourth] = words;
        self.set_three_words_of(sysenter, [first, second, third]);
        if !sysenter {
            self.registers.ebp = fourth;
        }
    }

    /// As [`Process::set_words_of`], for a call that returns three words. The register of the
    /// fourth word does not change.
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

    /// Sets the result of a receiving call: the message's header, the process that the message is
    /// from or about, and the words.
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

    /// Sets the registers that a parent may set. Selectors and system flags keep the kernel's
    /// values.
    pub fn set_registers(&mut self, new: UserRegisters) {
        // The new registers need not be those of the restarting call, so its progress is void.
        self.unfinished = Unfinished::None;
        self.registers = Registers { trap: self.registers.trap, ..Registers::of(new) };
    }
}
