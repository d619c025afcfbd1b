//! Page faults: to the handler, to the pager, or the end.

use super::state::{
    Ask, Buffer, E, EXCEPTION_STACK, Model, Out, R, STACK_TOP, Slot, UTOP, Unfinished, bit,
};

/// Bits of a page fault's error code (Intel SDM vol. 3A, 4.7).
pub const PROTECTION: u32 = 1;
pub const WRITE: u32 = 2;
pub const USER: u32 = 4;
/// Bytes of a fault record.
const RECORD: u32 = 52;

impl Model {
    /// A page fault that the CPU raised, at the instruction `eip`.
    pub fn page_fault(&mut self, me: Slot, address: u32, access: u32) {
        self.procs[me].regs.trap = 14;
        let write = access & WRITE != 0;
        let leaf = self.leaf_at(me, address);
        if leaf & bit::P != 0 && (leaf & bit::W != 0 || !write) {
            return;
        }
        let eip = self.procs[me].regs.eip;
        self.deliver(me, [address, access, eip, 0], leaf);
    }

    /// A call met memory of its caller's that it cannot use: the same fault, and the call is made
    /// again.
    pub fn fault_of_call(&mut self, me: Slot, address: u32, write: bool) {
        let words = self.rewind(me, address, write);
        let leaf = self.leaf_at(me, address);
        self.deliver(me, words, leaf);
    }

    pub fn rewind(&mut self, me: Slot, address: u32, write: bool) -> [u32; 4] {
        let mut access = USER | if write { WRITE } else { 0 };
        if address < UTOP
            && (self.leaf(me, address >> 12).is_present() || self.is_shown(me, address))
        {
            access |= PROTECTION;
        }
        self.restart(me);
        [address, access, self.procs[me].regs.eip, 0]
    }

    pub fn restart(&mut self, me: Slot) {
        let regs = &mut self.procs[me].regs;
        regs.eip = regs.eip.wrapping_sub(2);
    }

    fn leaf_at(&self, me: Slot, address: u32) -> u32 {
        if address < UTOP { self.leaf(me, address >> 12).bits } else { 0 }
    }

    fn deliver(&mut self, me: Slot, words: [u32; 4], leaf: u32) {
        let fault = Ask::Fault { jos: false };
        let paged_out = |leaf: u32| leaf & bit::PAGER != 0 && leaf & bit::P == 0;
        if self.procs[me].handler == 0 {
            if !self.ask_own_pager(me, fault, words) {
                self.die_of_fault(me);
            }
            return;
        }
        if paged_out(leaf) && self.ask_own_pager(me, fault, words) {
            return;
        }
        if self.enter_handler(me, words) {
            return;
        }
        let stack = self.leaf_at(me, EXCEPTION_STACK);
        let asked =
            if paged_out(stack) { [EXCEPTION_STACK, USER | WRITE, words[2], 0] } else { words };
        if !self.ask_own_pager(me, fault, asked) {
            self.die_of_fault(me);
        }
    }

    /// Puts the record on the exception stack and resumes at the handler. `false`: there is no
    /// room.
    fn enter_handler(&mut self, me: Slot, words: [u32; 4]) -> bool {
        let regs = self.procs[me].regs;
        let Some(record) = self.place_record(me, regs.esp) else { return false };
        let stack = self.leaf_at(me, EXCEPTION_STACK);
        if stack & (bit::P | bit::W) != bit::P | bit::W {
            return false;
        }
        self.procs[me].unfinished = Unfinished::None;
        let [address, access, eip, _] = words;
        let stored = [
            address,
            access,
            regs.edi,
            regs.esi,
            regs.ebp,
            0,
            regs.ebx,
            regs.edx,
            regs.ecx,
            regs.eax,
            eip,
            regs.eflags,
            regs.esp,
        ];
        for (at, word) in (record..).step_by(4).zip(stored) {
            self.write(me, at, word);
        }
        let handler = self.procs[me].handler;
        (self.procs[me].regs.eip, self.procs[me].regs.esp) = (handler, record);
        true
    }

    /// Where the record begins: at the top of the stack, or below what a fault on the stack itself
    /// has left there, with a word between.
    fn place_record(&self, me: Slot, esp: u32) -> Option<u32> {
        let on_stack = EXCEPTION_STACK..UTOP;
        if on_stack.contains(&esp) {
            let record = esp - 4 - RECORD;
            return on_stack.contains(&record).then_some(record);
        }
        // The stack has run over into the page below, unless that is a page of the program's.
        let below = STACK_TOP + 1..EXCEPTION_STACK;
        if below.contains(&esp) && !self.leaf(me, STACK_TOP >> 12).is_present() {
            return None;
        }
        Some(UTOP - RECORD)
    }

    pub fn ask_own_pager(&mut self, me: Slot, ask: Ask, words: [u32; 4]) -> bool {
        self.procs[me].pager.is_some_and(|pager| self.ask(me, pager, ask, words))
    }

    /// Asks a pager. `false`: it waits for the process itself.
    pub fn ask(&mut self, me: Slot, pager: Slot, ask: Ask, words: [u32; 4]) -> bool {
        let buffer = Buffer { words, ..Buffer::default() };
        if self.begin_request(me, pager, ask, buffer).is_err() {
            return false;
        }
        if self.procs[me].timeout != 0 {
            self.wake_in(me, self.procs[me].timeout);
        }
        true
    }

    /// A handler passes its fault on.
    pub fn forward(&mut self, me: Slot, words: [u32; 4]) -> R {
        if self.ask_own_pager(me, Ask::Forwarded, words) { Ok(()) } else { Err(E::Refused) }
    }

    /// Any exception but a page fault.
    pub fn exception(&mut self, me: Slot, vector: u32) {
        self.procs[me].regs.trap = vector;
        let id = self.procs[me].id;
        self.out.push(Out::Line(format!("[{id:08x}] ")));
        self.end(me, 128 + vector, 2);
    }
}
