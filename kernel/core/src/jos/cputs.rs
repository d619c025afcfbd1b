//! JOS call 0, `cputs`: prints a string of any length in bounded steps.
//!
//! JOS prints nothing if the caller cannot read all of the bytes. A string may have up to 4 GiB, so
//! neither the check nor the printing may be one step with interrupts off. The call restarts after
//! each step, and `Unfinished::Cputs` holds its progress.

use abi::Error;
use abi::layout::PAGE_SIZE;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::operations::console::BYTES_AT_ONCE;
use crate::state::process::{Cputs, Index, Unfinished};

/// Bytes that one step checks: 512 pages.
const CHECKED_AT_ONCE: u32 = 512 * PAGE_SIZE;
/// Bytes that one step prints.
const PRINTED_AT_ONCE: u32 = BYTES_AT_ONCE;

impl<H: Hardware> Kernel<H> {
    /// Prints at most `length` bytes, up to a NUL, if the caller can read all of them.
    ///
    /// A long string takes several steps: it is checked, [`CHECKED_AT_ONCE`] bytes in a step, and
    /// then printed, [`PRINTED_AT_ONCE`] bytes in a step. Each printing step checks its bytes
    /// again, because the caller's memory may have changed since.
    pub(crate) fn cputs(&mut self, caller: Index, address: u32, length: u32) -> Result<(), Error> {
        let progress = match core::mem::take(&mut self.processes[caller].unfinished) {
            Unfinished::Cputs { address: from, length: of, progress }
                if (from, of) == (address, length) =>
            {
                progress
            }
            Unfinished::Cputs { .. } | Unfinished::EnvDestroy { .. } | Unfinished::None => {
                Cputs::Checked(0)
            }
        };
        let (done, slice) = match progress {
            Cputs::Checked(done) => (done, CHECKED_AT_ONCE),
            Cputs::Printed(done) => (done, PRINTED_AT_ONCE),
        };
        let (at, left) = (address.wrapping_add(done), length - done.min(length));
        let now = left.min(slice);
        let space = self.space(caller);
        if let Err(fault) = self.memory().check_user(space, at, now, false) {
            // If the pager maps the page, the call continues with this step.
            self.processes[caller].unfinished = Unfinished::Cputs { address, length, progress };
            self.fault_of_jos_call(caller, fault);
            return Ok(());
        }
        let progress = match progress {
            Cputs::Checked(_) if left > now => Cputs::Checked(done + now),
            Cputs::Checked(_) if length > PRINTED_AT_ONCE => Cputs::Printed(0),
            Cputs::Checked(_) | Cputs::Printed(_) => {
                // A short string is checked and printed in the same step.
                let ended = self.print(address.wrapping_add(done), now);
                if ended || left == now {
                    return self.succeed(caller);
                }
                Cputs::Printed(done + now)
            }
        };
        self.processes[caller].unfinished = Unfinished::Cputs { address, length, progress };
        self.restart(caller);
        Ok(())
    }

    /// Prints bytes that the current process can read, up to a NUL. Returns whether there was one.
    fn print(&mut self, address: u32, length: u32) -> bool {
        for offset in 0..length {
            let byte = self.cpu.hardware.read_user_byte(address + offset);
            if byte == 0 {
                return true;
            }
            self.cpu.hardware.console_write(byte);
        }
        false
    }
}
