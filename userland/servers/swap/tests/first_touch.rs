//! A page is given for the first time only where nothing is.

mod model;

use libsys::ProcessId;
use model::{EXCEPTION, HEAP, Model, TEXT};
use swap::Swap;

const CLIENT: ProcessId = ProcessId::first(1);
const OTHER: ProcessId = ProcessId::first(2);
const PAGE: u32 = HEAP.start + 3;
/// A tag whose pattern does not compress.
const NOISE: u32 = 2;

fn two_clients() -> (Model, Swap) {
    let mut model = Model::new(400, 400, 1);
    model.is_busy = false;
    let mut swap = Swap::new(400, 400);
    model.start(&mut swap, CLIENT);
    model.start(&mut swap, OTHER);
    (model, swap)
}

#[test]
fn a_page_that_comes_meanwhile_is_not_replaced() {
    for page in [PAGE, TEXT.start, EXCEPTION] {
        let (mut model, mut swap) = two_clients();
        assert!(model.touch(&mut swap, OTHER, PAGE, Some(NOISE)));
        model.mapped_before_giving = Some((OTHER, PAGE));
        assert!(model.touch(&mut swap, CLIENT, page, None));
        assert_eq!(model.frame(CLIENT, page), model.frame(OTHER, PAGE), "{page:#x}");
        model.audit();
    }
}
