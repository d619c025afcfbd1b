//! A message that waits in a process's slot, and the page that goes with it.

use abi::call::PageTransfer;
use abi::{Permissions, UserPage};

/// The message of a blocked sender, or what a blocked receiver accepts.
#[derive(Clone, Copy, Debug)]
pub struct MessageBuffer {
    /// The message's words.
    pub words: [u32; 4],
    /// A sender's page to send, or a receiver's page at which it accepts one.
    pub transfer: SentPage,
}

impl MessageBuffer {
    /// No message.
    pub const EMPTY: Self = Self { words: [0; 4], transfer: SentPage::Nothing };

    /// A message without a page.
    #[must_use]
    pub const fn words(words: [u32; 4]) -> Self {
        Self { words, transfer: SentPage::Nothing }
    }
}

/// An `Option<PageTransfer>` in which `Nothing` is all zero bytes, so that empty slots take no room
/// in the kernel image.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub enum SentPage {
    /// No page.
    Nothing = 0,
    /// This page, to be sent, to accept one, or both.
    Page(PageTransfer),
}

impl From<Option<PageTransfer>> for SentPage {
    fn from(transfer: Option<PageTransfer>) -> Self {
        transfer.map_or(Self::Nothing, Self::Page)
    }
}

impl SentPage {
    /// A page of a message is accepted here; nothing is sent.
    #[must_use]
    pub fn accepting(page: Option<UserPage>) -> Self {
        page.map_or(Self::Nothing, |page| {
            Self::Page(PageTransfer { page, send: None, accept: true })
        })
    }

    /// The page to send, and the permissions with which it is sent.
    #[must_use]
    pub fn sent(self) -> Option<(UserPage, Permissions)> {
        match self {
            Self::Page(PageTransfer { page, send: Some(permissions), .. }) => {
                Some((page, permissions))
            }
            Self::Page(_) | Self::Nothing => None,
        }
    }

    /// The page at which a page of the other process is accepted.
    #[must_use]
    pub fn accepted(self) -> Option<UserPage> {
        match self {
            Self::Page(PageTransfer { page, accept: true, .. }) => Some(page),
            Self::Page(_) | Self::Nothing => None,
        }
    }
}
