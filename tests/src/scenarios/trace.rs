//! The trace: what a kernel panic prints of the events before it, what a parent reads of its
//! child's, and what gdb shows.

use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use xtask::machine::{Image, Machine, kernel_command_line};
use xtask::verdict::Verdict;
use xtask::workspace::Workspace;
use xtask::{event, gdb, symbols};

use crate::{Boot, Claim, claim};

const CHECK: &str = "checks a_parent_reads_its_childs_events";

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    vec![
        claim("trace::a_planted_panic_is_told_with_the_events_before_it", planted_panic),
        claim("trace::a_panic_without_a_trace_tells_no_events", panic_without_a_trace),
        claim("trace::a_traced_boot_does_what_an_ordinary_one_does", traced_boot),
        claim("trace::a_parent_reads_its_childs_events", parent),
        claim("trace::without_the_word_there_are_no_events_to_read", no_trace),
        claim("trace::a_program_is_traced_from_its_start_to_its_exit", traced_program),
        claim("trace::events_that_were_overwritten_are_told", overwritten),
        claim("trace::without_the_word_a_program_is_not_traced", untraced_program),
        claim("trace::gdb_shows_processes_pages_frames_and_events", debugger),
        claim("trace::gdb_draws_a_process_as_the_program_map_does", drawing),
    ]
}

fn planted_panic() -> Claim {
    let outcome = Boot::new().append("selftest=panic-later").run("checks").boot()?;
    outcome.ends(Verdict::Panicked)?.shows(&[
        "kernel panic: panicked at kernel/src/x86/traced.rs",
        "at event 300, as the command line asked",
        "  ebx * esi * edi * ebp",
        "  cr0 8*cr3*cr4",
        "  of the process: trap * eip 00",
        "  of the process: eax",
        "  backtrace 0xf01",
        "  event 0000",
    ])?;
    let events: Vec<_> = outcome.lines.iter().filter_map(|line| event::note(line)).collect();
    let lines = outcome.lines.iter().filter(|line| line.starts_with("  event ")).count();
    outcome.demand((lines, events.len()) == (32, 32), || format!("{lines} lines: {events:#?}"))?;
    let last = events.last().map_or("", String::as_str);
    let open = events.iter().filter(|event| event.ends_with("the kernel has not finished")).count();
    outcome.demand(open == 1 && last.ends_with("the kernel has not finished"), || {
        format!("the last event, and no other, is open: {events:#?}")
    })?;
    let switches = events.iter().any(|event| event.contains("gets the CPU after"));
    outcome.demand(switches, || format!("no switch: {events:#?}"))?;
    Ok(())
}

fn panic_without_a_trace() -> Claim {
    let outcome = Boot::new().append("selftest=panic").boot()?;
    outcome.ends(Verdict::Panicked)?.shows(&["kernel panic: ", "  cr0 8"])?;
    outcome.lacks(&["  event ", "  of the process"])?;
    Ok(())
}

/// The checks of what goes through the entry stubs: each way into the kernel, and each way that a
/// process may end.
fn traced_boot() -> Claim {
    let outcome = Boot::new().append("trace").run("checks").boot()?;
    outcome.exits(0)?.lacks(&["kernel panic", "FAILED"])?;
    Ok(())
}

fn parent() -> Claim {
    let check = Boot::new().append("trace").run(CHECK).boot()?;
    check.exits(0)?.shows(&["events are recorded", "ok a_parent_reads_its_childs_events"])?;
    Ok(())
}

fn traced_program() -> Claim {
    let boot = |line: &str| Boot::new().append("trace").run(line).boot();
    let outcome = boot("trace hello")?;
    outcome.exits(0)?.lacks(&["some events are missing"])?.shows(&[
        "  fault: read of an absent page, 008",
        "  console_write ",
        "  call [0000",
        "hello: has ended with status 0",
    ])?;
    let calls = boot("trace --calls walk")?;
    calls.exits(2)?.lacks(&["  fault: "])?.shows(&["  console_write", "ended with status 2"])?;
    let faults = boot("trace --faults lazy")?;
    faults.exits(0)?.lacks(&["  console_write"])?.shows(&["  fault: write of an absent page"])?;
    let killed = boot("trace --faults faults")?;
    killed.exits(0)?.shows(&["20 bad accesses, 0 of them", "faults: has ended with status 0"])?;
    // The pager's question for the frame pointer is a fault, and the refused access comes twice.
    let refused = boot("trace --faults stumble fault")?;
    refused.exits(142)?.shows(&[
        "  backtrace of stumble 0x0080",
        "user fault va 00000004",
        "stumble: was killed, status 142",
    ])?;
    for (line, status, said) in [
        ("trace", 2, "usage: trace"),
        ("trace --nonsense walk", 2, "usage: trace"),
        ("trace nonesuch", 127, "trace: nonesuch: no such program"),
    ] {
        boot(line)?.exits(status)?.shows(&[said])?;
    }
    Ok(())
}

/// A program whose calls come faster than the ring can hold, while other programs fill it, too.
fn overwritten() -> Claim {
    let outcome = Boot::new().append("trace").run("pingpong 3 & trace --calls pingpong 2000");
    outcome.boot()?.exits(0)?.shows(&["some events are missing", "pingpong: has ended"])?;
    Ok(())
}

fn untraced_program() -> Claim {
    let outcome = Boot::new().run("trace hello").boot()?;
    let said = "trace: the kernel records no events; boot with `cargo xtask qemu --trace`";
    outcome.exits(127)?.shows(&[said])?.lacks(&["hello from"])?;
    Ok(())
}

fn no_trace() -> Claim {
    let outcome = Boot::new().run(CHECK).boot()?;
    outcome.exits(0)?.shows(&["no events: NotPermitted", "ok a_parent_reads_its_childs_events"])?;
    Ok(())
}

fn has_gdb() -> bool {
    let mut gdb = Command::new("gdb");
    gdb.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    gdb.status().is_ok_and(|status| status.success())
}

/// gdb stops a traced boot at the tenth piece that is printed, when `checks` runs beside init and
/// the pager.
fn debugger() -> Claim {
    if !has_gdb() {
        println!("skipped: there is no gdb here (`cargo xtask setup` says how to get it)");
        return Ok(());
    }
    let workspace = Workspace::locate();
    let kernel = workspace.kernel();
    let image = Image::Kernel { kernel: kernel.clone(), archive: Some(workspace.archive()) };
    let command_line = "trace run=checks".to_owned();
    let machine = Machine { icount: true, command_line, ..Machine::new(image) };
    let trap =
        symbols::function(&kernel, "::console_write").map_err(|error| format!("{error:#}"))?;
    let commands = [
        "vitrine trace",
        &*format!("break *{trap:#x}"),
        "ignore 1 9",
        "continue",
        "echo PS\\n",
        "vitrine ps",
        "echo WALK\\n",
        "vitrine walk 0xef7bd000",
        "vitrine walk 0xf0101000",
        "vitrine walk 0",
        "echo FRAME\\n",
        "vitrine frame 0",
        "vitrine frame $cr3/4096",
        "echo TRACE\\n",
        "vitrine trace 8",
        "vitrine trace 1 2",
        "kill",
    ];
    let text = gdb::batch(machine, &kernel, &commands, Duration::from_secs(60))
        .map_err(|error| format!("{error:#}"))?;
    let wanted = |holds: bool, what: &str| -> Claim {
        if holds { Ok(()) } else { Err(Failed::from(format!("{what}:\n{text}"))) }
    };
    let section = |from: &str, to: &str| {
        text.split_once(from).and_then(|(_, rest)| rest.split(to).next()).unwrap_or_default()
    };
    wanted(text.contains("the boot is not over"), "too early a command says so")?;
    let (ps, walk) = (section("PS\n", "WALK\n"), section("WALK\n", "FRAME\n"));
    let (frame, trace) = (section("FRAME\n", "TRACE\n"), section("TRACE\n", "\u{0}"));
    let current: Vec<_> = ps.lines().filter(|line| line.starts_with("* 0000")).collect();
    wanted(current.len() == 1 && ps.lines().count() > 3, "ps marks one of several processes")?;
    let id = current[0].get(2..10).unwrap_or_default();
    wanted(walk.contains("directory entry 0x3bd") && walk.contains("present, user"), "a window")?;
    wanted(walk.contains("directory entry 0x3c0"), "kernel text has an entry")?;
    wanted(walk.contains("nothing is mapped at 0x00000000"), "page 0 is absent")?;
    wanted(frame.contains("frame 0x00000: count"), "a frame of the machine's own")?;
    wanted(frame.contains(&format!("the directory of {id}")), "the directory's frame")?;
    let events = trace.lines().filter(|line| line.starts_with("  0000")).count();
    wanted(events == 8, "eight events")?;
    wanted(trace.contains("usage: vitrine trace [COUNT]"), "a second number is refused")
}

/// `map` stops its child `sh`, draws it and waits for a key; in a second boot, which is the same to
/// the instruction, gdb draws `sh` while `map` waits. The console is read first by `sh`.
fn drawing() -> Claim {
    if !has_gdb() {
        println!("skipped: there is no gdb here (`cargo xtask setup` says how to get it)");
        return Ok(());
    }
    let run = "map --plain --hold sh";
    // The key is for `map`, the rest for its child.
    let outcome = Boot::new().run(run).answer("a key lets it go on", " exit\r").boot()?;
    let lines = outcome.lines.iter().map(|line| line.trim_start_matches("vitrine> "));
    let drawn = lines.skip_while(|line| !line.starts_with("sh (")).map(str::to_owned);
    let drawn: Vec<_> = drawn.take_while(|line| !line.starts_with("map: ")).collect();
    outcome.demand(drawn.len() > 10, || "`map` draws its child".to_owned())?;

    let workspace = Workspace::locate();
    let kernel = workspace.kernel();
    let image = Image::Kernel { kernel: kernel.clone(), archive: Some(workspace.archive()) };
    let command_line = kernel_command_line([], Some(run));
    let machine = Machine { icount: true, command_line, ..Machine::new(image) };
    let read =
        symbols::function(&kernel, "::console_read").map_err(|error| format!("{error:#}"))?;
    let commands = [
        &*format!("break *{read:#x}"),
        "ignore 1 1",
        "continue",
        "echo MAP\\n",
        "vitrine map sh",
        "echo CURRENT\\n",
        "vitrine map",
        "echo REFUSED\\n",
        "vitrine map nonesuch",
        "vitrine map a b",
        "kill",
    ];
    let text = gdb::batch(machine, &kernel, &commands, Duration::from_secs(60))
        .map_err(|error| format!("{error:#}"))?;
    let section = |from: &str, to: &str| {
        text.split_once(from).and_then(|(_, rest)| rest.split(to).next()).unwrap_or_default()
    };
    let found: Vec<_> = section("MAP\n", "CURRENT\n").lines().collect();
    let (current, refused) = (section("CURRENT\n", "REFUSED\n"), section("REFUSED\n", "\u{0}"));
    for (holds, what) in [
        (found == drawn, "gdb draws what `map` does"),
        (current.starts_with("map ("), "`map` is on the CPU"),
        (refused.contains("the name nonesuch"), "an unknown name is refused"),
        (refused.contains("usage: vitrine map"), "a second word is refused"),
    ] {
        if !holds {
            return Err(format!("{what}:\n{text}\n`map` printed\n{drawn:#?}").into());
        }
    }
    Ok(())
}
