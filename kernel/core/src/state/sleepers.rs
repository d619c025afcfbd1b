//! The processes that wake at a time: a binary heap of slots, earliest wake time first.
//!
//! Each sleeper's slot holds its position in the heap, so that a sleeper that wakes early is
//! removed in logarithmic time.

use abi::layout::PROCESSES;

use crate::state::process::Index;
use crate::state::process_table::Processes;

/// The heap. The wake times are in the slots, in microseconds since boot.
pub struct Sleepers {
    heap: [Option<Index>; PROCESSES as usize],
    length: usize,
}

impl Sleepers {
    /// An empty heap.
    #[must_use]
    pub const fn new() -> Self {
        Self { heap: [None; PROCESSES as usize], length: 0 }
    }

    /// Whether no process sleeps.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds a process that wakes at `wake`. The process is not in the heap yet.
    pub fn insert(&mut self, processes: &mut Processes, index: Index, wake: u64) {
        debug_assert_eq!(processes[index].alarm.sleeper, 0);
        processes[index].alarm.wake = wake;
        self.put(processes, self.length, index);
        self.length += 1;
        self.rise(processes, self.length - 1);
    }

    /// Removes a process. Nothing happens if the process is not in the heap.
    pub fn remove(&mut self, processes: &mut Processes, index: Index) {
        let Some(position) = (processes[index].alarm.sleeper as usize).checked_sub(1) else {
            return;
        };
        processes[index].alarm.sleeper = 0;
        self.length -= 1;
        let last = self.heap[self.length].take();
        if let Some(last) = last.filter(|last| *last != index) {
            // The last process of the heap fills the gap. It may wake later than the gap's children
            // or earlier than the gap's parent, so it is moved in either direction.
            self.put(processes, position, last);
            self.sink(processes, position);
            self.rise(processes, position);
        }
    }

    /// Removes and returns one process whose wake time is `now` or earlier.
    pub fn pop_due(&mut self, processes: &mut Processes, now: u64) -> Option<Index> {
        let first = self.heap[0]?;
        if processes[first].alarm.wake > now {
            return None;
        }
        self.remove(processes, first);
        Some(first)
    }

    /// Stores a process at a position of the heap, and the position in the process's slot.
    fn put(&mut self, processes: &mut Processes, position: usize, index: Index) {
        self.heap[position] = Some(index);
        processes[index].alarm.sleeper = position as u16 + 1;
    }

    /// The wake time of the process at a position; the latest possible one if the position is
    /// empty.
    fn wake_at(&self, processes: &Processes, position: usize) -> u64 {
        self.heap[position].map_or(u64::MAX, |index| processes[index].alarm.wake)
    }

    /// Exchanges the processes at two positions.
    fn swap(&mut self, processes: &mut Processes, a: usize, b: usize) {
        if let (Some(at_a), Some(at_b)) = (self.heap[a], self.heap[b]) {
            self.put(processes, a, at_b);
            self.put(processes, b, at_a);
        }
    }

    /// Moves a process up while it wakes earlier than its parent in the heap.
    fn rise(&mut self, processes: &mut Processes, mut position: usize) {
        while position > 0 {
            let parent = (position - 1) / 2;
            if self.wake_at(processes, parent) <= self.wake_at(processes, position) {
                return;
            }
            self.swap(processes, parent, position);
            position = parent;
        }
    }

    /// Moves a process down while one of its children in the heap wakes earlier. A process has left
    /// the heap just before, so each position up to `length` exists.
    fn sink(&mut self, processes: &mut Processes, mut position: usize) {
        loop {
            let left = 2 * position + 1;
            if left >= self.length {
                return;
            }
            let right = left + 1;
            let right_is_earlier = self.wake_at(processes, right) < self.wake_at(processes, left);
            let child = if right_is_earlier { right } else { left };
            if self.wake_at(processes, position) <= self.wake_at(processes, child) {
                return;
            }
            self.swap(processes, position, child);
            position = child;
        }
    }
}

impl Default for Sleepers {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::boxed::Box;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// An empty table. It takes about a megabyte, which is too much for the stack of a test's
    /// thread.
    fn no_processes() -> Box<Processes> {
        let build = || Box::new(Processes::new());
        std::thread::Builder::new().stack_size(16 << 20).spawn(build).unwrap().join().unwrap()
    }

    proptest! {
        #[test]
        fn sleepers_wake_in_order_even_when_some_leave_early(
            wakes in prop::collection::vec(0u64..50, 1..60), leave in prop::collection::vec(0usize..60, 0..20),
        ) {
            let mut processes = no_processes();
            let mut sleepers = Sleepers::new();
            for (slot, wake) in wakes.iter().enumerate() {
                sleepers.insert(&mut processes, Index::new(slot as u32), *wake);
            }
            let mut expected: Vec<u64> = Vec::new();
            for (slot, wake) in wakes.iter().enumerate() {
                if leave.contains(&slot) {
                    sleepers.remove(&mut processes, Index::new(slot as u32));
                } else {
                    expected.push(*wake);
                }
            }
            expected.sort_unstable();
            let mut woken = Vec::new();
            for now in 0..50 {
                while let Some(index) = sleepers.pop_due(&mut processes, now) {
                    prop_assert_eq!(processes[index].alarm.wake, now);
                    woken.push(now);
                }
            }
            prop_assert_eq!(woken, expected);
            prop_assert!(sleepers.is_empty());
        }
    }
}
