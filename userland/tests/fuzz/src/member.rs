//! The processes of a family: the first, which only makes others, and the others, which act a few
//! dozen times each.

use core::sync::atomic::Ordering;

use libsys::paging::fault;
use libsys::paging::fork::{Fork, fork};
use libsys::process::{exit, id, wait};
use libsys::{
    ProcessId, accept_clients, driver_allow, identity, println, process_create, set_pager,
};

use crate::action::{Action, Names};
use crate::ground::{self, MEMBERS, roster};
use crate::options::Options;
use crate::random::Random;
use crate::skip::skip;

/// Steps of a member.
pub const STEPS: u32 = 48;
/// The most children that a member makes. Those of member `m` are `m * 16 + 1` and so on.
const CHILDREN: u32 = 3;
/// Members with a number from here on make no children.
const CHILDLESS: u32 = 16 * 16;

/// Steps after which a member reads the roster again.
const MEET_EVERY: u32 = 8;

/// The first process: makes the pages and the members, and waits for those that end by themselves.
pub fn nurse(options: &Options, batch: u32) -> ! {
    let mut random = Random::of(options.seed, batch, 0, 0);
    if ground::lay(&mut random).is_err() {
        // There is too little memory for a family, so this one makes no steps.
        exit(0);
    }
    let mut previous = None;
    for member in 1..=MEMBERS {
        let mut random = Random::of(options.seed, batch, 0, member);
        if options.drops_all(member) {
            continue;
        }
        match fork() {
            Ok(Fork::Child) => act(options, batch, member),
            Ok(Fork::Parent { child }) => {
                roster(member).store(child.bits(), Ordering::Relaxed);
                // All of these may be refused: by the quota, by a member that accepts no clients,
                // without `trust`.
                if random.once_in(4) {
                    let _ = set_pager(child, previous);
                }
                if random.once_in(2) {
                    let _ = driver_allow(child, true);
                }
                previous = Some(child);
            }
            Err(_) => {}
        }
    }
    while wait(None).is_ok() {}
    exit(0)
}

/// Acts until the steps are done, and exits.
fn act(options: &Options, batch: u32, first: u32) -> ! {
    let (mut member, mut children, mut step) = (first, 0, 0);
    let mut names = Names::default();
    introduce(options, batch, member, &mut names);
    while step < STEPS {
        let mut random = Random::of(options.seed, batch, member, step);
        if step % MEET_EVERY == 0 {
            names.meet(&mut random.clone());
        }
        let action = Action::choose(&mut random, &names);
        let at = member << 16 | step;
        step += 1;
        if options.drops(at) {
            continue;
        }
        if options.print {
            println!("/* {batch}:{member}:{} */ {action}", step - 1);
        }
        ground::count(at, options.plant);
        if !matches!(action, Action::Fork) {
            if let Some(child) = action.perform() {
                names.bear(child);
            }
            continue;
        }
        if member >= CHILDLESS || children == CHILDREN {
            continue;
        }
        children += 1;
        match fork() {
            Ok(Fork::Child) => {
                (member, children, step) = (member * 16 + children, 0, 0);
                introduce(options, batch, member, &mut names);
            }
            Ok(Fork::Parent { child }) => {
                names.bear(child.bits());
            }
            // The quota or the memory does not allow a child: the member goes on without one.
            Err(_) => {}
        }
    }
    exit(0)
}

/// Reads the ids of the member and others, and chooses its handler and whether it accepts clients.
fn introduce(options: &Options, batch: u32, member: u32, names: &mut Names) {
    let mut random = Random::of(options.seed, batch, member, 0xFFFF);
    let parent = identity().parent.map_or(0, ProcessId::bits);
    *names = Names { own: id().bits(), parent, ..Names::default() };
    roster(member).store(names.own, Ordering::Relaxed);
    if random.once_in(2)
        && let Ok(child) = process_create()
    {
        names.bear(child.bits());
    }
    // One member in four has only the handler that `fork` sets. There may be no frame for the
    // exception stack.
    let handler: Option<fault::Handler> = if random.once_in(4) { None } else { Some(skip) };
    let _ = fault::set_handler(handler);
    if random.once_in(3) {
        // Refused to a process that has a pager.
        let _ = accept_clients(true);
    }
}
