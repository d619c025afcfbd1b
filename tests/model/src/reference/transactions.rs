//! A transaction: a list of operations, page after page.

use super::decode::{page, permissions};
use super::state::{E, Model, R, Slot, bit};

/// Bits of an operation's first word.
const SCATTERED: u32 = 0x10;
const BOTH: u32 = 0x20;
const KIND: u32 = 0xC;

/// An operation: what it does with each of its pages.
#[derive(Clone, Copy)]
struct Operation {
    kind: u32,
    drop: u32,
    add: u32,
    both: bool,
}

impl Model {
    /// Makes the operations of a list, and says how far that went.
    pub fn transact(&mut self, me: Slot, s: Slot, list: &[u32]) -> R {
        let (mut done, mut unmapped) = (0, 0);
        let result = self.transact_all(me, s, list, (&mut done, &mut unmapped));
        if result == Err(E::OutOfFrames) && !self.dying.is_empty() {
            self.broken.push("OutOfFrames while a process is dying".to_owned());
        }
        if result == Err(E::Quota) && self.met.is_some_and(|met| self.used(met).2 > 0) {
            self.broken.push("QuotaExceeded while a process dies that the quota counts".to_owned());
        }
        let regs = &mut self.procs[me].regs;
        (regs.ebx, regs.esi) = (done, unmapped);
        regs.eax = result.map_or_else(|error| (error as u32).wrapping_neg(), |()| 0);
        Ok(())
    }

    fn transact_all(
        &mut self,
        me: Slot,
        s: Slot,
        mut list: &[u32],
        (done, unmapped): (&mut u32, &mut u32),
    ) -> R {
        while !list.is_empty() {
            let &[first, second, third, ref rest @ ..] = list else {
                return Err(E::InvalidArgument);
            };
            let (to, from, pages) = (page(first & !0xFFF)?, page(third)?, second >> 12);
            let add = permissions(first & 0xFFF & !(KIND | SCATTERED | BOTH))?;
            let operation = Operation {
                kind: (first & KIND) >> 2,
                drop: permissions(second & 0xFFF)?,
                add,
                both: first & BOTH != 0,
            };
            let scattered = first & SCATTERED != 0;
            let ends = |page: u32| if scattered { page % 1024 + 1024 } else { page % 1024 + pages };
            let source_is_used = from != 0 || operation.both;
            let fits = match operation.kind {
                0 => !source_is_used,
                1 => !source_is_used && operation.drop == 0 && add & bit::W == 0,
                2 => add & bit::W == 0,
                _ => false,
            };
            let length = if scattered { 2 * pages } else { pages } as usize;
            let bad = ends(to) > 1024 || ends(from) > 1024 || !(1..=1024).contains(&pages);
            if bad || !fits || rest.len() < length {
                return Err(E::InvalidArgument);
            }
            let made = (0..pages).try_for_each(|index| {
                let words = &rest[if scattered { 2 * index } else { index } as usize..];
                let (places, expected) = if scattered {
                    ((to + (words[0] >> 12) % 1024, from + words[0] % 1024), words[1])
                } else {
                    ((to + index, from + index), words[0])
                };
                *unmapped |= self.transact_page(me, s, operation, places, expected)?;
                *done += 1;
                Ok(())
            });
            self.give_back_held();
            made?;
            list = &rest[length..];
        }
        Ok(())
    }

    /// One page. Returns A and D of what was unmapped.
    fn transact_page(
        &mut self,
        me: Slot,
        s: Slot,
        operation: Operation,
        (to, from): (u32, u32),
        expected: u32,
    ) -> R<u32> {
        let Operation { kind, drop, add, both } = operation;
        let mut add = self.may_leave(me, s, add);
        if both {
            add = self.may_leave(me, me, add);
        }
        let seen = if kind == 2 { self.leaf(me, from) } else { self.leaf(s, to) };
        if (self.bits_of(seen) ^ expected) & !(bit::A | bit::D) != 0 {
            return Err(E::Busy);
        }
        let needs = kind == 2 || kind == 0 && add & bit::W != 0;
        match kind {
            _ if needs && !seen.is_present() => Err(E::NotMapped),
            0 if seen.is_present() => {
                self.protect_keeping(s, to, drop, add)?;
                Ok(0)
            }
            0 => self.unmap(s, to, seen.bits & !drop | add).map(|_| 0),
            1 => {
                if seen.is_present() {
                    self.hold(s, seen.names);
                }
                let bits = if seen.is_present() { seen.bits & (bit::A | bit::D) } else { 0 };
                self.unmap(s, to, add).map(|_| bits)
            }
            _ => self.share((me, from), (s, to), (drop, add, both)).map(|()| 0),
        }
    }
}
