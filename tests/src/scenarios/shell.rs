//! The shell on the serial line: editing, the foreground, Ctrl-C.

use libtest_mimic::Trial;

use crate::{Boot, Claim, claim};

const PROMPT: &str = "vitrine> ";
const CONTROL_C: &[u8] = b"\x03";
const CONTROL_D: &[u8] = b"\x04";

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    vec![
        claim("shell::helps_lists_runs_and_exits", helps_and_exits),
        claim("shell::ps_names_every_program_in_80_columns", ps_has_names),
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
        claim("shell::control_d_on_an_empty_line_ends_it_with_the_last_status", control_d_ends),
        claim("shell::control_d_on_a_line_with_text_changes_nothing", control_d_in_a_line),
        claim("shell::quotes_group_and_an_open_quote_runs_nothing", quotes),
        claim("shell::exit_without_a_status_has_that_of_the_last_command", exit_status),
        claim("shell::a_line_runs_programs_in_order_and_after_success", several_programs),
        claim("shell::an_operator_that_it_does_not_have_runs_nothing", no_pipes),
        claim("shell::control_c_ends_the_whole_line", control_c_ends_a_line),
        claim("shell::a_job_in_the_background_is_listed_killed_and_reported", background),
        claim("shell::control_c_ends_the_foreground_and_no_job", control_c_spares_jobs),
        claim("shell::a_job_in_the_foreground_again_ends_by_control_c", foreground_again),
        claim("shell::wait_waits_for_every_job", waits),
        claim("shell::what_a_job_leaves_behind_is_ended_with_it", left_by_a_job),
        claim("shell::exit_and_control_d_end_the_jobs", exit_ends_jobs),
        claim("shell::two_jobs_that_take_all_they_can_leave_enough_for_a_third", greedy_jobs),
        claim("shell::kill_names_what_it_cannot_end", kill_refuses),
        claim("shell::time_counts_instructions_and_what_the_pager_gave", times),
        claim("shell::clear_empties_the_screen", clears),
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

/// The names of init, the pager, the shell, a program started by a program, and a forked child of
/// that one.
fn ps_has_names() -> Claim {
    let boot = Boot::new().answer(PROMPT, "sh\r").answer(PROMPT, "ps\r");
    let outcome = boot.answer(PROMPT, "exit\r").answer(PROMPT, "exit\r").boot()?;
    outcome.exits(0)?.shows(&[
        "ID * PARENT * NAME * STATUS",
        "00001000 00000000 init * blocked",
        "00001001 00001000 pager * blocked",
        "00001002 00001000 sh * blocked",
        "00001003 00001002 sh * running",
    ])?;
    let wide = outcome.lines.iter().find(|line| line.starts_with("0000") && line.len() > 80);
    outcome.demand(wide.is_none(), || format!("over 80 columns: {wide:?}"))?;
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

/// A job that forks until it may not: the shell takes Ctrl-C, ends it, and has room for another
/// program.
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

fn control_d_ends() -> Claim {
    Boot::new().answer(PROMPT, CONTROL_D).boot()?.exits(0)?;
    let outcome = Boot::new().answer(PROMPT, "walk\r").answer(PROMPT, CONTROL_D).boot()?;
    outcome.exits(2)?.shows(&["walk: exit status 2", "vitrine> exit"])?;
    // A line that was emptied again is empty.
    Boot::new().answer(PROMPT, "x\x7f\x04").boot()?.exits(0)?;
    Ok(())
}

fn control_d_in_a_line() -> Claim {
    Boot::new().answer(PROMPT, "exi\x04t 5\r").boot()?.exits(5)?;
    // The cursor is at the start of the line, but the line is not empty.
    Boot::new().answer(PROMPT, "6\x1b[D\x04exit \r").boot()?.exits(6)?;
    Ok(())
}

fn quotes() -> Claim {
    let outcome = Boot::new()
        .answer(PROMPT, "'walk' \"0x800020\"\r")
        .answer(PROMPT, "run \"a  -b\"' c'\\ d -ef\r")
        .answer(PROMPT, "walk '0x800020\r")
        .answer(PROMPT, "exit\r")
        .boot()?;
    outcome.exits(2)?.shows(&[
        "0x00800020 = directory index 0x002",
        "no such program: a  -b c d",
        "sh: there is no closing '",
    ])?;
    Ok(())
}

fn exit_status() -> Claim {
    for (line, status) in [("nonesuch\r", 127), ("exit x\r", 2), ("walk\rps\r", 0), ("\x03", 130)] {
        Boot::new().answer(PROMPT, line).answer("", "exit\r").boot()?.exits(status)?;
    }
    Ok(())
}

fn several_programs() -> Claim {
    let outcome = Boot::new()
        .answer(PROMPT, "hello; nonesuch && free; hello && run nonesuch\r")
        .answer(PROMPT, "exit\r")
        .boot()?;
    let lines = ["hello from", "no such program: nonesuch", "hello from", "no such program"];
    outcome.exits(127)?.shows(&lines)?.lacks(&["frames free"])?;
    // A line of several programs is run by a shell also without a prompt.
    let outcome = Boot::new().run("hello; time walk && free").boot()?;
    outcome.exits(2)?.shows(&["hello from", "usage: walk"])?.lacks(&["frames free"])?;
    Ok(())
}

fn no_pipes() -> Claim {
    let lines = [
        ("hello | free", "sh: `|`: the shell has no pipes"),
        ("hello || free", "sh: `||`: the shell has"),
        ("hello > free", "sh: `>`: there are no files"),
        ("hello < free", "sh: `<`: there are no files"),
        ("hello $(free)", "sh: `$`: the shell has no variables"),
        ("hello; (free)", "sh: `(`: the shell has no subshells"),
        ("hello && free &", "sh: `&` takes one program"),
        ("hello; ; free", "sh: there is no program before `;`"),
        ("hello &&", "sh: there is no program after `&&`"),
        ("ps &", "sh: ps is the shell's own"),
    ];
    let mut boot = Boot::new();
    for (line, _) in lines {
        boot = boot.answer(PROMPT, format!("{line}\r"));
    }
    let outcome = boot.answer(PROMPT, "exit\r").boot()?;
    outcome.exits(2)?.shows(&lines.map(|(_, said)| said))?;
    outcome.lacks(&["hello from", "frames free"])?;
    Ok(())
}

fn control_c_ends_a_line() -> Claim {
    let boot = Boot::new().answer(PROMPT, "forever; hello\r").answer("32 processes", CONTROL_C);
    let outcome = boot.answer(PROMPT, "exit\r").boot()?;
    outcome.exits(130)?.shows(&["^C"])?.lacks(&["hello from"])?;
    Ok(())
}

fn background() -> Claim {
    let outcome = Boot::new()
        .answer(PROMPT, "forever 3 &\r")
        .answer(PROMPT, "hello &\r")
        .answer("hello from", "\r")
        .answer(PROMPT, "free; jobs; kill %1 %7\r")
        .answer(PROMPT, "kill %1; jobs\r")
        .answer(PROMPT, "free; kill %1\r")
        .answer(PROMPT, "exit\r")
        .boot()?;
    outcome.exits(1)?.shows(&[
        "[1] 0000",
        "[2] 0000",
        "[2] hello: done",
        "[1] 0000* forever 3",
        "sh: there is no job %7",
        "[1] forever 3: destroyed",
        "4 processes",
        "sh: there is no job %1",
    ])?;
    Ok(())
}

fn control_c_spares_jobs() -> Claim {
    let outcome = Boot::new()
        .answer(PROMPT, "forever 3 &\r")
        .answer(PROMPT, "forever\r")
        .answer("32 processes", CONTROL_C)
        .answer(PROMPT, "jobs\r")
        .answer(PROMPT, "x\x03")
        .answer(PROMPT, "jobs; exit 4\r")
        .boot()?;
    let job = "[1] 0000* forever 3";
    outcome.exits(4)?.shows(&["^C", job, "x^C", job])?;
    Ok(())
}

fn foreground_again() -> Claim {
    let outcome = Boot::new()
        .answer(PROMPT, "fg; forever &\r")
        .answer("32 processes", "fg %1\r")
        .answer("forever", CONTROL_C)
        .answer(PROMPT, "jobs; free; exit 4\r")
        .boot()?;
    outcome.exits(4)?.shows(&["fg: nothing runs", "^C", "4 processes"])?;
    Ok(())
}

fn waits() -> Claim {
    let outcome = Boot::new()
        .answer(PROMPT, "hog 4M & hog 8M & wait; free\r")
        .answer(PROMPT, "forever 3 & wait\r")
        .answer("[1] ", "")
        .answer("\n", CONTROL_C)
        .answer(PROMPT, "kill %1\r")
        .answer(PROMPT, "exit\r")
        .boot()?;
    outcome.exits(0)?.shows(&["[1] hog 4M: done", "4 processes", "^C", "forever 3: destroyed"])?;
    outcome.shows(&["[2] hog 8M: done", "4 processes"])?;
    Ok(())
}

fn left_by_a_job() -> Claim {
    let outcome = Boot::new()
        .answer(PROMPT, "leave many &\r")
        .answer(PROMPT, "wait; free; exit 3\r")
        .boot()?;
    outcome.exits(3)?.shows(&[
        "[1] leave many: done",
        "leave many: left 20 processes behind, which are ended",
        "4 processes",
    ])?;
    Ok(())
}

fn exit_ends_jobs() -> Claim {
    let ended = "[1] forever 3: was running, and is ended";
    for last in ["exit\r".as_bytes(), CONTROL_D] {
        let boot = Boot::new().answer(PROMPT, "forever 3 &\r").answer(PROMPT, last);
        boot.boot()?.exits(0)?.shows(&[ended])?;
    }
    Boot::new().run("forever 3 & hello").boot()?.exits(0)?.shows(&["hello from", ended])?;
    Ok(())
}

fn greedy_jobs() -> Claim {
    let outcome = Boot::new()
        .memory(64)
        .answer(PROMPT, "forever 2000 &\r")
        .answer("no more", "forever 2000 &\r")
        .answer("no more", "jobs; hello; exit 3\r")
        .boot()?;
    outcome.exits(3)?.shows(&[
        "no more",
        "no more",
        "[1] 0000* forever 2000",
        "[2] 0000* forever 2000",
        "hello from frame",
        "[1] forever 2000: was running",
        "[2] forever 2000: was running",
    ])?;
    Ok(())
}

fn kill_refuses() -> Claim {
    let outcome = Boot::new()
        .answer(PROMPT, "kill; kill x; kill 1000; kill 00001001 fff\r")
        .answer(PROMPT, "kill 00123003; kill 1002; fg 1000; fg x; exit\r")
        .boot()?;
    outcome.exits(2)?.shows(&[
        "usage: kill",
        "usage: kill",
        "kill: 00001000 is no descendant of this shell",
        "kill: 00001001 is no descendant of this shell",
        "usage: kill",
        "kill: 00123003 has ended, or has never been",
        "kill: 00001002 is this shell",
        "fg: 00001000 is no job of this shell",
        "usage: fg",
    ])?;
    Ok(())
}

fn times() -> Claim {
    let outcome = Boot::new().run("time hog 4M").boot()?;
    outcome.exits(0)?.shows(&[
        "4194304 bytes back in another order",
        "time     * s",
        "counter  * instructions",
        "faults   1*, for which the pager gave",
        "1* pages of zeros and * of program files",
    ])?;
    Ok(())
}

fn clears() -> Claim {
    let outcome = Boot::new().answer(PROMPT, "clear\r").answer("\x1b[2J", "exit\r").boot()?;
    outcome.exits(0)?;
    Ok(())
}
