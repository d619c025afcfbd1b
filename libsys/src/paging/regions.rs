//! The regions of a process, and the decision about a page fault in them.
//!
//! Pure: the process's own fault handler, or its pager, asks [`Regions::decide`] and then acts.
//!
//! Not done: splitting and merging; regions are whole, and there are few.

use abi::fault::Access;
use abi::format::elf::STACK_START;
use abi::layout::{PAGE_SIZE, USER_STACK_TOP, USER_TOP};
use abi::{Page, UserPage};

/// `0x1000_0000  PDE 0x040`: first address of the heap.
pub const HEAP_START: u32 = 0x1000_0000;
/// `0x2000_0000  PDE 0x080`: end of the heap, exclusive.
pub const HEAP_END: u32 = 0x2000_0000;

/// The contents of a region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Zeros at first touch, then whatever the process writes.
    DemandZero,
    /// Bytes of the program's file at first touch; the [`abi::format::elf::Image`] says which.
    Image {
        /// The process may write them.
        writable: bool,
    },
    /// A stack that grows downwards: as `DemandZero`, except for its lowest page, which stays a
    /// guard.
    Stack,
    /// Never anything: an access is a bug of the program, and ends it.
    Guard,
}

/// Pages from `first` up to, but not with, `end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Region {
    first: u32,
    end: u32,
    kind: Kind,
}

impl Region {
    /// A region of whole pages between two addresses.
    ///
    /// # Errors
    /// `BadBounds`: not whole pages, empty, or not below [`USER_TOP`].
    pub const fn new(start: u32, end: u32, kind: Kind) -> Result<Self, RegionError> {
        let whole = start.is_multiple_of(PAGE_SIZE) && end.is_multiple_of(PAGE_SIZE);
        if whole && start < end && end <= USER_TOP {
            Ok(Self { first: start, end, kind })
        } else {
            Err(RegionError::BadBounds)
        }
    }

    /// First address.
    #[must_use]
    pub const fn start(&self) -> u32 {
        self.first
    }

    /// End, exclusive.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.end
    }

    /// Its contents.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    const fn contains(&self, address: u32) -> bool {
        self.first <= address && address < self.end
    }
}

/// Why a region cannot be added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegionError {
    /// It is not made of whole pages, is empty, or reaches into the kernel.
    BadBounds,
    /// It overlaps another one.
    Overlap,
    /// The map is full.
    Full,
}

/// The decision about a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Map a zeroed, writable page.
    Zero(UserPage),
    /// Map the page with its bytes from the program's file.
    Image {
        /// Which page.
        page: UserPage,
        /// With W.
        writable: bool,
    },
    /// The access is a bug.
    Refuse(Refusal),
}

/// Why an access is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// No region is there.
    NoRegion,
    /// It is a guard page: most often a stack that grew too far.
    Guard,
    /// A write where the process may only read.
    ReadOnly,
    /// The page is present. The region map explains no such fault: another policy has protected the
    /// page.
    Present,
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoRegion => "no region is there",
            Self::Guard => "a guard page",
            Self::ReadOnly => "a write to a read-only region",
            Self::Present => "the page is there, but does not allow it",
        })
    }
}

/// The regions of a process: at most `N`, none overlapping another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Regions<const N: usize> {
    all: [Option<Region>; N],
}

impl<const N: usize> Regions<N> {
    /// No regions.
    pub const EMPTY: Self = Self { all: [None; N] };

    /// Adds a region.
    ///
    /// # Errors
    /// `Overlap`: it overlaps a region of the map. `Full`: the map has `N` regions. Nothing was
    /// changed.
    pub const fn add(&mut self, region: Region) -> Result<(), RegionError> {
        let mut free = None;
        let mut index = 0;
        while index < N {
            match self.all[index] {
                Some(other) if region.first < other.end && other.first < region.end => {
                    return Err(RegionError::Overlap);
                }
                None if free.is_none() => free = Some(index),
                Some(_) | None => {}
            }
            index += 1;
        }
        match free {
            Some(index) => {
                self.all[index] = Some(region);
                Ok(())
            }
            None => Err(RegionError::Full),
        }
    }

    /// The regions, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Region> {
        self.all.iter().flatten()
    }

    /// The region that `address` lies in.
    #[must_use]
    pub fn find(&self, address: u32) -> Option<&Region> {
        self.iter().find(|region| region.contains(address))
    }

    /// Decides about an access that faulted.
    #[must_use]
    pub fn decide(&self, address: u32, access: Access) -> Decision {
        let (Some(region), Some(page)) = (self.find(address), UserPage::containing(address)) else {
            return Decision::Refuse(Refusal::NoRegion);
        };
        let write = access.contains(Access::WRITE);
        let guard = match region.kind {
            Kind::Guard => true,
            Kind::Stack => page.page() == Page::containing(region.first),
            Kind::DemandZero | Kind::Image { .. } => false,
        };
        if guard {
            return Decision::Refuse(Refusal::Guard);
        }
        if write && region.kind == (Kind::Image { writable: false }) {
            return Decision::Refuse(Refusal::ReadOnly);
        }
        if access.contains(Access::PROTECTION) {
            return Decision::Refuse(Refusal::Present);
        }
        match region.kind {
            Kind::Image { writable } => Decision::Image { page, writable },
            Kind::DemandZero | Kind::Stack => Decision::Zero(page),
            Kind::Guard => Decision::Refuse(Refusal::Guard),
        }
    }
}

/// The regions that every process has beside its image: a heap and a stack.
pub const STANDARD: Regions<4> = {
    let mut regions = Regions::EMPTY;
    let bounds =
        [(HEAP_START, HEAP_END, Kind::DemandZero), (STACK_START, USER_STACK_TOP, Kind::Stack)];
    let mut index = 0;
    while index < bounds.len() {
        let (start, end, kind) = bounds[index];
        match Region::new(start, end, kind) {
            Ok(region) => {
                assert!(regions.add(region).is_ok(), "the standard regions do not overlap")
            }
            Err(_) => panic!("the standard regions are whole pages"),
        }
        index += 1;
    }
    regions
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map() -> Regions<4> {
        let mut regions = STANDARD;
        regions
            .add(Region::new(0x80_0000, 0x80_2000, Kind::Image { writable: false }).unwrap())
            .unwrap();
        regions
            .add(Region::new(0x80_2000, 0x80_4000, Kind::Image { writable: true }).unwrap())
            .unwrap();
        regions
    }

    #[test]
    fn each_access_has_its_answer() {
        let read = Access::USER;
        let write = Access::USER | Access::WRITE;
        let zero = |address| Decision::Zero(UserPage::known(address));
        let image =
            |address, writable| Decision::Image { page: UserPage::known(address), writable };
        let refuse = Decision::Refuse;
        let table = [
            (0x1000_0000, read, zero(0x1000_0000)),
            (0x1FFF_FFFF, write, zero(0x1FFF_F000)),
            (0x2000_0000, read, refuse(Refusal::NoRegion)),
            (0x0FFF_FFFF, write, refuse(Refusal::NoRegion)),
            (0, read, refuse(Refusal::NoRegion)),
            (0x80_0020, read, image(0x80_0000, false)),
            (0x80_0020, write, refuse(Refusal::ReadOnly)),
            (0x80_2000, write, image(0x80_2000, true)),
            (0x80_4000, read, refuse(Refusal::NoRegion)),
            (0xEEBF_DFFC, write, zero(0xEEBF_D000)),
            (0xEEAF_F000, write, zero(0xEEAF_F000)),
            (0xEEAF_EFFC, write, refuse(Refusal::Guard)),
            (0xEEAF_DFFC, write, refuse(Refusal::NoRegion)),
            (0xEEBF_E000, write, refuse(Refusal::NoRegion)),
            (0xEF40_0000, read, refuse(Refusal::NoRegion)),
            (0xFFFF_FFFF, write, refuse(Refusal::NoRegion)),
            (0x1000_0000, write | Access::PROTECTION, refuse(Refusal::Present)),
        ];
        for (address, access, expected) in table {
            assert_eq!(map().decide(address, access), expected, "{address:#x} {access:?}");
        }
    }

    #[test]
    fn a_guard_region_refuses_reads_too() {
        let mut regions = Regions::<1>::EMPTY;
        regions.add(Region::new(0x5000, 0x6000, Kind::Guard).unwrap()).unwrap();
        assert_eq!(regions.decide(0x5000, Access::USER), Decision::Refuse(Refusal::Guard));
    }

    #[test]
    fn a_region_is_whole_pages_below_the_kernel() {
        for (start, end) in [
            (0, 0),
            (0x1000, 0x1000),
            (0x2000, 0x1000),
            (1, 0x1000),
            (0, 0xFFF),
            (0x1000, USER_TOP + 0x1000),
        ] {
            assert_eq!(
                Region::new(start, end, Kind::Guard),
                Err(RegionError::BadBounds),
                "{start:#x}..{end:#x}"
            );
        }
        assert!(Region::new(0, USER_TOP, Kind::Guard).is_ok());
    }

    #[test]
    fn a_full_map_and_an_overlap_are_refused_and_change_nothing() {
        let mut regions = map();
        let before = regions;
        let overlap = Region::new(0x80_3000, 0x80_5000, Kind::Guard).unwrap();
        assert_eq!(regions.add(overlap), Err(RegionError::Overlap));
        let fifth = Region::new(0x80_5000, 0x80_6000, Kind::Guard).unwrap();
        assert_eq!(regions.add(fifth), Err(RegionError::Full));
        assert_eq!(regions, before);
    }

    proptest! {
        #[test]
        fn whatever_is_mapped_lies_in_the_region_that_was_touched(address: u32, bits in 0u32..8) {
            match map().decide(address, Access::from_bits_truncate(bits)) {
                Decision::Zero(page) | Decision::Image { page, .. } => {
                    prop_assert_eq!(page.address(), address & !0xFFF);
                    prop_assert!(map().find(page.address()).is_some());
                    prop_assert!(bits & 1 == 0);
                }
                Decision::Refuse(_) => {}
            }
        }
    }
}
