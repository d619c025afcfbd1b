//! What `virtio-drivers` needs of a system: frames for the queue, device memory, and physical
//! addresses.
//!
//! All frames that the device writes are one contiguous run. The run is taken before the queue is
//! made and never given back: when this process ends, its parent gives it back. What the device
//! only reads may also be the pages of a client.
#![allow(unsafe_code)]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

use disk::layout::{DEVICE, DEVICE_PAGES, DMA, DMA_PAGES, QUEUE_PAGE, QUEUE_PAGES, dma};
use libsys::abi::layout::PAGE_SIZE;
use libsys::device::pci::Function;
use libsys::device::pci::live::Configuration;
use libsys::{Error, Frame, Page, PageRange, UserPage, device_map, dma_allocate, window};
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};
use virtio_drivers::{BufferDirection, Hal, PhysAddr};

/// Pages of the run that the queue has got.
static QUEUE_TAKEN: AtomicU32 = AtomicU32::new(0);
/// Pages of device memory that are mapped.
static DEVICE_TAKEN: AtomicU32 = AtomicU32::new(0);

/// Takes the run.
///
/// # Errors
/// See `dma_allocate`.
pub fn take_frames() -> Result<(), Error> {
    let range = PageRange::new(UserPage::new(DMA)?, DMA_PAGES)?;
    dma_allocate(range).map(drop)
}

/// This process, as `virtio-drivers` sees it.
pub struct Process;

// SAFETY: `dma_alloc` gives out each page of the run once; it is page-aligned, mapped, zeroed by
// the kernel, and used by nothing else. `mmio_phys_to_virt` maps each region at addresses of its
// own. Nothing is ever unmapped.
unsafe impl Hal for Process {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let first = QUEUE_TAKEN.fetch_add(pages as u32, Ordering::Relaxed);
        assert!(
            first + pages as u32 <= QUEUE_PAGES,
            "the queue takes more than {QUEUE_PAGES} pages"
        );
        let pointer = pointer(dma(QUEUE_PAGE + first));
        (physical(pointer), pointer)
    }

    unsafe fn dma_dealloc(_: PhysAddr, _: NonNull<u8>, _: usize) -> i32 {
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, size: usize) -> NonNull<u8> {
        let address = u32::try_from(address).expect("the device's memory lies below 4 GiB");
        let offset = address % PAGE_SIZE;
        let pages = (offset + size as u32).div_ceil(PAGE_SIZE);
        let first = DEVICE_TAKEN.fetch_add(pages, Ordering::Relaxed);
        assert!(first + pages <= DEVICE_PAGES, "the device has too much memory");
        let start = DEVICE + first * PAGE_SIZE;
        let range = UserPage::new(start).and_then(|page| PageRange::new(page, pages));
        let mapped = range
            .and_then(|range| device_map(Frame::containing(address), range).map_err(Error::from));
        mapped.expect("what the device names is device memory");
        pointer(start + offset)
    }

    unsafe fn share(buffer: NonNull<[u8]>, direction: BufferDirection) -> PhysAddr {
        let offset = (buffer.addr().get() as u32).wrapping_sub(DMA);
        let is_own = offset < DMA_PAGES * PAGE_SIZE;
        assert!(
            is_own || direction == BufferDirection::DriverToDevice,
            "the device would write outside of the DMA frames"
        );
        physical(buffer.cast())
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}

/// The physical address of a byte, by the window.
fn physical(pointer: NonNull<u8>) -> PhysAddr {
    let address = pointer.addr().get() as u32;
    let entry = window().entry_of(Page::containing(address)).filter(|entry| entry.is_present());
    (entry.expect("a buffer is mapped").frame().address() + address % PAGE_SIZE).into()
}

fn pointer(address: u32) -> NonNull<u8> {
    NonNull::new(core::ptr::with_exposed_provenance_mut(address as usize)).expect("not address 0")
}

/// Configuration space, as `virtio-drivers` reads it.
pub struct Access(pub Configuration);

/// The function as `virtio-drivers` calls it.
pub const fn named(function: Function) -> DeviceFunction {
    let number = function.number();
    DeviceFunction { bus: 0, device: number >> 3, function: number & 7 }
}

fn function(named: DeviceFunction) -> Function {
    Function::numbered(named.device << 3 | named.function & 7)
}

impl ConfigurationAccess for Access {
    fn read_word(&self, device: DeviceFunction, offset: u8) -> u32 {
        self.0.read(function(device), offset)
    }

    fn write_word(&mut self, device: DeviceFunction, offset: u8, data: u32) {
        // SAFETY: the only addresses that `virtio-drivers` writes to the device are those of the
        // run, from `dma_alloc` and `share`.
        unsafe { self.0.write(function(device), offset, data) };
    }

    unsafe fn unsafe_clone(&self) -> Self {
        Self(self.0)
    }
}
