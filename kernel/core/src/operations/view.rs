//! Views: a process reads the page tables of its child or client through one of its own directory
//! entries.
//!
//! The directory entry names the directory of the viewed process. The CPU then uses that directory
//! as a page table, and the directory's entries as leaves. So the viewer reads the viewed process's
//! page tables as 1,024 pages, and U and W in the viewed directory keep their meaning: the kernel's
//! tables stay hidden. The viewer's entry has P, U and the mark VIEW, and never W.
//!
//! Assumed:
//! - While a process is viewed, its directory entries change only from absent to a table, and
//!   [`Memory`] flushes the viewer's page for each. No entry of it becomes a view, because a
//!   process that views another one cannot be viewed.
//! - The tables of a process are freed only after [`Kernel::lose_views`].
//!
//! A view is *lost* when the viewer or the viewed process ends, when the viewer is no longer the
//! pager, or when the viewed process attaches a view itself. The viewer's entry then names the
//! *empty view*: a table of 1,024 read-only mappings of one frame of zeros. The viewer may be in
//! the middle of a scan, and so its next load reads an absent entry and does not fault. Both frames
//! are made at boot. A is set in all 1,024 entries from the start, so no page walk ever writes to
//! the table.
//!
//! [`Memory`]: crate::memory::space::Memory

use abi::layout::ENTRIES;
use abi::process::Target;
use abi::{Entry, EntryFlags, Error, ViewSlot};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::empty_view::EmptyView;
use crate::state::process::{Index, Right, ViewName};

/// The flags of a directory entry that holds a view.
const VIEW: EntryFlags = EntryFlags::USER_LEAF.union(EntryFlags::VIEW);

impl<H: Hardware> Kernel<H> {
    /// Makes the empty view, at boot. Returns `None` if there is no frame for it.
    pub(crate) fn make_empty_view(&mut self) -> Option<()> {
        let [zeros, empty] = [self.frames.allocate()?, self.frames.allocate()?];
        let (zeros, empty) = (self.frames.adopt(zeros), self.frames.adopt(empty));
        self.cpu.hardware.zero_frame(zeros);
        let entry = Entry::new(zeros, EntryFlags::USER_LEAF | EntryFlags::ACCESSED);
        for index in 0..ENTRIES {
            self.cpu.hardware.write_frame(empty, index, entry.bits());
        }
        self.empty_view = Some(EmptyView { table: empty, zeros });
        Some(())
    }

    /// Attaches a view of a process at an empty directory entry of the caller.
    ///
    /// The caller can no longer be viewed from now on, so views of the caller are lost.
    ///
    /// # Errors
    /// - `NoSuchProcess`: the process is neither a child nor a client of the caller.
    /// - `Refused`: the process views another process itself.
    /// - `Busy`: the caller has a view of the process already, or the directory entry is not empty.
    pub(crate) fn view_attach(
        &mut self,
        caller: Index,
        process: Target,
        slot: ViewSlot,
    ) -> Result<(), Error> {
        let (viewed, right) = self.viewed_by(caller, process)?;
        let name = ViewName::new(viewed, right);
        if self.processes[viewed].views.first.is_some() {
            return Err(Error::Refused);
        }
        let is_empty = self.directory_entry_of(caller, slot.index()) == Entry::ABSENT;
        if !is_empty || self.processes.view(name).viewer.is_some() {
            return Err(Error::Busy);
        }
        if self.processes[caller].views.first.is_none() {
            self.lose_views_of(caller);
        }
        self.processes.link_view(name, caller, slot);
        let directory = self.processes[viewed].directory;
        self.point_view(caller, slot.index(), Entry::new(directory, VIEW));
        self.succeed(caller)
    }

    /// Empties a directory entry of the caller that holds a view, lost or not.
    ///
    /// # Errors
    /// `NotMapped`: the directory entry holds no view.
    pub(crate) fn view_detach(&mut self, caller: Index, slot: ViewSlot) -> Result<(), Error> {
        if !self.directory_entry_of(caller, slot.index()).contains(VIEW) {
            return Err(Error::NotMapped);
        }
        if let Some(name) = self.processes.view_at(caller, slot) {
            self.processes.unlink_view(name);
        }
        self.point_view(caller, slot.index(), Entry::ABSENT);
        self.succeed(caller)
    }

    /// Removes all views of a process and all views that it has attached, because the process ends.
    /// Takes one step for each view; a process has fewer views than directory entries.
    pub(crate) fn lose_views(&mut self, index: Index) {
        if self.processes.has_no_views(index) {
            return;
        }
        self.lose_views_of(index);
        while let Some(name) = self.processes[index].views.first {
            self.lose_view(name);
        }
    }

    /// Removes all views of one process.
    fn lose_views_of(&mut self, viewed: Index) {
        for right in Right::ALL {
            self.lose_view(ViewName::new(viewed, right));
        }
    }

    /// Makes a view show the empty view from now on, if it is attached.
    pub(crate) fn lose_view(&mut self, name: ViewName) {
        if let Some((viewer, entry)) = self.processes.unlink_view(name) {
            let empty = self.empty_view.expect("made at boot").table;
            self.point_view(viewer, entry, Entry::new(empty, VIEW));
        }
    }

    /// Writes a directory entry of a viewer, and flushes the 4 MiB under that entry and the window
    /// page that shows them. If the viewer is not loaded, the TLB holds nothing of it, because
    /// loading a directory flushes the TLB.
    fn point_view(&mut self, viewer: Index, entry: u32, to: Entry) {
        let directory = self.processes[viewer].directory;
        self.cpu.hardware.write_frame(directory, entry, to.bits());
        if self.cpu.loaded == Some(viewer) {
            self.cpu.flush_all();
        }
    }

    fn directory_entry_of(&mut self, index: Index, entry: u32) -> Entry {
        Entry::from_bits(self.cpu.hardware.read_frame(self.processes[index].directory, entry))
    }
}
