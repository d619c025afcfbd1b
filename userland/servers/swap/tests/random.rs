//! Whatever clients do, in whatever order, and whatever fails: no byte of theirs ever differs, no
//! frame or slot is lost, and memory stays within its bound.

mod model;

use libsys::ProcessId;
use model::{EXCEPTION, HEAP, Model, TEXT};
use proptest::prelude::*;
use swap::Swap;

struct Setting {
    frames: usize,
    slots: usize,
    disk_fails: u32,
    limits: bool,
    relatives: bool,
}

fn page(model: &mut Model) -> u32 {
    match model.random(12) {
        0 => TEXT.start + model.random(TEXT.len() as u32),
        1 => EXCEPTION,
        // Some pages are touched more often than others.
        2..=5 => HEAP.start + model.random(12),
        _ => HEAP.start + model.random(HEAP.len() as u32),
    }
}

/// Runs `steps` random steps; then every client looks at every page.
fn run(setting: &Setting, seed: u64, steps: u32) -> (Model, Swap) {
    let mut model = Model::new(setting.frames, setting.slots, seed);
    model.disk_fails = setting.disk_fails;
    model.relatives = setting.relatives;
    let mut swap = Swap::new(setting.frames as u32, setting.slots as u32);
    let mut next: [ProcessId; 6] = core::array::from_fn(|index| ProcessId::first(index as u32));
    for step in 0..steps {
        let ids = model.ids();
        let slot = model.random(next.len() as u32);
        let taken = ids.iter().any(|id| id.index() == slot);
        if ids.is_empty() || (!taken && model.random(30) == 0) {
            if !taken {
                let id = next[slot as usize];
                next[slot as usize] = id.next();
                model.start(&mut swap, id);
                if setting.limits && model.random(2) == 0 {
                    let limit = 1 + model.random(40);
                    swap.set_limit(id, limit);
                }
            }
            continue;
        }
        if setting.relatives && model.random(3) == 0 {
            model.interfere();
            model.audit();
            continue;
        }
        let id = ids[model.random(ids.len() as u32) as usize];
        let page = page(&mut model);
        let tag = if model.random(5) == 0 { 0 } else { step * 64 + model.random(64) };
        let may_write = !TEXT.contains(&page);
        match model.random(100) {
            0 if !taken => {
                let child = next[slot as usize];
                next[slot as usize] = child.next();
                model.fork(&mut swap, id, child);
            }
            1 => model.exit(id),
            2 if may_write => model.drop_page(id, page),
            3 if may_write => model.replace_page(id, page),
            // Pages in a row, up or down, so that some come ahead.
            61..=64 => {
                let (stride, count) = (model.random(5) as i32 - 2, model.random(20) as i32);
                for nth in 0..count {
                    let page = page.wrapping_add_signed(nth * stride);
                    if !HEAP.contains(&page) || !model.touch(&mut swap, id, page, None) {
                        break;
                    }
                    model.audit();
                }
            }
            4..=60 if may_write => {
                model.touch(&mut swap, id, page, Some(tag));
            }
            _ => {
                model.touch(&mut swap, id, page, None);
            }
        }
        model.audit();
    }
    for id in model.ids() {
        for page in TEXT.chain(HEAP).chain([EXCEPTION]) {
            if !model.ids().contains(&id) || !model.touch(&mut swap, id, page, None) {
                break;
            }
        }
    }
    (model, swap)
}

fn end(model: &mut Model, swap: &mut Swap) {
    model.ids().into_iter().for_each(|id| model.exit(id));
    model.end_server();
    swap.remove_ended(model);
    model.audit();
    let store = swap.store();
    assert_eq!((store.items(), store.slots_used(), store.arena().0), (0, 0, 0));
    assert!(model.frames_in_use() <= 1, "the scratch page at most");
}

#[test]
fn a_seed_always_makes_the_same_run_wherever_the_pagers_tables_lie() {
    let setting = Setting { frames: 130, slots: 60, disk_fails: 12, limits: true, relatives: true };
    let runs = (0..6).map(|place| {
        // The tables of the next run lie behind this, at other places within their pages.
        std::mem::forget(Vec::<u8>::with_capacity(700 * place));
        let (mut model, swap) = run(&setting, 7, 400);
        let store = swap.store();
        (model.random(u32::MAX), model.writes, model.frames_in_use(), store.items())
    });
    let runs: Vec<_> = runs.collect();
    assert!(runs.iter().all(|run| *run == runs[0]), "{runs:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_byte_ever_differs(seed: u64) {
        let setting = Setting { frames: 160, slots: 600, disk_fails: 0, limits: true, relatives: false };
        let (mut model, mut swap) = run(&setting, seed, 1500);
        prop_assert_eq!(model.killed, 0, "there was room for everything");
        end(&mut model, &mut swap);
    }

    #[test]
    fn a_full_disk_ends_who_needs_room_and_nobody_else_loses_a_byte(seed: u64) {
        let setting = Setting { frames: 130, slots: 60, disk_fails: 0, limits: false, relatives: false };
        let (mut model, mut swap) = run(&setting, seed, 1500);
        end(&mut model, &mut swap);
    }

    #[test]
    fn a_disk_that_fails_ends_who_needs_it_and_nobody_else_loses_a_byte(seed: u64) {
        let setting = Setting { frames: 130, slots: 4000, disk_fails: 12, limits: true, relatives: false };
        let (mut model, mut swap) = run(&setting, seed, 1000);
        end(&mut model, &mut swap);
    }

    #[test]
    fn without_a_disk_what_compresses_is_kept(seed: u64) {
        let setting = Setting { frames: 150, slots: 0, disk_fails: 0, limits: true, relatives: false };
        let (mut model, mut swap) = run(&setting, seed, 1000);
        end(&mut model, &mut swap);
    }

    #[test]
    fn no_write_is_lost_whatever_clients_and_their_relatives_do(seed: u64) {
        let setting =
            Setting { frames: 160, slots: 2000, disk_fails: 0, limits: true, relatives: true };
        let (mut model, mut swap) = run(&setting, seed, 1500);
        end(&mut model, &mut swap);
    }
}
