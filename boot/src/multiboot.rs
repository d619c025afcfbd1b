//! What the boot loader reports: memory, modules and the command line (Multiboot Specification
//! 0.6.96, 3.3).
//!
//! Its structures may lie anywhere below 4 GiB, so they are read word by word through [`Physical`],
//! never by reference. Nothing is trusted beyond its form: lengths are bounded and walks always
//! end.

/// The value in `eax` when a Multiboot 1 loader starts the kernel.
pub const MAGIC: u32 = 0x2BAD_B002;

/// Bits of the information's first word: which fields are valid.
const HAS_MEMORY_SIZE: u32 = 1 << 0;
const HAS_COMMAND_LINE: u32 = 1 << 2;
const HAS_MODULES: u32 = 1 << 3;
const HAS_MEMORY_MAP: u32 = 1 << 6;

/// Byte offsets of the fields.
const FLAGS: u32 = 0;
const MEMORY_UPPER: u32 = 8;
const COMMAND_LINE: u32 = 16;
const MODULE_COUNT: u32 = 20;
const MODULE_LIST: u32 = 24;
const MAP_LENGTH: u32 = 44;
const MAP_ADDRESS: u32 = 48;
/// Bytes of the information that this kernel reads.
const SIZE: u32 = 52;

/// Type of a map entry that is ordinary memory.
const AVAILABLE: u32 = 1;
/// The smallest map entry, without its size field: base, length, type.
const SMALLEST_ENTRY: u32 = 20;
/// A map longer than this is cut: 64 KiB are 2,730 entries.
const LONGEST_MAP: u32 = 0x1_0000;

/// Reads physical memory, wherever it lies below 4 GiB.
pub trait Physical {
    /// The byte at a physical address.
    fn byte(&mut self, address: u32) -> u8;

    /// The word at a physical address, of any alignment; addresses wrap at 4 GiB.
    fn word(&mut self, address: u32) -> u32 {
        u32::from_le_bytes(core::array::from_fn(|offset| {
            self.byte(address.wrapping_add(offset as u32))
        }))
    }

    /// The double word at a physical address, of any alignment.
    fn double_word(&mut self, address: u32) -> u64 {
        let low = u64::from(self.word(address));
        let high = u64::from(self.word(address.wrapping_add(4)));
        low | high << 32
    }
}

/// Bytes of physical memory, half-open. An end below the start means none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bytes {
    /// First address.
    pub start: u32,
    /// One past the last address.
    pub end: u32,
}

impl Bytes {
    /// `length` bytes from `start`, cut at 4 GiB.
    #[must_use]
    pub const fn new(start: u32, length: u32) -> Self {
        Self { start, end: start.saturating_add(length) }
    }
}

/// One entry of the memory map, as the loader gave it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MapEntry {
    /// First physical address.
    pub base: u64,
    /// Bytes.
    pub length: u64,
    /// Ordinary memory.
    pub usable: bool,
}

/// Where the parts of the loader's report lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Information {
    /// The information itself.
    pub itself: Bytes,
    /// The list of modules.
    pub module_list: Bytes,
    /// The contents of the first module.
    pub module: Option<Bytes>,
    /// Where the command line starts; it ends with a zero byte.
    pub command_line: Option<u32>,
    /// The memory map.
    pub map: Option<Bytes>,
    /// KiB of memory from 1 MiB up, if there is no map.
    pub memory_upper: u32,
}

impl Information {
    /// Reads the information at a physical address. Fields that its first word does not declare
    /// valid are `None` or 0.
    pub fn read(memory: &mut impl Physical, address: u32) -> Self {
        let mut field = |offset: u32| memory.word(address.wrapping_add(offset));
        let flags = field(FLAGS);
        let has = |flag: u32| flags & flag != 0;
        let modules = if has(HAS_MODULES) { field(MODULE_COUNT) } else { 0 };
        let module_list = Bytes::new(field(MODULE_LIST), modules.saturating_mul(16));
        let memory_upper = if has(HAS_MEMORY_SIZE) { field(MEMORY_UPPER) } else { 0 };
        let command_line = has(HAS_COMMAND_LINE).then(|| field(COMMAND_LINE));
        let map = has(HAS_MEMORY_MAP)
            .then(|| Bytes::new(field(MAP_ADDRESS), field(MAP_LENGTH).min(LONGEST_MAP)));
        let module = (modules > 0).then(|| Bytes {
            start: memory.word(module_list.start),
            end: memory.word(module_list.start.wrapping_add(4)),
        });
        Self {
            itself: Bytes::new(address, SIZE),
            module_list,
            module,
            command_line,
            map,
            memory_upper,
        }
    }

    /// Calls `take` for each entry of the memory map. Without a map, `memory_upper` makes one
    /// entry.
    pub fn for_each_entry(&self, memory: &mut impl Physical, mut take: impl FnMut(MapEntry)) {
        let Some(map) = self.map else {
            let length = u64::from(self.memory_upper) * 1024;
            return take(MapEntry { base: 0x10_0000, length, usable: true });
        };
        let mut at = map.start;
        while at < map.end && map.end - at >= SMALLEST_ENTRY + 4 {
            let size = memory.word(at);
            if size < SMALLEST_ENTRY {
                return;
            }
            take(MapEntry {
                base: memory.double_word(at + 4),
                length: memory.double_word(at + 12),
                usable: memory.word(at + 20) == AVAILABLE,
            });
            at = at.saturating_add(size).saturating_add(4);
        }
    }

    /// Copies the command line into `buffer` and returns its length; `None` if it does not fit.
    pub fn copy_command_line(
        &self,
        memory: &mut impl Physical,
        buffer: &mut [u8],
    ) -> Option<usize> {
        let Some(start) = self.command_line else { return Some(0) };
        for (offset, byte) in buffer.iter_mut().enumerate() {
            *byte = memory.byte(start.wrapping_add(offset as u32));
            if *byte == 0 {
                return Some(offset);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    /// 64 KiB of memory at an address; everything else reads 0xFF.
    struct Memory {
        start: u32,
        bytes: Vec<u8>,
    }

    impl Physical for Memory {
        fn byte(&mut self, address: u32) -> u8 {
            self.bytes.get(address.wrapping_sub(self.start) as usize).copied().unwrap_or(0xFF)
        }
    }

    impl Memory {
        fn new(start: u32) -> Self {
            Self { start, bytes: vec![0; 0x1_0000] }
        }

        fn put(&mut self, offset: u32, words: &[u32]) {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            self.bytes[offset as usize..][..bytes.len()].copy_from_slice(&bytes);
        }
    }

    fn entries(information: &Information, memory: &mut Memory) -> Vec<MapEntry> {
        let mut entries = Vec::new();
        information.for_each_entry(memory, |entry| entries.push(entry));
        entries
    }

    #[test]
    fn nothing_is_read_that_the_loader_does_not_vouch_for() {
        let mut memory = Memory::new(0x9000);
        memory.put(0, &[0; 4]);
        memory.put(MODULE_COUNT, &[7, 0x1234]);
        let information = Information::read(&mut memory, 0x9000);
        assert_eq!(
            (information.module, information.command_line, information.map),
            (None, None, None)
        );
        assert_eq!(information.memory_upper, 0);
        assert_eq!(information.copy_command_line(&mut memory, &mut []), Some(0));
    }

    #[test]
    fn modules_and_the_command_line_may_lie_high() {
        let base = 0xDFF0_0000;
        let mut memory = Memory::new(base);
        memory.put(0, &[HAS_MODULES | HAS_COMMAND_LINE]);
        memory.put(COMMAND_LINE, &[base + 0x203, 1, base + 0x100]);
        memory.put(0x100, &[0xC000_0000, 0xC000_1234, 0, 0]);
        memory.bytes[0x203..0x206].copy_from_slice(b"run");
        let information = Information::read(&mut memory, base);
        assert_eq!(information.module, Some(Bytes { start: 0xC000_0000, end: 0xC000_1234 }));
        let mut line = [0; 4];
        assert_eq!(information.copy_command_line(&mut memory, &mut line), Some(3));
        assert_eq!(&line[..3], b"run");
        assert_eq!(
            information.copy_command_line(&mut memory, &mut [0; 3]),
            None,
            "no room for the final zero"
        );
    }

    #[test]
    fn a_map_is_read_entry_by_entry_and_ends_at_a_size_that_is_too_small() {
        let mut memory = Memory::new(0);
        memory.put(0, &[HAS_MEMORY_MAP]);
        memory.put(MAP_LENGTH, &[100, 0x1000]);
        memory.put(0x1000, &[20, 0x10_0000, 0, 0x700_0000, 0, 1]);
        memory.put(0x1018, &[24, 0, 1, 0x2000_0000, 1, 2, 0]);
        memory.put(0x1034, &[0, 0x10_0000, 0, 0x700_0000, 0, 1]);
        let information = Information::read(&mut memory, 0);
        let expected = [
            MapEntry { base: 0x10_0000, length: 0x700_0000, usable: true },
            MapEntry { base: 1 << 32, length: 0x1_2000_0000, usable: false },
        ];
        assert_eq!(entries(&information, &mut memory), expected);
    }

    #[test]
    fn without_a_map_memory_begins_at_1_mib() {
        let mut memory = Memory::new(0);
        memory.put(0, &[HAS_MEMORY_SIZE, 640, 15 * 1024]);
        let information = Information::read(&mut memory, 0);
        let expected = MapEntry { base: 0x10_0000, length: 15 << 20, usable: true };
        assert_eq!(entries(&information, &mut memory), [expected]);
    }

    #[test]
    fn a_hostile_map_ends() {
        for (address, length, size) in
            [(0xFFFF_FFF0, 0xFFFF_FFFF, 20), (0x1000, 0xFFFF_FFFF, 0xFFFF_FFFF), (0x1000, 23, 20)]
        {
            let mut memory = Memory::new(0);
            memory.put(0, &[HAS_MEMORY_MAP]);
            memory.put(MAP_LENGTH, &[length, address]);
            memory.put(0x1000, &[size]);
            let information = Information::read(&mut memory, 0);
            assert!(
                entries(&information, &mut memory).len() <= 2_730,
                "{address:#x} {length:#x} {size:#x}"
            );
        }
    }
}
