//! A machine that was kept because it violated a rule: its RAM, its registers, and the kernel it
//! ran.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::memory::Memory;
use super::watch::copy_sparsely;
use super::world::Registers;

/// The kernel's file in the directory of a kept machine.
pub const KERNEL: &str = "kernel.elf";
/// RAM, from physical address 0.
const RAM: &str = "ram";
/// The registers, as JSON.
const MACHINE: &str = "machine.json";
/// What the JSON file says it is.
const FORMAT: &str = "vitrine machine 1";

/// What is kept beside RAM.
pub struct Kept {
    pub registers: Registers,
}

#[derive(Serialize, Deserialize)]
struct File {
    format: String,
    registers: Registers,
}

impl Kept {
    /// Writes the registers and a copy of RAM into a directory.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, directory: &Path, ram: &Path) -> Result<()> {
        let file = File { format: FORMAT.to_owned(), registers: self.registers };
        fs::write(directory.join(MACHINE), serde_json::to_string_pretty(&file)?)
            .with_context(|| format!("cannot write to {}", directory.display()))?;
        copy_sparsely(ram, &directory.join(RAM))
    }

    /// Reads both.
    ///
    /// # Errors
    /// They are not there, or of another format.
    pub fn read(directory: &Path) -> Result<(Self, Memory)> {
        let text = fs::read_to_string(directory.join(MACHINE))
            .with_context(|| format!("no {MACHINE} there: not a kept machine"))?;
        let file: File =
            serde_json::from_str(&text).with_context(|| format!("{MACHINE} is damaged"))?;
        ensure!(file.format == FORMAT, "{MACHINE} says `{}`, and not `{FORMAT}`", file.format);
        Ok((Self { registers: file.registers }, Memory::open(&directory.join(RAM))?))
    }
}
