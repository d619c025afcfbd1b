//! The demonstrations show what they claim, on the real machine.

use libtest_mimic::Trial;
use xtask::workspace::Workspace;

use crate::{Boot, Claim, claim};

/// A program, its exit status, and lines that must appear in order.
type Case = (&'static str, &'static str, u8, &'static [&'static str]);

const CASES: &[Case] = &[
    (
        "walk_follows_the_window_through_itself",
        "walk 0xef7bd000",
        0,
        &[
            "directory index 0x3bd, table index 0x3bd, offset 0x000",
            "1. directory entry at 0xef7bdef4 is 0x",
            "   present, user",
            "2. table entry at 0xef7bdef4 is 0x",
            "   present, user",
            "3. frame",
        ],
    ),
    (
        "walk_names_the_flags_of_text",
        "walk 0x800020",
        0,
        &["2. table entry at 0xef402000 is 0x", "   present, user, accessed, sealed"],
    ),
    ("walk_stops_at_kernel_tables", "walk 0xf0100000", 0, &["2. the table is the kernel's"]),
    (
        "walk_finds_nothing_where_nothing_is",
        "walk 0x50000000",
        0,
        &["is 0x00000000:", "   absent", "2. no table"],
    ),
    (
        "walk_shows_the_arithmetic_of_another_slot",
        "walk 0x800020 --slot 0x3ff",
        0,
        &["would be the word at 0xfffff008", "would be the word at 0xffc02000"],
    ),
    ("walk_explains_its_arguments", "walk 0x", 2, &["usage: walk ADDRESS"]),
    (
        "vmmap_shows_text_read_only_and_the_window_too",
        "vmmap",
        0,
        &[
            "0x00800000-* r- * program",
            "stack",
            "UENVS",
            "UPAGES",
            "0xef7ba000-* r- * UVPT: the window",
        ],
    ),
    (
        "peek_sees_pages_get_dirty_and_the_end",
        "peek hog 4M",
        0,
        &[
            "AFTER ms  TABLES   PAGES  ACCESSED   DIRTY",
            " 5    10* 10* 10",
            "peek: the view was lost: 0 tables, 0 pages",
            "peek: hog has ended with status 0",
        ],
    ),
    ("peek_names_what_it_cannot_start", "peek nonesuch", 127, &["peek: nonesuch: no such program"]),
    (
        "forktree_waits_for_every_process",
        "forktree",
        0,
        &["I am ''", "I am '000'", "15 processes, each waited for"],
    ),
    ("forktree_of_255_processes", "forktree 7", 0, &["255 processes, each waited for"]),
    (
        "cow_diverges_after_a_write",
        "cow",
        0,
        &[
            "2 mappings, read-only, copy-on-write",
            "1 mappings, writable",
            "parent sees its own bytes: true; child saw its own: true",
        ],
    ),
    (
        "lazy_pages_come_at_first_touch",
        "lazy",
        0,
        &[
            "heap, reserved * absent",
            "heap, after a write * present",
            "program, not read yet * absent",
            "program, after a read * present",
            "stack, after a deep call * present",
            "a forked child finds every byte, touched or not: true",
            "the pager gave",
        ],
    ),
    (
        "faults_end_as_they_should",
        "faults",
        0,
        &[
            "its pager refused",
            "divide error",
            "general protection",
            "20 bad accesses, 0 of them treated wrong",
        ],
    ),
    ("pingpong_gets_every_answer", "pingpong 200", 0, &["200 rounds * 0 wrong answers"]),
    (
        "hog_verifies_every_byte",
        "hog 16M",
        0,
        &["filled 4096 pages", "16777216 bytes back in another order: 0 wrong"],
    ),
    ("an_unknown_program_is_named", "nonesuch 1 2", 127, &["no such program: nonesuch"]),
];

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<_> =
        CASES.iter().map(|case| claim(&format!("programs::{}", case.0), || run(case))).collect();
    trials.push(claim("programs::a_panic_has_a_backtrace_with_functions", panic_has_a_backtrace));
    trials.push(claim("programs::a_fault_has_a_backtrace_with_functions", fault_has_a_backtrace));
    trials.push(claim("programs::an_overflow_has_a_bounded_backtrace", overflow_has_a_backtrace));
    trials.push(claim("programs::a_fault_without_a_pager_has_a_backtrace", fault_without_a_pager));
    trials.push(claim("programs::a_wild_frame_pointer_gives_no_backtrace", wild_frame_pointers));
    trials.push(claim("programs::no_program_ignores_an_argument", refuse_arguments));
    trials.push(claim("programs::a_bad_access_is_traced_to_its_function", bad_access_has_a_name));
    trials.push(claim("programs::a_hog_larger_than_memory_ends_alone", hog_larger_than_memory));
    trials.push(claim("programs::two_boots_agree_to_the_last_byte", two_boots_agree));
    trials
}

fn run(&(_, program, status, lines): &Case) -> Claim {
    let outcome = Boot::new().run(program).boot()?;
    outcome.exits(status)?.shows(lines)?.lacks(&["kernel panic", "panicked"])?;
    Ok(())
}

/// The line of the pager's names the program and the instruction, and what xtask adds to it the
/// function.
fn bad_access_has_a_name() -> Claim {
    let outcome = Boot::new().run("faults").boot()?;
    outcome.exits(0)?.shows(&[
        "pager: [*] faults: 00000000 is in no region, ip 0080",
        "user fault va 00000000 ip 0080* its pager refused",
    ])?;
    let notes = outcome.notes("pager: [")?;
    let note = notes.first().cloned().unwrap_or_default();
    let own =
        note.starts_with(" read (userland/programs/demos/provoke.rs:") && !note.contains(" (/");
    outcome.demand(own, || format!("the note is `{note}`"))?;
    let told = outcome.lines.iter().filter(|line| line.contains("faults: 00000000 is in")).count();
    // It is read and written.
    outcome.demand(told == 2, || format!("{told} lines for two accesses to address 0"))?;
    Ok(())
}

/// The lines of the panic of a program, and what xtask adds to them.
fn panic_has_a_backtrace() -> Claim {
    let outcome = Boot::new().run("stumble").boot()?;
    outcome.exits(101)?.shows(&["panicked at userland/tests/loads/src/bin/stumble.rs"])?;
    let notes = outcome.notes(BACKTRACE)?;
    let named = |function: &str| notes.iter().position(|note| note.contains(function));
    let order = (named("stumble::stumble"), named("stumble::climb"), named("libsys_start"));
    let is_so = matches!(order, (Some(a), Some(b), Some(c)) if a < b && b < c);
    outcome.demand(is_so, || format!("{order:?} in {notes:#?}"))?;
    Ok(())
}

/// The lines of `stumble`'s backtrace.
const BACKTRACE: &str = "  backtrace of stumble 0x";

/// Whether notes are of these functions, and of no others.
fn are_of(notes: &[String], functions: &[&str]) -> bool {
    notes.len() == functions.len()
        && notes.iter().zip(functions).all(|(note, function)| note.contains(function))
}

/// The functions of a fault, from the one that called the innermost to the program's start. The
/// innermost is on the pager's line.
const FALL: [&str; 7] =
    ["climb", "climb", "climb", "climb", "libsys_main", "libsys_start", "_start"];

/// The exact functions, also though the program's page of text was replaced for a moment; and the
/// kernel's line is about the program's own access.
fn fault_has_a_backtrace() -> Claim {
    let outcome = Boot::new().run("stumble fault").boot()?;
    outcome.exits(142)?.shows(&[
        "pager: [*] stumble: 00000004 is in no region, ip 0080",
        "  backtrace of stumble 0x0080",
        "user fault va 00000004 ip 0080* write to an absent page; its pager refused",
    ])?;
    let notes = outcome.notes(BACKTRACE)?;
    outcome.demand(are_of(&notes, &FALL), || format!("{notes:#?}"))?;
    let refusals = outcome.lines.iter().filter(|line| line.starts_with("pager: [")).count();
    outcome.demand(refusals == 1, || format!("{refusals} refusals of one access"))?;
    Ok(())
}

fn overflow_has_a_backtrace() -> Claim {
    let outcome = Boot::new().run("stumble overflow").boot()?;
    outcome.exits(142)?.shows(&[
        "pager: [*] stumble: eeaf* is below the stack, ip 0080",
        "  backtrace of stumble 0x0080",
        "  backtrace of stumble: * more",
        "user fault va eeaf* its pager refused",
    ])?;
    let notes = outcome.notes(BACKTRACE)?;
    let is_so = notes.len() == 32 && notes.iter().all(|note| note.contains("climb"));
    outcome.demand(is_so, || format!("{notes:#?}"))?;
    Ok(())
}

/// Without a pager the process's own fault handler prints the same lines.
fn fault_without_a_pager() -> Claim {
    let outcome = Boot::new().run("stumble alone").boot()?;
    outcome.exits(142)?.lacks(&["pager: ["])?.shows(&[
        "] stumble: nothing serves 00000004, ip 0080",
        "  backtrace of stumble 0x0080",
        "user fault va 00000004 ip 0080* no pager",
    ])?;
    let notes = outcome.notes(BACKTRACE)?;
    let (climbs, rest) = notes.split_at(notes.len().min(4));
    let ends = rest.last().is_some_and(|note| note.contains("_start"));
    outcome.demand(are_of(climbs, &FALL[..4]) && ends, || format!("{notes:#?}"))?;
    Ok(())
}

/// Whatever a program has in ebp and on its stack, it ends by its own fault, and the pager prints a
/// line at most for each frame that could be one, and serves on.
fn wild_frame_pointers() -> Claim {
    let outcome = Boot::new().run("stumble wild").boot()?;
    outcome.exits(0)?.lacks(&["WRONG", "kernel panic", "panicked"])?;
    outcome.shows(&["frame 00000000: ended", "the pager serves: 458752"])?;
    let count = |what: &str| outcome.lines.iter().filter(|line| line.contains(what)).count();
    let ended = count(": ended");
    let own = count("user fault va 00000004 ip 0080");
    outcome.demand((ended, own) == (17, 17), || {
        format!("{ended} children ended, {own} of them by their own access")
    })?;
    // Two of the stacks look like one that leads to a start.
    let made_up = count("  backtrace of stumble 0x0080002");
    let none = count("  backtrace of stumble: none");
    let all = count("  backtrace of stumble");
    outcome
        .demand(made_up == 2 && all == made_up + none, || format!("{made_up}, {none}, {all}"))?;
    Ok(())
}

/// Programs that serve others: the shell does not start them, and their arguments come from init.
const SERVERS: [&str; 3] = ["init", "pager", "disk"];

/// Every program of the archive is given arguments that no program understands, and says so in one
/// line.
fn refuse_arguments() -> Claim {
    let archive = std::fs::read(Workspace::locate().archive())?;
    let mut archive = tar::Archive::new(archive.as_slice());
    let mut names = Vec::new();
    for entry in archive.entries()? {
        let path = entry?.path()?.into_owned();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        names.extend(name.filter(|name| !SERVERS.contains(&name.as_str())));
    }
    // The second word is one that is too many, after a first one that some of them take.
    let lines = names.iter().map(|name| format!("{name} 3 --nonsense"));
    let lines: Vec<_> = lines.chain(["help x", "ps x", "exit 1 2"].map(str::to_owned)).collect();
    let mut boot = Boot::new();
    for line in &lines {
        boot = boot.answer("vitrine> ", format!("{line}\r"));
    }
    let outcome = boot.answer("vitrine> ", "exit 0\r").boot()?;
    outcome.exits(0)?.lacks(&["kernel panic", "panicked", "user fault"])?;
    let text = outcome.lines.join("\n");
    let mut answers = text.split("vitrine> ").skip(1);
    for line in &lines {
        let answer = answers.next().and_then(|answer| answer.strip_prefix(line.as_str()));
        let said: Vec<_> =
            answer.unwrap_or_default().lines().filter(|line| !line.is_empty()).collect();
        let refused = |said: &&str| {
            let words = ["usage: ", " is named ", "no such program", "records no events"];
            words.iter().any(|word| said.contains(word))
        };
        outcome.demand(said.first().is_some_and(refused), || format!("`{line}`: {said:#?}"))?;
    }
    outcome.demand(names.len() > 15, || format!("only {names:?}"))?;
    Ok(())
}

/// Without free memory the hog ends, and no other program does: the pager prints why, and the
/// kernel which process.
fn hog_larger_than_memory() -> Claim {
    let outcome = Boot::new().memory(16).run("hog 64M").boot()?;
    outcome
        .exits(142)?
        .shows(&["pager: no page * out of frames", "user fault va * its pager refused"])?;
    outcome.lacks(&["kernel panic", "panicked"])?;
    Ok(())
}

/// Under icount a boot is a function of its image.
fn two_boots_agree() -> Claim {
    let first = Boot::new().run("pingpong 50").boot()?;
    let second = Boot::new().run("pingpong 50").boot()?;
    first.demand(first.lines == second.lines, || {
        format!("the second differs: {:#?}", second.lines)
    })?;
    Ok(())
}
