//! The kernel on the modelled machine beside the reference model: each step is done by both.

use abi::fault::DEVICE_NOT_AVAILABLE;
use abi::layout::PAGE_SIZE;
use abi::{Frame, ProcessId};
use kernel_core::After;
use kernel_core::state::process::{Index, State};

use super::action::Action;
use super::compare::{Depth, Owners, compare, regs_of};
use crate::reference::state::{
    Holder, Leaf, Model, Names, Next, Out, Process, Regs, SYSENTER, Slot, Token,
};
use crate::world::{CALL_SITE, World};

/// Where in the FPU registers the runs keep a number.
const TAG: std::ops::Range<usize> = 160..164;
/// After how many steps the world is audited.
const THOROUGH: u32 = 64;
/// After how many steps tables must hold nothing else.
const ALL_LEAVES: u32 = 8;
/// After how many steps each word of each frame is compared.
const ALL_WORDS: u32 = 256;
/// Where the instruction lies that loads or stores.
const ACCESS_SITE: u32 = CALL_SITE + 0x20;

/// Both sides.
pub struct Machine {
    /// The kernel, its machine, and the audit of the property tests.
    pub world: World,
    /// The model.
    pub model: Model,
    owners: Owners,
    printed: usize,
    steps: u32,
    /// The machine is off.
    pub is_off: bool,
    /// Audit the TLB after each step, and the world never.
    pub audits_tlb: bool,
}

impl Machine {
    /// A machine of which so many frames are left free.
    #[must_use]
    pub fn new(free: u32) -> Self {
        let mut world = World::new();
        world.leave_free(free);
        let model = model_of(&world);
        let printed = world.kernel.cpu.hardware.console.len();
        let mut machine = Self {
            world,
            model,
            owners: Owners::default(),
            printed,
            steps: 0,
            is_off: false,
            audits_tlb: false,
        };
        compare(&machine.world, &mut machine.model, &mut machine.owners, Depth::Words)
            .expect("the model begins as the machine is");
        machine
    }

    /// Does one step on both sides.
    ///
    /// # Errors
    /// The two differ, or the kernel has broken a promise.
    pub fn step(&mut self, action: Action) -> Result<(), String> {
        self.steps += 1;
        self.world.kernel.cpu.hardware.clock += 1;
        self.model.now += 1;
        self.model.calling = 0;
        self.check_fpu()?;
        let after = self.act(action)?;
        let next = self.model.resume();
        self.settle(after, next)?;
        if self.audits_tlb {
            self.world.kernel.cpu.hardware.audit_tlb();
        } else if self.steps.is_multiple_of(THOROUGH) && !self.is_off {
            self.world.audit();
        }
        Ok(())
    }

    fn act(&mut self, action: Action) -> Result<After, String> {
        let kernel = &mut self.world.kernel;
        let me = self.model.current;
        Ok(match action {
            Action::Tick => {
                kernel.cpu.hardware.clock += 10_000;
                self.model.now += 10_000;
                let after = kernel.timer();
                self.model.timer();
                after
            }
            Action::Key(byte) => {
                let after = kernel.console_input(byte);
                self.model.key(byte);
                after
            }
            Action::Line(line) => {
                if kernel.cpu.hardware.masked & 1 << line != 0 {
                    return Ok(self.world.after);
                }
                let after = kernel.device_interrupt(line);
                self.model.device_interrupt(line);
                after
            }
            Action::Call(regs) => self.call(me.ok_or("nobody runs")?, regs),
            Action::CallWithList(address, list, regs) => {
                let me = me.ok_or("nobody runs")?;
                if self.model.may_use(me, address, true) {
                    for (at, word) in (address..).step_by(4).zip(list.into_flattened()) {
                        let _ = self.access(me, at, Some(word))?;
                    }
                }
                self.call(me, regs)
            }
            Action::Again => {
                let me = me.ok_or("nobody runs")?;
                self.call(me, self.model.procs[me].regs)
            }
            Action::Access(address, value) => {
                return self.access(me.ok_or("nobody runs")?, address, value);
            }
            Action::Exception(vector) => {
                self.world.registers().trap = vector;
                let after = self.world.kernel.trap();
                self.model.exception(me.ok_or("nobody runs")?, vector);
                after
            }
            Action::Virtual8086 => {
                let after = self.world.kernel.virtual_8086();
                let me = me.ok_or("nobody runs")?;
                let trap = self.model.procs[me].regs.trap;
                self.model.exception(me, 13);
                self.model.procs[me].regs.trap = trap;
                after
            }
        })
    }

    /// The program on the CPU makes a call.
    fn call(&mut self, me: Slot, mut regs: Regs) -> After {
        let Regs { eax, ebx, ecx, edx, esi, edi, ebp, esp, trap, .. } = regs;
        let r = self.world.registers();
        (r.eax, r.ebx, r.ecx, r.edx) = (eax, ebx, ecx, edx);
        (r.esi, r.edi, r.ebp, r.esp) = (esi, edi, ebp, esp);
        (r.eip, r.trap) = (CALL_SITE + 2, trap);
        regs.eip = CALL_SITE + 2;
        regs.eflags = r.eflags;
        let kernel = &mut self.world.kernel;
        let after = if trap == SYSENTER { kernel.call::<true>() } else { kernel.call::<false>() };
        self.model.procs[me].regs = regs;
        self.hint();
        self.model.call(me);
        after
    }

    /// Tells the model what the kernel has made of the registers.
    fn hint(&mut self) {
        self.model.hints.clear();
        for slot in 0..self.model.procs.len() {
            let process = &self.world.kernel.processes()[Index::new(slot as u32)];
            self.model.hints.push((regs_of(&process.registers), process.state == State::Ready));
        }
    }

    /// The program on the CPU loads or stores a word.
    fn access(&mut self, me: Slot, address: u32, value: Option<u32>) -> Result<After, String> {
        self.world.registers().eip = ACCESS_SITE;
        self.model.procs[me].regs.eip = ACCESS_SITE;
        let allowed = self.model.may_use(me, address, value.is_some());
        let own = address < crate::reference::state::UTOP
            && self.model.leaf(me, address >> 12).is_present();
        let mut result = self.touch(address, value);
        if allowed && result.is_err() {
            // A translation that got wider need not have been flushed: the kernel lets the program
            // try again.
            let after = self.fault(result);
            self.model.procs[me].regs.trap = 14;
            if !matches!(after, After::Return | After::Run) {
                return Err(format!("a fault at {address:#x}, which the process may use"));
            }
            compare(&self.world, &mut self.model, &mut self.owners, Depth::Usual)?;
            result = self.touch(address, value);
        }
        match (allowed, result) {
            (true, Ok(word)) => {
                let expected = match value {
                    Some(value) => {
                        self.model.write(me, address, value);
                        value
                    }
                    None => self.model.read(me, address),
                };
                self.check_word(me, address, own, (expected, word))?;
                Ok(After::Run)
            }
            (false, Err(access)) => {
                let viewed = self.model.procs[me].space.views.contains_key(&(address >> 22));
                let is_users = address < crate::reference::state::UTOP && !viewed;
                if is_users && own != (access & 1 != 0) {
                    return Err(format!("the fault at {address:#x} says {access}"));
                }
                let after = self.fault(result);
                self.model.page_fault(me, address, access);
                Ok(after)
            }
            (true, Err(access)) => Err(format!("fault {access} at {address:#x} again")),
            (false, Ok(word)) => {
                Err(format!("{address:#x} can be used, and must not; there is {word:#x}"))
            }
        }
    }

    /// The access itself. `Err`: the fault's error code.
    fn touch(&mut self, address: u32, value: Option<u32>) -> Result<u32, u32> {
        let hardware = &mut self.world.kernel.cpu.hardware;
        let result = match value {
            Some(value) => hardware.user_write(address, value).map(|()| value),
            None => hardware.user_read(address),
        };
        result.map_err(|fault| {
            hardware.fault_address = fault.address;
            fault.access.bits()
        })
    }

    fn fault(&mut self, result: Result<u32, u32>) -> After {
        let registers = self.world.registers();
        registers.error = result.expect_err("a fault");
        registers.trap = 14;
        self.world.kernel.fault()
    }

    /// Compares a word that was loaded. A and D of directory entries are hardware's.
    fn check_word(
        &self,
        me: Slot,
        address: u32,
        own: bool,
        words: (u32, u32),
    ) -> Result<(), String> {
        use crate::reference::access::{KERNELS, LOST};
        let (expected, found) = words;
        let lower = address >> 12 & 0x3FF;
        let shows_view =
            address >> 22 == 0x3BD && self.model.procs[me].space.views.contains_key(&lower);
        let is_directory = !own && (lower == 0x3BD || shows_view);
        let mask = if is_directory { !0x60 } else { u32::MAX };
        if expected == KERNELS || expected == LOST || expected & mask == found & mask {
            return Ok(());
        }
        Err(format!("{address:#x} reads {found:#x}; the model has {expected:#x}"))
    }

    /// Each process finds its own FPU registers, or clean ones. Those in slots with an odd number
    /// do not use them.
    fn check_fpu(&mut self) -> Result<(), String> {
        let Some(me) = self.model.current else { return Ok(()) };
        let uses = me.is_multiple_of(2);
        if uses && self.world.kernel.cpu.hardware.fpu_closed {
            let trap = std::mem::replace(&mut self.world.registers().trap, DEVICE_NOT_AVAILABLE);
            if self.world.kernel.trap() != After::Run || self.world.kernel.cpu.hardware.fpu_closed {
                return Err(format!("slot {me} cannot use the FPU"));
            }
            self.world.registers().trap = trap;
        }
        let bytes: &mut [u8] = &mut self.world.kernel.cpu.hardware.fpu.0[TAG];
        let found = u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        let expected = self.model.procs[me].fpu;
        if uses {
            self.model.procs[me].fpu = self.steps;
            bytes.copy_from_slice(&self.steps.to_le_bytes());
        }
        if found == expected {
            return Ok(());
        }
        Err(format!("the FPU registers of slot {me} are {found}, not {expected}"))
    }

    /// Compares what the CPU does next, and everything else.
    fn settle(&mut self, mut after: After, mut next: Next) -> Result<(), String> {
        loop {
            self.world.after = after;
            let same = match (after, next) {
                (After::Return | After::Run, Next::Run) | (After::Idle, Next::Idle) => true,
                (After::TakeDown, Next::TakeDown) => true,
                (After::PowerOff { status }, Next::PowerOff(expected)) => {
                    self.is_off = true;
                    u32::from(status) == expected
                }
                _ => false,
            };
            if !same {
                return Err(format!("the CPU goes on with {after:?}; the model with {next:?}"));
            }
            if let Some(broken) = self.model.broken.pop() {
                return Err(broken);
            }
            self.check_console()?;
            if self.is_off {
                return Ok(());
            }
            let depth = match self.steps {
                steps if steps % ALL_WORDS == 0 => Depth::Words,
                steps if steps % ALL_LEAVES == 0 => Depth::Tables,
                _ => Depth::Usual,
            };
            compare(&self.world, &mut self.model, &mut self.owners, depth)?;
            if next != Next::TakeDown {
                return Ok(());
            }
            after = self.world.kernel.idle();
            next = self.model.resume();
        }
    }

    /// Compares what was printed.
    fn check_console(&mut self) -> Result<(), String> {
        let mut text = &self.world.kernel.cpu.hardware.console[self.printed..];
        self.printed += text.len();
        for out in std::mem::take(&mut self.model.out) {
            let fits = match &out {
                Out::Byte(byte) => {
                    text.split_first().filter(|(first, _)| *first == byte).map(|it| it.1)
                }
                Out::Line(begin) => text
                    .starts_with(begin.as_bytes())
                    .then(|| text.iter().position(|byte| *byte == b'\n'))
                    .flatten()
                    .map(|end| &text[end + 1..]),
            };
            let Some(rest) = fits else {
                let text = String::from_utf8_lossy(text);
                return Err(format!("the console shows {text:?}; the model {out:?}"));
            };
            text = rest;
        }
        if text.is_empty() {
            return Ok(());
        }
        Err(format!("the console shows {:?} too", String::from_utf8_lossy(text)))
    }
}

/// The model of a machine that has just booted: `init` alone, and its pages as they are.
fn model_of(world: &World) -> Model {
    let kernel = &world.kernel;
    let process = &kernel.processes()[Index::new(0)];
    let hardware = &kernel.cpu.hardware;
    let known = |number| kernel.frames.count(Frame::from_number(number)).is_some();
    let managed = (0..hardware.frames()).filter(|number| known(*number));
    let mut model = Model {
        procs: vec![Process::new(ProcessId::first(0).bits(), 0)],
        free_slots: Vec::new(),
        frames: Vec::new(),
        free_tokens: Vec::new(),
        free: kernel.frames.free(),
        total: kernel.frames.total(),
        ready: Default::default(),
        dying: Default::default(),
        readers: Default::default(),
        current: Some(0),
        ended: None,
        input: Default::default(),
        console_owner: None,
        out: Vec::new(),
        lines: [None; 16],
        masked: hardware.masked.into(),
        pool_tokens: Vec::new(),
        pool: vec![Holder::Nobody; world.dma_pool.len()],
        accounts: Vec::new(),
        now: hardware.clock,
        taken: world.reserved().iter().map(|frame| frame.number()).collect(),
        managed: managed.map(|number| (number, number + 1)).collect(),
        records: hardware.frames(),
        hints: Vec::new(),
        second_try: false,
        enough: false,
        met: None,
        broken: Vec::new(),
        calling: 0,
    };
    let mut tokens = Vec::new();
    let token = |model: &mut Model, tokens: &mut Vec<(Frame, Token)>, frame: Frame| {
        if let Some((_, token)) = tokens.iter().find(|known| known.0 == frame) {
            return *token;
        }
        let words = Box::new(std::array::from_fn(|index| hardware.word(frame, index as u32)));
        let token = model.add_frame(words, world.reserved().contains(&frame));
        model.frames[token].as_mut().expect("just added").number = Some(frame.number());
        tokens.push((frame, token));
        token
    };
    for frame in &world.dma_pool {
        let token = token(&mut model, &mut tokens, *frame);
        model.pool_tokens.push(token);
    }
    let space = hardware.space(process.directory);
    model.procs[0].space.directory = token(&mut model, &mut tokens, process.directory);
    for (upper, table) in &space.tables {
        let table = token(&mut model, &mut tokens, *table);
        model.procs[0].space.tables.insert(*upper, table);
    }
    for (page, leaf) in &space.leaves {
        let names = Names::Ram(token(&mut model, &mut tokens, leaf.frame()));
        model.put(0, page.address() / PAGE_SIZE, Leaf { names, bits: leaf.bits() & 0xFFF });
    }
    let init = &mut model.procs[0];
    (init.stopped, init.driver, init.runs) = (false, true, 1);
    init.regs = regs_of(&process.registers);
    let tag: [u8; 4] = hardware.fpu.0[TAG].try_into().expect("four bytes");
    init.fpu = u32::from_le_bytes(tag);
    model
}
