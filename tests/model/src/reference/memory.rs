//! What the calls on pages do to spaces, frames and quotas.

use super::state::{Account, E, Frame, Leaf, Model, Names, R, Slot, Token, bit};

/// Bits of a leaf that a program chooses.
const CHOSEN: u32 = bit::W | bit::MARKS;

impl Model {
    /// The frame with this name.
    pub fn frame(&self, token: Token) -> &Frame {
        self.frames[token].as_ref().expect("a frame that is named is there")
    }

    pub fn frame_mut(&mut self, token: Token) -> &mut Frame {
        self.frames[token].as_mut().expect("a frame that is named is there")
    }

    /// A frame with these bytes that nothing names yet.
    pub fn add_frame(&mut self, words: Box<[u32; 1024]>, pinned: bool) -> Token {
        let frame = Some(Frame { words, number: None, pinned, leaves: 0 });
        match self.free_tokens.pop() {
            Some(token) => {
                self.frames[token] = frame;
                token
            }
            None => {
                self.frames.push(frame);
                self.frames.len() - 1
            }
        }
    }

    /// Takes a free frame of zeros.
    pub fn take_frame(&mut self) -> R<Token> {
        if self.free == 0 {
            return Err(E::OutOfFrames);
        }
        self.free -= 1;
        Ok(self.add_frame(Box::new([0; 1024]), false))
    }

    /// Gives a frame back that nothing names.
    pub fn give_back(&mut self, token: Token) {
        self.frames[token] = None;
        self.free_tokens.push(token);
        self.free += 1;
    }

    /// How many mappings a frame has, as programs see it.
    pub fn count(&self, token: Token) -> u32 {
        let frame = self.frame(token);
        frame.leaves + u32::from(frame.pinned)
    }

    pub fn leaf(&self, s: Slot, page: u32) -> Leaf {
        self.procs[s].space.leaves.get(&page).copied().unwrap_or(Leaf::ABSENT)
    }

    pub fn has_table(&self, s: Slot, page: u32) -> bool {
        self.procs[s].space.tables.contains_key(&(page >> 10))
    }

    /// Writes a leaf, whose table is there, and counts.
    pub fn put(&mut self, s: Slot, page: u32, leaf: Leaf) {
        if let Names::Ram(token) = leaf.names {
            self.frame_mut(token).leaves += 1;
        }
        let leaves = &mut self.procs[s].space.leaves;
        let old =
            if leaf == Leaf::ABSENT { leaves.remove(&page) } else { leaves.insert(page, leaf) };
        if let Some(Names::Ram(token)) = old.map(|old| old.names) {
            self.frame_mut(token).leaves -= 1;
            if self.count(token) == 0 {
                self.give_back(token);
            }
        }
    }

    /// What a process is charged for.
    pub fn mapped(&self, s: Slot) -> u32 {
        use super::state::Doing;
        let space = &self.procs[s].space;
        if matches!(self.procs[s].doing, Doing::Free | Doing::Ended) {
            return 0;
        }
        let leaves = space.leaves.values().filter(|leaf| leaf.is_present()).count();
        1 + (space.tables.len() + leaves) as u32
    }

    /// Whether this account counts the process.
    pub fn counts(&self, account: usize, s: Slot) -> bool {
        let mut at = self.procs[s].account;
        while let Some(name) = at {
            if name == account {
                return true;
            }
            at = self.accounts[name].above;
        }
        false
    }

    /// What an account counts: frames, processes, and how many of these are dying.
    pub fn used(&self, account: usize) -> (u32, u32, u32) {
        use super::state::Doing;
        let mut used = (0, 0, 0);
        for s in 0..self.procs.len() {
            if self.procs[s].doing != Doing::Free && self.counts(account, s) {
                used.0 += self.mapped(s);
                used.1 += 1;
                used.2 += u32::from(self.procs[s].doing == Doing::Dying);
            }
        }
        used
    }

    /// Whether a process, or a child of its, may have so much more.
    pub fn charge(&mut self, account: Option<usize>, frames: u32, processes: u32) -> R {
        let mut at = account;
        while let Some(name) = at {
            let (used, Account { frames: f, processes: p, above }) =
                (self.used(name), self.accounts[name]);
            let over = |bound: u32, used: u32, by: u32| by != 0 && bound != 0 && used + by > bound;
            if over(f, used.0, frames) || over(p, used.1, processes) {
                self.met = Some(name);
                return Err(E::Quota);
            }
            at = above;
        }
        Ok(())
    }

    /// Makes room for a leaf at a page: its table, and the charge.
    fn prepare(&mut self, s: Slot, page: u32, more: u32) -> R {
        let account = self.procs[s].account;
        if self.has_table(s, page) {
            return if self.leaf(s, page).is_present() || more == 0 {
                Ok(())
            } else {
                self.charge(account, 1, 0)
            };
        }
        if self.procs[s].space.views.contains_key(&(page >> 10)) {
            return Err(E::NotPermitted);
        }
        self.charge(account, 1 + more, 0)?;
        let table = self.take_frame()?;
        self.procs[s].space.tables.insert(page >> 10, table);
        Ok(())
    }

    /// Maps a fresh frame with these bytes.
    fn map_fresh(&mut self, s: Slot, page: u32, chosen: u32, words: Option<Box<[u32; 1024]>>) -> R {
        let token = self.take_frame()?;
        if let Some(words) = words {
            self.frame_mut(token).words = words;
        }
        if let Err(error) = self.prepare(s, page, 1) {
            self.give_back(token);
            return Err(error);
        }
        let bits = bit::P | bit::U | chosen;
        self.put(s, page, Leaf { names: Names::Ram(token), bits });
        Ok(())
    }

    pub fn allocate(&mut self, s: Slot, page: u32, chosen: u32) -> R {
        self.map_fresh(s, page, chosen, None)
    }

    /// The mark PAGER belongs to the pager, if the space has one.
    pub fn may_leave(&self, caller: Slot, s: Slot, chosen: u32) -> u32 {
        match self.procs[s].pager {
            Some(pager) if pager != caller => chosen & !bit::PAGER,
            _ => chosen,
        }
    }

    fn has_pager(&self, s: Slot) -> bool {
        self.procs[s].pager.is_some()
    }

    /// Maps what `source` names, with these rights. It must be present.
    fn map_leaf(&mut self, source: Leaf, other: bool, (s, page): (Slot, u32), chosen: u32) -> R {
        if source.has(bit::OWN) || chosen & bit::W != 0 && !source.has(bit::W) {
            return Err(E::NotPermitted);
        }
        self.prepare(s, page, 1)?;
        let sealed =
            if other && chosen & bit::W == 0 { bit::SEALED } else { source.bits & bit::SEALED };
        let bits = bit::P | bit::U | chosen | sealed;
        self.put(s, page, Leaf { names: source.names, bits });
        Ok(())
    }

    /// Maps a page somewhere else as well.
    pub fn map(&mut self, from: (Slot, u32), to: (Slot, u32), chosen: u32) -> R {
        let source = self.leaf(from.0, from.1);
        if !source.is_present() {
            return Err(E::NotMapped);
        }
        self.map_leaf(source, from.0 != to.0, to, chosen)?;
        self.lend(source, from, to.0, chosen);
        Ok(())
    }

    /// A page that can be written through a further leaf is clean no more. Returns whether the mark
    /// was taken.
    fn lend(&mut self, source: Leaf, from: (Slot, u32), to: Slot, chosen: u32) -> bool {
        let written_elsewhere = from.0 == to || chosen & bit::W != 0;
        let lends = source.has(bit::PAGER) && self.has_pager(from.0) && written_elsewhere;
        if lends && self.leaf(from.0, from.1).is_present() {
            let leaf = self.leaf(from.0, from.1);
            self.put(from.0, from.1, Leaf { bits: leaf.bits & !bit::PAGER, ..leaf });
        }
        lends
    }

    pub fn move_page(
        &mut self,
        me: Slot,
        from: (Slot, u32),
        to: (Slot, u32),
        marks: u32,
    ) -> R<Leaf> {
        let marks = self.may_leave(me, from.0, marks);
        let old = self.leaf(from.0, from.1);
        if !old.is_present() {
            return Err(E::NotMapped);
        }
        if self.leaf(to.0, to.1).is_present() {
            return Err(E::Busy);
        }
        let brought = from.0 == me && self.procs[to.0].pager == Some(me);
        let keeps = !self.has_pager(from.0) && (brought || !self.has_pager(to.0));
        let chosen = old.bits & CHOSEN & if keeps { !0 } else { !bit::PAGER };
        self.map_leaf(old, from.0 != to.0, to, chosen)?;
        self.put(from.0, from.1, Leaf { names: Names::Nothing, bits: marks });
        Ok(old)
    }

    pub fn unmap(&mut self, s: Slot, page: u32, marks: u32) -> R<Leaf> {
        if marks != 0 {
            self.prepare(s, page, 0)?;
        }
        let old = self.leaf(s, page);
        if self.has_table(s, page) {
            self.put(s, page, Leaf { names: Names::Nothing, bits: marks });
        }
        Ok(old)
    }

    /// Makes a page private and writable. Returns whether it was copied.
    pub fn copy(&mut self, s: Slot, page: u32, marks: u32) -> R<bool> {
        let old = self.leaf(s, page);
        match old.names {
            _ if !old.is_present() => Err(E::NotMapped),
            _ if old.has(bit::OWN) => Err(E::NotPermitted),
            Names::Ram(token) if self.count(token) == 1 => {
                let bits = bit::P | bit::U | bit::W | marks | old.bits & (bit::A | bit::D);
                self.put(s, page, Leaf { bits, ..old });
                Ok(false)
            }
            Names::Ram(token) => {
                let words = self.frame(token).words.clone();
                self.map_fresh(s, page, marks | bit::W, Some(words))?;
                Ok(true)
            }
            Names::Nothing | Names::Device(_) => {
                unreachable!("a leaf of a device is its driver's own")
            }
        }
    }

    /// The bits of a leaf after a change that clears A and D.
    fn changed(&self, s: Slot, old: u32, drop: u32, add: u32) -> u32 {
        let mut new = old & !(drop & CHOSEN) & !(bit::A | bit::D);
        if add & bit::W != 0 {
            new &= !bit::SEALED;
        }
        // The page was written since the pager set its mark, and nothing else says so any more.
        if old & bit::D != 0 && self.has_pager(s) {
            new &= !bit::PAGER;
        }
        new | add
    }

    pub fn protect(&mut self, s: Slot, page: u32, drop: u32, add: u32) -> R<Leaf> {
        let old = self.leaf(s, page);
        if !old.is_present() {
            return Err(E::NotMapped);
        }
        if let Names::Ram(token) = old.names
            && add & bit::W != 0
            && old.has(bit::SEALED)
            && self.count(token) != 1
        {
            return Err(E::NotPermitted);
        }
        let bits = self.changed(s, old.bits, drop, add);
        self.put(s, page, Leaf { bits, ..old });
        Ok(old)
    }

    /// As `protect`, but A and D stay, and with them the pager's mark.
    pub fn protect_keeping(&mut self, s: Slot, page: u32, drop: u32, add: u32) -> R {
        let old = self.protect(s, page, drop, add)?;
        let pager = old.bits & !drop & bit::PAGER;
        let leaf = self.leaf(s, page);
        self.put(s, page, Leaf { bits: leaf.bits | old.bits & (bit::A | bit::D) | pager, ..leaf });
        Ok(())
    }

    /// Shares one present page of a range.
    pub fn share(
        &mut self,
        from: (Slot, u32),
        to: (Slot, u32),
        (drop, add, both): (u32, u32, bool),
    ) -> R<bool> {
        let old = self.leaf(from.0, from.1);
        let takes_write = drop & bit::W != 0;
        if let Names::Ram(token) = old.names
            && both
            && takes_write
            && old.has(bit::W)
            && self.count(token) > 1
        {
            // Somebody else may go on writing it: the other side gets a copy.
            if old.has(bit::OWN) {
                return Err(E::NotPermitted);
            }
            let words = self.frame(token).words.clone();
            self.map_fresh(to.0, to.1, old.bits & CHOSEN & !bit::PAGER, Some(words))?;
            return Ok(true);
        }
        let mut arrives = old.bits & CHOSEN & !drop;
        if self.has_pager(from.0) || self.has_pager(to.0) {
            arrives &= !bit::PAGER;
        }
        arrives |= add;
        self.map_leaf(old, from.0 != to.0, to, arrives)?;
        let lent = self.lend(old, from, to.0, arrives);
        if both {
            let kept = if lent { old.bits & !bit::PAGER } else { old.bits };
            let bits = kept & !(drop & CHOSEN) | add;
            self.put(from.0, from.1, Leaf { names: old.names, bits });
        }
        Ok(false)
    }

    /// Maps a frame that is a driver's own.
    pub fn map_own(&mut self, s: Slot, page: u32, leaf: Leaf) -> R {
        self.prepare(s, page, 1)?;
        self.put(s, page, leaf);
        Ok(())
    }
}
