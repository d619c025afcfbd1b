//! Stored contents by number: how many records refer to an item, and where its bytes are.
//!
//! A record names an item and not a location, so that the store can move contents without a change
//! in any record.

use crate::pool::{Full, Memory, Pool};

/// Stored contents, by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Item(u32);

impl Item {
    /// The item of this number.
    #[must_use]
    pub const fn numbered(number: u32) -> Self {
        Self(number)
    }

    /// The number of the item.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// Where the bytes of an item are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Location {
    /// Compressed, at this offset of the arena.
    Compressed(u32),
    /// In this slot of the disk.
    Disk(u32),
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    /// Holds the next free item.
    Free(Option<Item>),
    Used {
        references: u32,
        location: Location,
    },
}

/// All items. The free ones form a list.
#[derive(Debug)]
pub struct Items {
    entries: Pool<Entry>,
    free: Option<Item>,
    used: u32,
}

/// How many items are added at a time.
const STEP: usize = 64;

impl Items {
    /// Room for `bound` items.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self { entries: Pool::new(bound.next_multiple_of(STEP)), free: None, used: 0 }
    }

    /// How many items have references.
    #[must_use]
    pub const fn used(&self) -> u32 {
        self.used
    }

    /// Makes sure that `count` items can be added.
    ///
    /// # Errors
    /// `Full`: the bound is reached, or there is no memory.
    pub fn prepare(&mut self, count: u32, memory: &mut impl Memory) -> Result<(), Full> {
        while (self.entries.all().len() as u32) < self.used + count {
            let first = self.entries.all().len() as u32;
            self.entries.grow(STEP, &Entry::Free(None), memory)?;
            for number in (first..self.entries.all().len() as u32).rev() {
                self.entries.all_mut()[number as usize] = Entry::Free(self.free);
                self.free = Some(Item(number));
            }
        }
        Ok(())
    }

    /// Adds an item with one reference.
    ///
    /// # Panics
    /// If [`Items::prepare`] did not succeed for it.
    pub fn add(&mut self, location: Location) -> Item {
        let item = self.free.expect("items were prepared");
        let entry = &mut self.entries.all_mut()[item.0 as usize];
        if let Entry::Free(next) = *entry {
            self.free = next;
        }
        *entry = Entry::Used { references: 1, location };
        self.used += 1;
        item
    }

    /// Adds a reference.
    pub fn retain(&mut self, item: Item) {
        let (references, _) = self.entry(item);
        *references += 1;
    }

    /// Drops a reference. If it was the last one, the item is free, and this returns where its
    /// bytes were.
    pub fn release(&mut self, item: Item) -> Option<Location> {
        let (references, location) = self.entry(item);
        *references -= 1;
        let (left, location) = (*references, *location);
        if left > 0 {
            return None;
        }
        self.entries.all_mut()[item.0 as usize] = Entry::Free(self.free);
        self.free = Some(item);
        self.used -= 1;
        Some(location)
    }

    /// Where the bytes of an item are.
    ///
    /// # Panics
    /// If the item is free: then a record is wrong.
    #[must_use]
    pub fn find(&self, item: Item) -> Location {
        match self.entries.all()[item.0 as usize] {
            Entry::Used { location, .. } => location,
            Entry::Free(_) => panic!("item {} is free", item.0),
        }
    }

    /// Changes where the bytes of an item are.
    pub fn moved(&mut self, item: Item, to: Location) {
        *self.entry(item).1 = to;
    }

    fn entry(&mut self, item: Item) -> (&mut u32, &mut Location) {
        match &mut self.entries.all_mut()[item.0 as usize] {
            Entry::Used { references, location } => (references, location),
            Entry::Free(_) => panic!("item {} is free", item.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Plenty;

    #[test]
    fn an_item_lasts_as_long_as_its_last_reference() {
        let mut items = Items::new(3);
        items.prepare(2, &mut Plenty).unwrap();
        let (first, second) = (items.add(Location::Disk(5)), items.add(Location::Compressed(8)));
        items.retain(first);
        assert_eq!(items.release(first), None);
        items.moved(second, Location::Disk(6));
        assert_eq!(items.release(second), Some(Location::Disk(6)));
        assert_eq!(items.find(first), Location::Disk(5));
        assert_eq!(items.release(first), Some(Location::Disk(5)));
        assert_eq!(items.used(), 0);
        assert_eq!(items.add(Location::Disk(7)), first, "the one freed last comes first");
    }

    #[test]
    fn no_more_items_are_promised_than_there_is_room_for() {
        let mut items = Items::new(STEP);
        assert_eq!(items.prepare(STEP as u32, &mut Plenty), Ok(()));
        items.add(Location::Disk(0));
        assert_eq!(items.prepare(STEP as u32, &mut Plenty), Err(Full));
        assert_eq!(items.prepare(STEP as u32 - 1, &mut Plenty), Ok(()));
    }
}
