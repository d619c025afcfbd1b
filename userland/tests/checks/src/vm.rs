//! The primitives of Appel and Li: each does what the paper says.

use core::sync::atomic::{AtomicU32, Ordering};

use alloc::vec::Vec;

use libsys::paging::fault::{Fault, Handled};
use libsys::paging::primitives;
use libsys::{
    Error, Page, Permissions, Target, message_call, page_map, page_unmap, receive, reply,
};

use crate::expect::{Outcome, checks, equal, refused};
use crate::family::{child, ends_well};
use crate::memory::{bits, fresh, parent, test_page, test_pages};
use support::memory::{load, store};

checks! {
    prot1_and_unprot_change_write_and_make_clean,
    protn_protects_the_present_pages_of_a_range,
    trap_has_a_write_to_a_protected_page_mended,
    dirty_names_what_was_written_since_the_last_clean,
    map2_shows_one_frame_with_two_rights,
    map2_refuses_what_is_absent_or_would_gain_write,
    unprot_refuses_a_sealed_page_until_no_other_mapping_is_left,
    prot1_and_unprot_refuse_what_is_absent,
}

static FAULTS: AtomicU32 = AtomicU32::new(0);

/// A fault handler that makes the page writable, and counts.
fn make_writable(fault: &mut Fault<'_>) -> Handled {
    FAULTS.fetch_add(1, Ordering::Relaxed);
    match fault.page().map(primitives::unprot) {
        Some(Ok(())) => Handled::Resume,
        Some(Err(_)) | None => Handled::PassOn,
    }
}

fn prot1_and_unprot_change_write_and_make_clean() -> Outcome {
    store(fresh(0)?.address(), 1);
    equal("before", bits(test_page(0)), 0x067)?;
    primitives::prot1(test_page(0))?;
    equal("protected", bits(test_page(0)), 0x005)?;
    primitives::unprot(test_page(0))?;
    equal("unprotected", bits(test_page(0)), 0x007)
}

fn protn_protects_the_present_pages_of_a_range() -> Outcome {
    fresh(0)?;
    fresh(2)?;
    fresh(3)?;
    primitives::protn(test_pages(0, 3)?)?;
    let found: Vec<_> = (0..4).map(|index| bits(test_page(index))).collect();
    equal("flags", found, [0x005, 0, 0x005, 0x007].to_vec())
}

fn trap_has_a_write_to_a_protected_page_mended() -> Outcome {
    fresh(0)?;
    primitives::trap(Some(make_writable))?;
    primitives::prot1(test_page(0))?;
    store(test_page(0).address(), 7);
    store(test_page(0).address() + 4, 8);
    let found = (load(test_page(0).address()), load(test_page(0).address() + 4));
    equal("what was written", found, (7, 8))?;
    equal("faults", FAULTS.load(Ordering::Relaxed), 1)
}

fn dirty_pages() -> Result<Vec<Page>, Error> {
    let mut pages = Vec::new();
    primitives::dirty(test_pages(0, 4)?, |page| pages.push(page));
    Ok(pages)
}

fn dirty_names_what_was_written_since_the_last_clean() -> Outcome {
    for index in 0..5 {
        fresh(index)?;
    }
    primitives::clean(test_pages(0, 5)?)?;
    for index in [1, 3, 4] {
        store(test_page(index).address(), 1);
    }
    load(test_page(2).address());
    equal("dirty", dirty_pages()?, [test_page(1).page(), test_page(3).page()].to_vec())?;
    primitives::clean(test_pages(0, 4)?)?;
    equal("after clean", dirty_pages()?, Vec::new())
}

fn map2_shows_one_frame_with_two_rights() -> Outcome {
    fresh(0)?;
    primitives::map2(test_page(0), test_page(1), Permissions::empty())?;
    store(test_page(0).address(), 0xA11);
    equal("read at the other", load(test_page(1).address()), 0xA11)?;
    primitives::trap(Some(make_writable))?;
    store(test_page(1).address(), 0xB22);
    equal("faults of the write there", FAULTS.load(Ordering::Relaxed), 1)?;
    equal("read at the first", load(test_page(0).address()), 0xB22)
}

fn map2_refuses_what_is_absent_or_would_gain_write() -> Outcome {
    let absent = primitives::map2(test_page(0), test_page(1), Permissions::empty());
    refused("absent", absent, Error::NotMapped)?;
    fresh(0)?;
    primitives::prot1(test_page(0))?;
    let gained = primitives::map2(test_page(0), test_page(1), Permissions::WRITE);
    refused("gained", gained, Error::NotPermitted)?;
    page_unmap(Target::Caller, test_page(0), Permissions::empty())?;
    Ok(())
}

fn unprot_refuses_a_sealed_page_until_no_other_mapping_is_left() -> Outcome {
    let child = child(|| {
        receive(Some(parent()?), None)?;
        refused("shared", primitives::unprot(test_page(10)), Error::NotPermitted)?;
        equal("sealed", bits(test_page(10)), 0x105)?;
        // The parent unmaps its page now.
        message_call(parent()?, [0; 4], None)?;
        primitives::unprot(test_page(10))?;
        store(test_page(10).address(), 1);
        Ok(())
    })?;
    fresh(0)?;
    page_map((Target::Caller, test_page(0)), (child, test_page(10)), Permissions::empty())?;
    libsys::send(child, [0; 4], None)?;
    receive(Some(child), None)?;
    page_unmap(Target::Caller, test_page(0), Permissions::empty())?;
    reply(child, [0; 4], None)?;
    ends_well(child)
}

fn prot1_and_unprot_refuse_what_is_absent() -> Outcome {
    refused("PROT1", primitives::prot1(test_page(0)), Error::NotMapped)?;
    refused("UNPROT", primitives::unprot(test_page(0)), Error::NotMapped)
}
