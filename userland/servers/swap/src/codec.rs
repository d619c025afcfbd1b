//! How a page is compressed: with LZ4, if that saves a quarter of it.

use alloc::boxed::Box;
use alloc::vec;

use lz4_flex::block::{
    CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size,
};

use crate::Bytes;

/// The longest result that is stored in memory: three quarters of a page.
pub const WORTHWHILE: usize = size_of::<Bytes>() / 4 * 3;

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
    table: CompressTable,
    output: Box<[u8]>,
}

impl Codec {
    /// A compressor.
    #[must_use]
    pub fn new() -> Self {
        let output = vec![0; get_maximum_output_size(size_of::<Bytes>())].into();
        Self { table: CompressTable::small(), output }
    }

    /// Compresses a page.
    pub fn compress(&mut self, page: &Bytes) -> Compressed<'_> {
        if page.iter().all(|byte| *byte == 0) {
            return Compressed::Zeros;
        }
        match compress_into_with_table(page, &mut self.output, &mut self.table) {
            Ok(length) if length <= WORTHWHILE => Compressed::Smaller(&self.output[..length]),
            // The output has the greatest length that LZ4 can need, so that there are no errors.
            Ok(_) | Err(_) => Compressed::Incompressible,
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

/// The bytes are not the result of [`Codec::compress`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damaged;

/// Decompresses a page.
///
/// # Errors
/// `Damaged`: the bytes are not the result of [`Codec::compress`]. The contents of `page` are
/// unknown then.
pub fn expand(blob: &[u8], page: &mut Bytes) -> Result<(), Damaged> {
    match decompress_into(blob, page) {
        Ok(length) if length == page.len() => Ok(()),
        Ok(_) | Err(_) => Err(Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn there_and_back(codec: &mut Codec, page: &Bytes) -> Option<usize> {
        match codec.compress(page) {
            Compressed::Smaller(blob) => {
                let mut back = [0xAA; 4096];
                expand(blob, &mut back).unwrap();
                assert_eq!(&back, page);
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

    proptest! {
        #[test]
        fn every_page_comes_back(runs in proptest::collection::vec((any::<u8>(), 1_usize..200), 1..300)) {
            let bytes: Vec<u8> =
                runs.iter().flat_map(|(byte, length)| core::iter::repeat_n(*byte, *length)).collect();
            let page = core::array::from_fn(|index| bytes[index % bytes.len()]);
            there_and_back(&mut Codec::new(), &page);
        }
    }
}
