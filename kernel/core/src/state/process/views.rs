//! The views that show a process's tables, and the views that the process has.

use core::num::NonZeroU16;

use crate::state::process::index::Index;

/// The right by which a process may view another one's tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    /// The viewer is the viewed process's parent.
    Parent,
    /// The viewer is the viewed process's pager.
    Pager,
}

impl Right {
    /// Both rights.
    pub const ALL: [Self; 2] = [Self::Parent, Self::Pager];
}

/// The name of a view: the viewed process and the right. Each process has one parent and at most
/// one pager, so there is at most one view of each name.
///
/// `Option<ViewName>` is two bytes, and `None` is all zeros.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ViewName(NonZeroU16);

impl ViewName {
    /// The view of `viewed` by this right.
    #[must_use]
    pub const fn new(viewed: Index, right: Right) -> Self {
        match NonZeroU16::new((viewed.slot() * 2 + right as usize) as u16 + 1) {
            Some(number) => Self(number),
            None => unreachable!(),
        }
    }

    /// The process whose tables the view shows.
    #[must_use]
    pub const fn viewed(self) -> Index {
        Index::new((self.0.get() - 1) as u32 / 2)
    }

    /// The right by which the viewer views.
    #[must_use]
    pub const fn right(self) -> Right {
        if self.0.get() % 2 == 1 { Right::Parent } else { Right::Pager }
    }
}

/// A view that is not lost. It is kept in the slot of the viewed process.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The viewer; `None` is no view.
    pub viewer: Option<Index>,
    /// The number of the viewer's directory entry.
    pub entry: u16,
    /// The viewer's next view.
    pub next: Option<ViewName>,
    /// The viewer's previous view.
    pub previous: Option<ViewName>,
}

impl View {
    /// No view.
    pub const NONE: Self = Self { viewer: None, entry: 0, next: None, previous: None };
}

/// The views of a process's tables, and the views that the process has of others.
#[derive(Clone, Copy, Debug)]
pub struct Views {
    /// The views of the process's tables: the parent's and the pager's.
    pub of_it: [View; 2],
    /// The newest of the views that the process has. Lost views are not in the list.
    pub first: Option<ViewName>,
}

impl Views {
    /// No views.
    pub const NONE: Self = Self { of_it: [View::NONE; 2], first: None };
}
