//! What the calls on pages do to spaces, frames and quotas.

use super::state::{E, Frame, Leaf, Model, Names, R, Right, Slot, Token, UTOP, bit};

/// Bits of a leaf that a program chooses.
const CHOSEN: u32 = bit::W | bit::MARKS;

impl Model {
    /// The frame with this name.
    pub fn frame(&self, token: Token) -> &Frame {
        self.frames[token].as_ref().expect("a frame that is named is there")
    }

    fn frame_mut(&mut self, token: Token) -> &mut Frame {
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

    /// Shares one present page of a range.
    pub fn share(
        &mut self,
        from: (Slot, u32),
        to: (Slot, u32),
        (drop, add, both): (u32, u32, bool),
    ) -> R {
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
            return self.map_fresh(to.0, to.1, old.bits & CHOSEN & !bit::PAGER, Some(words));
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
        Ok(())
    }

    /// Maps a frame that is a driver's own.
    pub fn map_own(&mut self, s: Slot, page: u32, leaf: Leaf) -> R {
        self.prepare(s, page, 1)?;
        self.put(s, page, leaf);
        Ok(())
    }

    /// Whether a program may read the page at this address though it is not its own: it belongs to
    /// a view, or the kernel shows it.
    pub fn is_shown(&self, s: Slot, address: u32) -> bool {
        self.shown_word(s, address & !3).is_some()
    }

    /// The word there, without A and D if it is a directory's; `None` if it cannot be read.
    pub fn shown_word(&self, s: Slot, address: u32) -> Option<u32> {
        const WINDOW: u32 = 0x3BD;
        let (upper, lower) = (address >> 22, address >> 12 & 0x3FF);
        let index = address >> 2 & 0x3FF;
        match upper {
            // What the test machine shows there is zeros.
            0x3BB => (lower < 31).then_some(0),
            0x3BC => (lower < (self.records * 8).div_ceil(4096)).then_some(0),
            WINDOW => self.word_of_tables(s, lower, index),
            _ if address >= UTOP => None,
            _ => match self.procs[s].space.views.get(&upper)? {
                None => Some(0),
                Some((viewed, _)) => self.word_of_tables(*viewed, lower, index),
            },
        }
    }

    /// Word `index` of what a self map of the process shows under directory entry `table`.
    fn word_of_tables(&self, s: Slot, table: u32, index: u32) -> Option<u32> {
        const WINDOW: u32 = 0x3BD;
        let space = &self.procs[s].space;
        if table == WINDOW {
            return Some(self.directory_word(s, index));
        }
        if let Some(view) = space.views.get(&table) {
            // The directory of another process, seen as a table; or a table that shows zeros.
            return Some(match view {
                Some((viewed, _)) => self.directory_word(*viewed, index),
                None => LOST,
            });
        }
        if table == 0x3BB || table == 0x3BC {
            return Some(KERNELS);
        }
        space.tables.contains_key(&table).then(|| self.bits_of(self.leaf(s, table << 10 | index)))
    }

    /// A directory entry without A and D, or [`KERNELS`].
    fn directory_word(&self, s: Slot, index: u32) -> u32 {
        let space = &self.procs[s].space;
        let number = |token: Token| self.frame(token).number.unwrap_or(0) << 12;
        if let Some(table) = space.tables.get(&index) {
            return number(*table) | bit::P | bit::W | bit::U;
        }
        match space.views.get(&index) {
            Some(Some((viewed, _))) => number(self.procs[*viewed].space.directory) | 0x205,
            Some(None) => LOST,
            None if index == 0x3BD => number(space.directory) | bit::P | bit::U,
            None if index >= 0x3BB => KERNELS,
            None => 0,
        }
    }

    /// The word of a leaf.
    pub fn bits_of(&self, leaf: Leaf) -> u32 {
        leaf.bits
            | match leaf.names {
                Names::Nothing => 0,
                Names::Ram(token) => self.frame(token).number.unwrap_or(0) << 12,
                Names::Device(number) => number << 12,
            }
    }

    /// Whether the process may use the byte itself.
    pub fn may_use(&self, s: Slot, address: u32, write: bool) -> bool {
        if address < UTOP {
            let leaf = self.leaf(s, address >> 12);
            if leaf.is_present() && (leaf.has(bit::W) || !write) {
                return true;
            }
        }
        !write && self.is_shown(s, address)
    }

    /// The first byte of a buffer that the process may not use itself.
    pub fn check_buffer(&self, s: Slot, address: u32, length: u32, write: bool) -> R<()> {
        let _ = (s, write);
        match address.checked_add(length) {
            Some(end) if end <= UTOP => Ok(()),
            _ => Err(E::Fault),
        }
    }

    /// The first byte of these that the process may not use itself.
    pub fn first_bad(&self, s: Slot, address: u32, length: u32, write: bool) -> Option<u32> {
        let end = u64::from(address) + u64::from(length);
        let mut at = u64::from(address);
        while at < end {
            // Above the last address there is nothing.
            if !self.may_use(s, at as u32, write) {
                return Some(at as u32);
            }
            at = (at & !0xFFF) + 0x1000;
        }
        None
    }

    /// Notes that the process's page was used.
    fn touch(&mut self, s: Slot, address: u32, write: bool) {
        let marks = if write { bit::A | bit::D } else { bit::A };
        if let Some(leaf) = self.procs[s].space.leaves.get_mut(&(address >> 12)) {
            leaf.bits |= marks;
        }
    }

    /// Reads an aligned word that the process may read.
    pub fn read(&mut self, s: Slot, address: u32) -> u32 {
        let leaf = if address < UTOP { self.leaf(s, address >> 12) } else { Leaf::ABSENT };
        if !leaf.is_present() {
            return self.shown_word(s, address).unwrap_or(0);
        }
        self.touch(s, address, false);
        match leaf.names {
            Names::Ram(token) => self.frame(token).words[(address >> 2 & 0x3FF) as usize],
            // Nobody answers on the bus.
            _ => u32::MAX,
        }
    }

    /// Writes an aligned word that the process may write.
    pub fn write(&mut self, s: Slot, address: u32, value: u32) {
        self.touch(s, address, true);
        if let Names::Ram(token) = self.leaf(s, address >> 12).names {
            self.frame_mut(token).words[(address >> 2 & 0x3FF) as usize] = value;
        }
    }

    pub fn read_byte(&mut self, s: Slot, address: u32) -> u8 {
        self.read(s, address & !3).to_le_bytes()[(address & 3) as usize]
    }

    pub fn write_byte(&mut self, s: Slot, address: u32, value: u8) {
        let mut bytes = self.read(s, address & !3).to_le_bytes();
        bytes[(address & 3) as usize] = value;
        self.write(s, address & !3, u32::from_le_bytes(bytes));
    }

    /// Takes one view away: it shows zeros from now on.
    pub fn lose_view(&mut self, viewed: Slot, right: Right) {
        for process in &mut self.procs {
            for view in process.space.views.values_mut() {
                if *view == Some((viewed, right)) {
                    *view = None;
                }
            }
        }
    }

    /// Whether the process views another one.
    pub fn views_something(&self, s: Slot) -> bool {
        self.procs[s].space.views.values().any(Option::is_some)
    }
}

/// A word of the kernel's own that the model does not know.
pub const KERNELS: u32 = 0xFFFF_FFFE;
/// An entry that names what lost views show; the model does not know which frames these are.
pub const LOST: u32 = 0xFFFF_FFFD;

use super::state::Account;
