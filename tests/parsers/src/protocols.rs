//! What the pager and the disk are asked. Both read the words of a message from anybody.

use libsys::service::{disk, pager};

use crate::words;

pub fn judge(bytes: &[u8]) -> bool {
    let words: [u32; 4] = words(bytes);
    let of_pager = pager::Request::decode(words);
    if let Ok(request) = of_pager {
        assert_eq!(request.encode(), words, "{request:?}");
    }
    let of_disk = disk::protocol::Request::decode(words);
    if let Ok(request) = of_disk {
        assert_eq!(request.encode(), words, "{request:?}");
    }
    if let Some(name) = pager::ShortName::decode(words) {
        assert_eq!(name.encode(), words);
        // A pager that means harm may say bytes that are no text, or bytes behind the end.
        assert_eq!(pager::ShortName::new(name.as_str()).as_str(), name.as_str());
    }
    of_pager.is_ok() || of_disk.is_ok()
}
