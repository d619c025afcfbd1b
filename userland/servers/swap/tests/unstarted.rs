//! A page that goes between a fork and the start of the child goes for the child as well.

mod model;

use libsys::{EntryFlags, ProcessId, UserPage};
use model::{HEAP, Model};
use swap::page::is_paged_out;
use swap::{Backend, Swap};

const PARENT: ProcessId = ProcessId::first(1);
const OTHER: ProcessId = ProcessId::first(2);
const PAGE: u32 = HEAP.start + 3;
/// A tag whose pattern does not compress.
const NOISE: u32 = 2;

/// A parent with one page that may go, and so many children that have not started.
fn with_children(count: u32) -> (Model, Swap, Vec<ProcessId>) {
    let mut model = Model::new(400, 400, 1);
    model.is_busy = false;
    let mut swap = Swap::new(400, 400);
    model.start(&mut swap, PARENT);
    model.start(&mut swap, OTHER);
    model.replace_page(PARENT, PAGE);
    assert!(model.touch(&mut swap, PARENT, PAGE, Some(NOISE)));
    let children: Vec<_> = (3..3 + count).map(ProcessId::first).collect();
    for child in &children {
        model.begin_fork(&mut swap, PARENT, *child);
    }
    model.set_flags(PARENT, PAGE, EntryFlags::FRESH);
    (model, swap, children)
}

#[test]
fn each_child_that_has_not_started_gets_the_contents_that_its_parent_loses() {
    for count in [1, 2, 4, 5, 9] {
        let (mut model, mut swap, children) = with_children(count);
        assert_eq!(swap.evict(&mut model, Some(PARENT), PARENT), Ok(1));
        for child in &children {
            assert!(is_paged_out(model.see(*child, PAGE)), "{child} of {count}");
        }
        assert_eq!(swap.store().items(), 1, "stored once for all");
        for child in children {
            assert!(model.end_fork(PARENT, child));
            assert!(model.touch(&mut swap, child, PAGE, None));
        }
        assert!(model.touch(&mut swap, PARENT, PAGE, None));
    }
}

#[test]
fn a_page_of_a_parent_that_does_not_wait_stays_until_the_child_has_started() {
    let (mut model, mut swap, children) = with_children(1);
    assert_eq!(swap.evict(&mut model, Some(PARENT), OTHER), Ok(0));
    assert!(model.is_present(PARENT, PAGE));
    assert!(model.end_fork(PARENT, children[0]));
    assert_eq!(swap.evict(&mut model, Some(PARENT), OTHER), Ok(1));
    assert!(!model.is_present(PARENT, PAGE));
    assert_eq!(swap.evict(&mut model, Some(PARENT), OTHER), Ok(0));
}

#[test]
fn a_child_that_was_marked_in_vain_before_gets_its_record() {
    let (mut model, mut swap, children) = with_children(1);
    // So an eviction leaves it that takes nothing; by now the table of the record is gone.
    model.mark_paged_out(children[0], UserPage::known(PAGE << 12)).unwrap();
    assert_eq!(swap.evict(&mut model, Some(PARENT), PARENT), Ok(1));
    for id in [PARENT, children[0]] {
        assert!(is_paged_out(model.see(id, PAGE)), "{id}");
    }
    assert!(model.end_fork(PARENT, children[0]));
    assert!(model.touch(&mut swap, children[0], PAGE, None));
}
