//! What clients and their parent do, and how the pager serves them.

use std::ops::Range;

use abi::call::FaultReply;
use abi::fault::Access;
use abi::process::Target;
use abi::{PageRange, Permissions, ProcessId, Syscall, UserPage, ViewSlot};
use kernel_core::state::process::State;
use swap::{Bytes, Served, Swap};

use super::machine::Machine;

/// Pages of the program that are only read.
pub const TEXT: Range<u32> = 0x800..0x808;
/// Pages that are zeros at first; they lie under two tables.
pub const HEAP: Range<u32> = 0x1_03E8..0x1_0418;
/// The exception stack.
pub const EXCEPTION: u32 = 0xE_EBFF;
/// Pages in no region.
const FOREIGN: Range<u32> = 0x6_0000..0x6_0004;
/// Pages of the clients' parent.
const BOSS: Range<u32> = 0x2_0000..0x2_0006;
/// Most clients.
const MOST: usize = 5;

const ME: Target = Target::Caller;
const WRITE: Permissions = Permissions::WRITE;
const NONE: Permissions = Permissions::empty();
const COW: Permissions = Permissions::COPY_ON_WRITE;

/// The bytes of a page of the program's file.
pub fn file(page: u32) -> Bytes {
    std::array::from_fn(|index| (page as usize * 7 + index / 3) as u8)
}

fn page(number: u32) -> UserPage {
    UserPage::known(number << 12)
}

impl Machine {
    fn clients(&self) -> Vec<ProcessId> {
        let pager = self.pager();
        let living = self.world.living().into_iter();
        living
            .filter(|id| self.find(*id).is_some_and(|it| it.paging.pager == Some(pager)))
            .collect()
    }

    fn some_page(&mut self) -> u32 {
        match self.random.below(12) {
            0 => TEXT.start + self.random.below(TEXT.len() as u32),
            1 => FOREIGN.start + self.random.below(FOREIGN.len() as u32),
            2..=6 => HEAP.start + self.random.below(6),
            _ => HEAP.start + self.random.below(HEAP.len() as u32),
        }
    }

    /// One step: somebody runs, and then the pager serves who has asked it.
    pub fn step(&mut self, swap: &mut Swap) {
        self.tally.steps += 1;
        self.tick();
        self.somebody_acts(Some(swap));
        while self.failure().is_none() && self.pager_has_a_message() {
            self.serve(swap);
        }
    }

    fn pager_has_a_message(&self) -> bool {
        self.find(self.pager()).is_some_and(|it| it.state == State::Ready)
    }

    /// Others run between two calls of the pager.
    pub(super) fn meanwhile(&mut self) {
        let pager = self.pager();
        if self.is_meanwhile || self.current() != Some(pager) || !self.random.one_in(3) {
            return;
        }
        self.is_meanwhile = true;
        for _ in 0..1 + self.random.below(3) {
            self.tick();
            self.somebody_acts(None);
        }
        assert!(self.run(pager), "the pager goes on");
        self.is_meanwhile = false;
    }

    /// The process on the CPU does something, unless it is the pager. Without `swap`, nothing that
    /// needs the pager at once.
    fn somebody_acts(&mut self, swap: Option<&mut Swap>) {
        let Some(id) = self.current().filter(|id| *id != self.pager()) else { return };
        if self.busy.contains(&id) {
            return;
        }
        match swap {
            Some(swap)
                if id == self.boss && self.clients().len() < MOST && self.random.one_in(4) =>
            {
                self.start(swap);
            }
            Some(swap) if id != self.boss && self.random.one_in(120) => self.fork(swap, id),
            _ if id == self.boss => self.boss_acts(),
            _ => self.client_acts(id),
        }
    }

    /// The parent makes a client.
    fn start(&mut self, swap: &mut Swap) {
        let Ok([id, ..]) = self.call(Syscall::ProcessCreate { copy: false }) else { return };
        let Ok(id) = ProcessId::new(id) else { return };
        let pager = Some(self.pager());
        if self.call(Syscall::SetPager { process: id.into(), pager }).is_ok() {
            let _ = swap.add_client(self, id);
            if self.random.one_in(2) {
                swap.set_limit(id, 4 + self.random.below(30));
            }
            let _ = self.call(Syscall::ProcessStart { process: id.into() });
        }
    }

    /// A load or a store by the process on the CPU. A fault goes to the kernel.
    fn touch(&mut self, address: u32, value: Option<u32>) {
        let hardware = &mut self.world.kernel.cpu.hardware;
        let result = match value {
            Some(value) => hardware.user_write(address, value),
            None => hardware.user_read(address).map(drop),
        };
        if let Err(fault) = result {
            hardware.fault_address = fault.address;
            let registers = self.world.registers();
            registers.error = fault.access.bits();
            registers.trap = 14;
            registers.eip = 0x0080_0060;
            let after = self.world.kernel.fault();
            self.settle(after);
        }
    }

    /// A store somewhere in a page, if the process may write it or has it not.
    fn store(&mut self, id: ProcessId, number: u32) {
        let leaf = self.see(id, page(number));
        if leaf.is_present() && !leaf.is_writable() {
            let process = ME;
            if leaf.permissions().contains(COW) {
                // As libsys's handler does.
                let _ =
                    self.call(Syscall::PageCopy { process, page: page(number), permissions: NONE });
                return;
            }
            return self.touch(number << 12, None);
        }
        if TEXT.contains(&number) || FOREIGN.contains(&number) && !leaf.is_present() {
            return;
        }
        let address = number << 12 | self.random.below(1024) << 2;
        let value = if self.random.one_in(5) { 0 } else { self.random.next() as u32 };
        // Some pages are filled with what does not compress.
        let words = if self.random.one_in(6) { 700 } else { 1 };
        for offset in 0..words {
            let address = number << 12 | (address + offset * 4) & 0xFFC;
            self.touch(address, Some(value.wrapping_mul(offset * 2 + 1)));
            if self.current() != Some(id) {
                return;
            }
        }
    }

    fn client_acts(&mut self, id: ProcessId) {
        let (from, to) = (self.some_page(), self.some_page());
        let present = self.see(id, page(from)).is_present();
        match self.random.below(40) {
            0..=19 => self.store(id, from),
            20..=27 if !FOREIGN.contains(&from) || present => self.touch(from << 12, None),
            28 | 29 => {
                let permissions = if self.random.one_in(2) { WRITE } else { NONE };
                let (process, page, to_page) = (ME, page(from), page(to));
                let _ = self.call(Syscall::PageMap { process, page, to: ME, to_page, permissions });
            }
            30 | 31 => {
                let (process, page, to_page, marks) = (ME, page(from), page(to), NONE);
                let _ = self.call(Syscall::PageMove { process, page, to: ME, to_page, marks });
            }
            32 => {
                let (process, page, marks) = (ME, page(from), NONE);
                let _ = self.call(Syscall::PageUnmap { process, page, marks });
            }
            33 => {
                let (process, page, permissions) = (ME, page(from), WRITE);
                let _ = self.call(Syscall::PageAllocate { process, page, permissions });
            }
            34 | 35 => {
                let (drop, add) =
                    self.random.of(&[(WRITE, NONE), (NONE, NONE), (COW, WRITE), (WRITE, COW)]);
                let (process, page) = (ME, page(from));
                let _ = self.call(Syscall::PageProtect { process, page, drop, add });
            }
            36 => {
                let (process, page, permissions) = (ME, page(from), NONE);
                let _ = self.call(Syscall::PageCopy { process, page, permissions });
            }
            // The page is written through a second mapping that goes again.
            37 => {
                let (process, page, to_page) = (ME, page(from), page(to));
                let call = Syscall::PageMap { process, page, to: ME, to_page, permissions: WRITE };
                if from != to && self.call(call).is_ok() {
                    self.store(id, to);
                    if self.current() == Some(id) {
                        let _ =
                            self.call(Syscall::PageUnmap { process, page: to_page, marks: NONE });
                    }
                }
            }
            38 if self.random.one_in(20) => {
                let own = self.world.living();
                let child = own.into_iter().find(|it| self.parents.get(&it.bits()) == Some(&id));
                if let (Some(child), Ok(view)) = (child, ViewSlot::new(0xC0)) {
                    let _ = self.call(Syscall::ViewAttach { process: child.into(), view });
                }
            }
            39 if self.random.one_in(8) => self.begin(Syscall::Exit { status: 0 }),
            _ => {}
        }
    }

    /// The parent maps, writes and changes pages of its children.
    fn boss_acts(&mut self) {
        let clients: Vec<ProcessId> =
            self.clients().into_iter().filter(|id| !self.busy.contains(id)).collect();
        if clients.is_empty() {
            return;
        }
        let (one, other) = (self.random.of(&clients), self.random.of(&clients));
        let (from, to) = (page(self.some_page()), page(self.some_page()));
        let own = page(BOSS.start + self.random.below(BOSS.len() as u32));
        let permissions = if self.random.one_in(3) { NONE } else { WRITE };
        let map = |process: Target, page, to, to_page| Syscall::PageMap {
            process,
            page,
            to,
            to_page,
            permissions,
        };
        let call = match self.random.below(16) {
            0..=3 => map(one.into(), from, ME, own),
            4 | 5 => map(ME, own, one.into(), to),
            6 | 7 => map(one.into(), from, other.into(), to),
            8 => Syscall::PageUnmap { process: ME, page: own, marks: NONE },
            9 => Syscall::PageMove {
                process: one.into(),
                page: from,
                to: other.into(),
                to_page: to,
                marks: NONE,
            },
            10 => Syscall::PageProtect { process: one.into(), page: from, drop: NONE, add: NONE },
            11 if self.random.one_in(30) => {
                Syscall::Destroy { process: one.into(), subtree: false }
            }
            _ => {
                if self.see(self.boss, own).is_writable() {
                    let value = self.random.next() as u32;
                    let address = own.address() | self.random.below(1024) << 2;
                    self.touch(address, Some(value));
                }
                return;
            }
        };
        let _ = self.call(call);
    }

    /// A client forks, as libsys does: a child, the pager's consent, and shares page by page.
    fn fork(&mut self, swap: &mut Swap, parent: ProcessId) {
        if self.clients().len() >= MOST {
            return;
        }
        let Ok([id, ..]) = self.call(Syscall::ProcessCreate { copy: true }) else { return };
        let Ok(child) = ProcessId::new(id) else { return };
        self.parents.insert(child.bits(), parent);
        self.busy = vec![parent, child];
        self.begin(Syscall::Clone { child });
        for _ in 0..100 {
            let waits = self.find(parent).is_some_and(|it| it.state != State::Ready);
            if !waits {
                break;
            }
            if self.pager_has_a_message() { self.serve(swap) } else { self.tick() }
        }
        if self.find(parent).is_some() && self.run(parent) {
            let agreed = self.find(parent).is_some_and(|it| it.registers.eax == 0);
            let _ = if agreed {
                self.share_all(child);
                self.tally.forks += 1;
                self.call(Syscall::ProcessStart { process: child.into() })
            } else {
                self.call(Syscall::Destroy { process: child.into(), subtree: false })
            };
        }
        self.busy.clear();
    }

    fn share_all(&mut self, child: ProcessId) {
        for (first, pages) in [(TEXT.start, 8), (HEAP.start, 24), (HEAP.start + 24, 24)] {
            let Ok(range) = PageRange::new(page(first), pages) else { continue };
            let (drop, add) = if TEXT.contains(&first) { (NONE, NONE) } else { (WRITE, COW) };
            let both = !TEXT.contains(&first);
            let (process, to, to_page) = (ME, child.into(), page(first));
            let share = Syscall::RangeShare { process, range, to, to_page, drop, add, both };
            let _ = self.call(share);
        }
    }

    /// The pager takes its message, serves it, and waits for the next one.
    fn serve(&mut self, swap: &mut Swap) {
        let pager = self.pager();
        assert!(self.run(pager), "the pager has a message");
        let registers = *self.world.registers();
        let [address, access, ..] = [registers.ebx, registers.esi];
        let client = ProcessId::new(registers.edx);
        match (registers.eax & 0xFF, client) {
            (1, Ok(client)) => {
                let access = Access::from_bits_truncate(access);
                let served = self.fault(swap, client, address, access);
                let reply = if served { FaultReply::Resume } else { FaultReply::Refuse };
                self.tally.refused += u64::from(!served);
                let _ = self.call(Syscall::FaultReply { process: client, reply });
            }
            (4, Ok(client)) => {
                let child = ProcessId::new(address).ok();
                let forked = child.is_some_and(|child| swap.fork(self, client, child).is_ok());
                let words = [u32::from(!forked), 0, 0, 0];
                let _ = self.call(Syscall::Reply { to: client, words, transfer: None });
            }
            _ => {}
        }
        assert!(self.run(pager), "the pager goes on");
        self.receive();
    }

    /// Serves a fault as the pager's server does. Returns whether the client may go on.
    fn fault(&mut self, swap: &mut Swap, id: ProcessId, address: u32, access: Access) -> bool {
        let Some(at) = UserPage::containing(address) else { return false };
        match swap.serve(self, id, at, access) {
            Served::Resume => true,
            Served::Refused | Served::Failed(_) => false,
        }
    }
}
