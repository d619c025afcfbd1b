//! The shell on the serial line: editing, the foreground, Ctrl-C.

use libtest_mimic::{Failed, Trial};

use crate::{Boot, Claim, claim};

const PROMPT: &str = "vitrine> ";
const CONTROL_C: &[u8] = b"\x03";
const CONTROL_D: &[u8] = b"\x04";

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    vec![
        claim("shell::helps_lists_runs_and_exits", helps_and_exits),
        claim("shell::ps_names_every_program_and_explains_its_columns", ps_has_names),
        claim("shell::no_table_is_wider_than_60_columns", narrow_tables),
        claim("shell::no_line_of_a_tool_is_wider_than_80_columns", narrow_lines),
        claim("shell::help_lists_and_explains_every_program", help_knows_all),
        claim("shell::keys_edit_the_line_where_the_cursor_is", keys),
        claim("shell::tab_completes_programs_and_their_options", tab),
        claim("shell::a_line_that_is_too_long_is_refused_and_not_cut", too_long),
        claim("shell::the_tools_show_a_process_in_the_background", tools_show_a_job),
        claim("shell::top_draws_the_processes_as_often_as_asked", top),
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
        claim(
            "shell::control_d_in_a_line_removes_the_character_at_the_cursor",
            control_d_in_a_line,
        ),
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
        "00001000 init * blocked",
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
        "ID * NAME * STATUS",
        "00001000 init * blocked",
        "00001001  pager * blocked * - * -",
        "00001002  sh * blocked",
        "00001003   sh * running",
        "RUNS: times on the CPU.",
    ])?;
    Ok(())
}

fn narrow_tables() -> Claim {
    let lines = ["ps", "vmmap", "peek hog 4M", "top 1", "help", "forever 3 & jobs", "time free"];
    let mut boot = Boot::new();
    for line in lines {
        boot = boot.answer(PROMPT, format!("{line}\r"));
    }
    let outcome = boot.answer(PROMPT, "exit 0\r").boot()?;
    outcome.exits(0)?.shows(&["ID", "ADDRESSES", "AFTER ms", "ID", "Programs:", "[1] 0000"])?;
    // Before the prompt, the kernel prints what it pleases.
    let ours = outcome.lines.iter().skip_while(|line| !line.starts_with(PROMPT));
    let wide: Vec<_> = ours.filter(|line| line.chars().count() > 60).collect();
    outcome.demand(wide.is_empty(), || format!("over 60 columns: {wide:#?}"))?;
    Ok(())
}

/// A terminal of 80 columns wraps no line of theirs, whatever an entry's flags.
fn narrow_lines() -> Claim {
    let addresses =
        ["0x800020", "0xef7bd000", "0xef402000", "0xeebfdffc", "0xf0100000", "0x50000000"];
    let mut boot = Boot::new();
    for address in addresses {
        boot = boot.answer(PROMPT, format!("walk {address}\r"));
    }
    let boot = boot.answer(PROMPT, "walk 0x800020 --slot 0x3ff; map; map 1003; help; free\r");
    let outcome = boot.answer(PROMPT, "exit 0\r").boot()?;
    let steps = ["2. table entry", "2. the table is the", "2. no table", "would be", "names the"];
    outcome.exits(0)?.shows(&steps)?;
    let wide: Vec<_> = outcome.lines.iter().filter(|line| line.chars().count() > 80).collect();
    outcome.demand(wide.is_empty(), || format!("over 80 columns: {wide:#?}"))?;
    Ok(())
}

/// The programs of the archive, without those that init starts.
fn commands() -> Result<Vec<String>, Failed> {
    let archive = std::fs::read(xtask::workspace::Workspace::locate().archive())?;
    let mut archive = tar::Archive::new(archive.as_slice());
    let mut names = Vec::new();
    for entry in archive.entries()? {
        let path = entry?.path()?.into_owned();
        names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
    }
    names.retain(|name| !["init", "pager", "disk"].contains(&name.as_str()));
    Ok(names)
}

fn help_knows_all() -> Claim {
    let commands = commands()?;
    let mut boot = Boot::new().answer(PROMPT, "help\r");
    for name in &commands {
        boot = boot.answer(PROMPT, format!("help {name}\r"));
    }
    let boot = boot.answer(PROMPT, "help kill; ps --help; help pager\r");
    let outcome = boot.answer(PROMPT, "help nonesuch; exit\r").boot()?;
    outcome.exits(127)?.shows(&["docs/howto/add-a-program.md", "kill: end a process"])?;
    outcome.shows(&["ps: all processes", "usage: ps", "pager: serves", "no such program: none"])?;
    for name in &commands {
        let listed = format!("  {name:<12} ");
        let summary = outcome.lines.iter().find_map(|line| line.strip_prefix(&listed));
        let summary = summary.unwrap_or_default();
        outcome.demand(!summary.is_empty(), || format!("`help` does not explain {name}"))?;
        outcome.shows(&[&format!("{name}: {summary}"), &format!("usage: {name} ")])?;
    }
    outcome.demand(commands.len() > 20, || format!("only {commands:?}"))?;
    for hidden in ["  pager ", "  init ", "  disk "] {
        outcome.lacks(&[hidden])?;
    }
    Ok(())
}

fn keys() -> Claim {
    // Home, End, Delete, Ctrl-A E U W K, history, and a character that takes two columns.
    let outcome = Boot::new()
        .answer(PROMPT, "xwalk 0x80002\x1b[H\x1b[3~\x1b[F0\r")
        .answer(PROMPT, "nonsense\x15fre\x01\x05e extra words\x17\x17\r")
        .answer(PROMPT, "free now\x1b[D\x1b[D\x1b[D\x0b\x0b\r")
        .answer(PROMPT, "\x1b[A\x1b[A\x1b[A\r")
        .answer(PROMPT, "run \u{4e00}\u{e9}\u{4e01}\x7f\x7f\x7f\x7fexit 5\x01\x1b[3~\x1b[3~\r")
        .answer(PROMPT, "\x0cexit 6\r")
        .boot()?;
    outcome.exits(6)?.shows(&[
        "0x00800020 = directory index 0x002",
        "frames free",
        "frames free",
        "0x00800020 = directory index 0x002",
        "no such program: nexit",
    ])?;
    Ok(())
}

fn tab() -> Claim {
    let outcome = Boot::new()
        .answer(PROMPT, "wal\t0x800020\r")
        .answer(PROMPT, "hog --\t")
        .answer("--two", "\x15fre\t\r")
        .answer(PROMPT, "lea\tno\t\x15time hog 4M --c\tom\t\r")
        .answer(PROMPT, "exi\t7\r")
        .boot()?;
    outcome.exits(7)?.shows(&[
        "0x00800020 = directory index 0x002",
        "--calls * --compressible * --fork",
        "frames free",
        "4194304 bytes back",
        "counter ",
    ])?;
    Ok(())
}

fn too_long() -> Claim {
    let outcome = Boot::new()
        .answer(PROMPT, format!("hello {}\r", "x".repeat(5000)))
        .answer(PROMPT, format!("hello {}\r", "x".repeat(3000)))
        .answer(PROMPT, "exit 3\r")
        .boot()?;
    outcome
        .exits(3)?
        .lacks(&["hello from"])?
        .shows(&["sh: a line may have 4096 bytes", "hello: the arguments are too long"])?;
    Ok(())
}

fn tools_show_a_job() -> Claim {
    let outcome = Boot::new()
        .answer(PROMPT, "forever 3 &\r")
        .answer("forking", "vmmap --plain %1; walk 0x800020 %1\r")
        .answer("3. frame", "map --plain %1; peek %1 &\r")
        .answer("AFTER", "kill %1; wait\r")
        .answer(PROMPT, "map 1003; vmmap 1003; walk 0 1003; peek 1003\r")
        .answer(PROMPT, "map 1001; vmmap 1000; vmmap x; map --hold 1002\r")
        .answer(PROMPT, "map %1; exit\r")
        .boot()?;
    let ended = "process 00001003 has ended, or has never been";
    let hidden = "is no client of the pager's, or views another one";
    outcome.exits(1)?.shows(&[
        "s 0x00800000-* r- * program",
        "UVPT: the window",
        "the pager: ",
        "1. directory entry at 0xef7bd008 is 0x",
        "   present, writable, user",
        "3. frame",
        "forever (00001003): * pages in * tables below UTOP",
        "names the directory itself",
        "peek: 00001003 has ended",
        &format!("map: {ended}"),
        &format!("vmmap: {ended}"),
        &format!("walk: {ended}"),
        &format!("peek: {ended}"),
        &format!("map: process 00001001 {hidden}"),
        &format!("vmmap: process 00001000 {hidden}"),
        "usage: vmmap",
        "usage: map",
        "sh: there is no job %1",
    ])?;
    Ok(())
}

fn top() -> Claim {
    let boot = Boot::new().answer(PROMPT, "forever 3 &\r").answer(PROMPT, "top 2\r");
    let boot = boot.answer(PROMPT, "top 0\r").answer(PROMPT, "top\r");
    let boot = boot.answer("Ctrl-C ends", CONTROL_C).answer(PROMPT, "exit\r");
    let table = ["5 processes, ", "ID ", "forever ", "sh "];
    boot.boot()?.exits(130)?.shows(&table[..2])?.shows(&[
        "5 processes, ",
        "0000* top *",
        "5 processes, ",
        "0000* top *",
        "usage: top",
        "5 processes",
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
    Boot::new().answer(PROMPT, "x\x1b[D\x04exit 6\r").boot()?.exits(6)?;
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
        // The shell may not have come to `wait` yet.
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
        "counter  * instructions,",
        "         and one for each nanosecond that the CPU waited",
        "faults   1*, for which the pager gave",
        "1* pages of zeros and * of program files",
    ])?;
    // Alone or beside another program: the faults are its own.
    let faults = |line: &str| -> Result<Vec<String>, Failed> {
        let outcome = Boot::new().run(line).boot()?;
        outcome.exits(0)?;
        let is_told = |line: &&String| line.starts_with("faults ") || line.contains("of zeros and");
        Ok(outcome.lines.iter().filter(is_told).cloned().collect())
    };
    let alone = faults("time forktree; time hello")?;
    let beside = faults("hog 8M & time forktree; time hello")?;
    if alone != beside || alone.len() != 4 {
        return Err(format!("{alone:#?} alone, {beside:#?} beside another program").into());
    }
    // It counts what a program spawns, and a command of the shell's own has no faults.
    let outcome = Boot::new().run("time sh -c hello; time ps").boot()?;
    outcome.exits(0)?.shows(&["hello from", "faults   *, for which", "RUNS", "counter"])?;
    let told = outcome.lines.iter().filter(|line| line.starts_with("faults ")).count();
    outcome.demand(told == 1, || format!("{told} counts of faults for one program"))?;
    Ok(())
}

fn clears() -> Claim {
    let outcome = Boot::new().answer(PROMPT, "clear\r").answer("\x1b[2J", "exit\r").boot()?;
    outcome.exits(0)?;
    Ok(())
}
