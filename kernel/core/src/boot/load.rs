//! How a first program is loaded: whole, from the boot archive.

use abi::format::elf::{HEADER_LIMIT, Image, Rules};
use abi::layout::{PAGE_SIZE, USER_STACK_TOP};
use abi::{EntryFlags, Error, Page, Permissions, UserPage};

use crate::boot::archive::{BootArchive, Extent};
use crate::boot::error::{BootError, Name, no_room, unreadable};
use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::frames::FreshFrame;
use crate::state::process::Index;

/// The top stack page of a first program.
pub(crate) const STACK_PAGE: UserPage = UserPage::known(USER_STACK_TOP - PAGE_SIZE);

impl<H: Hardware> Kernel<H> {
    /// Makes a stopped process with all segments of a program. Returns the process and the
    /// program's entry point.
    ///
    /// # Errors
    /// - `NoSuchMember`, `Archive`, `ArchiveTooShort`: the program cannot be read from the archive.
    /// - `Image`: the member is not a valid program.
    /// - `OutOfFrames`, `OutOfProcesses`: there is no room for the program.
    pub(crate) fn load(
        &mut self,
        archive: BootArchive,
        member: &str,
        rules: Rules,
    ) -> Result<(Index, u32), BootError> {
        let name = Name::new(member.as_bytes());
        let file =
            archive.reader(&mut self.cpu).find(member).map_err(|error| unreadable(error, name))?;
        let mut header = [0; HEADER_LIMIT];
        let known = header.len().min(file.length as usize);
        archive.reader(&mut self.cpu).read(file.offset, &mut header[..known]);
        let image = Image::plan_by(rules, &header[..known], file.length)
            .map_err(|error| BootError::Image(name, error))?;

        let index = self.create(None, false).map_err(|error| no_room(name, error))?;
        for page in image.pages() {
            self.load_page(index, (archive, file), &image, page)
                .map_err(|error| no_room(name, error))?;
        }
        Ok((index, image.entry()))
    }

    /// Loads one page of a program: zeros, and the pieces of the file that lie in the page.
    ///
    /// A page without write permission is sealed, like a read-only page that another process has
    /// mapped.
    fn load_page(
        &mut self,
        index: Index,
        (archive, file): (BootArchive, Extent),
        image: &Image,
        page: Page,
    ) -> Result<(), Error> {
        let Some(permissions) = image.permissions(page) else { return Ok(()) };
        let fresh = self.frames.allocate().ok_or(Error::OutOfFrames)?;
        self.cpu.hardware.zero_frame(fresh.frame());
        for piece in image.pieces(page) {
            archive.reader(&mut self.cpu).copy_piece(file, piece, fresh.frame());
        }
        let writes = permissions.contains(Permissions::WRITE);
        let seal = if writes { EntryFlags::empty() } else { EntryFlags::SEALED };
        self.map_over(index, UserPage::new(page.address())?, permissions.leaf() | seal, fresh)
    }

    /// Maps a fresh frame at `page`, in place of what was mapped there.
    pub(crate) fn map_over(
        &mut self,
        index: Index,
        page: UserPage,
        flags: EntryFlags,
        fresh: FreshFrame,
    ) -> Result<(), Error> {
        let space = self.space(index);
        self.memory().map_fresh(space, page, flags, fresh)
    }
}
