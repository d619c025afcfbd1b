//! What processes do: loads and stores, calls, and several of them in a row; and how pages are
//! chosen.

use abi::process::Target;
use abi::{Entry, EntryFlags, ProcessId, Syscall, UserPage};

use super::layout::{COW, FOREIGN, HEAP, ME, NONE, PAGED_OUT, TEXT, WRITE, page};
use super::machine::Machine;

/// How many words fill a page with what does not compress: more than three quarters.
pub const NOISE: u32 = 840;

/// A present leaf with the pager's mark: the pager may have a copy of the page.
pub fn is_marked(leaf: Entry) -> bool {
    leaf.is_present() && leaf.contains(EntryFlags::PAGER)
}

impl Machine {
    /// A page that a client loads or stores: often one that is paged out.
    pub(super) fn some_page(&mut self, id: ProcessId) -> u32 {
        let found = match self.random.below(3) {
            0 => self.one_of(id, |leaf| leaf.bits() == PAGED_OUT),
            _ => None,
        };
        found.unwrap_or_else(|| self.any_page())
    }

    /// A page with which something unusual happens: often one that is marked. Clients do not load
    /// and store marked pages as often, because a page that has D proves nothing about its mark.
    pub(super) fn marked_page(&mut self, id: ProcessId) -> u32 {
        let found = if self.random.one_in(3) { None } else { self.one_of(id, is_marked) };
        found.unwrap_or_else(|| self.any_page())
    }

    fn any_page(&mut self) -> u32 {
        match self.random.below(12) {
            0 => TEXT.start + self.random.below(TEXT.len() as u32),
            1 => FOREIGN.start + self.random.below(FOREIGN.len() as u32),
            2..=6 => HEAP.start + self.random.below(6),
            _ => HEAP.start + self.random.below(HEAP.len() as u32),
        }
    }

    /// A page of the client with such a leaf.
    pub(super) fn one_of(&mut self, id: ProcessId, has: impl Fn(Entry) -> bool) -> Option<u32> {
        let found: Vec<u32> =
            TEXT.chain(HEAP).filter(|number| has(self.see(id, page(*number)))).collect();
        (!found.is_empty()).then(|| self.random.of(&found))
    }

    /// A page of the client's heap where nothing is.
    pub(super) fn vacant_page(&mut self, id: ProcessId) -> Option<u32> {
        self.one_of(id, |leaf| leaf == Entry::ABSENT).filter(|number| HEAP.contains(number))
    }

    /// `id` makes a call, if it still has the CPU. Returns whether the call has succeeded.
    pub(super) fn make(&mut self, id: ProcessId, call: Syscall) -> bool {
        self.current() == Some(id) && self.call(call).is_ok()
    }

    /// A load or a store by the process on the CPU. A fault goes to the kernel.
    pub(super) fn touch(&mut self, address: u32, value: Option<u32>) {
        self.touch_from(0x0080_0060, address, value);
    }

    /// The same, by the instruction at `eip`.
    pub(super) fn touch_from(&mut self, eip: u32, address: u32, value: Option<u32>) {
        let hardware = &mut self.world.kernel.cpu.hardware;
        let result = match value {
            Some(value) => hardware.user_write(address, value),
            None => hardware.user_read(address).map(drop),
        };
        if let Err(fault) = result {
            hardware.fault_address = fault.address;
            let registers = self.world.registers();
            registers.error = fault.access.bits();
            registers.trap = 14;
            registers.eip = eip;
            let after = self.world.kernel.fault();
            self.settle(after);
        }
    }

    /// Stores somewhere in a page by the process on the CPU. One time in three it fills the page
    /// with what does not compress, so that the page goes to the disk.
    pub(super) fn fill(&mut self, id: ProcessId, number: u32) {
        let words = if self.random.one_in(3) { NOISE } else { 1 };
        self.fill_words(id, number, words);
    }

    /// Stores so many words of a page by the process on the CPU.
    pub(super) fn fill_words(&mut self, id: ProcessId, number: u32, words: u32) {
        let start = self.random.below(1024);
        let value = if self.random.one_in(6) { 0 } else { self.random.next() as u32 };
        for index in 0..words {
            let address = (number << 12) | (((start + index) * 4) & 0xFFC);
            // The product's low bytes repeat, the others do not.
            let word = value.wrapping_mul(index * 2 + 1).rotate_left(index);
            self.touch(address, Some(word));
            if self.current() != Some(id) {
                return;
            }
        }
    }

    /// A client stores to a page of its own, if it may or does not have the page.
    pub(super) fn store(&mut self, id: ProcessId, number: u32) {
        let leaf = self.see(id, page(number));
        if leaf.is_present() && !leaf.is_writable() {
            if leaf.permissions().contains(COW) {
                // As libsys's handler does.
                let page = page(number);
                self.make(id, Syscall::PageCopy { process: ME, page, permissions: NONE });
                return;
            }
            return self.touch(number << 12, None);
        }
        if TEXT.contains(&number) || FOREIGN.contains(&number) && !leaf.is_present() {
            return;
        }
        self.fill(id, number);
    }

    /// `id` maps a page of `owner`, which is itself or its child, at its own page `at`, writes the
    /// page there, and unmaps it again. `later`: the second mapping gets W by a call of its own.
    pub(super) fn write_through_alias(
        &mut self,
        id: ProcessId,
        (owner, number): (Target, u32),
        at: UserPage,
        later: bool,
    ) {
        let of = if owner == ME { id } else { self.client_of(owner).unwrap_or(id) };
        let was_marked = is_marked(self.see(of, page(number)));
        let permissions = if later { NONE } else { WRITE };
        let map = Syscall::PageMap {
            process: owner,
            page: page(number),
            to: ME,
            to_page: at,
            permissions,
        };
        if !self.make(id, map) {
            return;
        }
        self.tally.lent += u64::from(was_marked);
        if later {
            let protect = Syscall::PageProtect { process: ME, page: at, drop: NONE, add: WRITE };
            self.make(id, protect);
        }
        if self.see(id, at).is_writable() {
            self.tally.aliased += u64::from(was_marked);
            self.fill(id, at.page().number());
        }
        self.make(id, Syscall::PageUnmap { process: ME, page: at, marks: NONE });
    }

    fn client_of(&self, target: Target) -> Option<ProcessId> {
        match target {
            Target::Process(id) => Some(id),
            Target::Caller => None,
        }
    }
}
