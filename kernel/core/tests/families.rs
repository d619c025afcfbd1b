//! Whatever the members of a family wait for, `destroy` with `subtree` ends every descendant of its
//! target.
//!
//! Families are drawn at random: who is whose child, who pages whom, and what each member has
//! blocked in. The end of one member then ends others, above and below it. [`World`] audits itself
//! after each step; among other things it checks that each process is in one queue at most, so that
//! none has ended twice.

mod model;
mod world;

use abi::process::Target;
use abi::{ProcessId, Syscall};
use kernel_core::state::process::State;
use proptest::prelude::*;
use world::{PAGE, World};

/// Whose child a member is, whose client, and what it blocks in; each choice is taken modulo what
/// there is.
type Member = (u8, u8, u8);

/// The members of a family, oldest first, and who is above each.
struct Family {
    world: World,
    members: Vec<ProcessId>,
    parents: Vec<Option<usize>>,
}

impl Family {
    /// A family in which every member runs; the first is a child of the first process.
    fn new(plan: &[Member]) -> Self {
        let mut world = World::new();
        let mut members: Vec<ProcessId> = Vec::new();
        let mut parents = Vec::new();
        for (parent, ..) in plan {
            let parent = (!members.is_empty()).then(|| usize::from(*parent) % members.len());
            world.run(parent.map_or(world.init(), |parent| members[parent]));
            members.push(world.running_child());
            parents.push(parent);
        }
        Self { world, members, parents }
    }

    /// Lets a member's parent name its pager, where the kernel takes it.
    fn set_pager(&mut self, client: usize, pager: usize) {
        let (world, members) = (&mut self.world, &self.members);
        let parent = self.parents[client].map_or(world.init(), |parent| members[parent]);
        world.call_of(members[pager], Syscall::AcceptClients { accept: true }).unwrap();
        let (process, pager) = (members[client].into(), Some(members[pager]));
        // A circle, or a chain that is too long, is refused: then the client has no pager.
        let _ = world.call_of(parent, Syscall::SetPager { process, pager });
    }

    /// Lets a member block in something that may concern another one.
    fn block(&mut self, member: usize, what: u8) {
        let other = self.members[usize::from(what / 8) % self.members.len()];
        let world = &mut self.world;
        world.run(self.members[member]);
        match what % 8 {
            0..=2 => drop(world.read(PAGE)),
            3 => world.begin(Syscall::Call { to: other, words: [0; 4], transfer: None }),
            4 => world.begin(Syscall::Receive { from: Some(other), transfer: None }),
            5 => world.begin(Syscall::Receive { from: None, transfer: None }),
            6 => world.begin(Syscall::Wait { child: None }),
            _ => world.begin(Syscall::FaultForward { address: PAGE, access: 4, eip: 0 }),
        }
    }

    fn is_ready(&self, member: usize) -> bool {
        let id = self.members[member];
        self.world.living().contains(&id) && self.world.process(id).state == State::Ready
    }

    fn is_below(&self, member: usize, root: usize) -> bool {
        member == root || self.parents[member].is_some_and(|parent| self.is_below(parent, root))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn destroying_a_subtree_ends_everyone_below_whoever_waits_for_whom(
        plan in prop::collection::vec(any::<Member>(), 2..9),
        root in 0..9usize,
    ) {
        let mut family = Family::new(&plan);
        let count = plan.len();
        for (member, (_, pager, _)) in plan.iter().enumerate() {
            family.set_pager(member, usize::from(*pager) % count);
        }
        for (member, (.., what)) in plan.iter().enumerate().rev() {
            // A member without a pager has ended by its fault, and its children may have moved up.
            if family.is_ready(member) {
                family.block(member, *what);
            }
        }
        let root = root % count;
        let doomed: Vec<ProcessId> = (0..count)
            .filter(|member| family.is_below(*member, root))
            .map(|member| family.members[member])
            .collect();
        let target = Target::Process(family.members[root]);
        let world = &mut family.world;
        let lived = world.living();
        if !lived.contains(&family.members[root]) {
            return Ok(());
        }
        // What an ended member has left behind is below its parent now, which is no less below the
        // root.
        world.run(world.init());
        world.call(Syscall::Destroy { process: target, subtree: true }).unwrap();
        for id in doomed {
            prop_assert!(!world.living().contains(&id), "{id} has outlived its family");
        }
        world.finish_teardowns();
    }
}
