//! How the pager's decisions become calls.

use libsys::abi::call::Verdict;
use libsys::abi::fault::Access;
use libsys::abi::image::{HEADER_LIMIT, Image};
use libsys::abi::layout::USER_TOP;
use libsys::abi::public::Status;
use libsys::pager_protocol::{Registered, Request, Statistics, name_in};
use libsys::regions::Decision;
use libsys::scratch::Scratch;
use libsys::window::live::window;
use libsys::{
    Error, Page, Permissions, ProcessId, Target, UserPage, archive, facts, fault_reply, inbox,
    page_allocate, println, usage,
};
use pager::{Clients, Known, Program};

/// What goes back to whom.
pub enum Answer {
    /// A reply.
    Words(ProcessId, [u32; 4]),
    /// Nothing: it was answered already, or wants no answer.
    None,
}

/// A file of the boot archive: the same if it lies at the same place.
#[derive(Clone, Copy)]
struct File(&'static [u8]);

impl PartialEq for File {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.0, other.0)
    }
}

/// The pager's state.
pub struct Server {
    clients: Clients<File>,
    zeroed: u32,
    loaded: u32,
}

impl Server {
    /// A pager without clients.
    pub const fn new() -> Self {
        Self { clients: Clients::new(), zeroed: 0, loaded: 0 }
    }

    /// Serves a client's fault, or refuses it: then the kernel has the last word, or the client's own handler. Only
    /// trouble of the pager's gets a line here.
    pub fn fault(&mut self, client: ProcessId, address: u32, access: Access) {
        let verdict = match self.clients.decide(client, address, access) {
            Decision::Zero(page) => self.zero(client, page),
            Decision::Image { page, writable } => self.load(client, page, writable),
            Decision::Refuse(_) => Err(Refused),
        };
        if let Err(Refused) = verdict {
            // The client may have ended meanwhile; then there is nobody to refuse.
            let _ = fault_reply(client, Verdict::Refuse);
        }
    }

    fn zero(&mut self, client: ProcessId, page: UserPage) -> Result<(), Refused> {
        page_allocate(Target::Process(client), page, Permissions::WRITE)
            .and_then(|()| fault_reply(client, Verdict::Resume))
            .map_err(|error| Self::trouble(client, page, error))?;
        self.zeroed = self.zeroed.wrapping_add(1);
        Ok(())
    }

    /// Fills a page of the pager's own with the client's bytes, and gives it away: once the scratch page is dropped,
    /// the client is the only one that maps it.
    fn load(&mut self, client: ProcessId, page: UserPage, writable: bool) -> Result<(), Refused> {
        let permissions = if writable { Permissions::WRITE } else { Permissions::empty() };
        self.fill(client, page)
            .and_then(|_scratch| {
                let map = Verdict::Map { source: Scratch::PAGE, destination: page, permissions };
                fault_reply(client, map)
            })
            .map_err(|error| Self::trouble(client, page, error))?;
        self.loaded = self.loaded.wrapping_add(1);
        Ok(())
    }

    fn fill(&self, id: ProcessId, page: UserPage) -> Result<Scratch, Error> {
        let program = self.clients.program_of(id).map_err(|_| Error::NoSuchProcess)?;
        let File(bytes) = program.file;
        let mut scratch = Scratch::new()?;
        for piece in program.image.pieces(page.page()) {
            let to = piece.page_offset as usize..(piece.page_offset + piece.length) as usize;
            let from = piece.file_offset as usize..(piece.file_offset + piece.length) as usize;
            scratch.bytes()[to].copy_from_slice(&bytes[from]);
        }
        Ok(scratch)
    }

    fn trouble(client: ProcessId, page: UserPage, error: Error) -> Refused {
        println!("pager: no page {:08x} for [{client}]: {error}", page.address());
        Refused
    }

    /// Answers a message.
    pub fn request(&mut self, sender: ProcessId, words: [u32; 4], page: bool) -> [u32; 4] {
        let name = if page { inbox::copy() } else { None };
        inbox::clear();
        match Request::decode(words) {
            Ok(Request::Register { child }) => {
                let name = name.as_ref().and_then(name_in);
                self.register(sender, child, name).unwrap_or_else(|refused| refused).encode()
            }
            Ok(Request::Statistics) => self.statistics().encode(),
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
        let parent = facts::process(child).map(|facts| facts.parent);
        if parent != Some(sender.bits()) || usage(Target::Process(child)).is_err() {
            return Err(Registered::NotAClient);
        }
        let file = match name.map(archive::program) {
            Some(Ok(Some(file))) => file,
            Some(_) | None => return Err(Registered::NoSuchProgram),
        };
        let program = match self.clients.program_in(File(file)) {
            Some(known) => known,
            None => self.read_program(file)?,
        };
        self.clients.insert(child, program);
        let entry = self.clients.program_of(child).map(|program| program.image.entry());
        entry.map(|entry| Registered::At { entry }).map_err(|_| Registered::BadImage)
    }

    fn read_program(&mut self, file: &'static [u8]) -> Result<Known, Registered> {
        let header = &file[..file.len().min(HEADER_LIMIT)];
        // A file in the archive is shorter than 2 GiB.
        let image = Image::plan(header, file.len() as u32).map_err(|_| Registered::BadImage)?;
        let program = Program::new(image, File(file)).map_err(|_| Registered::BadImage)?;
        self.clients.add(program).map_err(|_| Registered::Full)
    }

    /// A client forks. 0: the child is adopted.
    pub fn clone_client(&mut self, client: ProcessId, child: ProcessId) -> [u32; 4] {
        let refused = u32::from(self.clients.adopt(client, child).is_err());
        [refused, 0, 0, 0]
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

fn is_alive(id: ProcessId) -> bool {
    facts::process(id).is_some_and(|facts| facts.status != Status::Dying as u32)
}
