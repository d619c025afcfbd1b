//! This kernel's native calls, for claims that compare with them. They are not what is checked
//! here.

use abi::Syscall;

use crate::claims::{Outcome, Seen, equal};
use support::Registers;
use support::gate::interrupt;

/// Makes a native call. Its results are in `ebx`, `esi`, `edi` and `ebp`.
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

/// The frames of the machine, and the free ones.
///
/// # Errors
/// The call was refused.
pub fn frames() -> Result<(u32, u32), Seen> {
    let [all, free, ..] = native(Syscall::Machine)?;
    Ok((all, free))
}

/// Runs `act`, and states that as many frames are free afterwards as before.
///
/// # Errors
/// `act` fails, or the numbers differ.
pub fn leaves_no_frame_behind(act: impl FnOnce() -> Outcome) -> Outcome {
    let (_, before) = frames()?;
    act()?;
    equal("free frames", frames()?.1, before)
}
