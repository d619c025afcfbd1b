//! How a parent or pager sees the page tables of a process: a view, read like its own window.
//!
//! A view costs no memory and shows the tables as they are at each load. It is lost when the
//! process ends, views something itself, or is no longer the viewer's child or client. Every entry
//! of a lost view reads as absent. This may happen in the middle of a walk; so the viewer asks
//! [`View::is_live`] after the walk, and discards what it saw if the view is lost.
//!
//! Not done: views are not inherited. A forked child that reads its copy of a [`View`] meets a page
//! fault.

use core::ops::Range;

use abi::process::Target;
use abi::{Entry, Error, ViewSlot};

use crate::call;
use crate::paging::checked;
use crate::paging::self_map::Window;
use crate::paging::self_map::live::{Live, viewed, window};

/// `0x3800_0000  PDE 0x0E0` to `0x4000_0000  PDE 0x100`: directory entries that programs leave to
/// [`View::of`].
pub const VIEWS: Range<u32> = 0x0E0..0x100;

/// A view of another process's page tables, which ends when this is dropped.
#[derive(Debug)]
pub struct View {
    slot: ViewSlot,
    window: Window<Live<ViewSlot>>,
}

impl View {
    /// Views a child or client in a directory entry of the caller's choice, which is empty.
    ///
    /// # Errors
    /// See [`abi::Syscall::ViewAttach`]; `NotPermitted` if Rust objects may lie in these 4 MiB.
    pub fn attach(process: impl Into<Target>, slot: ViewSlot) -> Result<Self, Error> {
        checked::view_attach(process, slot)?;
        Ok(Self { slot, window: viewed(slot) })
    }

    /// Views a child or client in the first of [`VIEWS`] that is empty.
    ///
    /// # Errors
    /// `Busy`: also if none is empty. Others: see [`abi::Syscall::ViewAttach`].
    pub fn of(process: impl Into<Target>) -> Result<Self, Error> {
        let is_empty = |index: &u32| window().directory_entry(*index) == Entry::ABSENT;
        let index = VIEWS.clone().find(is_empty).ok_or(Error::Busy)?;
        Self::attach(process, ViewSlot::new(index)?)
    }

    /// The other process's tables.
    #[must_use]
    pub const fn window(&self) -> &Window<Live<ViewSlot>> {
        &self.window
    }

    /// Whether the view is not lost.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.window.shows_a_process()
    }

    /// The directory entry that holds the view.
    #[must_use]
    pub const fn slot(&self) -> ViewSlot {
        self.slot
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // It fails only if there is no view any more.
        let _ = call::view_detach(self.slot);
    }
}
