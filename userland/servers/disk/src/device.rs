//! The device: it gets one request at a time, and reports the end of a request by an interrupt.
//!
//! The interrupt line may be shared with another device. The kernel masks the line when it sends
//! the interrupt's message; this driver unmasks it when its own device has lowered it. While
//! another device keeps the line raised, unmasking would bring the same interrupt again at once: so
//! during a request the queue is looked at once a tick, and between requests the line stays masked.
#![allow(unsafe_code)]

use core::fmt;
use core::slice;

use disk::block::{self, Features, HEADER, Operation};
use disk::layout::{DATA_PAGE, REQUEST_PAGE, dma};
use libsys::abi::driver::Line;
use libsys::abi::layout::PAGE_SIZE;
use libsys::device::pci::Function;
use libsys::device::pci::live::Configuration;
use libsys::process::id;
use libsys::service::disk::protocol::{DiskError, SLOTS};
use libsys::{Error, interrupt_acknowledge, interrupt_attach, receive, sleep};
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::Transport;
use virtio_drivers::transport::pci::PciTransport;
use virtio_drivers::transport::pci::bus::PciRoot;

use crate::hal::{self, Access, Process};

/// Entries of the queue. A write takes the most: its header, each page, and its status.
const QUEUE_SIZE: usize = 32;
const _: () = assert!(QUEUE_SIZE >= SLOTS as usize + 2);
/// Milliseconds between two looks at the queue while another device keeps the line raised.
const TICK: u32 = 1;
/// The device's only queue.
const QUEUE: u16 = 0;

/// Why there is no disk.
pub enum NoDevice {
    /// No function on bus 0 is a virtio block device.
    NotFound,
    /// The device cannot be used; the text says in which respect.
    Unusable(&'static str),
    /// A call failed.
    Call(Error),
}

impl From<Error> for NoDevice {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl fmt::Display for NoDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no virtio disk is attached"),
            Self::Unusable(why) => write!(f, "the virtio disk cannot be used: {why}"),
            Self::Call(error) => error.fmt(f),
        }
    }
}

/// A virtio block device that is set up.
pub struct Device {
    transport: PciTransport,
    queue: VirtQueue<Process, QUEUE_SIZE>,
    line: Line,
    function: Function,
    features: Features,
    sectors: u64,
    /// The line stays masked until the next request, because another device keeps it raised.
    masked: bool,
}

impl Device {
    /// Finds the first virtio block device and sets it up.
    pub fn find() -> Result<Self, NoDevice> {
        let configuration = Configuration::open()?;
        let function =
            configuration.find(block::VENDOR, &block::DEVICES).ok_or(NoDevice::NotFound)?;
        let line = Line::new(configuration.interrupt_line(function))
            .map_err(|_| NoDevice::Unusable("it has no interrupt line"))?;
        hal::take_frames()?;
        configuration.enable(function);
        let mut root = PciRoot::new(Access(configuration));
        let mut transport = PciTransport::new::<Process, _>(&mut root, hal::named(function))
            .map_err(|_| NoDevice::Unusable("it lacks the interface of version 1"))?;
        let features = transport.begin_init(Features::all());
        if !features.contains(Features::VERSION_1) {
            return Err(NoDevice::Unusable("it lacks the interface of version 1"));
        }
        let word = |transport: &PciTransport, offset| transport.read_config_space::<u32>(offset);
        let sectors = transport
            .read_consistent(|| {
                Ok(u64::from(word(&transport, 0)?) | u64::from(word(&transport, 4)?) << 32)
            })
            .map_err(|_| NoDevice::Unusable("it does not say how large it is"))?;
        let queue = VirtQueue::new(&mut transport, QUEUE, false, false)
            .map_err(|_| NoDevice::Unusable("it has no queue"))?;
        transport.finish_init();
        interrupt_attach(line)?;
        Ok(Self { transport, queue, line, function, features, sectors, masked: false })
    }

    /// The PCI function of the device.
    pub const fn function(&self) -> Function {
        self.function
    }

    /// The sectors of the disk.
    pub const fn sectors(&self) -> u64 {
        self.sectors
    }

    /// Whether the disk can be written.
    pub const fn is_writable(&self) -> bool {
        !self.features.contains(Features::READ_ONLY)
    }

    /// Reads `pages` pages from `sector` on into the data frames.
    ///
    /// # Errors
    /// `DeviceError`: the device reports an error.
    pub fn read(&mut self, sector: u64, pages: u32) -> Result<(), DiskError> {
        let request = Request::new(Operation::Read, sector);
        let header = request.header();
        let (data, status) = (data(pages), request.status());
        self.perform(&[header], [data, status], &request)
    }

    /// Writes at most [`SLOTS`] pages from `sector` on. They stay mapped; their bytes may change.
    ///
    /// # Errors
    /// `DeviceError`: the device reports an error.
    pub fn write(&mut self, sector: u64, pages: &[&'static [u8]]) -> Result<(), DiskError> {
        let request = Request::new(Operation::Write, sector);
        let mut from = [&[][..]; 1 + SLOTS as usize];
        from[0] = request.header();
        from[1..=pages.len()].copy_from_slice(pages);
        self.perform(&from[..=pages.len()], [request.status()], &request)
    }

    /// Makes the device write its cache to the disk. Does nothing if it has none.
    ///
    /// # Errors
    /// `DeviceError`: the device reports an error.
    pub fn flush(&mut self) -> Result<(), DiskError> {
        if !self.features.contains(Features::FLUSH) {
            return Ok(());
        }
        let request = Request::new(Operation::Flush, 0);
        self.perform(&[request.header()], [request.status()], &request)
    }

    /// Gives a request to the device and sleeps until it is done. The device reads `from` and
    /// writes `to`.
    fn perform<const TO: usize>(
        &mut self,
        from: &[&'static [u8]],
        mut to: [&'static mut [u8]; TO],
        request: &Request,
    ) -> Result<(), DiskError> {
        // SAFETY: the buffers are pages that stay mapped, and nothing in this process uses them
        // before `pop_used`: it does one request at a time and waits for its end.
        let token = unsafe { self.queue.add(from, &mut to) };
        let token = token.map_err(|_| DiskError::DeviceError)?;
        if self.masked {
            self.unmask();
        }
        if self.queue.should_notify() {
            self.transport.notify(QUEUE);
        }
        while !self.queue.can_pop() {
            // A process gets from itself only its interrupts. It has a line, so the call cannot
            // fail.
            let _ = receive(Some(id()), None);
            if !self.lower_line() && !self.queue.can_pop() {
                // Another device keeps the line raised.
                sleep(TICK);
            }
            self.unmask();
        }
        // SAFETY: these are the buffers that `add` was given.
        let popped = unsafe {
            self.queue.pop_used(token, from, &mut to.each_mut().map(|buffer| &mut **buffer))
        };
        popped.map_err(|_| DiskError::DeviceError)?;
        block::outcome(request.outcome())
    }

    /// Answers an interrupt that comes while the device has no request. If another device raised
    /// it, the line stays masked until the next request: unmasking would bring the same interrupt
    /// again and again, and no client would be served.
    pub fn answer_idle(&mut self) {
        self.masked = true;
        if self.lower_line() {
            self.unmask();
        }
    }

    /// Makes the device lower the line. Returns whether the device had raised it.
    fn lower_line(&mut self) -> bool {
        !self.transport.ack_interrupt().is_empty()
    }

    /// Unmasks the line. The kernel masked it when it sent the last interrupt.
    fn unmask(&mut self) {
        self.masked = false;
        // The line is this process's own, so the call cannot fail.
        let _ = interrupt_acknowledge(self.line);
    }
}

/// The request in the first frame.
struct Request;

impl Request {
    fn new(operation: Operation, sector: u64) -> Self {
        for (offset, byte) in
            (0..).zip(block::header(operation, sector).into_iter().chain([block::UNWRITTEN]))
        {
            // SAFETY: a byte of a frame that `take_frames` has mapped; the device has no request
            // now.
            unsafe { byte_at(offset).write_volatile(byte) };
        }
        Self
    }

    fn header(&self) -> &'static [u8] {
        // SAFETY: bytes that `new` has written; only the next `new` changes them.
        unsafe { slice::from_raw_parts(byte_at(0), HEADER) }
    }

    #[allow(
        clippy::mut_from_ref,
        reason = "the status is in a frame, not in `self`, and to for once a request"
    )]
    fn status(&self) -> &'static mut [u8] {
        // SAFETY: the byte after the header, to which nothing else refers. The device writes it
        // while it has the request; this process does not read it in that time.
        unsafe { slice::from_raw_parts_mut(byte_at(HEADER), 1) }
    }

    /// The status that the device has written.
    fn outcome(&self) -> u8 {
        // SAFETY: as in `new`.
        unsafe { byte_at(HEADER).read_volatile() }
    }
}

fn byte_at(offset: usize) -> *mut u8 {
    core::ptr::with_exposed_provenance_mut(dma(REQUEST_PAGE) as usize + offset)
}

/// The data frames of a request, which the device writes.
fn data(pages: u32) -> &'static mut [u8] {
    let first = core::ptr::with_exposed_provenance_mut(dma(DATA_PAGE) as usize);
    // SAFETY: at most 16 pages (`Transfer::check`), mapped by `take_frames`. The slice is used for
    // one request, and until its end only the device uses the bytes.
    unsafe { slice::from_raw_parts_mut(first, (pages * PAGE_SIZE) as usize) }
}
