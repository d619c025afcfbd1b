//! The devices that every PC has: serial port, interrupt controller, timer, power.

pub mod console;
pub mod pic;
pub mod power;
pub mod serial;
pub mod timer;
