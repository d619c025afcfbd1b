//! A line now and then while something takes long and shows nothing of its own.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often a line comes.
const INTERVAL: Duration = Duration::from_secs(10);

/// Prints lines until it is dropped.
pub struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Prints, every ten seconds from now on, what `line` makes of the seconds that have passed.
    #[must_use]
    pub fn start(mut line: impl FnMut(u64) -> String + Send + 'static) -> Self {
        let start = Instant::now();
        Self::every(INTERVAL, move || eprintln!("vitrine: {}", line(start.elapsed().as_secs())))
    }

    fn every(interval: Duration, mut tick: impl FnMut() + Send + 'static) -> Self {
        let (stop, stopped) = channel();
        let thread = thread::spawn(move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                tick();
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Ticker {
    /// No line comes after this.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A line that panicked has been reported by its thread.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn lines_come_until_the_ticker_is_dropped() {
        let (tick, ticks) = mpsc::channel();
        let ticker = Ticker::every(Duration::from_millis(1), move || {
            tick.send(()).expect("the test listens")
        });
        for _ in 0..3 {
            ticks.recv().expect("the ticker ticks again");
        }
        drop(ticker);
        while ticks.try_recv().is_ok() {}
        assert!(ticks.recv().is_err(), "the ticker and its thread are gone");
    }
}
