//! Odd machines and odd moments: each ends in a line that says what is the matter.

use std::fs::File;

use libtest_mimic::Trial;
use xtask::verdict::Verdict;
use xtask::workspace::Workspace;

use crate::{Boot, Claim, claim};

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    vec![
        claim("machines::an_nmi_while_idle_ends_the_machine_by_name", nmi_while_idle),
        claim("machines::an_nmi_while_programs_run_ends_the_machine_by_name", nmi_while_busy),
        claim("machines::virtual_8086_mode_ends_its_process_with_one_line", virtual_8086),
        claim("machines::an_archive_over_256_mib_is_one_line_and_status_1", long_archive),
        claim("machines::an_archive_without_its_last_member_is_one_line_and_status_1", cut_archive),
    ]
}

fn nmi_while_idle() -> Claim {
    let boot = || Boot::new().monitor("vitrine> ", "nmi").boot();
    let mut outcome = boot()?;
    // Between its prompt and the call with which it waits, the shell still runs for a moment.
    for _ in 0..10 {
        if outcome.lacks(&["non-maskable interrupt in a program"]).is_ok() {
            break;
        }
        outcome = boot()?;
    }
    let line = "kernel panic: non-maskable interrupt in the kernel at 0xf*: the machine reports";
    outcome.ends(Verdict::Panicked)?.shows(&[line])?;
    Ok(())
}

/// It comes anywhere: in a program, in a call, or on the way from one to the other.
fn nmi_while_busy() -> Claim {
    let outcome = Boot::new().run("forever").monitor("forking until", "nmi").boot()?;
    let line = "kernel panic: non-maskable interrupt in *: the machine reports a failure";
    outcome.ends(Verdict::Panicked)?.shows(&[line])?;
    Ok(())
}

/// QEMU's TCG lets ring 3 enter the mode; the checks of the same name also allow for processors,
/// which do not.
fn virtual_8086() -> Claim {
    let names = [
        "a_trap_from_virtual_8086_mode_ends_its_process",
        "an_interrupt_in_virtual_8086_mode_is_served_and_ends_the_process",
    ];
    for name in names {
        let outcome = Boot::new().run(&format!("checks {name}")).boot()?;
        let ok = format!("ok {name}");
        outcome.exits(0)?.shows(&["[*] entered virtual-8086 mode: ended", &ok])?;
        outcome.lacks(&["kernel panic", "FAILED"])?;
    }
    Ok(())
}

fn long_archive() -> Claim {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("boot.tar");
    std::fs::copy(Workspace::locate().archive(), &path)?;
    // Zeros after the end mark, which take no room on the host's disk.
    File::options().write(true).open(&path)?.set_len((256 << 20) + 1)?;
    let outcome = Boot::new().memory(1024).archive(Some(path)).run("hello").boot()?;
    let line = "cannot boot: the boot archive is longer than 256 MiB";
    outcome.exits(1)?.shows(&[line])?.lacks(&["kernel panic"])?;
    Ok(())
}

/// The archive ends where a member begins, in a member's header, and in a member: `init` is there
/// each time.
fn cut_archive() -> Claim {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("boot.tar");
    let whole = std::fs::read(Workspace::locate().archive())?;
    let mut archive = tar::Archive::new(whole.as_slice());
    let last = archive.entries()?.last().ok_or("the boot archive is empty")??;
    let (header, file) = (last.raw_header_position(), last.raw_file_position());
    for length in [header, header + 100, file + 1] {
        std::fs::write(&path, &whole[..length as usize])?;
        let outcome = Boot::new().archive(Some(path.clone())).run("hello").boot()?;
        let line = "cannot boot: the boot archive is damaged: it ends in the middle of a member";
        outcome.exits(1)?.shows(&[line])?.lacks(&["kernel panic"])?;
    }
    Ok(())
}
