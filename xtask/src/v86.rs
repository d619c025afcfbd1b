//! Boots the image in v86, an emulator in JavaScript and WebAssembly, under Node.js.
//!
//! v86 loads the kernel itself, by the Multiboot header: there is no BIOS and no boot loader. The
//! script `v86.mjs` passes the serial line on, and ends as QEMU would; when v86 itself fails, it
//! says so on a last line and ends with [`crate::verdict::BROKEN`].

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use shared_child::SharedChild;

use crate::machine::{Image, Machine};
use crate::npm::V86;
use crate::workspace::Workspace;
use crate::{command, leash};

/// Starts a machine, whose serial line is the process's standard input and output.
///
/// # Errors
/// The machine boots from a CD, v86 cannot be fetched, or Node.js does not start.
pub fn start(workspace: &Workspace, machine: &Machine) -> Result<SharedChild> {
    let Image::Kernel { kernel, archive } = &machine.image else {
        bail!("v86 boots no CD here: it has no BIOS");
    };
    let mut command = Command::new("node");
    command.arg(workspace.root().join("xtask/src/v86.mjs")).arg(V86.folder(workspace)?);
    command.arg(machine.memory.to_string()).arg(&machine.command_line).arg(kernel).args(archive);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    leash::spawn(&mut command).with_context(|| command::cannot_start(&command))
}
