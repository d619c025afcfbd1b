//! Which contents are kept, who refers to them, and where they are: so that they can move without anyone's noticing.

use crate::pool::{Full, Memory, Pool};

/// Contents that are kept, by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Item(u32);

impl Item {
    /// The item of this number.
    #[must_use]
    pub const fn numbered(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// Where kept contents are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Location {
    /// Compressed, at this offset of the arena.
    Compressed(u32),
    /// In this slot of the disk.
    Disk(u32),
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    /// With the next free one.
    Free(Option<Item>),
    Used {
        references: u32,
        location: Location,
    },
}

/// All items.
#[derive(Debug)]
pub struct Items {
    entries: Pool<Entry>,
    free: Option<Item>,
    used: u32,
}

/// Items that are added together.
const STEP: usize = 64;

impl Items {
    /// Room for `bound` items.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self { entries: Pool::new(bound.next_multiple_of(STEP)), free: None, used: 0 }
    }

    /// Items that someone refers to.
    #[must_use]
    pub const fn used(&self) -> u32 {
        self.used
    }

    /// Makes sure that `count` items can be added.
    ///
    /// # Errors
    /// `Full`: there is no memory for them, or no room.
    pub fn prepare(&mut self, count: u32, memory: &mut impl Memory) -> Result<(), Full> {
        while (self.entries.len() as u32) < self.used + count {
            let first = self.entries.len() as u32;
            self.entries.grow(STEP, &Entry::Free(None), memory)?;
            for number in (first..self.entries.len() as u32).rev() {
                self.entries.all_mut()[number as usize] = Entry::Free(self.free);
                self.free = Some(Item(number));
            }
        }
        Ok(())
    }

    /// A new item with one reference.
    ///
    /// # Panics
    /// If [`Items::prepare`] has not promised it.
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

    /// One reference more.
    pub fn retain(&mut self, item: Item) {
        let (references, _) = self.entry(item);
        *references += 1;
    }

    /// One reference less; where the contents were that nobody needs any more.
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

    /// Where the contents are.
    ///
    /// # Panics
    /// If nobody refers to the item: the books are wrong.
    #[must_use]
    pub fn find(&self, item: Item) -> Location {
        match self.entries.all()[item.0 as usize] {
            Entry::Used { location, .. } => location,
            Entry::Free(_) => panic!("item {} is free", item.0),
        }
    }

    /// The contents have moved.
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

    struct Plenty;

    impl Memory for Plenty {
        fn take(&mut self, _: usize, _: usize) -> bool {
            true
        }
    }

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
