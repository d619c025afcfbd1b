//! A program's first stack page: its arguments, as a JOS program finds them.
//!
//! ```text
//!  esp  argc
//!       argv ----+
//!       argv[0] <+   the address of each argument, then 0
//!       ...
//!       "walk\0"     the arguments themselves
//!       "0x1000\0"
//!  top  USER_STACK_TOP
//! ```

use abi::layout::{PAGE_SIZE, USER_STACK_TOP};

/// The arguments do not fit a page, or have a zero byte in them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLong;

/// Fills the zeroed page that will lie below [`USER_STACK_TOP`]; returns the stack pointer, a
/// multiple of 4.
///
/// # Errors
/// `TooLong`: the arguments take more than half of the page, and the program would begin without a
/// stack.
pub fn start_stack<'a, I>(page: &mut [u8; PAGE_SIZE as usize], arguments: I) -> Result<u32, TooLong>
where
    I: Iterator<Item = &'a str> + Clone,
{
    let count = arguments.clone().count();
    let text: usize = arguments.clone().map(|argument| argument.len() + 1).sum();
    let words = count + 3;
    let size = (text + words * 4).next_multiple_of(4);
    if size > page.len() / 2 || arguments.clone().any(|argument| argument.contains('\0')) {
        return Err(TooLong);
    }
    let esp = page.len() - size;
    let address = |offset: usize| USER_STACK_TOP - PAGE_SIZE + offset as u32;
    let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
    put(esp, &(count as u32).to_le_bytes());
    put(esp + 4, &address(esp + 8).to_le_bytes());
    let mut string = esp + words * 4;
    for (index, argument) in arguments.enumerate() {
        put(esp + 8 + index * 4, &address(string).to_le_bytes());
        put(string, argument.as_bytes());
        string += argument.len() + 1;
    }
    Ok(address(esp))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u32 = USER_STACK_TOP - PAGE_SIZE;

    fn word(page: &[u8; 4096], address: u32) -> u32 {
        u32::from_le_bytes(page[(address - PAGE) as usize..][..4].try_into().unwrap())
    }

    /// Reads the arguments back as `_start` and a C program do.
    fn read(page: &[u8; 4096], esp: u32) -> Vec<String> {
        let (argc, argv) = (word(page, esp), word(page, esp + 4));
        assert_eq!(word(page, argv + 4 * argc), 0, "argv ends in 0");
        let string = |index| {
            let start = (word(page, argv + 4 * index) - PAGE) as usize;
            let length = page[start..].iter().position(|byte| *byte == 0).unwrap();
            String::from_utf8(page[start..start + length].to_vec()).unwrap()
        };
        (0..argc).map(string).collect()
    }

    #[test]
    fn the_arguments_come_back_as_they_were() {
        let long = "x".repeat(1000);
        for arguments in
            [vec![], vec!["walk"], vec!["walk", "", "0xef7bd000"], vec![&long, "ab", "c"]]
        {
            let mut page = [0; 4096];
            let esp = start_stack(&mut page, arguments.iter().copied()).unwrap();
            assert!(esp.is_multiple_of(4) && esp < USER_STACK_TOP);
            assert_eq!(read(&page, esp), arguments);
        }
    }

    #[test]
    fn what_leaves_no_stack_is_refused() {
        let fits = "x".repeat(2048 - 17);
        let mut page = [0; 4096];
        assert!(start_stack(&mut page, [fits.as_str()].into_iter()).is_ok());
        let long = "x".repeat(2048 - 16);
        assert_eq!(start_stack(&mut page, [long.as_str()].into_iter()), Err(TooLong));
        assert_eq!(start_stack(&mut page, core::iter::repeat_n("", 600)), Err(TooLong));
        assert_eq!(start_stack(&mut page, ["a\0b"].into_iter()), Err(TooLong));
    }
}
