//! JOS call 0, cputs: prints a string of any length in bounded steps.

use abi::Error;
use abi::layout::PAGE_SIZE;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::process::{Cputs, Index, Unfinished};

/// Bytes that one step of a cputs checks: 1,024 pages.
const CHECKED_AT_ONCE: u32 = 1024 * PAGE_SIZE;
/// Bytes that one step of a cputs prints.
const PRINTED_AT_ONCE: u32 = PAGE_SIZE;

impl<H: Hardware> Kernel<H> {
    /// JOS call 0: prints at most `length` bytes, up to a NUL, if all of them can be read. A long one restarts: first
    /// it is checked, [`CHECKED_AT_ONCE`] bytes at a time, then printed, [`PRINTED_AT_ONCE`] at a time.
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
            // If the pager brings the page, the call goes on from here.
            self.processes[caller].unfinished = Unfinished::Cputs { address, length, progress };
            self.fault_of_jos_call(caller, fault);
            return Ok(());
        }
        let progress = match progress {
            Cputs::Checked(_) if left > now => Cputs::Checked(done + now),
            Cputs::Checked(_) if length > PRINTED_AT_ONCE => Cputs::Printed(0),
            Cputs::Checked(_) | Cputs::Printed(_) => {
                // What was checked all at once is printed at once.
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

    /// Prints bytes that the current process can read, up to a NUL; was there one?
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
