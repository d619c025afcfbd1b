//! `ports`: a file server may use all I/O ports. Started with `type=fs`.
#![no_std]
#![no_main]

use conformance::calls::{getenvid, sys_yield};
use conformance::claims::{Outcome, equal, holds, until};
use conformance::code::execute;
use conformance::family::{child, ends_well, kills};
use conformance::shown::{ID, TYPE, fresh, own, record};
use conformance::start::start;
use support::Registers;
use support::gate::interrupt;
use support::memory::{load, store};

conformance::program! {
    its_type_is_1,
    the_file_server_is_the_first_of_its_type,
    all_ports_are_open,
    ports_stay_open_after_others_have_run,
    disk_1_is_read_and_written_by_its_ports,
    io_privilege_is_0,
    interrupts_cannot_be_turned_off,
    its_children_are_ordinary,
}

fn its_type_is_1() -> Outcome {
    equal("type", own(TYPE), 1)
}

/// Searches as the course's library does.
fn the_file_server_is_the_first_of_its_type() -> Outcome {
    let found = (0..1024).find(|slot| record(*slot, TYPE) == 1);
    equal("id", found.map(|slot| record(slot, ID)), Some(getenvid()))
}

/// in al, dx
const IN: [u8; 1] = [0xEC];
/// mov al, 0x5A; out dx, al
const OUT: [u8; 3] = [0xB0, 0x5A, 0xEE];

/// The line status of the serial port has its "empty" bits set sooner or later; its scratch
/// register keeps a byte; port 0x80 takes any byte; and the last port of all.
fn all_ports_are_open() -> Outcome {
    holds("line status", execute(&IN, 0x3FD) & 0xFF != 0xFF)?;
    execute(&OUT, 0x3FF);
    equal("scratch register", execute(&IN, 0x3FF) & 0xFF, 0x5A)?;
    execute(&OUT, 0x80);
    execute(&IN, 0xFFFF);
    execute(&IN, 0x1F7);
    execute(&[0x66, 0xED], 0x1F0); // in ax, dx
    execute(&[0xED], 0xCF8); // in eax, dx
    Ok(())
}

fn ports_stay_open_after_others_have_run() -> Outcome {
    let other = child(|| {
        for _ in 0..10 {
            sys_yield();
        }
        Ok(())
    })?;
    for _ in 0..10 {
        sys_yield();
        execute(&OUT, 0x80);
    }
    ends_well(other)
}

fn out(port: u32, byte: u8) {
    execute(&[0xB0, byte, 0xEE], port);
}

/// Gives the second drive of the first controller a command for one sector, and waits until it is
/// ready for the data.
fn command(sector: u8, command: u8) -> Outcome {
    let is_ready = || execute(&IN, 0x1F7) & 0xC0 == 0x40;
    out(0x1F6, 0xF0);
    until("the drive is ready", is_ready)?;
    for (port, byte) in [(0x1F2, 1), (0x1F3, sector), (0x1F4, 0), (0x1F5, 0), (0x1F6, 0xF0)] {
        out(port, byte);
    }
    out(0x1F7, command);
    until("the drive has done it", is_ready)?;
    equal("errors", execute(&IN, 0x1F7) & 0x21, 0)
}

/// push `register`; mov `register`, page; mov ecx, 128; cld; rep insd or outsd; pop `register`
fn transfer(page: u32, instruction: u8, register: u8) {
    let [a, b, c, d] = page.to_le_bytes();
    let (push, mov, pop) = (0x50 + register, 0xB8 + register, 0x58 + register);
    execute(&[push, mov, a, b, c, d, 0xB9, 128, 0, 0, 0, 0xFC, 0xF3, instruction, pop], 0x1F0);
}

const ESI: u8 = 6;
const EDI: u8 = 7;

/// As the course's file server does it. The test has put a text at the beginning of sector 1.
fn disk_1_is_read_and_written_by_its_ports() -> Outcome {
    let page = fresh(1);
    command(1, 0x20)?; // read
    transfer(page, 0x6D, EDI);
    equal("first word", load(page), u32::from_le_bytes(*b"disk"))?;
    (0..512).step_by(4).for_each(|at| store(page + at, 0x0D15_C000 + at));
    command(2, 0x30)?; // write
    transfer(page, 0x6F, ESI);
    let back = fresh(2);
    command(2, 0x20)?;
    transfer(back, 0x6D, EDI);
    for at in (0..512).step_by(4) {
        equal("word", load(back + at), 0x0D15_C000 + at)?;
    }
    Ok(())
}

fn io_privilege_is_0() -> Outcome {
    equal("flags at the start", start().eflags, 0x202)?;
    let after = interrupt(Registers { eax: 2, eflags: 0x3202, ..Registers::default() });
    equal("after POPF", after.eflags & 0x3000, 0)
}

fn interrupts_cannot_be_turned_off() -> Outcome {
    kills(|| {
        execute(&[0xFA], 0); // cli
    })?;
    let after = interrupt(Registers { eax: 2, eflags: 0x2, ..Registers::default() });
    equal("after POPF", after.eflags & 0x200, 0x200)
}

fn its_children_are_ordinary() -> Outcome {
    ends_well(child(|| equal("type", own(TYPE), 0))?)?;
    kills(|| {
        execute(&IN, 0x3FD);
    })
}
