//! Pictures of page tables: that two readers see the same, and that those in the documentation show
//! what is.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use picture::Snapshot;
use xtask::machine::{Image, Machine, kernel_command_line};
use xtask::oracle::text::KernelText;
use xtask::oracle::watch::Watched;
use xtask::oracle::world::World;
use xtask::picture::gallery::GALLERY;
use xtask::picture::moment::Asked;
use xtask::picture::read::snapshot;
use xtask::workspace::Workspace;

use crate::{Boot, Claim, claim};

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    vec![
        claim("picture::a_program_and_the_host_read_the_same_entries", same_entries),
        claim("picture::those_of_the_documentation_are_current", current),
        claim("picture::a_text_that_never_comes_is_told", never),
        claim("picture::map_draws_itself_in_80_columns", own_map),
        claim("picture::map_draws_again_when_tables_have_changed", watched),
        claim("picture::map_says_what_it_cannot_draw", refused),
    ]
}

/// Only a machine that hangs takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// `map` reads a stopped child through a view; the host reads the same child from physical memory;
/// and of the process whose directory is loaded the host reads what the emulator's own walk shows.
fn same_entries() -> Claim {
    let workspace = Workspace::locate();
    let text = KernelText::read(&workspace.kernel())?;
    let image = Image::Kernel { kernel: workspace.kernel(), archive: Some(workspace.archive()) };
    let mut machine = Watched::boot(Machine {
        memory: 64,
        command_line: kernel_command_line([], Some("map --dump --hold sh")),
        ..Machine::new(image)
    })?;
    let deadline = Instant::now() + PATIENCE;
    while !machine.output().contains("a key lets it go on") {
        if Instant::now() > deadline || machine.has_ended() {
            return Err(format!("`map` did not stop its child:\n{}", machine.output()).into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    let registers = machine.stop()?.ok_or("the machine has ended")?;
    let printed = Snapshot::parse(&machine.output())?;
    let tlb = machine.monitor().human("info tlb")?;
    let world = World::read(machine.memory(), registers, text.symbol())?;
    let of = |id: u32| {
        let process = world.processes.iter().find(|process| process.id == id);
        process.map(|process| snapshot(machine.memory(), process))
    };
    let read = of(printed.owner.id).ok_or("the child is not in the table for debuggers")?;
    if read.owner.name.as_deref() != Some("sh") || read.entries(0x3BA).is_none() {
        return Err("the host does not read the child".into());
    }
    let (printed, read) = (printed.without_directory_access(), read.without_directory_access());
    if printed != read {
        return Err(format!("`map` printed\n{printed}\nand the host reads\n{read}").into());
    }
    let loaded = world.processes.iter().find(|process| Some(process.slot) == world.loaded);
    let loaded = snapshot(machine.memory(), loaded.ok_or("no directory is loaded")?);
    let (ours, theirs) = (present(&loaded), shown(&tlb));
    if ours.is_empty() || ours.iter().any(|(page, frame)| theirs.get(page) != Some(frame)) {
        return Err(format!("the emulator's walk differs from {loaded}\n{tlb}").into());
    }
    Ok(())
}

/// The present pages below the window, and their frames.
fn present(snapshot: &Snapshot) -> BTreeMap<u32, u32> {
    let rows = (0..0x3BD_u32).filter_map(|row| Some((row, snapshot.entries(row)?)));
    rows.flat_map(|(row, words)| {
        let present = (0_u32..).zip(words).filter(|(_, word)| **word & 1 != 0);
        present.map(move |(at, word)| (row << 22 | at << 12, word >> 12))
    })
    .collect()
}

/// Lines such as `0000000000800000: 0000000000431000 ----A--U-`.
fn shown(text: &str) -> BTreeMap<u32, u32> {
    let line = |line: &str| {
        let (page, rest) = line.trim().split_once(": ")?;
        let frame = u64::from_str_radix(rest.split(' ').next()?, 16).ok()?;
        Some((u32::from_str_radix(page.get(8..)?, 16).ok()?, (frame >> 12) as u32))
    };
    text.lines().filter_map(line).collect()
}

fn current() -> Claim {
    let workspace = Workspace::locate();
    for exhibit in &GALLERY {
        let kept = std::fs::read_to_string(workspace.root().join(exhibit.file))?;
        if without_frames(&exhibit.draw(&workspace)?) != without_frames(&kept) {
            let file = exhibit.file;
            let why =
                format!("{file} is not what the system shows; `cargo xtask picture --gallery`");
            return Err(why.into());
        }
    }
    Ok(())
}

/// The text without the numbers after the word `frame`. They grow with the boot archive, so a
/// program that a reader adds would change them.
fn without_frames(text: &str) -> String {
    let mut parts = text.split("frame 0x");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + "frame " + part.trim_start_matches(|c: char| c.is_ascii_hexdigit())
    })
}

fn never() -> Claim {
    let when = ["before the fork".to_owned(), "no such line".to_owned()];
    let cases: [(&str, &[String], &str); 2] = [
        (
            "cow",
            &when,
            "--when \"no such line\": no such line came while `cow` ran; the machine's last words were \
             `parent sees its own bytes: true; child saw its own: true`, `exit status 0`",
        ),
        (
            "nonesuch",
            &[],
            "--run \"nonesuch\": no line came while `nonesuch` ran; the machine's last words were \
             `no such program: nonesuch`, `exit status 127`",
        ),
    ];
    for (run, when, expected) in cases {
        let asked = Asked { run, program: run, when, memory: 64, timeout: PATIENCE };
        let told = asked.take(&Workspace::locate()).err().ok_or("a moment that never came")?;
        let line = format!("{told:#}");
        if line != expected {
            return Err(line.into());
        }
    }
    Ok(())
}

fn own_map() -> Claim {
    let outcome = Boot::new().run("map --plain").boot()?;
    outcome.exits(0)?.shows(&[
        "map (*): * pages in 4 tables below UTOP",
        "0x002 0x00800000  program: *",
        "0x3bd 0xef400000  UVPT: the window: 6 table, * kernel, 1 window",
        "  @ window        names the directory itself",
    ])?;
    let long = outcome.lines.iter().find(|line| line.chars().count() > 80);
    if let Some(line) = long {
        return Err(format!("more than 80 columns: {line}").into());
    }
    // A wider terminal is used, if the user says how wide it is.
    for (columns, indented) in [("80", 70), ("134", 134), ("300", 262)] {
        let outcome = Boot::new().run(&format!("map --plain --columns {columns}")).boot()?;
        let widest = outcome.lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        let row = outcome.lines.iter().find(|line| {
            line.strip_prefix("      ").is_some_and(|row| row.len() >= 64 && !row.contains(' '))
        });
        let found = row.map(|row| row.chars().count());
        outcome.exits(0)?.demand(found == Some(indented) && widest <= indented.max(80), || {
            format!("{columns} columns: a row has {found:?}, the widest line {widest}")
        })?;
    }
    Ok(())
}

/// A program that `map` starts, and a job in the background, until they have ended.
fn watched() -> Claim {
    let started = Boot::new().run("map --watch --plain hog 64M").boot()?;
    let job = Boot::new()
        .answer("vitrine> ", "hog 64M &\r")
        .answer("vitrine> ", "map --watch --plain %1\r")
        .answer("vitrine> ", "exit\r")
        .boot()?;
    for outcome in [started, job] {
        outcome.exits(0)?.shows(&["* in another order: 0 wrong"])?;
        let heads = outcome.lines.iter().filter(|line| line.starts_with("hog (0000"));
        let pages: Vec<u32> =
            heads.filter_map(|head| head.split(' ').nth(2)?.parse().ok()).collect();
        outcome.demand(pages.len() >= 2 && pages.is_sorted() && pages[0] < pages[1], || {
            format!("pictures of a program that grows have {pages:?} pages")
        })?;
    }
    Ok(())
}

fn refused() -> Claim {
    for (command, status, line) in [
        ("map --nonsense", 2, "usage: map *"),
        ("map --hold", 2, "usage: map *"),
        ("map --columns", 2, "usage: map *"),
        ("map --columns 79", 2, "usage: map *"),
        ("map --columns wide", 2, "usage: map *"),
        ("map --hold --watch sh", 2, "usage: map *"),
        ("map nonesuch", 127, "map: nonesuch: no such program"),
        ("map --plain hello", 0, "map: hello ended before it could be drawn"),
    ] {
        Boot::new().run(command).boot()?.exits(status)?.shows(&[line])?;
    }
    Ok(())
}
