//! Messages, requests to pagers, and their answers.

use super::decode::{Raw, page};
use super::state::{Ask, Buffer, Doing, E, Model, R, SYSENTER, Slot, bit};

/// A pager's answer to a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultAnswer {
    Resume,
    /// The pager's page, the client's page, and the permissions.
    Map(u32, u32, u32),
    Refuse,
}

/// The header of a message.
fn header(kind: u32, came: Option<u32>) -> u32 {
    came.map_or(kind, |chosen| kind | 1 << 8 | chosen << 12)
}

impl Model {
    /// Sends, or calls.
    pub fn request(&mut self, me: Slot, id: u32, ask: Ask, buffer: Buffer) -> R {
        let to = self.find(id)?;
        self.begin_request(me, to, ask, buffer)
    }

    /// Sends a message in a process's name: it waits, or its receiver takes it now.
    pub fn begin_request(&mut self, me: Slot, to: Slot, ask: Ask, buffer: Buffer) -> R {
        let expected = match self.procs[to].doing {
            Doing::Receiving => true,
            Doing::ReceivingFrom(from) => from == me,
            _ => false,
        };
        if !expected && self.waits_for(to, me) {
            return Err(E::Deadlock);
        }
        self.may_send(me, &buffer)?;
        self.procs[me].buffer = buffer;
        if !expected {
            self.block(me, Doing::Sending(to, ask));
            self.procs[to].senders.push_back(me);
            return Ok(());
        }
        self.hand(me, to, ask.kind())?;
        self.leave_queue(to);
        if ask == Ask::Send {
            self.procs[me].regs.eax = 0;
            self.make_ready(to);
        } else {
            self.block(me, Doing::Answer(to, ask));
            self.procs[to].callers.push_back(me);
            self.hand_over(to);
        }
        Ok(())
    }

    fn may_send(&self, me: Slot, buffer: &Buffer) -> R {
        let Some((page, chosen)) = buffer.sent else { return Ok(()) };
        let leaf = self.leaf(me, page);
        if !leaf.is_present() {
            return Err(E::NotMapped);
        }
        if leaf.has(bit::OWN) || chosen & bit::W != 0 && !leaf.has(bit::W) {
            return Err(E::NotPermitted);
        }
        Ok(())
    }

    /// Puts the message of `from` into the registers and the space of `to`.
    fn hand(&mut self, from: Slot, to: Slot, kind: u32) -> R {
        let mut came = None;
        if let (Some((page, chosen)), Some(at)) =
            (self.procs[from].buffer.sent, self.procs[to].buffer.accepts)
        {
            let chosen = self.may_leave(from, to, chosen);
            self.map((from, page), (to, at), chosen)?;
            came = Some(chosen);
        }
        let (sender, words) = (self.procs[from].id, self.procs[from].buffer.words);
        self.set_message(to, header(kind, came), sender, words);
        Ok(())
    }

    pub fn set_message(&mut self, to: Slot, header: u32, process: u32, words: [u32; 4]) {
        let regs = &mut self.procs[to].regs;
        (regs.eax, regs.ebx, regs.esi) = (header, words[0], words[1]);
        if regs.trap == SYSENTER {
            (regs.edi, regs.ebp) = (process, words[2]);
        } else {
            (regs.edx, regs.edi, regs.ebp) = (process, words[2], words[3]);
        }
    }

    /// Whether a process waits for another one, directly or through others.
    pub fn waits_for(&self, start: Slot, target: Slot) -> bool {
        let mut at = start;
        loop {
            if at == target {
                return true;
            }
            at = match self.procs[at].doing {
                Doing::Sending(next, _) | Doing::Answer(next, _) | Doing::ReceivingFrom(next) => {
                    next
                }
                Doing::Waiting(Some(child)) => (child & 0x3FF) as usize,
                Doing::Waiting(None) => {
                    return self.awaited(at) == 1 && self.is_awaited(at, target);
                }
                _ => return false,
            };
        }
    }

    /// How many children a process may wait for.
    pub fn awaited(&self, s: Slot) -> usize {
        let process = &self.procs[s];
        let all = process.children.iter().chain(&process.gone);
        all.filter(|child| self.procs[**child].attended).count()
    }

    pub fn is_awaited(&self, parent: Slot, child: Slot) -> bool {
        self.procs[child].parent == Some(parent) && self.procs[child].attended
    }

    /// Receives from anyone, or from one process.
    pub fn receive(&mut self, me: Slot, from: Option<u32>, buffer: Buffer) -> R {
        let Some(id) = from else {
            self.receive_next(me, buffer);
            return Ok(());
        };
        self.procs[me].buffer = buffer;
        let Ok(from) = self.find(id) else {
            let child = self.awaited_child(me, id).map_err(|_| E::NoSuchProcess)?;
            if self.procs[child].doing == Doing::Ended {
                self.procs[me].zombies.retain(|zombie| *zombie != child);
                self.deliver_exit(me, child);
            } else {
                self.block(me, Doing::ReceivingExit(id));
            }
            return Ok(());
        };
        if from == me && self.lines.contains(&Some(me)) {
            if self.procs[me].interrupts != 0 {
                self.deliver_interrupt(me);
            } else {
                self.block(me, Doing::ReceivingInterrupt);
            }
            return Ok(());
        }
        if matches!(self.procs[from].doing, Doing::Sending(to, _) if to == me)
            && self.accept(me, from)
        {
            return Ok(());
        }
        if self.waits_for(from, me) {
            return Err(E::Deadlock);
        }
        self.block(me, Doing::ReceivingFrom(from));
        self.procs[from].callers.push_back(me);
        Ok(())
    }

    /// Receives from anyone.
    pub fn receive_next(&mut self, me: Slot, buffer: Buffer) {
        self.procs[me].buffer = Buffer { words: [0; 4], ..buffer };
        if self.procs[me].interrupts != 0 {
            return self.deliver_interrupt(me);
        }
        if let Some(zombie) = self.procs[me].zombies.pop_front() {
            return self.deliver_exit(me, zombie);
        }
        while let Some(sender) = self.procs[me].senders.front().copied() {
            if self.accept(me, sender) {
                return;
            }
        }
        self.block(me, Doing::Receiving);
    }

    /// Takes a sender's message. If its page cannot be taken, the sender has the error.
    fn accept(&mut self, me: Slot, sender: Slot) -> bool {
        let Doing::Sending(_, ask) = self.procs[sender].doing else { unreachable!("it sends") };
        let handed = self.hand(sender, me, ask.kind());
        self.procs[me].senders.retain(|other| *other != sender);
        if let Err(error) = handed {
            self.procs[sender].regs.eax = (error as u32).wrapping_neg();
            self.make_ready(sender);
            return false;
        }
        if ask == Ask::Send {
            self.procs[sender].regs.eax = 0;
            self.make_ready(sender);
        } else {
            self.procs[sender].doing = Doing::Answer(me, ask);
            self.procs[me].callers.push_back(sender);
        }
        true
    }

    /// Answers a call or a clone. The one that was answered is ready, but in no queue.
    pub fn reply(&mut self, me: Slot, id: u32, buffer: Buffer) -> R<Slot> {
        let to = self.find(id).map_err(|_| E::NotWaiting)?;
        let Doing::Answer(by, ask) = self.procs[to].doing else { return Err(E::NotWaiting) };
        if by != me {
            return Err(E::NotWaiting);
        }
        self.may_send(me, &buffer)?;
        match ask {
            Ask::Call => {
                self.procs[me].buffer = buffer;
                self.hand(me, to, 0)?;
            }
            Ask::Clone => {
                let adopted = buffer.words[0] == 0;
                self.procs[to].regs.eax =
                    if adopted { 0 } else { (E::Refused as u32).wrapping_neg() };
            }
            Ask::Send | Ask::Fault { .. } | Ask::Forwarded | Ask::Frames => {
                return Err(E::NotWaiting);
            }
        }
        self.leave_queue(to);
        self.procs[to].doing = Doing::Ready;
        Ok(to)
    }

    pub fn reply_and_receive(&mut self, me: Slot, id: u32, buffer: Buffer) -> R {
        let answered = match self.reply(me, id, buffer) {
            Ok(to) => Some(to),
            Err(E::NotWaiting) => None,
            Err(error) => return Err(error),
        };
        self.receive_next(me, buffer);
        if let Some(to) = answered {
            self.hand_over(to);
        }
        Ok(())
    }

    /// The answer to a fault in the registers of a call.
    pub fn reply_of(&self, raw: &Raw) -> R<FaultAnswer> {
        match (raw.w[0], raw.bits) {
            (0, 0) => Ok(FaultAnswer::Resume),
            (1, _) => {
                let (source, destination) = (raw.page()?, page(raw.w[1])?);
                Ok(FaultAnswer::Map(source, destination, raw.permissions()?))
            }
            (2, 0) => Ok(FaultAnswer::Refuse),
            _ => Err(E::InvalidArgument),
        }
    }

    fn map_for_client(&mut self, me: Slot, client: Slot, reply: FaultAnswer) -> R {
        if let FaultAnswer::Map(source, destination, chosen) = reply {
            let chosen = self.may_leave(me, client, chosen);
            self.map((me, source), (client, destination), chosen)?;
        }
        Ok(())
    }

    /// Answers a client's fault or its need of frames. Returns the client if its call is to be made
    /// again.
    pub fn reply_to_fault(&mut self, me: Slot, id: u32, reply: FaultAnswer) -> R<Option<Slot>> {
        let client = self.find(id).map_err(|_| E::NotWaiting)?;
        let Doing::Answer(by, ask) = self.procs[client].doing else { return Err(E::NotWaiting) };
        if by != me || matches!(ask, Ask::Send | Ask::Call | Ask::Clone) {
            return Err(E::NotWaiting);
        }
        self.map_for_client(me, client, reply)?;
        self.leave_queue(client);
        if reply == FaultAnswer::Refuse {
            self.fail_request(client, ask);
            return Ok(None);
        }
        if ask == Ask::Frames {
            self.procs[client].doing = Doing::Ready;
            return Ok(Some(client));
        }
        if ask == Ask::Forwarded {
            self.procs[client].regs.eax = 0;
        }
        self.make_ready(client);
        Ok(None)
    }

    /// The same, and then receives. A client that can go on at once gets the CPU.
    pub fn reply_to_fault_and_receive(
        &mut self,
        me: Slot,
        id: u32,
        reply: FaultAnswer,
        accepts: Option<u32>,
    ) -> R {
        let buffer = Buffer { accepts, ..Buffer::default() };
        let mine = &self.procs[me];
        let nothing = mine.interrupts == 0 && mine.zombies.is_empty() && mine.senders.is_empty();
        if let Ok(client) = self.find(id)
            && let Doing::Answer(by, ask @ (Ask::Fault { .. } | Ask::Forwarded)) =
                self.procs[client].doing
            && by == me
            && !self.procs[client].stopped
            && self.procs[client].alarm.is_none()
            && reply != FaultAnswer::Refuse
            && nothing
        {
            self.map_for_client(me, client, reply)?;
            if ask == Ask::Forwarded {
                self.procs[client].regs.eax = 0;
            }
            self.leave_queue(client);
            self.procs[client].doing = Doing::Ready;
            self.receive_next(me, buffer);
            self.hand_over(client);
            return Ok(());
        }
        let client = match self.reply_to_fault(me, id, reply) {
            Err(E::NotWaiting) => None,
            client => client?,
        };
        self.receive_next(me, buffer);
        if let Some(client) = client {
            self.call_again(client);
        }
        Ok(())
    }

    /// A process is told of an interrupt. Returns whether it waited.
    pub fn interrupt(&mut self, owner: Slot, line: u32) -> bool {
        self.procs[owner].interrupts |= 1 << line;
        let waits = matches!(self.procs[owner].doing, Doing::Receiving | Doing::ReceivingInterrupt);
        if waits {
            self.deliver_interrupt(owner);
            self.make_ready(owner);
            if !self.procs[owner].stopped {
                self.ready.pop_back();
                self.ready.push_front(owner);
            }
        }
        waits
    }

    fn deliver_interrupt(&mut self, me: Slot) {
        let line = self.procs[me].interrupts.trailing_zeros();
        self.procs[me].interrupts &= !(1 << line);
        let id = self.procs[me].id;
        self.set_message(me, 2, id, [line, 0, 0, 0]);
    }
}
