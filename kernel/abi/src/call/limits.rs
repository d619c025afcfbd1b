//! How much one call may take; the call documents each limit as a constant of `Syscall`.

/// Pages of one `RangeAllocate` or `DmaAllocate`.
pub const ALLOCATE: u32 = 64;
/// Bytes of one console call.
pub const BUFFER: u32 = 4096;
