//! How the pager answers a message, and what its clients ask of it: a new client, a fork, frames,
//! and faults.

use abi::call::FaultReply;
use abi::fault::Access;
use abi::message::Kind;
use abi::{PageRange, ProcessId, Syscall, UserPage};
use kernel_core::state::process::State;
use swap::{Served, Swap};

use super::clients::MOST;
use super::layout::{COW, HEAP, ME, NONE, TEXT, WRITE, page};
use super::machine::Machine;
use crate::world::rest_of;

impl Machine {
    /// The parent makes a client: it asks the pager to open an account, and starts the child.
    pub(super) fn start(&mut self, swap: &mut Swap) {
        let Ok([id, ..]) = self.call(Syscall::ProcessCreate { copy: false }) else { return };
        let Ok(id) = ProcessId::new(id) else { return };
        let (boss, pager) = (self.boss, self.pager());
        let process = id.into();
        if self.make(boss, Syscall::SetPager { process, pager: Some(pager) }) {
            let limit = if self.random.one_in(2) { 4 + self.random.below(24) } else { 0 };
            let words = [id.bits(), limit, 0, 0];
            self.begin(Syscall::Call { to: pager, words, transfer: None });
            if !self.is_answered(swap, boss) {
                return;
            }
            if self.setting.quotas {
                let frames = 16 + self.random.below(40);
                self.make(boss, Syscall::SetQuota { process, frames, processes: 8 });
            }
            self.make(boss, Syscall::ProcessStart { process });
        }
    }

    /// Serves the pager's messages until a process has the CPU that waited for it.
    fn is_answered(&mut self, swap: &mut Swap, id: ProcessId) -> bool {
        for _ in 0..200 {
            if self.find(id).is_none_or(|it| it.state == State::Ready) {
                break;
            }
            if self.pager_has_a_message() { self.serve(swap) } else { self.tick() }
        }
        self.find(id).is_some() && self.run(id)
    }

    /// A client forks, as libsys does: a child, the pager's consent, and shares page by page.
    pub(super) fn fork(&mut self, swap: &mut Swap, parent: ProcessId) {
        if self.clients().len() >= MOST {
            return;
        }
        let Ok([id, ..]) = self.call(Syscall::ProcessCreate { copy: true }) else { return };
        let Ok(child) = ProcessId::new(id) else { return };
        self.parents.insert(child.bits(), parent);
        self.busy = vec![parent, child];
        self.begin(Syscall::Clone { child });
        if self.is_answered(swap, parent) {
            let agreed = self.answer(parent).is_ok();
            if self.random.one_in(2) {
                self.use_all_memory();
                self.run(parent);
            }
            if agreed && self.share_all(swap, parent, child) {
                self.tally.forks += 1;
                self.make(parent, Syscall::ProcessStart { process: child.into() });
            } else {
                self.make(parent, Syscall::Destroy { process: child.into(), subtree: false });
            }
        }
        self.busy.clear();
    }

    /// Shares the parent's pages with the child. Each call may wait for frames, and then pages of
    /// the parent go that the child does not have yet.
    fn share_all(&mut self, swap: &mut Swap, parent: ProcessId, child: ProcessId) -> bool {
        for (first, pages) in [(TEXT.start, 8), (HEAP.start, 24), (HEAP.start + 24, 24)] {
            let Ok(range) = PageRange::new(page(first), pages) else { continue };
            let (drop, add) = if TEXT.contains(&first) { (NONE, NONE) } else { (WRITE, COW) };
            let both = !TEXT.contains(&first);
            let (process, to, to_page) = (ME, child.into(), page(first));
            let call = Syscall::RangeShare { process, range, to, to_page, drop, add, both };
            let mut done = 0;
            while let Some(rest) = rest_of(call, done) {
                if self.current() != Some(parent) {
                    return false;
                }
                self.begin(rest);
                if !self.is_answered(swap, parent) {
                    return false;
                }
                let Ok([pages, ..]) = self.answer(parent) else { return false };
                done += pages;
            }
        }
        true
    }

    /// The pager takes its message, serves it, and waits for the next one.
    pub(super) fn serve(&mut self, swap: &mut Swap) {
        let pager = self.pager();
        assert!(self.run(pager), "the pager has a message");
        let registers = *self.world.registers();
        let [first, second] = [registers.ebx, registers.esi];
        if let (Some(kind), Ok(sender)) =
            (Kind::new(registers.eax & 0xFF), ProcessId::new(registers.edx))
        {
            self.answer_message(swap, kind, sender, (first, second));
        }
        assert!(self.run(pager), "the pager goes on");
        self.receive();
    }

    fn answer_message(
        &mut self,
        swap: &mut Swap,
        kind: Kind,
        sender: ProcessId,
        (first, second): (u32, u32),
    ) {
        let words = |words| Syscall::Reply { to: sender, words, transfer: None };
        let fault = |served| {
            let reply = if served { FaultReply::Resume } else { FaultReply::Refuse };
            Syscall::FaultReply { process: sender, reply }
        };
        let answer = match kind {
            Kind::Message => {
                if let Ok(client) = ProcessId::new(first) {
                    let _ = swap.add_client(self, client);
                    swap.set_limit(client, second);
                }
                words([0; 4])
            }
            Kind::Fault | Kind::Forwarded => {
                let access = Access::from_bits_truncate(second);
                let served = self.fault(swap, sender, first, access);
                self.tally.refused += u64::from(!served);
                fault(served)
            }
            Kind::Frames => fault(swap.free_frames(self, sender, first) > 0),
            Kind::Clone => {
                let child = ProcessId::new(first).ok();
                let forked = child.is_some_and(|child| swap.fork(self, sender, child).is_ok());
                words([u32::from(!forked), 0, 0, 0])
            }
            Kind::Interrupt | Kind::Exit => return,
        };
        let _ = self.call(answer);
    }

    /// Serves a fault as the pager's server does. Returns whether the client may go on.
    fn fault(&mut self, swap: &mut Swap, id: ProcessId, address: u32, access: Access) -> bool {
        let Some(at) = UserPage::containing(address) else { return false };
        self.hot = Some((id, at));
        let served = swap.serve(self, id, at, access);
        self.hot = None;
        match served {
            Served::Resume => true,
            Served::Refused | Served::Failed(_) => false,
        }
    }
}
