//! The native calls: how a call is decoded, and which method handles each, one arm a call.
//!
//! A frequent call has an entry of its own ([`frequent_calls`]), compiled once for each trap
//! instruction: number and registers of its arguments are known at compile time, and it returns
//! without a look at what runs next where it cannot block. All other calls, those that are recorded
//! and those that are made a second time share one entry, [`Kernel::any_call`].

use abi::call::Number;
use abi::process::Target;
use abi::{Error, Registers, Syscall};

use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};
use crate::memory::map::TABLE;
use crate::state::account::Quota;
use crate::state::call_registers::{self, CallRegisters};
use crate::state::fault::Fault;
use crate::state::process::{Index, Unfinished};

/// Calls the macro `$with` with the names of the calls that have an entry of their own:
/// [`Kernel::frequent_call`]. The others share [`Kernel::any_call`].
///
/// Instructions with an entry of its own, and in place of what by [`Kernel::any_call`], when the
/// entries were made (`cargo xtask bench` has today's): an empty call 51 (149), `page_allocate` 132
/// beside the zeroing (275), `page_map` 141 (349), `page_unmap` 100 (257), `page_protect` 97 (247),
/// a message and its reply 295 (553), a yield pair 178 (362), a fault that a pager handles 552
/// (642); `range_protect` 92 and `page_move` 80 less. `page_copy` is the copy of a copy-on-write
/// fault, which takes 446 beside the copying (562).
#[macro_export]
macro_rules! frequent_calls {
    ($with:ident) => {
        $with! {
            Identity PageAllocate PageMap PageMove PageUnmap PageCopy PageProtect RangeProtect
            Call ReplyAndReceive FaultReplyAndReceive Yield
        }
    };
}

impl<H: Hardware> Kernel<H> {
    /// Handles the call of this number, which is one of [`frequent_calls`]. It is compiled for each
    /// of them and each trap instruction, so that number and registers are known at compile time.
    ///
    /// `leave` is called in each place where it is known what the CPU does next, so that a call
    /// that returns need not test for it once more (4 instructions).
    // Inlined, as all that a frequent call needs: see `frequent_calls`.
    #[inline(always)]
    pub fn frequent_call<const NUMBER: u32, const SYSENTER: bool, R>(
        &mut self,
        leave: impl Fn(After) -> R,
    ) -> R {
        let caller = self.cpu.trapped();
        let raw = CallRegisters::<NUMBER, SYSENTER>(&self.processes[caller].registers);
        let call = match Syscall::decode(&raw) {
            Ok(call) => call,
            Err(error) => return leave(self.refuse_malformed(caller, error)),
        };
        self.processes[caller].unfinished = Unfinished::None;
        match self.dispatch_frequent::<SYSENTER>(caller, call) {
            Ok(After::Return) => leave(After::Return),
            Ok(After::Run) => leave(After::Run),
            Ok(after) => leave(after),
            Err(None) => leave(self.any_call()),
            Err(Some(error)) => leave(self.refuse_and_resume(caller, error)),
        }
    }

    /// As [`Kernel::refuse`], for a frequent call.
    #[cold]
    #[inline(never)]
    fn refuse_and_resume(&mut self, caller: Index, error: Error) -> After {
        self.refuse(caller, error);
        self.resume()
    }

    /// Handles a call by `int 0x30` whose number is a JOS call's.
    // Inlined: a JOS call takes 14 instructions less than by `any_call`.
    #[inline(always)]
    pub fn call_of_jos(&mut self) -> After {
        self.jos_call(self.cpu.trapped());
        self.resume()
    }

    /// Handles any call by `int 0x30` or `sysenter`: a native one, or, if the number is not a
    /// native call's, a JOS call.
    ///
    /// On success, the arm of `dispatch` has set the caller's registers. That includes 0 in `eax`,
    /// unless the caller is blocked, has ended, or restarts the call.
    pub fn any_call(&mut self) -> After {
        let caller = self.cpu.trapped();
        let registers = &self.processes[caller].registers;
        let by_sysenter = registers.trap == Registers::SYSENTER;
        if !by_sysenter && registers.eax & 0xFF < Syscall::FIRST {
            self.jos_call(caller);
            return self.resume();
        }
        match call_registers::decode(registers) {
            Ok(call) => {
                self.processes[caller].unfinished = Unfinished::None;
                if let Err(error) = self.dispatch(caller, call) {
                    self.refuse(caller, error);
                }
            }
            Err(error) => return self.refuse_malformed(caller, error),
        }
        self.resume()
    }

    /// Returns the error of a call that is malformed, and voids the progress of another one, as
    /// every call does. A call that takes more than `sysenter` has is refused for that first, as
    /// `dispatch` refuses it when it is well-formed.
    #[cold]
    #[inline(never)]
    fn refuse_malformed(&mut self, caller: Index, error: Error) -> After {
        let process = &mut self.processes[caller];
        process.unfinished = Unfinished::None;
        let too_much = takes_too_much(&process.registers);
        self.refuse(caller, if too_much { Error::InvalidArgument } else { error });
        self.resume()
    }

    /// Returns an error to the caller of a native call, or arranges that the call is made again.
    ///
    /// A call that has changed nothing is made again in two cases: if its caller's pager frees
    /// frames for it, or if it reached a quota and a process that is charged to that quota is
    /// dying.
    #[cold]
    pub(crate) fn refuse(&mut self, caller: Index, error: Error) {
        if error == Error::OutOfFrames {
            return self.short_of_frames(caller);
        }
        if !self.waits_for_bound(caller, error) {
            self.processes[caller].registers.eax = error.to_wire();
        }
    }

    /// Calls the method of a frequent call.
    ///
    /// # Errors
    /// Those of `dispatch`. `None`: the call has no short way, or that does not apply, and nothing
    /// was done; it has to go the way of any call.
    #[inline(always)]
    fn dispatch_frequent<const SYSENTER: bool>(
        &mut self,
        caller: Index,
        call: Syscall,
    ) -> Result<After, Option<Error>> {
        match call {
            Syscall::Identity => {
                self.identity(caller, SYSENTER)?;
                Ok(After::Return)
            }
            Syscall::PageAllocate { process: process @ Target::Caller, page, permissions } => {
                Ok(self.page_allocate::<true>(caller, process, page, permissions)?)
            }
            Syscall::PageMap {
                process: from @ Target::Caller,
                page,
                to: to @ Target::Caller,
                to_page,
                permissions,
            } => Ok(self.page_map::<true>(caller, (from, page), (to, to_page), permissions)?),
            Syscall::PageMove { process, page, to, to_page, marks } if !SYSENTER => {
                self.page_move(caller, (process, page), (to, to_page), marks)?;
                Ok(self.resume())
            }
            Syscall::PageUnmap { process: process @ Target::Caller, page, marks } => {
                Ok(self.page_unmap::<true>(caller, process, page, marks)?)
            }
            Syscall::PageCopy { process: process @ Target::Caller, page, permissions } => {
                Ok(self.page_copy::<true>(caller, process, page, permissions)?)
            }
            Syscall::PageProtect { process: process @ Target::Caller, page, drop, add } => {
                Ok(self.page_protect::<true>(caller, process, page, (drop, add))?)
            }
            Syscall::RangeProtect { process, range, drop, add } if !SYSENTER => {
                self.range_protect(caller, (process, range), (drop, add))?;
                Ok(self.resume())
            }
            Syscall::Call { to, words: _, transfer: None } => {
                self.call_at_once(caller, to, (SYSENTER, None)).map(|()| After::Run)
            }
            Syscall::Call { to, words: _, transfer: Some(transfer) } if !SYSENTER => {
                self.call_with_page(caller, to, transfer).map(|()| After::Run)
            }
            Syscall::ReplyAndReceive { to, words: _, transfer: None } => {
                self.reply_at_once(caller, to, (SYSENTER, None)).map(|()| After::Run)
            }
            Syscall::ReplyAndReceive { to, words: _, transfer: Some(transfer) } if !SYSENTER => {
                self.reply_with_page(caller, to, transfer).map(|()| After::Run)
            }
            Syscall::FaultReplyAndReceive { process, reply, accept }
                if !SYSENTER && self.frames.free() >= TABLE =>
            {
                self.fault_reply_at_once(caller, process, reply, accept).map(|()| After::Run)
            }
            Syscall::Yield => {
                self.yield_call(caller)?;
                Ok(After::Run)
            }
            _ => Err(None),
        }
    }

    /// Calls the method of a call.
    ///
    /// # Errors
    /// Those of the call; `InvalidArgument` for a call that needs more registers than `sysenter`
    /// leaves.
    #[inline(never)]
    pub(crate) fn dispatch(&mut self, caller: Index, call: Syscall) -> Result<(), Error> {
        let sysenter = self.processes[caller].registers.trap == Registers::SYSENTER;
        match call {
            // A call by `sysenter` has three words, and the third one shares a register with the
            // page. These calls take or return more.
            Syscall::RangeShare { .. }
            | Syscall::RangeProtect { .. }
            | Syscall::FaultReplyAndReceive { .. }
            | Syscall::Machine
            | Syscall::Usage { .. }
            | Syscall::Send { transfer: Some(_), .. }
            | Syscall::Receive { transfer: Some(_), .. }
            | Syscall::Call { transfer: Some(_), .. }
            | Syscall::Reply { transfer: Some(_), .. }
            | Syscall::ReplyAndReceive { transfer: Some(_), .. }
                if sysenter =>
            {
                Err(Error::InvalidArgument)
            }
            Syscall::Identity => self.identity(caller, sysenter),
            Syscall::PageAllocate { process, page, permissions } => {
                self.page_allocate::<false>(caller, process, page, permissions).map(drop)
            }
            Syscall::PageMap { process, page, to, to_page, permissions } => self
                .page_map::<false>(caller, (process, page), (to, to_page), permissions)
                .map(drop),
            Syscall::PageUnmap { process, page, marks } => {
                self.page_unmap::<false>(caller, process, page, marks).map(drop)
            }
            Syscall::PageCopy { process, page, permissions } => {
                self.page_copy::<false>(caller, process, page, permissions).map(drop)
            }
            Syscall::PageProtect { process, page, drop: bits, add } => {
                self.page_protect::<false>(caller, process, page, (bits, add)).map(drop)
            }
            Syscall::PageMove { process, page, to, to_page, marks } => {
                self.page_move(caller, (process, page), (to, to_page), marks)
            }
            Syscall::FrameReferences { frame } => self.frame_references(caller, frame),
            Syscall::RangeShare { process, range, to, to_page, drop, add, both } => {
                self.range_share(caller, (process, range), (to, to_page), (drop, add, both))
            }
            Syscall::RangeProtect { process, range, drop, add } => {
                self.range_protect(caller, (process, range), (drop, add))
            }
            Syscall::RangeUnmap { process, range, marks } => {
                self.range_unmap(caller, (process, range), marks)
            }
            Syscall::RangeAllocate { process, range, permissions } => {
                self.range_allocate(caller, (process, range), permissions)
            }
            Syscall::ProcessCreate { copy } => self.process_create(caller, copy),
            Syscall::ProcessStart { process } => self.process_start(caller, process),
            Syscall::ProcessStop { process } => self.process_stop(caller, process),
            Syscall::RegistersRead { process, address } => {
                self.registers_read(caller, process, address)
            }
            Syscall::RegistersWrite { process, address } => {
                self.registers_write(caller, process, address)
            }
            Syscall::EventsRead { process, address, count } => {
                self.events_read(caller, process, (address, count))
            }
            Syscall::Exit { status } => self.exit(caller, status),
            Syscall::Wait { child } => self.wait(caller, child),
            Syscall::Destroy { process, subtree } => self.destroy(caller, process, subtree),
            Syscall::SetQuota { process, frames, processes } => {
                self.set_quota(caller, process, Quota { frames, processes })
            }
            Syscall::Usage { process } => self.usage(caller, process),
            Syscall::Machine => self.machine(caller),
            Syscall::SetHandler { process, address } => self.set_handler(caller, process, address),
            Syscall::SetPager { process, pager } => self.set_pager(caller, process, pager),
            Syscall::AcceptClients { accept } => self.accept_clients(caller, accept),
            Syscall::AcceptFrameRequests { accept } => self.accept_frame_requests(caller, accept),
            Syscall::FaultForward { address, access, eip } => {
                self.forward(caller, Fault { address, access, eip })
            }
            Syscall::FaultReply { process, reply } => self.fault_reply(caller, process, reply),
            Syscall::FaultReplyAndReceive { process, reply, accept } => {
                self.fault_reply_and_receive(caller, process, reply, accept)
            }
            Syscall::SetFaultTimeout { process, milliseconds } => {
                self.set_fault_timeout(caller, process, milliseconds)
            }
            Syscall::Clone { child } => self.clone_call(caller, child),
            // The arguments do not include the message's words: these are copied only once, from
            // the caller's registers to the receiver's, or to the caller's slot if it is blocked.
            Syscall::Send { to, words: _, transfer } => self.send(caller, to, transfer),
            Syscall::Receive { from, transfer } => self.receive(caller, from, transfer),
            Syscall::Call { to, words: _, transfer } => self.call_process(caller, to, transfer),
            Syscall::Reply { to, words: _, transfer } => self.reply_only(caller, to, transfer),
            Syscall::ReplyAndReceive { to, words: _, transfer } => {
                self.reply_and_receive(caller, to, transfer.into())
            }
            Syscall::Clock => self.clock(caller),
            Syscall::Sleep { milliseconds: 0 } | Syscall::Yield => self.yield_call(caller),
            Syscall::Sleep { milliseconds } => self.sleep_call(caller, milliseconds),
            Syscall::ConsoleWrite { address, length } => {
                self.console_write(caller, address, length)
            }
            Syscall::ConsoleRead { address, length } => self.console_read(caller, address, length),
            Syscall::SetConsoleOwner { owner } => self.set_console_owner(caller, owner),
            Syscall::Transact { process, list, pages, wish } => {
                self.transact(caller, process, (list, pages), wish)
            }
            Syscall::ViewAttach { process, view } => self.view_attach(caller, process, view),
            Syscall::ViewDetach { view } => self.view_detach(caller, view),
            Syscall::DriverAllow { process, allow } => self.driver_allow(caller, process, allow),
            Syscall::PortsAllow { ports } => self.ports_allow(caller, ports),
            Syscall::DeviceMap { frame, range } => self.device_map(caller, frame, range),
            Syscall::DmaAllocate { range } => self.dma_allocate(caller, range),
            Syscall::DmaRelease { range } => self.dma_release(caller, range),
            Syscall::DmaReclaim { driver } => self.dma_reclaim(caller, driver),
            Syscall::InterruptAttach { line } => self.interrupt_attach(caller, line),
            Syscall::InterruptAcknowledge { line } => self.interrupt_acknowledge(caller, line),
        }
    }
}

/// Whether these registers ask by `sysenter` for a call that takes more than `sysenter` has.
fn takes_too_much(registers: &Registers) -> bool {
    let (number, permissions) = (registers.eax & 0xFF, registers.eax >> 8);
    let messages = Number::Send as u32..=Number::ReplyAndReceive as u32;
    let takes_more = number == Number::RangeShare as u32
        || number == Number::FaultReplyAndReceive as u32
        || messages.contains(&number) && permissions != 0;
    registers.trap == Registers::SYSENTER && takes_more
}
