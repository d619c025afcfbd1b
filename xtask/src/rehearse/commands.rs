//! Commands that every part of a rehearsal needs.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::command;

/// The beginning of a command that runs in mount and process namespaces of its own, and is killed,
/// with everything that it has started, when its parent is.
pub fn in_namespaces() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child"]);
    command
}

/// Removes a folder that may not be there, without following it to another file system.
pub fn remove(folder: &Path) -> Result<()> {
    let mut remove = Command::new("rm");
    remove.args(["--recursive", "--force", "--one-file-system"]).arg(folder);
    command::run_quietly(&mut remove).map(drop)
}

/// Prints one line of the rehearsal.
pub fn say(line: &str) {
    eprintln!("vitrine: {line}");
}
