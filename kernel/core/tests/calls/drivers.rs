//! What drivers get, who else gets nothing, and what becomes of it all when a driver ends.

use abi::call::PageTransfer;
use abi::driver::{Line, PortRange};
use abi::layout::USER_TOP;
use abi::message::{Kind, Message};
use abi::process::Target;
use abi::process_info::FrameRecord;
use abi::{Entry, EntryFlags, Error, Frame, PageRange, Permissions, ProcessId, Syscall, UserPage};
use kernel_core::Frames;
use kernel_core::boot::memory_map::{Span, Survey};
use kernel_core::state::process::State;

use crate::world::{DATA, DMA_POOL, PAGE, PAGE_2, PAGE_3, READ, WRITE, World};

const INIT: ProcessId = ProcessId::first(0);
const LINE: u32 = 11;
/// Device memory beyond all RAM.
const DEVICE: Frame = Frame::from_number(0xF_E000);

fn range(page: u32, pages: u32) -> PageRange {
    PageRange::new(UserPage::known(page), pages).unwrap()
}

fn line(number: u32) -> Line {
    Line::new(number).unwrap()
}

fn ports(first: u32, count: u32) -> Syscall {
    Syscall::PortsAllow { ports: PortRange::new(first, count).unwrap() }
}

/// A running child of init's that is a driver, on the CPU.
fn driver() -> (World, ProcessId) {
    let mut world = World::new();
    let driver = world.running_child();
    world.call(Syscall::DriverAllow { process: driver.into(), allow: true }).unwrap();
    world.run(driver);
    (world, driver)
}

fn dma(world: &mut World, page: u32, pages: u32) -> Result<u32, Error> {
    world.call(Syscall::DmaAllocate { range: range(page, pages) }).map(|words| words[0])
}

#[test]
fn every_call_of_drivers_is_refused_to_others() {
    let mut world = World::new();
    let other = world.running_child();
    world.run(other);
    let child = world.child();
    let calls = [
        Syscall::DriverAllow { process: child.into(), allow: true },
        ports(0xCF8, 8),
        Syscall::DeviceMap { frame: DEVICE, range: range(PAGE, 1) },
        Syscall::DmaAllocate { range: range(PAGE, 1) },
        Syscall::DmaRelease { range: range(PAGE, 1) },
        Syscall::DmaReclaim { driver: child },
        Syscall::InterruptAttach { line: line(LINE) },
        Syscall::InterruptAcknowledge { line: line(LINE) },
    ];
    for call in calls {
        assert_eq!(world.call(call), Err(Error::NotPermitted), "{call:?}");
    }
    assert!(!world.kernel.cpu.hardware.ports.any());
    assert_eq!(world.kernel.cpu.hardware.masked & 1 << LINE, 1 << LINE);
}

#[test]
fn a_driver_makes_its_own_children_drivers_and_nobody_else() {
    let (mut world, driver) = driver();
    let child = world.running_child();
    for (process, expected) in [
        (Target::Caller, Err(Error::NoSuchProcess)),
        (INIT.into(), Err(Error::NoSuchProcess)),
        (child.into(), Ok(())),
    ] {
        let allow = Syscall::DriverAllow { process, allow: true };
        assert_eq!(world.call(allow).map(|_| ()), expected, "{process:?}");
    }
    world.call_of(child, ports(0xCF8, 8)).unwrap();
    world.call_of(driver, Syscall::DriverAllow { process: child.into(), allow: false }).unwrap();
    assert_eq!(world.call_of(child, ports(0xD00, 8)), Err(Error::NotPermitted));
}

#[test]
fn one_that_is_no_driver_any_more_keeps_what_it_has_and_can_give_it_back() {
    let (mut world, driver) = driver();
    world.call(Syscall::InterruptAttach { line: line(LINE) }).unwrap();
    dma(&mut world, PAGE, 1).unwrap();
    world.run(INIT);
    world.call(Syscall::DriverAllow { process: driver.into(), allow: false }).unwrap();
    world.raise(LINE);
    world.run(driver);
    world.call(Syscall::InterruptAcknowledge { line: line(LINE) }).unwrap();
    assert_eq!(dma(&mut world, PAGE_2, 1), Err(Error::NotPermitted));
    world.call(Syscall::DmaRelease { range: range(PAGE, 1) }).unwrap();
    assert!(dma(&mut world, PAGE, 1).is_err());
}

#[test]
fn an_interrupt_takes_the_cpu_from_nobody_unless_its_owner_waits() {
    let (mut world, driver) = driver();
    world.call(Syscall::InterruptAttach { line: line(LINE) }).unwrap();
    let other = world.running_child();
    world.raise(LINE);
    assert_eq!(world.current(), driver, "its owner is on the CPU and stays there");
    world.call(Syscall::InterruptAcknowledge { line: line(LINE) }).unwrap();
    world.run(other);
    world.raise(LINE);
    assert_eq!(world.current(), other, "its owner is ready and has its turn");
}

#[test]
fn ports_are_open_while_their_driver_runs_and_to_nobody_else() {
    let (mut world, driver) = driver();
    world.call(ports(0xCF8, 8)).unwrap();
    assert!(world.kernel.cpu.hardware.ports.any(), "at once");
    assert_eq!(world.call(ports(0x40, 1)), Err(Error::Busy), "the timer's");
    for _ in 0..2 {
        world.run(INIT);
        assert!(!world.kernel.cpu.hardware.ports.any());
        world.run(driver);
        assert_eq!(world.kernel.cpu.hardware.ports.ranges()[0], PortRange::new(0xCF8, 8).unwrap());
    }
    world.begin(Syscall::Exit { status: 0 });
    world.run(INIT);
    assert!(!world.kernel.cpu.hardware.ports.any());
}

#[test]
fn device_memory_is_what_is_no_ram_and_not_the_kernels() {
    let (mut world, driver) = driver();
    let ram = world.leaf(INIT, DATA).frame();
    let last = Frame::from_number(world.kernel.cpu.hardware.frames() - 1);
    let kernels_own = [0xF_EC00, 0xF_EE00, 0, 0x100, 0xC0].map(Frame::from_number);
    for frame in [ram, last].into_iter().chain(kernels_own) {
        let refused = world.call(Syscall::DeviceMap { frame, range: range(PAGE, 1) });
        assert_eq!(refused, Err(Error::NotPermitted), "{frame:?}");
    }
    let across = Syscall::DeviceMap { frame: last, range: range(PAGE, 2) };
    assert_eq!(world.call(across), Err(Error::NotPermitted));
    for (frame, page) in [(DEVICE, PAGE), (Frame::from_number(0xB8), PAGE_3)] {
        let [done, ..] = world.call(Syscall::DeviceMap { frame, range: range(page, 2) }).unwrap();
        assert_eq!(done, 2);
        let leaf = world.leaf(driver, page + 0x1000);
        assert_eq!(leaf.frame().number(), frame.number() + 1);
        assert_eq!(leaf.flags(), EntryFlags::FRESH | EntryFlags::DEVICE);
    }
}

/// Tries every way by which a page gets to another place or another space.
fn assert_unshareable(world: &mut World, driver: ProcessId, page: u32) {
    let child = world.running_child();
    let refused = Err(Error::NotPermitted);
    let target = Target::Caller;
    for (to, to_page) in [(child.into(), page), (target, PAGE_3)] {
        for permissions in [READ, WRITE] {
            assert_eq!(world.map(target, page, to, to_page, permissions), refused);
        }
    }
    for (both, first) in [(true, page), (false, page), (false, PAGE_3)] {
        let share = Syscall::RangeShare {
            process: target,
            range: range(page, 1),
            to: child.into(),
            to_page: UserPage::known(first),
            drop: WRITE,
            add: READ,
            both,
        };
        assert_eq!(world.call(share), refused, "{both}");
    }
    let copy =
        Syscall::PageCopy { process: target, page: UserPage::known(page), permissions: READ };
    assert_eq!(world.call(copy), refused);
    let send =
        |send| Some(PageTransfer { page: UserPage::known(page), send, accept: send.is_none() });
    let words = [1, 2, 3, 4];
    for to in [child, INIT] {
        // Init waits for a message with a page; the child does not.
        assert_eq!(world.call(Syscall::Send { to, words, transfer: send(Some(READ)) }), refused);
        assert_eq!(world.call(Syscall::Call { to, words, transfer: send(Some(READ)) }), refused);
    }
    // A page keeps its kind when its protection changes.
    let before = world.leaf(driver, page).flags();
    let process = target;
    let protect = |drop, add| Syscall::RangeProtect { process, range: range(page, 1), drop, add };
    world.call(protect(WRITE, READ)).unwrap();
    assert_eq!(world.leaf(driver, page).flags(), before - EntryFlags::WRITE);
    world.call(protect(READ, WRITE)).unwrap();
    assert_eq!(world.leaf(driver, page).flags(), before);
}

#[test]
fn a_drivers_pages_get_to_no_other_space() {
    for device in [true, false] {
        let (mut world, driver) = driver();
        let transfer = PageTransfer { page: UserPage::known(PAGE_2), send: None, accept: true };
        world.begin_of(INIT, Syscall::Receive { from: None, transfer: Some(transfer) });
        world.run(driver);
        if device {
            world.call(Syscall::DeviceMap { frame: DEVICE, range: range(PAGE, 1) }).unwrap();
        } else {
            dma(&mut world, PAGE, 1).unwrap();
        }
        assert_unshareable(&mut world, driver, PAGE);
        let process = Target::Caller;
        let unmap = Syscall::RangeUnmap { process, range: range(PAGE, 1), marks: READ };
        assert!(world.call(unmap).is_ok());
        assert!(!world.leaf(driver, PAGE).is_present());
    }
}

#[test]
fn a_fork_stops_at_a_drivers_own_page() {
    for device in [true, false] {
        let (mut world, driver) = driver();
        world.allocate(PAGE);
        if device {
            world.call(Syscall::DeviceMap { frame: DEVICE, range: range(PAGE_2, 1) }).unwrap();
        } else {
            dma(&mut world, PAGE_2, 1).unwrap();
        }
        let child = world.child();
        let fork = Syscall::RangeShare {
            process: Target::Caller,
            range: range(PAGE, 3),
            to: child.into(),
            to_page: UserPage::known(PAGE),
            drop: WRITE,
            add: Permissions::COPY_ON_WRITE,
            both: true,
        };
        assert_eq!(world.whole(fork), (1, Err(Error::NotPermitted)));
        assert!(world.leaf(child, PAGE).is_present() && !world.leaf(child, PAGE_2).is_present());
        assert!(world.leaf(driver, PAGE_2).is_writable());
    }
}

#[test]
fn dma_frames_are_contiguous_zeroed_and_one_drivers() {
    let (mut world, driver) = driver();
    let free = world.kernel.frames.free();
    let first = world.dma_pool[0];
    for frame in world.dma_pool.clone() {
        world.kernel.cpu.hardware.set_word(frame, 7, 0xDEAD_BEEF);
    }
    assert_eq!(dma(&mut world, PAGE, DMA_POOL), Ok(first.address()));
    assert_eq!(world.kernel.frames.free(), free - 1, "a table");
    for index in 0..DMA_POOL {
        let leaf = world.leaf(driver, PAGE + index * 0x1000);
        assert_eq!(leaf.frame().number(), first.number() + index);
        assert_eq!(leaf.flags(), EntryFlags::FRESH | EntryFlags::DRIVERS_OWN);
        assert_eq!(world.read(PAGE + index * 0x1000 + 28), Ok(0));
    }
    assert_eq!(dma(&mut world, PAGE_3, 1), Err(Error::OutOfFrames));
    world.call(Syscall::DmaRelease { range: range(PAGE + 0x2000, 2) }).unwrap();
    assert_eq!(dma(&mut world, PAGE + 0x1000, 2), Err(Error::Busy), "a page is there");
    assert_eq!(dma(&mut world, PAGE_3, 3), Err(Error::OutOfFrames));
    assert_eq!(dma(&mut world, PAGE_3, 2), Ok(first.address() + 0x2000));
}

#[test]
fn dma_frames_are_released_by_the_pages_that_map_them() {
    let (mut world, _) = driver();
    world.allocate(PAGE_3);
    dma(&mut world, PAGE, 2).unwrap();
    let release = |page, pages| Syscall::DmaRelease { range: range(page, pages) };
    for (page, pages) in [(PAGE, 3), (PAGE_3, 1), (PAGE_2 + 0x1000, 1), (0x3000_0000, 1)] {
        assert_eq!(world.call(release(page, pages)), Err(Error::NotMapped), "{page:#x}");
    }
    world.call(release(PAGE, 2)).unwrap();
    assert_eq!(world.call(release(PAGE, 1)), Err(Error::NotMapped));
    assert!(dma(&mut world, PAGE, DMA_POOL).is_ok());
}

#[test]
fn an_allocation_that_fails_half_way_gives_everything_back() {
    let (mut world, driver) = driver();
    world.run(INIT);
    // The directory, one table, two pages; the third page lies under the next table.
    let quota = Syscall::SetQuota { process: driver.into(), frames: 4, processes: 0 };
    world.call(quota).unwrap();
    world.run(driver);
    let before_a_table = PAGE_3 - 0x2000;
    assert_eq!(dma(&mut world, before_a_table, 3), Err(Error::QuotaExceeded));
    assert!(!world.leaf(driver, before_a_table).is_present());
    world.leave_free(0);
    assert_eq!(dma(&mut world, PAGE_3, 1), Err(Error::OutOfFrames));
    assert!(dma(&mut world, before_a_table, 2).is_ok(), "the whole pool is there");
    let device = Syscall::DeviceMap { frame: DEVICE, range: range(PAGE_3 - 0x3000, 1) };
    assert_eq!(world.call(device), Err(Error::QuotaExceeded));
}

#[test]
fn an_interrupt_is_a_message_and_masks_its_line_until_it_is_acknowledged() {
    let (mut world, driver) = driver();
    let attach = Syscall::InterruptAttach { line: line(LINE) };
    let acknowledge = Syscall::InterruptAcknowledge { line: line(LINE) };
    assert_eq!(world.call(acknowledge), Err(Error::NotPermitted));
    world.call(attach).unwrap();
    world.begin(Syscall::Receive { from: None, transfer: None });
    world.raise(LINE);
    assert_eq!(world.current(), driver, "who waits for a device runs at once");
    let answer = world.answer(driver);
    let header = Message::header(Kind::Interrupt, None);
    assert_eq!((answer.eax, answer.process, answer.words[0]), (header, driver.bits(), LINE));
    assert_eq!(world.kernel.cpu.hardware.masked & 1 << LINE, 1 << LINE);
    world.call(acknowledge).unwrap();
    // One that comes while nobody waits is kept, and several are one.
    world.run(INIT);
    world.raise(LINE);
    world.call_of(driver, acknowledge).unwrap();
    world.raise(LINE);
    world.run(driver);
    assert_eq!(world.call(Syscall::Receive { from: None, transfer: None }).unwrap()[0], LINE);
    world.begin(Syscall::Receive { from: None, transfer: None });
    assert_ne!(world.current(), driver, "there is no other");
}

#[test]
fn a_driver_that_receives_from_itself_hears_interrupts_only() {
    let (mut world, driver) = driver();
    let own = Syscall::Receive { from: Some(driver), transfer: None };
    assert_eq!(world.call(own), Err(Error::Deadlock), "it has no line");
    world.call(Syscall::InterruptAttach { line: line(LINE) }).unwrap();
    world.begin(own);
    world.run(INIT);
    world.begin(Syscall::Send { to: driver, words: [7; 4], transfer: None });
    world.raise(LINE);
    assert_eq!((world.current(), world.answer(driver).words[0]), (driver, LINE));
    assert_eq!(world.call(Syscall::Receive { from: None, transfer: None }), Ok([7; 4]));
}

#[test]
fn an_interrupt_that_came_before_it_was_waited_for_is_not_lost() {
    let (mut world, driver) = driver();
    world.call(Syscall::InterruptAttach { line: line(LINE) }).unwrap();
    let own = Syscall::Receive { from: Some(driver), transfer: None };
    world.raise(LINE);
    assert_eq!(world.call(own).unwrap()[0], LINE);
    world.call(Syscall::InterruptAcknowledge { line: line(LINE) }).unwrap();
    world.raise(LINE);
    // A new owner of the console has not been told of an old Ctrl-C; a line is none.
    world.call(Syscall::SetConsoleOwner { owner: Some(Target::Caller) }).unwrap();
    world.key(3);
    assert_eq!(world.call(own).unwrap()[0], 0, "Ctrl-C first");
    world.key(3);
    world.call(Syscall::SetConsoleOwner { owner: Some(Target::Caller) }).unwrap();
    assert_eq!(world.call(own).unwrap()[0], LINE);
    world.begin(own);
    assert_ne!(world.current(), driver, "there is no more");
}

#[test]
fn a_line_has_one_owner_and_the_kernels_have_none() {
    let (mut world, driver) = driver();
    for number in [0, 2, 4] {
        let attach = Syscall::InterruptAttach { line: line(number) };
        assert_eq!(world.call(attach), Err(Error::Busy), "{number}");
    }
    let attach = Syscall::InterruptAttach { line: line(LINE) };
    world.call(attach).unwrap();
    assert_eq!(world.call_of(INIT, attach), Err(Error::Busy));
    let acknowledge = Syscall::InterruptAcknowledge { line: line(LINE) };
    assert_eq!(world.call(acknowledge), Err(Error::NotPermitted));
    world.begin_of(driver, Syscall::Exit { status: 0 });
    assert_eq!(
        world.kernel.cpu.hardware.masked & 1 << LINE,
        1 << LINE,
        "masked when its driver ends"
    );
    world.call_of(INIT, attach).unwrap();
}

#[test]
fn a_dead_drivers_frames_are_not_used_again_before_its_parent_says_so() {
    let (mut world, driver) = driver();
    let free = world.kernel.frames.free();
    dma(&mut world, PAGE, DMA_POOL).unwrap();
    let frame = world.leaf(driver, PAGE).frame();
    world.begin(Syscall::Destroy { process: Target::Caller, subtree: false });
    world.run(INIT);
    world.finish_teardowns();
    assert_eq!(world.kernel.frames.free(), free + 1, "its directory");
    assert_eq!(world.kernel.frames.count(frame), Some(1));
    world.begin(Syscall::Wait { child: Some(driver) });
    assert_eq!(dma(&mut world, PAGE_3, 1), Err(Error::OutOfFrames), "quarantined");
    for stranger in [driver.next(), INIT] {
        let reclaim = Syscall::DmaReclaim { driver: stranger };
        assert_eq!(world.call(reclaim), Err(Error::NoSuchProcess));
    }
    let reclaim = Syscall::DmaReclaim { driver };
    assert_eq!(world.call(reclaim).unwrap()[0], DMA_POOL);
    assert_eq!(world.call(reclaim), Err(Error::NoSuchProcess), "once");
    assert_eq!(dma(&mut world, PAGE_3, DMA_POOL), Ok(frame.address()));
}

#[test]
fn frames_are_not_reclaimed_while_their_drivers_tables_name_them() {
    let (mut world, driver) = driver();
    dma(&mut world, PAGE, 1).unwrap();
    world.run(INIT);
    world.call(Syscall::Destroy { process: driver.into(), subtree: false }).unwrap();
    let reclaim = Syscall::DmaReclaim { driver };
    assert_eq!(world.call(reclaim), Err(Error::Busy));
    world.begin(Syscall::Wait { child: Some(driver) });
    world.run(INIT);
    assert_eq!(world.call(reclaim).unwrap()[0], 1);
}

#[test]
fn the_say_over_a_dead_drivers_frames_passes_to_its_grandparent() {
    let (mut world, parent) = driver();
    let driver = world.running_child();
    world.call(Syscall::DriverAllow { process: driver.into(), allow: true }).unwrap();
    world.run(driver);
    dma(&mut world, PAGE, 2).unwrap();
    world.begin(Syscall::Exit { status: 0 });
    world.run(INIT);
    let reclaim = Syscall::DmaReclaim { driver };
    assert_eq!(world.call(reclaim), Err(Error::NoSuchProcess), "it is the parent's to say");
    world.call(Syscall::Destroy { process: parent.into(), subtree: false }).unwrap();
    assert_eq!(dma(&mut world, PAGE_3, DMA_POOL), Err(Error::OutOfFrames));
    assert_eq!(world.call(reclaim).unwrap()[0], 2);
    assert!(dma(&mut world, PAGE_3, DMA_POOL).is_ok());
}

#[test]
fn the_next_process_in_a_drivers_slot_is_none_and_has_nothing() {
    let (mut world, driver) = driver();
    world.call(ports(0xCF8, 8)).unwrap();
    world.begin(Syscall::Exit { status: 0 });
    world.run(INIT);
    world.finish_teardowns();
    world.call(Syscall::Wait { child: Some(driver) }).unwrap();
    let next = world.running_child();
    assert_eq!(next, driver.next(), "the same slot");
    world.run(next);
    assert!(!world.kernel.cpu.hardware.ports.any());
    assert_eq!(world.call(ports(0xCF8, 8)), Err(Error::NotPermitted));
}

#[test]
fn a_living_drivers_frames_are_nobodys_to_reclaim() {
    let (mut world, driver) = driver();
    dma(&mut world, PAGE, 1).unwrap();
    world.run(INIT);
    assert_eq!(world.call(Syscall::DmaReclaim { driver }), Err(Error::NoSuchProcess));
}

#[test]
fn firmware_memory_at_the_top_of_ram_is_no_device() {
    let mut survey = Survey::new();
    survey.entry(Span::new(0x10_0000, 0x7FE_0000 - 0x10_0000), true);
    survey.entry(Span::new(0x7FE_0000, 0x2_0000), false);
    let plan = survey.plan().unwrap();
    let records = vec![FrameRecord::default(); plan.records() as usize].into_boxed_slice();
    let frames = Frames::new(Box::leak(records), plan.ranges());
    let is_device = |number| frames.is_device(Frame::from_number(number));
    assert_eq!([0x7FDF, 0x7FE0, 0x7FFF].map(is_device), [false; 3], "RAM, and the ACPI tables");
    assert_eq!([0x8000, 0xF_FFFF, 0xA0, 0xBF].map(is_device), [true; 4]);
}

#[test]
fn a_dma_allocation_that_fails_leaves_the_marks_of_absent_pages() {
    let (mut world, driver) = driver();
    for page in [PAGE, PAGE_2] {
        let (page, marks) = (UserPage::known(page), Permissions::COPY_ON_WRITE);
        world.call(Syscall::PageUnmap { process: Target::Caller, page, marks }).unwrap();
    }
    let usage = Syscall::Usage { process: Target::Caller };
    let [used, ..] = world.call(usage).unwrap();
    world.run(INIT);
    let (process, frames) = (driver.into(), used + 2);
    world.call(Syscall::SetQuota { process, frames, processes: 0 }).unwrap();
    world.run(driver);
    assert_eq!(dma(&mut world, PAGE, 3), Err(Error::QuotaExceeded), "the third page");
    let mark = Entry::paged_out(Permissions::COPY_ON_WRITE);
    assert_eq!(
        [PAGE, PAGE_2, PAGE_3].map(|page| world.leaf(driver, page)),
        [mark, mark, Entry::ABSENT]
    );
    assert_eq!(world.call(usage).unwrap()[0], used);
    assert!(dma(&mut world, PAGE, 2).is_ok(), "as many as the quota allows");
}

#[test]
fn a_drivers_page_is_not_sent_even_to_a_receiver_that_accepts_no_page() {
    for jos in [false, true] {
        let mut world = World::new();
        let server = world.running_child();
        let driver = world.running_child();
        world.call(Syscall::DriverAllow { process: driver.into(), allow: true }).unwrap();
        world.run(server);
        if jos {
            world.jos(13, [USER_TOP, 0, 0, 0, 0]);
        } else {
            world.begin(Syscall::Receive { from: None, transfer: None });
        }
        world.run(driver);
        dma(&mut world, PAGE, 1).unwrap();
        if jos {
            let eax = world.jos(12, [server.bits(), 1, PAGE, 7, 0]);
            assert_eq!(eax, Error::InvalidArgument.to_wire());
            continue;
        }
        let page = UserPage::known(PAGE);
        let transfer = Some(PageTransfer { page, send: Some(WRITE), accept: false });
        for call in [
            Syscall::Call { to: server, words: [1; 4], transfer },
            Syscall::Send { to: server, words: [1; 4], transfer },
        ] {
            assert_eq!(world.call(call), Err(Error::NotPermitted), "{call:?}");
        }
    }
}

#[test]
fn dma_release_gives_back_a_frame_that_its_driver_has_unmapped() {
    let (mut world, driver) = driver();
    let first = dma(&mut world, PAGE, 2).unwrap();
    let unmap = |page| Syscall::PageUnmap { process: Target::Caller, page, marks: READ };
    world.call(unmap(UserPage::known(PAGE))).unwrap();
    world.allocate(PAGE);
    let release = Syscall::DmaRelease { range: range(PAGE, 2) };
    assert_eq!(
        world.call(Syscall::DmaRelease { range: range(PAGE, 3) }),
        Err(Error::NotMapped),
        "the third page never had one"
    );
    world.call(release).unwrap();
    assert!(world.leaf(driver, PAGE).is_present(), "what came to the page since is left alone");
    assert!(!world.leaf(driver, PAGE_2).is_present());
    assert_eq!(world.call(release), Err(Error::NotMapped), "once");
    assert_eq!(dma(&mut world, PAGE_3, DMA_POOL), Ok(first), "both frames are in the pool");
}

#[test]
fn nobody_learns_from_dma_reclaim_that_a_process_is_dying() {
    for (is_driver, error) in [(false, Error::NotPermitted), (true, Error::NoSuchProcess)] {
        let mut world = World::new();
        let caller = world.running_child();
        let allow = Syscall::DriverAllow { process: caller.into(), allow: is_driver };
        world.call(allow).unwrap();
        world.run(caller);
        let victim = world.running_child();
        world.allocate_in(victim.into(), PAGE);
        world.call(Syscall::Destroy { process: victim.into(), subtree: false }).unwrap();
        assert_eq!(world.process(victim).state, State::Dying);
        for driver in [victim, victim.next()] {
            let told = world.call(Syscall::DmaReclaim { driver });
            assert_eq!(told, Err(error), "as for an id that does not exist");
        }
    }
}

#[test]
fn device_map_does_the_pages_before_the_one_that_fails() {
    let mut world = World::new();
    let map = |page, pages, frame| Syscall::DeviceMap { frame, range: range(page, pages) };
    // The last page under a table that is there, and the first of the next table, for which there
    // is no frame.
    let last = PAGE + 0x3F_F000;
    world.allocate(PAGE);
    world.leave_free(0);
    assert_eq!(world.whole(map(last, 5, DEVICE)), (1, Err(Error::OutOfFrames)));
    let ram = map(PAGE, 5, Frame::from_number(1));
    assert_eq!(world.whole(ram), (0, Err(Error::NotPermitted)));
    // The local APIC is the kernel's own.
    let devices = map(PAGE, 5, Frame::from_number(0xF_EDFD));
    assert_eq!(world.whole(devices), (3, Err(Error::NotPermitted)));
}
