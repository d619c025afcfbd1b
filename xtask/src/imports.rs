//! The import rule: inside a crate, imports point down.
//!
//! Two things are violations. A *cycle* is a set of files of which each imports the next one: such
//! files can only be understood together. A *climb* is an import against the layers of
//! `kernel/core`, which `LAYERS` lists from the bottom up.
//!
//! The rule is checked against the text of the sources: `use` lines and the paths in the code that
//! begin with `crate`, `super`, `self`, a module or an imported name. Tests are exempt, and so is a
//! module that re-exports what its own submodules declare. Method calls are not seen: a file that
//! calls a method need not name the file that declares it.

mod graph;
mod modules;
mod paths;
mod source;

use std::path::Path;

use anyhow::{Result, bail};

use self::modules::{Import, Sources, imports};
use crate::workspace::Workspace;

/// The crates that the rule holds for, by their `src` directories.
const CRATES: [&str; 21] = [
    LAYERED,
    "kernel/abi/src",
    "kernel/src",
    "boot/src",
    "libsys/src",
    "userland/servers/disk/src",
    "userland/servers/init/src",
    "userland/servers/pager/src",
    "userland/servers/swap/src",
    "userland/bench/src",
    "userland/tests/checks/src",
    "userland/tests/conformance/src",
    "userland/tests/fuzz/src",
    "userland/tests/support/src",
    "userland/programs/appel-li/src",
    "userland/programs/shell/src",
    "userland/picture/src",
    "xtask/src",
    "xtask/counter/src",
    "tests/src",
    "tests/model/src",
];

/// The crate whose top-level modules are layers.
const LAYERED: &str = "kernel/core/src";

/// The layers of [`LAYERED`], from the bottom up, with the modules of each: a module imports from
/// its own layer and from those before it. `lib.rs` is above all of them.
const LAYERS: [&[&str]; 9] = [
    // What is asked of the machine: it cannot depend on any decision.
    &["hardware"],
    // What the kernel knows: it cannot depend on what happens when a trap comes.
    &["state"],
    // One CPU: the hardware, and the process that it runs.
    &["cpu"],
    // How the tables of an address space are read and changed.
    &["memory"],
    // The whole state in one value, which is the context of a trap.
    &["kernel"],
    // What a trap does.
    &["operations"],
    // How the boot and JOS programs ask for it.
    &["boot", "jos"],
    // How native programs ask for it.
    &["syscall"],
    // Which of them a trap asks for.
    &["trap"],
];

/// Checks every crate of `CRATES`.
///
/// # Errors
/// An import climbs or files import each other in a cycle: one line for each. Or a source could not
/// be read.
pub fn check(workspace: &Workspace) -> Result<()> {
    eprintln!("vitrine: imports point down");
    let mut violations = Vec::new();
    for directory in CRATES {
        let sources = Sources::read(workspace.root(), Path::new(directory))?;
        violations.extend(self::violations(&sources));
    }
    if violations.is_empty() {
        return Ok(());
    }
    bail!("imports do not point down:\n{}", violations.join("\n"))
}

/// One line for each import that climbs and for each set of files that import each other.
fn violations(sources: &Sources) -> Vec<String> {
    let imports = imports(sources);
    let climbs = imports.iter().filter_map(climb);
    climbs.chain(graph::cycles(&imports)).collect()
}

/// What is wrong with an import, if it climbs.
fn climb(import: &Import) -> Option<String> {
    let (from, to) = (layer(&import.from)?, layer(&import.to)?);
    let Import { from: file, line, path, .. } = import;
    (rank(from)? < rank(to)?)
        .then(|| format!("{file}:{line}: `{path}` climbs: `{from}` lies below `{to}`"))
}

/// The top-level module that a file of `LAYERED` belongs to.
fn layer(file: &str) -> Option<&str> {
    let inside = file.strip_prefix(LAYERED)?.strip_prefix('/')?;
    inside.split(['/', '.']).next()
}

fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The violations of a crate with these files.
    fn violations_of(directory: &str, files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(name, text)| (format!("{directory}/{name}"), *text));
        violations(&Sources::described(directory, files))
    }

    #[test]
    fn a_tree_whose_imports_point_down_has_no_violation() {
        let files = [
            ("lib.rs", "mod low;\nmod high;\npub use high::High;"),
            ("low.rs", "pub struct Low;"),
            ("high.rs", "use crate::low::Low;\npub struct High(Low);"),
        ];
        assert_eq!(violations_of("c/src", &files), [""; 0]);
    }

    #[test]
    fn files_that_import_each_other_are_one_line() {
        let files = [
            ("main.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "fn f() { crate::a::g() }"),
        ];
        let expected = "cycle: c/src/a.rs:1 `crate::b::B` -> c/src/b.rs:1 `crate::a::g` -> \
                        c/src/a.rs";
        assert_eq!(violations_of("c/src", &files), [expected]);
    }

    #[test]
    fn the_root_is_a_file_like_any_other() {
        let files =
            [("main.rs", "mod a;\nstatic S: u8 = 0;\nuse a::A;"), ("a.rs", "use crate::S;")];
        assert_eq!(violations_of("c/src", &files).len(), 1);
    }

    #[test]
    fn an_import_that_climbs_is_one_line_with_its_place() {
        let files = [
            ("lib.rs", "mod state;\nmod operations;"),
            ("state.rs", "\nuse crate::operations::Fault;"),
            ("operations.rs", "pub struct Fault;"),
        ];
        let expected = "kernel/core/src/state.rs:2: `crate::operations::Fault` climbs: `state` \
                        lies below `operations`";
        assert_eq!(violations_of(LAYERED, &files), [expected]);
    }

    #[test]
    fn layers_are_those_of_one_crate() {
        let files = [
            ("lib.rs", "mod state; mod operations;"),
            ("state.rs", "use crate::operations::Fault;"),
            ("operations.rs", "pub struct Fault;"),
        ];
        assert_eq!(violations_of("other/src", &files), [""; 0]);
    }

    #[test]
    fn a_name_that_the_root_exports_is_an_import_of_its_file() {
        let files = [
            ("lib.rs", "mod state;\nmod kernel;\npub use kernel::Kernel;"),
            ("state.rs", "use crate::Kernel;"),
            ("kernel.rs", "pub struct Kernel;"),
        ];
        assert_eq!(violations_of(LAYERED, &files).len(), 1);
    }

    #[test]
    fn this_tree_keeps_the_rule() {
        check(&Workspace::locate()).unwrap();
    }

    #[test]
    fn the_crates_that_are_checked_exist() {
        let workspace = Workspace::locate();
        for directory in CRATES.into_iter().chain([LAYERED]) {
            assert!(workspace.root().join(directory).is_dir(), "{directory}");
        }
    }

    #[test]
    fn every_layer_is_a_module_of_the_core() {
        let core = Workspace::locate().root().join(LAYERED);
        for module in LAYERS.concat() {
            assert!(core.join(format!("{module}.rs")).is_file(), "{module}");
        }
    }
}
