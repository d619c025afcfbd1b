//! How a process is named on a line: by its job, `%2`, or by its id, as `ps` prints it.

use libsys::ProcessId;
use libsys::process::parse_id;

/// What a word names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name {
    /// The job of this number.
    Job(u32),
    /// The process of this id, living or not.
    Process(ProcessId),
}

impl Name {
    /// Reads a word; `None` if it names no process.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        match word.strip_prefix('%') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().map(Self::Job)
            }
            Some(_) => None,
            None => parse_id(word).map(Self::Process),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_named_by_its_job_or_its_id() {
        let process = |bits| Some(Name::Process(ProcessId::new(bits).unwrap()));
        for (word, expected) in [
            ("%1", Some(Name::Job(1))),
            ("%4294967295", Some(Name::Job(u32::MAX))),
            ("%4294967296", None),
            ("%", None),
            ("%+1", None),
            ("%x", None),
            ("00001003", process(0x1003)),
            ("1003", process(0x1003)),
            ("", None),
            ("walk", None),
        ] {
            assert_eq!(Name::read(word), expected, "{word}");
        }
    }
}
