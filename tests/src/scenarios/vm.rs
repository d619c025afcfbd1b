//! The programs on the primitives of Appel and Li: what they print, and that each finds itself
//! right.

use libtest_mimic::Trial;

use crate::{Boot, Claim, claim};

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    vec![
        claim("vm::vmpup_takes_as_many_faults_as_it_writes_protected_pages", vmpup),
        claim("vm::guard_goes_on_after_each_fault_on_its_guard_page_and_loses_no_cell", guard),
        claim("vm::gc_leaves_the_same_cells_with_faults_and_with_dirty_bits", gc),
        claim("vm::compress_keeps_all_bytes_in_a_fifth_of_the_frames", compress),
    ]
}

/// What no such boot may show.
const NEVER: [&str; 2] = ["kernel panic*", "*not so*"];

fn vmpup() -> Claim {
    Boot::new().run("vmpup").boot()?.exits(0)?.lacks(&NEVER)?.shows(&[
        "vmpup: 100 pages in random order, counted in instructions",
        "prot1+trap+unprot * for each of 10000 faults",
        "protN+trap+unprot * for each of 10000 faults",
        "trap * for each of 5000 faults",
        "sum ",
    ])?;
    Ok(())
}

fn guard() -> Claim {
    Boot::new().run("guard").boot()?.exits(0)?.lacks(&NEVER)?.shows(&[
        "guard: 800000 allocations without a check, * faults on the guard page",
        "guard: * cells moved; two spaces of 4 pages grew to * and *",
        "guard: 16 stacks of * cells are as they were built",
    ])?;
    Ok(())
}

fn gc() -> Claim {
    Boot::new().run("gc").boot()?.exits(0)?.lacks(&NEVER)?.lacks(&["* 0 major *"])?.shows(&[
        "gc: 60000 steps on 4096 slots, counted in instructions",
        "gc: by protection: * faults, * pages scanned in * minor and * major collections, * ticks",
        "gc: by protection: all 4096 slots hold what they should",
        "gc: by dirty bits: 0 faults, * pages scanned in * minor and * major collections, * ticks",
        "gc: by dirty bits: all 4096 slots hold what they should",
        "gc: both leave the same * cells",
    ])?;
    Ok(())
}

fn compress() -> Claim {
    Boot::new().run("compress").boot()?.exits(0)?.lacks(&NEVER)?.shows(&[
        "compress: 256 pages in 48 frames",
        "compress: * faults; * pages went compressed, * as they had come",
        "compress: 48 pages resident at most; * bytes hold what 256 pages held",
        "compress: all 1048576 bytes are as written",
    ])?;
    Ok(())
}
