//! The pager at work: its server (`userland/servers/pager`) answers each message that the kernel
//! has for it; and what clients ask of it: a new client, a fork, frames, and faults.

use abi::call::{FaultReply, PageTransfer};
use abi::message::{Kind, Message};
use abi::{Error, PageRange, ProcessId, Syscall, UserPage};
use kernel_core::state::process::State;
use libsys::service::pager::{Registered, Request};
use pager::{Answer, Server};

use super::clients::{MADE, MOST};
use super::layout::{COW, HEAP, INBOX, ME, NAME, NONE, TEXT, WRITE, page};
use super::machine::{Answer as Reply, FREE, Machine};
use super::setting::Setting;
use crate::world::rest_of;

/// A page of a message arrives here.
const TO_INBOX: PageTransfer = PageTransfer { page: INBOX, send: None, accept: true };
/// The parent's page with the name of the clients' program goes along.
pub const WITH_NAME: PageTransfer =
    PageTransfer { page: UserPage::known(NAME << 12), send: Some(NONE), accept: false };

/// The server, which has the machine.
pub struct Run {
    server: Server<Machine>,
}

impl Run {
    /// A pager that waits for its first message, and a parent for clients.
    pub fn new(seed: u64, setting: Setting) -> Self {
        let machine = Machine::new(seed, setting);
        let mut run = Self { server: Server::new(machine, FREE, setting.slots > 0) };
        run.machine().begin(Syscall::Receive { from: None, transfer: Some(TO_INBOX) });
        run
    }

    /// The machine.
    pub const fn machine(&mut self) -> &mut Machine {
        self.server.kernel()
    }

    /// One step: somebody runs, and then the pager serves who has asked it.
    pub fn step(&mut self) {
        let machine = self.machine();
        machine.tally.steps += 1;
        machine.tick();
        self.somebody_acts();
        self.serve_all();
    }

    /// The pager serves who has asked it.
    pub(super) fn serve_all(&mut self) {
        while self.machine().failure().is_none() && self.machine().pager_has_a_message() {
            self.serve();
        }
    }

    fn somebody_acts(&mut self) {
        let machine = self.machine();
        let Some(id) = machine.actor() else { return };
        if id == machine.boss && machine.clients().len() < MADE && machine.random.one_in(4) {
            self.start();
        } else if id != machine.boss && machine.random.one_in(25) {
            self.fork(id);
        } else {
            machine.act(id);
        }
    }

    /// The parent makes a client, with a limit and a quota or without, and starts it.
    fn start(&mut self) {
        let Some(client) = self.new_client() else { return };
        let machine = self.machine();
        let boss = machine.boss;
        let pages = if machine.random.one_in(2) { 4 + machine.random.below(24) } else { 0 };
        if self.ask(boss, Request::SetLimit { client, pages }, None).is_none() {
            return;
        }
        let (machine, process) = (self.machine(), client.into());
        if machine.setting.quotas {
            let frames = 16 + machine.random.below(40);
            machine.make(boss, Syscall::SetQuota { process, frames, processes: 8 });
        }
        machine.make(boss, Syscall::ProcessStart { process });
    }

    /// The parent makes a child, and asks the pager to serve it.
    pub(super) fn new_client(&mut self) -> Option<ProcessId> {
        let machine = self.machine();
        let (boss, pager) = (machine.boss, machine.pager());
        let [child, ..] = machine.call(Syscall::ProcessCreate { copy: false }).ok()?;
        let child = ProcessId::new(child).ok()?;
        if !machine.make(boss, Syscall::SetPager { process: child.into(), pager: Some(pager) }) {
            return None;
        }
        let words = self.ask(boss, Request::Register { child }, Some(WITH_NAME))?;
        if !matches!(Registered::decode(words), Registered::At { .. }) {
            self.machine().fail(format!("[{child}] is no client: {words:x?}"));
        }
        Some(child)
    }

    /// A process asks the pager. `None`: it cannot, or has ended.
    fn ask(
        &mut self,
        id: ProcessId,
        request: Request,
        transfer: Option<PageTransfer>,
    ) -> Option<[u32; 4]> {
        self.ask_words(id, request.encode(), transfer)
    }

    /// The same, with any words.
    pub(super) fn ask_words(
        &mut self,
        id: ProcessId,
        words: [u32; 4],
        transfer: Option<PageTransfer>,
    ) -> Option<[u32; 4]> {
        let to = self.machine().pager();
        self.call(id, Syscall::Call { to, words, transfer }).ok()
    }

    /// A process that has the CPU makes a call that may wait for the pager.
    pub(super) fn call(&mut self, id: ProcessId, call: Syscall) -> Reply {
        let machine = self.machine();
        if machine.current() != Some(id) {
            return Err(Error::NoSuchProcess);
        }
        machine.begin(call);
        if self.is_answered(id) { self.machine().answer(id) } else { Err(Error::NoSuchProcess) }
    }

    /// Serves the pager's messages until a process has the CPU that waited for it.
    fn is_answered(&mut self, id: ProcessId) -> bool {
        for _ in 0..200 {
            let machine = self.machine();
            if machine.find(id).is_none_or(|it| it.state == State::Ready) {
                break;
            }
            if machine.pager_has_a_message() { self.serve() } else { machine.tick() }
        }
        let machine = self.machine();
        machine.find(id).is_some() && machine.run(id)
    }

    /// A client forks, as libsys does: a child, the pager's consent, and shares page by page.
    fn fork(&mut self, parent: ProcessId) {
        let machine = self.machine();
        if machine.clients().len() >= MOST {
            return;
        }
        let Ok([id, ..]) = machine.call(Syscall::ProcessCreate { copy: true }) else { return };
        let Ok(child) = ProcessId::new(id) else { return };
        machine.parents.insert(child.bits(), parent);
        machine.busy = vec![parent, child];
        let agreed = self.call(parent, Syscall::Clone { child }).is_ok();
        let machine = self.machine();
        if machine.current() == Some(parent) {
            if machine.random.one_in(2) {
                machine.use_all_memory();
                machine.run(parent);
            }
            let shared = agreed && self.share_all(parent, child);
            let machine = self.machine();
            if shared {
                machine.tally.forks += 1;
                machine.make(parent, Syscall::ProcessStart { process: child.into() });
            } else {
                machine.make(parent, Syscall::Destroy { process: child.into(), subtree: false });
            }
        }
        self.machine().busy.clear();
    }

    /// Shares the parent's pages with the child. Each call may wait for frames, and then pages of
    /// the parent go that the child does not have yet.
    pub(super) fn share_all(&mut self, parent: ProcessId, child: ProcessId) -> bool {
        for (first, pages) in [(TEXT.start, 8), (HEAP.start, 24), (HEAP.start + 24, 24)] {
            let Ok(range) = PageRange::new(page(first), pages) else { continue };
            let (drop, add) = if TEXT.contains(&first) { (NONE, NONE) } else { (WRITE, COW) };
            let both = !TEXT.contains(&first);
            let (process, to, to_page) = (ME, child.into(), page(first));
            let call = Syscall::RangeShare { process, range, to, to_page, drop, add, both };
            let mut done = 0;
            while let Some(rest) = rest_of(call, done) {
                let Ok([pages, ..]) = self.call(parent, rest) else { return false };
                done += pages;
            }
        }
        true
    }

    fn serve(&mut self) {
        match self.take_message() {
            Ok(message) => self.answer(message),
            Err(error) => self.machine().fail(format!("the pager ends: {error}")),
        }
    }

    /// The pager takes its message. The call that has waited for it has no error, or the pager's
    /// `main` would end.
    pub(super) fn take_message(&mut self) -> Result<Message, Error> {
        let machine = self.machine();
        let pager = machine.pager();
        assert!(machine.run(pager), "the pager has a message");
        let r = *machine.world.registers();
        Message::from_wire(r.eax, r.edx, [r.ebx, r.esi, r.edi, r.ebp])
    }

    /// The pager answers a message and waits for the next one in the same call, as its `main` does.
    pub(super) fn answer(&mut self, message: Message) {
        let machine = self.machine();
        let pager = machine.pager();
        assert!(machine.run(pager), "the pager has a message");
        let is_fault = matches!(message.kind, Kind::Fault | Kind::Forwarded);
        let at = UserPage::containing(message.words[0]).filter(|_| is_fault);
        machine.hot = at.map(|at| (message.sender, at));
        let answer = self.server.answer(message);
        let machine = self.machine();
        machine.hot = None;
        machine.judge_given();
        assert!(machine.run(pager), "the pager goes on");
        let call = match answer {
            Answer::Words(to, words) => {
                Syscall::ReplyAndReceive { to, words, transfer: Some(TO_INBOX) }
            }
            Answer::Fault(process, reply) => {
                machine.tally.refused += u64::from(is_fault && reply == FaultReply::Refuse);
                Syscall::FaultReplyAndReceive { process, reply, accept: Some(INBOX) }
            }
            Answer::None => Syscall::Receive { from: None, transfer: Some(TO_INBOX) },
        };
        machine.begin(call);
    }
}
