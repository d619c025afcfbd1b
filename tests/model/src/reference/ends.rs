//! How processes end, how their memory goes step by step, and how parents learn of it.

use super::state::{Ask, Doing, E, Holder, Model, Out, R, Slot};

impl Model {
    /// Ends a process. Reasons: 0 it exited, 1 it was destroyed, 2 it was killed.
    pub fn end(&mut self, s: Slot, status: u32, reason: u32) {
        self.leave_queue(s);
        let process = &mut self.procs[s];
        process.doing = Doing::Dying;
        (process.status, process.reason) = (status & 0xFF, reason);
        process.jos.receiving = 0;
        self.dying.push_back(s);
        self.lose_all_views(s);
        for client in 0..self.procs.len() {
            if self.procs[client].pager == Some(s) && self.procs[client].is_alive() {
                (self.procs[client].pager, self.procs[client].pager_ended) = (None, true);
            }
        }
        (self.procs[s].pager, self.procs[s].pager_ended) = (None, false);
        if self.console_owner == Some(s) {
            self.console_owner = None;
        }
        self.release_hardware(s);
        self.dismiss(s);
        self.reparent(s);
        if let Some(parent) = self.procs[s].parent {
            self.procs[parent].children.retain(|child| *child != s);
            self.procs[parent].gone.insert(0, s);
        }
        if s == 0 {
            self.ended = Some(self.procs[s].status);
            self.current = None;
        }
    }

    fn lose_all_views(&mut self, s: Slot) {
        for view in self.procs[s].space.views.values_mut() {
            *view = None;
        }
        for process in &mut self.procs {
            for view in process.space.views.values_mut() {
                if matches!(view, Some((viewed, _)) if *viewed == s) {
                    *view = None;
                }
            }
        }
    }

    fn release_hardware(&mut self, s: Slot) {
        let (parent, id) = (self.procs[s].parent, self.procs[s].id);
        for line in 0..16 {
            if self.lines[line] == Some(s) {
                self.lines[line] = None;
                self.masked |= 1 << line;
            }
        }
        for holder in &mut self.pool {
            let dead = match *holder {
                Holder::Driver(driver, _) if driver == s => id,
                Holder::Quarantine(driver, keeper) if keeper == s => driver,
                _ => continue,
            };
            *holder = parent.map_or(Holder::Nobody, |parent| Holder::Quarantine(dead, parent));
        }
    }

    /// Those who wait for a process that ends go on.
    fn dismiss(&mut self, dead: Slot) {
        while let Some(sender) = self.procs[dead].senders.front().copied() {
            let Doing::Sending(_, ask) = self.procs[sender].doing else { unreachable!("it sends") };
            self.leave_queue(sender);
            self.fail_request(sender, ask);
        }
        while let Some(caller) = self.procs[dead].callers.front().copied() {
            let doing = self.procs[caller].doing;
            self.leave_queue(caller);
            match doing {
                Doing::Answer(_, ask) => self.fail_request(caller, ask),
                _ if self.is_awaited(caller, dead) => {
                    self.procs[caller].doing = Doing::ReceivingExit(self.procs[dead].id);
                }
                _ => {
                    self.procs[caller].regs.eax = (E::PeerEnded as u32).wrapping_neg();
                    self.make_ready(caller);
                }
            }
        }
    }

    /// The children of a process that ends go to its parent, which need not wait for them.
    fn reparent(&mut self, dead: Slot) {
        let parent = self.procs[dead].parent;
        for child in std::mem::take(&mut self.procs[dead].children) {
            (self.procs[child].parent, self.procs[child].attended) = (parent, false);
            if let Some(parent) = parent {
                self.procs[parent].children.insert(0, child);
            }
        }
        for child in std::mem::take(&mut self.procs[dead].gone) {
            (self.procs[child].parent, self.procs[child].attended) = (parent, false);
            if self.procs[child].doing == Doing::Ended {
                self.procs[dead].zombies.retain(|zombie| *zombie != child);
                self.procs[child].parent = None;
                self.free(child);
            } else if let Some(parent) = parent {
                self.procs[parent].gone.insert(0, child);
            }
        }
    }

    /// Frees a slot.
    fn free(&mut self, s: Slot) {
        if let Some(parent) = self.procs[s].parent.take() {
            self.procs[parent].gone.retain(|child| *child != s);
        }
        self.procs[s].doing = Doing::Free;
        self.free_slots.push(s);
    }

    /// Ends a process after its descendants. `false`: there are more than one call ends.
    pub fn end_subtree(&mut self, me: Slot, root: Slot) -> bool {
        // What ends with a descendant must not end the root before all of them.
        if root != me {
            self.leave_queue(root);
            self.block(root, Doing::Ready);
            self.procs[root].stopped = true;
        }
        for _ in 0..32 {
            let Some(child) = self.procs[root].children.first().copied() else { break };
            self.end(child, 0, 1);
        }
        let all = self.procs[root].children.is_empty();
        if all {
            self.end(root, 0, 1);
        }
        all
    }

    /// A request that nobody will answer.
    pub fn fail_request(&mut self, s: Slot, ask: Ask) {
        let error = match ask {
            Ask::Send | Ask::Call | Ask::Clone => E::PeerEnded,
            Ask::Forwarded => E::Refused,
            Ask::Frames => {
                self.fail_for_frames(s);
                return self.make_ready(s);
            }
            Ask::Fault { jos } => {
                self.procs[s].doing = Doing::Receiving;
                let address = self.procs[s].buffer.words[0];
                return if jos { self.die_of_jos_call(s, address) } else { self.die_of_fault(s) };
            }
        };
        self.procs[s].regs.eax = (error as u32).wrapping_neg();
        self.make_ready(s);
    }

    /// Ends a process by a page fault, with a line.
    pub fn die_of_fault(&mut self, s: Slot) {
        let id = self.procs[s].id;
        self.out.push(Out::Line(format!("[{id:08x}] user fault va ")));
        self.end(s, 128 + 14, 2);
    }

    /// Takes down a table of the first dying process, or the pages of 32 leaves after the others
    /// until 512 are gone, or its directory. `false`: nobody is dying.
    pub fn slice(&mut self) -> bool {
        let Some(s) = self.dying.front().copied() else { return false };
        if let Some(table) = self.procs[s].space.tables.keys().next().copied() {
            let mut gone = 0;
            for group in (table << 10..(table + 1) << 10).step_by(32) {
                if gone >= 512 {
                    return true;
                }
                for page in self.leaves(s, group..group + 32, true) {
                    self.put(s, page, super::state::Leaf::ABSENT);
                    gone += 1;
                }
            }
            // Marks go with the table.
            for page in self.leaves(s, table << 10..(table + 1) << 10, false) {
                self.put(s, page, super::state::Leaf::ABSENT);
            }
            let token = self.procs[s].space.tables.remove(&table).expect("its key was there");
            self.give_back(token);
            return true;
        }
        self.give_back(self.procs[s].space.directory);
        self.procs[s].space.views.clear();
        self.dying.pop_front();
        self.procs[s].doing = Doing::Ended;
        self.finish_exit(s);
        true
    }

    /// The pages with a present leaf, or with marks alone.
    fn leaves(&self, s: Slot, pages: std::ops::Range<u32>, present: bool) -> Vec<u32> {
        let leaves = self.procs[s].space.leaves.range(pages);
        leaves.filter(|at| at.1.is_present() == present).map(|at| *at.0).collect()
    }

    /// Tells the parent, or keeps the end for it.
    fn finish_exit(&mut self, s: Slot) {
        let id = self.procs[s].id;
        let Some(parent) = self.procs[s].parent.filter(|_| self.procs[s].attended) else {
            return self.free(s);
        };
        match self.procs[parent].doing {
            Doing::Waiting(child) if child.is_none_or(|child| child == id) => {
                let words = self.reap(s);
                let _ = self.answer_words(parent, &words);
                self.make_ready(parent);
            }
            Doing::Receiving => {
                self.deliver_exit(parent, s);
                self.make_ready(parent);
            }
            Doing::ReceivingExit(child) if child == id => {
                self.deliver_exit(parent, s);
                self.make_ready(parent);
            }
            _ => self.procs[parent].zombies.push_back(s),
        }
    }

    /// The end of a child as a message.
    pub fn deliver_exit(&mut self, parent: Slot, child: Slot) {
        let [id, status, reason, _] = self.reap(child);
        self.set_message(parent, 3, id, [status, reason, 0, 0]);
    }

    fn reap(&mut self, child: Slot) -> [u32; 4] {
        let process = &self.procs[child];
        let words = [process.id, process.status, process.reason, 0];
        self.free(child);
        words
    }

    /// The child with this id that the process may wait for, living, dying or ended.
    pub fn awaited_child(&self, me: Slot, id: u32) -> R<Slot> {
        let s = (id & 0x3FF) as usize;
        let is_it =
            |process: &super::state::Process| process.id == id && process.doing != Doing::Free;
        if self.procs.get(s).is_some_and(is_it) && self.is_awaited(me, s) {
            Ok(s)
        } else {
            Err(E::NoChild)
        }
    }

    pub fn wait(&mut self, me: Slot, child: Option<u32>) -> R {
        let zombie = match child {
            None if self.awaited(me) == 0 => return Err(E::NoChild),
            None => self.procs[me].zombies.front().copied(),
            Some(id) => {
                let child = self.awaited_child(me, id)?;
                (self.procs[child].doing == Doing::Ended).then_some(child)
            }
        };
        if let Some(zombie) = zombie {
            self.procs[me].zombies.retain(|other| *other != zombie);
            let words = self.reap(zombie);
            return self.answer_words(me, &words);
        }
        let only = match child {
            Some(id) => Some((id & 0x3FF) as usize),
            // With several children, the kernel does not look whether all of them wait.
            None if self.awaited(me) == 1 => {
                let newest = self.procs[me].children.first().copied();
                newest.filter(|child| self.procs[*child].attended)
            }
            None => None,
        };
        if only.is_some_and(|child| self.waits_for(child, me)) {
            return Err(E::Deadlock);
        }
        self.block(me, Doing::Waiting(child));
        Ok(())
    }

    pub fn is_descendant(&self, s: Slot, ancestor: Slot) -> bool {
        let mut at = Some(s);
        while let Some(slot) = at {
            if slot == ancestor {
                return true;
            }
            at = self.procs[slot].parent;
        }
        false
    }
}
