//! The primitives of Appel and Li: each means what the paper says.

use core::sync::atomic::{AtomicU32, Ordering};

use alloc::vec::Vec;

use libsys::paging::fault::{Fault, Handled};
use libsys::paging::primitives;
use libsys::{
    Error, Page, Permissions, Target, message_call, page_map, page_unmap, receive, reply,
};

use crate::expect::{Outcome, checks, equal, refused};
use crate::family::{child, ends_well};
use crate::memory::{bits, fresh, parent, place, places};
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

/// Makes the page writable that was touched, and counts.
fn mend(fault: &mut Fault<'_>) -> Handled {
    FAULTS.fetch_add(1, Ordering::Relaxed);
    match fault.page().map(primitives::unprot) {
        Some(Ok(())) => Handled::Resume,
        Some(Err(_)) | None => Handled::PassOn,
    }
}

fn prot1_and_unprot_change_write_and_make_clean() -> Outcome {
    store(fresh(0)?.address(), 1);
    equal("before", bits(place(0)), 0x067)?;
    primitives::prot1(place(0))?;
    equal("protected", bits(place(0)), 0x005)?;
    primitives::unprot(place(0))?;
    equal("unprotected", bits(place(0)), 0x007)
}

fn protn_protects_the_present_pages_of_a_range() -> Outcome {
    fresh(0)?;
    fresh(2)?;
    fresh(3)?;
    primitives::protn(places(0, 3)?)?;
    let found: Vec<_> = (0..4).map(|index| bits(place(index))).collect();
    equal("flags", found, [0x005, 0, 0x005, 0x007].to_vec())
}

fn trap_has_a_write_to_a_protected_page_mended() -> Outcome {
    fresh(0)?;
    primitives::trap(Some(mend))?;
    primitives::prot1(place(0))?;
    store(place(0).address(), 7);
    store(place(0).address() + 4, 8);
    let found = (load(place(0).address()), load(place(0).address() + 4));
    equal("what was written", found, (7, 8))?;
    equal("faults", FAULTS.load(Ordering::Relaxed), 1)
}

fn dirty_pages() -> Result<Vec<Page>, Error> {
    let mut pages = Vec::new();
    primitives::dirty(places(0, 4)?, |page| pages.push(page));
    Ok(pages)
}

fn dirty_names_what_was_written_since_the_last_clean() -> Outcome {
    for index in 0..5 {
        fresh(index)?;
    }
    primitives::clean(places(0, 5)?)?;
    for index in [1, 3, 4] {
        store(place(index).address(), 1);
    }
    load(place(2).address());
    equal("dirty", dirty_pages()?, [place(1).page(), place(3).page()].to_vec())?;
    primitives::clean(places(0, 4)?)?;
    equal("after clean", dirty_pages()?, Vec::new())
}

fn map2_shows_one_frame_with_two_rights() -> Outcome {
    fresh(0)?;
    primitives::map2(place(0), place(1), Permissions::empty())?;
    store(place(0).address(), 0xA11);
    equal("read at the other", load(place(1).address()), 0xA11)?;
    primitives::trap(Some(mend))?;
    store(place(1).address(), 0xB22);
    equal("faults of the write there", FAULTS.load(Ordering::Relaxed), 1)?;
    equal("read at the first", load(place(0).address()), 0xB22)
}

fn map2_refuses_what_is_absent_or_would_gain_write() -> Outcome {
    let absent = primitives::map2(place(0), place(1), Permissions::empty());
    refused("absent", absent, Error::NotMapped)?;
    fresh(0)?;
    primitives::prot1(place(0))?;
    let gained = primitives::map2(place(0), place(1), Permissions::WRITE);
    refused("gained", gained, Error::NotPermitted)?;
    page_unmap(Target::Caller, place(0), Permissions::empty())?;
    Ok(())
}

fn unprot_refuses_a_sealed_page_until_no_other_mapping_is_left() -> Outcome {
    let child = child(|| {
        receive(Some(parent()?), None)?;
        refused("shared", primitives::unprot(place(10)), Error::NotPermitted)?;
        equal("sealed", bits(place(10)), 0x105)?;
        // The parent gives up its own now.
        message_call(parent()?, [0; 4], None)?;
        primitives::unprot(place(10))?;
        store(place(10).address(), 1);
        Ok(())
    })?;
    fresh(0)?;
    page_map((Target::Caller, place(0)), (child, place(10)), Permissions::empty())?;
    libsys::send(child, [0; 4], None)?;
    receive(Some(child), None)?;
    page_unmap(Target::Caller, place(0), Permissions::empty())?;
    reply(child, [0; 4], None)?;
    ends_well(child)
}

fn prot1_and_unprot_refuse_what_is_absent() -> Outcome {
    refused("PROT1", primitives::prot1(place(0)), Error::NotMapped)?;
    refused("UNPROT", primitives::unprot(place(0)), Error::NotMapped)
}
