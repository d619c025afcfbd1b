//! What is noted of the pages that are paged out.

use std::collections::BTreeMap;

use abi::EntryFlags;
use pager::PLACES;

/// W, *sealed* and the client's own marks: what a page has again when it comes back.
pub const RIGHTS: u32 = 0x002 | EntryFlags::SEALED.bits() | 0xC00;

/// What a page must have when it comes back.
#[derive(Clone)]
pub struct Kept {
    /// Its words.
    pub words: Box<[u32; 1024]>,
    /// Its rights, of [`RIGHTS`].
    pub rights: u32,
}

/// What is known of all pages that are paged out.
#[derive(Default)]
pub struct Judge {
    /// By client and address.
    pub kept: BTreeMap<(u32, u32), Kept>,
    /// The pages that went in this eviction. A child that has not started may have lost a page of
    /// its own, whose rights are not those of its parent's.
    pub went_now: Vec<(u32, u32)>,
    /// The places of taken pages that could not be given back: others may still map them.
    pub could_not_return: [bool; PLACES],
}
