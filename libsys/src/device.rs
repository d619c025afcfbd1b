//! For drivers: I/O ports and the PCI bus.

pub mod pci;
#[cfg(target_os = "none")]
pub mod ports;
