//! What the decisions need from the machine: one trait, implemented by the real machine and by the model that
//! tests run on.
//!
//! Table entries travel by value. A *live* entry is one that hardware may have cached; whoever changes it gets a
//! token (see `space`) that forces the flush.

use abi::registers::USER_DATA;
use abi::{Entry, Frame, Page, Registers, Slot};

mod ports;

pub use ports::Ports;

/// What of a process stays in the CPU while the kernel runs: the state that FXSAVE stores, 512 bytes, 16-byte aligned
/// (Intel SDM vol. 1, 10.5.1), and in the bytes that it leaves to software the segment registers fs and gs.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub struct FpuState(pub [u8; 512]);

impl FpuState {
    /// Where fs lies, as a word of 16 bits; gs comes after it. FXSAVE leaves bytes 464 to 511 alone.
    pub const FS: usize = 464;
    /// Where gs lies.
    pub const GS: usize = Self::FS + 2;

    /// The state after FNINIT with all SSE exceptions masked: FCW 0x037F, MXCSR 0x1F80; flat user segments; all else 0.
    pub const CLEAN: Self = {
        let mut bytes = [0; 512];
        bytes[0] = 0x7F;
        bytes[1] = 0x03;
        bytes[24] = 0x80;
        bytes[25] = 0x1F;
        bytes[Self::FS] = USER_DATA as u8;
        bytes[Self::GS] = USER_DATA as u8;
        Self(bytes)
    };
}

/// Which tables an entry is reached through: the current space's or those of the one other space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// The space that CR3 names, through the self map 0x3FF.
    Current,
    /// The space that entry 0x3FE of the current directory names.
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

    /// The page through which the table under directory entry `index` is seen. Its own leaf, through the *current*
    /// self map, is that directory entry: the other space's directory is a table of the current one.
    #[must_use]
    pub const fn window_page(self, index: u32) -> Page {
        Page::containing(self.slot().table_address(index))
    }
}

/// One CPU and the memory behind it.
///
/// The methods are safe functions, though a wrong argument to one of them can break the kernel:
/// `write_entry` can map any frame anywhere. So this trait is no border of what has to be trusted.
/// It lies inside, together with all of the core, whose purpose it is to decide which entry is
/// right. As `unsafe fn` each method would ask its caller for a proof that only the whole core can
/// give, and the core could not forbid unsafe code. What an implementation may assume is in the
/// words of each method ("its table is present"); the model of the tests checks it at every call,
/// and `kernel/src/x86/hardware.rs` lists where the real machine relies on it.
pub trait Hardware {
    /// Reads the entry that describes `page`; its table is present.
    fn read_entry(&mut self, reach: Reach, page: Page) -> Entry;
    /// Writes the entry that describes `page`; its table is present.
    fn write_entry(&mut self, reach: Reach, page: Page, entry: Entry);

    /// Is any of the `PAGES` entries present that begin with that of `page`? Its number is a multiple of `PAGES`, a power of
    /// two, and the table is present.
    fn any_present<const PAGES: u32>(&mut self, reach: Reach, page: Page) -> bool {
        (0..PAGES).any(|index| self.read_entry(reach, page.plus(index)).is_present())
    }

    /// Reads word `index` (`0..1024`) of a frame, through a window.
    fn read_frame(&mut self, frame: Frame, index: u32) -> u32;
    /// Writes word `index` (`0..1024`) of a frame, through a window.
    fn write_frame(&mut self, frame: Frame, index: u32, value: u32);
    /// Fills a frame with zeros.
    fn zero_frame(&mut self, frame: Frame);
    /// Copies all of a frame.
    fn copy_frame(&mut self, to: Frame, from: Frame);
    /// Copies `words` words from word `from.1` of one frame to word `to.1` of another; neither run leaves its frame.
    fn copy_words(&mut self, to: (Frame, u32), from: (Frame, u32), words: u32) {
        for index in 0..words {
            let word = self.read_frame(from.0, from.1 + index);
            self.write_frame(to.0, to.1 + index, word);
        }
    }

    /// Reads a byte at the current process's own address, which the caller has found readable.
    fn read_user_byte(&mut self, address: u32) -> u8;
    /// Reads a word at the current process's own address, which the caller has found readable; any alignment.
    fn read_user(&mut self, address: u32) -> u32;
    /// Writes a byte at the current process's own address, which the caller has found writable.
    fn write_user_byte(&mut self, address: u32, value: u8);
    /// Writes a word at the current process's own address, which the caller has found writable; any alignment.
    fn write_user(&mut self, address: u32, value: u32);

    /// As [`Hardware::write_user`], to `address + OFFSET`: for records whose place alone is not known beforehand.
    fn write_user_at<const OFFSET: usize>(&mut self, address: u32, value: u32) {
        self.write_user(address + OFFSET as u32, value);
    }

    /// Forgets the translation of one page (INVLPG).
    fn flush_page(&mut self, page: Page);
    /// Forgets every translation (CR3 reload).
    fn flush_all(&mut self);
    /// Makes `directory` the current space; forgets every translation.
    fn load_directory(&mut self, directory: Frame);

    /// The next trap from ring 3 saves into `registers`, which stays where it is while its process lives.
    fn set_register_area(&mut self, registers: &mut Registers);
    /// Stores the FPU and SSE registers, fs and gs.
    fn save_fpu(&mut self, state: &mut FpuState);
    /// Fills in the state of FPU and SSE registers that were never used; those of the CPU stay as they are.
    fn clean_fpu(&mut self, state: &mut FpuState) {
        *state = FpuState::CLEAN;
    }
    /// Loads the FPU and SSE registers, fs and gs.
    fn load_fpu(&mut self, state: &FpuState);

    /// Lets the current process use these I/O ports and no others.
    fn open_ports(&mut self, ports: &Ports);
    /// Masks an interrupt line (`0..16`), or lets it through.
    fn mask_line(&mut self, line: u32, masked: bool);

    /// The address of the last page fault (CR2).
    fn fault_address(&mut self) -> u32;
    /// Sends a byte to the console.
    fn console_write(&mut self, byte: u8);
    /// Microseconds since boot; never goes back.
    fn now(&mut self) -> u64;
}
