//! Runs every scenario, a few boots at a time: `cargo xtask test [FILTER]`.

#![forbid(unsafe_code)]

use libtest_mimic::{Arguments, run};

/// Boots at the same time, unless `--test-threads` says otherwise: QEMU keeps a processor busy.
const BOOTS: usize = 2;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(BOOTS);
    run(&arguments, vitrine_tests::scenarios::chosen()).exit();
}
