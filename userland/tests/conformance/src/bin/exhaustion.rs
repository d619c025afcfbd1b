//! `exhaustion`: memory runs out: each call reports it, and nothing is lost. In 128 MiB.
#![no_std]
#![no_main]

use conformance::calls::{exofork, ipc_recv, ipc_try_send, page_alloc, page_map, page_unmap};
use conformance::claims::{Outcome, Seen, equal, holds};
use conformance::family::{blank_child, child, end, ends_well, fork, until_receiving};
use conformance::native::{frames, leaves_no_frame_behind};
use conformance::shown::{
    NO_MEMORY, READ, RECEIVING, UTOP, WRITE, count, directory_entry, field, flags, frame, fresh,
    own, test_page,
};

conformance::program! {
    page_alloc_says_when_memory_is_gone,
    page_map_says_when_memory_is_gone,
    exofork_says_when_memory_is_gone,
    try_send_says_when_memory_is_gone,
    a_fork_that_fails_leaves_nothing_behind,
}

/// Takes all memory, from 0x4000_0000 on. Returns how many pages.
fn take_all() -> Result<u32, Seen> {
    for number in 0.. {
        let error = page_alloc(0, 0x4000_0000 + 0x1000 * number, WRITE);
        if error != 0 {
            equal("the end", error, NO_MEMORY)?;
            return Ok(number);
        }
    }
    Ok(0)
}

/// Runs `act` in a child that has taken all memory, with the address of its last page.
fn without_memory(act: impl FnOnce(u32) -> Outcome) -> Outcome {
    leaves_no_frame_behind(|| {
        ends_well(child(|| {
            let taken = take_all()?;
            holds("most of memory", taken > 30_000)?;
            equal("free frames", frames()?.1, 0)?;
            act(0x4000_0000 + 0x1000 * (taken - 1))
        })?)
    })
}

fn page_alloc_says_when_memory_is_gone() -> Outcome {
    without_memory(|last| {
        equal("a page", page_alloc(0, test_page(1), WRITE), NO_MEMORY)?;
        equal("a page in place of another", page_alloc(0, last, WRITE), NO_MEMORY)?;
        equal("the other", flags(last) & 7, 7)?;
        equal("give one back", page_unmap(0, last), 0)?;
        equal("no room for a table too", page_alloc(0, 0x2000_0000, WRITE), NO_MEMORY)?;
        equal("nothing is left of it", directory_entry(0x2000_0000), 0)?;
        equal("a page", page_alloc(0, last, WRITE), 0)
    })
}

fn page_map_says_when_memory_is_gone() -> Outcome {
    without_memory(|last| {
        equal("a table is needed", page_map((0, last), (0, 0x2000_0000), READ), NO_MEMORY)?;
        equal("count", count(frame(last)), 1)?;
        equal("no table is needed", page_map((0, last), (0, test_page(1)), READ), 0)
    })
}

fn exofork_says_when_memory_is_gone() -> Outcome {
    without_memory(|last| {
        equal("a child", exofork(), NO_MEMORY)?;
        equal("give one back", page_unmap(0, last), 0)?;
        end(blank_child()?)
    })
}

fn try_send_says_when_memory_is_gone() -> Outcome {
    let receiver = child(|| {
        for _ in 0..2 {
            equal("receive", ipc_recv(0x3000_0000), 0)?;
        }
        equal("value", own(112), 2)
    })?;
    until_receiving(receiver)?;
    without_memory(|last| {
        equal("a table is needed", ipc_try_send(receiver, 1, last, READ), NO_MEMORY)?;
        equal("it still waits", field(receiver, RECEIVING), Some(1))?;
        equal("no page", ipc_try_send(receiver, 1, UTOP, 0), 0)
    })?;
    until_receiving(receiver)?;
    equal("send", ipc_try_send(receiver, 2, fresh(1), READ), 0)?;
    ends_well(receiver)
}

/// Memory ends in the middle of the copy.
fn a_fork_that_fails_leaves_nothing_behind() -> Outcome {
    without_memory(|last| {
        for page in 0..10 {
            equal("give back", page_unmap(0, last - 0x1000 * page), 0)?;
        }
        let (_, free) = frames()?;
        equal("a fork", fork(), NO_MEMORY)?;
        equal("free frames", frames()?.1, free)
    })
}
