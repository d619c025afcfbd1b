//! Who views a process, and what it views.

use core::num::NonZeroU16;

use crate::state::process::index::Index;

/// By what right a process views another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    /// It is the other's parent.
    Parent,
    /// It is the other's pager.
    Pager,
}

impl Right {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Parent, Self::Pager];
}

/// A view's name: whose tables it shows, and by what right. `Option<ViewName>` is two bytes, and all zero for `None`.
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

    /// Whose tables it shows.
    #[must_use]
    pub const fn viewed(self) -> Index {
        Index::new((self.0.get() - 1) as u32 / 2)
    }

    /// By what right.
    #[must_use]
    pub const fn right(self) -> Right {
        if self.0.get() % 2 == 1 { Right::Parent } else { Right::Pager }
    }
}

/// A view that shows something, as it is kept with the process that it shows.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Who views; `None` is no view.
    pub viewer: Option<Index>,
    /// In which of the viewer's directory entries.
    pub entry: u16,
    /// Next of the viewer's views.
    pub next: Option<ViewName>,
    /// Previous of the viewer's views.
    pub previous: Option<ViewName>,
}

impl View {
    /// No view.
    pub const NONE: Self = Self { viewer: None, entry: 0, next: None, previous: None };
}

/// The views of a process, and the views that it has of others.
#[derive(Clone, Copy, Debug)]
pub struct Views {
    /// The views of it: by the right of a parent, and of a pager.
    pub of_it: [View; 2],
    /// What it views, newest first: only views that show something.
    pub first: Option<ViewName>,
}

impl Views {
    /// No views.
    pub const NONE: Self = Self { of_it: [View::NONE; 2], first: None };
}
