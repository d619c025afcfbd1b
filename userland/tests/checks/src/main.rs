//! `checks [NAME...]`: checks the kernel's promises from ring 3; `checks all` runs all checks.
//!
//! Without an argument it lists the names. Each check runs in a process of its own ([`harness`])
//! and prints `ok NAME` or `FAILED NAME: why`; one that cannot run on this machine ([`needs`])
//! prints `skipped NAME: why`. The exit status is 0 if no check failed.
//!
//! Reading order: [`expect`] (the outcome of a check), [`family`] (children made by fork), [`bare`]
//! (children of a few machine instructions), then the themes. Traps with chosen registers and
//! accesses to any address come from the `support` crate.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

mod bare;
mod expect;
mod family;
mod harness;
mod memory;
mod needs;

mod arguments;
mod bytes;
mod counts;
mod drivers;
mod entry;
mod exhaustion;
mod failures;
mod faults;
mod fpu;
mod jos;
mod messages;
mod own_pages;
mod pagers;
mod pages;
mod processes;
mod quotas;
mod ranges;
mod restart;
mod schedule;
mod sealed;
mod system_pager;
mod tables;
mod transactions;
mod views;
mod virtual_8086;
mod vm;

use expect::Check;
use harness::Tally;
use libsys::{args, println};

libsys::main!(main, arguments);
libsys::about!(
    "the kernel's promises, tried from ring 3",
    "checks [NAME...|all]   (no name: lists them)"
);

/// Exit status of a wrong command line.
const USAGE: u8 = 2;

const THEMES: &[&[Check]] = &[
    tables::CHECKS,
    pages::CHECKS,
    own_pages::CHECKS,
    ranges::CHECKS,
    transactions::CHECKS,
    sealed::CHECKS,
    counts::CHECKS,
    arguments::CHECKS,
    processes::CHECKS,
    quotas::CHECKS,
    bytes::CHECKS,
    schedule::CHECKS,
    fpu::CHECKS,
    entry::CHECKS,
    virtual_8086::CHECKS,
    faults::CHECKS,
    restart::CHECKS,
    messages::CHECKS,
    pagers::CHECKS,
    failures::CHECKS,
    system_pager::CHECKS,
    drivers::CHECKS,
    jos::CHECKS,
    exhaustion::CHECKS,
    views::CHECKS,
    vm::CHECKS,
];

fn all() -> impl Iterator<Item = &'static Check> {
    THEMES.iter().copied().flatten()
}

fn main() -> u8 {
    let unknown = args().skip(1).find(|name| !is_known(name));
    if let Some(name) = unknown {
        println!("checks: no check is named {name}; usage: checks [NAME...|all]");
        return USAGE;
    }
    if args().len() <= 1 {
        all().for_each(|check| println!("{}", check.name));
        return 0;
    }
    harness::prepare();
    let wanted = |check: &&Check| args().skip(1).any(|name| name == check.name || name == "all");
    let mut tally = Tally::default();
    for check in all().filter(wanted) {
        harness::run(check, &mut tally);
    }
    let Tally { passed, skipped, failed } = tally;
    println!("{passed} passed, {skipped} skipped, {failed} failed");
    u8::from(failed > 0)
}

fn is_known(name: &str) -> bool {
    name == "all" || all().any(|check| check.name == name)
}
