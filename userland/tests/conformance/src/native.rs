//! This kernel's own calls, where a claim compares with them or shows what they mend; they are not what is tried here.

use abi::Syscall;

use crate::claims::{Outcome, Seen, equal};
use support::Registers;
use support::gate::interrupt;

/// Makes a native call; its words come back in `ebx`, `esi`, `edi` and `ebp`.
///
/// # Errors
/// It was refused.
pub fn native(call: Syscall) -> Result<[u32; 4], Seen> {
    let raw = call.encode();
    let [ebx, esi, edi, ebp] = raw.words;
    let (eax, edx, ecx) = (raw.head, raw.process, raw.page);
    let after = interrupt(Registers {
        eax,
        edx,
        ecx,
        ebx,
        edi,
        esi,
        ebp,
        eflags: 0x202,
        ..Registers::default()
    });
    if after.eax.cast_signed() < 0 {
        return Err(Seen::new(format_args!("native call: {}", after.eax.cast_signed())));
    }
    Ok([after.ebx, after.esi, after.edi, after.ebp])
}

/// Frames of memory, in all and free.
///
/// # Errors
/// The call was refused.
pub fn frames() -> Result<(u32, u32), Seen> {
    let [all, free, ..] = native(Syscall::Machine)?;
    Ok((all, free))
}

/// Does something, and states that as many frames are free afterwards as were before.
///
/// # Errors
/// What it does fails, or the numbers differ.
pub fn leaves_no_frame_behind(act: impl FnOnce() -> Outcome) -> Outcome {
    let (_, before) = frames()?;
    act()?;
    equal("free frames", frames()?.1, before)
}
