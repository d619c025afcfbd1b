//! Where compressed pages (*blobs*) lie: one behind the other in a piece of memory of fixed size.
//! When it is full, the blobs are moved together.
//!
//! Nothing here allocates after the beginning, because a fault handler uses it.

use alloc::boxed::Box;
use alloc::vec;

/// Bytes before each blob: its page and its length, 2 bytes each.
const HEADER: usize = 4;

/// At most one blob for each of some pages.
#[derive(Debug)]
pub struct Blobs {
    bytes: Box<[u8]>,
    /// The offset of the header of each page's blob.
    offsets: Box<[Option<usize>]>,
    end: usize,
}

/// There is no room for a blob.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

impl Blobs {
    /// No blobs; room for `bytes` bytes, and for the blobs of pages below `pages`.
    #[must_use]
    pub fn new(pages: u16, bytes: usize) -> Self {
        Self {
            bytes: vec![0; bytes].into(),
            offsets: vec![None; usize::from(pages)].into(),
            end: 0,
        }
    }

    /// The blob of a page.
    #[must_use]
    pub fn get(&self, page: u16) -> Option<&[u8]> {
        let offset = self.offsets[usize::from(page)]?;
        Some(&self.bytes[offset + HEADER..offset + self.size(offset)])
    }

    /// Stores the blob of a page, in place of an older one. It is shorter than 64 KiB.
    ///
    /// # Errors
    /// `Full`: there is no room for it. The page has no blob then.
    pub fn put(&mut self, page: u16, blob: &[u8]) -> Result<(), Full> {
        let length = u16::try_from(blob.len()).map_err(|_| Full)?;
        self.offsets[usize::from(page)] = None;
        let size = HEADER + blob.len();
        if self.bytes.len() - self.end < size {
            self.push_together();
        }
        let offset = self.end;
        let room = self.bytes.get_mut(offset..offset + size).ok_or(Full)?;
        room[..2].copy_from_slice(&page.to_le_bytes());
        room[2..HEADER].copy_from_slice(&length.to_le_bytes());
        room[HEADER..].copy_from_slice(blob);
        self.offsets[usize::from(page)] = Some(offset);
        self.end += size;
        Ok(())
    }

    /// Bytes in blobs, without headers.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.offsets.iter().flatten().map(|offset| self.size(*offset) - HEADER).sum()
    }

    fn half(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    /// The bytes of the blob at an offset, header included.
    fn size(&self, offset: usize) -> usize {
        HEADER + usize::from(self.half(offset + 2))
    }

    fn push_together(&mut self) {
        let (mut from, mut to) = (0, 0);
        while from < self.end {
            let size = self.size(from);
            let page = self.half(from);
            let owner = &mut self.offsets[usize::from(page)];
            if *owner == Some(from) {
                *owner = Some(to);
                self.bytes.copy_within(from..from + size, to);
                to += size;
            }
            from += size;
        }
        self.end = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn every_page_has_the_blob_that_it_was_given_last(
            puts in proptest::collection::vec((0_u16..8, proptest::collection::vec(any::<u8>(), 0..60)), 0..100),
        ) {
            let mut blobs = Blobs::new(8, 200);
            let mut model = BTreeMap::new();
            for (page, blob) in puts {
                model.remove(&page);
                let used: usize = model.values().map(|blob: &Vec<u8>| blob.len() + HEADER).sum();
                let fits = used + blob.len() + HEADER <= 200;
                prop_assert_eq!(blobs.put(page, &blob), if fits { Ok(()) } else { Err(Full) });
                if fits {
                    model.insert(page, blob);
                }
                for page in 0..8 {
                    prop_assert_eq!(blobs.get(page), model.get(&page).map(Vec::as_slice));
                }
                prop_assert_eq!(blobs.bytes(), model.values().map(Vec::len).sum::<usize>());
            }
        }
    }
}
