//! What a process may load and store, and what it finds: its own pages, its views, and what the
//! kernel shows to all.

use super::state::{E, Leaf, Model, Names, R, Right, Slot, Token, UTOP, bit};

/// A word of the kernel's own that the model does not know.
pub const KERNELS: u32 = 0xFFFF_FFFE;
/// An entry that names what lost views show; the model does not know which frames these are.
pub const LOST: u32 = 0xFFFF_FFFD;

impl Model {
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
