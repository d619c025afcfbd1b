//! The page that travels with a message.

use super::places::{Place, Transfer};
use super::{Arguments, RawCall};
use crate::address::UserPage;
use crate::entry::Permissions;
use crate::error::Error;

/// The page part of a message call: where it lies, and which way it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageTransfer {
    /// The page in the caller's space.
    pub page: UserPage,
    /// Sent along with these permissions, if at all; W only if the caller may write it.
    pub send: Option<Permissions>,
    /// A page that the answer brings is mapped here.
    pub accept: bool,
}

/// Bit of a message call's permissions: send the page.
pub const SEND_PAGE: u32 = 1;
/// Bit of a message call's permissions: accept a page.
pub const ACCEPT_PAGE: u32 = 4;

impl Place<Option<PageTransfer>> for Transfer {
    const IN_HEAD: bool = true;

    // Inlined: see `places.rs`.
    #[inline(always)]
    fn read(raw: &impl Arguments) -> Result<Option<PageTransfer>, Error> {
        let bits = raw.permission_bits();
        if bits == 0 {
            return Ok(None);
        }
        let permissions = Permissions::new(bits & !(SEND_PAGE | ACCEPT_PAGE))?;
        if bits & SEND_PAGE == 0 && bits != ACCEPT_PAGE {
            return Err(Error::InvalidArgument);
        }
        let (page, send) = (UserPage::new(raw.page())?, bits & SEND_PAGE != 0);
        let accept = bits & ACCEPT_PAGE != 0;
        Ok(Some(PageTransfer { page, send: send.then_some(permissions), accept }))
    }

    #[inline(always)]
    fn write(transfer: Option<PageTransfer>, raw: RawCall) -> RawCall {
        let Some(PageTransfer { page, send, accept }) = transfer else { return raw };
        let send = send.map_or(0, |permissions| permissions.bits() | SEND_PAGE);
        let accept = if accept { ACCEPT_PAGE } else { 0 };
        RawCall { head: raw.head | (send | accept) << 8, page: page.address(), ..raw }
    }
}
