//! Which function, file and line an address of the kernel belongs to.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use addr2line::{Loader, demangle_auto};
use anyhow::{Result, anyhow};

/// Before the address, on each line of a kernel's backtrace.
const BACKTRACE: &str = "  backtrace 0x";

/// The kernel's symbols and line table.
pub struct Symbols {
    loader: Loader,
    root: PathBuf,
}

impl Symbols {
    /// Reads the symbols of an ELF file; paths in answers are relative to `root`.
    ///
    /// # Errors
    /// The file cannot be read or is no ELF file.
    pub fn open(file: &Path, root: &Path) -> Result<Self> {
        let loader = Loader::new(file)
            .map_err(|error| anyhow!("cannot read the symbols of {}: {error}", file.display()))?;
        Ok(Self { loader, root: root.to_path_buf() })
    }

    /// What to add to a line of output: ` function (file:line)` after a backtrace's address.
    #[must_use]
    pub fn note(&self, line: &str) -> Option<String> {
        Some(format!(" {}", self.describe(backtrace_address(line)?)?))
    }

    /// The function that a return address belongs to, from the innermost inlined one outwards.
    fn describe(&self, address: u64) -> Option<String> {
        // A return address may already lie on the next line, or in the next function.
        let call = address.checked_sub(1)?;
        let mut frames = self.loader.find_frames(call).ok()?;
        let mut names = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            let name = frame.function.as_ref().and_then(|function| function.demangle().ok());
            let place = frame.location.as_ref().and_then(|location| {
                Some(format!(" ({}:{})", self.relative(location.file?), location.line?))
            });
            names.push((name.map(Cow::into_owned), place.unwrap_or_default()));
        }
        self.name_the_outermost(call, &mut names);
        let known = |(name, place): (Option<String>, String)| Some(name? + &place);
        let names: Vec<_> = names.into_iter().filter_map(known).collect();
        (!names.is_empty()).then(|| names.join(" in "))
    }

    /// Line tables know a function by its last name at best; the symbol table has its whole path.
    fn name_the_outermost(&self, address: u64, names: &mut Vec<(Option<String>, String)>) {
        let Some(symbol) = self.loader.find_symbol(address) else {
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
    fn our_own_symbols_are_found() {
        let file = std::env::current_exe().unwrap();
        let symbols = Symbols::open(&file, Path::new("/")).unwrap();
        assert_eq!(symbols.note("an ordinary line"), None);
        assert_eq!(symbols.note("  backtrace 0x0"), None);
    }

    #[test]
    fn a_file_without_symbols_is_an_error_with_its_name() {
        let error = Symbols::open(Path::new("/no/such.elf"), Path::new("/")).err().unwrap();
        assert!(error.to_string().contains("/no/such.elf"), "{error}");
    }
}
