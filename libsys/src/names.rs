//! How a program finds a server: it asks init, which has started it.
//!
//! | who | how | words | reply |
//! | --- | --- | --- | --- |
//! | anyone | `call` to init | `FIND`, the name in two words, its first letter lowest | the server's id, or 0 |
//!
//! A server that init itself calls (the pager) asks before it says that it serves: later, init may just be waiting for it,
//! and the question would be a deadlock, which reads as "there is none".

use abi::ProcessId;

/// Word 0 of a question.
const FIND: u32 = 0x444E_4946;

/// A name of at most eight letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name([u32; 2]);

impl Name {
    /// The disk: whoever speaks [`crate::disk_protocol`].
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

/// The answer to a question.
#[must_use]
pub fn answer(server: Option<ProcessId>) -> [u32; 4] {
    [server.map_or(0, ProcessId::bits), 0, 0, 0]
}

/// The server that an answer names.
#[must_use]
pub fn answered(words: [u32; 4]) -> Option<ProcessId> {
    ProcessId::new(words[0]).ok()
}

/// Asks init for a server; `None` if there is none of this name, or no init.
#[cfg(target_os = "none")]
#[must_use]
pub fn find(name: Name) -> Option<ProcessId> {
    let reply = crate::call::message_call(ProcessId::first(0), name.question(), None).ok()?;
    answered(reply.words)
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
    fn an_answer_names_a_server_or_none() {
        for server in [None, Some(ProcessId::first(3))] {
            assert_eq!(answered(answer(server)), server);
        }
    }
}
