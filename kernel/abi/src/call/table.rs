//! The table of the native calls: the number, the name and the arguments of each, and where each
//! argument travels.
//!
//! `calls!` makes of it [`Syscall`], [`Number`], and both directions between a [`Syscall`] and
//! registers. An entry reads
//!
//! ```text
//! Variant = number "name in libsys and C" {
//!     argument at Place: Type,
//! };
//! ```
//!
//! The places are those of [`super::places`]. Arguments are read in the order of the entry, and the
//! first that is malformed decides the error. An entry whose arguments have no place in `eax` takes
//! no permissions.

use super::fault::FaultReply;
use super::message::PageTransfer;
use super::places::{
    AcceptPage, BufferLength, DeviceFrames, EventCount, Head, ListLength, Marks, Owner, Page,
    Place, Ports, Process, Range, Reply, SharedBoth, SharedDrop, SharedRange, SharedTarget,
    ShortRange, Transfer, Word0, Word1, Word2, Words, calls,
};
use super::{Arguments, RawCall, limits};
use crate::address::{Frame, PageRange, UserPage};
use crate::driver::{Line, PortRange};
use crate::entry::Permissions;
use crate::error::Error;
use crate::process::{ProcessId, Target};
use crate::self_map::ViewSlot;
use crate::transaction::{Wish, WishPlace};

calls! {
    // Memory.
    /// Maps a fresh zeroed page, in place of what was there. Errors: `OutOfFrames`,
    /// `QuotaExceeded`.
    PageAllocate = 33 "page_allocate" {
        /// The process whose space changes: self, child or client.
        process at Process: Target,
        /// The page.
        page at Page: UserPage,
        /// W and marks.
        permissions at Head: Permissions,
    };
    /// Maps the frame behind `page` of `process` at `to_page` of `to` as well. Errors: `NotMapped`,
    /// `NotPermitted` (W is asked for, and the source lacks it), `OutOfFrames`, `QuotaExceeded`.
    PageMap = 34 "page_map" {
        /// The source's space: self, child or client.
        process at Process: Target,
        /// The source.
        page at Page: UserPage,
        /// The destination's space: self, child or client.
        to at Word0: Target,
        /// The destination.
        to_page at Word1: UserPage,
        /// W and marks.
        permissions at Head: Permissions,
    };
    /// Moves a page in one step, with its W and marks, to `to_page` of `to`, where nothing is
    /// present; only `marks` are left where it was. Returns the old entry (word 0) with its A and
    /// D. A pager takes a page by this call, because in two steps it would lose what its client
    /// writes between them; and gives it back by this call, because a page that the client has
    /// mapped meanwhile must stay. Errors: `NotMapped`; `Busy` (something is present at `to_page`);
    /// `NotPermitted` (the page is a driver's own, or `to_page` lies in a view); `OutOfFrames`,
    /// `QuotaExceeded`. On an error nothing has changed.
    PageMove = 82 "page_move" {
        /// The source's space: self, child or client.
        process at Process: Target,
        /// The source.
        page at Page: UserPage,
        /// The destination's space: self, child or client.
        to at Word0: Target,
        /// The destination.
        to_page at Word1: UserPage,
        /// Left at the source.
        marks at Marks: Permissions,
    };
    /// Unmaps a page and leaves `marks`; returns the old entry (word 0) with its A and D. Never
    /// fails for an absent page. Errors: `OutOfFrames` and `QuotaExceeded`, both when marks need a
    /// table that is not there.
    PageUnmap = 35 "page_unmap" {
        /// The process whose space changes: self, child or client.
        process at Process: Target,
        /// The page.
        page at Page: UserPage,
        /// Marks to leave in the absent entry: the page is paged out.
        marks at Marks: Permissions,
    };
    /// Makes the mapping a private writable copy with `permissions` (W is implied); a frame with
    /// one mapping just gets W. Returns 1 in word 0 if it copied. Errors: `NotMapped`,
    /// `OutOfFrames`, `NotPermitted` (the page is a driver's own).
    PageCopy = 36 "page_copy" {
        /// Marks that the page has afterwards.
        permissions at Head: Permissions,
        /// The process whose space changes: self, child or client.
        process at Process: Target,
        /// The page.
        page at Page: UserPage,
    };
    /// As `RangeProtect` for one page; returns the old entry (word 0). Errors: `NotMapped`,
    /// `NotPermitted` (the entry is sealed, W is added, and its frame has other mappings).
    PageProtect = 71 "page_protect" {
        /// The process whose space changes: self, child or client.
        process at Process: Target,
        /// The page.
        page at Page: UserPage,
        /// Bits to drop.
        drop at Word0: Permissions,
        /// Bits to add.
        add at Head: Permissions,
    };
    /// Returns the count of a frame (word 0), for those that UPAGES does not reach. Errors:
    /// `NotMapped` (no RAM that a program can have: none at all, or the kernel's own).
    FrameReferences = 37 "frame_references" {
        /// The frame's number.
        frame at Word0: u32,
    };
    /// Maps every present page of a range of `process` at the same offsets from `to_page` in `to`,
    /// dropping and adding bits; optionally the same bits at the source. In one space, the
    /// destination may begin before the source and overlap it: each page is read before it is
    /// replaced.
    ///
    /// As each range call, it does a bounded amount of work and returns how many pages it has done
    /// (word 0), from the first on and at least one: the caller asks again for the rest. If a page
    /// fails, the call returns the pages before it. If that page is the first, the call returns the
    /// error and has changed nothing. Errors: `OutOfFrames`, `QuotaExceeded`, `NotPermitted` (the
    /// page is a driver's own), `InvalidArgument` (in one space, `to_page` lies inside the range,
    /// behind its first page).
    RangeShare = 38 "range_share" {
        /// The source's space: self, child or client.
        process at Process: Target,
        /// The source.
        range at SharedRange: PageRange,
        /// The destination's space: self, child or client.
        to at Word0: Target,
        /// First page of the destination.
        to_page at SharedTarget: UserPage,
        /// Bits to drop: W, marks.
        drop at SharedDrop: Permissions,
        /// Marks to add; W is never gained.
        add at Marks: Permissions,
        /// Drop and add at the source as well.
        both at SharedBoth: bool,
    };
    /// Drops and adds bits on every present page of a range and clears A and D. In a process that
    /// has a pager, a D that was set takes the mark PAGER with it, unless the pager adds the mark.
    /// Adds W only where the entry is not sealed or its frame has one mapping. Returns the pages
    /// done (word 0), which may be fewer than asked for, as by `RangeShare`; of these all old A and
    /// D bits together (word 1), and for the first 32 a bitmap of A (word 2) and of D (word 3). One
    /// call does 32 pages at least, unless one fails. Errors: `NotPermitted` (W is added where the
    /// entry is sealed and its frame has other mappings).
    RangeProtect = 39 "range_protect" {
        /// The process whose space changes: self, child or client.
        process at Process: Target,
        /// The pages.
        range at Range: PageRange,
        /// Bits to drop.
        drop at Word1: Permissions,
        /// Bits to add.
        add at Head: Permissions,
    };
    /// Unmaps a range. The marks of absent pages are cleared. Returns the pages done (word 0),
    /// which may be fewer than asked for, as by `RangeShare`. The call has no errors of its own.
    RangeUnmap = 40 "range_unmap" {
        /// The process whose space changes: self, child or client.
        process at Process: Target,
        /// The pages.
        range at Range: PageRange,
        /// Left where a page was present.
        marks at Marks: Permissions,
    };
    /// Maps fresh zeroed pages over a range of at most 64. Returns the pages done (word 0), which
    /// may be fewer than asked for, as by `RangeShare`. Errors: `OutOfFrames`, `QuotaExceeded`.
    RangeAllocate = 41 "range_allocate" {
        /// The pages.
        range at ShortRange: PageRange,
        /// The process whose space changes: self, child or client.
        process at Process: Target,
        /// W and marks.
        permissions at Head: Permissions,
    };
    /// Changes the pages of a list ([`crate::transaction`]), in order, if the entry of each is still
    /// what the caller has seen; A and D do not matter, and stay where the frame stays. What is
    /// compared is the entry in the space of `process`, or, of a page that is mapped there, the
    /// entry in the caller's own. The call stops before the first page that is not as it was seen
    /// or that cannot be changed. If that is the first page of the list, the call fails and nothing
    /// has changed; otherwise it returns the pages done (word 0), which may also be fewer because a
    /// call does a bounded amount of work. Word 1 is A and D of the old entries of pages that were
    /// protected or unmapped, all together; of a map it is 0. The list is read before anything
    /// changes, so it may lie in a page that changes. Errors: `Busy` (the entry is another one),
    /// `NotMapped` (it is absent, and the page is protected or mapped), `NotPermitted` (W is added
    /// where the entry is sealed and its frame has other mappings; or the page is a driver's own,
    /// or would lie in a view), `OutOfFrames`, `QuotaExceeded` (for a table, a mapping, or the copy
    /// of a page that others may write), `Fault` (the list does not lie below UTOP).
    Transact = 86 "transact" {
        /// The process whose space changes: self, child or client.
        process at Process: Target,
        /// The list: an address in the caller's space, a multiple of 4.
        list at Word0: u32,
        /// How many pages the list has: at most 256.
        pages at ListLength: u32,
        /// What happens to each page.
        wish at WishPlace: Wish,
    };
    /// Points an empty directory entry of the caller's, read-only, at the directory of a process,
    /// so that all its tables lie in the caller's 4 MiB there. No call maps a page in a view: calls
    /// treat its pages as absent, and answer `NotPermitted` where they would have to put something
    /// there. No quota is charged for a view. When the process ends, views something itself, or is
    /// no longer the caller's child or client, the view is lost: it stays, but every word of it
    /// reads 0 from then on. Errors: `NoSuchProcess` (also for the caller itself), `Refused` (the
    /// process has views of its own), `Busy` (the caller views it already as its child, or as its
    /// client if it is no child; or the entry is not empty).
    ViewAttach = 72 "view_attach" {
        /// Child or client; one that is both counts as child.
        process at Process: Target,
        /// The directory entry.
        view at Word0: ViewSlot,
    };
    /// Empties a directory entry that holds a view, whether the view still shows anything or not.
    /// Errors: `NotMapped` (there is no view).
    ViewDetach = 73 "view_detach" {
        /// The directory entry.
        view at Word0: ViewSlot,
    };
    // Processes and time.
    /// Returns the caller's id (word 0), its parent's (word 1) and its pager's (word 2), 0 for
    /// none. A pager that has ended is none.
    Identity = 32 "identity";
    /// Makes a blank, stopped child with the caller's pager; with `copy`, with its registers and
    /// FPU state too, and 0 in word 0. Returns the child's id (word 0). Errors: `OutOfProcesses`,
    /// `OutOfFrames`, `QuotaExceeded`.
    ProcessCreate = 42 "process_create" {
        /// Copy the caller's registers.
        copy at Word0: bool,
    };
    /// Clears a child's stopped flag; a blocked child stays blocked.
    ProcessStart = 43 "process_start" {
        /// A child.
        process at Process: Target,
    };
    /// Sets a child's stopped flag.
    ProcessStop = 44 "process_stop" {
        /// A child.
        process at Process: Target,
    };
    /// Stores a child's registers ([`crate::registers::UserRegisters`], 40 bytes) at `address`.
    /// Errors: `Fault` (the buffer does not lie below UTOP).
    RegistersRead = 45 "registers_read" {
        /// A child.
        process at Process: Target,
        /// An address in the caller's space; a multiple of 4.
        address at Word0: u32,
    };
    /// Sets a child's registers from 40 bytes at `address`; selectors and system flags are the
    /// kernel's. Errors: `Busy` (the child is blocked in a call), `Fault` (the buffer does not lie
    /// below UTOP).
    RegistersWrite = 46 "registers_write" {
        /// A child.
        process at Process: Target,
        /// An address in the caller's space; a multiple of 4.
        address at Word0: u32,
    };
    /// Copies the last events of a child ([`crate::trace::Event`], 16 bytes each), at most `count`,
    /// to `address`, the oldest first. Returns how many (word 0). Events that are about the child
    /// alone are copied: those whose first word is its id. Errors: `NotPermitted` (the boot line
    /// has no word `trace`, so there are no events), `Fault` (the buffer does not lie below UTOP).
    EventsRead = 85 "events_read" {
        /// A child.
        process at Process: Target,
        /// An address in the caller's space; a multiple of 4.
        address at Word0: u32,
        /// At most 256.
        count at EventCount: u32,
    };
    /// Ends the caller.
    Exit = 47 "exit" {
        /// Bits 0 to 7 go to the parent.
        status at Word0: u32,
    };
    /// Waits for a child (`None`: any) to end. Returns its id (word 0), status (word 1) and
    /// [`crate::message::Reason`] (word 2). Its memory is free by then. Errors: `NoChild` (the
    /// caller has none that it may wait for: adopted children and those of JOS call 7 are not
    /// waited for), `Deadlock` (the child, or the only one if any is waited for, waits for the
    /// caller). If the caller has several children and waits for any, the kernel does not look
    /// whether all of them wait for the caller.
    Wait = 48 "wait" {
        /// The child.
        child at Word0: Option<ProcessId>,
    };
    /// Ends a process: self or any descendant.
    Destroy = 49 "destroy" {
        /// The process.
        process at Process: Target,
        /// With all its descendants.
        subtree at Word0: bool,
    };
    /// Bounds what a child and its descendants may map (frames, tables included) and how many
    /// processes they may be; 0 is no bound. The bound stays on the descendants when the child has
    /// ended. Errors: `Busy` (the child has children and no quota yet), `Refused` (16 quotas are on
    /// it already, or there are as many as process slots).
    SetQuota = 50 "set_quota" {
        /// A child.
        process at Process: Target,
        /// Frames.
        frames at Word0: u32,
        /// Processes, the child included.
        processes at Word1: u32,
    };
    /// Returns what a process has: frames mapped, tables included (word 0), frame bound (word 1),
    /// processes counted (word 2), process bound (word 3). Counts are the subtree's where a quota
    /// is set. Self, child, client.
    Usage = 51 "usage" {
        /// The process.
        process at Process: Target,
    };
    /// Returns how many frames could be allocated when the machine started (word 0), how many can
    /// be now (word 1), processes, with those that are dying or that have ended and were not waited
    /// for (word 2), and how often the kernel flushed a page, in the low half, or everything, in
    /// the high half (word 3; both wrap).
    Machine = 52 "machine";
    /// Returns microseconds since boot: word 0 the low, word 1 the high half.
    Clock = 65 "clock";
    /// Waits.
    Sleep = 66 "sleep" {
        /// Milliseconds; 0 yields.
        milliseconds at Word0: u32,
    };
    /// Lets others run.
    Yield = 67 "yield";
    // Page faults.
    /// Sets the fault handler of a process, at which the kernel resumes it after a page fault; 0
    /// for none. Self or child.
    SetHandler = 53 "set_handler" {
        /// The process.
        process at Process: Target,
        /// The handler's entry. It is not checked: a bad one ends the process at its first fault.
        address at Word0: u32,
    };
    /// Sets a child's pager; `None` takes it away. Errors: `Refused` (the pager does not accept
    /// clients and is not the caller), `Deadlock` (a cycle, or a chain of more than 8 pagers),
    /// `Busy` (the child waits for its pager's answer).
    SetPager = 54 "set_pager" {
        /// A child.
        process at Process: Target,
        /// The pager.
        pager at Word0: Option<ProcessId>,
    };
    /// Says whether the caller accepts clients.
    AcceptClients = 55 "accept_clients" {
        /// Yes or no.
        accept at Word0: bool,
    };
    /// Says whether the caller frees frames when a call of a client finds none. A pager that does
    /// gets messages of kind [`crate::message::Kind::Frames`], and answers each as it answers a
    /// fault.
    AcceptFrameRequests = 84 "accept_frame_requests" {
        /// Yes or no.
        accept at Word0: bool,
    };
    /// Passes a fault on to the caller's pager; for fault handlers. The pager gets a message of
    /// kind [`crate::message::Kind::Forwarded`] with these words, which the kernel does not check.
    /// Returns when the pager has answered. Errors: `Refused` (there is no pager that could answer,
    /// or it refused, ended, or was too slow); the caller continues.
    FaultForward = 56 "fault_forward" {
        /// The address that was touched.
        address at Word0: u32,
        /// [`crate::fault::Access`] bits.
        access at Word1: u32,
        /// The instruction.
        eip at Word2: u32,
    };
    /// A pager answers a client's fault, or its call that needs frames. Errors: `NotWaiting`; and
    /// if it maps a page, `NotMapped`, `NotPermitted`, `OutOfFrames`, `QuotaExceeded`. After an
    /// error of the page the client still waits.
    FaultReply = 57 "fault_reply" {
        /// The client.
        process at Process: ProcessId,
        /// The answer.
        reply at Reply: FaultReply,
    };
    /// As `FaultReply`, then as `Receive` from anyone. It is no error if the client does not wait
    /// any more. Not by `sysenter`. Errors: of a map, `NotMapped`, `NotPermitted`, `OutOfFrames`,
    /// `QuotaExceeded`, before anything is received.
    FaultReplyAndReceive = 83 "fault_reply_and_receive" {
        /// The client.
        process at Process: ProcessId,
        /// The answer.
        reply at Reply: FaultReply,
        /// The page at which a page is received.
        accept at AcceptPage: Option<UserPage>,
    };
    /// Bounds how long each fault of a child may wait for its pager; 0 for no bound.
    SetFaultTimeout = 58 "set_fault_timeout" {
        /// A child.
        process at Process: Target,
        /// Milliseconds.
        milliseconds at Word0: u32,
    };
    /// Has the caller's pager adopt a child that is about to get a copy of the caller's memory. If
    /// the caller never had a pager, it succeeds at once. Errors: `Refused` (the pager said no, or
    /// the child has another pager), `PeerEnded` (the pager has ended), `Deadlock` (it waits for
    /// the caller).
    Clone = 59 "clone" {
        /// A child of the caller, with the same pager.
        child at Process: ProcessId,
    };
    // Messages.
    /// Sends and waits until it is received. Errors: `Deadlock` (the receiver waits for the
    /// caller), `PeerEnded` (it ended during the call; if it ended before, its id is stale); of the
    /// page, `NotMapped`, `NotPermitted` (W is asked for and the page lacks it, or it is a driver's
    /// own), `OutOfFrames` (for a table at the receiver), `QuotaExceeded` (the receiver's, which is
    /// charged for the page).
    Send = 60 "send" {
        /// The receiver: any live process.
        to at Process: ProcessId,
        /// The words.
        words at Words: [u32; 4],
        /// The page.
        transfer at Transfer: Option<PageTransfer>,
    };
    /// Waits for a message from one process, or from anyone. The end of a child that the caller may
    /// wait for is a message, too. Errors: `PeerEnded` (that one ended during the call; if it ended
    /// before, its id is stale), `Deadlock` (that one waits for the caller, or is the caller, which
    /// has no interrupt line).
    Receive = 61 "receive" {
        /// The page at which a page is received.
        transfer at Transfer: Option<PageTransfer>,
        /// The sender.
        from at Process: Option<ProcessId>,
    };
    /// Sends and waits for the reply. Errors: as of `Send`, which are `Deadlock`, `PeerEnded`,
    /// `NotMapped`, `NotPermitted`, `OutOfFrames`, `QuotaExceeded`.
    Call = 62 "call" {
        /// The receiver.
        to at Process: ProcessId,
        /// The words.
        words at Words: [u32; 4],
        /// The page sent, and whether the reply's may come to the same place.
        transfer at Transfer: Option<PageTransfer>,
    };
    /// Answers a process that is blocked in a call to the caller; never blocks. Errors:
    /// `NotWaiting`; of the page, as of `Send`, `NotMapped`, `NotPermitted`, `OutOfFrames`,
    /// `QuotaExceeded`. After an error of the page the process still waits.
    Reply = 63 "reply" {
        /// The receiver.
        to at Process: ProcessId,
        /// The words.
        words at Words: [u32; 4],
        /// The page sent.
        transfer at Transfer: Option<PageTransfer>,
    };
    /// As `Reply`, then as `Receive` from anyone. It is no error if the process does not wait any
    /// more. Errors: of the reply's page, `NotMapped`, `NotPermitted`, `OutOfFrames`,
    /// `QuotaExceeded`, before anything is received.
    ReplyAndReceive = 64 "reply_and_receive" {
        /// The receiver.
        to at Process: ProcessId,
        /// The words.
        words at Words: [u32; 4],
        /// The page sent, and whether the next message's may come to the same place.
        transfer at Transfer: Option<PageTransfer>,
    };
    // The console and other devices.
    /// Writes bytes to the console. Returns how many (word 0), at most 256 in one call. Touches its
    /// buffer first, so nothing appears twice. Errors: `Fault` (the buffer does not lie below UTOP).
    ConsoleWrite = 68 "console_write" {
        /// At most 4,096.
        length at BufferLength: u32,
        /// First byte.
        address at Word0: u32,
    };
    /// Waits for console input. Returns how many bytes (word 0): at least 1 if `length` is, and at
    /// most 256. Errors: `Fault` (the buffer does not lie below UTOP).
    ConsoleRead = 69 "console_read" {
        /// At most 4,096.
        length at BufferLength: u32,
        /// First byte.
        address at Word0: u32,
    };
    /// Makes a process the owner of the console, which gets a message of kind *interrupt* at
    /// Ctrl-C; `None` for no owner: then Ctrl-C is a byte. Allowed to the present owner, and to any
    /// process while there is none. Errors: `NoSuchProcess` (also if another process is the owner).
    SetConsoleOwner = 70 "set_console_owner" {
        /// Self or a child.
        owner at Owner: Option<Target>,
    };
    /// Says whether a child is a driver, which may make the calls 74 to 81. There is no IOMMU, so a
    /// driver is trusted as the kernel is. What a driver has got it keeps until it ends. Errors:
    /// `NotPermitted` (the caller is no driver; `init` is one).
    DriverAllow = 74 "driver_allow" {
        /// A child.
        process at Process: Target,
        /// Yes or no.
        allow at Word0: bool,
    };
    /// Opens at most 256 I/O ports to the caller until it ends. Errors: `Busy` (a port is the
    /// kernel's own), `QuotaExceeded` (it has four such ranges), `NotPermitted` (the caller is no
    /// driver).
    PortsAllow = 75 "ports_allow" {
        /// The ports.
        ports at Ports: PortRange,
    };
    /// Maps device memory, writable and uncached, in place of what was there. These pages cannot be
    /// shared, sent or copied; another driver can map the same device by its own call. Returns the
    /// pages done (word 0), which may be fewer than asked for, as by `RangeShare`. Errors:
    /// `NotPermitted` (the caller is no driver; the frame may be RAM, or is a device of the
    /// kernel's); `OutOfFrames`, `QuotaExceeded`.
    DeviceMap = 76 "device_map" {
        /// Pages of the caller's.
        range at Range: PageRange,
        /// The first frame; its address goes into word 1.
        frame at DeviceFrames: Frame,
    };
    /// Maps zeroed frames that follow each other and stay where they are, for a device to read and
    /// write. No other space can get them. Returns the physical address of the first (word 0).
    /// Errors: `Busy` (something is mapped in the range), `OutOfFrames` (the pool has no such run,
    /// or there is no frame for a table), `QuotaExceeded`, `NotPermitted` (the caller is no
    /// driver). After an error a page table that the call has made may stay.
    DmaAllocate = 77 "dma_allocate" {
        /// At most 64 pages of the caller's.
        range at ShortRange: PageRange,
    };
    /// Unmaps pages of `DmaAllocate` and gives their frames back to the pool. The caller sees to it
    /// that no device uses them. A frame whose page the caller has unmapped since is given back,
    /// too. Errors: `NotMapped` (the caller has no DMA frame of one of the pages; nothing was
    /// done), `NotPermitted` (the caller never was a driver).
    DmaRelease = 78 "dma_release" {
        /// Which pages of the caller's.
        range at Range: PageRange,
    };
    /// Gives the DMA frames of a dead driver back to the pool. Until then they are in quarantine:
    /// the driver's parent, or the process that has adopted the driver's siblings since, sees to it
    /// that no device uses them and makes this call. Returns how many there were (word 0). Errors:
    /// `NoSuchProcess` (the caller keeps no frames of such a driver), `Busy` (the caller keeps
    /// some, but the driver's memory is still being taken down: wait for its end), `NotPermitted`
    /// (the caller is no driver and keeps none).
    DmaReclaim = 79 "dma_reclaim" {
        /// The driver that has ended.
        driver at Process: ProcessId,
    };
    /// Attaches an interrupt line to the caller until it ends: each interrupt masks the line and is
    /// a message of kind *interrupt* with the line in word 0. Errors: `Busy` (it is the kernel's or
    /// another driver's), `NotPermitted` (the caller is no driver).
    InterruptAttach = 80 "interrupt_attach" {
        /// The line.
        line at Word0: Line,
    };
    /// Unmasks a line of the caller's. Errors: `NotPermitted` (it is not the caller's).
    InterruptAcknowledge = 81 "interrupt_acknowledge" {
        /// The line.
        line at Word0: Line,
    };
}

impl Syscall {
    /// The first native number; those below are JOS's.
    pub const FIRST: u32 = Number::Identity as u32;
    /// The last native number.
    pub const LAST: u32 = Number::Transact as u32;

    /// The most pages that one `RangeAllocate` or `DmaAllocate` takes.
    pub const ALLOCATE_LIMIT: u32 = limits::ALLOCATE;
    /// The most bytes that one console call takes.
    pub const BUFFER_LIMIT: u32 = limits::BUFFER;
}

const _: () = assert!(
    Number::ALL.len() as u32 == Syscall::LAST - Syscall::FIRST + 1,
    "the numbers have no gap"
);
