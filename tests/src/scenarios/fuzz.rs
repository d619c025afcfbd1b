//! A share of what `cargo xtask fuzz` does for hours: a few seeds on the machines where mistakes
//! are likely.

use std::time::Duration;

use libtest_mimic::Trial;
use xtask::fuzz::run::{Asked, Finding, Ran};
use xtask::fuzz::shorten_batch;
use xtask::workspace::Workspace;

use crate::{Claim, claim};

/// Only a machine that hangs takes this long.
const PATIENCE: Duration = Duration::from_secs(240);

const MACHINE: Asked = Asked {
    seed: 1,
    calls: 20_000,
    memory: 128,
    words: String::new(),
    swap: false,
    leave: None,
    plant: None,
    servers: false,
};

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    let clean = |name: &str, asked: Asked| {
        claim(&format!("fuzz::{name}_leave_nothing_behind"), move || runs_clean(&asked))
    };
    let trust = || "trust".to_owned();
    vec![
        clean("families_in_16_mib", Asked { memory: 16, ..MACHINE }),
        clean("families_in_17_mib", Asked { seed: 2, memory: 17, ..MACHINE }),
        clean("families_in_128_mib", Asked { seed: 3, ..MACHINE }),
        clean("families_in_257_mib", Asked { seed: 4, memory: 257, ..MACHINE }),
        clean("families_of_drivers", Asked { seed: 5, words: trust(), ..MACHINE }),
        clean("families_under_the_words_of_jos", Asked { seed: 6, words: "jos".into(), ..MACHINE }),
        clean("families_beside_a_swap_disk", Asked { seed: 7, memory: 32, swap: true, ..MACHINE }),
        clean(
            "families_with_300_frames",
            Asked { seed: 8, memory: 17, leave: Some(300), ..MACHINE },
        ),
        clean(
            "families_of_drivers_in_16_mib",
            Asked { seed: 9, memory: 16, words: trust(), ..MACHINE },
        ),
        clean("questions_to_servers", Asked { seed: 10, servers: true, ..MACHINE }),
        clean(
            "questions_to_servers_that_swap",
            Asked { seed: 11, memory: 32, swap: true, servers: true, ..MACHINE },
        ),
        claim("fuzz::a_first_process_without_a_pager_leaves_nothing_behind", without_init),
        claim("fuzz::what_is_no_number_is_one_line_and_status_1", no_number),
        claim("fuzz::a_planted_fault_is_found_and_shortened_to_its_step", planted),
    ]
}

fn runs_clean(asked: &Asked) -> Claim {
    match asked.boot(&Workspace::locate(), "", PATIENCE)? {
        Ran::Clean(_) => Ok(()),
        Ran::Found { line, finding, .. } => {
            Err(format!("{}: {finding}\n{line}", asked.command("")).into())
        }
    }
}

/// The first process has no arguments; then it is seed 1 and 20,000 steps.
fn without_init() -> Claim {
    let outcome = crate::Boot::new().elf("fuzz").boot()?;
    outcome.exits(0)?.shows(&["fuzz: seed 1, *: no finding"])?;
    Ok(())
}

fn no_number() -> Claim {
    let table = [
        ("fuzz abc 100", "fuzz: SEED `abc`: a number from 0 to 4294967295 is wanted"),
        ("fuzz 1 4294967296", "fuzz: CALLS `4294967296`: a number from 0 to 4294967295 is wanted"),
        ("fuzz 1 1 --drop 3", "fuzz: --drop `3`: FIRST-END is wanted, two numbers"),
        ("fuzz 1 2 3", "fuzz: `3` is not understood; usage: *"),
    ];
    for (command, line) in table {
        crate::Boot::new().run(command).boot()?.exits(1)?.shows(&[line])?;
    }
    Ok(())
}

/// The planted step is member 3's sixth; every member makes its first steps in some batch.
fn planted() -> Claim {
    const STEP: u32 = 3 << 16 | 5;
    let workspace = Workspace::locate();
    let asked = Asked { plant: Some(STEP), ..MACHINE };
    let Ran::Found { finding, batch: Some(batch), .. } = asked.boot(&workspace, "", PATIENCE)?
    else {
        return Err("the planted fault is not found".into());
    };
    if finding != Finding::Counts("frames".to_owned()) {
        return Err(format!("the planted fault is taken for this: {finding}").into());
    }
    let Some(shortened) = shorten_batch(&workspace, &asked, &finding, batch, PATIENCE)? else {
        return Err("the batch does not show the planted fault alone".into());
    };
    match shortened.steps.as_slice() {
        [line] if line.starts_with(&format!("/* {batch}:3:5 */ ")) => Ok(()),
        steps => Err(format!("not the planted step alone: {steps:#?}").into()),
    }
}
