//! Every native call as a function of the same name: what it does and which errors it has is said at [`Syscall`].
//!
//! They enter by `int 0x30`; a [`Gate`] makes any call either way.
//!
//! Calls that change the caller's own mappings are safe functions, although they can pull memory away from under a
//! reference: the memory map is the program's to keep, as `/proc/self/mem` is elsewhere, and the libraries that
//! keep it (`fault`, [`crate::paging::fork`], the loader) name only pages that no Rust object lies in.

mod device;
mod gate;

use abi::call::{Arguments as _, FaultReply, PageTransfer};
use abi::fault::Access;
use abi::message::{Message, Reason};
use abi::process::Target;
use abi::registers::UserRegisters;
use abi::trace::{EVENTS, Event};
use abi::{Entry, Error, Frame, PageRange, Permissions, ProcessId, Syscall, UserPage, ViewSlot};

pub use device::{
    device_map, dma_allocate, dma_reclaim, dma_release, driver_allow, interrupt_acknowledge,
    interrupt_attach, ports_allow,
};
pub use gate::{Answer, Gate};

/// A range call that stopped early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Partial {
    /// Why.
    pub error: Error,
    /// Pages that were done, from the first on.
    pub done: u32,
}

impl From<Partial> for Error {
    fn from(partial: Partial) -> Self {
        partial.error
    }
}

/// Who the caller is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Itself.
    pub id: ProcessId,
    /// Its parent; `None` for the first process.
    pub parent: Option<ProcessId>,
    /// Its pager, if it has one.
    pub pager: Option<ProcessId>,
}

/// A child that has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Which one.
    pub child: ProcessId,
    /// Its exit status (0 to 255), or the kernel's: 128 and the vector for a child that an exception ended.
    pub status: u32,
    /// Why it ended.
    pub reason: Reason,
}

/// What a process has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usage {
    /// Frames mapped, tables included.
    pub frames: u32,
    /// The bound on them; 0 is no bound.
    pub frame_bound: u32,
    /// Processes.
    pub processes: u32,
    /// The bound on them; 0 is no bound.
    pub process_bound: u32,
}

/// What the machine has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Machine {
    /// Frames of RAM.
    pub frames: u32,
    /// Those that are free.
    pub free: u32,
    /// Live processes.
    pub processes: u32,
    /// How often the kernel flushed one page; wraps.
    pub page_flushes: u16,
    /// How often it flushed everything; wraps.
    pub full_flushes: u16,
}

/// What [`range_protect`] found before it cleared A and D.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protected {
    /// Pages walked.
    pub pages: u32,
    /// A and D bits of all of them together, as in an entry.
    pub marks: u32,
    /// A of each of the first 32 pages.
    pub accessed: u32,
    /// D of each of the first 32 pages.
    pub dirty: u32,
}

fn invoke(call: Syscall) -> Result<[u32; 4], Error> {
    Gate::Interrupt.invoke(call).map(|answer| answer.words)
}

fn done(call: Syscall) -> Result<(), Error> {
    invoke(call).map(|_| ())
}

/// A call that takes at most one word and returns at most one.
#[inline(always)]
fn one_word(call: Syscall) -> Result<u32, Error> {
    let (value, word) = gate::one_word(call);
    Error::check(value).map(|_| word)
}

/// A call that takes two words and returns at most one.
#[inline(always)]
fn two_words(call: Syscall) -> Result<u32, Error> {
    let (value, word) = gate::two_words(call);
    Error::check(value).map(|_| word)
}

fn range(call: Syscall) -> Result<[u32; 4], Partial> {
    let answer = Gate::Interrupt.enter(call);
    match Error::check(answer.value) {
        Ok(_) => Ok(answer.words),
        Err(error) => Err(Partial { error, done: answer.words[0] }),
    }
}

#[inline(always)]
fn message(call: Syscall) -> Result<Message, Error> {
    let raw = call.encode();
    let answer = if raw.permission_bits() == 0 {
        gate::message(&raw)
    } else {
        gate::message_with_page(&raw)
    };
    Message::from_wire(answer.value, answer.process, answer.words)
}

/// The caller's id, parent and pager.
///
/// # Panics
/// Never: the call has no errors.
#[must_use]
#[inline(always)]
pub fn identity() -> Identity {
    let [id, parent, pager] = gate::question(Syscall::Identity);
    Identity {
        id: ProcessId::new(id).expect("the caller has an id"),
        parent: ProcessId::new(parent).ok(),
        pager: ProcessId::new(pager).ok(),
    }
}

/// Maps a fresh zeroed page.
///
/// # Errors
/// See [`Syscall::PageAllocate`].
#[inline(always)]
pub fn page_allocate(
    process: impl Into<Target>,
    page: UserPage,
    permissions: Permissions,
) -> Result<(), Error> {
    one_word(Syscall::PageAllocate { process: process.into(), page, permissions }).map(drop)
}

/// Maps the frame behind a page at another page, here or there, as well.
///
/// # Errors
/// See [`Syscall::PageMap`].
#[inline(always)]
pub fn page_map(
    (process, page): (impl Into<Target>, UserPage),
    (to, to_page): (impl Into<Target>, UserPage),
    permissions: Permissions,
) -> Result<(), Error> {
    two_words(Syscall::PageMap {
        process: process.into(),
        page,
        to: to.into(),
        to_page,
        permissions,
    })
    .map(drop)
}

/// Moves a page to where nothing is present, leaves `marks`, and returns the old entry.
///
/// # Errors
/// See [`Syscall::PageMove`].
pub fn page_move(
    (process, page): (impl Into<Target>, UserPage),
    (to, to_page): (impl Into<Target>, UserPage),
    marks: Permissions,
) -> Result<Entry, Error> {
    let (process, to) = (process.into(), to.into());
    let old = two_words(Syscall::PageMove { process, page, to, to_page, marks })?;
    Ok(Entry::from_bits(old))
}

/// Unmaps a page, leaves `marks`, and returns the old entry.
///
/// # Errors
/// See [`Syscall::PageUnmap`].
#[inline(always)]
pub fn page_unmap(
    process: impl Into<Target>,
    page: UserPage,
    marks: Permissions,
) -> Result<Entry, Error> {
    let old = one_word(Syscall::PageUnmap { process: process.into(), page, marks })?;
    Ok(Entry::from_bits(old))
}

/// Makes a page private and writable; returns whether that took a copy.
///
/// # Errors
/// See [`Syscall::PageCopy`].
#[inline(always)]
pub fn page_copy(
    process: impl Into<Target>,
    page: UserPage,
    permissions: Permissions,
) -> Result<bool, Error> {
    let copied = one_word(Syscall::PageCopy { process: process.into(), page, permissions })?;
    Ok(copied != 0)
}

/// How many mappings a frame has. [`crate::process::info::frame_references`] asks only for what no table shows.
///
/// # Errors
/// See [`Syscall::FrameReferences`].
pub fn frame_references(frame: Frame) -> Result<u32, Error> {
    one_word(Syscall::FrameReferences { frame: frame.number() })
}

/// Which bits a range call drops and adds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// Bits to drop first.
    pub drop: Permissions,
    /// Bits to add then.
    pub add: Permissions,
}

impl Change {
    /// Leaves all bits as they are.
    pub const NONE: Self = Self { drop: Permissions::empty(), add: Permissions::empty() };
}

/// Maps every present page of a range at another place as well; with `both`, changes the bits of the source, too.
/// Returns the pages walked. Ranges of one space may overlap.
///
/// # Errors
/// See [`Syscall::RangeShare`].
pub fn range_share(
    (process, range): (impl Into<Target>, PageRange),
    (to, to_page): (impl Into<Target>, UserPage),
    change: Change,
    both: bool,
) -> Result<u32, Partial> {
    let Change { drop, add } = change;
    let call = Syscall::RangeShare {
        process: process.into(),
        range,
        to: to.into(),
        to_page,
        drop,
        add,
        both,
    };
    self::range(call).map(|[pages, ..]| pages)
}

/// Drops and adds bits on every present page of a range, and clears A and D.
///
/// # Errors
/// See [`Syscall::RangeProtect`].
#[inline(always)]
pub fn range_protect(
    process: impl Into<Target>,
    range: PageRange,
    change: Change,
) -> Result<Protected, Partial> {
    let Change { drop, add } = change;
    let call = Syscall::RangeProtect { process: process.into(), range, drop, add };
    let (value, [pages, marks, accessed, dirty]) = gate::four_answers(call);
    match Error::check(value) {
        Ok(_) => Ok(Protected { pages, marks, accessed, dirty }),
        Err(error) => Err(Partial { error, done: pages }),
    }
}

/// Drops and adds bits on one page and clears A and D; returns the old entry.
///
/// # Errors
/// See [`Syscall::PageProtect`].
#[inline(always)]
pub fn page_protect(
    process: impl Into<Target>,
    page: UserPage,
    change: Change,
) -> Result<Entry, Error> {
    let Change { drop, add } = change;
    let old = one_word(Syscall::PageProtect { process: process.into(), page, drop, add })?;
    Ok(Entry::from_bits(old))
}

/// Unmaps a range; returns the pages walked.
///
/// # Errors
/// See [`Syscall::RangeUnmap`].
pub fn range_unmap(
    process: impl Into<Target>,
    range: PageRange,
    marks: Permissions,
) -> Result<u32, Partial> {
    self::range(Syscall::RangeUnmap { process: process.into(), range, marks })
        .map(|[pages, ..]| pages)
}

/// Maps fresh zeroed pages over a range of at most 64; returns how many.
///
/// # Errors
/// See [`Syscall::RangeAllocate`].
pub fn range_allocate(
    process: impl Into<Target>,
    range: PageRange,
    permissions: Permissions,
) -> Result<u32, Partial> {
    self::range(Syscall::RangeAllocate { process: process.into(), range, permissions })
        .map(|[pages, ..]| pages)
}

/// Makes a blank, stopped child with the caller's pager.
///
/// # Errors
/// See [`Syscall::ProcessCreate`].
pub fn process_create() -> Result<ProcessId, Error> {
    let child = one_word(Syscall::ProcessCreate { copy: false })?;
    ProcessId::new(child)
}

/// Lets a child run.
///
/// # Errors
/// See [`Syscall::ProcessStart`].
#[inline(always)]
pub fn process_start(child: ProcessId) -> Result<(), Error> {
    one_word(Syscall::ProcessStart { process: child.into() }).map(drop)
}

/// Stops a child.
///
/// # Errors
/// See [`Syscall::ProcessStop`].
pub fn process_stop(child: ProcessId) -> Result<(), Error> {
    one_word(Syscall::ProcessStop { process: child.into() }).map(drop)
}

/// A child's registers.
///
/// # Errors
/// See [`Syscall::RegistersRead`].
pub fn registers_read(child: ProcessId) -> Result<UserRegisters, Error> {
    let mut registers = UserRegisters::default();
    let address = address(&raw mut registers);
    one_word(Syscall::RegistersRead { process: child.into(), address })?;
    Ok(registers)
}

/// Copies a child's last events into `buffer`, the oldest first, and returns how many there were.
///
/// # Errors
/// See [`Syscall::EventsRead`].
pub fn events_read(child: ProcessId, buffer: &mut [Event]) -> Result<usize, Error> {
    let count = buffer.len().min(EVENTS as usize) as u32;
    let address = address(buffer.as_mut_ptr());
    let call = Syscall::EventsRead { process: child.into(), address, count };
    two_words(call).map(|count| count as usize)
}

/// Sets a child's registers.
///
/// # Errors
/// See [`Syscall::RegistersWrite`].
pub fn registers_write(child: ProcessId, registers: &UserRegisters) -> Result<(), Error> {
    one_word(Syscall::RegistersWrite { process: child.into(), address: address(registers) })
        .map(drop)
}

/// Ends the caller.
pub fn exit(status: u8) -> ! {
    loop {
        // The kernel never returns from this call; the loop only tells the compiler.
        let _ = Gate::Interrupt.enter(Syscall::Exit { status: u32::from(status) });
    }
}

/// Waits for a child, or for any, to end. Its memory is free by then.
///
/// # Errors
/// See [`Syscall::Wait`].
pub fn wait(child: Option<ProcessId>) -> Result<Ended, Error> {
    let [child, status, reason, _] = invoke(Syscall::Wait { child })?;
    let reason = Reason::new(reason).ok_or(Error::InvalidArgument)?;
    Ok(Ended { child: ProcessId::new(child)?, status, reason })
}

/// Ends a process, alone or with all its descendants.
///
/// # Errors
/// See [`Syscall::Destroy`].
pub fn destroy(process: impl Into<Target>, subtree: bool) -> Result<(), Error> {
    one_word(Syscall::Destroy { process: process.into(), subtree }).map(drop)
}

/// Bounds a child and its descendants; 0 is no bound.
///
/// # Errors
/// See [`Syscall::SetQuota`].
pub fn set_quota(child: ProcessId, frames: u32, processes: u32) -> Result<(), Error> {
    two_words(Syscall::SetQuota { process: child.into(), frames, processes }).map(drop)
}

/// What a process has.
///
/// # Errors
/// See [`Syscall::Usage`].
pub fn usage(process: impl Into<Target>) -> Result<Usage, Error> {
    let [frames, frame_bound, processes, process_bound] =
        invoke(Syscall::Usage { process: process.into() })?;
    Ok(Usage { frames, frame_bound, processes, process_bound })
}

/// What the machine has.
///
/// # Panics
/// Never: the call has no errors.
#[must_use]
pub fn machine() -> Machine {
    let [frames, free, processes, flushes] =
        invoke(Syscall::Machine).expect("machine has no errors");
    let (page_flushes, full_flushes) = ((flushes & 0xFFFF) as u16, (flushes >> 16) as u16);
    Machine { frames, free, processes, page_flushes, full_flushes }
}

/// Sets where a process's page faults are reflected to; `None` for nowhere. Programs that want to see their own
/// faults use [`crate::paging::fault::set_handler`], which has an entry and a stack for them.
///
/// # Errors
/// See [`Syscall::SetHandler`].
#[inline(always)]
pub fn set_handler(process: impl Into<Target>, entry: Option<u32>) -> Result<(), Error> {
    one_word(Syscall::SetHandler { process: process.into(), address: entry.unwrap_or(0) }).map(drop)
}

/// Sets or takes away a child's pager.
///
/// # Errors
/// See [`Syscall::SetPager`].
pub fn set_pager(child: ProcessId, pager: Option<ProcessId>) -> Result<(), Error> {
    one_word(Syscall::SetPager { process: child.into(), pager }).map(drop)
}

/// Says whether the caller accepts clients.
///
/// # Errors
/// None of its own.
pub fn accept_clients(accept: bool) -> Result<(), Error> {
    one_word(Syscall::AcceptClients { accept }).map(drop)
}

/// Says whether the caller frees frames when a call of a client finds none. Who says yes answers
/// [`Event::Frames`](crate::service::message::Event::Frames).
///
/// # Errors
/// None of its own.
pub fn accept_frame_requests(accept: bool) -> Result<(), Error> {
    one_word(Syscall::AcceptFrameRequests { accept }).map(drop)
}

/// Hands a fault on to the pager; returns when it has mended it.
///
/// # Errors
/// See [`Syscall::FaultForward`].
pub fn fault_forward(address: u32, access: Access, eip: u32) -> Result<(), Error> {
    done(Syscall::FaultForward { address, access: access.bits(), eip })
}

/// Answers a client's fault.
///
/// # Errors
/// See [`Syscall::FaultReply`].
#[inline(always)]
pub fn fault_reply(client: ProcessId, reply: FaultReply) -> Result<(), Error> {
    two_words(Syscall::FaultReply { process: client, reply }).map(drop)
}

/// Answers a client's fault, then waits for a message from anyone; a page may come at `accept`.
///
/// # Errors
/// See [`Syscall::FaultReplyAndReceive`].
#[inline(always)]
pub fn fault_reply_and_receive(
    client: ProcessId,
    reply: FaultReply,
    accept: Option<UserPage>,
) -> Result<Message, Error> {
    let call = Syscall::FaultReplyAndReceive { process: client, reply, accept };
    let answer = gate::message_with_page(&call.encode());
    Message::from_wire(answer.value, answer.process, answer.words)
}

/// Bounds how long each fault of a child may wait for its pager; 0 is no bound.
///
/// # Errors
/// See [`Syscall::SetFaultTimeout`].
pub fn set_fault_timeout(child: ProcessId, milliseconds: u32) -> Result<(), Error> {
    one_word(Syscall::SetFaultTimeout { process: child.into(), milliseconds }).map(drop)
}

/// Has the caller's pager adopt a child that is about to get a copy of the caller's memory.
///
/// # Errors
/// See [`Syscall::Clone`].
pub fn clone(child: ProcessId) -> Result<(), Error> {
    one_word(Syscall::Clone { child }).map(drop)
}

/// Sends a message and waits until it is received.
///
/// # Errors
/// See [`Syscall::Send`].
pub fn send(to: ProcessId, words: [u32; 4], transfer: Option<PageTransfer>) -> Result<(), Error> {
    done(Syscall::Send { to, words, transfer })
}

/// Waits for a message, from one process or from anyone.
///
/// # Errors
/// See [`Syscall::Receive`].
#[inline(always)]
pub fn receive(from: Option<ProcessId>, transfer: Option<PageTransfer>) -> Result<Message, Error> {
    message(Syscall::Receive { from, transfer })
}

/// Sends a message and waits for the reply. (The call is called `call`; as a function of that name it would hide
/// this module.)
///
/// # Errors
/// See [`Syscall::Call`].
#[inline(always)]
pub fn message_call(
    to: ProcessId,
    words: [u32; 4],
    transfer: Option<PageTransfer>,
) -> Result<Message, Error> {
    message(Syscall::Call { to, words, transfer })
}

/// Answers a process that is blocked in a call to the caller.
///
/// # Errors
/// See [`Syscall::Reply`].
pub fn reply(to: ProcessId, words: [u32; 4], transfer: Option<PageTransfer>) -> Result<(), Error> {
    done(Syscall::Reply { to, words, transfer })
}

/// Answers, then waits for a message from anyone.
///
/// # Errors
/// See [`Syscall::ReplyAndReceive`].
#[inline(always)]
pub fn reply_and_receive(
    to: ProcessId,
    words: [u32; 4],
    transfer: Option<PageTransfer>,
) -> Result<Message, Error> {
    message(Syscall::ReplyAndReceive { to, words, transfer })
}

/// Microseconds since boot.
///
/// # Panics
/// Never: the call has no errors.
#[must_use]
pub fn clock() -> u64 {
    let [low, high, ..] = invoke(Syscall::Clock).expect("clock has no errors");
    u64::from(high) << 32 | u64::from(low)
}

/// Waits; 0 milliseconds only let others run.
pub fn sleep(milliseconds: u32) {
    let _ = one_word(Syscall::Sleep { milliseconds });
}

/// Lets others run. (The call is called `yield`, which Rust keeps for itself.)
#[inline(always)]
pub fn yield_now() {
    let _ = one_word(Syscall::Yield);
}

/// Writes at most 4,096 of the bytes to the console; returns how many.
///
/// # Errors
/// See [`Syscall::ConsoleWrite`].
pub fn console_write(bytes: &[u8]) -> Result<usize, Error> {
    let length = bytes.len().min(Syscall::BUFFER_LIMIT as usize) as u32;
    let [written, ..] = invoke(Syscall::ConsoleWrite { address: address(bytes.as_ptr()), length })?;
    Ok(written as usize)
}

/// Waits for console input and stores it; returns how many bytes, at least 1 unless the buffer is empty.
///
/// # Errors
/// See [`Syscall::ConsoleRead`].
pub fn console_read(buffer: &mut [u8]) -> Result<usize, Error> {
    let length = buffer.len().min(Syscall::BUFFER_LIMIT as usize) as u32;
    let [read, ..] =
        invoke(Syscall::ConsoleRead { address: address(buffer.as_mut_ptr()), length })?;
    Ok(read as usize)
}

/// Says who is told of Ctrl-C: the caller, a child, or nobody (then it is a byte like others).
///
/// # Errors
/// See [`Syscall::SetConsoleOwner`].
pub fn set_console_owner(owner: Option<Target>) -> Result<(), Error> {
    done(Syscall::SetConsoleOwner { owner })
}

/// Points an empty directory entry of the caller's at a child or client; [`crate::View`] keeps one.
///
/// # Errors
/// See [`Syscall::ViewAttach`].
pub fn view_attach(process: impl Into<Target>, view: ViewSlot) -> Result<(), Error> {
    done(Syscall::ViewAttach { process: process.into(), view })
}

/// Empties a directory entry that holds a view.
///
/// # Errors
/// See [`Syscall::ViewDetach`].
pub fn view_detach(view: ViewSlot) -> Result<(), Error> {
    done(Syscall::ViewDetach { view })
}

/// An address as the kernel takes it. The provenance is exposed: the kernel is about to use the pointer.
fn address<T>(pointer: *const T) -> u32 {
    pointer.expose_provenance() as u32
}
