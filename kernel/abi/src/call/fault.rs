//! A pager's answer to a fault.

use super::places::{Page, Place, Reply, Word1};
use super::{Arguments, RawCall};
use crate::address::UserPage;
use crate::entry::Permissions;
use crate::error::Error;

/// A pager's answer to a client's fault, or to a client's call that needs frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultReply {
    /// Resume; the mappings have been made by calls.
    Resume,
    /// Map the pager's own page `source` at `destination` of the client with `permissions`, then
    /// resume.
    Map {
        /// In the pager.
        source: UserPage,
        /// In the client.
        destination: UserPage,
        /// W only if the pager may write the page.
        permissions: Permissions,
    },
    /// No region allows this access: the client ends. If its handler passed the fault on, its call
    /// answers `Refused` instead; if its call needs frames, the call answers `OutOfFrames`.
    Refuse,
}

impl Place<FaultReply> for Reply {
    const IN_HEAD: bool = true;

    // Inlined: see `places.rs`.
    #[inline(always)]
    fn read(raw: &impl Arguments) -> Result<FaultReply, Error> {
        match (raw.word(0), raw.permission_bits()) {
            (0, 0) => Ok(FaultReply::Resume),
            (1, bits) => Ok(FaultReply::Map {
                source: Page::read(raw)?,
                destination: Word1::read(raw)?,
                permissions: Permissions::new(bits)?,
            }),
            (2, 0) => Ok(FaultReply::Refuse),
            _ => Err(Error::InvalidArgument),
        }
    }

    #[inline(always)]
    fn write(reply: FaultReply, raw: RawCall) -> RawCall {
        let [_, _, third, fourth] = raw.words;
        match reply {
            FaultReply::Resume => raw,
            FaultReply::Map { source, destination, permissions } => RawCall {
                head: raw.head | permissions.bits() << 8,
                page: source.address(),
                words: [1, destination.address(), third, fourth],
                ..raw
            },
            FaultReply::Refuse => RawCall { words: [2, 0, third, fourth], ..raw },
        }
    }
}
