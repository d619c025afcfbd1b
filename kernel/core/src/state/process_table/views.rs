//! Which process views which: each view is kept in the slot of the viewed process, and is in a list
//! of its viewer's views.

use abi::ViewSlot;

use crate::state::process::{Index, View, ViewName};

use super::Processes;

impl Processes {
    /// The view with this name, or [`View::NONE`].
    #[must_use]
    pub fn view(&self, name: ViewName) -> &View {
        &self[name.viewed()].views.of_it[name.right() as usize]
    }

    fn view_mut(&mut self, name: ViewName) -> &mut View {
        &mut self[name.viewed()].views.of_it[name.right() as usize]
    }

    /// Whether this process has no view of another and no other process has a view of this one.
    #[must_use]
    pub fn has_no_views(&self, index: Index) -> bool {
        let process = &self[index];
        process.views.first.is_none()
            && process.views.of_it.iter().all(|view| view.viewer.is_none())
    }

    /// Records a view. No view with this name may exist.
    pub fn link_view(&mut self, name: ViewName, viewer: Index, slot: ViewSlot) {
        let next = self[viewer].views.first.replace(name);
        let entry = slot.index() as u16;
        *self.view_mut(name) = View { viewer: Some(viewer), entry, next, previous: None };
        if let Some(next) = next {
            self.view_mut(next).previous = Some(name);
        }
    }

    /// Removes a view. Returns the viewer and the number of its directory entry, or `None` if there
    /// was no view with this name.
    pub fn unlink_view(&mut self, name: ViewName) -> Option<(Index, u32)> {
        let View { viewer, entry, next, previous } =
            core::mem::replace(self.view_mut(name), View::NONE);
        let viewer = viewer?;
        match previous {
            Some(previous) => self.view_mut(previous).next = next,
            None => self[viewer].views.first = next,
        }
        if let Some(next) = next {
            self.view_mut(next).previous = previous;
        }
        Some((viewer, entry.into()))
    }

    /// The view in this directory entry of a viewer. The search takes one step for each newer view.
    #[must_use]
    pub fn view_at(&self, viewer: Index, slot: ViewSlot) -> Option<ViewName> {
        let mut at = self[viewer].views.first;
        while let Some(name) = at {
            let view = self.view(name);
            if u32::from(view.entry) == slot.index() {
                return at;
            }
            at = view.next;
        }
        None
    }
}
