//! Where things lie in the source tree and below `target`.

use std::env;
use std::path::{Path, PathBuf};

use crate::bad_input::BadInput;

/// The name of the target, which is also the stem of its description file.
pub const TARGET: &str = "i686-vitrine";

/// The root of the source tree, from which every other path follows.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The tree of the package that cargo runs or tests, or else the one around the current
    /// directory. A binary knows where it was built, but that tree may be another by now.
    ///
    /// # Errors
    /// Neither is a tree of Vitrine's.
    pub fn find() -> Result<Self, BadInput> {
        let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let here = env::current_dir().unwrap_or_default();
        Self::among(package.as_deref(), &here).ok_or_else(|| {
            let here = here.display();
            BadInput(format!(
                "{here} is not in a source tree of Vitrine: go to one and start again"
            ))
        })
    }

    /// The tree with this root, such as a copy that a test has made.
    ///
    /// # Errors
    /// It is no tree of Vitrine's.
    pub fn at(root: &Path) -> Result<Self, BadInput> {
        let why = || BadInput(format!("{} is no source tree of Vitrine's", root.display()));
        Self::among(None, root).filter(|tree| tree.root == root).ok_or_else(why)
    }

    fn among(package: Option<&Path>, here: &Path) -> Option<Self> {
        let of_package = package.into_iter().filter_map(Path::parent);
        let root = of_package.chain(here.ancestors()).find(|root| is_tree(root))?;
        Some(Self { root: root.to_path_buf() })
    }

    /// The tree that [`Self::find`] finds, for tests, which cargo always starts in one.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn locate() -> Self {
        Self::find().unwrap_or_else(|refusal| panic!("{refusal}"))
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

    /// Cargo's directory for target code: not the host's, so that neither build waits for the
    /// other.
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

/// A tree of Vitrine's has a workspace and the description of the machine.
fn is_tree(root: &Path) -> bool {
    root.join("Cargo.toml").is_file() && root.join(format!("boot/{TARGET}.json")).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// `tree/` and `other/` look like trees of Vitrine's, `else/` does not.
    fn folders() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for tree in ["tree", "other"] {
            let root = folder.path().join(tree);
            fs::create_dir_all(root.join("boot")).unwrap();
            fs::create_dir_all(root.join("userland/src")).unwrap();
            fs::write(root.join("Cargo.toml"), "").unwrap();
            fs::write(root.join("boot/i686-vitrine.json"), "").unwrap();
        }
        fs::create_dir_all(folder.path().join("else/package")).unwrap();
        fs::write(folder.path().join("else/Cargo.toml"), "").unwrap();
        folder
    }

    #[test]
    fn a_binary_uses_the_tree_it_stands_in_or_none() {
        let folder = folders();
        let path = |name: &str| folder.path().join(name);
        let table = [
            (Some("tree/xtask"), "other", Some("tree")),
            (None, "tree", Some("tree")),
            (None, "tree/userland/src", Some("tree")),
            (Some("else/package"), "tree/userland", Some("tree")),
            (Some("else/package"), "else", None),
            (None, "else/package", None),
            (None, "", None),
        ];
        for (package, here, expected) in table {
            let package = package.map(path);
            let found = Workspace::among(package.as_deref(), &path(here));
            let root = found.as_ref().map(Workspace::root);
            assert_eq!(root, expected.map(path).as_deref(), "{package:?} {here}");
        }
    }
}
