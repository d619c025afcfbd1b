//! A mistake: a replacement in one source file, and which program is to find it.

/// A mistake.
pub(super) struct Mistake {
    /// What is wrong then.
    pub what: &'static str,
    /// Which program is to find it: a random run, one with the pager, or all words.
    pub by: Judge,
    /// The file.
    pub file: &'static str,
    /// What stands there once, and what is put in its place.
    pub replace: (&'static str, &'static str),
}

/// A program of the package `vitrine-model`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Judge {
    Soak,
    Paging,
    Exhaustive,
}

impl Judge {
    pub const fn program(self) -> &'static str {
        match self {
            Self::Soak => "soak",
            Self::Paging => "paging",
            Self::Exhaustive => "exhaustive",
        }
    }

    pub fn arguments(self, seed: u64, steps: u64) -> Vec<String> {
        let (seed, steps) = (seed.to_string(), steps.to_string());
        match self {
            Self::Soak => vec![seed, steps, "0".to_owned(), "quick".to_owned()],
            Self::Paging => vec![seed, steps],
            Self::Exhaustive => {
                ["0", "255", "0", "0", "words", "addresses"].map(str::to_owned).to_vec()
            }
        }
    }
}

pub(super) const fn mistake(
    what: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
) -> Mistake {
    Mistake { what, by: Judge::Soak, file, replace: (from, to) }
}

impl Mistake {
    pub const fn by(self, by: Judge) -> Self {
        Self { by, ..self }
    }
}
