//! What fork does with a page: the decision, from the page's entry alone.

use abi::layout::EXCEPTION_STACK;
use abi::{Entry, Page, Permissions};

/// What a child gets for a present page of its parent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// The same frame with the same rights.
    ShareAsIs,
    /// The same frame without W and with the copy-on-write mark, at the parent, too.
    CopyOnWrite,
}

/// Decides for one page. `None`: the child does not get it. That is the exception stack, of which every process
/// needs its own, because a handler runs on it while it mends copy-on-write pages.
#[must_use]
pub fn policy(page: Page, entry: Entry) -> Option<Policy> {
    let permissions = entry.permissions();
    if !entry.is_present() || page == Page::containing(EXCEPTION_STACK) {
        None
    } else if permissions.contains(Permissions::SHARED) {
        Some(Policy::ShareAsIs)
    } else if permissions.intersects(Permissions::WRITE.union(Permissions::COPY_ON_WRITE)) {
        Some(Policy::CopyOnWrite)
    } else {
        Some(Policy::ShareAsIs)
    }
}

#[cfg(target_os = "none")]
impl Policy {
    /// The change of bits that a range call makes for this policy, and whether at both sides.
    pub(super) const fn change(self) -> (crate::call::Change, bool) {
        use crate::call::Change;
        match self {
            Self::ShareAsIs => (Change::NONE, false),
            Self::CopyOnWrite => {
                (Change { drop: Permissions::WRITE, add: Permissions::COPY_ON_WRITE }, true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_entry_has_its_policy() {
        let page = Page::containing(0x80_0000);
        let table = [
            (0x000, None),
            (0x200, None),                      // backed: the pager's to copy
            (0xE00, None),                      // absent, with every mark
            (0x005, Some(Policy::ShareAsIs)),   // text
            (0x125, Some(Policy::ShareAsIs)),   // sealed and read
            (0x007, Some(Policy::CopyOnWrite)), // fresh
            (0x067, Some(Policy::CopyOnWrite)), // written
            (0x805, Some(Policy::CopyOnWrite)), // since an earlier fork
            (0x807, Some(Policy::CopyOnWrite)),
            (0x405, Some(Policy::ShareAsIs)),
            (0x407, Some(Policy::ShareAsIs)),
            (0xC07, Some(Policy::ShareAsIs)), // shared wins: the program said so itself
            (0x207, Some(Policy::CopyOnWrite)), // the free mark means nothing here
        ];
        for (bits, expected) in table {
            let entry = Entry::from_bits(if bits & 1 == 0 { bits } else { 0x12_3000 | bits });
            assert_eq!(policy(page, entry), expected, "{bits:#05x}");
        }
    }

    #[test]
    fn the_exception_stack_is_never_passed_on() {
        for bits in [0x007, 0x407, 0x805, 0x005] {
            let entry = Entry::from_bits(0x12_3000 | bits);
            assert_eq!(policy(Page::containing(EXCEPTION_STACK), entry), None, "{bits:#x}");
        }
    }
}
