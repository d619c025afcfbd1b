//! `top`: the table of processes, drawn again every second: those first that ran most often since
//! the last time.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use libsys::process::start::usage;
use libsys::{args, machine, print, println, sleep};
use shell::processes::{HEADING, Process, tree};

libsys::main!(main, arguments);
libsys::about!(
    "all processes, every second, busiest first",
    "top [TIMES]",
    "  TIMES   how often it is drawn; without it, until Ctrl-C",
    "  RUNS    times on the CPU since the last time; else as in `ps`"
);

/// Milliseconds from one table to the next.
const PERIOD: u32 = 1000;
/// Lines of processes: with the heading they fit a small terminal.
const MOST: usize = 20;
/// Goes to the first line of the screen, and empties the screen.
const CLEAR: &str = "\x1B[H\x1B[2J";

fn main() -> u8 {
    let mut words = args().skip(1);
    let times = match (words.next().map(str::parse), words.next()) {
        (None, _) => u32::MAX,
        (Some(Ok(times @ 1..)), None) => times,
        _ => return usage(),
    };
    let mut before = BTreeMap::new();
    for time in 0..times {
        if time > 0 {
            sleep(PERIOD);
        }
        let mut all = tree();
        let runs: BTreeMap<u32, u32> = all.iter().map(|one| (one.info.id, one.info.runs)).collect();
        for process in &mut all {
            process.depth = 0;
            let last = before.get(&process.info.id).copied().unwrap_or(0);
            process.info.runs = process.info.runs.wrapping_sub(last);
        }
        draw(all);
        before = runs;
    }
    0
}

fn draw(mut all: Vec<Process>) {
    all.sort_by_key(|process| core::cmp::Reverse(process.info.runs));
    let machine = machine();
    print!("{CLEAR}");
    println!(
        "{} processes, {} of {} frames free; Ctrl-C ends",
        machine.processes, machine.free, machine.frames
    );
    println!("{HEADING}");
    for process in all.iter().take(MOST) {
        println!("{process}");
    }
    if all.len() > MOST {
        println!("and {} more", all.len() - MOST);
    }
}
