//! The build script of every package with programs: links them at the address where JOS programs
//! lie.

use std::env;
use std::path::Path;

fn main() {
    // The script is for the machine: on the host a package's tests are linked as usual.
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os != "none") {
        return;
    }
    let package = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let mut folders = Path::new(&package).ancestors().map(|folder| folder.join("boot/program.ld"));
    let script = folders.find(|script| script.is_file()).expect("a folder above has boot");
    println!("cargo::rustc-link-arg=-T{}", script.display());
    println!("cargo::rerun-if-changed={}", script.display());
}
