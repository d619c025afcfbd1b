//! How a program finds a server: it asks init, which has started it.
//!
//! | sender | how | words | reply |
//! | --- | --- | --- | --- |
//! | anyone | `call` to init | `FIND`, the name in two words, its first letter lowest | the server's id; or 0 and the number of a [`NotFound`] |
//! | anyone | `call` to init | anything else | 0 and [`NotFound::NotUnderstood`] |
//!
//! init answers every call that it receives. While the disk's driver is started again, the answer
//! about it waits until the driver serves, or will not. With the boot word `swap` the disk is the
//! pager's: every other process gets [`NotFound::NotPermitted`].
//!
//! A server that init itself calls (the pager) asks before it says that it serves: later, init may
//! just be waiting for it, and the question would be a deadlock, which reads as "there is none".

use abi::ProcessId;

/// Word 0 of a question.
const FIND: u32 = 0x444E_4946;

/// A name of at most eight letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name([u32; 2]);

impl Name {
    /// The server of [`crate::service::disk::protocol`].
    pub const DISK: Self = Self::new("disk");

    /// This name.
    ///
    /// # Panics
    /// If it has over eight bytes.
    #[must_use]
    pub const fn new(name: &str) -> Self {
        let bytes = name.as_bytes();
        let mut words = [0; 2];
        let mut index = 0;
        while index < bytes.len() {
            words[index / 4] |= (bytes[index] as u32) << (index % 4 * 8);
            index += 1;
        }
        Self(words)
    }

    /// The question for a server of this name.
    #[must_use]
    pub const fn question(self) -> [u32; 4] {
        [FIND, self.0[0], self.0[1], 0]
    }

    /// The name that is asked for; `None` if the words are no question.
    #[must_use]
    pub const fn asked(words: [u32; 4]) -> Option<Self> {
        match words {
            [FIND, first, second, 0] => Some(Self([first, second])),
            _ => None,
        }
    }
}

/// Why init names no server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum NotFound {
    /// No server has this name, or init cannot be asked.
    NoServer = 0,
    /// The server serves others, and not the process that asks.
    NotPermitted = 1,
    /// The words are no question. Correct the program.
    NotUnderstood = 2,
    /// The server has ended, and is not started again.
    Ended = 3,
}

impl NotFound {
    const ALL: [Self; 4] = [Self::NoServer, Self::NotPermitted, Self::NotUnderstood, Self::Ended];
}

/// The answer to a question.
#[must_use]
pub fn answer(server: Result<ProcessId, NotFound>) -> [u32; 4] {
    match server {
        Ok(server) => [server.bits(), 0, 0, 0],
        Err(why) => [0, why as u32, 0, 0],
    }
}

/// The server that an answer names.
///
/// # Errors
/// `NotFound`: the answer names none. An unknown number counts as `NoServer`.
pub fn answered(words: [u32; 4]) -> Result<ProcessId, NotFound> {
    let [server, why, ..] = words;
    let known = NotFound::ALL.into_iter().find(|known| *known as u32 == why);
    ProcessId::new(server).map_err(|_| known.unwrap_or(NotFound::NoServer))
}

/// Asks init for a server. It may be one that does not serve yet: then this waits until it does.
///
/// # Errors
/// `NoServer`: no server has this name, or there is no init. `NotPermitted`: the server does not
/// serve this process.
#[cfg(target_os = "none")]
pub fn find(name: Name) -> Result<ProcessId, NotFound> {
    find_at(ProcessId::first(0), name)
}

/// As [`find`], but asks another process: for a server whose parent is not init.
///
/// # Errors
/// As [`find`]; `NoServer` also if the process cannot be asked.
#[cfg(target_os = "none")]
pub fn find_at(parent: ProcessId, name: Name) -> Result<ProcessId, NotFound> {
    let reply = crate::call::message_call(parent, name.question(), None);
    answered(reply.map_err(|_| NotFound::NoServer)?.words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_up_to_eight_letters_survive_the_wire() {
        for name in ["", "d", "disk", "terminal"] {
            let name = Name::new(name);
            assert_eq!(Name::asked(name.question()), Some(name));
        }
        assert_ne!(Name::new("disk"), Name::new("disc"));
        for words in [[0; 4], [1, 2, 3, 4], [FIND, 0, 0, 1]] {
            assert_eq!(Name::asked(words), None);
        }
    }

    #[test]
    fn an_answer_names_a_server_or_says_why_not() {
        let reasons = NotFound::ALL.map(Err);
        for server in [Ok(ProcessId::first(3))].into_iter().chain(reasons) {
            assert_eq!(answered(answer(server)), server);
        }
        assert_eq!(answered([0, 99, 0, 0]), Err(NotFound::NoServer));
    }
}
