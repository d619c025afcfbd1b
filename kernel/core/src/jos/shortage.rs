//! How many frames a JOS call needs that has found no free one.

use abi::Error;
use abi::jos::JosCall;
use abi::process::Target;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::map::{PAGE_AND_TABLE, TABLE};
use crate::state::process::Index;

impl<H: Hardware> Kernel<H> {
    /// As `frames_wanted`, for a JOS call.
    pub(crate) fn frames_wanted_by_jos(&self, caller: Index) -> Option<(Index, u32)> {
        match self.jos_call_of(caller).ok()? {
            JosCall::PageAlloc { .. } => Some((caller, PAGE_AND_TABLE)),
            JosCall::PageMap { .. } | JosCall::Exofork => Some((caller, TABLE)),
            JosCall::IpcTrySend { env, .. } => {
                let receiver = self.processes.resolve(caller, Target::new(env).ok()?).ok()?;
                Some((receiver, TABLE))
            }
            _ => None,
        }
    }

    /// The JOS call in a process's saved registers.
    ///
    /// # Errors
    /// `InvalidArgument`: no JOS call has this number.
    fn jos_call_of(&self, caller: Index) -> Result<JosCall, Error> {
        let r = &self.processes[caller].registers;
        let number = self.processes[caller].numbering.lab5(r.eax);
        number
            .and_then(|number| JosCall::decode(number, [r.edx, r.ecx, r.ebx, r.edi, r.esi]))
            .ok_or(Error::InvalidArgument)
    }
}
