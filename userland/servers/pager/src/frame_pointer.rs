//! How the pager learns the frame pointer (ebp) of a client whose fault it is about to refuse.
//!
//! A fault message has the address and the instruction, and only a parent reads registers. But the
//! client will never run its program again, and its pages are the pager's to change. So for a
//! moment the pager lets it run a copy of its page of text, with a *question* at the instruction:
//! an access to `ebp + ABOVE`, which faults. The fault's address tells `ebp`. Then the page is put
//! back, and the access of the program is repeated, with all registers but the flags as they were:
//! its fault is refused, and the kernel's line is about that access.
//!
//! 1. [`Search::NotYet`]: the fault is refused. The pager puts the question there ([`ask`]), and
//!    the client is [`Search::Asked`].
//! 2. The next fault is the answer ([`Question::answer`]): [`Search::Found`]. If `ebp` is no
//!    address of the stack, `ebp + ABOVE` may be in a page of the client's: the access succeeds.
//!    A second access, which always faults, tells that. A jump back to the program's instruction is
//!    put in its place ([`go_back`]).
//! 3. The program's fault comes again. The pager prints the backtrace and refuses.
//!
//! Each client is asked once at most, and whatever faults come instead are served like others: a
//! client that does not answer gets no backtrace, and no more of the pager's time.
//!
//! Assumed: the client waits, and has no fault handler that would get the question's fault.
//!
//! Not done: the instruction must be in the file's text, with [`QUESTION`] bytes up to the end of
//! its page. So there is no backtrace of a jump to where no program is.

use libsys::abi::format::elf::STACK_START;
use libsys::abi::layout::{KERNEL_BASE, PAGE_SIZE};

use crate::program::Bytes;

/// Takes the stack to where no program has pages, in the kernel's half.
const ABOVE: u32 = 0x0800_0000;
const _: () = assert!(STACK_START + ABOVE >= KERNEL_BASE);

/// No program has a page here.
const NOWHERE: u32 = u32::MAX;

/// Bytes that the question takes.
pub const QUESTION: usize = 22;
/// Behind the longest instruction (15 bytes), so that the program's own is whole when
/// [`go_back`] has changed what lies here.
const SECOND: usize = 16;

/// What the pager knows of a client's frame pointer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Search {
    /// No fault of the client's was refused yet.
    NotYet,
    /// The question is in its text.
    Asked(Question),
    /// It has answered.
    Found {
        /// The question.
        question: Question,
        /// The frame pointer.
        frame: u32,
    },
    /// It has no frame pointer, or was not asked.
    Over,
}

/// The fault that is about to be refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    /// The address that the program touched.
    pub address: u32,
    /// The instruction.
    pub eip: u32,
}

/// What a client's fault says about its frame pointer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It is this.
    Frame(u32),
    /// It is no address of the stack, and nobody knows which other.
    None,
}

impl Question {
    /// Where in its page the instruction is, if the question has room there.
    #[must_use]
    pub const fn offset(self) -> Option<usize> {
        let offset = (self.eip % PAGE_SIZE) as usize;
        if offset + QUESTION <= PAGE_SIZE as usize { Some(offset) } else { None }
    }

    /// Reads a fault at `address`, by the instruction at `eip`; nothing if it is no answer.
    #[must_use]
    pub fn answer(self, address: u32, eip: u32) -> Option<Answer> {
        // The page of text went and came back without the question, or is about to.
        let is_programs = address == self.address || address / PAGE_SIZE == self.eip / PAGE_SIZE;
        if eip == self.eip && !is_programs {
            Some(Answer::Frame(address.wrapping_sub(ABOVE)))
        } else if (address, eip) == (NOWHERE, self.eip.wrapping_add(SECOND as u32)) {
            Some(Answer::None)
        } else {
            None
        }
    }
}

/// Puts the question into a page of text, at `offset`.
///
/// # Panics
/// If it has no room there.
pub fn ask(text: &mut Bytes, offset: usize) {
    let [a, b, c, d] = ABOVE.to_le_bytes();
    // cmp al, [ebp + ABOVE]; jmp to the second access.
    let first = [0x3A, 0x85, a, b, c, d, 0xEB, SECOND as u8 - 8];
    text[offset..][..first.len()].copy_from_slice(&first);
    // cmp al, [NOWHERE]
    let second = [0x3A, 0x05, 0xFF, 0xFF, 0xFF, 0xFF];
    text[offset + SECOND..][..second.len()].copy_from_slice(&second);
}

/// Puts a jump to the instruction at `offset` in place of the second access.
///
/// # Panics
/// If the question has no room there.
pub fn go_back(text: &mut Bytes, offset: usize) {
    // jmp; its distance counts from its end.
    text[offset + SECOND..][..2].copy_from_slice(&[0xEB, (SECOND as u8 + 2).wrapping_neg()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const EIP: u32 = 0x80_1234;
    const QUESTION_AT: Question = Question { address: 0, eip: EIP };

    #[test]
    fn only_a_fault_of_the_question_is_an_answer() {
        let frame = 0xEEBF_DFA8;
        let table = [
            (frame + ABOVE, EIP, Some(Answer::Frame(frame))),
            (STACK_START + ABOVE, EIP, Some(Answer::Frame(STACK_START))),
            (ABOVE, EIP, Some(Answer::Frame(0))),
            (ABOVE - 1, EIP, Some(Answer::Frame(u32::MAX))),
            (frame + ABOVE, EIP + 1, None),
            // The program's own access, and the instruction's page.
            (0, EIP, None),
            (EIP, EIP, None),
            (EIP & !0xFFF, EIP, None),
            (NOWHERE, EIP + 16, Some(Answer::None)),
            (NOWHERE - 1, EIP + 16, None),
        ];
        for (address, eip, expected) in table {
            assert_eq!(QUESTION_AT.answer(address, eip), expected, "{address:#x} {eip:#x}");
        }
    }

    #[test]
    fn a_question_at_the_end_of_a_page_has_no_room() {
        let offset = |eip| Question { address: 0, eip }.offset();
        assert_eq!(offset(0x80_0FEA), Some(0xFEA));
        assert_eq!(offset(0x80_0FEB), None);
        let mut text = [0x90; PAGE_SIZE as usize];
        ask(&mut text, 0xFEA);
        assert_eq!(
            text[0xFE9..],
            [
                0x90, 0x3A, 0x85, 0, 0, 0, 8, 0xEB, 8, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
                0x90, 0x3A, 0x05, 0xFF, 0xFF, 0xFF, 0xFF,
            ]
        );
    }

    #[test]
    fn the_way_back_leaves_the_longest_instruction_whole() {
        let mut text = [0x90; PAGE_SIZE as usize];
        go_back(&mut text, 4);
        let changed: Vec<_> = (0..text.len()).filter(|at| text[*at] != 0x90).collect();
        assert_eq!(changed, [4 + 16, 4 + 17]);
        // The end of the jump is 18 bytes behind the instruction.
        assert_eq!(text[20..22], [0xEB, 0x100_u16.wrapping_sub(18) as u8]);
    }
}
