//! `leave WHAT`: exits and leaves processes behind, which the shell must end.
//!
//! `owner` takes the console, `reader` reads what is typed, `bomb` forks without end, and `many`
//! leaves 20 processes that wait.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use libsys::paging::fork::{Fork, fork};
use libsys::print;
use libsys::process::start::usage;
use libsys::{Error, Target, console_read, println, set_console_owner, sleep, yield_now};

libsys::main!(main, arguments);
libsys::about!("leaves processes behind, which the shell ends", "leave owner|reader|bomb|many");

fn main() -> u8 {
    let mut arguments = libsys::args().skip(1);
    let (count, act): (u32, fn() -> !) = match (arguments.next(), arguments.next()) {
        (Some("owner"), None) => (1, own),
        (Some("reader"), None) => (1, read),
        (Some("bomb"), None) => (1, bomb),
        (Some("many"), None) => (20, wait),
        _ => {
            return usage();
        }
    };
    for _ in 0..count {
        match fork() {
            Ok(Fork::Child) => act(),
            Ok(Fork::Parent { .. }) => {}
            Err(error) => println!("leave: {error}"),
        }
    }
    0
}

fn own() -> ! {
    loop {
        if set_console_owner(Some(Target::Caller)).is_ok() {
            println!("leave: the console is mine");
            wait();
        }
        yield_now();
    }
}

fn read() -> ! {
    loop {
        let mut byte = [0];
        let length: Result<usize, Error> = console_read(&mut byte);
        if length == Ok(1) {
            print!("<{}>", byte[0] as char);
        }
    }
}

fn bomb() -> ! {
    loop {
        if fork().is_err() {
            sleep(1);
        }
    }
}

fn wait() -> ! {
    loop {
        sleep(1000);
    }
}
