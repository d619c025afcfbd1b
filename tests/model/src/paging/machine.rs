//! The machine of these runs: the kernel, a first process that is the pager, and a parent of all
//! clients.

use std::collections::HashMap;

use abi::{Entry, Error, Frame, Permissions, ProcessId, Syscall, UserPage};
use kernel_core::After;
use kernel_core::state::process::{Index, Process, State};
use swap::{Bytes, CLUSTER, Swap};

use crate::run::random::Random;
use crate::world::{CALL_SITE, World};

/// Where the pager maps the pages that it has taken.
pub const HELD: u32 = 0x0040_0000;
/// The pager's scratch page.
pub const SCRATCH: u32 = 0x0041_0000;
/// Frames that are left free at the beginning.
const FREE: u32 = 160;

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Pages that went, and pages that came back with their bytes.
    pub went: u64,
    /// See `went`.
    pub came: u64,
    /// Forks, and clients that were ended because a page could not come back.
    pub forks: u64,
    /// See `forks`.
    pub refused: u64,
    /// Steps of clients.
    pub steps: u64,
}

/// What a call comes to, if its caller goes on: `eax`'s error, or the four words.
pub type Answer = Result<[u32; 4], Error>;

/// The machine. It is also the backend of [`Swap`].
pub struct Machine {
    pub(super) world: World,
    pub(super) random: Random,
    pub(super) boss: ProcessId,
    /// Whom each of the pager's views shows, by the client's slot, and whether it is new.
    pub(super) views: HashMap<u32, (ProcessId, bool)>,
    pub(super) scratch: Option<Box<Bytes>>,
    pub(super) taken: [Option<(ProcessId, UserPage)>; CLUSTER],
    pub(super) slots: Vec<Bytes>,
    pub(super) buffer: Vec<Bytes>,
    /// What the pages must have that are paged out.
    pub(super) expected: HashMap<(u32, u32), Box<[u32; 1024]>>,
    pub(super) parents: HashMap<u32, ProcessId>,
    /// Processes that a client's fork is about: they do nothing else meanwhile.
    pub(super) busy: Vec<ProcessId>,
    pub(super) is_meanwhile: bool,
    pub(super) tally: Tally,
    failure: Option<String>,
}

impl Machine {
    /// A machine with a pager that waits for messages, and a parent for clients.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut world = World::new();
        world.leave_free(FREE);
        let mut machine = Self {
            boss: world.init(),
            world,
            random: Random::new(seed),
            views: HashMap::new(),
            scratch: None,
            taken: [None; CLUSTER],
            slots: Vec::new(),
            buffer: vec![[0; 4096]; CLUSTER],
            expected: HashMap::new(),
            parents: HashMap::new(),
            busy: Vec::new(),
            is_meanwhile: false,
            tally: Tally::default(),
            failure: None,
        };
        let held = UserPage::known(HELD);
        machine.own_page(held);
        machine.call(Syscall::AcceptClients { accept: true }).expect("no argument is wrong");
        let [boss, ..] =
            machine.call(Syscall::ProcessCreate { copy: false }).expect("a slot is free");
        machine.boss = ProcessId::new(boss).expect("an id");
        machine.call(Syscall::ProcessStart { process: machine.boss.into() }).expect("a child");
        machine.receive();
        machine
    }

    /// Makes sure that the table of a page of the pager's exists.
    fn own_page(&mut self, page: UserPage) {
        let process = abi::process::Target::Caller;
        let (permissions, marks) = (Permissions::WRITE, Permissions::empty());
        self.call(Syscall::PageAllocate { process, page, permissions }).expect("frames are free");
        self.call(Syscall::PageUnmap { process, page, marks }).expect("the page is there");
    }

    /// The decisions for this machine, with a disk of so many slots.
    #[must_use]
    pub fn swap(&mut self, slots: u32) -> Swap {
        self.slots = vec![[0; 4096]; slots as usize];
        Swap::new(FREE, slots)
    }

    /// What went wrong.
    #[must_use]
    pub fn failure(&self) -> Option<&String> {
        self.failure.as_ref()
    }

    /// What happened so far.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// Notes what went wrong first.
    pub(super) fn fail(&mut self, failure: String) {
        self.failure.get_or_insert(failure);
    }

    /// The audit of the property tests.
    pub fn audit(&self) {
        self.world.audit();
    }

    /// The pager's id.
    pub(super) fn pager(&self) -> ProcessId {
        self.world.init()
    }

    /// The record of a process that is there.
    pub(super) fn find(&self, id: ProcessId) -> Option<&Process> {
        let process = &self.world.kernel.processes()[Index::new(id.index())];
        (process.id == Some(id) && process.is_alive()).then_some(process)
    }

    /// Who has the CPU.
    pub(super) fn current(&self) -> Option<ProcessId> {
        self.world.kernel.cpu.current().map(|_| self.world.current())
    }

    /// The leaf of a page, past all paging.
    pub(super) fn see(&self, id: ProcessId, page: UserPage) -> Entry {
        if self.find(id).is_none() { Entry::ABSENT } else { self.world.leaf(id, page.address()) }
    }

    /// The bytes of a frame.
    pub(super) fn words(&self, frame: Frame) -> Box<[u32; 1024]> {
        Box::new(*self.world.kernel.cpu.hardware.contents(frame))
    }

    /// What follows an entry into the kernel, until there is a process or nothing to do.
    pub(super) fn settle(&mut self, mut after: After) {
        while after == After::TakeDown {
            after = self.world.kernel.idle();
        }
        self.world.after = after;
    }

    /// Ten milliseconds pass.
    pub(super) fn tick(&mut self) {
        self.world.kernel.cpu.hardware.clock += 10_000;
        let after = self.world.kernel.timer();
        self.settle(after);
    }

    /// Lets time pass until a process has the CPU. `false`: it does not get it.
    pub(super) fn run(&mut self, id: ProcessId) -> bool {
        for _ in 0..64 {
            if self.current() == Some(id) {
                return true;
            }
            self.tick();
        }
        false
    }

    /// The process on the CPU makes a call, again while it restarts.
    pub(super) fn call(&mut self, call: Syscall) -> Answer {
        let caller = self.current().expect("somebody makes the call");
        self.begin(call);
        let registers = self.find(caller).map(|process| process.registers);
        let Some(r) = registers else { return Err(Error::NoSuchProcess) };
        Error::check(r.eax).map(|_| [r.ebx, r.esi, r.edi, r.ebp])
    }

    /// The same, for a call that may block.
    pub(super) fn begin(&mut self, call: Syscall) {
        let caller = self.current().expect("somebody makes the call");
        let raw = call.encode();
        let registers = self.world.registers();
        (registers.eax, registers.edx, registers.ecx) = (raw.head, raw.process, raw.page);
        [registers.ebx, registers.esi, registers.edi, registers.ebp] = raw.words;
        loop {
            let registers = self.world.registers();
            (registers.eip, registers.trap) = (CALL_SITE + 2, 0x30);
            let after = self.world.kernel.call();
            self.settle(after);
            let restarts = self
                .find(caller)
                .is_some_and(|it| it.state == State::Ready && it.registers.eip == CALL_SITE);
            if !restarts || self.current() != Some(caller) {
                return;
            }
        }
    }

    /// The pager waits for its next message.
    pub(super) fn receive(&mut self) {
        self.begin(Syscall::Receive { from: None, transfer: None });
    }
}
