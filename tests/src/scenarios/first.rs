//! Programs that come first instead of init: `--elf`, `--jos`, and what is refused.

use libtest_mimic::Trial;
use xtask::elf::{Program, Staged};
use xtask::workspace::Workspace;

use crate::{Boot, Claim, claim};

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    vec![
        claim("first::programs_come_in_order_and_the_machine_ends_with_the_last", in_order),
        claim("first::a_server_without_a_parent_ends_and_gives_its_status", no_parent),
        claim("first::a_program_that_the_kernel_cannot_read_ends_the_boot_with_1", damaged),
        claim("first::a_program_larger_than_memory_ends_the_boot_with_1", too_large),
    ]
}

/// What every such boot must not show.
const NEVER: [&str; 1] = ["kernel panic*"];

fn in_order() -> Claim {
    let outcome = Boot::new().elf("hello").elf("free").jos().boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.shows(&[
        "[00000000] new env 00001000",
        "[00000000] new env 00001001",
        "hello from frame *",
        "[00001000] exiting gracefully",
        "[00001000] free env 00001000",
        "* of * frames free *",
        "[00001001] exiting gracefully",
        "[00001001] free env 00001001",
        "No runnable environments in the system!",
        "exit status 0",
    ])?;
    Ok(())
}

/// The pager waits for requests, and no process is there to send one.
fn no_parent() -> Claim {
    let outcome = Boot::new().elf("pager").boot()?;
    outcome.lacks(&NEVER)?.exits(1)?.shows(&["No runnable environments in the system!"])?;
    Ok(())
}

fn damaged() -> Claim {
    let words = "elf=elf0/hello,type=printer";
    let staged = Staged::pack(&Workspace::locate(), &[program("hello")?])?;
    let archive = Some(staged.archive().to_owned());
    let outcome = Boot::new().archive(archive).append(words).boot()?;
    outcome.exits(1)?.shows(&["cannot boot: cannot read elf=elf0/hello,type=printer: *"])?;
    let archive = Some(staged.archive().to_owned());
    let outcome = Boot::new().archive(archive).append("elf=elf0/nobody").boot()?;
    outcome.exits(1)?.shows(&["cannot boot: the boot archive has no elf0/nobody"])?;
    Ok(())
}

/// A file of a few bytes may ask for any amount of zeros.
fn too_large() -> Claim {
    let mut bytes = std::fs::read(Workspace::locate().programs().join("hello"))?;
    let segments = u32::from_le_bytes(bytes[28..32].try_into()?) as usize;
    let count = usize::from(u16::from_le_bytes(bytes[44..46].try_into()?));
    let is_last = |at: &usize| bytes[*at..*at + 4] == [1, 0, 0, 0];
    let last = (0..count).map(|index| segments + 32 * index).rfind(is_last);
    let size = last.ok_or("no segment")? + 20;
    bytes[size..size + 4].copy_from_slice(&0x1000_0000_u32.to_le_bytes());
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), bytes)?;
    let outcome = Boot::new().memory(64).elf(&file.path().display().to_string()).boot()?;
    outcome.exits(1)?.shows(&["cannot boot: too little memory for elf0/*"])?;
    Ok(())
}

fn program(name: &str) -> Result<Program, libtest_mimic::Failed> {
    let file = Workspace::locate().programs().join(name);
    Ok(Program::parse(&file.display().to_string())?)
}
