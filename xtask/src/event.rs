//! What an event of the kernel's trace means, in words: for the lines that a kernel panic prints.

use abi::trace::Event;
use libsys::runtime::event::{InWords, kind_of};

/// Before the four words of an event, on each line of a panic's trace.
const EVENT: &str = "  event ";

/// What to add to such a line: its event in words.
#[must_use]
pub fn note(line: &str) -> Option<String> {
    Some(format!(" {}", in_words(&event_of(line)?)?))
}

fn event_of(line: &str) -> Option<Event> {
    let words = line.strip_prefix(EVENT)?.trim_end().split(' ');
    let words: Option<Vec<_>> = words.map(hexadecimal).collect();
    Some(Event::from_words(words?.try_into().ok()?))
}

fn hexadecimal(word: &str) -> Option<u32> {
    let digits = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    (digits && word.len() == 8).then(|| u32::from_str_radix(word, 16).ok())?
}

/// An event with its process, in words; `None` if there is no kind of this number.
fn in_words(event: &Event) -> Option<String> {
    kind_of(event)?;
    Some(format!("[{:08x}] {}", event.process, InWords(*event)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_event_has_its_words() {
        for (line, words) in [
            (
                "  event 00001003 00012101 10000000 00000000",
                "[00001003] page_allocate page 10000000 -> done",
            ),
            ("  event 00001003 00013201 00000000 ffffffda", "[00001003] set_quota -> Busy"),
            (
                "  event 00001003 01033e03 00001002 00000000",
                "[00001003] call by sysenter [00001002] -> waits for the answer",
            ),
            (
                "  event 00001003 00ff2001 00000000 00000000",
                "[00001003] identity 0 -> the kernel has not finished",
            ),
            (
                "  event 00001003 00fe2d01 00001004 00000000",
                "[00001003] registers_read [00001004] -> made again, or a handler runs",
            ),
            ("  event 00001003 00010201 00000000 00001003", "[00001003] JOS call 2 0 -> 1003"),
            (
                "  event 00001003 00017801 00000005 fffffffd",
                "[00001003] unknown call 120 5 -> InvalidArgument",
            ),
            (
                "  event 00001003 00010702 00800020 00800400",
                "[00001003] fault: write of a present page, 00800020 -> goes on at 00800400",
            ),
            (
                "  event 00001003 000c0402 00000008 00800123",
                "[00001003] fault: read of an absent page, 00000008 -> ends",
            ),
            (
                "  event 00001002 00010004 00001003 00001003",
                "[00001002] gets the CPU after [00001003], eax 1003",
            ),
            (
                "  event 00000000 00000005 00000000 00000000",
                "[00000000] interrupt 0 at 00000000 -> no process",
            ),
            (
                "  event 00001003 000d0606 00800123 00000000",
                "[00001003] exception 6 at 00800123, error 0 -> has ended",
            ),
        ] {
            assert_eq!(note(line), Some(format!(" {words}")), "{line}");
        }
    }

    #[test]
    fn other_lines_are_left_alone() {
        for line in [
            "event 00001003 00012101 10000000 00000000",
            "  event 00001003 00012101 10000000",
            "  event 00001003 00012101 10000000 00000000 0",
            "  event 00001003 00012107 10000000 00000000",
            "  event 1003 00012101 10000000 00000000",
            "  event +0001003 00012101 10000000 00000000",
            "  backtrace 0xf0101234",
        ] {
            assert_eq!(note(line), None, "{line}");
        }
    }
}
