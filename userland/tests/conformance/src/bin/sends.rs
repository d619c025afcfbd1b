//! `sends`: a message whose page needs a page table in the receiver's space.
#![no_std]
#![no_main]

use conformance::calls::{ipc_recv, ipc_try_send};
use conformance::claims::{Outcome, equal};
use conformance::family::{child, end, ends_well, until_receiving};
use conformance::shown::{RECEIVING, field, fresh};
use support::memory::{load, store};

conformance::program! {
    a_page_comes_where_no_table_was,
}

fn a_page_comes_where_no_table_was() -> Outcome {
    const FAR: u32 = 0x3000_0000;
    let page = fresh(1);
    store(page, 0x5EED);
    let receiver = child(|| {
        equal("receive", ipc_recv(FAR), 0)?;
        equal("word", load(FAR), 0x5EED)
    })?;
    until_receiving(receiver)?;
    let sent = ipc_try_send(receiver, 1, page, 7);
    if sent != 0 {
        equal("it still receives", field(receiver, RECEIVING), Some(1))?;
        end(receiver)?;
    }
    equal("send", sent, 0)?;
    ends_well(receiver)
}
