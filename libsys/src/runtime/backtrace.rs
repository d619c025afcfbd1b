//! Which functions of a program have not returned, found by the frame pointers on its stack.
//!
//! A function begins by pushing its caller's frame pointer, and lets `ebp` point there; the return
//! address lies above. So the frames are a list, from the innermost one outwards. The first
//! function of a program finds 0 in `ebp` (`process/start.rs`), which ends the list.
//!
//! Assumed: nothing. A stack that was overwritten ends the list, and no more: each frame must lie
//! on the stack and above the last, and each return address in the program, so that a list has an
//! end whatever the words are. [`Frames::is_whole`] says whether the end was that 0.
//!
//! A panic walks its own stack, and so does a fault handler without a pager. The pager walks the
//! stack of a client whose fault it refuses.

use abi::layout::{PROGRAM_TEXT, USER_STACK_TOP};

use crate::paging::regions::HEAP_START;

/// The most lines of a backtrace.
pub const MOST: usize = 32;

/// The return addresses of the functions that have not returned, the innermost first.
pub struct Frames<R> {
    read: R,
    frame: u32,
    lowest: u32,
}

impl<R: FnMut(u32) -> Option<u32>> Frames<R> {
    /// The frames from that at `frame` on, which must not lie below `lowest`. `read` returns a word
    /// of the stack, or nothing where it cannot be read.
    pub const fn new(frame: u32, lowest: u32, read: R) -> Self {
        Self { read, frame, lowest }
    }

    /// Whether all frames were found, after the last return address.
    pub const fn is_whole(&self) -> bool {
        self.frame == 0
    }
}

impl<R: FnMut(u32) -> Option<u32>> Iterator for Frames<R> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let frame = self.frame;
        if !(self.lowest..=USER_STACK_TOP - 8).contains(&frame) || !frame.is_multiple_of(4) {
            return None;
        }
        let outer = (self.read)(frame)?;
        let address = (self.read)(frame + 4)?;
        if !(PROGRAM_TEXT..HEAP_START).contains(&address) {
            return None;
        }
        (self.frame, self.lowest) = (outer, frame + 8);
        Some(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOWEST: u32 = USER_STACK_TOP - 0x100;
    const TEXT: u32 = PROGRAM_TEXT + 0x20;

    /// The return addresses from `frame` on, on a stack where these words lie and all others are 0,
    /// and whether the list is whole.
    fn walk(frame: u32, words: &[(u32, u32)]) -> (Vec<u32>, bool) {
        let read = |address: u32| {
            assert!(
                (LOWEST..USER_STACK_TOP).contains(&address),
                "{address:#x} is not on the stack"
            );
            let found = words.iter().find(|(at, _)| *at == address);
            Some(found.map_or(0, |(_, word)| *word))
        };
        let mut frames = Frames::new(frame, LOWEST, read);
        (frames.by_ref().collect(), frames.is_whole())
    }

    #[test]
    fn a_list_that_ends_at_the_root_is_whole() {
        let (inner, outer) = (LOWEST, USER_STACK_TOP - 8);
        let words = [(inner, outer), (inner + 4, TEXT), (outer, 0), (outer + 4, TEXT + 9)];
        assert_eq!(walk(inner, &words), (vec![TEXT, TEXT + 9], true));
        assert_eq!(walk(outer, &words), (vec![TEXT + 9], true));
    }

    #[test]
    fn no_list_leaves_the_stack_or_goes_round() {
        for frame in [1, LOWEST - 4, LOWEST + 2, USER_STACK_TOP - 4, USER_STACK_TOP, u32::MAX - 3] {
            assert_eq!(walk(frame, &[]), (vec![], false), "{frame:#x}");
        }
        for outer in [LOWEST, LOWEST + 4, LOWEST - 8, LOWEST + 9, USER_STACK_TOP - 4, u32::MAX] {
            let words = [(LOWEST, outer), (LOWEST + 4, TEXT)];
            assert_eq!(walk(LOWEST, &words), (vec![TEXT], false), "{outer:#x}");
        }
    }

    #[test]
    fn a_return_address_outside_of_the_program_ends_the_list() {
        for address in [0, PROGRAM_TEXT - 1, HEAP_START, 0xF010_0000, u32::MAX] {
            let words = [(LOWEST, 0), (LOWEST + 4, address)];
            assert_eq!(walk(LOWEST, &words), (vec![], false), "{address:#x}");
        }
    }

    #[test]
    fn what_cannot_be_read_ends_the_list() {
        let mut frames = Frames::new(LOWEST, LOWEST, |_| None);
        assert_eq!((frames.next(), frames.is_whole()), (None, false));
    }
}
