//! Machines that run the JOS programs of the command line instead of `init`: how they start, what
//! the console shows, and how they end.

use abi::layout::USER_STACK_TOP;
use abi::process_info::{KIND_FILE_SERVER, KIND_USER};
use abi::{ProcessId, Registers, Syscall};
use kernel_core::After;

use super::first::refused;
use crate::world::{CALL_SITE, PAGE, World, image};

const FIRST: ProcessId = ProcessId::first(0);
const SECOND: ProcessId = ProcessId::first(1);
const BLOCKED: Syscall = Syscall::Receive { from: None, transfer: None };

fn jos(line: &str) -> World {
    World::of_programs(&format!("{line} jos"))
}

fn forked(world: &mut World) -> ProcessId {
    ProcessId::new(world.jos(7, [0; 5])).unwrap()
}

fn said(world: &World) -> String {
    world.kernel.cpu.hardware.console_text()
}

#[test]
fn programs_start_as_jos_starts_them() {
    let mut world = World::of_programs("elf=p elf=p,type=fs");
    assert_eq!(world.living(), [FIRST, SECOND]);
    for (id, kind) in [(FIRST, KIND_USER), (SECOND, KIND_FILE_SERVER)] {
        world.run(id);
        assert_eq!(*world.registers(), Registers::start(CALL_SITE, USER_STACK_TOP));
        assert_eq!(world.info(id).kind, kind);
        assert_eq!(world.info(id).parent, 0);
        assert_eq!(world.leaf(id, USER_STACK_TOP - 0x1000).bits() & 0xF9F, 7);
        assert_eq!(world.leaf(id, CALL_SITE & !0xFFF).bits() & 0xF9F, 7, "text is writable");
        assert!(!world.leaf(id, USER_STACK_TOP).is_present(), "one stack page");
    }
}

#[test]
fn only_the_file_server_has_the_ports() {
    let mut world = World::of_programs("elf=p elf=p,type=fs");
    for (id, open) in [(FIRST, false), (SECOND, true), (FIRST, false), (SECOND, true)] {
        world.run(id);
        assert_eq!(world.kernel.cpu.hardware.ports.all(), open);
    }
    let child = forked(&mut world);
    world.jos(8, [child.bits(), 2, 0, 0, 0]);
    world.run(child);
    assert!(!world.kernel.cpu.hardware.ports.any(), "nor do its children");
    world.run(SECOND);
    world.jos(3, [0; 5]);
    assert!(!world.kernel.cpu.hardware.ports.any());
}

#[test]
fn the_machine_ends_when_nothing_can_run_any_more() {
    let mut world = World::of_programs("elf=p elf=p");
    world.run(SECOND);
    world.begin(BLOCKED);
    assert_eq!(world.after, After::Run);
    world.jos(3, [0; 5]);
    assert_eq!(world.after, After::PowerOff { status: 0 });
    assert_eq!(said(&world), "No runnable environments in the system!\n");
}

#[test]
fn the_machine_waits_for_time_and_for_input() {
    let read = Syscall::ConsoleRead { address: crate::world::DATA, length: 1 };
    let owner = Syscall::SetConsoleOwner { owner: Some(FIRST.into()) };
    let mut world = World::of_programs("elf=p");
    world.begin(Syscall::Sleep { milliseconds: 10 });
    assert_eq!(world.after, After::Idle);
    (0..3).for_each(|_| world.tick());
    assert_eq!(world.current(), FIRST);
    world.begin(read);
    assert_eq!(world.after, After::Idle);
    world.key(b'x');
    world.call(owner).unwrap();
    world.begin(BLOCKED);
    assert_eq!(world.after, After::Idle, "Ctrl-C may come");
    world.key(3);
    world.call(Syscall::SetConsoleOwner { owner: None }).unwrap();
    world.begin(BLOCKED);
    assert_eq!(world.after, After::PowerOff { status: 0 });
}

#[test]
fn a_stopped_process_keeps_nothing_alive() {
    let mut world = World::of_programs("elf=p");
    let child = world.jos(7, [0; 5]);
    assert_eq!(child, SECOND.bits());
    world.jos(3, [0; 5]);
    assert_eq!(world.after, After::PowerOff { status: 0 });
}

#[test]
fn lab_4_programs_and_their_forks_number_their_calls_without_the_ninth() {
    let mut world = World::of_programs("elf=p,abi=lab4 elf=p");
    let child = forked(&mut world);
    assert_eq!(world.jos(8, [child.bits(), 2, 0, 0, 0]), 0);
    for id in [FIRST, child] {
        world.run(id);
        assert_eq!(world.jos(9, [0, 0x1234, 0, 0, 0]), 0, "env_set_pgfault_upcall");
        assert_eq!(world.jos(13, [0; 5]) as i32, -3);
        assert_eq!(world.jos(11, [0x1001, 0, 0, 0, 0]) as i32, -7, "ipc_try_send");
    }
    world.run(SECOND);
    world.jos(13, [PAGE, 0, 0, 0, 0]);
    world.run(FIRST);
    assert_eq!(world.jos(11, [0x1001, 5, 0xEEC0_0000, 0, 0]), 0);
    assert_eq!(world.info(SECOND).value, 5);
}

#[test]
fn a_slot_is_free_when_its_destruction_returns_and_the_last_freed_comes_first() {
    let mut world = World::of_programs("elf=p");
    let mut children = [(); 3].map(|()| world.jos(7, [0; 5]));
    assert_eq!(children, [0x1001, 0x1002, 0x1003]);
    for child in [0x1001, 0x1003] {
        assert_eq!(world.jos(4, [child, PAGE, 7, 0, 0]), 0);
        assert_eq!(world.jos(3, [child, 0, 0, 0, 0]), 0);
        let slot = ProcessId::new(child).unwrap();
        assert_eq!(world.info(slot).status, 0, "free at once");
        assert_eq!(world.jos(3, [child, 0, 0, 0, 0]) as i32, -2, "and gone");
    }
    children = [(); 3].map(|()| world.jos(7, [0; 5]));
    assert_eq!(children, [0x2003, 0x2001, 0x1004]);
}

#[test]
fn a_fork_takes_the_slot_of_a_process_that_has_just_ended() {
    let mut world = World::of_programs("elf=p");
    let child = forked(&mut world);
    for page in [PAGE, PAGE + 0x40_0000, PAGE + 0x80_0000] {
        assert_eq!(world.jos(4, [child.bits(), page, 7, 0, 0]), 0);
    }
    world.jos(8, [child.bits(), 2, 0, 0, 0]);
    world.run(child);
    world.jos(3, [0; 5]);
    world.run(FIRST);
    assert_eq!(world.jos(7, [0; 5]), 0x2001);
}

#[test]
fn beginnings_and_ends_are_told_as_jos_tells_them() {
    let mut world = jos("elf=p");
    let child = world.jos(7, [0; 5]);
    world.jos(3, [child, 0, 0, 0, 0]);
    world.jos(3, [0; 5]);
    let lines = [
        "[00000000] new env 00001000",
        "[00001000] new env 00001001",
        "[00001000] destroying 00001001",
        "[00001000] free env 00001001",
        "[00001000] exiting gracefully",
        "[00001000] free env 00001000",
        "No runnable environments in the system!",
        MONITOR[0],
        MONITOR[1],
    ];
    assert_eq!(said(&world).lines().collect::<Vec<_>>(), lines);
}

/// What JOS's monitor says when it begins.
const MONITOR: [&str; 2] =
    ["Welcome to the JOS kernel monitor!", "Type 'help' for a list of commands."];
const INCOMING: &str = "Incoming TRAP frame at 0xefffffbc";
const ONLY: &str = "Destroyed the only environment - nothing more to do!";
const NONE: &str = "No runnable environments in the system!";

/// What the console shows of a run without the registers, which are indented.
fn told(world: &World) -> Vec<String> {
    said(world).lines().filter(|line| !line.starts_with(' ')).map(str::to_owned).collect()
}

#[test]
fn lab_3s_lines_are_told_of_an_only_process_that_ends_and_of_no_other() {
    let faults = |world: &mut World| world.write(0xDEAD_BEE0, 1).unwrap_err();
    for (line, incoming, only) in [
        ("elf=p", true, true),
        ("elf=p,abi=lab3", true, true),
        ("elf=p,abi=lab4", false, false),
        ("elf=p,abi=lab4-2014", false, false),
    ] {
        let mut world = jos(line);
        faults(&mut world);
        let told = told(&world);
        assert_eq!(told.iter().any(|line| line == INCOMING), incoming, "{line}");
        assert_eq!(told.iter().any(|line| line == ONLY), only, "{line}");
        assert_eq!(told.iter().any(|told| told == NONE), line != "elf=p,abi=lab3", "{line}");
        assert_eq!(told[told.len() - 2..], MONITOR, "{line}");
    }
    let mut world = jos("elf=p elf=p");
    faults(&mut world);
    faults(&mut world);
    assert!(!said(&world).contains(INCOMING) && !said(&world).contains(ONLY), "two of them");
    let mut world = jos("elf=p");
    let child = forked(&mut world);
    world.jos(3, [child.bits(), 0, 0, 0, 0]);
    faults(&mut world);
    assert!(!said(&world).contains(INCOMING) && !said(&world).contains(ONLY), "it had a child");
    let mut world = World::of_programs("elf=p");
    faults(&mut world);
    assert!(!said(&world).contains("TRAP") && !said(&world).contains(MONITOR[0]), "without jos");
}

#[test]
fn lab_3_has_four_calls_and_a_line_for_each() {
    let mut world = jos("elf=p,abi=lab3");
    assert_eq!(world.jos(2, [0; 5]), 0x1000);
    assert_eq!(world.jos(4, [0, PAGE, 7, 0, 0]) as i32, -3, "page_alloc is lab 4's");
    world.jos(0, [PAGE, 1, 0, 0, 0]);
    let lines = [
        "[00000000] new env 00001000",
        INCOMING,
        INCOMING,
        INCOMING,
        "[00001000] user_mem_check assertion failure for va 10000000",
        "[00001000] free env 00001000",
        ONLY,
        MONITOR[0],
        MONITOR[1],
    ];
    assert_eq!(told(&world), lines);
    let mut quiet = World::of_programs("elf=p,abi=lab3");
    assert_eq!(quiet.jos(2, [0; 5]), 0x1000);
    quiet.jos(3, [0; 5]);
    assert_eq!(told(&quiet), [NONE], "without jos");
}

#[test]
fn a_breakpoint_stops_the_machine_in_the_monitor_and_frees_nobody() {
    for line in ["elf=p", "elf=p,abi=lab4 elf=p"] {
        let mut world = jos(line);
        world.trap(3);
        assert_eq!(world.after, After::PowerOff { status: 0 }, "{line}");
        let text = said(&world);
        let [_, shown] = text.split_once(MONITOR[0]).map(|(a, b)| [a, b]).expect("the monitor");
        let frame = format!("\n{}\nTRAP frame at 0x", MONITOR[1]);
        assert!(shown.starts_with(&frame), "{line}: {text}");
        assert!(shown.contains("  trap 0x00000003 Breakpoint\n"), "{line}: {text}");
        assert!(!text.contains("free env") && !text.contains(NONE), "{line}: {text}");
        assert_eq!(text.contains(INCOMING), line == "elf=p", "{line}: {text}");
    }
}

#[test]
fn a_breakpoint_ends_its_process_where_there_is_no_monitor() {
    let mut world = World::of_programs("elf=p elf=p");
    world.trap(3);
    assert_eq!(world.after, After::Run);
    assert_eq!(world.current(), SECOND);
    assert!(said(&world).contains("breakpoint (vector 3"), "{}", said(&world));
}

#[test]
fn the_machine_ends_with_the_status_of_the_first_program_that_failed() {
    let exit = |status| Syscall::Exit { status };
    // How the second program and the first one end: `None` is by an undefined instruction.
    for (second, first, status) in [
        (Some(0), Some(0), 0),
        (Some(0), Some(1), 1),
        (Some(7), Some(0), 7),
        (Some(7), Some(1), 1),
        (Some(255), None, 128 + 6),
        (None, Some(0), 128 + 6),
    ] {
        for (line, expected) in [("elf=p elf=p", status), ("elf=p elf=p jos", 0)] {
            let ends = [(SECOND, second), (FIRST, first)];
            for ends in [ends, [ends[1], ends[0]]] {
                let mut world = World::of_programs(line);
                for (id, how) in ends {
                    world.run(id);
                    match how {
                        Some(status) => world.begin(exit(status)),
                        None => world.trap(6),
                    }
                }
                assert_eq!(world.after, After::PowerOff { status: expected }, "{line}: {ends:?}");
            }
        }
    }
}

#[test]
fn a_page_fault_and_a_bad_pointer_end_with_142_and_children_do_not_count() {
    let mut world = World::of_programs("elf=p");
    world.write(0xDEAD_BEE0, 1).unwrap_err();
    assert_eq!(world.after, After::PowerOff { status: 142 });
    let mut world = World::of_programs("elf=p");
    world.jos(0, [PAGE, 1, 0, 0, 0]);
    assert_eq!(world.after, After::PowerOff { status: 142 });
    let mut world = World::of_programs("elf=p elf=p");
    let child = forked(&mut world);
    world.jos(8, [child.bits(), 2, 0, 0, 0]);
    world.run(child);
    world.trap(6);
    world.run(SECOND);
    world.jos(3, [0; 5]);
    world.run(FIRST);
    let heir = forked(&mut world);
    assert_eq!(heir.bits(), 0x2001, "the slot of the second program is its child's now");
    world.jos(8, [heir.bits(), 2, 0, 0, 0]);
    world.run(heir);
    world.trap(6);
    world.jos(3, [0; 5]);
    assert_eq!(world.after, After::PowerOff { status: 0 });
}

#[test]
fn after_an_end_the_lowest_slot_is_next() {
    let mut world = World::of_programs("elf=p");
    let children: Vec<_> = [(); 3].map(|()| forked(&mut world)).into();
    for child in children.iter().rev() {
        assert_eq!(world.jos(8, [child.bits(), 2, 0, 0, 0]), 0);
    }
    world.jos(3, [0; 5]);
    for child in children {
        assert_eq!(world.current(), child);
        world.trap(6);
    }
    assert_eq!(world.after, After::PowerOff { status: 0 });
}

#[test]
fn a_process_that_ends_another_goes_on() {
    let mut world = World::of_programs("elf=p elf=p");
    world.run(SECOND);
    let child = forked(&mut world);
    assert_eq!(world.jos(3, [child.bits(), 0, 0, 0, 0]), 0);
    assert_eq!(world.current(), SECOND);
}

#[test]
fn call_9_without_a_trap_frame_hints_at_lab_4() {
    const FRAME: u32 = USER_STACK_TOP - 0x100;
    for (selector, hint) in
        [(0, false), (0x08, false), (0x1B, false), (0x10, true), (0xFFFF, true), (0x1_001B, false)]
    {
        let mut world = World::of_programs("elf=p");
        world.write(FRAME + 52, selector).unwrap();
        world.jos(9, [0, FRAME, 0, 0, 0]);
        assert_eq!(said(&world).contains("abi=lab4"), hint, "{selector:#x}");
    }
}

#[test]
fn programs_of_2014_have_errors_7_and_8() {
    let mut world = World::of_programs("elf=p,abi=lab4-2014");
    let child = forked(&mut world);
    assert_eq!(world.jos(11, [child.bits(), 0, 0xEEC0_0000, 0, 0]) as i32, -8, "not receiving");
    assert_eq!(world.jos(13, [0; 5]) as i32, -7, "unknown");
    assert_eq!(world.jos(4, [0, 1, 7, 0, 0]) as i32, -3, "unaligned");
    assert_eq!(world.jos(8, [child.bits(), 2, 0, 0, 0]), 0);
    world.run(child);
    assert_eq!(world.jos(31, [0; 5]) as i32, -7, "a child counts as its parent does");
}

#[test]
fn a_fault_is_told_as_jos_tells_it() {
    let mut world = jos("elf=p");
    world.registers().ecx = 0xC0FFEE;
    world.write(0xDEAD_BEE0, 1).unwrap_err();
    let text = said(&world);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1], INCOMING);
    assert_eq!(lines[2], format!("[00001000] user fault va deadbee0 ip {CALL_SITE:08x}"));
    assert!(lines[3].starts_with("TRAP frame at 0x") && lines[3].ends_with(" from CPU 0"));
    let rest = [
        "  edi  0x00000000",
        "  esi  0x00000000",
        "  ebp  0x00000000",
        "  oesp 0x00000000",
        "  ebx  0x00000000",
        "  edx  0x00000000",
        "  ecx  0x00c0ffee",
        "  eax  0x00000000",
        "  es   0x----0023",
        "  ds   0x----0023",
        "  trap 0x0000000e Page Fault",
        "  cr2  0xdeadbee0",
        "  err  0x00000006 [user, write, not-present]",
        "  eip  0x00800040",
        "  cs   0x----001b",
        "  flag 0x00000200",
        "  esp  0xeebfe000",
        "  ss   0x----0023",
        "[00001000] free env 00001000",
        ONLY,
        NONE,
        MONITOR[0],
        MONITOR[1],
    ];
    assert_eq!(lines[4..], rest);
}

#[test]
fn a_missing_exception_stack_is_told_by_where_the_record_would_lie() {
    let mut world = jos("elf=p");
    world.jos(10, [0, CALL_SITE, 0, 0, 0]);
    world.write(PAGE, 1).unwrap_err();
    let line = "[00001000] user_mem_check assertion failure for va eebfffcc";
    assert!(said(&world).contains(line), "{}", said(&world));
    assert!(!said(&world).contains("user fault"));
}

#[test]
fn other_exceptions_are_told_by_their_number_and_name() {
    let table = [
        (0, "  trap 0x00000000 Divide error"),
        (3, "  trap 0x00000003 Breakpoint"),
        (13, "  trap 0x0000000d General Protection"),
        (15, "  trap 0x0000000f (unknown trap)"),
        (19, "  trap 0x00000013 SIMD Floating-Point Exception"),
    ];
    for (vector, line) in table {
        let mut world = jos("elf=p");
        world.registers().error = 0x18;
        world.trap(vector);
        let text = said(&world);
        assert!(text.contains(&format!("{line}\n  err  0x00000018\n")), "{text}");
    }
}

#[test]
fn what_cannot_be_started_ends_the_boot_with_one_line() {
    let program = image::program();
    let archive = image::archive("p", &program);
    let mut dynamic = program.clone();
    dynamic[52] = 3;
    let mut high = program.clone();
    high[52 + 8 + 3] = 0xEF;
    let mut huge = program.clone();
    huge[52 + 32 + 22] = 0x80;
    let table: [(&[u8], &str, &str); 8] = [
        (&archive, "elf=q", "the boot archive has no q"),
        (
            &archive,
            "elf=p,type=ns",
            "cannot read elf=p,type=ns: not MEMBER[,type=fs][,abi=lab3|lab4|lab4-2014]",
        ),
        (&archive, "", "the boot archive has no bin/init"),
        (&image::archive("p", b"text"), "elf=p", "p is damaged: not an ELF file"),
        (&image::archive("p", &dynamic), "elf=p", "p is damaged: it wants a dynamic linker"),
        (&image::archive("p", &high), "elf=p", "p is damaged: a segment lies where no program may"),
        (&image::archive("p", &huge), "elf=p", "too little memory for p"),
        (
            &archive[..600],
            "elf=p",
            "the boot archive is damaged: it ends in the middle of a member",
        ),
    ];
    for (archive, line, why) in table {
        assert_eq!(refused(archive, line), why);
    }
}

#[test]
fn an_archive_that_init_has_no_room_for_serves_programs() {
    const LIMIT: u32 = abi::format::elf::BOOT_ARCHIVE_LIMIT;
    let archive = image::archive("bin/init", &image::program());
    let error = World::boot_described(4, &archive, LIMIT, "elf=bin/last").err();
    let line = "the boot archive has no bin/last";
    assert_eq!(error.map(|error| error.to_string()).as_deref(), Some(line), "256 MiB");
    assert!(World::boot_described(4, &archive, LIMIT + 1, "elf=bin/init").is_ok(), "not mapped");
}
