//! How a program writes the list of a transaction: what it has seen, and what it wants.
//!
//! A program reads entries through the window and decides. Then it puts each page into a [`List`],
//! with the entry that it has seen, and makes all changes by one call (`paging::checked::transact`).
//! Where an entry is another one by then, the call stops there.
//!
//! Pages of the same table that change in the same way are one operation of the list, if they are
//! put into it one after the other; they need not follow each other in the space.

use abi::layout::PAGE_SIZE;
use abi::transaction::{Kind, LIST, Operation};
use abi::{Entry, UserPage};

pub use abi::transaction::Wish;

/// A list of operations, in words that its owner lends.
pub struct List<'w> {
    words: &'w mut [u32],
    used: usize,
    /// Where the head of the last operation begins, if there is one.
    last: usize,
}

/// The list has no room for one more page: make it, clear it, and go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

impl<'w> List<'w> {
    /// An empty list. It uses at most [`LIST`] of the words.
    #[must_use]
    pub fn new(words: &'w mut [u32]) -> Self {
        let length = words.len().min(LIST as usize);
        Self { words: &mut words[..length], used: 0, last: 0 }
    }

    /// The words of the list.
    #[must_use]
    pub fn words(&self) -> &[u32] {
        &self.words[..if self.is_begun() { self.last } else { self.used }]
    }

    /// Whether the last operation has no page yet. It does not count.
    fn is_begun(&self) -> bool {
        self.used > self.last && self.words[self.last + 1] < ONE_PAGE
    }

    /// Forgets all operations.
    pub fn clear(&mut self) {
        (self.used, self.last) = (0, 0);
    }

    /// Adds a page at which the program has seen the entry `seen`. Of a map, `source` is the page
    /// whose entry that is; otherwise it is ignored.
    ///
    /// # Errors
    /// `Full`: the list has no room. It is as before.
    #[inline(always)]
    pub fn add(
        &mut self,
        wish: Wish,
        page: UserPage,
        source: UserPage,
        seen: Entry,
    ) -> Result<(), Full> {
        self.begin(wish, page, source, 1)?;
        let index = if wish.kind == Kind::Map { source.page().table_index() } else { 0 };
        self.extend(core::iter::once((page.address() | index, seen)));
        Ok(())
    }

    /// Begins an operation on pages under the tables of `page` and, of a map, of `source`, unless
    /// the last operation is such a one. There is room for `pages` pages then.
    ///
    /// # Errors
    /// `Full`: there is not. The list is as before.
    pub fn begin(
        &mut self,
        wish: Wish,
        page: UserPage,
        source: UserPage,
        pages: usize,
    ) -> Result<(), Full> {
        let is_map = wish.kind == Kind::Map;
        let source = if is_map { table_of(source) } else { UserPage::known(0) };
        let page = table_of(page);
        let head = Operation { wish, page, source, pages: 0, scattered: true }.words();
        if self.is_begun() {
            self.used = self.last;
        }
        // Words are compared one by one: arrays would be compared by a call, byte by byte.
        let last = self.words.get(self.last..self.used).unwrap_or_default();
        let is_alike = matches!(*last, [first, second, third, ..]
            if first == head[0] && second % ONE_PAGE == head[1] && third == head[2]);
        let new = if is_alike { 0 } else { head.len() };
        let room = self.words.get_mut(self.used..).unwrap_or_default();
        if room.len() < new + 2 * pages {
            return Err(Full);
        }
        if !is_alike {
            room[..new].iter_mut().zip(head).for_each(|(word, value)| *word = value);
            self.last = self.used;
            self.used += new;
        }
        Ok(())
    }

    /// Adds pages to the operation that was begun, as many as there is room for: the place of each,
    /// and the entry that was seen.
    #[inline(always)]
    pub fn extend(&mut self, pages: impl Iterator<Item = (u32, Entry)>) {
        let room = self.words.get_mut(self.used..).unwrap_or_default();
        let mut added = 0;
        for ([to_place, to_seen], (place, seen)) in room.as_chunks_mut().0.iter_mut().zip(pages) {
            (*to_place, *to_seen) = (place, seen.bits());
            added += 1;
        }
        if added > 0 {
            self.used += 2 * added;
            self.words[self.last + 1] += added as u32 * ONE_PAGE;
        }
    }

    /// The addresses of all pages, in order.
    pub fn pages(&self) -> impl Iterator<Item = u32> {
        let mut rest = self.words();
        let mut left = 0;
        core::iter::from_fn(move || {
            if left == 0 {
                left = Operation::read(rest).ok()?.pages;
                rest = &rest[Operation::HEAD..];
            }
            left -= 1;
            let (place, behind) = rest.split_first()?;
            rest = &behind[1..];
            Some(place - place % PAGE_SIZE)
        })
    }
}

/// One page more, in the second word of a head.
const ONE_PAGE: u32 = 1 << 12;

/// The first page of the table that has the entry of `page`.
fn table_of(page: UserPage) -> UserPage {
    let offset = page.page().table_index() * PAGE_SIZE;
    // The first page of a user page's table is one, too.
    UserPage::new(page.address() - offset).unwrap_or(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::Permissions;
    use std::vec::Vec;

    const READ_ONLY: Wish = Wish {
        kind: Kind::Protect,
        drop: Permissions::WRITE,
        add: Permissions::empty(),
        both: false,
    };
    const SHARED: Wish = Wish {
        kind: Kind::Map,
        drop: Permissions::empty(),
        add: Permissions::empty(),
        both: false,
    };
    const NONE: UserPage = UserPage::known(0);

    #[test]
    fn pages_of_a_table_that_change_alike_are_one_operation() {
        let mut words = [0; 64];
        let mut list = List::new(&mut words);
        let seen = Entry::from_bits(0x0012_3067);
        for page in [0x1000_5000, 0x103F_F000, 0x1040_0000] {
            list.add(READ_ONLY, UserPage::known(page), NONE, seen).unwrap();
        }
        list.add(SHARED, UserPage::known(0x1040_1000), UserPage::known(0x2000_7000), seen).unwrap();
        let expected = [
            [0x1000_0010, 0x2002, 0].as_slice(),
            &[0x1000_5000, 0x12_3067, 0x103F_F000, 0x12_3067],
            &[0x1040_0010, 0x1002, 0, 0x1040_0000, 0x12_3067],
            &[0x1040_0018, 0x1000, 0x2000_0000, 0x1040_1007, 0x12_3067],
        ];
        assert_eq!(list.words(), expected.concat());
        list.begin(READ_ONLY, NONE, NONE, 3).unwrap();
        assert_eq!(list.words(), expected.concat(), "an operation without pages does not count");
        let pages: Vec<u32> = list.pages().collect();
        assert_eq!(pages, [0x1000_5000, 0x103F_F000, 0x1040_0000, 0x1040_1000]);
    }

    #[test]
    fn a_full_list_stays_as_it_is() {
        let mut words = [0; 8];
        let mut list = List::new(&mut words);
        let add = |list: &mut List<'_>, page| {
            list.add(READ_ONLY, UserPage::known(page), NONE, Entry::ABSENT)
        };
        assert_eq!(add(&mut list, 0x1000_0000), Ok(()));
        assert_eq!(add(&mut list, 0x1040_0000), Err(Full), "no room for a head");
        assert_eq!(add(&mut list, 0x1000_1000), Ok(()));
        assert_eq!(add(&mut list, 0x1000_2000), Err(Full));
        assert_eq!(list.words().len(), 7);
        assert!(Operation::read(list.words()).is_ok_and(|operation| operation.pages == 2));
        list.clear();
        assert_eq!(list.words(), []);
        assert_eq!(add(&mut list, 0x1040_0000), Ok(()));
    }
}
