//! The programs on the primitives of Appel and Li: what they print, and that each finds itself right.

use libtest_mimic::Trial;

use crate::{Boot, Claim, claim};

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    vec![claim("vm::vmpup_takes_as_many_faults_as_it_writes_protected_pages", vmpup)]
}

/// What no such boot may show.
const NEVER: [&str; 2] = ["kernel panic*", "*not so*"];

fn vmpup() -> Claim {
    Boot::new().run("vmpup").boot()?.exits(0)?.lacks(&NEVER)?.shows(&[
        "vmpup: 100 pages in random order, counted in instructions",
        "prot1+trap+unprot * for each of 10000 faults",
        "protN+trap+unprot * for each of 10000 faults",
        "trap * for each of 5000 faults",
        "sum ",
    ])?;
    Ok(())
}
