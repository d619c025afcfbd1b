//! `disktest`: writes patterns to the disk, reads them back in another order, and tries requests
//! that must be refused.
//!
//! - `disktest write SEED` writes and verifies; `disktest read SEED` verifies what another boot
//!   wrote.
//! - `disktest refuse` makes requests that the disk must refuse; `disktest errors` expects a device
//!   that fails at sectors 8 and 16.
//! - `disktest two` works beside another client; `disktest fork` forks between two transfers.
//! - `disktest death` ends a driver of its own and starts another.
//! - `disktest hammer SERVER` reads until its disk is gone, and `disktest guest SERVER` reads once.
//! - `disktest stranger` asks each living process for the disk, and expects that none opens it.
//! - `disktest ranges` admits processes to ranges of a driver of its own.
//! - `disktest outlive TIMES WORDS...` starts servers of its own, runs a program with them, and
//!   ends its driver so many times meanwhile.
//! - `disktest storm` has a network card raise the disk's interrupt line.
//!
//! `death`, `ranges`, `outlive` and `storm` must be drivers (`trust archive` on the boot line).
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::fmt;

use init::disk::{Access, Disk as Driver};
use init::servers::{Servers, StartError};
use libsys::abi::driver::PortRange;
use libsys::abi::layout::PAGE_SIZE;
use libsys::call::{exit, wait};
use libsys::device::pci::Function;
use libsys::device::pci::live::Configuration;
use libsys::device::ports;
use libsys::paging::checked::range_allocate;
use libsys::paging::fork::{Fork, fork};
use libsys::process::info;
use libsys::process::{Command, Finished, SpawnError, attend};
use libsys::service::disk::client::Disk;
use libsys::service::disk::protocol::{
    DiskError, PAGE_SECTORS, Request, SLOTS, Transfer, decode_answer,
};
use libsys::service::message::{Event, next_event};
use libsys::service::names::{self, Name, NotFound};
use libsys::{
    Error, PageRange, Permissions, ProcessId, Target, UserPage, destroy, dma_allocate, dma_reclaim,
    dma_release, identity, machine, message_call, ports_allow, println, process, receive, reply,
    send, sleep, usage,
};

libsys::main!(main, arguments);
libsys::about!(
    "a disk, written, read back, and refused",
    "disktest write SEED | read SEED | refuse | errors | two | fork",
    "         | death | stranger | ranges | outlive TIMES WORDS... | storm"
);

/// Runs of 16 pages that are written: 1.5 MiB.
const RUNS: u32 = 24;
const WORDS: usize = PAGE_SIZE as usize / 4;
/// Frames of the DMA pool, all of which are free while there is no driver.
const POOL: u32 = 64;
/// Where the DMA frames are mapped.
const DMA_ADDRESS: u32 = 0x3000_0000;

/// `0x3100_0000  PDE 0x0C4`: the transfer area.
const AREA: u32 = 0x3100_0000;

/// The transfer area: pages that the driver maps as well. The driver writes them at any time, so
/// their words are loaded and stored one by one, and never lent as a slice.
struct Area(());

impl Area {
    /// Maps fresh pages, in place of those of an earlier area.
    fn new() -> Result<Self, Failure> {
        let range = PageRange::new(Self::page(0), SLOTS)?;
        range_allocate(Target::Caller, range, Permissions::WRITE)
            .map_err(|partial| Failure::Call(partial.error))?;
        Ok(Self(()))
    }

    /// The page of a slot.
    const fn page(slot: u32) -> UserPage {
        assert!(slot < SLOTS, "an area has 16 slots");
        UserPage::known(AREA + slot * PAGE_SIZE)
    }

    /// The address of a word.
    fn word(slot: u32, word: usize) -> *mut u32 {
        assert!(word < WORDS, "a page has 1,024 words");
        core::ptr::with_exposed_provenance_mut(Self::page(slot).address() as usize + 4 * word)
    }

    /// Gives each word of a slot the value for its index.
    #[allow(unsafe_code)]
    fn fill(&mut self, slot: u32, value: impl Fn(usize) -> u32) {
        for index in 0..WORDS {
            // SAFETY: `new` has mapped the page, writable and for good, where no Rust object lies.
            unsafe { Self::word(slot, index).write_volatile(value(index)) };
        }
    }

    /// A slot's words.
    #[allow(unsafe_code)]
    fn words(&self, slot: u32) -> impl Iterator<Item = u32> {
        // SAFETY: `new` has mapped the page for good.
        (0..WORDS).map(move |index| unsafe { Self::word(slot, index).read_volatile() })
    }

    /// Whether each word of a slot is `value`.
    fn is_all(&self, slot: u32, value: u32) -> bool {
        self.words(slot).all(|word| word == value)
    }
}

enum Failure {
    Usage,
    Disk(&'static str, DiskError),
    Call(Error),
    Spawn(SpawnError),
    Wrong { page: u64, word: usize, found: u32, expected: u32 },
    Broken(&'static str),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage => f.write_str(
                "usage: disktest write SEED | read SEED | refuse | errors | two | fork | death | stranger | \
                 ranges | outlive TIMES WORDS... | storm",
            ),
            Self::Disk(what, error) => write!(f, "{what}: {error}"),
            Self::Call(error) => error.fmt(f),
            Self::Spawn(error) => error.fmt(f),
            Self::Wrong { page, word, found, expected } => {
                write!(f, "word {word} of page {page} is {found:#010x}, not {expected:#010x}")
            }
            Self::Broken(claim) => write!(f, "not so: {claim}"),
        }
    }
}

fn main() -> Result<(), Failure> {
    let mut arguments = libsys::args().skip(1);
    let mode = arguments.next().unwrap_or("");
    let seed = match (arguments.next().map(str::parse), arguments.next()) {
        (None, _) => None,
        (Some(Ok(seed)), None) => Some(seed),
        // The words of a command follow.
        (Some(Ok(times)), Some(_)) if mode == "outlive" => Some(times),
        (Some(_), _) => return Err(Failure::Usage),
    };
    match (mode, seed) {
        ("write", Some(seed)) => Test::new(Disk::find(), seed)?.write_and_read(),
        ("read", Some(seed)) => Test::new(Disk::find(), seed)?.read_backwards(),
        ("refuse", None) => refuse(),
        ("errors", None) => errors(),
        ("two", None) => two(),
        ("fork", None) => forks(),
        ("hammer", Some(server)) => hammer(server),
        ("guest", Some(server)) => guest(server),
        ("death", None) => death(),
        ("stranger", None) => stranger(),
        ("ranges", None) => ranges(),
        ("visitor", Some(server)) => visitor(server),
        ("outlive", Some(times)) => outlive(times),
        ("killer", Some(times)) => killer(times),
        ("storm", None) => storm(),
        _ => Err(Failure::Usage),
    }
}

struct Test {
    disk: Disk,
    area: Area,
    seed: u32,
}

impl Test {
    /// Opens the disk and gives it an area of 16 pages.
    fn new(disk: Result<Disk, DiskError>, seed: u32) -> Result<Self, Failure> {
        let disk = disk.map_err(|error| Failure::Disk("open", error))?;
        let mut area = Area::new()?;
        for slot in 0..SLOTS {
            area.fill(slot, |_| 1);
            disk.share(slot, Area::page(slot), Permissions::WRITE)
                .map_err(|error| Failure::Disk("share", error))?;
        }
        Ok(Self { disk, area, seed })
    }

    fn write_and_read(&mut self) -> Result<(), Failure> {
        let sectors = self.disk.geometry().sectors;
        for run in 0..RUNS {
            let first = first_page(run, sectors);
            for (slot, page) in (0..SLOTS).zip(first..) {
                self.area.fill(slot, |word| pattern(self.seed, page, word));
            }
            self.disk
                .write(transfer(first, 0, SLOTS))
                .map_err(|error| Failure::Disk("write", error))?;
        }
        self.disk.flush().map_err(|error| Failure::Disk("flush", error))?;
        println!("disktest: wrote {} pages of {sectors} sectors", RUNS * SLOTS);
        self.read_backwards()
    }

    /// Reads the runs backwards. Every third run is read page by page, each page into another slot;
    /// of the next one, every other page is skipped.
    fn read_backwards(&mut self) -> Result<(), Failure> {
        let sectors = self.disk.geometry().sectors;
        let failed = |error| Failure::Disk("read", error);
        for run in (0..RUNS).rev() {
            let first = first_page(run, sectors);
            (0..SLOTS).for_each(|slot| self.area.fill(slot, |_| 0));
            if run % 3 == 0 {
                for slot in (0..SLOTS).rev() {
                    let from = first + u64::from(SLOTS - 1 - slot);
                    self.disk.read(transfer(from, slot, 1)).map_err(failed)?;
                    self.check(slot, from)?;
                }
                continue;
            }
            let skipped = if run % 3 == 1 { 0xAAAA } else { 0 };
            self.disk.read_except(transfer(first, 0, SLOTS), skipped).map_err(failed)?;
            for (slot, page) in (0..SLOTS).zip(first..) {
                if skipped >> slot & 1 == 0 {
                    self.check(slot, page)?;
                } else {
                    expect("a skipped slot is as it was", self.area.is_all(slot, 0))?;
                }
            }
        }
        println!("disktest: read {} pages, all as written", RUNS * SLOTS);
        Ok(())
    }

    /// Writes the first [`RANGE`] pages, one by one.
    fn write_range(&mut self) -> Result<(), Failure> {
        for page in 0..u64::from(RANGE) {
            self.area.fill(0, |word| pattern(self.seed, page, word));
            let written = self.disk.write(transfer(page, 0, 1));
            written.map_err(|error| Failure::Disk("write", error))?;
        }
        Ok(())
    }

    /// Checks what `write_range` wrote.
    fn check_range(&mut self) -> Result<(), Failure> {
        for page in 0..u64::from(RANGE) {
            self.area.fill(1, |_| 0);
            let read = self.disk.read(transfer(page, 1, 1));
            read.map_err(|error| Failure::Disk("read", error))?;
            self.check(1, page)?;
        }
        Ok(())
    }

    fn check(&self, slot: u32, page: u64) -> Result<(), Failure> {
        for (word, found) in self.area.words(slot).enumerate() {
            let expected = pattern(self.seed, page, word);
            if found != expected {
                return Err(Failure::Wrong { page, word, found, expected });
            }
        }
        Ok(())
    }
}

/// Spreads the runs over the disk: the first at its beginning, the last at its end.
fn first_page(run: u32, sectors: u64) -> u64 {
    let starts = sectors / u64::from(PAGE_SECTORS) - u64::from(SLOTS);
    starts * u64::from(run) / u64::from(RUNS - 1)
}

/// The contents of a word of a page on the disk; each word differs.
fn pattern(seed: u32, page: u64, word: usize) -> u32 {
    let mixed = (page as u32) << 10 | word as u32;
    (mixed ^ seed).wrapping_mul(0x9E37_79B1).rotate_left(15)
}

fn transfer(page: u64, slot: u32, pages: u32) -> Transfer {
    Transfer { sector: page * u64::from(PAGE_SECTORS), slot, pages }
}

fn expect(claim: &'static str, holds: bool) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::Broken(claim)) }
}

/// The driver that init has started.
fn the_disk() -> Result<ProcessId, Failure> {
    names::find(Name::DISK).map_err(|why| Failure::Disk("find", why.into()))
}

/// After a fork and a write by the parent, the disk reads into the parent's page and writes the
/// parent's bytes.
fn forks() -> Result<(), Failure> {
    let failed = |what| move |error| Failure::Disk(what, error);
    let mut test = Test::new(Disk::find(), 0)?;
    test.area.fill(0, |_| 4242);
    test.disk.write(transfer(1, 0, 1)).map_err(failed("write"))?;
    test.area.fill(0, |_| 1);
    let Fork::Parent { child } = fork()? else { exit(0) };
    test.area.fill(0, |_| 2);
    test.disk.read(transfer(1, 0, 1)).map_err(failed("read"))?;
    expect("the parent has what was read", test.area.is_all(0, 4242))?;
    test.area.fill(0, |_| 5555);
    test.disk.write(transfer(2, 0, 1)).map_err(failed("write"))?;
    test.disk.read(transfer(2, 1, 1)).map_err(failed("read"))?;
    expect("the parent's bytes were written", test.area.is_all(1, 5555))?;
    wait(Some(child))?;
    println!("disktest: a fork moved no slot");
    Ok(())
}

/// Requests that the disk must refuse; it goes on serving afterwards.
fn refuse() -> Result<(), Failure> {
    let server = the_disk()?;
    expect("nobody has this name", names::find(Name::new("nobody")) == Err(NotFound::NoServer))?;
    let init = ProcessId::first(0);
    for words in [[0; 4], [99; 4], [u32::MAX; 4]] {
        let told = names::answered(message_call(init, words, None)?.words);
        expect("init answers what it does not understand", told == Err(NotFound::NotUnderstood))?;
    }
    let asks =
        |words| Ok::<_, Error>(decode_answer(message_call(server, words, None)?.words).err());
    expect("a stranger is not served", asks(Request::Flush.encode())? == Some(DiskError::NotOpen))?;
    expect("nonsense is told so", asks([99; 4])? == Some(DiskError::NotUnderstood))?;
    let test = Test::new(Disk::open(server), 0)?;
    let end = test.disk.geometry().sectors;
    for (sector, slot, pages) in [
        (end, 0, 1),
        (end - 7, 0, 1),
        (0, 16, 1),
        (0, 9, 8),
        (0, 0, 0),
        (0, 0, 17),
        (u64::MAX, 0, 1),
    ] {
        let transfer = Transfer { sector, slot, pages };
        let refused = Err(DiskError::BadRange);
        expect("a read out of range is refused", test.disk.read(transfer) == refused)?;
        expect("a write out of range is refused", test.disk.write(transfer) == refused)?;
    }
    expect(
        "a slot needs a page",
        asks(Request::Share { slot: 1 }.encode())? == Some(DiskError::NotShared),
    )?;
    let page = Area::page(0);
    let share = |slot, permissions| test.disk.share(slot, page, permissions);
    expect("there are 16 slots", share(16, Permissions::WRITE) == Err(DiskError::BadRange))?;
    expect("a page may be shared read-only", share(3, Permissions::empty()) == Ok(()))?;
    let over = transfer(0, 2, 3);
    expect("and is not read into", test.disk.read(over) == Err(DiskError::NotWritable))?;
    expect("unless it is skipped", test.disk.read_except(over, 0b010) == Ok(()))?;
    let beyond = test.disk.read_except(over, 0b1010);
    expect("only pages are skipped", beyond == Err(DiskError::NotUnderstood))?;
    expect("but is written from", test.disk.write(over) == Ok(()))?;
    println!("disktest: refused what had to be");
    Ok(())
}

/// A device that fails at the sectors that the test has configured, and nowhere else.
fn errors() -> Result<(), Failure> {
    let test = Test::new(Disk::find(), 0)?;
    let (read, write) = (transfer(1, 0, 1), transfer(2, 0, 1));
    expect("the read fails", test.disk.read(read) == Err(DiskError::DeviceError))?;
    expect("the area is as it was", test.area.is_all(0, 1))?;
    expect("the write fails", test.disk.write(write) == Err(DiskError::DeviceError))?;
    println!("disktest: errors arrived");
    expect("the next read does not", test.disk.read(read) == Ok(()))?;
    expect("nor the next write", test.disk.write(write) == Ok(()))?;
    println!("disktest: the disk serves on");
    Ok(())
}

/// Another client reads all the time, and ten more open the disk and end: their areas are unmapped.
fn two() -> Result<(), Failure> {
    let server = the_disk()?;
    let hammer = spawn("hammer", server)?;
    let mut test = Test::new(Disk::open(server), 1)?;
    test.write_and_read()?;
    let guest = |test: &mut Test| -> Result<u32, Failure> {
        let ended = process::wait(Some(spawn("guest", server)?))?;
        expect("a guest is served", ended.status == 0)?;
        // The disk removes a client that has ended at the next request of any client.
        test.disk.flush().map_err(|error| Failure::Disk("flush", error))?;
        Ok(free_or_own()?)
    };
    // When the first guests have ended, the hammer has touched all its pages, and the pager has all
    // the memory that it keeps.
    let mut before = guest(&mut test)?;
    for _ in 0..3 {
        before = guest(&mut test)?;
    }
    for _ in 0..10 {
        expect("guests leave no frame behind", guest(&mut test)? == before)?;
    }
    process::end(hammer)?;
    test.read_backwards()?;
    println!("disktest: clients came and went");
    Ok(())
}

/// Frames that are free or that this process has.
fn free_or_own() -> Result<u32, Error> {
    Ok(machine().free + usage(Target::Caller)?.frames)
}

fn spawn(mode: &str, server: ProcessId) -> Result<ProcessId, Failure> {
    spawn_with(mode, server.bits())
}

fn spawn_with(mode: &str, number: u32) -> Result<ProcessId, Failure> {
    let number = number.to_string();
    Command::new("disktest").args(&[mode, &number]).spawn().map_err(Failure::Spawn)
}

/// Opens the disk, reads once, and ends.
fn guest(server: u32) -> Result<(), Failure> {
    let test = Test::new(Disk::open(ProcessId::new(server)?), 0)?;
    test.disk.read(transfer(0, 0, SLOTS)).map_err(|error| Failure::Disk("guest", error))
}

/// Reads until the disk is gone.
fn hammer(server: u32) -> Result<(), Failure> {
    let test = Test::new(Disk::open(ProcessId::new(server)?), 0)?;
    for page in (0..u64::from(SLOTS)).cycle() {
        match test.disk.read(transfer(page, 0, SLOTS)) {
            Ok(()) => {}
            Err(DiskError::Gone) => break,
            Err(error) => return Err(Failure::Disk("hammer", error)),
        }
    }
    println!("disktest: the hammer's disk is gone");
    Ok(())
}

/// Ends a driver of this program: its frames are in quarantine until the device is off. Then tests
/// a driver that is restarted as init does it.
fn death() -> Result<(), Failure> {
    let all = PageRange::new(UserPage::new(DMA_ADDRESS)?, POOL)?;
    dma_allocate(all)?;
    release(all)?;
    let mut driver = serving(Driver::start(Access::Everyone).map_err(Failure::Spawn)?)?;
    for round in 1..=2 {
        let (id, function) = known(&driver)?;
        Test::new(Disk::open(id), round)?.write_and_read()?;
        process::end(id)?;
        expect("its frames are in quarantine", dma_allocate(all) == Err(Error::OutOfFrames))?;
        Configuration::open()?.silence(function);
        println!("disktest: the driver has ended, and had {} frames", reclaim(id)?);
        expect("once", reclaim(id) == Err(Error::NoSuchProcess))?;
        dma_allocate(all)?;
        release(all)?;
        driver = serving(Driver::start(Access::Everyone).map_err(Failure::Spawn)?)?;
        Test::new(Disk::open(known(&driver)?.0), round)?.read_backwards()?;
    }
    let (id, _) = known(&driver)?;
    let hammer = spawn("hammer", id)?;
    sleep(50);
    let ended = process::end(id)?;
    let client = process::wait(Some(hammer))?;
    expect("its client is told", client.status == 0)?;
    driver = serving(driver.restart(ended.status).ok_or(Failure::Broken("it restarts"))?)?;
    expect("nothing of the last one is kept", reclaim(id) == Err(Error::NoSuchProcess))?;
    Test::new(Disk::open(known(&driver)?.0), 2)?.read_backwards()?;
    println!("disktest: drivers ended and others replaced them");
    Ok(())
}

/// Asks every process for the disk, as if init had named it.
fn stranger() -> Result<(), Failure> {
    let mut refused = 0;
    let servers = info::processes().filter_map(|info| ProcessId::new(info.id).ok());
    for server in servers.filter(|server| ![ProcessId::first(0), process::id()].contains(server)) {
        match Disk::open(server) {
            Err(DiskError::NotPermitted) => refused += 1,
            Err(_) => {}
            Ok(_) => return Err(Failure::Broken("the disk refuses a stranger")),
        }
        let asks = |request: Request| message_call(server, request.encode(), None);
        let admit = Request::Admit { process: process::id(), first: 0, pages: 1 };
        let answer = decode_answer(asks(admit)?.words).map(drop);
        expect("a stranger admits nobody", answer.is_err())?;
        expect("nor opens it then", Disk::open(server).is_err())?;
    }
    expect("one of them is the disk", refused == 1)?;
    println!("disktest: the disk refuses a stranger");
    Ok(())
}

/// A driver of this program, which admits no process until it is asked to.
fn ranges() -> Result<(), Failure> {
    let driver = serving(Driver::start(Access::Only(None)).map_err(Failure::Spawn)?)?;
    let (id, me) = (known(&driver)?.0, process::id());
    let refused = |done: Result<(), DiskError>| done == Err(DiskError::NotPermitted);
    expect("even the parent has to be admitted", refused(Disk::open(id).map(drop)))?;
    for (first, pages) in [(0, 0), (u32::MAX, 1), (0, u32::MAX)] {
        let done = Disk::admit(id, me, first, pages);
        expect("a range lies on the disk", done == Err(DiskError::BadRange))?;
    }
    let done = Disk::admit(id, ProcessId::first(1000), 0, 1);
    expect("who is admitted lives", done == Err(DiskError::Gone))?;
    let admit = |process, first| {
        Disk::admit(id, process, first, RANGE).map_err(|error| Failure::Disk("admit", error))
    };
    // The visitor sends a message when it was refused, and later writes all of its range.
    let visitor = spawn("visitor", id)?;
    admit(me, 0)?;
    let mut test = Test::new(Disk::open(id), 1)?;
    expect("a client sees its range", test.disk.geometry().sectors == sectors(RANGE))?;
    test.write_range()?;
    receive(Some(visitor), None)?;
    admit(visitor, RANGE)?;
    reply(visitor, [0; 4], None)?;
    let ended = process::wait(Some(visitor))?;
    expect("the visitor is served", ended.status == 0)?;
    test.check_range()?;
    for (page, pages) in [(RANGE, 1), (RANGE - 1, 2)] {
        let beyond = test.disk.read(transfer(page.into(), 0, pages));
        expect("beyond it there is nothing", beyond == Err(DiskError::BadRange))?;
    }
    println!("disktest: each client has its range, and no other process has any");
    Ok(())
}

/// Pages of a range: more than one transfer.
const RANGE: u32 = 40;

const fn sectors(pages: u32) -> u64 {
    pages as u64 * PAGE_SECTORS as u64
}

/// Is refused, then calls its parent, and after the answer has the same range as its parent.
fn visitor(server: u32) -> Result<(), Failure> {
    let server = ProcessId::new(server)?;
    let refused = |done: Result<(), DiskError>| done == Err(DiskError::NotPermitted);
    expect("nobody has admitted it", refused(Disk::open(server).map(drop)))?;
    let itself = Disk::admit(server, process::id(), 0, 1);
    expect("it cannot admit itself", refused(itself))?;
    message_call(identity().parent.ok_or(Failure::Usage)?, [0; 4], None)?;
    let mut test = Test::new(Disk::open(server), 2)?;
    test.write_range()?;
    test.check_range()
}

/// Servers of this program's own: a driver, a pager that puts pages on its disk, and a program. The
/// driver is ended now and then, and the program must not notice.
fn outlive(times: u32) -> Result<(), Failure> {
    let mut servers = Servers::start(true, true).map_err(|error| match error {
        StartError::Spawn(error) => Failure::Spawn(error),
        StartError::PagerEnded(_) => Failure::Broken("the pager starts"),
        StartError::Call(error) => Failure::Call(error),
    })?;
    let words: Vec<&str> = libsys::args().skip(3).collect();
    let (name, arguments) = words.split_first().ok_or(Failure::Usage)?;
    let program = Command::new(name).args(arguments).pager(servers.pager());
    let program = program.spawn().map_err(Failure::Spawn)?;
    let killer = spawn_with("killer", times)?;
    let finished = attend(program, |event| match event {
        Event::Message { sender, .. } if sender == killer => {
            if let Some(driver) = servers.driver() {
                // The driver may have ended already.
                let _ = destroy(driver, false);
            }
        }
        event => servers.handle(event),
    })?;
    let Finished::Ended(ended) = finished else { return Err(Failure::Broken("it ends by itself")) };
    expect("the program does not notice", ended.status == 0)?;
    println!("disktest: the program has outlived its drivers");
    Ok(())
}

/// Sends its parent so many messages, with a pause between, each of which asks to end the driver.
fn killer(times: u32) -> Result<(), Failure> {
    let parent = identity().parent.ok_or(Failure::Usage)?;
    for _ in 0..times {
        sleep(WHILE);
        send(parent, [0; 4], None)?;
    }
    Ok(())
}

/// Milliseconds between two of these messages.
const WHILE: u32 = 700;

/// The network card's vendor and device: Realtek's RTL8029, an NE2000.
const CARD: (u16, [u16; 1]) = (0x10EC, [0x8029]);
/// Its base address register: ports.
const CARD_PORTS: u8 = 0x10;
/// Its command port, and its port for the interrupt mask.
const COMMAND: u16 = 0x0;
const INTERRUPT_MASK: u16 = 0xF;
/// A command to read no bytes of the card's memory. The card raises its interrupt at once and keeps
/// it raised until it is acknowledged.
const START_READING: u8 = 0x0A;
const READING_IS_DONE: u8 = 0x40;

/// Another device raises the disk's interrupt line, and nothing acknowledges it. The disk must go
/// on serving.
fn storm() -> Result<(), Failure> {
    let driver = serving(Driver::start(Access::Everyone).map_err(Failure::Spawn)?)?;
    let (id, function) = known(&driver)?;
    let mut test = Test::new(Disk::open(id), 4)?;
    test.write_range()?;
    let configuration = Configuration::open()?;
    let card = configuration.find(CARD.0, &CARD.1).ok_or(Failure::Broken("there is a card"))?;
    let line = |function| configuration.interrupt_line(function);
    expect("the two share a line", line(card) == line(function))?;
    configuration.enable(card);
    let first = configuration.read(card, CARD_PORTS) & !3;
    ports_allow(PortRange::new(first, 16)?)?;
    write_port(first as u16 + INTERRUPT_MASK, READING_IS_DONE);
    write_port(first as u16 + COMMAND, START_READING);
    sleep(50);
    test.write_range()?;
    test.check_range()?;
    println!("disktest: the disk serves while another device holds its line");
    Ok(())
}

#[allow(unsafe_code)]
fn write_port(port: u16, value: u8) {
    // SAFETY: the card is given no address of memory.
    unsafe { ports::write_byte(port, value) };
}

#[allow(unsafe_code)]
fn release(range: PageRange) -> Result<(), Error> {
    // SAFETY: the device is off and knows none of the frames, and no Rust object lies in the range.
    unsafe { dma_release(range) }
}

#[allow(unsafe_code)]
fn reclaim(driver: ProcessId) -> Result<u32, Error> {
    // SAFETY: the device has been silenced, or the next driver has reset it.
    unsafe { dma_reclaim(driver) }
}

/// Waits until a driver serves.
fn serving(mut driver: Driver) -> Result<Driver, Failure> {
    while driver.server().is_none() {
        match next_event()? {
            Event::Message { sender, words, .. } => drop(driver.handle(sender, words)),
            Event::Exit { .. } => return Err(Failure::Broken("the driver starts")),
            Event::Interrupt | Event::Fault { .. } | Event::Clone { .. } | Event::Frames { .. } => {
            }
        }
    }
    Ok(driver)
}

fn known(driver: &Driver) -> Result<(ProcessId, Function), Failure> {
    driver.server().zip(driver.function()).ok_or(Failure::Broken("the driver serves"))
}
