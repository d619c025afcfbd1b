//! `cargo xtask iso`: a CD that real machines and other emulators boot, with GRUB on it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::image;
use crate::setup;
use crate::system::Part;
use crate::workspace::Workspace;
use crate::{build, command};

/// Builds the image and writes `target/vitrine/vitrine.iso`.
///
/// # Errors
/// A tool is missing, a build fails, or a file cannot be written.
pub fn iso(workspace: &Workspace, command_line: &str) -> Result<PathBuf> {
    setup::ensure(&[Part::DiscTools])?;
    build::build(workspace)?;
    let disc = workspace.output().join("vitrine.iso");
    write(workspace, command_line, &disc)?;
    Ok(disc)
}

/// Writes a CD from the image that was built last.
///
/// # Errors
/// A tool is missing or a file cannot be written.
pub fn write(workspace: &Workspace, command_line: &str, disc: &std::path::Path) -> Result<()> {
    let tree = tempfile::tempdir().context("cannot create a temporary directory")?;
    let boot = tree.path().join("boot");
    command::create_directory(&boot.join("grub"))?;
    let kernel = fs::read(workspace.kernel()).context("cannot read the kernel")?;
    fs::write(boot.join("kernel.elf"), image::stripped(&kernel)?)?;
    fs::copy(workspace.archive(), boot.join("boot.tar")).context("cannot copy the archive")?;
    fs::write(boot.join("grub/grub.cfg"), configuration(command_line))?;
    let tool = setup::grub_mkrescue().unwrap_or("grub-mkrescue");
    let mut command = Command::new(tool);
    command.arg("-o").arg(disc).arg(tree.path());
    // Without these GRUB brings every module and font it has: 5 MB more.
    command.arg("--install-modules=normal multiboot iso9660 serial terminal biosdisk part_msdos");
    command.args(["--fonts=", "--locales=", "--themes="]);
    command::run_quietly(&mut command).map(drop)
}

/// GRUB's menu: one entry, at once, with GRUB itself on the serial line too. The second word of
/// `multiboot` stands where QEMU puts the kernel's name.
fn configuration(command_line: &str) -> String {
    format!(
        "set timeout=0\n\
         serial --unit=0 --speed=115200\n\
         terminal_output serial console\n\
         menuentry Vitrine {{\n\
         \x20   multiboot /boot/kernel.elf kernel.elf {}\n\
         \x20   module /boot/boot.tar boot.tar\n\
         }}\n",
        quoted(command_line)
    )
}

/// GRUB's parser splits at spaces, which the kernel joins again, and knows a few characters.
fn quoted(text: &str) -> String {
    let special = |c: char| "\\\"'$;|&<>{}#".contains(c);
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menu_passes_the_command_line_on() {
        let text = configuration("run=walk 0x800020");
        assert!(
            text.contains("multiboot /boot/kernel.elf kernel.elf run=walk 0x800020\n"),
            "{text}"
        );
        assert!(text.contains("module /boot/boot.tar boot.tar\n"), "{text}");
    }

    #[test]
    fn a_character_that_grub_would_read_is_escaped() {
        assert_eq!(quoted("run=echo a;b $x"), r"run=echo a\;b \$x");
    }
}
