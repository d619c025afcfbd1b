//! Links the kernel by boot/kernel.ld, at the address that abi names.

use std::path::Path;

fn main() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../boot/kernel.ld");
    println!("cargo::rerun-if-changed={}", script.display());
    println!("cargo::rustc-link-arg-bins=-T{}", script.display());
    println!("cargo::rustc-link-arg-bins=--defsym=KERNEL_BASE={:#x}", abi::layout::KERNEL_BASE);
}
