//! What `help` prints.

use libsys::println;
use libsys::process::archive;
use shell::builtin::Builtin;

use crate::program::NOT_STARTED;

/// All builtins, and all programs that can be run as a command.
pub fn all() -> u8 {
    for builtin in Builtin::ALL {
        println!("  {:<12} {}", builtin.name(), builtin.summary());
    }
    for member in archive::programs() {
        match archive::program_name(member.name()) {
            // These are servers; as commands they do nothing.
            Some("init" | "sh" | "pager") | None => {}
            Some(name) => println!("  {name:<12} {}", summary(name)),
        }
    }
    0
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
    println!("no such program: {name}");
    NOT_STARTED
}

/// One line about each program that can be run as a command.
fn summary(name: &str) -> &'static str {
    match name {
        "walk" => "walk ADDRESS: how an address is translated, step by step",
        "vmmap" => "the areas of an address space",
        "forktree" => "a tree of processes, each forked from the one above",
        "cow" => "parent and child share memory until one of them writes",
        "lazy" => "pages appear when they are touched",
        "faults" => "each kind of bad access, and what becomes of it",
        "pingpong" => "two processes that send each other a number",
        "checks" => "the kernel's promises, tried from ring 3",
        "hog" => "hog SIZE: fills memory, reads it back, checks every byte",
        "squeezed" => "a program that may have eight pages in memory",
        "rewritten" => "pages that are written, mapped and moved between two trips to the disk",
        "tiny_pager" => "pages its child itself, in a hundred lines",
        "peek" => "peek PROGRAM: watches a program's pages from outside",
        "free" => "how many frames are free",
        "leave" => "leave WHAT: leaves processes behind, which the shell ends",
        "forever" => "forks without end; made for Ctrl-C",
        "hello" => "the smallest program with something to see",
        _ => "",
    }
}
