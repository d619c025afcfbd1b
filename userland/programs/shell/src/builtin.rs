//! The commands that the shell runs itself. init uses this list too, because `run=` may name one of
//! them.

/// A command of the shell's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Builtin {
    /// Lists the programs, or explains one.
    Help,
    /// Lists all processes.
    Ps,
    /// Runs a program, even if its name is that of a builtin.
    Run,
    /// Runs a program or builtin, and says what it has cost.
    Time,
    /// Lists the programs in the background.
    Jobs,
    /// Waits for a program in the background, which Ctrl-C then ends.
    Fg,
    /// Waits for all programs in the background.
    Wait,
    /// Ends a process with its descendants.
    Kill,
    /// Empties the screen.
    Clear,
    /// Ends the shell.
    Exit,
}

impl Builtin {
    /// All of them, in the order in which `help` lists them.
    pub const ALL: [Self; 10] = [
        Self::Help,
        Self::Ps,
        Self::Run,
        Self::Time,
        Self::Jobs,
        Self::Fg,
        Self::Wait,
        Self::Kill,
        Self::Clear,
        Self::Exit,
    ];

    /// The builtin of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|builtin| builtin.name() == name)
    }

    /// What is typed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Help => "help",
            Self::Ps => "ps",
            Self::Run => "run",
            Self::Time => "time",
            Self::Jobs => "jobs",
            Self::Fg => "fg",
            Self::Wait => "wait",
            Self::Kill => "kill",
            Self::Clear => "clear",
            Self::Exit => "exit",
        }
    }

    /// What it does, in one line.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Help => "this list, or one program of it",
            Self::Ps => "all processes",
            Self::Run => "run a program (its name alone does, too)",
            Self::Time => "run a program, and say what it has cost",
            Self::Jobs => "the programs in the background (PROGRAM &)",
            Self::Fg => "wait for one of them, which Ctrl-C then ends",
            Self::Wait => "wait for all of them",
            Self::Kill => "end a process with its descendants",
            Self::Clear => "empty the screen",
            Self::Exit => "leave, with a status; the machine turns off",
        }
    }

    /// How it is typed. An upper-case word stands for something; what is in brackets may be left
    /// out.
    #[must_use]
    pub const fn usage(self) -> &'static str {
        match self {
            Self::Help => "help [PROGRAM]",
            Self::Ps => "ps   (no arguments)",
            Self::Run => "run PROGRAM [ARGUMENTS...]",
            Self::Time => "time PROGRAM [ARGUMENTS...]",
            Self::Jobs => "jobs   (no arguments)",
            Self::Fg => "fg [%JOB]",
            Self::Wait => "wait   (no arguments)",
            Self::Kill => "kill PROCESS|%JOB...",
            Self::Clear => "clear   (no arguments)",
            Self::Exit => "exit [STATUS]",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_builtin_is_found_by_its_name_and_explains_itself() {
        for builtin in Builtin::ALL {
            assert_eq!(Builtin::named(builtin.name()), Some(builtin));
            assert!(builtin.usage().starts_with(builtin.name()));
            // `help` indents by two, and gives names twelve columns.
            assert!(builtin.summary().len() <= 60 - 15, "{builtin:?}");
        }
        for name in ["", "Help", "help ", "walk"] {
            assert_eq!(Builtin::named(name), None);
        }
    }
}
