//! The terminal, as it was: an emulator that is killed leaves it in raw mode.

use std::io::{self, IsTerminal};

use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};

/// The settings of standard input, if it is a terminal.
#[derive(Clone)]
pub struct SavedTerminal(Option<Termios>);

impl SavedTerminal {
    /// Remembers the settings.
    #[must_use]
    pub fn save() -> Self {
        let stdin = io::stdin();
        Self(if ours(&stdin) { tcgetattr(&stdin).ok() } else { None })
    }

    /// Puts them back.
    pub fn restore(&self) {
        if let Some(settings) = &self.0 {
            // If the terminal itself is gone, there is nowhere to report it.
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, settings);
        }
    }
}

/// Where the guest's input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// QEMU reads the terminal itself.
    Terminal,
    /// We read, and pass it on once the guest has come up.
    Passed,
    /// There is none.
    Nothing,
}

impl Input {
    /// Looks at standard input.
    #[must_use]
    pub fn find(interactive: bool) -> Self {
        let stdin = io::stdin();
        Self::choose(interactive, stdin.is_terminal(), ours(&stdin))
    }

    /// A job in the background would be stopped if it touched its terminal.
    fn choose(interactive: bool, terminal: bool, ours: bool) -> Self {
        match (interactive, terminal, ours) {
            (true, true, true) => Self::Terminal,
            (_, true, false) => Self::Nothing,
            (false, true, true) | (_, false, _) => Self::Passed,
        }
    }
}

/// Is this a terminal with us in the foreground?
fn ours(stdin: &io::Stdin) -> bool {
    tcgetpgrp(stdin).is_ok_and(|foreground| foreground == getpgrp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_interactive_foreground_terminal_is_handed_over() {
        assert_eq!(Input::choose(true, true, true), Input::Terminal);
        assert_eq!(Input::choose(false, true, true), Input::Passed);
        assert_eq!(Input::choose(true, true, false), Input::Nothing);
        assert_eq!(Input::choose(false, true, false), Input::Nothing);
        assert_eq!(Input::choose(true, false, false), Input::Passed);
        assert_eq!(Input::choose(false, false, false), Input::Passed);
    }
}
