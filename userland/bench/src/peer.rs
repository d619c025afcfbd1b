//! A second process: a forked child that repeats one action until it is ended.

use libsys::paging::fork::{Fork, fork};
use libsys::process::{end, exit};
use libsys::{Error, ProcessId, yield_now};

/// A child that lives as long as this value.
pub struct Peer(ProcessId);

impl Peer {
    /// Starts a child that repeats `action` until that fails, and lets it begin.
    pub fn new(mut action: impl FnMut() -> Result<(), Error>) -> Result<Self, Error> {
        match fork()? {
            Fork::Parent { child } => {
                // The caller runs again when the child waits for something or has used its time
                // slice.
                yield_now();
                Ok(Self(child))
            }
            Fork::Child => loop {
                if action().is_err() {
                    exit(1);
                }
            },
        }
    }

    /// Its id.
    pub const fn id(&self) -> ProcessId {
        self.0
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The child may have ended already; then this has no effect.
        let _ = end(self.0);
    }
}
