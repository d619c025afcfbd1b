//! The machine of these runs: the kernel, a first process that is the pager, and a parent of all
//! clients.

use std::collections::BTreeMap;

use abi::process::Target;
use abi::{Entry, Error, Frame, Permissions, ProcessId, Syscall, UserPage};
use kernel_core::After;
use kernel_core::state::process::{Index, Process, State};
use pager::PLACES;
use swap::{Bytes, CLUSTER};

use super::kept::Judge;
use super::layout::{HELD, NAME, PROGRAM, file, page, table_page};
use super::setting::Setting;
use crate::run::random::Random;
use crate::world::{CALL_SITE, World};

/// Frames that are left free at the beginning.
pub const FREE: u32 = 220;

/// What happened in a run: how often each thing came that a mistake could need.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Steps of clients.
    pub steps: u64,
    /// Pages that went.
    pub went: u64,
    /// Pages that came back with their bytes.
    pub came: u64,
    /// Pages that came back with the mark PAGER, because a copy of them stays on the disk.
    pub marked: u64,
    /// Slots that requests to the disk read beside that of the page that was touched.
    pub ahead: u64,
    /// Pages that went again with the mark and without D, so that they need not be stored.
    pub clean: u64,
    /// Marked pages that were mapped at a second place where they can be written.
    pub lent: u64,
    /// Stores through a second mapping of a page that was marked.
    pub aliased: u64,
    /// Marks that another pager has set, which the view that was lost must make void.
    pub foreign_marks: u64,
    /// Pages that were mapped or moved to where a fault was being served.
    pub placed: u64,
    /// Pages of a program that went with other bytes than the file's, and with the rights of text.
    pub false_text: u64,
    /// Forks, and the pages that were paged out in the parent.
    pub forks: u64,
    /// See `forks`.
    pub inherited: u64,
    /// Pages that went for a child that had not started.
    pub for_children: u64,
    /// Times that a page could not be given: no frame, the quota, or the place was taken.
    pub no_frame: u64,
    /// See `no_frame`.
    pub no_quota: u64,
    /// See `no_frame`.
    pub occupied: u64,
    /// Requests that the disk failed.
    pub disk_errors: u64,
    /// Requests in which the disk's driver ended.
    pub drivers_ended: u64,
    /// Scratch pages that were frames of pages that went.
    pub reused: u64,
    /// Clients that were ended because a page could not come back.
    pub refused: u64,
}

impl Tally {
    /// Each count with its name.
    #[must_use]
    pub const fn counts(&self) -> [(&'static str, u64); 21] {
        [
            ("steps", self.steps),
            ("pages went", self.went),
            ("came back with their bytes", self.came),
            ("of them marked", self.marked),
            ("slots read beside one's own", self.ahead),
            ("went again clean", self.clean),
            ("marked pages lent for writing", self.lent),
            ("stores through a second mapping of one", self.aliased),
            ("marks of another pager", self.foreign_marks),
            ("pages placed where a fault was served", self.placed),
            ("pages like text with other bytes", self.false_text),
            ("forks", self.forks),
            ("paged-out pages inherited", self.inherited),
            ("pages that went for a child too", self.for_children),
            ("no frame", self.no_frame),
            ("quota used up", self.no_quota),
            ("place taken", self.occupied),
            ("disk errors", self.disk_errors),
            ("drivers ended", self.drivers_ended),
            ("frames used again", self.reused),
            ("clients refused", self.refused),
        ]
    }
}

/// What a call comes to, if its caller goes on: `eax`'s error, or the four words.
pub type Answer = Result<[u32; 4], Error>;

/// The machine. It is also the kernel and the disk of the pager's server.
pub struct Machine {
    pub(super) world: World,
    pub(super) random: Random,
    pub(super) setting: Setting,
    /// The parent of all clients.
    pub(super) boss: ProcessId,
    /// The programs of the boot archive.
    pub(super) files: Vec<(&'static str, &'static [u8])>,
    /// What the pager has printed.
    pub(super) lines: Vec<String>,
    /// The pages that are taken, by place: whose, and their leaves.
    pub(super) taken: [Option<(ProcessId, UserPage, Entry)>; PLACES],
    /// The page that the pager has given last, with the leaf that was there before, until it is
    /// judged.
    pub(super) given: Option<(ProcessId, UserPage, Entry, Box<Bytes>)>,
    /// The disk.
    pub(super) slots: Vec<Bytes>,
    /// The transfer area.
    pub(super) area: Vec<Bytes>,
    /// The pages of the area that the disk's driver has.
    pub(super) shared: u16,
    pub(super) judge: Judge,
    pub(super) parents: BTreeMap<u32, ProcessId>,
    /// Processes that a client's fork is about: they do nothing else meanwhile.
    pub(super) busy: Vec<ProcessId>,
    /// The page that the pager is about to give or to take, until others have used it.
    pub(super) hot: Option<(ProcessId, UserPage)>,
    pub(super) is_meanwhile: bool,
    /// The page that a client, by its slot, has touched last of pages in a row, and the distance to
    /// the next.
    pub(super) rows: BTreeMap<u32, (u32, i32)>,
    pub(super) tally: Tally,
    /// The bytes of each of the pager's tables, by the address of its end.
    tables: BTreeMap<usize, usize>,
    /// The pages of all of them.
    table_pages: u32,
    failure: Option<String>,
}

impl Machine {
    /// A machine with a pager that waits for messages, and a parent for clients.
    #[must_use]
    pub fn new(seed: u64, setting: Setting) -> Self {
        let mut world = World::new();
        world.leave_free(FREE);
        let mut machine = Self {
            boss: world.init(),
            world,
            random: Random::new(seed),
            setting,
            files: vec![(PROGRAM, file())],
            lines: Vec::new(),
            taken: [None; PLACES],
            given: None,
            slots: vec![[0; 4096]; setting.slots as usize],
            area: vec![[0; 4096]; CLUSTER],
            shared: 0,
            judge: Judge::default(),
            parents: BTreeMap::new(),
            busy: Vec::new(),
            hot: None,
            is_meanwhile: false,
            rows: BTreeMap::new(),
            tally: Tally::default(),
            tables: BTreeMap::new(),
            table_pages: 0,
            failure: None,
        };
        let held = UserPage::known(HELD);
        machine.own_page(held);
        machine.call(Syscall::AcceptClients { accept: true }).expect("no argument is wrong");
        machine.call(Syscall::AcceptFrameRequests { accept: true }).expect("the same");
        let [boss, ..] =
            machine.call(Syscall::ProcessCreate { copy: false }).expect("a slot is free");
        machine.boss = ProcessId::new(boss).expect("an id");
        machine.write_name();
        machine.call(Syscall::ProcessStart { process: machine.boss.into() }).expect("a child");
        machine
    }

    /// Makes sure that the table of a page of the pager's exists.
    fn own_page(&mut self, page: UserPage) {
        let (permissions, marks) = (Permissions::WRITE, Permissions::empty());
        let process = Target::Caller;
        self.call(Syscall::PageAllocate { process, page, permissions }).expect("frames are free");
        self.call(Syscall::PageUnmap { process, page, marks }).expect("the page is there");
    }

    /// The parent has a page with the name of the clients' program.
    fn write_name(&mut self) {
        let (process, page, permissions) = (self.boss.into(), page(NAME), Permissions::WRITE);
        self.call(Syscall::PageAllocate { process, page, permissions }).expect("frames are free");
        let frame = self.see(self.boss, page).frame();
        for (index, bytes) in (0..).zip(PROGRAM.as_bytes().chunks(4)) {
            let word =
                (0..).zip(bytes).fold(0, |word, (at, byte)| word | u32::from(*byte) << (8 * at));
            self.world.kernel.cpu.hardware.set_word(frame, index, word);
        }
    }

    /// Takes frames for one of the pager's tables, which grows at its end. What it takes follows
    /// from the table's bytes alone and not from where the table lies on the host, so that a seed
    /// always makes the same run.
    pub(super) fn grow_table(&mut self, end: usize, bytes: usize) -> bool {
        let before = self.tables.get(&end).copied().unwrap_or(0);
        let after = before + bytes;
        let pages = (after.div_ceil(4096) - before.div_ceil(4096)) as u32;
        let (process, first) = (Target::Caller, self.table_pages);
        for index in first..first + pages {
            let (page, permissions) = (table_page(index), Permissions::WRITE);
            if self.call(Syscall::PageAllocate { process, page, permissions }).is_err() {
                for index in first..index {
                    let (page, marks) = (table_page(index), Permissions::empty());
                    let _ = self.call(Syscall::PageUnmap { process, page, marks });
                }
                return false;
            }
        }
        self.table_pages += pages;
        self.tables.remove(&end);
        self.tables.insert(end + bytes, after);
        true
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

    /// The process on the CPU makes a call, again while it restarts. If it waits for frames, that
    /// is `OutOfFrames` for now.
    pub(super) fn call(&mut self, call: Syscall) -> Answer {
        let caller = self.current().expect("somebody makes the call");
        self.begin(call);
        self.answer(caller)
    }

    /// What the last call of a process has come to.
    pub(super) fn answer(&self, caller: ProcessId) -> Answer {
        let process = self.find(caller).ok_or(Error::NoSuchProcess)?;
        if process.state != State::Ready {
            return Err(Error::OutOfFrames);
        }
        let r = process.registers;
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
            let after = self.world.kernel.call::<false>();
            self.settle(after);
            let restarts = self
                .find(caller)
                .is_some_and(|it| it.state == State::Ready && it.registers.eip == CALL_SITE);
            if !restarts || self.current() != Some(caller) {
                return;
            }
        }
    }
}
