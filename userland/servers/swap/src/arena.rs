//! Where compressed pages (*blobs*) lie: one after the other in one piece of memory, oldest first.
//! Holes are closed by moving the blobs behind them.

use crate::items::Item;
use crate::pool::{Full, Memory, Pool};

/// Bytes before each blob: its item and its length.
const HEADER: usize = 8;
/// Stands in place of the item in the header of a hole.
const HOLE: u32 = u32::MAX;
/// Bytes by which the arena grows.
const STEP: usize = 1 << 16;
/// Holes are closed when they are more than one byte in so many.
const HOLES: usize = 8;

/// The compressed pages.
#[derive(Debug)]
pub struct Arena {
    bytes: Pool<u8>,
    /// The end of the last blob: an offset.
    head: usize,
    /// Before this offset there are only holes.
    oldest: usize,
    /// Bytes in blobs, headers included.
    live: usize,
}

/// A blob.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Blob {
    /// The item whose contents it is.
    pub item: Item,
    /// Where its header is.
    pub offset: u32,
}

impl Arena {
    /// An arena with addresses for `bound` bytes.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self { bytes: Pool::new(bound / STEP * STEP), head: 0, oldest: 0, live: 0 }
    }

    /// The bytes of memory that the arena has.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.bytes.all().len()
    }

    /// The bytes in use.
    #[must_use]
    pub const fn live(&self) -> usize {
        self.live
    }

    /// Makes room at the end for a blob of `length` bytes: by closing holes if they are large
    /// enough, or else with more memory. Calls `moved` for each blob that gets another offset.
    ///
    /// # Errors
    /// `Full`: the holes are too small, and there is no more memory or the bound is reached.
    pub fn prepare(
        &mut self,
        length: usize,
        memory: &mut impl Memory,
        moved: impl FnMut(Blob),
    ) -> Result<(), Full> {
        let needed = size(length);
        if self.head + needed <= self.bytes.all().len() {
            return Ok(());
        }
        let holes = self.head - self.live;
        if holes >= needed.max(self.bytes.all().len() / HOLES) {
            self.close_holes(moved);
            return Ok(());
        }
        self.bytes.grow(STEP, &0, memory)
    }

    /// Adds a blob. `owner` gets its offset and returns its item.
    ///
    /// # Panics
    /// If there is no room: [`Arena::prepare`] makes it.
    pub fn add(&mut self, blob: &[u8], owner: impl FnOnce(u32) -> Item) {
        let offset = self.head;
        let item = owner(offset as u32);
        self.write_header(offset, item.number(), blob.len());
        let start = offset + HEADER;
        self.bytes.all_mut()[start..start + blob.len()].copy_from_slice(blob);
        self.head += size(blob.len());
        self.live += size(blob.len());
    }

    /// The blob at an offset.
    #[must_use]
    pub fn get(&self, offset: u32) -> &[u8] {
        let (_, length) = self.header(offset as usize);
        let start = offset as usize + HEADER;
        &self.bytes.all()[start..start + length]
    }

    /// Makes a hole of the blob at an offset.
    ///
    /// # Panics
    /// If a hole is there: then a record or an item is wrong.
    pub fn remove(&mut self, offset: u32) {
        let (item, length) = self.header(offset as usize);
        assert_ne!(item, HOLE, "no blob is at {offset}");
        self.write_header(offset as usize, HOLE, length);
        self.live -= size(length);
        if self.live == 0 {
            (self.head, self.oldest) = (0, 0);
        }
    }

    /// The blob that follows in age; the oldest one after `None`.
    pub fn next(&mut self, after: Option<Blob>) -> Option<Blob> {
        match after {
            Some(blob) => {
                let (_, length) = self.header(blob.offset as usize);
                self.blob_from(blob.offset as usize + size(length))
            }
            None => {
                let oldest = self.blob_from(self.oldest);
                self.oldest = oldest.map_or(self.head, |blob| blob.offset as usize);
                oldest
            }
        }
    }

    /// The first blob from `offset` on. At `offset` a blob or a hole begins.
    fn blob_from(&self, mut offset: usize) -> Option<Blob> {
        while offset < self.head {
            let (item, length) = self.header(offset);
            if item != HOLE {
                return Some(Blob { item: Item::numbered(item), offset: offset as u32 });
            }
            offset += size(length);
        }
        None
    }

    fn close_holes(&mut self, mut moved: impl FnMut(Blob)) {
        let (mut to, mut from) = (0, self.oldest);
        while let Some(Blob { item, offset }) = self.blob_from(from) {
            let offset = offset as usize;
            let (_, length) = self.header(offset);
            if to != offset {
                self.bytes.all_mut().copy_within(offset..offset + size(length), to);
                moved(Blob { item, offset: to as u32 });
            }
            to += size(length);
            from = offset + size(length);
        }
        (self.head, self.oldest) = (to, 0);
    }

    fn header(&self, offset: usize) -> (u32, usize) {
        let word = |at: usize| {
            let bytes = &self.bytes.all()[at..at + 4];
            u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
        };
        (word(offset), word(offset + 4) as usize)
    }

    fn write_header(&mut self, offset: usize, item: u32, length: usize) {
        let header = &mut self.bytes.all_mut()[offset..offset + HEADER];
        header[..4].copy_from_slice(&item.to_le_bytes());
        header[4..].copy_from_slice(&(length as u32).to_le_bytes());
    }
}

/// The bytes that a blob of `length` bytes takes with its header.
const fn size(length: usize) -> usize {
    HEADER + length.next_multiple_of(HEADER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Plenty;
    use proptest::prelude::*;

    fn blob(item: u32, length: usize) -> Vec<u8> {
        (0..length).map(|index| (item as usize * 31 + index) as u8).collect()
    }

    #[test]
    fn the_oldest_comes_first() {
        let mut arena = Arena::new(STEP);
        for number in [3, 1, 2] {
            arena.prepare(100, &mut Plenty, |_| ()).unwrap();
            arena.add(&blob(number, 100), |_| Item::numbered(number));
        }
        for number in [3, 1, 2] {
            let oldest = arena.next(None).unwrap();
            assert_eq!(oldest.item, Item::numbered(number));
            arena.remove(oldest.offset);
        }
        assert_eq!((arena.next(None), arena.live()), (None, 0));
    }

    #[test]
    fn an_arena_without_holes_is_full_at_its_bound() {
        let mut arena = Arena::new(STEP);
        while arena.prepare(3000, &mut Plenty, |_| ()).is_ok() {
            arena.add(&blob(1, 3000), |_| Item::numbered(1));
        }
        assert!(arena.live() > STEP - 3100);
        assert_eq!(arena.size(), STEP);
    }

    /// 64 blobs of 1,024 bytes with their headers fill a step, so an eighth of it are 8 blobs.
    #[test]
    fn holes_are_closed_if_they_are_an_eighth_and_have_room_for_the_blob() {
        for (holes, length, closes) in [
            (7, 1016, false),
            (8, 1016, true),
            (8, 8 * 1024 - 8, true),
            (8, 8 * 1024 - 7, false),
            (10, 10 * 1024 - 8, true),
            (9, 10 * 1024 - 8, false),
        ] {
            let mut arena = Arena::new(2 * STEP);
            for number in 0..64 {
                arena.prepare(1016, &mut Plenty, |_| panic!("there are no holes")).unwrap();
                arena.add(&blob(number, 1016), |_| Item::numbered(number));
            }
            assert_eq!((arena.size(), arena.live()), (STEP, STEP));
            (0..holes).for_each(|number| arena.remove(number * 1024));
            let mut moved = Vec::new();
            arena.prepare(length, &mut Plenty, |blob| moved.push(blob)).unwrap();
            let to =
                |number| Blob { item: Item::numbered(number), offset: (number - holes) * 1024 };
            let expected: Vec<_> = (holes..64).map(to).collect();
            let size = if closes { STEP } else { 2 * STEP };
            assert_eq!(moved, if closes { expected } else { vec![] }, "{holes} {length}");
            assert_eq!(arena.size(), size, "{holes} {length}");
        }
    }

    #[test]
    fn an_arena_whose_last_blob_goes_begins_anew() {
        let mut arena = Arena::new(STEP);
        for _ in 0..3 {
            arena.prepare(3000, &mut Plenty, |_| ()).unwrap();
            arena.add(&blob(1, 3000), |offset| {
                assert_eq!(offset, 0);
                Item::numbered(1)
            });
            arena.remove(0);
            assert_eq!((arena.next(None), arena.live()), (None, 0));
        }
    }

    #[test]
    #[should_panic(expected = "no blob is at 0")]
    fn a_hole_cannot_be_removed() {
        let mut arena = Arena::new(STEP);
        arena.prepare(8, &mut Plenty, |_| ()).unwrap();
        arena.add(&blob(1, 8), |_| Item::numbered(1));
        arena.add(&blob(2, 8), |_| Item::numbered(2));
        arena.remove(0);
        arena.remove(0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
        #[test]
        fn every_blob_keeps_its_bytes_wherever_it_moves(
            steps in proptest::collection::vec((1_usize..3073, 0_usize..90), 200..400),
        ) {
            let mut arena = Arena::new(2 * STEP);
            let mut blobs: Vec<(u32, u32, usize)> = Vec::new();
            for (number, (length, victim)) in steps.into_iter().enumerate() {
                let number = number as u32;
                let room = arena.prepare(length, &mut Plenty, |moved| {
                    let known = blobs.iter_mut().find(|blob| blob.0 == moved.item.number());
                    known.expect("only blobs that are there move").1 = moved.offset;
                });
                if room.is_ok() {
                    arena.add(&blob(number, length), |offset| {
                        blobs.push((number, offset, length));
                        Item::numbered(number)
                    });
                }
                if room.is_err() || victim < blobs.len() {
                    let (_, offset, _) = blobs.remove(victim % blobs.len());
                    arena.remove(offset);
                }
                let live: usize = blobs.iter().map(|blob| size(blob.2)).sum();
                prop_assert_eq!(arena.live(), live);
                let oldest = blobs.iter().map(|blob| blob.0).min().map(Item::numbered);
                prop_assert_eq!(arena.next(None).map(|blob| blob.item), oldest);
            }
            for (number, offset, length) in blobs {
                prop_assert_eq!(arena.get(offset), blob(number, length));
            }
        }
    }
}
