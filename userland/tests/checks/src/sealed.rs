//! The sealed rule: a page that came from another space without W gains W only when no other
//! process maps it.

use libsys::abi::call::PageTransfer;
use libsys::call::Change;
use libsys::{
    Error, Permissions, Target, message_call, page_copy, page_map, page_unmap, range_protect,
    range_share, receive, send,
};

use crate::expect::{Outcome, checks, equal, refused};
use crate::family::{child, ends_well};
use crate::memory::{bits, fresh, mappings, parent, test_page, test_pages};
use support::memory::{load, store};

checks! {
    what_a_process_dropped_itself_it_may_take_back,
    a_page_mapped_from_another_space_without_write_is_sealed,
    a_page_that_came_by_message_without_write_is_sealed,
    a_seal_passes_on_with_the_page,
    the_last_mapping_breaks_the_seal,
    a_private_copy_has_no_seal,
}

const NONE: Permissions = Permissions::empty();
const WRITE: Permissions = Permissions::WRITE;
const SELF: Target = Target::Caller;
const ADD_WRITE: Change = Change { drop: NONE, add: WRITE };
const DROP_WRITE: Change = Change { drop: WRITE, add: NONE };

fn add_write(index: u32) -> Result<(), Error> {
    range_protect(SELF, test_pages(index, 1)?, ADD_WRITE)?;
    Ok(())
}

fn what_a_process_dropped_itself_it_may_take_back() -> Outcome {
    fresh(0)?;
    page_map((SELF, test_page(0)), (SELF, test_page(1)), NONE)?;
    range_protect(SELF, test_pages(0, 1)?, DROP_WRITE)?;
    equal("not sealed", (bits(test_page(0)), bits(test_page(1))), (0x005, 0x005))?;
    add_write(0)?;
    add_write(1)?;
    equal("both", (bits(test_page(0)), bits(test_page(1))), (0x007, 0x007))
}

/// In a child: gets test page 0 of its parent without W, with this mark, and cannot gain W.
fn cannot_be_unsealed(index: u32) -> Outcome {
    equal("flags", bits(test_page(index)) & !0x20, 0x105)?;
    refused("protect adds W", add_write(index), Error::NotPermitted)?;
    let second = page_map((SELF, test_page(index)), (SELF, test_page(index + 1)), WRITE);
    refused("map adds W", second, Error::NotPermitted)?;
    equal("the contents", load(test_page(index).address()), 0x5EA1)
}

fn a_page_mapped_from_another_space_without_write_is_sealed() -> Outcome {
    let child = child(|| {
        receive(Some(parent()?), None)?;
        cannot_be_unsealed(10)?;
        cannot_be_unsealed(20)
    })?;
    store(fresh(0)?.address(), 0x5EA1);
    page_map((SELF, test_page(0)), (child, test_page(10)), NONE)?;
    range_share((SELF, test_pages(0, 1)?), (child, test_page(20)), DROP_WRITE, false)?;
    send(child, [0; 4], None)?;
    ends_well(child)?;
    equal("the parent's", bits(test_page(0)), 0x067)
}

fn a_page_that_came_by_message_without_write_is_sealed() -> Outcome {
    let child = child(|| {
        let transfer = PageTransfer { page: test_page(10), send: None, accept: true };
        let message = receive(None, Some(transfer))?;
        equal("permissions", message.page, Some(NONE))?;
        cannot_be_unsealed(10)
    })?;
    store(fresh(0)?.address(), 0x5EA1);
    send(
        child,
        [0; 4],
        Some(PageTransfer { page: test_page(0), send: Some(NONE), accept: false }),
    )?;
    ends_well(child)
}

fn a_seal_passes_on_with_the_page() -> Outcome {
    let child = child(|| {
        let transfer = PageTransfer { page: test_page(10), send: None, accept: true };
        receive(None, Some(transfer))?;
        page_map((SELF, test_page(10)), (SELF, test_page(12)), NONE)?;
        equal("a second mapping here", bits(test_page(12)), 0x105)?;
        refused("protect adds W", add_write(12), Error::NotPermitted)
    })?;
    fresh(0)?;
    send(
        child,
        [0; 4],
        Some(PageTransfer { page: test_page(0), send: Some(NONE), accept: false }),
    )?;
    ends_well(child)
}

fn the_last_mapping_breaks_the_seal() -> Outcome {
    let child = child(|| {
        let transfer = PageTransfer { page: test_page(10), send: None, accept: true };
        receive(None, Some(transfer))?;
        refused("with two mappings", add_write(10), Error::NotPermitted)?;
        // The parent unmaps its page now.
        message_call(parent()?, [0; 4], None)?;
        equal("mappings", mappings(test_page(10)), Some(1))?;
        add_write(10)?;
        equal("flags", bits(test_page(10)), 0x007)?;
        store(test_page(10).address(), 1);
        Ok(())
    })?;
    fresh(0)?;
    send(
        child,
        [0; 4],
        Some(PageTransfer { page: test_page(0), send: Some(NONE), accept: false }),
    )?;
    receive(Some(child), None)?;
    page_unmap(SELF, test_page(0), NONE)?;
    libsys::reply(child, [0; 4], None)?;
    ends_well(child)
}

fn a_private_copy_has_no_seal() -> Outcome {
    let child = child(|| {
        let transfer = PageTransfer { page: test_page(10), send: None, accept: true };
        receive(None, Some(transfer))?;
        equal("it copied", page_copy(SELF, test_page(10), NONE)?, true)?;
        equal("flags", bits(test_page(10)), 0x007)
    })?;
    store(fresh(0)?.address(), 3);
    send(
        child,
        [0; 4],
        Some(PageTransfer { page: test_page(0), send: Some(NONE), accept: false }),
    )?;
    ends_well(child)?;
    equal("the parent's", (load(test_page(0).address()), mappings(test_page(0))), (3, Some(1)))
}
