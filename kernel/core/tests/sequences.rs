//! Any sequence of calls, accesses, ticks and keys leaves the system sound.
//!
//! The steps are drawn from a small world (a few processes, a dozen pages, all calls), so that they
//! meet: shared frames, full queues, dying parents. [`World`] audits itself after each step; what a
//! call answers is checked elsewhere.

mod model;
mod world;

use abi::call::{FaultReply, PageTransfer};
use abi::driver::{Line, PortRange};
use abi::layout::{EXCEPTION_STACK, UENVS, UPAGES, USER_STACK_TOP, USER_TOP, UVPD, UVPT};
use abi::process::Target;
use abi::transaction::{Kind, Wish};
use abi::{Frame, Page, PageRange, Permissions, ProcessId, Syscall, UserPage, ViewSlot};
use kernel_core::After;
use proptest::prelude::*;
use world::{DATA, PAGE, PAGE_2, PAGE_3, World};

/// What happens next: which kind of step, and choices for whatever it needs.
type Step = (u8, [u8; 8]);

const PAGES: [u32; 10] = [
    PAGE,
    PAGE_2,
    PAGE + 0x2000,
    PAGE_3 - 0x1000,
    PAGE_3,
    DATA,
    EXCEPTION_STACK,
    // Under a table in the last group of directory entries, which the kernel's entries share.
    0xE800_0000,
    0,
    // In a view, if there is one: the table of `PAGE`.
    0x3000_0000 + (PAGE >> 22 << 12),
];
/// The directory entries of [`PAGE_3`] and of two views that pages lie in as well.
const VIEWS: [u32; 4] = [PAGE_3 >> 22, 0x0C0, 0x0C1, PAGE >> 22];
const MARKS: [u32; 4] = [0, 0x200, 0x800, 0xE00];

/// Draws arguments from a step's choices.
struct Draw<'a> {
    world: &'a World,
    choices: std::array::IntoIter<u8, 8>,
}

impl Draw<'_> {
    fn choice(&mut self) -> u32 {
        u32::from(self.choices.next().unwrap_or(0))
    }

    fn flag(&mut self) -> bool {
        !self.choice().is_multiple_of(2)
    }

    /// A living process; sometimes one that is none.
    fn id(&mut self) -> ProcessId {
        let (living, choice) = (self.world.living(), self.choice() as usize);
        if choice == 255 { ProcessId::first(1000) } else { living[choice % living.len()] }
    }

    /// A process that the current one may view, if there is one.
    fn viewable(&mut self) -> ProcessId {
        let current = self.world.current();
        let index = self.world.kernel.cpu.current();
        let may = |id: &ProcessId| {
            let process = self.world.process(*id);
            process.family.parent == index || process.paging.pager == Some(current)
        };
        let viewable: Vec<_> = self.world.living().into_iter().filter(may).collect();
        let choice = self.choice() as usize;
        if viewable.is_empty() { current } else { viewable[choice % viewable.len()] }
    }

    fn target(&mut self) -> Target {
        if self.flag() { Target::Caller } else { self.id().into() }
    }

    fn some_id(&mut self) -> Option<ProcessId> {
        self.flag().then(|| self.id())
    }

    fn page(&mut self) -> UserPage {
        UserPage::known(PAGES[self.choice() as usize % PAGES.len()])
    }

    fn address(&mut self) -> u32 {
        self.page().address() + self.choice() % 4 * 0x554
    }

    fn marks(&mut self) -> Permissions {
        Permissions::new(MARKS[self.choice() as usize % MARKS.len()]).unwrap()
    }

    fn permissions(&mut self) -> Permissions {
        let choice = self.choice();
        let write =
            if !choice.is_multiple_of(3) { Permissions::WRITE } else { Permissions::empty() };
        Permissions::new(MARKS[choice as usize / 3 % MARKS.len()]).unwrap() | write
    }

    fn wish(&mut self) -> Wish {
        let kind = match self.choice() % 4 {
            0 => Kind::Protect,
            1 => Kind::Unmap,
            2 => Kind::Map,
            _ => Kind::MapBoth,
        };
        let marks = self.permissions() - Permissions::WRITE;
        let protects = kind == Kind::Protect;
        Wish {
            kind,
            drop: if kind == Kind::Unmap { Permissions::empty() } else { self.permissions() },
            add: if protects { self.permissions() } else { marks },
            distance: if kind.maps() { self.choice() } else { 0 },
        }
    }

    fn range(&mut self) -> PageRange {
        let first = self.page();
        let room = (USER_TOP - first.address()) / 0x1000;
        PageRange::new(first, (1 + self.choice() % 8).min(room)).unwrap()
    }

    fn transfer(&mut self) -> Option<PageTransfer> {
        let choice = self.choice();
        let page = self.page();
        let send = (choice & 1 != 0).then(|| self.permissions());
        let accept = choice & 2 != 0;
        (choice & 3 != 0).then_some(PageTransfer { page, send, accept })
    }

    /// A directory entry of [`VIEWS`], some of which have tables at times.
    fn view(&mut self) -> ViewSlot {
        ViewSlot::new(VIEWS[self.choice() as usize % VIEWS.len()]).unwrap()
    }

    fn words(&mut self) -> [u32; 4] {
        [self.choice() % 2, 1, 2, 3]
    }

    fn reply(&mut self) -> FaultReply {
        match self.choice() % 4 {
            0 => FaultReply::Resume,
            1 => FaultReply::Refuse,
            _ => FaultReply::Map {
                source: self.page(),
                destination: self.page(),
                permissions: self.permissions(),
            },
        }
    }

    fn call(&mut self, number: u32) -> Syscall {
        match number {
            33 => Syscall::PageAllocate {
                process: self.target(),
                page: self.page(),
                permissions: self.permissions(),
            },
            82 => Syscall::PageMove {
                process: self.target(),
                page: self.page(),
                to: self.target(),
                to_page: self.page(),
                marks: self.permissions() - Permissions::WRITE,
            },
            34 => Syscall::PageMap {
                process: self.target(),
                page: self.page(),
                to: self.target(),
                to_page: self.page(),
                permissions: self.permissions(),
            },
            35 => Syscall::PageUnmap {
                process: self.target(),
                page: self.page(),
                marks: self.marks(),
            },
            36 => Syscall::PageCopy {
                process: self.target(),
                page: self.page(),
                permissions: self.permissions(),
            },
            37 => Syscall::FrameReferences { frame: self.choice() * 8 },
            38 => {
                let range = self.range();
                let to_page = self.page();
                let room = (USER_TOP - to_page.address()) / 0x1000;
                Syscall::RangeShare {
                    process: self.target(),
                    range: PageRange::new(range.first(), range.pages().min(room)).unwrap(),
                    to: self.target(),
                    to_page,
                    drop: self.permissions(),
                    add: self.marks(),
                    both: self.flag(),
                }
            }
            39 => Syscall::RangeProtect {
                process: self.target(),
                range: self.range(),
                drop: self.permissions(),
                add: self.permissions(),
            },
            40 => Syscall::RangeUnmap {
                process: self.target(),
                range: self.range(),
                marks: self.marks(),
            },
            41 => Syscall::RangeAllocate {
                process: self.target(),
                range: self.range(),
                permissions: self.permissions(),
            },
            86 => Syscall::Transact {
                process: self.target(),
                list: self.address() & !3,
                pages: self.choice() % 64,
                wish: self.wish(),
            },
            42 => Syscall::ProcessCreate { copy: self.flag() },
            43 => Syscall::ProcessStart { process: self.target() },
            44 => Syscall::ProcessStop { process: self.target() },
            45 => Syscall::RegistersRead { process: self.target(), address: self.address() },
            46 => Syscall::RegistersWrite { process: self.target(), address: self.address() },
            47 => Syscall::Exit { status: self.choice() },
            48 => Syscall::Wait { child: self.some_id() },
            49 => Syscall::Destroy { process: self.id().into(), subtree: self.flag() },
            50 => Syscall::SetQuota {
                process: self.target(),
                frames: self.choice() % 64,
                processes: self.choice() % 8,
            },
            51 => Syscall::Usage { process: self.target() },
            52 => Syscall::Machine,
            53 => Syscall::SetHandler {
                process: self.target(),
                address: self.choice() % 2 * 0x0080_0080,
            },
            54 => Syscall::SetPager { process: self.target(), pager: self.some_id() },
            55 => Syscall::AcceptClients { accept: self.flag() },
            85 => Syscall::EventsRead {
                process: self.target(),
                address: self.address(),
                count: self.choice() % 257,
            },
            84 => Syscall::AcceptFrameRequests { accept: self.flag() },
            56 => {
                Syscall::FaultForward { address: self.address(), access: self.choice() % 8, eip: 0 }
            }
            57 => Syscall::FaultReply { process: self.id(), reply: self.reply() },
            83 => Syscall::FaultReplyAndReceive {
                process: self.id(),
                reply: self.reply(),
                accept: self.flag().then(|| self.page()),
            },
            58 => Syscall::SetFaultTimeout {
                process: self.target(),
                milliseconds: self.choice() % 32,
            },
            59 => Syscall::Clone { child: self.id() },
            60 => Syscall::Send { to: self.id(), words: self.words(), transfer: self.transfer() },
            61 => Syscall::Receive { from: self.some_id(), transfer: self.transfer() },
            62 => Syscall::Call { to: self.id(), words: self.words(), transfer: self.transfer() },
            63 => Syscall::Reply { to: self.id(), words: self.words(), transfer: self.transfer() },
            64 => Syscall::ReplyAndReceive {
                to: self.id(),
                words: self.words(),
                transfer: self.transfer(),
            },
            65 => Syscall::Clock,
            66 => Syscall::Sleep { milliseconds: self.choice() % 64 },
            67 => Syscall::Yield,
            68 => Syscall::ConsoleWrite { address: self.address(), length: self.choice() * 8 },
            69 => Syscall::ConsoleRead { address: self.address(), length: self.choice() },
            70 => Syscall::SetConsoleOwner { owner: self.flag().then(|| self.target()) },
            71 => Syscall::PageProtect {
                process: self.target(),
                page: self.page(),
                drop: self.permissions(),
                add: self.permissions(),
            },
            72 => Syscall::ViewAttach { process: self.viewable().into(), view: self.view() },
            73 => Syscall::ViewDetach { view: self.view() },
            74 => Syscall::DriverAllow {
                process: self.target(),
                allow: !self.choice().is_multiple_of(4),
            },
            75 => {
                let ports = PortRange::new(self.choice() * 16, 1 + self.choice() % 8).unwrap();
                Syscall::PortsAllow { ports }
            }
            76 => {
                let frame = [0xF_E000, 0xB8, 0x200, 0xF_EC00][self.choice() as usize % 4];
                Syscall::DeviceMap { frame: Frame::from_number(frame), range: self.range() }
            }
            77 => Syscall::DmaAllocate { range: self.range() },
            78 => Syscall::DmaRelease { range: self.range() },
            79 => {
                let known = self.world.known();
                Syscall::DmaReclaim { driver: known[self.choice() as usize % known.len()] }
            }
            80 => Syscall::InterruptAttach { line: Line::new(9 + self.choice() % 3).unwrap() },
            81 => Syscall::InterruptAcknowledge { line: Line::new(9 + self.choice() % 3).unwrap() },
            _ => Syscall::Identity,
        }
    }

    fn jos(&mut self, number: u32) -> [u32; 5] {
        let env = self.target().bits();
        let (page, permissions) = (self.page().address(), self.permissions().bits() | 5);
        match number {
            0 => [self.address(), self.choice() * 40, 0, 0, 0],
            4 => [env, page, permissions, 0, 0],
            5 => [env, page, self.target().bits(), self.page().address(), permissions],
            8 => [env, 2 + self.choice() % 3, 0, 0, 0],
            9 => [env, self.address(), 0, 0, 0],
            10 => [env, 0x0080_0080, 0, 0, 0],
            12 => [env, 7, if self.flag() { page } else { USER_TOP }, permissions, 0],
            13 => [if self.flag() { page } else { USER_TOP }, 0, 0, 0, 0],
            _ => [env, page, 0, 0, 0],
        }
    }
}

const LAST_CALL: u8 = Syscall::LAST as u8;

/// Does one step. `false` when the machine has stopped, or nobody will ever run again.
fn step(world: &mut World, (kind, choices): Step) -> bool {
    let mut idle = 0;
    while world.after == After::Idle {
        if idle > 8 {
            return false;
        }
        idle += 1;
        world.key(b'a');
        world.tick();
    }
    if matches!(world.after, After::PowerOff { .. }) {
        return false;
    }
    let first = world.current() == world.init();
    if first {
        // Above what its handler left there.
        world.registers().esp = USER_STACK_TOP;
    }
    let mut draw = Draw { world, choices: choices.into_iter() };
    match kind {
        // The first process seldom ends, or waits for what may never come, or there would be little
        // to see.
        0 | 9 | 13 | 15 | 24 | 28 | 30 | 47..=49 | 60..=64 | 111..=150
            if first && choices[7] > 8 =>
        {
            world.tick()
        }
        0..=31 => {
            let number = u32::from(kind) % 15;
            let arguments = draw.jos(number);
            if !(first && number == 3 && (arguments[0] == 0 || arguments[0] == world.init().bits()))
            {
                world.jos(number, arguments);
            }
        }
        32..=LAST_CALL => {
            let call = draw.call(u32::from(kind));
            world.begin(call);
        }
        87..=110 => {
            let call = draw.call(33 + u32::from(kind) % 10);
            world.begin(call);
        }
        111..=150 => {
            let call = draw.call(60 + u32::from(kind) % 5);
            world.begin(call);
        }
        151..=190 => {
            let address = draw.address();
            let _ =
                if draw.flag() { world.write(address, 1) } else { world.read(address).map(drop) };
        }
        231..=236 => {
            let call = draw.call(if kind < 236 { 72 } else { 73 });
            world.begin(call);
        }
        237..=241 => {
            let shown = [PAGE, PAGE_3, DATA, UVPD, UVPT][draw.choice() as usize % 5];
            let address = draw.view().slot().entry_address(Page::containing(shown));
            let _ =
                if draw.flag() { world.read(address).map(drop) } else { world.write(address, 1) };
        }
        191..=195 => {
            let address = [UVPD, UENVS, UPAGES, 0xFFFF_F000, USER_TOP][usize::from(kind) - 191];
            let _ = world.read(address);
        }
        196 if !first => world.trap(3),
        226..=230 => {
            let process = draw.id().into();
            world.begin(Syscall::SetQuota { process, frames: u32::from(choices[1]), processes: 0 });
        }
        197 => world.key(3),
        242..=246 => {
            let call = draw.call(74 + u32::from(choices[7]) % 8);
            world.begin(call);
        }
        247..=248 => world.raise(9 + u32::from(choices[0]) % 3),
        249 => {
            // A driver listens to its devices alone.
            let from = Some(world.current());
            world.begin(Syscall::Receive { from, transfer: None });
        }
        198..=199 => world.key(b'x'),
        // Beside the draws of the number itself, so that calls that find no frame have somebody to
        // ask.
        200 => world.begin(Syscall::AcceptFrameRequests { accept: true }),
        201..=225 => {
            let call = draw.call(42);
            world.begin(call);
            if let (Some(&child), Some(_)) = (world.living().last(), world.kernel.cpu.current()) {
                world.begin(Syscall::ProcessStart { process: child.into() });
            }
        }
        _ => world.tick(),
    }
    true
}

/// All that was taken is given back when only the first process is left with what it had.
fn finish(world: &mut World, free: u32) {
    if matches!(world.after, After::PowerOff { .. }) {
        return;
    }
    for _ in 0..60 {
        if world.kernel.cpu.current().is_some() {
            if world.current() == world.init() {
                break;
            }
            world.begin(Syscall::Exit { status: 0 });
        } else {
            world.tick();
            world.key(b'a');
        }
        if matches!(world.after, After::PowerOff { .. }) {
            return;
        }
    }
    if world.kernel.cpu.current().is_none() || world.current() != world.init() {
        return;
    }
    for id in world.living() {
        if id != world.init() && world.exists(id) {
            world.begin(Syscall::Destroy { process: id.into(), subtree: true });
        }
    }
    world.finish_teardowns();
    let space = world.kernel.cpu.hardware.space(world.process(world.init()).directory);
    for (index, _) in space.tables {
        let range = PageRange::new(UserPage::known(index << 22), 1024).unwrap();
        let (process, marks) = (Target::Caller, Permissions::empty());
        let unmapped = world.whole(Syscall::RangeUnmap { process, range, marks });
        assert_eq!(unmapped, (1024, Ok(())));
    }
    let init = world.process(world.init());
    let tables = init.memory.mapped - 1;
    assert_eq!(
        world.kernel.frames.free() + init.memory.mapped,
        free,
        "frames are lost; init has {tables} tables"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence_of_steps_leaves_the_system_sound(
        steps in prop::collection::vec(any::<Step>(), 1..160), left in prop_oneof![0..40u32, Just(u32::MAX)],
        (speculates, promises_a) in any::<(bool, bool)>(),
    ) {
        let mut world = World::new();
        world.kernel.cpu.hardware.speculates = speculates;
        world.kernel.cpu.hardware.promises_a = promises_a;
        world.call(Syscall::SetHandler { process: Target::Caller, address: 0x0080_0080 }).unwrap();
        world.allocate(EXCEPTION_STACK);
        world.leave_free(left);
        let free = world.kernel.frames.free() + world.process(world.init()).memory.mapped - archive_pages(&world);
        for at in steps {
            if !step(&mut world, at) {
                break;
            }
        }
        finish(&mut world, free);
    }
}

/// Pages of the boot archive: mapped, but never free.
fn archive_pages(world: &World) -> u32 {
    (0..16)
        .filter(|page| {
            world.leaf(world.init(), abi::layout::BOOT_ARCHIVE + page * 0x1000).is_present()
        })
        .count() as u32
}
