//! `cargo xtask qemu`: one boot as its options describe it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use abi::boot_line::{ARCHIVE, DISK, ELF, JOS, SWAP, TRACE, TRUST};
use anyhow::Result;
use clap::Args;

use crate::bad_input::BadInput;
use crate::disk::{self, Disk};
use crate::elf::{self, Program, Staged};
use crate::machine::{self, DEFAULT_MEMORY, Image, Machine, kernel_command_line};
use crate::qemu::{self, Session};
use crate::symbols::Symbols;
use crate::system::Part;
use crate::throwaway::Throwaway;
use crate::verdict::Verdict;
use crate::workspace::Workspace;
use crate::{build, iso, request, setup, watch};

/// The port where debuggers look for a machine by custom.
pub const GDB_PORT: &str = "1234";
/// What is printed when the machine waits for a debugger; editors wait for this line.
pub const HALTED: &str = "halted until a debugger connects to 127.0.0.1:";

/// Boots as `options` say, and returns the exit status.
///
/// # Errors
/// An option cannot be used, or the build or the emulator fails.
pub fn boot(workspace: &Workspace, options: &QemuOptions) -> Result<u8> {
    let request = Request::read(workspace, options)?;
    if options.watch {
        setup::ensure(&[Part::Emulator])?;
        return watch::watch(workspace, &request.foreign_programs(workspace));
    }
    for hint in elf::hints(&request.programs, request.ide_disk.is_some(), options.jos) {
        eprintln!("vitrine: {hint}");
    }
    for note in options.notes() {
        eprintln!("vitrine: note: {note}");
    }
    setup::ensure(&[Part::Emulator])?;
    if request.programs.iter().any(|program| program.lies_in(&workspace.output())) {
        build::build(workspace)?;
    } else if !options.iso {
        build::build_archive(workspace)?;
    }
    let first = match request.programs.as_slice() {
        [] => None,
        programs => Some(Staged::pack(workspace, programs)?),
    };
    let command_line = request.command_line(options, first.as_ref());
    let mut files: Vec<Throwaway> = first.map(Staged::into_file).into_iter().collect();
    let image = image(workspace, options, &command_line, &mut files)?;
    let machine = request.machine(workspace, options, image, command_line)?;
    if let Some(port) = request.gdb {
        // gdb tries again for some seconds: QEMU listens a moment after this line.
        eprintln!("vitrine: {HALTED}{port}");
    }
    let verdict = qemu::run(machine, request.session(workspace, options, files))?;
    if verdict == Verdict::NotStarted {
        // Another machine may have taken a disk between the check and the start.
        request.disks().try_for_each(|file| disk::image(file).map(drop))?;
    }
    if !matches!(verdict, Verdict::Exited(_) | Verdict::Quit) {
        eprintln!("vitrine: {verdict}");
    }
    Ok(verdict.exit_code())
}

/// The options, checked.
struct Request {
    memory: u32,
    timeout: Option<Duration>,
    /// The port where a debugger is awaited.
    gdb: Option<u16>,
    /// The program of `--run`, without its arguments.
    run: Option<String>,
    ide_disk: Option<PathBuf>,
    /// The image of `--disk`.
    disk: Option<PathBuf>,
    /// The machine has a virtio drive for this boot alone, on which the pager may put pages.
    swaps: bool,
    /// The programs of `--elf`.
    programs: Vec<Program>,
}

impl Request {
    /// Checks what can be checked before anything is built.
    fn read(workspace: &Workspace, options: &QemuOptions) -> Result<Self> {
        let memory = request::memory(&options.memory)?;
        let timeout = options.timeout.map(request::timeout).transpose()?;
        let gdb = options.gdb.as_deref().map(request::gdb).transpose()?;
        let run = options.boot.check()?;
        if run.is_some() && !options.starts_init() {
            let why = "--run and --append elf= exclude each other: only init runs a program";
            return Err(BadInput(why.to_owned()).into());
        }
        let ide_disk = options.ide_disk.as_deref().map(disk::image).transpose()?;
        let disk = match &options.disk {
            None => None,
            Some(Some(file)) => Some(disk::image(file)?),
            Some(None) => Some(disk::sparse(&workspace.output(), "disk.img")?),
        };
        if disk.is_some() && disk == ide_disk {
            return Err(BadInput("--disk and --ide-disk name the same file".to_owned()).into());
        }
        let programs: Vec<Program> =
            options.elf.iter().map(|text| Program::parse(text)).collect::<Result<_, _>>()?;
        // A program that the build makes is checked after the build.
        let foreign = |program: &&Program| !program.lies_in(&workspace.output());
        programs.iter().filter(foreign).try_for_each(Program::check)?;
        let swaps = disk.is_none() && options.elf.is_empty() && !options.no_swap && !options.iso;
        Ok(Self { memory, timeout, gdb, run, ide_disk, disk, swaps, programs })
    }

    /// The kernel's command line; `first` are the JOS programs to start.
    fn command_line(&self, options: &QemuOptions, first: Option<&Staged>) -> String {
        let words = first.map(|first| first.words.as_str()).into_iter();
        let words = words.chain(options.jos.then_some(JOS)).chain(options.trace.then_some(TRACE));
        let words = words.chain((self.disk.is_some() || self.swaps).then_some(DISK));
        // The pager puts no pages on a disk that the user has named.
        let words = words.chain(self.swaps.then_some(SWAP));
        options.boot.command_line_with(words)
    }

    fn machine(
        &self,
        workspace: &Workspace,
        options: &QemuOptions,
        image: Image,
        command_line: String,
    ) -> Result<Machine> {
        Ok(Machine {
            memory: self.memory,
            icount: options.icount,
            command_line,
            ide_disk: self.ide_disk.clone(),
            // Made after everything else that starts a process, because each process would inherit
            // it.
            disk: match &self.disk {
                Some(image) => Some(Disk::Image(image.clone())),
                None if self.swaps => Some(Disk::nameless(&workspace.output())?),
                None => None,
            },
            more: self.gdb.map(machine::halted).unwrap_or_default(),
            ..Machine::new(image)
        })
    }

    fn session(
        &self,
        workspace: &Workspace,
        options: &QemuOptions,
        files: Vec<Throwaway>,
    ) -> Session {
        let symbols = Symbols::open(&workspace.kernel(), workspace.root()).ok();
        let runs_shell = self.run.as_ref().is_none_or(|program| program == "sh");
        Session {
            symbols: symbols.map(|symbols| symbols.with_programs(workspace.programs())),
            interactive: options.boot.run.is_none(),
            shell: options.starts_init() && runs_shell,
            timeout: self.timeout,
            files,
        }
    }

    /// The files of `--elf` that the build does not make.
    fn foreign_programs(&self, workspace: &Workspace) -> Vec<PathBuf> {
        let foreign = |program: &&Program| !program.lies_in(&workspace.output());
        self.programs.iter().filter(foreign).map(|program| program.file.clone()).collect()
    }

    /// The disks that the user has named.
    fn disks(&self) -> impl Iterator<Item = &Path> {
        self.disk.iter().chain(&self.ide_disk).map(PathBuf::as_path)
    }
}

/// What the machine boots from. `files` has the archive of the JOS programs, if there are any, and
/// gets the disc, if the machine boots from one.
fn image(
    workspace: &Workspace,
    options: &QemuOptions,
    command_line: &str,
    files: &mut Vec<Throwaway>,
) -> Result<Image> {
    if options.iso {
        let disc = iso::for_one_boot(workspace, command_line)?;
        let path = disc.path().to_owned();
        files.push(disc);
        return Ok(Image::Disc(path));
    }
    let archive = files.first().map_or_else(|| workspace.archive(), |it| it.path().to_owned());
    Ok(Image::Kernel { kernel: workspace.kernel(), archive: Some(archive) })
}

/// What runs, and further words for the kernel's command line.
#[derive(Args)]
pub struct BootOptions {
    /// Run this instead of the shell, and power off when it ends; quotes are as in the shell
    #[arg(long, value_name = "PROGRAM ARGS")]
    run: Option<String>,
    /// Put these words on the kernel's command line; an unknown one is refused with a list
    #[arg(long, value_name = "TEXT")]
    append: Option<String>,
}

/// The options of `cargo xtask qemu`.
#[derive(Args)]
pub struct QemuOptions {
    #[command(flatten)]
    boot: BootOptions,
    /// Memory in MiB, from 16 to 3583
    #[arg(long, value_name = "MIB", default_value_t = DEFAULT_MEMORY.to_string())]
    memory: String,
    /// Kill the machine this long after QEMU's start, and end with status 124
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Count time in instructions, not in seconds: every boot is the same
    #[arg(long)]
    icount: bool,
    /// Boot from a CD, as `iso` writes it
    #[arg(long)]
    iso: bool,
    /// Start this JOS program instead of init; may be repeated
    ///
    /// Options: type=fs (JOS's file server: UENVS type 1, all I/O ports); abi=lab4 (a program of
    /// the course's lab 4, which numbers its calls differently), abi=lab4-2014 (the same with the
    /// errors of 2014), abi=lab3 (lab 3's four calls). A comma in the name is doubled.
    #[arg(long, value_name = "FILE[,OPTION...]", conflicts_with_all = ["run", "iso"])]
    elf: Vec<String>,
    /// Attach a raw disk image as the second IDE drive
    #[arg(long, value_name = "FILE")]
    ide_disk: Option<PathBuf>,
    /// Attach a raw disk image as a virtio drive and start its driver
    ///
    /// Without a FILE: target/vitrine/disk.img, 256 MiB, made when it is not there.
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with_all = ["elf", "iso"])]
    disk: Option<Option<PathBuf>>,
    /// Without `--disk`: attach no virtio drive for programs larger than memory, either
    ///
    /// Otherwise it has 256 MiB, belongs to this boot alone, and is gone afterwards.
    #[arg(long, conflicts_with = "disk")]
    no_swap: bool,
    /// Halt before the first instruction until a debugger connects to this port of 127.0.0.1
    ///
    /// Without a PORT: 1234, where gdb's `target remote :1234` looks.
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = GDB_PORT)]
    gdb: Option<String>,
    /// Build and boot again whenever a source or a program of --elf changes, until Ctrl-C
    ///
    /// At a prompt Ctrl-C is the guest's: Ctrl-A X ends the machine first.
    #[arg(long, conflicts_with = "gdb")]
    watch: bool,
    /// Tell of processes as JOS's kernel does, in the lines that its graders read
    #[arg(long)]
    jos: bool,
    /// Record the last 256 events: a kernel panic prints 32 of them, a parent may read its child's
    #[arg(long)]
    trace: bool,
}

impl BootOptions {
    /// Refuses what could not be read later. Returns the program of `--run`, without its arguments.
    ///
    /// # Errors
    /// The words of `--run` or of `--append` cannot be used.
    pub fn check(&self) -> Result<Option<String>, BadInput> {
        self.append.as_deref().map(request::append).transpose()?;
        let words = self.run.as_deref().map(request::run).transpose()?;
        Ok(words.and_then(|words| words.into_iter().next()))
    }

    fn appends(&self, is_asked: impl Fn(&str) -> bool) -> bool {
        self.append.as_deref().unwrap_or("").split_ascii_whitespace().any(is_asked)
    }

    /// The kernel's command line.
    #[must_use]
    pub fn command_line(&self) -> String {
        self.command_line_with([])
    }

    fn command_line_with<'a>(&'a self, words: impl IntoIterator<Item = &'a str>) -> String {
        let append = self.append.as_deref().unwrap_or("").split_ascii_whitespace();
        kernel_command_line(append.chain(words), self.run.as_deref())
    }
}

impl QemuOptions {
    /// Whether `init` runs, and not programs of JOS's.
    fn starts_init(&self) -> bool {
        self.elf.is_empty() && !self.boot.appends(|word| word.starts_with(ELF))
    }

    /// A line for each option that has no effect in this combination.
    fn notes(&self) -> Vec<&'static str> {
        let (init, boot) = (self.starts_init(), &self.boot);
        let for_program = init && boot.run.is_none();
        let table = [
            (
                self.no_swap && !self.elf.is_empty(),
                "--no-swap has no effect: with --elf there is no swap disk",
            ),
            (self.no_swap && self.iso, "--no-swap has no effect: with --iso there is no swap disk"),
            (
                for_program && boot.appends(|word| [TRUST, ARCHIVE].contains(&word)),
                "`trust` and `archive` have no effect: they are for the program of --run",
            ),
            (
                !init && boot.appends(|word| [DISK, SWAP, TRUST, ARCHIVE].contains(&word)),
                "`disk`, `swap`, `trust`, `archive` have no effect: init does not run",
            ),
        ];
        table.into_iter().filter_map(|(applies, why)| applies.then_some(why)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: QemuOptions,
    }

    fn options(line: &str) -> QemuOptions {
        Line::try_parse_from(line.split(' ')).unwrap().options
    }

    #[test]
    fn an_option_that_has_no_effect_is_noted() {
        for (line, count) in [
            ("x", 0),
            ("x --no-swap", 0),
            ("x --no-swap --elf a", 1),
            ("x --no-swap --iso", 1),
            ("x --jos", 0),
            ("x --jos --elf a", 0),
            ("x --jos --append elf=bin/a", 0),
            ("x --append trust", 1),
            ("x --append trust --run a", 0),
            ("x --append disk", 0),
            ("x --append swap --elf a", 1),
        ] {
            let said = options(line).notes();
            assert_eq!(said.len(), count, "{line}: {said:?}");
        }
    }
}
