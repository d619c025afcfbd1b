//! The disk, as its clients use it: found, opened, given pages, then read and written.

use abi::call::PageTransfer;
use abi::process::Target;
use abi::{Permissions, ProcessId, UserPage};

use crate::call::{Change, message_call};
use crate::paging::checked::page_protect;
use crate::service::disk::protocol::{DiskError, Geometry, Request, Transfer, decode_answer};
use crate::service::names::{self, Name, NotFound};

/// A disk that this process has opened.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    server: ProcessId,
    geometry: Geometry,
}

impl Disk {
    /// Opens the disk that init knows.
    ///
    /// # Errors
    /// `Gone`: there is no disk, or it has ended. `NotPermitted`: the disk does not serve this
    /// process. `Full`: it has as many clients as it takes.
    pub fn find() -> Result<Self, DiskError> {
        Self::open(names::find(Name::DISK)?)
    }

    /// Opens the disk that `parent` knows: for a server whose parent is not init.
    ///
    /// # Errors
    /// As [`Disk::find`].
    pub fn find_at(parent: ProcessId) -> Result<Self, DiskError> {
        Self::open(names::find_at(parent, Name::DISK)?)
    }

    /// Opens the disk that this process serves.
    ///
    /// # Errors
    /// `NotPermitted`: the caller was not admitted to the disk. `Full`: the disk has as many
    /// clients as it takes. `Gone`: `server` is no disk, or has ended.
    pub fn open(server: ProcessId) -> Result<Self, DiskError> {
        let geometry = ask(server, Request::Open, None)?;
        Ok(Self { server, geometry })
    }

    /// Lets a process open a range of pages of the disk that `server`, a child of this process's,
    /// serves.
    ///
    /// # Errors
    /// `NotPermitted`: the disk is no child of the caller's. `BadRange`: the range is empty or goes
    /// beyond the disk. `Full`: the disk has as many clients as it takes. `Gone`: the disk or the
    /// process has ended.
    pub fn admit(
        server: ProcessId,
        process: ProcessId,
        first: u32,
        pages: u32,
    ) -> Result<(), DiskError> {
        ask(server, Request::Admit { process, first, pages }, None).map(drop)
    }

    /// The size of the disk.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Makes a page of this process's a slot of its transfer area, in place of the page that was
    /// it; with W if `permissions` say so. The page gets the mark *shared*, so that a fork leaves
    /// it as it is: the slot is the frame, not the place, and after a copy-on-write fork the driver
    /// would read into a frame that is the child's.
    ///
    /// # Errors
    /// `BadRange`: there is no such slot. `NotShared`: the page is absent, lacks W that is asked
    /// for, or is one in which Rust objects may lie. `NotOpen`, `Gone`: as [`Disk::read`].
    pub fn share(
        &self,
        slot: u32,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<(), DiskError> {
        let change = Change { drop: Permissions::empty(), add: Permissions::SHARED };
        page_protect(Target::Caller, page, change).map_err(|_| DiskError::NotShared)?;
        let transfer = PageTransfer { page, send: Some(permissions), accept: false };
        ask(self.server, Request::Share { slot }, Some(transfer)).map(drop)
    }

    /// From the disk into the area.
    ///
    /// # Errors
    /// `BadRange`: the transfer is empty, or goes beyond the disk, the caller's range or the area.
    /// `NotShared`: a slot has no page. `NotWritable`: the page of a slot was shared without W.
    /// `DeviceError`: the device failed; the area is as it was. `NotOpen`: the disk was started
    /// again, and does not know the caller. `Gone`: the disk has ended.
    pub fn read(&self, transfer: Transfer) -> Result<(), DiskError> {
        self.read_except(transfer, 0)
    }

    /// As [`Disk::read`], for a transfer of which some pages are not wanted: bit `i` of `skipped`
    /// says that the slot of page `i` stays as it is. The device reads such a page, but nobody
    /// copies it.
    ///
    /// # Errors
    /// As [`Disk::read`]. `NotUnderstood`: `skipped` has bits of more pages than the transfer.
    pub fn read_except(&self, transfer: Transfer, skipped: u32) -> Result<(), DiskError> {
        ask(self.server, Request::Read { transfer, skipped }, None).map(drop)
    }

    /// From the area to the disk.
    ///
    /// # Errors
    /// `BadRange`, `NotShared`, `NotOpen`, `Gone`: as [`Disk::read`]. `ReadOnly`: the device takes
    /// no writes. `DeviceError`: the device failed; what the sectors hold is unknown.
    pub fn write(&self, transfer: Transfer) -> Result<(), DiskError> {
        ask(self.server, Request::Write(transfer), None).map(drop)
    }

    /// Returns when all that was written is on the medium.
    ///
    /// # Errors
    /// `DeviceError`: the device failed. `NotOpen`, `Gone`: as [`Disk::read`].
    pub fn flush(&self) -> Result<(), DiskError> {
        ask(self.server, Request::Flush, None).map(drop)
    }
}

impl From<NotFound> for DiskError {
    fn from(why: NotFound) -> Self {
        match why {
            NotFound::NoServer | NotFound::NotUnderstood | NotFound::Ended => Self::Gone,
            NotFound::NotPermitted => Self::NotPermitted,
        }
    }
}

fn ask(
    server: ProcessId,
    request: Request,
    transfer: Option<PageTransfer>,
) -> Result<Geometry, DiskError> {
    match message_call(server, request.encode(), transfer) {
        Ok(reply) => decode_answer(reply.words),
        Err(abi::Error::NotMapped | abi::Error::NotPermitted) => Err(DiskError::NotShared),
        Err(_) => Err(DiskError::Gone),
    }
}
