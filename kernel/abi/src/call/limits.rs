//! How much one call may ask for.

/// The most pages that one `RangeAllocate` or `DmaAllocate` takes.
pub const ALLOCATE: u32 = 64;
/// The most bytes that one console call takes.
pub const BUFFER: u32 = 4096;
/// The most pages of the list of one `Transact`.
pub const LIST: u32 = 256;
/// The events that the kernel's trace keeps: the most that one `EventsRead` takes.
pub const EVENTS: u32 = 256;
