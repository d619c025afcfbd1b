//! The JOS calls 0 to 14.

use super::decode::{page, target};
use super::state::{Ask, Doing, E, Model, Out, R, Slot, UTOP, Unfinished, bit};

/// JOS's permissions: P and U are wanted, W and the three marks may be there.
fn permissions(bits: u32) -> R<u32> {
    if bits & 5 == 5 && bits & !0xE07 == 0 { Ok(bits & !5) } else { Err(E::InvalidArgument) }
}

/// JOS's number for an error.
fn number(error: E) -> u32 {
    let error = match error {
        E::NotMapped | E::NotPermitted => E::InvalidArgument,
        E::Quota => E::OutOfFrames,
        other => other,
    };
    (error as u32).wrapping_neg()
}

impl Model {
    pub fn jos_call(&mut self, me: Slot) {
        let r = self.procs[me].regs;
        if !matches!(r.eax, 0 | 3) {
            self.procs[me].unfinished = Unfinished::None;
        }
        // These take down tables until what they wait for is done, and say so themselves.
        if !matches!(r.eax, 0 | 3 | 7) && self.was_made_again(me) {
            return;
        }
        match self.jos(me, r.eax, [r.edx, r.ecx, r.ebx, r.edi, r.esi]) {
            Ok(()) => {}
            Err(E::OutOfFrames) => self.short_of_frames(me),
            Err(error) => self.procs[me].regs.eax = number(error),
        }
    }

    /// Whose pager is asked for frames.
    pub fn needy_of_jos(&self, me: Slot) -> Option<Slot> {
        let r = &self.procs[me].regs;
        match r.eax {
            4 | 5 | 7 => Some(me),
            12 => self.resolve(me, target(r.edx).ok()?).ok(),
            _ => None,
        }
    }

    fn jos(&mut self, me: Slot, number: u32, [a, b, c, d, e]: [u32; 5]) -> R {
        match number {
            0 => self.cputs(me, a, b),
            1 => {
                self.procs[me].regs.eax = self.input.pop_front().map_or(0, u32::from);
                Ok(())
            }
            2 => {
                self.procs[me].regs.eax = self.procs[me].id;
                Ok(())
            }
            3 => self.env_destroy(me, a),
            4 => {
                let s = self.self_or_child(me, target(a)?)?;
                let (page, chosen) = (page(b)?, permissions(c)?);
                self.allocate(s, page, self.may_leave(me, s, chosen))?;
                self.ok(me)
            }
            5 => {
                let from = self.self_or_child(me, target(a)?)?;
                let to = self.self_or_child(me, target(c)?)?;
                let (source, page) = (page(b)?, page(d)?);
                let chosen = self.may_leave(me, to, permissions(e)?);
                self.map((from, source), (to, page), chosen)?;
                self.ok(me)
            }
            6 => {
                let s = self.self_or_child(me, target(a)?)?;
                self.unmap(s, page(b)?, 0)?;
                self.ok(me)
            }
            7 => self.exofork(me),
            8 => {
                let s = self.self_or_child(me, target(a)?)?;
                match b {
                    2 => self.start(s),
                    4 if self.procs[s].doing == Doing::JosReceiving => {}
                    4 => self.stop(s),
                    _ => return Err(E::InvalidArgument),
                }
                self.ok(me)
            }
            9 => self.env_set_trapframe(me, a, b),
            10 => {
                let s = self.self_or_child(me, target(a)?)?;
                (self.procs[s].handler, self.procs[s].jos.handler) = (b, b);
                self.ok(me)
            }
            11 => {
                self.yield_cpu(me);
                Ok(())
            }
            12 => self.ipc_try_send(me, a, (b, c, d)),
            13 => {
                if a < UTOP {
                    page(a)?;
                }
                let jos = &mut self.procs[me].jos;
                (jos.receiving, jos.receive_page) = (1, a);
                self.block(me, Doing::JosReceiving);
                Ok(())
            }
            14 => {
                self.procs[me].regs.eax = (self.now / 1000) as u32;
                Ok(())
            }
            _ => Err(E::InvalidArgument),
        }
    }

    /// Prints a string if all of it can be read: checked 2 MiB in a step, then printed 256 bytes
    /// in a step.
    fn cputs(&mut self, me: Slot, address: u32, length: u32) -> R {
        let (printing, done) =
            match std::mem::replace(&mut self.procs[me].unfinished, Unfinished::None) {
                Unfinished::Cputs { address: a, length: l, printing, done }
                    if (a, l) == (address, length) =>
                {
                    (printing, done)
                }
                _ => (false, 0),
            };
        let left = length.saturating_sub(done);
        let now = left.min(if printing { 256 } else { 0x20_0000 });
        let at = address.wrapping_add(done);
        let unfinished = |printing, done| Unfinished::Cputs { address, length, printing, done };
        if let Some(bad) = self.first_bad(me, at, now, false) {
            self.procs[me].unfinished = unfinished(printing, done);
            let words = self.rewind(me, bad, false);
            if !self.ask_own_pager(me, Ask::Fault { jos: true }, words) {
                self.die_of_jos_call(me, bad);
            }
            return Ok(());
        }
        let next = if !printing && left > now {
            unfinished(false, done + now)
        } else if !printing && length > 256 {
            unfinished(true, 0)
        } else {
            let mut ended = false;
            for byte in at..at + now {
                let byte = self.read_byte(me, byte);
                ended = byte == 0;
                if ended {
                    break;
                }
                self.out.push(Out::Byte(byte));
            }
            if ended || left == now {
                return self.ok(me);
            }
            unfinished(true, done + now)
        };
        self.procs[me].unfinished = next;
        self.restart(me);
        Ok(())
    }

    /// Ends a process whose JOS call met memory that it cannot use.
    pub fn die_of_jos_call(&mut self, me: Slot, _address: u32) {
        let id = self.procs[me].id;
        self.out.push(Out::Line(format!("[{id:08x}] ")));
        self.end(me, 128 + 14, 2);
    }

    /// Ends the caller or a child; the child's slot is free when the call returns.
    fn env_destroy(&mut self, me: Slot, env: u32) -> R {
        let unfinished = std::mem::replace(&mut self.procs[me].unfinished, Unfinished::None);
        if unfinished != Unfinished::Destroy(env) {
            let s = self.self_or_child(me, target(env)?)?;
            if s == me {
                self.end(me, 0, 0);
                return Ok(());
            }
            self.procs[s].attended = false;
            self.end(s, 0, 1);
        }
        if self.slice() {
            self.procs[me].unfinished = Unfinished::Destroy(env);
            self.restart(me);
            return Ok(());
        }
        self.ok(me)
    }

    /// Makes a child, once nobody is dying.
    fn exofork(&mut self, me: Slot) -> R {
        if self.slice() {
            self.restart(me);
            return Ok(());
        }
        let child = self.create(me, false).map_err(|error| match (error, self.met) {
            // JOS knows two errors here: no slot, and no frame.
            (E::Quota, Some(met)) => {
                let (used, bound) = (self.used(met), self.accounts[met]);
                let frame_fits = bound.frames == 0 || used.0 < bound.frames;
                if frame_fits { E::OutOfProcesses } else { E::Quota }
            }
            _ => error,
        })?;
        self.copy_registers(me, child);
        self.procs[me].regs.eax = self.procs[child].id;
        Ok(())
    }

    fn env_set_trapframe(&mut self, me: Slot, env: u32, frame: u32) -> R {
        let s = self.self_or_child(me, target(env)?)?;
        if let Some(bad) = self.first_bad(me, frame, 68, false) {
            let words = self.rewind(me, bad, false);
            if !self.ask_own_pager(me, Ask::Fault { jos: true }, words) {
                self.die_of_jos_call(me, bad);
            }
            return Ok(());
        }
        if s != me && !matches!(self.procs[s].doing, Doing::Ready | Doing::JosReceiving) {
            return Err(E::InvalidArgument);
        }
        let mut word = |offset: u32| {
            let bytes = [0, 1, 2, 3].map(|index| self.read_byte(me, frame + offset + index));
            u32::from_le_bytes(bytes)
        };
        // The code segment is looked at, and not taken.
        let _ = word(52);
        let words = [0, 4, 8, 16, 20, 24, 28, 48, 56, 60].map(&mut word);
        self.set_registers(s, words);
        if s == me { Ok(()) } else { self.ok(me) }
    }

    fn ipc_try_send(&mut self, me: Slot, env: u32, (value, va, perm): (u32, u32, u32)) -> R {
        let to = self.resolve(me, target(env)?)?;
        if self.procs[to].doing != Doing::JosReceiving {
            return Err(E::NotReceiving);
        }
        let mut received = 0;
        if va < UTOP {
            let (source, chosen) = (page(va)?, self.may_leave(me, to, permissions(perm)?));
            let leaf = self.leaf(me, source);
            if !leaf.is_present() {
                return Err(E::NotMapped);
            }
            if leaf.has(bit::OWN) || chosen & bit::W != 0 && !leaf.has(bit::W) {
                return Err(E::NotPermitted);
            }
            let wanted = self.procs[to].jos.receive_page;
            if wanted < UTOP {
                self.map((me, source), (to, page(wanted)?), chosen)?;
                received = 5 | chosen;
            }
        }
        let sender = self.procs[me].id;
        let jos = &mut self.procs[to].jos;
        (jos.receiving, jos.from, jos.value, jos.permissions) = (0, sender, value, received);
        self.procs[to].regs.eax = 0;
        self.make_ready(to);
        self.ok(me)
    }
}
