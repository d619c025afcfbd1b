//! The ring of events: what processes asked the kernel for and what the result was, in the order of
//! time.

use abi::ProcessId;
use abi::trace::{EVENTS, Event};

use crate::state::process::Index;

/// The last [`EVENTS`] events.
pub struct Trace {
    pub(crate) events: [Event; EVENTS as usize],
    /// How many events were recorded since boot, modulo 2^32.
    pub recorded: u32,
    /// Whether events are recorded.
    pub on: bool,
    /// The process whose trap is being handled, and the `eip` at which the process resumes if the
    /// trap is a call that does not restart.
    pub(crate) open: Option<(Index, u32)>,
    /// The process that ran last.
    pub(crate) running: Option<ProcessId>,
}

impl Trace {
    /// An empty ring. Recording is off.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            events: [Event::NONE; EVENTS as usize],
            recorded: 0,
            on: false,
            open: None,
            running: None,
        }
    }

    /// The events that are still in the ring, the oldest first.
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        (0..EVENTS)
            .map(|age| self.events[(self.recorded.wrapping_add(age) % EVENTS) as usize])
            .filter(|event| event.kind != 0)
    }

    /// Adds an event. In a full ring it overwrites the oldest event.
    pub fn record(&mut self, event: Event) {
        self.events[(self.recorded % EVENTS) as usize] = event;
        self.recorded = self.recorded.wrapping_add(1);
    }

    /// The event that was recorded last.
    pub fn last(&mut self) -> &mut Event {
        &mut self.events[(self.recorded.wrapping_sub(1) % EVENTS) as usize]
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}
