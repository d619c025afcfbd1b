//! One CPU and the memory behind it: what `kernel_core` asks for, done.
//!
//! Frames are reached through the CPU's windows: pages whose table always exists, so that reaching one never
//! needs another. A window remembers its frame and is moved only when another is wanted.

use core::arch::asm;
use core::mem::MaybeUninit;

use abi::layout::{ENTRIES, FRAME_SLOTS, PAGE_SIZE};
use abi::{Entry, EntryFlags, Frame, Page, Registers};
use kernel_core::hardware::Ports;
use kernel_core::hardware::{FpuState, Hardware, Reach};
use x86::controlregs::{cr2, cr3_write};
use x86::tlb;

use crate::boot::error::CannotBoot;
use crate::device::console;
use crate::device::pic;
use crate::device::timer::Clock;
use crate::x86::descriptors::Tables;
use crate::x86::per_cpu;

/// One CPU.
pub struct Machine {
    clock: Clock,
    words: Window,
    target: Window,
    source: Window,
}

/// Window pages of one CPU.
const SLOTS_EACH: u32 = 3;

/// What a window entry says beside the frame. A and D are set already, so that the CPU need not.
const WINDOW: EntryFlags =
    EntryFlags::PRESENT.union(EntryFlags::WRITE).union(EntryFlags::ACCESSED_DIRTY);

/// A page that shows one frame at a time.
struct Window {
    page: Page,
    shows: Entry,
}

impl Window {
    const fn new(cpu: u32, index: u32) -> Self {
        Self {
            page: Page::containing(FRAME_SLOTS + (cpu * SLOTS_EACH + index) * PAGE_SIZE),
            shows: Entry::ABSENT,
        }
    }

    /// The address at which word `index` of `frame` can be reached until the window is moved.
    fn word(&mut self, frame: Frame, index: u32) -> *mut u32 {
        debug_assert!(index < ENTRIES);
        let entry = Entry::new(frame, WINDOW);
        if self.shows != entry {
            self.shows = entry;
            entry_of(Reach::Current, self.page).set(entry);
            flush(self.page);
        }
        (self.page.address() + index % ENTRIES * 4) as *mut u32
    }
}

/// A live table entry, through a self map.
struct Place(*mut u32);

fn entry_of(reach: Reach, page: Page) -> Place {
    Place(reach.slot().entry_address(page) as *mut u32)
}

impl Place {
    fn get(&self) -> Entry {
        // SAFETY: an aligned word of a self map, and the table is present, by the duty of `read_entry`'s caller.
        Entry::from_bits(unsafe { self.0.read_volatile() })
    }

    fn set(&self, entry: Entry) {
        // SAFETY: as above. What the entry may say is the core's to decide: that is its purpose.
        unsafe { self.0.write_volatile(entry.bits()) };
    }
}

fn flush(page: Page) {
    // SAFETY: ring 0; forgetting a translation changes no meaning.
    unsafe { tlb::flush(page.address() as usize) };
}

impl Machine {
    /// CPU `number`, with its windows not yet open. The window table is there from the first instruction on.
    pub const fn new(number: u32) -> Self {
        Self {
            clock: Clock::STOPPED,
            words: Window::new(number, 0),
            target: Window::new(number, 1),
            source: Window::new(number, 2),
        }
    }

    /// Starts the timer's interrupts and the clock.
    ///
    /// # Errors
    /// `NoTimer`: the machine has no timer that counts.
    pub fn start_clock(&mut self) -> Result<(), CannotBoot> {
        self.clock = Clock::start()?;
        Ok(())
    }
}

impl Hardware for Machine {
    fn read_entry(&mut self, reach: Reach, page: Page) -> Entry {
        entry_of(reach, page).get()
    }

    fn write_entry(&mut self, reach: Reach, page: Page, entry: Entry) {
        entry_of(reach, page).set(entry);
    }

    fn any_present<const PAGES: u32>(&mut self, reach: Reach, page: Page) -> bool {
        let entry = |index: u32| entry_of(reach, page.plus(index)).get().bits();
        Entry::from_bits((0..PAGES).fold(0, |bits, index| bits | entry(index))).is_present()
    }

    fn read_frame(&mut self, frame: Frame, index: u32) -> u32 {
        let word = self.words.word(frame, index);
        // SAFETY: an aligned word of an open window.
        unsafe { word.read_volatile() }
    }

    fn write_frame(&mut self, frame: Frame, index: u32, value: u32) {
        let word = self.words.word(frame, index);
        // SAFETY: an aligned word of an open window. That the frame may be written is the core's to know.
        unsafe { word.write_volatile(value) };
    }

    fn zero_frame(&mut self, frame: Frame) {
        let first = self.target.word(frame, 0);
        // SAFETY: the 4,096 bytes of an open window. DF is clear: the stubs see to that.
        unsafe {
            asm!("rep stosd", inout("edi") first => _, inout("ecx") ENTRIES => _, in("eax") 0, options(nostack, preserves_flags))
        };
    }

    fn copy_frame(&mut self, to: Frame, from: Frame) {
        let source = self.source.word(from, 0);
        let target = self.target.word(to, 0);
        // SAFETY: the 4,096 bytes of two open windows; DF is clear. ESI is not an operand for the compiler to
        // give, so it is borrowed and put back.
        unsafe {
            asm!(
                "xchg esi, {source}", "rep movsd", "mov esi, {source}",
                source = inout(reg) source => _, inout("edi") target => _, inout("ecx") ENTRIES => _,
                options(nostack, preserves_flags)
            );
        };
    }

    fn read_user_byte(&mut self, address: u32) -> u8 {
        let value: u8;
        // SAFETY: the caller has found the byte readable. Assembly, because no Rust object lives there.
        unsafe {
            asm!("mov {}, [{}]", out(reg_byte) value, in(reg) address, options(nostack, preserves_flags, readonly))
        };
        value
    }

    fn read_user(&mut self, address: u32) -> u32 {
        let value: u32;
        // SAFETY: the caller has found the word readable. Assembly, because it may be unaligned.
        unsafe {
            asm!("mov {}, [{}]", out(reg) value, in(reg) address, options(nostack, preserves_flags, readonly))
        };
        value
    }

    fn write_user_byte(&mut self, address: u32, value: u8) {
        // SAFETY: the caller has found the byte writable.
        unsafe {
            asm!("mov [{}], {}", in(reg) address, in(reg_byte) value, options(nostack, preserves_flags))
        };
    }

    fn write_user(&mut self, address: u32, value: u32) {
        // SAFETY: the caller has found the word writable.
        unsafe {
            asm!("mov [{}], {}", in(reg) address, in(reg) value, options(nostack, preserves_flags))
        };
    }

    fn write_user_at<const OFFSET: usize>(&mut self, address: u32, value: u32) {
        // SAFETY: the caller has found the word writable.
        unsafe {
            asm!("mov [{} + {}], {}", in(reg) address, const OFFSET, in(reg) value, options(nostack, preserves_flags))
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
        // SAFETY: the core passes a directory whose kernel half is the shared one, so this code and its stack
        // stay where they are.
        unsafe { cr3_write(u64::from(directory.address())) };
    }

    fn set_register_area(&mut self, registers: &mut Registers) {
        let end = (&raw mut *registers).wrapping_add(1) as u32;
        // SAFETY: the word is in this CPU's own tables; hardware reads it at the next trap from ring 3.
        unsafe { Tables::entry_stack(per_cpu::local().tables()).write(end) };
    }

    fn open_ports(&mut self, ports: &Ports) {
        Tables::open_ports(per_cpu::local().tables(), ports);
    }

    fn mask_line(&mut self, line: u32, masked: bool) {
        pic::set_mask(line, masked);
    }

    fn save_fpu(&mut self, state: &mut FpuState) {
        // SAFETY: 512 bytes, 16-byte aligned by type; CR4.OSFXSR is set.
        unsafe {
            asm!(
                "fxsave [{state}]", "mov word ptr [{state} + {fs}], fs", "mov word ptr [{state} + {gs}], gs",
                state = in(reg) state, fs = const FpuState::FS, gs = const FpuState::GS,
                options(nostack, preserves_flags)
            );
        };
    }

    fn clean_fpu(&mut self, state: &mut FpuState) {
        let clean: &'static FpuState = &FpuState::CLEAN;
        // Through the CPU, a few instructions; by words it would be 128.
        let mut loaded = MaybeUninit::<FpuState>::uninit();
        let loaded = loaded.as_mut_ptr();
        // SAFETY: 512 bytes each, 16-byte aligned by type; CR4.OSFXSR is set, and `loaded` is filled before it is read.
        unsafe {
            asm!(
                "fxsave [{loaded}]", "fxrstor [{clean}]", "fxsave [{state}]", "fxrstor [{loaded}]",
                loaded = in(reg) loaded, clean = in(reg) clean, state = in(reg) &raw mut *state,
                options(nostack, preserves_flags)
            );
        };
        let segments = FpuState::FS..FpuState::GS + 2;
        state.0[segments.clone()].copy_from_slice(&clean.0[segments]);
    }

    fn load_fpu(&mut self, state: &FpuState) {
        // SAFETY: as above; the state is one that FXSAVE stored or `FpuState::CLEAN`, so its MXCSR is valid.
        // Its fs and gs are those of `CLEAN`, or were in these registers before, and no descriptor changes; where they
        // are no selectors after all, `fixups` makes the load one of null selectors.
        unsafe {
            asm!(
                "fxrstor [{state}]", "2: mov fs, word ptr [{state} + {fs}]", "3: mov gs, word ptr [{state} + {gs}]", "4:",
                ".pushsection .fixups, \"a\"", ".long 2b, 3b, 3b, 4b", ".popsection",
                state = in(reg) state, fs = const FpuState::FS, gs = const FpuState::GS,
                options(nostack, preserves_flags, readonly)
            );
        };
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
