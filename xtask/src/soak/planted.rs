//! Mistakes that are planted in a copy of the kernel's core, to see that the reference model finds
//! each.
//!
//! A mistake is a replacement in one source file. The copy lies in `target/vitrine/planted` and
//! shares nothing with the tree but its text, so the tree never holds a mistake, and the kernel has
//! no switch for one.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::command::host_cargo;
use crate::workspace::Workspace;

/// What of the tree the copy needs.
const COPIED: [&str; 6] =
    ["kernel/abi", "kernel/core", "libsys", "userland/servers/swap", "tests/model", "Cargo.lock"];

/// A mistake.
struct Mistake {
    /// What is wrong then.
    what: &'static str,
    /// Which program is to find it: a random run, or all words.
    by: Judge,
    /// The file.
    file: &'static str,
    /// What stands there once, and what is put in its place.
    replace: (&'static str, &'static str),
}

/// A program of the package `vitrine-model`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judge {
    Soak,
    Exhaustive,
}

impl Judge {
    const fn program(self) -> &'static str {
        match self {
            Self::Soak => "soak",
            Self::Exhaustive => "exhaustive",
        }
    }

    fn arguments(self, seed: u64, steps: u64) -> Vec<String> {
        let (seed, steps) = (seed.to_string(), steps.to_string());
        match self {
            Self::Soak => vec![seed, steps, "0".to_owned(), "quick".to_owned()],
            Self::Exhaustive => ["0", "255", "0", "words", "addresses"].map(str::to_owned).to_vec(),
        }
    }
}

const fn mistake(
    what: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
) -> Mistake {
    Mistake { what, by: Judge::Soak, file, replace: (from, to) }
}

impl Mistake {
    const fn by(self, by: Judge) -> Self {
        Self { by, ..self }
    }
}

/// The mistakes.
#[rustfmt::skip]
const MISTAKES: &[Mistake] = &[
    mistake("a removed page is not flushed", "kernel/core/src/memory/space.rs",
        "            self.flush(&stale);\n            self.frames.release", "            self.frames.release"),
    mistake("page_protect does not flush", "kernel/core/src/memory/change.rs",
        "let stale = self.change(space, page, old, change)?;\n        self.flush(&stale);\n        Ok(old)",
        "let stale = self.change(space, page, old, change)?;\n        stale.of_a_mark();\n        Ok(old)"),
    mistake("a freed table is not flushed from the alternate map", "kernel/core/src/operations/lifecycle/teardown.rs",
        "        self.cpu.flush_table_windows(Reach::Alternate, table);\n", ""),
    mistake("the alternate map is not flushed when it moves", "kernel/core/src/cpu.rs",
        "if self.alternate.replace(directory).is_some() {\n            self.flush_all();\n        }",
        "self.alternate = Some(directory);"),
    mistake("a shared frame is not counted", "kernel/core/src/memory/map.rs",
        "        self.frames.retain(source.frame());\n", ""),
    mistake("an unmapped page stays charged", "kernel/core/src/memory/map.rs",
        "        if old.is_present() {\n            self.processes.credit(space.owner, 1);\n        }\n        old",
        "        old"),
    mistake("W is gained by a map", "kernel/core/src/memory/map.rs",
        "if permissions.contains(Permissions::WRITE) && !source.is_writable() {",
        "if permissions.contains(Permissions::WRITE) && !source.is_present() {"),
    mistake("a page from another space is not sealed", "kernel/core/src/memory/map.rs",
        "let arrives_sealed = from_other_space && !permissions.contains(Permissions::WRITE);",
        "let arrives_sealed = from_other_space && permissions.is_empty();"),
    mistake("a sealed page gets W while its frame is shared", "kernel/core/src/memory/change.rs",
        "&& self.frames.count(old.frame()) != Some(1) {", "&& self.frames.count(old.frame()) == None {"),
    mistake("a clean page stays clean when its D is cleared", "kernel/core/src/memory/change.rs",
        "Entry::from_bits(new.bits() & !EntryFlags::PAGER.bits() | self.add)", "new"),
    mistake("a page that is lent for writing stays clean", "kernel/core/src/memory/clean.rs",
        "if to_other_space && !writable ||", "if to_other_space ||"),
    mistake("anybody may set the pager's mark", "kernel/core/src/memory/clean.rs",
        "asked.difference(Permissions::PAGER)", "asked"),
    mistake("a quota is checked one too late", "kernel/core/src/state/account.rs",
        "used + by <= bound", "used + by <= bound + 1"),
    mistake("a child is not charged to its parent's quota", "kernel/core/src/state/process_table.rs",
        "        process.memory.account = account;\n", ""),
    mistake("a grandchild is taken for a child", "kernel/core/src/operations/authority.rs",
        "self.processes[child].family.parent == Some(parent)",
        "self.processes.is_descendant(child, parent) && child != parent"),
    mistake("a former pager keeps its view", "kernel/core/src/operations/pagers.rs",
        "            self.lose_view(ViewName::new(child, Right::Pager));\n", ""),
    mistake("a cycle of waiting processes is not seen", "kernel/core/src/operations/message.rs",
        "| State::Answer { by: next, .. }\n                | State::ReceivingFrom { from: next } => next,",
        "| State::ReceivingFrom { from: next } => next,\n                State::Answer { .. } => return false,"),
    mistake("an interrupt does not go before the others", "kernel/core/src/operations/message.rs",
        "self.processes.push_front(QueueName::Ready, owner);", "self.processes.push(QueueName::Ready, owner);"),
    mistake("an alarm stays when its process ends", "kernel/core/src/operations/schedule.rs",
        "    pub(crate) fn leave_queue(&mut self, index: Index) {\n        self.sleepers.remove(&mut self.processes, index);\n",
        "    pub(crate) fn leave_queue(&mut self, index: Index) {\n"),
    mistake("a wake-up for a byte is lost when its reader is stopped", "kernel/core/src/operations/schedule.rs",
        "            self.processes.remove(QueueName::Readers, index);\n            self.processes[index].state = State::Ready;\n            return;",
        "            return;"),
    mistake("an ended driver's frames are given out at once", "kernel/core/src/state/dma.rs",
        "Some(keeper) => Holder::Quarantine { driver: name, keeper },\n                    None => Holder::Nobody,\n                };\n                self.quarantined += u32::from(keeper.is_some());",
        "Some(_) | None => Holder::Nobody,\n                };\n                let _ = name;"),
    mistake("a driver's page is copied", "kernel/core/src/memory/map.rs",
        "        if old.is_drivers_own() {\n            return Err(Error::NotPermitted);\n        }\n        let flags",
        "        let flags"),
    mistake("a fork that runs out of frames goes on behind the page", "kernel/core/src/memory/share.rs",
        "return (index, Err(error));", "if error == Error::NotPermitted {\n                        return (index, Err(error));\n                    }"),
    mistake("the second try of a range call begins at its first page", "kernel/core/src/operations/answer.rs",
        "if self.goes_on { self.processes[caller].pages_done() } else { 0 }",
        "if self.goes_on && caller.slot() > 1024 { self.processes[caller].pages_done() } else { 0 }"),
    mistake("a shared table counts as the process's own", "kernel/abi/src/entry.rs",
        "EntryFlags::PRESENT.union(EntryFlags::VIEW).union(EntryFlags::SHARED_TABLE);",
        "EntryFlags::PRESENT.union(EntryFlags::VIEW);").by(Judge::Exhaustive),
    mistake("a range may end one page too high", "kernel/abi/src/address.rs",
        "if first.0.number() + pages > USER_TOP / PAGE_SIZE {",
        "if first.0.number() + pages > USER_TOP / PAGE_SIZE + 1 {").by(Judge::Exhaustive),
];

/// Plants each mistake, one by one, and prints after how many steps it is found.
///
/// # Errors
/// A mistake cannot be planted or is not found, or a copy cannot be built.
pub fn planted(workspace: &Workspace, seed: u64, steps: u64) -> Result<()> {
    let copy = workspace.output().join("planted");
    make_copy(workspace, &copy)?;
    let mut missed = Vec::new();
    println!("{:>10}  {:<10}  mistake", "steps", "found by");
    for mistake in MISTAKES {
        let file = copy.join(mistake.file);
        let sound = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        fs::write(&file, plant(&sound, mistake)?)?;
        let found = look(workspace, &copy, mistake.by, (seed, steps));
        fs::write(&file, sound)?;
        match found? {
            Some(step) => {
                println!("{step:>10}  {:<10}  {}", mistake.by.program(), mistake.what);
            }
            None => {
                println!("{:>10}  {:<10}  {}", "-", "nobody", mistake.what);
                missed.push(mistake.what);
            }
        }
    }
    if !missed.is_empty() {
        bail!("not found in {steps} steps: {}", missed.join("; "));
    }
    Ok(())
}

/// The text with the mistake.
fn plant(sound: &str, mistake: &Mistake) -> Result<String> {
    let (from, to) = mistake.replace;
    if sound.matches(from).count() != 1 {
        bail!("{}: {from:?} is not there once ({})", mistake.file, mistake.what);
    }
    Ok(sound.replacen(from, to, 1))
}

/// Copies what a run needs, as a workspace of its own.
fn make_copy(workspace: &Workspace, copy: &Path) -> Result<()> {
    command::create_directory(copy)?;
    let manifest = fs::read_to_string(workspace.root().join("Cargo.toml"))?;
    fs::write(copy.join("Cargo.toml"), smaller(&manifest)?)?;
    for name in COPIED {
        let to = copy.join(name);
        if to.is_dir() {
            fs::remove_dir_all(&to).with_context(|| to.display().to_string())?;
        }
        copy_all(&workspace.root().join(name), &to)?;
    }
    Ok(())
}

/// The workspace's manifest with the copied packages as members.
fn smaller(manifest: &str) -> Result<String> {
    let (head, rest) = manifest.split_once("members = [").context("members in Cargo.toml")?;
    let (_, rest) = rest.split_once("[workspace.package]").context("the end of the members")?;
    let folders = COPIED.iter().filter(|name| name.contains('/') || **name == "libsys");
    let members: Vec<String> = folders.map(|name| format!("{name:?}")).collect();
    let members = members.join(", ");
    Ok(format!("{head}members = [{members}]\n\n[workspace.package]{rest}"))
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    let failed = || format!("cannot copy {}", from.display());
    if !from.is_dir() {
        fs::copy(from, to).with_context(failed)?;
        return Ok(());
    }
    fs::create_dir_all(to).with_context(failed)?;
    for entry in fs::read_dir(from).with_context(failed)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Builds the copy and runs it. Returns the step at which it finds something; 0 if it has none.
fn look(
    workspace: &Workspace,
    copy: &Path,
    judge: Judge,
    (seed, steps): (u64, u64),
) -> Result<Option<u64>> {
    let mut build = host_cargo(workspace);
    build.current_dir(copy).args(["build", "--quiet", "--offline", "--profile", "soak"]);
    build.args(["--package", "vitrine-model", "--bin", judge.program()]);
    build.env("CARGO_TARGET_DIR", copy.join("target")).env("RUSTFLAGS", "--cap-lints=allow");
    // A mistake is found within seconds, so compiling is most of the time.
    let quick = [("OPT_LEVEL", "1"), ("DEBUG", "0"), ("INCREMENTAL", "true")];
    build.envs(quick.map(|(name, value)| (format!("CARGO_PROFILE_SOAK_{name}"), value)));
    command::run_quietly(&mut build)?;
    let mut run = Command::new(copy.join("target/soak").join(judge.program()));
    let output = run.args(judge.arguments(seed, steps)).output();
    let output = output.with_context(|| command::cannot_start(&run))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(None);
    }
    if text.is_empty() {
        bail!("{} ended without a word", judge.program());
    }
    let step = text.lines().find_map(|line| line.strip_prefix("step ")?.split(' ').next());
    Ok(Some(step.and_then(|step| step.parse().ok()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_can_be_planted() {
        let workspace = Workspace::find().unwrap();
        for mistake in MISTAKES {
            let file = workspace.root().join(mistake.file);
            let sound = fs::read_to_string(file).unwrap();
            let planted = plant(&sound, mistake).unwrap();
            assert_ne!(planted, sound, "{}", mistake.what);
        }
    }

    #[test]
    fn the_copys_manifest_has_the_copied_members_alone() {
        let manifest =
            "[workspace]\nmembers = [\n \"a\"]\ndefault-members = []\n[workspace.package]\nx";
        let smaller = smaller(manifest).unwrap();
        assert!(
            smaller.starts_with("[workspace]\nmembers = [\"kernel/abi\"")
                && smaller.ends_with("\nx")
        );
    }
}
