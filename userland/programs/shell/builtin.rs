//! The commands that the shell runs itself. init asks here too, because `run=` may name one.

/// A command of the shell's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Builtin {
    /// Lists the programs.
    Help,
    /// Lists all processes.
    Ps,
    /// Runs a program whose name could be that of a builtin.
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
