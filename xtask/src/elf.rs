//! `--elf FILE[,OPTION...]`: programs to start instead of init, as JOS would.
//!
//! They travel in a boot archive of their own, and the kernel's command line names them. The kernel
//! checks every file again; this file reports a mistake earlier, and by the file's own name.

use std::fs;
use std::path::{Path, PathBuf};

use abi::format::elf::{HEADER_LIMIT, Image, Rules};
use abi::jos::Numbering;
use anyhow::{Context, Result};

use crate::bad_input::BadInput;
use crate::image;
use crate::throwaway::Throwaway;
use crate::workspace::Workspace;

/// The option of the file server.
const FILE_SERVER: &str = "type=fs";

/// The options that there are.
fn known_options() -> impl Iterator<Item = &'static str> {
    std::iter::once(FILE_SERVER).chain(Numbering::OPTIONS.into_iter().map(|(name, _)| name))
}

/// One `--elf`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The file.
    pub file: PathBuf,
    /// The options, as the kernel's command line takes them.
    options: Vec<String>,
}

impl Program {
    /// Reads `FILE[,type=fs][,abi=NUMBERING]`; a comma in the file's name is doubled.
    ///
    /// # Errors
    /// There is no file's name, or an option is unknown.
    pub fn parse(text: &str) -> Result<Self, BadInput> {
        let mut parts = split(text).into_iter();
        let file = parts.next().filter(|file| !file.is_empty());
        let file = file.ok_or_else(|| BadInput(format!("--elf {text}: no file is named")))?;
        let options: Vec<String> = parts.collect();
        let known = |option: &String| known_options().any(|known| known == option);
        if let Some(option) = options.iter().find(|option| !known(option)) {
            let all = known_options().collect::<Vec<_>>().join(", ");
            let why = format!("--elf {text}: unknown option `{option}`; there are {all}");
            return Err(BadInput(why));
        }
        Ok(Self { file: file.into(), options })
    }

    /// A program without options.
    #[must_use]
    pub const fn of(file: PathBuf) -> Self {
        Self { file, options: Vec::new() }
    }

    /// The address of its first instruction.
    ///
    /// # Errors
    /// As for [`Program::check`].
    pub fn entry(&self) -> Result<u32, BadInput> {
        Ok(self.plan()?.1.entry())
    }

    /// The word on the kernel's command line for the program that is member `member`.
    fn word(&self, member: &str) -> String {
        std::iter::once(&format!("elf={member}"))
            .chain(&self.options)
            .cloned()
            .collect::<Vec<_>>()
            .join(",")
    }

    fn is_file_server(&self) -> bool {
        self.options.iter().any(|option| option == FILE_SERVER)
    }

    /// Is the file somewhere below this folder?
    #[must_use]
    pub fn lies_in(&self, folder: &Path) -> bool {
        std::path::absolute(&self.file).is_ok_and(|file| file.starts_with(folder))
    }

    /// Makes sure that the file can be started.
    ///
    /// # Errors
    /// It cannot be read, or is no program.
    pub fn check(&self) -> Result<(), BadInput> {
        self.read().map(drop)
    }

    /// The file's bytes, if they are a program.
    fn read(&self) -> Result<Vec<u8>, BadInput> {
        Ok(self.plan()?.0)
    }

    /// The file's bytes, and what they say of the program.
    fn plan(&self) -> Result<(Vec<u8>, Image), BadInput> {
        let name = self.file.display();
        let bytes = fs::read(&self.file)
            .map_err(|error| BadInput(format!("cannot read {name}: {error}")))?;
        let length = u32::try_from(bytes.len())
            .map_err(|_| BadInput(format!("{name} is larger than 4 GiB")))?;
        let header = &bytes[..bytes.len().min(HEADER_LIMIT)];
        let image = Image::plan_by(Rules::Jos, header, length)
            .map_err(|why| BadInput(format!("{name} cannot be started: {why}")))?;
        Ok((bytes, image))
    }
}

/// A line for each thing that is most likely missing from a command. Without it the run would go
/// on, and end with a message that does not name the cause.
#[must_use]
pub fn hints(programs: &[Program], ide_disk: bool, jos: bool) -> Vec<String> {
    let mut hints = Vec::new();
    let server = programs.iter().find(|program| program.is_file_server());
    match server {
        Some(server) if !ide_disk => hints.push(format!(
            "{} is a file server without a disk; its disk is named by --ide-disk obj/fs/fs.img",
            server.file.display()
        )),
        None if ide_disk && !programs.is_empty() => hints.push(
            "no program may use the disk of --ide-disk; a file server is started by \
             --elf obj/fs/fs,type=fs"
                .to_owned(),
        ),
        Some(_) | None => {}
    }
    if jos && programs.is_empty() {
        hints.push(
            "--jos without --elf tells of Vitrine's own programs; a JOS program is named by --elf"
                .to_owned(),
        );
    }
    hints
}

/// Splits at commas, except double ones, which stand for one.
fn split(text: &str) -> Vec<String> {
    const COMMA: &str = "\0";
    text.replace(",,", COMMA).split(',').map(|part| part.replace(COMMA, ",")).collect()
}

/// Programs in an archive, ready to boot. The archive is a file as long as this lives.
pub struct Staged {
    archive: Throwaway,
    /// What names the programs on the kernel's command line.
    pub words: String,
}

impl Staged {
    /// Checks the programs and packs them.
    ///
    /// # Errors
    /// [`BadInput`]: a file cannot be read or is no program. Or the archive cannot be written.
    pub fn pack(workspace: &Workspace, programs: &[Program]) -> Result<Self> {
        let mut members = Vec::new();
        let mut words = Vec::new();
        for (number, program) in programs.iter().enumerate() {
            let member = format!("elf{number}/{}", plain(&program.file));
            words.push(program.word(&member));
            members.push((member, image::stripped(&program.read()?)?));
        }
        let archive = Throwaway::new(&workspace.output(), ".tar")?;
        fs::write(archive.path(), image::archive(&members)?).context("cannot write the archive")?;
        Ok(Self { archive, words: words.join(" ") })
    }

    /// The archive's file.
    #[must_use]
    pub fn archive(&self) -> &Path {
        self.archive.path()
    }

    /// The file itself, for a caller that lives longer than this value.
    #[must_use]
    pub fn into_file(self) -> Throwaway {
        self.archive
    }
}

/// A file's name, as far as it can stand in the archive and on the command line.
fn plain(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    name.chars().take(40).map(|c| if plain(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_follow_the_file_and_double_commas_are_the_files() {
        let table: [(&str, &str, &[&str]); 6] = [
            ("obj/user/hello", "obj/user/hello", &[]),
            ("fs,type=fs", "fs", &["type=fs"]),
            ("fs,abi=lab4,type=fs", "fs", &["abi=lab4", "type=fs"]),
            ("a,,b,type=fs", "a,b", &["type=fs"]),
            ("a,abi=lab3", "a", &["abi=lab3"]),
            ("a,abi=lab4-2014", "a", &["abi=lab4-2014"]),
        ];
        for (text, file, options) in table {
            let program = Program::parse(text).unwrap();
            assert_eq!(program.file, Path::new(file), "{text}");
            assert_eq!(program.options, options, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (text, word) in [
            ("", "no file"),
            (",type=fs", "no file"),
            ("a,type=ns", "`type=ns`"),
            ("a,abi=lab5", "`abi=lab5`"),
            ("a,", "``"),
        ] {
            let error = Program::parse(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
            assert_eq!(error.lines().count(), 1);
        }
    }

    #[test]
    fn a_command_that_would_end_in_a_riddle_gets_one_hint() {
        let plain: &[&str] = &["a"];
        let server: &[&str] = &["fs,type=fs", "a"];
        for (programs, ide_disk, jos, hint) in [
            (plain, false, false, None),
            (plain, false, true, None),
            (plain, true, false, Some("type=fs")),
            (server, true, true, None),
            (server, false, true, Some("--ide-disk")),
            (&[], false, true, Some("--elf")),
            (&[], true, false, None),
            (&[], false, false, None),
        ] {
            let parsed: Vec<_> =
                programs.iter().map(|text| Program::parse(text).unwrap()).collect();
            let hints = hints(&parsed, ide_disk, jos);
            assert_eq!(hints.len(), usize::from(hint.is_some()), "{programs:?}: {hints:?}");
            let named = hint.is_none_or(|hint| hints[0].contains(hint));
            assert!(named && hints.iter().all(|hint| hint.lines().count() == 1), "{hints:?}");
        }
    }

    #[test]
    fn the_kernel_reads_the_words_that_name_the_programs() {
        let fs = Program::parse("/x y/f,,s,type=fs,abi=lab4").unwrap();
        let word = fs.word(&format!("elf0/{}", plain(&fs.file)));
        assert_eq!(word, "elf=elf0/f_s,type=fs,abi=lab4");
    }

    #[test]
    fn a_missing_file_and_a_text_file_are_bad_input() {
        for file in ["/nowhere/hello", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
            let error = Program::parse(file).unwrap().read().unwrap_err().to_string();
            assert!(error.contains(file) && error.lines().count() == 1, "{error}");
        }
    }
}
