//! C programs without a library run as first processes, and the C header makes the calls that it
//! says.

use std::fs;
use std::process::Command;

use libtest_mimic::Trial;
use xtask::c::{Compiler, program};
use xtask::command;
use xtask::verdict::Verdict;
use xtask::workspace::Workspace;

use crate::{Boot, Claim, Outcome, claim};

/// The claims of this file; without a C compiler they are ignored, and say why.
pub fn trials() -> Vec<Trial> {
    let trials = vec![
        claim("c::hello_finds_itself_in_the_window", hello),
        claim("c::a_fork_in_c_copies_on_write_and_the_last_owner_keeps_its_frame", forkwalk),
        claim("c::a_fault_handler_in_c_mends_and_nests", fault),
        claim("c::a_process_built_by_hand_in_c_exchanges_a_page", ipc),
        claim("c::what_the_header_says_of_errors_and_ends_is_so", claims),
        claim("c::programs_run_from_the_shell_under_the_pager", from_the_shell),
        claim("c::a_fault_has_a_backtrace_with_functions_and_lines", fall),
        claim("c::each_function_of_the_header_loads_the_registers_of_its_call", registers),
    ];
    if Compiler::find().is_some() {
        return trials;
    }
    let ignored = |trial: Trial| trial.with_kind("no C compiler").with_ignored_flag(true);
    trials.into_iter().map(ignored).collect()
}

/// Boots a C program as the first process; the machine ends when the program and its children have.
fn boot(name: &str) -> Result<Outcome, libtest_mimic::Failed> {
    let program = program(&Workspace::locate(), name);
    let outcome = Boot::new().elf(&program.display().to_string()).boot()?;
    outcome.ends(Verdict::Exited(0))?.shows(&["No runnable environments in the system!"])?;
    outcome.lacks(&[": no", ": error", "killed", "nobody mends"])?;
    Ok(outcome)
}

fn hello() -> Claim {
    let outcome = boot("greet")?;
    outcome.shows(&[
        "hello from C, by a JOS call",
        "hello from process 0x00001000, by a native call; JOS's says the same: yes",
        "this program's text is in frame 0x*, says the entry 0x*",
        "above them, * pages can be read and 0 can be written",
    ])?;
    let pages: u32 = outcome.number("the window shows", "pages")?;
    let frames: u32 = outcome.number("the kernel counts", "frames")?;
    // Text and stack have a table each.
    let adds_up = pages >= 3 && frames == pages + 2 + 1;
    outcome.demand(adds_up, || "pages, two tables and a directory do not add up".to_owned())?;
    Ok(())
}

/// Under init and the pager, where pages come when they are touched, and beside other programs.
fn from_the_shell() -> Claim {
    let programs = ["greet", "fault", "forkwalk", "ipc", "claims"];
    let mut boot = Boot::new();
    for name in programs {
        boot = boot.answer("vitrine> ", format!("{name} && help hello; {name} --help; {name} x\r"));
    }
    let outcome = boot.answer("vitrine> ", "exit 0\r").boot()?;
    outcome.ends(Verdict::Exited(0))?;
    outcome.lacks(&[": no", ": error", "killed", "nobody mends", "user fault"])?;
    for name in programs {
        let usage = format!("usage: {name}   (no arguments)");
        let refused = format!("{name}: exit status 2");
        outcome.shows(&["hello: the smallest", &format!("{name}: "), &usage, &usage, &refused])?;
    }
    Ok(())
}

/// A page fault that ends a program in C, from the shell, under the pager.
fn fall() -> Claim {
    let outcome = Boot::new().answer("vitrine> ", "fall\r").answer("vitrine> ", "exit\r").boot()?;
    outcome.exits(142)?.lacks(&["fall: 0x"])?.shows(&[
        "pager: [*] fall: 50000000 is in no region, ip 0080",
        "  backtrace of fall 0x0080",
        "user fault va 50000000 ip 0080* read of an absent page; its pager refused",
    ])?;
    let mut notes = outcome.notes("pager: [")?;
    notes.extend(outcome.notes("  backtrace of fall 0x")?);
    let own = "userland/programs/c/fall.c:";
    let begin = "userland/programs/c/support/begin.c:";
    let start = "userland/programs/c/support/start.S:";
    let frames = [("load", own), ("add", own), ("main", own), ("begin", begin), ("_start", start)];
    let is_so = notes.len() == frames.len()
        && notes.iter().zip(frames).all(|(note, (function, file))| {
            note.strip_prefix(&format!(" {function} ({file}"))
                .and_then(|rest| rest.strip_suffix(')'))
                .is_some_and(|line| line.parse::<u32>().is_ok())
        });
    outcome.demand(is_so, || format!("{notes:#?}"))?;
    Ok(())
}

/// One page, before and after each write: which frame, how many mappings, which bits.
fn forkwalk() -> Claim {
    let outcome = boot("forkwalk")?;
    let bits = "present, writable, user, accessed, dirty";
    let shared = "present, user, accessed, dirty, copy-on-write";
    outcome.shows(&[
        "before it is touched: entry 0x*007, frame 0x* with 1 mapping, present, writable, user",
        &format!("before the fork: entry 0x*067, frame 0x* with 1 mapping, {bits}"),
        &format!("parent, after the fork: entry 0x*865, frame 0x* with 2 mappings, {shared}"),
        "child, before it writes: entry 0x*905, frame 0x* with 2 mappings, present, user, sealed, \
         copy-on-write",
        &format!("child, after it has written: entry 0x*067, frame 0x* with 1 mapping, {bits}"),
        "the child saw the parent's byte, then its own: yes",
        &format!("parent, alone again: entry 0x*865, frame 0x* with 1 mapping, {shared}"),
        &format!("parent, after it has written: entry 0x*067, frame 0x* with 1 mapping, {bits}"),
        "the parent kept its byte: yes",
    ])?;
    let frame = |title: &str| frame_on(&outcome, title);
    let first = frame("before the fork")?;
    for same in
        ["parent, after the fork", "child, before it writes", "parent, after it has written"]
    {
        outcome.demand(frame(same)? == first, || format!("`{same}` has another frame"))?;
    }
    let copied = frame("child, after it has written")?;
    outcome.demand(copied != first, || "the child wrote its parent's frame".to_owned())?;
    Ok(())
}

/// The frame on the line that begins so.
fn frame_on(outcome: &Outcome, title: &str) -> Result<String, libtest_mimic::Failed> {
    let line = outcome.lines.iter().find(|line| line.starts_with(title));
    let frame = line.and_then(|line| line.split("frame ").nth(1)?.split(' ').next());
    Ok(frame.ok_or_else(|| format!("no line names the frame of `{title}`"))?.to_owned())
}

fn fault() -> Claim {
    boot("fault")?.shows(&[
        "before: entry 0x00000000, absent",
        "fault 1: a read at 0x10000000, where the page is absent",
        "an absent page reads as 0",
        "after the read: entry 0x*027, frame 0x* with 1 mapping, present, writable, user, accessed",
        "after a write, which did not fault: entry 0x*067",
        "fault 2: a write at 0x10000001, where the page is read-only",
        "copied: entry 0x*067",
        "what was there before is there still: yes",
        "fault 3: a write at 0x10400000, where the page is absent",
        "fault 4: a write at 0x10800000, where the page is absent",
        "it nests: its record is below the first: yes; one blank word lies above it: yes",
        "both have what was written: yes",
        "fault 5: a write at 0x10001000, where the page is absent",
        "registers and flags survive a fault: yes",
        "5 faults",
    ])?;
    Ok(())
}

/// The child's page is the parent's: one frame, two mappings.
fn ipc() -> Claim {
    boot("ipc")?.shows(&[
        "child: value 7 and a page at 0x20000000 that holds 41",
        "child: entry 0x*027, frame 0x* with 2 mappings, present, writable, user, accessed",
        "parent: value 8 from its child: yes; the page holds 42",
        "a permission that JOS does not know is error 3",
    ])?;
    Ok(())
}

/// Each line of `claims` is a sentence of the header, and says whether it is so.
fn claims() -> Claim {
    let outcome = boot("claims")?;
    let so = outcome.lines.iter().filter(|line| line.ends_with(": yes")).count();
    outcome.demand(so == 14, || format!("{so} of 14 claims"))?;
    Ok(())
}

/// `calls.c` makes every call on the host, with a trap of its own that prints; `calls.txt`, which
/// the tests of libsys compare with the calls' definition in Rust, holds what it has to print.
fn registers() -> Claim {
    let root = Workspace::locate().root().to_path_buf();
    let compiler = Compiler::find().ok_or("no C compiler")?;
    let directory = tempfile::tempdir()?;
    let calls = directory.path().join("calls");
    let mut command = compiler.for_the_host();
    command.arg("-I").arg(root.join("libsys/include"));
    command.arg(root.join("libsys/tests/calls.c")).arg("-o").arg(&calls);
    let compiled = command.output()?;
    if !compiled.status.success() {
        let errors = String::from_utf8_lossy(&compiled.stderr);
        return Err(format!("{}:\n{errors}", command::line(&command)).into());
    }
    let printed = String::from_utf8(Command::new(&calls).output()?.stdout)?;
    let table = fs::read_to_string(root.join("libsys/tests/calls.txt"))?;
    let mut expected = table.lines().filter(|line| !line.starts_with('#'));
    for line in printed.lines() {
        let wanted = expected.next().unwrap_or("nothing");
        if line != wanted {
            return Err(format!("expected: {wanted}\nbut: {line}").into());
        }
    }
    match expected.next() {
        Some(missing) => Err(format!("missing: {missing}").into()),
        None => Ok(()),
    }
}
