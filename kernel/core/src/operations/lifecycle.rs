//! The life of a process: how it is created, how it ends, and how its parent waits for it.
//!
//! The order of events at an end:
//! 1. `end` stops the process at once. The process is *dying*: every request that waits for it
//!    fails, its children become children of its parent, and it joins the queue of dying processes.
//! 2. `teardown_slice` frees one page table of the first dying process, with the pages in it. It
//!    runs each time a process is chosen, while the CPU is idle, and in calls that need frames. So
//!    no call or interrupt waits until a whole address space is freed.
//! 3. After the last table, the directory is freed. If the parent waits for the end of this child,
//!    `finish_exit` gives it the exit status. Otherwise the process is a *zombie*: its slot keeps
//!    the status until the parent asks.
//!
//! A teardown flushes no pages. A dying process is not loaded and never will be again, and its
//! views are lost before its first table is freed. So no TLB holds a translation of its pages that
//! can be used.

use abi::layout::ENTRIES;
use abi::message::{Kind, Message, Reason};
use abi::process_info::Status;
use abi::{Entry, EntryFlags, Error, Page, ProcessId, Slot, UserSlot};

use crate::hardware::{Hardware, Reach};
use crate::kernel::Kernel;
use crate::state::fault::Unhandled;
use crate::state::frames::Unmapped;
use crate::state::process::{Index, PendingRequest, State};
use crate::state::process_table::QueueName;

/// The number of entries that a teardown tests together in a group that has a present entry.
const GROUP: u32 = 8;
/// The number of entries that a teardown tests together first. Most groups of a table are empty.
const LARGE_GROUP: u32 = 32;
const _: () = assert!(
    ENTRIES.is_multiple_of(LARGE_GROUP) && LARGE_GROUP.is_multiple_of(GROUP),
    "no group of pages reaches into the next table"
);
const PAGER_ENDED: Unhandled = Unhandled::Pager("its pager has ended");

impl<H: Hardware> Kernel<H> {
    /// Creates a stopped process with an empty address space.
    ///
    /// # Errors
    /// - `OutOfProcesses`: no slot is free.
    /// - `OutOfFrames`: no frame for the directory.
    /// - `QuotaExceeded`: the parent's quota allows no further process or no further frame.
    ///
    /// On an error nothing was changed.
    pub(crate) fn create(&mut self, parent: Option<Index>, attended: bool) -> Result<Index, Error> {
        let fresh = self.frames.allocate().ok_or(Error::OutOfFrames)?;
        let directory = fresh.frame();
        let index = match self.processes.create(parent, directory, attended) {
            Ok(index) => index,
            Err(error) => {
                self.frames.put_back(fresh);
                return Err(error);
            }
        };
        self.frames.adopt(fresh);
        self.cpu.hardware.clean_fpu(&mut self.processes[index].fpu);
        // The kernel's directory has no user entries, so a copy of it is an empty space. The self
        // maps are set last, because they name this directory in place of the kernel's.
        self.cpu.hardware.copy_frame(directory, self.cpu.kernel_directory);
        let window = Entry::new(directory, EntryFlags::USER_LEAF);
        let own = Entry::new(directory, EntryFlags::PRESENT | EntryFlags::WRITE);
        self.cpu.hardware.write_frame(directory, Slot::ALTERNATE.index(), Entry::ABSENT.bits());
        self.cpu.hardware.write_frame(directory, Slot::WINDOW.index(), window.bits());
        self.cpu.hardware.write_frame(directory, Slot::CURRENT.index(), own.bits());
        self.jos_report_new(index);
        Ok(index)
    }

    /// Gives a child the registers and FPU state of the current process.
    pub(crate) fn copy_registers(&mut self, from: Index, child: Index) {
        self.processes[child].registers = self.processes[from].registers;
        self.cpu.hardware.save_fpu(&mut self.processes[child].fpu);
    }

    /// Ends a process. It stops at once, the requests that wait for it fail, and its memory is
    /// freed table by table from now on.
    ///
    /// The process leaves its queue first, because its state names that queue and changes here.
    pub(crate) fn end(&mut self, index: Index, status: u32, reason: Reason) {
        self.jos_report_end(index, reason);
        self.leave_queue(index);
        if self.cpu.loaded == Some(index) {
            self.cpu.load(self.cpu.kernel_directory);
            self.cpu.loaded = None;
        }
        self.processes[index].state = State::Dying;
        self.processes[index].exit.status = status & 0xFF;
        self.processes[index].exit.reason = reason;
        self.processes[index].memory.teardown = 0;
        let info = self.processes.info_of(index);
        (info.status, info.receiving) = (Status::Dying as u32, 0);
        self.processes.push(QueueName::Dying, index);
        self.processes.begin_dying(index);
        self.lose_views(index);
        self.processes.release_clients(index);
        self.processes.unlink_client(index);
        self.console.forget_owner(index);
        if self.processes[index].device.granted || self.dma.quarantined() != 0 {
            self.release_hardware(index);
        }
        self.dismiss_waiting(index);
        self.processes.reparent_children(index);
        self.processes.move_to_gone(index);
        if self.first == Some(index) {
            self.ended = Some(self.processes[index].exit.status as u8);
            // When the first process ends, the machine ends. No process may run any more, not even
            // the current one, which may have ended the first.
            self.cpu.current = None;
        } else if self.first.is_none() {
            self.course_process_ended(index);
        }
    }

    /// Ends all living descendants of a process, then the process. When a descendant ends, its
    /// children become children of its parent, so the loop always ends the first child of the root.
    ///
    /// The end of a descendant also ends the processes that wait for it as their pager, and the
    /// root may be one of them. If the root ended that way, its remaining children would become
    /// children of its parent, and the loop would miss them. So the root first stops waiting for
    /// anything: after that, only the last line can end it.
    pub(crate) fn end_subtree(&mut self, root: Index) {
        self.leave_queue(root);
        self.processes[root].state = State::Sleeping;
        while let Some(child) = self.processes[root].family.first_child {
            self.end(child, 0, Reason::Destroyed);
        }
        self.end(root, 0, Reason::Destroyed);
    }

    /// Fails the requests that wait for an ended process.
    ///
    /// A caller that waits for a message of this process alone goes on with `PeerEnded`. There is
    /// one exception: a parent that may wait for the end of this child stays blocked, and gets the
    /// end of the child as its message.
    fn dismiss_waiting(&mut self, dead: Index) {
        while let Some(sender) = self.processes.front(QueueName::Senders(dead)) {
            let State::Sending { pending_request, .. } = self.processes[sender].state else {
                unreachable!()
            };
            self.leave_queue(sender);
            self.fail_request(sender, pending_request, PAGER_ENDED);
        }
        while let Some(caller) = self.processes.front(QueueName::Callers(dead)) {
            let state = self.processes[caller].state;
            self.leave_queue(caller);
            match state {
                State::Answer { pending_request, .. } => {
                    self.fail_request(caller, pending_request, PAGER_ENDED)
                }
                State::ReceivingFrom { .. } if self.is_awaited(caller, dead) => {
                    let child = self.processes[dead].process_id();
                    self.processes[caller].state = State::ReceivingExit { child };
                }
                _ => {
                    self.processes[caller].registers.eax = Error::PeerEnded.to_wire();
                    self.make_ready(caller);
                }
            }
        }
    }

    /// Whether the first process is the parent of the second and may wait for its end.
    pub(crate) fn is_awaited(&self, parent: Index, child: Index) -> bool {
        self.processes[child].family.parent == Some(parent)
            && !self.processes[child].family.unattended
    }

    /// Fails the request of a process that waits for another process's reply. The process is in no
    /// queue.
    pub(crate) fn fail_request(
        &mut self,
        index: Index,
        pending_request: PendingRequest,
        why: Unhandled,
    ) {
        let error = match pending_request {
            PendingRequest::Send | PendingRequest::Call | PendingRequest::Clone => Error::PeerEnded,
            PendingRequest::ForwardedFault => Error::Refused,
            PendingRequest::Frames => {
                self.fail_for_frames(index);
                return self.make_ready(index);
            }
            PendingRequest::Fault { jos } => {
                // The process may end now, and `end` removes it from the queue that its state
                // names. It is in no queue, so it gets a state that names none.
                self.processes[index].state = State::Receiving;
                let words = self.processes[index].messages.buffer.words;
                if jos {
                    return self.die_of_jos_call(index, words[0]);
                }
                return self.end_by_fault(index, words, why);
            }
        };
        self.processes[index].registers.eax = error.to_wire();
        self.make_ready(index);
    }

    /// Takes down one table of the first dying process, or its directory after the last table.
    /// Returns `false` if no process is dying.
    #[inline(never)]
    pub(crate) fn teardown_slice(&mut self) -> bool {
        let Some(index) = self.processes.front(QueueName::Dying) else { return false };
        // A dying process is not loaded and not viewed (`end`), so only the alternate self map
        // shows its tables, and only that needs a flush.
        debug_assert!(self.cpu.loaded != Some(index) && self.processes.has_no_views(index));
        let directory = self.processes[index].directory;
        self.cpu.point_alternate(directory);
        if let Some(table) = self.next_table(index) {
            self.take_down_table(index, table);
            return true;
        }
        self.cpu.forget_alternate(directory);
        self.frames.release(Unmapped::after_flush(directory));
        self.processes.credit(index, 1);
        self.processes.finish_dying(index);
        self.processes.remove(QueueName::Dying, index);
        self.finish_exit(index);
        true
    }

    /// The next directory entry of a dying process that names a table of its own.
    ///
    /// Only those groups of entries are read that have ever had a table. The other present entries
    /// are views, which are lost by now and name the empty view, which is never freed.
    fn next_table(&mut self, index: Index) -> Option<UserSlot> {
        let mut at = u32::from(self.processes[index].memory.teardown);
        while let Some(group) = self.processes[index].memory.table_groups.group_from(at) {
            for slot in group {
                let window = Reach::Alternate.window_page(slot.index());
                let entry = self.cpu.hardware.read_entry(Reach::Current, window);
                at = slot.index() + 1;
                if entry.is_own_table() {
                    self.processes[index].memory.teardown = at as u16;
                    return Some(slot);
                }
            }
        }
        self.processes[index].memory.teardown = UserSlot::COUNT as u16;
        None
    }

    /// Frees a table of the process and the pages in it. Not inlined: otherwise the loop would
    /// share registers with the loop of the caller, and run slower.
    #[inline(never)]
    fn take_down_table(&mut self, index: Index, table: UserSlot) {
        let first = table.first_page();
        let mut mapped = 1;
        for group in (0..ENTRIES).step_by(LARGE_GROUP as usize).map(|index| first.plus(index)) {
            if self.cpu.hardware.any_present::<LARGE_GROUP>(Reach::Alternate, group) {
                mapped += self.take_down_pages(group);
            }
        }
        let window = Reach::Alternate.window_page(table.index());
        let entry = self.cpu.hardware.read_entry(Reach::Current, window);
        self.cpu.hardware.write_entry(Reach::Current, window, Entry::ABSENT);
        self.cpu.flush_table_windows(Reach::Alternate, table);
        self.frames.release(Unmapped::after_flush(entry.frame()));
        self.processes.credit(index, mapped);
    }

    /// Frees the present pages of a [`LARGE_GROUP`], and returns how many there were.
    #[inline(never)]
    fn take_down_pages(&mut self, first: Page) -> u32 {
        let mut mapped = 0;
        for group in (0..LARGE_GROUP).step_by(GROUP as usize).map(|index| first.plus(index)) {
            if !self.cpu.hardware.any_present::<GROUP>(Reach::Alternate, group) {
                continue;
            }
            for page in (0..GROUP).map(|index| group.plus(index)) {
                let leaf = self.cpu.hardware.read_entry(Reach::Alternate, page);
                if leaf.is_present() {
                    self.frames.release(Unmapped::after_flush(leaf.frame()));
                    mapped += 1;
                }
            }
        }
        mapped
    }

    /// Whether some dying process frees its slot as soon as its memory is freed.
    ///
    /// A dying process whose parent has not asked for it yet does not count: it keeps its slot as a
    /// zombie. The caller of a call that needs a slot may be that parent, and would then wait for
    /// itself.
    pub(crate) fn a_slot_comes_back(&self) -> bool {
        let mut at = self.processes.front(QueueName::Dying);
        while let Some(index) = at {
            if self.is_forgotten_when_gone(index) {
                return true;
            }
            at = self.processes[index].links.next;
        }
        false
    }

    /// Whether this dying process will leave no zombie: its parent will never ask for it, or waits
    /// for it already.
    fn is_forgotten_when_gone(&self, index: Index) -> bool {
        let process = &self.processes[index];
        let Some(parent) = process.family.parent.filter(|_| !process.family.unattended) else {
            return true;
        };
        match self.processes[parent].state {
            State::Waiting { child } => child.is_none_or(|child| child == process.process_id()),
            State::ReceivingExit { child } => child == process.process_id(),
            State::Receiving => true,
            _ => false,
        }
    }

    /// Gives the exit status of a process, whose memory is freed, to its parent if the parent waits
    /// for it. Otherwise the process becomes a zombie, or its slot is freed if the parent may not
    /// wait for it.
    fn finish_exit(&mut self, index: Index) {
        let Some(parent) = self.processes[index]
            .family
            .parent
            .filter(|_| !self.processes[index].family.unattended)
        else {
            return self.processes.free(index);
        };
        let id = self.processes[index].process_id();
        match self.processes[parent].state {
            State::Waiting { child } if child.is_none_or(|child| child == id) => {
                let words = self.reap(parent, index);
                self.processes[parent].set_words(words);
                self.make_ready(parent);
            }
            State::Receiving => self.deliver_exit_and_wake(parent, index),
            State::ReceivingExit { child } if child == id => {
                self.deliver_exit_and_wake(parent, index)
            }
            _ => {
                self.processes[index].state = State::Ended;
                self.processes.push(QueueName::Zombies(parent), index);
            }
        }
    }

    /// Delivers the end of a child to its parent, which is blocked in a receive, and wakes the
    /// parent.
    fn deliver_exit_and_wake(&mut self, parent: Index, child: Index) {
        self.deliver_exit(parent, child);
        self.make_ready(parent);
    }

    /// Puts the end of a child into its parent's registers, as a message of kind *exit*, and frees
    /// the child's slot.
    pub(crate) fn deliver_exit(&mut self, parent: Index, child: Index) {
        let [id, status, reason, _] = self.reap(parent, child);
        self.processes[parent].set_message(
            Message::header(Kind::Exit, None),
            id,
            [status, reason, 0, 0],
        );
    }

    /// Frees the slot of a child whose exit status its parent gets now. The child is in no queue.
    /// Returns the id, the status, the reason and 0.
    fn reap(&mut self, parent: Index, child: Index) -> [u32; 4] {
        let process = &self.processes[child];
        let words =
            [process.process_id().bits(), process.exit.status, process.exit.reason as u32, 0];
        self.processes[parent].family.awaited -= 1;
        self.processes.free(child);
        words
    }

    /// The child that a wait for any child will get, if the parent can wait for only one child and
    /// that child is the first in the list of living children.
    fn only_child(&self, parent: Index) -> Option<Index> {
        let child = self.processes[parent].family.first_child?;
        (self.processes[parent].family.awaited == 1 && self.is_awaited(parent, child))
            .then_some(child)
    }

    /// Gives the caller the exit status of a zombie child, or blocks the caller until a child ends.
    /// `None` stands for any child.
    ///
    /// # Errors
    /// - `NoChild`: the process is not a child that the caller may wait for, or there is no such
    ///   child at all.
    /// - `Deadlock`: the child waits for the caller, directly or through others; for any child, if
    ///   it is the only one.
    pub(crate) fn wait(&mut self, caller: Index, child: Option<ProcessId>) -> Result<(), Error> {
        let zombie = match child {
            None if self.processes[caller].family.awaited == 0 => return Err(Error::NoChild),
            None => self.processes.front(QueueName::Zombies(caller)),
            Some(id) => self.awaited_child(caller, id)?,
        };
        match zombie {
            Some(zombie) => {
                self.processes.remove(QueueName::Zombies(caller), zombie);
                let words = self.reap(caller, zombie);
                self.processes[caller].set_words(words);
                Ok(())
            }
            None => {
                let only = child.map(|child| Index::new(child.index())).or(self.only_child(caller));
                if only.is_some_and(|child| self.waits_for(child, caller)) {
                    return Err(Error::Deadlock);
                }
                self.block(caller, State::Waiting { child });
                Ok(())
            }
        }
    }

    /// Checks that the caller may wait for a child. Returns the child's slot if it is a zombie
    /// already.
    ///
    /// # Errors
    /// `NoChild`: no process with this id is a child of the caller, or the caller may not wait for
    /// it.
    pub(crate) fn awaited_child(
        &self,
        caller: Index,
        id: ProcessId,
    ) -> Result<Option<Index>, Error> {
        let index = Index::new(id.index());
        let process = &self.processes[index];
        if process.id != Some(id) || process.state == State::Free || !self.is_awaited(caller, index)
        {
            return Err(Error::NoChild);
        }
        Ok((process.state == State::Ended).then_some(index))
    }
}
