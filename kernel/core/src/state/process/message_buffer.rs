//! A message, and a page, that wait in a process's slot.

use abi::call::PageTransfer;
use abi::{Permissions, UserPage};

/// A message that waits in its sender's slot.
#[derive(Clone, Copy, Debug)]
pub struct MessageBuffer {
    /// The words.
    pub words: [u32; 4],
    /// The page: what is sent (send, call) or where one may come (receive).
    pub transfer: SentPage,
}

impl MessageBuffer {
    /// Nothing to say.
    pub const EMPTY: Self = Self { words: [0; 4], transfer: SentPage::Nothing };

    /// A message without a page.
    #[must_use]
    pub const fn words(words: [u32; 4]) -> Self {
        Self { words, transfer: SentPage::Nothing }
    }
}

/// An `Option<PageTransfer>` whose nothing is all zero bytes, which keeps empty slots out of the kernel image.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub enum SentPage {
    /// No page.
    Nothing = 0,
    /// This page.
    Page(PageTransfer),
}

impl From<Option<PageTransfer>> for SentPage {
    fn from(transfer: Option<PageTransfer>) -> Self {
        transfer.map_or(Self::Nothing, Self::Page)
    }
}

impl SentPage {
    /// The page that is sent, and with what permissions.
    #[must_use]
    pub fn sent(self) -> Option<(UserPage, Permissions)> {
        match self {
            Self::Page(PageTransfer { page, send: Some(permissions), .. }) => {
                Some((page, permissions))
            }
            Self::Page(_) | Self::Nothing => None,
        }
    }

    /// Where a page may come.
    #[must_use]
    pub fn accepted(self) -> Option<UserPage> {
        match self {
            Self::Page(PageTransfer { page, accept: true, .. }) => Some(page),
            Self::Page(_) | Self::Nothing => None,
        }
    }
}
