//! `fuzz servers SEED COUNT`: random messages, faults, clones and false registrations, sent to
//! init, the pager and the disk.
//!
//! A batch is four askers that send requests at the same time. Each request is stored in the
//! supervisor's page before it is made, so that the supervisor can tell which one is never
//! answered. Afterwards the servers must live, have as many clients and pages as before, and answer
//! the supervisor as before.
//!
//! For some requests an asker knows which answer would be wrong: only a child's parent may register
//! or limit it, and only the disk's parent may admit a process.

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use libsys::abi::call::PageTransfer;
use libsys::abi::fault::Access;
use libsys::abi::layout::PAGE_SIZE;
use libsys::paging::fault;
use libsys::paging::fork::{Fork, fork};
use libsys::process::info;
use libsys::process::{end_all_children, exit, id, wait};
use libsys::service::disk::protocol::{self, DiskError};
use libsys::service::names::{self, Name};
use libsys::service::pager::{NOT_A_CLIENT, Registered, Request, Statistics, ask, name_of};
use libsys::{
    Permissions, ProcessId, Target, UserPage, call, clock, destroy, identity, page_allocate,
    page_map, page_unmap, println, yield_now,
};

use crate::boundary::{address, number, page, permissions};
use crate::census::Census;
use crate::ground::{self, roster_of_supervisor};
use crate::judge::MORE_PAGER_PAGES;
use crate::options::Options;
use crate::random::Random;
use crate::skip::{load, skip, store};

/// Askers of a batch.
const ASKERS: u32 = 4;
/// Requests that an asker makes.
const REQUESTS: u32 = 64;
/// How long a batch may take, in microseconds of the machine's clock.
const PATIENCE: u64 = 4_000_000;
/// Batches after which the servers' tables no longer grow.
const WARM_UP: u32 = 16;
/// The page that askers send, and the page in which they receive one.
const PARCEL: u32 = 0x3280_0000;
const INBOX: u32 = 0x3280_1000;
/// Exit status of an asker that got a wrong answer.
const WRONG: u8 = 77;

/// Names for registrations: of programs, and of none.
const NAMES: [&[u8]; 9] =
    [b"fuzz", b"hog", b"pager", b"init", b"", b"nonesuch", b"../init", b"bin/hello", b"\xff\xfe"];

/// A fault of the servers.
pub enum Finding {
    /// An asker was never answered.
    Waits { asker: u32, request: u32 },
    /// An asker got a wrong answer.
    Answer { asker: u32, request: u32 },
    /// A server has ended.
    Ended { server: &'static str },
    /// A server answers the supervisor in another way than before.
    Differs { server: &'static str },
    /// A count has grown.
    Grown { what: &'static str, before: u32, after: u32 },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waits { asker, request } => {
                write!(f, "waits: request {request} of asker {asker} is never answered")
            }
            Self::Answer { asker, request } => {
                write!(f, "answer: request {request} of asker {asker} got what it must not get")
            }
            Self::Ended { server } => write!(f, "ended: {server} has ended"),
            Self::Differs { server } => {
                write!(f, "differs: {server} answers otherwise than before")
            }
            Self::Grown { what, before, after } => {
                write!(f, "grown: {what}, {before} before and {after} after the batch")
            }
        }
    }
}

/// The servers.
#[derive(Clone, Copy)]
struct Servers {
    init: ProcessId,
    pager: Option<ProcessId>,
    /// The driver of the disk, whether it serves this process or not.
    disk: Option<ProcessId>,
}

impl Servers {
    fn find() -> Self {
        let init = ProcessId::first(0);
        let pager = identity().pager;
        let others = info::processes().filter_map(|info| ProcessId::new(info.id).ok());
        // With the boot word `swap` init does not name the driver. It is the child of init that is
        // neither the pager nor this process.
        let disk = names::find(Name::DISK).ok().or_else(|| {
            others
                .filter(|other| *other != init && Some(*other) != pager && *other != id())
                .find(|other| info::process(*other).is_some_and(|info| info.parent == init.bits()))
        });
        Self { init, pager, disk }
    }

    fn all(&self) -> [(&'static str, Option<ProcessId>); 3] {
        [("init", Some(self.init)), ("the pager", self.pager), ("the disk", self.disk)]
    }

    fn pick(&self, random: &mut Random) -> ProcessId {
        random.pick(&[Some(self.init), self.pager, self.pager, self.disk]).unwrap_or(self.init)
    }

    /// The server that has ended, if one has.
    fn ended(&self) -> Option<&'static str> {
        let mut servers = self.all().into_iter();
        servers
            .find(|(_, server)| server.is_some_and(|server| !info::is_alive(server)))
            .map(|(name, _)| name)
    }
}

/// Answers that must stay the same.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Known {
    disk: [u32; 4],
    nobody: [u32; 4],
    own_name: [u32; 4],
    nonsense: [u32; 4],
}

impl Known {
    fn ask(servers: &Servers) -> Self {
        let call = |to: Option<ProcessId>, words| {
            to.and_then(|to| call::message_call(to, words, None).ok()).map_or([7; 4], |it| it.words)
        };
        let name =
            name_of(id()).map_or([NOT_A_CLIENT; 4], libsys::service::pager::ShortName::encode);
        Self {
            disk: call(Some(servers.init), Name::DISK.question()),
            nobody: call(Some(servers.init), Name::new("nobody").question()),
            own_name: name,
            nonsense: call(servers.disk, [u32::MAX; 4]),
        }
    }
}

/// Sends batches of requests until enough are made. Returns how many.
///
/// # Errors
/// A finding, and the batch that it belongs to.
pub fn run(options: &Options) -> Result<u64, (u32, Finding)> {
    let servers = Servers::find();
    let known = Known::ask(&servers);
    let mut settled: Option<(Census, Statistics)> = None;
    let mut made = 0;
    let first = options.batch.unwrap_or(0);
    let mut batch = first;
    while made < u64::from(options.calls) {
        println!("batch {batch}");
        let found = |finding| (batch, finding);
        made += ask_all(options, batch, &servers).map_err(found)?;
        if let Some(server) = servers.ended() {
            return Err(found(Finding::Ended { server }));
        }
        let now = Known::ask(&servers);
        if now != known {
            let server =
                if now.own_name != known.own_name { "the pager" } else { "init or the disk" };
            return Err(found(Finding::Differs { server }));
        }
        let statistics = Statistics::decode(ask(Request::Statistics).unwrap_or_default());
        let census = Census::take();
        if batch - first >= WARM_UP {
            let (before, statistics_before) = *settled.get_or_insert((census, statistics));
            compare(before, census, statistics_before, statistics).map_err(found)?;
        }
        batch += 1;
    }
    Ok(made)
}

fn compare(
    before: Census,
    after: Census,
    statistics_before: Statistics,
    statistics: Statistics,
) -> Result<(), Finding> {
    let grown = |what, before, after| Err(Finding::Grown { what, before, after });
    if after.processes != before.processes {
        return grown("processes", before.processes, after.processes);
    }
    if statistics.clients != statistics_before.clients {
        return grown("the pager's clients", statistics_before.clients, statistics.clients);
    }
    if statistics.own_pages > statistics_before.own_pages + MORE_PAGER_PAGES {
        return grown("the pager's pages", statistics_before.own_pages, statistics.own_pages);
    }
    if !after.swaps && after.free + after.pager_pages < before.free + before.pager_pages {
        return grown("frames in use (free ones are told)", before.free, after.free);
    }
    Ok(())
}

/// One batch.
fn ask_all(options: &Options, batch: u32, servers: &Servers) -> Result<u64, Finding> {
    let mut askers = [None; ASKERS as usize];
    for asker in 0..ASKERS {
        roster_of_supervisor(asker).store(0, Ordering::Relaxed);
        match fork() {
            Ok(Fork::Child) => be_asker(options, batch, asker, servers),
            Ok(Fork::Parent { child }) => askers[asker as usize] = Some(child),
            Err(_) => {}
        }
    }
    let end = clock() + PATIENCE;
    let mut made = 0;
    for (asker, child) in (0..).zip(askers) {
        let Some(child) = child else { continue };
        let request = || roster_of_supervisor(asker).load(Ordering::Relaxed);
        while info::is_alive(child) {
            if clock() >= end {
                return Err(Finding::Waits { asker, request: request() });
            }
            yield_now();
        }
        let status = wait(Some(child)).map_or(0, |ended| ended.status);
        if status == u32::from(WRONG) {
            return Err(Finding::Answer { asker, request: request() });
        }
        made += u64::from(request().min(REQUESTS));
    }
    // The children that an asker has made clients and left behind.
    end_all_children();
    Ok(made)
}

/// Makes requests, and exits.
fn be_asker(options: &Options, batch: u32, asker: u32, servers: &Servers) -> ! {
    // There may be no frame for the exception stack: then a bad address ends the asker.
    let _ = fault::set_handler(Some(skip));
    let _ = page_allocate(Target::Caller, UserPage::known(PARCEL), Permissions::WRITE);
    let request_number: &AtomicU32 = roster_of_supervisor(asker);
    for request in 0..REQUESTS {
        let at = asker << 16 | request;
        if options.drops(at) {
            continue;
        }
        request_number.store(request + 1, Ordering::Relaxed);
        let mut random = Random::of(options.seed, batch, asker, request);
        let right = make_request(&mut random, servers);
        if !right {
            exit(WRONG);
        }
    }
    exit(0)
}

/// Makes one request; returns `false` if the answer is wrong.
fn make_request(random: &mut Random, servers: &Servers) -> bool {
    match random.below(16) {
        0..=2 => {
            let to = servers.pick(random);
            any_words(random, to)
        }
        3..=5 => ask_pager(random, servers),
        6..=8 => ask_disk(random, servers),
        9 | 10 => ask_init(random, servers),
        11 | 12 => register_child(random, servers),
        13 => {
            // A fault that did not happen.
            let access = Access::from_bits_truncate(random.below(16));
            let _ = call::fault_forward(address(random), access, address(random));
            true
        }
        14 => {
            // A fault that happens.
            let at = address(random);
            let _ = if random.once_in(2) { load(at) } else { 0 };
            store_in_a_child(random, at);
            true
        }
        _ => {
            // A message that wants no answer.
            let words = words(random, servers);
            let _ = call::send(servers.pick(random), words, transfer(random));
            true
        }
    }
}

fn any_words(random: &mut Random, to: ProcessId) -> bool {
    let words = core::array::from_fn(|_| number(random));
    let _ = call::message_call(to, words, transfer(random));
    true
}

fn words(random: &mut Random, servers: &Servers) -> [u32; 4] {
    let any = [servers.init.bits(), id().bits(), 0x1003, 0x5245_4144, 0x4B53_4944];
    core::array::from_fn(|_| match random.below(3) {
        0 => random.below(10),
        1 => random.pick(&any),
        _ => number(random),
    })
}

fn ask_pager(random: &mut Random, servers: &Servers) -> bool {
    let Some(pager) = servers.pager else { return true };
    let strangers = [servers.init, pager, ProcessId::first(3), ProcessId::first(1)];
    let parent = identity().parent.unwrap_or(pager);
    let stranger = if random.once_in(3) { parent } else { random.pick(&strangers) };
    let number_of_request = random.below(10);
    let words = [number_of_request, stranger.bits(), number(random), random.below(2)];
    let answer = call::message_call(pager, words, transfer(random));
    let Ok(answer) = answer else { return true };
    match number_of_request {
        // Only its parent may register a process, and only it and its parent may limit it.
        1 => !matches!(Registered::decode(answer.words), Registered::At { .. }),
        3 => answer.words[0] != 0,
        _ => true,
    }
}

fn ask_disk(random: &mut Random, servers: &Servers) -> bool {
    let Some(disk) = servers.disk else { return true };
    let slot = random.below(18);
    let sector = random.pick(&[0, 1, 7, 8, 63, 0x7_FFF8, 0x7_FFFF, 0x8_0000, u32::MAX]);
    let pages = random.below(18);
    let words = match random.below(8) {
        0 => [1, 0, 0, 0],
        1 | 2 => [2 | slot << 16, 0, 0, 0],
        3 => [3 | pages << 8 | slot << 16, sector, random.below(2), 0],
        4 => [4 | pages << 8 | slot << 16, sector, random.below(2), 0],
        5 => [5, 0, 0, 0],
        6 => [6, id().bits(), random.below(9), random.below(9)],
        _ => [random.next() & 0xFF_FFFF, number(random), number(random), random.below(2)],
    };
    let Ok(answer) = call::message_call(disk, words, transfer(random)) else { return true };
    // Only init may admit a process.
    words[0] != 6
        || protocol::decode_answer(answer.words).err().is_some_and(|why: DiskError| {
            matches!(why, DiskError::NotPermitted | DiskError::NotUnderstood | DiskError::BadRange)
        })
}

fn ask_init(random: &mut Random, servers: &Servers) -> bool {
    let name = random.pick(&[Name::DISK, Name::new("pager"), Name::new(""), Name::new("disk2")]);
    let mut words = name.question();
    if random.once_in(3) {
        words[random.below(4) as usize] = number(random);
    }
    let Ok(answer) = call::message_call(servers.init, words, transfer(random)) else { return true };
    // The server that is named must be the disk's driver.
    names::answered(answer.words).is_err()
        || servers.disk.is_some_and(|it| it.bits() == answer.words[0])
}

/// Makes a child, gives it the pager, and registers it under several names.
fn register_child(random: &mut Random, servers: &Servers) -> bool {
    let Some(pager) = servers.pager else { return true };
    let Ok(child) = libsys::process_create() else { return true };
    for _ in 0..1 + random.below(3) {
        match random.below(6) {
            0 => {
                let _ = call::clone(child);
            }
            1 | 2 => register(random, pager, child),
            3 => {
                let _ = call::message_call(pager, [3, child.bits(), number(random), 0], None);
            }
            4 => {
                // The child gets a page before the pager knows it, perhaps where the pager would
                // map one.
                if let Ok(to) = UserPage::new(page(random)) {
                    let target = Target::Process(child);
                    let _ = page_map(
                        (Target::Caller, UserPage::known(PARCEL)),
                        (target, to),
                        Permissions::WRITE,
                    );
                }
            }
            _ => {
                let _ = libsys::process_start(child);
                yield_now();
            }
        }
    }
    if random.once_in(2) {
        let _ = destroy(child, true);
        let _ = wait(Some(child));
    }
    true
}

/// Registers a child at the pager under a name that may be wrong.
fn register(random: &mut Random, pager: ProcessId, child: ProcessId) {
    let name = random.pick(&NAMES);
    for (offset, byte) in (0..).zip(name.iter().chain([&0])) {
        store(PARCEL + offset, *byte);
    }
    if random.once_in(4) {
        // No zero byte ends the name.
        for offset in 0..PAGE_SIZE / 64 {
            store(PARCEL + offset, b'x');
        }
    }
    let _ = call::message_call(pager, [1, child.bits(), 0, 0], transfer(random));
}

/// A child stores at an address: its fault goes to the pager, and a refusal ends the child alone.
fn store_in_a_child(random: &mut Random, at: u32) {
    if !random.once_in(4) {
        return;
    }
    match fork() {
        Ok(Fork::Child) => {
            let _ = fault::set_handler(None);
            store(at, random.next() as u8);
            exit(0)
        }
        Ok(Fork::Parent { child }) => {
            let _ = wait(Some(child));
        }
        Err(_) => {}
    }
}

/// A page that is sent or accepted, or none, or one that is absent.
fn transfer(random: &mut Random) -> Option<PageTransfer> {
    let page = match random.below(8) {
        0..=2 => return None,
        3..=5 => UserPage::known(PARCEL),
        6 => UserPage::known(INBOX),
        _ => UserPage::new(page(random)).ok()?,
    };
    if random.once_in(6) {
        let _ = page_unmap(Target::Caller, UserPage::known(INBOX), Permissions::empty());
    }
    let rights = Permissions::new(permissions(random) & 0xE02).ok()?;
    let send = if random.once_in(4) { None } else { Some(rights) };
    Some(PageTransfer { page, send, accept: send.is_none() || random.once_in(2) })
}

/// Makes the page in which the askers store their requests.
///
/// # Errors
/// There is no memory for it.
pub fn prepare() -> Result<(), libsys::Error> {
    ground::found()
}
