//! How the benchmark says what is measured: it executes NOPs whose operand has a number in it.

/// What the benchmark says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
    /// 1: a part begins: a process with series of its own.
    Part,
    /// 2: a series begins: repetitions of one operation.
    Series,
    /// 3: an operation begins.
    Begin,
    /// 4: it is over.
    End,
    /// 5: the series is over.
    Done,
}

impl Mark {
    /// All of them, each at its number, less 1.
    pub const ALL: [Self; 5] = [Self::Part, Self::Series, Self::Begin, Self::End, Self::Done];

    /// The displacement of mark 0. `userland/bench/src/mark.rs` has it, too.
    const BASE: u32 = 0x5654_0000;

    /// The mark that an instruction is, by its text; `None` for any other instruction.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let displacement = text.trim().strip_prefix("nopl 0x")?.strip_suffix("(%eax)")?;
        let number = u32::from_str_radix(displacement, 16).ok()?.checked_sub(Self::BASE)?;
        Self::ALL.get((number as usize).checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_a_nop_with_its_number() {
        for (number, mark) in (1..).zip(Mark::ALL) {
            assert_eq!(Mark::of(&format!("nopl 0x5654000{number}(%eax)")), Some(mark));
        }
    }

    #[test]
    fn other_nops_are_no_marks() {
        for text in [
            "nop ",
            "nopl (%eax)",
            "nopl 0x56540000(%eax)",
            "nopl 0x56540006(%eax)",
            "nopl 0x56540001(%ecx)",
            "nopl 0x56530001(%eax)",
            "nopw 0x56540001(%eax)",
        ] {
            assert_eq!(Mark::of(text), None, "{text}");
        }
    }
}
