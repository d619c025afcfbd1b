//! `cargo xtask`: the one command that builds, boots and checks Vitrine.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};

use abi::boot_line::{ARCHIVE, DISK, ELF, JOS, SWAP, TRACE, TRUST};
use xtask::bad_input::BadInput;
use xtask::disk::Disk;
use xtask::elf::{self, Program, Staged};
use xtask::emulators::EmulatorKind;
use xtask::machine::{DEFAULT_MEMORY, Image, Machine, kernel_command_line};
use xtask::qemu::Session;
use xtask::symbols::Symbols;
use xtask::system::Part;
use xtask::throwaway::Throwaway;
use xtask::verdict::Verdict;
use xtask::workspace::Workspace;
use xtask::{
    bench, build, check, disk, fuzz, gdb, iso, oracle, parsers, qemu, rehearse, request, setup,
    test, web,
};

/// Builds, boots and checks Vitrine.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    /// Install nothing: only say what is missing and what to type (VITRINE_NO_INSTALL=1 does the same)
    #[arg(long, global = true)]
    no_install: bool,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Find the toolchain, QEMU and the rest; install what is missing, or say how
    Setup,
    /// Build the kernel, every program and the boot archive
    Build,
    /// Boot in QEMU: a shell on this terminal (Ctrl-A X quits), or one program
    ///
    /// With --run, the program's exit status is the exit status; 123 means that the kernel panicked,
    /// 124 that time ran out, 125 that the boot failed (a triple fault, a hang-up, a build error). With --elf it is that of
    /// the first program named whose status is not 0, once nothing can run any more: what it exits
    /// with, or 128 and the vector of the exception that ended it. With --jos it is 0. A file or an
    /// option that cannot be used gives one line and status 1. The shell ends with its input, and
    /// its status is that of its last command.
    Qemu(QemuOptions),
    /// Run the host tests, the emulator tests, and the laboratory's tests in a browser
    Test {
        /// Run only the checks, conformance programs and demonstrations, on this machine: qemu,
        /// bochs or v86
        #[arg(long, value_name = "MACHINE")]
        on: Option<String>,
        /// Run only the tests whose names contain this
        filter: Option<String>,
    },
    /// Write target/vitrine/vitrine.iso, which boots by GRUB
    Iso(BootOptions),
    /// Start QEMU halted, and gdb with the symbols of the kernel and of one program
    Gdb {
        /// The program whose symbols gdb reads [default: that of --run, or init]
        program: Option<String>,
        #[command(flatten)]
        boot: BootOptions,
        /// Memory in MiB, from 16 to 3583
        #[arg(long, value_name = "MIB", default_value_t = DEFAULT_MEMORY.to_string())]
        memory: String,
    },
    /// Count the instructions of every operation, beside targets and other systems
    Bench(bench::Options),
    /// Stop the running machine at random moments and judge it by its physical memory alone
    Oracle(oracle::Options),
    /// Make random calls and traps from ring 3, and shorten what they find
    ///
    /// The status is 0 if nothing is found. Otherwise the batch that shows it is made shorter, its
    /// steps are printed as C, and the status is 1.
    Fuzz(fuzz::Options),
    /// Serve the laboratory: the real image in a browser, with a live picture of its page tables
    ///
    /// The emulator and the terminal come from npm, once. With --out the site is only written: any
    /// static host can serve the folder, under any path and without a network.
    Web(web::Options),
    /// Look for bytes that a parser of the kernel's or the servers' mistreats, by libFuzzer
    ///
    /// Inputs that reach new code are added to tests/parsers/corpus. The status is 1 if a parser
    /// breaks a promise; its input is then kept in target/vitrine/parsers.
    Parsers(parsers::Options),
    /// Check format, lints and documentation, for host and target
    Check,
    /// Run the README's commands on a bare Debian, from a fresh clone of what is committed
    ///
    /// Needs root, debootstrap and a network, and half an hour. The host's packages stay as they are;
    /// everything happens in target/rehearsal and is gone with `cargo clean`.
    Rehearse(rehearse::Options),
}

#[derive(Args)]
struct BootOptions {
    /// Run this instead of the shell, and power off when it ends; quotes are as in the shell
    #[arg(long, value_name = "PROGRAM ARGS")]
    run: Option<String>,
    /// Put these words on the kernel's command line
    #[arg(long, value_name = "TEXT")]
    append: Option<String>,
}

#[derive(Args)]
struct QemuOptions {
    #[command(flatten)]
    boot: BootOptions,
    /// Memory in MiB, from 16 to 3583
    #[arg(long, value_name = "MIB", default_value_t = DEFAULT_MEMORY.to_string())]
    memory: String,
    /// End with status 124 this long after QEMU's start
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Let time pass by instructions run: every boot is the same
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
    /// Tell of processes as JOS's kernel does, in the lines that its graders read
    #[arg(long)]
    jos: bool,
    /// Record the last 256 events: a kernel panic prints 32 of them, a parent may read its child's
    #[arg(long)]
    trace: bool,
}

impl BootOptions {
    /// Refuses what could not be read later. Returns the program of `--run`, without its arguments.
    fn check(&self) -> Result<Option<String>, BadInput> {
        self.append.as_deref().map(request::append).transpose()?;
        let words = self.run.as_deref().map(request::run).transpose()?;
        Ok(words.and_then(|words| words.into_iter().next()))
    }

    fn appends(&self, is_asked: impl Fn(&str) -> bool) -> bool {
        self.append.as_deref().unwrap_or("").split_ascii_whitespace().any(is_asked)
    }

    fn command_line(&self) -> String {
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

    /// What the user should know about options that do not do what they seem to.
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

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let Some(line) = wrong_value(&error) else { error.exit() };
            eprintln!("vitrine: {line}");
            return ExitCode::FAILURE;
        }
    };
    if cli.no_install {
        setup::install_nothing();
    }
    let Some(task) = cli.task else {
        // Printing to a closed pipe is the only way to fail, and nobody would read about it.
        drop(Cli::command().print_help());
        return ExitCode::SUCCESS;
    };
    let boots = matches!(task, Task::Qemu(_));
    match perform(task) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("vitrine: {error:#}");
            // A program may end with 1 itself: a boot that never was ends like one that failed.
            let asked_wrongly = error.is::<BadInput>();
            ExitCode::from(if boots && !asked_wrongly { 125 } else { 1 })
        }
    }
}

/// One line about a value that cannot be used: such a mistake ends with status 1, whoever finds it. For any other mistake,
/// and for `--help`, clap has its own form.
fn wrong_value(error: &clap::Error) -> Option<String> {
    let is_value = matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue);
    let text = error.to_string();
    let line = text.lines().next().filter(|_| is_value)?;
    Some(line.trim_start_matches("error: ").to_owned())
}

fn perform(task: Task) -> Result<u8> {
    let workspace = Workspace::find()?;
    match task {
        Task::Setup => setup::all(&workspace)?,
        Task::Build => build::build(&workspace)?,
        Task::Qemu(options) => return boot(&workspace, &options),
        Task::Test { on: None, filter } => test::test(&workspace, filter.as_deref())?,
        Task::Test { on: Some(name), filter } => {
            test::on(&workspace, EmulatorKind::named(&name)?, filter.as_deref())?;
        }
        Task::Iso(options) => {
            options.check()?;
            let disc = iso::iso(&workspace, &options.command_line())?;
            println!("{}", disc.display());
        }
        Task::Gdb { program, boot, memory } => {
            let memory = request::memory(&memory)?;
            let run = boot.check()?;
            setup::ensure(&[Part::Emulator, Part::Debugger])?;
            build::build(&workspace)?;
            let program = program.or(run).unwrap_or_else(|| "init".to_owned());
            gdb::gdb(&workspace, memory, boot.command_line(), &program)?;
        }
        Task::Bench(options) => bench::bench(&workspace, &options)?,
        Task::Oracle(options) => oracle::oracle(&workspace, &options)?,
        Task::Fuzz(options) => fuzz::fuzz(&workspace, &options)?,
        Task::Web(options) => web::web(&workspace, &options)?,
        Task::Parsers(options) => parsers::parsers(&workspace, &options)?,
        Task::Check => check::check(&workspace)?,
        Task::Rehearse(options) => rehearse::rehearse(&workspace, &options)?,
    }
    Ok(0)
}

fn boot(workspace: &Workspace, options: &QemuOptions) -> Result<u8> {
    let memory = request::memory(&options.memory)?;
    let timeout = options.timeout.map(request::timeout).transpose()?;
    let run = options.boot.check()?;
    if run.is_some() && !options.starts_init() {
        let why = "--run and --append elf= exclude each other: only init runs a program";
        return Err(BadInput(why.to_owned()).into());
    }
    let ide_disk = options.ide_disk.as_deref().map(disk::image).transpose()?;
    let image = match &options.disk {
        None => None,
        Some(Some(file)) => Some(disk::image(file)?),
        Some(None) => Some(disk::sparse(&workspace.output(), "disk.img")?),
    };
    if image.is_some() && image == ide_disk {
        return Err(BadInput("--disk and --ide-disk name the same file".to_owned()).into());
    }
    let programs: Vec<Program> =
        options.elf.iter().map(|text| Program::parse(text)).collect::<Result<_, _>>()?;
    // What the build makes is looked at after the build.
    let foreign = |program: &&Program| !program.lies_in(&workspace.output());
    programs.iter().filter(foreign).try_for_each(Program::check)?;
    for hint in elf::hints(&programs, ide_disk.is_some(), options.jos) {
        eprintln!("vitrine: {hint}");
    }
    for note in options.notes() {
        eprintln!("vitrine: note: {note}");
    }
    setup::ensure(&[Part::Emulator])?;
    if !options.iso {
        build::build(workspace)?;
    }
    let first = match programs.as_slice() {
        [] => None,
        programs => Some(Staged::pack(workspace, programs)?),
    };
    let swaps = image.is_none() && options.elf.is_empty() && !options.no_swap && !options.iso;
    let jos = options.jos.then_some(JOS);
    let words = first.iter().map(|first| first.words.as_str()).chain(jos);
    let words = words.chain(options.trace.then_some(TRACE));
    let words = words.chain((image.is_some() || swaps).then_some(DISK));
    // What a user has put on a disk of theirs stays there.
    let words = words.chain(swaps.then_some(SWAP));
    let command_line = options.boot.command_line_with(words);
    let mut files: Vec<Throwaway> = first.map(Staged::into_file).into_iter().collect();
    let boots_from = if options.iso {
        files.push(iso::for_one_boot(workspace, &command_line)?);
        Image::Disc(files[0].path().to_owned())
    } else {
        let archive = files.first().map_or_else(|| workspace.archive(), |it| it.path().to_owned());
        Image::Kernel { kernel: workspace.kernel(), archive: Some(archive) }
    };
    let machine = Machine {
        memory,
        icount: options.icount,
        command_line,
        ide_disk: ide_disk.clone(),
        // Made after everything else that starts a process, because each process would inherit it.
        disk: match &image {
            Some(image) => Some(Disk::Image(image.clone())),
            None if swaps => Some(Disk::nameless(&workspace.output())?),
            None => None,
        },
        ..Machine::new(boots_from)
    };
    let symbols = Symbols::open(&workspace.kernel(), workspace.root()).ok();
    let session = Session {
        symbols: symbols.map(|symbols| symbols.with_programs(workspace.programs())),
        interactive: options.boot.run.is_none(),
        shell: options.starts_init() && run.is_none_or(|program| program == "sh"),
        timeout,
        files,
    };
    let verdict = qemu::run(machine, session)?;
    if verdict == Verdict::NotStarted {
        // Another machine may have taken a disk between the check and the start.
        [image, ide_disk]
            .into_iter()
            .flatten()
            .try_for_each(|file| disk::image(&file).map(drop))?;
    }
    if !matches!(verdict, Verdict::Exited(_) | Verdict::Quit) {
        eprintln!("vitrine: {verdict}");
    }
    Ok(verdict.exit_code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_interface_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_value_that_cannot_be_used_is_one_line() {
        for line in ["x oracle --seed x", "x oracle --seconds 1s", "x gdb --memory"] {
            let error = Cli::try_parse_from(line.split(' ')).err().unwrap();
            let told = wrong_value(&error).unwrap_or_default();
            assert!(!told.is_empty() && told.lines().count() == 1, "{line}: {told}");
        }
        let unknown = Cli::try_parse_from(["x", "oracle", "--sed"]).err().unwrap();
        assert_eq!(wrong_value(&unknown), None);
    }

    #[test]
    fn the_options_of_the_readme_are_taken() {
        let line = "x qemu --memory 64 --run walk --append trust --timeout 9 --icount";
        assert!(Cli::try_parse_from(line.split(' ')).is_ok());
        for line in ["x qemu --disk", "x qemu --disk a.img --run b", "x qemu --disk --run b"] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        let line = "x qemu --elf a,type=fs --elf b --ide-disk fs.img --jos";
        assert!(Cli::try_parse_from(line.split(' ')).is_ok());
        assert!(Cli::try_parse_from(["x", "qemu", "--elf", "a", "--run", "b"]).is_err());
    }

    fn options(line: &str) -> QemuOptions {
        match Cli::try_parse_from(line.split(' ')).unwrap().task {
            Some(Task::Qemu(options)) => options,
            _ => panic!("{line} is no boot"),
        }
    }

    #[test]
    fn an_option_that_has_no_effect_is_noted() {
        for (line, count) in [
            ("x qemu", 0),
            ("x qemu --no-swap", 0),
            ("x qemu --no-swap --elf a", 1),
            ("x qemu --no-swap --iso", 1),
            ("x qemu --jos", 0),
            ("x qemu --jos --elf a", 0),
            ("x qemu --jos --append elf=bin/a", 0),
            ("x qemu --append trust", 1),
            ("x qemu --append trust --run a", 0),
            ("x qemu --append disk", 0),
            ("x qemu --append swap --elf a", 1),
        ] {
            let said = options(line).notes();
            assert_eq!(said.len(), count, "{line}: {said:?}");
        }
    }
}
