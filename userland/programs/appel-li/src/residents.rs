//! Which page goes when another one comes: second chance. A hand goes round the pages that are in
//! memory. A page that was accessed since the hand came by last is passed over once.

/// The pages that are in memory: at most `N`, each with a frame number of its own, `0..N`.
#[derive(Clone, Copy, Debug)]
pub struct Residents<const N: usize> {
    pages: [Option<u16>; N],
    hand: usize,
}

impl<const N: usize> Residents<N> {
    /// No pages.
    pub const EMPTY: Self = Self { pages: [None; N], hand: 0 };

    /// Admits a page. Returns its frame number, and the page that has that frame and must go.
    /// `used` returns whether a page was accessed since `used` was last called for it. If all pages
    /// were accessed twice, the next one goes all the same.
    pub fn admit(
        &mut self,
        page: u16,
        mut used: impl FnMut(usize, u16) -> bool,
    ) -> (usize, Option<u16>) {
        for _ in 0..2 * N {
            let frame = self.hand;
            if self.pages[frame].is_none_or(|old| !used(frame, old)) {
                break;
            }
            self.hand = (self.hand + 1) % N;
        }
        let frame = self.hand;
        self.hand = (self.hand + 1) % N;
        (frame, self.pages[frame].replace(page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Residents<3> {
        let mut residents = Residents::EMPTY;
        for page in 0..3 {
            assert_eq!(residents.admit(page, |_, _| true), (usize::from(page), None));
        }
        residents
    }

    #[test]
    fn what_was_not_used_goes_first() {
        assert_eq!(full().admit(9, |_, page| page != 1), (1, Some(1)));
    }

    #[test]
    fn a_page_that_was_used_is_passed_over_once() {
        let mut marks = [true, true, true];
        let used = |_, page: u16| core::mem::take(&mut marks[usize::from(page)]);
        assert_eq!(full().admit(9, used), (0, Some(0)));
    }

    #[test]
    fn some_page_goes_even_if_all_are_always_used() {
        assert_eq!(full().admit(9, |_, _| true), (0, Some(0)));
    }

    #[test]
    fn the_hand_goes_on_from_where_it_stopped() {
        let mut residents = full();
        assert_eq!(residents.admit(7, |_, page| page == 0), (1, Some(1)));
        assert_eq!(residents.admit(8, |_, _| false), (2, Some(2)));
        assert_eq!(residents.admit(9, |_, _| false), (0, Some(0)));
    }
}
