//! Views: a parent reads its child's page tables as long as both live, and can do nothing else with
//! them.
//!
//! Wherever a mapping must be gone, a load has put it into the TLB before. The load is made in ring
//! 3, because emulators keep ring 3's translations apart.

use alloc::vec::Vec;

use libsys::abi::call::Number;
use libsys::abi::layout::{PAGE_SIZE, UVPT};
use libsys::abi::registers::UserRegisters;
use libsys::call::Change;
use libsys::paging::self_map::Step;
use libsys::process::{end, wait};
use libsys::{
    Entry, EntryFlags, Error, Page, PageRange, Permissions, ProcessId, Target, UserPage, View,
    ViewSlot, destroy, page_allocate, page_copy, page_map, page_unmap, process_create,
    process_start, range_allocate, range_protect, range_share, range_unmap, registers_read,
    registers_write, view_attach, view_detach, window,
};

use crate::bare::{self, at};
use crate::expect::{Outcome, checks, equal, holds, refused};
use crate::family::{PAGE_FAULT, child, ends_well, is_killed, until, until_blocked};
use crate::memory::{children, fresh, leaf, parent, stale_id, test_page};
use support::Registers;
use support::gate::interrupt;
use support::memory::{load, store};

checks! {
    a_view_shows_the_tables_of_a_child,
    a_view_sees_bits_appear_while_the_child_runs,
    a_view_shows_a_table_that_comes_later,
    a_view_goes_dark_when_the_child_ends,
    a_view_never_shows_a_frame_that_is_used_again,
    a_detached_view_cannot_be_read,
    a_view_cannot_be_written,
    kernel_tables_cannot_be_read_through_a_view,
    mapping_calls_leave_views_alone,
    registers_can_come_from_a_view_and_cannot_go_there,
    a_view_needs_a_parent_and_an_empty_entry,
    a_view_of_a_view_is_refused,
    a_fork_leaves_views_behind,
    two_hundred_views_go_with_their_viewer,
}

const NONE: Permissions = Permissions::empty();
const WRITE: Permissions = Permissions::WRITE;
/// `0x3800_0000  PDE 0x0E0`: the address of the first view.
const TABLES: u32 = 0x3800_0000;
/// The page that the children have, and may touch.
const TOUCHED: UserPage = UserPage::known(0x5000_0000);

/// The address at which a view at `tables` shows the entry of a page.
fn entry_pointer(tables: u32, page: UserPage) -> u32 {
    tables + page.page().number() * 4
}

/// Stores `ecx` at `[ebx]`, then loops.
const STORE_AND_SPIN: &[u8] = &[
    0x89, 0x0B, // mov [ebx], ecx
    0xEB, 0xFE, // jmp to itself
];

/// A stopped child with a page at [`TOUCHED`], and a view of it, which the TLB has cached.
fn viewed() -> Result<(ProcessId, View), Error> {
    let process = bare::bare(STORE_AND_SPIN, at(TOUCHED.address()))?;
    page_allocate(process, TOUCHED, WRITE)?;
    let view = View::of(process)?;
    for pointer in [entry_pointer(TABLES, TOUCHED), TABLES + 0x3B_D000, UVPT + (0x0E0 << 12)] {
        load(pointer);
    }
    Ok((process, view))
}

/// Ends the process and the view.
fn done(process: ProcessId, view: View) -> Outcome {
    drop(view);
    end(process)?;
    Ok(())
}

/// Ends the children that were left by viewers that have ended.
fn end_orphans() -> Outcome {
    for child in children() {
        destroy(child, false)?;
    }
    Ok(())
}

/// A viewer that runs `body` and then has an unhandled page fault.
fn faults(body: impl FnOnce() -> Outcome) -> Outcome {
    is_killed(child(body)?, PAGE_FAULT)?;
    end_orphans()
}

/// The entry of [`TOUCHED`] in the view, read as plain memory.
fn seen() -> u32 {
    load(entry_pointer(TABLES, TOUCHED))
}

fn a_view_shows_the_tables_of_a_child() -> Outcome {
    let (process, view) = viewed()?;
    let page = fresh(0)?;
    page_map((Target::Caller, page), (process, test_page(1)), NONE)?;
    equal("the frame", view.window().entry_of(test_page(1).page()).map(Entry::frame), {
        Some(leaf(page).frame())
    })?;
    let counted = view.window().present_user().count();
    equal("its pages: code, the touched one, the mapped one", counted, 3)?;
    equal("a page that it has not", view.window().entry_of(test_page(2).page()), None)?;
    let own = window().directory_entry(0x0E0);
    equal("the view's own entry", own.flags() - EntryFlags::ACCESSED, {
        EntryFlags::USER_LEAF | EntryFlags::VIEW
    })?;
    let inside = Page::containing(TABLES);
    holds("the own window tells a view", matches!(window().walk(inside), Step::View(_)))?;
    let tables = window();
    let views = tables.present_user().filter(|page| page.0.directory_index() == 0x0E0);
    equal("pages of the viewer's in the view", views.count(), 0)?;
    done(process, view)
}

fn a_view_sees_bits_appear_while_the_child_runs() -> Outcome {
    let (process, view) = viewed()?;
    equal("before", seen() & 0xFFF, 0x007)?;
    process_start(process)?;
    until("the child has written", || seen() & 0xFFF == 0x067)?;
    let found = range_protect(process, PageRange::new(TOUCHED, 1)?, Change::NONE)?;
    equal("as a call tells it", found.marks, 0x060)?;
    equal("after the call", seen() & 0xFFF, 0x007)?;
    done(process, view)
}

fn a_view_shows_a_table_that_comes_later() -> Outcome {
    let (process, view) = viewed()?;
    let later = UserPage::known(TOUCHED.address() + 0x40_0000);
    equal("before", view.window().directory_entry(0x141), Entry::ABSENT)?;
    page_allocate(process, later, NONE)?;
    equal("after", load(entry_pointer(TABLES, later)) & 0xFFF, 0x005)?;
    done(process, view)
}

fn a_view_goes_dark_when_the_child_ends() -> Outcome {
    let (process, view) = viewed()?;
    holds("it is live", view.is_live() && seen() != 0)?;
    destroy(process, false)?;
    holds("it is not", !view.is_live())?;
    for table in [0, 0x140, 0x3BD, 0x3C0, 0x3FE, 0x3FF] {
        equal(format_args!("table {table:#x}"), load(TABLES + (table << 12)), 0)?;
    }
    equal("its pages", view.window().present_user().count(), 0)?;
    wait(Some(process))?;
    equal("after its memory has gone", seen(), 0)?;
    view_detach(view.slot())?;
    refused("twice", view_detach(view.slot()), Error::NotMapped)
}

fn a_view_never_shows_a_frame_that_is_used_again() -> Outcome {
    let (process, _view) = viewed()?;
    fresh(64)?;
    end(process)?;
    for index in 0..16 {
        store(fresh(index)?.address() + 4 * TOUCHED.page().table_index(), 0x5EC2_E7E7);
    }
    equal("the entry", seen(), 0)
}

fn a_detached_view_cannot_be_read() -> Outcome {
    for gone in [entry_pointer(TABLES, TOUCHED), TABLES + 0x3B_D000, UVPT + (0x0E0 << 12)] {
        faults(|| {
            let (_, view) = viewed()?;
            drop(view);
            load(gone);
            Ok(())
        })?;
    }
    Ok(())
}

fn a_view_cannot_be_written() -> Outcome {
    for pointer in [entry_pointer(TABLES, TOUCHED), TABLES + 0x3B_D000 + 4 * 0x3BD] {
        faults(|| {
            let _viewed = viewed()?;
            store(pointer, 0x0000_0007);
            Ok(())
        })?;
    }
    faults(|| {
        let (process, _view) = viewed()?;
        end(process)?;
        store(TABLES, 1);
        Ok(())
    })
}

fn kernel_tables_cannot_be_read_through_a_view() -> Outcome {
    let (process, view) = viewed()?;
    for index in 0x3BB..0x400 {
        let shown = view.window().directory_entry(index).flags().contains(EntryFlags::USER);
        equal(format_args!("U of {index:#x}"), shown, (0x3BB..=0x3BD).contains(&index))?;
    }
    drop(view);
    end(process)?;
    for hidden in [0x3BE, 0x3BF, 0x3C0, 0x3C1, 0x3FD, 0x3FE, 0x3FF] {
        faults(|| {
            let _viewed = viewed()?;
            load(TABLES + (hidden << 12));
            Ok(())
        })?;
    }
    Ok(())
}

fn mapping_calls_leave_views_alone() -> Outcome {
    let me = Target::Caller;
    let (process, view) = viewed()?;
    let (inside, page) = (UserPage::known(TABLES), fresh(0)?);
    let (range, own) = (PageRange::new(inside, 2)?, PageRange::new(page, 1)?);
    for _ in ["live", "lost"] {
        refused("allocate", page_allocate(me, inside, WRITE), Error::NotPermitted)?;
        refused("map to", page_map((me, page), (me, inside), NONE), Error::NotPermitted)?;
        refused("map from", page_map((me, inside), (me, test_page(1)), NONE), Error::NotMapped)?;
        refused("mark", page_unmap(me, inside, Permissions::SHARED), Error::NotPermitted)?;
        refused("copy", page_copy(me, inside, NONE), Error::NotMapped)?;
        refused("range allocate", range_allocate(me, range, WRITE), Error::NotPermitted)?;
        let share = |from, to| range_share((me, from), (me, to), Change::NONE, false);
        refused("share to", share(own, inside), Error::NotPermitted)?;
        equal("share from", share(range, test_page(2))?, 2)?;
        equal("what was shared", leaf(test_page(2)), Entry::ABSENT)?;
        equal("protect", range_protect(me, range, Change::NONE)?.marks, 0)?;
        range_unmap(me, range, Permissions::SHARED)?;
        equal("unmap", page_unmap(me, inside, NONE)?, Entry::ABSENT)?;
        holds("it is a view", window().directory_entry(0x0E0).contains(EntryFlags::VIEW))?;
        let _ = destroy(process, false);
    }
    drop(view);
    page_allocate(me, inside, WRITE)?;
    wait(Some(process))?;
    Ok(())
}

fn registers_can_come_from_a_view_and_cannot_go_there() -> Outcome {
    const REGISTERS_READ: u32 = Number::RegistersRead as u32;
    const REGISTERS_WRITE: u32 = Number::RegistersWrite as u32;
    let (process, view) = viewed()?;
    let other = process_create()?;
    let from = TABLES + 0x3B_D000;
    let raw = |eax| Registers { eax, edx: other.bits(), ebx: from, ..Registers::default() };
    equal("from the directory's first words", interrupt(raw(REGISTERS_WRITE)).eax, 0)?;
    let expected = UserRegisters { eflags: 0x202, ..UserRegisters::default() };
    let found = registers_read(other)?;
    let third = view.window().directory_entry(2).bits();
    let expected = UserRegisters { ebp: third, ..expected };
    equal("registers", UserRegisters { eflags: 0x202, ..found }, expected)?;
    registers_write(other, &UserRegisters::default())?;
    drop(view);
    end(other)?;
    end(process)?;
    faults(|| {
        let _viewed = viewed()?;
        let other = process_create()?;
        interrupt(Registers {
            eax: REGISTERS_READ,
            edx: other.bits(),
            ebx: from,
            ..Registers::default()
        });
        Ok(())
    })
}

fn a_view_needs_a_parent_and_an_empty_entry() -> Outcome {
    let (process, view) = viewed()?;
    let slot = ViewSlot::new(0x0E1)?;
    refused("oneself", view_attach(Target::Caller, slot), Error::NoSuchProcess)?;
    refused("the parent", view_attach(parent()?, slot), Error::NoSuchProcess)?;
    refused("nobody", view_attach(stale_id()?, slot), Error::NoSuchProcess)?;
    refused("twice", view_attach(process, slot), Error::Busy)?;
    let other = process_create()?;
    refused("on a view", view_attach(other, view.slot()), Error::Busy)?;
    #[allow(unsafe_code)]
    // SAFETY: the directory entry of the program's text is not empty, so nothing changes.
    let on_a_table = unsafe { libsys::call::view_attach(other, ViewSlot::new(2)?) };
    refused("on a table", on_a_table, Error::Busy)?;
    refused("a table", view_detach(ViewSlot::new(2)?), Error::NotMapped)?;
    refused("nothing", view_detach(slot), Error::NotMapped)?;
    for index in [0x3BB, 0x3BD, 0x3FF, 0x400, u32::MAX] {
        for eax in [72, 73] {
            let raw = Registers { eax, edx: other.bits(), ebx: index, ..Registers::default() };
            equal(format_args!("{eax} at {index:#x}"), interrupt(raw).eax, 0xFFFF_FFFD)?;
        }
    }
    let stranger = child(|| refused("a sibling", view_attach(other, slot), Error::NoSuchProcess))?;
    ends_well(stranger)?;
    end(other)?;
    done(process, view)
}

fn a_view_of_a_view_is_refused() -> Outcome {
    let viewer = child(|| {
        let (process, view) = viewed()?;
        libsys::receive(None, None)?;
        drop(view);
        end(process)?;
        libsys::receive(None, None)?;
        Ok(())
    })?;
    // The child becomes a viewer while it is viewed, or it is one already.
    let early = View::of(viewer);
    until_blocked(viewer)?;
    if let Ok(early) = early {
        holds("its viewer sees nothing more", !early.is_live())?;
    }
    refused("a view of a viewer", View::of(viewer), Error::Refused)?;
    libsys::send(viewer, [0; 4], None)?;
    until_blocked(viewer)?;
    let late = View::of(viewer)?;
    holds("a viewer no longer", late.is_live())?;
    libsys::send(viewer, [0; 4], None)?;
    ends_well(viewer)
}

fn a_fork_leaves_views_behind() -> Outcome {
    let (process, view) = viewed()?;
    let copy = child(|| {
        equal("the entry", window().directory_entry(0x0E0), Entry::ABSENT)?;
        let own = process_create()?;
        let view = View::of(own)?;
        holds("one of its own", view.is_live())?;
        done(own, view)
    })?;
    ends_well(copy)?;
    holds("the parent's", view.is_live() && seen() & 0xFFF == 0x007)?;
    done(process, view)
}

fn two_hundred_views_go_with_their_viewer() -> Outcome {
    const FIRST: u32 = 0x200;
    let viewer = child(|| {
        for index in FIRST..FIRST + 200 {
            let process = process_create()?;
            view_attach(process, ViewSlot::new(index)?)?;
            load(index * 1024 * PAGE_SIZE + 0x3B_D000);
            if index % 3 == 0 {
                destroy(process, false)?;
            }
        }
        Ok(())
    })?;
    ends_well(viewer)?;
    // The viewer's directory is a page of zeros now. The end of the process that it viewed must not
    // write there.
    let pages = (0..32).map(fresh).collect::<Result<Vec<_>, _>>()?;
    end_orphans()?;
    for (page, index) in pages.iter().flat_map(|page| (FIRST..FIRST + 200).map(move |i| (page, i)))
    {
        equal(format_args!("word {index:#x}"), load(page.address() + 4 * index), 0)?;
    }
    Ok(())
}
