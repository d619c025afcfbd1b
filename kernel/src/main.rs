//! The Vitrine kernel: the boot order on one screen.
//!
//! This crate has everything that touches the machine, and all of the kernel's unsafe code but the
//! first instructions, which are in the crate `boot`. Every decision is in `kernel_core`, which
//! calls this crate through its trait `Hardware`. The kernel runs with interrupts off, never
//! blocks, and has one stack for each CPU.
//!
//! Files import downwards: this one and [`boot`](mod@boot) from `x86`, `x86` from `device`. `panic`
//! and `kernel` stand beside them.
#![no_std]
#![no_main]

mod boot;
mod device;
mod kernel;
mod panic;
mod selftest;
mod x86;

use abi::layout::FRAME_TABLE;
use abi::{Frame, boot_line};
use kernel_core::boot::memory_map::MemoryPlan;
use kernel_core::state::dma;
use kernel_core::{After, Cpu, Frames};

use crate::boot::error::CannotBoot;
use crate::boot::loader::Loader;
use crate::boot::{debug_table, kernel_space};
use crate::device::{console, pic, power};
use crate::kernel::Kernel;
use crate::x86::hardware::Machine;
use crate::x86::{apic, descriptors, features, per_cpu, traced, traps};

/// Where `start.s` arrives: in the higher half, on the boot's stack, with the boot's tables,
/// interrupts off. `began` is the low half of the time-stamp counter, read as soon as `start.s`
/// knew that there is one.
#[unsafe(no_mangle)]
extern "C" fn kernel_main(magic: u32, information: u32, began: u32) -> ! {
    console::start();
    console::print(format_args!("Vitrine {}\n", env!("CARGO_PKG_VERSION")));
    match boot(magic, information) {
        Ok(after) => traps::leave_boot(after, began),
        Err(reason) => {
            console::print(format_args!("cannot boot: {reason}\n"));
            power::off(1)
        }
    }
}

/// The boot order: traps (so that a mistake is reported), memory, then what [`start`] does. The CPU
/// has the features that this code needs: `start.s` looks before any compiled code runs.
fn boot(magic: u32, information: u32) -> Result<After, CannotBoot> {
    descriptors::load();
    let mut machine = Machine::new();
    let loader = Loader::read(&mut machine, magic, information)?;
    let plan = loader.plan(&mut machine)?;
    // Not earlier: only now it is known that the machine has memory where the kernel's state lies.
    start(&mut kernel::borrow(), machine, &loader, plan)
}

/// The rest of the boot: the kernel's half, the CPU, the devices, the first process.
fn start(
    kernel: &mut Kernel,
    mut machine: Machine,
    loader: &Loader,
    mut plan: MemoryPlan,
) -> Result<After, CannotBoot> {
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

    features::enable();
    pic::start();
    apic::start(&mut machine);
    machine.start_clock()?;
    machine.learn_promises();
    console::listen();
    selftest::run(loader.command_line());
    traced::start(kernel, loader.command_line());

    kernel.cpu = Cpu::new(machine, per_cpu::BOOT, Frame::containing(::boot::image::directory()));
    let after = kernel.start_first(loader.archive(), loader.command_line())?;
    debug_table::publish(kernel.describe(FRAME_TABLE), loader);
    Ok(after)
}
