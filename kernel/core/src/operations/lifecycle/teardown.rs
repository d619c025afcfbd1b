//! How the memory of a dying process is freed: in steps of half a page table or a little more.
//!
//! A step that stops in a table goes on there the next time. Each leaf becomes absent as its frame
//! is released: who looks at physical memory from outside counts the mappings of each frame.
//!
//! A teardown flushes no pages. A dying process is not loaded and never will be again, and its
//! views are lost before its first table is freed. So no TLB holds a translation of its pages that
//! can be used.

use abi::layout::ENTRIES;
use abi::{Entry, Page, UserSlot};

use crate::hardware::{Hardware, Reach};
use crate::kernel::Kernel;
use crate::state::frames::Unmapped;
use crate::state::process::{Index, State};
use crate::state::process_table::QueueName;

/// The number of entries that a teardown tests together in a group that has a present entry.
const GROUP: u32 = 8;
/// The number of entries that a teardown tests together first. Most groups of a table are empty.
const LARGE_GROUP: u32 = 32;
const _: () = assert!(
    ENTRIES.is_multiple_of(LARGE_GROUP) && LARGE_GROUP.is_multiple_of(GROUP),
    "no group of pages reaches into the next table"
);

/// A step stops after the group in which it has freed so many pages.
const PAGES_AT_ONCE: u32 = 512;

impl<H: Hardware> Kernel<H> {
    /// Takes down one table of the first dying process, or [`PAGES_AT_ONCE`] pages of it if it has
    /// more, or the directory after the last table. Returns `false` if no process is dying.
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

    /// The next directory entry of a dying process that names a table of its own: the table in
    /// which the teardown has stopped, or one behind it.
    ///
    /// Only those groups of entries are read that have ever had a table. The other present entries
    /// are views, which are lost by now and name the empty view, which is never freed.
    fn next_table(&mut self, index: Index) -> Option<UserSlot> {
        let mut at = self.processes[index].memory.teardown / ENTRIES;
        while let Some(group) = self.processes[index].memory.table_groups.group_from(at) {
            for slot in group {
                let window = Reach::Alternate.window_page(slot.index());
                let entry = self.cpu.hardware.read_entry(Reach::Current, window);
                at = slot.index() + 1;
                if entry.is_own_table() {
                    return Some(slot);
                }
            }
        }
        None
    }

    /// Frees pages of a table of the process, and the table if no page is left. Not inlined:
    /// otherwise the loop would share registers with the loop of the caller, and run slower.
    #[inline(never)]
    fn take_down_table(&mut self, index: Index, table: UserSlot) {
        let first = table.first_page().page().number();
        let end = first + ENTRIES;
        let mut mapped = 0;
        let mut at = self.processes[index].memory.teardown.max(first);
        while at < end {
            if mapped >= PAGES_AT_ONCE {
                self.processes[index].memory.teardown = at;
                self.processes.credit(index, mapped);
                return;
            }
            let group = Page::numbered(at);
            if self.cpu.hardware.any_present::<LARGE_GROUP>(Reach::Alternate, group) {
                mapped += self.take_down_pages(group);
            }
            at += LARGE_GROUP;
        }
        self.processes[index].memory.teardown = end;
        let window = Reach::Alternate.window_page(table.index());
        let entry = self.cpu.hardware.read_entry(Reach::Current, window);
        self.cpu.hardware.write_entry(Reach::Current, window, Entry::ABSENT);
        self.cpu.flush_table_windows(Reach::Alternate, table);
        self.frames.release(Unmapped::after_flush(entry.frame()));
        self.processes.credit(index, mapped + 1);
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
                    self.cpu.hardware.write_entry(Reach::Alternate, page, Entry::ABSENT);
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
}
