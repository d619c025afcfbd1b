//! Where things lie in the source tree and below `target`.

use std::env;
use std::path::{Path, PathBuf};

/// The name of the target, which is also the stem of its description file.
pub const TARGET: &str = "i686-vitrine";

/// The root of the source tree, from which every other path follows.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The tree that cargo is running in, or else the one this binary was built from.
    #[must_use]
    pub fn locate() -> Self {
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.parent().unwrap_or(&package).to_path_buf();
        Self { root }
    }

    /// The directory of the workspace's `Cargo.toml`.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The description of the machine that the compiler builds for.
    #[must_use]
    pub fn target_file(&self) -> PathBuf {
        self.root.join(format!("boot/{TARGET}.json"))
    }

    /// Cargo's directory for target code: not the host's, so that neither build waits for the other.
    #[must_use]
    pub fn target_build(&self) -> PathBuf {
        self.root.join("target/i686")
    }

    /// What the build hands over: the image, the archive, the programs with their symbols.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.root.join("target/vitrine")
    }

    /// The kernel, with symbols. `VITRINE_KERNEL` overrides it.
    #[must_use]
    pub fn kernel(&self) -> PathBuf {
        env::var_os("VITRINE_KERNEL")
            .map_or_else(|| self.output().join("kernel.elf"), PathBuf::from)
    }

    /// The boot archive with all programs. `VITRINE_ARCHIVE` overrides it.
    #[must_use]
    pub fn archive(&self) -> PathBuf {
        env::var_os("VITRINE_ARCHIVE").map_or_else(|| self.output().join("boot.tar"), PathBuf::from)
    }

    /// The programs with symbols, for the debugger; those in the archive have none.
    #[must_use]
    pub fn programs(&self) -> PathBuf {
        self.output().join("programs")
    }
}
