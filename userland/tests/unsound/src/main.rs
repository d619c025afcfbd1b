//! `unsound`: a program without unsafe code that would change memory under a Rust reference. It
//! must not compile.
//!
//! `cargo xtask check` sees that the compiler refuses each line that ends in the code of an error,
//! with that error, and no other line.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use libsys::abi::driver::PortRange;
use libsys::abi::process::Target;
use libsys::abi::transaction::{Kind, Wish};
use libsys::call::{self, Change, Gate};
use libsys::device::pci::Function;
use libsys::device::pci::live::Configuration;
use libsys::device::ports;
use libsys::paging::fault::Fault;
use libsys::paging::transaction;
use libsys::{
    Error, PageRange, Permissions, ProcessId, Syscall, UserPage, ViewSlot, dma_reclaim,
    dma_release, ports_allow,
};

/// Changes the caller's own mappings, which may be those of a Rust object.
pub fn change_pages(page: UserPage, range: PageRange, none: Permissions) {
    let own = Target::Caller;
    let wish = Wish { kind: Kind::Unmap, drop: none, add: none, distance: 0 };
    let _ = call::page_allocate(own, page, none); // E0133
    let _ = call::page_map((own, page), (own, page), none); // E0133
    let _ = call::page_move((own, page), (own, page), none); // E0133
    let _ = call::page_unmap(own, page, none); // E0133
    let _ = call::page_copy(own, page, none); // E0133
    let _ = call::page_protect(own, page, Change::NONE); // E0133
    let _ = call::range_share((own, range), (own, page), Change::NONE, false); // E0133
    let _ = call::range_protect(own, range, Change::NONE); // E0133
    let _ = call::range_unmap(own, range, none); // E0133
    let _ = call::range_allocate(own, range, none); // E0133
    let _ = call::transact(own, &[], wish); // E0133
    let _ = transaction::transact(own, &[], wish); // E0133
}

/// Hides a Rust object under a view.
pub fn view(process: ProcessId, view: ViewSlot) {
    let _ = call::view_attach(process, view); // E0133
}

/// Makes any call: this one stores a child's registers over a shared array.
pub fn enter(child: ProcessId, array: &[u32; 10]) {
    let address = core::ptr::from_ref(array).addr() as u32;
    let call = Syscall::RegistersRead { process: child.into(), address };
    let _ = Gate::Interrupt.enter(call); // E0133
    let _ = Gate::Sysenter.invoke(call); // E0133
}

/// Runs any code.
pub fn run(fault: &mut Fault<'_>) {
    let _ = call::set_handler(Target::Caller, Some(0x1000_0000)); // E0133
    fault.resume_at(0x1000_0000); // E0133
}

/// Has a device write memory.
pub fn drive(ports: PortRange, range: PageRange, driver: ProcessId) -> Result<(), Error> {
    ports_allow(ports)?;
    ports::write(0xCF8, 0); // E0133
    ports::write_byte(0x70, 0); // E0133
    Configuration::open()?.write(Function::new(0, 0)?, 4, 0); // E0133
    let _ = dma_release(range); // E0133
    let _ = dma_reclaim(driver); // E0133
    Ok(())
}
