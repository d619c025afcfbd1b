//! The oracle finds each kind of violation: each is planted in the memory of a stopped machine,
//! reported in one sentence, and undone.

use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use xtask::oracle::image;
use xtask::oracle::loads::Load;
use xtask::oracle::rules::judge;
use xtask::oracle::second::{self, Shown};
use xtask::oracle::text::KernelText;
use xtask::oracle::watch::Watched;
use xtask::oracle::world::{Process, Registers, World};
use xtask::workspace::Workspace;

use crate::{Claim, claim};

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    vec![
        claim("oracle::each_planted_violation_is_told", plant_each),
        claim("oracle::a_kept_machine_is_judged_again_as_it_was", keep),
        claim("oracle::a_share_of_each_load_violates_nothing", watch_each_load),
    ]
}

const PRESENT: u32 = 1;
const WRITE: u32 = 2;
const USER: u32 = 4;
const WRITE_THROUGH: u32 = 8;
const LARGE: u32 = 0x80;
const GLOBAL: u32 = 0x100;
const VIEW: u32 = 0x200;

/// A machine that is stopped for good, in the middle of a load with a driver, a pager and a view.
struct Stopped {
    machine: Watched,
    registers: Registers,
    text: KernelText,
    processes: Vec<Process>,
}

impl Stopped {
    fn boot(load: &str) -> Result<Self, Failed> {
        let workspace = Workspace::locate();
        let text = KernelText::read(&workspace.kernel())?;
        let ready = Load::find(load)?.stage(&workspace)?;
        let mut machine = Watched::boot(ready.machine)?;
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
            let Some(registers) = machine.stop()? else { continue };
            if let Ok(world) = World::read(machine.memory(), registers, text.symbol())
                && world.processes.len() >= 4
                && viewer(&world).is_some()
                && world.loaded.is_some()
            {
                let processes = world.processes.clone();
                return Ok(Self { machine, registers, text, processes });
            }
            machine.go_on();
        }
        Err(format!("the load never came so far:\n{}", machine.output()).into())
    }

    fn violations(&self, registers: Registers) -> Result<Vec<String>, Failed> {
        let world = World::read(self.machine.memory(), registers, self.text.symbol())?;
        Ok(judge(&world, &self.text).violations)
    }

    fn world(&self) -> Result<World<'_>, Failed> {
        Ok(World::read(self.machine.memory(), self.registers, self.text.symbol())?)
    }

    /// Plants a word at a physical address, expects a sentence with `fragment`, and takes the word
    /// back.
    fn plant(&mut self, what: &str, at: u32, word: u32, fragment: &str) -> Claim {
        let before = self.machine.memory().word(at);
        if before == word {
            return Err(format!("{what}: {word:#x} stands at {at:#x} already").into());
        }
        self.machine.memory_mut().store(at, word)?;
        let found = self.violations(self.registers);
        self.machine.memory_mut().store(at, before)?;
        expect(what, &found?, fragment)
    }

    fn word(&self, at: u32) -> u32 {
        self.machine.memory().word(at)
    }

    /// The first directory entry of a process that is a table, and the first present leaf in it
    /// that satisfies `wanted`: the physical addresses of both entries.
    fn leaf(&self, process: &Process, wanted: impl Fn(u32) -> bool) -> Option<(u32, u32)> {
        (0..0x3BB).map(|upper| process.directory * 4096 + upper * 4).find_map(|upper| {
            let table = self.word(upper);
            let own = table & PRESENT != 0 && table & VIEW == 0;
            let base = table & !0xFFF;
            let found = (0..1024)
                .map(|lower| base + lower * 4)
                .find(|at| own && self.word(*at) & PRESENT != 0 && wanted(self.word(*at)));
            found.map(|leaf| (upper, leaf))
        })
    }
}

/// A process with a view that shows something: the view's physical address, and the viewer.
fn viewer(world: &World<'_>) -> Option<(u32, Process)> {
    world.processes.iter().find_map(|process| {
        let entries = (0..0x3BB).map(|upper| process.directory * 4096 + upper * 4);
        let view = entries.into_iter().find(|at| {
            let entry = world.memory.word(*at);
            entry & (PRESENT | VIEW) == PRESENT | VIEW
                && entry >> 12 != world.table.empty_view_table
        });
        view.map(|at| (at, *process))
    })
}

fn expect(what: &str, found: &[String], fragment: &str) -> Claim {
    if found.iter().any(|sentence| sentence.contains(fragment)) {
        return Ok(());
    }
    let shown: Vec<_> = found.iter().take(5).collect();
    Err(format!("{what}: no sentence with `{fragment}` among {}: {shown:#?}", found.len()).into())
}

fn plant_each() -> Claim {
    let mut stopped = Stopped::boot("views")?;
    let clean = stopped.violations(stopped.registers)?;
    if !clean.is_empty() {
        return Err(format!("before anything was planted: {clean:#?}").into());
    }
    plant_in_the_upper_half(&mut stopped)?;
    plant_in_a_space(&mut stopped)?;
    plant_views(&mut stopped)?;
    plant_in_the_kernel(&mut stopped)?;
    plant_registers(&mut stopped)?;
    plant_for_the_second_opinion(&mut stopped)
}

fn plant_in_the_upper_half(stopped: &mut Stopped) -> Claim {
    let (first, second) = (stopped.processes[0], stopped.processes[1]);
    let entry = |index: u32| first.directory * 4096 + index * 4;
    let now = |stopped: &Stopped, index| stopped.word(entry(index));
    let kernel = now(stopped, 0x3C0);
    stopped.plant("U on the kernel", entry(0x3C0), kernel | USER, "U is wrong")?;
    let uenvs = now(stopped, 0x3BB);
    stopped.plant("no U on UENVS", entry(0x3BB), uenvs & !USER, "U is wrong")?;
    let window = now(stopped, 0x3BD);
    stopped.plant("W on the window", entry(0x3BD), window | WRITE, "W")?;
    stopped.plant("G on the window", entry(0x3BD), window | GLOBAL, "G")?;
    let upages = now(stopped, 0x3BC);
    stopped.plant("PS on UPAGES", entry(0x3BC), upages | LARGE, "PS")?;
    let other = second.directory * 4096 + (window & 0xFFF);
    stopped.plant("another's window", entry(0x3BD), other, "names its own directory")?;
    let frames = now(stopped, 0x3C1);
    stopped.plant("another kernel table", entry(0x3C1), frames + 0x1000, "and the kernel's is")?;
    let unloaded =
        stopped.processes.iter().find(|process| process.directory != stopped.registers.cr3 / 4096);
    let unloaded = unloaded.ok_or("every directory is loaded")?.directory;
    let alternate = (first.directory * 4096) | PRESENT | WRITE;
    let at = unloaded * 4096 + 0x3FE * 4;
    stopped.plant("an alternate map left", at, alternate, "is not loaded")?;
    stopped.plant("an absent entry with bits", at, 0x1000, "absent, and not 0")
}

fn plant_in_a_space(stopped: &mut Stopped) -> Claim {
    let process = stopped.processes[1];
    let own = |word: u32| word & (WRITE | WRITE_THROUGH) == WRITE;
    let (upper, leaf) = stopped.leaf(&process, own).ok_or("no page with W")?;
    let (table, word) = (stopped.word(upper), stopped.word(leaf));
    let at_table = table & !0xFFF | word & 0xFFF;
    stopped.plant("a table mapped", leaf, at_table, "is a page table, and mapped")?;
    let at_directory = process.directory * 4096 + (word & 0xFFF);
    stopped.plant("a directory mapped", leaf, at_directory, "is a page directory, and mapped")?;
    stopped.plant("the kernel mapped", leaf, 0x10_1000 | word & 0xFFF, "memory of the kernel's")?;
    stopped.plant("a leaf without U", leaf, word & !USER, "U is missing")?;
    stopped.plant("bit 7", leaf, word | LARGE, "bit 7")?;
    stopped.plant("sealed, with W", leaf, word | GLOBAL, "sealed, with W")?;
    stopped.plant("a frame in an absent leaf", leaf, word & !PRESENT, "marks alone")?;
    stopped.plant("a page lost", leaf, 0, "its slot says")?;
    stopped.plant("a page lost", leaf, 0, "0 mappings, 0 tables")?;
    stopped.plant("uncached RAM", leaf, word | WRITE_THROUGH, "PWT and PCD")?;
    stopped.plant("a large table", upper, table | LARGE, "neither absent")?;
    stopped.plant("a read-only table", upper, table & !WRITE, "neither absent")?;
    let (other_upper, _) =
        stopped.leaf(&stopped.processes[0], |_| true).ok_or("a process without pages")?;
    stopped.plant("a table of two", other_upper, table, "2 tables and 0 directories at once")?;
    let world = stopped.world()?;
    let free = world.records.iter().position(|(link, count)| *count == 0 && *link != u32::MAX);
    let free = free.ok_or("no frame is free")? as u32;
    stopped.plant("a free frame mapped", leaf, free << 12 | word & 0xFFF, "(free)")?;
    let archive =
        |first: u32, count: u32| move |word: u32| (word >> 12).wrapping_sub(first) < count;
    let table = stopped.world()?.table;
    let archive = archive(table.archive_first, table.archive_frames);
    let page = stopped.processes.iter().find_map(|process| stopped.leaf(process, archive));
    let (_, page) = page.ok_or("nobody maps the boot archive")?;
    let word = stopped.word(page);
    stopped.plant("the archive with W", page, word | WRITE, "the boot archive, with W")?;
    let pool = move |word: u32| (word >> 12).wrapping_sub(table.dma_first) < table.dma_frames;
    let page = stopped.processes.iter().find_map(|process| stopped.leaf(process, pool));
    let (_, page) = page.ok_or("no driver has a DMA frame")?;
    let word = stopped.word(page);
    stopped.plant("cached DMA memory", page, word & !WRITE_THROUGH, "PWT and PCD")?;
    let (_, inits) = stopped.leaf(&stopped.processes[0], own).ok_or("init has no page with W")?;
    stopped.plant("DMA memory of two", inits, word, "a DMA frame in two spaces")
}

fn plant_views(stopped: &mut Stopped) -> Claim {
    let world = stopped.world()?;
    let table = world.table;
    let (view, viewer) = viewer(&world).ok_or("nobody views")?;
    let word = stopped.word(view);
    stopped.plant("a view with W", view, word | WRITE, "a view has P, U and its mark")?;
    let own = viewer.directory * 4096 + (word & 0xFFF);
    stopped.plant("a view of the viewer", view, own, "which views at")?;
    let may = |process: &&Process| process.parent == viewer.id || process.pager == viewer.id;
    let stranger = stopped.processes.iter().find(|process| !may(process));
    let stranger = stranger.ok_or("everyone is the viewer's")?.directory * 4096;
    stopped.plant("a stranger", view, stranger | word & 0xFFF, "neither child nor client")?;
    let page = table.archive_first * 4096;
    stopped.plant("no directory", view, page | word & 0xFFF, "a view of no process's directory")?;
    let zeros = table.empty_view_zeros * 4096;
    stopped.plant("no zero", zeros + 0xFFC, 1, "of the frame of zeros is")?;
    let empty = table.empty_view_table * 4096 + 0xFFC;
    let word = stopped.word(empty);
    stopped.plant("a writable empty view", empty, word | WRITE, "of the empty view is")
}

fn plant_in_the_kernel(stopped: &mut Stopped) -> Claim {
    let world = stopped.world()?;
    let table = world.table;
    let physical = |world: &World<'_>, address| world.physical(address).ok_or("not mapped");
    let text = stopped.text.pages().first().ok_or("no text")?.address;
    let at = physical(&world, text)?;
    let leaf = {
        let upper = world.memory.word(table.kernel_directory + (text >> 22) * 4);
        (upper & !0xFFF) + (text >> 12 & 0x3FF) * 4
    };
    let slot = table.slots + stopped.processes[1].slot * table.slot_size;
    let mapped = physical(&world, slot + table.slot_mapped)?;
    let record = table.facts + stopped.processes[1].slot * 124;
    let id = physical(&world, record + 72)?;
    let parent = physical(&world, record + 76)?;
    let uenvs = (world.memory.word(table.kernel_directory + 0x3BB * 4)) & !0xFFF;
    let word = |stopped: &Stopped, at| stopped.word(at);
    let now = word(stopped, at);
    stopped.plant("another instruction", at, !now, "in the image")?;
    let now = word(stopped, leaf);
    stopped.plant("writable text", leaf, now | WRITE, "read-only page")?;
    stopped.plant("text for all", leaf, now | USER, "U, PS or G")?;
    let now = word(stopped, uenvs);
    stopped.plant("UENVS with W", uenvs, now | WRITE, "which all may read")?;
    let frame = stopped.processes[1].directory;
    let count = records_of(&stopped.world()?, frame)?;
    let now = word(stopped, count);
    stopped.plant("a count too high", count, now + 1, "has count")?;
    stopped.plant("a count too low", count, now - 1, "(free)")?;
    let now = word(stopped, mapped);
    stopped.plant("a charge too many", mapped, now + 1, "its slot says")?;
    let now = word(stopped, id);
    stopped.plant("an id of another slot", id, now ^ 1, "has the id")?;
    stopped.plant("a parent that is not", parent, 0x7FFF_F3FF, "does not exist")?;
    stopped.plant("a user page of the kernel's", table.kernel_directory + 8, 7, "below UTOP")
}

/// The physical address of a frame's count.
fn records_of(world: &World<'_>, frame: u32) -> Result<u32, Failed> {
    let record = world.table.frames + frame * 8 + 4;
    Ok(world.physical(record).ok_or("the frame records are not mapped")?)
}

fn plant_registers(stopped: &mut Stopped) -> Claim {
    let r = stopped.registers;
    let cases = [
        (Registers { cr0: r.cr0 & !(1 << 16), ..r }, "PG, WP and PE"),
        (Registers { cr4: r.cr4 | 1 << 7, ..r }, "PGE is set"),
        (
            Registers { cr3: stopped.world()?.table.kernel_directory, ..r },
            "but the kernel has directory",
        ),
    ];
    for (registers, fragment) in cases {
        expect("a register", &stopped.violations(registers)?, fragment)?;
    }
    Ok(())
}

fn plant_for_the_second_opinion(stopped: &mut Stopped) -> Claim {
    let shown = Shown::ask(&mut stopped.machine)?;
    let mut differences = Vec::new();
    second::compare(stopped.machine.memory(), stopped.registers, &shown, &mut differences);
    if !differences.is_empty() {
        return Err(format!("the emulator's walk differs: {differences:#?}").into());
    }
    let without_first = |text: &str| text.lines().skip(1).collect::<Vec<_>>().join("\n");
    let less = Shown {
        pages: without_first(&shown.pages),
        ranges: without_first(&shown.ranges).replacen(" ur-", " urw", 1),
    };
    second::compare(stopped.machine.memory(), stopped.registers, &less, &mut differences);
    expect("a page that the emulator does not show", &differences, "shows no page at")?;
    expect("a range that the emulator does not show", &differences, "no range of the emulator's")?;
    expect(
        "a right that the emulator sees otherwise",
        &differences,
        "write: true } by the emulator",
    )
}

fn keep() -> Claim {
    let mut stopped = Stopped::boot("views")?;
    let process = stopped.processes[1];
    let at = process.directory * 4096 + 0x3C0 * 4;
    let word = stopped.word(at);
    stopped.machine.memory_mut().store(at, word | USER)?;
    let told = stopped.violations(stopped.registers)?;
    expect("U on the kernel", &told, "U is wrong")?;
    let directory = tempfile::tempdir()?;
    let kept = image::Kept { registers: stopped.registers };
    kept.write(directory.path(), &stopped.machine.ram())?;
    let (kept, memory) = image::Kept::read(directory.path())?;
    let world = World::read(&memory, kept.registers, stopped.text.symbol())?;
    if judge(&world, &stopped.text).violations != told {
        return Err("the kept machine is judged otherwise".into());
    }
    let nothing = tempfile::tempdir()?;
    if image::Kept::read(nothing.path()).is_ok() {
        return Err("a directory without a machine is taken for one".into());
    }
    Ok(())
}

/// Some moments of each load, in the time that a test may take: the long run is `cargo xtask
/// oracle`.
fn watch_each_load() -> Claim {
    let workspace = Workspace::locate();
    let text = KernelText::read(&workspace.kernel())?;
    for load in Load::ALL {
        let ready = load.stage(&workspace)?;
        let mut machine = Watched::boot(ready.machine)?;
        let mut judged = 0;
        let deadline = Instant::now() + Duration::from_secs(60);
        while judged < 12 && Instant::now() < deadline && !machine.has_ended() {
            std::thread::sleep(Duration::from_millis(7));
            let Some(registers) = machine.stop()? else { continue };
            if registers.cr0 >> 31 != 0
                && let Ok(world) = World::read(machine.memory(), registers, text.symbol())
            {
                let found = judge(&world, &text).violations;
                if !found.is_empty() {
                    return Err(format!("{}: {found:#?}", load.name).into());
                }
                judged += 1;
            }
            machine.go_on();
        }
        load.check_output(&machine.output())?;
        if judged == 0 {
            return Err(
                format!("{}: no moment was judged:\n{}", load.name, machine.output()).into()
            );
        }
    }
    Ok(())
}
