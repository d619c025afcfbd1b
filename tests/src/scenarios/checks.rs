//! What the kernel promises, tried from ring 3: each check of the program `checks` in a boot of its own.

use libtest_mimic::Trial;

use crate::{Boot, Claim, claim};

/// The claims of this file: as many as the program lists, and one that they all leave nothing behind.
pub fn trials() -> Vec<Trial> {
    let together = claim("checks::all_together_leave_no_frame_behind", all_together);
    match names() {
        Ok(names) => names.into_iter().map(one).chain([together]).collect(),
        Err(why) => {
            vec![claim("checks::the_program_lists_its_checks", move || Err(why.clone().into()))]
        }
    }
}

fn names() -> Result<Vec<String>, String> {
    let outcome = Boot::new().run("checks").boot().map_err(|error| format!("{error:?}"))?;
    let names: Vec<_> = outcome.lines.iter().filter(|line| is_name(line)).cloned().collect();
    if names.is_empty() {
        Err(format!("`checks` lists nothing: {:#?}", outcome.lines))
    } else {
        Ok(names)
    }
}

/// A check is named as its function, in several words.
fn is_name(line: &str) -> bool {
    line.contains('_')
        && line.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
}

fn one(name: String) -> Trial {
    let title = format!("checks::{name}");
    claim(&title, move || {
        let trusted = if name.starts_with("a_driver") { "trust" } else { "" };
        let outcome = Boot::new().append(trusted).run(&format!("checks {name}")).boot()?;
        outcome.exits(0)?.shows(&[&format!("ok {name}")])?.lacks(&["kernel panic", "FAILED"])?;
        Ok(())
    })
}

fn all_together() -> Claim {
    let outcome = Boot::new().append("trust").run("checks all").boot()?;
    outcome.exits(0)?.shows(&["* passed, 0 failed"])?.lacks(&["kernel panic", "FAILED"])?;
    Ok(())
}
