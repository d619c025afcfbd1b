//! What is noted of the pages that are paged out.

use std::collections::BTreeMap;

use abi::{EntryFlags, Error};
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
    /// The page went, of the client itself or of its parent before the client started. If not, the
    /// client was only marked for a page of its parent that has been taken, and may be given back.
    pub went: bool,
}

/// What is known of all pages that are paged out.
#[derive(Default)]
pub struct Judge {
    /// By client and address.
    pub kept: BTreeMap<(u32, u32), Kept>,
    /// Why a taken page, by its place, could not be given back: others may still map it.
    pub could_not_return: [Option<Error>; PLACES],
}
