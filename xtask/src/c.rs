//! The C programs, for those who have a C compiler that can build for the machine.
//!
//! A program is one file in `userland/programs/c` or `userland/own/c` and the former's folder
//! `support`, compiled and linked by one command into `target/vitrine/c`. Nothing else needs these
//! programs, so a missing compiler is no error. They are in the boot archive like all others.
//! `cargo xtask qemu --elf target/vitrine/c/NAME` starts one without init and without the pager.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;
use std::{env, fmt, fs};

use anyhow::{Context, Result};

use crate::command;
use crate::image;
use crate::workspace::Workspace;

/// What makes a compiler for the host make programs for the machine.
///
/// No library and no start file of the host's is used, so that a compiler will do whose 32-bit
/// libraries are not installed. The kernel passes no FPU state to fault handlers, so no code may
/// use it unasked. Backtraces follow frame pointers, a call in tail position would hide its caller,
/// and `-g` has the lines of the source; the boot archive has neither symbols nor lines.
const FLAGS: [&str; 22] = [
    "-m32",
    "-march=i686",
    "-mgeneral-regs-only",
    "-std=c11",
    "-O2",
    "-g",
    "-ffreestanding",
    "-fno-pic",
    "-fno-stack-protector",
    "-fno-omit-frame-pointer",
    "-fno-optimize-sibling-calls",
    "-fno-asynchronous-unwind-tables",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Werror",
    "-nostdlib",
    "-no-pie",
    "-static",
    "-Wl,--build-id=none",
    "-Wl,-z,noexecstack",
    "-Wl,-z,max-page-size=4096",
];

/// Where the programs lie; the folder `support` is in the first.
const FOLDERS: [&str; 2] = ["userland/programs/c", "userland/own/c"];

/// The smallest program that shows whether a compiler and its linker know the machine.
const PROBE: &str = "void _start(void); void _start(void) {}";

/// A C compiler that makes programs for the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiler {
    program: String,
    arguments: Vec<String>,
}

impl Compiler {
    /// The first of `$CC`, `cc`, `gcc` and `clang` that can do it.
    #[must_use]
    pub fn find() -> Option<Self> {
        candidates(env::var("CC").ok().as_deref()).into_iter().find(Self::works)
    }

    /// Reads a command: a program, perhaps with arguments.
    fn new(command: &str) -> Option<Self> {
        let mut words = command.split_whitespace().map(str::to_owned);
        Some(Self { program: words.next()?, arguments: words.collect() })
    }

    fn for_the_machine(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args(FLAGS);
        command
    }

    /// The same compiler, for a program that runs here and has a library.
    #[must_use]
    pub fn for_the_host(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        // Even where the host is one, a host program is not compiled for Vitrine's machine.
        command.args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-U__i386__"]);
        command
    }

    fn works(&self) -> bool {
        let Ok(directory) = tempfile::tempdir() else { return false };
        let source = directory.path().join("probe.c");
        let mut command = self.for_the_machine();
        command.arg(&source).arg("-o").arg(directory.path().join("probe"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        fs::write(source, PROBE).is_ok() && command.status().is_ok_and(|status| status.success())
    }
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

fn candidates(cc: Option<&str>) -> Vec<Compiler> {
    cc.into_iter().chain(["cc", "gcc", "clang"]).filter_map(Compiler::new).collect()
}

/// Where a C program is, once it has been built.
#[must_use]
pub fn program(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.output().join("c").join(name)
}

/// Compiles the C programs that are older than what they are made of, and returns the names of all.
/// Without a compiler there are none; a line says so.
///
/// # Errors
/// A program does not compile, or a file cannot be read or written.
pub fn build(workspace: &Workspace) -> Result<Vec<String>> {
    let Some(compiler) = Compiler::find() else {
        eprintln!(
            "vitrine: the C programs are left out: \
             $CC, cc, gcc, clang: none can do `-m32 -ffreestanding`"
        );
        return Ok(Vec::new());
    };
    let folder = workspace.root().join(FOLDERS[0]);
    let support = files(&folder.join("support"), &["c", "S", "h"])?;
    let include = workspace.root().join("libsys/include");
    let script = workspace.root().join("boot/program.ld");
    command::create_directory(&workspace.output().join("c"))?;
    let mut names = Vec::new();
    for source in sources(workspace)? {
        let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let target = program(workspace, &name);
        let mut inputs = support.clone();
        inputs.extend([source.clone(), include.join("vitrine.h"), script.clone()]);

        let mut command = compiler.for_the_machine();
        command.arg("-I").arg(&include).arg("-I").arg(&folder).arg("-T").arg(&script).arg(&source);
        command.args(support.iter().filter(|file| file.extension() != Some("h".as_ref())));
        if !is_current(&target, &inputs, &command) {
            compile(&target, command)?;
        }
        names.push(name);
    }
    Ok(names)
}

/// The file of each C program.
///
/// # Errors
/// A folder cannot be read.
pub fn sources(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let mut sources = Vec::new();
    for folder in FOLDERS.map(|folder| workspace.root().join(folder)) {
        // A tree in which nobody has begun a C program has only the first.
        if folder.is_dir() {
            sources.extend(files(&folder, &["c"])?);
        }
    }
    Ok(sources)
}

/// The files in a folder whose names end so, in order.
fn files(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let cannot_read = || format!("cannot read {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot_read)? {
        let file = entry.with_context(cannot_read)?.path();
        let extension = file.extension().unwrap_or_default();
        if extensions.iter().any(|known| extension == *known) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// Was `target` made by this very command, and after the last change of its inputs?
fn is_current(target: &Path, inputs: &[PathBuf], command: &Command) -> bool {
    let record = record(target);
    let changed = |file: &Path| fs::metadata(file).and_then(|facts| facts.modified()).ok();
    let Some(made) = changed(&record) else { return false };
    let older = |file: &PathBuf| changed(file).is_some_and(|time: SystemTime| time < made);
    let same_command = fs::read_to_string(&record).is_ok_and(|old| old == command::line(command));
    same_command && target.exists() && inputs.iter().all(older)
}

/// The file beside a program that holds the command it was made by, and is as old as the last time.
fn record(target: &Path) -> PathBuf {
    target.with_extension("command")
}

/// Runs the command, and puts the program in its place when it is whole.
fn compile(target: &Path, mut command: Command) -> Result<()> {
    let line = command::line(&command);
    let directory = tempfile::tempdir().context("cannot make a directory to compile in")?;
    let output = directory.path().join("program");
    command::run(command.arg("-o").arg(&output).stdin(Stdio::null()))?;
    let elf = fs::read(&output).with_context(|| format!("cannot read {}", output.display()))?;
    image::replace(target, &elf)?;
    let record = record(target);
    fs::write(&record, line).with_context(|| format!("cannot write {}", record.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::slice;
    use std::time::Duration;

    fn written(file: &Path, text: &str, seconds: u64) {
        fs::write(file, text).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        fs::File::options().write(true).open(file).unwrap().set_modified(time).unwrap();
    }

    fn file(directory: &Path, name: &str, seconds: u64) -> PathBuf {
        let path = directory.join(name);
        written(&path, "", seconds);
        path
    }

    #[test]
    fn cc_comes_first_and_may_have_arguments() {
        let names = |cc| candidates(cc).into_iter().map(|c| c.program).collect::<Vec<_>>();
        assert_eq!(names(None), ["cc", "gcc", "clang"]);
        assert_eq!(names(Some("")), ["cc", "gcc", "clang"]);
        assert_eq!(names(Some("ccache tcc")), ["ccache", "cc", "gcc", "clang"]);
        assert_eq!(candidates(Some("ccache tcc -g"))[0].arguments, ["tcc", "-g"]);
    }

    #[test]
    fn what_is_no_compiler_does_not_work() {
        for command in ["/no/such/program", "false"] {
            assert!(!Compiler::new(command).unwrap().works(), "{command}");
        }
    }

    #[test]
    fn a_program_is_made_again_after_a_change_of_a_file_or_of_the_command() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name, seconds| file(directory.path(), name, seconds);
        let (old, target, new) = (file("old", 10), file("program", 5), file("new", 30));
        let command = Command::new("cc");
        let current = |inputs: &[PathBuf]| is_current(&target, inputs, &command);
        assert!(!current(slice::from_ref(&old)), "never made");
        file("program.command", 20);
        assert!(!current(slice::from_ref(&old)), "made by another command");
        written(&record(&target), "cc", 20);
        assert!(current(slice::from_ref(&old)));
        assert!(!current(&[old.clone(), new]), "an input is newer");
        assert!(!current(&[directory.path().join("gone")]), "an input is gone");
        fs::remove_file(&target).unwrap();
        assert!(!current(&[old]), "the program is gone");
    }
}
