//! Malformed arguments: every call refuses them, through both gates, and changes nothing.

use libsys::abi::layout::{BOOT_ARCHIVE, KERNEL_BASE, PAGE_SIZE, USER_TOP, UVPD, UVPT};
use libsys::{Error, ProcessId, Syscall, identity, machine, process_create};

use crate::expect::{Outcome, checks, equal, refused};
use crate::memory::{fresh, leaf, need_nothing, parent, stale_id, test_page};
use support::Registers;
use support::gate::{interrupt, sysenter};

checks! {
    unknown_calls_are_invalid,
    unknown_permission_bits_are_invalid,
    permissions_are_invalid_where_none_are_taken,
    addresses_that_are_no_user_page_are_invalid,
    ranges_that_are_empty_long_or_wrap_are_invalid,
    ids_that_nobody_has_are_no_process,
    processes_of_others_are_no_process,
    buffers_beyond_user_space_are_a_fault,
    buffers_over_4096_bytes_are_invalid,
    flags_are_0_or_1,
    sysenter_refuses_what_needs_more_registers,
}

/// Calls that name a page in `ecx`.
const PAGED: [u32; 9] = [33, 34, 35, 36, 38, 39, 40, 41, 71];
/// Those of them that take a range.
const RANGES: [u32; 4] = [38, 39, 40, 41];
/// Calls on memory, of which the target is the caller, a child or a client.
const MEMORY: [u32; 10] = [33, 34, 35, 36, 38, 39, 40, 41, 51, 71];
/// Calls whose target is a child.
const OF_A_PARENT: [u32; 7] = [43, 44, 45, 46, 50, 54, 58];

const NOWHERE: [u32; 11] = [
    1,
    0xFFF,
    0x4000_0001,
    USER_TOP - 1,
    USER_TOP,
    UVPT,
    UVPD,
    KERNEL_BASE,
    0xFFFF_F000,
    0xFFFF_FFFF,
    BOOT_ARCHIVE + 0x800,
];

/// A call whose arguments are all valid: test page 0, one page, test page 1 as the destination, and
/// the caller as the second process.
fn call(number: u32, process: u32) -> Registers {
    let (page, other) = (test_page(0).address(), test_page(1).address());
    let raw = Registers { eax: number, edx: process, ..Registers::default() };
    match number {
        34 => Registers { ecx: page, ebx: 0, esi: other, ..raw },
        38 => Registers { ecx: page, ebx: 0, esi: other, edi: 1, ..raw },
        39..=41 => Registers { ecx: page, ebx: 1, ..raw },
        33..=36 | 71 => Registers { ecx: page, ..raw },
        45 | 46 => Registers { ebx: page, ..raw },
        _ => raw,
    }
}

/// Makes the call by `int 0x30`.
fn result(raw: Registers) -> Result<u32, Error> {
    Error::check(interrupt(raw).eax)
}

/// Makes the attempts, and states that a page has not changed.
fn undisturbed(attempts: impl FnOnce() -> Outcome) -> Outcome {
    let page = fresh(0)?;
    need_nothing()?;
    let (before, free) = (leaf(page), machine().free);
    attempts()?;
    equal("the page", leaf(page), before)?;
    equal("its neighbour", leaf(test_page(1)).bits(), 0)?;
    equal("free frames", machine().free, free)
}

fn unknown_calls_are_invalid() -> Outcome {
    for number in (15..32).chain(Syscall::LAST + 1..256) {
        let by_interrupt = interrupt(call(number, 0)).eax;
        equal(format_args!("call {number} by int"), by_interrupt, 0xFFFF_FFFD)?;
    }
    // JOS's calls can be made by `int 0x30` only.
    for number in (0..32).chain(Syscall::LAST + 1..256) {
        let by_sysenter = sysenter(call(number, 0)).eax;
        equal(format_args!("call {number} by sysenter"), by_sysenter, 0xFFFF_FFFD)?;
    }
    // The number of a JOS call is all of eax.
    for eax in [0x0102, 0x8000_0002, 0xFFFF_FF0B] {
        equal(format_args!("eax {eax:#x}"), interrupt(call(eax, 0)).eax, 0xFFFF_FFFD)?;
    }
    Ok(())
}

fn unknown_permission_bits_are_invalid() -> Outcome {
    undisturbed(|| {
        for number in PAGED {
            for bit in (0..24).filter(|bit| ![1, 9, 10, 11].contains(bit)) {
                let mut raw = call(number, 0);
                raw.eax |= 1 << (bit + 8);
                let what = format_args!("call {number}, permission bit {bit}");
                refused(what, result(raw), Error::InvalidArgument)?;
            }
        }
        // W is not a mark.
        for number in [35, 38, 40] {
            let raw = Registers { eax: number | 2 << 8, ..call(number, 0) };
            refused(format_args!("call {number}, W"), result(raw), Error::InvalidArgument)?;
        }
        // Bits to drop.
        for bit in [0, 2, 3, 6, 8, 12, 30] {
            let share = Registers { ebp: 1 << bit, ..call(38, 0) };
            refused(format_args!("share, drop bit {bit}"), result(share), Error::InvalidArgument)?;
            let protect = Registers { esi: 1 << bit, ..call(39, 0) };
            refused(
                format_args!("protect, drop bit {bit}"),
                result(protect),
                Error::InvalidArgument,
            )?;
            let page = Registers { ebx: 1 << bit, ..call(71, 0) };
            refused(format_args!("page, drop bit {bit}"), result(page), Error::InvalidArgument)?;
        }
        Ok(())
    })
}

fn permissions_are_invalid_where_none_are_taken() -> Outcome {
    let without = (32..=Syscall::LAST)
        .filter(|number| !matches!(number, 33..=36 | 38..=41 | 57 | 60..=64 | 71 | 83 | 86));
    for number in without {
        let raw = Registers { eax: number | 2 << 8, ..Registers::default() };
        refused(format_args!("call {number} with W"), result(raw), Error::InvalidArgument)?;
    }
    Ok(())
}

fn addresses_that_are_no_user_page_are_invalid() -> Outcome {
    undisturbed(|| {
        for address in NOWHERE {
            for number in PAGED {
                let raw = Registers { ecx: address, ..call(number, 0) };
                let what = format_args!("call {number} at {address:#x}");
                refused(what, result(raw), Error::InvalidArgument)?;
            }
            for number in [34, 38] {
                let raw = Registers { esi: address, ..call(number, 0) };
                let what = format_args!("call {number} to {address:#x}");
                refused(what, result(raw), Error::InvalidArgument)?;
            }
            // Messages that send (1) or accept (4) a page.
            for (number, bit) in [(60, 1), (61, 4), (62, 1), (63, 1), (64, 4)] {
                let to = parent()?.bits();
                let raw = Registers {
                    eax: number | bit << 8,
                    edx: to,
                    ecx: address,
                    ..Registers::default()
                };
                let what = format_args!("message {number} with the page {address:#x}");
                refused(what, result(raw), Error::InvalidArgument)?;
            }
        }
        Ok(())
    })
}

fn ranges_that_are_empty_long_or_wrap_are_invalid() -> Outcome {
    let last = USER_TOP - PAGE_SIZE;
    let bad = |number, page, pages| {
        let base = Registers { ecx: page, ..call(number, 0) };
        if number == 38 {
            Registers { edi: pages, ..base }
        } else {
            Registers { ebx: pages, ..base }
        }
    };
    undisturbed(|| {
        for number in RANGES {
            for pages in [0, 1025, 0x10_0000, 0x4000_0000, 0x8000_0001, 0xFFFF_FFFF] {
                let what = format_args!("call {number}, {pages:#x} pages");
                let raw = bad(number, test_page(0).address(), pages);
                refused(what, result(raw), Error::InvalidArgument)?;
            }
            let what = format_args!("call {number}, past the last user page");
            refused(what, result(bad(number, last, 2)), Error::InvalidArgument)?;
        }
        let to_the_end = Registers { esi: last, edi: 2, ..call(38, 0) };
        refused("a destination past the last page", result(to_the_end), Error::InvalidArgument)?;
        refused(
            "65 fresh pages",
            result(bad(41, test_page(0).address(), 65)),
            Error::InvalidArgument,
        )
    })
}

/// States that every call that names a process refuses this id.
fn is_nobody(id: u32) -> Outcome {
    for number in MEMORY.into_iter().chain(OF_A_PARENT).chain([49, 53, 59, 60, 62]) {
        refused(
            format_args!("call {number} about {id:#x}"),
            result(call(number, id)),
            Error::NoSuchProcess,
        )?;
    }
    for number in [34, 38] {
        let raw = Registers { ebx: id, ..call(number, 0) };
        refused(format_args!("call {number} into {id:#x}"), result(raw), Error::NoSuchProcess)?;
    }
    refused(format_args!("receive from {id:#x}"), result(call(61, id)), Error::NoSuchProcess)
}

fn ids_that_nobody_has_are_no_process() -> Outcome {
    let stale = stale_id()?;
    undisturbed(|| {
        // Ids of a slot in use with other generations, of a slot that was never used, and ids that
        // no process can have.
        let own = identity().id.bits();
        for id in [
            stale.bits(),
            own ^ ProcessId::GENERATION,
            own & 0x3FF,
            0x3FF,
            0x7FFF_FFFF,
            0x8000_0000 | own,
            0xFFFF_FFFF,
        ] {
            is_nobody(id)?;
        }
        // Calls in which 0 does not stand for the caller.
        for number in [57, 59, 60, 62, 63, 64] {
            refused(
                format_args!("call {number} about 0"),
                result(call(number, 0)),
                Error::NoSuchProcess,
            )?;
        }
        for number in [57, 63] {
            let raw = call(number, stale.bits());
            refused(format_args!("call {number}, stale"), result(raw), Error::NotWaiting)?;
        }
        let pager = Registers { ebx: stale.bits(), ..call(54, 0) };
        refused("a pager for oneself", result(pager), Error::NoSuchProcess)?;
        let child = process_create()?;
        let pager = Registers { ebx: stale.bits(), ..call(54, child.bits()) };
        refused("a pager that is gone", result(pager), Error::NoSuchProcess)?;
        libsys::process::end(child)?;
        Ok(())
    })
}

fn processes_of_others_are_no_process() -> Outcome {
    let pager = identity().pager.map_or(0, ProcessId::bits);
    undisturbed(|| {
        for id in [parent()?.bits(), pager] {
            for number in MEMORY.into_iter().chain(OF_A_PARENT).chain([49, 53, 59]) {
                let what = format_args!("call {number} about {id:#x}");
                refused(what, result(call(number, id)), Error::NoSuchProcess)?;
            }
        }
        // What only a parent may do, a process may not do to itself.
        let own = identity().id.bits();
        for number in OF_A_PARENT {
            for id in [0, own] {
                let what = format_args!("call {number} about the caller as {id:#x}");
                refused(what, result(call(number, id)), Error::NoSuchProcess)?;
            }
        }
        Ok(())
    })
}

fn buffers_beyond_user_space_are_a_fault() -> Outcome {
    let child = process_create()?;
    let registers = [USER_TOP - 36, USER_TOP, UVPT, KERNEL_BASE, 0xFFFF_FFD8, 0xFFFF_FFFC];
    for address in registers {
        for number in [45, 46] {
            let raw = Registers { ebx: address, ..call(number, child.bits()) };
            refused(format_args!("call {number} at {address:#x}"), result(raw), Error::Fault)?;
        }
    }
    for address in [1, test_page(0).address() + 2, 0xFFFF_FFFF] {
        for number in [45, 46] {
            let raw = Registers { ebx: address, ..call(number, child.bits()) };
            refused(
                format_args!("call {number} at {address:#x}"),
                result(raw),
                Error::InvalidArgument,
            )?;
        }
    }
    libsys::process::end(child)?;
    let bytes = [
        (USER_TOP - 1, 2),
        (USER_TOP, 1),
        (UVPT, 4),
        (KERNEL_BASE, 4096),
        (0xFFFF_FFFF, 1),
        (0xFFFF_F001, 4096),
    ];
    for (address, length) in bytes {
        for number in [68, 69] {
            let raw = Registers { ebx: address, esi: length, ..call(number, 0) };
            refused(format_args!("call {number} at {address:#x}"), result(raw), Error::Fault)?;
        }
    }
    Ok(())
}

fn buffers_over_4096_bytes_are_invalid() -> Outcome {
    let page = fresh(0)?.address();
    for length in [4097, 0x8000_0000, 0xFFFF_FFFF] {
        for number in [68, 69] {
            let raw = Registers { ebx: page, esi: length, ..call(number, 0) };
            let what = format_args!("call {number}, {length:#x} bytes");
            refused(what, result(raw), Error::InvalidArgument)?;
        }
    }
    // A buffer without bytes: the call neither waits nor touches the address.
    for number in [68, 69] {
        let raw = interrupt(Registers { ebx: test_page(9).address(), esi: 0, ..call(number, 0) });
        equal(format_args!("call {number}, no bytes"), (raw.eax, raw.ebx), (0, 0))?;
    }
    Ok(())
}

fn flags_are_0_or_1() -> Outcome {
    for number in [42, 49, 55, 70] {
        for word in [2, 0x100, 0xFFFF_FFFF] {
            let raw = Registers { ebx: word, ..call(number, 0) };
            refused(
                format_args!("call {number}, flag {word:#x}"),
                result(raw),
                Error::InvalidArgument,
            )?;
        }
    }
    let to = parent()?.bits();
    for (eax, kind) in [(57, 3), (57, 0xFFFF_FFFF), (57 | 2 << 8, 0), (57 | 2 << 8, 2)] {
        let raw = Registers { eax, ebx: kind, ..call(57, to) };
        refused(format_args!("kind {kind:#x}"), result(raw), Error::InvalidArgument)?;
    }
    // Page permissions without a page to send or accept.
    let raw = Registers { eax: 60 | 2 << 8, ..call(60, to) };
    refused("W without a page", result(raw), Error::InvalidArgument)
}

fn sysenter_refuses_what_needs_more_registers() -> Outcome {
    let page = fresh(0)?.address();
    let share = sysenter(Registers {
        eax: 38,
        ebx: 0,
        esi: test_page(1).address(),
        ebp: page,
        ..Registers::default()
    });
    refused("share", Error::check(share.eax), Error::InvalidArgument)?;
    let to = parent()?.bits();
    for (number, bit) in [(60, 1), (61, 4), (62, 5), (63, 1), (64, 4)] {
        let message = sysenter(Registers {
            eax: number | bit << 8,
            edi: to,
            ebp: page,
            ..Registers::default()
        });
        refused(
            format_args!("message {number} with a page"),
            Error::check(message.eax),
            Error::InvalidArgument,
        )?;
    }
    Ok(())
}
