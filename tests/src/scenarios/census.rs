//! Nothing leaks: after a program has run, as many frames are free as before.
//!
//! In the first run the pager's page records grow; the runs after it must leave the machine as they
//! found it.

use libtest_mimic::Trial;

use crate::{Boot, Claim, claim};

const PROMPT: &str = "vitrine> ";

const PROGRAMS: [&str; 10] = [
    "walk 0x800020",
    "vmmap",
    "forktree",
    "cow",
    "lazy",
    "faults",
    "pingpong 20",
    "hog 4M",
    "peek hog 4M",
    "nonesuch",
];

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    let one = |program: &'static str| {
        let name = program.split(' ').next().unwrap_or(program);
        claim(&format!("census::{name}_gives_every_frame_back"), move || gives_back(program))
    };
    PROGRAMS.into_iter().map(one).collect()
}

fn gives_back(program: &str) -> Claim {
    let mut boot = Boot::new();
    for _ in 0..3 {
        boot = boot.answer(PROMPT, format!("{program}\r")).answer(PROMPT, "free\r");
    }
    let outcome = boot.answer(PROMPT, "exit\r").boot()?;
    outcome.exits(0)?;
    let free: Vec<_> = outcome.lines.iter().filter(|line| line.contains("frames free")).collect();
    outcome.demand(free.len() == 3 && free[1] == free[2], || format!("{free:#?}"))?;
    let processes = outcome.lines.iter().filter(|line| line.as_str() == "4 processes").count();
    outcome.demand(processes == 3, || "not just init, the pager, the shell and `free`".into())?;
    Ok(())
}
