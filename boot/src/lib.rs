//! From the boot loader to the first Rust line: the Multiboot header and the first page directory
//! (`start.s`), what the loader reports ([`multiboot`]), and where the image lies ([`image`]).
//!
//! Assumed: a Multiboot 1 loader that leaves the CPU in 32-bit protected mode with flat segments and paging
//! off, and puts the image where its program headers say, from 1 MiB up.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod image;
pub mod multiboot;

#[cfg(target_os = "none")]
core::arch::global_asm!(
    include_str!("start.s"),
    base = const abi::layout::KERNEL_BASE,
    image = const abi::layout::directory_index(abi::layout::KERNEL_BASE) * 4,
    windows = const abi::layout::directory_index(abi::layout::WINDOWS) * 4,
    own = const abi::layout::directory_index(abi::layout::SELF_MAP) * 4,
);
