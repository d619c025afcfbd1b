//! How a list of operations changes pages whose entries are still as the caller has seen them.
//!
//! An operation compares and changes the leaves of its pages. Then it flushes the pages that it has
//! changed, one by one or, if they are many, by one CR3 load. Only after that it releases the frames
//! that were unmapped. For that, the old leaf of each unmapped page is stored in the list, which is
//! the kernel's own copy.
//!
//! Most pages are *usual*: the table is there, the entry is as expected, and nothing else has to be
//! decided. A short loop for each kind of operation changes usual pages and stops before the first
//! other one. `unusual` compares that page again, and does what the call for one page does.
//! Without the loops, a page takes about 300 instructions.

use abi::transaction::{COMPARED, INDEX, Kind, Operation};
use abi::{Entry, EntryFlags, Error, UserPage};

use crate::hardware::{Hardware, Reach};
use crate::memory::change::Change;
use crate::memory::range::{FLUSH_LIMIT, Progress};
use crate::memory::share::Sharing;
use crate::memory::space::{Memory, Space, SpacePage, Via};
use crate::state::frames::Unmapped;

/// The spaces of a transaction: the caller's, which is loaded and has the sources of maps, and the
/// one that the operations change. That is the same, or it is in the alternate self map.
type Sides = (Space, Space);

/// The pages of an operation from page `done` on: each with its source page, and with the word that
/// says what is expected. `STEP` is how many words a page has.
#[inline(always)]
fn pages<'w, const STEP: usize>(
    operation: &Operation,
    words: &'w mut [u32],
    done: u32,
) -> impl Iterator<Item = (UserPage, UserPage, &'w mut u32)> + use<'w, STEP> {
    let (target, source) = (operation.page, operation.source);
    let words = words.get_mut(done as usize * STEP..).unwrap_or_default();
    words.as_chunks_mut::<STEP>().0.iter_mut().zip(done..).map(move |(words, index)| {
        let scattered = (words[0] >> 12 & INDEX, words[0] & INDEX);
        let (to, from) = if STEP == 1 { (index, index) } else { scattered };
        (target.plus(to), source.plus(from), &mut words[STEP - 1])
    })
}

impl<H: Hardware> Memory<'_, H> {
    /// Makes the operations of a list. Returns how many pages were done, and the old leaves of all
    /// pages that were unmapped, combined by OR.
    ///
    /// The error in the progress is `InvalidArgument` for a malformed operation, or one of
    /// `unusual`.
    pub fn transact(&mut self, sides: Sides, list: &mut [u32]) -> (Progress, Entry) {
        let (mut at, mut unmapped) = (0, 0);
        let mut progress = Progress { done: 0, result: Ok(()) };
        while let Some(rest) = list.get_mut(at..).filter(|rest| !rest.is_empty())
            && progress.result.is_ok()
        {
            progress.result = Operation::read(rest).and_then(|operation| {
                let words = Operation::HEAD..Operation::HEAD + operation.page_words();
                at += words.end;
                let words = rest.get_mut(words).ok_or(Error::InvalidArgument)?;
                let make = if operation.scattered { Self::make::<2> } else { Self::make::<1> };
                let (done, old, result) = make(self, sides, operation, words);
                progress.done += done;
                unmapped |= old;
                result
            });
        }
        (progress, Entry::from_bits(unmapped))
    }

    /// Makes one operation. Returns how many pages were done, the old leaves of those that were
    /// unmapped, combined by OR, and the error that stopped the operation.
    fn make<const STEP: usize>(
        &mut self,
        sides: Sides,
        mut operation: Operation,
        words: &mut [u32],
    ) -> (u32, u32, Result<(), Error>) {
        let (own, target) = sides;
        let wish = &mut operation.wish;
        wish.add = self.processes.may_leave(own.owner, target.owner, wish.add);
        if wish.both {
            wish.add = self.processes.may_leave(own.owner, own.owner, wish.add);
        }
        let change = Change::new(wish.drop, wish.add);
        let (mut done, mut result) = (0, Ok(()));
        while result.is_ok() {
            done += self.usual::<STEP>(sides, &operation, change, words, done);
            let next = pages::<STEP>(&operation, words, done).next();
            let Some((page, source, expected)) = next else { break };
            let places = (own.at(source), target.at(page));
            result = self.unusual(&operation, change, places, expected);
            done += u32::from(result.is_ok());
        }
        let words = &mut words[..done as usize * STEP];
        (done, self.settle_pages::<STEP>(sides, &operation, words), result)
    }

    /// Changes the usual pages of an operation from page `done` on, and returns how many they are.
    #[inline(always)]
    fn usual<const STEP: usize>(
        &mut self,
        (own, target): Sides,
        operation: &Operation,
        change: Change,
        words: &mut [u32],
        done: u32,
    ) -> u32 {
        let Via::Map(reach) = target.via else { return 0 };
        if !self.has_table(target, operation.page) {
            return 0;
        }
        let rest = pages::<STEP>(operation, words, done);
        let kept = change.keeping(EntryFlags::ACCESSED_DIRTY);
        match operation.wish.kind {
            Kind::Protect if change.adds_write() => {
                const USUAL: EntryFlags = EntryFlags::PRESENT.union(EntryFlags::SEALED);
                self.replace_usual(reach, rest, |old, _| {
                    (old.flags() & USUAL == EntryFlags::PRESENT).then_some(kept.of(old))
                })
            }
            // The bits of an absent leaf are marks, and change in the same way.
            Kind::Protect => self.replace_usual(reach, rest, |old, _| Some(kept.of(old))),
            Kind::Unmap => {
                let marks = change.of(Entry::ABSENT);
                self.replace_usual(reach, rest, |old, expected| {
                    *expected = old.bits();
                    Some(marks)
                })
            }
            Kind::Map if self.has_table(own, operation.source) => {
                let (both, target) = (operation.wish.both, (target, reach));
                if both && change.takes_write() && own.owner != target.0.owner {
                    self.map_usual::<true>((own, target), change, rest)
                } else if both {
                    0
                } else {
                    self.map_usual::<false>((own, target), change, rest)
                }
            }
            Kind::Map => 0,
        }
    }

    /// Replaces the leaves of pages, up to the first that is not as expected or that `new` leaves
    /// to `unusual`. Returns how many these are.
    #[inline(always)]
    fn replace_usual<'w>(
        &mut self,
        reach: Reach,
        pages: impl Iterator<Item = (UserPage, UserPage, &'w mut u32)>,
        new: impl Fn(Entry, &mut u32) -> Option<Entry>,
    ) -> u32 {
        let mut done = 0;
        for (page, _, expected) in pages {
            let old = self.cpu.hardware.read_entry(reach, page.page());
            if is_unexpected(old, *expected) {
                break;
            }
            let Some(new) = new(old, expected) else { break };
            self.cpu.hardware.write_entry(reach, page.page(), new);
            done += 1;
        }
        done
    }

    /// Compares one page of an operation and changes it as the call for one page does.
    ///
    /// # Errors
    /// - `Busy`: the entry is not as expected.
    /// - `NotMapped`: it is absent, and the operation maps it or adds W.
    /// - Those of [`Memory::change`], [`Memory::unmap`] and [`Memory::share_page`].
    #[cold]
    #[inline(never)]
    fn unusual(
        &mut self,
        operation: &Operation,
        change: Change,
        (source, target): (SpacePage, SpacePage),
        expected: &mut u32,
    ) -> Result<(), Error> {
        let kind = operation.wish.kind;
        let seen = if kind == Kind::Map { source } else { target };
        let old = self.leaf(seen.space, seen.page);
        if is_unexpected(old, *expected) {
            return Err(Error::Busy);
        }
        match kind {
            Kind::Map if old.is_present() => {
                let sharing = Sharing { change, both: operation.wish.both };
                self.share_page(source, target, old, sharing)
            }
            Kind::Protect if old.is_present() => {
                let change = change.keeping(EntryFlags::ACCESSED_DIRTY);
                let stale = self.change(target.space, target.page, old, change)?;
                self.flush(&stale);
                Ok(())
            }
            Kind::Map => Err(Error::NotMapped),
            Kind::Protect if change.adds_write() => Err(Error::NotMapped),
            // Only marks are left, for which a table may have to be made.
            Kind::Protect | Kind::Unmap => {
                *expected = Entry::ABSENT.bits();
                self.unmap(target.space, target.page, change.permissions(old)).map(drop)
            }
        }
    }

    /// Flushes the pages of an operation that were changed in the loaded space, then releases the
    /// frames of those that were unmapped. Returns their old leaves, combined by OR.
    fn settle_pages<const STEP: usize>(
        &mut self,
        (own, target): Sides,
        operation: &Operation,
        words: &mut [u32],
    ) -> u32 {
        let is_map = operation.wish.kind == Kind::Map;
        let is_stale = if is_map { operation.wish.both } else { target.via == own.via };
        if is_stale && words.len() > FLUSH_LIMIT as usize * STEP {
            self.cpu.flush_all();
        } else if is_stale {
            for (page, source, _) in pages::<STEP>(operation, words, 0) {
                self.cpu.flush_page(if is_map { source } else { page }.page());
            }
        }
        let (mut unmapped, mut present) = (0, 0);
        if operation.wish.kind == Kind::Unmap {
            for (_, _, old) in pages::<STEP>(operation, words, 0) {
                let old = Entry::from_bits(*old);
                unmapped |= old.bits();
                if old.is_present() {
                    present += 1;
                    self.frames.release(Unmapped::after_flush(old.frame()));
                }
            }
            self.processes.credit(target.owner, present);
        }
        unmapped
    }
}

/// Whether a leaf is another one than is expected. A and D are not compared.
pub(super) const fn is_unexpected(leaf: Entry, expected: u32) -> bool {
    (leaf.bits() ^ expected) & COMPARED != 0
}
