//! One process of a family: it acts a few dozen times.

use core::sync::atomic::{AtomicU32, Ordering};

use libsys::fork::{Fork, fork};
use libsys::process::{exit, id};
use libsys::{ProcessId, identity, println};

use crate::action::{Action, Names};
use crate::options::Options;
use crate::random::Random;

/// Steps of a member.
pub const STEPS: u32 = 48;
/// A member this far below the family's first does not fork.
const DEEPEST: u32 = 3;
/// Members have numbers below this; the children of member `m` are `m * 5 + 1` and so on.
const CHILDREN: u32 = 5;

/// Acts until the steps are done; does not come back. `made` counts the steps of all members.
pub fn act(options: &Options, batch: u32, made: &AtomicU32) -> ! {
    let (mut member, mut depth, mut children) = (0, 0, 0);
    let mut names = Names { own: 0, children: [0; 4], parent: 0 };
    introduce(&mut names);
    let mut step = 0;
    while step < STEPS {
        let mut random = Random::of(options.seed, batch, member, step);
        let action = Action::choose(&mut random, &names);
        step += 1;
        if options.drops(member, step - 1) {
            continue;
        }
        if options.print {
            println!("/* {batch}:{member}:{} */ {action}", step - 1);
        }
        made.fetch_add(1, Ordering::Relaxed);
        if !matches!(action, Action::Fork) {
            action.perform();
            continue;
        }
        if depth == DEEPEST || children == CHILDREN - 1 {
            continue;
        }
        children += 1;
        match fork() {
            Ok(Fork::Child) => {
                (member, depth, children, step) = (member * CHILDREN + children, depth + 1, 0, 0);
                introduce(&mut names);
            }
            Ok(Fork::Parent { child }) => {
                names.children.rotate_right(1);
                names.children[0] = child.bits();
            }
            // No room under the quota, or the memory is not what it was: the member goes on without.
            Err(_) => {}
        }
    }
    exit(0)
}

/// Learns who one is.
fn introduce(names: &mut Names) {
    let parent = identity().parent.map_or(0, ProcessId::bits);
    *names = Names { own: id().bits(), children: [0; 4], parent };
}
