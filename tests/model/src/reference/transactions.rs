//! A transaction: a list of pages, each with the entry that the caller has seen there.

use super::decode::{Raw, page, permissions};
use super::state::{E, Model, R, Slot, bit};

/// Bits of word 2 that say what is done.
const KIND: u32 = 0xC;
/// What the CPU sets by itself is not compared.
const SET_BY_CPU: u32 = bit::A | bit::D;

/// What is done with each page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Protect,
    Unmap,
    Map { both: bool },
}

/// What a transaction does: the bits that go and come, and how many pages further on a page is
/// mapped.
#[derive(Clone, Copy)]
pub struct Wish {
    kind: Kind,
    drop: u32,
    add: u32,
    distance: u32,
}

impl Wish {
    /// Reads the registers of a call.
    pub fn of(raw: &Raw) -> R<Self> {
        let word = raw.w[2];
        let kind = match word & KIND {
            0 => Kind::Protect,
            4 => Kind::Unmap,
            other => Kind::Map { both: other == KIND },
        };
        let (drop, distance) = (permissions(word & 0xFFF & !KIND)?, word >> 12);
        let add = if kind == Kind::Protect { raw.permissions()? } else { raw.marks()? };
        let goes_nowhere = distance == 0;
        let fits = match kind {
            Kind::Protect => goes_nowhere,
            Kind::Unmap => goes_nowhere && drop == 0,
            Kind::Map { .. } => true,
        };
        if fits { Ok(Self { kind, drop, add, distance }) } else { Err(E::InvalidArgument) }
    }
}

impl Model {
    /// Changes the pages of a list, up to the first that cannot be changed. The kernel may stop
    /// earlier, but not before the first page.
    pub fn transact(&mut self, me: Slot, s: Slot, mut wish: Wish, list: &[(u32, u32)]) -> R {
        wish.add = self.may_leave(me, s, wish.add);
        if wish.kind == (Kind::Map { both: true }) {
            wish.add = self.may_leave(me, me, wish.add);
        }
        let theirs = self.hints[me].0;
        let enough = if theirs.eax == 0 { theirs.ebx.max(1) as usize } else { 1 };
        let (mut done, mut found) = (0, 0);
        for seen in list.iter().take(enough) {
            match self.transact_page(me, s, wish, *seen) {
                Ok(old) => found |= old & SET_BY_CPU,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
            done += 1;
        }
        self.answer_words(me, &[done, found])
    }

    /// Changes one page. Returns the old bits, if it was not mapped elsewhere.
    fn transact_page(
        &mut self,
        me: Slot,
        s: Slot,
        Wish { kind, drop, add, distance }: Wish,
        (address, seen): (u32, u32),
    ) -> R<u32> {
        let at = page(address)?;
        let owner = if matches!(kind, Kind::Map { .. }) { me } else { s };
        let old = self.leaf(owner, at);
        if (self.bits_of(old) ^ seen) & !SET_BY_CPU != 0 {
            return Err(E::Busy);
        }
        if kind != Kind::Unmap && !old.is_present() {
            return Err(E::NotMapped);
        }
        match kind {
            Kind::Protect => {
                self.protect_keeping(s, at, drop, add)?;
                Ok(old.bits)
            }
            Kind::Unmap => {
                self.unmap(s, at, add)?;
                Ok(old.bits)
            }
            Kind::Map { both } => {
                let to = page(address.wrapping_add(distance << 12))?;
                self.share((me, at), (s, to), (drop, add, both))?;
                Ok(0)
            }
        }
    }
}
