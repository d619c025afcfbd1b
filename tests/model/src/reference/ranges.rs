//! The calls on ranges: page after page, and how far they came.

use super::state::{E, Leaf, Model, Names, R, Slot, bit};

/// A range: its first page and its length.
pub type Range = (u32, u32);

impl Model {
    /// Says how many pages were done, with an error or without.
    fn progress(&mut self, me: Slot, done: u32, result: R) -> R {
        if result == Err(E::OutOfFrames) {
            self.procs[me].pages_done = done;
            return result;
        }
        self.procs[me].regs.ebx = done;
        self.procs[me].regs.eax = result.map_or_else(|error| (error as u32).wrapping_neg(), |()| 0);
        Ok(())
    }

    /// Does `step` for the pages of a range that are not done yet.
    fn each(&mut self, me: Slot, pages: u32, mut step: impl FnMut(&mut Self, u32) -> R) -> R {
        let mut done = self.skip.unwrap_or(0);
        if done >= pages {
            return Err(E::InvalidArgument);
        }
        self.procs[me].pages_done = 0;
        let mut result = Ok(());
        while done < pages && result.is_ok() {
            result = step(self, done);
            done += u32::from(result.is_ok());
        }
        if result == Err(E::Quota)
            && self.met.is_some_and(|met| self.used(met).2 > 0)
            && self.skip.is_none()
        {
            self.broken.push("QuotaExceeded while a process dies that the quota counts".to_owned());
        }
        self.progress(me, done, result)
    }

    pub fn range_share(
        &mut self,
        me: Slot,
        (from, range): (Slot, Range),
        (to, first): (Slot, u32),
        (drop, add, both): (u32, u32, bool),
    ) -> R {
        let mut add = self.may_leave(me, to, add);
        if both {
            add = self.may_leave(me, from, add);
        }
        let last = range.0 + range.1 - 1;
        let downwards = from == to && first > range.0 && first <= last;
        self.each(me, range.1, |model, done| {
            let index = if downwards { range.1 - 1 - done } else { done };
            let page = range.0 + index;
            if !model.leaf(from, page).is_present() {
                return Ok(());
            }
            model.share((from, page), (to, first + index), (drop, add, both))
        })
    }

    pub fn range_unmap(&mut self, me: Slot, s: Slot, range: Range, marks: u32) -> R {
        let marks = self.may_leave(me, s, marks);
        self.each(me, range.1, |model, done| {
            let page = range.0 + done;
            let leaf = model.leaf(s, page);
            if leaf != Leaf::ABSENT {
                let bits = if leaf.is_present() { marks } else { 0 };
                model.put(s, page, Leaf { names: Names::Nothing, bits });
            }
            Ok(())
        })
    }

    pub fn range_allocate(&mut self, me: Slot, s: Slot, range: Range, chosen: u32) -> R {
        let chosen = self.may_leave(me, s, chosen);
        self.each(me, range.1, |model, done| model.allocate(s, range.0 + done, chosen))
    }

    pub fn range_protect(&mut self, me: Slot, s: Slot, range: Range, (drop, add): (u32, u32)) -> R {
        let add = self.may_leave(me, s, add);
        let (mut any, mut accessed, mut dirty) = (0, 0, 0);
        for done in 0..range.1 {
            let old = match self.protect(s, range.0 + done, drop, add) {
                Ok(old) => old.bits,
                Err(E::NotMapped) => 0,
                Err(error) => return self.progress(me, done, Err(error)),
            };
            any |= old & (bit::A | bit::D);
            if done < 32 {
                accessed |= u32::from(old & bit::A != 0) << done;
                dirty |= u32::from(old & bit::D != 0) << done;
            }
        }
        self.answer_words(me, &[range.1, any, accessed, dirty])
    }
}
