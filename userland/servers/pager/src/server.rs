//! How the pager's decisions become calls.

use libsys::abi::call::FaultReply;
use libsys::abi::fault::Access;
use libsys::abi::format::elf::{HEADER_LIMIT, Image};
use libsys::abi::layout::USER_TOP;
use libsys::abi::process_info::Status;
use libsys::paging::fixed_pages::{empty_inbox, read_inbox};
use libsys::paging::regions::{Decision, Refusal};
use libsys::paging::self_map::live::window;
use libsys::process::archive;
use libsys::process::info;
use libsys::service::pager::{
    Faults, NOT_A_CLIENT, Pages, Registered, Request, Space, Statistics, name_in,
};
use libsys::{
    Error, Page, Permissions, ProcessId, Target, UserPage, machine, page_allocate, println, usage,
};
use pager::{Clients, Known, Program};
use swap::{Bytes, Served, Swap, Trouble, World};

use crate::disk::SwapDisk;
use crate::reach::{Hands, Reach};

/// What goes back to whom.
pub enum Answer {
    /// A reply.
    Words(ProcessId, [u32; 4]),
    /// The answer to a client's fault; what had to be mapped is.
    Fault(ProcessId, FaultReply),
    /// Nothing: it was answered already, or wants no answer.
    None,
}

/// A file of the boot archive: the same if it lies at the same place.
#[derive(Clone, Copy)]
pub struct File(&'static [u8]);

impl PartialEq for File {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.0, other.0)
    }
}

/// Whether these bytes are those of a page of the program's file. The bytes are used up.
pub fn is_page_of(program: &Program<File>, page: Page, bytes: &mut Bytes) -> bool {
    let File(file) = program.file;
    for piece in program.image.pieces(page) {
        let to = piece.page_offset as usize..(piece.page_offset + piece.length) as usize;
        let from = piece.file_offset as usize..(piece.file_offset + piece.length) as usize;
        if bytes[to.clone()] != file[from] {
            return false;
        }
        bytes[to].fill(0);
    }
    // What the file has nothing for is zeros.
    bytes.iter().all(|byte| *byte == 0)
}

/// The pager's state.
pub struct Server {
    clients: Clients<File>,
    swap: Swap,
    hands: Hands,
    zeroed: u32,
    loaded: u32,
    /// The last refusal that got a line: client, address and instruction.
    told: Option<(ProcessId, u32, u32)>,
}

impl Server {
    /// A pager without clients, which may put pages on this disk.
    ///
    /// # Errors
    /// `OutOfFrames`.
    pub fn new(disk: SwapDisk) -> Result<Self, Error> {
        let swap = Swap::new(machine().frames, disk.slots());
        let hands = Hands::new(disk)?;
        let (clients, told) = (Clients::new(), None);
        let mut server = Self { clients, swap, hands, zeroed: 0, loaded: 0, told };
        let (swap, mut reach) = server.swap();
        swap.reserve(&mut reach);
        Ok(server)
    }

    /// The decisions about pages that are away, and the world that they are about.
    const fn swap(&mut self) -> (&mut Swap, Reach<'_>) {
        (&mut self.swap, Reach { clients: &self.clients, hands: &mut self.hands })
    }

    /// Serves a client's fault, or refuses it: then the kernel has the last word, or the client's own handler. Trouble
    /// of the pager's gets a line here, and an access to what the client's program does not have: the kernel's line
    /// about that cannot name the program.
    pub fn fault(
        &mut self,
        client: ProcessId,
        address: u32,
        access: Access,
        eip: u32,
    ) -> FaultReply {
        let Some(page) = UserPage::containing(address) else {
            self.say_refusal(client, address, Refusal::NoRegion, eip);
            return FaultReply::Refuse;
        };
        let (swap, mut reach) = self.swap();
        swap.make_room(&mut reach, client);
        let served = match swap.serve(&mut reach, client, page, access) {
            Served::Resume => Ok(()),
            Served::Failed(trouble) => Err(say_trouble(client, page, trouble)),
            Served::NotMine => self.give(client, address, access, eip),
        };
        match served {
            Ok(()) => FaultReply::Resume,
            Err(Refused) => FaultReply::Refuse,
        }
    }

    /// A call of a client's finds no frame: has pages go. Nobody is told if none can: the call has an error for that.
    pub fn free_frames(&mut self, client: ProcessId, frames: u32) -> FaultReply {
        let (swap, mut reach) = self.swap();
        match swap.free_frames(&mut reach, client, frames) {
            0 => FaultReply::Refuse,
            1.. => FaultReply::Resume,
        }
    }

    /// Gives a client the page that its program has there, if it has one.
    fn give(
        &mut self,
        client: ProcessId,
        address: u32,
        access: Access,
        eip: u32,
    ) -> Result<(), Refused> {
        let decision = self.clients.decide(client, address, access);
        let page = match decision {
            Decision::Zero(page) | Decision::Image { page, .. } => page,
            Decision::Refuse(why) => {
                self.say_refusal(client, address, why, eip);
                return Err(Refused);
            }
        };
        loop {
            let given = match decision {
                Decision::Image { writable, .. } => self.load(client, page, writable),
                Decision::Zero(_) | Decision::Refuse(_) => self.zero(client, page),
            };
            match given {
                Ok(()) => {
                    self.swap.given(client, page);
                    return Ok(());
                }
                Err(Error::OutOfFrames) => {
                    let (swap, mut reach) = self.swap();
                    let freed = swap.free_some(&mut reach, client);
                    freed.map_err(|trouble| say_trouble(client, page, trouble))?;
                }
                // It has ended meanwhile.
                Err(Error::NoSuchProcess) => return Err(Refused),
                Err(error) => return Err(say(client, page, error)),
            }
        }
    }

    /// Names the program of a client that touches what it does not have. Once: a client with a handler asks itself first,
    /// and after that refusal it gives up its handler and repeats the access, so that the kernel asks again.
    fn say_refusal(&mut self, client: ProcessId, address: u32, why: Refusal, eip: u32) {
        let Ok(program) = self.clients.program_of(client) else { return };
        if self.told.replace((client, address, eip)) == Some((client, address, eip)) {
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

    fn zero(&mut self, client: ProcessId, page: UserPage) -> Result<(), Error> {
        page_allocate(Target::Process(client), page, Permissions::WRITE)?;
        self.zeroed = self.zeroed.wrapping_add(1);
        Ok(())
    }

    /// Fills a page of the pager's own with the client's bytes, and gives it away: once the scratch page is dropped,
    /// the client is the only one that maps it.
    fn load(&mut self, client: ProcessId, page: UserPage, writable: bool) -> Result<(), Error> {
        let permissions = if writable { Permissions::WRITE } else { Permissions::empty() };
        self.fill(client, page)?;
        self.hands.give_copy_of_scratch(client, page, permissions)?;
        self.loaded = self.loaded.wrapping_add(1);
        Ok(())
    }

    fn fill(&mut self, id: ProcessId, page: UserPage) -> Result<(), Error> {
        let program = self.clients.program_of(id).map_err(|_| Error::NoSuchProcess)?;
        let File(bytes) = program.file;
        let mut reach = Reach { clients: &self.clients, hands: &mut self.hands };
        let scratch = reach.scratch().map_err(|_| Error::OutOfFrames)?;
        scratch.fill(0);
        for piece in program.image.pieces(page.page()) {
            let to = piece.page_offset as usize..(piece.page_offset + piece.length) as usize;
            let from = piece.file_offset as usize..(piece.file_offset + piece.length) as usize;
            scratch[to].copy_from_slice(&bytes[from]);
        }
        Ok(())
    }

    /// Answers a message.
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
                let (swap, mut reach) = self.swap();
                let done = allowed && swap.set_limit(client, pages);
                if done {
                    // What is above the limit goes now, not with the next fault.
                    swap.make_room(&mut reach, client);
                }
                [u32::from(!done), 0, 0, 0]
            }
            Ok(Request::Pages { client }) => {
                self.report(client).map_or([NOT_A_CLIENT; 4], |(pages, _)| pages.encode())
            }
            Ok(Request::Faults { client }) => {
                self.report(client).map_or([NOT_A_CLIENT; 4], |(_, faults)| faults.encode())
            }
            Ok(Request::Space) => self.space().encode(),
            Ok(Request::Name { client }) => {
                let program = self.clients.program_of(client);
                program.map_or([NOT_A_CLIENT; 4], |program| program.name.encode())
            }
            Ok(Request::Aside) => [self.swap.store().slots_set_aside(), 0, 0, 0],
            Err(_) => Registered::NotUnderstood.encode(),
        }
    }

    /// Takes a new client, if its parent asks and the kernel has made this process its pager.
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
        let Ok(Some(file)) = archive::program(name) else { return Err(Registered::NoSuchProgram) };
        let program = match self.clients.program_in(File(file)) {
            Some(known) => known,
            None => self.read_program(name, file)?,
        };
        self.clients.insert(child, program);
        let (swap, mut reach) = self.swap();
        // Without an account it is served all the same, but its pages stay.
        let _ = swap.arrive(&mut reach, child);
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

    /// A client forks. 0: the child is adopted.
    pub fn clone_client(&mut self, client: ProcessId, child: ProcessId) -> [u32; 4] {
        let known = self.clients.adopt(client, child).is_ok();
        let (swap, mut reach) = self.swap();
        let adopted = swap.fork(&mut reach, client, child);
        if let Err(trouble) = adopted {
            println!("pager: [{client}] cannot fork: {trouble}");
        }
        [u32::from(!(known && adopted.is_ok())), 0, 0, 0]
    }

    fn report(&mut self, client: ProcessId) -> Option<(Pages, Faults)> {
        let (swap, mut reach) = self.swap();
        let swap::Report { resident, swapped, compressed, elsewhere, .. } =
            swap.report(&mut reach, client)?;
        let account = swap.account(client)?;
        let faults = Faults {
            pages_in: account.faults_in,
            pages_out: account.faults_out,
            limit: account.limit,
        };
        Some((Pages { resident, swapped, compressed, elsewhere }, faults))
    }

    fn space(&self) -> Space {
        let store = self.swap.store();
        let (compressed, arena) = store.arena();
        Space {
            slots_used: store.slots_used(),
            slots: self.hands.slots(),
            compressed: compressed as u32,
            arena: arena as u32,
        }
    }

    /// What the pager has done, and what it costs: its own pages, counted through its own window.
    fn statistics(&self) -> Statistics {
        let window = window();
        let own =
            window.runs(Page::containing(0), Page::containing(USER_TOP), u32::MAX, |_, _| Some(()));
        Statistics {
            clients: self.clients.ids().filter(|id| is_alive(*id)).count() as u32,
            zeroed: self.zeroed,
            loaded: self.loaded,
            own_pages: own.map(|run| run.pages).sum(),
        }
    }
}

/// The client does not get what it touched.
struct Refused;

/// A client that has ended misses nothing, and there is nothing to tell.
fn say_trouble(client: ProcessId, page: UserPage, trouble: Trouble) -> Refused {
    match trouble {
        Trouble::Gone => Refused,
        Trouble::NoMemory
        | Trouble::NoRoom
        | Trouble::DiskWrite
        | Trouble::DiskRead
        | Trouble::Quota
        | Trouble::View
        | Trouble::Lost => say(client, page, trouble),
    }
}

fn say(client: ProcessId, page: UserPage, why: impl core::fmt::Display) -> Refused {
    println!("pager: no page {:08x} for [{client}]: {why}", page.address());
    Refused
}

fn parent_of(process: ProcessId) -> Option<u32> {
    info::process(process).map(|facts| facts.parent)
}

fn is_alive(id: ProcessId) -> bool {
    info::process(id).is_some_and(|facts| facts.status != Status::Dying as u32)
}
