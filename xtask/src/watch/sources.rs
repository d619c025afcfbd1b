//! Which files are watched, and which of their changes matter.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use notify_debouncer_full::notify::{EventKind, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{
    DebounceEventResult, DebouncedEvent, Debouncer, RecommendedCache, new_debouncer,
};

/// The folders of what runs on the machine.
const FOLDERS: [&str; 4] = ["boot", "kernel", "libsys", "userland"];
/// How the names of sources end. An editor's own files end otherwise.
const ENDS: [&str; 8] = ["rs", "toml", "json", "ld", "s", "S", "c", "h"];
/// Changes in so short a time are one: an editor writes a file in several steps.
const TOGETHER: Duration = Duration::from_millis(200);

/// Watches the sources in a tree, and these files. `tell` gets the path of one that has changed,
/// in a thread of its own.
///
/// # Errors
/// The system does not let us watch them.
pub fn watch(
    root: &Path,
    files: &[PathBuf],
    mut tell: impl FnMut(PathBuf) + Send + 'static,
) -> Result<Debouncer<RecommendedWatcher, RecommendedCache>> {
    let files: Vec<_> = files.iter().filter_map(|file| file.canonicalize().ok()).collect();
    let sources: Vec<_> = FOLDERS.iter().map(|folder| root.join(folder)).collect();
    // A file is replaced when it is built anew; so its folder is watched.
    let folders: Vec<_> =
        files.iter().filter_map(|file| file.parent().map(Path::to_owned)).collect();
    let look = {
        let (root, sources) = (root.to_owned(), sources.clone());
        move |result: DebounceEventResult| {
            let events = result.unwrap_or_default();
            let changed = events.iter().filter(|event| is_change(event)).flat_map(|it| &it.paths);
            let ours = |path: &&PathBuf| files.contains(path) || is_source(&sources, path);
            if let Some(path) = changed.into_iter().find(ours) {
                tell(path.strip_prefix(&root).unwrap_or(path).to_owned());
            }
        }
    };
    let mut watcher = new_debouncer(TOGETHER, None, look).context("cannot watch files")?;
    for (folders, mode) in
        [(&sources, RecursiveMode::Recursive), (&folders, RecursiveMode::NonRecursive)]
    {
        for folder in folders {
            let cannot = || format!("cannot watch {}", folder.display());
            watcher.watch(folder, mode).with_context(cannot)?;
        }
    }
    Ok(watcher)
}

/// The build reads the sources, and that is an event, too.
fn is_change(event: &DebouncedEvent) -> bool {
    match event.kind {
        EventKind::Access(_) => false,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

fn is_source(folders: &[PathBuf], path: &Path) -> bool {
    let inside = folders.iter().any(|folder| path.starts_with(folder));
    let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
    let end = path.extension().unwrap_or_default();
    inside && !hidden && ENDS.iter().any(|known| end == *known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::mpsc::channel;

    #[test]
    fn sources_are_told_from_what_an_editor_and_a_build_write() {
        let folders = [PathBuf::from("/t/kernel")];
        for path in ["/t/kernel/src/main.rs", "/t/kernel/Cargo.toml", "/t/kernel/a/traps.s"] {
            assert!(is_source(&folders, Path::new(path)), "{path}");
        }
        for path in [
            "/t/target/x.rs",
            "/t/xtask/src/main.rs",
            "/t/kernel/src/.main.rs.swp",
            "/t/kernel/src/.#main.rs",
            "/t/kernel/src/main.rs~",
            "/t/kernel/src/4913",
            "/t/kernel",
        ] {
            assert!(!is_source(&folders, Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_change_of_a_source_or_of_a_program_is_told_and_no_other_access() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for folder in FOLDERS {
            fs::create_dir_all(root.join(folder).join("src")).unwrap();
        }
        fs::create_dir(root.join("obj")).unwrap();
        let (program, source) = (root.join("obj/program"), root.join("libsys/src/lib.rs"));
        for file in [&program, &source] {
            fs::write(file, "old").unwrap();
        }
        let (send, events) = channel();
        let tell = move |path| drop(send.send(path));
        let _watcher = watch(&root, std::slice::from_ref(&program), tell).unwrap();
        // None of these matters, and all of them come before the first that does.
        fs::read(&source).unwrap();
        fs::write(root.join("libsys/src/lib.rs~"), "backup").unwrap();
        fs::write(root.join("obj/other"), "other").unwrap();
        let mut told = Vec::new();
        for (file, name) in [(&source, "libsys/src/lib.rs"), (&program, "obj/program")] {
            fs::write(file, "new").unwrap();
            // A busy system may tell of one change twice.
            while told.last() != Some(&PathBuf::from(name)) {
                match events.recv_timeout(Duration::from_secs(60)) {
                    Ok(path) => told.push(path),
                    Err(error) => panic!("{name}: {error}"),
                }
            }
        }
        told.dedup();
        assert_eq!(told, [Path::new("libsys/src/lib.rs"), Path::new("obj/program")]);
    }
}
