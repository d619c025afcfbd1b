//! The commands that the shell runs itself. init uses this list too, because `run=` may name one of
//! them.

/// A command of the shell's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Builtin {
    /// Lists the programs.
    Help,
    /// Lists all processes.
    Ps,
    /// Runs a program, even if its name is that of a builtin.
    Run,
    /// Ends the shell.
    Exit,
}

impl Builtin {
    /// The builtin of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "help" => Self::Help,
            "ps" => Self::Ps,
            "run" => Self::Run,
            "exit" => Self::Exit,
            _ => return None,
        })
    }
}
