//! What a view is: a directory entry of a parent or pager that names the directory of its child or client.
//!
//! Through it, hardware reads the other one's tables as if they were pages: its directory entries are the leaves, so
//! what they hide from ring 3 stays hidden. The entry has P, U and the view mark, and never W.
//!
//! Assumed: while a process is viewed, its directory entries only go from absent to a table ([`Memory`] flushes the view's
//! page then), because a viewer cannot be viewed; its tables are freed only after [`Kernel::lose_views`].
//!
//! A view is lost when either side ends, the right to it goes, or the process that it shows becomes a viewer. Its entry
//! then names the *empty view*, a table of 1,024 read-only mappings of one frame of zeros: a viewer that reads on meets
//! absent entries, not a page fault between two loads. Both frames are made at boot, and A is set in all 1,024 entries, so
//! that no walk ever writes there.
//!
//! [`Memory`]: crate::memory::space::Memory

use abi::layout::ENTRIES;
use abi::process::Target;
use abi::{Entry, EntryFlags, Error, ViewSlot};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::empty_view::EmptyView;
use crate::state::process::{Index, Right, ViewName};

/// What a directory entry of a view says beside the frame.
const VIEW: EntryFlags = EntryFlags::USER_LEAF.union(EntryFlags::VIEW);

impl<H: Hardware> Kernel<H> {
    /// Makes the empty view, at boot. `None`: there is no memory for it.
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

    /// Lets the caller view a process.
    ///
    /// # Errors
    /// - `NoSuchProcess`: it is neither a child nor a client of the caller.
    /// - `Refused`: it views something itself.
    /// - `Busy`: the caller views it already, or the directory entry is not empty.
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

    /// Empties a directory entry of the caller's that holds a view.
    ///
    /// # Errors
    /// `NotMapped`: it holds none.
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

    /// A process ends: nobody views it any more, nor it anybody. Costs a step for each of its views, of which there are
    /// fewer than directory entries.
    pub(crate) fn lose_views(&mut self, index: Index) {
        if self.processes.has_no_views(index) {
            return;
        }
        self.lose_views_of(index);
        while let Some(name) = self.processes[index].views.first {
            self.lose_view(name);
        }
    }

    /// Nobody views a process any more.
    fn lose_views_of(&mut self, viewed: Index) {
        for right in Right::ALL {
            self.lose_view(ViewName::new(viewed, right));
        }
    }

    /// A view, if there is one, shows nothing any more.
    pub(crate) fn lose_view(&mut self, name: ViewName) {
        if let Some((viewer, entry)) = self.processes.unlink_view(name) {
            let empty = self.empty_view.expect("made at boot").table;
            self.point_view(viewer, entry, Entry::new(empty, VIEW));
        }
    }

    /// Changes what a directory entry that is or becomes a view's names, and forgets what its 4 MiB and its own window
    /// page showed. A viewer that is not loaded has nothing cached: loading it flushes.
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
