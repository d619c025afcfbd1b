//! The emulator's monitor (QMP): stops and continues the machine, and reads the CPU's registers.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// The longest wait for the socket or for one answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a drive was used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiskUse {
    /// Requests that failed.
    pub failed: u64,
    /// The end of the highest byte that was written.
    pub highest: u64,
}

/// A connection to the monitor of a running emulator.
pub struct Monitor {
    answers: BufReader<UnixStream>,
    commands: UnixStream,
}

impl Monitor {
    /// Connects as soon as the emulator has made the socket.
    ///
    /// # Errors
    /// There is no socket in time, or no monitor behind it.
    pub fn connect(socket: &Path) -> Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                Err(error) => {
                    let name = socket.display();
                    return Err(error).with_context(|| format!("no monitor socket at {name}"));
                }
            }
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        let commands = stream.try_clone()?;
        let mut monitor = Self { answers: BufReader::new(stream), commands };
        monitor.read()?;
        monitor.ask("qmp_capabilities", json!({}))?;
        Ok(monitor)
    }

    /// Stops the machine between two instructions.
    ///
    /// # Errors
    /// The emulator is gone.
    pub fn stop(&mut self) -> Result<()> {
        self.ask("stop", json!({})).map(drop)
    }

    /// Lets the machine go on.
    ///
    /// # Errors
    /// The emulator is gone.
    pub fn go_on(&mut self) -> Result<()> {
        self.ask("cont", json!({})).map(drop)
    }

    /// What a command for people prints, for example `info registers`.
    ///
    /// # Errors
    /// The emulator is gone.
    pub fn human(&mut self, command: &str) -> Result<String> {
        let answer = self.ask("human-monitor-command", json!({ "command-line": command }))?;
        Ok(answer.as_str().unwrap_or_default().to_owned())
    }

    /// What the emulator has counted for the machine's virtio drive.
    ///
    /// # Errors
    /// The emulator is gone, or there is no such drive.
    pub fn disk_use(&mut self) -> Result<DiskUse> {
        let answer = self.ask("query-blockstats", json!({}))?;
        let drives = answer.as_array().context("no list of drives")?;
        let drive = drives.iter().find(|drive| drive["device"] == "disk");
        let stats = &drive.context("there is no drive `disk`")?["stats"];
        let number = |name: &str| stats[name].as_u64().with_context(|| format!("no `{name}`"));
        Ok(DiskUse {
            failed: number("failed_rd_operations")? + number("failed_wr_operations")?,
            highest: number("wr_highest_offset")?,
        })
    }

    /// Gives a command and waits for its answer; events on the way are passed over.
    fn ask(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let line = json!({ "execute": command, "arguments": arguments });
        writeln!(self.commands, "{line}").context("the monitor is gone")?;
        loop {
            let answer = self.read()?;
            if let Some(result) = answer.get("return") {
                return Ok(result.clone());
            }
            if let Some(error) = answer.get("error") {
                bail!("the monitor refuses `{command}`: {error}");
            }
        }
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        let length = self.answers.read_line(&mut line).context("the monitor does not answer")?;
        if length == 0 {
            bail!("the emulator has closed its monitor");
        }
        serde_json::from_str(&line).context("the monitor says what is no JSON")
    }
}
