//! `cargo xtask`: the one command that builds, boots and checks Vitrine.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, CommandFactory, Parser, Subcommand};

use xtask::bad_input::BadInput;
use xtask::elf::{Program, Staged};
use xtask::machine::{DEFAULT_MEMORY, Image, Machine, kernel_command_line};
use xtask::symbols::Symbols;
use xtask::system::Part;
use xtask::verdict::Verdict;
use xtask::workspace::Workspace;
use xtask::{bench, build, check, disk, gdb, iso, oracle, qemu, setup, test};

/// Builds, boots and checks Vitrine.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
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
    /// With --run, the program's exit status is the exit status; 124 means that time ran out,
    /// 125 that the boot failed (a triple fault, a hang-up, a build error). With --elf it is 0
    /// once nothing can run any more. A file that cannot be used gives one line and status 1.
    Qemu(QemuOptions),
    /// Run the host tests and the emulator tests
    Test {
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
        /// Memory in MiB
        #[arg(long, value_name = "MIB", default_value_t = DEFAULT_MEMORY)]
        memory: u32,
    },
    /// Count the instructions of every operation, beside targets and other systems
    Bench(bench::Options),
    /// Stop the running machine at random moments and judge it by its physical memory alone
    Oracle(oracle::Options),
    /// Check format, lints and documentation, for host and target
    Check,
}

#[derive(Args)]
struct BootOptions {
    /// Run this instead of the shell, and power off when it ends
    #[arg(long, value_name = "PROGRAM ARGS")]
    run: Option<String>,
    /// Put this on the kernel's command line
    #[arg(long, value_name = "TEXT")]
    append: Option<String>,
}

#[derive(Args)]
struct QemuOptions {
    #[command(flatten)]
    boot: BootOptions,
    /// Memory in MiB
    #[arg(long, value_name = "MIB", default_value_t = DEFAULT_MEMORY, value_parser = clap::value_parser!(u32).range(1..))]
    memory: u32,
    /// End with status 124 this long after QEMU's start
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Let time pass by instructions run: every boot is the same
    #[arg(long)]
    icount: bool,
    /// Boot from the CD that `iso` writes
    #[arg(long)]
    iso: bool,
    /// Start this JOS program instead of init; may be repeated
    ///
    /// Options: type=fs (JOS's file server: UENVS type 1, all I/O ports), abi=lab4 (a program of
    /// the course's lab 4, which numbers its calls differently). A comma in the name is doubled.
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
    /// Otherwise it is target/vitrine/swap.img, 256 MiB, whose contents mean nothing to the next boot.
    #[arg(long, conflicts_with = "disk")]
    no_swap: bool,
    /// Tell of processes that begin and end in JOS's own format
    #[arg(long)]
    jos: bool,
}

impl BootOptions {
    fn command_line(&self) -> String {
        self.command_line_with([])
    }

    fn command_line_with<'a>(&'a self, words: impl IntoIterator<Item = &'a str>) -> String {
        kernel_command_line(self.append.as_deref().into_iter().chain(words), self.run.as_deref())
    }
}

fn main() -> ExitCode {
    let Some(task) = Cli::parse().task else {
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

fn perform(task: Task) -> Result<u8> {
    let workspace = Workspace::locate();
    match task {
        Task::Setup => setup::all()?,
        Task::Build => build::build(&workspace)?,
        Task::Qemu(options) => return boot(&workspace, &options),
        Task::Test { filter } => test::test(&workspace, filter.as_deref())?,
        Task::Iso(options) => {
            let disc = iso::iso(&workspace, &options.command_line())?;
            println!("{}", disc.display());
        }
        Task::Gdb { program, boot, memory } => {
            setup::ensure(&[Part::Emulator, Part::Debugger])?;
            build::build(&workspace)?;
            let run = boot.run.as_deref().and_then(|run| run.split_whitespace().next());
            let program = program.as_deref().or(run).unwrap_or("init");
            gdb::gdb(&workspace, memory, boot.command_line(), program)?;
        }
        Task::Bench(options) => bench::bench(&workspace, &options)?,
        Task::Oracle(options) => oracle::oracle(&workspace, &options)?,
        Task::Check => check::check(&workspace)?,
    }
    Ok(0)
}

fn boot(workspace: &Workspace, options: &QemuOptions) -> Result<u8> {
    let ide_disk = options.ide_disk.as_deref().map(disk::image).transpose()?;
    let disk = match &options.disk {
        None if options.no_swap || options.iso || !options.elf.is_empty() => None,
        None => Some(disk::sparse(&workspace.output(), "swap.img")?),
        Some(Some(file)) => Some(disk::image(file)?),
        Some(None) => Some(disk::sparse(&workspace.output(), "disk.img")?),
    };
    let programs: Vec<Program> =
        options.elf.iter().map(|text| Program::parse(text)).collect::<Result<_, _>>()?;
    // What the build makes is looked at after the build.
    let foreign = |program: &&Program| !program.lies_in(&workspace.output());
    programs.iter().filter(foreign).try_for_each(Program::check)?;
    setup::ensure(&[Part::Emulator])?;
    if !options.iso {
        build::build(workspace)?;
    }
    let first = match programs.as_slice() {
        [] => None,
        programs => Some(Staged::pack(workspace, programs)?),
    };
    let jos = options.jos.then_some("jos");
    let words = first.iter().map(|first| first.words.as_str()).chain(jos);
    let words = words.chain(disk.is_some().then_some("disk"));
    // What a user has put on a disk of theirs stays there.
    let words = words.chain((disk.is_some() && options.disk.is_none()).then_some("swap"));
    let command_line = options.boot.command_line_with(words);
    let image = if options.iso {
        Image::Disc(iso::iso(workspace, &command_line)?)
    } else {
        let archive =
            first.as_ref().map_or_else(|| workspace.archive(), |first| first.archive().to_owned());
        Image::Kernel { kernel: workspace.kernel(), archive: Some(archive) }
    };
    let machine = Machine {
        memory: options.memory,
        icount: options.icount,
        command_line,
        ide_disk,
        disk,
        ..Machine::new(image)
    };
    let symbols = Symbols::open(&workspace.kernel(), workspace.root()).ok();
    let interactive = options.boot.run.is_none();
    let timeout = options.timeout.map(Duration::from_secs);
    let verdict = qemu::run(machine, symbols, interactive, timeout)?;
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
    fn the_options_of_the_readme_are_taken() {
        let line = "x qemu --memory 64 --run walk --append quiet --timeout 9 --icount";
        assert!(Cli::try_parse_from(line.split(' ')).is_ok());
        for line in ["x qemu --disk", "x qemu --disk a.img --run b", "x qemu --disk --run b"] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        let line = "x qemu --elf a,type=fs --elf b --ide-disk fs.img --jos";
        assert!(Cli::try_parse_from(line.split(' ')).is_ok());
        assert!(Cli::try_parse_from(["x", "qemu", "--elf", "a", "--run", "b"]).is_err());
        assert!(Cli::try_parse_from(["x", "qemu", "--memory", "0"]).is_err());
    }
}
