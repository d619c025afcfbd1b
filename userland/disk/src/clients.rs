//! Whom the disk serves.

use libsys::ProcessId;
use libsys::disk_protocol::DiskError;

/// The most clients at a time.
pub const CLIENTS: usize = 8;

/// Clients by their place, which says where their transfer area is.
#[derive(Debug, Default)]
pub struct Clients([Option<ProcessId>; CLIENTS]);

impl Clients {
    /// Nobody.
    #[must_use]
    pub const fn new() -> Self {
        Self([None; CLIENTS])
    }

    /// Takes a process as a client; one that is it already keeps its place.
    ///
    /// # Errors
    /// `Full`: there is no place.
    pub fn open(&mut self, id: ProcessId) -> Result<usize, DiskError> {
        if let Ok(place) = self.find(id) {
            return Ok(place);
        }
        let free = self.0.iter().position(Option::is_none).ok_or(DiskError::Full)?;
        self.0[free] = Some(id);
        Ok(free)
    }

    /// The place of a client.
    ///
    /// # Errors
    /// `NotOpen`: the process is none.
    pub fn find(&self, id: ProcessId) -> Result<usize, DiskError> {
        self.0.iter().position(|client| *client == Some(id)).ok_or(DiskError::NotOpen)
    }

    /// Forgets a client that has ended and returns its place, whose pages are to be given back.
    pub fn forget_one(&mut self, has_ended: impl Fn(ProcessId) -> bool) -> Option<usize> {
        let place = self.0.iter().position(|client| client.is_some_and(&has_ended))?;
        self.0[place] = None;
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(slot: u32) -> ProcessId {
        ProcessId::first(slot)
    }

    #[test]
    fn each_client_has_a_place_and_keeps_it() {
        let mut clients = Clients::new();
        assert_eq!(clients.find(id(1)), Err(DiskError::NotOpen));
        for slot in 0..CLIENTS as u32 {
            assert_eq!(clients.open(id(slot)), Ok(slot as usize));
        }
        assert_eq!(clients.open(id(99)), Err(DiskError::Full));
        assert_eq!(clients.open(id(3)), Ok(3));
        assert_eq!(clients.find(id(3).next()), Err(DiskError::NotOpen), "another life of the slot");
    }

    #[test]
    fn one_that_has_ended_makes_room_for_another() {
        let mut clients = Clients::new();
        for slot in 0..CLIENTS as u32 {
            clients.open(id(slot)).unwrap();
        }
        let ended = |client| client == id(2) || client == id(5);
        assert_eq!(clients.forget_one(ended), Some(2));
        assert_eq!(clients.forget_one(ended), Some(5));
        assert_eq!(clients.forget_one(ended), None);
        assert_eq!((clients.find(id(2)), clients.open(id(9))), (Err(DiskError::NotOpen), Ok(2)));
    }
}
