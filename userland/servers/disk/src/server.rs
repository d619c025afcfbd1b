//! How the requests of the disk's clients are answered.

use disk::{Clients, layout};
use libsys::paging::fixed_pages::{INBOX, empty_inbox};
use libsys::process::info;
use libsys::service::disk::protocol::{
    DiskError, Geometry, PAGE_SECTORS, Request, SLOTS, Transfer, encode_answer,
};
use libsys::{
    Error, Permissions, ProcessId, Target, UserPage, page_allocate, page_map, page_unmap,
    range_unmap,
};

use crate::area;
use crate::device::Device;

/// A device and its clients.
pub struct Server {
    device: Device,
    clients: Clients,
}

impl Server {
    /// A server without clients. Allocates the page tables for the pages of clients, so that they
    /// need no memory later.
    ///
    /// `parent` admits clients; with `everyone` each process may open the disk.
    pub fn new(device: Device, parent: ProcessId, everyone: bool) -> Result<Self, Error> {
        for page in [layout::slot(0, 0)?, INBOX] {
            page_allocate(Target::Caller, page, Permissions::WRITE)?;
            page_unmap(Target::Caller, page, Permissions::empty())?;
        }
        let pages = u32::try_from(device.sectors() / u64::from(PAGE_SECTORS)).unwrap_or(u32::MAX);
        Ok(Self { device, clients: Clients::new(parent, pages, everyone) })
    }

    /// Answers an interrupt that comes while the device has no request.
    pub fn interrupt(&mut self) {
        self.device.answer_idle();
    }

    /// Answers a message. `page` has the permissions of the page that came with it.
    pub fn request(
        &mut self,
        sender: ProcessId,
        words: [u32; 4],
        page: Option<Permissions>,
    ) -> [u32; 4] {
        self.unmap_ended();
        let answer = Request::decode(words).and_then(|request| self.perform(sender, request, page));
        if page.is_some() {
            empty_inbox();
        }
        encode_answer(answer)
    }

    fn perform(
        &mut self,
        sender: ProcessId,
        request: Request,
        page: Option<Permissions>,
    ) -> Result<Option<Geometry>, DiskError> {
        match request {
            Request::Open => {
                let sectors = self.clients.open(sender)?;
                return Ok(Some(Geometry { sectors, pages: SLOTS }));
            }
            Request::Admit { process, first, pages } => {
                if has_ended(process) {
                    return Err(DiskError::Gone);
                }
                self.clients.admit(sender, process, first, pages)?;
                return Ok(None);
            }
            Request::Share { .. } | Request::Read { .. } | Request::Write(_) | Request::Flush => {}
        }
        let client = self.clients.find(sender)?;
        match request {
            Request::Open | Request::Admit { .. } => {}
            Request::Share { slot } => share(client, slot, page)?,
            Request::Read { transfer, skipped } => self.read(client, transfer, skipped)?,
            Request::Write(transfer) => self.write(client, transfer)?,
            Request::Flush => self.device.flush()?,
        }
        Ok(None)
    }

    /// Reads into the driver's own frames and copies from there: a device may go on writing what it
    /// was told to write when this process has ended, and only the driver's own frames go into
    /// quarantine then.
    fn read(&mut self, client: usize, transfer: Transfer, skipped: u32) -> Result<(), DiskError> {
        let sector = self.clients.sector(client, transfer)?;
        let mut wanted = (0..transfer.pages).filter(|index| skipped >> index & 1 == 0);
        for index in wanted.clone() {
            area::check_writable(page(client, transfer, index)?)?;
        }
        self.device.read(sector, transfer.pages)?;
        wanted.try_for_each(|index| area::fill(page(client, transfer, index)?, index))
    }

    /// Writes the client's pages where they are: they stay mapped here until the device is done.
    fn write(&mut self, client: usize, transfer: Transfer) -> Result<(), DiskError> {
        if !self.device.is_writable() {
            return Err(DiskError::ReadOnly);
        }
        let sector = self.clients.sector(client, transfer)?;
        let mut pages = [&[][..]; SLOTS as usize];
        for (index, bytes) in (0..transfer.pages).zip(&mut pages) {
            *bytes = area::lend(page(client, transfer, index)?)?;
        }
        self.device.write(sector, &pages[..transfer.pages as usize])
    }

    /// Unmaps the areas of clients that have ended.
    fn unmap_ended(&mut self) {
        while let Some(client) = self.clients.remove_ended(has_ended) {
            if let Ok(area) = layout::area(client) {
                // Unmapping without marks needs no memory and cannot fail.
                let _ = range_unmap(Target::Caller, area, Permissions::empty());
            }
        }
    }
}

fn has_ended(id: ProcessId) -> bool {
    !info::is_alive(id)
}

/// Maps the page that came with the message as a slot of a client's area.
fn share(client: usize, slot: u32, page: Option<Permissions>) -> Result<(), DiskError> {
    let target = layout::slot(client, slot).map_err(|_| DiskError::BadRange)?;
    let permissions = page.ok_or(DiskError::NotShared)? & Permissions::WRITE;
    page_map((Target::Caller, INBOX), (Target::Caller, target), permissions)
        .map_err(|_| DiskError::NotShared)
}

/// The page of a client's area for page `index` of a transfer.
fn page(client: usize, transfer: Transfer, index: u32) -> Result<UserPage, DiskError> {
    layout::slot(client, transfer.slot + index).map_err(|_| DiskError::BadRange)
}
