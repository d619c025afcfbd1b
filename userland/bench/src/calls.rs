//! What it costs to enter the kernel and come back: a call that does almost nothing.
#![allow(unsafe_code)]

use libsys::call::Gate;
use libsys::{Syscall, identity};

use crate::stopwatch::{Outcome, row};

/// `null_int`, `null_sysenter`.
pub fn run() -> Outcome {
    row("null_int", 1000, |watch| {
        watch.time(identity);
        Ok(())
    })?;
    row("null_sysenter", 1000, |watch| {
        // SAFETY: the call changes nothing.
        watch.time(|| unsafe { Gate::Sysenter.invoke(Syscall::Identity) })?;
        Ok(())
    })?;
    Ok(())
}
