//! What the core needs from the machine: one trait, implemented by the real machine and by the
//! model that tests run on.
//!
//! Table entries travel by value. A *live* entry is one that the TLB may hold. Code that changes a
//! live entry gets a must-use token (`memory::space`), so that a forgotten flush is a compiler
//! warning.

use abi::transaction::Seen;
use abi::{Entry, Frame, Page, Registers, Slot};

mod ports;

pub use ports::Ports;

/// The part of a process's state that stays in the CPU while the kernel runs: the 512 bytes,
/// 16-byte aligned, that FXSAVE stores (Intel SDM vol. 1, 10.5.1), and whether the process has used
/// the FPU in the bytes that FXSAVE leaves to software.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub struct FpuState(pub [u8; 512]);

impl FpuState {
    /// Byte offset of a flag: the process has used the FPU. As long as it has not, its registers
    /// are those of [`FpuState::CLEAN`], and what is stored of them has no meaning. FXSAVE does not
    /// write bytes 464 to 511.
    pub const USED: usize = 464;

    /// The state after FNINIT with all SSE exceptions masked: FCW 0x037F, MXCSR 0x1F80, everything
    /// else 0.
    pub const CLEAN: Self = {
        let mut bytes = [0; 512];
        bytes[0] = 0x7F;
        bytes[1] = 0x03;
        bytes[24] = 0x80;
        bytes[25] = 0x1F;
        Self(bytes)
    };

    /// Makes this the state of a process that has never run.
    pub fn begin(&mut self) {
        self.0[Self::USED] = 0;
    }

    /// Whether the process has used the FPU.
    #[must_use]
    pub const fn is_used(&self) -> bool {
        self.0[Self::USED] != 0
    }

    /// Notes that the process uses the FPU.
    pub const fn set_used(&mut self) {
        self.0[Self::USED] = 1;
    }
}

/// Through which self map an entry is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// The space that CR3 names, through the self map 0x3FF.
    Current,
    /// The space that entry 0x3FE of the loaded directory names.
    Alternate,
}

impl Reach {
    /// The self-map slot of this reach.
    #[must_use]
    pub const fn slot(self) -> Slot {
        match self {
            Self::Current => Slot::CURRENT,
            Self::Alternate => Slot::ALTERNATE,
        }
    }

    /// The page at which the table under directory entry `index` is seen.
    ///
    /// That page's own leaf is an entry of the directory. For the alternate space, it is reached
    /// through the *current* self map: the alternate directory is a table of the current space.
    #[must_use]
    pub const fn window_page(self, index: u32) -> Page {
        Page::containing(self.slot().table_address(index))
    }
}

/// One CPU and the memory behind it.
///
/// The methods are safe functions, though a wrong argument can break the kernel: `write_entry` can
/// map any frame anywhere. So this trait is not the border of the trusted code. It lies inside the
/// trusted code, together with the whole core, whose purpose is to decide which entry is right. If
/// the methods were `unsafe fn`, each call would need a proof that only the whole core can give,
/// and the core could not forbid unsafe code. What an implementation may assume is in the
/// documentation of each method ("the table is present"). The model of the tests checks each such
/// assumption at every call, and `kernel/src/x86/hardware.rs` lists where the real machine relies
/// on one.
pub trait Hardware {
    /// Reads the entry that maps `page`. The table that holds the entry is present.
    fn read_entry(&mut self, reach: Reach, page: Page) -> Entry;
    /// Writes the entry that maps `page`. The table that holds the entry is present.
    fn write_entry(&mut self, reach: Reach, page: Page, entry: Entry);

    /// Writes the leaf of `page` in the loaded space, and returns the leaf before. Both happen in
    /// one step, because the CPU may set A at any moment. The table is present.
    fn exchange_leaf(&mut self, page: Page, leaf: Entry) -> Entry;
    /// Whether the TLB may hold a translation of a leaf of the loaded space that was `old` when it
    /// was exchanged.
    ///
    /// An absent leaf is not cached. Intel's processors cache a translation only after they have
    /// set A in its leaf, so one without A is not cached either (Intel SDM vol. 3A, 4.10.2.3).
    /// AMD's manual does not promise that (APM vol. 2, 5.4.2), and what other vendors promise is
    /// not known: there each present leaf may be cached.
    fn may_be_cached(&self, old: Entry) -> bool;

    /// Whether any of the `PAGES` entries from that of `page` on is present. `PAGES` is a power of
    /// two, the number of `page` is a multiple of `PAGES`, and the table is present.
    fn any_present<const PAGES: u32>(&mut self, reach: Reach, page: Page) -> bool {
        (0..PAGES).any(|index| self.read_entry(reach, page.plus(index)).is_present())
    }

    /// Reads word `index` (`0..1024`) of a frame, through a frame slot.
    fn read_frame(&mut self, frame: Frame, index: u32) -> u32;
    /// Writes word `index` (`0..1024`) of a frame, through a frame slot.
    fn write_frame(&mut self, frame: Frame, index: u32, value: u32);
    /// Fills a frame with zeros.
    fn zero_frame(&mut self, frame: Frame);
    /// Copies a whole frame.
    fn copy_frame(&mut self, to: Frame, from: Frame);
    /// Copies `words` words, from word `from.1` of frame `from.0` to word `to.1` of frame `to.0`.
    /// Neither run of words goes past the end of its frame.
    fn copy_words(&mut self, to: (Frame, u32), from: (Frame, u32), words: u32) {
        for index in 0..words {
            let word = self.read_frame(from.0, from.1 + index);
            self.write_frame(to.0, to.1 + index, word);
        }
    }

    /// Reads a byte at a user address of the loaded space. The caller has checked that the process
    /// may read it.
    fn read_user_byte(&mut self, address: u32) -> u8;
    /// Reads a word, of any alignment, at a user address of the loaded space. The caller has
    /// checked that the process may read it.
    fn read_user(&mut self, address: u32) -> u32;
    /// Reads a list, as [`Hardware::read_user`] reads a word.
    fn read_list(&mut self, address: u32, list: &mut [Seen]) {
        for (seen, at) in list.iter_mut().zip((address..).step_by(size_of::<Seen>())) {
            *seen = Seen { page: self.read_user(at), entry: self.read_user(at + 4) };
        }
    }
    /// Writes a byte at a user address of the loaded space. The caller has checked that the process
    /// may write it.
    fn write_user_byte(&mut self, address: u32, value: u8);
    /// Writes a word, of any alignment, at a user address of the loaded space. The caller has
    /// checked that the process may write it.
    fn write_user(&mut self, address: u32, value: u32);

    /// As [`Hardware::write_user`], to `address + OFFSET`: for the fields of a record. The offset
    /// is known when this is compiled, so that it costs no addition.
    fn write_user_at<const OFFSET: usize>(&mut self, address: u32, value: u32) {
        self.write_user(address + OFFSET as u32, value);
    }

    /// Flushes one page from the TLB (INVLPG).
    fn flush_page(&mut self, page: Page);
    /// Flushes all pages from the TLB (CR3 reload).
    fn flush_all(&mut self);
    /// Loads `directory` into CR3, which also flushes all pages from the TLB.
    fn load_directory(&mut self, directory: Frame);

    /// Sets where the next trap from ring 3 saves the registers. `registers` does not move while
    /// its process lives. What another process has left in fs and gs is gone then.
    fn set_register_area(&mut self, registers: &mut Registers);
    /// Stores the FPU and SSE registers. The FPU is open.
    fn save_fpu(&mut self, state: &mut FpuState);
    /// Opens the FPU and loads the FPU and SSE registers.
    fn load_fpu(&mut self, state: &FpuState);
    /// Loads the FPU and SSE registers of [`FpuState::CLEAN`] and closes the FPU: the next
    /// instruction that uses it traps ([`DEVICE_NOT_AVAILABLE`](abi::fault::DEVICE_NOT_AVAILABLE)).
    fn close_fpu(&mut self);
    /// Opens the FPU with the registers that it has.
    fn open_fpu(&mut self);

    /// Lets the loaded process use these I/O ports and no others.
    fn open_ports(&mut self, ports: &Ports);
    /// Masks an interrupt line (`0..16`), or unmasks it.
    fn mask_line(&mut self, line: u32, masked: bool);

    /// The address of the last page fault (CR2).
    fn fault_address(&mut self) -> u32;
    /// Sends a byte to the console.
    fn console_write(&mut self, byte: u8);
    /// Microseconds since boot. The value never decreases.
    fn now(&mut self) -> u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FXSAVE leaves bytes 464 to 511 to software.
    #[test]
    fn a_process_that_has_never_run_has_an_unused_fpu() {
        let mut state = FpuState([0xA5; 512]);
        state.begin();
        assert!(!state.is_used());
        state.set_used();
        assert!(state.is_used());
    }
}
