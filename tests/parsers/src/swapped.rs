//! A compressed page, as it comes back from memory that the pager keeps or from the disk.

use swap::Bytes;
use swap::codec::{Codec, Compressed, expand};

pub fn judge(blob: &[u8]) -> bool {
    let mut page: Bytes = [0; size_of::<Bytes>()];
    if expand(blob, &mut page).is_err() {
        return false;
    }
    // What came out can be put away again, and comes back as it was.
    let mut again: Bytes = [0xAA; size_of::<Bytes>()];
    match Codec::new().compress(&page) {
        Compressed::Zeros => assert!(page.iter().all(|byte| *byte == 0)),
        Compressed::Smaller(blob) => {
            assert_eq!(expand(blob, &mut again), Ok(()));
            assert_eq!(again, page);
        }
        Compressed::Incompressible => {}
    }
    true
}
