//! The boot archive of the tests: a ustar file with a small program as its one member.

use super::{CALL_SITE, DATA};
use abi::layout::PROGRAM_TEXT;

/// The bytes of an archive with this member.
pub fn archive(name: &str, file: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..136].copy_from_slice(format!("{:011o}\0", file.len()).as_bytes());
    header[148..156].fill(b' ');
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut bytes = header.to_vec();
    bytes.extend(file);
    bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
    bytes
}

/// An ELF file with a page of text that is only read and a page of data.
pub fn program() -> Vec<u8> {
    const HEADERS: u32 = 52 + 2 * 32;
    const TEXT_LENGTH: u32 = 0x100;
    let mut bytes = vec![0x7F, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend([2u16, 3].iter().flat_map(|half| half.to_le_bytes()));
    bytes.extend([1, CALL_SITE, 52, 0, 0].iter().flat_map(|word: &u32| word.to_le_bytes()));
    bytes.extend([52u16, 32, 2, 0, 0, 0].iter().flat_map(|half| half.to_le_bytes()));
    let text = [1, HEADERS, PROGRAM_TEXT, PROGRAM_TEXT, TEXT_LENGTH, TEXT_LENGTH, 5, 0x1000];
    let data = [1, HEADERS + TEXT_LENGTH, DATA, DATA, 4, 0x1000, 6, 0x1000];
    bytes.extend(text.iter().chain(&data).flat_map(|word| word.to_le_bytes()));
    assert_eq!(bytes.len(), HEADERS as usize);
    bytes.extend([0xCD; TEXT_LENGTH as usize]);
    bytes.extend(0xDA7A_DA7A_u32.to_le_bytes());
    bytes
}

/// The same program with these bytes as its data: from `offset` on in the file, at `address`.
pub fn program_with(offset: u32, address: u32, data: &[u8]) -> Vec<u8> {
    const DATA_HEADER: usize = 52 + 32;
    let mut bytes = program();
    assert!(bytes.len() <= offset as usize);
    bytes.resize(offset as usize, 0xEE);
    bytes.extend(data);
    bytes.extend([0xEE; 5]);
    let length = data.len() as u32;
    for (index, word) in [1, offset, address, address, length, length].iter().enumerate() {
        bytes[DATA_HEADER + 4 * index..][..4].copy_from_slice(&word.to_le_bytes());
    }
    bytes
}
