//! The comparison: everything that the kernel knows of processes, against the model.

use std::collections::VecDeque;

use abi::process_info::Status;
use abi::{Entry, Frame};
use kernel_core::state::process::{Index, PendingRequest, Process as Theirs, State};
use kernel_core::state::process_table::QueueName;

use crate::reference::calls::FRAMES_WANTED;
use crate::reference::state::{
    Ask, Doing, Model, Names, Process, Regs, Right, SYSENTER, Slot, Space, Token,
};
use crate::world::World;

/// Words of every frame that are compared after each step. All of them are, every so often.
const WATCHED: [u32; 4] = [0, 1, 0x155, 0x3FF];

/// Which name each frame number has.
#[derive(Default)]
pub struct Owners(Vec<Option<Token>>);

/// Fails unless both are the same.
macro_rules! same {
    ($kernel:expr, $model:expr, $($what:tt)+) => {{
        let (kernel, model) = (&$kernel, &$model);
        if kernel != model {
            return Err(format!("{}: {kernel:x?}; the model has {model:x?}", format!($($what)+)));
        }
    }};
}

/// How much a comparison looks at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Everything that the model has, and a few words of each frame.
    Usual,
    /// And that no table holds anything else.
    Tables,
    /// And each word of each frame.
    Words,
}

/// Compares the kernel with the model.
///
/// # Errors
/// The first difference.
pub fn compare(
    world: &World,
    model: &mut Model,
    owners: &mut Owners,
    depth: Depth,
) -> Result<(), String> {
    let kernel = &world.kernel;
    same!(kernel.frames.free(), model.free, "free frames");
    same!(kernel.cpu.current().map(Index::slot), model.current, "the process on the CPU");
    same!(kernel.processes().slots_used() as usize, model.procs.len(), "slots in use");
    same!(u32::from(kernel.cpu.hardware.masked), model.masked, "masked lines");
    let queues = [
        (QueueName::Ready, &model.ready),
        (QueueName::Dying, &model.dying),
        (QueueName::Readers, &model.readers),
    ];
    for (name, expected) in queues {
        queue(world, name, expected)?;
    }
    for slot in 0..model.procs.len() {
        process(world, model, slot)?;
        if !matches!(model.procs[slot].doing, Doing::Free | Doing::Ended) {
            space(world, model, owners, (slot, depth))?;
        }
    }
    frames(world, model, depth == Depth::Words)
}

fn queue(world: &World, name: QueueName, expected: &VecDeque<Slot>) -> Result<(), String> {
    let processes = world.kernel.processes();
    let next = |index: &Index| processes[*index].links.next;
    let found = || std::iter::successors(processes.front(name), next).map(Index::slot).take(2000);
    if found().eq(expected.iter().copied()) {
        return Ok(());
    }
    Err(format!("queue {name:?}: {:?}; the model has {expected:?}", found().collect::<Vec<_>>()))
}

fn ask(request: PendingRequest) -> Ask {
    match request {
        PendingRequest::Send => Ask::Send,
        PendingRequest::Call => Ask::Call,
        PendingRequest::Clone => Ask::Clone,
        PendingRequest::Fault { jos } => Ask::Fault { jos },
        PendingRequest::ForwardedFault => Ask::Forwarded,
        PendingRequest::Frames => Ask::Frames,
    }
}

fn doing(state: State) -> Doing {
    match state {
        State::Free => Doing::Free,
        State::Ready => Doing::Ready,
        State::Sending { to, pending_request } => Doing::Sending(to.slot(), ask(pending_request)),
        State::Answer { by, pending_request } => Doing::Answer(by.slot(), ask(pending_request)),
        State::Receiving => Doing::Receiving,
        State::ReceivingExit { child } => Doing::ReceivingExit(child.bits()),
        State::ReceivingInterrupt => Doing::ReceivingInterrupt,
        State::ReceivingFrom { from } => Doing::ReceivingFrom(from.slot()),
        State::JosReceiving => Doing::JosReceiving,
        State::Sleeping => Doing::Sleeping,
        State::Waiting { child } => Doing::Waiting(child.map(|child| child.bits())),
        State::Reading => Doing::Reading,
        State::Dying => Doing::Dying,
        State::Ended => Doing::Ended,
    }
}

fn process(world: &World, model: &mut Model, slot: Slot) -> Result<(), String> {
    let index = Index::new(slot as u32);
    let theirs = &world.kernel.processes()[index];
    let ours = &model.procs[slot];
    same!(theirs.id.map(|id| id.bits()), Some(ours.id), "id of slot {slot}");
    same!(doing(theirs.state), ours.doing, "state of slot {slot}");
    let info = &world.kernel.process_info().0[slot];
    if ours.doing == Doing::Free {
        same!(info.status, Status::Free as u32, "status of slot {slot}");
        return Ok(());
    }
    let status = match ours.doing {
        Doing::Dying | Doing::Ended => Status::Dying,
        Doing::Ready if model.current == Some(slot) => Status::Running,
        Doing::Ready if !ours.stopped => Status::Runnable,
        _ => Status::NotRunnable,
    };
    same!(info.status, status as u32, "status of slot {slot}");
    same!(theirs.family.parent.map(Index::slot), ours.parent, "parent of slot {slot}");
    if !ours.is_alive() {
        same!(theirs.exit.status, ours.status, "exit status of slot {slot}");
        same!(theirs.exit.reason as u32, ours.reason, "exit reason of slot {slot}");
    }
    same!(theirs.memory.mapped, model.mapped(slot), "frames charged to slot {slot}");
    same!(info.runs, ours.runs, "runs of slot {slot}");
    living(world, ours, theirs, slot)?;
    messages(world, model, slot)?;
    let regs = regs_of(&theirs.registers);
    let ours = &mut model.procs[slot];
    if ours.regs.ebx == FRAMES_WANTED && ours.regs.eax == Ask::Frames.kind() {
        // How many frames a call needs at most is the kernel's to say.
        if regs.ebx == 0 {
            return Err(format!("slot {slot} is asked for 0 frames"));
        }
        let sender = if regs.trap == SYSENTER { regs.edi } else { regs.edx };
        let client = (sender & 0x3FF) as usize;
        ours.regs.ebx = regs.ebx;
        model.procs[client].wanted = regs.ebx;
    }
    same!(regs, model.procs[slot].regs, "registers of slot {slot}");
    Ok(())
}

fn living(world: &World, ours: &Process, theirs: &Theirs, slot: Slot) -> Result<(), String> {
    let info = &world.kernel.process_info().0[slot];
    if !ours.is_alive() {
        return Ok(());
    }
    same!(theirs.stopped, ours.stopped, "stopped flag of slot {slot}");
    same!(!theirs.family.unattended || slot == 0, ours.attended, "attended flag of slot {slot}");
    let pager = theirs.paging.pager.map(|pager| pager.index() as usize);
    same!(pager, ours.pager, "pager of slot {slot}");
    same!(theirs.paging.pager_ended, ours.pager_ended, "ended pager of slot {slot}");
    same!(theirs.paging.handler, ours.handler, "handler of slot {slot}");
    same!(theirs.paging.fault_timeout, ours.timeout, "timeout of slot {slot}");
    same!(theirs.paging.accepts_clients, ours.accepts_clients, "slot {slot} accepts clients");
    same!(theirs.paging.frees_frames, ours.frees_frames, "slot {slot} frees frames");
    same!(u32::from(theirs.messages.interrupts), ours.interrupts, "interrupts of slot {slot}");
    let alarm = theirs.sleeps().then_some(theirs.alarm.wake);
    same!(alarm, ours.alarm, "alarm of slot {slot}");
    same!(theirs.device.driver, ours.driver, "slot {slot} is a driver");
    let ranges = theirs.device.ports.ranges().iter().filter(|range| range.count() != 0);
    let ports: Vec<(u32, u32)> = ranges.map(|range| (range.first(), range.count())).collect();
    same!(ports, ours.ports, "ports of slot {slot}");
    same!(theirs.memory.bounded, ours.owns_account, "slot {slot} has a quota of its own");
    let jos = ours.jos;
    let shown = (info.handler, info.receiving, info.receive_page);
    same!(shown, (jos.handler, jos.receiving, jos.receive_page), "what UENVS shows of slot {slot}");
    let message = (info.value, info.from, info.permissions);
    same!(message, (jos.value, jos.from, jos.permissions), "JOS message of slot {slot}");
    Ok(())
}

fn messages(world: &World, model: &Model, slot: Slot) -> Result<(), String> {
    let index = Index::new(slot as u32);
    let ours = &model.procs[slot];
    let queues = [
        (QueueName::Senders(index), &ours.senders),
        (QueueName::Callers(index), &ours.callers),
        (QueueName::Zombies(index), &ours.zombies),
    ];
    for (name, expected) in queues {
        queue(world, name, expected)?;
    }
    if model.current == Some(slot) {
        let hardware = &world.kernel.cpu.hardware;
        let ranges = hardware.ports.ranges().iter().filter(|range| range.count() != 0);
        let open: Vec<(u32, u32)> = ranges.map(|range| (range.first(), range.count())).collect();
        same!(open, ours.ports, "ports that are open to slot {slot}");
    }
    if let Some(account) = ours.account {
        let theirs = &world.kernel.processes()[index];
        let name = theirs.memory.account.ok_or_else(|| format!("slot {slot} has no account"))?;
        let found = world.kernel.processes().account(name);
        let found = (found.used.frames, found.used.processes, found.dying);
        same!(found, model.used(account), "use of the account of slot {slot}");
    }
    Ok(())
}

/// Ties a name to a frame number, or compares it.
fn tie(model: &mut Model, owners: &mut Owners, token: Token, number: u32) -> Result<(), String> {
    let frame = model.frames[token].as_mut().expect("it is named");
    if frame.number == Some(number) {
        return Ok(());
    }
    if let Some(known) = frame.number {
        return Err(format!("frame {number:#x}; the model has {known:#x}"));
    }
    frame.number = Some(number);
    if owners.0.len() <= number as usize {
        owners.0.resize(number as usize + 1, None);
    }
    let before = owners.0[number as usize].replace(token);
    let is_taken =
        before.filter(|other| *other != token).and_then(|other| model.frames[other].as_ref());
    if is_taken.is_some_and(|other| other.number == Some(number)) {
        return Err(format!("frame {number:#x} is used twice"));
    }
    Ok(())
}

fn space(
    world: &World,
    model: &mut Model,
    owners: &mut Owners,
    (slot, depth): (Slot, Depth),
) -> Result<(), String> {
    // Taken out meanwhile, because frames are tied to numbers on the way.
    let space = std::mem::take(&mut model.procs[slot].space);
    let done = space_of(world, (model, owners), &space, (slot, depth));
    model.procs[slot].space = space;
    done
}

fn space_of(
    world: &World,
    (model, owners): (&mut Model, &mut Owners),
    space: &Space,
    (slot, depth): (Slot, Depth),
) -> Result<(), String> {
    let theirs = &world.kernel.processes()[Index::new(slot as u32)];
    let hardware = &world.kernel.cpu.hardware;
    let at = |what: &str, error: String| format!("{what} of slot {slot}: {error}");
    let directory = space.directory;
    tie(model, owners, directory, theirs.directory.number()).map_err(|e| at("directory", e))?;
    let words = hardware.contents(theirs.directory);
    if depth >= Depth::Tables {
        let present = words[..0x3BB].iter().filter(|word| **word != 0).count();
        same!(present, space.tables.len() + space.views.len(), "directory entries of slot {slot}");
    }
    for (upper, view) in &space.views {
        let entry = Entry::from_bits(words[*upper as usize]);
        let viewed = match view {
            Some((viewed, _)) => world.kernel.processes()[Index::new(*viewed as u32)].directory,
            None => world.kernel.empty_view().expect("made at boot").table,
        };
        same!(entry.bits() & !0x60, viewed.address() | 0x205, "view {upper:#x} of slot {slot}");
        check_right(world, slot, *view)?;
    }
    let mut leaves = space.leaves.iter().peekable();
    for (upper, table) in &space.tables {
        let entry = Entry::from_bits(words[*upper as usize]);
        same!(entry.bits() & 0xF9F, 7, "directory entry {upper:#x} of slot {slot}");
        tie(model, owners, *table, entry.frame().number()).map_err(|e| at("a table", e))?;
        let entries = hardware.contents(entry.frame());
        let mut expected = 0;
        while let Some((page, leaf)) = leaves.next_if(|leaf| leaf.0 >> 10 == *upper) {
            expected += 1;
            let found = Entry::from_bits(entries[(page & 0x3FF) as usize]);
            let page = page << 12;
            same!(found.bits() & 0xFFF, leaf.bits, "leaf of {page:#x} of slot {slot}");
            match leaf.names {
                Names::Nothing => same!(found.frame().number(), 0, "leaf of {page:#x}"),
                Names::Device(number) => same!(found.frame().number(), number, "leaf of {page:#x}"),
                Names::Ram(token) => tie(model, owners, token, found.frame().number())
                    .map_err(|error| format!("leaf of {page:#x} of slot {slot}: {error}"))?,
            }
        }
        if depth >= Depth::Tables {
            let present = entries.iter().filter(|word| **word != 0).count();
            same!(present, expected, "leaves under {upper:#x} of slot {slot}");
        }
    }
    Ok(())
}

/// The kernel's own list of views agrees.
fn check_right(world: &World, slot: Slot, view: Option<(Slot, Right)>) -> Result<(), String> {
    let Some((viewed, right)) = view else { return Ok(()) };
    let views = &world.kernel.processes()[Index::new(viewed as u32)].views.of_it;
    let view = views[usize::from(right == Right::Pager)];
    same!(view.viewer.map(Index::slot), Some(slot), "who views slot {viewed}");
    Ok(())
}

fn frames(world: &World, model: &Model, all: bool) -> Result<(), String> {
    let hardware = &world.kernel.cpu.hardware;
    for frame in model.frames.iter().flatten().filter(|frame| frame.leaves > 0) {
        let Some(number) = frame.number else { continue };
        let named = Frame::from_number(number);
        let count = frame.leaves + u32::from(frame.pinned);
        same!(world.kernel.frames.count(named), Some(count), "mappings of frame {number:#x}");
        let found = hardware.contents(named);
        for index in WATCHED {
            let (found, expected) = (found[index as usize], frame.words[index as usize]);
            same!(found, expected, "word {index:#x} of frame {number:#x}");
        }
        if all && found[..] != frame.words[..] {
            let index = (0..1024).find(|index| found[*index] != frame.words[*index]).unwrap_or(0);
            same!(found[index], frame.words[index], "word {index:#x} of frame {number:#x}");
        }
    }
    Ok(())
}

/// The registers that the model knows.
pub fn regs_of(r: &abi::Registers) -> Regs {
    Regs {
        eax: r.eax,
        ebx: r.ebx,
        ecx: r.ecx,
        edx: r.edx,
        esi: r.esi,
        edi: r.edi,
        ebp: r.ebp,
        eip: r.eip,
        esp: r.esp,
        eflags: r.eflags,
        trap: r.trap,
    }
}
