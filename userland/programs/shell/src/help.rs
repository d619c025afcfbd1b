//! What `help` prints. The programs' own words come from a segment of their files, so a new program
//! is listed without a change here.

use alloc::string::{String, ToString};

use libsys::println;
use libsys::process::about::{About, SEGMENT};
use libsys::process::archive;
use shell::builtin::Builtin;
use xmas_elf::ElfFile;
use xmas_elf::program::Type;

use crate::program::NOT_STARTED;

/// All builtins, and all programs that can be run as a command.
pub fn all() -> u8 {
    println!("The shell's own commands:");
    for builtin in Builtin::ALL {
        list(builtin.name(), builtin.summary());
    }
    println!("Programs:");
    for (name, about) in programs() {
        list(&name, about.map_or("", |about| about.summary));
    }
    println!("`NAME --help` says more. A line: `A; B`, `A && B`, `A &`.");
    println!("The documents are README.md and docs/ of the source tree,");
    println!("docs/howto/add-a-program.md for a program of your own.");
    0
}

/// Columns of a name.
const NAME: usize = 12;

/// A line of the list. A name that is too long for its column has a line of its own.
fn list(name: &str, summary: &str) {
    if name.len() > NAME {
        println!("  {name}");
        println!("  {:NAME$} {summary}", "");
    } else {
        println!("  {name:NAME$} {summary}");
    }
}

/// The names of all programs that can be run as a command, and what they say about themselves.
pub fn programs() -> impl Iterator<Item = (String, Option<About<'static>>)> {
    let names = archive::programs()
        .filter_map(|member| Some(archive::program_name(member.name())?.to_string()));
    let all = names.map(|name| {
        let about = about(&name);
        (name, about)
    });
    all.filter(|(_, about)| about.is_none_or(|about| about.is_command()))
}

/// What a program of the archive says about itself.
pub fn about(name: &str) -> Option<About<'static>> {
    let bytes = archive::program(name).ok()??;
    let file = ElfFile::new(bytes).ok()?;
    let is_about = |kind: Result<Type, _>| kind == Ok(Type::OsSpecific(SEGMENT));
    let segment = file.program_iter().find(|segment| is_about(segment.get_type()))?;
    let (start, length) = (segment.offset() as usize, segment.file_size() as usize);
    About::parse(bytes.get(start..)?.get(..length)?)
}

/// A builtin.
pub fn builtin(builtin: Builtin) -> u8 {
    println!("{}: {}", builtin.name(), builtin.summary());
    println!("usage: {}", builtin.usage());
    0
}

/// A builtin or a program.
pub fn one(name: &str) -> u8 {
    if let Some(found) = Builtin::named(name) {
        return builtin(found);
    }
    match (about(name), archive::program(name)) {
        (Some(about), _) => {
            println!("{about}");
            0
        }
        (None, Ok(Some(_))) => {
            println!("{name} says nothing about itself");
            0
        }
        (None, _) => {
            println!("no such program: {name}");
            NOT_STARTED
        }
    }
}
