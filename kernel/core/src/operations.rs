//! The operations of the kernel: what happens after a trap, apart from the decoding of calls
//! (`syscall`).

pub(crate) mod answer;
pub(crate) mod authority;
pub(crate) mod console;
pub mod driver;
pub(crate) mod fault;
pub(crate) mod lifecycle;
pub(crate) mod message;
pub(crate) mod pagers;
pub(crate) mod report;
pub(crate) mod room;
pub(crate) mod schedule;
pub(crate) mod shortage;
pub(crate) mod tracing;
pub(crate) mod user_buffer;
pub(crate) mod view;
