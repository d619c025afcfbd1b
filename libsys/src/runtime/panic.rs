//! What happens when a program panics: one line with the process, the place and the message; then
//! exit status 101.

use core::panic::PanicInfo;

use crate::{call, println};

/// Exit status of a program that panicked.
const PANICKED: u8 = 101;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let id = call::identity().id;
    match info.location() {
        Some(at) => println!("[{id}] panicked at {at}: {}", info.message()),
        None => println!("[{id}] panicked: {}", info.message()),
    }
    call::exit(PANICKED)
}
