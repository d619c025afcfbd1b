//! The two file formats that the boot and the loaders read: programs ([`elf`]) and the boot archive
//! ([`ustar`]).

pub mod elf;
pub mod ustar;
