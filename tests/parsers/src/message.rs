//! A message as it arrives in registers.

use abi::message::Message;

use crate::words;

pub fn judge(bytes: &[u8]) -> bool {
    let [eax, sender, one, two, three, four] = words(bytes);
    let words = [one, two, three, four];
    match Message::from_wire(eax, sender, words) {
        Ok(message) => {
            assert!(eax.cast_signed() >= 0, "an error is no message");
            assert_eq!((message.sender.bits(), message.words), (sender, words));
            let header = Message::header(message.kind, message.page);
            assert_eq!(Message::from_wire(header, sender, words), Ok(message));
            true
        }
        Err(error) => {
            let negated = (error as u32).wrapping_neg();
            assert!(eax.cast_signed() >= 0 || eax == negated || !is_an_error(eax));
            false
        }
    }
}

/// Whether `eax` is the negated number of one of the errors.
fn is_an_error(eax: u32) -> bool {
    abi::Error::check(eax).is_err_and(|error| (error as u32).wrapping_neg() == eax)
}
