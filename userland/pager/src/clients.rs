//! Whom the pager serves.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use libsys::abi::ProcessId;
use libsys::abi::fault::Access;
use libsys::regions::{Decision, Refusal};

use crate::client::Client;

/// The process is not a client, or not any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unknown;

/// All clients, by process slot.
#[derive(Debug)]
pub struct Clients<F> {
    by_slot: BTreeMap<u32, (ProcessId, Box<Client<F>>)>,
}

impl<F: Copy> Clients<F> {
    /// Nobody.
    #[must_use]
    pub const fn new() -> Self {
        Self { by_slot: BTreeMap::new() }
    }

    /// How many there are, those that ended unnoticed included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_slot.len()
    }

    /// There is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_slot.is_empty()
    }

    /// Takes a client, in place of any older one in its slot.
    pub fn insert(&mut self, id: ProcessId, client: Client<F>) {
        self.by_slot.insert(id.index(), (id, Box::new(client)));
    }

    /// The client with this id.
    ///
    /// # Errors
    /// `Unknown`: there is none.
    pub fn find(&self, id: ProcessId) -> Result<&Client<F>, Unknown> {
        match self.by_slot.get(&id.index()) {
            Some((known, client)) if *known == id => Ok(client),
            Some(_) | None => Err(Unknown),
        }
    }

    /// A client forks: its child may touch what it may touch. Pages that it has are not the pager's to copy; what is
    /// absent comes from the same places for both.
    ///
    /// # Errors
    /// `Unknown`: the parent is not a client.
    pub fn adopt(&mut self, parent: ProcessId, child: ProcessId) -> Result<(), Unknown> {
        let client = *self.find(parent)?;
        self.insert(child, client);
        Ok(())
    }

    /// What to do about a client's fault.
    #[must_use]
    pub fn decide(&self, id: ProcessId, address: u32, access: Access) -> Decision {
        match self.find(id) {
            Ok(client) => client.regions.decide(address, access),
            Err(Unknown) => Decision::Refuse(Refusal::NoRegion),
        }
    }

    /// Forgets the clients that have ended.
    pub fn retain(&mut self, is_alive: impl Fn(ProcessId) -> bool) {
        self.by_slot.retain(|_, (id, _)| is_alive(*id));
    }
}

impl<F: Copy> Default for Clients<F> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libsys::abi::image::Image;
    use libsys::abi::{Page, UserPage};
    use libsys::regions::{HEAP_END, HEAP_START};

    const READ: Access = Access::USER;
    const WRITE: Access = Access::USER.union(Access::WRITE);

    /// A program of two segments: two pages of text, and a page of data with a page of zeros after it.
    fn image() -> Image {
        let mut file = [0_u8; 0x3000];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"\x7fELF\x01\x01\x01");
        for (at, half) in [(16, 2_u16), (18, 3), (40, 52), (42, 32), (44, 2), (46, 40)] {
            put(at, &half.to_le_bytes());
        }
        for (at, word) in [(20, 1_u32), (24, 0x80_0020), (28, 52)] {
            put(at, &word.to_le_bytes());
        }
        let segments = [
            [1, 0, 0x80_0000, 0, 0x1800, 0x1800, 5, 0x1000],
            [1, 0x2000, 0x80_2000, 0, 0x800, 0x1800, 6, 0x1000],
        ];
        for (index, words) in segments.iter().enumerate() {
            for (word, value) in words.iter().enumerate() {
                put(52 + 32 * index + 4 * word, &u32::to_le_bytes(*value));
            }
        }
        Image::plan(&file[..1024], file.len() as u32).unwrap()
    }

    fn clients() -> (Clients<()>, ProcessId) {
        let (mut clients, id) = (Clients::new(), ProcessId::first(5));
        clients.insert(id, Client::new(image(), ()).unwrap());
        (clients, id)
    }

    #[test]
    fn each_region_is_served_in_its_own_way_and_nothing_else_is() {
        let (clients, id) = clients();
        let zero = |address| Decision::Zero(UserPage::known(address));
        let file = |address, writable| Decision::Image { page: UserPage::known(address), writable };
        let refuse = Decision::Refuse;
        let table = [
            (0x80_0020, READ, file(0x80_0000, false)),
            (0x80_1FFF, READ, file(0x80_1000, false)),
            (0x80_0020, WRITE, refuse(Refusal::ReadOnly)),
            (0x80_2004, WRITE, file(0x80_2000, true)),
            (0x80_3000, READ, file(0x80_3000, true)),
            (0x80_4000, READ, refuse(Refusal::NoRegion)),
            (HEAP_START, WRITE, zero(HEAP_START)),
            (HEAP_END - 1, READ, zero(HEAP_END - 0x1000)),
            (HEAP_END, READ, refuse(Refusal::NoRegion)),
            (0xEEBF_DFFC, WRITE, zero(0xEEBF_D000)),
            (0xEEAF_E000, WRITE, refuse(Refusal::Guard)),
            (0xEEBF_E000, READ, refuse(Refusal::NoRegion)),
            (0, READ, refuse(Refusal::NoRegion)),
            (0xEF40_0000, READ, refuse(Refusal::NoRegion)),
            (0xFFFF_FFFF, WRITE, refuse(Refusal::NoRegion)),
        ];
        for (address, access, expected) in table {
            assert_eq!(clients.decide(id, address, access), expected, "{address:#010x} {access:?}");
        }
    }

    #[test]
    fn a_stale_id_is_nobody() {
        let (clients, id) = clients();
        assert!(clients.find(id).is_ok());
        assert_eq!(clients.find(id.next()).err(), Some(Unknown));
        let refused = Decision::Refuse(Refusal::NoRegion);
        assert_eq!(clients.decide(id.next(), HEAP_START, WRITE), refused);
    }

    #[test]
    fn a_forked_child_may_touch_what_its_parent_may_and_outlives_it() {
        let (mut clients, parent) = clients();
        let child = ProcessId::first(6);
        clients.adopt(parent, child).unwrap();
        clients.retain(|id| id != parent);
        assert_eq!(clients.len(), 1);
        let text = Page::containing(0x80_0000);
        assert_eq!(clients.find(child).unwrap().image.pieces(text).count(), 1);
        assert_eq!(clients.adopt(parent, child.next()), Err(Unknown));
    }

    #[test]
    fn the_next_process_of_a_slot_takes_the_place_of_the_last() {
        let (mut clients, id) = clients();
        clients.insert(id.next(), Client::new(image(), ()).unwrap());
        assert_eq!((clients.len(), clients.find(id).is_err()), (1, true));
    }
}
