//! The JOS interface is kept line by line: each conformance program, as a first process, finds all
//! its claims true.
//!
//! A program's number of claims stands here as well, so that a claim that vanishes is noticed.

use std::io::Write;

use libtest_mimic::{Failed, Trial};

use crate::{Boot, Claim, Outcome, claim};

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    vec![
        claim("conformance::a_first_process_starts_as_in_jos", || alone("start", 15)),
        claim("conformance::so_does_a_second_one", two_first_processes),
        claim("conformance::calls_are_made_by_number_and_keep_registers", || alone("numbers", 11)),
        claim("conformance::lab_4_programs_have_their_own_numbers", || alone("lab4,abi=lab4", 6)),
        claim("conformance::programs_of_2014_have_their_own_errors", || {
            alone("lab4_2014,abi=lab4-2014", 4)
        }),
        claim("conformance::lab_3s_programs_leave_the_lines_that_graders_read", lab3),
        claim("conformance::lab_3_has_a_line_for_each_call", lab3_calls),
        claim("conformance::a_breakpoint_stops_the_machine_in_joss_monitor", breakpoint),
        claim("conformance::a_programs_end_is_the_commands_status", statuses),
        claim("conformance::the_first_program_that_failed_gives_the_status", first_failure),
        claim("conformance::a_lab_4_program_without_abi_lab4_gets_a_hint", hint),
        claim("conformance::the_console_prints_and_reads", console),
        claim("conformance::pages_are_mapped_and_refused_as_in_jos", || alone("pages", 15)),
        claim("conformance::pages_are_shared_as_in_jos", || alone("mappings", 11)),
        claim("conformance::the_window_shows_what_joss_shows", || alone("window", 11)),
        claim("conformance::children_obey_their_parents_and_nobody_else", || alone("children", 12)),
        claim("conformance::registers_are_set_without_privilege", || alone("trapframes", 6)),
        claim("conformance::processes_take_turns", || alone("schedule", 7)),
        claim("conformance::ids_and_records_are_joss", || alone("ids", 11)),
        claim("conformance::messages_are_a_rendezvous", || alone("rendezvous", 27)),
        claim("conformance::a_page_comes_where_no_table_was", || alone("sends", 1)),
        claim("conformance::upcalls_find_joss_record", || alone("upcall", 17)),
        claim("conformance::the_dead_leave_joss_lines", death),
        claim("conformance::an_orphan_goes_on", orphan),
        claim("conformance::a_file_server_has_the_ports_and_others_have_none", ports),
        claim("conformance::joss_faults_are_absent", || alone("jos_faults", 16)),
        claim("conformance::memory_may_run_out", || alone("exhaustion", 5)),
        claim("conformance::half_a_gigabyte_is_no_problem", || large_memory(512)),
        claim("conformance::three_and_a_half_gigabytes_are_none_either", || large_memory(3583)),
    ]
}

/// Boots programs that have so many claims, all in all, and checks that each was found true.
fn all_hold(boot: Boot, claims: &[usize]) -> Result<Outcome, Failed> {
    let outcome = boot.boot()?;
    outcome.exits(0)?.shows(&["No runnable environments in the system!", "exit status 0"])?;
    outcome.lacks(&["FAILED", "in a child:", "kernel panic"])?;
    let found = outcome.lines.iter().filter(|line| line.starts_with("ok ")).count();
    let expected = claims.iter().sum::<usize>();
    outcome.demand(found == expected, || format!("expected {expected} claims, not {found}"))?;
    for claims in claims {
        outcome.shows(&[&format!("{claims} passed, 0 failed")])?;
    }
    Ok(outcome)
}

fn alone(program: &str, claims: usize) -> Claim {
    all_hold(Boot::new().elf(program), &[claims])?;
    Ok(())
}

fn two_first_processes() -> Claim {
    let outcome = all_hold(Boot::new().elf("start").elf("start").jos(), &[15, 15])?;
    outcome.shows(&["[00000000] new env 00001000", "[00000000] new env 00001001", "ok "])?;
    Ok(())
}

/// What call 0 prints is between the lines of the claims.
fn console() -> Claim {
    let outcome = all_hold(Boot::new().elf("console").answer("type now: ", "jos\r"), &[7])?;
    outcome.shows(&[
        "length: four|",
        "zero: up to here|",
        "edge: one page and the next|",
        "read-only|",
        &format!("<{}>|", ".".repeat(4101)),
        "type now:",
    ])?;
    outcome.lacks(&["no more", "no further"])?;
    Ok(())
}

/// In JOS's format every process that begins or ends has a line, and an exception shows all
/// registers.
fn death() -> Claim {
    let outcome = all_hold(Boot::new().elf("death").jos(), &[25])?;
    outcome.shows(&REGISTERS)?;
    let lines: Vec<_> =
        DEATHS.iter().flat_map(|(claim, lines)| lines.iter().copied().chain([*claim])).collect();
    outcome.shows(&lines)?;
    let exceptions: Vec<_> = EXCEPTIONS
        .iter()
        .flat_map(|(trap, error)| ["TRAP frame at 0x* from CPU 0", trap, error, "] free env "])
        .collect();
    outcome.shows(&exceptions)?;
    Ok(())
}

/// A process whose registers hold numbers that name them jumps into nothing.
const REGISTERS: [&str; 24] = [
    "[00000000] new env 00001000",
    "[00001000] new env 00001001",
    "[00001001] user fault va 0deade19 ip 0deade19",
    "TRAP frame at 0x* from CPU 0",
    "  edi  0x00000ed1",
    "  esi  0x00000e51",
    "  ebp  0x00000eb9",
    "  oesp 0x",
    "  ebx  0x00000eb1",
    "  edx  0x00000ed2",
    "  ecx  0x00000ec1",
    "  eax  0x00000ea1",
    "  es   0x----0023",
    "  ds   0x----0023",
    "  trap 0x0000000e Page Fault",
    "  cr2  0x0deade19",
    "  err  0x00000004 [user, read, not-present]",
    "  eip  0x0deade19",
    "  cs   0x----001b",
    "  flag 0x*0ad7",
    "  esp  0x000e5900",
    "  ss   0x----0023",
    "[00001001] free env 00001001",
    "ok the_console_shows_all_registers",
];

/// What each claim of `death` makes the kernel say before it is found true.
const DEATHS: [(&str, &[&str]); 19] = [
    (
        "ok a_read_of_nothing_ends_the_process",
        &[
            "[00002001] user fault va 102bc000 ip 008*",
            "  err  0x00000004 [user, read, not-present]",
            "[00002001] free env 00002001",
        ],
    ),
    (
        "ok a_write_to_nothing_ends_the_process",
        &[
            "[00003001] user fault va 102bd000 ip 008*",
            "  err  0x00000006 [user, write, not-present]",
        ],
    ),
    (
        "ok a_write_without_permission_ends_the_process",
        &[
            "[00004001] user fault va 102be000 ip 008*",
            "  err  0x00000007 [user, write, protection]",
        ],
    ),
    (
        "ok a_read_of_the_kernel_ends_the_process",
        &[
            "[00005001] user fault va f0100000 ip 008*",
            "  err  0x00000005 [user, read, protection]",
        ],
    ),
    (
        "ok a_write_to_the_window_ends_the_process",
        &[
            "[00006001] user fault va ef7bd000 ip 008*",
            "  err  0x00000007 [user, write, protection]",
        ],
    ),
    (
        "ok an_upcall_without_an_exception_stack_ends_the_process",
        &["[00007001] user_mem_check assertion failure for va eebfffcc", "[00007001] free env "],
    ),
    (
        "ok an_upcall_with_a_read_only_exception_stack_ends_the_process",
        &["[00008001] user_mem_check assertion failure for va eebfffcc"],
    ),
    (
        "ok an_upcall_with_a_full_exception_stack_ends_the_process",
        &["[00009001] user_mem_check assertion failure for va eebfefff"],
    ),
    (
        "ok cputs_of_absent_memory_ends_the_process",
        &[
            "[0000a001] user_mem_check assertion failure for va 102c2000",
            "[0000a001] free env 0000a001",
            "[0000b001] user_mem_check assertion failure for va 102c4000",
        ],
    ),
    (
        "ok cputs_of_the_kernels_memory_ends_the_process",
        &[
            "[0000c001] user_mem_check assertion failure for va f0100000",
            "[0000d001] user_mem_check assertion failure for va efc00000",
        ],
    ),
    (
        "ok cputs_over_the_edge_of_memory_ends_the_process",
        &[
            "[0000e001] user_mem_check assertion failure for va ffffffff",
            "[0000f001] user_mem_check assertion failure for va 102c6000",
        ],
    ),
    ("ok cputs_raises_no_upcall", &["[00010001] user_mem_check assertion failure for va 102c7000"]),
    (
        "ok env_set_trapframe_from_absent_memory_ends_the_process",
        &[
            "[00011001] user_mem_check assertion failure for va 102c8000",
            "[00012001] user_mem_check assertion failure for va 102ca000",
        ],
    ),
    (
        "ok env_set_trapframe_raises_no_upcall",
        &["[00013001] user_mem_check assertion failure for va 102cc000"],
    ),
    (
        "ok a_child_that_is_ended_is_told",
        &[
            "[00001000] new env 0002f001",
            "[00001000] destroying 0002f001",
            "[00001000] free env 0002f001",
        ],
    ),
    (
        "ok an_exit_is_told",
        &[
            "[00001000] new env 00030001",
            "[00030001] exiting gracefully",
            "[00030001] free env 00030001",
        ],
    ),
    (
        "ok a_dead_process_gives_its_pages_back",
        &["[00031001] user fault va 102bc000 ip 008*", "[00031001] free env 00031001"],
    ),
    (
        "ok a_grandchild_is_nobodys_until_its_parent_is_dead",
        &[
            "[00001000] new env 00032001",
            "[00032001] new env 00001002",
            "[00032001] exiting gracefully",
            "[00001000] destroying 00001002",
        ],
    ),
    (
        "ok an_orphan_lives_on",
        &[
            "[00001000] new env 00002002",
            "[00002002] new env 00033001",
            "[00001000] destroying 00002002",
            "[00001000] destroying 00033001",
        ],
    ),
];

/// What ends the children of `every_other_exception_ends_the_process` and of the two claims after
/// it, in order.
const EXCEPTIONS: [(&str, &str); 26] = [
    ("  trap 0x00000000 Divide error", "  err  0x00000000"),
    ("  trap 0x00000001 Debug", "  err  0x00000000"),
    ("  trap 0x0000000d General Protection", "  err  0x00000028"),
    ("  trap 0x00000004 Overflow", "  err  0x00000000"),
    ("  trap 0x00000006 Invalid Opcode", "  err  0x00000000"),
    // The selector 0x10, then 0.
    ("  trap 0x0000000d General Protection", "  err  0x00000010"),
    ("  trap 0x0000000d General Protection", "  err  0x00000000"),
    // Eight times the vector, and 2 for "in the interrupt table".
    ("  trap 0x0000000d General Protection", "  err  0x00000002"),
    ("  trap 0x0000000d General Protection", "  err  0x00000042"),
    ("  trap 0x0000000d General Protection", "  err  0x0000006a"),
    ("  trap 0x0000000d General Protection", "  err  0x00000072"),
    ("  trap 0x0000000d General Protection", "  err  0x00000102"),
    ("  trap 0x0000000d General Protection", "  err  0x0000017a"),
    ("  trap 0x0000000d General Protection", "  err  0x0000018a"),
    ("  trap 0x0000000d General Protection", "  err  0x00000402"),
    ("  trap 0x0000000d General Protection", "  err  0x000007fa"),
    ("  trap 0x0000000d General Protection", "  err  0x00000000"),
    ("  trap 0x0000000d General Protection", "  err  0x00000000"),
    ("  trap 0x0000000d General Protection", "  err  0x00000000"),
    ("  trap 0x0000000d General Protection", "  err  0x00000000"),
    ("  trap 0x0000000d General Protection", "  err  0x00000000"),
    ("  trap 0x0000000d General Protection", "  err  0x00000000"),
    ("  trap 0x0000000d General Protection", "  err  0x00000000"),
    ("  trap 0x0000000d General Protection", "  err  0x00000000"),
    ("  trap 0x0000000d General Protection", "  err  0x00000000"),
    ("  trap 0x0000000d General Protection", "  err  0x00000000"),
];

/// An end that `lab3` knows: its letter, the status without `--jos`, and the lines that lab 3's
/// graders read.
struct End {
    letter: &'static str,
    status: u8,
    lines: &'static [&'static str],
}

const INCOMING: &str = "Incoming TRAP frame at 0xefffffbc";
const ONLY: &str = "Destroyed the only environment - nothing more to do!";
const MONITOR: &str = "Welcome to the JOS kernel monitor!";
const HELP: &str = "Type 'help' for a list of commands.";
const FRAME: &str = "TRAP frame at 0xf*";
const FREE: &str = "[00001000] free env 00001000";

const ENDS: [End; 11] = [
    End {
        letter: "d",
        status: 128,
        lines: &["  trap 0x00000000 Divide error", "  eip  0x*", "  ss   0x----0023"],
    },
    End {
        letter: "s",
        status: 128 + 13,
        lines: &["  trap 0x0000000d General Protection", "  eip  0x*", "  ss   0x----0023"],
    },
    End {
        letter: "b",
        status: 128 + 13,
        lines: &["  trap 0x0000000d General Protection", "  err  0x00000028"],
    },
    End {
        letter: "r",
        status: 128 + 14,
        lines: &[
            "[00001000] user fault va 00000000 ip 008*",
            "  trap 0x0000000e Page Fault",
            "  err  0x00000004 [user, read, not-present]",
        ],
    },
    End {
        letter: "R",
        status: 128 + 14,
        lines: &[
            "[00001000] user fault va f0100000 ip 008*",
            "  trap 0x0000000e Page Fault",
            "  err  0x00000005 [user, read, protection]",
        ],
    },
    End {
        letter: "w",
        status: 128 + 14,
        lines: &[
            "[00001000] user fault va 00000000 ip 008*",
            "  trap 0x0000000e Page Fault",
            "  err  0x00000006 [user, write, not-present]",
        ],
    },
    End {
        letter: "W",
        status: 128 + 14,
        lines: &[
            "[00001000] user fault va f0100000 ip 008*",
            "  trap 0x0000000e Page Fault",
            "  err  0x00000007 [user, write, protection]",
        ],
    },
    End {
        letter: "u",
        status: 128 + 14,
        lines: &["[00001000] user_mem_check assertion failure for va 00000001"],
    },
    End {
        letter: "e",
        status: 128 + 14,
        lines: &["[00001000] user_mem_check assertion failure for va f010000c"],
    },
    End {
        letter: "g",
        status: 0,
        lines: &["i am environment 00001000", "[00001000] exiting gracefully"],
    },
    // By the native call, which has a status. In JOS there is none.
    End { letter: "x", status: 1, lines: &["[00001000] exiting gracefully"] },
];

/// `lab3` with its letter.
fn ends_by(letter: &str) -> Boot {
    Boot::new().elf("lab3").answer("how? ", letter)
}

/// The graders look for each line anywhere; here they stand in the order in which JOS prints them.
fn lab3() -> Claim {
    for End { letter, lines, .. } in &ENDS {
        let outcome = ends_by(letter).jos().boot()?;
        outcome.exits(0)?.lacks(&["still here", "no such end", "kernel panic"])?;
        outcome.shows(&["[00000000] new env 00001000"])?.shows(lines)?;
        outcome.shows(&[lines[lines.len() - 1], FREE, ONLY, MONITOR, HELP, "exit status 0"])?;
        if *letter != "g" && *letter != "x" {
            outcome.shows(&[INCOMING, lines[0]])?;
        }
        if lines.iter().any(|line| line.starts_with("  trap")) {
            outcome.shows(&[INCOMING, FRAME, "  esp  0x", FREE])?;
        }
    }
    Ok(())
}

fn lab3_calls() -> Claim {
    let outcome = Boot::new().elf("lab3,abi=lab3").jos().boot()?;
    // Lab 3 has no call for the pages that the program gives itself first: it makes that call,
    // prints why it ends, and ends.
    outcome.exits(0)?.shows(&[
        "[00000000] new env 00001000",
        INCOMING,
        INCOMING,
        "FAILED with a panic",
        INCOMING,
        "[00001000] exiting gracefully",
        FREE,
        ONLY,
        MONITOR,
    ])?;
    outcome.lacks(&["No runnable environments"])?;
    let lines = outcome.lines.iter().filter(|line| line.as_str() == INCOMING).count();
    outcome.demand(lines == 3, || format!("{lines} lines for 3 calls"))?;
    Ok(())
}

fn breakpoint() -> Claim {
    let outcome = ends_by("k").jos().boot()?;
    outcome.exits(0)?.shows(&[
        INCOMING,
        MONITOR,
        HELP,
        FRAME,
        "  trap 0x00000003 Breakpoint",
        "  err  0x00000000",
        "  eip  0x",
        "  cs   0x----001b",
        "  ss   0x----0023",
        "exit status 0",
    ])?;
    outcome.lacks(&[FREE, ONLY, "No runnable environments", "still here"])?;
    Ok(())
}

fn statuses() -> Claim {
    let ends = ENDS.iter().map(|end| (end.letter, end.status));
    for (letter, status) in ends.chain([("k", 128 + 3)]) {
        let outcome = ends_by(letter).boot()?;
        outcome.exits(status)?.lacks(&["still here", "no such end", "TRAP", MONITOR])?;
        outcome.shows(&["No runnable environments in the system!", "exit status "])?;
    }
    Ok(())
}

/// `start` ends with status 0, before or after the other.
fn first_failure() -> Claim {
    for programs in [["start", "lab3"], ["lab3", "start"]] {
        for (letter, status) in [("g", 0), ("d", 128), ("x", 1)] {
            let boot = programs.into_iter().fold(Boot::new(), Boot::elf);
            let outcome = boot.answer("how? ", letter).boot()?;
            outcome.exits(status)?.shows(&["15 passed, 0 failed"])?;
        }
    }
    Ok(())
}

/// `lab4` gives its call 9 the address of its page-fault handler, whose code is taken for
/// registers.
fn hint() -> Claim {
    let outcome = Boot::new().elf("lab4").boot()?;
    outcome.exits(128 + 14)?.shows(&[
        "hint: [00001000] gave call 9 no trap frame; a program of lab 4 is started with abi=lab4",
        "[00001000] user fault va ",
    ])?;
    let outcome = Boot::new().elf("lab4,abi=lab4").boot()?;
    outcome.exits(0)?.lacks(&["hint:"])?;
    Ok(())
}

fn orphan() -> Claim {
    let outcome = all_hold(Boot::new().elf("orphan").jos(), &[5])?;
    outcome.shows(&[
        "[00001000] new env 00001001",
        "[00001000] exiting gracefully",
        "[00001000] free env 00001000",
        "ok a_process_outlives_its_parent",
        "[00001001] new env 00002000",
        "[00001001] destroying 00003000",
        "5 passed, 0 failed",
        "[00001001] exiting gracefully",
        "[00001001] free env 00001001",
        "No runnable environments in the system!",
    ])?;
    Ok(())
}

/// A file server beside an ordinary process, and a second drive whose sector 1 begins with `disk`.
fn ports() -> Claim {
    let mut disk = tempfile::NamedTempFile::new()?;
    let mut contents = vec![0; 0x10_0000];
    contents[512..516].copy_from_slice(b"disk");
    disk.write_all(&contents)?;
    let boot = Boot::new().elf("ports,type=fs").elf("no_ports").ide_disk(disk.path().to_owned());
    all_hold(boot, &[8, 3])?;
    let sector: Vec<u8> =
        (0..512).step_by(4).flat_map(|at| u32::to_le_bytes(0x0D15_C000 + at)).collect();
    if std::fs::read(disk.path())?[1024..1536] == sector {
        Ok(())
    } else {
        Err("sector 2 of the disk is not what the program wrote".into())
    }
}

/// With more than 256 MiB JOS panics.
fn large_memory(mib: u32) -> Claim {
    all_hold(Boot::new().elf("large_memory").memory(mib), &[3])?;
    Ok(())
}
