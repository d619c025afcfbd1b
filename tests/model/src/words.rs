//! All 2^32 words through everything in `abi` that decides something about a word or an address.
//!
//! What is expected is written here once more, by division and comparison, after the processor's
//! manual (Intel SDM vol. 3A, 4.3: tables 4-5 and 4-6) and ARCHITECTURE.md ("Entry bits", "The
//! memory map").

#![allow(clippy::manual_is_multiple_of, reason = "a remainder is the manual's way to say it")]

use std::thread;

use abi::call::RawCall;
use abi::driver::{Line, PortRange};
use abi::process::Target;
use abi::{
    DirectoryEntry, Entry, EntryFlags, Error, Frame, Page, PageRange, Permissions, ProcessId, Slot,
    Syscall, UserPage, UserSlot, ViewSlot,
};

/// End of what programs may map.
const UTOP: u32 = 0xEEC0_0000;

/// Bit `n` of a word.
const fn bit(word: u32, n: u32) -> bool {
    word / (1 << n) % 2 == 1
}

/// Fails with the word unless the two are equal.
macro_rules! same {
    ($word:expr, $found:expr, $expected:expr) => {
        if $found != $expected {
            return Err(format!(
                "{:#010x}: {} is {:?}, not {:?}",
                $word,
                stringify!($found),
                $found,
                $expected
            ));
        }
    };
}

/// Words at the edges of lengths, tables and the memory map, each with its two neighbours. A run
/// over every 255th word alone would miss a comparison that is wrong by one.
pub fn edges() -> impl Iterator<Item = u32> {
    const LENGTHS: [u32; 11] = [0, 1, 2, 0x40, 0x200, 0x400, 0xE00, 0xFFF, 0x1000, 0x3BB, 0x1_0000];
    const ADDRESSES: [u32; 10] = [
        0x4000_0000,
        0x7FFF_FFFF,
        0x8000_0000,
        UTOP - 1024 * 4096,
        UTOP - 4096,
        UTOP,
        0xEF40_0000,
        0xF000_0000,
        0xFFFF_F000,
        0xFFFF_FFFF,
    ];
    let around = |edge: u32| [edge.wrapping_sub(1), edge, edge.wrapping_add(1)];
    LENGTHS.into_iter().chain(ADDRESSES).flat_map(around)
}

/// Tries the edges, and the words `shard`, `shard + of`, and so on, by `check`. Returns how many
/// there were of the latter.
///
/// # Errors
/// The first word at which something is not as it should be.
pub fn all(shard: u64, of: u64, check: fn(u32) -> Result<(), String>) -> Result<u64, String> {
    edges().try_for_each(check)?;
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let one = move |index: u64| -> Result<u64, String> {
        let mut tried = 0;
        let mut word = shard + index * of;
        while word <= u64::from(u32::MAX) {
            check(word as u32)?;
            tried += 1;
            word += of * threads;
        }
        Ok(tried)
    };
    let running: Vec<_> = (0..threads).map(|index| thread::spawn(move || one(index))).collect();
    let mut tried = 0;
    for thread in running {
        tried += thread.join().map_err(|_| "a check panicked".to_owned())??;
    }
    Ok(tried)
}

/// A word as an entry, as permissions, as an id and as a result.
///
/// # Errors
/// What is not as it should be.
pub fn word(w: u32) -> Result<(), String> {
    entry(w)?;
    directory_entry(w)?;
    permissions(w)?;
    // Bit 31 is 0 in an id, and 0 is none.
    let is_id = w != 0 && !bit(w, 31);
    same!(w, ProcessId::new(w).is_ok(), is_id);
    same!(w, ProcessId::new(w).map(ProcessId::bits).unwrap_or(w), w);
    same!(w, Target::new(w).is_ok(), is_id || w == 0);
    if let Ok(id) = ProcessId::new(w) {
        same!(w, id.index(), w % 1024);
        let next = if w / 0x1000 == 0x7_FFFF { 0x1000 + w % 1024 } else { w + 0x1000 };
        same!(w, id.next().bits(), next);
    }
    // A negative number is an error.
    same!(w, Error::check(w).is_ok(), !bit(w, 31));
    if let Err(error) = Error::check(w) {
        let number = (w as i32).unsigned_abs();
        let known = (2..8).contains(&number) || (32..41).contains(&number);
        same!(w, error as u32, if known { number } else { 3 });
    }
    Ok(())
}

fn entry(w: u32) -> Result<(), String> {
    let entry = Entry::from_bits(w);
    same!(w, entry.bits(), w);
    same!(w, entry.is_present(), bit(w, 0));
    same!(w, entry.is_writable(), bit(w, 1));
    same!(w, entry.is_accessed(), bit(w, 5));
    same!(w, entry.is_dirty(), bit(w, 6));
    same!(w, entry.is_sealed(), bit(w, 0) && bit(w, 8));
    same!(w, entry.is_drivers_own(), bit(w, 3));
    same!(w, entry.is_own_table(), bit(w, 0) && !bit(w, 9) && !bit(w, 10));
    same!(w, entry.frame().number(), w / 4096);
    same!(w, entry.flags().bits(), w % 4096);
    let chosen = 2 * u32::from(bit(w, 1)) + w % 4096 / 512 * 512;
    same!(w, entry.permissions().bits(), chosen);
    same!(w, entry.permissions().leaf().bits(), chosen + 5);
    same!(w, Entry::paged_out(entry.permissions()).bits(), w % 4096 / 512 * 512);
    same!(w, Entry::new(entry.frame(), entry.flags()), entry);
    same!(w, entry.with_flags(EntryFlags::FRESH).bits(), w / 4096 * 4096 + 7);
    for (n, flag) in (0..12).map(|n| (n, EntryFlags::from_bits_retain(1 << n))) {
        same!(w, entry.contains(flag), bit(w, n));
    }
    same!(w, entry.contains(EntryFlags::DEVICE), bit(w, 3) && bit(w, 4));
    same!(w, entry.contains(EntryFlags::USER_LEAF), bit(w, 0) && bit(w, 2));
    Ok(())
}

fn directory_entry(w: u32) -> Result<(), String> {
    let entry = Entry::from_bits(w);
    for own in [0x100, 0xF_FFFF, w / 4096] {
        let class = DirectoryEntry::classify(entry, Frame::from_number(own));
        let expected = if w.is_multiple_of(2) {
            DirectoryEntry::Absent
        } else if w / 4096 == own {
            DirectoryEntry::SelfMap
        } else if bit(w, 9) {
            DirectoryEntry::View(Frame::from_number(w / 4096))
        } else if bit(w, 10) {
            DirectoryEntry::Shared(Frame::from_number(w / 4096))
        } else {
            DirectoryEntry::Table(Frame::from_number(w / 4096))
        };
        same!(w, class, expected);
    }
    Ok(())
}

fn permissions(w: u32) -> Result<(), String> {
    // W is worth 2, and the three marks are multiples of 512 below 4,096.
    let is_marks = w < 4096 && w.is_multiple_of(512);
    let is_permissions = w < 4096 && (w.is_multiple_of(512) || w % 512 == 2);
    same!(w, Permissions::new(w).map(|it| it.bits()).ok(), is_permissions.then_some(w));
    same!(w, Permissions::marks(w).map(|it| it.bits()).ok(), is_marks.then_some(w));
    Ok(())
}

/// A word as an address, an index or a length.
///
/// # Errors
/// What is not as it should be.
pub fn address(a: u32) -> Result<(), String> {
    let is_page = a.is_multiple_of(4096) && a < UTOP;
    same!(a, UserPage::new(a).map(UserPage::address).ok(), is_page.then_some(a));
    let containing = (a < UTOP).then_some(a / 4096 * 4096);
    same!(a, UserPage::containing(a).map(UserPage::address), containing);
    let page = Page::containing(a);
    same!(a, page.number(), a / 4096);
    same!(a, page.directory_index(), a / (4096 * 1024));
    same!(a, page.table_index(), a / 4096 % 1024);
    same!(a, UserSlot::new(a).map(UserSlot::index), (a < 0x3BB).then_some(a));
    same!(a, ViewSlot::new(a).map(ViewSlot::index).ok(), (a < 0x3BB).then_some(a));
    same!(a, Line::new(a).map(Line::number).ok(), (a < 16).then_some(a));
    for slot in [0x3BD, 0x3FE, 0x3FF, 0x0C0] {
        let word = u64::from(slot * 0x40_0000) + u64::from(a / 4096) * 4;
        same!(a, u64::from(Slot::new(slot).entry_address(page)), word);
    }
    for count in [0, 1, 2, 256, 257] {
        let fits = (1..=256).contains(&count) && u64::from(a) + u64::from(count) <= 0x1_0000;
        same!(a, PortRange::new(a, count).is_ok(), fits);
    }
    same!(a, PortRange::new(0xFF00, a).is_ok(), (1..=256).contains(&a));
    ranges(a)?;
    calls(a)
}

fn ranges(a: u32) -> Result<(), String> {
    const USER_PAGES: u64 = 0xEEC00;
    let fits = |first: u32, pages: u32| {
        (1..=1024).contains(&pages) && u64::from(first / 4096) + u64::from(pages) <= USER_PAGES
    };
    // As a length.
    for first in [0, 0x0080_0000, UTOP - 1024 * 4096, UTOP - 1023 * 4096, UTOP - 4096] {
        let range = PageRange::new(UserPage::known(first), a);
        same!(a, range.map(PageRange::pages).ok(), fits(first, a).then_some(a));
    }
    // As the first page.
    let Ok(first) = UserPage::new(a) else { return Ok(()) };
    same!(a, first.slot().index(), a / (4096 * 1024));
    for pages in [0, 1, 2, 64, 1023, 1024, 1025, 0xF_FFFF, 0xFFFF_FFFF] {
        let Ok(range) = PageRange::new(first, pages) else {
            same!(a, fits(a, pages), false);
            continue;
        };
        same!(a, fits(a, pages), true);
        same!(a, range.page(pages - 1).address(), a + (pages - 1) * 4096);
        for done in [0, 1, pages - 1, pages, pages + 1] {
            let left = (done < pages).then(|| (a + done * 4096, pages - done));
            let rest = range.after(done).map(|it| (it.first().address(), it.pages()));
            same!(a, rest.ok(), left);
            if done > 0 {
                let first = range.at_most(done);
                same!(a, (first.first().address(), first.pages()), (a, done.min(pages)));
            }
        }
        let other = PageRange::new(UserPage::known(0x1000_0000), pages);
        if let Ok(other) = other {
            let behind = a > 0x1000_0000 && a < 0x1000_0000 + pages * 4096;
            same!(a, other.overlaps_upwards(range), behind);
        }
    }
    Ok(())
}

/// An address in the registers of calls: which of them are taken.
fn calls(a: u32) -> Result<(), String> {
    let is_page = a.is_multiple_of(4096) && a < UTOP;
    let call = |head: u32, page: u32, words: [u32; 4]| {
        Syscall::decode(&RawCall { head, process: 0, page, words }).is_ok()
    };
    same!(a, call(33, a, [0; 4]), is_page);
    same!(a, call(34, 0, [0, a, 0, 0]), is_page);
    same!(a, call(40, a, [1, 0, 0, 0]), is_page);
    same!(a, call(40, a, [1024, 0, 0, 0]), is_page && a <= UTOP - 1024 * 4096);
    same!(a, call(38, 0x1000, [0, a, 2, 0]), is_page && a < UTOP - 4096);
    same!(a, call(41, 0x1000, [a, 0, 0, 0]), (1..=64).contains(&a));
    same!(a, call(68, 0, [0, a, 0, 0]), a <= 4096);
    same!(a, call(72, 0, [a, 0, 0, 0]), a < 0x3BB);
    same!(a, call(80, 0, [a, 0, 0, 0]), a < 16);
    same!(a, call(76, 0x1000, [2, a, 0, 0]), a.is_multiple_of(4096) && a <= 0xFFFF_E000);
    // 0 is none; else the page's address and 1.
    let accepts = a == 0 || a % 4096 == 1 && a < UTOP;
    let client = RawCall { head: 83, process: 0x1000, page: 0, words: [0, 0, a, 0] };
    same!(a, Syscall::decode(&client).is_ok(), accepts);
    Ok(())
}
