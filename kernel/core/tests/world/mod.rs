//! A whole system without a machine: the kernel, one CPU over the model, and a first process that
//! does what a test says.
//!
//! A test is the programs: it says what the process on the CPU does next (a call, a load, a store),
//! and the world carries it out as the hardware would, through the register area and the TLB. After
//! every trap the world audits itself, so each test checks far more than it says.
#![allow(dead_code, reason = "each test file uses a part of it")]

mod audit;
pub mod documented;
pub mod image;

use std::collections::HashMap;

use abi::call::RawCall;
use abi::fault::PAGE_FAULT;
use abi::jos::VECTOR;
use abi::layout::PAGE_SIZE;
use abi::process::Target;
use abi::process_info::{FrameRecord, ProcessInfo};
use abi::{Entry, Error, Frame, Page, Permissions, ProcessId, Registers, Syscall, UserPage};
use kernel_core::state::process::{Index, Process, State};
use kernel_core::{After, BootArchive, BootError, Cpu, FrameRange, Frames, Hardware, Kernel};

use crate::model::{FaultInfo, Model};

/// Where the trap instruction of every call lies: in the first process's text.
pub const CALL_SITE: u32 = 0x0080_0040;
/// The first process's data page, writable and private.
pub const DATA: u32 = 0x0080_1000;
/// Pages that the first process does not have, under two directory entries without tables.
pub const PAGE: u32 = 0x1000_0000;
pub const PAGE_2: u32 = 0x1000_1000;
pub const PAGE_3: u32 = 0x1040_0000;

/// Frames of the DMA pool.
pub const DMA_POOL: u32 = 8;

pub const READ: Permissions = Permissions::empty();
pub const WRITE: Permissions = Permissions::WRITE;

/// What a call left in its caller's registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    pub eax: u32,
    pub process: u32,
    pub words: [u32; 4],
}

pub struct World {
    pub kernel: Box<Kernel<Model>>,
    /// What the last trap ended with.
    pub after: After,
    /// Look at the world while an idle CPU takes down memory.
    pub stop_at_teardown: bool,
    pub kernel_directory: Frame,
    reserved: Vec<Frame>,
    /// The DMA pool.
    pub dma_pool: Vec<Frame>,
    /// Whose tags a process may find in its FPU registers: at first nobody's or its maker's, then
    /// its own.
    tags: HashMap<ProcessId, [u32; 2]>,
}

/// Building it.
impl World {
    /// 4 MiB of RAM, about 700 frames free, and the first process running.
    pub fn new() -> Self {
        Self::with_memory(4)
    }

    /// The same with these words on the boot line.
    pub fn with_command_line(words: &str) -> Self {
        let archive = image::archive("bin/init", &image::program());
        Self::boot(4, &archive, words).unwrap()
    }

    pub fn with_memory(mib: u32) -> Self {
        let archive = image::archive("bin/init", &image::program());
        Self::boot(mib, &archive, "--quiet").unwrap()
    }

    /// A world that begins with JOS programs: the test program, as often as the command line names
    /// `elf=p`.
    pub fn of_programs(command_line: &str) -> Self {
        Self::boot(4, &image::archive("p", &image::program()), command_line).unwrap()
    }

    /// Boots with these bytes as the boot archive.
    pub fn boot(mib: u32, archive: &[u8], command_line: &str) -> Result<Self, BootError> {
        Self::boot_described(mib, archive, archive.len() as u32, command_line)
    }

    /// The same, where the loader says that the archive has `length` bytes.
    pub fn boot_described(
        mib: u32,
        archive: &[u8],
        length: u32,
        command_line: &str,
    ) -> Result<Self, BootError> {
        let boot = Model::boot(mib);
        let (mut model, mut ranges) = (boot.model, boot.ranges);
        let archive_frames = store(&mut model, &mut ranges, archive);
        let pool = &mut ranges[0];
        pool.end -= DMA_POOL;
        let pool = FrameRange { first: pool.end, end: pool.end + DMA_POOL };
        let records =
            Box::leak(vec![FrameRecord::default(); boot.records as usize].into_boxed_slice());
        let mut kernel = new_kernel(Cpu::new(model, 0, boot.directory));
        kernel.frames = Frames::new(records, &ranges);
        for frame in &archive_frames {
            kernel.frames.reserve(*frame);
        }
        kernel.set_dma_pool(pool);
        let dma_pool: Vec<Frame> = (pool.first..pool.end).map(Frame::from_number).collect();
        let reserved = [archive_frames.as_slice(), &dma_pool].concat();
        let first = reserved[0];
        let archive = BootArchive { first, length };
        let after = kernel.start_first(archive, command_line.as_bytes())?;
        let mut world = Self {
            kernel,
            after,
            stop_at_teardown: false,
            kernel_directory: boot.directory,
            reserved,
            dma_pool,
            tags: HashMap::new(),
        };
        world.settle();
        Ok(world)
    }
}

/// A kernel is over a megabyte, which is too much for a test's stack.
fn new_kernel(cpu: Cpu<Model>) -> Box<Kernel<Model>> {
    let build = || Box::new(Kernel::new(cpu));
    std::thread::Builder::new().stack_size(16 << 20).spawn(build).unwrap().join().unwrap()
}

/// Puts bytes into the last frames and takes those out of the ranges.
fn store(model: &mut Model, ranges: &mut [FrameRange], bytes: &[u8]) -> Vec<Frame> {
    let last = ranges.last_mut().unwrap();
    let pages: Vec<&[u8]> = bytes.chunks(PAGE_SIZE as usize).collect();
    last.end -= pages.len() as u32;
    let frames: Vec<Frame> = (last.end..).take(pages.len()).map(Frame::from_number).collect();
    for (frame, page) in frames.iter().zip(pages) {
        model.zero_frame(*frame);
        for (index, word) in (0..).zip(page.chunks(4)) {
            let mut padded = [0; 4];
            padded[..word.len()].copy_from_slice(word);
            model.set_word(*frame, index, u32::from_le_bytes(padded));
        }
    }
    frames
}

/// Looking at it.
impl World {
    /// Frames that boot or a test has taken, with one mapping that no directory shows.
    pub fn reserved(&self) -> &[Frame] {
        &self.reserved
    }

    /// The process on the CPU.
    pub fn current(&self) -> ProcessId {
        self.process_at(self.kernel.cpu.current().expect("a process runs")).process_id()
    }

    /// The first process.
    pub fn init(&self) -> ProcessId {
        ProcessId::first(0)
    }

    /// What UENVS says about a process, or about the last one in its slot.
    pub fn info(&self, id: ProcessId) -> &ProcessInfo {
        &self.kernel.process_info().0[id.index() as usize]
    }

    fn process_at(&self, index: Index) -> &Process {
        &self.kernel.processes()[index]
    }

    /// The slot of a process that has not been freed.
    pub fn process(&self, id: ProcessId) -> &Process {
        let process = self.process_at(Index::new(id.index()));
        assert!(process.id == Some(id) && process.state != State::Free, "{id} is gone");
        process
    }

    /// Is there still a process, or a zombie, of this name?
    pub fn exists(&self, id: ProcessId) -> bool {
        let process = self.process_at(Index::new(id.index()));
        process.id == Some(id) && process.state != State::Free
    }

    /// What a process's last call left in its registers.
    pub fn answer(&self, id: ProcessId) -> Answer {
        let r = &self.process(id).registers;
        Answer { eax: r.eax, process: r.edx, words: [r.ebx, r.esi, r.edi, r.ebp] }
    }

    /// The result and the words of a process's last call.
    pub fn result(&self, id: ProcessId) -> Result<[u32; 4], Error> {
        let answer = self.answer(id);
        Error::check(answer.eax).map(|_| answer.words)
    }

    /// Did the last call of a process go back to its trap instruction?
    pub fn restarts(&self, id: ProcessId) -> bool {
        self.process(id).registers.eip == CALL_SITE
    }

    /// The leaf of a page in the space of a process, whether loaded or not.
    pub fn leaf(&self, id: ProcessId, address: u32) -> Entry {
        let page = Page::containing(address);
        let model = &self.kernel.cpu.hardware;
        let upper =
            Entry::from_bits(model.word(self.process(id).directory, page.directory_index()));
        if !upper.is_present() {
            return Entry::ABSENT;
        }
        Entry::from_bits(model.word(upper.frame(), page.table_index()))
    }

    /// How many mappings the frame behind a page has.
    pub fn count(&self, id: ProcessId, address: u32) -> u32 {
        self.kernel.frames.count(self.leaf(id, address).frame()).expect("RAM")
    }
}

/// What the process on the CPU does.
impl World {
    /// Its saved registers, where the hardware would save them.
    pub fn registers(&mut self) -> &mut Registers {
        let index = self.kernel.cpu.current().expect("a process runs");
        let area = self.kernel.cpu.hardware.register_area().expect("a register area is set");
        let slot = &raw const self.kernel.processes()[index].registers;
        assert_eq!(area.cast_const(), slot, "a trap would save into another process's slot");
        // SAFETY: the kernel set the area from a reference into its process table, which has just
        // been seen to be still there; the kernel is not running, and the borrow of the world keeps
        // everything else away.
        unsafe { &mut *area }
    }

    /// Traps with the registers as they are, and audits the world afterwards.
    pub fn trap(&mut self, vector: u32) {
        self.registers().trap = vector;
        if self.kernel.trace.on {
            self.kernel.trace_trap(None);
        }
        let after = self.enter(vector);
        if self.kernel.trace.on {
            self.kernel.trace_result();
        }
        self.leave(after);
        if self.kernel.trace.on {
            self.kernel.trace_resume();
        }
    }

    /// The entry of the kernel for this trap, as the gates of the machine have it.
    fn enter(&mut self, vector: u32) -> After {
        let (caller, before) = (self.kernel.cpu.current(), *self.registers());
        let after = self.enter_kernel(vector);
        if after == After::Return {
            // The machine does not look who runs then, and `sysexit` takes edx and ecx for the
            // instruction and stack pointers.
            assert_eq!(self.kernel.cpu.current(), caller, "another process runs");
            let words = |r: &Registers| (r.eip, r.esp, r.edx, r.ecx, r.eflags);
            let call = [VECTOR, Registers::SYSENTER].contains(&vector);
            assert!(!call || words(self.registers()) == words(&before), "no return from a call");
        }
        after
    }

    fn enter_kernel(&mut self, vector: u32) -> After {
        match vector {
            _ if self.kernel.trace.on => self.kernel.trap(),
            VECTOR => self.kernel.call::<false>(),
            Registers::SYSENTER => self.kernel.call::<true>(),
            PAGE_FAULT => self.kernel.fault(),
            _ => self.kernel.trap(),
        }
    }

    /// What the kernel does after each of its entries, until the CPU has a process or nothing to
    /// do.
    fn leave(&mut self, after: After) {
        self.after = after;
        self.settle();
        while self.after == After::TakeDown && !self.stop_at_teardown {
            self.after = self.kernel.idle();
            self.settle();
        }
    }

    /// Traps from virtual-8086 mode.
    pub fn virtual_8086(&mut self) {
        self.after = self.kernel.virtual_8086();
        self.settle();
    }

    /// Makes a call by `int 0x30` that may block, end or restart its caller; [`World::answer`] has
    /// what comes of it.
    pub fn begin(&mut self, call: Syscall) {
        self.begin_raw(call.encode());
    }

    pub fn begin_raw(&mut self, raw: RawCall) {
        let registers = self.registers();
        registers.eax = raw.head;
        registers.edx = raw.process;
        registers.ecx = raw.page;
        [registers.ebx, registers.esi, registers.edi, registers.ebp] = raw.words;
        registers.eip = CALL_SITE + 2;
        let caller = self.current();
        self.trap(VECTOR);
        self.check_documented(caller, raw);
    }

    /// If a call has answered with an error, its documentation names that error.
    fn check_documented(&self, caller: ProcessId, raw: RawCall) {
        let number = raw.head & 0xFF;
        let answers = self.exists(caller)
            && self.process(caller).state == State::Ready
            && !self.restarts(caller)
            && number >= Syscall::FIRST;
        if let Some(error) = answers.then(|| self.result(caller).err()).flatten() {
            assert!(documented::may_answer(number, error), "call {number} does not name {error:?}");
        }
    }

    /// Makes a call by `int 0x30` that answers without blocking. It is repeated while it restarts.
    pub fn call(&mut self, call: Syscall) -> Result<[u32; 4], Error> {
        self.call_raw(call.encode())
    }

    /// Makes a range call, and makes it again for what it has not done, as libsys does. Returns how
    /// many pages are done, and the error that stopped it.
    pub fn whole(&mut self, call: Syscall) -> (u32, Result<(), Error>) {
        let mut done = 0;
        while let Some(rest) = rest_of(call, done) {
            match self.call(rest) {
                Ok([0, ..]) => panic!("{rest:?} does nothing"),
                Ok([pages, ..]) => done += pages,
                Err(error) => return (done, Err(error)),
            }
        }
        (done, Ok(()))
    }

    pub fn call_raw(&mut self, raw: RawCall) -> Result<[u32; 4], Error> {
        let caller = self.current();
        self.begin_raw(raw);
        self.repeat(caller);
        assert_eq!(self.process(caller).state, State::Ready, "the call blocked");
        assert!(!self.restarts(caller), "the call restarts");
        self.check_documented(caller, raw);
        self.result(caller)
    }

    /// Repeats the call of a process, with the registers that it has, while it restarts and the
    /// process runs.
    pub fn repeat(&mut self, caller: ProcessId) {
        let mut times = 0;
        while self.kernel.cpu.current().is_some()
            && self.current() == caller
            && self.restarts(caller)
        {
            self.repeat_once();
            times += 1;
            assert!(times < 5000, "the call restarts for ever");
        }
    }

    /// Makes the current process's call again, with the registers that it has.
    pub fn repeat_once(&mut self) {
        self.registers().eip = CALL_SITE + 2;
        self.trap(VECTOR);
    }

    /// Makes a JOS call, again and again while it restarts at once; the arguments are those of
    /// `edx, ecx, ebx, edi, esi`. Returns the caller's `eax`, if the caller is still there.
    pub fn jos(&mut self, number: u32, arguments: [u32; 5]) -> u32 {
        let caller = self.current();
        let mut eax = self.jos_once(number, arguments);
        while self.kernel.cpu.current().is_some()
            && self.current() == caller
            && self.restarts(caller)
        {
            eax = self.jos_once(number, arguments);
        }
        eax
    }

    /// As [`World::jos`], by a process that is not necessarily on the CPU yet.
    pub fn jos_of(&mut self, id: ProcessId, number: u32, arguments: [u32; 5]) -> u32 {
        self.run(id);
        self.jos(number, arguments)
    }

    /// As [`World::jos`], but for one trap only.
    pub fn jos_once(&mut self, number: u32, [edx, ecx, ebx, edi, esi]: [u32; 5]) -> u32 {
        let caller = self.current();
        let registers = self.registers();
        *registers =
            Registers { eax: number, edx, ecx, ebx, edi, esi, eip: CALL_SITE + 2, ..*registers };
        self.trap(VECTOR);
        if self.exists(caller) { self.process(caller).registers.eax } else { 0 }
    }

    /// Loads a word. A fault is given to the kernel, and returned.
    pub fn read(&mut self, address: u32) -> Result<u32, FaultInfo> {
        let result = self.kernel.cpu.hardware.user_read(address);
        result.inspect_err(|fault| self.fault(*fault))
    }

    /// Stores a word. A fault is given to the kernel, and returned.
    pub fn write(&mut self, address: u32, value: u32) -> Result<(), FaultInfo> {
        let result = self.kernel.cpu.hardware.user_write(address, value);
        result.inspect_err(|fault| self.fault(*fault))
    }

    fn fault(&mut self, fault: FaultInfo) {
        self.kernel.cpu.hardware.fault_address = fault.address;
        let registers = self.registers();
        registers.error = fault.access.bits();
        registers.eip = CALL_SITE;
        self.trap(PAGE_FAULT);
    }

    /// Lets 10 ms pass.
    pub fn tick(&mut self) {
        self.kernel.cpu.hardware.clock += 10_000;
        let after = self.kernel.timer();
        self.leave(after);
    }

    /// A device raises an interrupt line, if it is open.
    pub fn raise(&mut self, line: u32) {
        if self.kernel.cpu.hardware.masked & 1 << line == 0 {
            let after = self.kernel.device_interrupt(line);
            self.leave(after);
        }
    }

    /// A key is pressed.
    pub fn key(&mut self, byte: u8) {
        let after = self.kernel.console_input(byte);
        self.leave(after);
    }

    /// Lets time pass until a process is on the CPU.
    pub fn run(&mut self, id: ProcessId) {
        for _ in 0..1100 {
            if self.kernel.cpu.current().is_some() && self.current() == id {
                return;
            }
            self.tick();
        }
        panic!(
            "{id} does not come to run: {:?}, stopped: {}",
            self.process(id).state,
            self.process(id).stopped
        );
    }

    /// As [`World::call`], by a process that is not necessarily on the CPU yet.
    pub fn call_of(&mut self, id: ProcessId, call: Syscall) -> Result<[u32; 4], Error> {
        self.run(id);
        self.call(call)
    }

    /// As [`World::begin`], by a process that is not necessarily on the CPU yet.
    pub fn begin_of(&mut self, id: ProcessId, call: Syscall) {
        self.run(id);
        self.begin(call);
    }

    /// Makes a blank, stopped child of the process on the CPU.
    pub fn child(&mut self) -> ProcessId {
        let [id, ..] = self.call(Syscall::ProcessCreate { copy: false }).unwrap();
        ProcessId::new(id).unwrap()
    }

    /// Makes a blank child that runs.
    pub fn running_child(&mut self) -> ProcessId {
        let child = self.child();
        self.call(Syscall::ProcessStart { process: child.into() }).unwrap();
        child
    }

    /// Makes a blank child of a process, which runs.
    pub fn running_child_of(&mut self, parent: ProcessId) -> ProcessId {
        self.run(parent);
        self.running_child()
    }

    /// Maps a fresh page in the space of the process on the CPU.
    pub fn allocate(&mut self, address: u32) {
        self.allocate_in(Target::Caller, address);
    }

    pub fn allocate_in(&mut self, process: Target, address: u32) {
        self.call(Syscall::PageAllocate {
            process,
            page: UserPage::known(address),
            permissions: WRITE,
        })
        .unwrap();
    }

    /// Maps a page of one space into another.
    pub fn map(
        &mut self,
        process: Target,
        page: u32,
        to: Target,
        to_page: u32,
        permissions: Permissions,
    ) -> Result<[u32; 4], Error> {
        let (page, to_page) = (UserPage::known(page), UserPage::known(to_page));
        self.call(Syscall::PageMap { process, page, to, to_page, permissions })
    }

    /// Makes a call that answers at once, without the audit: for tests that make very many.
    pub fn kernel_call(&mut self, call: Syscall) {
        let raw = call.encode();
        let registers = self.registers();
        registers.eax = raw.head;
        registers.edx = raw.process;
        registers.ecx = raw.page;
        [registers.ebx, registers.esi, registers.edi, registers.ebp] = raw.words;
        registers.eip = CALL_SITE + 2;
        registers.trap = VECTOR;
        self.after = self.kernel.trap();
        self.result(self.current()).expect("the call succeeds");
    }

    /// Takes memory away until so many frames are free.
    pub fn leave_free(&mut self, frames: u32) {
        while self.kernel.frames.free() > frames {
            let fresh = self.kernel.frames.allocate().expect("a free frame");
            self.reserved.push(self.kernel.frames.adopt(fresh));
        }
    }

    /// Says which id the last process of a freed slot had; the next one may have an id that there
    /// was before.
    pub fn forget_generations(&mut self, last: ProcessId) {
        self.kernel.forget_generations(last);
        self.tags.remove(&last.next());
    }

    /// Lets time pass until every dying process is gone.
    pub fn finish_teardowns(&mut self) {
        while self
            .kernel
            .processes()
            .front(kernel_core::state::process_table::QueueName::Dying)
            .is_some()
        {
            self.tick();
        }
    }
}

/// A range call for the pages after the first `done`; `None` if there are no others.
pub fn rest_of(mut call: Syscall, done: u32) -> Option<Syscall> {
    match &mut call {
        Syscall::RangeShare { range, to_page, .. } => {
            *range = range.after(done).ok()?;
            *to_page = to_page.plus(done);
        }
        Syscall::RangeUnmap { range, .. }
        | Syscall::RangeProtect { range, .. }
        | Syscall::RangeAllocate { range, .. } => *range = range.after(done).ok()?,
        Syscall::DeviceMap { range, frame } => {
            *range = range.after(done).ok()?;
            *frame = Frame::from_number(frame.number() + done);
        }
        call => unreachable!("{call:?}"),
    }
    Some(call)
}
