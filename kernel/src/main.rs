//! The Vitrine kernel: the boot order on one screen.
//!
//! Everything that touches the machine is in this crate, and all of the kernel's unsafe code; every decision
//! is `kernel_core`'s. The kernel runs with interrupts off, never blocks, and has one stack for each CPU.
#![no_std]
#![no_main]

mod boot;
mod device;
mod panic;
mod selftest;
mod x86;

use abi::layout::FRAME_TABLE;
use abi::{Frame, boot_line};
use kernel_core::state::dma;
use kernel_core::{After, Cpu, Frames, Kernel};

use crate::boot::error::CannotBoot;
use crate::boot::loader::Loader;
use crate::boot::{debug_table, kernel_space};
use crate::device::{console, pic, power};
use crate::x86::hardware::Machine;
use crate::x86::{features, per_cpu, traced, traps};

/// The kernel's state, behind its one lock.
static KERNEL: spin::Mutex<Kernel> = spin::Mutex::new(Kernel::new());

/// Where `start.s` arrives: in the higher half, on the boot's stack, with the boot's tables, interrupts off.
/// `began` is the low half of the time-stamp counter, read as soon as `start.s` knew that there is one.
#[unsafe(no_mangle)]
extern "C" fn kernel_main(magic: u32, information: u32, began: u32) -> ! {
    console::start();
    console::print(format_args!("Vitrine {}\n", env!("CARGO_PKG_VERSION")));
    match boot(magic, information) {
        Ok(after) => traps::enter(after, began),
        Err(reason) => {
            console::print(format_args!("cannot boot: {reason}\n"));
            power::off(1)
        }
    }
}

/// The boot order: traps (so that a mistake is reported), memory, the CPU, the devices, the first process. That the
/// CPU has what this code needs is known: `start.s` looks before any compiled code runs.
fn boot(magic: u32, information: u32) -> Result<After, CannotBoot> {
    let local = per_cpu::local();
    local.load_descriptors();
    let mut machine = Machine::new(per_cpu::BOOT);
    let loader = Loader::read(&mut machine, magic, information)?;
    let mut plan = loader.plan(&mut machine)?;

    let mut kernel = KERNEL.lock();
    let records = kernel_space::take_over(&mut machine, &mut plan, kernel.process_info())?;
    let dma_pool = plan.take_run(dma::POOL);
    kernel_space::report(&plan);
    for word in boot_line::unknown(loader.command_line()) {
        let word = word.escape_ascii();
        console::print(format_args!("unknown word on the command line: {word}\n"));
    }
    kernel.frames = Frames::new(records, plan.ranges());
    kernel.set_dma_pool(dma_pool);
    loader.archive_frames().for_each(|frame| kernel.frames.reserve(frame));

    features::enable(local);
    pic::start(&mut machine);
    machine.start_clock()?;
    console::listen();
    selftest::run(loader.command_line());
    traced::start(local, &mut kernel, loader.command_line());

    let directory = Frame::containing(::boot::image::directory());
    // SAFETY: this CPU, interrupts off, and no trap has borrowed it yet; the borrow ends with the boot.
    let cpu = unsafe { local.start(Cpu::new(machine, per_cpu::BOOT, directory)) };
    let after = kernel.on(cpu).start_first(loader.archive(), loader.command_line())?;
    debug_table::publish(kernel.describe(cpu, FRAME_TABLE), &loader);
    Ok(after)
}
