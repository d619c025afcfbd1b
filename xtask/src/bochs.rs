//! Boots the image in Bochs, from a CD with GRUB on it.
//!
//! Debian builds Bochs with its debugger and without a mode that has no display. So each machine
//! gets a terminal of its own for the display, and the debugger a file with the one command that
//! lets the machine run. The serial line is a connection to a port of this computer's, because what
//! Bochs writes to a terminal is lost when nobody reads it at once.

pub mod installed;

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::pty::openpty;
use shared_child::SharedChild;
use tempfile::TempDir;

use crate::machine::{Image, Machine};
use crate::verdict::{End, exit_status};
use crate::{command, iso, leash};
use installed::{BOCHS, FIRMWARE, firmware};

/// How much of this computer's memory Bochs takes for the guest's, at most, in MiB. The rest it
/// puts into a file.
const MOST_OF_THE_HOSTS: u32 = 2048;

/// How long to wait between two looks at whether a new Bochs has connected its serial line.
const PAUSE: Duration = Duration::from_millis(5);

/// A machine that runs.
pub struct Guest {
    /// Bochs.
    pub child: SharedChild,
    /// Both directions of the serial line.
    pub serial: TcpStream,
    /// What Bochs writes about the machine.
    pub log: Log,
}

/// The folder of one machine, with its log. It goes when this is dropped.
pub struct Log(TempDir);

/// Starts a machine.
///
/// # Errors
/// The CD cannot be made, or Bochs does not start: the message has Bochs's own reason.
pub fn start(machine: &Machine) -> Result<Guest> {
    let log = Log(tempfile::tempdir().context("cannot create a temporary directory")?);
    let folder = log.0.path();
    let disc = match &machine.image {
        Image::Disc(disc) => disc.clone(),
        Image::Kernel { kernel, archive } => {
            let disc = folder.join("vitrine.iso");
            iso::write(kernel, archive.as_deref(), &machine.command_line, &disc)?;
            disc
        }
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen")?;
    let port = listener.local_addr().context("a listener has an address")?.port();
    fs::write(folder.join("settings"), settings(machine.memory, &disc, port)?)?;
    fs::write(folder.join("debugger"), "c\n")?;

    let mut command = Command::new(BOCHS);
    command.args(["-q", "-f", "settings", "-rc", "debugger"]).current_dir(folder);
    let screen = terminal(&mut command).context("cannot open a terminal for the display")?;
    let child = leash::spawn(&mut command).with_context(|| command::cannot_start(&command))?;
    // Only Bochs has the other end of the terminal now, so that reading it ends with Bochs.
    drop(command);
    thread::spawn(move || io::copy(&mut fs::File::from(screen), &mut io::sink()));
    let serial = connection(&listener, &child)
        .with_context(|| format!("Bochs does not start: {}", reason(&log.text())))?;
    Ok(Guest { child, serial, log })
}

impl Log {
    /// What Bochs's end means. Its own status is 1 whenever the guest ended it; what the guest
    /// wrote to QEMU's exit port stands in the log.
    #[must_use]
    pub fn end(&self, end: End) -> End {
        match (end, exit_port(&self.text())) {
            (End::Status(_), Some(value)) => End::Status(exit_status(value)),
            (end, _) => end,
        }
    }

    /// The log. A Bochs that has not come far has none.
    fn text(&self) -> String {
        let bytes = fs::read(self.0.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The configuration. A name with a comma or a space in it cannot be given.
fn settings(memory: u32, disc: &Path, port: u16) -> Result<String> {
    let host = memory.min(MOST_OF_THE_HOSTS);
    let share = firmware().context("Bochs's firmware is missing")?;
    let [bios, vga] = FIRMWARE.map(|file| share.join(file));
    let disc = disc.display();
    Ok(format!(
        "display_library: term\n\
         plugin_ctrl: unmapped=1\n\
         romimage: file={}\n\
         vgaromimage: file={}\n\
         memory: guest={memory}, host={host}\n\
         cpu: count=1, ips=20000000, reset_on_triple_fault=0\n\
         clock: sync=none, time0=utc\n\
         ata0-master: type=cdrom, path=\"{disc}\", status=inserted\n\
         boot: cdrom\n\
         com1: enabled=1, mode=socket-client, dev=127.0.0.1:{port}\n\
         sound: driver=dummy\n\
         log: log\n\
         panic: action=fatal\n\
         error: action=report\n\
         info: action=ignore\n\
         debug: action=ignore, unmapped=report\n",
        bios.display(),
        vga.display(),
    ))
}

/// Gives a command a terminal of its own, and returns the end at which its output is read.
fn terminal(command: &mut Command) -> io::Result<OwnedFd> {
    let pair = openpty(None, None)?;
    command.stdin(pair.slave.try_clone()?).stdout(pair.slave.try_clone()?).stderr(pair.slave);
    command.env("TERM", "vt100");
    Ok(pair.master)
}

/// Waits until Bochs has connected its serial line, or has ended.
fn connection(listener: &TcpListener, bochs: &SharedChild) -> Result<TcpStream> {
    listener.set_nonblocking(true)?;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(status) = bochs.try_wait()? {
            bail!("it ended at once ({status})");
        }
        thread::sleep(PAUSE);
    }
}

/// The value of the last write to the exit port that stands in a log.
fn exit_port(log: &str) -> Option<u8> {
    let write = log.lines().rev().find_map(|line| line.split("8-bit write to 00f4 = ").nth(1))?;
    u8::from_str_radix(write.trim(), 16).ok()
}

/// The last failure in a log.
fn reason(log: &str) -> &str {
    let panics = log.lines().rev().filter_map(|line| line.split(">>PANIC<<").nth(1));
    panics.map(str::trim).next().unwrap_or("its log has no reason")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "00117d[UNMAP ] unmapped: 8-bit read from 016b = ff\n\
        00514d[UNMAP ] unmapped: 8-bit write to 00f4 = 01\n\
        00514d[UNMAP ] unmapped: 8-bit write to 00f4 = 10\n\
        00517d[UNMAP ] unmapped: 8-bit write to 8900 = 53\n\
        00531p[UNMAP ] >>PANIC<< Shutdown port: shutdown requested\n";

    #[test]
    fn the_log_says_what_the_guest_wrote_to_the_exit_port() {
        assert_eq!(exit_port(LOG), Some(0x10));
        assert_eq!(exit_port("8-bit write to 8900 = 53\n"), None);
        assert_eq!(exit_port(""), None);
    }

    #[test]
    fn the_log_says_why_bochs_gave_up() {
        assert_eq!(reason(LOG), "Shutdown port: shutdown requested");
        assert_eq!(reason(""), "its log has no reason");
    }
}
