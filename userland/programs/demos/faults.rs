//! `faults`: forks one child for each kind of bad access, and prints how the kernel ended it.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod provoke;

use libsys::abi::layout::{KERNEL_BASE, PROGRAM_TEXT, UENVS, UVPD, UVPT};
use libsys::abi::message::Reason;
use libsys::paging::fork::{Fork, fork};
use libsys::process::{exit, wait};
use libsys::{Error, println};

libsys::main!(main);
libsys::about!("each kind of bad access, and its outcome");

/// Exit status of a process that an exception ended: this plus the vector.
const KILLED: u32 = 128;
const PAGE_FAULT: u32 = KILLED + 14;
const GENERAL_PROTECTION: u32 = KILLED + 13;

/// What the case is called, what the child does, and the status with which the kernel ends it.
type Case = (&'static str, fn(), u32);

fn read(address: u32) {
    core::hint::black_box(provoke::read(address));
}

#[allow(unsafe_code)]
fn write(address: u32, value: u32) {
    // SAFETY: each case names an address that no program may write, so the store ends the process.
    unsafe { provoke::write(address, value) };
}

#[allow(unsafe_code)]
fn jump(address: u32) {
    // SAFETY: the case names an address in the kernel, which no program may execute.
    unsafe { provoke::jump(address) };
}

const CASES: [Case; 20] = [
    ("reads address 0", || read(0), PAGE_FAULT),
    ("writes address 0", || write(0, 1), PAGE_FAULT),
    ("writes its program text", || write(PROGRAM_TEXT + 0x20, 0), PAGE_FAULT),
    ("writes a table through the window", || write(UVPT + (PROGRAM_TEXT >> 10), 7), PAGE_FAULT),
    ("writes its directory through the window", || write(UVPD, 7), PAGE_FAULT),
    ("reads a kernel table through the window", || read(UVPT + (KERNEL_BASE >> 10)), PAGE_FAULT),
    ("reads kernel memory", || read(KERNEL_BASE + 0x10_0000), PAGE_FAULT),
    ("writes process info", || write(UENVS + 72, 0), PAGE_FAULT),
    ("jumps into the kernel", || jump(KERNEL_BASE + 0x10_0000), PAGE_FAULT),
    ("overflows its stack", || _ = core::hint::black_box(provoke::overflow_stack(0)), PAGE_FAULT),
    ("divides by zero", provoke::divide_by_zero, KILLED),
    ("meets a breakpoint", provoke::breakpoint, KILLED + 3),
    ("executes an undefined instruction", provoke::undefined, KILLED + 6),
    ("halts the CPU", provoke::halt, GENERAL_PROTECTION),
    ("turns interrupts off", provoke::interrupts_off, GENERAL_PROTECTION),
    ("reads a port", provoke::port_in, GENERAL_PROTECTION),
    ("turns the machine off by a port", provoke::port_out, GENERAL_PROTECTION),
    ("raises a software interrupt", provoke::software_interrupt, GENERAL_PROTECTION),
    ("loads a kernel selector", provoke::bad_selector, GENERAL_PROTECTION),
    ("reads CR3", provoke::control_register, GENERAL_PROTECTION),
];

fn main() -> Result<u8, Error> {
    let mut wrong = 0;
    for (what, act, status) in CASES {
        println!("a child {what}:");
        let child = match fork()? {
            Fork::Child => {
                act();
                println!("    and comes back unharmed");
                exit(0);
            }
            Fork::Parent { child } => child,
        };
        let ended = wait(Some(child))?;
        let as_expected = ended.reason == Reason::Killed && ended.status == status;
        wrong += u32::from(!as_expected);
        let judged = if as_expected { "as it should" } else { "WRONG" };
        println!("    it ended with status {}: {judged}", ended.status);
    }
    println!("{} bad accesses, {wrong} of them treated wrong", CASES.len());
    Ok(u8::from(wrong > 0))
}
