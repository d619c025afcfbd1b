//! Which clients the disk serves, and which part of the disk each of them may use.
//!
//! The disk's parent admits a process to a range of pages; the process may then open that range and
//! no other. A disk that was started for everyone admits each process that opens it to all of its
//! sectors. A client is removed when its process has ended, before the next request is served; so
//! an id that is used again is no client.

use libsys::ProcessId;
use libsys::service::disk::protocol::{DiskError, PAGE_SECTORS, Transfer};

/// The most clients at a time.
pub const CLIENTS: usize = 8;

/// A process that may use a part of the disk.
#[derive(Clone, Copy, Debug)]
struct Client {
    id: ProcessId,
    first_sector: u64,
    sectors: u64,
    /// Whether the process has opened its part.
    open: bool,
}

/// Clients by number. The number says where a client's transfer area is.
#[derive(Debug)]
pub struct Clients {
    clients: [Option<Client>; CLIENTS],
    parent: ProcessId,
    pages: u32,
    everyone: bool,
}

impl Clients {
    /// No clients, on a disk of `pages` pages. `parent` admits clients; with `everyone` each
    /// process may open all of the disk.
    #[must_use]
    pub const fn new(parent: ProcessId, pages: u32, everyone: bool) -> Self {
        Self { clients: [None; CLIENTS], parent, pages, everyone }
    }

    /// Admits a process to a range of pages. If it was admitted before, the new range replaces the
    /// old one, and the process has to open it again.
    ///
    /// # Errors
    /// `NotPermitted`: the sender is not the disk's parent. `BadRange`: the range is empty or goes
    /// beyond the disk. `Full`: there are [`CLIENTS`] clients already.
    pub fn admit(
        &mut self,
        sender: ProcessId,
        id: ProcessId,
        first: u32,
        pages: u32,
    ) -> Result<(), DiskError> {
        if sender != self.parent {
            return Err(DiskError::NotPermitted);
        }
        let end = first.checked_add(pages).filter(|end| pages > 0 && *end <= self.pages);
        end.ok_or(DiskError::BadRange)?;
        self.put(id, first, pages, false)
    }

    /// Opens a process's part of the disk, and returns the sectors of the part.
    ///
    /// # Errors
    /// `NotPermitted`: the process was not admitted. `Full`: there are [`CLIENTS`] clients already.
    pub fn open(&mut self, id: ProcessId) -> Result<u64, DiskError> {
        if self.everyone && self.known(id).is_none() {
            self.put(id, 0, self.pages, true)?;
        }
        let client = self.known(id).ok_or(DiskError::NotPermitted)?;
        client.open = true;
        Ok(client.sectors)
    }

    /// The number of a client.
    ///
    /// # Errors
    /// `NotPermitted`: the process was not admitted. `NotOpen`: it has not opened its part.
    pub fn find(&self, id: ProcessId) -> Result<usize, DiskError> {
        let number = self.clients.iter().position(|client| client.is_some_and(|one| one.id == id));
        match number {
            Some(number) if self.clients[number].is_some_and(|client| client.open) => Ok(number),
            None if !self.everyone => Err(DiskError::NotPermitted),
            Some(_) | None => Err(DiskError::NotOpen),
        }
    }

    /// The sector of the disk at which a client's transfer begins.
    ///
    /// # Errors
    /// `BadRange`: the transfer goes beyond the client's part of the disk, or beyond its area.
    /// `NotOpen`: there is no such client.
    pub fn sector(&self, client: usize, transfer: Transfer) -> Result<u64, DiskError> {
        let part = self.clients.get(client).copied().flatten().ok_or(DiskError::NotOpen)?;
        transfer.check(part.sectors)?;
        Ok(part.first_sector + transfer.sector)
    }

    /// Removes a client that has ended and returns its number. The caller unmaps the pages of its
    /// area.
    pub fn remove_ended(&mut self, has_ended: impl Fn(ProcessId) -> bool) -> Option<usize> {
        let ended = |client: &Option<Client>| client.is_some_and(|client| has_ended(client.id));
        let number = self.clients.iter().position(ended)?;
        self.clients[number] = None;
        Some(number)
    }

    fn known(&mut self, id: ProcessId) -> Option<&mut Client> {
        self.clients.iter_mut().flatten().find(|client| client.id == id)
    }

    fn put(&mut self, id: ProcessId, first: u32, pages: u32, open: bool) -> Result<(), DiskError> {
        let sectors = |pages: u32| u64::from(pages) * u64::from(PAGE_SECTORS);
        let client = Client { id, first_sector: sectors(first), sectors: sectors(pages), open };
        if let Some(known) = self.known(id) {
            *known = client;
            return Ok(());
        }
        let free = self.clients.iter_mut().find(|client| client.is_none());
        *free.ok_or(DiskError::Full)? = Some(client);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: ProcessId = ProcessId::first(0);
    const PAGES: u32 = 100;

    fn id(slot: u32) -> ProcessId {
        ProcessId::first(slot)
    }

    fn for_everyone() -> Clients {
        Clients::new(PARENT, PAGES, true)
    }

    #[test]
    fn each_client_has_a_number_and_keeps_it() {
        let mut clients = for_everyone();
        assert_eq!(clients.find(id(1)), Err(DiskError::NotOpen));
        for slot in 0..CLIENTS as u32 {
            assert_eq!(clients.open(id(slot)), Ok(800));
            assert_eq!(clients.find(id(slot)), Ok(slot as usize));
        }
        assert_eq!(clients.open(id(99)), Err(DiskError::Full));
        assert_eq!((clients.open(id(3)), clients.find(id(3))), (Ok(800), Ok(3)));
        assert_eq!(clients.find(id(3).next()), Err(DiskError::NotOpen), "another life of the slot");
    }

    #[test]
    fn one_that_has_ended_makes_room_for_another() {
        let mut clients = for_everyone();
        for slot in 0..CLIENTS as u32 {
            clients.open(id(slot)).unwrap();
        }
        let ended = |client| client == id(2) || client == id(5);
        assert_eq!(clients.remove_ended(ended), Some(2));
        assert_eq!(clients.remove_ended(ended), Some(5));
        assert_eq!(clients.remove_ended(ended), None);
        clients.open(id(9)).unwrap();
        assert_eq!((clients.find(id(2)), clients.find(id(9))), (Err(DiskError::NotOpen), Ok(2)));
    }

    #[test]
    fn whom_nobody_has_admitted_is_refused_whatever_it_asks() {
        let mut clients = Clients::new(PARENT, PAGES, false);
        assert_eq!(clients.open(id(1)), Err(DiskError::NotPermitted));
        assert_eq!(clients.find(id(1)), Err(DiskError::NotPermitted));
        assert_eq!(clients.admit(id(1), id(1), 0, 1), Err(DiskError::NotPermitted));
        clients.admit(PARENT, id(1), 0, 1).unwrap();
        assert_eq!(clients.find(id(1)), Err(DiskError::NotOpen));
        assert_eq!(clients.open(id(1)), Ok(8));
        assert_eq!(clients.admit(id(1), id(2), 0, 1), Err(DiskError::NotPermitted), "a client");
        assert_eq!(clients.open(PARENT), Err(DiskError::NotPermitted), "the parent itself");
        assert_eq!(clients.open(id(1).next()), Err(DiskError::NotPermitted), "the next life");
    }

    #[test]
    fn a_client_reaches_its_range_and_no_sector_beside_it() {
        let mut clients = Clients::new(PARENT, PAGES, false);
        clients.admit(PARENT, id(1), 10, 2).unwrap();
        clients.open(id(1)).unwrap();
        let start = |sector, pages| clients.sector(0, Transfer { sector, slot: 0, pages });
        assert_eq!((start(0, 2), start(8, 1)), (Ok(80), Ok(88)));
        for (sector, pages) in [(0, 3), (1, 2), (9, 1), (16, 1), (u64::MAX, 1), (u64::MAX - 79, 1)]
        {
            assert_eq!(start(sector, pages), Err(DiskError::BadRange), "{sector} {pages}");
        }
    }

    #[test]
    fn a_range_lies_on_the_disk() {
        let mut clients = Clients::new(PARENT, PAGES, false);
        let table = [(0, PAGES), (PAGES - 1, 1), (0, 1)];
        for (first, pages) in table {
            assert_eq!(clients.admit(PARENT, id(1), first, pages), Ok(()));
        }
        let table = [(0, 0), (0, PAGES + 1), (PAGES, 1), (1, PAGES), (1, u32::MAX), (u32::MAX, 1)];
        for (first, pages) in table {
            let refused = clients.admit(PARENT, id(1), first, pages);
            assert_eq!(refused, Err(DiskError::BadRange), "{first} {pages}");
        }
    }
}
