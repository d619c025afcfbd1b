//! Links the programs at the address where JOS programs lie.

use std::env;
use std::path::Path;

fn main() {
    // The script is for the machine; on the host the bin is never linked.
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os != "none") {
        return;
    }
    let package = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let script = Path::new(&package).join("../../../boot/program.ld");
    println!("cargo::rustc-link-arg-bins=-T{}", script.display());
    println!("cargo::rerun-if-changed={}", script.display());
}
