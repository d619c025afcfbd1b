//! `compress`: a program that pages itself: 256 pages in 48 frames and a piece of memory for
//! compressed pages (Appel and Li 1991, "data-compression paging").
//!
//! The program writes text, tables, zeros and noise, then writes some pages again, then reads all
//! bytes in another order. Its fault handler pages ([`appel_li::tier`]).
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use appel_li::failure::{Failure, expect};
use appel_li::random::Random;
use appel_li::raw_pages::{END, START, load, raw_page, store};
use appel_li::tier::{FRAMES, PAGES, Tier, public};
use libsys::abi::fault::Access;
use libsys::abi::layout::{EXCEPTION_STACK, PAGE_SIZE};
use libsys::paging::fault::{Fault, Handled};
use libsys::paging::primitives;
use libsys::{Permissions, UserPage, println, window};
use spin::Mutex;

libsys::main!(main);
libsys::about!("pages itself, to compressed memory");

const WORDS: u32 = PAGE_SIZE / 4;
/// One page in so many is written again.
const AGAIN: u32 = 3;
/// One word in so many of such a page is written.
const STRIDE: u32 = 50;

/// The pager, which the handler uses while the program touches the arena.
static TIER: Mutex<Option<Tier>> = Mutex::new(None);

fn main() -> Result<(), Failure> {
    *TIER.lock() = Some(Tier::new()?);
    primitives::trap(Some(serve))?;
    println!("compress: {PAGES} pages in {FRAMES} frames");
    let mut versions = [0_u8; PAGES as usize];
    let mut resident = 0;
    for page in 0..PAGES {
        (0..WORDS).for_each(|word| put(page, word, 0));
        resident = resident.max(present());
    }
    let mut random = Random::new(12);
    for _ in 0..u32::from(PAGES) / AGAIN {
        let page = random.below(u32::from(PAGES)) as u16;
        versions[usize::from(page)] += 1;
        (0..WORDS)
            .step_by(STRIDE as usize)
            .for_each(|word| put(page, word, versions[usize::from(page)]));
        resident = resident.max(present());
    }
    let mut order: [u16; PAGES as usize] = core::array::from_fn(|index| index as u16);
    random.shuffle(&mut order);
    for page in order {
        for word in (0..WORDS).rev() {
            let version = if word % STRIDE == 0 { versions[usize::from(page)] } else { 0 };
            expect("a word of the arena", load(address(page, word)), content(page, word, version))?;
        }
        resident = resident.max(present());
    }
    let tier = TIER.lock().take();
    let (done, bytes) = tier.map(|tier| (tier.done(), tier.bytes())).unwrap_or_default();
    println!(
        "compress: {} faults; {} pages went compressed, {} as they had come",
        done.faults, done.compressed, done.clean
    );
    println!(
        "compress: {resident} pages resident at most; {bytes} bytes hold what {PAGES} pages held"
    );
    println!("compress: all {} bytes are as written", u32::from(PAGES) * PAGE_SIZE);
    println!("compress: the handler used {} of {PAGE_SIZE} bytes of its stack", stack_used()?);
    expect("pages resident at most", resident, FRAMES as u32)?;
    expect("clean pages went, too", done.clean.min(1), 1)?;
    expect("faults", done.faults, done.compressed + done.clean + FRAMES as u32)
}

fn serve(fault: &mut Fault<'_>) -> Handled {
    let arena = START..public(PAGES).address();
    if !arena.contains(&fault.address()) || fault.access().contains(Access::PROTECTION) {
        return Handled::PassOn;
    }
    let page = ((fault.address() - START) / PAGE_SIZE) as u16;
    // If it is locked, the pager itself has faulted, which it cannot repair.
    let mut tier = TIER.try_lock();
    let brought = tier.as_deref_mut().and_then(Option::as_mut).map(|tier| tier.bring(page));
    match brought {
        Some(Ok(())) => Handled::Resume,
        Some(Err(_)) | None => Handled::PassOn,
    }
}

const fn address(page: u16, word: u32) -> u32 {
    public(page).address() + 4 * word
}

fn put(page: u16, word: u32, version: u8) {
    store(address(page, word), content(page, word, version));
}

/// The contents of a word. One page in eight is noise, and one zeros; the others are text or tables
/// of numbers.
fn content(page: u16, word: u32, version: u8) -> u32 {
    const TEXT: [[u8; 4]; 8] =
        [*b"page", *b" by ", *b"fram", *b"e an", *b"d no", *b" one", *b"asks", *b" why"];
    let seed = u32::from(page) * WORDS + word;
    let first = match page % 8 {
        0 => Random::new(seed).next(),
        1 => 0,
        2..=4 => {
            u32::from_le_bytes(TEXT[Random::new(seed / 8).below(8) as usize ^ (word % 2) as usize])
        }
        _ => seed / 16,
    };
    first.wrapping_add(u32::from(version))
}

/// How many pages of the arena are present.
fn present() -> u32 {
    (0..PAGES).filter(|page| window().entry_of(public(*page).page()).is_some()).count() as u32
}

/// How many bytes of the exception stack were ever written. It began with zeros.
fn stack_used() -> Result<u32, Failure> {
    let second = raw_page((END - START) / PAGE_SIZE - 1);
    primitives::map2(UserPage::known(EXCEPTION_STACK), second, Permissions::empty())?;
    let words = (0..WORDS).take_while(|word| load(second.address() + 4 * word) == 0);
    Ok(PAGE_SIZE - 4 * words.count() as u32)
}
