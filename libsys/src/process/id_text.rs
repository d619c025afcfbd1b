//! How a person names a process: by its id in hexadecimal digits, as `ps` prints it.

use abi::ProcessId;

/// Reads an id: up to eight hexadecimal digits, of which the first is 0 to 9, so that no program's
/// name is one. `0x` may stand before them.
///
/// `None`: the text is none, or no process can have this id. It says nothing about whether one has.
#[must_use]
pub fn parse_id(text: &str) -> Option<ProcessId> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let begins = text.starts_with(|c: char| c.is_ascii_digit());
    let bits = (begins && digits.len() <= 8 && digits.bytes().all(|c| c.is_ascii_hexdigit()))
        .then(|| u32::from_str_radix(digits, 16).ok())??;
    ProcessId::new(bits).ok().filter(|id| id.bits() >= ProcessId::GENERATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_hexadecimal_and_begins_with_a_digit() {
        for (text, bits) in [
            ("00001003", Some(0x1003)),
            ("1003", Some(0x1003)),
            ("0x1003", Some(0x1003)),
            ("0xa003", Some(0xA003)),
            ("0a003", Some(0xA003)),
            ("1000", Some(0x1000)),
            ("7fffffff", Some(0x7FFF_FFFF)),
            ("a003", None),
            ("fade", None),
            ("fff", None),
            ("0fff", None),
            ("80000000", None),
            ("000001003", None),
            ("0x", None),
            ("", None),
            ("1003 ", None),
            ("+1003", None),
            ("10-3", None),
        ] {
            assert_eq!(parse_id(text).map(ProcessId::bits), bits, "{text:?}");
        }
    }
}
