//! From the boot loader to the first Rust line: the Multiboot header, what the CPU must have, and
//! the first page directory (`start.s`), what the loader reports ([`multiboot`]), and where the
//! image lies ([`image`]).
//!
//! Assumed: a Multiboot 1 loader that leaves the CPU in 32-bit protected mode with flat segments
//! and paging off, and puts the image where its program headers say, from 1 MiB up.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod image;
pub mod multiboot;

/// QEMU's `isa-debug-exit`: the value `v` ends it with status `v << 1 | 1`.
pub const EXIT_PORT: u16 = 0xF4;
/// Written to the exit port at an orderly end, whose status is on the serial line.
pub const CLEAN: u8 = 0x10;
/// Written instead if the serial port does not answer and the status is not 0.
pub const SILENT_FAILURE: u8 = 0x21;

#[cfg(target_os = "none")]
core::arch::global_asm!(
    include_str!("start.s"),
    exit_port = const EXIT_PORT,
    clean = const CLEAN,
    silent_failure = const SILENT_FAILURE,
    base = const abi::layout::KERNEL_BASE,
    image = const abi::layout::directory_index(abi::layout::KERNEL_BASE) * 4,
    slots = const abi::layout::directory_index(abi::layout::FRAME_SLOTS) * 4,
    own = const abi::layout::directory_index(abi::layout::SELF_MAP) * 4,
);
