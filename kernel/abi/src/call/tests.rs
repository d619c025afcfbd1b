//! Calls are the same after encoding and decoding, and malformed arguments are refused.

use super::*;
use crate::error::Error;
use crate::{Permissions, ProcessId, UserPage};
use proptest::prelude::*;
use std::format;

proptest! {
    #[test]
    fn whatever_decodes_encodes_to_the_same_call(
        number in 30u32..88, permissions in 0u32..0x1000, process: u32, page in 0u32..0x10_0000,
        w0: u32, w1: u32, w2 in 0u32..70, w3 in 0u32..0x1000,
    ) {
        let words = [w0, w1, w2, w3];
        let raw = RawCall { head: number | permissions << 8, process, page: page << 12, words };
        if let Ok(call) = Syscall::decode(&raw) {
            prop_assert_eq!(Syscall::decode(&call.encode()), Ok(call));
        }
    }
}

#[test]
fn every_number_has_a_call_with_small_arguments() {
    for number in Syscall::FIRST..=Syscall::LAST {
        let raw = RawCall { head: number, process: 0x1000, page: 0x1000, words: [1, 0, 1, 0] };
        let raw_of_a_page = RawCall { words: [0; 4], ..raw };
        let decodes = |raw| Syscall::decode(raw).is_ok();
        assert!(decodes(&raw) || decodes(&raw_of_a_page), "{number}");
    }
    for number in [0, 13, 31, Syscall::LAST + 1, 255] {
        let raw = RawCall { head: number, ..RawCall::default() };
        assert_eq!(Syscall::decode(&raw), Err(Error::InvalidArgument), "{number}");
    }
}

#[test]
fn a_call_is_named_after_its_variant_and_has_the_number_that_it_travels_with() {
    for number in Number::ALL {
        let raw =
            RawCall { head: *number as u32, process: 0x1000, page: 0x1000, words: [1, 0, 1, 0] };
        let of_a_page = RawCall { words: [0; 4], ..raw };
        let call = Syscall::decode(&raw).or_else(|_| Syscall::decode(&of_a_page)).unwrap();
        assert_eq!((call.number(), call.encode().number()), (*number, *number as u32));
        assert_eq!(Number::new(*number as u32), Some(*number));
        assert_eq!(number.name().replace('_', ""), format!("{number:?}").to_lowercase());
    }
    assert_eq!(Number::new(Syscall::FIRST - 1), None);
    assert_eq!(Number::new(Syscall::LAST + 1), None);
}

#[test]
fn a_page_that_is_sent_and_one_that_is_accepted_are_told_apart() {
    let page = UserPage::known(0x1000);
    let (none, some) = (None, [Some(Permissions::empty()), Some(Permissions::WRITE)]);
    let kinds =
        [(none, true), (some[0], false), (some[0], true), (some[1], false), (some[1], true)];
    for (send, accept) in kinds {
        let transfer = Some(PageTransfer { page, send, accept });
        let call = Syscall::Call { to: ProcessId::first(1), words: [0; 4], transfer };
        assert_eq!(Syscall::decode(&call.encode()), Ok(call), "{transfer:?}");
    }
}

#[test]
fn permission_bits_are_refused_where_none_are_taken() {
    let raw = RawCall { head: 32 | 2 << 8, ..RawCall::default() };
    assert_eq!(Syscall::decode(&raw), Err(Error::InvalidArgument));
    for bit in [0, 2, 3, 4, 5, 6, 7, 8, 12, 23] {
        let raw = RawCall { head: 33 | 1 << (bit + 8), page: 0x1000, ..RawCall::default() };
        assert_eq!(Syscall::decode(&raw), Err(Error::InvalidArgument), "bit {bit}");
    }
}

#[test]
fn a_range_allocation_takes_64_pages_and_not_65() {
    for head in [41, 77] {
        let raw =
            |pages| RawCall { head, page: 0x1000, words: [pages, 0, 0, 0], ..RawCall::default() };
        assert!(Syscall::decode(&raw(64)).is_ok());
        assert_eq!(Syscall::decode(&raw(65)), Err(Error::InvalidArgument));
    }
}
