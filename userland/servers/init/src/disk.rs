//! The disk's driver, as its parent sees it: started, heard of, and when it dies, cleaned up after and started again.
//!
//! There is no IOMMU, so a device goes on writing the frames that a dead driver has given it. The kernel keeps them
//! from everyone until the parent says that the device does not: it is switched off at once, and has forgotten what it
//! was doing when the next driver has reset it.

use libsys::device::pci::Function;
use libsys::device::pci::live::Configuration;
use libsys::process::{Command, SpawnError};
use libsys::service::disk::client;
use libsys::service::disk::protocol::{PAGE_SECTORS, SECTOR, read_ready};
use libsys::service::message::{Event, next_event};
use libsys::{Error, ProcessId, dma_reclaim, println};

/// Who may open the disk.
#[derive(Clone, Copy)]
pub enum Access {
    /// Every process, all of it.
    Everyone,
    /// This process alone, all of it; or nobody yet.
    Only(Option<ProcessId>),
}

/// The driver.
pub struct Disk {
    id: ProcessId,
    access: Access,
    /// Pages of the disk, once the driver serves.
    pages: u32,
    /// The function that it drives, once it serves.
    function: Option<Function>,
    /// The one before, whose frames the device may still write: until this one has reset the device, so until it serves.
    dead: Option<ProcessId>,
}

impl Disk {
    /// Starts the driver, loaded whole and without a pager: the pager may want to use it.
    ///
    /// # Errors
    /// A [`SpawnError`]: the caller is no driver, has no boot archive, or there is no memory.
    pub fn start(access: Access) -> Result<Self, SpawnError> {
        let arguments: &[&str] = match access {
            Access::Everyone => &["everyone"],
            Access::Only(_) => &[],
        };
        let id = Command::new("disk").args(arguments).pager(None).driver().spawn()?;
        Ok(Self { id, access, pages: 0, function: None, dead: None })
    }

    /// As [`Disk::start`], and waits until the driver serves. `None`: it does not, and has said why.
    ///
    /// # Errors
    /// That of the call that receives.
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
                Event::Message { sender, words, .. } => drop(disk.hear(sender, words)),
                // Frames that it may have taken stay in quarantine: it has not told which device knows of them.
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

    /// Is this the driver?
    #[must_use]
    pub fn is(&self, process: ProcessId) -> bool {
        self.id == process
    }

    /// The driver, if it serves.
    #[must_use]
    pub fn server(&self) -> Option<ProcessId> {
        self.function.map(|_| self.id)
    }

    /// The function that it drives, once it serves.
    #[must_use]
    pub const fn function(&self) -> Option<Function> {
        self.function
    }

    /// Hears a message: the driver's first says that it serves, of which the result tells.
    pub fn hear(&mut self, sender: ProcessId, words: [u32; 4]) -> bool {
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

    /// Gives all of the disk to this process alone, now and whenever the driver is started again. For a disk that was started
    /// with [`Access::Only`].
    pub fn admit(&mut self, client: ProcessId) {
        self.access = Access::Only(Some(client));
        if self.function.is_some() {
            // It fails if either has ended meanwhile. A driver that is started again is told again.
            let _ = client::Disk::admit(self.id, client, 0, self.pages);
        }
    }

    /// The driver has ended with this status: switches its device off and starts another. When that one serves, the frames
    /// are given back. `None`: it had not come to serve, or something failed, which is said.
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

/// Gives back the frames that a dead driver's device used. (The driver may have died before it took any.)
#[allow(unsafe_code)]
fn reclaim_frames(dead: ProcessId) {
    // SAFETY: the next driver serves, so it has reset the device, which then knows none of the old frames.
    let _ = unsafe { dma_reclaim(dead) };
}
