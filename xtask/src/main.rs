//! `cargo xtask`: the one command that builds, boots and checks Vitrine.

#![forbid(unsafe_code)]

use std::num::NonZeroU32;
use std::process::ExitCode;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use xtask::bad_input::BadInput;
use xtask::boot::{self, BootOptions, QemuOptions};
use xtask::emulators::EmulatorKind;
use xtask::machine::DEFAULT_MEMORY;
use xtask::system::Part;
use xtask::workspace::Workspace;
use xtask::{
    bench, build, check, dist, doc, doctor, exhaust, fuzz, gdb, header, iso, mutants, new, oracle,
    parsers, picture, rehearse, request, setup, soak, test, trust, web,
};

/// Builds, boots and checks Vitrine.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
#[command(after_help = BEGIN)]
struct Cli {
    /// Install nothing: only say what is missing and what to type (VITRINE_NO_INSTALL=1 does the
    /// same)
    #[arg(long, global = true, display_order = 1000)]
    no_install: bool,
    #[command(subcommand)]
    task: Option<Task>,
}

/// What a newcomer reads below the list of commands.
const BEGIN: &str = "\
Begin with `cargo xtask qemu`: it builds everything, boots it and gives a prompt, where `help` lists
the programs. `cargo xtask new NAME` begins a program of your own. `cargo xtask COMMAND --help` says
more of a command.";

#[derive(Subcommand)]
enum Task {
    /// Boot in QEMU: a shell on this terminal (Ctrl-A X quits), or one program
    ///
    /// With --run, the program's exit status is the exit status; 123 means that the kernel
    /// panicked, 124 that time ran out, 125 that the boot failed (a triple fault, a hang-up, a
    /// build error). With --elf it is that of the first program named whose status is not 0, once
    /// nothing can run any more: what it exits with, or 128 and the vector of the exception that
    /// ended it. With --jos it is 0. A file or an option that cannot be used gives one line and
    /// status 1. The shell ends with its input, and its status is that of its last command.
    Qemu(QemuOptions),
    /// Run the host tests, the emulator tests, and the laboratory's tests in a browser
    ///
    /// A test's name begins with the file that has it: `cargo xtask test census` runs the tests of
    /// one file, `cargo xtask test cow` each test with these letters in its name. The host tests
    /// are compiled in any case, which takes some minutes the first time.
    Test {
        /// Run only the checks, conformance programs and demonstrations, on this machine: qemu,
        /// bochs or v86
        #[arg(long, value_name = "MACHINE")]
        on: Option<String>,
        /// Run only the host tests, compiled with optimisation, with N cases of each property,
        /// other ones each time; without it the cases are the same each time
        #[arg(long, value_name = "N", conflicts_with = "on")]
        cases: Option<NonZeroU32>,
        /// Run only the tests whose names contain this
        filter: Option<String>,
    },
    /// Begin a program of your own, with a test
    ///
    /// Without --handler, --pager or --c it is a program in Rust that looks at its own page table.
    /// Two files are written, both in userland/own.
    New(new::Options),
    /// Say what is here, what is missing, and how to get it; change nothing
    ///
    /// The status is 1 if `cargo xtask qemu` or `cargo xtask test` lacks something.
    Doctor,
    /// Find the toolchain, QEMU and the rest; install what is missing, or say how
    Setup {
        /// Install nothing and change nothing, as `doctor`
        #[arg(long)]
        check: bool,
    },
    /// Build the kernel, every program and the boot archive
    Build,
    /// Write target/vitrine/vitrine.iso: a CD that boots by BIOS and GRUB
    Iso(BootOptions),
    /// Write one folder for those who only want to look
    ///
    /// It has the CD, the kernel, the boot archive, the laboratory's site, their sums, and a page
    /// that says how to boot each in QEMU, in VirtualBox and on a PC.
    Dist(dist::Options),
    /// Start QEMU halted, and gdb with the symbols of the kernel and of one program
    ///
    /// gdb gets commands of its own: `help vitrine` lists them. For the debugger of an editor there
    /// is `cargo xtask qemu --gdb`.
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
    ///
    /// The first table has instructions: those of Vitrine, those without zeroing and copying
    /// (rest), the target, and other systems; `!` is a target that is missed, `*` a system that is
    /// not slower. The second has model cycles, an estimate of what a processor takes, and what it
    /// is made of beside instructions: entries by `int`, by SYSENTER (sys) and by page fault (#PF),
    /// returns by SYSEXIT (sysx; the others are by IRET), INVLPGs (inv), loads of CR3, states of
    /// the FPU stored and loaded, loads of segment registers (seg), locked operations (lock), and 4
    /// KiB zeroed or copied by `rep` (page). A row that ends in /page is a page's share. The file
    /// docs/benchmark.md says more.
    Bench(bench::Options),
    /// Stop the machine at random moments, and judge it by its physical memory alone
    Oracle(oracle::Options),
    /// Make the k-th allocation of a scenario fail, for every k, and judge what is left
    ///
    /// The scenarios are run with four shortages: of one frame (once), of frames from then on
    /// (lasting), of a quota, and of process slots; `swap` with three of the disk as well, and JOS
    /// programs with the first two alone.
    Exhaust(exhaust::Options),
    /// Make random calls and traps from ring 3, and shorten what they find
    ///
    /// The status is 0 if nothing is found. Otherwise the batch that shows it is made shorter, its
    /// steps are printed as C, and the status is 1.
    Fuzz(fuzz::Options),
    /// Serve the laboratory: the real image in a browser, beside its page tables
    ///
    /// The emulator and the terminal come from npm, once. With --out the site is only written: any
    /// static host can serve the folder, under any path and without a network.
    Web(web::Options),
    /// Draw page tables at named moments of a run: as .svg, .png or .html
    Picture(picture::Options),
    /// Look for bytes that a parser mistreats, by libFuzzer
    ///
    /// Inputs that reach new code are added to tests/parsers/corpus. The status is 1 if a parser
    /// breaks a promise; its input is then kept in target/vitrine/parsers.
    Parsers(parsers::Options),
    /// Make long random runs of the kernel's decisions on this machine, against a reference model
    ///
    /// After each step (a call, a load or store, an exception, an interrupt, a tick) all processes,
    /// pages, rights, counts, quotas and queues are compared. The status is 1 if something differs;
    /// the steps that show it are then made fewer and printed.
    Soak(soak::Options),
    /// Try all 2^32 words, all 2^32 addresses, and every state of small worlds
    Exhaustive(soak::Exhaustive),
    /// Change the code in one place at a time: do the host tests notice?
    ///
    /// Judges functions that have no result in tests/mutants yet. The status is 1 if a mutant
    /// survives that was not listed there; it is listed then, and wants a test or a reason.
    Mutants(mutants::Options),
    /// Make the long runs of all that judges the system, one after another
    ///
    /// Soak, planted mistakes, exhaustive runs, exhaustion, oracle, fuzzers, parsers, the other
    /// emulators and mutants: many hours. What is done is kept for the commit, and the next call
    /// goes on there.
    Trust(trust::Options),
    /// Write the numbers of libsys/include/vitrine.h from kernel/abi
    Header,
    /// Check imports, format, lints and documentation, for host and target
    Check,
    /// Write the documentation of the code: target/vitrine/doc/index.html is its first page
    Doc,
    /// Run the README's commands on a bare Debian, from a fresh clone of what is committed
    ///
    /// Needs root, debootstrap and a network, and half an hour. The host's packages stay as they
    /// are; everything happens in target/rehearsal and is gone with `cargo clean`.
    Rehearse(rehearse::Options),
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

/// One line about a value that cannot be used: such a mistake ends with status 1, in clap and in
/// our code. For any other mistake, and for `--help`, clap has its own form.
fn wrong_value(error: &clap::Error) -> Option<String> {
    let is_value = matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue);
    let text = error.to_string();
    let line = text.lines().next().filter(|_| is_value)?;
    Some(line.trim_start_matches("error: ").to_owned())
}

/// Gets every tool and every package that some command uses.
fn set_up(workspace: &Workspace) -> Result<()> {
    setup::all()?;
    for package in web::packages::OF_SITE.into_iter().chain(web::packages::OF_TESTS) {
        println!("{:>8}  {package} in {}", "found", package.folder(workspace)?.display());
    }
    mutants::tool::get(workspace)?;
    println!("{:>8}  {}", "found", mutants::tool::name());
    println!("Everything is there: `cargo xtask qemu` boots.");
    Ok(())
}

fn perform(task: Task) -> Result<u8> {
    let workspace = Workspace::find()?;
    match task {
        Task::Setup { check: false } => set_up(&workspace)?,
        Task::Setup { check: true } | Task::Doctor => {
            return Ok(u8::from(!doctor::doctor(&workspace)));
        }
        Task::New(options) => new::new(&workspace, &options)?,
        Task::Build => build::build(&workspace)?,
        Task::Qemu(options) => return boot::boot(&workspace, &options),
        Task::Test { cases: Some(cases), filter, .. } => {
            test::with_cases(&workspace, cases.get(), filter.as_deref())?;
        }
        Task::Test { on: None, filter, .. } => {
            test::test(&workspace, filter.as_deref())?;
            soak::share(&workspace, filter.as_deref())?;
        }
        Task::Test { on: Some(name), filter, .. } => {
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
        Task::Dist(options) => dist::dist(&workspace, &options)?,
        Task::Bench(options) => bench::bench(&workspace, &options)?,
        Task::Oracle(options) => oracle::oracle(&workspace, &options)?,
        Task::Exhaust(options) => exhaust::exhaust(&workspace, &options)?,
        Task::Fuzz(options) => fuzz::fuzz(&workspace, &options)?,
        Task::Trust(options) => trust::trust(&workspace, &options)?,
        Task::Header => header::header(&workspace)?,
        Task::Web(options) => web::web(&workspace, &options)?,
        Task::Picture(options) => picture::picture(&workspace, &options)?,
        Task::Parsers(options) => parsers::parsers(&workspace, &options)?,
        Task::Soak(options) => soak::soak(&workspace, &options)?,
        Task::Mutants(options) => mutants::mutants(&workspace, &options)?,
        Task::Exhaustive(options) => soak::exhaustive(&workspace, &options)?,
        Task::Check => check::check(&workspace)?,
        Task::Doc => println!("{}", doc::doc(&workspace)?.display()),
        Task::Rehearse(options) => rehearse::rehearse(&workspace, &options)?,
    }
    Ok(0)
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
}
