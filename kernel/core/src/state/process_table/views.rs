//! Who views whom: each view is kept with the process that it shows, and linked into a list of its viewer's.

use abi::ViewSlot;

use crate::state::process::{Index, View, ViewName};

use super::Processes;

impl Processes {
    /// A view, or [`View::NONE`].
    #[must_use]
    pub fn view(&self, name: ViewName) -> &View {
        &self[name.viewed()].views.of_it[name.right() as usize]
    }

    fn view_mut(&mut self, name: ViewName) -> &mut View {
        &mut self[name.viewed()].views.of_it[name.right() as usize]
    }

    /// Does nobody view this process, and it nobody?
    #[must_use]
    pub fn has_no_views(&self, index: Index) -> bool {
        let process = &self[index];
        process.views.first.is_none()
            && process.views.of_it.iter().all(|view| view.viewer.is_none())
    }

    /// Notes a view, which there is not yet.
    pub fn link_view(&mut self, name: ViewName, viewer: Index, slot: ViewSlot) {
        let next = self[viewer].views.first.replace(name);
        let entry = slot.index() as u16;
        *self.view_mut(name) = View { viewer: Some(viewer), entry, next, previous: None };
        if let Some(next) = next {
            self.view_mut(next).previous = Some(name);
        }
    }

    /// Forgets a view; says whose it was and where, or `None` if there was none.
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

    /// The view in this directory entry of a viewer. Costs one step for each view that is newer.
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
