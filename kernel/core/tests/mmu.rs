//! Is the modelled MMU the CPU's? Each rule that the other tests lean on, by itself.

mod model;

use abi::fault::Access;
use abi::layout::{SELF_MAP, UENVS, UPAGES, USER_TOP, UVPD, UVPT};
use abi::{Entry, EntryFlags, Frame, Page, Slot};
use kernel_core::hardware::{Hardware, Reach};
use model::{FaultInfo, Model, POISON};

/// A page of programs, under directory entry 2.
const PAGE: u32 = 0x0080_0000;
const OTHER: u32 = 0x0080_1000;
const READ: EntryFlags = EntryFlags::USER_LEAF;
const WRITE: EntryFlags = EntryFlags::FRESH;

/// A booted machine with a table for [`PAGE`] whose directory entry has `upper`, and a leaf with
/// `lower`.
struct Fixture {
    model: Model,
    directory: Frame,
    table: Frame,
    frame: Frame,
    spare: Frame,
}

fn fixture(upper: EntryFlags, lower: EntryFlags) -> Fixture {
    let boot = Model::boot(4);
    let [table, frame, spare] =
        [0, 1, 2].map(|index| Frame::from_number(boot.ranges[0].first + index));
    let mut model = boot.model;
    for frame in [table, frame, spare] {
        model.zero_frame(frame);
    }
    model.set_word(boot.directory, 2, Entry::new(table, upper).bits());
    model.set_word(table, 0, Entry::new(frame, lower).bits());
    model.set_word(frame, 0, 0x1111);
    model.set_word(spare, 0, 0x2222);
    Fixture { model, directory: boot.directory, table, frame, spare }
}

fn denied(address: u32, access: Access) -> FaultInfo {
    FaultInfo { address, access }
}

#[test]
fn user_and_write_are_anded_over_both_levels() {
    let kernel = EntryFlags::PRESENT | EntryFlags::WRITE;
    for (upper, lower) in [
        (WRITE, WRITE),
        (WRITE, READ),
        (READ, WRITE),
        (READ, READ),
        (kernel, WRITE),
        (WRITE, kernel),
    ] {
        let mut model = fixture(upper, lower).model;
        let both = upper & lower;
        let readable = both.contains(EntryFlags::USER);
        assert_eq!(model.user_read(PAGE).is_ok(), readable, "{upper:?} {lower:?}");
        let writable = both.contains(EntryFlags::WRITE);
        assert_eq!(model.user_write(PAGE, 1).is_ok(), readable && writable, "{upper:?} {lower:?}");
        assert_eq!(
            model.kernel_write(PAGE, 1).is_ok(),
            writable,
            "WP binds ring 0: {upper:?} {lower:?}"
        );
        assert!(model.kernel_read(PAGE).is_ok());
    }
}

#[test]
fn a_fault_says_whether_the_page_was_present_and_who_did_what() {
    let mut model = fixture(WRITE, READ).model;
    let write = Access::USER | Access::WRITE;
    assert_eq!(model.user_write(PAGE, 1), Err(denied(PAGE, write | Access::PROTECTION)));
    assert_eq!(model.kernel_write(PAGE, 1), Err(denied(PAGE, Access::WRITE | Access::PROTECTION)));
    assert_eq!(model.user_read(OTHER), Err(denied(OTHER, Access::USER)));
    assert_eq!(model.user_write(0x4000_0000, 1), Err(denied(0x4000_0000, write)));
    assert_eq!(model.kernel_read(0), Err(denied(0, Access::empty())));
}

#[test]
fn a_load_sets_a_in_both_levels_and_a_store_sets_d_in_the_leaf_only() {
    let mut f = fixture(WRITE, WRITE);
    let bits =
        |f: &Fixture| (f.model.word(f.directory, 2) & 0xFFF, f.model.word(f.table, 0) & 0xFFF);
    assert_eq!(bits(&f), (0x007, 0x007));
    f.model.user_read(PAGE).unwrap();
    assert_eq!(bits(&f), (0x027, 0x027));
    f.model.user_write(PAGE, 1).unwrap();
    assert_eq!(bits(&f), (0x027, 0x067));
}

#[test]
fn a_store_through_a_self_map_sets_d_in_the_directory_entry_which_is_its_leaf() {
    let mut f = fixture(WRITE, WRITE);
    f.model.write_entry(Reach::Current, Page::containing(OTHER), Entry::ABSENT);
    assert_eq!(f.model.word(f.directory, 2) & 0xFFF, 0x067);
    assert_eq!(f.model.word(f.directory, Slot::CURRENT.index()) & 0xFFF, 0x023);
}

#[test]
fn reading_the_window_marks_the_table_and_the_window_accessed() {
    let mut f = fixture(WRITE, WRITE);
    let entry = f.model.user_read(Slot::WINDOW.entry_address(Page::containing(PAGE))).unwrap();
    assert_eq!(entry, f.model.word(f.table, 0));
    assert_eq!(f.model.word(f.directory, 2) & 0xFFF, 0x027);
    assert_eq!(f.model.word(f.directory, Slot::WINDOW.index()) & 0xFFF, 0x025);
}

#[test]
fn a_cleared_d_is_not_set_again_before_the_flush() {
    let mut f = fixture(WRITE, WRITE);
    f.model.user_write(PAGE, 1).unwrap();
    f.model.set_word(f.table, 0, Entry::new(f.frame, WRITE).bits());
    f.model.user_write(PAGE, 2).unwrap();
    assert_eq!(f.model.word(f.table, 0) & 0xFFF, 0x007, "the mark of the second store is lost");
    f.model.flush_page(Page::containing(PAGE));
    f.model.user_write(PAGE, 3).unwrap();
    assert_eq!(f.model.word(f.table, 0) & 0xFFF, 0x067);
}

#[test]
fn a_stale_translation_stays_until_its_own_flush() {
    let mut f = fixture(WRITE, WRITE);
    assert_eq!(f.model.user_read(PAGE), Ok(0x1111));
    f.model.set_word(f.table, 0, Entry::new(f.spare, READ).bits());
    assert_eq!(f.model.user_read(PAGE), Ok(0x1111));
    f.model.flush_page(Page::containing(OTHER));
    assert_eq!(f.model.user_read(PAGE), Ok(0x1111));
    f.model.flush_page(Page::containing(PAGE));
    assert_eq!(f.model.user_read(PAGE), Ok(0x2222));
    assert!(f.model.user_write(PAGE, 1).is_err());
}

#[test]
fn a_cr3_load_forgets_everything() {
    for reload in [true, false] {
        let mut f = fixture(WRITE, WRITE);
        assert_eq!(f.model.user_read(PAGE), Ok(0x1111));
        f.model.set_word(f.directory, 2, 0);
        assert_eq!(f.model.user_read(PAGE), Ok(0x1111));
        if reload {
            f.model.flush_all()
        } else {
            f.model.load_directory(f.directory)
        }
        assert_eq!(f.model.user_read(PAGE), Err(denied(PAGE, Access::USER)));
    }
}

/// Rule 1 of self maps: a directory entry is two things, and each has its own flush.
#[test]
fn a_changed_directory_entry_leaves_its_window_page_stale_until_that_is_flushed() {
    let mut f = fixture(WRITE, WRITE);
    let seen = Slot::WINDOW.entry_address(Page::containing(PAGE));
    assert_eq!(f.model.user_read(PAGE), Ok(0x1111));
    let old = f.model.user_read(seen).unwrap();
    f.model.set_word(f.directory, 2, 0);
    f.model.flush_page(Page::containing(PAGE));
    assert!(f.model.user_read(PAGE).is_err(), "the page itself is gone");
    f.model.set_word(f.table, 0, 0x5EC2_E700);
    assert_ne!(f.model.user_read(seen), Ok(old));
    assert_eq!(f.model.user_read(seen), Ok(0x5EC2_E700), "the freed table can still be read");
    f.model.flush_page(Page::containing(seen));
    assert!(f.model.user_read(seen).is_err());
}

#[test]
fn flushing_the_window_page_alone_leaves_the_pages_below_it_stale() {
    let mut f = fixture(WRITE, WRITE);
    assert_eq!(f.model.user_read(PAGE), Ok(0x1111));
    f.model.set_word(f.directory, 2, 0);
    f.model.flush_page(Page::containing(Slot::WINDOW.table_address(2)));
    assert_eq!(f.model.user_read(PAGE), Ok(0x1111));
}

#[test]
fn a_cached_directory_entry_serves_other_pages_until_any_page_is_flushed() {
    let mut f = fixture(WRITE, WRITE);
    f.model.set_word(f.table, 1, Entry::new(f.spare, WRITE).bits());
    assert_eq!(f.model.user_read(PAGE), Ok(0x1111));
    f.model.set_word(f.directory, 2, 0);
    assert_eq!(f.model.user_read(OTHER), Ok(0x2222), "walked from the cached directory entry");
    f.model.flush_page(Page::containing(0));
    assert_eq!(f.model.user_read(OTHER), Ok(0x2222), "but the page has been cached since");
    f.model.flush_page(Page::containing(OTHER));
    assert!(f.model.user_read(OTHER).is_err());
}

#[test]
fn a_wider_right_faults_once_spuriously_and_then_holds() {
    let mut f = fixture(WRITE, READ);
    assert_eq!(f.model.user_read(PAGE), Ok(0x1111));
    f.model.set_word(f.table, 0, Entry::new(f.frame, WRITE).bits());
    assert!(f.model.user_write(PAGE, 1).is_err(), "the cached translation has no W");
    assert!(f.model.user_write(PAGE, 1).is_ok(), "the fault made the CPU forget it");
}

#[test]
fn absence_is_not_cached() {
    let mut f = fixture(WRITE, WRITE);
    assert!(f.model.user_read(OTHER).is_err());
    f.model.set_word(f.table, 1, Entry::new(f.spare, READ).bits());
    assert_eq!(f.model.user_read(OTHER), Ok(0x2222));
}

#[test]
fn an_access_may_cross_pages_and_the_second_may_fault() {
    let mut f = fixture(WRITE, WRITE);
    assert_eq!(f.model.user_read(PAGE + 0xFFE), Err(denied(OTHER, Access::USER)));
    f.model.set_word(f.table, 1, Entry::new(f.spare, WRITE).bits());
    f.model.user_write(PAGE + 0xFFE, 0xAABB_CCDD).unwrap();
    assert_eq!(f.model.user_read(PAGE + 0xFFE), Ok(0xAABB_CCDD));
    assert_eq!(f.model.word(f.frame, 1023) >> 16, 0xCCDD);
    assert_eq!(f.model.word(f.spare, 0) & 0xFFFF, 0xAABB);
}

#[test]
fn programs_read_three_of_the_upper_directory_entries_and_write_none() {
    let mut model = Model::boot(4).model;
    for address in [UENVS, UPAGES, UVPD, UVPT + (0x3BB << 12), UVPT + (0x3BC << 12)] {
        assert!(model.user_read(address).is_ok(), "{address:#x}");
        assert!(model.user_write(address, 0).is_err(), "{address:#x}");
        assert!(model.kernel_write(address, 0).is_err(), "{address:#x}");
    }
    for index in 0x3BE..0x400 {
        assert!(
            model.user_read(UVPT + (index << 12)).is_err(),
            "kernel table {index:#x} through the window"
        );
        assert!(model.user_read(index << 22).is_err(), "{index:#x}");
    }
    assert!(model.user_read(USER_TOP - 4).is_err());
    assert!(
        model.kernel_write(SELF_MAP + (0x3BB << 12), 0).is_err(),
        "its directory entry lacks W"
    );
}

#[test]
#[should_panic(expected = "stale translation")]
fn a_kernel_access_through_a_stale_self_map_fails_the_test() {
    let mut f = fixture(WRITE, WRITE);
    let page = Page::containing(PAGE);
    f.model.read_entry(Reach::Current, page);
    f.model.set_word(f.directory, 2, Entry::new(f.spare, WRITE).bits());
    f.model.read_entry(Reach::Current, page);
}

#[test]
#[should_panic(expected = "walk of 0xff800000")]
fn a_kernel_access_to_a_table_that_is_not_there_prints_the_walk() {
    let mut model = Model::boot(4).model;
    model.read_entry(Reach::Alternate, Page::containing(0));
}

#[test]
#[should_panic(expected = "4 MiB page")]
fn large_pages_are_refused() {
    let mut model = fixture(WRITE | EntryFlags::LARGE, WRITE).model;
    let _ = model.user_read(PAGE);
}

#[test]
#[should_panic(expected = "not RAM")]
fn a_window_on_a_hole_fails_the_test() {
    let boot = Model::boot(4);
    let mut model = boot.model;
    model.read_frame(Frame::from_number(boot.ranges[0].end), 0);
}

#[test]
fn what_nobody_wrote_is_not_zero() {
    let boot = Model::boot(4);
    assert_eq!(boot.model.word(Frame::from_number(boot.ranges[1].first), 7), POISON);
}
