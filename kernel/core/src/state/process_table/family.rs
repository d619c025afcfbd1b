//! Parents and children, and how the children of a process that ends are reparented.

use crate::state::process::{Index, State};

use super::{Family, Processes, QueueName};

impl Processes {
    /// Adds a process to one of a parent's lists of children.
    pub fn link_child(&mut self, family: Family, parent: Index, child: Index) {
        let first = self.family(family, parent).replace(child);
        self[child].family.parent = Some(parent);
        self[child].family.next_sibling = first;
        self[child].family.previous_sibling = None;
        if let Some(first) = first {
            self[first].family.previous_sibling = Some(child);
        }
        let id = self[parent].process_id().bits();
        self.info_of(child).parent = id;
    }

    /// Removes a process from its parent's list of children.
    pub fn unlink_child(&mut self, family: Family, child: Index) {
        let Some(parent) = self[child].family.parent.take() else { return };
        let (previous, next) =
            (self[child].family.previous_sibling.take(), self[child].family.next_sibling.take());
        match previous {
            Some(previous) => self[previous].family.next_sibling = next,
            None => *self.family(family, parent) = next,
        }
        if let Some(next) = next {
            self[next].family.previous_sibling = previous;
        }
    }

    /// The first process of one of a parent's lists of children.
    fn family(&mut self, family: Family, parent: Index) -> &mut Option<Index> {
        match family {
            Family::Living => &mut self[parent].family.first_child,
            Family::Gone => &mut self[parent].family.first_gone,
        }
    }

    /// Moves a process that ends from its parent's living children to the gone ones.
    pub fn move_to_gone(&mut self, child: Index) {
        if let Some(parent) = self[child].family.parent {
            self.unlink_child(Family::Living, child);
            self.link_child(Family::Gone, parent, child);
        }
    }

    /// Reparents all children of a process that ends to that process's parent. One step for each
    /// child.
    ///
    /// The new parent cannot wait for these children: they count as unattended. Children that have
    /// ended already are freed. Each child stays charged to its account, so a quota still holds for
    /// it.
    pub fn reparent_children(&mut self, dead: Index) {
        let new_parent = self[dead].family.parent;
        while let Some(child) = self[dead].family.first_child {
            self.unlink_child(Family::Living, child);
            self[child].family.unattended = true;
            match new_parent {
                Some(new_parent) => self.link_child(Family::Living, new_parent, child),
                None => self.info_of(child).parent = 0,
            }
        }
        while let Some(child) = self[dead].family.first_gone {
            if self[child].state == State::Ended {
                self.remove(QueueName::Zombies(dead), child);
                self.free(child);
                continue;
            }
            self.unlink_child(Family::Gone, child);
            self[child].family.unattended = true;
            if let Some(new_parent) = new_parent {
                self.link_child(Family::Gone, new_parent, child);
            }
        }
        self[dead].family.awaited = 0;
    }

    /// Makes a living child unattended: its parent cannot wait for it any more.
    pub fn forget_child(&mut self, child: Index) {
        let Some(parent) = self[child].family.parent.filter(|_| !self[child].family.unattended)
        else {
            return;
        };
        self[child].family.unattended = true;
        self[parent].family.awaited -= 1;
    }

    /// Whether `index` is `ancestor` or a descendant of it.
    #[must_use]
    pub fn is_descendant(&self, index: Index, ancestor: Index) -> bool {
        let mut at = Some(index);
        while let Some(process) = at {
            if process == ancestor {
                return true;
            }
            at = self[process].family.parent;
        }
        false
    }
}
