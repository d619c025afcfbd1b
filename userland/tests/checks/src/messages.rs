//! Messages: which receiver gets which message, what goes with it, and how a wait ends whose
//! partner has ended.

use libsys::abi::call::PageTransfer;
use libsys::abi::message::{Kind, Reason};
use libsys::process::{end, exit, id, wait};
use libsys::{
    Error, Permissions, ProcessId, Target, UserPage, destroy, message_call, page_allocate,
    page_unmap, receive, reply, reply_and_receive, send, sleep,
};

use crate::expect::{Outcome, checks, equal, holds, refused};
use crate::family::{child, ends, ends_well, idle_child, until_blocked};
use crate::memory::{bits, fresh, leaf, mappings, parent, stale_id, test_page};
use support::memory::{load, store};

checks! {
    a_message_arrives_with_its_sender_and_words,
    a_call_gets_its_reply,
    a_server_answers_and_waits_in_one_call,
    a_receiver_may_choose_its_sender,
    a_receiver_that_waits_for_one_gets_its_message,
    messages_wait_in_order,
    waiting_for_oneself_is_a_deadlock,
    a_circle_of_two_is_a_deadlock,
    a_circle_of_three_is_a_deadlock,
    a_sender_learns_that_its_receiver_ended,
    a_caller_learns_that_its_server_ended,
    a_receiver_learns_that_its_sender_ended,
    the_end_of_a_child_is_a_message,
    a_reply_needs_one_who_waits_for_it,
    a_reply_to_one_that_is_gone_is_dropped,
    a_page_goes_along_with_its_permissions,
    a_page_that_is_not_wanted_stays_where_it_is,
    a_page_replaces_what_the_receiver_had,
    a_page_cannot_be_sent_with_more_than_one_has,
    a_page_that_vanishes_is_its_senders_error,
    a_reply_that_fails_leaves_its_caller_waiting,
    a_reply_that_fails_receives_nothing,
    a_reply_may_bring_a_page,
}

const NONE: Permissions = Permissions::empty();
const WRITE: Permissions = Permissions::WRITE;
const WORDS: [u32; 4] = [0x1111, 0x2222, 0xFFFF_FFFF, 0x8000_0000];

fn sending(page: UserPage, permissions: Permissions) -> Option<PageTransfer> {
    Some(PageTransfer { page, send: Some(permissions), accept: false })
}

fn accepting(page: UserPage) -> Option<PageTransfer> {
    Some(PageTransfer { page, send: None, accept: true })
}

/// A child that sends these words to its parent.
fn sender(words: [u32; 4]) -> Result<ProcessId, Error> {
    child(|| Ok(send(parent()?, words, None)?))
}

/// A child that calls its parent and expects an error, or a reply that begins with this word.
fn caller(expected: Result<u32, Error>) -> Result<ProcessId, Error> {
    child(move || {
        let reply = message_call(parent()?, WORDS, None);
        equal("reply", reply.map(|reply| reply.words[0]), expected)
    })
}

fn a_message_arrives_with_its_sender_and_words() -> Outcome {
    let child = sender(WORDS)?;
    let message = receive(None, None)?;
    equal("sender", message.sender, child)?;
    equal("kind", message.kind, Kind::Message)?;
    equal("words", message.words, WORDS)?;
    equal("page", message.page, None)?;
    ends_well(child)
}

fn a_call_gets_its_reply() -> Outcome {
    let own = id();
    let child = child(|| {
        let reply = message_call(own, WORDS, None)?;
        equal("sender", reply.sender, own)?;
        equal("kind", reply.kind, Kind::Message)?;
        equal("words", reply.words, [4, 3, 2, 1])
    })?;
    let call = receive(None, None)?;
    equal("the call", (call.sender, call.words), (child, WORDS))?;
    reply(child, [4, 3, 2, 1], None)?;
    ends_well(child)
}

fn a_server_answers_and_waits_in_one_call() -> Outcome {
    const ROUNDS: u32 = 100;
    let child = child(|| {
        for round in 0..ROUNDS {
            let reply = message_call(parent()?, [round, 0, 0, 0], None)?;
            equal("reply", reply.words[0], round + 1)?;
        }
        Ok(())
    })?;
    let mut message = receive(None, None)?;
    for round in 0..ROUNDS {
        equal("round", (message.kind, message.words[0]), (Kind::Message, round))?;
        message = reply_and_receive(child, [round + 1, 0, 0, 0], None)?;
    }
    equal("at last its end", (message.kind, message.words[0]), (Kind::Exit, 0))
}

fn a_receiver_may_choose_its_sender() -> Outcome {
    let first = sender([1; 4])?;
    until_blocked(first)?;
    let second = sender([2; 4])?;
    until_blocked(second)?;
    equal("the second", receive(Some(second), None)?.words, [2; 4])?;
    equal("the first", receive(None, None)?.words, [1; 4])?;
    ends_well(second)?;
    ends_well(first)
}

/// The receiver waits before there is a message; another sender does not end its wait.
fn a_receiver_that_waits_for_one_gets_its_message() -> Outcome {
    let own = id();
    let receiver = child(|| {
        let message = receive(Some(own), None)?;
        equal("words", message.words, WORDS)?;
        let message = receive(Some(own), None)?;
        equal("a call", message.words, [5; 4])?;
        Ok(reply(own, [6; 4], None)?)
    })?;
    until_blocked(receiver)?;
    let other =
        child(|| refused("never received", send(receiver, [9; 4], None), Error::PeerEnded))?;
    until_blocked(other)?;
    send(receiver, WORDS, None)?;
    until_blocked(receiver)?;
    equal("reply", message_call(receiver, [5; 4], None)?.words, [6; 4])?;
    ends_well(receiver)?;
    ends_well(other)
}

fn messages_wait_in_order() -> Outcome {
    let mut senders = [None; 5];
    for (index, slot) in senders.iter_mut().enumerate() {
        let child = sender([index as u32; 4])?;
        until_blocked(child)?;
        *slot = Some(child);
    }
    for (index, sender) in senders.into_iter().enumerate() {
        let message = receive(None, None)?;
        equal("order", (Some(message.sender), message.words[0]), (sender, index as u32))?;
        ends_well(message.sender)?;
    }
    Ok(())
}

fn waiting_for_oneself_is_a_deadlock() -> Outcome {
    let own = id();
    refused("send", send(own, WORDS, None), Error::Deadlock)?;
    refused("call", message_call(own, WORDS, None), Error::Deadlock)?;
    refused("receive", receive(Some(own), None), Error::Deadlock)?;
    refused("reply", reply(own, WORDS, None), Error::NotWaiting)
}

fn a_circle_of_two_is_a_deadlock() -> Outcome {
    let child = caller(Ok(7))?;
    until_blocked(child)?;
    for _ in 0..2 {
        refused("send", send(child, WORDS, None), Error::Deadlock)?;
        refused("call", message_call(child, WORDS, None), Error::Deadlock)?;
        refused("wait", wait(Some(child)), Error::Deadlock)?;
    }
    equal("its call", receive(None, None)?.words, WORDS)?;
    // The child waits for the answer now.
    refused("receive", receive(Some(child), None), Error::Deadlock)?;
    refused("call", message_call(child, WORDS, None), Error::Deadlock)?;
    reply(child, [7; 4], None)?;
    ends_well(child)
}

fn a_circle_of_three_is_a_deadlock() -> Outcome {
    let own = id();
    let first = child(|| {
        let reply = message_call(own, WORDS, None)?;
        equal("reply", reply.words[0], 1)?;
        let call = receive(None, None)?;
        Ok(libsys::reply(call.sender, [2; 4], None)?)
    })?;
    until_blocked(first)?;
    let second = child(|| {
        let reply = message_call(first, WORDS, None)?;
        equal("reply", reply.words[0], 2)
    })?;
    until_blocked(second)?;
    refused("call", message_call(second, WORDS, None), Error::Deadlock)?;
    refused("wait", wait(Some(second)), Error::Deadlock)?;
    receive(Some(first), None)?;
    reply(first, [1; 4], None)?;
    ends_well(first)?;
    ends_well(second)
}

/// A child that neither receives nor sends, and ends soon after its parent has begun to wait for
/// it.
fn passer_by() -> Result<ProcessId, Error> {
    child(|| {
        until_blocked(parent()?)?;
        // The parent may wait for its pager first, for a moment.
        sleep(20);
        exit(3)
    })
}

fn a_sender_learns_that_its_receiver_ended() -> Outcome {
    let child = passer_by()?;
    refused("send", send(child, WORDS, None), Error::PeerEnded)?;
    ends(child, Reason::Exited, 3)?;
    refused("when it is gone", send(child, WORDS, None), Error::NoSuchProcess)
}

fn a_caller_learns_that_its_server_ended() -> Outcome {
    let child = passer_by()?;
    refused("not received", message_call(child, WORDS, None), Error::PeerEnded)?;
    ends(child, Reason::Exited, 3)?;
    let child = crate::family::child(|| {
        receive(None, None)?;
        exit(4)
    })?;
    refused("not answered", message_call(child, WORDS, None), Error::PeerEnded)?;
    ends(child, Reason::Exited, 4)
}

fn a_receiver_learns_that_its_sender_ended() -> Outcome {
    // About a process that is not its child the caller learns only that it has ended.
    let stranger = idle_child()?;
    let receiver = child(|| {
        let result = receive(Some(stranger), None);
        equal("result", result.map(|message| message.words), Err(Error::PeerEnded))?;
        refused("again", receive(Some(stranger), None), Error::NoSuchProcess)
    })?;
    until_blocked(receiver)?;
    end(stranger)?;
    ends_well(receiver)?;
    // About its own child it learns everything.
    let child = passer_by()?;
    let message = receive(Some(child), None)?;
    equal("kind", (message.kind, message.sender), (Kind::Exit, child))?;
    equal("status", message.words[0], 3)?;
    refused("it was waited for", wait(Some(child)), Error::NoChild)
}

fn the_end_of_a_child_is_a_message() -> Outcome {
    let before = child(|| exit(5))?;
    sleep(20);
    for (child, status) in [(before, 5), (child(|| exit(6))?, 6)] {
        let message = receive(None, None)?;
        equal("kind and child", (message.kind, message.sender), (Kind::Exit, child))?;
        let [found, reason, ..] = message.words;
        equal("words", (found, reason), (status, Reason::Exited as u32))?;
        refused("it was waited for", wait(Some(child)), Error::NoChild)?;
    }
    Ok(())
}

fn a_reply_needs_one_who_waits_for_it() -> Outcome {
    refused("to a stale id", reply(stale_id()?, WORDS, None), Error::NotWaiting)?;
    refused("to one's parent", reply(parent()?, WORDS, None), Error::NotWaiting)?;
    let idle = idle_child()?;
    until_blocked(idle)?;
    refused("to one who receives", reply(idle, WORDS, None), Error::NotWaiting)?;
    end(idle)?;
    let sender = sender(WORDS)?;
    until_blocked(sender)?;
    refused("to one who sends", reply(sender, WORDS, None), Error::NotWaiting)?;
    receive(None, None)?;
    ends_well(sender)?;
    let caller = caller(Ok(1))?;
    until_blocked(caller)?;
    refused("before the call is received", reply(caller, WORDS, None), Error::NotWaiting)?;
    receive(None, None)?;
    let forger = child(|| refused("for another", reply(caller, WORDS, None), Error::NotWaiting))?;
    ends_well(forger)?;
    reply(caller, [1; 4], None)?;
    refused("twice", reply(caller, [1; 4], None), Error::NotWaiting)?;
    ends_well(caller)
}

fn a_reply_to_one_that_is_gone_is_dropped() -> Outcome {
    let caller = caller(Ok(0))?;
    receive(None, None)?;
    end(caller)?;
    let next = sender([8; 4])?;
    let message = reply_and_receive(caller, WORDS, None)?;
    equal("the next message", (message.sender, message.words), (next, [8; 4]))?;
    ends_well(next)
}

fn a_page_goes_along_with_its_permissions() -> Outcome {
    for permissions in [NONE, WRITE, WRITE | Permissions::SHARED, Permissions::COPY_ON_WRITE] {
        let child = child(|| {
            let page = fresh(0)?;
            store(page.address(), 0xFACE);
            send(parent()?, WORDS, sending(page, permissions))?;
            // The parent looks at the page while both processes have it.
            receive(None, None)?;
            Ok(())
        })?;
        let message = receive(None, accepting(test_page(5)))?;
        equal("permissions", message.page, Some(permissions))?;
        equal("contents", load(test_page(5).address()), 0xFACE)?;
        equal("mappings", mappings(test_page(5)), Some(2))?;
        let seal = if permissions.contains(WRITE) { 0 } else { 0x100 };
        equal("flags", bits(test_page(5)) & !0x20, permissions.bits() | 5 | seal)?;
        send(child, [0; 4], None)?;
        ends_well(child)?;
        equal("mappings afterwards", mappings(test_page(5)), Some(1))?;
    }
    Ok(())
}

fn a_page_that_is_not_wanted_stays_where_it_is() -> Outcome {
    let child = child(|| {
        let page = fresh(0)?;
        send(parent()?, WORDS, sending(page, WRITE))?;
        equal("mappings", mappings(page), Some(1))
    })?;
    let message = receive(None, None)?;
    equal("page", (message.words, message.page), (WORDS, None))?;
    ends_well(child)
}

fn a_page_replaces_what_the_receiver_had() -> Outcome {
    let old = leaf(fresh(5)?).frame();
    let child = child(|| Ok(send(parent()?, WORDS, sending(fresh(0)?, WRITE))?))?;
    receive(None, accepting(test_page(5)))?;
    ends_well(child)?;
    holds("another frame", leaf(test_page(5)).frame() != old)?;
    equal("mappings", mappings(test_page(5)), Some(1))
}

fn a_page_cannot_be_sent_with_more_than_one_has() -> Outcome {
    let to = idle_child()?;
    refused("an absent page", send(to, WORDS, sending(test_page(0), NONE)), Error::NotMapped)?;
    page_allocate(Target::Caller, test_page(0), NONE)?;
    refused("W", send(to, WORDS, sending(test_page(0), WRITE)), Error::NotPermitted)?;
    refused(
        "W by a call",
        message_call(to, WORDS, sending(test_page(0), WRITE)),
        Error::NotPermitted,
    )?;
    send(to, WORDS, sending(test_page(0), NONE))?;
    end(to)?;
    Ok(())
}

/// The page is present when the sender begins to wait, and absent when the message is received.
fn a_page_that_vanishes_is_its_senders_error() -> Outcome {
    let first = child(|| {
        let page = fresh(0)?;
        refused("send", send(parent()?, [1; 4], sending(page, WRITE)), Error::NotMapped)
    })?;
    until_blocked(first)?;
    let second = sender([2; 4])?;
    until_blocked(second)?;
    page_unmap(first, test_page(0), NONE)?;
    let message = receive(None, accepting(test_page(5)))?;
    equal("the next message", (message.sender, message.words), (second, [2; 4]))?;
    equal("nothing came", bits(test_page(5)), 0)?;
    ends_well(first)?;
    ends_well(second)
}

fn a_reply_that_fails_leaves_its_caller_waiting() -> Outcome {
    let caller = child(|| {
        let reply = message_call(parent()?, WORDS, accepting(test_page(7)))?;
        equal("reply", (reply.words[0], reply.page), (3, Some(NONE)))?;
        equal("the page", load(test_page(7).address()), 0xF00D)
    })?;
    receive(None, None)?;
    refused(
        "an absent page",
        reply(caller, [1; 4], sending(test_page(0), NONE)),
        Error::NotMapped,
    )?;
    page_allocate(Target::Caller, test_page(0), NONE)?;
    refused("W", reply(caller, [2; 4], sending(test_page(0), WRITE)), Error::NotPermitted)?;
    store(fresh(0)?.address(), 0xF00D);
    reply(caller, [3; 4], sending(test_page(0), NONE))?;
    ends_well(caller)
}

/// The caller does not get its answer, and the next message is not taken.
fn a_reply_that_fails_receives_nothing() -> Outcome {
    let caller = caller(Ok(5))?;
    receive(None, None)?;
    let next = sender([6; 4])?;
    until_blocked(next)?;
    let absent = reply_and_receive(caller, WORDS, sending(test_page(0), NONE));
    refused("an absent page", absent, Error::NotMapped)?;
    page_allocate(Target::Caller, test_page(0), NONE)?;
    let write = reply_and_receive(caller, WORDS, sending(test_page(0), WRITE));
    refused("W", write, Error::NotPermitted)?;
    let message = reply_and_receive(caller, [5; 4], None)?;
    equal("the next message", (message.sender, message.words), (next, [6; 4]))?;
    ends_well(next)?;
    ends_well(caller)
}

/// The same page is sent by the call and replaced by the reply.
fn a_reply_may_bring_a_page() -> Outcome {
    let child = child(|| {
        store(fresh(0)?.address(), 1);
        let both = PageTransfer { page: test_page(0), send: Some(WRITE), accept: true };
        let reply = message_call(parent()?, WORDS, Some(both))?;
        equal("permissions", reply.page, Some(WRITE))?;
        equal("another page", load(test_page(0).address()), 2)
    })?;
    let call = receive(None, accepting(test_page(5)))?;
    equal("what was sent", (call.page, load(test_page(5).address())), (Some(WRITE), 1))?;
    store(fresh(6)?.address(), 2);
    reply(child, WORDS, sending(test_page(6), WRITE))?;
    ends_well(child)?;
    // An idle server does not keep its client alive: no process waits here any more.
    refused("destroy", destroy(child, false), Error::NoSuchProcess)
}
