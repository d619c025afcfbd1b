//! How each message is answered: faults, requests for frames, forks, and the requests of
//! `libsys::service::pager`.
//!
//! A fault is served by `swap`: the page comes back, or the regions of the client's program decide
//! what it gets, which is a page of zeros or of the file. The page is filled on the scratch page
//! and moved into the client. A fault that is refused prints one line, and one that ends the client
//! a backtrace.

use core::fmt;

use libsys::abi::call::FaultReply;
use libsys::abi::fault::Access;
use libsys::abi::format::elf::{HEADER_LIMIT, Image, STACK_START};
use libsys::abi::layout::USER_TOP;
use libsys::abi::message::Message;
use libsys::paging::regions::{Decision, Refusal};
use libsys::runtime::backtrace::{Frames, MOST};
use libsys::service::message::Event;
use libsys::service::pager::{
    Faults, Given, NOT_A_CLIENT, Pages, Registered, Request, Space, Statistics, name_in,
};
use libsys::{Entry, Page, Permissions, ProcessId, UserPage};
use swap::page::is_paged_out;
use swap::{Backend, Bytes, PagingError, Served, Swap};

use crate::backend::{MachineBackend, Resources, is_alive};
use crate::clients::{Clients, Known};
use crate::disk::SwapDisk;
use crate::frame_pointer::{Answer as Told, Question, Search, ask, go_back};
use crate::kernel::Kernel;
use crate::program::{File, Program};

/// The answer to a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// A reply to the sender.
    Words(ProcessId, [u32; 4]),
    /// A reply to a client's fault; its page is mapped already.
    Fault(ProcessId, FaultReply),
    /// No answer: the message wants none.
    None,
}

/// The pager's state.
pub struct Server<K: Kernel> {
    clients: Clients<File>,
    swap: Swap,
    resources: Resources<K>,
}

/// What a refused fault means for the client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// Its own handler has passed the fault on, and goes on.
    GoesOn,
    /// The kernel ends it.
    Ends,
}

impl<K: Kernel> Server<K> {
    /// A pager without clients on a machine of so many frames. If it `swaps`, it puts pages on its
    /// parent's disk; if that cannot be opened, it prints why, and there is no disk.
    pub fn new(mut kernel: K, frames: u32, swaps: bool) -> Self {
        let mut disk = SwapDisk::NONE;
        if swaps {
            match SwapDisk::find(&mut kernel) {
                Ok(found) => disk = found,
                Err(error) => kernel.print(format_args!("pager: no swap space: {error}")),
            }
        }
        let resources = Resources::new(kernel, disk);
        let swap = Swap::new(frames, resources.slots());
        let mut server = Self { clients: Clients::new(), swap, resources };
        let (swap, mut backend) = server.parts();
        swap.reserve(&mut backend);
        server
    }

    /// The kernel.
    pub const fn kernel(&mut self) -> &mut K {
        &mut self.resources.kernel
    }

    /// Answers a message.
    pub fn answer(&mut self, message: Message) -> Answer {
        match Event::new(message) {
            Some(Event::Fault { client, address, access, eip, forwarded }) => {
                let fault = Question { address, eip };
                let refusal = if forwarded { Refused::GoesOn } else { Refused::Ends };
                Answer::Fault(client, self.fault(client, fault, access, refusal))
            }
            Some(Event::Message { sender, words, page }) => {
                Answer::Words(sender, self.request(sender, words, page.is_some()))
            }
            Some(Event::Frames { client, frames }) => {
                Answer::Fault(client, self.free_frames(client, frames))
            }
            Some(Event::Clone { client, child }) => {
                Answer::Words(client, self.clone_client(client, child))
            }
            Some(Event::Interrupt | Event::Exit { .. }) | None => Answer::None,
        }
    }

    fn print(&mut self, line: fmt::Arguments<'_>) {
        self.resources.kernel.print(line);
    }

    /// The decisions, and the machine for them.
    const fn parts(&mut self) -> (&mut Swap, MachineBackend<'_, K>) {
        (&mut self.swap, MachineBackend { clients: &self.clients, resources: &mut self.resources })
    }

    /// Serves a client's fault, or refuses it. What follows a refusal is up to the kernel and the
    /// client's own handler. Prints a line for an error of the pager's, and for an access outside
    /// of the regions: the kernel's line about that cannot name the program.
    fn fault(
        &mut self,
        client: ProcessId,
        fault: Question,
        access: Access,
        refused: Refused,
    ) -> FaultReply {
        if self.hear_answer(client, fault) {
            return FaultReply::Resume;
        }
        // The repetition of an access that is refused is not counted.
        let faults = u32::from(self.clients.search(client) == Search::NotYet);
        let before = self.given_so_far(client);
        let reply = self.serve(client, fault, access, refused);
        let after = self.given_so_far(client);
        let given = Given {
            faults,
            zeroed: after.zeroed.wrapping_sub(before.zeroed),
            loaded: after.loaded.wrapping_sub(before.loaded),
            back: after.back.wrapping_sub(before.back),
        };
        self.clients.count(client, given);
        reply
    }

    /// All pages of zeros and of files, and the pages of this client that came back.
    fn given_so_far(&self, client: ProcessId) -> Given {
        let Resources { zeroed, loaded, .. } = self.resources;
        let back = self.swap.account(client).map_or(0, |account| account.faults_in);
        Given { faults: 0, zeroed, loaded, back }
    }

    fn serve(
        &mut self,
        client: ProcessId,
        fault: Question,
        access: Access,
        refused: Refused,
    ) -> FaultReply {
        let Some(page) = UserPage::containing(fault.address) else {
            return self.refuse(client, fault, Refusal::NoRegion, refused);
        };
        let (swap, mut backend) = self.parts();
        match swap.serve(&mut backend, client, page, access) {
            Served::Resume => return FaultReply::Resume,
            Served::Refused => {
                if let Decision::Refuse(why) = self.clients.decide(client, fault.address, access) {
                    return self.refuse(client, fault, why, refused);
                }
            }
            Served::Failed(error) => self.report_error(client, page, error),
        }
        FaultReply::Refuse
    }

    /// Has pages go because a call of a client finds no frame. Prints nothing if none can: the call
    /// gets an error.
    fn free_frames(&mut self, client: ProcessId, frames: u32) -> FaultReply {
        let (swap, mut backend) = self.parts();
        let free = swap.free_frames(&mut backend, client, frames);
        backend.drop_spares();
        match free {
            0 => FaultReply::Refuse,
            1.. => FaultReply::Resume,
        }
    }

    /// Refuses an access outside of the regions. If that ends the client, its frame pointer is
    /// found first, for its backtrace (`pager::frame_pointer`): the client runs until it has told
    /// that.
    fn refuse(
        &mut self,
        client: ProcessId,
        fault: Question,
        why: Refusal,
        refused: Refused,
    ) -> FaultReply {
        self.report_refusal(client, fault, why);
        match (refused, self.clients.search(client)) {
            (Refused::GoesOn, _) => return FaultReply::Refuse,
            (Refused::Ends, Search::NotYet) => {
                if self.ask_for_frame(client, fault) {
                    self.clients.set_search(client, Search::Asked(fault));
                    return FaultReply::Resume;
                }
            }
            (Refused::Ends, Search::Found { question, frame }) if question == fault => {
                self.print_backtrace(client, frame);
            }
            (Refused::Ends, Search::Asked(_) | Search::Found { .. } | Search::Over) => {}
        }
        self.clients.set_search(client, Search::Over);
        FaultReply::Refuse
    }

    /// Prints a line, with the name of the client's program, for an access outside of the regions.
    /// Only once: a client with a handler gives up its handler after the refusal and repeats the
    /// access, and so does one that was asked for its frame pointer.
    fn report_refusal(&mut self, client: ProcessId, fault: Question, why: Refusal) {
        if !self.clients.note_refusal(client, fault) {
            return;
        }
        let Ok(program) = self.clients.program_of(client) else { return };
        let why = match why {
            Refusal::NoRegion => "in no region",
            Refusal::ReadOnly => "read-only",
            Refusal::Guard => "below the stack",
            Refusal::Present => "there, but not for this access",
        };
        let (name, Question { address, eip }) = (program.name.as_str(), fault);
        self.resources
            .kernel
            .print(format_args!("pager: [{client}] {name}: {address:08x} is {why}, ip {eip:08x}"));
    }

    /// Puts the question for the frame pointer where the client goes on.
    fn ask_for_frame(&mut self, client: ProcessId, fault: Question) -> bool {
        let (Some(offset), Some(text)) = (fault.offset(), UserPage::containing(fault.eip)) else {
            return false;
        };
        // A handler would get the question's fault. There is none if the fault came from the
        // kernel, but for two cases: the page is paged out, and a JOS call has met it.
        if self.resources.kernel.process(client).is_none_or(|info| info.handler != 0) {
            return false;
        }
        let (_, mut backend) = self.parts();
        let touched = UserPage::containing(fault.address);
        touched.is_none_or(|page| !is_paged_out(backend.leaf(client, page)))
            && backend.renew_text(client, text, |bytes| ask(bytes, offset))
    }

    /// Whether a fault is a client's answer to the question for its frame pointer. If so, the
    /// client can repeat the access of its program.
    fn hear_answer(&mut self, client: ProcessId, fault: Question) -> bool {
        let Search::Asked(question) = self.clients.search(client) else { return false };
        let (Some(answer), Some(offset), Some(text)) = (
            question.answer(fault.address, fault.eip),
            question.offset(),
            UserPage::containing(question.eip),
        ) else {
            return false;
        };
        let (_, mut backend) = self.parts();
        let search = match answer {
            Told::Frame(frame) => {
                // If there is no frame for the page, its next touch may find one.
                if !backend.renew_text(client, text, |_| ()) {
                    let _ = self.resources.kernel.page_unmap(client, text, Permissions::empty());
                }
                Search::Found { question, frame }
            }
            Told::None => {
                if !backend.renew_text(client, text, |bytes| go_back(bytes, offset)) {
                    return false;
                }
                Search::Over
            }
        };
        self.clients.set_search(client, search);
        true
    }

    /// Prints a line for each function of a client's that has not returned, if all of them can be
    /// found: a stack that was overwritten gives no backtrace, rather than a wrong one.
    fn print_backtrace(&mut self, client: ProcessId, frame: u32) {
        let mut known: Option<(UserPage, Bytes)> = None;
        let read = |address: u32| {
            let page = UserPage::containing(address)?;
            if known.is_none_or(|(known, _)| known != page) {
                known = Some((page, self.stack_page(client, page)?));
            }
            let (_, bytes) = known.as_ref()?;
            let offset = (address - page.address()) as usize;
            bytes[offset..].first_chunk().map(|word| u32::from_le_bytes(*word))
        };
        let (mut innermost, mut count) = ([0; MOST], 0);
        let mut frames = Frames::new(frame, STACK_START, read);
        for address in frames.by_ref() {
            if let Some(place) = innermost.get_mut(count) {
                *place = address;
            }
            count += 1;
        }
        let is_whole = frames.is_whole();
        let Ok(program) = self.clients.program_of(client) else { return };
        let name = program.name.as_str();
        let kernel = &mut self.resources.kernel;
        if !is_whole {
            return kernel.print(format_args!(
                "  backtrace of {name}: none, its stack does not lead to its start"
            ));
        }
        for address in innermost.iter().take(count) {
            kernel.print(format_args!("  backtrace of {name} {address:#010x}"));
        }
        if count > MOST {
            kernel.print(format_args!("  backtrace of {name}: {} more", count - MOST));
        }
    }

    /// The bytes of a page of a client's stack, which is brought back if it is paged out.
    fn stack_page(&mut self, client: ProcessId, page: UserPage) -> Option<Bytes> {
        let (swap, mut backend) = self.parts();
        if is_paged_out(backend.leaf(client, page))
            && swap.serve(&mut backend, client, page, Access::USER) != Served::Resume
        {
            return None;
        }
        self.parts().1.read_page(client, page)
    }

    /// Answers a request.
    fn request(&mut self, sender: ProcessId, words: [u32; 4], page: bool) -> [u32; 4] {
        let kernel = &mut self.resources.kernel;
        let name = if page { kernel.read_inbox() } else { None };
        kernel.empty_inbox();
        match Request::decode(words) {
            Ok(Request::Register { child }) => {
                let name = name.as_ref().and_then(name_in);
                self.register(sender, child, name).unwrap_or_else(|refused| refused).encode()
            }
            Ok(Request::Statistics) => self.statistics().encode(),
            Ok(Request::SetLimit { client, pages }) => {
                let allowed = sender == client || self.is_parent(sender, client);
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
            Ok(Request::Given { client }) => {
                self.clients.given(client).map_or([NOT_A_CLIENT; 4], Given::encode)
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
            Ok(Request::Transfers) => self.resources.transfers().encode(),
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
        if !self.is_parent(sender, child) || !self.resources.kernel.is_client(child) {
            return Err(Registered::NotAClient);
        }
        let name = name.ok_or(Registered::NoSuchProgram)?;
        let file = self.resources.kernel.program(name).ok_or(Registered::NoSuchProgram)?;
        let program = match self.clients.program_in(File(file)) {
            Some(known) => known,
            None => self.read_program(name, file)?,
        };
        self.clients.insert(sender, child, program);
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
    fn clone_client(&mut self, client: ProcessId, child: ProcessId) -> [u32; 4] {
        let known = self.clients.adopt(client, child).is_ok();
        let (swap, mut backend) = self.parts();
        let adopted = swap.fork(&mut backend, client, child);
        if let Err(error) = adopted {
            self.print(format_args!("pager: [{client}] cannot fork: {error}"));
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
    fn statistics(&mut self) -> Statistics {
        let Resources { kernel, zeroed, loaded, .. } = &mut self.resources;
        let clients = self.clients.ids().filter(|id| is_alive(kernel, *id)).count() as u32;
        let window = kernel.own_window();
        let own =
            window.runs(Page::containing(0), Page::containing(USER_TOP), u32::MAX, |_, _| Some(()));
        let own_pages = own.map(|run| run.pages).sum();
        Statistics { clients, zeroed: *zeroed, loaded: *loaded, own_pages }
    }

    /// Prints why a page was not given. Nothing is printed for a client that has ended.
    fn report_error(&mut self, client: ProcessId, page: UserPage, error: PagingError) {
        if error != PagingError::Gone {
            let address = page.address();
            self.print(format_args!("pager: no page {address:08x} for [{client}]: {error}"));
        }
    }

    fn is_parent(&self, parent: ProcessId, child: ProcessId) -> bool {
        let child = self.resources.kernel.process(child);
        child.is_some_and(|child| child.parent == parent.bits())
    }
}
