//! How xtask runs other programs: every failure names the command that failed.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// Runs a command on this terminal.
///
/// # Errors
/// It could not be started, or it ended with anything but 0.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("this command failed ({status}):\n  {}", line(command));
    }
    Ok(())
}

/// The cargo that runs us, without its variables about our own package.
#[must_use]
pub fn host_cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace.root());
    for (name, _) in env::vars_os() {
        let about_us = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_PRIMARY_"];
        if name.to_str().is_some_and(|name| about_us.iter().any(|part| name.starts_with(part))) {
            command.env_remove(name);
        }
    }
    command
}

/// The file of this program.
///
/// Cargo may have built it anew since it was started. Linux then adds a word to the name of the
/// file that is gone; the new file has the name without that word.
///
/// # Errors
/// The system does not say.
pub fn this_program() -> std::io::Result<PathBuf> {
    let file = env::current_exe()?;
    let name = file.to_str().and_then(|name| name.strip_suffix(" (deleted)")).map(PathBuf::from);
    Ok(name.unwrap_or(file))
}

/// Runs a command silently, and shows what it printed only if it fails.
///
/// # Errors
/// It could not be started, or it ended with anything but 0.
pub fn run_quietly(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stdout));
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        bail!("this command failed ({}):\n  {}", output.status, line(command));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as one would type it.
#[must_use]
pub fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

/// What to say when a command could not even be started.
#[must_use]
pub fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", line(command))
}

/// Finds a program as the shell would.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// Creates a directory and its parents.
///
/// # Errors
/// The directory is not there afterwards.
pub fn create_directory(path: &std::path::Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))
}

/// Removes a file that may not be there.
///
/// # Errors
/// It is still there.
pub fn remove_file(path: &std::path::Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_typed_back() {
        let mut command = Command::new("qemu");
        command.args(["-append", "run=walk 0xef7bd000", "", "it's"]);
        assert_eq!(line(&command), r"qemu -append 'run=walk 0xef7bd000' '' 'it'\''s'");
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = run(&mut Command::new("false")).unwrap_err().to_string();
        assert!(error.contains("  false"), "{error}");
        let error = run(&mut Command::new("/no/such/program")).unwrap_err().to_string();
        assert!(error.contains("/no/such/program"), "{error}");
    }
}
