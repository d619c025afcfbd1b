//! Where the kernel image lies: the linker script's symbols and the boot tables, as numbers.

use abi::layout::{KERNEL_BASE, PAGE_SIZE};

unsafe extern "C" {
    static image_start: u8;
    static data_start: u8;
    static image_end: u8;
    static boot_directory: u8;
    static boot_stack_guard: u8;
}

fn address(symbol: *const u8) -> u32 {
    symbol as u32
}

/// First byte of the image, code and read-only data first: page aligned.
#[must_use]
pub fn start() -> u32 {
    address(&raw const image_start)
}

/// First byte of what the kernel writes; everything before it is read-only. Page aligned.
#[must_use]
pub fn writable() -> u32 {
    address(&raw const data_start)
}

/// End of the image, exclusive, zeroed data included. Page aligned.
#[must_use]
pub fn end() -> u32 {
    address(&raw const image_end)
}

/// Physical address of the page directory that the boot made.
#[must_use]
pub fn directory() -> u32 {
    physical(address(&raw const boot_directory))
}

/// The page below the boot's stack, which the kernel leaves unmapped.
#[must_use]
pub fn stack_guard() -> u32 {
    address(&raw const boot_stack_guard)
}

/// First address of the boot's stack; it ends [`STACK_SIZE`] bytes later.
#[must_use]
pub fn stack_start() -> u32 {
    stack_guard() + PAGE_SIZE
}

/// Bytes of the boot's stack.
pub const STACK_SIZE: u32 = 32 * 1024;

/// Physical address of a byte of the image.
#[must_use]
pub const fn physical(address: u32) -> u32 {
    address - KERNEL_BASE
}
