//! How a program is started: a blank child gets its memory (or a pager that will map it), a stack
//! and registers.

use core::fmt;

use abi::format::elf::{Image, ImageError};
use abi::format::ustar::ArchiveError;
use abi::layout::{PAGE_SIZE, USER_STACK_TOP};
use abi::process::Target;
use abi::registers::UserRegisters;
use abi::{Error, Page, Permissions, ProcessId, UserPage};

use super::start_stack;
use crate::call;
use crate::paging::fixed_pages::Scratch;
use crate::process::archive;
use crate::service::pager::{self, Registered, Request};

/// Why a program could not be started. Nothing is left of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpawnError {
    /// There is no program of this name.
    NoSuchProgram,
    /// The boot archive is damaged.
    Archive(ArchiveError),
    /// The file is not a program; with the reason, if the loader was not the pager.
    BadImage(Option<ImageError>),
    /// Name and arguments do not fit half a page, or have a zero byte in them.
    ArgumentsTooLong,
    /// The pager does not take the program as its client.
    PagerRefused,
    /// A call failed.
    Call(Error),
}

impl From<Error> for SpawnError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchProgram => f.write_str("no such program"),
            Self::Archive(error) => write!(f, "the boot archive is damaged: {error}"),
            Self::BadImage(Some(error)) => write!(f, "not a program: {error}"),
            Self::BadImage(None) => f.write_str("not a program"),
            Self::ArgumentsTooLong => f.write_str("the arguments are too long"),
            Self::PagerRefused => f.write_str("the pager does not take it"),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SpawnError {}

/// The pager of a new process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pager {
    /// The caller's own pager, if it has one.
    Inherited,
    /// The one with this id; or none.
    Given(Option<ProcessId>),
}

/// A program to be started, and how. `userland/programs/shell` starts every command by one.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    name: &'a str,
    arguments: &'a [&'a str],
    pager: Pager,
    archive: bool,
    driver: bool,
    console: bool,
    quota: Option<(u32, u32)>,
    traced: bool,
}

impl<'a> Command<'a> {
    /// The program `bin/NAME` of the boot archive, without arguments, under the caller's pager.
    #[must_use]
    pub const fn new(name: &'a str) -> Self {
        Self {
            name,
            arguments: &[],
            pager: Pager::Inherited,
            archive: false,
            driver: false,
            console: false,
            quota: None,
            traced: false,
        }
    }

    /// With these arguments, beside its name.
    #[must_use]
    pub const fn args(mut self, arguments: &'a [&'a str]) -> Self {
        self.arguments = arguments;
        self
    }

    /// Under this pager. With `None` the program is loaded at once, for which the caller needs the
    /// boot archive, and serves its own faults.
    #[must_use]
    pub const fn pager(mut self, pager: Option<ProcessId>) -> Self {
        self.pager = Pager::Given(pager);
        self
    }

    /// With the caller's boot archive, read-only.
    #[must_use]
    pub const fn with_archive(mut self) -> Self {
        self.archive = true;
        self
    }

    /// As a driver. The caller must be a driver itself.
    #[must_use]
    pub const fn driver(mut self) -> Self {
        self.driver = true;
        self
    }

    /// As the owner of the console from its first instruction on: Ctrl-C interrupts it. The caller
    /// must own the console, or no process does.
    #[must_use]
    pub const fn owning_console(mut self) -> Self {
        self.console = true;
        self
    }

    /// With at most so many frames and processes for it and its descendants; 0 is no bound.
    #[must_use]
    pub const fn quota(mut self, frames: u32, processes: u32) -> Self {
        self.quota = Some((frames, processes));
        self
    }

    /// Stopped before its first instruction; and before it exits, it asks its parent by a call
    /// (`call::FAREWELL`). So the parent can read all its events.
    #[must_use]
    pub const fn traced(mut self) -> Self {
        self.traced = true;
        self
    }

    /// Starts the program.
    ///
    /// # Errors
    /// A [`SpawnError`]; nothing is left of the child.
    pub fn spawn(&self) -> Result<ProcessId, SpawnError> {
        let child = call::process_create()?;
        match self.populate(child) {
            Ok(()) => Ok(child),
            Err(error) => {
                // It has not run, so it is still there and has no children.
                let _ = super::end(child);
                Err(error)
            }
        }
    }

    fn populate(&self, child: ProcessId) -> Result<(), SpawnError> {
        if let Some((frames, processes)) = self.quota {
            call::set_quota(child, frames, processes)?;
        }
        if self.archive {
            archive::share(child)?;
        }
        if self.driver {
            call::driver_allow(child, true)?;
        }
        let mut scratch = Scratch::new()?;
        let entry = match self.choose_pager(child)? {
            Some(pager) => register(&mut scratch, pager, child, self.name)?,
            None => load(&mut scratch, child, self.name)?,
        };
        scratch.renew()?;
        let arguments = core::iter::once(self.name).chain(self.arguments.iter().copied());
        let esp =
            start_stack(scratch.bytes(), arguments).map_err(|_| SpawnError::ArgumentsTooLong)?;
        let top = UserPage::known(USER_STACK_TOP - PAGE_SIZE);
        scratch.give(child, top, Permissions::WRITE)?;
        call::registers_write(
            child,
            &UserRegisters {
                eip: entry,
                esp,
                ebx: u32::from(self.traced),
                ..UserRegisters::default()
            },
        )?;
        // Before the child runs: afterwards it may have exited, and would no longer be there to
        // become the owner.
        if self.console {
            call::set_console_owner(Some(Target::Process(child)))?;
        }
        if !self.traced {
            call::process_start(child)?;
        }
        Ok(())
    }

    fn choose_pager(&self, child: ProcessId) -> Result<Option<ProcessId>, Error> {
        let inherited = call::identity().pager;
        let pager = match self.pager {
            Pager::Inherited => inherited,
            Pager::Given(pager) => pager,
        };
        if pager != inherited {
            call::set_pager(child, pager)?;
        }
        Ok(pager)
    }
}

/// Registers the child at the pager as the program `name`; returns the entry.
fn register(
    scratch: &mut Scratch,
    pager: ProcessId,
    child: ProcessId,
    name: &str,
) -> Result<u32, SpawnError> {
    pager::put_name(scratch.bytes(), name).ok_or(SpawnError::NoSuchProgram)?;
    let words = Request::Register { child }.encode();
    let reply = call::message_call(pager, words, Some(Scratch::SHOWN))?;
    match Registered::decode(reply.words) {
        Registered::At { entry } => Ok(entry),
        Registered::NoSuchProgram => Err(SpawnError::NoSuchProgram),
        Registered::BadImage => Err(SpawnError::BadImage(None)),
        Registered::NotAClient | Registered::Full | Registered::NotUnderstood => {
            Err(SpawnError::PagerRefused)
        }
    }
}

/// Loads the whole program, every page with its real rights; returns the entry.
fn load(scratch: &mut Scratch, child: ProcessId, name: &str) -> Result<u32, SpawnError> {
    let file =
        archive::program(name).map_err(SpawnError::Archive)?.ok_or(SpawnError::NoSuchProgram)?;
    // A file in the archive is shorter than 2 GiB.
    let image =
        Image::plan(file, file.len() as u32).map_err(|error| SpawnError::BadImage(Some(error)))?;
    for page in image.pages() {
        scratch.renew()?;
        fill(scratch, &image, file, page);
        let permissions = image.permissions(page).unwrap_or(Permissions::empty());
        scratch.give(child, UserPage::new(page.address())?, permissions)?;
    }
    Ok(image.entry())
}

fn fill(scratch: &mut Scratch, image: &Image, file: &[u8], page: Page) {
    for piece in image.pieces(page) {
        let to = piece.page_offset as usize..(piece.page_offset + piece.length) as usize;
        let from = piece.file_offset as usize..(piece.file_offset + piece.length) as usize;
        scratch.bytes()[to].copy_from_slice(&file[from]);
    }
}
