//! Starts a process that cannot outlive this one.
//!
//! Signals that can be caught are answered by killing the emulator; against the one that cannot,
//! Linux kills a child whose parent is gone. Other systems have no such thing.

use std::io;
use std::process::Command;

use shared_child::SharedChild;

/// Starts a command that is killed when the calling *thread* ends, on Linux.
///
/// # Errors
/// The command could not be started.
pub fn spawn(command: &mut Command) -> io::Result<SharedChild> {
    #[cfg(target_os = "linux")]
    die_with_us(command);
    SharedChild::spawn(command)
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn die_with_us(command: &mut Command) {
    use nix::sys::prctl::set_pdeathsig;
    use nix::sys::signal::Signal;
    use nix::unistd::{Pid, getppid};
    use std::os::unix::process::CommandExt;

    let parent = Pid::this();
    let leash = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        // We may have died before the line above.
        if getppid() == parent { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    };
    // SAFETY: between fork and exec the closure makes two system calls, both safe to make from a
    // signal handler, and allocates nothing: an `ErrorKind` and an errno become `io::Error`s in
    // place.
    unsafe { command.pre_exec(leash) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_runs_and_can_be_killed() {
        let child = spawn(Command::new("sleep").arg("600")).unwrap();
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
    }
}
