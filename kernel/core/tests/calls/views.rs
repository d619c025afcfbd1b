//! Calls 72 and 73: views. Where a translation might be kept, the viewer has used it before.

use abi::call::{FaultReply, PageTransfer, RawCall};
use abi::fault::Access;
use abi::layout::{EXCEPTION_STACK, UVPT};
use abi::process::Target;
use abi::{
    Entry, EntryFlags, Error, Page, PageRange, Permissions, ProcessId, Syscall, UserPage, ViewSlot,
};
use kernel_core::state::process::State;

use crate::world::{DATA, PAGE, PAGE_2, PAGE_3, READ, WRITE, World};

const ME: Target = Target::Caller;
const INIT: ProcessId = ProcessId::first(0);
/// Where the tests put views: two directory entries that nobody has.
const VIEW: u32 = 0x0C0;
const VIEW_2: u32 = 0x0C1;
/// Where the tables of the one at `VIEW` lie, and its directory.
const TABLES: u32 = VIEW << 22;
const DIRECTORY: u32 = TABLES + (0x3BD << 12);

fn slot(index: u32) -> ViewSlot {
    ViewSlot::new(index).unwrap()
}

fn attach(world: &mut World, process: ProcessId, index: u32) -> Result<(), Error> {
    let call = Syscall::ViewAttach { process: process.into(), view: slot(index) };
    world.call(call).map(drop)
}

fn detach(world: &mut World, index: u32) -> Result<(), Error> {
    world.call(Syscall::ViewDetach { view: slot(index) }).map(drop)
}

fn destroy(world: &mut World, process: ProcessId) {
    world.call(Syscall::Destroy { process: process.into(), subtree: false }).unwrap();
}

/// Where the view at directory entry `index` shows the entry of `address`.
fn place(index: u32, address: u32) -> u32 {
    slot(index).slot().entry_address(Page::containing(address))
}

/// What the view at `VIEW` shows of `address`, read as a program reads it.
fn seen(world: &mut World, address: u32) -> Entry {
    Entry::from_bits(world.read(place(VIEW, address)).expect("the table can be read"))
}

/// Is the view at `VIEW` of a process, as libsys tells?
fn is_live(world: &mut World) -> bool {
    world.read(DIRECTORY + 0x3BD * 4).expect("a view's directory can be read") != 0
}

/// A first process that views a child with a page at `PAGE`, and has read its entry.
fn viewing() -> (World, ProcessId) {
    let mut world = World::new();
    let child = world.child();
    world.allocate_in(child.into(), PAGE);
    attach(&mut world, child, VIEW).unwrap();
    assert_eq!(seen(&mut world, PAGE), world.leaf(child, PAGE));
    (world, child)
}

fn directory_entry(world: &World, of: ProcessId, index: u32) -> Entry {
    Entry::from_bits(world.kernel.cpu.hardware.word(world.process(of).directory, index))
}

#[test]
fn a_view_shows_every_table_and_the_directory_of_a_child() {
    let (mut world, child) = viewing();
    world.allocate_in(child.into(), PAGE_2);
    assert_eq!(seen(&mut world, PAGE_2), world.leaf(child, PAGE_2));
    assert_eq!(seen(&mut world, PAGE + 0x2000), Entry::ABSENT);
    let upper = Page::containing(PAGE).directory_index();
    let table = Entry::from_bits(world.read(DIRECTORY + upper * 4).unwrap());
    assert_eq!(table.frame(), directory_entry(&world, child, upper).frame());
    let own = Entry::from_bits(world.read(DIRECTORY + 0x3BD * 4).unwrap());
    assert_eq!(own.frame(), world.process(child).directory);
}

#[test]
fn the_entry_of_a_view_has_p_and_u_and_the_mark_and_no_w() {
    let (world, child) = viewing();
    let entry = directory_entry(&world, world.init(), VIEW);
    assert_eq!(entry.frame(), world.process(child).directory);
    assert_eq!((entry.flags() - EntryFlags::ACCESSED_DIRTY).bits(), 0x205);
}

#[test]
fn a_view_sees_accessed_and_dirty_bits_as_they_come() {
    let (mut world, child) = viewing();
    assert!(!seen(&mut world, PAGE).is_accessed());
    world.call(Syscall::ProcessStart { process: child.into() }).unwrap();
    world.run(child);
    world.read(PAGE).unwrap();
    world.run(world.init());
    let entry = seen(&mut world, PAGE);
    assert!(entry.is_accessed() && !entry.is_dirty());
    world.run(child);
    world.write(PAGE, 1).unwrap();
    world.run(world.init());
    assert!(seen(&mut world, PAGE).is_dirty());
}

#[test]
fn a_table_that_comes_later_is_seen_at_once() {
    let (mut world, child) = viewing();
    assert!(world.kernel.cpu.hardware.user_read(place(VIEW, PAGE_3)).is_err());
    let flushes = world.kernel.cpu.hardware.flushes;
    world.allocate_in(child.into(), PAGE_3);
    assert_eq!(seen(&mut world, PAGE_3), world.leaf(child, PAGE_3));
    // Some old processors keep absence, which the model does not: so the view's page is flushed all
    // the same.
    let pages = world.kernel.cpu.hardware.flushes.pages - flushes.pages;
    assert_eq!(pages, 2, "the self map's page and the view's");
}

#[test]
fn a_table_that_nobody_on_the_cpu_views_costs_no_flush_more() {
    let mut world = World::new();
    let child = world.child();
    let flushes = world.kernel.cpu.hardware.flushes;
    world.allocate_in(child.into(), PAGE_3);
    assert_eq!(world.kernel.cpu.hardware.flushes.pages - flushes.pages, 1);
}

#[test]
fn nothing_can_be_written_through_a_view() {
    let (mut world, child) = viewing();
    let before = world.leaf(child, PAGE).bits();
    for address in [place(VIEW, PAGE), DIRECTORY, DIRECTORY + 0x3BD * 4] {
        let mut model = world.kernel.cpu.hardware.user_write(address, 0xFFF).unwrap_err();
        assert_eq!(model.access, Access::PROTECTION | Access::WRITE | Access::USER);
        model = world.kernel.cpu.hardware.kernel_write(address, 0xFFF).unwrap_err();
        assert_eq!(model.access, Access::PROTECTION | Access::WRITE);
    }
    assert_eq!(world.leaf(child, PAGE).bits() | 0x20, before | 0x20);
    world.call(Syscall::SetHandler { process: ME, address: 0x0080_0080 }).unwrap();
    world.allocate(EXCEPTION_STACK);
    assert!(world.write(place(VIEW, PAGE), 0).is_err());
    assert_eq!(world.registers().eip, 0x0080_0080, "an ordinary fault");
}

#[test]
fn kernel_tables_are_not_readable_through_a_view() {
    let (mut world, child) = viewing();
    // Even while the child's alternate map names something.
    world.call(Syscall::Usage { process: child.into() }).unwrap();
    for hidden in [0x3BE, 0x3BF, 0x3C0, 0x3C1, 0x3FD, 0x3FE, 0x3FF] {
        let fault = world.kernel.cpu.hardware.user_read(TABLES + (hidden << 12)).unwrap_err();
        let absent = !directory_entry(&world, child, hidden).is_present();
        assert_eq!(fault.access.contains(Access::PROTECTION), !absent, "{hidden:#x}");
    }
    for shown in [0x3BB, 0x3BC, 0x3BD] {
        world.read(TABLES + (shown << 12)).expect("what everyone may read anyway");
    }
}

#[test]
fn a_detached_view_is_gone_at_once() {
    let (mut world, _) = viewing();
    assert!(world.read(UVPT + (VIEW << 12)).is_ok(), "the window shows the view as a table");
    assert_eq!(detach(&mut world, VIEW), Ok(()));
    for address in [place(VIEW, PAGE), DIRECTORY, UVPT + (VIEW << 12)] {
        assert!(world.kernel.cpu.hardware.user_read(address).is_err(), "{address:#x}");
    }
    assert_eq!(directory_entry(&world, world.init(), VIEW), Entry::ABSENT);
    assert_eq!(detach(&mut world, VIEW), Err(Error::NotMapped));
}

#[test]
fn a_view_of_a_process_that_ends_reads_zeros_and_does_not_fault() {
    let (mut world, child) = viewing();
    assert!(is_live(&mut world));
    let free = world.kernel.frames.free();
    destroy(&mut world, child);
    assert!(world.process(child).state == State::Dying && world.kernel.frames.free() == free);
    assert!(!is_live(&mut world));
    for table in [0, PAGE >> 22, 0x3BA, 0x3BD, 0x3C0, 0x3FE, 0x3FF] {
        assert_eq!(world.read(TABLES + (table << 12) + 0x123 * 4), Ok(0), "{table:#x}");
    }
    world.finish_teardowns();
    assert_eq!(seen(&mut world, PAGE), Entry::ABSENT);
    assert_eq!(detach(&mut world, VIEW), Ok(()));
    assert_eq!(detach(&mut world, VIEW), Err(Error::NotMapped));
}

#[test]
fn a_frame_of_an_ended_process_is_not_readable_when_it_is_used_again() {
    let (mut world, child) = viewing();
    let table = directory_entry(&world, child, PAGE >> 22).frame();
    world.allocate(PAGE_3);
    destroy(&mut world, child);
    world.finish_teardowns();
    world.call(Syscall::Wait { child: Some(child) }).unwrap();
    for page in 1..4 {
        world.allocate(PAGE_3 + page * 0x1000);
        world.write(PAGE_3 + page * 0x1000, 0x5EC2_E700).unwrap();
    }
    let reused =
        (1..4).any(|page| world.leaf(world.init(), PAGE_3 + page * 0x1000).frame() == table);
    assert!(reused, "the freed table is a page now");
    assert_eq!(seen(&mut world, PAGE), Entry::ABSENT);
}

#[test]
fn a_view_is_charged_to_nobody_and_gives_everything_back() {
    let mut world = World::new();
    let child = world.child();
    let before = (world.kernel.frames.free(), world.process(world.init()).memory.mapped);
    attach(&mut world, child, VIEW).unwrap();
    assert_eq!((world.kernel.frames.free(), world.process(world.init()).memory.mapped), before);
    destroy(&mut world, child);
    world.finish_teardowns();
    detach(&mut world, VIEW).unwrap();
    assert_eq!(world.kernel.frames.free(), before.0 + 1, "the child's directory");
}

#[test]
fn only_a_parent_and_a_pager_may_view_and_nobody_himself() {
    let mut world = World::new();
    let (child, stranger) = (world.running_child(), world.running_child());
    assert_eq!(attach(&mut world, INIT, VIEW), Err(Error::NoSuchProcess));
    let me = Syscall::ViewAttach { process: ME, view: slot(VIEW) };
    assert_eq!(world.call(me), Err(Error::NoSuchProcess));
    let call = Syscall::ViewAttach { process: child.into(), view: slot(VIEW) };
    assert_eq!(world.call_of(stranger, call), Err(Error::NoSuchProcess));
    let up = Syscall::ViewAttach { process: world.init().into(), view: slot(VIEW) };
    assert_eq!(world.call_of(stranger, up), Err(Error::NoSuchProcess));
    world.run(world.init());
    assert_eq!(attach(&mut world, ProcessId::first(900), VIEW), Err(Error::NoSuchProcess));
    destroy(&mut world, child);
    assert_eq!(attach(&mut world, child, VIEW), Err(Error::NoSuchProcess), "it is dying");
}

#[test]
fn a_view_lies_in_an_empty_directory_entry_below_utop() {
    let mut world = World::new();
    let child = world.child();
    for index in [0x3BB, 0x3BD, 0x3FE, 0x3FF, 0x400, u32::MAX] {
        for (head, process) in [(72, child.bits()), (73, 0)] {
            let raw = RawCall { head, process, words: [index, 0, 0, 0], ..RawCall::default() };
            assert_eq!(world.call_raw(raw), Err(Error::InvalidArgument), "{index:#x}");
        }
    }
    assert_eq!(attach(&mut world, child, DATA >> 22), Err(Error::Busy), "there is a table");
    assert_eq!(detach(&mut world, DATA >> 22), Err(Error::NotMapped));
    assert_eq!(attach(&mut world, child, VIEW), Ok(()));
    let other = world.child();
    assert_eq!(attach(&mut world, other, VIEW), Err(Error::Busy), "there is a view");
    destroy(&mut world, child);
    assert_eq!(attach(&mut world, other, VIEW), Err(Error::Busy), "there is a lost view");
}

/// The first process, a pager that is its child, and a client of the pager: the pager runs.
fn with_pager() -> (World, ProcessId, ProcessId) {
    let mut world = World::new();
    let pager = world.running_child();
    world.call_of(pager, Syscall::AcceptClients { accept: true }).unwrap();
    world.run(world.init());
    let client = world.child();
    let set = Syscall::SetPager { process: client.into(), pager: Some(pager) };
    world.call(set).unwrap();
    world.allocate_in(client.into(), PAGE);
    world.run(pager);
    (world, pager, client)
}

#[test]
fn a_parent_and_a_pager_may_view_a_process_once_each() {
    let (mut world, _, client) = with_pager();
    attach(&mut world, client, VIEW).unwrap();
    assert_eq!(attach(&mut world, client, VIEW_2), Err(Error::Busy));
    assert_eq!(seen(&mut world, PAGE), world.leaf(client, PAGE));
    world.run(world.init());
    attach(&mut world, client, VIEW).unwrap();
    assert_eq!(attach(&mut world, client, VIEW_2), Err(Error::Busy));
    assert_eq!(seen(&mut world, PAGE), world.leaf(client, PAGE));
    destroy(&mut world, client);
    assert!(!is_live(&mut world));
}

#[test]
fn a_pager_that_is_replaced_sees_nothing_more() {
    let (mut world, pager, client) = with_pager();
    attach(&mut world, client, VIEW).unwrap();
    assert!(is_live(&mut world));
    let set = |pager| Syscall::SetPager { process: client.into(), pager };
    world.call_of(world.init(), set(Some(pager))).unwrap();
    world.run(pager);
    assert!(is_live(&mut world), "the same pager again");
    world.call_of(world.init(), set(None)).unwrap();
    world.run(pager);
    assert!(!is_live(&mut world));
    assert_eq!(attach(&mut world, client, VIEW_2), Err(Error::NoSuchProcess));
    world.call_of(world.init(), set(Some(pager))).unwrap();
    world.run(pager);
    assert!(!is_live(&mut world), "what is lost does not come back");
    assert_eq!(attach(&mut world, client, VIEW_2), Ok(()));
}

#[test]
fn a_pager_that_takes_itself_away_sees_nothing_more() {
    let mut world = World::new();
    let child = world.running_child();
    let grandchild = {
        world.run(child);
        world.child()
    };
    let set = |pager| Syscall::SetPager { process: grandchild.into(), pager };
    world.call(Syscall::AcceptClients { accept: true }).unwrap();
    world.call_of(world.init(), Syscall::AcceptClients { accept: true }).unwrap();
    let init = world.init();
    world.call_of(child, set(Some(init))).unwrap();
    world.run(init);
    attach(&mut world, grandchild, VIEW).unwrap();
    // The child ends, the first process adopts the grandchild, and is its pager and its parent now.
    destroy(&mut world, child);
    assert!(is_live(&mut world));
    attach(&mut world, grandchild, VIEW_2).unwrap();
    world.call(set(None)).unwrap();
    assert!(!is_live(&mut world), "the view by the pager's right");
    let own = world.read((VIEW_2 << 22) + (0x3BD << 12) + 0x3BD * 4);
    assert_ne!(own, Ok(0), "the view by the parent's right");
}

#[test]
fn the_views_of_a_process_that_ends_go_with_it_and_its_heir_may_have_his_own() {
    let mut world = World::new();
    let parent = world.running_child();
    world.run(parent);
    let child = world.child();
    world.allocate_in(child.into(), PAGE);
    attach(&mut world, child, VIEW).unwrap();
    seen(&mut world, PAGE);
    let free = world.kernel.frames.free();
    world.begin(Syscall::Exit { status: 0 });
    world.run(world.init());
    world.finish_teardowns();
    assert_eq!(world.kernel.frames.free(), free + 1, "the parent's directory, and nothing else");
    assert_eq!(attach(&mut world, child, VIEW), Ok(()));
    assert_eq!(seen(&mut world, PAGE), world.leaf(child, PAGE));
}

#[test]
fn teardown_steps_over_views_beside_tables() {
    let mut world = World::new();
    let free = world.kernel.frames.free();
    let parent = world.running_child();
    world.run(parent);
    let children = [world.child(), world.child()];
    for (child, index) in children.into_iter().zip([(PAGE >> 22) - 1, (PAGE >> 22) + 1]) {
        attach(&mut world, child, index).unwrap();
    }
    world.allocate(PAGE);
    destroy(&mut world, children[0]);
    world.begin(Syscall::Exit { status: 0 });
    world.run(world.init());
    destroy(&mut world, children[1]);
    world.finish_teardowns();
    world.call(Syscall::Wait { child: Some(parent) }).unwrap();
    assert_eq!(world.kernel.frames.free(), free);
}

#[test]
fn a_view_of_a_view_is_refused_and_a_viewer_is_no_longer_viewed() {
    let mut world = World::new();
    let child = world.running_child();
    attach(&mut world, child, VIEW).unwrap();
    assert!(is_live(&mut world));
    world.run(child);
    let grandchild = world.child();
    attach(&mut world, grandchild, VIEW).unwrap();
    assert!(is_live(&mut world));
    world.run(world.init());
    assert!(!is_live(&mut world), "the child has become a viewer");
    assert_eq!(attach(&mut world, child, VIEW_2), Err(Error::Refused));
    world.run(child);
    detach(&mut world, VIEW).unwrap();
    world.run(world.init());
    assert_eq!(attach(&mut world, child, VIEW_2), Ok(()));
}

#[test]
fn a_refused_attach_changes_nothing() {
    let mut world = World::new();
    let child = world.running_child();
    attach(&mut world, child, VIEW).unwrap();
    world.run(child);
    assert_eq!(attach(&mut world, INIT, VIEW), Err(Error::NoSuchProcess));
    let grandchild = world.child();
    let data = EXCEPTION_STACK >> 22;
    world.allocate(EXCEPTION_STACK);
    assert_eq!(attach(&mut world, grandchild, data), Err(Error::Busy));
    world.run(world.init());
    assert!(is_live(&mut world), "the child views nothing, so it is still viewed");
}

#[test]
fn a_lost_view_in_a_viewed_process_shows_zeros_too() {
    let mut world = World::new();
    let child = world.running_child();
    world.run(child);
    let grandchild = world.child();
    attach(&mut world, grandchild, VIEW_2).unwrap();
    destroy(&mut world, grandchild);
    world.run(world.init());
    attach(&mut world, child, VIEW).unwrap();
    let zeros = world.kernel.empty_view().unwrap().zeros;
    let entry = Entry::from_bits(world.read(TABLES + (VIEW_2 << 12)).unwrap());
    assert_eq!(entry.frame(), zeros, "a table of entries that name the frame of zeros");
    world.run(child);
    detach(&mut world, VIEW_2).unwrap();
    world.run(world.init());
    assert!(world.kernel.cpu.hardware.user_read(TABLES + (VIEW_2 << 12)).is_err());
}

#[test]
fn mapping_calls_refuse_a_views_pages_and_take_none_of_them() {
    for lost in [false, true] {
        let (mut world, child) = viewing();
        if lost {
            destroy(&mut world, child);
        }
        let other: Target = world.child().into();
        world.allocate(PAGE);
        let (inside, outside) =
            (UserPage::known(place(VIEW, PAGE) & !0xFFF), UserPage::known(PAGE));
        let range = PageRange::new(inside, 2).unwrap();
        let share = |range, to, to_page| Syscall::RangeShare {
            process: ME,
            range,
            to,
            to_page,
            drop: READ,
            add: READ,
            both: false,
        };
        let map = |page, to, to_page| Syscall::PageMap {
            process: ME,
            page,
            to,
            to_page,
            permissions: READ,
        };
        let one = PageRange::new(outside, 1).unwrap();
        let unmap = |marks| Syscall::PageUnmap { process: ME, page: inside, marks };
        let mark = Permissions::PAGER;
        let refused = [
            (
                Syscall::PageAllocate { process: ME, page: inside, permissions: WRITE },
                Error::NotPermitted,
            ),
            (map(outside, ME, inside), Error::NotPermitted),
            (map(inside, ME, outside), Error::NotMapped),
            (map(inside, other, outside), Error::NotMapped),
            (unmap(mark), Error::NotPermitted),
            (Syscall::PageCopy { process: ME, page: inside, permissions: READ }, Error::NotMapped),
            (share(one, ME, inside), Error::NotPermitted),
            (
                Syscall::RangeAllocate { process: ME, range, permissions: WRITE },
                Error::NotPermitted,
            ),
        ];
        let before = (world.kernel.frames.free(), world.process(world.init()).memory.mapped);
        for (call, error) in refused {
            assert_eq!(world.call(call), Err(error), "{call:?}");
        }
        let walks = [
            unmap(READ),
            share(range, other, outside),
            Syscall::RangeProtect { process: ME, range, drop: READ, add: WRITE },
            Syscall::RangeProtect {
                process: ME,
                range: PageRange::new(inside, 1).unwrap(),
                drop: READ,
                add: WRITE,
            },
            Syscall::RangeUnmap { process: ME, range, marks: mark },
        ];
        for call in walks {
            assert!(world.call(call).is_ok(), "{call:?}");
        }
        let after = (world.kernel.frames.free(), world.process(world.init()).memory.mapped);
        assert_eq!(after, before, "lost: {lost}");
        assert_eq!(is_live(&mut world), !lost);
    }
}

#[test]
#[cfg(feature = "jos")]
fn jos_calls_refuse_a_views_pages() {
    const INVALID: u32 = Error::InvalidArgument.to_wire();
    let (mut world, _) = viewing();
    let inside = place(VIEW, PAGE) & !0xFFF;
    assert_eq!(world.jos(4, [0, inside, 7, 0, 0]), INVALID);
    assert_eq!(world.jos(5, [0, DATA, 0, inside, 5]), INVALID);
    assert_eq!(world.jos(5, [0, inside, 0, PAGE, 5]), INVALID);
    assert_eq!(world.jos(6, [0, inside, 0, 0, 0]), 0);
    assert!(is_live(&mut world));
}

#[test]
fn a_page_of_a_message_neither_comes_from_a_view_nor_goes_there() {
    let mut world = World::new();
    let (server, client) = (world.running_child(), world.running_child());
    world.run(server);
    let below = world.child();
    attach(&mut world, below, VIEW).unwrap();
    let inside = UserPage::known(TABLES);
    let accept = Some(PageTransfer { page: inside, send: None, accept: true });
    world.begin(Syscall::Receive { from: None, transfer: accept });
    world.run(client);
    world.allocate(PAGE);
    let transfer =
        Some(PageTransfer { page: UserPage::known(PAGE), send: Some(READ), accept: false });
    let send = Syscall::Send { to: server, words: [0; 4], transfer };
    assert_eq!(world.call(send), Err(Error::NotPermitted));
    assert_eq!(world.process(server).state, State::Receiving, "it waits on");
    let plain = Syscall::Send { to: server, words: [0; 4], transfer: None };
    world.call(plain).unwrap();
    world.run(server);
    let transfer = Some(PageTransfer { page: inside, send: Some(READ), accept: false });
    let send = Syscall::Send { to: client, words: [0; 4], transfer };
    assert_eq!(world.call(send), Err(Error::NotMapped));
}

#[test]
fn a_pager_cannot_map_into_a_clients_view() {
    let mut world = World::new();
    world.call(Syscall::AcceptClients { accept: true }).unwrap();
    let child = world.running_child();
    let set = Syscall::SetPager { process: child.into(), pager: Some(world.init()) };
    world.call(set).unwrap();
    world.run(child);
    let below = world.child();
    attach(&mut world, below, VIEW).unwrap();
    let absent = place(VIEW, PAGE_3);
    assert!(world.read(absent).is_err(), "the table is not there");
    world.run(world.init());
    world.call(Syscall::Receive { from: None, transfer: None }).unwrap();
    let destination = UserPage::containing(absent).unwrap();
    let reply = |reply| Syscall::FaultReply { process: child, reply };
    let map = FaultReply::Map { source: UserPage::known(DATA), destination, permissions: READ };
    assert_eq!(world.call(reply(map)), Err(Error::NotPermitted));
    world.call(reply(FaultReply::Resume)).unwrap();
    world.run(child);
    assert!(world.read(absent).is_err(), "as any fault");
}

#[test]
fn a_buffer_in_a_view_can_be_printed_but_not_filled() {
    let (mut world, child) = viewing();
    let text = place(VIEW, PAGE);
    let bytes = world.leaf(child, PAGE).bits().to_le_bytes();
    world.kernel.cpu.hardware.console.clear();
    world.call(Syscall::ConsoleWrite { address: text, length: 4 }).unwrap();
    assert_eq!(world.kernel.cpu.hardware.console, bytes);
    world.key(b'x');
    world.call(Syscall::SetHandler { process: ME, address: 0x0080_0080 }).unwrap();
    world.allocate(EXCEPTION_STACK);
    for (call, access) in [
        (Syscall::ConsoleRead { address: text, length: 1 }, 7),
        (Syscall::ConsoleWrite { address: place(VIEW, PAGE_3), length: 4 }, 4),
        (Syscall::ConsoleWrite { address: TABLES + (0x3C0 << 12), length: 4 }, 4),
    ] {
        world.begin(call);
        assert_eq!(world.registers().eip, 0x0080_0080, "{call:?}");
        let record = world.registers().esp;
        assert_eq!(world.read(record + 4), Ok(access), "{call:?}");
        world.registers().esp = 0;
    }
}

#[test]
fn a_buffer_that_a_lost_view_holds_is_zeros() {
    let (mut world, child) = viewing();
    destroy(&mut world, child);
    world.kernel.cpu.hardware.console.clear();
    world.call(Syscall::ConsoleWrite { address: place(VIEW, PAGE), length: 4 }).unwrap();
    assert_eq!(world.kernel.cpu.hardware.console, [0; 4]);
}

#[test]
fn many_views_of_one_viewer_are_all_lost_when_a_subtree_ends() {
    let mut world = World::new();
    let free = world.kernel.frames.free();
    let parent = world.running_child();
    world.run(parent);
    let children: Vec<_> = (0..40).map(|_| world.child()).collect();
    for (&child, index) in children.iter().zip(VIEW..) {
        attach(&mut world, child, index).unwrap();
        let directory = (index << 22) + (0x3BD << 12);
        assert_ne!(world.read(directory + 0x3BD * 4), Ok(0));
    }
    for &child in &children[10..20] {
        destroy(&mut world, child);
    }
    for index in [0, 15, 25] {
        detach(&mut world, VIEW + index).unwrap();
    }
    let grandchildren = Syscall::Destroy { process: parent.into(), subtree: true };
    world.call_of(world.init(), grandchildren).unwrap();
    world.finish_teardowns();
    world.call(Syscall::Wait { child: Some(parent) }).unwrap();
    assert_eq!(world.kernel.frames.free(), free);
}

#[test]
fn a_slot_that_is_used_again_has_no_view_left() {
    let (mut world, child) = viewing();
    destroy(&mut world, child);
    world.finish_teardowns();
    world.call(Syscall::Wait { child: Some(child) }).unwrap();
    let next = world.child();
    assert_eq!(next.index(), child.index());
    world.allocate_in(next.into(), PAGE);
    assert_eq!(seen(&mut world, PAGE), Entry::ABSENT);
    assert_eq!(attach(&mut world, next, VIEW_2), Ok(()));
    assert!(!is_live(&mut world));
}

#[test]
fn a_forked_child_does_not_inherit_a_view() {
    let (mut world, _) = viewing();
    let [id, ..] = world.call(Syscall::ProcessCreate { copy: true }).unwrap();
    let copy = ProcessId::new(id).unwrap();
    let range = PageRange::new(UserPage::known(TABLES), 1024).unwrap();
    let share = Syscall::RangeShare {
        process: ME,
        range,
        to: copy.into(),
        to_page: range.first(),
        drop: WRITE,
        add: Permissions::COPY_ON_WRITE,
        both: true,
    };
    assert_eq!(world.call(share).unwrap()[0], 1024);
    assert_eq!(directory_entry(&world, copy, VIEW), Entry::ABSENT);
    assert!(is_live(&mut world));
}
