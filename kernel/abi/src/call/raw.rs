//! The registers of a call before they are decoded.

/// A call's registers, in the places of the `int` column.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RawCall {
    /// `eax`: number and permissions.
    pub head: u32,
    /// The process.
    pub process: u32,
    /// The page's address.
    pub page: u32,
    /// Four words.
    pub words: [u32; 4],
}

/// The registers of a call, wherever they are kept. Decoding reads only those that the call uses.
pub trait Arguments {
    /// `eax`: number and permissions.
    fn head(&self) -> u32;
    /// The process.
    fn process(&self) -> u32;
    /// The page's address.
    fn page(&self) -> u32;
    /// Word `index`, 0 to 3.
    fn word(&self, index: usize) -> u32;

    /// The call's number.
    fn number(&self) -> u32 {
        self.head() & 0xFF
    }

    /// The bits of `eax` above the number: permissions, if the call takes any.
    fn permission_bits(&self) -> u32 {
        self.head() >> 8
    }
}

impl Arguments for RawCall {
    fn head(&self) -> u32 {
        self.head
    }

    fn process(&self) -> u32 {
        self.process
    }

    fn page(&self) -> u32 {
        self.page
    }

    fn word(&self, index: usize) -> u32 {
        self.words[index]
    }
}
