//! What libsys's safe functions refuse: to change a page of the caller's own in which a Rust object
//! may lie.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU32, Ordering};

use libsys::abi::call::{FaultReply, PageTransfer};
use libsys::abi::layout::{EXCEPTION_STACK, PROGRAM_TEXT, SCRATCH};
use libsys::call::Change;
use libsys::process::{end, id};
use libsys::{
    Error, PageRange, Permissions, Target, UserPage, ViewSlot, fault_reply, message_call,
    page_allocate, page_copy, page_map, page_move, page_protect, page_unmap, process_create,
    range_allocate, range_protect, range_share, range_unmap, receive, view_attach,
};

use crate::expect::{Outcome, checks, equal, refused};
use crate::family::idle_child;
use crate::memory::{fresh, leaf, test_page};

checks! {
    safe_calls_refuse_pages_in_which_a_rust_object_may_lie,
    safe_calls_change_any_page_of_a_child,
}

const NO: Error = Error::NotPermitted;
const NONE: Permissions = Permissions::empty();
const WRITE: Permissions = Permissions::WRITE;
static WORD: AtomicU32 = AtomicU32::new(7);

fn safe_calls_refuse_pages_in_which_a_rust_object_may_lie() -> Outcome {
    let (boxed, local) = (Box::new(7_u32), 7_u32);
    let address = |word: *const u32| word.addr() as u32;
    let addresses = [address(&raw const *boxed), address(&raw const local), address(WORD.as_ptr())];
    let child = process_create()?;
    for address in addresses.into_iter().chain([PROGRAM_TEXT, EXCEPTION_STACK, SCRATCH]) {
        let page = UserPage::containing(address).ok_or(NO)?;
        let before = leaf(page);
        for own in [Target::Caller, Target::Process(id())] {
            refuses_to_change(own, page)?;
            refuses_to_share(own, page)?;
        }
        refuses_to_send(page)?;
        refused("view_attach", view_attach(child, ViewSlot::new(address >> 22)?), NO)?;
        equal("the frame", leaf(page).frame(), before.frame())?;
        equal("the rights", leaf(page).permissions(), before.permissions())?;
    }
    end(child)?;
    equal("on the heap", core::hint::black_box(*boxed), 7)?;
    equal("on the stack", core::hint::black_box(local), 7)?;
    equal("in the data", WORD.load(Ordering::Relaxed), 7)
}

fn refuses_to_change(own: Target, page: UserPage) -> Outcome {
    let one = PageRange::new(page, 1)?;
    refused("page_allocate", page_allocate(own, page, WRITE), NO)?;
    refused("page_unmap", page_unmap(own, page, NONE), NO)?;
    refused("page_copy", page_copy(own, page, Permissions::SHARED), NO)?;
    refused("page_protect", page_protect(own, page, Change::NONE), NO)?;
    refused("range_allocate", range_allocate(own, one, WRITE), NO)?;
    refused("range_unmap", range_unmap(own, one, NONE), NO)?;
    refused("range_protect", range_protect(own, one, Change::NONE), NO)
}

fn refuses_to_share(own: Target, page: UserPage) -> Outcome {
    let (source, range) = (fresh(0)?, PageRange::new(page, 1)?);
    let free = (Target::Caller, test_page(1));
    refused("page_map to it", page_map((own, source), (own, page), NONE), NO)?;
    refused("page_map of it, with W", page_map((own, page), free, WRITE), NO)?;
    refused("page_move to it", page_move((own, source), (own, page), NONE), NO)?;
    refused("page_move of it", page_move((own, page), free, NONE), NO)?;
    let one = PageRange::new(source, 1)?;
    refused("range_share to it", range_share((own, one), (own, page), Change::NONE, false), NO)?;
    refused("range_share of it", range_share((own, range), free, Change::NONE, false), NO)
}

fn refuses_to_send(page: UserPage) -> Outcome {
    let transfer = |send, accept| Some(PageTransfer { page, send, accept });
    refused("receive", receive(None, transfer(None, true)), NO)?;
    refused("call, with W", message_call(id(), [0; 4], transfer(Some(WRITE), false)), NO)?;
    let (source, destination, permissions) = (page, test_page(1), WRITE);
    let map = FaultReply::Map { source, destination, permissions };
    refused("fault_reply, with W", fault_reply(id(), map), NO)
}

fn safe_calls_change_any_page_of_a_child() -> Outcome {
    let child = idle_child()?;
    let page = UserPage::known(PROGRAM_TEXT);
    page_allocate(child, page, WRITE)?;
    page_protect(child, page, Change::NONE)?;
    page_unmap(child, page, NONE)?;
    refused("it is gone", page_copy(child, page, NONE), Error::NotMapped)?;
    end(child)?;
    Ok(())
}
