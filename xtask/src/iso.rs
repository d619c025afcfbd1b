//! `cargo xtask iso`: a CD that real machines and other emulators boot, with GRUB on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use libsys::process::command_line;

use crate::bad_input::BadInput;
use crate::image;
use crate::setup;
use crate::system::Part;
use crate::throwaway::Throwaway;
use crate::workspace::Workspace;
use crate::{build, command};

/// Builds the image and writes `target/vitrine/vitrine.iso`.
///
/// # Errors
/// A tool is missing, a build fails, or a file cannot be written.
pub fn iso(workspace: &Workspace, command_line: &str) -> Result<PathBuf> {
    let file = for_one_boot(workspace, command_line)?;
    let disc = workspace.output().join("vitrine.iso");
    // In one step, because a machine may be booting from the old one. The copy has the name, and
    // goes nowhere else.
    image::replace(&disc, &fs::read(file.path()).context("cannot read the CD")?)?;
    Ok(disc)
}

/// Builds the image and writes a CD that only one boot uses.
///
/// # Errors
/// Those of [`iso`].
pub fn for_one_boot(workspace: &Workspace, command_line: &str) -> Result<Throwaway> {
    setup::ensure(&[Part::DiscTools])?;
    build::build_archive(workspace)?;
    let file = Throwaway::new(&workspace.output(), ".iso")?;
    write(&workspace.kernel(), Some(&workspace.archive()), command_line, file.path())?;
    Ok(file)
}

/// Writes a CD that boots this kernel, with this archive as its only module.
///
/// # Errors
/// A tool is missing or a file cannot be written.
pub fn write(kernel: &Path, archive: Option<&Path>, command_line: &str, disc: &Path) -> Result<()> {
    let tree = tempfile::tempdir().context("cannot create a temporary directory")?;
    let boot = tree.path().join("boot");
    command::create_directory(&boot.join("grub"))?;
    let kernel = fs::read(kernel).context("cannot read the kernel")?;
    fs::write(boot.join("kernel.elf"), image::stripped(&kernel)?)?;
    if let Some(archive) = archive {
        fs::copy(archive, boot.join("boot.tar")).context("cannot copy the archive")?;
    }
    fs::write(boot.join("grub/grub.cfg"), configuration(command_line, archive.is_some())?)?;
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
fn configuration(command_line: &str, has_archive: bool) -> Result<String, BadInput> {
    let module = if has_archive { "    module /boot/boot.tar boot.tar\n" } else { "" };
    Ok(format!(
        "set timeout=0\n\
         serial --unit=0 --speed=115200\n\
         terminal_output serial console\n\
         menuentry Vitrine {{\n\
         \x20   multiboot /boot/kernel.elf kernel.elf {}\n\
         {module}\
         }}\n",
        quoted(command_line)?
    ))
}

/// The words of a command line, quoted for GRUB's parser. GRUB quotes them again for the kernel, in
/// a way that [`command_line::split`] reads; but it drops an empty word.
fn quoted(line: &str) -> Result<String, BadInput> {
    let words = command_line::split(line).map_err(|why| BadInput(format!("{line:?}: {why}")))?;
    let words: Vec<String> = words.iter().map(|word| quoted_word(word)).collect();
    Ok(words.join(" "))
}

fn quoted_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=+:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let special = |c: char| "\\\"$".contains(c);
    let text = word.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c]));
    format!("\"{}\"", text.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menu_passes_the_command_line_on() {
        let text = configuration("run=walk 0x800020", true).unwrap();
        assert!(
            text.contains("multiboot /boot/kernel.elf kernel.elf run=walk 0x800020\n"),
            "{text}"
        );
        assert!(text.contains("module /boot/boot.tar boot.tar\n"), "{text}");
    }

    #[test]
    fn a_character_that_grub_would_read_is_escaped() {
        assert_eq!(quoted("run=echo 'a;b $x' d\\#").unwrap(), r#"run=echo "a;b \$x" "d#""#);
        assert_eq!(quoted(r#"run=a "b\"c\\""#).unwrap(), r#"run=a "b\"c\\""#);
    }

    #[test]
    fn an_open_quote_never_reaches_grub() {
        let error = quoted("run=walk \"0x10").unwrap_err().to_string();
        assert!(error.contains("closing \"") && error.lines().count() == 1, "{error}");
    }
}
