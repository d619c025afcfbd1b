//! What must hold in the whole system after every trap.

use std::collections::{HashMap, HashSet};

use abi::fault::DEVICE_NOT_AVAILABLE;
use abi::layout::{ENTRIES, PROCESSES};
use abi::process_info::Status;
use abi::{Entry, Frame, ProcessId};
use kernel_core::After;
use kernel_core::state::process::{Index, Process, Right, State, ViewName};
use kernel_core::state::{account::AccountName, process_table::QueueName};

use super::World;
use crate::model::audit::{Counts, Space};

/// Where in the FPU state the tests keep a process's id.
const TAG: std::ops::Range<usize> = 160..164;

/// What each account should count: frames, processes, and how many of these are dying.
type Sums = HashMap<AccountName, (u32, u32, u32)>;

impl World {
    /// Checks everything that must hold, and what `after` says.
    pub fn settle(&mut self) {
        match self.after {
            After::Return | After::Run => {
                assert!(self.kernel.cpu.current().is_some(), "nobody runs")
            }
            After::Idle => {
                assert!(self.kernel.cpu.current().is_none(), "idle with a process on the CPU")
            }
            After::TakeDown => assert!(self.kernel.cpu.current().is_none(), "idle with a process"),
            After::PowerOff { .. } => return,
        }
        self.audit();
        self.tag_fpu();
    }

    pub fn audit(&self) {
        self.audit_memory();
        self.audit_views();
        self.audit_queues();
        self.audit_families();
        self.audit_waiting();
        self.audit_clients();
        self.audit_facts();
    }

    /// Every process slot that is taken.
    pub fn slots(&self) -> impl Iterator<Item = (Index, &Process)> {
        self.used_slots().filter(|(_, process)| process.state != State::Free)
    }

    /// Every process slot that was ever taken: slots are handed out in order.
    fn used_slots(&self) -> impl Iterator<Item = (Index, &Process)> {
        let slots =
            (0..PROCESSES).map(Index::new).map(|index| (index, &self.kernel.processes()[index]));
        slots.take_while(|(_, process)| process.id.is_some())
    }

    /// All processes that a call could name.
    pub fn living(&self) -> Vec<ProcessId> {
        self.slots()
            .filter(|(_, process)| process.is_alive())
            .map(|(_, process)| process.process_id())
            .collect()
    }

    /// Every id that a process has had.
    pub fn known(&self) -> Vec<ProcessId> {
        let mut known: Vec<_> = self.tags.keys().copied().collect();
        known.sort_by_key(|id| id.bits());
        known
    }

    fn audit_memory(&self) {
        let model = &self.kernel.cpu.hardware;
        let count = |number| self.kernel.frames.count(Frame::from_number(number));
        let counts: Vec<Option<u32>> = (0..model.frames()).map(count).collect();
        let free = counts.iter().filter(|count| **count == Some(0)).count();
        assert_eq!(
            free as u32,
            self.kernel.frames.free(),
            "frames without mappings, and free frames"
        );
        let mut spaces = Vec::new();
        let mut expected = Sums::new();
        for (_, process) in self.slots() {
            if process.state != State::Ended {
                spaces.push(model.space(process.directory));
                let charged = spaces.last().map(Space::charged);
                assert_eq!(
                    Some(process.memory.mapped),
                    charged,
                    "frames charged to {}",
                    process.process_id()
                );
            }
            self.add_to_accounts(process, process.memory.mapped, &mut expected);
        }
        let empty = self.kernel.empty_view().expect("made at boot");
        let reserved = [&self.reserved[..], &[empty.table, empty.zeros]].concat();
        let counts = Counts {
            counts: &counts,
            reserved: &reserved,
            empty_view: empty.table,
            pool: &self.dma_pool,
        };
        model.audit(self.kernel_directory, &spaces, &counts);
        for (name, used) in expected {
            let account = self.kernel.processes().account(name);
            let found = (account.used.frames, account.used.processes, account.dying);
            assert_eq!(found, used, "what {name:?} counts");
        }
    }

    /// What the process table says of views is what the directories say, and lost views read 0.
    fn audit_views(&self) {
        let (model, processes) = (&self.kernel.cpu.hardware, self.kernel.processes());
        let empty = self.kernel.empty_view().expect("made at boot");
        for index in 0..ENTRIES {
            assert_eq!(model.word(empty.table, index), empty.zeros.address() | 0x25);
            assert_eq!(model.word(empty.zeros, index), 0);
        }
        let mut listed = HashSet::new();
        for (viewer, process) in self.slots() {
            let (mut at, mut previous) = (process.views.first, None);
            while let Some(name) = at {
                let view = processes.view(name);
                assert_eq!(view.viewer, Some(viewer), "viewer in {name:?}");
                assert_eq!(view.previous, previous, "link of {name:?}");
                assert!(listed.insert((viewer.slot(), u32::from(view.entry))), "{name:?} twice");
                self.audit_view(viewer, name);
                (previous, at) = (at, view.next);
            }
        }
        let views = self.slots().flat_map(|(_, process)| process.views.of_it);
        assert_eq!(views.filter(|view| view.viewer.is_some()).count(), listed.len(), "unlisted");
        for (viewer, process) in self.slots().filter(|slot| slot.1.state != State::Ended) {
            for (entry, viewed) in model.space(process.directory).views {
                let is_listed = listed.contains(&(viewer.slot(), entry));
                assert_eq!(
                    is_listed,
                    viewed != empty.table,
                    "{entry:#x} of {}",
                    process.process_id()
                );
            }
        }
    }

    /// A view that shows something: of a living process, by one that has the right, where the table
    /// says.
    fn audit_view(&self, viewer: Index, name: ViewName) {
        let viewed = &self.kernel.processes()[name.viewed()];
        let process = &self.kernel.processes()[viewer];
        assert!(process.is_alive() && viewed.is_alive(), "{name:?} of or by the dead");
        let allowed = match name.right() {
            Right::Parent => viewed.family.parent == Some(viewer),
            Right::Pager => viewed.paging.pager == process.id,
        };
        assert!(allowed, "{} may not view {}", process.process_id(), viewed.process_id());
        let entry = self.kernel.processes().view(name).entry;
        let bits = self.kernel.cpu.hardware.word(process.directory, entry.into());
        assert_eq!(Entry::from_bits(bits).frame(), viewed.directory, "{name:?}: the directory");
    }

    /// Counts a process's frames, itself and whether it is dying in every account above it.
    fn add_to_accounts(&self, process: &Process, frames: u32, sums: &mut Sums) {
        let mut at = process.memory.account;
        while let Some(account) = at {
            let (used, processes, dying) = sums.entry(account).or_default();
            *used += frames;
            *processes += 1;
            *dying += u32::from(process.state == State::Dying);
            at = self.kernel.processes().account(account).above;
        }
    }

    /// Each process is in the one queue that its state says, and in no other.
    fn audit_queues(&self) {
        let mut found: HashMap<usize, QueueName> = HashMap::new();
        let of_processes = self.slots().flat_map(|(index, _)| {
            [QueueName::Senders(index), QueueName::Callers(index), QueueName::Zombies(index)]
        });
        for queue in
            [QueueName::Ready, QueueName::Dying, QueueName::Readers].into_iter().chain(of_processes)
        {
            let (mut at, mut previous) = (self.kernel.processes().front(queue), None);
            while let Some(index) = at {
                let process = &self.kernel.processes()[index];
                assert_eq!(
                    process.links.previous, previous,
                    "link of {:?} in {queue:?}",
                    process.id
                );
                let other = found.insert(index.slot(), queue);
                assert_eq!(other, None, "{:?} is in {queue:?} too", process.id);
                (previous, at) = (at, process.links.next);
            }
        }
        for (index, process) in self.slots() {
            let expected = match process.state {
                State::Ready if process.stopped || self.kernel.cpu.current() == Some(index) => None,
                State::Ready => Some(QueueName::Ready),
                State::Sending { to, .. } => Some(QueueName::Senders(to)),
                State::Answer { by, .. } => Some(QueueName::Callers(by)),
                State::ReceivingFrom { from } => Some(QueueName::Callers(from)),
                State::Reading => Some(QueueName::Readers),
                State::Dying => Some(QueueName::Dying),
                State::Ended => process.family.parent.map(QueueName::Zombies),
                State::Free
                | State::Receiving
                | State::ReceivingInterrupt
                | State::ReceivingExit { .. }
                | State::JosReceiving
                | State::Sleeping
                | State::Waiting { .. } => None,
            };
            assert_eq!(
                found.get(&index.slot()).copied(),
                expected,
                "{} is {:?}",
                process.process_id(),
                process.state
            );
            let sleeps = process.state == State::Sleeping;
            assert!(
                !sleeps || process.alarm.sleeper != 0,
                "{} sleeps without an alarm",
                process.process_id()
            );
            let current = self.kernel.cpu.current() == Some(index);
            assert!(
                !current || (process.state == State::Ready && !process.stopped),
                "{} runs",
                process.process_id()
            );
        }
    }

    /// Children know their parents, and parents how many children they may wait for.
    fn audit_families(&self) {
        let processes = self.kernel.processes();
        let mut listed = HashSet::new();
        for (index, parent) in self.slots() {
            let mut awaited = 0;
            for (first, alive) in
                [(parent.family.first_child, true), (parent.family.first_gone, false)]
            {
                let (mut at, mut previous) = (first, None);
                while let Some(child) = at {
                    let process = &processes[child];
                    assert_eq!(
                        process.family.parent,
                        Some(index),
                        "parent of {}",
                        process.process_id()
                    );
                    assert_eq!(
                        process.family.previous_sibling,
                        previous,
                        "siblings of {}",
                        process.process_id()
                    );
                    assert_eq!(
                        process.is_alive(),
                        alive,
                        "{} is in the wrong list",
                        process.process_id()
                    );
                    assert!(
                        listed.insert(child.slot()),
                        "{} is listed twice",
                        process.process_id()
                    );
                    awaited += u32::from(!process.family.unattended);
                    (previous, at) = (at, process.family.next_sibling);
                }
            }
            assert_eq!(
                parent.family.awaited,
                awaited,
                "children that {} may wait for",
                parent.process_id()
            );
            assert!(
                parent.is_alive() || parent.family.first_child.is_none(),
                "{} is dead and has children",
                parent.process_id()
            );
        }
        for (index, process) in self.slots() {
            let has_parent = process.family.parent.is_some();
            assert_eq!(
                listed.contains(&index.slot()),
                has_parent,
                "{} is in no list",
                process.process_id()
            );
        }
        assert_eq!(processes.live() as usize, self.slots().count());
    }

    /// Nobody waits for himself, directly or through others, and nobody waits for the dead.
    fn audit_waiting(&self) {
        for (start, process) in self.slots() {
            let mut at = start;
            for steps in 0.. {
                at = match self.kernel.processes()[at].state {
                    State::Sending { to: next, .. }
                    | State::Answer { by: next, .. }
                    | State::ReceivingFrom { from: next } => next,
                    _ => break,
                };
                assert!(
                    self.kernel.processes()[at].is_alive(),
                    "{} waits for the dead",
                    process.process_id()
                );
                assert!(steps < PROCESSES, "{} waits in a circle", process.process_id());
            }
        }
    }

    /// A pager is alive, and lists exactly the living processes that name it.
    fn audit_clients(&self) {
        let processes = self.kernel.processes();
        let mut listed = HashSet::new();
        for (index, pager) in self.slots() {
            let (mut at, mut previous) = (pager.paging.first_client, None);
            assert!(
                at.is_none() || pager.is_alive(),
                "{} is dead and has clients",
                pager.process_id()
            );
            while let Some(client) = at {
                let process = &processes[client];
                assert_eq!(process.paging.pager, pager.id, "the pager of {}", process.process_id());
                assert_eq!(
                    process.paging.previous_client,
                    previous,
                    "link of {}",
                    process.process_id()
                );
                assert!(process.is_alive(), "a dead client in slot {}", index.slot());
                assert!(listed.insert(client.slot()), "{} is listed twice", process.process_id());
                (previous, at) = (at, process.paging.next_client);
            }
        }
        for (_, process) in self.slots() {
            assert_eq!(
                process.paging.clients_below(),
                self.chain_below(process),
                "below {}",
                process.process_id()
            );
        }
        let clients = self.slots().filter(|(_, process)| process.paging.pager.is_some());
        assert_eq!(clients.count(), listed.len(), "a client that its pager does not list");
    }

    /// The longest chain of a process's clients and clients' clients, by a look at all of them.
    fn chain_below(&self, pager: &Process) -> u8 {
        let processes = self.kernel.processes();
        let clients = std::iter::successors(pager.paging.first_client, |client| {
            processes[*client].paging.next_client
        });
        clients.map(|client| self.chain_below(&processes[client]) + 1).max().unwrap_or(0)
    }

    /// UENVS says what is so.
    fn audit_facts(&self) {
        for (index, process) in self.used_slots() {
            let slot = index.slot();
            let info = &self.kernel.process_info().0[slot];
            let status = match process.state {
                State::Free => Status::Free,
                State::Dying | State::Ended => Status::Dying,
                State::Ready if self.kernel.cpu.current() == Some(index) => Status::Running,
                State::Ready if !process.stopped => Status::Runnable,
                _ => Status::NotRunnable,
            };
            assert_eq!(info.status, status as u32, "status of slot {slot}: {:?}", process.state);
            assert_eq!(info.id, process.id.map_or(0, ProcessId::bits), "id of slot {slot}");
            if process.is_alive() {
                let parent = process
                    .family
                    .parent
                    .map_or(0, |parent| self.kernel.processes()[parent].process_id().bits());
                assert_eq!(info.parent, parent, "parent of slot {slot}");
            }
            assert_eq!(info.registers, [0; 17], "UENVS shows registers");
            assert_eq!((info.directory, info.link), (0, 0));
            let shown = [0, process.paging.handler].contains(&info.handler);
            assert!(shown || !process.is_alive(), "slot {slot} shows a handler that it has not");
        }
    }

    /// Each process finds its own FPU registers; a new one finds clean ones, or those of the
    /// process that made it. Every other process uses them.
    fn tag_fpu(&mut self) {
        let made_by: Vec<(ProcessId, u32)> = self
            .slots()
            .map(|(index, process)| {
                (process.process_id(), self.kernel.process_info().0[index.slot()].parent)
            })
            .collect();
        for (id, parent) in made_by {
            let inherited = ProcessId::new(parent).ok().and_then(|parent| self.tags.get(&parent));
            let inherited = inherited.map_or(0, |tags| tags[1]);
            self.tags.entry(id).or_insert([0, inherited]);
        }
        let Some(index) = self.kernel.cpu.current() else { return };
        let process = &self.kernel.processes()[index];
        let (id, uses) = (process.process_id(), index.slot().is_multiple_of(2));
        let closed = self.kernel.cpu.hardware.fpu_closed;
        assert_eq!(closed, !process.fpu.is_used(), "the FPU of {id}");
        let allowed = if closed { [0; 2] } else { self.tags[&id] };
        let tag = u32::from_le_bytes(self.kernel.cpu.hardware.fpu.0[TAG].try_into().unwrap());
        assert!(allowed.contains(&tag), "the FPU registers of {id} are {tag:08x}'s");
        if !uses {
            self.tags.insert(id, [tag; 2]);
            return;
        }
        if closed {
            let trap = std::mem::replace(&mut self.registers().trap, DEVICE_NOT_AVAILABLE);
            assert_eq!(self.kernel.trap(), After::Run, "the first use of the FPU");
            assert!(!self.kernel.cpu.hardware.fpu_closed, "the FPU of {id} stays closed");
            self.registers().trap = trap;
        }
        self.kernel.cpu.hardware.fpu.0[TAG].copy_from_slice(&id.bits().to_le_bytes());
        self.tags.insert(id, [id.bits(); 2]);
    }
}
