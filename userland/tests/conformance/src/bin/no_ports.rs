//! `no_ports`: a process beside a file server may not use ports. Started after `ports,type=fs`.
#![no_std]
#![no_main]

use conformance::calls::{getenvid, sys_yield};
use conformance::claims::{Outcome, equal, holds};
use conformance::code::execute;
use conformance::family::kills;
use conformance::shown::{ID, TYPE, own, record};

conformance::program! {
    the_server_is_found_by_its_type,
    ports_are_closed,
    ports_are_closed_also_after_the_server_has_run,
}

fn the_server_is_found_by_its_type() -> Outcome {
    let found = (0..1024).find(|slot| record(*slot, TYPE) == 1);
    equal("id", found.map(|slot| record(slot, ID)), Some(0x1000))?;
    equal("one's own type", own(TYPE), 0)?;
    holds("one's own id", getenvid() != 0x1000)
}

fn ports_are_closed() -> Outcome {
    for port in [0x60, 0x80, 0x1F7, 0x3F8, 0xCF8, 0xFFFF] {
        kills(|| {
            execute(&[0xEC], port); // in al, dx
        })?;
        kills(|| {
            execute(&[0xEE], port); // out dx, al
        })?;
    }
    Ok(())
}

fn ports_are_closed_also_after_the_server_has_run() -> Outcome {
    kills(|| {
        for _ in 0..20 {
            sys_yield();
        }
        execute(&[0xEC], 0x80); // in al, dx
    })
}
