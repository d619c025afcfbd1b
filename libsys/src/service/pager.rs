//! The messages between a process and the pager, beside faults and clones, whose words are the
//! kernel's.
//!
//! | sender | how | words | page | reply |
//! | --- | --- | --- | --- | --- |
//! | pager, once ready | `send` to its parent | `READY` | | |
//! | parent of a new client | `call` to the pager | `REGISTER`, child | the program's name, ended by a zero byte | status, entry |
//! | anyone | `call` to the pager | `STATISTICS` | | clients, pages zeroed, pages loaded, pages of its own |
//! | a client or its parent | `call` to the pager | `SET_LIMIT`, client, pages | | 0, or 1 if it does not |
//! | anyone | `call` to the pager | `PAGES`, client | | pages resident, on disk, compressed, and paged out with nothing stored |
//! | anyone | `call` to the pager | `FAULTS`, client | | pages in, pages out, limit, 0 |
//! | anyone | `call` to the pager | `SPACE` | | slots used, slots, bytes compressed, bytes for them |
//! | anyone | `call` to the pager | `NAME`, client | | the first 16 bytes of its program's name, zeros after it |
//! | anyone | `call` to the pager | `ENTRIES`, client, page | | the window's words of four pages |
//! | anyone | `call` to the pager | `ASIDE` | | slots set aside, 0, 0, 0 |
//!
//! A question about a process that is no client is answered by [`NOT_A_CLIENT`] in all words.
//!
//! The pager believes a registration only if the child is its own client (`usage` of anyone else
//! fails).

use abi::layout::PAGE_SIZE;
use abi::{Error, ProcessId};

/// Word 0 of the message of a pager that is ready.
const READY: u32 = 0x5245_4144;
/// Word 0 of a registration.
const REGISTER: u32 = 1;
/// Word 0 of a question for [`Statistics`].
const STATISTICS: u32 = 2;
/// Word 0 of a bound on a client's pages in memory.
const SET_LIMIT: u32 = 3;
/// Word 0 of a question for [`Pages`].
const PAGES: u32 = 4;
/// Word 0 of a question for [`Faults`].
const FAULTS: u32 = 5;
/// Word 0 of a question for [`Space`].
const SPACE: u32 = 6;
/// Word 0 of a question for a [`ShortName`].
const NAME: u32 = 7;
/// Word 0 of a question for the slots that are set aside.
const ASIDE: u32 = 8;
/// Word 0 of a question for entries of a client's page tables.
const ENTRIES: u32 = 9;

/// Every word of the answer about a process that is no client.
pub const NOT_A_CLIENT: u32 = u32::MAX;

/// The longest program name, in bytes: what fits a page with its end mark.
pub const NAME_LIMIT: usize = PAGE_SIZE as usize - 1;

/// A request to the pager.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// Serve `child` as the program that the page names. (The sender should be the child's parent.)
    Register {
        /// The new client.
        child: ProcessId,
    },
    /// Say what has been done so far.
    Statistics,
    /// Take care that a client has at most so many pages in memory.
    SetLimit {
        /// The sender, or a child of its.
        client: ProcessId,
        /// 0 is no bound; below eight the bound is eight, so that every instruction and call can be
        /// completed.
        pages: u32,
    },
    /// Say where a client's pages are.
    Pages {
        /// Which client.
        client: ProcessId,
    },
    /// Say how often a client's pages were paged out and in.
    Faults {
        /// Which client.
        client: ProcessId,
    },
    /// Say how much of the swap space is used.
    Space,
    /// Say which program a client runs. A forked child runs its parent's.
    Name {
        /// Which client.
        client: ProcessId,
    },
    /// Say how many slots of the disk could not be written and will be tried again. They are not
    /// among those used.
    Aside,
    /// Say what a client reads in its window about four pages. (`crate::service::tables` asks so.)
    Entries {
        /// Which client.
        client: ProcessId,
        /// The first page's number: a multiple of 4 below 2^20.
        page: u32,
    },
}

impl Request {
    /// The words of the message.
    #[must_use]
    pub const fn encode(self) -> [u32; 4] {
        match self {
            Self::Register { child } => [REGISTER, child.bits(), 0, 0],
            Self::Statistics => [STATISTICS, 0, 0, 0],
            Self::SetLimit { client, pages } => [SET_LIMIT, client.bits(), pages, 0],
            Self::Pages { client } => [PAGES, client.bits(), 0, 0],
            Self::Faults { client } => [FAULTS, client.bits(), 0, 0],
            Self::Space => [SPACE, 0, 0, 0],
            Self::Name { client } => [NAME, client.bits(), 0, 0],
            Self::Aside => [ASIDE, 0, 0, 0],
            Self::Entries { client, page } => [ENTRIES, client.bits(), page, 0],
        }
    }

    /// Reads the words of a message.
    ///
    /// # Errors
    /// - `InvalidArgument`: no request has these words.
    /// - `NoSuchProcess`: the child is no id.
    pub const fn decode(words: [u32; 4]) -> Result<Self, Error> {
        let (number, process) = match words {
            [STATISTICS, 0, 0, 0] => return Ok(Self::Statistics),
            [SPACE, 0, 0, 0] => return Ok(Self::Space),
            [ASIDE, 0, 0, 0] => return Ok(Self::Aside),
            [ENTRIES, process, page, 0] if page.is_multiple_of(4) && page >> 20 == 0 => {
                (ENTRIES, process)
            }
            [SET_LIMIT, process, _, 0] | [REGISTER | PAGES | FAULTS | NAME, process, 0, 0] => {
                (words[0], process)
            }
            _ => return Err(Error::InvalidArgument),
        };
        match ProcessId::new(process) {
            Ok(child) if number == REGISTER => Ok(Self::Register { child }),
            Ok(client) if number == SET_LIMIT => Ok(Self::SetLimit { client, pages: words[2] }),
            Ok(client) if number == ENTRIES => Ok(Self::Entries { client, page: words[2] }),
            Ok(client) if number == PAGES => Ok(Self::Pages { client }),
            Ok(client) if number == NAME => Ok(Self::Name { client }),
            Ok(client) => Ok(Self::Faults { client }),
            Err(error) => Err(error),
        }
    }
}

/// The work of a pager since it began.
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

/// The number of a client's pages in each place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pages {
    /// In memory.
    pub resident: u32,
    /// On disk.
    pub swapped: u32,
    /// Compressed in memory.
    pub compressed: u32,
    /// Paged out with nothing stored: zeros, and pages of the program's file.
    pub unstored: u32,
}

impl core::fmt::Display for Pages {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { resident, swapped, compressed, unstored } = self;
        write!(f, "{resident} resident, {swapped} swapped, ")?;
        write!(f, "{compressed} compressed, {unstored} unstored")
    }
}

impl Pages {
    /// The words of the reply.
    #[must_use]
    pub const fn encode(self) -> [u32; 4] {
        [self.resident, self.swapped, self.compressed, self.unstored]
    }

    /// Reads the words of a reply; `None`: the process is no client.
    #[must_use]
    pub const fn decode([resident, swapped, compressed, unstored]: [u32; 4]) -> Option<Self> {
        if resident == NOT_A_CLIENT {
            return None;
        }
        Some(Self { resident, swapped, compressed, unstored })
    }
}

/// How often pages of a client were paged out and in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Faults {
    /// Pages that were paged in; wraps.
    pub pages_in: u32,
    /// Pages that were paged out; wraps.
    pub pages_out: u32,
    /// The bound on its pages in memory; 0 is none.
    pub limit: u32,
}

impl Faults {
    /// The words of the reply.
    #[must_use]
    pub const fn encode(self) -> [u32; 4] {
        [self.pages_in, self.pages_out, self.limit, 0]
    }

    /// Reads the words of a reply; `None`: the process is no client.
    #[must_use]
    pub const fn decode([pages_in, pages_out, limit, last]: [u32; 4]) -> Option<Self> {
        if last == NOT_A_CLIENT { None } else { Some(Self { pages_in, pages_out, limit }) }
    }
}

/// How much of the swap space is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    /// Pages on disk.
    pub slots_used: u32,
    /// Pages that the disk has room for.
    pub slots: u32,
    /// Bytes that compressed pages take.
    pub compressed: u32,
    /// Bytes of memory that there are for them at present.
    pub arena: u32,
}

impl Space {
    /// The words of the reply.
    #[must_use]
    pub const fn encode(self) -> [u32; 4] {
        [self.slots_used, self.slots, self.compressed, self.arena]
    }

    /// Reads the words of a reply.
    #[must_use]
    pub const fn decode([slots_used, slots, compressed, arena]: [u32; 4]) -> Self {
        Self { slots_used, slots, compressed, arena }
    }
}

/// The name of a client's program, as far as it fits the four words of a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShortName([u8; Self::LIMIT]);

impl ShortName {
    /// The most bytes; of a longer name, the pager keeps the beginning.
    pub const LIMIT: usize = 16;

    /// The beginning of a name, in whole characters.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let end = name.floor_char_boundary(Self::LIMIT);
        let mut bytes = [0; Self::LIMIT];
        bytes[..end].copy_from_slice(&name.as_bytes()[..end]);
        Self(bytes)
    }

    /// The name. Empty if the bytes are no text, which no pager of ours says.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(Self::LIMIT);
        core::str::from_utf8(&self.0[..length]).unwrap_or("")
    }

    /// The words of the reply, the first byte lowest in the first word.
    #[must_use]
    pub fn encode(self) -> [u32; 4] {
        core::array::from_fn(|word| {
            u32::from_le_bytes(core::array::from_fn(|byte| self.0[word * 4 + byte]))
        })
    }

    /// Reads the words of a reply; `None`: the process is no client.
    #[must_use]
    pub fn decode(words: [u32; 4]) -> Option<Self> {
        // No text has a byte of 0xFF in it.
        if words[0] == NOT_A_CLIENT {
            return None;
        }
        Some(Self(core::array::from_fn(|byte| words[byte / 4].to_le_bytes()[byte % 4])))
    }
}

/// The pager's answer to a registration.
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

    /// Reads the words of a reply; an unknown answer counts as `NotUnderstood`.
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

/// Asks the caller's pager.
///
/// # Errors
/// `NoSuchProcess`: the caller has none. Those of a call, see [`abi::Syscall::Call`].
#[cfg(target_os = "none")]
pub fn ask(request: Request) -> Result<[u32; 4], Error> {
    let pager = crate::call::identity().pager.ok_or(Error::NoSuchProcess)?;
    crate::call::message_call(pager, request.encode(), None).map(|reply| reply.words)
}

/// Where the pages of a client of the caller's pager are; `None` if it is none, or the caller has
/// no pager.
#[cfg(target_os = "none")]
#[must_use]
pub fn pages_of(client: ProcessId) -> Option<Pages> {
    ask(Request::Pages { client }).ok().and_then(Pages::decode)
}

/// How often pages of a client of the caller's pager were paged out and in; `None` as in
/// [`pages_of`].
#[cfg(target_os = "none")]
#[must_use]
pub fn faults_of(client: ProcessId) -> Option<Faults> {
    ask(Request::Faults { client }).ok().and_then(Faults::decode)
}

/// The program that a client of the caller's pager runs; `None` as in [`pages_of`].
#[cfg(target_os = "none")]
#[must_use]
pub fn name_of(client: ProcessId) -> Option<ShortName> {
    ask(Request::Name { client }).ok().and_then(ShortName::decode)
}

/// How much of the swap space is used, and how many slots are set aside; `None`: the caller has no
/// pager.
#[cfg(target_os = "none")]
#[must_use]
pub fn space() -> Option<(Space, u32)> {
    let space = ask(Request::Space).ok().map(Space::decode)?;
    ask(Request::Aside).ok().map(|[aside, ..]| (space, aside))
}

/// The words of the message by which a pager reports to its parent that it serves.
#[must_use]
pub const fn ready() -> [u32; 4] {
    [READY, 0, 0, 0]
}

/// Whether these are the words of [`ready`].
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

/// Puts a name into a page, with its end mark; `None` if it is empty, too long, or has a zero byte
/// in it.
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
        let client = ProcessId::first(9);
        for request in [
            request,
            Request::Statistics,
            Request::SetLimit { client, pages: 77 },
            Request::Pages { client },
            Request::Faults { client },
            Request::Space,
            Request::Name { client },
            Request::Aside,
            Request::Entries { client, page: 0xF_FFFC },
        ] {
            assert_eq!(Request::decode(request.encode()), Ok(request));
        }
        let pages = Pages { resident: 1, swapped: 2, compressed: 3, unstored: 4 };
        assert_eq!(Pages::decode(pages.encode()), Some(pages));
        let faults = Faults { pages_in: 1, pages_out: 2, limit: 3 };
        assert_eq!(Faults::decode(faults.encode()), Some(faults));
        let space = Space { slots_used: 1, slots: 2, compressed: 3, arena: 4 };
        assert_eq!(Space::decode(space.encode()), space);
        let none = [NOT_A_CLIENT; 4];
        assert_eq!((Pages::decode(none), Faults::decode(none)), (None, None));
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
            [10, 0, 0, 0],
            [9, 0x1000, 1, 0],
            [9, 0x1000, 2, 0],
            [9, 0x1000, 0x10_0000, 0],
            [9, 0x1000, 0, 1],
            [8, 0x1000, 0, 0],
            [7, 0x1000, 1, 0],
            [7, 0x1000, 0, 1],
            [3, 0x1000, 5, 1],
            [4, 0x1000, 5, 0],
            [5, 0x1000, 0, 1],
            [6, 0x1000, 0, 0],
            [1, 0x1000, 1, 0],
            [1, 0x1000, 0, 1],
        ] {
            assert_eq!(Request::decode(words), Err(Error::InvalidArgument), "{words:?}");
        }
        for child in [0, 0x8000_0000] {
            for number in [1, 3, 4, 5, 7, 9] {
                assert_eq!(Request::decode([number, child, 0, 0]), Err(Error::NoSuchProcess));
            }
        }
    }

    #[test]
    fn the_beginning_of_a_name_survives_the_wire() {
        let table = [
            ("", ""),
            ("w", "w"),
            ("fifteen letters", "fifteen letters"),
            ("sixteen letters!", "sixteen letters!"),
            ("seventeen letters", "seventeen letter"),
            // The last character would be cut in two.
            ("fifteen letters\u{e9}", "fifteen letters"),
        ];
        for (name, shown) in table {
            let words = ShortName::new(name).encode();
            assert_eq!(
                ShortName::decode(words).map(|name| name.as_str().to_owned()),
                Some(shown.to_owned())
            );
        }
        assert_eq!(ShortName::decode([NOT_A_CLIENT; 4]), None);
        assert_eq!(ShortName([0xC0; ShortName::LIMIT]).as_str(), "");
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
