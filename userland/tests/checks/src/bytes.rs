//! Bytes are copied, moved, filled and compared by libsys's functions, whatever the alignment, the
//! length and the overlap.
//!
//! What must be there afterwards is calculated from the place of each byte; nothing here copies.

use core::cmp::Ordering;
use core::hint::black_box;

use crate::expect::{Outcome, checks, equal, holds};

checks! {
    bytes_move_over_themselves_in_both_directions,
    bytes_are_copied_and_filled_and_their_neighbours_are_not,
    bytes_are_compared_up_to_the_last_and_no_further,
}

const SIZE: usize = 128;
/// From no word to several words, with every remainder.
const LENGTHS: core::ops::Range<usize> = 0..40;
/// Where bytes begin in a word.
const STARTS: core::ops::Range<usize> = 40..44;

/// The byte at a place before anything was done.
const fn byte(place: usize) -> u8 {
    (place * 7 + 1) as u8
}

fn bytes() -> [u8; SIZE] {
    core::array::from_fn(byte)
}

/// Checks that the bytes of `target` are those that were `back` bytes before them, and that all
/// others are as they were.
fn judge(found: &[u8; SIZE], target: core::ops::Range<usize>, back: isize) -> Outcome {
    for (place, found) in found.iter().enumerate() {
        let from = if target.contains(&place) { place.wrapping_add_signed(-back) } else { place };
        equal(format_args!("byte {place} of {target:?} by {back}"), *found, byte(from))?;
    }
    Ok(())
}

fn bytes_move_over_themselves_in_both_directions() -> Outcome {
    for (from, length) in STARTS.flat_map(|from| LENGTHS.map(move |length| (from, length))) {
        for by in -40..=44_isize {
            let mut bytes = bytes();
            let to = from.wrapping_add_signed(by);
            black_box(&mut bytes).copy_within(black_box(from..from + length), to);
            judge(&bytes, to..to + length, by)?;
        }
    }
    Ok(())
}

fn bytes_are_copied_and_filled_and_their_neighbours_are_not() -> Outcome {
    let source = bytes();
    for (to, from) in STARTS.flat_map(|to| STARTS.map(move |from| (to, from))) {
        for length in LENGTHS {
            let target = to..to + length;
            let mut bytes = bytes();
            let from_source = &black_box(&source)[from..from + length];
            black_box(&mut bytes)[target.clone()].copy_from_slice(from_source);
            judge(&bytes, target.clone(), to as isize - from as isize)?;
            black_box(&mut bytes)[target.clone()].fill(black_box(0xA5));
            for (place, found) in bytes.iter().enumerate() {
                let expected = if target.contains(&place) { 0xA5 } else { byte(place) };
                equal(format_args!("byte {place} of {target:?} filled"), *found, expected)?;
            }
        }
    }
    Ok(())
}

fn bytes_are_compared_up_to_the_last_and_no_further() -> Outcome {
    for (one, other) in STARTS.flat_map(|one| STARTS.map(move |other| (one, other))) {
        for length in LENGTHS {
            let first: [u8; SIZE] = core::array::from_fn(|place| byte(place.wrapping_sub(one)));
            let second = core::array::from_fn(|place| byte(place.wrapping_sub(other)));
            for change in (0..=length).map(|offset| other + offset) {
                for by in [0x80_u8, 1, 0xFF] {
                    let mut second: [u8; SIZE] = second;
                    second[change] = second[change].wrapping_add(by);
                    let left = &black_box(&first)[one..one + length];
                    let right = &black_box(&second)[other..other + length];
                    let is_within = change < other + length;
                    let expected = if is_within {
                        first[one + change - other].cmp(&second[change])
                    } else {
                        Ordering::Equal
                    };
                    let at = format_args!("{length} bytes, changed at {}", change - other);
                    holds(at, (left == right) != is_within)?;
                    holds(at, left.cmp(right) == expected)?;
                }
            }
        }
    }
    Ok(())
}
