//! The plugin with which QEMU counts events: `xtask/counter`.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::events::Counted;
use crate::command::host_cargo;
use crate::machine::{QEMU, in_option};
use crate::workspace::Workspace;
use crate::{command, symbols};

/// The kernel's symbol at the first instruction of the page fault handler.
const FAULT: &str = "page_fault_stub";
/// The environment word for the plugin's build that chooses the version of QEMU's interface; without
/// it, it is 1.
const VERSION: &str = "VITRINE_PLUGIN_VERSION";
/// The first QEMU that refuses a plugin of version 1, by its major number.
const VERSION_2_SINCE: u32 = 9;

/// A plugin that waits for a boot.
pub struct Counter {
    plugin: PathBuf,
    fault: u32,
    directory: TempDir,
}

impl Counter {
    /// Builds the plugin.
    ///
    /// # Errors
    /// It cannot be built, or the kernel has no page fault handler by that name.
    pub fn build(workspace: &Workspace) -> Result<Self> {
        let mut cargo = host_cargo(workspace);
        if major(&version()?) >= Some(VERSION_2_SINCE) {
            cargo.env(VERSION, "2");
        }
        let target = workspace.root().join("target");
        cargo.args(["build", "--quiet", "--package", "vitrine-counter", "--target-dir"]);
        cargo.arg(&target);
        command::run(&mut cargo)?;
        Ok(Self {
            plugin: target.join(format!("debug/{DLL_PREFIX}vitrine_counter{DLL_SUFFIX}")),
            fault: symbols::function(&workspace.kernel(), FAULT)?,
            directory: tempfile::tempdir().context("cannot create a temporary directory")?,
        })
    }

    /// QEMU's arguments.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let (plugin, output) = (in_option(&self.plugin), in_option(&self.output()));
        vec!["-plugin".to_owned(), format!("{plugin},out={output},fault={}", self.fault)]
    }

    /// What was counted in the boot that has ended.
    ///
    /// # Errors
    /// The plugin wrote nothing, or nothing that can be read.
    pub fn counted(&self) -> Result<Counted> {
        let output = self.output();
        let text = fs::read_to_string(&output).context("the plugin wrote nothing")?;
        Counted::read(&text)
    }

    fn output(&self) -> PathBuf {
        self.directory.path().join("events")
    }
}

fn version() -> Result<String> {
    command::run_quietly(Command::new(QEMU).arg("--version"))
}

/// The major number in the first line of `qemu --version`.
fn major(version: &str) -> Option<u32> {
    version.split_once("version ")?.1.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_emulator_is_read() {
        assert_eq!(major("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg)\nCopyright"), Some(7));
        assert_eq!(major("QEMU emulator version 10.0.2"), Some(10));
        assert_eq!(major("QEMU"), None);
    }
}
