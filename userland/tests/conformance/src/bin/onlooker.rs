//! `onlooker`: counts the free frames when no other process can run any more, and stays until a key
//! is typed. `cargo xtask exhaust jos` starts it beside a program whose memory runs out, so it
//! allocates nothing itself.
#![no_std]
#![no_main]

use conformance::calls::{cgetc, sys_yield};
use conformance::native::frames;
use conformance::print::print;
use conformance::shown::{ID, STATUS, record};

#[allow(unsafe_code)]
#[unsafe(no_mangle)]
extern "C" fn conformance_main() {
    while others_are_active() {
        sys_yield();
    }
    match frames() {
        Ok((_, free)) => print(format_args!("onlooker: {free} frames are free\n")),
        Err(seen) => print(format_args!("FAILED onlooker: {seen}\n")),
    }
    while cgetc() == 0 {
        // The machine is stopped in a program, and not on the way into the kernel: an emulator that
        // is asked to stop while an exception begins stops behind it.
        for _ in 0..10_000 {
            core::hint::spin_loop();
        }
    }
}

/// Whether a process in another slot than the first is ready, or still gives its memory back. Slots
/// are taken from the lowest on, so the first one without an id ends the list.
fn others_are_active() -> bool {
    const DYING: u32 = 1;
    const RUNNABLE: u32 = 2;
    let slots = (1..1024).take_while(|slot| record(*slot, ID) != 0);
    slots.map(|slot| record(slot, STATUS)).any(|status| [DYING, RUNNABLE].contains(&status))
}
