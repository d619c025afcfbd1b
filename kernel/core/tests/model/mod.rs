//! The machine that the tests run on: RAM, an MMU that walks as the CPU does, and a TLB that
//! forgets nothing.
//!
//! The MMU is that of the Intel SDM, vol. 3A, chapter 4: U and W are ANDed over both levels, CR0.WP
//! = 1 binds ring 0 as well, A is set in both levels and D in the leaf. Every translation is cached
//! until a flush or a fault removes it, and so is every directory entry that a walk has used:
//! hardware may evict earlier, so what is right here is right there, and a missing flush shows at
//! once. Frames that nobody has written hold [`POISON`], not zeros.
//!
//! `kernel_core` uses self maps with ring-0 rights and windows that reach any frame. Where one of
//! *its* accesses would use a translation that the tables no longer give, the test fails there,
//! with the walk printed. Left out: caching of absence (no Intel CPU does it), 4 MiB pages
//! (refused), global pages (CR4.PGE is 0).
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod audit;
pub mod boot;

use std::collections::HashMap as AnyHashMap;
use std::fmt::Write as _;
use std::hash::{BuildHasherDefault, Hasher};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use abi::fault::Access;
use abi::layout::{ENTRIES, PAGE_SIZE};
use abi::{Entry, EntryFlags, Frame, Page, Registers};
use kernel_core::hardware::{FpuState, Hardware, Ports, Reach};
use kernel_core::operations::driver::KERNEL_LINES;

/// What RAM holds before it is written: a present entry of a frame that no test has.
pub const POISON: u32 = 0xFFBA_D007;

/// Page numbers are looked up at each access of a run of millions of steps. One multiplication
/// spreads them well enough.
#[derive(Default)]
pub struct PageHasher(u64);

impl Hasher for PageHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32((*byte).into()));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

type HashMap<K, V> = AnyHashMap<K, V, BuildHasherDefault<PageHasher>>;

/// Who accesses memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ring {
    Kernel,
    User,
}

/// A page fault, as hardware reports it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FaultInfo {
    pub address: u32,
    pub access: Access,
}

/// A cached translation of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Translation {
    frame: Frame,
    user: bool,
    write: bool,
    dirty: bool,
}

/// A cached directory entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct CachedTable {
    table: Frame,
    user: bool,
    write: bool,
}

/// How often translations were forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flushes {
    /// INVLPG.
    pub pages: u32,
    /// CR3 reloads.
    pub reloads: u32,
    /// CR3 loads of a directory.
    pub loads: u32,
}

/// One CPU and its memory.
pub struct Model {
    /// What each frame holds; `None` is a hole in RAM.
    ram: Vec<Option<Contents>>,
    cr3: Frame,
    tlb: HashMap<u32, Translation>,
    tables: HashMap<u32, CachedTable>,
    pub flushes: Flushes,
    /// The CPU reads ahead: it caches the translation of a leaf in the moment before the leaf is
    /// exchanged.
    pub speculates: bool,
    /// The CPU's vendor promises that a translation is cached only after A was set.
    pub promises_a: bool,
    /// Null: none was set. Atomic, so that a kernel with its model may be made on another thread.
    register_area: AtomicPtr<Registers>,
    /// The FPU and SSE registers, fs and gs.
    pub fpu: FpuState,
    /// CR0.TS: an instruction that uses the FPU traps.
    pub fpu_closed: bool,
    /// The I/O ports that the current process may use.
    pub ports: Ports,
    /// Interrupt lines that are masked, as bits.
    pub masked: u16,
    pub console: Vec<u8>,
    pub clock: u64,
    /// CR2.
    pub fault_address: u32,
}

/// A frame that was never written costs nothing.
#[derive(Clone)]
enum Contents {
    Poison,
    Words(Box<[u32; ENTRIES as usize]>),
}

/// RAM.
impl Model {
    /// A machine with `frames` frames of RAM, paging off so to say: no directory is loaded.
    pub fn new(frames: u32) -> Self {
        Self {
            ram: vec![Some(Contents::Poison); frames as usize],
            cr3: Frame::from_number(0),
            tlb: HashMap::default(),
            ports: Ports::NONE,
            masked: !(KERNEL_LINES as u16),
            tables: HashMap::default(),
            flushes: Flushes::default(),
            speculates: false,
            promises_a: true,
            register_area: AtomicPtr::new(ptr::null_mut()),
            fpu: FpuState::CLEAN,
            fpu_closed: false,
            console: Vec::new(),
            clock: 0,
            fault_address: 0,
        }
    }

    /// Makes a hole: the frame is not RAM.
    pub fn remove(&mut self, frame: Frame) {
        self.ram[frame.number() as usize] = None;
    }

    /// How many frames there are, holes included.
    pub fn frames(&self) -> u32 {
        self.ram.len() as u32
    }

    pub fn is_ram(&self, frame: Frame) -> bool {
        matches!(self.ram.get(frame.number() as usize), Some(Some(_)))
    }

    /// Word `index` of a frame, past all paging.
    pub fn word(&self, frame: Frame, index: u32) -> u32 {
        match self.ram.get(frame.number() as usize) {
            Some(Some(Contents::Words(words))) => words[index as usize],
            Some(Some(Contents::Poison)) => POISON,
            Some(None) | None => panic!("{frame:?} is not RAM"),
        }
    }

    pub fn set_word(&mut self, frame: Frame, index: u32, value: u32) {
        self.words(frame)[index as usize] = value;
    }

    /// All words of a frame that a test may only look at.
    pub fn contents(&self, frame: Frame) -> &[u32; ENTRIES as usize] {
        match self.ram.get(frame.number() as usize) {
            Some(Some(Contents::Words(words))) => words,
            Some(Some(Contents::Poison)) => &[POISON; ENTRIES as usize],
            Some(None) | None => panic!("{frame:?} is not RAM"),
        }
    }

    fn words(&mut self, frame: Frame) -> &mut [u32; ENTRIES as usize] {
        let Some(Some(contents)) = self.ram.get_mut(frame.number() as usize) else {
            panic!("{frame:?} is not RAM");
        };
        if let Contents::Poison = contents {
            *contents = Contents::Words(Box::new([POISON; ENTRIES as usize]));
        }
        let Contents::Words(words) = contents else { unreachable!() };
        words
    }

    fn entry(&self, table: Frame, index: u32) -> Entry {
        Entry::from_bits(self.word(table, index))
    }

    fn mark(&mut self, table: Frame, index: u32, flags: EntryFlags) {
        self.words(table)[index as usize] |= flags.bits();
    }
}

/// The MMU.
impl Model {
    /// The frame behind `address`, or the fault that the access makes.
    fn translate(&mut self, address: u32, ring: Ring, write: bool) -> Result<Frame, FaultInfo> {
        let page = Page::containing(address);
        let cached = self.tlb.get(&page.number()).copied();
        let result = match cached {
            Some(translation) if !allows(translation, ring, write) => Err(true),
            // Hardware walks again to set D, and looks at the entry as it is now.
            Some(translation) if write && !translation.dirty => self.walk(page, ring, write),
            Some(translation) => Ok(translation),
            None => self.walk(page, ring, write),
        };
        match result {
            Ok(translation) => {
                self.tlb.insert(page.number(), translation);
                Ok(translation.frame)
            }
            Err(present) => {
                // A fault forgets what was cached for its address (SDM 4.10.4.1), so a retry sees
                // the tables.
                self.tlb.remove(&page.number());
                self.tables.remove(&page.directory_index());
                let mut access = Access::empty();
                access.set(Access::PROTECTION, present);
                access.set(Access::WRITE, write);
                access.set(Access::USER, ring == Ring::User);
                Err(FaultInfo { address, access })
            }
        }
    }

    /// Walks the tables and sets A and D. `Err` says whether the page was present.
    fn walk(&mut self, page: Page, ring: Ring, write: bool) -> Result<Translation, bool> {
        let (upper, lower) = (page.directory_index(), page.table_index());
        let table = match self.tables.get(&upper) {
            Some(&table) => table,
            None => self.walk_directory(upper)?,
        };
        let leaf = self.entry(table.table, lower);
        if !leaf.is_present() {
            return Err(false);
        }
        assert!(
            !leaf.flags().contains(EntryFlags::LARGE),
            "bit 7 of a leaf\n{}",
            self.explain(page)
        );
        let translation = Translation {
            frame: leaf.frame(),
            user: table.user && leaf.flags().contains(EntryFlags::USER),
            write: table.write && leaf.is_writable(),
            dirty: write || leaf.is_dirty(),
        };
        if !allows(translation, ring, write) {
            return Err(true);
        }
        let device = leaf.flags().contains(EntryFlags::NO_CACHE);
        assert_ne!(self.is_ram(leaf.frame()), device, "RAM or a device\n{}", self.explain(page));
        self.tables.insert(upper, table);
        self.mark(self.cr3, upper, EntryFlags::ACCESSED);
        let marks = if write { EntryFlags::ACCESSED_DIRTY } else { EntryFlags::ACCESSED };
        self.mark(table.table, lower, marks);
        Ok(translation)
    }

    fn walk_directory(&self, index: u32) -> Result<CachedTable, bool> {
        let entry = self.entry(self.cr3, index);
        if !entry.is_present() {
            return Err(false);
        }
        let first = Page::containing(index << 22);
        assert!(
            !entry.flags().contains(EntryFlags::LARGE),
            "a 4 MiB page\n{}",
            self.explain(first)
        );
        assert!(self.is_ram(entry.frame()), "a table that is not RAM\n{}", self.explain(first));
        Ok(CachedTable {
            table: entry.frame(),
            user: entry.flags().contains(EntryFlags::USER),
            write: entry.is_writable(),
        })
    }

    /// The directory entry and the leaf of `page`, as the loaded tables have them now.
    pub fn entries_of(&self, page: Page) -> (Entry, Option<Entry>) {
        let upper = self.entry(self.cr3, page.directory_index());
        let leaf = upper.is_present().then(|| self.entry(upper.frame(), page.table_index()));
        (upper, leaf)
    }

    /// The walk of `page` beside what is cached of it, in words.
    pub fn explain(&self, page: Page) -> String {
        let mut text =
            format!("walk of {:#010x}: CR3 {:#010x}", page.address(), self.cr3.address());
        let upper = self.entry(self.cr3, page.directory_index());
        let _ = write!(text, "\n  directory[{:#05x}] = {upper:?}", page.directory_index());
        if upper.is_present() && self.is_ram(upper.frame()) {
            let leaf = self.entry(upper.frame(), page.table_index());
            let _ = write!(text, "\n  table[{:#05x}] = {leaf:?}", page.table_index());
        }
        let _ = write!(text, "\n  cached page: {:?}", self.tlb.get(&page.number()));
        let _ = write!(text, "\n  cached table: {:?}", self.tables.get(&page.directory_index()));
        text
    }

    fn read_word(&mut self, address: u32, ring: Ring) -> Result<u32, FaultInfo> {
        if address.is_multiple_of(4) {
            let frame = self.translate(address, ring, false)?;
            return Ok(self.word_or_device(frame, address));
        }
        let mut bytes = [0; 4];
        for (offset, byte) in (0..).zip(&mut bytes) {
            *byte = self.read_byte(address.wrapping_add(offset), ring)?;
        }
        Ok(u32::from_le_bytes(bytes))
    }

    fn write_word(&mut self, address: u32, value: u32, ring: Ring) -> Result<(), FaultInfo> {
        if address.is_multiple_of(4) {
            let frame = self.translate(address, ring, true)?;
            if self.is_ram(frame) {
                self.set_word(frame, address % PAGE_SIZE / 4, value);
            }
            return Ok(());
        }
        for (offset, byte) in (0..).zip(value.to_le_bytes()) {
            self.write_byte(address.wrapping_add(offset), byte, ring)?;
        }
        Ok(())
    }

    fn read_byte(&mut self, address: u32, ring: Ring) -> Result<u8, FaultInfo> {
        let frame = self.translate(address, ring, false)?;
        let word = self.word_or_device(frame, address);
        Ok(word.to_le_bytes()[address as usize % 4])
    }

    fn write_byte(&mut self, address: u32, value: u8, ring: Ring) -> Result<(), FaultInfo> {
        let frame = self.translate(address, ring, true)?;
        if !self.is_ram(frame) {
            return Ok(());
        }
        let word = &mut self.words(frame)[(address % PAGE_SIZE / 4) as usize];
        let mut bytes = word.to_le_bytes();
        bytes[address as usize % 4] = value;
        *word = u32::from_le_bytes(bytes);
        Ok(())
    }

    /// What an access finds: where there is no RAM, the ones of a bus on which nobody answers.
    fn word_or_device(&self, frame: Frame, address: u32) -> u32 {
        if self.is_ram(frame) { self.word(frame, address % PAGE_SIZE / 4) } else { u32::MAX }
    }

    /// Panics if what is cached of the page is not what the tables say: the kernel has left out a
    /// flush, and what it is about to read or write is not what it means.
    fn assert_not_stale(&self, page: Page) {
        let Some(cached) = self.tlb.get(&page.number()) else { return };
        let now = self.entries_of(page).1.filter(|leaf| leaf.is_present()).map(Entry::frame);
        assert_eq!(
            now,
            Some(cached.frame),
            "the kernel uses a stale translation\n{}",
            self.explain(page)
        );
    }
}

fn allows(translation: Translation, ring: Ring, write: bool) -> bool {
    (translation.user || ring == Ring::Kernel) && (translation.write || !write)
}

/// What programs and tests do.
impl Model {
    /// A load by a program; any alignment.
    pub fn user_read(&mut self, address: u32) -> Result<u32, FaultInfo> {
        self.read_word(address, Ring::User)
    }

    /// A store by a program; any alignment.
    pub fn user_write(&mut self, address: u32, value: u32) -> Result<(), FaultInfo> {
        self.write_word(address, value, Ring::User)
    }

    /// A load in ring 0.
    pub fn kernel_read(&mut self, address: u32) -> Result<u32, FaultInfo> {
        self.read_word(address, Ring::Kernel)
    }

    /// A store in ring 0.
    pub fn kernel_write(&mut self, address: u32, value: u32) -> Result<(), FaultInfo> {
        self.write_word(address, value, Ring::Kernel)
    }

    /// The frame of the loaded directory.
    pub fn loaded(&self) -> Frame {
        self.cr3
    }

    /// All that was written to the console, as text.
    pub fn console_text(&self) -> String {
        String::from_utf8_lossy(&self.console).into_owned()
    }

    /// Where the next trap saves the registers.
    pub fn register_area(&self) -> Option<*mut Registers> {
        let area = self.register_area.load(Ordering::Relaxed);
        (!area.is_null()).then_some(area)
    }
}

impl Hardware for Model {
    fn read_entry(&mut self, reach: Reach, page: Page) -> Entry {
        let address = reach.slot().entry_address(page);
        self.assert_not_stale(Page::containing(address));
        match self.kernel_read(address) {
            Ok(bits) => Entry::from_bits(bits),
            Err(fault) => panic!(
                "reading an entry of {page:?}: {fault:?}\n{}",
                self.explain(Page::containing(address))
            ),
        }
    }

    fn write_entry(&mut self, reach: Reach, page: Page, entry: Entry) {
        let address = reach.slot().entry_address(page);
        self.assert_not_stale(Page::containing(address));
        if let Err(fault) = self.kernel_write(address, entry.bits()) {
            panic!(
                "writing an entry of {page:?}: {fault:?}\n{}",
                self.explain(Page::containing(address))
            );
        }
    }

    fn exchange_leaf(&mut self, page: Page, leaf: Entry) -> Entry {
        if self.speculates
            && !self.tlb.contains_key(&page.number())
            && let Ok(translation) = self.walk(page, Ring::User, false)
        {
            self.tlb.insert(page.number(), translation);
        }
        let old = self.read_entry(Reach::Current, page);
        self.write_entry(Reach::Current, page, leaf);
        old
    }

    fn may_be_cached(&self, old: Entry) -> bool {
        if self.promises_a { old.is_accessed() } else { old.is_present() }
    }

    fn read_frame(&mut self, frame: Frame, index: u32) -> u32 {
        self.word(frame, index)
    }

    fn write_frame(&mut self, frame: Frame, index: u32, value: u32) {
        self.set_word(frame, index, value);
    }

    fn zero_frame(&mut self, frame: Frame) {
        self.words(frame).fill(0);
    }

    fn copy_frame(&mut self, to: Frame, from: Frame) {
        assert_ne!(to, from, "a frame is copied onto itself");
        *self.words(to) = *self.words(from);
    }

    fn read_user_byte(&mut self, address: u32) -> u8 {
        self.assert_not_stale(Page::containing(address));
        self.read_byte(address, Ring::User).unwrap_or_else(|fault| self.user_access_failed(fault))
    }

    fn read_user(&mut self, address: u32) -> u32 {
        self.assert_not_stale(Page::containing(address));
        self.user_read(address).unwrap_or_else(|fault| self.user_access_failed(fault))
    }

    fn write_user_byte(&mut self, address: u32, value: u8) {
        self.assert_not_stale(Page::containing(address));
        self.write_byte(address, value, Ring::User)
            .unwrap_or_else(|fault| self.user_access_failed(fault));
    }

    fn write_user(&mut self, address: u32, value: u32) {
        self.assert_not_stale(Page::containing(address));
        self.user_write(address, value).unwrap_or_else(|fault| self.user_access_failed(fault));
    }

    fn flush_page(&mut self, page: Page) {
        self.flushes.pages += 1;
        self.tlb.remove(&page.number());
        // INVLPG forgets cached directory entries for every address (SDM 4.10.4.1).
        self.tables.clear();
    }

    fn flush_all(&mut self) {
        self.flushes.reloads += 1;
        self.tlb.clear();
        self.tables.clear();
    }

    fn load_directory(&mut self, directory: Frame) {
        for slot in [abi::Slot::WINDOW, abi::Slot::CURRENT] {
            let entry = self.entry(directory, slot.index());
            let names = entry.is_present().then_some(entry.frame());
            assert_eq!(
                names,
                Some(directory),
                "self map {:#x} of a directory to be loaded",
                slot.index()
            );
        }
        self.flushes.loads += 1;
        self.cr3 = directory;
        self.tlb.clear();
        self.tables.clear();
    }

    fn set_register_area(&mut self, registers: &mut Registers) {
        self.register_area.store(registers, Ordering::Relaxed);
    }

    fn open_ports(&mut self, ports: &Ports) {
        self.ports = *ports;
    }

    fn mask_line(&mut self, line: u32, masked: bool) {
        let bit = 1 << line;
        self.masked = if masked { self.masked | bit } else { self.masked & !bit };
    }

    fn save_fpu(&mut self, state: &mut FpuState) {
        assert!(!self.fpu_closed, "FXSAVE with a closed FPU");
        state.0[..FpuState::USED].copy_from_slice(&self.fpu.0[..FpuState::USED]);
    }

    fn load_fpu(&mut self, state: &FpuState) {
        self.fpu_closed = false;
        self.fpu.0[..FpuState::USED].copy_from_slice(&state.0[..FpuState::USED]);
    }

    fn close_fpu(&mut self) {
        self.load_fpu(&FpuState::CLEAN);
        self.fpu_closed = true;
    }

    fn open_fpu(&mut self) {
        self.fpu_closed = false;
    }

    fn fault_address(&mut self) -> u32 {
        self.fault_address
    }

    fn console_write(&mut self, byte: u8) {
        self.console.push(byte);
    }

    fn now(&mut self) -> u64 {
        self.clock
    }
}

impl Model {
    fn user_access_failed(&self, fault: FaultInfo) -> ! {
        panic!(
            "user memory that the kernel had found usable: {fault:?}\n{}",
            self.explain(Page::containing(fault.address))
        )
    }
}
