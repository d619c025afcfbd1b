//! `cargo xtask header`: the numbers of `libsys/include/vitrine.h`, written from `kernel/abi`.
//!
//! The header is written by hand, with its comments. This writes the values of its `#define`s, and
//! the two lists of calls as a whole. A number of the contract that has no line in the header, and
//! a line that is no number of the contract, are errors. A test sees that the committed header is
//! what this writes.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fmt::Write as _;
use std::fs;

use abi::call::{Number, PageTransfer};
use abi::fault::Access;
use abi::jos::{self, JosCall};
use abi::message::{Kind, Message, Reason};
use abi::process::Target;
use abi::process_info::{self, ProcessInfo, Status};
use abi::trace::{self, EVENTS};
use abi::transaction::{self, Wish};
use abi::{EntryFlags, Error, PageRange, Permissions, Syscall, UserPage, layout};
use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

type Numbers = BTreeMap<String, u32>;

/// Writes the header's numbers.
///
/// # Errors
/// The header cannot be read or written, or its names are not those of the contract.
pub fn header(workspace: &Workspace) -> Result<()> {
    let file = workspace.root().join("libsys/include/vitrine.h");
    let old =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let new = with_numbers(&old)?;
    fs::write(&file, new).with_context(|| format!("cannot write {}", file.display()))
}

/// The header with the numbers of the contract.
fn with_numbers(header: &str) -> Result<String> {
    let mut missing = numbers();
    let mut new = String::new();
    let mut lines = header.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((name, value)) = definition(line) else {
            new += line;
            new.push('\n');
            continue;
        };
        if let Some(list) = List::of(name) {
            while lines
                .next_if(|line| {
                    definition(line).is_some_and(|(name, _)| List::of(name) == Some(list))
                })
                .is_some()
            {}
            for (name, number) in list.numbers() {
                missing.remove(&name);
                writeln!(new, "#define {name} {number}")?;
            }
            continue;
        }
        let Some(number) = missing.remove(name) else {
            bail!("{name} is no number of the contract, or stands twice");
        };
        let start = line.find(value).unwrap_or(line.len());
        let rest = &line[start + value.len()..];
        let same = parse(value) == Some(number);
        let value = if same { value.to_owned() } else { format_like(value, number) };
        writeln!(new, "{}{value}{rest}", &line[..start])?;
    }
    if !missing.is_empty() {
        bail!("the header has no line for {:?}", missing.into_keys());
    }
    Ok(new)
}

/// A list that is written as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Native,
    Jos,
}

impl List {
    fn of(name: &str) -> Option<Self> {
        match name {
            _ if name.starts_with("CALL_") => Some(Self::Native),
            _ if name.starts_with("JOS_CALL_") => Some(Self::Jos),
            _ => None,
        }
    }

    fn numbers(self) -> Vec<(String, u32)> {
        match self {
            Self::Native => {
                let mut all = Number::ALL.to_vec();
                all.sort();
                let named = |number: &Number| {
                    (format!("CALL_{}", number.name().to_uppercase()), *number as u32)
                };
                all.iter().map(named).collect()
            }
            Self::Jos => {
                let name = |number| Some(constant_name(&JosCall::decode(number, [0; 5])?));
                let names = (0..).map_while(name).map(|name| format!("JOS_CALL_{name}"));
                names.zip(0..).collect()
            }
        }
    }
}

/// The name and the value of `#define NAME VALUE`.
fn definition(line: &str) -> Option<(&str, &str)> {
    let mut words = line.strip_prefix("#define ")?.split_whitespace();
    let (name, value) = (words.next()?, words.next()?);
    (!name.contains('(')).then_some((name, value))
}

fn parse(value: &str) -> Option<u32> {
    match value.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => value.parse().ok(),
    }
}

/// A number in the base of the one that it replaces.
fn format_like(value: &str, number: u32) -> String {
    match value.strip_prefix("0x") {
        Some(digits) => format!("0x{number:0width$X}", width = digits.len()),
        None => number.to_string(),
    }
}

/// All numbers that C needs, by the names that the header gives them.
fn numbers() -> Numbers {
    let mut numbers = Numbers::new();
    let mut add = |name: String, number: u32| {
        assert_eq!(numbers.insert(name.clone(), number), None, "{name} twice");
    };
    macro_rules! plain {
        ($($name:ident)*) => { $(add(stringify!($name).to_owned(), layout::$name);)* };
    }
    plain!(PAGE_SIZE TABLE_SPAN ENTRIES SCRATCH HANDLER_SCRATCH PROGRAM_TEXT BOOT_ARCHIVE
        USER_STACK_TOP EXCEPTION_STACK EXCEPTION_STACK_TOP USER_TOP UENVS UPAGES UVPT UVPD
        DEVICE_MEMORY KERNEL_BASE PROCESSES FRAME_RECORD_SIZE PUBLIC_FRAMES);
    add("PROCESS_FACTS_SIZE".into(), size_of::<ProcessInfo>() as u32);

    for (name, flag) in EntryFlags::all().iter_names() {
        add(format!("ENTRY_{name}"), flag.bits());
    }
    add("ENTRY_MARKS".into(), EntryFlags::MARKS.bits());
    for (name, permission) in Permissions::all().iter_names() {
        add(format!("PERMISSION_{name}"), permission.bits());
    }
    for (name, access) in Access::all().iter_names() {
        add(format!("ACCESS_{name}"), access.bits());
    }
    add("JOS_REQUIRED".into(), jos::REQUIRED);
    add("JOS_KNOWN".into(), jos::KNOWN);
    add("TRAP_VECTOR".into(), jos::VECTOR);

    for error in Error::ALL {
        add(format!("ERROR_{}", constant_name(&error)), error as u32);
    }
    for (name, number) in List::Native.numbers().into_iter().chain(List::Jos.numbers()) {
        add(name, number);
    }
    add("RANGE_LIMIT".into(), PageRange::LIMIT);
    add("ALLOCATE_LIMIT".into(), Syscall::ALLOCATE_LIMIT);
    add("BUFFER_LIMIT".into(), Syscall::BUFFER_LIMIT);
    add("SHARE_BOTH".into(), share_both());
    add("LIST_LIMIT".into(), transaction::LIST);
    for kind in [
        transaction::Kind::Protect,
        transaction::Kind::Unmap,
        transaction::Kind::Map,
        transaction::Kind::MapBoth,
    ] {
        add(format!("LIST_{}", constant_name(&kind)), list_kind(kind));
    }
    add("OFFER_SEND".into(), offer_bits(Some(Permissions::empty()), false));
    add("OFFER_ACCEPT".into(), offer_bits(None, true));

    for kind in (0..).map_while(Kind::new) {
        add(format!("MESSAGE_{}", constant_name(&kind)), kind as u32);
    }
    add("MESSAGE_PAGE".into(), Message::header(Kind::Message, Some(Permissions::empty())));
    for reason in (0..).map_while(Reason::new) {
        add(format!("REASON_{}", constant_name(&reason)), reason as u32);
    }
    for status in
        [Status::Free, Status::Dying, Status::Runnable, Status::Running, Status::NotRunnable]
    {
        add(format!("STATUS_{}", constant_name(&status)), status as u32);
    }
    add("EVENTS".into(), EVENTS);
    for kind in trace::Kind::ALL {
        add(format!("EVENT_{}", constant_name(&kind)), kind as u32);
    }
    add("EVENT_ELSEWHERE".into(), trace::ELSEWHERE.into());
    add("EVENT_OPEN".into(), trace::OPEN.into());
    add("KIND_USER".into(), process_info::KIND_USER);
    add("KIND_FILE_SERVER".into(), process_info::KIND_FILE_SERVER);
    numbers
}

/// The bits of the word of a [`Syscall::Transact`] that say what is done.
fn list_kind(kind: transaction::Kind) -> u32 {
    let none = Permissions::empty();
    let wish = Wish { kind, drop: none, add: none, distance: 0 };
    Syscall::Transact { process: Target::Caller, list: 0, pages: 0, wish }.encode().words[2]
}

/// The bit that [`Syscall::RangeShare`] with `both` sets.
fn share_both() -> u32 {
    let page = UserPage::known(0);
    let range = PageRange::new(page, 1).expect("one page is a range");
    let (process, to, none) = (Target::Caller, Target::Caller, Permissions::empty());
    let share = Syscall::RangeShare {
        process,
        range,
        to,
        to_page: page,
        drop: none,
        add: none,
        both: true,
    };
    share.encode().words[3]
}

fn offer_bits(send: Option<Permissions>, accept: bool) -> u32 {
    let transfer = PageTransfer { page: UserPage::known(0), send, accept };
    Syscall::Receive { from: None, transfer: Some(transfer) }.encode().head >> 8
}

/// `PageMap { .. }` as C names it: `PAGE_MAP`.
fn constant_name(variant: &impl Debug) -> String {
    let text = format!("{variant:?}");
    let name = text.split([' ', '(']).next().unwrap_or_default();
    let mut constant = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !constant.is_empty() {
            constant.push('_');
        }
        constant.extend(letter.to_uppercase());
    }
    constant
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = include_str!("../../libsys/include/vitrine.h");

    #[test]
    fn the_committed_header_has_the_numbers_of_the_contract() {
        let written = with_numbers(HEADER).expect("the header has the names of the contract");
        assert!(written == HEADER, "run `cargo xtask header`");
    }

    #[test]
    fn a_wrong_number_is_put_right_and_a_list_is_completed() {
        let old = HEADER.replace("#define UVPT 0xEF400000", "#define UVPT 0xEF800000");
        let old = old
            .replace("#define CALL_WAIT 48\n", "")
            .replace("#define CALL_EXIT 47", "#define CALL_EXIT 7");
        assert_ne!(old, HEADER);
        assert_eq!(with_numbers(&old).expect("all names are there"), HEADER);
    }

    #[test]
    fn a_name_that_is_missing_or_unknown_is_an_error() {
        let without = HEADER.replace("#define UVPT 0xEF400000", "");
        let error = with_numbers(&without).unwrap_err().to_string();
        assert!(error.contains("\"UVPT\""), "{error}");
        let error = with_numbers(&format!("{HEADER}#define EXTRA 1\n")).unwrap_err().to_string();
        assert!(error.contains("EXTRA"), "{error}");
    }
}
