//! What a copy-on-write fault costs: if the page is shared, and if this process is its last owner.

use libsys::paging::fault::enable_copy_on_write;
use libsys::{Permissions, Target, page_allocate, page_map, page_protect};

use libsys::call::Change;

use crate::stopwatch::{Outcome, row};
use crate::test_pages::test_page;
use crate::touch::store;

/// The change that fork makes to a page.
const MARKED: Change = Change { drop: Permissions::WRITE, add: Permissions::COPY_ON_WRITE };

/// `cow_shared`, `cow_last_owner`.
pub fn run() -> Outcome {
    enable_copy_on_write()?;
    let (page, other) = (test_page(0), test_page(1));
    page_allocate(Target::Caller, other, Permissions::WRITE)?;
    row("cow_shared", 500, |watch| {
        page_map((Target::Caller, other), (Target::Caller, page), Permissions::COPY_ON_WRITE)?;
        watch.time(|| store(page));
        Ok(())
    })?;
    row("cow_last_owner", 500, |watch| {
        page_protect(Target::Caller, page, MARKED)?;
        watch.time(|| store(page));
        Ok(())
    })?;
    Ok(())
}
