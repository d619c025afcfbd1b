//! Links every program as JOS's own are linked.

use std::env;
use std::path::Path;

fn main() {
    // The script is for the machine; on the host the bins are never linked.
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os != "none") {
        return;
    }
    let package = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let script = Path::new(&package).join("jos.ld");
    println!("cargo::rustc-link-arg-bins=-T{}", script.display());
    println!("cargo::rerun-if-changed={}", script.display());
}
