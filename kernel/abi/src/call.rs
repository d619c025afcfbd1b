//! What a program can ask for: the native calls and how they travel in registers.
//!
//! | register | by `int 0x30` | by `sysenter` |
//! | --- | --- | --- |
//! | eax | number (bits 0 to 7), permissions (bits 8 to 19) | the same |
//! | edx | process | return address: that of the instruction behind `sysenter` |
//! | ecx | page | stack pointer |
//! | ebx, esi | words 0, 1 | words 0, 1 |
//! | edi | word 2 | process |
//! | ebp | word 3 | word 2, or the page of a call that takes one |
//!
//! Results come back in the same places: `eax` is 0 or more, or a negated [`Error`]; words 0 to 3 where words
//! travel; the sender of a message where the process travels. So by `sysenter` a call that needs a page may
//! use two words, a message has three words and no page, and calls that take or return more (38, 39, 51, 52, 83) are
//! `InvalidArgument`.
//!
//! A call that restarts goes on at its trap instruction: 2 bytes before the saved instruction pointer. `sysenter` saves
//! none, so the kernel counts back from `edx`. A program whose `edx` names another place goes on 2 bytes before that
//! place, with the registers of the call: that is its own affair.
//!
//! A new call is a variant of [`Syscall`], a line in `encode`, a line in `decode`, and an arm in the kernel's
//! exhaustive `match`; it does not compile before it has all four.

use crate::address::{Frame, PageRange, UserPage};
use crate::driver::{Line, PortRange, device_frames};
use crate::entry::Permissions;
use crate::error::Error;
use crate::process::{ProcessId, Target};
use crate::self_map::ViewSlot;
use crate::trace::EVENTS;

/// A call's registers, in the places of the `int` column.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RawCall {
    /// `eax`: number and permissions.
    pub head: u32,
    /// The process.
    pub process: u32,
    /// The page's address.
    pub page: u32,
    /// Four words.
    pub words: [u32; 4],
}

/// Where the registers of a call are read. Each is read when the call turns out to have it.
pub trait Arguments {
    /// `eax`: number and permissions.
    fn head(&self) -> u32;
    /// The process.
    fn process(&self) -> u32;
    /// The page's address.
    fn page(&self) -> u32;
    /// Word `index`, 0 to 3.
    fn word(&self, index: usize) -> u32;

    /// The call's number.
    fn number(&self) -> u32 {
        self.head() & 0xFF
    }

    /// What stands above the number: permissions, if the call takes any.
    fn permission_bits(&self) -> u32 {
        self.head() >> 8
    }
}

impl Arguments for RawCall {
    fn head(&self) -> u32 {
        self.head
    }

    fn process(&self) -> u32 {
        self.process
    }

    fn page(&self) -> u32 {
        self.page
    }

    fn word(&self, index: usize) -> u32 {
        self.words[index]
    }
}

/// The page part of a message call: where it lies, and which way it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageTransfer {
    /// The page in the caller's space.
    pub page: UserPage,
    /// Sent along with these permissions, if at all; W only if the caller may write it.
    pub send: Option<Permissions>,
    /// A page that the answer brings is mapped here.
    pub accept: bool,
}

/// Bit of a message call's permissions: send the page.
const SEND_PAGE: u32 = 1;
/// Bit of a message call's permissions: accept a page.
const ACCEPT_PAGE: u32 = 4;

impl PageTransfer {
    #[inline(always)]
    fn decode(raw: &impl Arguments) -> Result<Option<Self>, Error> {
        let bits = raw.permission_bits();
        if bits == 0 {
            return Ok(None);
        }
        let permissions = Permissions::new(bits & !(SEND_PAGE | ACCEPT_PAGE))?;
        if bits & SEND_PAGE == 0 && bits != ACCEPT_PAGE {
            return Err(Error::InvalidArgument);
        }
        let send = (bits & SEND_PAGE != 0).then_some(permissions);
        Ok(Some(Self { page: UserPage::new(raw.page())?, send, accept: bits & ACCEPT_PAGE != 0 }))
    }

    #[inline(always)]
    fn encode(transfer: Option<Self>, raw: RawCall) -> RawCall {
        let Some(transfer) = transfer else { return raw };
        let send = transfer.send.map_or(0, |permissions| permissions.bits() | SEND_PAGE);
        let accept = if transfer.accept { ACCEPT_PAGE } else { 0 };
        RawCall { head: raw.head | (send | accept) << 8, page: transfer.page.address(), ..raw }
    }
}

/// What a pager answers to a fault of its client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultReply {
    /// Resume; the mappings have been made by calls.
    Resume,
    /// Map the pager's own page `source` at `destination` of the client with `permissions`, then resume.
    Map {
        /// In the pager.
        source: UserPage,
        /// In the client.
        destination: UserPage,
        /// W only if the pager may write the page.
        permissions: Permissions,
    },
    /// No region allows this access: the client ends. If its handler passed the fault on, its call answers `Refused`
    /// instead; if its call needs frames, the call answers `OutOfFrames`.
    Refuse,
}

impl FaultReply {
    #[inline(always)]
    fn encode(self, number: u32, client: ProcessId, third: u32) -> RawCall {
        let process = client.bits();
        let plain = |kind| RawCall { head: number, process, page: 0, words: [kind, 0, third, 0] };
        match self {
            Self::Resume => plain(0),
            Self::Map { source, destination, permissions } => RawCall {
                head: number | permissions.bits() << 8,
                process,
                page: source.address(),
                words: [1, destination.address(), third, 0],
            },
            Self::Refuse => plain(2),
        }
    }

    #[inline(always)]
    fn decode(raw: &impl Arguments) -> Result<Self, Error> {
        match (raw.word(0), raw.permission_bits()) {
            (0, 0) => Ok(Self::Resume),
            (1, _) => Ok(Self::Map {
                source: page(raw)?,
                destination: UserPage::new(raw.word(1))?,
                permissions: permissions(raw)?,
            }),
            (2, 0) => Ok(Self::Refuse),
            _ => Err(Error::InvalidArgument),
        }
    }
}

/// A native call with its checked arguments.
///
/// Errors that every call shares: `InvalidArgument` for a malformed argument or an unknown bit, and
/// `NoSuchProcess` for an id that is stale or outside the caller's authority (see the table in
/// ARCHITECTURE.md); and `NotPermitted`, if something would have to be mapped, or a mark be left, in a view. Each variant
/// names the others: its last sentences begin with "Errors:" and name each with its condition. (`tests/calls/errors.rs`
/// of the core has a way to get each of them, and every test sees that no call answers with another.)
///
/// `QuotaExceeded` where something is mapped: the process in whose space it is mapped, or an ancestor, has a bound. Each
/// mapping is charged, also where its frame and its table are there already.
///
/// Mark 9 among permissions or marks is ignored where the process that the call changes has a pager and the caller is another
/// process than that ([`EntryFlags::PAGER`](crate::EntryFlags::PAGER)). For the same reason a page that moves loses mark 9,
/// unless a pager moves it from its own space into its client's, or neither process has a pager.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Syscall {
    /// 32: returns the caller's id (word 0), its parent's (word 1) and its pager's (word 2), 0 for none. A pager that has
    /// ended is none.
    Identity,
    /// 33: maps a fresh zeroed page, in place of what was there. Errors: `OutOfFrames`, `QuotaExceeded`.
    PageAllocate {
        /// In whose space: self, child or client.
        process: Target,
        /// Where.
        page: UserPage,
        /// W and marks.
        permissions: Permissions,
    },
    /// 34: maps the frame behind `page` of `process` at `to_page` of `to` as well. Errors: `NotMapped`,
    /// `NotPermitted` (W asked for, but the source lacks it), `OutOfFrames`, `QuotaExceeded`.
    PageMap {
        /// The source's space: self, child or client.
        process: Target,
        /// The source.
        page: UserPage,
        /// The destination's space: self, child or client.
        to: Target,
        /// The destination.
        to_page: UserPage,
        /// W and marks.
        permissions: Permissions,
    },
    /// 35: unmaps a page and leaves `marks`; returns the old entry (word 0) with its A and D. Never fails for an
    /// absent page. Errors: `OutOfFrames` and `QuotaExceeded`, both when marks need a table that is not there.
    PageUnmap {
        /// In whose space: self, child or client.
        process: Target,
        /// Where.
        page: UserPage,
        /// Left in the absent entry: "mine, but elsewhere".
        marks: Permissions,
    },
    /// 36: makes the mapping a private writable copy with `permissions` (W is implied); a frame with one mapping
    /// just gets W. Returns 1 in word 0 if it copied. Errors: `NotMapped`, `OutOfFrames`, `NotPermitted` (the page is a
    /// driver's own).
    PageCopy {
        /// In whose space: self, child or client.
        process: Target,
        /// Which page.
        page: UserPage,
        /// Marks that the page has afterwards.
        permissions: Permissions,
    },
    /// 37: returns the count of a frame (word 0), for those that UPAGES does not reach. Errors: `NotMapped` (no RAM
    /// that a program can have: none at all, or the kernel's own).
    FrameReferences {
        /// The frame's number.
        frame: u32,
    },
    /// 38: maps every present page of a range of `process` at the same offsets from `to_page` in `to`, dropping
    /// and adding bits; optionally the same bits at the source. Returns the pages walked (word 0).
    /// Ranges of one space may overlap: each page is read before it is replaced. If `to_page` lies inside the range,
    /// behind its first page, the range is walked from its end, and after an error the pages done are those at its end.
    /// Errors: `OutOfFrames`, `QuotaExceeded`, `NotPermitted` (a page is a driver's own). With each, word 0 says how many
    /// pages were done.
    RangeShare {
        /// The source's space: self, child or client.
        process: Target,
        /// The source.
        range: PageRange,
        /// The destination's space: self, child or client.
        to: Target,
        /// First page of the destination.
        to_page: UserPage,
        /// Bits to drop: W, marks.
        drop: Permissions,
        /// Marks to add; W is never gained.
        add: Permissions,
        /// Drop and add at the source as well.
        both: bool,
    },
    /// 39: drops and adds bits on every present page of a range and clears A and D. In a process that has a pager, mark 9
    /// goes with a D that was set, unless the pager adds it. Adds W only where the entry is not sealed or its frame has one mapping. Returns pages walked
    /// (word 0), all old A and D bits together (word 1), and for the first 32 pages a bitmap of A (word 2) and of D
    /// (word 3). Errors: `NotPermitted` (W is added where the entry is sealed and its frame has other mappings; word 0 says how
    /// many were done).
    RangeProtect {
        /// In whose space: self, child or client.
        process: Target,
        /// Which pages.
        range: PageRange,
        /// Bits to drop.
        drop: Permissions,
        /// Bits to add.
        add: Permissions,
    },
    /// 40: unmaps a range. Marks of absent pages go. Returns pages walked (word 0). It has no errors of its own.
    RangeUnmap {
        /// In whose space: self, child or client.
        process: Target,
        /// Which pages.
        range: PageRange,
        /// Left where a page was present.
        marks: Permissions,
    },
    /// 41: maps fresh zeroed pages over a range of at most 64. Errors: `OutOfFrames`, `QuotaExceeded` (word 0 says
    /// how many were done).
    RangeAllocate {
        /// In whose space: self, child or client.
        process: Target,
        /// Which pages.
        range: PageRange,
        /// W and marks.
        permissions: Permissions,
    },
    /// 42: makes a blank, stopped child with the caller's pager; with `copy`, with its registers and FPU state too,
    /// and 0 in word 0. Returns the child's id (word 0). Errors: `OutOfProcesses`, `OutOfFrames`, `QuotaExceeded`.
    ProcessCreate {
        /// Copy the caller's registers.
        copy: bool,
    },
    /// 43: clears a child's stopped flag; a blocked child stays blocked.
    ProcessStart {
        /// A child.
        process: Target,
    },
    /// 44: sets a child's stopped flag.
    ProcessStop {
        /// A child.
        process: Target,
    },
    /// 45: stores a child's registers ([`crate::registers::UserRegisters`], 40 bytes) at `address`.
    /// Errors: `Fault` (the buffer does not lie below UTOP).
    RegistersRead {
        /// A child.
        process: Target,
        /// Where in the caller's space; a multiple of 4.
        address: u32,
    },
    /// 46: sets a child's registers from 40 bytes at `address`; selectors and system flags are the kernel's.
    /// Errors: `Busy` (the child is blocked in a call), `Fault` (the buffer does not lie below UTOP).
    RegistersWrite {
        /// A child.
        process: Target,
        /// Where in the caller's space; a multiple of 4.
        address: u32,
    },
    /// 47: ends the caller.
    Exit {
        /// Bits 0 to 7 go to the parent.
        status: u32,
    },
    /// 48: waits for a child (`None`: any) to end. Returns its id (word 0), status (word 1) and
    /// [`crate::message::Reason`] (word 2). Its memory is free by then. Errors: `NoChild` (the caller has none that it may
    /// wait for: adopted children and those of JOS call 7 are not waited for), `Deadlock` (the child, or the only one if
    /// any is waited for, waits for the caller). Of several children, nobody looks whether all wait for the caller.
    Wait {
        /// Which child.
        child: Option<ProcessId>,
    },
    /// 49: ends a process: self or any descendant.
    Destroy {
        /// Who.
        process: Target,
        /// With all its descendants.
        subtree: bool,
    },
    /// 50: bounds what a child and its descendants may map (frames, tables included) and how many processes they
    /// may be; 0 is no bound. The bound stays on the descendants when the child has ended. Errors: `Busy` (the child has
    /// children and no quota yet), `Refused` (16 quotas are on it already, or there are as many as process slots).
    SetQuota {
        /// A child.
        process: Target,
        /// Frames.
        frames: u32,
        /// Processes, the child included.
        processes: u32,
    },
    /// 51: returns what a process has: frames mapped, tables included (word 0), frame bound (word 1), processes
    /// counted (word 2), process bound (word 3). Counts are the subtree's where a quota is set. Self, child, client.
    Usage {
        /// Who.
        process: Target,
    },
    /// 52: returns how many frames could be allocated when the machine started (word 0), how many can be now (word 1),
    /// processes, with those that are dying or that have ended and were not waited for (word 2), and how often the kernel
    /// flushed a page, in the low half, or everything, in the high half (word 3; both wrap).
    Machine,
    /// 53: sets where a process's page faults are reflected to; 0 for nowhere. Self or child.
    SetHandler {
        /// Who.
        process: Target,
        /// The handler's entry; not checked, a bad one ends the process at its first fault.
        address: u32,
    },
    /// 54: sets a child's pager; `None` takes it away. Errors: `Refused` (the pager does not accept clients and is
    /// not the caller), `Deadlock` (a circle, or a chain over 8 pagers), `Busy` (the child waits for its pager's answer).
    SetPager {
        /// A child.
        process: Target,
        /// The pager.
        pager: Option<ProcessId>,
    },
    /// 55: says whether the caller accepts clients.
    AcceptClients {
        /// Yes or no.
        accept: bool,
    },
    /// 56: a fault handler hands a fault on to its pager, which gets a message of kind
    /// [`crate::message::Kind::Forwarded`] with these words, whatever they say; returns when the pager has answered. Errors:
    /// `Refused` (there is no pager that could answer, or it refused, ended, or was too slow). The caller goes on.
    FaultForward {
        /// The address that was touched.
        address: u32,
        /// [`crate::fault::Access`] bits.
        access: u32,
        /// The instruction.
        eip: u32,
    },
    /// 57: a pager answers a client's fault, or its call that needs frames. Errors: `NotWaiting`; and if it maps a page,
    /// `NotMapped`, `NotPermitted`, `OutOfFrames`, `QuotaExceeded`. After those of the page the client goes on waiting.
    FaultReply {
        /// The client.
        process: ProcessId,
        /// The answer.
        reply: FaultReply,
    },
    /// 58: bounds how long each fault of a child may wait for its pager; 0 for no bound.
    SetFaultTimeout {
        /// A child.
        process: Target,
        /// Milliseconds.
        milliseconds: u32,
    },
    /// 59: has the caller's pager adopt a child that is about to get a copy of the caller's memory. If the caller never had
    /// a pager, it succeeds at once. Errors: `Refused` (the pager said no, or the child has another pager), `PeerEnded` (the
    /// pager has ended), `Deadlock` (it waits for the caller).
    Clone {
        /// A child of the caller, with the same pager.
        child: ProcessId,
    },
    /// 60: sends and waits until it is received. Errors: `Deadlock` (the receiver waits for the caller), `PeerEnded` (it ended
    /// during the call; if it ended before, its id is stale); of the page, `NotMapped`, `NotPermitted` (W is asked for and
    /// the page lacks it, or it is a driver's own), `OutOfFrames` (for a table at the receiver), `QuotaExceeded` (the
    /// receiver's, which is charged for the page).
    Send {
        /// To whom: any live process.
        to: ProcessId,
        /// The words.
        words: [u32; 4],
        /// The page.
        transfer: Option<PageTransfer>,
    },
    /// 61: waits for a message from one process, or from anyone. The end of a child that the caller may wait for is a
    /// message, too. Errors: `PeerEnded` (that one ended during the call; if it ended before, its id is stale), `Deadlock`
    /// (that one waits for the caller, or is the caller, which has no interrupt line).
    Receive {
        /// From whom.
        from: Option<ProcessId>,
        /// Where a page may come.
        transfer: Option<PageTransfer>,
    },
    /// 62: sends and waits for the reply. Errors: as of `Send`, which are `Deadlock`, `PeerEnded`, `NotMapped`, `NotPermitted`,
    /// `OutOfFrames`, `QuotaExceeded`.
    Call {
        /// To whom.
        to: ProcessId,
        /// The words.
        words: [u32; 4],
        /// The page sent, and whether the reply's may come to the same place.
        transfer: Option<PageTransfer>,
    },
    /// 63: answers a process that is blocked in a call to the caller; never blocks. Errors: `NotWaiting`; of the page, as of
    /// `Send`, `NotMapped`, `NotPermitted`, `OutOfFrames`, `QuotaExceeded`. After those the process goes on waiting.
    Reply {
        /// To whom.
        to: ProcessId,
        /// The words.
        words: [u32; 4],
        /// The page sent.
        transfer: Option<PageTransfer>,
    },
    /// 64: as `Reply`, then as `Receive` from anyone. A process that does not wait any more is no error. Errors: of the
    /// reply's page, `NotMapped`, `NotPermitted`, `OutOfFrames`, `QuotaExceeded`, before anything is received.
    ReplyAndReceive {
        /// To whom.
        to: ProcessId,
        /// The words.
        words: [u32; 4],
        /// The page sent, and whether the next message's may come to the same place.
        transfer: Option<PageTransfer>,
    },
    /// 65: returns microseconds since boot: word 0 the low, word 1 the high half.
    Clock,
    /// 66: waits.
    Sleep {
        /// Milliseconds; 0 yields.
        milliseconds: u32,
    },
    /// 67: lets others run.
    Yield,
    /// 68: writes bytes to the console. Returns how many (word 0). Touches its buffer first, so nothing appears twice.
    /// Errors: `Fault` (the buffer does not lie below UTOP).
    ConsoleWrite {
        /// First byte.
        address: u32,
        /// At most 4,096.
        length: u32,
    },
    /// 69: waits for console input. Returns how many bytes (word 0), at least 1 if `length` is.
    /// Errors: `Fault` (the buffer does not lie below UTOP).
    ConsoleRead {
        /// First byte.
        address: u32,
        /// At most 4,096.
        length: u32,
    },
    /// 70: makes a process the one that Ctrl-C is told to; `None` for nobody: then Ctrl-C is a byte. Allowed to the
    /// present owner, and to anyone while there is none. Errors: `NoSuchProcess` (also if another process is the owner).
    SetConsoleOwner {
        /// Self or a child.
        owner: Option<Target>,
    },
    /// 71: as `RangeProtect` for one page; returns the old entry (word 0). Errors: `NotMapped`, `NotPermitted` (as there).
    PageProtect {
        /// In whose space: self, child or client.
        process: Target,
        /// Which page.
        page: UserPage,
        /// Bits to drop.
        drop: Permissions,
        /// Bits to add.
        add: Permissions,
    },
    /// 72: points an empty directory entry of the caller's, read-only, at the directory of a process, so that all its
    /// tables lie in the caller's 4 MiB there. The pages of a view are nobody's to map: calls treat them as absent, and
    /// answer `NotPermitted` where they would have to put something there. A view is not charged to anyone.
    /// When the process ends, views something itself, or is no longer the caller's child or client, the view stays,
    /// but every word of it reads 0 from then on. Errors: `NoSuchProcess` (also for the caller itself), `Refused` (the
    /// process has views of its own), `Busy` (the caller views it already, or the entry is not empty).
    ViewAttach {
        /// Child or client; one that is both counts as child.
        process: Target,
        /// Which directory entry.
        view: ViewSlot,
    },
    /// 73: empties a directory entry that holds a view, whether the view still shows anything or not. Errors: `NotMapped`
    /// (there is no view).
    ViewDetach {
        /// Which directory entry.
        view: ViewSlot,
    },
    /// 74: says whether a child is a driver: one that may make the calls from here on. There is no IOMMU, so a driver
    /// is trusted as the kernel is. What it has been granted already it keeps until it ends. Errors: `NotPermitted` (the
    /// caller is no driver; `init` is one).
    DriverAllow {
        /// A child.
        process: Target,
        /// Yes or no.
        allow: bool,
    },
    /// 75: opens at most 256 I/O ports to the caller until it ends. Errors: `Busy` (a port is the kernel's own),
    /// `QuotaExceeded` (it has four such ranges), `NotPermitted` (the caller is no driver).
    PortsAllow {
        /// Which.
        ports: PortRange,
    },
    /// 76: maps device memory, writable and uncached, in place of what was there. These pages cannot be shared,
    /// sent or copied; another driver can map the same device by its own call. Errors: `NotPermitted` (the caller is no
    /// driver; a frame may be RAM, or is a device of the kernel's); `OutOfFrames` and `QuotaExceeded` (word 0 says how
    /// many were done).
    DeviceMap {
        /// The first frame; its address goes into word 1.
        frame: Frame,
        /// Where in the caller's space.
        range: PageRange,
    },
    /// 77: maps zeroed frames that follow each other and stay where they are, for a device to read and write. No other
    /// space can get them. Returns the physical address of the first (word 0). Errors: `Busy` (something is mapped in
    /// the range), `OutOfFrames` (the pool has no such run, or there is no frame for a table), `QuotaExceeded`,
    /// `NotPermitted` (the caller is no driver). After an error a page table that the call has made may stay.
    DmaAllocate {
        /// Where in the caller's space; at most 64 pages.
        range: PageRange,
    },
    /// 78: unmaps pages of `DmaAllocate` and gives their frames back to the pool. The caller vouches that no device
    /// uses them. A frame whose page the caller has unmapped since goes back, too. Errors: `NotMapped` (the caller has no
    /// DMA frame of one of the pages; nothing was done), `NotPermitted` (the caller never was a driver).
    DmaRelease {
        /// Which pages of the caller's.
        range: PageRange,
    },
    /// 79: gives the DMA frames of a dead driver back to the pool. They are kept from it for the driver's parent, or
    /// whoever stands in its place by now, who vouches that no device uses them. Returns how many there were (word 0).
    /// Errors: `NoSuchProcess` (the caller keeps no frames of such a driver), `Busy` (the caller keeps some, but the driver's
    /// memory is still being taken down: wait for its end), `NotPermitted` (the caller is no driver and keeps none).
    DmaReclaim {
        /// The driver that has ended.
        driver: ProcessId,
    },
    /// 80: has an interrupt line told to the caller, until it ends, by messages of kind *interrupt* with the line in
    /// word 0. Each masks the line. Errors: `Busy` (it is the kernel's or another driver's), `NotPermitted` (the caller
    /// is no driver).
    InterruptAttach {
        /// Which.
        line: Line,
    },
    /// 81: unmasks a line of the caller's. Errors: `NotPermitted` (it is not the caller's).
    InterruptAcknowledge {
        /// Which.
        line: Line,
    },
    /// 82: moves a page in one step: it is at `to_page` of `to` with its W and marks, where nothing was present, and only
    /// `marks` are left where it was. Returns the old entry (word 0) with its A and D. So a pager takes a page away
    /// without losing what its client writes at the last moment, and gives it back without overwriting what the client
    /// has put there. Errors: `NotMapped`; `Busy` (something is present at `to_page`); `NotPermitted` (the page is a
    /// driver's own, or `to_page` lies in a view); `OutOfFrames`, `QuotaExceeded`. On an error nothing has changed.
    PageMove {
        /// The source's space: self, child or client.
        process: Target,
        /// The source.
        page: UserPage,
        /// The destination's space: self, child or client.
        to: Target,
        /// The destination.
        to_page: UserPage,
        /// Left at the source.
        marks: Permissions,
    },
    /// 84: says whether the caller frees frames when a call of a client finds none. Who says yes gets messages of kind
    /// [`crate::message::Kind::Frames`], and answers each as it answers a fault.
    AcceptFrameRequests {
        /// Yes or no.
        accept: bool,
    },
    /// 85: copies the last events of a child ([`crate::trace::Event`], 16 bytes each), at most `count`, to `address`, the
    /// oldest first. Returns how many (word 0). Events that are about the child alone are copied: those whose first word
    /// is its id. Errors: `NotPermitted` (the boot line has no word `trace`, so there are no events), `Fault` (the buffer
    /// does not lie below UTOP).
    EventsRead {
        /// A child.
        process: Target,
        /// Where in the caller's space; a multiple of 4.
        address: u32,
        /// At most 256.
        count: u32,
    },
    /// 83: as `FaultReply`, then as `Receive` from anyone. A client that does not wait any more is no error. Not by
    /// `sysenter`. Errors: of a map, `NotMapped`, `NotPermitted`, `OutOfFrames`, `QuotaExceeded`, before anything is received.
    FaultReplyAndReceive {
        /// The client.
        process: ProcessId,
        /// The answer.
        reply: FaultReply,
        /// Where a page may come.
        accept: Option<UserPage>,
    },
}

/// Bit of word 3 of `RangeShare`: the source too. Bits 0 to 11 are the bits to drop.
const SHARE_BOTH: u32 = 1 << 31;

impl Syscall {
    /// Puts the call into registers.
    #[must_use]
    #[inline(always)]
    pub fn encode(self) -> RawCall {
        let plain = |number: u32, process: Target, words: [u32; 4]| RawCall {
            head: number,
            process: process.bits(),
            page: 0,
            words,
        };
        let own = |number: u32, words: [u32; 4]| plain(number, Target::Caller, words);
        let paged = |number: u32,
                     permissions: Permissions,
                     process: Target,
                     page: UserPage,
                     words: [u32; 4]| RawCall {
            head: number | permissions.bits() << 8,
            process: process.bits(),
            page: page.address(),
            words,
        };
        let pages = |number: u32, range: PageRange| {
            let words = [range.pages(), 0, 0, 0];
            paged(number, Permissions::empty(), Target::Caller, range.first(), words)
        };
        let id = |id: Option<ProcessId>| id.map_or(0, ProcessId::bits);
        match self {
            Self::Identity => own(32, [0; 4]),
            Self::PageAllocate { process, page, permissions } => {
                paged(33, permissions, process, page, [0; 4])
            }
            Self::PageMap { process, page, to, to_page, permissions } => {
                paged(34, permissions, process, page, [to.bits(), to_page.address(), 0, 0])
            }
            Self::PageUnmap { process, page, marks } => paged(35, marks, process, page, [0; 4]),
            Self::PageCopy { process, page, permissions } => {
                paged(36, permissions, process, page, [0; 4])
            }
            Self::FrameReferences { frame } => own(37, [frame, 0, 0, 0]),
            Self::RangeShare { process, range, to, to_page, drop, add, both } => {
                let both = if both { SHARE_BOTH } else { 0 };
                let words = [to.bits(), to_page.address(), range.pages(), drop.bits() | both];
                paged(38, add, process, range.first(), words)
            }
            Self::RangeProtect { process, range, drop, add } => {
                paged(39, add, process, range.first(), [range.pages(), drop.bits(), 0, 0])
            }
            Self::RangeUnmap { process, range, marks } => {
                paged(40, marks, process, range.first(), [range.pages(), 0, 0, 0])
            }
            Self::RangeAllocate { process, range, permissions } => {
                paged(41, permissions, process, range.first(), [range.pages(), 0, 0, 0])
            }
            Self::ProcessCreate { copy } => own(42, [u32::from(copy), 0, 0, 0]),
            Self::ProcessStart { process } => plain(43, process, [0; 4]),
            Self::ProcessStop { process } => plain(44, process, [0; 4]),
            Self::RegistersRead { process, address } => plain(45, process, [address, 0, 0, 0]),
            Self::RegistersWrite { process, address } => plain(46, process, [address, 0, 0, 0]),
            Self::Exit { status } => own(47, [status, 0, 0, 0]),
            Self::Wait { child } => own(48, [id(child), 0, 0, 0]),
            Self::Destroy { process, subtree } => plain(49, process, [u32::from(subtree), 0, 0, 0]),
            Self::SetQuota { process, frames, processes } => {
                plain(50, process, [frames, processes, 0, 0])
            }
            Self::Usage { process } => plain(51, process, [0; 4]),
            Self::Machine => own(52, [0; 4]),
            Self::SetHandler { process, address } => plain(53, process, [address, 0, 0, 0]),
            Self::SetPager { process, pager } => plain(54, process, [id(pager), 0, 0, 0]),
            Self::AcceptClients { accept } => own(55, [u32::from(accept), 0, 0, 0]),
            Self::FaultForward { address, access, eip } => own(56, [address, access, eip, 0]),
            Self::FaultReply { process, reply } => reply.encode(57, process, 0),
            Self::SetFaultTimeout { process, milliseconds } => {
                plain(58, process, [milliseconds, 0, 0, 0])
            }
            Self::Clone { child } => plain(59, child.into(), [0; 4]),
            Self::Send { to, words, transfer } => {
                PageTransfer::encode(transfer, plain(60, to.into(), words))
            }
            Self::Receive { from, transfer } => PageTransfer::encode(
                transfer,
                plain(61, from.map_or(Target::Caller, Target::Process), [0; 4]),
            ),
            Self::Call { to, words, transfer } => {
                PageTransfer::encode(transfer, plain(62, to.into(), words))
            }
            Self::Reply { to, words, transfer } => {
                PageTransfer::encode(transfer, plain(63, to.into(), words))
            }
            Self::ReplyAndReceive { to, words, transfer } => {
                PageTransfer::encode(transfer, plain(64, to.into(), words))
            }
            Self::Clock => own(65, [0; 4]),
            Self::Sleep { milliseconds } => own(66, [milliseconds, 0, 0, 0]),
            Self::Yield => own(67, [0; 4]),
            Self::ConsoleWrite { address, length } => own(68, [address, length, 0, 0]),
            Self::ConsoleRead { address, length } => own(69, [address, length, 0, 0]),
            Self::SetConsoleOwner { owner } => match owner {
                Some(owner) => plain(70, owner, [1, 0, 0, 0]),
                None => own(70, [0; 4]),
            },
            Self::PageProtect { process, page, drop, add } => {
                paged(71, add, process, page, [drop.bits(), 0, 0, 0])
            }
            Self::ViewAttach { process, view } => plain(72, process, [view.index(), 0, 0, 0]),
            Self::ViewDetach { view } => own(73, [view.index(), 0, 0, 0]),
            Self::DriverAllow { process, allow } => plain(74, process, [allow.into(), 0, 0, 0]),
            Self::PortsAllow { ports } => own(75, [ports.count(), ports.first(), 0, 0]),
            Self::DeviceMap { frame, range } => {
                let words = [range.pages(), frame.address(), 0, 0];
                paged(76, Permissions::empty(), Target::Caller, range.first(), words)
            }
            Self::DmaAllocate { range } => pages(77, range),
            Self::DmaRelease { range } => pages(78, range),
            Self::DmaReclaim { driver } => plain(79, driver.into(), [0; 4]),
            Self::InterruptAttach { line } => own(80, [line.number(), 0, 0, 0]),
            Self::InterruptAcknowledge { line } => own(81, [line.number(), 0, 0, 0]),
            Self::PageMove { process, page, to, to_page, marks } => {
                paged(82, marks, process, page, [to.bits(), to_page.address(), 0, 0])
            }
            Self::AcceptFrameRequests { accept } => own(84, [u32::from(accept), 0, 0, 0]),
            Self::EventsRead { process, address, count } => {
                plain(85, process, [address, count, 0, 0])
            }
            Self::FaultReplyAndReceive { process, reply, accept } => {
                let accept = accept.map_or(0, |page| page.address() | 1);
                reply.encode(83, process, accept)
            }
        }
    }

    /// Reads a call out of registers.
    ///
    /// # Errors
    /// - `InvalidArgument`: no native call has this number, or an argument is malformed.
    /// - `NoSuchProcess`: a process argument cannot be an id.
    #[inline(always)]
    pub fn decode(raw: &impl Arguments) -> Result<Self, Error> {
        match raw.number() {
            32 => plain(raw).map(|()| Self::Identity),
            33 => Ok(Self::PageAllocate {
                process: process(raw)?,
                page: page(raw)?,
                permissions: permissions(raw)?,
            }),
            34 => Ok(Self::PageMap {
                process: process(raw)?,
                page: page(raw)?,
                to: Target::new(raw.word(0))?,
                to_page: UserPage::new(raw.word(1))?,
                permissions: permissions(raw)?,
            }),
            35 => {
                Ok(Self::PageUnmap { process: process(raw)?, page: page(raw)?, marks: marks(raw)? })
            }
            36 => {
                let permissions = permissions(raw)?;
                Ok(Self::PageCopy { process: process(raw)?, page: page(raw)?, permissions })
            }
            37 => plain(raw).map(|()| Self::FrameReferences { frame: raw.word(0) }),
            38 => Ok(Self::RangeShare {
                process: process(raw)?,
                range: PageRange::new(page(raw)?, raw.word(2))?,
                to: Target::new(raw.word(0))?,
                to_page: PageRange::new(UserPage::new(raw.word(1))?, raw.word(2))?.first(),
                drop: Permissions::new(raw.word(3) & !SHARE_BOTH)?,
                add: marks(raw)?,
                both: raw.word(3) & SHARE_BOTH != 0,
            }),
            39 => Ok(Self::RangeProtect {
                process: process(raw)?,
                range: range(raw)?,
                drop: Permissions::new(raw.word(1))?,
                add: permissions(raw)?,
            }),
            40 => Ok(Self::RangeUnmap {
                process: process(raw)?,
                range: range(raw)?,
                marks: marks(raw)?,
            }),
            41 => {
                let range = range(raw)?;
                if range.pages() > Self::ALLOCATE_LIMIT {
                    return Err(Error::InvalidArgument);
                }
                Ok(Self::RangeAllocate {
                    process: process(raw)?,
                    range,
                    permissions: permissions(raw)?,
                })
            }
            42 => Ok(Self::ProcessCreate { copy: plain(raw).and(flag(raw.word(0)))? }),
            43 => Ok(Self::ProcessStart { process: plain(raw).and(process(raw))? }),
            44 => Ok(Self::ProcessStop { process: plain(raw).and(process(raw))? }),
            45 => Ok(Self::RegistersRead {
                process: plain(raw).and(process(raw))?,
                address: raw.word(0),
            }),
            46 => Ok(Self::RegistersWrite {
                process: plain(raw).and(process(raw))?,
                address: raw.word(0),
            }),
            47 => plain(raw).map(|()| Self::Exit { status: raw.word(0) }),
            48 => Ok(Self::Wait { child: plain(raw).and(some_id(raw.word(0)))? }),
            49 => Ok(Self::Destroy {
                process: plain(raw).and(process(raw))?,
                subtree: flag(raw.word(0))?,
            }),
            50 => Ok(Self::SetQuota {
                process: plain(raw).and(process(raw))?,
                frames: raw.word(0),
                processes: raw.word(1),
            }),
            51 => Ok(Self::Usage { process: plain(raw).and(process(raw))? }),
            52 => plain(raw).map(|()| Self::Machine),
            53 => Ok(Self::SetHandler {
                process: plain(raw).and(process(raw))?,
                address: raw.word(0),
            }),
            54 => Ok(Self::SetPager {
                process: plain(raw).and(process(raw))?,
                pager: some_id(raw.word(0))?,
            }),
            55 => Ok(Self::AcceptClients { accept: plain(raw).and(flag(raw.word(0)))? }),
            56 => {
                let [address, access, eip, _] = words(raw);
                plain(raw).map(|()| Self::FaultForward { address, access, eip })
            }
            57 => Ok(Self::FaultReply { process: peer(raw)?, reply: FaultReply::decode(raw)? }),
            58 => Ok(Self::SetFaultTimeout {
                process: plain(raw).and(process(raw))?,
                milliseconds: raw.word(0),
            }),
            59 => Ok(Self::Clone { child: plain(raw).and(peer(raw))? }),
            60 => Ok(Self::Send {
                to: peer(raw)?,
                words: words(raw),
                transfer: PageTransfer::decode(raw)?,
            }),
            61 => {
                let transfer = PageTransfer::decode(raw)?;
                Ok(Self::Receive { from: some_id(raw.process())?, transfer })
            }
            62 => Ok(Self::Call {
                to: peer(raw)?,
                words: words(raw),
                transfer: PageTransfer::decode(raw)?,
            }),
            63 => Ok(Self::Reply {
                to: peer(raw)?,
                words: words(raw),
                transfer: PageTransfer::decode(raw)?,
            }),
            64 => Ok(Self::ReplyAndReceive {
                to: peer(raw)?,
                words: words(raw),
                transfer: PageTransfer::decode(raw)?,
            }),
            65 => plain(raw).map(|()| Self::Clock),
            66 => plain(raw).map(|()| Self::Sleep { milliseconds: raw.word(0) }),
            67 => plain(raw).map(|()| Self::Yield),
            68 => {
                let length = plain(raw).and(buffer_length(raw.word(1)))?;
                Ok(Self::ConsoleWrite { address: raw.word(0), length })
            }
            69 => {
                let length = plain(raw).and(buffer_length(raw.word(1)))?;
                Ok(Self::ConsoleRead { address: raw.word(0), length })
            }
            70 => {
                let owner =
                    if plain(raw).and(flag(raw.word(0)))? { Some(process(raw)?) } else { None };
                Ok(Self::SetConsoleOwner { owner })
            }
            71 => Ok(Self::PageProtect {
                process: process(raw)?,
                page: page(raw)?,
                drop: Permissions::new(raw.word(0))?,
                add: permissions(raw)?,
            }),
            72 => Ok(Self::ViewAttach {
                process: plain(raw).and(process(raw))?,
                view: ViewSlot::new(raw.word(0))?,
            }),
            73 => Ok(Self::ViewDetach { view: plain(raw).and(ViewSlot::new(raw.word(0)))? }),
            74 => Ok(Self::DriverAllow {
                process: plain(raw).and(process(raw))?,
                allow: flag(raw.word(0))?,
            }),
            75 => {
                let ports = plain(raw).and(PortRange::new(raw.word(1), raw.word(0)))?;
                Ok(Self::PortsAllow { ports })
            }
            76 => {
                let range = plain(raw).and(range(raw))?;
                Ok(Self::DeviceMap { frame: device_frames(raw.word(1), range)?, range })
            }
            77 => {
                let range = plain(raw).and(range(raw))?;
                if range.pages() > Self::ALLOCATE_LIMIT {
                    return Err(Error::InvalidArgument);
                }
                Ok(Self::DmaAllocate { range })
            }
            78 => Ok(Self::DmaRelease { range: plain(raw).and(range(raw))? }),
            79 => Ok(Self::DmaReclaim { driver: plain(raw).and(peer(raw))? }),
            80 => Ok(Self::InterruptAttach { line: plain(raw).and(Line::new(raw.word(0)))? }),
            81 => Ok(Self::InterruptAcknowledge { line: plain(raw).and(Line::new(raw.word(0)))? }),
            82 => Ok(Self::PageMove {
                process: process(raw)?,
                page: page(raw)?,
                to: Target::new(raw.word(0))?,
                to_page: UserPage::new(raw.word(1))?,
                marks: marks(raw)?,
            }),
            84 => Ok(Self::AcceptFrameRequests { accept: plain(raw).and(flag(raw.word(0)))? }),
            83 => Ok(Self::FaultReplyAndReceive {
                process: peer(raw)?,
                reply: FaultReply::decode(raw)?,
                accept: match raw.word(2) {
                    0 => None,
                    word => Some(UserPage::new(word.wrapping_sub(1))?),
                },
            }),
            85 => {
                let process = plain(raw).and(process(raw))?;
                let (address, count) = (raw.word(0), raw.word(1));
                if count > EVENTS {
                    return Err(Error::InvalidArgument);
                }
                Ok(Self::EventsRead { process, address, count })
            }
            _ => Err(Error::InvalidArgument),
        }
    }

    /// The first native number; those below are JOS's.
    pub const FIRST: u32 = 32;
    /// The last native number.
    pub const LAST: u32 = 85;
    /// The calls' names, from [`Syscall::FIRST`] on, as libsys's functions have them.
    pub const NAMES: [&str; (Self::LAST - Self::FIRST + 1) as usize] = [
        "identity",
        "page_allocate",
        "page_map",
        "page_unmap",
        "page_copy",
        "frame_references",
        "range_share",
        "range_protect",
        "range_unmap",
        "range_allocate",
        "process_create",
        "process_start",
        "process_stop",
        "registers_read",
        "registers_write",
        "exit",
        "wait",
        "destroy",
        "set_quota",
        "usage",
        "machine",
        "set_handler",
        "set_pager",
        "accept_clients",
        "fault_forward",
        "fault_reply",
        "set_fault_timeout",
        "clone",
        "send",
        "receive",
        "call",
        "reply",
        "reply_and_receive",
        "clock",
        "sleep",
        "yield",
        "console_write",
        "console_read",
        "set_console_owner",
        "page_protect",
        "view_attach",
        "view_detach",
        "driver_allow",
        "ports_allow",
        "device_map",
        "dma_allocate",
        "dma_release",
        "dma_reclaim",
        "interrupt_attach",
        "interrupt_acknowledge",
        "page_move",
        "fault_reply_and_receive",
        "accept_frame_requests",
        "events_read",
    ];

    /// The name of the call with this number.
    #[must_use]
    pub fn name(number: u32) -> Option<&'static str> {
        Self::NAMES.get(number.checked_sub(Self::FIRST)? as usize).copied()
    }

    /// The most pages that one `RangeAllocate` or `DmaAllocate` takes.
    pub const ALLOCATE_LIMIT: u32 = 64;
    /// The most bytes that one console call takes.
    pub const BUFFER_LIMIT: u32 = 4096;
}

/// What the calls without permissions check first.
#[inline(always)]
fn plain(raw: &impl Arguments) -> Result<(), Error> {
    if raw.permission_bits() == 0 { Ok(()) } else { Err(Error::InvalidArgument) }
}

#[inline(always)]
fn process(raw: &impl Arguments) -> Result<Target, Error> {
    Target::new(raw.process())
}

#[inline(always)]
fn peer(raw: &impl Arguments) -> Result<ProcessId, Error> {
    ProcessId::new(raw.process())
}

#[inline(always)]
fn page(raw: &impl Arguments) -> Result<UserPage, Error> {
    UserPage::new(raw.page())
}

#[inline(always)]
fn range(raw: &impl Arguments) -> Result<PageRange, Error> {
    PageRange::new(page(raw)?, raw.word(0))
}

#[inline(always)]
fn permissions(raw: &impl Arguments) -> Result<Permissions, Error> {
    Permissions::new(raw.permission_bits())
}

#[inline(always)]
fn marks(raw: &impl Arguments) -> Result<Permissions, Error> {
    Permissions::marks(raw.permission_bits())
}

#[inline(always)]
fn words(raw: &impl Arguments) -> [u32; 4] {
    [raw.word(0), raw.word(1), raw.word(2), raw.word(3)]
}

fn some_id(bits: u32) -> Result<Option<ProcessId>, Error> {
    if bits == 0 { Ok(None) } else { ProcessId::new(bits).map(Some) }
}

fn flag(word: u32) -> Result<bool, Error> {
    match word {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Error::InvalidArgument),
    }
}

fn buffer_length(length: u32) -> Result<u32, Error> {
    if length <= Syscall::BUFFER_LIMIT { Ok(length) } else { Err(Error::InvalidArgument) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_decodes_encodes_to_the_same_call(
            number in 30u32..87, permissions in 0u32..0x1000, process: u32, page in 0u32..0x10_0000,
            w0: u32, w1: u32, w2 in 0u32..70, w3 in 0u32..0x1000,
        ) {
            let words = [w0, w1, w2, w3];
            let raw = RawCall { head: number | permissions << 8, process, page: page << 12, words };
            if let Ok(call) = Syscall::decode(&raw) {
                prop_assert_eq!(Syscall::decode(&call.encode()), Ok(call));
            }
        }
    }

    #[test]
    fn every_number_has_a_call_with_small_arguments() {
        for number in Syscall::FIRST..=Syscall::LAST {
            let raw = RawCall { head: number, process: 0x1000, page: 0x1000, words: [1, 0, 1, 0] };
            let raw_of_a_page = RawCall { words: [0; 4], ..raw };
            let decodes = |raw| Syscall::decode(raw).is_ok();
            assert!(decodes(&raw) || decodes(&raw_of_a_page), "{number}");
        }
        for number in [0, 13, 31, Syscall::LAST + 1, 255] {
            let raw = RawCall { head: number, ..RawCall::default() };
            assert_eq!(Syscall::decode(&raw), Err(Error::InvalidArgument), "{number}");
        }
    }

    #[test]
    fn every_number_has_the_name_of_its_call() {
        for number in Syscall::FIRST..=Syscall::LAST {
            let raw = RawCall { head: number, process: 0x1000, page: 0x1000, words: [1, 0, 1, 0] };
            let of_a_page = RawCall { words: [0; 4], ..raw };
            let call = Syscall::decode(&raw).or_else(|_| Syscall::decode(&of_a_page)).unwrap();
            let text = std::format!("{call:?}");
            let variant = text.split([' ', '{']).next().unwrap();
            let name = Syscall::name(number).unwrap().replace('_', "");
            assert_eq!(name, variant.to_lowercase(), "{number}");
        }
        assert_eq!(Syscall::name(Syscall::FIRST - 1), None);
        assert_eq!(Syscall::name(Syscall::LAST + 1), None);
    }

    #[test]
    fn permission_bits_are_refused_where_none_are_taken() {
        let raw = RawCall { head: 32 | 2 << 8, ..RawCall::default() };
        assert_eq!(Syscall::decode(&raw), Err(Error::InvalidArgument));
        for bit in [0, 2, 3, 4, 5, 6, 7, 8, 12, 23] {
            let raw = RawCall { head: 33 | 1 << (bit + 8), page: 0x1000, ..RawCall::default() };
            assert_eq!(Syscall::decode(&raw), Err(Error::InvalidArgument), "bit {bit}");
        }
    }

    #[test]
    fn a_range_allocation_takes_64_pages_and_not_65() {
        for head in [41, 77] {
            let raw = |pages| RawCall {
                head,
                page: 0x1000,
                words: [pages, 0, 0, 0],
                ..RawCall::default()
            };
            assert!(Syscall::decode(&raw(64)).is_ok());
            assert_eq!(Syscall::decode(&raw(65)), Err(Error::InvalidArgument));
        }
    }
}
