//! How a page is compressed: as an LZ4 block, if that saves a quarter of it.
//!
//! A block is a sequence of *literals*, which are copied, and *matches*, which repeat bytes that
//! came before. The compressor looks for a match by a table that has, for a hash of four bytes, a
//! position where such bytes were seen last.
//!
//! Three things make it quick for pages, of which many do not shrink at all:
//!
//! - The table is never cleared. A position that the table has from an earlier page is a position
//!   of this page as well; it is used only if the bytes there are the same.
//! - A sample of a page's bytes shows whether it is worth a try ([`is_noise`]).
//! - It stops as soon as the output would get longer than is worthwhile, and while it finds no
//!   match it looks at fewer and fewer positions (`PATIENCE`).
//!
//! A match that overlaps its own source is expanded by copies that double. A page of 16 runs of 64
//! equal words takes 7,600 instructions so; byte by byte, as `lz4_flex` does it, it took 46,000. In
//! the tests `lz4_flex` judges both ways.

use alloc::boxed::Box;
use alloc::vec;

use crate::Bytes;

/// The longest result that is stored in memory: three quarters of a page.
pub const WORTHWHILE: usize = size_of::<Bytes>() / 4 * 3;

/// The bits of a hash.
const HASH_BITS: u32 = 11;
/// The shortest match.
const SHORTEST: usize = 4;
/// A match begins at most here: 12 bytes before the end, says the format of LZ4 blocks.
const LAST_MATCH: usize = size_of::<Bytes>() - 12;
/// A match ends at most here: the last five bytes are literals.
const LAST_END: usize = size_of::<Bytes>() - 5;
/// After so many looks without a match, the looks are one byte farther apart: while nothing in the
/// page was found twice, and later.
const PATIENCE: [usize; 2] = [8, 32];

/// The offsets of the words that show whether a page is noise. They are pairs of neighbours, because
/// numbers that repeat often have neighbours like themselves.
pub const SAMPLE: [u32; 8] = [0, 4, 1024, 1028, 2048, 2052, 3072, 3076];
/// With so many different bytes among the 32 a page counts as noise. Of noise, 1 page in 140 has
/// fewer. Of 1,570 pages of programs and text that shrink, 21 have as many: they go to the disk,
/// although they need not.
const NOISE: u32 = 27;

/// The result of compressing a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compressed<'a> {
    /// All its bytes are 0.
    Zeros,
    /// The compressed bytes.
    Smaller(&'a [u8]),
    /// The page does not get small enough.
    Incompressible,
}

/// The compressor, with the memory that it works in.
pub struct Codec {
    /// For each hash, a position below the page's size.
    table: Box<[u16; 1 << HASH_BITS]>,
    output: Box<[u8]>,
}

impl Codec {
    /// A compressor.
    #[must_use]
    pub fn new() -> Self {
        let output = vec![0; WORTHWHILE].into();
        Self { table: Box::new([0; 1 << HASH_BITS]), output }
    }

    /// Compresses a page.
    pub fn compress(&mut self, page: &Bytes) -> Compressed<'_> {
        if is_zero(page) {
            return Compressed::Zeros;
        }
        let mut output = Output { bytes: &mut self.output, length: 0 };
        let encoded = encode(page, &mut self.table, &mut output);
        let length = output.length;
        match encoded {
            Some(()) => Compressed::Smaller(&self.output[..length]),
            None => Compressed::Incompressible,
        }
    }
}

impl Default for Codec {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Codec {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Codec").finish_non_exhaustive()
    }
}

/// Whether all bytes are 0.
fn is_zero(page: &Bytes) -> bool {
    let (words, _) = page.as_chunks::<8>();
    words.iter().all(|word| u64::from_ne_bytes(*word) == 0)
}

/// Whether the words at [`SAMPLE`] in a page say that it does not shrink: their bytes are nearly all
/// different.
#[must_use]
pub fn is_noise(sample: [u32; SAMPLE.len()]) -> bool {
    let mut seen = [0_u8; 1 << u8::BITS];
    let mut count = 0;
    for byte in sample.into_iter().flat_map(u32::to_le_bytes).map(usize::from) {
        count += u32::from(1 - seen[byte]);
        seen[byte] = 1;
    }
    count >= NOISE
}

/// Writes a page as an LZ4 block; `None` if it does not fit the output.
fn encode(page: &Bytes, table: &mut [u16; 1 << HASH_BITS], output: &mut Output<'_>) -> Option<()> {
    let mut literals = 0;
    let mut at = 0;
    let [mut patience, later] = PATIENCE;
    loop {
        // Literals up to here fit.
        let limit = LAST_MATCH.min(literals + output.room());
        let mut looks = patience;
        let (mut at_match, mut source) = loop {
            if at > limit {
                return if limit == LAST_MATCH { output.end(&page[literals..]) } else { None };
            }
            let word = word_at(page, at);
            let hash = (word.wrapping_mul(0x9E37_79B1) >> (u32::BITS - HASH_BITS)) as usize;
            let seen = usize::from(core::mem::replace(&mut table[hash], at as u16));
            if seen < at && word_at(page, seen) == word {
                break (at, seen);
            }
            at += looks / patience;
            looks += 1;
        };
        let end = at_match + SHORTEST + same(page, at_match + SHORTEST, source + SHORTEST);
        while at_match > literals && source > 0 && page[at_match - 1] == page[source - 1] {
            (at_match, source) = (at_match - 1, source - 1);
        }
        output.put(&page[literals..at_match], at_match - source, end - at_match)?;
        (literals, at, patience) = (end, end, later);
    }
}

/// Four bytes of a page.
fn word_at(page: &Bytes, at: usize) -> u32 {
    page[at..].first_chunk().map_or(0, |word| u32::from_le_bytes(*word))
}

/// How many bytes from `at` on are the same as those from `source` on, which is before it.
fn same(page: &Bytes, at: usize, source: usize) -> usize {
    let (bytes, others) = (&page[at..LAST_END], &page[source..source + LAST_END - at]);
    let (words, other_words) = (bytes.as_chunks::<4>().0, others.as_chunks::<4>().0);
    let in_words = 4 * alike(words, other_words);
    in_words + alike(&bytes[in_words..], &others[in_words..])
}

/// How many items are the same at the start of both.
fn alike<T: PartialEq>(one: &[T], other: &[T]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// A block that is being written.
struct Output<'a> {
    bytes: &'a mut [u8],
    length: usize,
}

impl Output<'_> {
    fn room(&self) -> usize {
        self.bytes.len() - self.length
    }

    /// Adds literals and a match behind them, of `length` bytes from `offset` bytes before it.
    fn put(&mut self, literals: &[u8], offset: usize, length: usize) -> Option<()> {
        let length = length - SHORTEST;
        self.token(literals.len(), length)?;
        self.copy(literals)?;
        self.copy(&(offset as u16).to_le_bytes())?;
        self.rest(length)
    }

    /// Adds the last literals.
    fn end(&mut self, literals: &[u8]) -> Option<()> {
        self.token(literals.len(), 0)?;
        self.copy(literals)
    }

    /// Adds the byte before literals: their number and the length of the match behind them, of
    /// each at most 15.
    fn token(&mut self, literals: usize, length: usize) -> Option<()> {
        self.copy(&[(literals.min(15) << 4 | length.min(15)) as u8])?;
        self.rest(literals)
    }

    /// Adds what is missing of a number of which the token has 15.
    fn rest(&mut self, number: usize) -> Option<()> {
        let Some(mut rest) = number.checked_sub(15) else { return Some(()) };
        while rest >= 255 {
            self.copy(&[255])?;
            rest -= 255;
        }
        self.copy(&[rest as u8])
    }

    fn copy(&mut self, bytes: &[u8]) -> Option<()> {
        self.bytes.get_mut(self.length..self.length + bytes.len())?.copy_from_slice(bytes);
        self.length += bytes.len();
        Some(())
    }
}

/// The bytes are no block of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damaged;

/// Decompresses a page.
///
/// # Errors
/// `Damaged`: the bytes are no LZ4 block, or one of more or fewer bytes than a page. The contents of
/// `page` are unknown then.
pub fn expand(blob: &[u8], page: &mut Bytes) -> Result<(), Damaged> {
    let mut input = Input(blob);
    let mut at = 0;
    loop {
        let [token] = *input.array()?;
        let count = input.number(token >> 4)?;
        let literals = input.bytes(count)?;
        page.get_mut(at..at + count).ok_or(Damaged)?.copy_from_slice(literals);
        at += count;
        if input.0.is_empty() {
            return if at == page.len() { Ok(()) } else { Err(Damaged) };
        }
        let offset = u16::from_le_bytes(*input.array()?);
        let start = at.checked_sub(offset.into()).ok_or(Damaged)?;
        let end = at + SHORTEST + input.number(token & 0xF)?;
        if start == at || end > page.len() {
            return Err(Damaged);
        }
        while at < end {
            let (done, rest) = page.split_at_mut(at);
            let count = (at - start).min(end - at);
            rest[..count].copy_from_slice(&done[start..start + count]);
            at += count;
        }
    }
}

/// What is left of a block that is being read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Damaged> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Damaged)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Damaged> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Damaged)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A number of which the token has the first 15.
    fn number(&mut self, in_token: u8) -> Result<usize, Damaged> {
        let mut number = usize::from(in_token);
        if in_token == 15 {
            loop {
                let [byte] = *self.array()?;
                number += usize::from(byte);
                if byte != 255 {
                    break;
                }
            }
        }
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A page as `lz4_flex` expands a block.
    fn judge(blob: &[u8]) -> Option<Bytes> {
        let mut page = [0x55; 4097];
        let length = lz4_flex::block::decompress_into(blob, &mut page).ok()?;
        if length == 4096 { page.first_chunk().copied() } else { None }
    }

    fn there_and_back(codec: &mut Codec, page: &Bytes) -> Option<usize> {
        match codec.compress(page) {
            Compressed::Smaller(blob) => {
                let mut back = [0xAA; 4096];
                expand(blob, &mut back).unwrap();
                assert_eq!(&back, page);
                assert_eq!(judge(blob), Some(back));
                Some(blob.len())
            }
            Compressed::Zeros => Some(0),
            Compressed::Incompressible => None,
        }
    }

    #[test]
    fn zeros_cost_nothing_text_little_and_noise_is_left_alone() {
        let mut codec = Codec::new();
        assert_eq!(there_and_back(&mut codec, &[0; 4096]), Some(0));
        let text = core::array::from_fn(|index| b"the quick brown fox, and so on. "[index % 32]);
        assert!(there_and_back(&mut codec, &text).unwrap() < 100);
        let mut state = 1_u32;
        let noise = core::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        assert_eq!(there_and_back(&mut codec, &noise), None);
    }

    /// Bytes that do not repeat.
    fn noise(seed: u32) -> Bytes {
        let mut state = seed;
        core::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
    }

    #[test]
    fn a_page_is_noise_from_27_different_bytes_in_its_sample_on() {
        for (distinct, expected) in [(1, false), (26, false), (27, true), (32, true)] {
            // The bytes behind the different ones repeat the first one.
            let bytes: [u8; 32] =
                core::array::from_fn(|nth| if nth < distinct { nth as u8 * 7 } else { 0 });
            let (words, _) = bytes.as_chunks();
            let sample = core::array::from_fn(|nth| u32::from_le_bytes(words[nth]));
            assert_eq!(is_noise(sample), expected, "{distinct}");
        }
    }

    #[test]
    fn most_noise_is_known_by_its_sample_and_text_never() {
        let sample = |page: &Bytes| SAMPLE.map(|offset| word_at(page, offset as usize));
        let known = (1..=1000).filter(|seed| is_noise(sample(&noise(*seed)))).count();
        assert!(known > 970, "{known} of 1,000 pages");
        let (pages, _) = include_bytes!("codec.rs").as_chunks::<4096>();
        assert!(!pages.iter().any(|page| is_noise(sample(page))));
    }

    #[test]
    fn a_page_of_ones_is_this_block() {
        // One literal, then a match of 4,090 bytes one byte back (4 + 15 + 15 * 255 + 246), then
        // five literals.
        let mut block = vec![0x1F, 1, 1, 0];
        block.extend([255; 15]);
        block.extend([246, 0x50, 1, 1, 1, 1, 1]);
        assert_eq!(Codec::new().compress(&[1; 4096]), Compressed::Smaller(&block));
    }

    #[test]
    fn a_match_may_begin_twelve_bytes_before_the_end_and_ends_five_before_it() {
        let mut page = [7; 4096];
        page[..12].copy_from_slice(b"twelve bytes");
        page[4084..].copy_from_slice(b"twelve bytes");
        let mut codec = Codec::new();
        assert!(there_and_back(&mut codec, &page).is_some());
        let Compressed::Smaller(block) = codec.compress(&page) else { panic!() };
        // No literals and a match of 4 + 3 bytes, 4,084 bytes back; then five literals.
        assert!(block.ends_with(b"\x03\xF4\x0F\x50bytes"), "{block:x?}");
    }

    #[test]
    fn a_match_begins_where_the_bytes_begin_to_repeat_wherever_it_was_found() {
        let mut codec = Codec::new();
        for seed in 1..20 {
            // The second half of the first 2,000 bytes is as the first, and zeros follow.
            let mut page = noise(seed);
            page.copy_within(..1000, 1000);
            page[2000..].fill(0);
            assert!(there_and_back(&mut codec, &page).is_some());
            let Compressed::Smaller(block) = codec.compress(&page) else { panic!() };
            // 15 + 3 * 255 + 220 literals, then a match of 4 + 15 + 3 * 255 + 216 bytes.
            assert_eq!(block[..5], [0xFF, 255, 255, 255, 220], "{seed}");
            assert_eq!(block[1005..1011], [0xE8, 3, 255, 255, 255, 216], "{seed}");
        }
    }

    #[test]
    fn the_longer_there_was_no_match_the_fewer_positions_are_looked_at() {
        let (mut far, mut near) = (0, 0);
        for seed in 1..100 {
            // A short repetition is found if its bytes were looked at in both places.
            let found = |from: usize| {
                let mut page = noise(seed);
                page[2600..].fill(0);
                let without = there_and_back(&mut Codec::new(), &page);
                page.copy_within(from..from + 20, from + 30);
                there_and_back(&mut Codec::new(), &page) < without
            };
            far += u32::from(found(2400));
            near += u32::from(found(0));
        }
        assert_eq!((near, far < 50), (99, true), "{far} of 99");
    }

    #[test]
    fn what_an_earlier_page_has_left_in_the_table_is_no_match() {
        let mut codec = Codec::new();
        let stairs: Bytes = core::array::from_fn(|index| (index / 100) as u8);
        for seed in 1..20 {
            assert_eq!(there_and_back(&mut codec, &noise(seed)), None, "{seed}");
            let mut page = stairs;
            page[..1000].copy_from_slice(&noise(seed)[..1000]);
            assert!(there_and_back(&mut codec, &page).is_some(), "{seed}");
            assert!(there_and_back(&mut codec, &stairs).is_some());
        }
    }

    #[test]
    fn three_quarters_of_a_page_are_worthwhile_and_not_a_byte_more() {
        let mut codec = Codec::new();
        let sizes = (2900..3150).map(|length| {
            let mut page = noise(length as u32);
            page[length..].fill(7);
            (length, there_and_back(&mut codec, &page))
        });
        // The noise, and a dozen bytes for its length and the rest of the page.
        for (length, size) in sizes {
            match size {
                Some(size) => assert!((length..=WORTHWHILE).contains(&size), "{length}: {size}"),
                None => assert!(length > WORTHWHILE - 80, "{length}"),
            }
        }
        let mut page = noise(1);
        page[WORTHWHILE..].fill(7);
        assert_eq!(there_and_back(&mut codec, &page), None);
    }

    #[test]
    fn a_block_is_hardly_longer_than_that_of_a_compressor_that_takes_its_time() {
        let words = [0_u32, 1, 2, 3, 0x80_0000, 0x1000_0040, 0xFFFF_FFFF, 7];
        let mut state = 1_u32;
        let page: Bytes = core::array::from_fn(|index| {
            if index.is_multiple_of(4) {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            }
            words[(state >> 29) as usize].to_le_bytes()[index % 4]
        });
        let mut codec = Codec::new();
        let ours = there_and_back(&mut codec, &page).unwrap();
        let theirs = lz4_flex::block::compress_into(&page, &mut [0; 5000]).unwrap();
        assert!(ours * 10 <= theirs * 11, "{ours} and {theirs}");
    }

    #[test]
    fn a_codec_is_shown_without_its_memory() {
        assert_eq!(format!("{:?}", Codec::new()), "Codec { .. }");
    }

    #[test]
    fn damaged_bytes_are_noticed() {
        assert_eq!(expand(&[0xFF; 40], &mut [0; 4096]), Err(Damaged));
        assert_eq!(expand(&[], &mut [0; 4096]), Err(Damaged));
        assert_eq!(expand(&[0x10, b'a'], &mut [0; 4096]), Err(Damaged), "a block of one byte");
    }

    #[test]
    fn a_block_that_ends_too_soon_or_repeats_what_is_not_there_is_damaged() {
        // 4,091 literals; then a match of 5 bytes, this far back, if anything.
        let block = |offset: u16, length: u8| {
            let mut block = vec![0xF0 | length];
            block.extend([255; 15]);
            block.push(251);
            block.extend([7; 4091]);
            block.extend(offset.to_le_bytes());
            block.push(0);
            block
        };
        for (offset, length, expected) in [
            (1, 1, true),
            (4091, 1, true),
            (0, 1, false),
            (4092, 1, false),
            (1, 0, false),
            (1, 2, false),
        ] {
            let block = block(offset, length);
            let result = expand(&block, &mut [0; 4096]);
            assert_eq!(result.is_ok(), expected, "{offset} {length}");
            assert_eq!(judge(&block).is_some(), expected, "{offset} {length}");
            for cut in 1..=block.len() {
                assert_eq!(expand(&block[..block.len() - cut], &mut [0; 4096]), Err(Damaged));
            }
        }
    }

    proptest! {
        #[test]
        fn a_block_with_a_byte_changed_is_expanded_as_by_the_judge(
            runs in proptest::collection::vec((any::<u8>(), 1_usize..200), 60..100),
            place: proptest::sample::Index,
            byte: u8,
        ) {
            let bytes: Vec<u8> =
                runs.iter().flat_map(|(byte, length)| core::iter::repeat_n(*byte, *length)).collect();
            let page = core::array::from_fn(|index| bytes[index % bytes.len()]);
            let mut codec = Codec::new();
            let Compressed::Smaller(block) = codec.compress(&page) else { return Ok(()) };
            let mut block = block.to_vec();
            *place.get_mut(&mut block) = byte;
            let mut page = [0x55; 4096];
            let result = expand(&block, &mut page);
            prop_assert_eq!(result.ok().map(|()| page), judge(&block));
        }

        #[test]
        fn every_page_comes_back(runs in proptest::collection::vec((any::<u8>(), 1_usize..200), 1..300)) {
            let bytes: Vec<u8> =
                runs.iter().flat_map(|(byte, length)| core::iter::repeat_n(*byte, *length)).collect();
            let mut codec = Codec::new();
            // What an earlier page has left in the table changes nothing but the size.
            for shift in [0, 0, 1, 7] {
                let page = core::array::from_fn(|index| bytes[(index + shift) % bytes.len()]);
                there_and_back(&mut codec, &page);
            }
        }
    }
}
