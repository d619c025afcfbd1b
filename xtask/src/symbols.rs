//! Which function, file and line an address of the kernel belongs to, or one of a program that a
//! line names.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use addr2line::demangle_auto;
use anyhow::{Context, Result};
use gimli::{Dwarf, EndianArcSlice, LittleEndian, SectionId};
use object::{Object, ObjectSection, ObjectSymbol};

/// Before the address, on each line of a kernel's backtrace.
const BACKTRACE: &str = "  backtrace 0x";

/// Before the process id, on the line with which the pager refuses a fault: `pager: [ID] NAME: …,
/// ip ADDRESS`. A process without a pager prints the same without the pager's name.
const REFUSAL: [&str; 2] = ["pager: [", "["];
/// Before the address of the instruction, on that line.
const INSTRUCTION: &str = ", ip ";

/// Before the name and the address, on each line of a program's backtrace.
const PROGRAM_BACKTRACE: &str = "  backtrace of ";

/// The linker script's symbol for the end of a program, which is no function: every address above
/// is found at it.
const END: &str = "program_end";

/// The kernel's symbols and line table, and where those of programs are.
pub struct Symbols {
    lines: addr2line::Context<EndianArcSlice<LittleEndian>>,
    /// The address and the name of each symbol, in the order of addresses.
    names: Vec<(u64, String)>,
    root: PathBuf,
    programs: Option<PathBuf>,
    /// The programs that were named so far; `None` is one that has no readable file.
    opened: RefCell<HashMap<String, Option<Box<Symbols>>>>,
}

impl Symbols {
    /// Reads the symbols of an ELF file; paths in answers are relative to `root`.
    ///
    /// # Errors
    /// The file cannot be read or is no ELF file.
    pub fn open(file: &Path, root: &Path) -> Result<Self> {
        let cannot_read = || format!("cannot read the symbols of {}", file.display());
        let bytes = fs::read(file).with_context(cannot_read)?;
        Self::read(&bytes, root.to_path_buf()).with_context(cannot_read)
    }

    fn read(bytes: &[u8], root: PathBuf) -> Result<Self> {
        let elf = object::File::parse(bytes)?;
        let section = |id: SectionId| -> Result<_> {
            let section = elf.section_by_name(id.name());
            let data = section.map_or(Ok(&[][..]), |section| section.data())?;
            Ok(EndianArcSlice::new(data.into(), LittleEndian))
        };
        let lines = addr2line::Context::from_dwarf(Dwarf::load(section)?)?;
        let names = elf.symbol_map();
        let names = names.symbols().iter().map(|name| (name.address(), name.name().to_owned()));
        let (names, opened) = (names.collect(), RefCell::default());
        Ok(Self { lines, names, root, programs: None, opened })
    }

    /// With the programs whose files, under their names, lie in this folder.
    #[must_use]
    pub fn with_programs(self, folder: PathBuf) -> Self {
        Self { programs: Some(folder), ..self }
    }

    /// What to add to a line of output: ` function (file:line)` after the return address of a
    /// backtrace, or after the instruction of a program that the pager names.
    #[must_use]
    pub fn note(&self, line: &str) -> Option<String> {
        // A return address may already lie on the next line, or in the next function.
        let note = if let Some((name, address)) = refused_instruction(line) {
            self.describe_in(name, address)?
        } else if let Some((name, address)) = programs_return_address(line) {
            self.describe_in(name, address.checked_sub(1)?)?
        } else {
            self.describe(backtrace_address(line)?.checked_sub(1)?)?
        };
        Some(format!(" {note}"))
    }

    /// The function of a program that an instruction belongs to.
    fn describe_in(&self, name: &str, address: u64) -> Option<String> {
        let folder = self.programs.as_deref()?;
        let mut opened = self.opened.borrow_mut();
        let program = opened
            .entry(name.to_owned())
            .or_insert_with(|| Self::open(&folder.join(name), &self.root).ok().map(Box::new));
        let program = program.as_ref()?;
        // What the core library has inlined there would hide the program's own function.
        let frames = program.frames(address);
        let own: Vec<_> = frames.iter().filter(|frame| !frame.contains(" (/")).cloned().collect();
        joined(if own.is_empty() { &frames } else { &own })
    }

    /// The function that an instruction belongs to, from the innermost inlined one outwards.
    fn describe(&self, address: u64) -> Option<String> {
        joined(&self.frames(address))
    }

    /// The functions that an instruction belongs to, each as `function (file:line)`, the innermost
    /// inlined one first.
    fn frames(&self, address: u64) -> Vec<String> {
        let Ok(mut frames) = self.lines.find_frames(address).skip_all_loads() else {
            return Vec::new();
        };
        let mut names = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            let name = frame.function.as_ref().and_then(|function| function.demangle().ok());
            let place = frame.location.as_ref().and_then(|location| {
                Some(format!(" ({}:{})", self.relative(location.file?), location.line?))
            });
            names.push((name.map(Cow::into_owned), place.unwrap_or_default()));
        }
        self.name_the_outermost(address, &mut names);
        let known = |(name, place): (Option<String>, String)| Some(name? + &place);
        names.into_iter().filter_map(known).collect()
    }

    /// Line tables know a function by its last name at best; the symbol table has its whole path.
    fn name_the_outermost(&self, address: u64, names: &mut Vec<(Option<String>, String)>) {
        let below = self.names.partition_point(|(start, _)| *start <= address);
        let Some((_, symbol)) = self.names[..below].last().filter(|(_, name)| name != END) else {
            return;
        };
        let symbol = demangle_auto(symbol.into(), None).into_owned();
        match names.last_mut() {
            Some((name, _)) => *name = Some(symbol),
            None => names.push((Some(symbol), String::new())),
        }
    }

    fn relative<'a>(&self, file: &'a str) -> &'a str {
        let path = Path::new(file);
        path.strip_prefix(&self.root).ok().and_then(Path::to_str).unwrap_or(file)
    }
}

/// The address on a line that the kernel's panic handler printed.
#[must_use]
pub fn backtrace_address(line: &str) -> Option<u64> {
    let rest = line.strip_prefix(BACKTRACE)?;
    let digits = rest.split(|c: char| !c.is_ascii_hexdigit()).next()?;
    u64::from_str_radix(digits, 16).ok()
}

/// The program and the return address on a line that a program's panic handler printed.
fn programs_return_address(line: &str) -> Option<(&str, u64)> {
    let (name, address) = line.strip_prefix(PROGRAM_BACKTRACE)?.split_once(" 0x")?;
    (is_name(name) && is_hex(address))
        .then(|| u64::from_str_radix(address, 16).ok())?
        .map(|address| (name, address))
}

/// Whether a name is that of a file in the folder of programs, and of no other.
fn is_name(name: &str) -> bool {
    let of_file = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    !name.is_empty() && name.bytes().all(of_file)
}

fn is_hex(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Functions, each inlined into the next.
fn joined(frames: &[String]) -> Option<String> {
    (!frames.is_empty()).then(|| frames.join(" in "))
}

/// The program and the instruction on a line with which the pager refuses a fault.
fn refused_instruction(line: &str) -> Option<(&str, u64)> {
    let rest = REFUSAL.iter().find_map(|before| line.strip_prefix(before))?;
    let (id, rest) = rest.split_once("] ")?;
    let (name, rest) = rest.split_once(": ")?;
    let (_, address) = rest.rsplit_once(INSTRUCTION)?;
    if !is_hex(id) || !is_hex(address) || !is_name(name) {
        return None;
    }
    Some((name, u64::from_str_radix(address, 16).ok()?))
}

/// The address of the function whose demangled name ends so.
///
/// # Errors
/// The file cannot be read, or has no such function.
pub fn function(elf: &Path, end: &str) -> Result<u32> {
    let bytes = fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
    let file = object::File::parse(bytes.as_slice())?;
    let is_it = |name: &str| addr2line::demangle_auto(name.into(), None).ends_with(end);
    let symbol = file
        .symbols()
        .find(|symbol| symbol.name().is_ok_and(is_it))
        .with_context(|| format!("{} has no function …{end}", elf.display()))?;
    Ok(u32::try_from(symbol.address())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_backtrace_lines_have_an_address() {
        let table = [
            ("  backtrace 0xf0101234", Some(0xF010_1234)),
            ("  backtrace 0xf0101234 more", Some(0xF010_1234)),
            ("backtrace 0xf0101234", None),
            ("  backtrace 0x", None),
            ("  backtrace f0101234", None),
            ("hello", None),
        ];
        for (line, address) in table {
            assert_eq!(backtrace_address(line), address, "{line:?}");
        }
    }

    #[test]
    fn only_the_pagers_refusals_have_a_program_and_an_instruction() {
        let line = "pager: [00001003] walk: 00000008 is in no region, ip 0080012a";
        assert_eq!(refused_instruction(line), Some(("walk", 0x80_012A)));
        let line = "[00001003] walk: nothing serves 00000008, ip 0080012a";
        assert_eq!(refused_instruction(line), Some(("walk", 0x80_012A)));
        for line in [
            "pager: no page 1249d000 for [00001003]: out of frames",
            "pager: [00001003] ../walk: 00000008 is in no region, ip 0080012a",
            "pager: [00001003] : 00000008 is in no region, ip 0080012a",
            "pager: [00001003] walk: 00000008 is in no region, ip 80012a",
            "pager: [00001003] walk: 00000008 is in no region, ip 0080012a.",
            "pager: [0001003] walk: 00000008 is in no region, ip 0080012a",
            "[00001003] user fault va 00000008 ip 0080012a: read of an absent page; no pager",
        ] {
            assert_eq!(refused_instruction(line), None, "{line}");
        }
    }

    #[test]
    fn only_a_programs_backtrace_has_a_program_and_a_return_address() {
        let found = programs_return_address("  backtrace of tiny_pager 0x0080012a");
        assert_eq!(found, Some(("tiny_pager", 0x80_012A)));
        for line in [
            "  backtrace 0x0080012a",
            "  backtrace of  0x0080012a",
            "  backtrace of ../walk 0x0080012a",
            "  backtrace of walk 0x80012a",
            "  backtrace of walk 0x0080012a x",
            " backtrace of walk 0x0080012a",
        ] {
            assert_eq!(programs_return_address(line), None, "{line}");
        }
    }

    // The program of the tests is an ELF file, except on a Mac.
    #[cfg(not(target_os = "macos"))]
    #[test]
    fn an_instruction_of_a_named_program_gets_its_function() {
        let file = std::env::current_exe().unwrap();
        let folder = file.parent().unwrap().to_path_buf();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let symbols = Symbols::open(&file, Path::new("/")).unwrap().with_programs(folder);
        let described = |address: &u64| symbols.describe(*address).is_some();
        let address = (0..1 << 32).step_by(0x1000).find(described).unwrap();
        let line =
            |name: &str| format!("pager: [00001003] {name}: 8 is read-only, ip {address:08x}");
        assert!(symbols.note(&line(&name)).is_some_and(|note| note.len() > 1));
        assert_eq!(symbols.note(&line("nonesuch")), None);
    }

    // The program of the tests is an ELF file, except on a Mac.
    #[cfg(not(target_os = "macos"))]
    #[test]
    fn our_own_symbols_are_found() {
        let file = std::env::current_exe().unwrap();
        let symbols = Symbols::open(&file, Path::new("/")).unwrap();
        let address = function(&file, "::our_own_symbols_are_found").unwrap();
        let described = symbols.describe(address.into()).unwrap();
        for part in ["xtask::symbols::tests::our_own_symbols_are_found", "symbols.rs:"] {
            assert!(described.contains(part), "{described}");
        }
        assert_eq!(symbols.note("an ordinary line"), None);
        assert_eq!(symbols.note("  backtrace 0x0"), None);
    }

    #[test]
    fn a_file_without_symbols_is_an_error_with_its_name() {
        let error = Symbols::open(Path::new("/no/such.elf"), Path::new("/")).err().unwrap();
        assert!(error.to_string().contains("/no/such.elf"), "{error}");
    }
}
