//! A plugin of QEMU's emulator TCG: it counts, for each operation that the benchmark measures, what
//! a processor takes long for and what an instruction count does not see.
//!
//! QEMU shows the plugin each instruction when it translates it. [`event`] decides from its text
//! what is counted whenever it is executed; an instruction that is translated and not executed
//! counts nothing. The benchmark executes [`mark`]s, instructions without an effect, before and
//! after what it measures; [`series`] takes the difference of the counts. `plugin` is what QEMU
//! calls. A line of JSON for each series goes to a file.
//!
//! What is assumed: one CPU, as the benchmark's machine has, and a QEMU that can disassemble i386.
//!
//! The guest cannot see the plugin: no instruction of the guest's is added, removed or counted
//! twice by QEMU's clock of instructions.
#![deny(unsafe_code)]
pub mod event;
pub mod mark;
pub mod series;

// The tests cannot be linked with what QEMU provides.
#[cfg(not(test))]
mod plugin;
