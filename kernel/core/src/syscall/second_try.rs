//! The second try of a call, after a pager has freed frames for it (`operations::shortage`).

use abi::process_info::Status;
use abi::{Error, Syscall};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::operations::shortage::is_range_call;
use crate::state::process::{Index, MessageBuffer, PendingRequest};

impl<H: Hardware> Kernel<H> {
    /// Gives the CPU to a process whose pager has freed frames, and makes its call the second time. The process is in no
    /// queue. If a process runs, it is the next after all others that are ready.
    pub(crate) fn call_again(&mut self, caller: Index) {
        self.give_up_cpu();
        self.switch(caller);
        self.second_try = true;
        self.goes_on = self.call_of(caller).is_ok_and(is_range_call)
            && self.processes[caller].pages_done() != 0;
        match self.call_of(caller) {
            Ok(call) => match self.dispatch_again(caller, call) {
                Ok(()) => {}
                Err(Error::OutOfFrames) => self.fail_for_frames(caller),
                Err(error) => self.refuse(caller, error),
            },
            Err(_) => self.jos_call(caller),
        }
        (self.second_try, self.goes_on) = (false, false);
        if self.cpu.current == Some(caller) && self.processes[caller].stopped {
            // Its parent has stopped it while it waited.
            self.cpu.current = None;
            self.processes.facts_of(caller).status = Status::NotRunnable as u32;
        }
    }

    /// The calls of [`Kernel::frames_wanted`], by their long ways.
    fn dispatch_again(&mut self, caller: Index, call: Syscall) -> Result<(), Error> {
        let done = self.processes[caller].pages_done();
        match call {
            Syscall::PageAllocate { process, page, permissions } => {
                self.page_allocate_elsewhere(caller, process, page, permissions)
            }
            Syscall::PageMap { process, page, to, to_page, permissions } => {
                self.page_map_elsewhere(caller, (process, page), (to, to_page), permissions)
            }
            Syscall::PageUnmap { process, page, marks } => {
                self.page_unmap_elsewhere(caller, process, page, marks)
            }
            Syscall::PageCopy { process, page, permissions } => {
                self.page_copy_elsewhere(caller, process, page, permissions)
            }
            Syscall::PageMove { process, page, to, to_page, marks } => {
                self.page_move(caller, (process, page), (to, to_page), marks)
            }
            Syscall::RangeShare { process, range, to, to_page, drop, add, both } => {
                self.range_share(caller, (process, range), (to, to_page), (drop, add, both), done)
            }
            Syscall::RangeUnmap { process, range, marks } => {
                self.range_unmap(caller, (process, range), marks, done)
            }
            Syscall::RangeAllocate { process, range, permissions } => {
                self.range_allocate(caller, (process, range), permissions, done)
            }
            Syscall::ProcessCreate { copy } => self.process_create(caller, copy),
            Syscall::Send { to, words: _, transfer } => {
                self.pending_request(caller, to, PendingRequest::Send, transfer.into())
            }
            Syscall::Call { to, words: _, transfer } => {
                self.pending_request(caller, to, PendingRequest::Call, transfer.into())
            }
            Syscall::Reply { to, words: _, transfer } => {
                let message_buffer = MessageBuffer {
                    words: self.processes[caller].words(),
                    transfer: transfer.into(),
                };
                let answered = self.reply(caller, to, message_buffer)?;
                self.make_ready(answered);
                self.succeed(caller)
            }
            Syscall::ReplyAndReceive { to, words: _, transfer } => {
                self.reply_and_receive(caller, to, transfer.into())
            }
            _ => unreachable!("no pager is asked for frames for {call:?}"),
        }
    }
}
