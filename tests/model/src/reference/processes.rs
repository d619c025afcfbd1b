//! What the calls about processes do: children, quotas, counts, views and pagers.

use super::state::{
    Account, Ask, Buffer, Doing, E, Frame, Model, Process, R, Regs, Right, Slot, Unfinished,
};

impl Model {
    /// Takes the registers that a parent or JOS program may set.
    pub fn set_registers(&mut self, s: Slot, words: [u32; 10]) {
        const MAY_SET: u32 = 0x24_0DD5;
        const INTERRUPTS: u32 = 0x200;
        let [edi, esi, ebp, ebx, edx, ecx, eax, eip, eflags, esp] = words;
        let trap = self.procs[s].regs.trap;
        let eflags = eflags & MAY_SET | INTERRUPTS;
        self.procs[s].regs = Regs { eax, ebx, ecx, edx, esi, edi, ebp, eip, esp, eflags, trap };
        self.procs[s].unfinished = Unfinished::None;
    }

    pub fn copy_registers(&mut self, me: Slot, child: Slot) {
        self.procs[child].regs = Regs { eax: 0, ..self.procs[me].regs };
        self.procs[child].fpu = self.procs[me].fpu;
    }

    /// Makes a stopped child.
    pub fn create(&mut self, me: Slot, attended: bool) -> R<Slot> {
        let directory = self.take_frame()?;
        if let Err(error) = self.charge(self.procs[me].account, 1, 1) {
            self.give_back(directory);
            return Err(error);
        }
        let parent = &self.procs[me];
        let mut process = Process::new(0, directory);
        (process.parent, process.attended) = (Some(me), attended);
        (process.pager, process.pager_ended) = (parent.pager, parent.pager_ended);
        (process.timeout, process.account) = (parent.timeout, parent.account);
        let slot = self.free_slots.pop().unwrap_or(self.procs.len());
        if slot == self.procs.len() {
            process.id = 0x1000 | slot as u32;
            self.procs.push(process);
        } else {
            // Generations begin again before bit 31 would be set.
            let next = self.procs[slot].id + 0x1000;
            process.id = if next < 0x8000_0000 { next } else { 0x1000 | slot as u32 };
            self.procs[slot] = process;
        }
        self.procs[me].children.insert(0, slot);
        Ok(slot)
    }

    pub fn set_quota(&mut self, s: Slot, frames: u32, processes: u32) -> R {
        if !self.procs[s].owns_account {
            let process = &self.procs[s];
            let awaited = process.gone.iter().any(|gone| self.procs[*gone].attended);
            if !process.children.is_empty() || awaited {
                return Err(E::Busy);
            }
            let above = process.account;
            let mut depth = 0;
            let mut at = above;
            while let Some(name) = at {
                (depth, at) = (depth + 1, self.accounts[name].above);
            }
            if depth >= 16 {
                return Err(E::Refused);
            }
            self.accounts.push(Account { frames, processes, above });
            self.procs[s].account = Some(self.accounts.len() - 1);
            self.procs[s].owns_account = true;
        }
        let account = self.procs[s].account.expect("it owns one");
        (self.accounts[account].frames, self.accounts[account].processes) = (frames, processes);
        Ok(())
    }

    pub fn usage(&self, s: Slot) -> [u32; 4] {
        match self.procs[s].account {
            Some(account) if self.procs[s].owns_account => {
                let used = self.used(account);
                let bound = self.accounts[account];
                [used.0, bound.frames, used.1, bound.processes]
            }
            _ => [self.mapped(s), 0, 1, 0],
        }
    }

    /// How many mappings the frame with this number has.
    pub fn count_of(&self, number: u32) -> R<u32> {
        let named = |frame: &Frame| frame.number == Some(number);
        if let Some(frame) = self.frames.iter().flatten().find(|frame| named(frame)) {
            // A table or directory is counted once, by the entry that names it.
            let is_table = frame.leaves == 0 && !frame.pinned;
            return Ok(if is_table { 1 } else { frame.leaves + u32::from(frame.pinned) });
        }
        if self.taken.contains(&number) {
            return Ok(1);
        }
        let managed = self.managed.iter().any(|range| (range.0..range.1).contains(&number));
        if managed { Ok(0) } else { Err(E::NotMapped) }
    }

    pub fn view_attach(&mut self, me: Slot, t: Option<u32>, entry: u32) -> R {
        let s = self.resolve(me, t)?;
        let is_child = self.is_child(me, s);
        if s == me || !is_child && self.procs[s].pager != Some(me) {
            return Err(E::NoSuchProcess);
        }
        if self.views_something(s) {
            return Err(E::Refused);
        }
        let right = if is_child { Right::Parent } else { Right::Pager };
        let space = &self.procs[me].space;
        let taken = space.tables.contains_key(&entry) || space.views.contains_key(&entry);
        if taken || space.views.values().any(|view| *view == Some((s, right))) {
            return Err(E::Busy);
        }
        for right in [Right::Parent, Right::Pager] {
            self.lose_view(me, right);
        }
        self.procs[me].space.views.insert(entry, Some((s, right)));
        self.ok(me)
    }

    pub fn set_pager(&mut self, me: Slot, t: Option<u32>, pager: Option<u32>) -> R {
        let s = self.child(me, t)?;
        if let Doing::Sending(_, ask) | Doing::Answer(_, ask) = self.procs[s].doing
            && !matches!(ask, Ask::Send | Ask::Call)
        {
            return Err(E::Busy);
        }
        let pager = pager.map(|id| self.find(id)).transpose()?;
        if let Some(pager) = pager {
            if pager != me && !self.procs[pager].accepts_clients {
                return Err(E::Refused);
            }
            let above: Vec<Slot> =
                std::iter::successors(Some(pager), |at| self.procs[*at].pager).take(20).collect();
            if above.contains(&s) || above.len() + self.longest_below(s) > 8 {
                return Err(E::Deadlock);
            }
        }
        if self.procs[s].pager != pager {
            self.lose_view(s, Right::Pager);
        }
        (self.procs[s].pager, self.procs[s].pager_ended) = (pager, false);
        self.ok(me)
    }

    /// The longest chain of clients below a process.
    fn longest_below(&self, s: Slot) -> usize {
        let clients = (0..self.procs.len()).filter(|client| {
            self.procs[*client].pager == Some(s) && self.procs[*client].is_alive()
        });
        clients.map(|client| self.longest_below(client) + 1).max().unwrap_or(0)
    }

    pub fn clone_call(&mut self, me: Slot, child: u32) -> R {
        let s = self.child(me, Some(child))?;
        let Some(pager) = self.procs[me].pager else {
            return if self.procs[me].pager_ended { Err(E::PeerEnded) } else { self.ok(me) };
        };
        if self.procs[s].pager != Some(pager) {
            return Err(E::Refused);
        }
        let buffer = Buffer { words: [child, 0, 0, 0], ..Buffer::default() };
        self.begin_request(me, pager, Ask::Clone, buffer)
    }
}
