//! A second opinion: the emulator walks the loaded directory itself and prints each page (`info tlb`).

use std::collections::BTreeMap;

use super::entry::Entry;
use super::memory::{Memory, PAGE};
use super::world::Registers;

/// Compares our walk of the loaded directory with what the emulator printed; adds a sentence for each difference.
pub fn compare(memory: &Memory, registers: Registers, shown: &str, violations: &mut Vec<String>) {
    let ours = walk(memory, registers.cr3 / PAGE);
    let theirs = parse(shown);
    if theirs.is_empty() {
        violations.push("the emulator's `info tlb` shows no page".to_owned());
    }
    for (address, frame) in &ours {
        match theirs.get(address) {
            Some(other) if other == frame => {}
            Some(other) => violations.push(format!(
                "page {address:#x} is frame {frame:#x} by our walk, {other:#x} by the emulator's"
            )),
            None => violations.push(format!("the emulator's walk shows no page at {address:#x}")),
        }
    }
    for address in theirs.keys().filter(|address| !ours.contains_key(address)) {
        violations.push(format!("the emulator's walk shows a page at {address:#x}, and ours none"));
    }
}

/// Every present page of a directory, and its frame.
fn walk(memory: &Memory, directory: u32) -> BTreeMap<u32, u32> {
    let mut pages = BTreeMap::new();
    for (upper, word) in (0..).zip(memory.words(directory)) {
        let entry = Entry(word);
        if !entry.present() {
            continue;
        }
        for (lower, word) in (0..).zip(memory.words(entry.frame())) {
            if Entry(word).present() {
                pages.insert(upper << 22 | lower << 12, Entry(word).frame());
            }
        }
    }
    pages
}

/// Lines such as `00800000: 0000000000431000 --PDA--UW`.
fn parse(shown: &str) -> BTreeMap<u32, u32> {
    let page = |line: &str| {
        let (address, rest) = line.trim().split_once(':')?;
        let frame = rest.split_whitespace().next()?;
        let address = u64::from_str_radix(address.trim(), 16).ok()?;
        let frame = u64::from_str_radix(frame, 16).ok()?;
        Some((address as u32, (frame / u64::from(PAGE)) as u32))
    };
    shown.lines().filter_map(page).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emulators_lines_are_read() {
        let shown = "0000000000800000: 0000000000431000 ----A--U-\r\n00000000f0101000: 0000000000101000 ----A----\n(qemu)\n";
        let pages: Vec<_> = parse(shown).into_iter().collect();
        assert_eq!(pages, [(0x0080_0000, 0x431), (0xF010_1000, 0x101)]);
    }
}
