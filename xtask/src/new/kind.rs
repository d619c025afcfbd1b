//! The kinds of programs that `cargo xtask new` begins: each is a template with what a test of it
//! needs.

/// A kind of program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A program in Rust that looks at its own page table.
    Program,
    /// A program with a fault handler.
    Handler,
    /// A program that is a pager.
    Pager,
    /// A program in C.
    C,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Program, Self::Handler, Self::Pager, Self::C];

    /// The text of the template.
    pub(super) const fn template(self) -> &'static str {
        match self {
            Self::Program => include_str!("../../../userland/own/examples/program.rs"),
            Self::Handler => include_str!("../../../userland/own/examples/handler.rs"),
            Self::Pager => include_str!("../../../userland/own/examples/pager.rs"),
            Self::C => include_str!("../../../userland/own/examples/program.c"),
        }
    }

    /// The lines that the program prints, as the emulator tests read them.
    pub(super) const fn lines(self) -> &'static [&'static str] {
        match self {
            Self::Program => &[
                "before it is written: the page at 0x1* is absent",
                "after it is written: it is in frame 0x*, dirty: true",
            ],
            Self::Handler => &["4 loads, 3 page faults, the sum is 0"],
            Self::Pager => &["* pages given, the child's status is 0"],
            Self::C => &["the entry was 0x00000000, then 0x*, and after the store 0x*"],
        }
    }

    /// The program's file.
    pub(super) fn file(self, name: &str) -> String {
        match self {
            Self::Program | Self::Handler | Self::Pager => {
                format!("userland/own/src/bin/{name}.rs")
            }
            Self::C => format!("userland/own/c/{name}.c"),
        }
    }
}
