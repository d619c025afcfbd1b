//! Which process is notified of each interrupt line.

use abi::driver::LINES;

use crate::state::process::Index;

/// The process that is notified of each interrupt line.
pub struct InterruptLines([Option<Index>; LINES as usize]);

impl InterruptLines {
    /// No process is notified of any line.
    #[must_use]
    pub const fn new() -> Self {
        Self([None; LINES as usize])
    }

    /// The process that is notified of a line.
    #[must_use]
    pub fn owner(&self, line: u32) -> Option<Index> {
        *self.0.get(line as usize)?
    }

    /// Whether the process is notified of any line.
    #[must_use]
    pub fn is_owner(&self, process: Index) -> bool {
        self.0.contains(&Some(process))
    }

    /// Sets which process is notified of `line` (`0..16`).
    pub fn set_owner(&mut self, line: u32, owner: Option<Index>) {
        self.0[line as usize] = owner;
    }
}

impl Default for InterruptLines {
    fn default() -> Self {
        Self::new()
    }
}
