//! The shell on the serial line: editing, the foreground, Ctrl-C.

use libtest_mimic::Trial;

use crate::{Boot, Claim, claim};

const PROMPT: &str = "vitrine> ";
const CONTROL_C: &[u8] = b"\x03";

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    vec![
        claim("shell::helps_lists_runs_and_exits", helps_and_exits),
        claim("shell::backspace_edits_the_line", backspace),
        claim("shell::control_c_ends_an_endless_forker_with_its_subtree", control_c_ends_a_subtree),
        claim("shell::what_a_program_leaves_behind_does_not_own_the_console", left_owner),
        claim("shell::what_a_program_leaves_behind_does_not_read_what_is_typed", left_reader),
        claim("shell::what_a_program_leaves_behind_does_not_keep_the_process_slots", left_bomb),
        claim(
            "shell::a_job_that_takes_all_it_can_leaves_enough_for_control_c_and_the_next",
            full_machine,
        ),
        claim("shell::a_pasted_script_is_read_to_its_end", pasted),
        claim("shell::control_c_at_the_prompt_drops_the_line", control_c_drops_the_line),
        claim("shell::control_c_ends_a_program_run_without_a_shell", control_c_without_a_shell),
    ]
}

fn helps_and_exits() -> Claim {
    let outcome = Boot::new()
        .answer(PROMPT, "help\r")
        .answer(PROMPT, "ps\r")
        .answer(PROMPT, "run walk 0x800020\r")
        .answer(PROMPT, "walk\r")
        .answer(PROMPT, "nonesuch\r")
        .answer(PROMPT, "exit 7\r")
        .boot()?;
    outcome.exits(7)?;
    outcome.shows(&[
        "walk",
        "00001000 * blocked",
        "directory index 0x002",
        "usage: walk",
        "walk: exit status 2",
        "no such program: nonesuch",
    ])?;
    Ok(())
}

fn backspace() -> Claim {
    let outcome = Boot::new().answer(PROMPT, "exxit\x7f\x7f\x7fit 5\r").boot()?;
    outcome.exits(5)?;
    Ok(())
}

fn control_c_ends_a_subtree() -> Claim {
    let outcome = Boot::new()
        .answer(PROMPT, "forever\r")
        .answer("32 processes", CONTROL_C)
        .answer(PROMPT, "ps\r")
        .answer(PROMPT, "exit\r")
        .boot()?;
    outcome.exits(0)?.shows(&["32 processes", "^C", "00001000", "00001001", "00001002"])?;
    // The shell, its `ps` in itself: three processes are left, and the forker's are not among them.
    let after = outcome.lines.iter().rposition(|line| line.contains("STATUS")).unwrap_or(0);
    let left = outcome.lines[after + 1..].iter().take_while(|line| line.contains("0000")).count();
    outcome.demand(left == 3, || format!("{left} processes after Ctrl-C, not 3"))?;
    Ok(())
}

fn left_owner() -> Claim {
    let outcome = Boot::new()
        .answer(PROMPT, "leave owner\r")
        .answer(PROMPT, "forever\r")
        .answer("32 processes", CONTROL_C)
        .answer(PROMPT, "exit 3\r")
        .boot()?;
    outcome
        .exits(3)?
        .lacks(&["the console is mine"])?
        .shows(&["leave: left a process behind, which is ended", "^C"])?;
    Ok(())
}

fn left_reader() -> Claim {
    let outcome = Boot::new()
        .answer(PROMPT, "leave reader\r")
        .answer(PROMPT, "hello\r")
        .answer(PROMPT, "leave many\r")
        .answer(PROMPT, "exit 3\r")
        .boot()?;
    outcome.exits(3)?.lacks(&["<h>", "<e>"])?.shows(&[
        "leave: left a process behind",
        "hello from frame",
        "leave: left 20 processes behind, which are ended",
    ])?;
    Ok(())
}

fn left_bomb() -> Claim {
    let outcome = Boot::new()
        .answer(PROMPT, "leave bomb\r")
        .answer(PROMPT, "free\r")
        .answer(PROMPT, "exit 3\r")
        .boot()?;
    outcome.exits(3)?.shows(&["leave: left", "frames free", "4 processes"])?;
    Ok(())
}

/// A job that forks until it may not: the shell takes Ctrl-C, ends it, and has room for another program.
fn full_machine() -> Claim {
    let outcome = Boot::new()
        .memory(32)
        .answer(PROMPT, "forever 2000\r")
        .answer("no more", CONTROL_C)
        .answer(PROMPT, "hello\r")
        .answer(PROMPT, "exit 3\r")
        .boot()?;
    outcome.exits(3)?.shows(&["no more", "^C", "hello from frame"])?;
    Ok(())
}

/// More bytes than the kernel keeps, faster than the shell reads them.
fn pasted() -> Claim {
    const LINES: usize = 1000;
    let mut script = "nonesuch\r".repeat(LINES);
    script.push_str("exit 3\r");
    let outcome = Boot::new().answer(PROMPT, script).boot()?;
    outcome.exits(3)?;
    let answers =
        outcome.lines.iter().filter(|line| line.contains("no such program: nonesuch")).count();
    outcome.demand(answers == LINES, || format!("{answers} answers to {LINES} lines"))?;
    Ok(())
}

fn control_c_drops_the_line() -> Claim {
    let outcome = Boot::new().answer(PROMPT, "exit 9\x03").answer(PROMPT, "exit 4\r").boot()?;
    outcome.exits(4)?;
    Ok(())
}

fn control_c_without_a_shell() -> Claim {
    let outcome = Boot::new().run("forever").answer("32 processes", CONTROL_C).boot()?;
    outcome.exits(130)?.shows(&["^C"])?;
    Ok(())
}
