//! `forktree [DEPTH]`: each process forks two children, down to a depth, and waits for them.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::format;

use libsys::abi::message::Reason;
use libsys::paging::fork::{Fork, fork};
use libsys::process::start::usage;
use libsys::process::{exit, id, wait};
use libsys::{Error, args, println};

libsys::main!(main, arguments);
libsys::about!("a tree of forks", "forktree [DEPTH]   (0 to 8; default 3)");

fn main() -> u8 {
    let depth = match (args().nth(1).map_or(Ok(3), str::parse), args().nth(2)) {
        (Ok(depth @ 0..=8), None) => depth,
        _ => {
            return usage();
        }
    };
    let expected = (2_u32 << depth) - 1;
    match grow("", depth) {
        Ok(processes) if processes == expected => {
            println!("{processes} processes, each waited for");
            0
        }
        Ok(processes) => {
            println!("{processes} processes, but {expected} were to be");
            1
        }
        Err(error) => {
            println!("forktree: {error}");
            1
        }
    }
}

/// Prints this node, forks its children, and counts the processes of the subtree. A child's exit
/// status is its count.
fn grow(name: &str, depth: u32) -> Result<u32, Error> {
    println!("[{}] I am '{name}'", id());
    if depth == 0 {
        return Ok(1);
    }
    let mut children = [None; 2];
    for (child, branch) in children.iter_mut().zip(['0', '1']) {
        match fork()? {
            Fork::Child => exit_with(grow(&format!("{name}{branch}"), depth - 1)),
            Fork::Parent { child: id } => *child = Some(id),
        }
    }
    let mut processes = 1;
    for child in children {
        let ended = wait(child)?;
        if ended.reason != Reason::Exited {
            println!("[{}] was killed", ended.child);
            return Err(Error::PeerEnded);
        }
        processes += ended.status;
    }
    Ok(processes)
}

/// Exits with the count. A subtree of depth 7 has 255 processes, the most that a status can hold.
fn exit_with(processes: Result<u32, Error>) -> ! {
    exit(processes.map_or(0, |processes| processes as u8))
}
