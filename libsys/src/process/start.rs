//! How a program begins: from the first instruction to its `main`, and from there to its exit
//! status.
#![allow(unsafe_code)]

use core::arch::global_asm;

use abi::layout::USER_STACK_TOP;

use super::about::About;
use super::arguments::{self, args};
use crate::call;
use crate::paging::fault;
use crate::runtime::logger;

/// Names the function with which a program begins: `libsys::main!(main);`. It takes nothing and
/// returns a [`Status`].
///
/// A program that is declared so takes no arguments. With any, it ends at once with its usage line
/// and [`USAGE`]: a user sees that the argument was not read. `libsys::main!(main, arguments);`
/// declares a program that reads [`args`], and refuses by itself those that it does not understand.
#[macro_export]
macro_rules! main {
    ($main:path) => {
        fn main_without_arguments() -> u8 {
            match $crate::process::start::refuse_arguments() {
                Ok(()) => $crate::process::start::Status::status($main()),
                Err(status) => status,
            }
        }

        $crate::main!(main_without_arguments, arguments);
    };
    ($main:path, arguments) => {
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        extern "C" fn libsys_main() -> u8 {
            $crate::process::start::Status::status($main())
        }
    };
}

/// With this argument alone, a program prints what it is, and `main` is not called.
const HELP: &str = "--help";

/// Exit status of a program that was started with arguments that it does not understand.
pub const USAGE: u8 = 2;

/// Prints what to type instead of arguments that the program does not understand, and returns
/// [`USAGE`].
pub fn usage() -> u8 {
    match about() {
        Some(about) => crate::println!("usage: {}", about.usage),
        None => {
            crate::println!("usage: {}   (no arguments)", args().next().unwrap_or("program"));
        }
    }
    USAGE
}

/// What the program says about itself, if it does.
pub fn about() -> Option<About<'static>> {
    let (start, end) = (&raw const about_start, &raw const about_end);
    // SAFETY: boot/program.ld puts the section between the two symbols, among the read-only data,
    // so the bytes are initialised and nothing writes them.
    let section = unsafe { core::slice::from_raw_parts(start, end.addr() - start.addr()) };
    About::parse(section)
}

unsafe extern "C" {
    /// The first byte of what the program says about itself.
    static about_start: u8;
    /// The byte behind its last one.
    static about_end: u8;
}

/// For a program without arguments: if there are any, prints what to type instead.
///
/// # Errors
/// The exit status: there are arguments.
pub fn refuse_arguments() -> Result<(), u8> {
    // Not `args().nth(1)`: reading a string touches a page more of the program.
    if args().len() <= 1 { Ok(()) } else { Err(usage()) }
}

/// A type that a `main` may return.
pub trait Status {
    /// The exit status: 0 to 255.
    fn status(self) -> u8;
}

impl Status for () {
    fn status(self) -> u8 {
        0
    }
}

impl Status for u8 {
    fn status(self) -> u8 {
        self
    }
}

/// An error is printed, with the program's name, and is status 1.
impl<T: Status, E: core::fmt::Display> Status for Result<T, E> {
    fn status(self) -> u8 {
        match self {
            Ok(value) => value.status(),
            Err(error) => {
                crate::println!("{}: {error}", args().next().unwrap_or("program"));
                1
            }
        }
    }
}

unsafe extern "C" {
    /// The program's, made by [`main!`].
    safe fn libsys_main() -> u8;
}

/// The Rust half of the start.
#[unsafe(no_mangle)]
extern "C" fn libsys_start(count: u32, argv: u32, is_traced: u32) -> ! {
    if is_traced != 0 {
        call::ask_before_exit();
    }
    arguments::set(count, argv);
    logger::install();
    if call::identity().pager.is_none() {
        fault::serve_own_regions().expect("a page for the exception stack");
    }
    if count == 2
        && args().nth(1) == Some(HELP)
        && let Some(about) = about()
    {
        crate::println!("{about}");
        call::exit(0);
    }
    call::exit(libsys_main())
}

// From the kernel or the parent: esp is USER_STACK_TOP if there are no arguments; else it points at
// argc, and argv is above that. ebx is 1 if the parent traces the program, else 0, and all else
// does not matter. A zero ebp ends backtraces.
global_asm!(
    "    .pushsection .text._start, \"ax\", @progbits",
    "    .global _start",
    "_start:",
    "    cmp esp, {top}",
    "    jne 2f",
    "    push 0",
    "    push 0",
    "2:  xor ebp, ebp",
    "    mov eax, [esp]",
    "    mov edx, [esp + 4]",
    // esp + 4 is a multiple of 16 at the entry of a function: three words and one of padding.
    "    and esp, -16",
    "    sub esp, 4",
    "    push ebx",
    "    push edx",
    "    push eax",
    "    call libsys_start",
    "    ud2",
    "    .popsection",
    top = const USER_STACK_TOP,
);
