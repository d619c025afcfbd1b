//! What the kernel knows about one process.

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

/// Bytes below the saved registers that nothing uses: should a trap ever push more than the registers have room for, it
/// does not write into the process of the slot before. A trap from virtual-8086 mode pushes 16 bytes more.
const SLACK: usize = 16;

/// Which word of a request for frames says how many pages the range call has walked.
const PAGES_DONE: usize = 1;

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
    /// What its memory costs. It lies here because a new process has something mapped: a longer run of zeros would be cleared
    /// by a call, which costs `process_create` 124 instructions.
    pub memory: MemoryUse,
    /// Its fault handler, its pager and its clients.
    pub paging: Paging,
    /// What it sends and receives.
    pub messages: Messages,
    /// When it wakes.
    pub alarm: Alarm,
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
        memory: MemoryUse::NONE,
        paging: Paging::NONE,
        messages: Messages::NONE,
        alarm: Alarm::NONE,
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
        self.memory = MemoryUse { mapped: 1, ..MemoryUse::NONE };
        self.paging = Paging::NONE;
        self.messages = Messages::NONE;
        self.alarm = Alarm::NONE;
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
    pub fn process_id(&self) -> ProcessId {
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
        // What it does next is not the rest of the call that it was in.
        self.unfinished = Unfinished::None;
        self.registers = Registers { trap: self.registers.trap, ..Registers::of(new) };
    }
}
