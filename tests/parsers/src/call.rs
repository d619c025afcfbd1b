//! The registers of a native call.

use abi::Syscall;
use abi::call::RawCall;

use crate::words;

pub fn judge(bytes: &[u8]) -> bool {
    let [head, process, page, one, two, three, four] = words(bytes);
    let raw = RawCall { head, process, page, words: [one, two, three, four] };
    let Ok(call) = Syscall::decode(&raw) else { return false };
    assert!((Syscall::FIRST..=Syscall::LAST).contains(&(head & 0xFF)));
    let again = call.encode();
    assert_eq!(again.head & 0xFF, head & 0xFF, "the number");
    assert_eq!(Syscall::decode(&again), Ok(call));
    assert_eq!(call.encode(), again);
    true
}
