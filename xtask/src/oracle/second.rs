//! A second opinion: the emulator walks the loaded directory itself, and prints each page with its
//! frame (`info tlb`) and each range of pages with its rights (`info mem`).

use std::collections::BTreeMap;

use super::entry::Entry;
use super::memory::{Memory, PAGE};
use super::watch::Watched;
use super::world::Registers;

/// What the emulator printed about the loaded directory.
pub struct Shown {
    /// The lines of `info tlb`.
    pub pages: String,
    /// The lines of `info mem`.
    pub ranges: String,
}

impl Shown {
    /// Asks the emulator of a machine that stands still.
    ///
    /// # Errors
    /// The monitor does not answer.
    pub fn ask(machine: &mut Watched) -> anyhow::Result<Self> {
        let monitor = machine.monitor();
        Ok(Self { pages: monitor.human("info tlb")?, ranges: monitor.human("info mem")? })
    }
}

/// A present page by our own walk.
struct Page {
    frame: u32,
    rights: Rights,
}

/// What both entries of a page allow: the lower of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Rights {
    user: bool,
    write: bool,
}

/// Compares our walk of the loaded directory with what the emulator printed; adds a sentence for
/// each difference.
pub fn compare(memory: &Memory, registers: Registers, shown: &Shown, violations: &mut Vec<String>) {
    let ours = walk(memory, registers.cr3 / PAGE);
    compare_frames(&ours, &frames(&shown.pages), violations);
    compare_rights(&ours, &rights(&shown.ranges), violations);
}

fn compare_frames(
    ours: &BTreeMap<u32, Page>,
    theirs: &BTreeMap<u32, u32>,
    violations: &mut Vec<String>,
) {
    if theirs.is_empty() {
        violations.push("the emulator's `info tlb` shows no page".to_owned());
    }
    for (address, Page { frame, .. }) in ours {
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

fn compare_rights(
    ours: &BTreeMap<u32, Page>,
    theirs: &BTreeMap<u32, Rights>,
    violations: &mut Vec<String>,
) {
    if theirs.is_empty() {
        violations.push("the emulator's `info mem` shows no range".to_owned());
    }
    for (address, Page { rights, .. }) in ours {
        match theirs.get(address) {
            Some(other) if other == rights => {}
            Some(other) => violations.push(format!(
                "page {address:#x} has {rights:?} by our walk, {other:?} by the emulator's"
            )),
            None => violations.push(format!("no range of the emulator's has page {address:#x}")),
        }
    }
    for address in theirs.keys().filter(|address| !ours.contains_key(address)) {
        violations.push(format!("a range of the emulator's has page {address:#x}, and ours none"));
    }
}

/// Every present page of a directory.
fn walk(memory: &Memory, directory: u32) -> BTreeMap<u32, Page> {
    let mut pages = BTreeMap::new();
    for (upper, word) in (0..).zip(memory.words(directory)) {
        let table = Entry(word);
        if !table.present() {
            continue;
        }
        for (lower, word) in (0..).zip(memory.words(table.frame())) {
            let leaf = Entry(word);
            if leaf.present() {
                let both = |bit| table.has(bit) && leaf.has(bit);
                let rights = Rights { user: both(Entry::USER), write: both(Entry::WRITE) };
                pages.insert(upper << 22 | lower << 12, Page { frame: leaf.frame(), rights });
            }
        }
    }
    pages
}

/// Lines such as `00800000: 0000000000431000 --PDA--UW`.
fn frames(shown: &str) -> BTreeMap<u32, u32> {
    let page = |line: &str| {
        let (address, rest) = line.trim().split_once(':')?;
        let frame = rest.split_whitespace().next()?;
        let address = u64::from_str_radix(address.trim(), 16).ok()?;
        let frame = u64::from_str_radix(frame, 16).ok()?;
        Some((address as u32, (frame / u64::from(PAGE)) as u32))
    };
    shown.lines().filter_map(page).collect()
}

/// Lines such as `0000000000800000-0000000000802000 0000000000002000 ur-`; the end is exclusive.
fn rights(shown: &str) -> BTreeMap<u32, Rights> {
    let range = |line: &str| {
        let mut words = line.split_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let start = u64::from_str_radix(start, 16).ok()?;
        let end = u64::from_str_radix(end, 16).ok()?;
        let letters = words.nth(1)?;
        let rights = Rights { user: letters.contains('u'), write: letters.contains('w') };
        Some((start..end).step_by(PAGE as usize).map(move |page| (page as u32, rights)))
    };
    shown.lines().filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emulators_lines_are_read() {
        let shown = "0000000000800000: 0000000000431000 ----A--U-\r\n\
                     00000000f0101000: 0000000000101000 ----A----\n(qemu)\n";
        let pages: Vec<_> = frames(shown).into_iter().collect();
        assert_eq!(pages, [(0x0080_0000, 0x431), (0xF010_1000, 0x101)]);
    }

    #[test]
    fn the_emulators_ranges_are_read() {
        let shown = "0000000000800000-0000000000802000 0000000000002000 ur-\r\n\
                     00000000fffff000-0000000100000000 0000000000001000 -rw\n";
        let pages: Vec<_> = rights(shown).into_iter().collect();
        let read = Rights { user: true, write: false };
        let kernel = Rights { user: false, write: true };
        assert_eq!(pages, [(0x0080_0000, read), (0x0080_1000, read), (0xFFFF_F000, kernel)]);
    }
}
