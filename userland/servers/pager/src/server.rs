//! How each message is answered: faults, requests for frames, forks, and the requests of
//! `libsys::service::pager`.
//!
//! A fault is served by `swap`: the page comes back, or the regions of the client's program decide
//! what it gets, which is a page of zeros or of the file. The page is filled on the scratch page and
//! moved into the client. A fault that is refused prints one line.

use libsys::abi::call::FaultReply;
use libsys::abi::fault::Access;
use libsys::abi::format::elf::{HEADER_LIMIT, Image};
use libsys::abi::layout::USER_TOP;
use libsys::paging::fixed_pages::{empty_inbox, read_inbox};
use libsys::paging::regions::{Decision, Refusal};
use libsys::paging::self_map::live::window;
use libsys::process::archive;
use libsys::process::info;
use libsys::service::pager::{
    Faults, NOT_A_CLIENT, Pages, Registered, Request, Space, Statistics, name_in,
};
use libsys::{Entry, Error, Page, ProcessId, Target, UserPage, machine, println, usage};
use pager::{Clients, File, Known, Program};
use swap::{PagingError, Served, Swap};

use crate::backend::{MachineBackend, Resources};
use crate::disk::SwapDisk;

/// The answer to a message.
pub enum Answer {
    /// A reply to the sender.
    Words(ProcessId, [u32; 4]),
    /// A reply to a client's fault; its page is mapped already.
    Fault(ProcessId, FaultReply),
    /// No answer: the message wants none.
    None,
}

/// The pager's state.
pub struct Server {
    /// The boot archive's programs.
    programs: archive::Index,
    clients: Clients<File>,
    swap: Swap,
    resources: Resources,
    /// The last refusal that was printed: client, address and instruction.
    last_refusal: Option<(ProcessId, u32, u32)>,
}

impl Server {
    /// A pager without clients, which may put pages on this disk.
    ///
    /// # Errors
    /// `OutOfFrames`.
    pub fn new(disk: SwapDisk) -> Result<Self, Error> {
        let swap = Swap::new(machine().frames, disk.slots());
        let resources = Resources::new(disk)?;
        let mut server = Self {
            programs: archive::Index::read(),
            clients: Clients::new(),
            swap,
            resources,
            last_refusal: None,
        };
        let (swap, mut backend) = server.parts();
        swap.reserve(&mut backend);
        Ok(server)
    }

    /// The decisions, and the machine for them.
    const fn parts(&mut self) -> (&mut Swap, MachineBackend<'_>) {
        (&mut self.swap, MachineBackend { clients: &self.clients, resources: &mut self.resources })
    }

    /// Serves a client's fault, or refuses it. What follows a refusal is up to the kernel and the
    /// client's own handler. Prints a line for an error of the pager's, and for an access outside
    /// of the regions: the kernel's line about that cannot name the program.
    pub fn fault(
        &mut self,
        client: ProcessId,
        address: u32,
        access: Access,
        eip: u32,
    ) -> FaultReply {
        let Some(page) = UserPage::containing(address) else {
            self.report_refusal(client, address, Refusal::NoRegion, eip);
            return FaultReply::Refuse;
        };
        let (swap, mut backend) = self.parts();
        match swap.serve(&mut backend, client, page, access) {
            Served::Resume => return FaultReply::Resume,
            Served::Refused => {
                if let Decision::Refuse(why) = self.clients.decide(client, address, access) {
                    self.report_refusal(client, address, why, eip);
                }
            }
            Served::Failed(error) => report_error(client, page, error),
        }
        FaultReply::Refuse
    }

    /// Has pages go because a call of a client finds no frame. Prints nothing if none can: the call
    /// gets an error.
    pub fn free_frames(&mut self, client: ProcessId, frames: u32) -> FaultReply {
        let (swap, mut backend) = self.parts();
        match swap.free_frames(&mut backend, client, frames) {
            0 => FaultReply::Refuse,
            1.. => FaultReply::Resume,
        }
    }

    /// Prints a line, with the name of the client's program, for an access outside of the regions.
    /// Only once: after the refusal a client with a handler gives up its handler and repeats the
    /// access, so that the pager is asked again.
    fn report_refusal(&mut self, client: ProcessId, address: u32, why: Refusal, eip: u32) {
        let Ok(program) = self.clients.program_of(client) else { return };
        if self.last_refusal.replace((client, address, eip)) == Some((client, address, eip)) {
            return;
        }
        let why = match why {
            Refusal::NoRegion => "in no region",
            Refusal::ReadOnly => "read-only",
            Refusal::Guard => "below the stack",
            Refusal::Present => "there, but not for this access",
        };
        let name = program.name.as_str();
        println!("pager: [{client}] {name}: {address:08x} is {why}, ip {eip:08x}");
    }

    /// Answers a request.
    pub fn request(&mut self, sender: ProcessId, words: [u32; 4], page: bool) -> [u32; 4] {
        let name = if page { read_inbox() } else { None };
        empty_inbox();
        match Request::decode(words) {
            Ok(Request::Register { child }) => {
                let name = name.as_ref().and_then(name_in);
                self.register(sender, child, name).unwrap_or_else(|refused| refused).encode()
            }
            Ok(Request::Statistics) => self.statistics().encode(),
            Ok(Request::SetLimit { client, pages }) => {
                let allowed = sender == client || parent_of(client) == Some(sender.bits());
                let (swap, mut backend) = self.parts();
                let done = allowed && swap.set_limit(client, pages);
                if done {
                    // Pages above the limit go now, and not with the next fault.
                    swap.make_room(&mut backend, client);
                }
                [u32::from(!done), 0, 0, 0]
            }
            Ok(Request::Pages { client }) => {
                self.client_report(client).map_or([NOT_A_CLIENT; 4], |(pages, _)| pages.encode())
            }
            Ok(Request::Faults { client }) => {
                self.client_report(client).map_or([NOT_A_CLIENT; 4], |(_, faults)| faults.encode())
            }
            Ok(Request::Space) => self.space().encode(),
            Ok(Request::Name { client }) => {
                let program = self.clients.program_of(client);
                program.map_or([NOT_A_CLIENT; 4], |program| program.name.encode())
            }
            Ok(Request::Entries { client, page }) => {
                let (_, mut backend) = self.parts();
                backend
                    .entries(client, page)
                    .map_or([NOT_A_CLIENT; 4], |found| found.map(Entry::bits))
            }
            Ok(Request::Aside) => [self.swap.store().slots_set_aside(), 0, 0, 0],
            Err(_) => Registered::NotUnderstood.encode(),
        }
    }

    /// Adds a client, if its parent asks and the kernel says that this process is its pager.
    fn register(
        &mut self,
        sender: ProcessId,
        child: ProcessId,
        name: Option<&str>,
    ) -> Result<Registered, Registered> {
        if parent_of(child) != Some(sender.bits()) || usage(Target::Process(child)).is_err() {
            return Err(Registered::NotAClient);
        }
        let name = name.ok_or(Registered::NoSuchProgram)?;
        let file = self.programs.program(name).ok_or(Registered::NoSuchProgram)?;
        let program = match self.clients.program_in(File(file)) {
            Some(known) => known,
            None => self.read_program(name, file)?,
        };
        self.clients.insert(child, program);
        let (swap, mut backend) = self.parts();
        // Without an account the client is served all the same, but its pages never go.
        let _ = swap.add_client(&mut backend, child);
        let entry = self.clients.program_of(child).map(|program| program.image.entry());
        entry.map(|entry| Registered::At { entry }).map_err(|_| Registered::BadImage)
    }

    fn read_program(&mut self, name: &str, file: &'static [u8]) -> Result<Known, Registered> {
        let header = &file[..file.len().min(HEADER_LIMIT)];
        // A file in the archive is shorter than 2 GiB.
        let image = Image::plan(header, file.len() as u32).map_err(|_| Registered::BadImage)?;
        let program = Program::new(name, image, File(file)).map_err(|_| Registered::BadImage)?;
        self.clients.add(program).map_err(|_| Registered::Full)
    }

    /// Answers a fork: 0 if the child is a client now.
    pub fn clone_client(&mut self, client: ProcessId, child: ProcessId) -> [u32; 4] {
        let known = self.clients.adopt(client, child).is_ok();
        let (swap, mut backend) = self.parts();
        let adopted = swap.fork(&mut backend, client, child);
        if let Err(error) = adopted {
            println!("pager: [{client}] cannot fork: {error}");
        }
        [u32::from(!(known && adopted.is_ok())), 0, 0, 0]
    }

    fn client_report(&mut self, client: ProcessId) -> Option<(Pages, Faults)> {
        let (swap, mut backend) = self.parts();
        let swap::Report { resident, swapped, compressed, unstored, .. } =
            swap.report(&mut backend, client)?;
        let account = swap.account(client)?;
        let faults = Faults {
            pages_in: account.faults_in,
            pages_out: account.faults_out,
            limit: account.limit,
        };
        Some((Pages { resident, swapped, compressed, unstored }, faults))
    }

    fn space(&self) -> Space {
        let store = self.swap.store();
        let (compressed, arena) = store.arena();
        Space {
            slots_used: store.slots_used(),
            slots: self.resources.slots(),
            compressed: compressed as u32,
            arena: arena as u32,
        }
    }

    /// What the pager has done, and the pages that it has itself, counted in its window.
    fn statistics(&self) -> Statistics {
        let window = window();
        let own =
            window.runs(Page::containing(0), Page::containing(USER_TOP), u32::MAX, |_, _| Some(()));
        Statistics {
            clients: self.clients.ids().filter(|id| info::is_alive(*id)).count() as u32,
            zeroed: self.resources.zeroed,
            loaded: self.resources.loaded,
            own_pages: own.map(|run| run.pages).sum(),
        }
    }
}

/// Prints why a page was not given. Nothing is printed for a client that has ended.
fn report_error(client: ProcessId, page: UserPage, error: PagingError) {
    if error != PagingError::Gone {
        println!("pager: no page {:08x} for [{client}]: {error}", page.address());
    }
}

fn parent_of(process: ProcessId) -> Option<u32> {
    info::process(process).map(|info| info.parent)
}
