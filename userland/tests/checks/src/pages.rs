//! The page calls: allocate, map, unmap, copy, count.

use libsys::call::Change;
use libsys::{
    EntryFlags, Error, Frame, Permissions, Target, UserPage, frame_references, machine,
    page_allocate, page_copy, page_map, page_protect, page_unmap,
};

use crate::expect::{Outcome, checks, equal, holds, refused};
use crate::family::{child, ends_well};
use crate::memory::{bits, fresh, leaf, mappings, need_nothing, test_page};
use support::memory::{load, store};

checks! {
    page_allocate_gives_zeros_in_place_of_what_was_there,
    page_allocate_takes_the_first_and_the_last_user_page,
    page_map_gives_a_frame_a_second_page,
    page_map_drops_write_and_never_gains_it,
    page_map_refuses_an_absent_source,
    page_map_reaches_from_one_child_into_another,
    page_unmap_returns_the_old_entry,
    page_unmap_leaves_marks_and_nothing_else,
    page_protect_changes_bits_and_returns_the_old_entry,
    page_protect_refuses_an_absent_page,
    page_copy_copies_what_has_other_mappings,
    page_copy_of_the_last_mapping_just_gains_write,
    page_copy_refuses_an_absent_page,
    frame_references_refuses_what_is_no_memory,
}

const NONE: Permissions = Permissions::empty();
const WRITE: Permissions = Permissions::WRITE;
const SELF: Target = Target::Caller;

fn page_allocate_gives_zeros_in_place_of_what_was_there() -> Outcome {
    let page = fresh(0)?;
    let old = leaf(page).frame();
    store(page.address() + 4092, 0xDEAD);
    let free = machine().free;
    page_allocate(SELF, page, WRITE | Permissions::COPY_ON_WRITE)?;
    equal("free frames", machine().free, free)?;
    holds("another frame", leaf(page).frame() != old)?;
    equal("flags", bits(page), 0x807)?;
    let words = (0..1024).find(|word| load(page.address() + 4 * word) != 0);
    equal("a word that is not zero", words, None)
}

fn page_allocate_takes_the_first_and_the_last_user_page() -> Outcome {
    let first = UserPage::known(0);
    page_allocate(SELF, first, WRITE)?;
    store(4, 0x1234);
    equal("page 0 holds what was stored", load(4), 0x1234)?;
    page_unmap(SELF, first, NONE)?;
    // The last user page is the exception stack of this process, which is not in use now.
    let last = UserPage::known(0xEEBF_F000);
    // SAFETY: as said above, nothing refers to the page.
    #[allow(unsafe_code)]
    unsafe { libsys::call::page_allocate(SELF, last, WRITE) }?;
    equal("the last page", bits(last), 0x007)
}

fn page_map_gives_a_frame_a_second_page() -> Outcome {
    let page = fresh(0)?;
    page_map((SELF, page), (SELF, test_page(5000)), WRITE | Permissions::SHARED)?;
    store(page.address(), 0x5EED);
    equal("seen at the second page", load(test_page(5000).address()), 0x5EED)?;
    equal("one frame", leaf(page).frame(), leaf(test_page(5000)).frame())?;
    equal("mappings", mappings(page), Some(2))?;
    equal("the call says the same", frame_references(leaf(page).frame())?, 2)?;
    equal("flags", bits(test_page(5000)), 0x427)
}

fn page_map_drops_write_and_never_gains_it() -> Outcome {
    let page = fresh(0)?;
    page_map((SELF, page), (SELF, test_page(1)), NONE)?;
    equal("the second mapping", bits(test_page(1)), 0x005)?;
    let result = page_map((SELF, test_page(1)), (SELF, test_page(2)), WRITE);
    refused("W from a source without it", result, Error::NotPermitted)?;
    equal("nothing was mapped", bits(test_page(2)), 0)?;
    equal("mappings", mappings(page), Some(2))
}

fn page_map_refuses_an_absent_source() -> Outcome {
    let to = fresh(1)?;
    let before = leaf(to);
    refused("no table", page_map((SELF, test_page(9000)), (SELF, to), NONE), Error::NotMapped)?;
    refused("no page", page_map((SELF, test_page(2)), (SELF, to), NONE), Error::NotMapped)?;
    page_unmap(SELF, test_page(3), Permissions::all() - WRITE)?;
    refused("marks alone", page_map((SELF, test_page(3)), (SELF, to), NONE), Error::NotMapped)?;
    equal("the destination", leaf(to), before)
}

/// Neither space is the caller's, so the kernel must work on two other spaces at once.
fn page_map_reaches_from_one_child_into_another() -> Outcome {
    let (one, two) = (libsys::process_create()?, libsys::process_create()?);
    page_allocate(one, test_page(0), WRITE)?;
    page_map((one, test_page(0)), (SELF, test_page(0)), WRITE)?;
    store(test_page(0).address(), 0xC0DE);
    page_map((one, test_page(0)), (two, test_page(7)), WRITE)?;
    page_map((two, test_page(7)), (SELF, test_page(1)), NONE)?;
    equal("what the second child has", load(test_page(1).address()), 0xC0DE)?;
    equal("mappings", mappings(test_page(0)), Some(4))?;
    libsys::process::end(one)?;
    libsys::process::end(two)?;
    equal("mappings when both are gone", mappings(test_page(0)), Some(2))
}

fn page_unmap_returns_the_old_entry() -> Outcome {
    let page = fresh(0)?;
    store(page.address(), 1);
    let shown = leaf(page);
    let free = machine().free;
    equal("the old entry", page_unmap(SELF, page, NONE)?, shown)?;
    equal(
        "A and D came with it",
        shown.flags() & EntryFlags::ACCESSED_DIRTY,
        EntryFlags::ACCESSED_DIRTY,
    )?;
    equal("free frames", machine().free, free + 1)?;
    equal("the page", bits(page), 0)?;
    equal("once more", page_unmap(SELF, page, NONE)?.bits(), 0)?;
    equal("where there is no table", page_unmap(SELF, test_page(9000), NONE)?.bits(), 0)
}

fn page_protect_changes_bits_and_returns_the_old_entry() -> Outcome {
    let page = fresh(0)?;
    store(page.address(), 1);
    let shown = leaf(page);
    equal("D", shown.is_dirty(), true)?;
    let change = Change { drop: WRITE, add: Permissions::COPY_ON_WRITE };
    equal("the old entry", page_protect(SELF, page, change)?, shown)?;
    equal("without W, A and D", leaf(page).bits() & 0xFFF, 0x805)?;
    let back = Change { drop: Permissions::COPY_ON_WRITE, add: WRITE };
    equal("the frame is the same", page_protect(SELF, page, back)?.frame(), shown.frame())?;
    store(page.address(), 2);
    equal("a store marks it again", leaf(page).bits() & 0xFFF, 0x067)
}

fn page_protect_refuses_an_absent_page() -> Outcome {
    need_nothing()?;
    for page in [test_page(0), test_page(9000)] {
        refused(page.address(), page_protect(SELF, page, Change::NONE), Error::NotMapped)?;
    }
    Ok(())
}

fn page_unmap_leaves_marks_and_nothing_else() -> Outcome {
    let page = fresh(0)?;
    page_unmap(SELF, page, Permissions::COPY_ON_WRITE)?;
    equal("the absent entry", leaf(page).bits(), 0x800)?;
    // The mark PAGER is ignored in a process that has a pager: it is no error to ask for it.
    page_unmap(SELF, test_page(9000), Permissions::all() - WRITE)?;
    equal("a table was made for the marks", leaf(test_page(9000)).bits(), 0xC00)?;
    equal("the old entry", page_unmap(SELF, test_page(9000), NONE)?.bits(), 0xC00)?;
    equal("no marks any more", leaf(test_page(9000)).bits(), 0)
}

fn page_copy_copies_what_has_other_mappings() -> Outcome {
    let page = fresh(0)?;
    store(page.address(), 0xABCD);
    page_map((SELF, page), (SELF, test_page(1)), NONE)?;
    equal("it copied", page_copy(SELF, test_page(1), Permissions::SHARED)?, true)?;
    equal("flags", bits(test_page(1)), 0x407)?;
    equal("contents", load(test_page(1).address()), 0xABCD)?;
    store(test_page(1).address(), 1);
    equal("the original", load(page.address()), 0xABCD)?;
    equal("mappings", (mappings(page), mappings(test_page(1))), (Some(1), Some(1)))
}

fn page_copy_of_the_last_mapping_just_gains_write() -> Outcome {
    page_allocate(SELF, test_page(0), Permissions::COPY_ON_WRITE)?;
    equal("before", bits(test_page(0)), 0x805)?;
    let frame = leaf(test_page(0)).frame();
    equal("it copied", page_copy(SELF, test_page(0), NONE)?, false)?;
    equal("after", bits(test_page(0)), 0x007)?;
    equal("the frame", leaf(test_page(0)).frame(), frame)?;
    // The page is sealed, but it has no other mapping: after its parent has ended, it is the
    // child's own.
    let child = child(|| {
        page_map((SELF, test_page(0)), (SELF, test_page(1)), NONE)?;
        equal("copied", page_copy(SELF, test_page(1), NONE)?, true)
    })?;
    ends_well(child)
}

fn page_copy_refuses_an_absent_page() -> Outcome {
    refused("no table", page_copy(SELF, test_page(9000), NONE), Error::NotMapped)?;
    fresh(0)?;
    refused("no page", page_copy(SELF, test_page(1), NONE), Error::NotMapped)?;
    equal("nothing was mapped", bits(test_page(1)), 0)
}

fn frame_references_refuses_what_is_no_memory() -> Outcome {
    for number in [0xF_FFFF, 0xF_E000] {
        let result = frame_references(Frame::from_number(number));
        refused("a frame above all memory", result, Error::NotMapped)?;
    }
    let bad = support::Registers { eax: 37, ebx: u32::MAX, ..Default::default() };
    let result = Error::check(support::gate::interrupt(bad).eax);
    refused("no frame number at all", result, Error::NotMapped)
}
