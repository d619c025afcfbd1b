//! The mistakes in the pager's decisions, and in the kernel's rules on which they rely, that the
//! runs with the pager find.

use super::mistake::{Judge, Mistake, mistake};

const fn paging(
    what: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
) -> Mistake {
    mistake(what, file, from, to).by(Judge::Paging)
}

/// The mistakes.
#[rustfmt::skip]
pub(super) const MISTAKES: &[Mistake] = &[
    paging("anybody may set the pager's mark", "kernel/core/src/memory/clean.rs",
        "asked.difference(Permissions::PAGER)", "asked"),
    paging("a clean page stays clean when its D is cleared", "kernel/core/src/memory/change.rs",
        "Entry::from_bits(new.bits() & !EntryFlags::PAGER.bits() | self.add)", "new"),
    paging("a page that is lent for writing stays clean", "kernel/core/src/memory/clean.rs",
        "if to_other_space && !writable ||", "if to_other_space ||"),
    paging("a page mapped again in its own space without W stays clean", "kernel/core/src/memory/clean.rs",
        "if to_other_space && !writable ||", "if !writable ||"),
    paging("a page that its process moves keeps the mark", "kernel/core/src/syscall/pages.rs",
        "let drop = if carries {", "let drop = if carries || from.owner == to.owner {"),
    paging("a move replaces what is there", "kernel/core/src/memory/map.rs",
        "        if self.leaf(to.space, to.page).is_present() {\n            return Err(Error::Busy);\n        }\n        let permissions = old",
        "        let permissions = old"),
    paging("a page with D counts as clean", "userland/servers/swap/src/eviction.rs",
        "\n                    && !leaf.is_dirty() =>", " =>"),
    paging("a page without the mark counts as clean", "userland/servers/swap/src/eviction.rs",
        "\n                    && leaf.permissions().contains(Permissions::PAGER)\n", "\n"),
    paging("a view that was lost is not noticed", "userland/servers/swap/src/eviction.rs",
        "        if backend.view_was_lost(taken.client) {\n            self.forget_copies(taken.client);\n        }\n", ""),
    paging("text is not compared with the file", "userland/servers/swap/src/eviction.rs",
        "\n                && backend.matches_the_file(taken.client, taken.page, index) =>", " =>"),
    paging("a page goes though others map its frame", "userland/servers/swap/src/eviction.rs",
        "\n                || writable\n                || references != mappings;", ";"),
    paging("a page that others map leaves a frame for the next page", "userland/servers/pager/src/held.rs",
        "kernel.is_private(place) {", "(kernel.is_private(place) || true) {"),
    paging("what cannot be stored goes as zeros", "userland/servers/swap/src/eviction.rs",
        "error = Some(why);\n                        Disposition::Return", "error = Some(why);\n                        Disposition::PageOut(Contents::Zeros)"),
    paging("a page's copy is released when the page goes", "userland/servers/swap/src/eviction.rs",
        "            PageRecord::Copied { item, .. } if contents == Contents::Stored(item) && is_new => {}\n", ""),
    paging("a page that goes is not recorded for unstarted children", "userland/servers/swap/src/eviction.rs",
        "self.record_for_unstarted_children(backend, client, page, (contents, record));",
        "let _ = (backend, client, page, record);"),
    paging("a forked child takes no reference to what it inherits", "userland/servers/swap/src/fork.rs",
        "                self.store.retain(contents);\n", ""),
    paging("a sealed page comes back unsealed", "userland/servers/swap/src/page.rs",
        "Self { permissions, sealed: leaf.flags().contains(EntryFlags::SEALED) }", "Self { permissions, sealed: false }"),
    paging("what the disk cannot read comes back with other bytes", "userland/servers/swap/src/page_in.rs",
        "        if batch.read(backend).is_err() {\n            return Ok(Served::Failed(PagingError::DiskRead));\n        }\n",
        "        let _ = batch.read(backend);\n"),
    paging("a page that comes ahead is taken from another place of the request", "userland/servers/swap/src/batch.rs",
        "let index = (slot - batch.first) as usize;", "let index = slot.abs_diff(batch.slot) as usize;"),
    paging("a first touch is decided once, and a page that went meanwhile is replaced", "userland/servers/swap/src/page_in.rs",
        "        match backend.give_first(client, page, access) {\n            Ok(true) => {}\n            Ok(false) => return Ok(Served::Refused),\n            // Another process has put a page there meanwhile.\n            Err(GiveError::Occupied) => return Ok(Served::Resume),\n            Err(error) => return Err(error),\n        }\n",
        "        loop {\n            match backend.give_first(client, page, access) {\n                Ok(true) => break,\n                Ok(false) => return Ok(Served::Refused),\n                Err(GiveError::Occupied) => return Ok(Served::Resume),\n                Err(error) if self.relieve(backend, client, error).is_err() => return Err(error),\n                Err(_) => {}\n            }\n        }\n"),
];
