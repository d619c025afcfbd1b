//! How a program begins: its first instructions store all registers; then, if it has claims to check,
//! it gets a larger stack.
#![allow(unsafe_code)]

use core::arch::global_asm;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::calls::{env_destroy, exit, page_alloc};
use crate::family;
use crate::print::print;
use crate::shown::{entry, test_page};
use support::memory::load;

/// A program that checks these claims in this order. Each is a function of that name.
#[macro_export]
macro_rules! program {
    ($($name:ident),* $(,)?) => {
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        extern "C" fn conformance_main() {
            $crate::start::take_memory();
            $crate::claims::try_all(&[
                $($crate::claims::Claim { name: stringify!($name), test: $name }),*
            ]);
        }
    };
}

/// The state in which the program began.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// eax, ebx, ecx, edx, esi, edi, ebp.
    pub general: [u32; 7],
    /// The stack pointer.
    pub esp: u32,
    /// The flags.
    pub eflags: u32,
    /// cs, ds, es, fs, gs, ss.
    pub selectors: [u32; 6],
    /// The entries of 0xEEBF_C000, 0xEEBF_D000, 0xEEBF_E000 and 0xEEBF_F000.
    pub stack_entries: [u32; 4],
    /// The bytes of the stack page that were not 0, except the last 1,024, which are in use by
    /// then.
    pub dirty_stack: u32,
    /// Pages that were present below UTOP.
    pub pages: u32,
}

/// The words of [`Start`] in their order. `_start` stores the first 15 (7, 1, 1 and 6); the Rust
/// code stores the other 6.
#[unsafe(no_mangle)]
static CONFORMANCE_START: [AtomicU32; 21] = [const { AtomicU32::new(0) }; 21];

/// The state in which this program, or the parent that it was forked from, began.
pub fn start() -> Start {
    let word = |index: usize| CONFORMANCE_START[index].load(Ordering::Relaxed);
    Start {
        general: core::array::from_fn(word),
        esp: word(7),
        eflags: word(8),
        selectors: core::array::from_fn(|index| word(9 + index)),
        stack_entries: core::array::from_fn(|index| word(15 + index)),
        dirty_stack: word(19),
        pages: word(20),
    }
}

/// The first address after the part of the program that is in the file, and the first address after
/// the program.
pub fn image_ends() -> (u32, u32) {
    let address = |symbol: *const u8| symbol.expose_provenance() as u32;
    (address(&raw const program_file_end), address(&raw const program_end))
}

unsafe extern "C" {
    /// The program's own function, made by [`crate::program!`].
    safe fn conformance_main();
    /// Only its address is used.
    static program_file_end: u8;
    /// Only its address is used.
    static program_end: u8;
}

/// Pages of stack that a program allocates below the one that it has.
const MORE_STACK: u32 = 15;

/// The Rust half of the start.
#[unsafe(no_mangle)]
extern "C" fn conformance_start() -> ! {
    let note = |index: usize, word: u32| CONFORMANCE_START[index].store(word, Ordering::Relaxed);
    for (index, page) in (15..).zip([0xEEBF_C000, 0xEEBF_D000, 0xEEBF_E000, 0xEEBF_F000]) {
        note(index, entry(page));
    }
    let dirty = (0xEEBF_D000..0xEEBF_DC00_u32).step_by(4).filter(|address| load(*address) != 0);
    note(19, dirty.count() as u32);
    note(20, family::pages().count() as u32);
    conformance_main();
    exit()
}

/// Allocates what most claims need: a larger stack, the board, the table of the test pages.
pub fn take_memory() {
    for page in 1..=MORE_STACK {
        assert_eq!(page_alloc(0, 0xEEBF_D000 - 0x1000 * page, 7), 0, "a page of stack");
    }
    // Shared with all children, from the first claim on.
    assert_eq!(page_alloc(0, family::BOARD, 0x407), 0, "the board");
    // Allocates the page table of the test pages, so that no claim has to count it.
    assert_eq!(page_alloc(0, test_page(0), 7), 0, "a place");
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    print(format_args!("FAILED with a panic: {info}\n"));
    env_destroy(0);
    loop {
        core::hint::spin_loop();
    }
}

// From the kernel: esp is 0xEEBF_E000, and there is one page of stack. Nothing else may be assumed.
global_asm!(
    "    .pushsection .table, \"a\", @progbits",
    "    .long 0x0BADF00D, 0, 0, 0x1BADB002",
    "    .popsection",
    "    .pushsection .text._start, \"ax\", @progbits",
    "    .global _start",
    "_start:",
    "    mov [CONFORMANCE_START], eax",
    "    mov [CONFORMANCE_START + 4], ebx",
    "    mov [CONFORMANCE_START + 8], ecx",
    "    mov [CONFORMANCE_START + 12], edx",
    "    mov [CONFORMANCE_START + 16], esi",
    "    mov [CONFORMANCE_START + 20], edi",
    "    mov [CONFORMANCE_START + 24], ebp",
    "    mov [CONFORMANCE_START + 28], esp",
    "    pushfd",
    "    pop dword ptr [CONFORMANCE_START + 32]",
    "    mov eax, cs",
    "    mov [CONFORMANCE_START + 36], eax",
    "    mov eax, ds",
    "    mov [CONFORMANCE_START + 40], eax",
    "    mov eax, es",
    "    mov [CONFORMANCE_START + 44], eax",
    "    mov eax, fs",
    "    mov [CONFORMANCE_START + 48], eax",
    "    mov eax, gs",
    "    mov [CONFORMANCE_START + 52], eax",
    "    mov eax, ss",
    "    mov [CONFORMANCE_START + 56], eax",
    "    xor ebp, ebp",
    // esp + 4 is a multiple of 16 at the entry of a function.
    "    and esp, -16",
    "    call conformance_start",
    "    ud2",
    "    .popsection",
);
