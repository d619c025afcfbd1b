//! The pager's server on the modelled machine, one message after another: what each request and
//! each fault is answered, and what the client has then. Nobody else runs meanwhile.

mod faults;
mod memory;
mod refused;
mod requests;

use abi::{Entry, ProcessId, Syscall, ViewSlot};
use libsys::service::pager::{Faults, Given, Pages, Request};
use pager::PLACES;
use swap::accounts::RECENT;

use super::layout::{HEAP, TEXT, WRITE, held, page, table_page};
use super::server::Run;
use super::setting::Setting;

/// The first pages of the clients' heap and text.
const A: u32 = HEAP.start << 12;
const T: u32 = TEXT.start << 12;

/// A pager with so many slots of swap space.
fn pager(slots: u32) -> Run {
    let mut run = Run::new(1, Setting { slots, write_fails: 0, read_fails: 0, quotas: false });
    let machine = run.machine();
    machine.is_meanwhile = true;
    let boss = machine.boss;
    assert!(machine.run(boss));
    run
}

/// The same, with a client that was started.
fn with_client(slots: u32) -> (Run, ProcessId) {
    let mut run = pager(slots);
    let client = another(&mut run);
    (run, client)
}

fn another(run: &mut Run) -> ProcessId {
    let boss = run.machine().boss;
    assert!(run.machine().run(boss));
    let client = run.new_client().expect("a client");
    assert!(run.machine().make(boss, Syscall::ProcessStart { process: client.into() }));
    client
}

/// A process loads a word, or stores it, by the instruction at `eip`, and the pager serves the
/// fault. Returns whether the process lives.
fn touch_from(run: &mut Run, id: ProcessId, eip: u32, address: u32, value: Option<u32>) -> bool {
    assert!(run.machine().run(id), "{id} runs");
    run.machine().touch_from(eip, address, value);
    run.serve_all();
    run.machine().find(id).is_some()
}

/// The same, by an instruction of the text.
fn touch(run: &mut Run, id: ProcessId, address: u32, value: Option<u32>) -> bool {
    touch_from(run, id, T + 0x60, address, value)
}

/// Stores a word by a store that faults at most once.
fn store(run: &mut Run, id: ProcessId, address: u32, value: u32) {
    assert!(touch(run, id, address, Some(value)), "{id} lives");
    if load(run, id, address) != value {
        assert!(touch(run, id, address, Some(value)), "{id} lives");
    }
    assert_eq!(load(run, id, address), value);
}

/// Loads a word by a load that faults at most once.
fn load(run: &mut Run, id: ProcessId, address: u32) -> u32 {
    assert!(touch(run, id, address, None), "{id} lives");
    assert!(run.machine().run(id), "{id} runs");
    let word = run.machine().world.kernel.cpu.hardware.user_read(address);
    word.unwrap_or_else(|fault| panic!("{address:#x} is not there: {:?}", fault.access))
}

/// The parent of all clients asks.
fn ask(run: &mut Run, request: Request) -> [u32; 4] {
    let boss = run.machine().boss;
    ask_as(run, boss, request.encode())
}

fn ask_as(run: &mut Run, id: ProcessId, words: [u32; 4]) -> [u32; 4] {
    assert!(run.machine().run(id), "{id} runs");
    run.ask_words(id, words, None).expect("the pager answers")
}

fn pages(run: &mut Run, client: ProcessId) -> Option<Pages> {
    Pages::decode(ask(run, Request::Pages { client }))
}

fn faults(run: &mut Run, client: ProcessId) -> Option<Faults> {
    Faults::decode(ask(run, Request::Faults { client }))
}

fn given(run: &mut Run, client: ProcessId) -> Option<Given> {
    Given::decode(ask(run, Request::Given { client }))
}

fn leaf(run: &mut Run, id: ProcessId, address: u32) -> Entry {
    run.machine().see(id, page(address >> 12))
}

/// What the pager has printed since this was last asked.
fn lines(run: &mut Run) -> Vec<String> {
    std::mem::take(&mut run.machine().lines)
}

/// All pages go that a client has touched. The pages that it touches last stay: zeros elsewhere.
fn page_out(run: &mut Run, client: ProcessId) {
    touch_others(run, client);
    for limit in [1, 0] {
        assert_eq!(ask(run, Request::SetLimit { client, pages: limit }), [0; 4]);
    }
}

/// A client touches pages of zeros, so that they are the last ones that it was given.
fn touch_others(run: &mut Run, client: ProcessId) {
    let mut touched = 0;
    for address in (A + 0x40_0000..).step_by(0x1000) {
        if touched == RECENT {
            break;
        }
        if leaf(run, client, address) == Entry::ABSENT {
            assert_eq!(load(run, client, address), 0);
            touched += 1;
        }
    }
}

/// How many frames the pager keeps for the pages that come next.
fn spares(run: &mut Run) -> usize {
    let pager = run.machine().pager();
    (0..PLACES).filter(|place| run.machine().see(pager, held(*place)).is_present()).count()
}

/// How many pages the pager has for its own tables.
fn pages_of_tables(run: &mut Run) -> usize {
    let pager = run.machine().pager();
    let pages = (0..0x100).map(table_page);
    pages.take_while(|page| run.machine().see(pager, *page).is_present()).count()
}

/// The pager gives them back for a call that finds no frame, although they may be too few for it.
fn drop_spares(run: &mut Run, client: ProcessId) {
    let (process, page) = (abi::process::Target::Caller, page(0x6_0000));
    assert!(run.machine().run(client));
    let _ = run.call(client, Syscall::PageAllocate { process, page, permissions: WRITE });
    assert_eq!(spares(run), 0);
}

/// A word of what does not compress.
const fn noise(page: u32, index: u32) -> u32 {
    (page * 1024 + index + 1).wrapping_mul(0x9E37_79B1).rotate_left(index)
}

/// A client fills pages with what does not compress.
fn fill_with_noise(run: &mut Run, client: ProcessId, count: u32) {
    for page in 0..count {
        store(run, client, A + page * 0x1000, noise(page, 0));
        for index in 1..1024 {
            run.machine().touch(A + page * 0x1000 + index * 4, Some(noise(page, index)));
        }
    }
}

/// All words of these pages are as they were filled.
fn read_noise(run: &mut Run, client: ProcessId, count: u32) {
    for page in 0..count {
        for index in [0, 1, 511, 1023] {
            assert_eq!(load(run, client, A + page * 0x1000 + index * 4), noise(page, index));
        }
    }
}

/// The client makes a child and views it, so that the pager cannot view the client.
fn view_somebody(run: &mut Run, client: ProcessId) {
    assert!(run.machine().run(client));
    let [child, ..] = run.call(client, Syscall::ProcessCreate { copy: false }).unwrap();
    let process = ProcessId::new(child).unwrap().into();
    let view = ViewSlot::new(0xC0).unwrap();
    run.call(client, Syscall::ViewAttach { process, view }).unwrap();
}

/// A client forks, up to the child's start; `None`: the pager refuses.
fn fork(run: &mut Run, parent: ProcessId) -> Option<ProcessId> {
    let child = agreed_fork(run, parent)?;
    assert!(run.share_all(parent, child));
    Some(child)
}

/// A client begins a fork: the pager has agreed, and no page is shared yet.
fn agreed_fork(run: &mut Run, parent: ProcessId) -> Option<ProcessId> {
    assert!(run.machine().run(parent));
    let [child, ..] = run.call(parent, Syscall::ProcessCreate { copy: true }).unwrap();
    let child = ProcessId::new(child).unwrap();
    run.machine().parents.insert(child.bits(), parent);
    run.call(parent, Syscall::Clone { child }).ok()?;
    Some(child)
}

/// The parent destroys a client.
fn destroy(run: &mut Run, client: ProcessId) {
    let machine = run.machine();
    let boss = machine.boss;
    assert!(machine.run(boss));
    assert!(machine.make(boss, Syscall::Destroy { process: client.into(), subtree: false }));
    machine.world.finish_teardowns();
}

/// The same, and its process slot is free.
fn end(run: &mut Run, client: ProcessId) {
    destroy(run, client);
    let boss = run.machine().boss;
    assert!(run.machine().run(boss));
    run.machine().call(Syscall::Wait { child: Some(client) }).unwrap();
}

/// A client in this process slot, behind all slots that are used.
fn client_in_slot(run: &mut Run, slot: u32) -> ProcessId {
    loop {
        let client = another(run);
        if client.index() == slot {
            return client;
        }
        // Its slot stays taken: nobody has waited for its end.
        destroy(run, client);
    }
}
