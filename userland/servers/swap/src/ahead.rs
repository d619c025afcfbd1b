//! Which pages are worth bringing back together with one that a client has touched.
//!
//! A client that touches its pages one after the other will touch the next ones soon. So its last
//! touches of paged-out pages are kept as a few *streams*: a page, and the distance from the touch
//! before it. Where a touch continues a stream, pages are brought ahead: one more at first, then
//! twice as many each time, up to [`CLUSTER`] in all. A touch that continues no stream brings its own
//! page alone, so that touches in no order cost what they cost without streams.

use crate::CLUSTER;

/// How many streams a client can have: a copy reads one and writes another.
const STREAMS: usize = 4;
/// A touch within so many pages of the last one of a stream may belong to the stream.
const NEAR: i32 = 8;

/// A touch, and the pages that are expected after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected {
    /// The page that is touched.
    page: u32,
    /// The distance to the next page.
    stride: i32,
    /// How many pages, the touched one included.
    count: u32,
}

impl Expected {
    /// The numbers of the pages that are expected after the touched one, as far as they lie within
    /// [`CLUSTER`] pages.
    pub fn pages(self) -> impl Iterator<Item = u32> {
        let most = (CLUSTER as u32 - 1).checked_div(self.stride.unsigned_abs()).unwrap_or(0);
        let count = (self.count - 1).min(most) as i32;
        (1..=count).map_while(move |nth| self.page.checked_add_signed(nth * self.stride))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stream {
    /// The page that was touched or brought last.
    last: u32,
    /// The distance from the page before; 0 after the first touch.
    stride: i32,
    /// How many pages the last touch brought at most.
    count: u32,
}

/// The streams of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Streams {
    streams: [Stream; STREAMS],
    oldest: usize,
    /// The stream of the last touch.
    current: usize,
}

impl Streams {
    /// No touch yet.
    pub const NONE: Self = Self {
        streams: [Stream { last: u32::MAX, stride: 0, count: 0 }; STREAMS],
        oldest: 0,
        current: 0,
    };

    /// Takes note of a touch of a paged-out page, and says what is expected after it.
    pub fn touch(&mut self, page: u32) -> Expected {
        let near = |stream: &Stream| {
            let distance = page.wrapping_sub(stream.last) as i32;
            distance != 0 && distance.unsigned_abs() <= NEAR.unsigned_abs()
        };
        let continues = |stream: &Stream| {
            let distance = page.wrapping_sub(stream.last) as i32;
            stream.stride != 0 && distance == stream.stride
        };
        let found = self.streams.iter().position(continues);
        let index = match found.or_else(|| self.streams.iter().position(near)) {
            Some(index) => index,
            None => {
                let index = self.oldest;
                self.oldest = (index + 1) % STREAMS;
                self.streams[index] = Stream { last: page, stride: 0, count: 1 };
                index
            }
        };
        let stream = &mut self.streams[index];
        if found.is_some() {
            stream.count = (stream.count * 2).min(CLUSTER as u32);
        } else {
            stream.count = 1;
            stream.stride = page.wrapping_sub(stream.last) as i32;
        }
        stream.last = page;
        self.current = index;
        Expected { page, stride: stream.stride, count: stream.count }
    }

    /// Takes note of a page that was brought ahead for the last touch.
    pub const fn brought(&mut self, page: u32) {
        self.streams[self.current].last = page;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brought(streams: &mut Streams, page: u32) -> Vec<u32> {
        let pages: Vec<_> = streams.touch(page).pages().collect();
        pages.iter().for_each(|page| streams.brought(*page));
        pages
    }

    /// How many touches it takes to go over `count` pages from `first` on.
    fn touches(streams: &mut Streams, first: u32, stride: i32, count: u32) -> u32 {
        let mut there = Vec::new();
        let pages = (0..count as i32).map(|nth| first.wrapping_add_signed(nth * stride));
        pages
            .map(|page| {
                let is_touch = !there.contains(&page);
                if is_touch {
                    there.extend(brought(streams, page));
                }
                u32::from(is_touch)
            })
            .sum()
    }

    #[test]
    fn the_third_page_in_a_row_brings_one_more_and_each_later_touch_twice_as_many() {
        let mut streams = Streams::NONE;
        assert_eq!(brought(&mut streams, 100), []);
        assert_eq!(brought(&mut streams, 101), []);
        assert_eq!(brought(&mut streams, 102), [103]);
        assert_eq!(brought(&mut streams, 104), [105, 106, 107]);
        assert_eq!(brought(&mut streams, 108), Vec::from_iter(109..116));
        assert_eq!(brought(&mut streams, 116), Vec::from_iter(117..132));
        assert_eq!(brought(&mut streams, 132), Vec::from_iter(133..148));
    }

    #[test]
    fn a_stream_goes_on_where_nothing_was_brought() {
        let mut streams = Streams::NONE;
        let expected: Vec<_> = (100..109).map(|page| streams.touch(page).pages().count()).collect();
        assert_eq!(expected, [0, 0, 1, 3, 7, 15, 15, 15, 15]);
    }

    #[test]
    fn a_stream_goes_down_as_well_and_with_gaps() {
        let mut streams = Streams::NONE;
        for (stride, expected) in [(-1, 16), (2, 8), (-3, 6), (8, 2), (9, 1)] {
            let first = 1_000_000_u32;
            touches(&mut streams, first, stride, 80);
            let next = first.wrapping_add_signed(80 * stride);
            let more = touches(&mut streams, next, stride, 160);
            assert!(more.abs_diff(160_u32.div_ceil(expected)) <= 2, "{stride}: {more}");
        }
    }

    #[test]
    fn streams_do_not_disturb_each_other() {
        let mut streams = Streams::NONE;
        let mut there = Vec::new();
        let mut count = 0;
        for page in 0..160 {
            for first in [0, 10_000, 20_000, 30_000] {
                if !there.contains(&(first + page)) {
                    count += 1;
                    there.extend(brought(&mut streams, first + page));
                }
            }
        }
        assert!(count <= 4 * 15, "{count} touches for 640 pages");
    }

    #[test]
    fn touches_in_no_order_bring_their_own_page_alone() {
        let mut streams = Streams::NONE;
        let mut state = 1_u32;
        let mut ahead = 0;
        for _ in 0..10_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ahead += brought(&mut streams, state >> 17).len();
        }
        assert!(ahead < 10, "{ahead} pages ahead of 10,000 in no order");
    }

    #[test]
    fn the_ends_of_the_numbers_are_no_special_case() {
        let mut streams = Streams::NONE;
        for page in [2, 1, 0, u32::MAX, u32::MAX - 1, 0, 1, 2, u32::MAX] {
            for page in brought(&mut streams, page) {
                assert!(!(200..=u32::MAX - 200).contains(&page), "{page}");
            }
        }
    }
}
