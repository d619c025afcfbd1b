//! What a process and the pager say to each other, beside faults and clones, which the kernel words.
//!
//! | who | how | words | page | reply |
//! | --- | --- | --- | --- | --- |
//! | pager, once ready | `send` to its parent | `READY` | | |
//! | parent of a new client | `call` to the pager | `REGISTER`, child | the program's name, ended by a zero byte | status, entry |
//! | anyone | `call` to the pager | `STATISTICS` | | clients, pages zeroed, pages loaded, pages of its own |
//!
//! The pager believes a registration only if the child is its own client (`usage` of anyone else fails).

use abi::layout::PAGE_SIZE;
use abi::{Error, ProcessId};

/// Word 0 of the message of a pager that is ready.
const READY: u32 = 0x5245_4144;
/// Word 0 of a registration.
const REGISTER: u32 = 1;
/// Word 0 of a question for [`Statistics`].
const STATISTICS: u32 = 2;

/// The longest program name, in bytes: what fits a page with its end mark.
pub const NAME_LIMIT: usize = PAGE_SIZE as usize - 1;

/// What a pager is asked by message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// Serve `child` as the program that the page names. (The sender should be the child's parent.)
    Register {
        /// The new client.
        child: ProcessId,
    },
    /// Say what has been done so far.
    Statistics,
}

impl Request {
    /// The words of the message.
    #[must_use]
    pub const fn encode(self) -> [u32; 4] {
        match self {
            Self::Register { child } => [REGISTER, child.bits(), 0, 0],
            Self::Statistics => [STATISTICS, 0, 0, 0],
        }
    }

    /// Reads the words of a message.
    ///
    /// # Errors
    /// - `InvalidArgument`: no request has these words.
    /// - `NoSuchProcess`: the child is no id.
    pub const fn decode(words: [u32; 4]) -> Result<Self, Error> {
        match words {
            [REGISTER, child, 0, 0] => match ProcessId::new(child) {
                Ok(child) => Ok(Self::Register { child }),
                Err(error) => Err(error),
            },
            [STATISTICS, 0, 0, 0] => Ok(Self::Statistics),
            _ => Err(Error::InvalidArgument),
        }
    }
}

/// What a pager has done since it began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statistics {
    /// Clients that it knows.
    pub clients: u32,
    /// Pages of zeros given out; wraps.
    pub zeroed: u32,
    /// Pages of programs given out; wraps.
    pub loaded: u32,
    /// Pages that it uses itself.
    pub own_pages: u32,
}

impl Statistics {
    /// The words of the reply.
    #[must_use]
    pub const fn encode(self) -> [u32; 4] {
        [self.clients, self.zeroed, self.loaded, self.own_pages]
    }

    /// Reads the words of a reply.
    #[must_use]
    pub const fn decode([clients, zeroed, loaded, own_pages]: [u32; 4]) -> Self {
        Self { clients, zeroed, loaded, own_pages }
    }
}

/// What the pager says to a registration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Registered {
    /// The child may start at this address; nothing of the program is in memory yet.
    At {
        /// The program's entry.
        entry: u32,
    },
    /// There is no program of this name.
    NoSuchProgram,
    /// The file is not a program.
    BadImage,
    /// The child is not a client of this pager, or is one already.
    NotAClient,
    /// The pager has no room for another client.
    Full,
    /// The request was none.
    NotUnderstood,
}

impl Registered {
    /// The words of the reply.
    #[must_use]
    pub const fn encode(self) -> [u32; 4] {
        match self {
            Self::At { entry } => [0, entry, 0, 0],
            Self::NoSuchProgram => [1, 0, 0, 0],
            Self::BadImage => [2, 0, 0, 0],
            Self::NotAClient => [3, 0, 0, 0],
            Self::Full => [4, 0, 0, 0],
            Self::NotUnderstood => [5, 0, 0, 0],
        }
    }

    /// Reads the words of a reply; what no pager of ours says counts as `NotUnderstood`.
    #[must_use]
    pub const fn decode(words: [u32; 4]) -> Self {
        match words {
            [0, entry, ..] => Self::At { entry },
            [1, ..] => Self::NoSuchProgram,
            [2, ..] => Self::BadImage,
            [3, ..] => Self::NotAClient,
            [4, ..] => Self::Full,
            _ => Self::NotUnderstood,
        }
    }
}

/// The words with which a pager tells its parent that it serves.
#[must_use]
pub const fn ready() -> [u32; 4] {
    [READY, 0, 0, 0]
}

/// Are these the words of [`ready`]?
#[must_use]
pub const fn is_ready(words: [u32; 4]) -> bool {
    words[0] == READY
}

/// The name in the page that came with a registration.
#[must_use]
pub fn name_in(page: &[u8; PAGE_SIZE as usize]) -> Option<&str> {
    let bytes = core::ffi::CStr::from_bytes_until_nul(page).ok()?;
    bytes.to_str().ok().filter(|name| !name.is_empty())
}

/// Puts a name into a page, with its end mark; `None` if it is empty, too long, or has a zero byte in it.
pub fn put_name(page: &mut [u8; PAGE_SIZE as usize], name: &str) -> Option<()> {
    if name.is_empty() || name.len() > NAME_LIMIT || name.contains('\0') {
        return None;
    }
    page[..name.len()].copy_from_slice(name.as_bytes());
    page[name.len()] = 0;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_replies_survive_the_wire() {
        let request = Request::Register { child: ProcessId::first(7) };
        for request in [request, Request::Statistics] {
            assert_eq!(Request::decode(request.encode()), Ok(request));
        }
        let replies = [
            Registered::At { entry: 0x80_0020 },
            Registered::NoSuchProgram,
            Registered::BadImage,
            Registered::NotAClient,
            Registered::Full,
            Registered::NotUnderstood,
        ];
        for reply in replies {
            assert_eq!(Registered::decode(reply.encode()), reply);
        }
        assert!(is_ready(ready()) && !is_ready(request.encode()));
    }

    #[test]
    fn strange_words_are_refused() {
        for words in [
            [0, 0x1000, 0, 0],
            [2, 0x1000, 0, 0],
            [3, 0, 0, 0],
            [1, 0x1000, 1, 0],
            [1, 0x1000, 0, 1],
        ] {
            assert_eq!(Request::decode(words), Err(Error::InvalidArgument), "{words:?}");
        }
        for child in [0, 0x8000_0000] {
            assert_eq!(Request::decode([1, child, 0, 0]), Err(Error::NoSuchProcess));
        }
    }

    #[test]
    fn a_name_fits_a_page_or_is_refused() {
        let mut page = [0xAA; 4096];
        put_name(&mut page, "walk").unwrap();
        assert_eq!(name_in(&page), Some("walk"));
        let longest = "x".repeat(NAME_LIMIT);
        put_name(&mut page, &longest).unwrap();
        assert_eq!(name_in(&page), Some(longest.as_str()));
        for name in ["", "a\0b", &"x".repeat(NAME_LIMIT + 1)] {
            assert_eq!(put_name(&mut page, name), None);
        }
        assert_eq!(name_in(&[b'x'; 4096]), None);
        assert_eq!(name_in(&[0; 4096]), None);
        assert_eq!(name_in(&[0xFF; 4096]), None);
    }
}
