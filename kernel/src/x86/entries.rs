//! The labels of `traps.s`: where the CPU enters the kernel.

/// Vectors 0 to 48 have stubs; any other `int n` is a general protection fault.
pub const VECTORS: usize = 49;

/// The address of a vector's first instruction.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Stub(pub u32);

unsafe extern "C" {
    static trap_stubs: [Stub; VECTORS];
    /// Where `sysenter` arrives.
    pub fn sysenter_entry();
    /// Where the task for a double fault starts.
    pub fn double_fault_entry();
    /// Where the task for a non-maskable interrupt starts.
    pub fn nmi_entry();
}

/// The stubs, by vector.
pub fn stubs() -> &'static [Stub; VECTORS] {
    // SAFETY: `traps.s` lays out one word for each vector, in order, in read-only memory.
    unsafe { &trap_stubs }
}
