//! The device: one request at a time, whose end it tells by an interrupt.
#![allow(unsafe_code)]

use core::fmt;
use core::slice;

use disk::block::{self, Features, HEADER, Operation};
use disk::places::{DATA_PAGE, REQUEST_PAGE, dma};
use libsys::abi::driver::Line;
use libsys::abi::layout::PAGE_SIZE;
use libsys::device::pci::Function;
use libsys::device::pci::live::Configuration;
use libsys::process::id;
use libsys::service::disk::protocol::DiskError;
use libsys::{Error, interrupt_acknowledge, interrupt_attach, receive, sleep};
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::Transport;
use virtio_drivers::transport::pci::PciTransport;
use virtio_drivers::transport::pci::bus::PciRoot;

use crate::hal::{self, Access, Process};

/// Entries of the queue; a request takes three.
const QUEUE_SIZE: usize = 4;
/// Milliseconds until the queue is looked at while another device holds the line.
const TICK: u32 = 1;
/// The one queue.
const QUEUE: u16 = 0;

/// Why there is no disk.
pub enum NoDevice {
    /// No function on bus 0 is a virtio block device.
    NotFound,
    /// It is there, but does not work: what for.
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

/// A virtio block device that works.
pub struct Device {
    transport: PciTransport,
    queue: VirtQueue<Process, QUEUE_SIZE>,
    line: Line,
    function: Function,
    features: Features,
    sectors: u64,
    /// The line is masked, and stays so until the device has something to do: another device holds it.
    masked: bool,
}

impl Device {
    /// Finds the first one and sets it up.
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

    /// Which function it is.
    pub const fn function(&self) -> Function {
        self.function
    }

    /// How large it is.
    pub const fn sectors(&self) -> u64 {
        self.sectors
    }

    /// Does it take writes?
    pub const fn is_writable(&self) -> bool {
        !self.features.contains(Features::READ_ONLY)
    }

    /// Reads `pages` pages from `sector` on into the data frames.
    ///
    /// # Errors
    /// `DeviceError`.
    pub fn read(&mut self, sector: u64, pages: u32) -> Result<(), DiskError> {
        let request = Request::new(Operation::Read, sector);
        let header = request.header();
        let (data, status) = (data(pages), request.status());
        self.perform([header], [data, status], &request)
    }

    /// Writes `pages` pages of the data frames from `sector` on.
    ///
    /// # Errors
    /// `DeviceError`.
    pub fn write(&mut self, sector: u64, pages: u32) -> Result<(), DiskError> {
        let request = Request::new(Operation::Write, sector);
        let header = request.header();
        self.perform([header, data(pages)], [request.status()], &request)
    }

    /// Has the device write what it has cached.
    ///
    /// # Errors
    /// `DeviceError`.
    pub fn flush(&mut self) -> Result<(), DiskError> {
        if !self.features.contains(Features::FLUSH) {
            return Ok(());
        }
        let request = Request::new(Operation::Flush, 0);
        self.perform([request.header()], [request.status()], &request)
    }

    /// Hands a request to the device and sleeps until it is done.
    fn perform<const TOLD: usize, const ASKED: usize>(
        &mut self,
        told: [&'static [u8]; TOLD],
        mut asked: [&'static mut [u8]; ASKED],
        request: &Request,
    ) -> Result<(), DiskError> {
        // SAFETY: the buffers are frames that stay mapped, and nobody touches them before `pop_used`: this process does
        // one request at a time and waits for its end.
        let token = unsafe { self.queue.add(&told, &mut asked) };
        let token = token.map_err(|_| DiskError::DeviceError)?;
        if self.masked {
            self.unmask();
        }
        if self.queue.should_notify() {
            self.transport.notify(QUEUE);
        }
        while !self.queue.can_pop() {
            // From itself comes nothing but its interrupts. It has a line, so there is no error.
            let _ = receive(Some(id()), None);
            if !self.lower() && !self.queue.can_pop() {
                // Another device holds the line, and would be heard again at once: looks at the queue once a tick.
                sleep(TICK);
            }
            self.unmask();
        }
        // SAFETY: these are the buffers of `add`.
        let popped = unsafe {
            self.queue.pop_used(token, &told, &mut asked.each_mut().map(|buffer| &mut **buffer))
        };
        popped.map_err(|_| DiskError::DeviceError)?;
        block::outcome(request.outcome())
    }

    /// Answers an interrupt that comes while nothing is asked of the device. If it is another device's, the line stays
    /// masked until the next request: whoever opened it would hear the same interrupt again, and never a client.
    pub fn answer_idle(&mut self) {
        self.masked = true;
        if self.lower() {
            self.unmask();
        }
    }

    /// Has the device lower the line; says whether the device held it.
    fn lower(&mut self) -> bool {
        !self.transport.ack_interrupt().is_empty()
    }

    /// Lets the next interrupt through. The kernel has masked the line when it told of the last one.
    fn unmask(&mut self) {
        self.masked = false;
        // The line is this process's own.
        let _ = interrupt_acknowledge(self.line);
    }
}

/// The request in the first frame: there is one at a time.
struct Request;

impl Request {
    fn new(operation: Operation, sector: u64) -> Self {
        for (place, byte) in
            (0..).zip(block::header(operation, sector).into_iter().chain([block::UNWRITTEN]))
        {
            // SAFETY: a byte of a frame that `take_frames` has mapped, and the device has no request now.
            unsafe { byte_at(place).write_volatile(byte) };
        }
        Self
    }

    fn header(&self) -> &'static [u8] {
        // SAFETY: bytes that `new` has written; only the next `new` changes them.
        unsafe { slice::from_raw_parts(byte_at(0), HEADER) }
    }

    #[allow(
        clippy::mut_from_ref,
        reason = "the status is in a frame, not in `self`, and asked for once a request"
    )]
    fn status(&self) -> &'static mut [u8] {
        // SAFETY: the byte after the header, which nothing else refers to; the device writes it while it has the request,
        // when this process does not look.
        unsafe { slice::from_raw_parts_mut(byte_at(HEADER), 1) }
    }

    /// The status, when the device is done.
    fn outcome(&self) -> u8 {
        // SAFETY: as in `new`.
        unsafe { byte_at(HEADER).read_volatile() }
    }
}

fn byte_at(place: usize) -> *mut u8 {
    core::ptr::with_exposed_provenance_mut(dma(REQUEST_PAGE) as usize + place)
}

/// The data frames of a request, which the device reads or writes.
fn data(pages: u32) -> &'static mut [u8] {
    let first = core::ptr::with_exposed_provenance_mut(dma(DATA_PAGE) as usize);
    // SAFETY: at most 16 pages (`Transfer::check`), mapped by `take_frames`; the slice lives no longer than the request,
    // and until its end only the device touches them.
    unsafe { slice::from_raw_parts_mut(first, (pages * PAGE_SIZE) as usize) }
}
