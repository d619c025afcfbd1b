//! The end of a process: what happens at once, before its memory is freed (`teardown.rs`).

use abi::Error;
use abi::message::Reason;
use abi::process_info::Status;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::fault::Unhandled;
use crate::state::process::{Index, PendingRequest, State};
use crate::state::process_table::QueueName;

/// The number of descendants that one call ends.
const ENDED_AT_ONCE: u32 = 32;
const PAGER_ENDED: Unhandled = Unhandled::Pager("its pager has ended");

impl<H: Hardware> Kernel<H> {
    /// Ends a process. It stops at once, the requests that wait for it fail, and its memory is
    /// freed table by table from now on.
    ///
    /// The process leaves its queue first, because its state names that queue and changes here.
    pub(crate) fn end(&mut self, index: Index, status: u32, reason: Reason) {
        self.jos_report_end(index, reason);
        self.leave_queue(index);
        if self.cpu.loaded == Some(index) {
            self.cpu.load(self.cpu.kernel_directory);
            self.cpu.loaded = None;
        }
        self.processes[index].state = State::Dying;
        self.processes[index].exit.status = status & 0xFF;
        self.processes[index].exit.reason = reason;
        self.processes[index].memory.teardown = 0;
        let info = self.processes.info_of(index);
        (info.status, info.receiving) = (Status::Dying as u32, 0);
        self.processes.push(QueueName::Dying, index);
        self.processes.begin_dying(index);
        self.lose_views(index);
        self.processes.release_clients(index);
        self.processes.unlink_client(index);
        self.console.forget_owner(index);
        if self.processes[index].device.granted || self.dma.quarantined() != 0 {
            self.release_hardware(index);
        }
        self.dismiss_waiting(index);
        self.processes.reparent_children(index);
        self.processes.move_to_gone(index);
        if self.first == Some(index) {
            self.ended = Some(self.processes[index].exit.status as u8);
            // When the first process ends, the machine ends. No process may run any more, not even
            // the current one, which may have ended the first.
            self.cpu.current = None;
        } else if self.first.is_none() {
            self.course_process_ended(index);
        }
    }

    /// Ends living descendants of a process, at most [`ENDED_AT_ONCE`]. Returns whether none is
    /// left. When a descendant ends, its children become children of its parent, so the loop always
    /// ends the first child of the root.
    pub(crate) fn end_descendants(&mut self, root: Index) -> bool {
        for _ in 0..ENDED_AT_ONCE {
            let Some(child) = self.processes[root].family.first_child else { return true };
            self.end(child, 0, Reason::Destroyed);
        }
        self.processes[root].family.first_child.is_none()
    }

    /// Fails the requests that wait for an ended process.
    ///
    /// A caller that waits for a message of this process alone goes on with `PeerEnded`. There is
    /// one exception: a parent that may wait for the end of this child stays blocked, and gets the
    /// end of the child as its message.
    fn dismiss_waiting(&mut self, dead: Index) {
        while let Some(sender) = self.processes.front(QueueName::Senders(dead)) {
            let State::Sending { pending_request, .. } = self.processes[sender].state else {
                unreachable!()
            };
            self.leave_queue(sender);
            self.fail_request(sender, pending_request, PAGER_ENDED);
        }
        while let Some(caller) = self.processes.front(QueueName::Callers(dead)) {
            let state = self.processes[caller].state;
            self.leave_queue(caller);
            match state {
                State::Answer { pending_request, .. } => {
                    self.fail_request(caller, pending_request, PAGER_ENDED)
                }
                State::ReceivingFrom { .. } if self.is_awaited(caller, dead) => {
                    let child = self.processes[dead].process_id();
                    self.processes[caller].state = State::ReceivingExit { child };
                }
                _ => {
                    self.processes[caller].registers.eax = Error::PeerEnded.to_wire();
                    self.make_ready(caller);
                }
            }
        }
    }

    /// Fails the request of a process that waits for another process's reply. The process is in no
    /// queue.
    pub(crate) fn fail_request(
        &mut self,
        index: Index,
        pending_request: PendingRequest,
        why: Unhandled,
    ) {
        let error = match pending_request {
            PendingRequest::Send | PendingRequest::Call | PendingRequest::Clone => Error::PeerEnded,
            PendingRequest::ForwardedFault => Error::Refused,
            PendingRequest::Frames => {
                self.fail_for_frames(index);
                return self.make_ready(index);
            }
            PendingRequest::Fault { jos } => {
                // The process may end now, and `end` removes it from the queue that its state
                // names. It is in no queue, so it gets a state that names none.
                self.processes[index].state = State::Receiving;
                let words = self.processes[index].messages.buffer.words;
                if jos {
                    return self.die_of_jos_call(index, words[0]);
                }
                return self.end_by_fault(index, words, why);
            }
        };
        self.processes[index].registers.eax = error.to_wire();
        self.make_ready(index);
    }
}
