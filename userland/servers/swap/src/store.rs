//! Where the contents of pages that are not in a client's memory are stored: compressed in memory
//! while there is room, then on the disk.
//!
//! A page that compresses well stays in memory. When the arena is full, its oldest pages move to
//! the disk together. A page that does not compress well goes to the disk at once.
//!
//! A slot that could not be written is set aside and tried again later ([`crate::set_aside`]).

use core::ops::Range;

use crate::arena::Arena;
use crate::backend::{Disk, DiskError, Taken};
use crate::codec::{Codec, Compressed, WORTHWHILE, expand, is_noise};
use crate::items::{Item, Items, Location};
use crate::page::Contents;
use crate::pool::{Full, Memory};
use crate::set_aside::SetAside;
use crate::slots::Slots;
use crate::{Bytes, CLUSTER};

/// Why contents cannot be stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreError {
    /// There is no room in memory, and no free slot on the disk.
    Full,
    /// The disk failed, or all its free slots are set aside because they could not be written.
    Disk,
}

/// All stored contents.
#[derive(Debug)]
pub struct Store {
    items: Items,
    arena: Arena,
    slots: Slots,
    codec: Codec,
    set_aside: SetAside,
}

/// Neighbouring slots that one request writes.
#[derive(Clone, Copy)]
struct Run {
    first: u32,
    length: u32,
    /// The slots were set aside.
    is_retry: bool,
    /// There were free slots, too.
    others: bool,
}

impl Store {
    /// A store with addresses for `arena` bytes of compressed pages, on a disk of `slots` slots.
    #[must_use]
    pub fn new(arena: usize, slots: u32) -> Self {
        // A compressed page takes 16 bytes or more; most take hundreds.
        let items = arena / 64 + slots as usize;
        Self {
            items: Items::new(items),
            arena: Arena::new(arena),
            slots: Slots::new(slots),
            codec: Codec::new(),
            set_aside: SetAside::new(slots),
        }
    }

    /// How many items are stored. Zeros and pages of files are no items.
    #[must_use]
    pub const fn items(&self) -> u32 {
        self.items.used()
    }

    /// How many slots hold contents.
    #[must_use]
    pub const fn slots_used(&self) -> u32 {
        self.slots.len() - self.slots.free() - self.set_aside.count()
    }

    /// How many slots could not be written, and were not written since.
    #[must_use]
    pub const fn slots_set_aside(&self) -> u32 {
        self.set_aside.count()
    }

    /// The bytes that compressed pages take, and the bytes of memory that the arena has.
    #[must_use]
    pub const fn arena(&self) -> (usize, usize) {
        (self.arena.live(), self.arena.size())
    }

    /// Whether an item is compressed in memory.
    #[must_use]
    pub fn is_compressed(&self, item: Item) -> bool {
        self.slot(item).is_none()
    }

    /// Prepares for [`CLUSTER`] pages to be saved. If the arena has no room for them, its oldest
    /// pages go to the disk.
    ///
    /// # Errors
    /// `Full`: there is no memory for so many items, or the bound is reached.
    pub fn prepare(&mut self, backend: &mut (impl Memory + Disk)) -> Result<(), Full> {
        self.items.prepare(CLUSTER as u32, backend)?;
        if self.prepare_arena(CLUSTER * WORTHWHILE, backend).is_err() {
            self.spill(backend);
        }
        Ok(())
    }

    /// Saves up to [`CLUSTER`] taken pages, those of these indices; the results have the same order.
    pub fn save<B: Memory + Disk + Taken>(
        &mut self,
        backend: &mut B,
        pages: &[usize],
    ) -> [Result<Contents, StoreError>; CLUSTER] {
        let mut results = [Err(StoreError::Full); CLUSTER];
        let mut for_disk = [0; CLUSTER];
        let mut pending = 0;
        for (nth, (index, result)) in pages.iter().zip(&mut results).enumerate() {
            let in_memory = if is_noise(backend.sample_taken(*index)) {
                None
            } else {
                self.save_in_memory(*index, backend)
            };
            if let Some(contents) = in_memory {
                *result = Ok(contents);
            } else if !self.slots.is_empty() {
                backend.fill_buffer_from_taken(pending, *index);
                for_disk[pending] = nth;
                pending += 1;
            }
        }
        self.write(backend, pending, |items, nth, location| {
            results[for_disk[nth]] = location.map(|to| Contents::Stored(items.add(to)));
        });
        results
    }

    fn save_in_memory<B: Memory + Taken>(
        &mut self,
        index: usize,
        backend: &mut B,
    ) -> Option<Contents> {
        let Self { items, arena, codec, .. } = self;
        let mut bytes = [0; size_of::<Bytes>()];
        backend.read_taken(index, &mut bytes);
        match codec.compress(&bytes) {
            Compressed::Zeros => Some(Contents::Zeros),
            Compressed::Incompressible => None,
            Compressed::Smaller(blob) => {
                let moved = |blob: crate::arena::Blob| {
                    items.moved(blob.item, Location::Compressed(blob.offset));
                };
                arena.prepare(blob.len(), backend, moved).ok()?;
                let mut saved = None;
                arena.add(blob, |offset| *saved.insert(items.add(Location::Compressed(offset))));
                saved.map(Contents::Stored)
            }
        }
    }

    fn prepare_arena(&mut self, length: usize, memory: &mut impl Memory) -> Result<(), Full> {
        let items = &mut self.items;
        self.arena.prepare(length, memory, |blob| {
            items.moved(blob.item, Location::Compressed(blob.offset));
        })
    }

    /// Moves the oldest compressed pages to the disk, as many as it takes.
    fn spill(&mut self, backend: &mut impl Disk) {
        let room = (self.slots.free() + self.set_aside.count()).min(CLUSTER as u32) as usize;
        let mut spilled = [None; CLUSTER];
        let mut last = None;
        let mut count = 0;
        let mut bytes = [0; size_of::<Bytes>()];
        while let Some(blob) = self.arena.next(last).filter(|_| count < room) {
            let compressed = self.arena.get(blob.offset);
            expand(compressed, &mut bytes).expect("a blob of the arena is whole");
            backend.fill_buffer(count, &bytes);
            spilled[count] = Some(blob);
            last = Some(blob);
            count += 1;
        }
        let mut written = [None; CLUSTER];
        self.write(backend, count, |items, nth, location| {
            if let (Some(blob), Ok(to)) = (spilled[nth], location) {
                items.moved(blob.item, to);
                written[nth] = Some(blob.offset);
            }
        });
        written.into_iter().flatten().for_each(|offset| self.arena.remove(offset));
    }

    /// Writes the first `count` pages of the buffer to the disk, in runs of free slots, and calls
    /// `result_of` for each page.
    fn write(
        &mut self,
        backend: &mut impl Disk,
        count: usize,
        mut result_of: impl FnMut(&mut Items, usize, Result<Location, StoreError>),
    ) {
        let mut done = 0;
        while done < count {
            let Some(run) = self.take_run((count - done) as u32, done == 0) else {
                return self.refuse(done..count, StoreError::Full, result_of);
            };
            let length = run.length as usize;
            move_to_front(backend, done, length);
            match backend.write(run.first, length) {
                Ok(()) => {
                    if run.is_retry {
                        self.set_aside.try_succeeded();
                    } else {
                        self.set_aside.other_succeeded();
                    }
                    for page in 0..length {
                        let to = Location::Disk(run.first + page as u32);
                        result_of(&mut self.items, done + page, Ok(to));
                    }
                    done += length;
                }
                Err(DiskError::Failed) if run.is_retry => {
                    self.set_aside.try_failed(run.first, run.length);
                    if !run.others {
                        return self.refuse(done..count, StoreError::Disk, result_of);
                    }
                }
                Err(DiskError::Failed) => {
                    self.set_aside.add(run.first, run.length);
                    self.refuse(done..done + length, StoreError::Disk, &mut result_of);
                    done += length;
                }
                Err(DiskError::Gone) => {
                    self.give_run_back(run);
                    return self.refuse(done..count, StoreError::Disk, result_of);
                }
            }
        }
    }

    /// Takes a run of at most `wanted` slots for a request: slots that are set aside if it is time
    /// to try them again, or else free ones.
    ///
    /// Slots that are set aside are tried only for the first pages of the buffer, before any page
    /// has moved, because a try that fails is followed by another request for the same pages.
    /// Without other slots that does not matter: then a try that fails is the last request.
    fn take_run(&mut self, wanted: u32, is_first: bool) -> Option<Run> {
        let others = self.slots.free() > 0;
        let retry = if is_first || !others { self.set_aside.take(wanted, others) } else { None };
        let is_retry = retry.is_some();
        let (first, length) = retry.or_else(|| self.slots.take(wanted))?;
        Some(Run { first, length, is_retry, others })
    }

    /// Gives back a run whose request did not reach the disk, so that nothing is known of its
    /// slots.
    fn give_run_back(&mut self, run: Run) {
        if run.is_retry {
            self.set_aside.add(run.first, run.length);
        } else {
            (run.first..run.first + run.length).for_each(|slot| self.slots.give_back(slot));
        }
    }

    /// Reports an error for some pages.
    fn refuse(
        &mut self,
        pages: Range<usize>,
        why: StoreError,
        mut result_of: impl FnMut(&mut Items, usize, Result<Location, StoreError>),
    ) {
        pages.for_each(|nth| result_of(&mut self.items, nth, Err(why)));
    }

    /// The slot of an item on the disk; `None` if it is compressed in memory.
    #[must_use]
    pub fn slot(&self, item: Item) -> Option<u32> {
        match self.items.find(item) {
            Location::Disk(slot) => Some(slot),
            Location::Compressed(_) => None,
        }
    }

    /// Expands an item that is compressed in memory; does nothing for another one.
    pub fn expand(&self, item: Item, bytes: &mut Bytes) {
        if let Location::Compressed(offset) = self.items.find(item) {
            expand(self.arena.get(offset), bytes).expect("a blob of the arena is whole");
        }
    }

    /// Adds a reference to stored contents.
    pub fn retain(&mut self, contents: Contents) {
        if let Contents::Stored(item) = contents {
            self.items.retain(item);
        }
    }

    /// Drops a reference to stored contents.
    pub fn release(&mut self, contents: Contents) {
        let Contents::Stored(item) = contents else { return };
        match self.items.release(item) {
            Some(Location::Compressed(offset)) => self.arena.remove(offset),
            Some(Location::Disk(slot)) => self.slots.give_back(slot),
            None => {}
        }
    }
}

/// Moves the pages of the buffer from `from` on to its beginning, from where a request takes them.
fn move_to_front(disk: &mut impl Disk, from: usize, pages: usize) {
    if from == 0 {
        return;
    }
    let mut bytes = [0; size_of::<Bytes>()];
    for page in 0..pages {
        disk.read_buffer(from + page, &mut bytes);
        disk.fill_buffer(page, &bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::SAMPLE;

    /// A disk in which one slot may be bad. It may fail altogether, or have no driver.
    struct Model {
        slots: Vec<Bytes>,
        buffer: [Bytes; CLUSTER],
        bad: Option<u32>,
        error: Option<DiskError>,
        requests: usize,
        taken: Vec<Bytes>,
    }

    impl Model {
        fn new(slots: usize) -> Self {
            let buffer = [[0; 4096]; CLUSTER];
            Self {
                slots: vec![[0; 4096]; slots],
                buffer,
                bad: None,
                error: None,
                requests: 0,
                taken: Vec::new(),
            }
        }

        fn request(&mut self, first: u32, count: usize) -> Result<usize, DiskError> {
            self.requests += 1;
            let row = first..first + count as u32;
            let fails = self.bad.is_some_and(|bad| row.contains(&bad));
            let error = self.error.or(fails.then_some(DiskError::Failed));
            error.map_or(Ok(first as usize), Err)
        }
    }

    impl Memory for Model {
        fn take(&mut self, _: usize, _: usize) -> bool {
            true
        }
    }

    impl Disk for Model {
        fn slots(&self) -> u32 {
            self.slots.len() as u32
        }

        fn fill_buffer(&mut self, index: usize, bytes: &Bytes) {
            assert!(!self.slots.is_empty(), "without a disk there is no buffer");
            self.buffer[index] = *bytes;
        }

        fn read_buffer(&mut self, index: usize, bytes: &mut Bytes) {
            *bytes = self.buffer[index];
        }

        fn write(&mut self, first: u32, count: usize) -> Result<(), DiskError> {
            let first = self.request(first, count)?;
            self.slots[first..first + count].copy_from_slice(&self.buffer[..count]);
            Ok(())
        }

        fn read(&mut self, first: u32, count: usize, _: u32) -> Result<(), DiskError> {
            let first = self.request(first, count)?;
            self.buffer[..count].copy_from_slice(&self.slots[first..first + count]);
            Ok(())
        }
    }

    impl Taken for Model {
        fn read_taken(&mut self, index: usize, bytes: &mut Bytes) {
            *bytes = self.taken[index];
        }

        fn sample_taken(&mut self, index: usize) -> [u32; SAMPLE.len()] {
            let word = |offset| self.taken[index][offset as usize..].first_chunk();
            SAMPLE.map(|offset| u32::from_le_bytes(*word(offset).unwrap()))
        }

        fn fill_buffer_from_taken(&mut self, to: usize, index: usize) {
            self.fill_buffer(to, &self.taken[index].clone());
        }
    }

    /// Pages that differ, and that compression makes smaller by at most a quarter.
    fn noise(seed: usize) -> Bytes {
        let mut state = seed as u32 + 1;
        core::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
    }

    /// Pages that differ, and shrink to about two thirds.
    fn half_noise(seed: usize) -> Bytes {
        let mut page = noise(seed);
        page[2600..].fill(seed as u8);
        page
    }

    fn save(
        store: &mut Store,
        model: &mut Model,
        pages: &[Bytes],
    ) -> Vec<Result<Contents, StoreError>> {
        store.prepare(model).unwrap();
        model.taken = pages.to_vec();
        let indices: Vec<usize> = (0..pages.len()).collect();
        store.save(model, &indices)[..pages.len()].to_vec()
    }

    fn expect(store: &mut Store, model: &mut Model, contents: Contents, page: &Bytes) {
        let Contents::Stored(item) = contents else { panic!("{contents:?} is not saved") };
        let mut bytes = [0xAA; 4096];
        match store.slot(item) {
            Some(slot) => {
                model.read(slot, 1, 0).unwrap();
                model.read_buffer(0, &mut bytes);
            }
            None => store.expand(item, &mut bytes),
        }
        assert!(bytes == *page);
    }

    #[test]
    fn sixteen_pages_that_do_not_shrink_are_one_request() {
        let (mut store, mut model) = (Store::new(1 << 16, 64), Model::new(64));
        let pages: Vec<Bytes> = (0..16).map(noise).collect();
        let saved = save(&mut store, &mut model, &pages);
        assert_eq!((model.requests, store.slots_used()), (1, 16));
        for (contents, page) in saved.iter().zip(&pages) {
            expect(&mut store, &mut model, contents.unwrap(), page);
            store.release(contents.unwrap());
        }
        assert_eq!((store.items(), store.slots_used()), (0, 0));
    }

    #[test]
    fn zeros_take_no_room_and_what_shrinks_does_not_touch_the_disk() {
        let (mut store, mut model) = (Store::new(1 << 17, 64), Model::new(64));
        let saved = save(&mut store, &mut model, &[[0; 4096], half_noise(1)]);
        assert_eq!(saved[0], Ok(Contents::Zeros));
        expect(&mut store, &mut model, saved[1].unwrap(), &half_noise(1));
        assert_eq!((model.requests, store.items()), (0, 1));
    }

    #[test]
    fn a_full_arena_sends_its_oldest_pages_to_the_disk_and_loses_nothing() {
        let (mut store, mut model) = (Store::new(2 << 16, 200), Model::new(200));
        let pages: Vec<Bytes> = (0..160).map(half_noise).collect();
        let mut all = Vec::new();
        for group in pages.chunks(CLUSTER) {
            all.extend(save(&mut store, &mut model, group));
        }
        assert!(store.slots_used() >= 100, "{}", store.slots_used());
        let Ok(Contents::Stored(last)) = all[159] else { panic!("{:?}", all[159]) };
        assert!(store.is_compressed(last), "the youngest is in memory");
        for (contents, page) in all.iter().zip(&pages) {
            expect(&mut store, &mut model, contents.unwrap(), page);
            store.release(contents.unwrap());
        }
        assert_eq!((store.items(), store.slots_used(), store.arena().0), (0, 0, 0));
    }

    #[test]
    fn a_bad_slot_refuses_its_row_and_the_good_ones_come_back() {
        let (mut store, mut model) = (Store::new(1 << 16, 64), Model::new(64));
        model.bad = Some(3);
        let pages: Vec<Bytes> = (0..16).map(noise).collect();
        let saved = save(&mut store, &mut model, &pages);
        assert!(saved.iter().all(|saved| *saved == Err(StoreError::Disk)));
        assert_eq!((store.slots_set_aside(), store.slots_used(), store.items()), (16, 0, 0));
        for _ in 0..400 {
            for (contents, page) in save(&mut store, &mut model, &pages).iter().zip(&pages) {
                expect(&mut store, &mut model, contents.unwrap(), page);
                store.release(contents.unwrap());
            }
        }
        assert_eq!((store.slots_set_aside(), store.slots_used()), (1, 0), "the bad one");
    }

    /// Saves pages until every slot is used, and reads each one back.
    fn fill(store: &mut Store, model: &mut Model, slots: u32) {
        for seed in store.slots_used() as usize..slots as usize {
            let page = noise(seed);
            let saved = save(store, model, core::slice::from_ref(&page))[0];
            expect(store, model, saved.unwrap(), &page);
        }
        assert_eq!((store.slots_used(), store.slots_set_aside()), (slots, 0));
    }

    #[test]
    fn after_an_outage_every_slot_is_used_again() {
        let (mut store, mut model) = (Store::new(1 << 16, 256), Model::new(256));
        model.error = Some(DiskError::Failed);
        let pages: Vec<Bytes> = (0..16).map(noise).collect();
        for _ in 0..100 {
            let saved = save(&mut store, &mut model, &pages);
            assert!(saved.iter().all(|saved| *saved == Err(StoreError::Disk)));
        }
        assert_eq!((store.slots_set_aside(), store.slots_used()), (256, 0));
        assert!(model.requests < 220, "{} requests", model.requests);
        model.error = None;
        fill(&mut store, &mut model, 256);
    }

    #[test]
    fn a_disk_that_is_gone_sets_nothing_aside() {
        let (mut store, mut model) = (Store::new(1 << 16, 64), Model::new(64));
        let pages: Vec<Bytes> = (0..16).map(noise).collect();
        for error in [DiskError::Failed, DiskError::Gone, DiskError::Gone] {
            model.error = Some(error);
            let saved = save(&mut store, &mut model, &pages);
            assert!(saved.iter().all(|saved| *saved == Err(StoreError::Disk)));
            assert_eq!((store.slots_set_aside(), store.slots_used()), (16, 0));
        }
        model.error = None;
        fill(&mut store, &mut model, 64);
    }

    #[test]
    fn a_try_that_fails_costs_no_page() {
        let (mut store, mut model) = (Store::new(1 << 16, 64), Model::new(64));
        model.bad = Some(0);
        let pages: Vec<Bytes> = (0..5).map(noise).collect();
        save(&mut store, &mut model, &pages[..1]);
        assert_eq!(store.slots_set_aside(), 1);
        for _ in 0..8 {
            for (contents, page) in save(&mut store, &mut model, &pages).iter().zip(&pages) {
                expect(&mut store, &mut model, contents.unwrap(), page);
            }
        }
        assert_eq!((store.slots_set_aside(), store.slots_used()), (1, 40));
    }

    #[test]
    fn without_a_disk_what_does_not_fit_is_refused() {
        let (mut store, mut model) = (Store::new(1 << 16, 0), Model::new(0));
        assert_eq!(save(&mut store, &mut model, &[noise(1)]), [Err(StoreError::Full)]);
        let mut saved = Vec::new();
        while let Ok(contents) = save(&mut store, &mut model, &[half_noise(saved.len())])[0] {
            saved.push(contents);
        }
        assert!(saved.len() > 20);
        for (seed, contents) in saved.into_iter().enumerate() {
            expect(&mut store, &mut model, contents, &half_noise(seed));
        }
    }

    #[test]
    fn scattered_slots_take_several_requests() {
        let (mut store, mut model) = (Store::new(1 << 16, 16), Model::new(16));
        let pages: Vec<Bytes> = (0..16).map(noise).collect();
        let first = save(&mut store, &mut model, &pages);
        for index in [2, 3, 9, 12, 13, 14] {
            store.release(first[index].unwrap());
        }
        let second = save(&mut store, &mut model, &pages[..6]);
        for (contents, page) in second.iter().zip(&pages) {
            expect(&mut store, &mut model, contents.unwrap(), page);
        }
    }

    #[test]
    fn a_request_that_does_not_reach_the_disk_costs_no_slot() {
        let (mut store, mut model) = (Store::new(1 << 16, 64), Model::new(64));
        let pages: Vec<Bytes> = (0..16).map(noise).collect();
        let kept = save(&mut store, &mut model, &pages[..5]);
        model.error = Some(DiskError::Gone);
        let saved = save(&mut store, &mut model, &pages);
        assert!(saved.iter().all(|saved| *saved == Err(StoreError::Disk)));
        assert_eq!((store.slots_set_aside(), store.slots_used(), store.items()), (0, 5, 5));
        model.error = None;
        fill(&mut store, &mut model, 64);
        for (contents, page) in kept.into_iter().zip(&pages) {
            expect(&mut store, &mut model, contents.unwrap(), page);
        }
    }

    #[test]
    fn new_pages_stay_in_memory_and_the_oldest_ones_go_to_the_disk() {
        let (mut store, mut model) = (Store::new(1 << 18, 400), Model::new(400));
        let mut all = Vec::new();
        for round in 0..10 {
            let pages: Vec<Bytes> = (16 * round..16 * round + 16).map(half_noise).collect();
            for saved in save(&mut store, &mut model, &pages) {
                let Ok(Contents::Stored(item)) = saved else { panic!("{saved:?} in {round}") };
                assert!(store.is_compressed(item), "round {round}");
                all.push(item);
            }
        }
        let (live, size) = store.arena();
        let kept = all.iter().filter(|item| store.is_compressed(**item)).count();
        assert_eq!(all.len() - kept, store.slots_used() as usize);
        let most = 2 * CLUSTER * WORTHWHILE;
        assert!(live + most > 1 << 18, "{live} bytes: no more went than was needed");
        assert!(kept * 2600 < live && live <= size && size <= 1 << 18, "{live} of {size}");
        assert!(all[..all.len() - kept].iter().all(|item| !store.is_compressed(*item)));
    }
}
