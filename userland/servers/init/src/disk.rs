//! The disk's driver, as its parent sees it: it starts the driver, and when the driver ends, it
//! switches the device off and starts another.
//!
//! There is no IOMMU, so a device goes on writing the frames of a driver that has ended. The kernel
//! keeps these frames in quarantine until the driver's parent says that the device no longer uses
//! them. So the device is switched off at once; when the next driver serves, it has reset the
//! device, and the frames are given back.

use libsys::device::pci::Function;
use libsys::device::pci::live::Configuration;
use libsys::process::{Command, SpawnError};
use libsys::service::disk::client;
use libsys::service::disk::protocol::{PAGE_SECTORS, SECTOR, read_ready};
use libsys::service::message::{Event, next_event};
use libsys::{Error, ProcessId, dma_reclaim, println};

/// Which processes may open the disk.
#[derive(Clone, Copy)]
pub enum Access {
    /// Every process may open all of it.
    Everyone,
    /// This process alone may open all of it; `None` for no process yet.
    Only(Option<ProcessId>),
}

/// The disk's driver.
pub struct Disk {
    id: ProcessId,
    access: Access,
    /// Pages of the disk; 0 until the driver serves.
    pages: u32,
    /// The device's PCI function; `None` until the driver serves.
    function: Option<Function>,
    /// The driver before this one, whose frames the device may still write until this one serves.
    dead: Option<ProcessId>,
}

impl Disk {
    /// Starts the driver, loaded whole and without a pager, because the pager may want to use it.
    ///
    /// # Errors
    /// A [`SpawnError`]: the caller is no driver or has no boot archive, or there is no memory.
    pub fn start(access: Access) -> Result<Self, SpawnError> {
        let arguments: &[&str] = match access {
            Access::Everyone => &["everyone"],
            Access::Only(_) => &[],
        };
        let id = Command::new("disk").args(arguments).pager(None).driver().spawn()?;
        Ok(Self { id, access, pages: 0, function: None, dead: None })
    }

    /// As [`Disk::start`], and waits until the driver serves. `None`: it does not start, or ends;
    /// it has printed why.
    ///
    /// # Errors
    /// See `receive`.
    pub fn start_and_wait(access: Access) -> Result<Option<Self>, Error> {
        let mut disk = match Self::start(access) {
            Ok(disk) => disk,
            Err(error) => {
                println!("cannot start disk: {error}");
                return Ok(None);
            }
        };
        while disk.function.is_none() {
            match next_event()? {
                Event::Message { sender, words, .. } => drop(disk.handle(sender, words)),
                // Frames that it may have taken stay in quarantine, because it has not said which
                // device uses them.
                Event::Exit { child, .. } if disk.is(child) => return Ok(None),
                Event::Exit { .. }
                | Event::Interrupt
                | Event::Fault { .. }
                | Event::Clone { .. }
                | Event::Frames { .. } => {}
            }
        }
        Ok(Some(disk))
    }

    /// Whether a process is the driver.
    #[must_use]
    pub fn is(&self, process: ProcessId) -> bool {
        self.id == process
    }

    /// The driver's id, if it serves.
    #[must_use]
    pub fn server(&self) -> Option<ProcessId> {
        self.function.map(|_| self.id)
    }

    /// The device's PCI function, once the driver serves.
    #[must_use]
    pub const fn function(&self) -> Option<Function> {
        self.function
    }

    /// Handles a message. Returns `true` if it is the driver's first message, which says that the
    /// driver serves.
    pub fn handle(&mut self, sender: ProcessId, words: [u32; 4]) -> bool {
        let Some((function, sectors)) = read_ready(words).filter(|_| self.is(sender)) else {
            return false;
        };
        println!("disk: {sectors} sectors ({} MiB)", sectors / u64::from((1 << 20) / SECTOR));
        self.function = Some(Function::numbered(function));
        self.pages = u32::try_from(sectors / u64::from(PAGE_SECTORS)).unwrap_or(u32::MAX);
        if let Some(dead) = self.dead.take() {
            reclaim_frames(dead);
        }
        if let Access::Only(Some(client)) = self.access {
            self.admit(client);
        }
        true
    }

    /// Gives all of the disk to one process, now and whenever a driver is started again. For a disk
    /// that was started with [`Access::Only`].
    pub fn admit(&mut self, client: ProcessId) {
        self.access = Access::Only(Some(client));
        if self.function.is_some() {
            // The call fails if either process has ended meanwhile. The next driver gets the same
            // call.
            let _ = client::Disk::admit(self.id, client, 0, self.pages);
        }
    }

    /// The driver has ended with this status: switches its device off and starts another driver.
    /// Returns `None` if the driver had not served yet, or something failed, which is printed.
    #[must_use]
    pub fn restart(self, status: u32) -> Option<Self> {
        println!("disk: the driver ended with status {status}");
        let function = self.function?;
        let started = Configuration::open()
            .map(|configuration| configuration.silence(function))
            .map_err(SpawnError::from)
            .and_then(|()| Self::start(self.access));
        let started = started.map(|started| Self { dead: Some(self.id), ..started });
        started.inspect_err(|error| println!("disk: cannot start it again: {error}")).ok()
    }
}

/// Gives back the frames that the device used for a driver that has ended.
#[allow(unsafe_code)]
fn reclaim_frames(dead: ProcessId) {
    // SAFETY: the next driver serves, so it has reset the device, which knows none of the old
    // frames any more. (The call fails if that driver had taken none.)
    let _ = unsafe { dma_reclaim(dead) };
}
