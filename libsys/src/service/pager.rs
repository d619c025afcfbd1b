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
//! | anyone | `call` to the pager | `GIVEN`, client | | faults, pages of zeros, pages loaded, pages brought back |
//! | anyone | `call` to the pager | `TRANSFERS` | | reads of the disk, pages read, writes, pages written |
//!
//! A question about a process that is no client is answered by [`NOT_A_CLIENT`] in all words.
//!
//! The pager believes a registration only if the child is its own client (`usage` of anyone else
//! fails).

use abi::layout::PAGE_SIZE;
use abi::{Error, ProcessId};

mod replies;
#[cfg(test)]
mod tests;

pub use replies::{
    Faults, Given, NOT_A_CLIENT, Pages, Registered, ShortName, Space, Statistics, Transfers,
};

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
/// Word 0 of a question for [`Given`].
const GIVEN: u32 = 10;

/// Word 0 of a question for [`Transfers`].
const TRANSFERS: u32 = 11;

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
    /// Say what a program that was spawned, living or ended, and its descendants have cost.
    Given {
        /// The program's first process.
        client: ProcessId,
    },
    /// Say how many requests the disk has got for the pages of all clients together.
    Transfers,
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
            Self::Transfers => [TRANSFERS, 0, 0, 0],
            Self::Given { client } => [GIVEN, client.bits(), 0, 0],
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
            [TRANSFERS, 0, 0, 0] => return Ok(Self::Transfers),
            [ENTRIES, process, page, 0] if page.is_multiple_of(4) && page >> 20 == 0 => {
                (ENTRIES, process)
            }
            [SET_LIMIT, process, _, 0]
            | [REGISTER | PAGES | FAULTS | NAME | GIVEN, process, 0, 0] => (words[0], process),
            _ => return Err(Error::InvalidArgument),
        };
        match ProcessId::new(process) {
            Ok(child) if number == REGISTER => Ok(Self::Register { child }),
            Ok(client) if number == SET_LIMIT => Ok(Self::SetLimit { client, pages: words[2] }),
            Ok(client) if number == ENTRIES => Ok(Self::Entries { client, page: words[2] }),
            Ok(client) if number == PAGES => Ok(Self::Pages { client }),
            Ok(client) if number == GIVEN => Ok(Self::Given { client }),
            Ok(client) if number == NAME => Ok(Self::Name { client }),
            Ok(client) => Ok(Self::Faults { client }),
            Err(error) => Err(error),
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

/// What a program under the caller's pager, and its descendants, have cost; `None` as in
/// [`pages_of`], or the pager has forgotten it.
#[cfg(target_os = "none")]
#[must_use]
pub fn given_to(client: ProcessId) -> Option<Given> {
    ask(Request::Given { client }).ok().and_then(Given::decode)
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

/// The requests that the disk has got from the caller's pager; `None`: the caller has no pager.
#[cfg(target_os = "none")]
#[must_use]
pub fn transfers() -> Option<Transfers> {
    ask(Request::Transfers).ok().map(Transfers::decode)
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
