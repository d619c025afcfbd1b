//! How the bits of a present leaf change, while its frame stays: as two masks, which are computed
//! once for a call and then applied to each leaf.

use abi::{Entry, EntryFlags, Error, Permissions, UserPage};

use crate::hardware::Hardware;
use crate::memory::space::{Memory, Space, Stale};
use crate::state::process::Index;

/// The bits of an entry that hold the frame's address.
const FRAME: u32 = 0xFFFF_F000;

/// A change of a present leaf's bits: which to drop and which to add. It clears A and D, unless
/// `keeping` names them.
///
/// *Sealed* is cleared if W is added, and otherwise it stays. A sealed leaf never has W, so one
/// mask for all leaves is enough.
#[derive(Clone, Copy)]
pub(crate) struct Change {
    keep: u32,
    add: u32,
}

impl Change {
    /// The change that drops and then adds these permissions and marks.
    pub const fn new(drop: Permissions, add: Permissions) -> Self {
        let seal = if add.contains(Permissions::WRITE) { 0 } else { EntryFlags::SEALED.bits() };
        let keep = FRAME
            | EntryFlags::USER_LEAF.bits()
            | EntryFlags::DEVICE.bits()
            | (Permissions::all().bits() & !drop.bits());
        Self { keep: keep | seal, add: add.bits() }
    }

    /// The same change, which also keeps these bits of the hardware.
    pub const fn keeping(self, flags: EntryFlags) -> Self {
        Self { keep: self.keep | flags.bits(), ..self }
    }

    /// The same change, which also drops PAGER unless it adds PAGER.
    pub const fn without_pager_mark(self) -> Self {
        Self { keep: self.keep & !EntryFlags::PAGER.bits(), ..self }
    }

    /// The leaf after the change.
    pub const fn of(self, leaf: Entry) -> Entry {
        Entry::from_bits(leaf.bits() & self.keep | self.add)
    }

    /// The leaf after the change, if the leaf stays where it is and its process has a pager. If the
    /// change clears a set D, it also clears PAGER, unless it adds PAGER: the pager's copy no
    /// longer matches the page (`clean.rs` has the rule).
    const fn in_place(self, leaf: Entry) -> Entry {
        let new = self.of(leaf);
        if !leaf.is_dirty() || new.is_dirty() {
            return new;
        }
        Entry::from_bits(new.bits() & !EntryFlags::PAGER.bits() | self.add)
    }

    /// The permissions and marks of the leaf after the change.
    pub const fn permissions(self, leaf: Entry) -> Permissions {
        self.of(leaf).permissions()
    }

    /// Whether no leaf has W after the change.
    pub const fn takes_write(self) -> bool {
        (self.keep | self.add) & EntryFlags::WRITE.bits() == 0
    }

    /// Whether the change adds W.
    pub const fn adds_write(self) -> bool {
        self.add & EntryFlags::WRITE.bits() != 0
    }
}

impl<H: Hardware> Memory<'_, H> {
    /// Changes the bits of the present leaf `old`, which stays where it is.
    ///
    /// # Errors
    /// Those of [`Memory::changed`]. Nothing was changed.
    #[inline(always)]
    pub fn change(
        &mut self,
        space: Space,
        page: UserPage,
        old: Entry,
        change: Change,
    ) -> Result<Stale, Error> {
        let new = self.changed(space.owner, old, change)?;
        Ok(self.replace(space, page, old, new))
    }

    /// The present leaf `old` after the change.
    ///
    /// # Errors
    /// `NotPermitted`: a sealed page that has other mappings would get W.
    // The inlined functions of this file: with them `page_protect` takes 121 instructions in place
    // of 188.
    #[inline(always)]
    pub fn changed(&mut self, owner: Index, old: Entry, change: Change) -> Result<Entry, Error> {
        let mut new = change.of(old);
        if old.flags().intersects(EntryFlags::SEALED.union(EntryFlags::PAGER)) {
            new = self.change_of_marked(owner, old, change);
            if !new.is_present() {
                return Err(Error::NotPermitted);
            }
        }
        Ok(new)
    }

    /// The leaf after the change, if the old leaf is sealed or has PAGER. Returns an absent entry
    /// if the change is refused. Not inlined, so that an ordinary leaf costs one test.
    #[cold]
    #[inline(never)]
    fn change_of_marked(&mut self, owner: Index, old: Entry, change: Change) -> Entry {
        if change.adds_write() && old.is_sealed() && self.frames.count(old.frame()) != Some(1) {
            return Entry::ABSENT;
        }
        if self.processes.keeps_pager_mark(owner) { change.in_place(old) } else { change.of(old) }
    }

    /// Drops and adds bits in the leaf of a page, and clears A and D. Returns the old leaf.
    ///
    /// # Errors
    /// - `NotMapped`: nothing is present at the page.
    /// - `NotPermitted`: a sealed page that has other mappings would get W.
    #[inline(always)]
    pub fn protect(
        &mut self,
        space: Space,
        page: UserPage,
        change: Change,
    ) -> Result<Entry, Error> {
        let old = self.leaf(space, page);
        if !old.is_present() {
            return Err(Error::NotMapped);
        }
        let stale = self.change(space, page, old, change)?;
        self.flush(&stale);
        Ok(stale.old())
    }
}
