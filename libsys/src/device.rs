//! What a driver needs beside the calls: I/O ports and the PCI bus.

pub mod pci;
#[cfg(target_os = "none")]
pub mod ports;
