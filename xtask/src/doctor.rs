//! `cargo xtask doctor`: what this system has of what the commands need, and how to get the rest.
//!
//! It looks and prints; nothing is installed, fetched or written. The other commands look by the
//! same functions ([`setup::look`]), so a part that is found here is found there.

use std::process::{Command, Stdio};

use comfy_table::{Table, presets};

use crate::c::Compiler;
use crate::command::find;
use crate::mutants::tool;
use crate::plan::advice;
use crate::setup;
use crate::system::{Emulator, Part, System};
use crate::web::packages;
use crate::workspace::Workspace;

/// Prints the table, and returns whether the README's two commands have all that they need. What
/// cannot be looked at counts as missing.
#[must_use]
pub fn doctor(workspace: &Workspace) -> bool {
    let system = setup::look(&Part::ALL);
    let compiler = Compiler::find();
    println!("{}", table(&system, compiler.as_ref(), workspace));
    let missing = system.missing(&Part::ALL);
    for part in &missing {
        println!("\nmissing: {} (needed by {})", part.name(), needed_by(*part));
        advice::about(&system, *part).iter().for_each(|line| println!("{line}"));
    }
    if compiler.is_none() {
        println!("\nmissing: {C} (needed by programs in C)");
        let installer = system.family.installer(system.root);
        println!("  type:\n    {} gcc", installer.as_deref().unwrap_or("install"));
    }
    let needed: Vec<_> = missing.into_iter().filter(|part| is_for_the_readme(*part)).collect();
    println!("\n{}", verdict(&needed));
    needed.is_empty()
}

/// What builds the programs in C, which no other part needs.
const C: &str = "a C compiler that can do -m32 -ffreestanding";

/// The commands that need a part.
const fn needed_by(part: Part) -> &'static str {
    match part {
        Part::Toolchain | Part::Linker | Part::Emulator => "qemu, test",
        Part::Node => "test, web, dist",
        Part::Browser => "test",
        Part::TargetClippy | Part::HostLints => "check",
        Part::DiscTools => "iso, dist",
        Part::Debugger => "gdb",
        Part::Bochs => "test --on bochs",
        Part::CppCompiler => "parsers",
    }
}

/// Whether `cargo xtask qemu` or `cargo xtask test` needs a part.
fn is_for_the_readme(part: Part) -> bool {
    needed_by(part).split(", ").any(|command| ["qemu", "test"].contains(&command))
}

fn table(system: &System, compiler: Option<&Compiler>, workspace: &Workspace) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(["needed by", "part", "here"]);
    for part in Part::ALL {
        table.add_row([needed_by(part).to_owned(), part.name().to_owned(), here(system, part)]);
    }
    let compiler = compiler.map_or("missing".to_owned(), Compiler::to_string);
    table.add_row(["programs in C", C, &compiler]);
    let of_site = packages::OF_SITE.map(|package| ("test, web, dist", package));
    for (commands, package) in of_site.into_iter().chain(packages::OF_TESTS.map(|it| ("test", it)))
    {
        let here = if package.is_here(workspace) { "yes" } else { "fetched at its first use" };
        table.add_row([commands, &format!("{package}, from npm"), here]);
    }
    let lister = if tool::is_here(workspace) { "yes" } else { "built at its first use" };
    table.add_row(["mutants", &format!("{}, from Rust's registry", tool::name()), lister]);
    table
}

/// What stands for a part: its version or its place.
fn here(system: &System, part: Part) -> String {
    if !system.has(part) {
        let reasons = system.reasons(part);
        let why = if part == Part::Emulator { reasons.concat() } else { String::new() };
        return if why.is_empty() { "missing".to_owned() } else { format!("missing: {why}") };
    }
    let place = |name: &str| find(name).map_or_else(String::new, |file| file.display().to_string());
    match (part, system.toolchain(), system.emulator) {
        (Part::Toolchain, Some(toolchain), _) => {
            format!("{} in {}", toolchain.version(), toolchain.root().display())
        }
        (Part::Emulator, _, Emulator::Version(major, minor)) => format!("{major}.{minor}"),
        (Part::Debugger, ..) => version("gdb", &["-nx", "--version"]),
        (Part::Node, ..) => version("node", &["--version"]),
        // To ask these for a version would have rustup or a browser write files.
        (Part::HostLints, ..) => place("cargo-fmt"),
        (Part::Browser, ..) => setup::browser().map_or_else(String::new, place),
        (Part::DiscTools, ..) => setup::grub_mkrescue().map_or_else(String::new, place),
        (Part::Bochs, ..) => place("bochs"),
        (Part::CppCompiler, ..) => place(setup::CPP_COMPILER),
        (Part::Linker, None, _) => "unknown before there is a toolchain".to_owned(),
        (Part::Toolchain | Part::Emulator | Part::Linker | Part::TargetClippy, ..) => "yes".into(),
    }
}

/// The first line of what a program says of its version.
fn version(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.ok().and_then(|text| text.lines().next().map(str::to_owned)).unwrap_or("yes".to_owned())
}

fn verdict(needed: &[Part]) -> String {
    if needed.is_empty() {
        return "`cargo xtask qemu` and `cargo xtask test` have all that they need.".to_owned();
    }
    let names: Vec<_> = needed.iter().map(|part| part.name()).collect();
    format!(
        "`cargo xtask qemu` or `cargo xtask test` lacks: {}. `cargo xtask setup` installs it where \
         it may; nothing was changed now.",
        names.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_all_that_a_command_gets_at_its_first_use() {
        let table = table(&setup::look(&[]), None, &Workspace::locate()).to_string();
        let packages = packages::OF_SITE.into_iter().chain(packages::OF_TESTS);
        let packages = packages.map(|package| package.to_string());
        for name in packages.chain([tool::name()]) {
            assert!(table.contains(&name), "{name} is not in\n{table}");
        }
    }

    #[test]
    fn the_readmes_commands_need_what_they_ask_setup_for() {
        let needed: Vec<_> =
            Part::ALL.into_iter().filter(|part| is_for_the_readme(*part)).collect();
        let mut asked = vec![Part::Toolchain, Part::Linker, Part::Emulator];
        asked.extend(crate::web::test::PARTS);
        for part in asked.iter().chain(&needed) {
            assert!(asked.contains(part) && needed.contains(part), "{part:?}");
        }
    }
}
