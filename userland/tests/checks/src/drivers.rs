//! Drivers: what they get, what they keep, and that no other process gets any of it.
//!
//! The checks whose name begins with `a_driver` need `trust` on the boot line: then the harness
//! makes their process a driver. Without it they are skipped.

use libsys::abi::call::PageTransfer;
use libsys::abi::driver::{Line, PortRange};
use libsys::abi::layout::PAGE_SIZE;
use libsys::abi::message::Kind;
use libsys::device::ports;
use libsys::paging::fork;
use libsys::process::{end, id};
use libsys::{
    Error, Frame, PageRange, Permissions, ProcessId, Target, device_map, dma_allocate,
    driver_allow, interrupt_acknowledge, interrupt_attach, page_copy, page_map, ports_allow,
    process_create, receive, send,
};

use crate::expect::{Outcome, checks, equal, holds, refused};
use crate::family::{GENERAL_PROTECTION, child, is_killed, until};
use crate::memory::{bits, fresh, leaf, parent, test_page, test_pages};
use support::memory::{load, store};

checks! {
    nobody_is_a_driver_but_whom_a_driver_made_one,
    a_driver_uses_the_ports_that_it_was_given_and_no_others needs Driver,
    a_driver_maps_device_memory_and_no_ram needs Driver,
    a_driver_shares_its_pages_with_nobody needs Driver,
    a_driver_gets_zeroed_frames_in_a_row_again_and_again needs Driver,
    a_driver_hears_its_interrupts_one_for_each_acknowledgement needs Driver,
}

/// The clock's register and data port, and its interrupt line (MC146818A data sheet).
const CLOCK: u32 = 0x70;
const CLOCK_LINE: u32 = 8;
/// The last 16 bytes below 4 GiB, where the CPU starts: in the firmware's ROM.
const ROM: Frame = Frame::from_number(0xF_FFFF);

/// Writes a register of the clock.
#[allow(unsafe_code)]
fn write_port(port: u16, value: u8) {
    // SAFETY: the clock writes no memory.
    unsafe { ports::write_byte(port, value) };
}

#[allow(unsafe_code)]
fn release(range: PageRange) -> Result<(), Error> {
    // SAFETY: the checks have no device that uses their DMA frames, and no Rust object lies in test
    // pages.
    unsafe { libsys::dma_release(range) }
}

/// Gives back the DMA frames of a check that has ended.
///
/// # Errors
/// See [`libsys::Syscall::DmaReclaim`].
#[allow(unsafe_code)]
pub fn reclaim(driver: ProcessId) -> Result<u32, Error> {
    // SAFETY: as for `release`.
    unsafe { libsys::dma_reclaim(driver) }
}

fn port_range(first: u32, count: u32) -> Result<PortRange, Error> {
    PortRange::new(first, count)
}

/// Waits until the harness has made this process a driver.
fn driver() -> Outcome {
    until("this process is a driver", || port_range(CLOCK, 2).and_then(ports_allow).is_ok())
}

/// A child, which is no driver.
fn nobody_is_a_driver_but_whom_a_driver_made_one() -> Outcome {
    let ordinary = child(|| {
        let no = Error::NotPermitted;
        let other = child(|| Ok(()))?;
        refused("to make a driver", driver_allow(other, true), no)?;
        refused("ports", ports_allow(port_range(CLOCK, 2)?), no)?;
        refused("device memory", device_map(ROM, test_pages(0, 1)?), no)?;
        refused("DMA frames", dma_allocate(test_pages(0, 1)?), no)?;
        refused("to release some", release(test_pages(0, 1)?), no)?;
        refused("to reclaim some", reclaim(other), no)?;
        refused("a line", interrupt_attach(Line::new(CLOCK_LINE)?), no)?;
        refused("to acknowledge", interrupt_acknowledge(Line::new(CLOCK_LINE)?), no)?;
        crate::family::ends_well(other)?;
        write_port(CLOCK as u16, 0);
        Ok(())
    })?;
    is_killed(ordinary, GENERAL_PROTECTION)
}

fn a_driver_uses_the_ports_that_it_was_given_and_no_others() -> Outcome {
    driver()?;
    write_port(CLOCK as u16, 0x0B);
    holds("24 hours a day", ports::read_byte(CLOCK as u16 + 1) & 2 != 0)?;
    for (first, count) in [(0x20, 1), (0x40, 1), (0x3F8, 1), (0xF4, 1), (0x300, 256)] {
        refused("the kernel's ports", ports_allow(port_range(first, count)?), Error::Busy)?;
    }
    // A child does not inherit the ports, and a child that is a driver has only its own.
    let ordinary = child(|| {
        write_port(CLOCK as u16, 0x0B);
        Ok(())
    })?;
    is_killed(ordinary, GENERAL_PROTECTION)?;
    for beside in [CLOCK - 1, CLOCK + 2] {
        let other = child(move || {
            receive(Some(parent()?), None)?;
            ports_allow(port_range(CLOCK, 2)?)?;
            write_port(CLOCK as u16, 0x0B);
            send(parent()?, [0; 4], None)?;
            let _ = ports::read_byte(beside as u16);
            Ok(())
        })?;
        driver_allow(other, true)?;
        send(other, [0; 4], None)?;
        receive(Some(other), None)?;
        is_killed(other, GENERAL_PROTECTION)?;
    }
    write_port(CLOCK as u16, 0x0B);
    Ok(())
}

fn a_driver_maps_device_memory_and_no_ram() -> Outcome {
    driver()?;
    fresh(1)?;
    let own = leaf(test_page(1)).frame();
    for number in [own.number(), 0x100, 0, 0xF_EC00, 0xF_EE00] {
        let mapped = device_map(Frame::from_number(number), test_pages(0, 1)?);
        refused(number, mapped, Error::NotPermitted)?;
    }
    device_map(ROM, test_pages(0, 1)?)?;
    equal("flags", bits(test_page(0)) & !0x60, 0x01F)?;
    // A far jump, as at the start of every PC.
    equal("the first instruction", load(test_page(0).address() + PAGE_SIZE - 16) & 0xFF, 0xEA)
}

fn a_driver_shares_its_pages_with_nobody() -> Outcome {
    driver()?;
    let no = Error::NotPermitted;
    dma_allocate(test_pages(0, 1)?)?;
    device_map(ROM, test_pages(1, 1)?)?;
    let other = process_create()?;
    for page in [test_page(0), test_page(1)] {
        let mapped =
            page_map((Target::Caller, page), (Target::Caller, test_page(2)), Permissions::empty());
        refused("a second mapping", mapped, no)?;
        refused("a copy", page_copy(Target::Caller, page, Permissions::empty()), no)?;
        let transfer = PageTransfer { page, send: Some(Permissions::empty()), accept: false };
        refused("a message", send(other, [0; 4], Some(transfer)), no)?;
        let there = page_map((Target::Caller, page), (other, page), Permissions::empty());
        refused("another space", there, no)?;
        refused("a fork", fork::fork(), no)?;
    }
    end(other)?;
    store(test_page(0).address(), 7);
    equal("still there", load(test_page(0).address()), 7)
}

fn a_driver_gets_zeroed_frames_in_a_row_again_and_again() -> Outcome {
    driver()?;
    for round in 0..3 {
        let first = dma_allocate(test_pages(0, 64)?)?;
        for index in 0..64 {
            let page = test_page(index);
            equal("in a row", leaf(page).frame().number(), first.number() + index)?;
            equal("zeros", load(page.address() + 4 * index), 0)?;
            store(page.address() + 4 * index, 0x1234_5678);
        }
        refused("there are no more", dma_allocate(test_pages(64, 1)?), Error::OutOfFrames)?;
        release(test_pages(0, 64)?)?;
        holds(round, !leaf(test_page(0)).is_present())?;
    }
    Ok(())
}

fn a_driver_hears_its_interrupts_one_for_each_acknowledgement() -> Outcome {
    driver()?;
    let line = Line::new(CLOCK_LINE)?;
    for number in [0, 2, 4] {
        refused("the kernel's lines", interrupt_attach(Line::new(number)?), Error::Busy)?;
    }
    interrupt_attach(line)?;
    refused("twice", interrupt_attach(line), Error::Busy)?;
    let register = |number, value: Option<u8>| {
        write_port(CLOCK as u16, number);
        if let Some(value) = value {
            write_port(CLOCK as u16 + 1, value);
        }
        ports::read_byte(CLOCK as u16 + 1)
    };
    let before = register(0x0B, None);
    register(0x0B, Some(before | 0x40));
    for _ in 0..3 {
        let message = receive(Some(id()), None)?;
        equal("kind", message.kind, Kind::Interrupt)?;
        equal("line", message.words[0], CLOCK_LINE)?;
        // A read of register 0x0C lets the clock raise the next interrupt.
        let _ = register(0x0C, None);
        interrupt_acknowledge(line)?;
    }
    register(0x0B, Some(before));
    Ok(())
}
