//! Boot archives, beside what the crate `tar` reads in them.

use abi::format::ustar::{Archive, BLOCK, Header};

pub fn judge(bytes: &[u8]) -> bool {
    let members: Vec<_> = Archive::new(bytes).members().map_while(Result::ok).collect();
    let mut foreign = tar::Archive::new(bytes);
    let entries = foreign.entries().expect("an archive in memory can be read").raw(true);
    // It refuses numbers with something behind them, which the standard allows.
    let entries: Vec<_> = entries.map_while(Result::ok).collect();
    for ((member, contents), entry) in members.iter().zip(&entries) {
        assert_eq!(entry.path_bytes(), member.name().as_bytes());
        assert_eq!(entry.header().entry_size().ok(), Some(u64::from(member.size)));
        assert_eq!(contents.len(), member.size as usize);
        let start = entry.raw_file_position() as usize;
        assert_eq!(bytes[start..].as_ptr(), contents.as_ptr(), "where the member's bytes lie");
    }
    for block in bytes.as_chunks::<{ BLOCK as usize }>().0 {
        let word = |at: u32| u32::from_le_bytes(std::array::from_fn(|i| block[at as usize + i]));
        if let Ok(Some(member)) = Header::parse(block) {
            assert_eq!(Header::size(Header::WORDS.map(word)), Ok(member.size));
        }
    }
    for (member, contents) in &members {
        let found = Archive::new(bytes).find(member.name());
        let first = members.iter().find(|(m, _)| m.is_file && m.name() == member.name());
        if let Some((_, contents)) = first {
            assert_eq!(found, Ok(Some(*contents)));
        }
        assert!(contents.len() <= bytes.len());
    }
    !members.is_empty()
}
