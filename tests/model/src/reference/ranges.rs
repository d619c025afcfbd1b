//! The calls on ranges: page after page, and how far they came.
//!
//! A call works up to a bound, counted in units, and then says how many pages it has done. The page
//! that reaches the bound is done. If a page fails, the call says how many are done before it; only
//! the first page's error is the call's.

use super::state::{E, Leaf, Model, Names, R, Slot, bit};

/// A range: its first page and its length.
pub type Range = (u32, u32);

/// The most units of work of a call.
const BOUND: u32 = 528;
/// Units for a page whose frame gets one more mapping.
const MAPPED: u32 = 16;
/// More units for a frame that is copied.
const COPIED: u32 = 48;
/// Pages that one call allocates, maps from a device, unmaps and protects: as many as 48, 16, 3 and
/// 2 units each allow.
const ALLOCATED: u32 = 11;
const OF_A_DEVICE: u32 = 33;
const UNMAPPED: u32 = 176;
const PROTECTED: u32 = 264;

/// What a page takes: at least and at most so many units. Which of its ways a share takes that has
/// two is the kernel's choice.
type Units = (u32, u32);

impl Model {
    /// Does `step` for the first pages of a range, at most `pages`.
    fn first_pages(
        &mut self,
        me: Slot,
        pages: u32,
        mut step: impl FnMut(&mut Self, u32) -> R,
    ) -> R<u32> {
        self.as_far_as_the_bound(me, pages, |model, done| step(model, done).map(|()| (0, 0)))
    }

    /// Does `step` for the pages of a range until the bound is reached.
    fn as_far_as_the_bound(
        &mut self,
        me: Slot,
        pages: u32,
        mut step: impl FnMut(&mut Self, u32) -> R<Units>,
    ) -> R<u32> {
        let says = self.hints[me].0;
        let (mut done, mut least, mut most) = (0, 0, 0);
        while done < pages {
            if least >= BOUND {
                self.broken.push(format!("a call works for more than {done} pages"));
                break;
            }
            let stops = (says.eax, says.ebx) == (0, done) && done > 0;
            if stops && most >= BOUND {
                break;
            }
            match step(self, done) {
                Ok(_) if stops => self.broken.push(format!("a call stops after {done} pages")),
                Ok(units) => (least, most) = (least + units.0, most + units.1),
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
            done += 1;
        }
        Ok(done)
    }

    pub fn range_share(
        &mut self,
        me: Slot,
        (from, range): (Slot, Range),
        (to, first): (Slot, u32),
        (drop, add, both): (u32, u32, bool),
    ) -> R {
        if from == to && first > range.0 && first < range.0 + range.1 {
            return Err(E::InvalidArgument);
        }
        let mut add = self.may_leave(me, to, add);
        if both {
            add = self.may_leave(me, from, add);
        }
        // A short way is open to pages of the caller's own that keep their place in their tables.
        let forks = drop & bit::W != 0 && from != to && first == range.0;
        let has_short_way = from == me && first % 1024 == range.0 % 1024 && (!both || forks);
        let done = self.as_far_as_the_bound(me, range.1, |model, done| {
            let page = range.0 + done;
            if !model.leaf(from, page).is_present() {
                let walked = model.procs[from].space.tables.contains_key(&(page >> 10)).into();
                return Ok((walked, walked));
            }
            let copied = model.share((from, page), (to, first + done), (drop, add, both))?;
            Ok(match (copied, has_short_way) {
                (true, _) => (MAPPED + COPIED, MAPPED + COPIED),
                (false, true) => (1, MAPPED),
                (false, false) => (MAPPED, MAPPED),
            })
        })?;
        self.answer(me, done)
    }

    pub fn range_unmap(&mut self, me: Slot, s: Slot, range: Range, marks: u32) -> R {
        let marks = self.may_leave(me, s, marks);
        let done = self.first_pages(me, range.1.min(UNMAPPED), |model, done| {
            let page = range.0 + done;
            let leaf = model.leaf(s, page);
            if leaf != Leaf::ABSENT {
                let bits = if leaf.is_present() { marks } else { 0 };
                model.put(s, page, Leaf { names: Names::Nothing, bits });
            }
            Ok(())
        })?;
        self.answer(me, done)
    }

    pub fn range_allocate(&mut self, me: Slot, s: Slot, range: Range, chosen: u32) -> R {
        let chosen = self.may_leave(me, s, chosen);
        let pages = range.1.min(ALLOCATED);
        let done =
            self.first_pages(me, pages, |model, done| model.allocate(s, range.0 + done, chosen))?;
        self.answer(me, done)
    }

    pub fn map_device(&mut self, me: Slot, range: Range, leaf: impl Fn(u32) -> R<Leaf>) -> R {
        let done = self.first_pages(me, range.1.min(OF_A_DEVICE), |model, done| {
            model.map_own(me, range.0 + done, leaf(done)?)
        })?;
        self.procs[me].granted = true;
        self.answer(me, done)
    }

    pub fn range_protect(&mut self, me: Slot, s: Slot, range: Range, (drop, add): (u32, u32)) -> R {
        let add = self.may_leave(me, s, add);
        let (mut any, mut accessed, mut dirty) = (0, 0, 0);
        let done = self.first_pages(me, range.1.min(PROTECTED), |model, done| {
            let old = match model.protect(s, range.0 + done, drop, add) {
                Ok(old) => old.bits,
                Err(E::NotMapped) => 0,
                Err(error) => return Err(error),
            };
            any |= old & (bit::A | bit::D);
            if done < 32 {
                accessed |= u32::from(old & bit::A != 0) << done;
                dirty |= u32::from(old & bit::D != 0) << done;
            }
            Ok(())
        })?;
        self.answer_words(me, &[done, any, accessed, dirty])
    }
}
