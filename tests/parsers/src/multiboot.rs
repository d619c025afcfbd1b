//! The loader's report. The first word says where the bytes lie in memory; everything else reads 0xFF.

use boot::multiboot::{Information, MapEntry, Physical};

use crate::words;

/// As long as the kernel's.
const LONGEST_COMMAND_LINE: usize = 1024;
/// The specification has no bound; the kernel reads so many bytes of a map.
const LONGEST_MAP: u64 = 0x1_0000;

struct Memory<'a> {
    start: u32,
    bytes: &'a [u8],
}

impl Physical for Memory<'_> {
    fn byte(&mut self, address: u32) -> u8 {
        self.bytes.get(address.wrapping_sub(self.start) as usize).copied().unwrap_or(0xFF)
    }
}

pub fn judge(bytes: &[u8]) -> bool {
    let [start] = words(bytes);
    let mut memory = Memory { start, bytes: bytes.get(4..).unwrap_or_default() };
    let information = Information::read(&mut memory, start);

    let mut entries = Vec::new();
    information.for_each_entry(&mut memory, |entry| entries.push(entry));
    assert_eq!(entries, map_by_wide_numbers(&mut memory, start));

    let mut line = [0xAA; LONGEST_COMMAND_LINE];
    match information.copy_command_line(&mut memory, &mut line) {
        Some(0) if information.command_line.is_none() => {}
        Some(length) => {
            assert_eq!(line.iter().position(|byte| *byte == 0), Some(length));
            assert!(line[length + 1..].iter().all(|byte| *byte == 0xAA), "bytes behind the end");
        }
        None => assert!(line.iter().all(|byte| *byte != 0)),
    }
    let reports = [Some(information.itself), Some(information.module_list), information.map];
    assert!(reports.into_iter().flatten().all(|bytes| bytes.start <= bytes.end));
    information.module.is_some() && !entries.is_empty()
}

/// The map as the specification words it, in numbers that cannot wrap.
fn map_by_wide_numbers(memory: &mut Memory<'_>, information: u32) -> Vec<MapEntry> {
    let mut field = |offset| u64::from(memory.word(information.wrapping_add(offset)));
    let [flags, upper, length, address] = [0, 8, 44, 48].map(&mut field);
    if flags & 1 << 6 == 0 {
        let upper = if flags & 1 == 0 { 0 } else { upper };
        return vec![MapEntry { base: 0x10_0000, length: upper * 1024, usable: true }];
    }
    let end = (address + length.min(LONGEST_MAP)).min(u64::from(u32::MAX));
    let (mut at, mut entries) = (address, Vec::new());
    while at + 24 <= end {
        let mut word = |offset| u64::from(memory.word((at + offset) as u32));
        let [size, base, base_high, length, length_high, kind] =
            [0, 4, 8, 12, 16, 20].map(&mut word);
        if size < 20 {
            break;
        }
        entries.push(MapEntry {
            base: base_high << 32 | base,
            length: length_high << 32 | length,
            usable: kind == 1,
        });
        at += size + 4;
    }
    entries
}
