//! The kernel's command line.

use abi::boot_line::{is_known, unknown, words};

pub fn judge(line: &[u8]) -> bool {
    // The words before `run=`, of which some of the first may be the kernel's file name.
    let all: Vec<&[u8]> = line
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty())
        .take_while(|word| !word.starts_with(b"run="))
        .collect();
    let found: Vec<_> = words(line).collect();
    assert!(all.ends_with(&found), "the words are the last of the line's, in order");
    let dropped = &all[..all.len() - found.len()];
    match dropped {
        [] => assert!(all.first().is_none_or(|word| !word.starts_with(b"/"))),
        [one] => assert!(one.starts_with(b"/") || one.ends_with(b".elf")),
        [first, .., last] => {
            assert!(first.starts_with(b"/") && last.ends_with(b".elf"));
        }
    }
    let strange: Vec<_> = unknown(line).collect();
    let expected: Vec<_> = found.iter().copied().filter(|word| !is_known(word)).collect();
    assert_eq!(strange, expected);
    !found.is_empty() && strange.is_empty()
}
