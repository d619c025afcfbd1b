//! The two frames that lost views show. `operations/view.rs` says when a view is lost.

use abi::Frame;

/// The frames that a lost view shows. A viewer that reads on finds absent entries and does not
/// fault.
#[derive(Clone, Copy, Debug)]
pub struct EmptyView {
    /// The page table that the viewer's directory entry names: each of its 1,024 entries maps
    /// `zeros`.
    pub table: Frame,
    /// A frame of zeros.
    pub zeros: Frame,
}
