//! The two frames that lost views show.

use abi::Frame;

/// What lost views show.
#[derive(Clone, Copy, Debug)]
pub struct EmptyView {
    /// Its 1,024 entries all name `zeros`.
    pub table: Frame,
    /// A frame of zeros.
    pub zeros: Frame,
}
