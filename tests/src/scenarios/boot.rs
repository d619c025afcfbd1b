//! The machine comes up, uses the memory it has, and refuses a bad image with one clear line.

use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use xtask::dist::Dist;
use xtask::symbols::Symbols;
use xtask::verdict::Verdict;
use xtask::web::Site;
use xtask::workspace::Workspace;
use xtask::{iso, setup};

use crate::{Boot, Claim, Outcome, claim};

/// Frames in one MiB.
const FRAMES: u32 = 256;

/// Memory that is not handed out at any size: what lies below 1 MiB, the kernel, the archive and
/// the tables, with room for them to grow.
const OVERHEAD: u32 = 12;

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        claim("boot::says_its_name_and_ends_with_the_programs_status", status_is_passed_on),
        claim("boot::a_missing_archive_is_one_line_and_status_1", missing_archive),
        claim("boot::a_damaged_archive_is_one_line_and_status_1", damaged_archive),
        claim("boot::an_archive_without_init_is_one_line_and_status_1", archive_without_init),
        claim("boot::a_damaged_init_is_one_line_and_status_1", damaged_init),
        claim("boot::a_cut_archive_is_one_line_and_status_1", cut_archive),
        claim("boot::too_little_memory_is_one_line_and_status_1", too_little_memory),
        claim("boot::without_a_serial_port_the_exit_port_tells_the_end", no_serial_port),
        claim("boot::a_machine_without_a_timer_is_one_line_and_status_1", no_timer),
        claim("boot::a_panic_names_its_functions_and_is_no_success", panics),
        claim("boot::the_identity_map_is_gone", identity_map_is_gone),
        claim("boot::a_stack_overflow_of_the_kernels_is_reported", kernel_stack_overflows),
        claim("boot::a_triple_fault_is_no_success", triple_fault),
        claim("boot::a_hang_is_no_success", hang),
        claim("boot::a_word_that_nobody_reads_is_named_and_the_boot_goes_on", unknown_word),
        claim("boot::quotes_after_run_are_as_in_the_shell", quotes_after_run),
        claim("boot::run_takes_the_shells_own_commands", runs_builtins),
    ];
    trials.extend(CPUS.map(|cpu| {
        let name = format!("boot::a_machine_with_{}_boots_or_says_what_is_missing", cpu.name);
        claim(&name, move || old_cpu(&cpu))
    }));
    let no_disc_tools = setup::grub_mkrescue().is_none();
    let disc = claim("boot::a_cd_with_grub_boots_too", boots_from_a_disc);
    trials.push(disc.with_ignored_flag(no_disc_tools));
    let quotes = claim("boot::quotes_come_through_grub", disc_keeps_quotes);
    trials.push(quotes.with_ignored_flag(no_disc_tools));
    let dist = claim("boot::the_cd_that_dist_hands_out_boots_to_the_shell", boots_from_dist);
    trials.push(dist.with_ignored_flag(no_disc_tools));
    // QEMU puts RAM below 0xE000_0000 up to 3583 MiB; from 3584 MiB on, all above 3 GiB moves.
    let sizes = [(16, 16), (128, 128), (257, 257), (1024, 1024), (3583, 3583), (3584, 3072)];
    trials.extend(sizes.map(|(memory, low)| {
        let name = format!("boot::uses_the_memory_of_a_machine_with_{memory}_mib");
        claim(&name, move || uses_memory(memory, low))
    }));
    trials
}

fn status_is_passed_on() -> Claim {
    let outcome = Boot::new().run("walk 0xef7bd000").boot()?;
    outcome.exits(0)?.shows(&["memory: * usable"])?.lacks(&["kernel panic"])?;
    Ok(())
}

/// The banner counts what the loader reports below 4 GiB, and says if there is more above.
fn uses_memory(memory: u32, low: u32) -> Claim {
    let outcome = Boot::new().memory(memory).run("walk 0xef7bd000").boot()?;
    outcome.exits(0)?;
    let (frames, mib) = banner(&outcome)?;
    let plausible = (low - OVERHEAD) * FRAMES..=low * FRAMES;
    outcome.demand(plausible.contains(&frames), || format!("{frames} not in {plausible:?}"))?;
    outcome.demand(frames / FRAMES == mib, || format!("{frames} frames are not {mib} MiB"))?;
    if memory > low {
        outcome.shows(&["memory: * left above 4 GiB"])?;
    } else {
        outcome.lacks(&["above 4 GiB"])?;
    }
    Ok(())
}

fn banner(outcome: &Outcome) -> Result<(u32, u32), Failed> {
    Ok((outcome.number("memory: ", " frames")?, outcome.number(" frames (", " MiB) usable")?))
}

fn boots_from_a_disc() -> Claim {
    let outcome = boot_from_disc("run=walk 0xef7bd000")?;
    outcome.exits(0)?.shows(&["memory: * usable"])?.lacks(&["kernel panic", "unknown word"])?;
    Ok(())
}

/// GRUB takes the quotes off and puts its own on.
fn disc_keeps_quotes() -> Claim {
    let outcome = boot_from_disc(r#"nonsense=1 run=run 'a "b'\\\''  c;'"#)?;
    outcome.exits(127)?.shows(&[
        "unknown word on the command line: nonsense=1",
        r#"no such program: a "b\'  c;"#,
    ])?;
    Ok(())
}

/// The CD in the folder that `cargo xtask dist` writes, whose site other tests judge.
fn boots_from_dist() -> Claim {
    let workspace = Workspace::locate();
    let directory = tempfile::tempdir()?;
    let disc = directory.path().join("disc");
    let failed = |error| format!("{error:#}");
    iso::write(&workspace.kernel(), Some(&workspace.archive()), "", &disc).map_err(failed)?;
    let dist = Dist::gather(&workspace, &disc, &Site::default()).map_err(failed)?;
    let folder = directory.path().join("dist");
    dist.write(&folder).map_err(failed)?;
    let boot = Boot::new().disc(folder.join("vitrine.iso"));
    let outcome = boot.answer("vitrine> ", "hello\r").answer("vitrine> ", "exit\r").boot()?;
    outcome.exits(0)?.shows(&["hello from frame 0x*"])?;
    Ok(())
}

fn boot_from_disc(command_line: &str) -> Result<Outcome, Failed> {
    let workspace = Workspace::locate();
    let directory = tempfile::tempdir()?;
    let disc = directory.path().join("vitrine.iso");
    iso::write(&workspace.kernel(), Some(&workspace.archive()), command_line, &disc)
        .map_err(|e| format!("{e:#}"))?;
    Boot::new().disc(disc).boot()
}

fn unknown_word() -> Claim {
    let outcome = Boot::new().append("nonsense=1 trust selftest=nothing").run("hello").boot()?;
    outcome.exits(0)?.shows(&[
        "unknown word on the command line: nonsense=1",
        "unknown word on the command line: selftest=nothing",
        "hello from frame",
    ])?;
    outcome.lacks(&["unknown word*kernel.elf", "unknown word*trust", "unknown word*hello"])?;
    Ok(())
}

fn quotes_after_run() -> Claim {
    let outcome = Boot::new().run("walk \"0x800020\"").boot()?;
    outcome.exits(0)?.shows(&["0x00800020 = directory index 0x002"])?;
    let outcome = Boot::new().run("walk \"0x800020").boot()?;
    outcome.exits(1)?.shows(&["cannot read run=walk \"0x800020: there is no closing \""])?;
    Ok(())
}

fn runs_builtins() -> Claim {
    Boot::new().run("exit 3").boot()?.exits(3)?;
    Boot::new().run("help").boot()?.exits(0)?.shows(&["  walk * how an address is translated"])?;
    Boot::new().run("ps").boot()?.exits(0)?.shows(&["STATUS", "running"])?;
    Boot::new().run("run walk").boot()?.exits(2)?.shows(&["usage: walk"])?;
    Ok(())
}

fn missing_archive() -> Claim {
    let outcome = Boot::new().archive(None).boot()?;
    outcome.exits(1)?.lacks(&["kernel panic"])?;
    Ok(())
}

/// Boots an archive that holds just these files.
fn boot_archive(files: &[(&str, &[u8])]) -> Result<Outcome, Failed> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("boot.tar");
    let mut archive = tar::Builder::new(std::fs::File::create(&path)?);
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o555);
        archive.append_data(&mut header, name, *bytes)?;
    }
    archive.into_inner()?;
    Boot::new().archive(Some(path)).boot()
}

fn refused(outcome: &Outcome, line: &str) -> Claim {
    outcome.exits(1)?.shows(&[line])?.lacks(&["kernel panic"])?;
    Ok(())
}

fn archive_without_init() -> Claim {
    refused(&boot_archive(&[("bin/walk", b"")])?, "cannot boot: the boot archive has no bin/init")
}

fn damaged_init() -> Claim {
    refused(
        &boot_archive(&[("bin/init", b"\x7fELF")])?,
        "cannot boot: bin/init is damaged: not an ELF file",
    )?;
    let real = std::fs::read(Workspace::locate().archive())?;
    let mut archive = tar::Archive::new(real.as_slice());
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()?.ends_with("init") {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes)?;
            // The file ends within its first segment.
            return refused(
                &boot_archive(&[("bin/init", &bytes[..2048])])?,
                "cannot boot: bin/init is damaged: a segment",
            );
        }
    }
    Err("the boot archive has no init".into())
}

fn cut_archive() -> Claim {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("boot.tar");
    let whole = std::fs::read(Workspace::locate().archive())?;
    std::fs::write(&path, &whole[..700])?;
    refused(&Boot::new().archive(Some(path)).boot()?, "cannot boot: the boot archive is damaged")
}

fn too_little_memory() -> Claim {
    let line =
        "cannot boot: too little memory: * KiB are free besides the kernel, 4096 KiB are needed";
    // With 2 MiB the image fits only in part, and the loader leaves out the archive. With 1 MiB
    // there is no memory where the image is linked, so that there is no kernel that could say
    // anything.
    for memory in [2, 3, 4, 5] {
        refused(&Boot::new().memory(memory).boot()?, line)?;
    }
    Ok(())
}

/// Every way to the end of a boot, each without a line to show.
fn no_serial_port() -> Claim {
    let silent = |boot: Boot, failed| -> Claim {
        let outcome = boot.no_serial_port().boot()?;
        outcome.ends(Verdict::NoSerialPort { failed })?;
        outcome.demand(outcome.lines.is_empty(), || "a line without a port".to_owned())?;
        Ok(())
    };
    // Init owns Ctrl-C here, so the console takes every byte that is offered.
    silent(Boot::new().run("walk 0xef7bd000"), false)?;
    silent(Boot::new().run("walk"), true)?;
    silent(Boot::new().archive(None), true)?;
    silent(Boot::new().cpu("pentium"), true)?;
    selftest("panic").no_serial_port().boot()?.ends(Verdict::Panicked)?;
    Ok(())
}

fn no_timer() -> Claim {
    for board in ["pc,pit=off", "q35,pit=off"] {
        refused(&Boot::new().board(board).boot()?, "cannot boot: no timer: the 8254")?;
    }
    Ok(())
}

/// A machine by its board and CPU, and what the CPU lacks.
struct Cpu {
    name: &'static str,
    board: Option<&'static str>,
    cpu: Option<&'static str>,
    lacks: Option<&'static str>,
}

const fn cpu(name: &'static str, lacks: Option<&'static str>) -> Cpu {
    Cpu { name, board: None, cpu: Some(name), lacks }
}

const CPUS: [Cpu; 8] = [
    cpu("486", Some("CMOV")),
    cpu("pentium", Some("CMOV")),
    cpu("pentium2", Some("SSE")),
    cpu("pentium3", None),
    cpu("qemu32", None),
    cpu("n270", None),
    Cpu { name: "isapc", board: Some("isapc"), cpu: None, lacks: Some("CMOV") },
    Cpu { name: "isapc_pentium3", board: Some("isapc"), cpu: Some("pentium3"), lacks: None },
];

/// Each of the needed features is taken away in turn, too, where the emulator can do that.
const REMOVABLE: [(&str, &str); 5] = [
    ("cmov", "CMOV"),
    ("cx8", "CMPXCHG8B"),
    ("tsc", "time-stamp counter"),
    ("fxsr", "FXSAVE"),
    ("sse", "SSE"),
];

fn old_cpu(machine: &Cpu) -> Claim {
    let boot = || {
        let boot = Boot::new().run("walk 0xef7bd000");
        let boot = machine.board.into_iter().fold(boot, Boot::board);
        machine.cpu.into_iter().fold(boot, Boot::cpu)
    };
    if let Some(feature) = machine.lacks {
        return refused(&boot().boot()?, &format!("cannot boot: the CPU has no {feature}"));
    }
    boot().boot()?.exits(0)?.shows(&["memory: * usable"])?;
    if machine.cpu == Some("qemu32") {
        for (flag, feature) in REMOVABLE {
            let outcome = boot().cpu(&format!("qemu32,-{flag}")).boot()?;
            refused(&outcome, &format!("cannot boot: the CPU has no {feature}"))?;
        }
    }
    Ok(())
}

fn selftest(name: &str) -> Boot {
    Boot::new().append(&format!("selftest={name}"))
}

fn panics() -> Claim {
    let outcome = selftest("panic").boot()?;
    outcome.ends(Verdict::Panicked)?.shows(&[
        "kernel panic: ",
        "as the command line asked",
        "  backtrace 0xf01",
    ])?;
    let workspace = Workspace::locate();
    let symbols =
        Symbols::open(&workspace.kernel(), workspace.root()).map_err(|e| format!("{e:#}"))?;
    let names: Vec<_> = outcome.lines.iter().filter_map(|line| symbols.note(line)).collect();
    let named = names
        .iter()
        .any(|name| name.contains("kernel_main") && name.contains("kernel/src/main.rs:"));
    outcome.demand(named, || format!("no backtrace line names kernel_main: {names:#?}"))?;
    Ok(())
}

fn identity_map_is_gone() -> Claim {
    let outcome = selftest("fault").boot()?;
    outcome.ends(Verdict::Panicked)?.shows(&["kernel panic: exception 14 * cr2 0x00100000"])?;
    Ok(())
}

fn kernel_stack_overflows() -> Claim {
    selftest("stack").boot()?.ends(Verdict::Panicked)?.shows(&["kernel panic: double fault"])?;
    Ok(())
}

fn triple_fault() -> Claim {
    selftest("triple").boot()?.ends(Verdict::Died(0))?;
    Ok(())
}

fn hang() -> Claim {
    selftest("hang").timeout(Duration::from_secs(3)).boot()?.ends(Verdict::TimedOut)?;
    Ok(())
}

fn damaged_archive() -> Claim {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("boot.tar");
    std::fs::write(&archive, [0xA5; 4096])?;
    let outcome = Boot::new().archive(Some(archive)).boot()?;
    outcome.exits(1)?.lacks(&["kernel panic"])?;
    Ok(())
}
