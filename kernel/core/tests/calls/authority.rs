//! Who may do what to whom: DESIGN's table, each cell of it.

use abi::process::Target;
use abi::transaction::{Kind, Wish};
use abi::{Error, PageRange, ProcessId, Syscall, UserPage, ViewSlot};
use kernel_core::state::process::State;

use crate::world::{DATA, PAGE, PAGE_3, READ, World};

const INIT: ProcessId = ProcessId::first(0);

/// How the process that a call is about is related to the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Relation {
    Caller,
    Child,
    Client,
    Grandchild,
    Parent,
    Stranger,
}

use Relation::{Caller, Child, Client, Grandchild, Parent, Stranger};

const RELATIONS: [Relation; 6] = [Caller, Child, Client, Grandchild, Parent, Stranger];

/// A caller on the CPU, and everyone around it.
fn family() -> (World, impl Fn(Relation) -> ProcessId) {
    let mut world = World::new();
    let (caller, stranger, client) = (world.running_child(), world.child(), world.child());
    world.call_of(caller, Syscall::AcceptClients { accept: true }).unwrap();
    world.run(INIT);
    world.call(Syscall::SetPager { process: client.into(), pager: Some(caller) }).unwrap();
    world.run(caller);
    let child = world.running_child();
    world.run(child);
    let grandchild = world.child();
    world.run(caller);
    let who = move |relation| match relation {
        Caller => caller,
        Child => child,
        Client => client,
        Grandchild => grandchild,
        Parent => INIT,
        Stranger => stranger,
    };
    (world, who)
}

/// Calls about `process`, each harmless where it is allowed.
fn memory_calls(process: Target) -> Vec<Syscall> {
    let (page, permissions, to_page) = (UserPage::known(PAGE), READ, UserPage::known(PAGE));
    let range = PageRange::new(page, 1).unwrap();
    let own = Target::Caller;
    vec![
        Syscall::PageAllocate { process, page, permissions },
        Syscall::PageMap { process, page, to: own, to_page, permissions },
        Syscall::PageMap { process: own, page, to: process, to_page, permissions },
        Syscall::PageCopy { process, page, permissions },
        Syscall::RangeShare {
            process,
            range,
            to: own,
            to_page,
            drop: READ,
            add: READ,
            both: false,
        },
        Syscall::RangeShare {
            process: own,
            range,
            to: process,
            to_page,
            drop: READ,
            add: READ,
            both: false,
        },
        Syscall::RangeProtect { process, range, drop: READ, add: READ },
        Syscall::RangeAllocate { process, range, permissions },
        Syscall::Usage { process },
        Syscall::PageProtect { process, page, drop: READ, add: READ },
        Syscall::RangeUnmap { process, range, marks: READ },
        Syscall::PageUnmap { process, page, marks: READ },
        Syscall::Transact {
            process,
            list: DATA,
            pages: 0,
            wish: Wish { kind: Kind::Unmap, drop: READ, add: READ, distance: 0 },
        },
    ]
}

fn parent_calls(process: Target) -> Vec<Syscall> {
    vec![
        Syscall::RegistersRead { process, address: DATA },
        Syscall::RegistersWrite { process, address: DATA },
        Syscall::EventsRead { process, address: DATA, count: 1 },
        Syscall::SetQuota { process, frames: 0, processes: 0 },
        Syscall::SetFaultTimeout { process, milliseconds: 0 },
        Syscall::SetPager { process, pager: None },
        Syscall::ProcessStop { process },
        Syscall::ProcessStart { process },
    ]
}

/// Checks that calls about each relation succeed or say `NoSuchProcess`.
fn check(calls: fn(Target) -> Vec<Syscall>, allowed: &[Relation]) {
    for relation in RELATIONS {
        let (mut world, who) = family();
        world.allocate(DATA);
        world.allocate(PAGE);
        let caller = world.current();
        for syscall in calls(who(relation).into()) {
            world.run(caller);
            let refused = world.call(syscall) == Err(Error::NoSuchProcess);
            assert_eq!(refused, !allowed.contains(&relation), "{relation:?}: {syscall:?}");
        }
    }
}

#[test]
fn memory_is_changed_by_its_owner_a_parent_and_a_pager() {
    check(memory_calls, &[Caller, Child, Client]);
}

#[test]
fn registers_quota_and_pager_are_the_parents() {
    check(parent_calls, &[Child]);
}

#[test]
fn handlers_are_set_by_the_process_and_its_parent() {
    check(|process| vec![Syscall::SetHandler { process, address: 0 }], &[Caller, Child]);
}

#[test]
fn destroy_is_for_descendants() {
    for relation in [Child, Client, Grandchild, Parent, Stranger] {
        let (mut world, who) = family();
        let destroyed =
            world.call(Syscall::Destroy { process: who(relation).into(), subtree: false });
        assert_eq!(destroyed.is_ok(), [Child, Grandchild].contains(&relation), "{relation:?}");
    }
}

#[test]
fn clone_is_for_children() {
    let (mut world, who) = family();
    for relation in [Client, Grandchild, Parent, Stranger] {
        assert_eq!(
            world.call(Syscall::Clone { child: who(relation) }),
            Err(Error::NoSuchProcess),
            "{relation:?}"
        );
    }
    assert!(world.call(Syscall::Clone { child: who(Child) }).is_ok());
}

#[test]
fn a_pager_loses_its_authority_with_its_client() {
    let (mut world, who) = family();
    world.run(INIT);
    world.call(Syscall::SetPager { process: who(Client).into(), pager: None }).unwrap();
    let syscall = Syscall::PageAllocate {
        process: who(Client).into(),
        page: UserPage::known(PAGE),
        permissions: READ,
    };
    assert_eq!(world.call_of(who(Caller), syscall), Err(Error::NoSuchProcess));
}

/// Ends a process that `init` made, waits for it, and has the next process in its slot get its id
/// once more.
fn end_and_let_the_id_come_round(world: &mut World, id: ProcessId) -> ProcessId {
    world.call_of(world.init(), Syscall::Destroy { process: id.into(), subtree: false }).unwrap();
    world.finish_teardowns();
    world.call_of(world.init(), Syscall::Wait { child: Some(id) }).unwrap();
    let last = ProcessId::new(0x7FFF_F000 | id.index()).unwrap();
    assert_eq!(last.next(), id, "the id of the first process in a slot");
    world.forget_generations(last);
    let again = world.running_child();
    assert_eq!(again, id);
    again
}

#[test]
fn a_process_with_the_id_of_a_dead_pager_gets_none_of_its_authority() {
    let mut world = World::new();
    let (pager, victim) = (world.running_child(), world.running_child());
    world.call_of(pager, Syscall::AcceptClients { accept: true }).unwrap();
    let init = world.init();
    world.call_of(init, Syscall::SetPager { process: victim.into(), pager: Some(pager) }).unwrap();
    world.run(victim);
    let heir = world.running_child();
    world.allocate(PAGE);
    let stranger = end_and_let_the_id_come_round(&mut world, pager);
    for client in [victim, heir] {
        let usage = Syscall::Usage { process: client.into() };
        assert_eq!(world.call_of(stranger, usage), Err(Error::NoSuchProcess), "{client}");
        let view = ViewSlot::new(0x0C0).unwrap();
        let view = Syscall::ViewAttach { process: client.into(), view };
        assert_eq!(world.call(view), Err(Error::NoSuchProcess), "{client}");
        assert_eq!(world.call_of(client, Syscall::Identity).unwrap()[2], 0, "{client}");
    }
    world.begin_of(stranger, Syscall::Receive { from: None, transfer: None });
    world.run(victim);
    let _ = world.read(PAGE_3);
    assert!(!world.living().contains(&victim), "nobody serves its fault");
    assert_eq!(world.process(stranger).state, State::Receiving, "nor is told of it");
}

#[test]
fn a_fork_whose_pager_has_ended_is_told_so_until_the_process_gets_another() {
    let mut world = World::new();
    let (pager, client) = (world.running_child(), world.running_child());
    world.call_of(pager, Syscall::AcceptClients { accept: true }).unwrap();
    let init = world.init();
    world.call_of(init, Syscall::SetPager { process: client.into(), pager: Some(pager) }).unwrap();
    end_and_let_the_id_come_round(&mut world, pager);
    world.run(client);
    let child = world.child();
    assert_eq!(world.call(Syscall::Clone { child }), Err(Error::PeerEnded));
    world.call_of(init, Syscall::SetPager { process: client.into(), pager: None }).unwrap();
    assert_eq!(world.call_of(client, Syscall::Clone { child }).map(|_| ()), Ok(()));
}
