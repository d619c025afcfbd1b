//! Which tests judge the mutants of which package.

/// Which tests judge a mutant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Suite {
    Core,
    /// What a kernel has that is built without the calls of JOS.
    WithoutJos,
    Abi,
    Swap,
    Pager,
}

/// One part of a suite.
#[derive(Clone, Copy)]
pub struct Judge {
    pub program: Program,
    /// How many seconds of a CPU it may take: several times what it needs.
    pub seconds: u32,
}

/// What a part runs.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// The tests of a package: those that cargo's options name, or all.
    Tests(&'static str, &'static [&'static str]),
    /// A program of the package `vitrine-model`, with its arguments.
    Model(&'static str, &'static [&'static str]),
}

impl Program {
    /// What its programs are started with.
    pub const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Tests(..) => &[],
            Self::Model(_, arguments) => arguments,
        }
    }
}

const fn tests(package: &'static str, options: &'static [&'static str], seconds: u32) -> Judge {
    Judge { program: Program::Tests(package, options), seconds }
}

const fn model(name: &'static str, arguments: &'static [&'static str], seconds: u32) -> Judge {
    Judge { program: Program::Model(name, arguments), seconds }
}

/// Steps beside the reference model: a second.
const SOAK: Judge = model("soak", &["1", "40000", "0", "quick"], 10);
/// The pager on the kernel's decisions.
const PAGING: Judge = model("paging", &["1", "10000"], 120);
/// Every 4095th word and address.
const WORDS: Judge = model("exhaustive", &["0", "4095", "0", "0", "words", "addresses"], 30);
const CORE: Judge = tests("vitrine-core", &[], 40);
const WITHOUT_JOS: Judge = tests("vitrine-core", &["--no-default-features"], 40);
const ABI: Judge = tests("vitrine-abi", &[], 10);
const SWAP_QUICK: Judge = tests("swap", &["--lib", "--test", "copies"], 10);
const SWAP: Judge = tests("swap", &[], 60);
const PAGER: Judge = tests("pager", &[], 10);
/// The pager's server on the kernel's decisions, message by message.
const SERVER: Judge = tests("vitrine-model", &["--lib"], 60);

impl Suite {
    /// What finds most in the shortest time comes first.
    pub const fn judges(self) -> &'static [Judge] {
        match self {
            Self::Core => &[SOAK, CORE],
            Self::WithoutJos => &[WITHOUT_JOS],
            Self::Abi => &[ABI, SOAK, WORDS, CORE],
            Self::Swap => &[SWAP_QUICK, SWAP, SERVER, PAGING],
            Self::Pager => &[PAGER, SERVER],
        }
    }
}
