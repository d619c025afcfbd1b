//! A second process to do things with: a forked child that does one thing for ever, until it is ended.

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
                // Behind it in the queue, the caller goes on when it waits for something or has had its turn.
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
        // It may have ended already, and then it has been waited for.
        let _ = end(self.0);
    }
}
