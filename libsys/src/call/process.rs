//! The calls about processes: making, starting and ending them, their registers and quotas, and
//! time.

use core::sync::atomic::{AtomicU32, Ordering};

use abi::message::Reason;
use abi::process::Target;
use abi::registers::UserRegisters;
use abi::trace::{EVENTS, Event};
use abi::{Error, ProcessId, Syscall};

use super::entry::{address, invoke, one_word, two_words};
use super::gate;
use super::message::message_call;

/// The ids of the caller, its parent and its pager.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The caller's own.
    pub id: ProcessId,
    /// Its parent; `None` for the first process.
    pub parent: Option<ProcessId>,
    /// Its pager, if it has one.
    pub pager: Option<ProcessId>,
}

/// A child that has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// The child.
    pub child: ProcessId,
    /// Its exit status (0 to 255), or the kernel's: 128 plus the vector for a child that an
    /// exception ended.
    pub status: u32,
    /// The reason for its end.
    pub reason: Reason,
}

/// The frames and processes of a process, and their bounds.
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

/// The frames and processes of the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Machine {
    /// Frames of RAM.
    pub frames: u32,
    /// Free frames.
    pub free: u32,
    /// Live processes.
    pub processes: u32,
    /// How often the kernel flushed one page; wraps.
    pub page_flushes: u16,
    /// How often the kernel flushed everything; wraps.
    pub full_flushes: u16,
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

/// Sets a child's registers.
///
/// # Errors
/// See [`Syscall::RegistersWrite`].
pub fn registers_write(child: ProcessId, registers: &UserRegisters) -> Result<(), Error> {
    one_word(Syscall::RegistersWrite { process: child.into(), address: address(registers) })
        .map(drop)
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

/// Word 0 of the message with which a traced program asks its parent to let it end; word 1 is the
/// status.
pub const FAREWELL: u32 = 0x4556_4146;

/// The id of this program's first process if it is traced, else 0. Its children inherit the word,
/// and find another id than their own in it.
static TRACED: AtomicU32 = AtomicU32::new(0);

/// From now on the caller asks its parent before it exits, by a call: the kernel shows the events
/// of a living process only, and the parent has not read the last ones yet.
pub fn ask_before_exit() {
    TRACED.store(identity().id.bits(), Ordering::Relaxed);
}

fn say_farewell(status: u8) {
    let Identity { id, parent, .. } = identity();
    if let (Some(parent), true) = (parent, id.bits() == TRACED.load(Ordering::Relaxed)) {
        // If the parent has ended, nobody wants to know.
        let _ = message_call(parent, [FAREWELL, u32::from(status), 0, 0], None);
    }
}

/// Ends the caller.
pub fn exit(status: u8) -> ! {
    if TRACED.load(Ordering::Relaxed) != 0 {
        say_farewell(status);
    }
    loop {
        // The kernel never returns from this call; the loop only tells the compiler.
        let _ = invoke(Syscall::Exit { status: u32::from(status) });
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

/// The frames and processes of a process, and their bounds.
///
/// # Errors
/// See [`Syscall::Usage`].
pub fn usage(process: impl Into<Target>) -> Result<Usage, Error> {
    let [frames, frame_bound, processes, process_bound] =
        invoke(Syscall::Usage { process: process.into() })?;
    Ok(Usage { frames, frame_bound, processes, process_bound })
}

/// The frames and processes of the machine.
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

/// Lets others run. (The kernel's name is `yield`, which is a word of Rust's.)
#[inline(always)]
pub fn yield_now() {
    let _ = one_word(Syscall::Yield);
}
