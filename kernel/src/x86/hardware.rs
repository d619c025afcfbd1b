//! One CPU and the memory behind it: the core's trait [`Hardware`] on the real machine.
//!
//! # What this is
//!
//! The core decides, and this file does it: it reads and writes page-table entries, frames, the
//! memory of the current process, CR3 and the TLB, the FPU's registers. Entries are reached through
//! the self maps, frames through three *frame slots* of this CPU: pages whose table always exists,
//! so that reaching a frame never needs another one. A slot remembers its frame, and is moved only
//! when another frame is wanted.
//!
//! # Inside the trusted base
//!
//! The methods of [`Hardware`] are safe functions, and yet a wrong argument to one of them breaks
//! the kernel: [`Hardware::write_entry`] can map any frame anywhere, [`Hardware::write_frame`] can
//! write any frame. They are not `unsafe fn` because their one caller is `kernel_core`, which
//! forbids unsafe code, so that its tests run it on a model of the machine. So the border of what
//! has to be trusted is not this trait: it is the core. The `SAFETY` notes below name what the core
//! has to keep, and its property tests check these on the model after every step (`Model::audit`):
//!
//! - The table of an entry that is read or written is present.
//! - A frame that is written is none of the kernel's image and none of the frame table, so no Rust
//!   object lies in it.
//! - A user address has been walked, and is readable or writable as the access needs.
//! - A directory that is loaded has the shared kernel half.
//! - A change of a live entry is followed by the flush that its token demands.
//!
//! What can be checked here for nothing is checked here: an index of a word is taken modulo 1,024,
//! so a frame slot is never left.
//!
//! # What it does not do
//!
//! User memory is read and written by single instructions in assembly, never through a Rust
//! reference: programs may change it at any time, and it may be unaligned. The entries are volatile
//! words for the same reason: the CPU sets A and D in them.

use core::arch::asm;

use abi::layout::{ENTRIES, FRAME_SLOTS, PAGE_SIZE};
use abi::registers::USER_DATA;
use abi::transaction::Seen;
use abi::{Entry, EntryFlags, Frame, Page, Registers};
use kernel_core::hardware::{FpuState, Hardware, Ports, Reach};
use x86::controlregs::{Cr0, cr0, cr0_write, cr2, cr3_write};
use x86::tlb;

use crate::device::console;
use crate::device::pic;
use crate::device::timer::{Clock, NoTimer};
use crate::x86::{features, task_state};

/// One CPU.
pub struct Machine {
    clock: Clock,
    /// The flag that a leaf has if its translation may be cached: see `Hardware::may_be_cached`.
    cached_with: EntryFlags,
    words: FrameSlot<0>,
    target: FrameSlot<1>,
    source: FrameSlot<2>,
}

/// The flags of a frame slot's entry. A and D are set already, so that the CPU need not set them.
const SLOT: EntryFlags =
    EntryFlags::PRESENT.union(EntryFlags::WRITE).union(EntryFlags::ACCESSED_DIRTY);

/// Page `INDEX` of the frame slots, which shows one frame at a time. Only the entry is kept, so a
/// slot that shows nothing is all zero bytes.
struct FrameSlot<const INDEX: u32> {
    shows: Entry,
}

impl<const INDEX: u32> FrameSlot<INDEX> {
    const PAGE: Page = Page::containing(FRAME_SLOTS + INDEX * PAGE_SIZE);
    const EMPTY: Self = Self { shows: Entry::ABSENT };

    /// The address of word `index` of `frame`, until the slot is moved.
    fn word(&mut self, frame: Frame, index: u32) -> *mut u32 {
        debug_assert!(index < ENTRIES);
        let entry = Entry::new(frame, SLOT);
        if self.shows != entry {
            self.shows = entry;
            EntryPointer::to(Reach::Current, Self::PAGE).set(entry);
            flush(Self::PAGE);
        }
        (Self::PAGE.address() + index % ENTRIES * 4) as *mut u32
    }
}

/// The address of a live table entry in a self map.
struct EntryPointer(*mut u32);

impl EntryPointer {
    fn to(reach: Reach, page: Page) -> Self {
        Self(reach.slot().entry_address(page) as *mut u32)
    }

    fn get(&self) -> Entry {
        // SAFETY: an aligned word of a self map; the core has seen that the table is present.
        Entry::from_bits(unsafe { self.0.read_volatile() })
    }

    fn set(&self, entry: Entry) {
        // SAFETY: as above. Which entry is right is the core's decision: that is its purpose.
        unsafe { self.0.write_volatile(entry.bits()) };
    }
}

fn flush(page: Page) {
    // SAFETY: ring 0; forgetting a translation changes no meaning.
    unsafe { tlb::flush(page.address() as usize) };
}

impl Machine {
    /// The CPU, whose frame slots show nothing yet. Their table is there from the first instruction
    /// on.
    pub const fn new() -> Self {
        Self {
            clock: Clock::STOPPED,
            cached_with: EntryFlags::empty(),
            words: FrameSlot::EMPTY,
            target: FrameSlot::EMPTY,
            source: FrameSlot::EMPTY,
        }
    }

    /// Finds out what this CPU promises about its TLB. Before the first process.
    pub fn learn_promises(&mut self) {
        self.cached_with =
            if features::is_intels() { EntryFlags::ACCESSED } else { EntryFlags::PRESENT };
    }

    /// Starts the timer's interrupts and the clock.
    ///
    /// # Errors
    /// `NoTimer`: the machine has no timer that counts.
    pub fn start_clock(&mut self) -> Result<(), NoTimer> {
        self.clock = Clock::start()?;
        Ok(())
    }
}

impl Hardware for Machine {
    fn read_entry(&mut self, reach: Reach, page: Page) -> Entry {
        EntryPointer::to(reach, page).get()
    }

    fn write_entry(&mut self, reach: Reach, page: Page, entry: Entry) {
        EntryPointer::to(reach, page).set(entry);
    }

    fn exchange_leaf(&mut self, page: Page, leaf: Entry) -> Entry {
        let mut bits = leaf.bits();
        // SAFETY: as in `EntryPointer::set`. XCHG with memory is one step by itself (Intel SDM vol.
        // 3A, 9.1.2.1).
        unsafe {
            asm!(
                "xchg [{}], {}", in(reg) EntryPointer::to(Reach::Current, page).0,
                inout(reg) bits, options(nostack, preserves_flags)
            );
        };
        Entry::from_bits(bits)
    }

    fn may_be_cached(&self, old: Entry) -> bool {
        old.bits() & self.cached_with.bits() != 0
    }

    fn any_present<const PAGES: u32>(&mut self, reach: Reach, page: Page) -> bool {
        let entry = |index: u32| EntryPointer::to(reach, page.plus(index)).get().bits();
        Entry::from_bits((0..PAGES).fold(0, |bits, index| bits | entry(index))).is_present()
    }

    fn read_frame(&mut self, frame: Frame, index: u32) -> u32 {
        let word = self.words.word(frame, index);
        // SAFETY: an aligned word of a frame slot, which is mapped.
        unsafe { word.read_volatile() }
    }

    fn write_frame(&mut self, frame: Frame, index: u32, value: u32) {
        let word = self.words.word(frame, index);
        // SAFETY: as above; the core has seen that the frame may be written.
        unsafe { word.write_volatile(value) };
    }

    fn zero_frame(&mut self, frame: Frame) {
        let first = self.target.word(frame, 0);
        // SAFETY: the 4,096 bytes of a frame slot, which is mapped; the core has seen that the
        // frame may be written. The stubs in `traps.s` have cleared DF.
        unsafe {
            asm!(
                "rep stosd",
                inout("edi") first => _, inout("ecx") ENTRIES => _, in("eax") 0,
                options(nostack, preserves_flags)
            );
        };
    }

    fn copy_frame(&mut self, to: Frame, from: Frame) {
        let source = self.source.word(from, 0);
        let target = self.target.word(to, 0);
        // SAFETY: the 4,096 bytes of two frame slots, as above; DF is clear. The compiler does not
        // let ESI be an operand, so it is exchanged and restored.
        unsafe {
            asm!(
                "xchg esi, {source}", "rep movsd", "mov esi, {source}",
                source = inout(reg) source => _,
                inout("edi") target => _, inout("ecx") ENTRIES => _,
                options(nostack, preserves_flags)
            );
        };
    }

    fn read_user_byte(&mut self, address: u32) -> u8 {
        let value: u8;
        // SAFETY: the core has seen that the byte is readable. Assembly, because no Rust object
        // lies there.
        unsafe {
            asm!(
                "mov {}, [{}]", out(reg_byte) value, in(reg) address,
                options(nostack, preserves_flags, readonly)
            );
        };
        value
    }

    fn read_user(&mut self, address: u32) -> u32 {
        let value: u32;
        // SAFETY: the core has seen that the word is readable. Assembly, because it may be
        // unaligned.
        unsafe {
            asm!(
                "mov {}, [{}]", out(reg) value, in(reg) address,
                options(nostack, preserves_flags, readonly)
            );
        };
        value
    }

    fn read_list(&mut self, address: u32, list: &mut [Seen]) {
        const WORDS: usize = size_of::<Seen>() / size_of::<u32>();
        // SAFETY: the core has seen that the words are readable; DF is clear, and ESI is exchanged
        // and restored, as in `copy_frame`.
        unsafe {
            asm!(
                "xchg esi, {source}", "rep movsd", "mov esi, {source}",
                source = inout(reg) address => _,
                inout("edi") list.as_mut_ptr() => _, inout("ecx") list.len() * WORDS => _,
                options(nostack, preserves_flags)
            );
        };
    }

    fn write_user_byte(&mut self, address: u32, value: u8) {
        // SAFETY: the core has seen that the byte is writable.
        unsafe {
            asm!(
                "mov [{}], {}", in(reg) address, in(reg_byte) value,
                options(nostack, preserves_flags)
            );
        };
    }

    fn write_user(&mut self, address: u32, value: u32) {
        // SAFETY: the core has seen that the word is writable.
        unsafe {
            asm!(
                "mov [{}], {}", in(reg) address, in(reg) value,
                options(nostack, preserves_flags)
            );
        };
    }

    fn write_user_at<const OFFSET: usize>(&mut self, address: u32, value: u32) {
        // SAFETY: the core has seen that the word is writable.
        unsafe {
            asm!(
                "mov [{} + {}], {}", in(reg) address, const OFFSET, in(reg) value,
                options(nostack, preserves_flags)
            );
        };
    }

    fn flush_page(&mut self, page: Page) {
        flush(page);
    }

    fn flush_all(&mut self) {
        // SAFETY: ring 0; forgetting translations changes no meaning.
        unsafe { tlb::flush_all() };
    }

    fn load_directory(&mut self, directory: Frame) {
        // SAFETY: the core passes a directory whose kernel half is the shared one, so this code and
        // its stack stay where they are.
        unsafe { cr3_write(u64::from(directory.address())) };
    }

    fn set_register_area(&mut self, registers: &mut Registers) {
        task_state::set_register_area(registers);
        // SAFETY: the kernel uses neither; a flat data segment may be loaded in ring 0.
        unsafe {
            asm!(
                "mov fs, {flat:e}", "mov gs, {flat:e}", flat = in(reg) USER_DATA,
                options(nostack, nomem, preserves_flags)
            );
        };
    }

    fn open_ports(&mut self, ports: &Ports) {
        task_state::open_ports(ports);
    }

    fn mask_line(&mut self, line: u32, masked: bool) {
        pic::set_mask(line, masked);
    }

    fn save_fpu(&mut self, state: &mut FpuState) {
        // SAFETY: 512 bytes, 16-byte aligned by type; CR4.OSFXSR is set, and the FPU is open.
        unsafe { asm!("fxsave [{}]", in(reg) state, options(nostack, preserves_flags)) };
    }

    fn load_fpu(&mut self, state: &FpuState) {
        self.open_fpu();
        // SAFETY: as above; the state is one that FXSAVE stored or `FpuState::CLEAN`, so its MXCSR
        // is valid.
        unsafe { asm!("fxrstor [{}]", in(reg) state, options(nostack, preserves_flags, readonly)) };
    }

    fn close_fpu(&mut self) {
        self.load_fpu(&FpuState::CLEAN);
        // SAFETY: ring 0 may read CR0, and reading it has no effect.
        let closed = unsafe { cr0() } | Cr0::CR0_TASK_SWITCHED;
        // SAFETY: ring 0; with TS set, only FPU instructions behave in another way (Intel SDM vol.
        // 3A, 2.5), and the kernel has none but those of this file.
        unsafe { cr0_write(closed) };
    }

    fn open_fpu(&mut self) {
        // SAFETY: ring 0; as above.
        unsafe { asm!("clts", options(nostack, nomem, preserves_flags)) };
    }

    fn fault_address(&mut self) -> u32 {
        // SAFETY: reading CR2 has no effect.
        unsafe { cr2() as u32 }
    }

    fn console_write(&mut self, byte: u8) {
        console::write(byte);
    }

    fn now(&mut self) -> u64 {
        self.clock.microseconds()
    }
}
