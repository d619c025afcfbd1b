//! What the pager replies, in the four words of a message.

/// Every word of the answer about a process that is no client.
pub const NOT_A_CLIENT: u32 = u32::MAX;

/// The work of a pager since it began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statistics {
    /// Clients that it knows.
    pub clients: u32,
    /// Pages of zeros given out; wraps.
    pub zeroed: u32,
    /// Pages of programs given out; wraps.
    pub loaded: u32,
    /// Pages that it uses itself.
    pub own_pages: u32,
}

impl Statistics {
    /// The words of the reply.
    #[must_use]
    pub const fn encode(self) -> [u32; 4] {
        [self.clients, self.zeroed, self.loaded, self.own_pages]
    }

    /// Reads the words of a reply.
    #[must_use]
    pub const fn decode([clients, zeroed, loaded, own_pages]: [u32; 4]) -> Self {
        Self { clients, zeroed, loaded, own_pages }
    }
}

/// The requests of the pager to the disk; each number wraps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Transfers {
    /// Requests that read pages.
    pub reads: u32,
    /// Pages that they read.
    pub pages_read: u32,
    /// Requests that wrote pages.
    pub writes: u32,
    /// Pages that they wrote.
    pub pages_written: u32,
}

impl Transfers {
    /// The words of the reply.
    #[must_use]
    pub const fn encode(self) -> [u32; 4] {
        [self.reads, self.pages_read, self.writes, self.pages_written]
    }

    /// Reads the words of a reply.
    #[must_use]
    pub const fn decode([reads, pages_read, writes, pages_written]: [u32; 4]) -> Self {
        Self { reads, pages_read, writes, pages_written }
    }
}

/// The number of a client's pages in each place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pages {
    /// In memory.
    pub resident: u32,
    /// On disk.
    pub swapped: u32,
    /// Compressed in memory.
    pub compressed: u32,
    /// Paged out with nothing stored: zeros, and pages of the program's file.
    pub unstored: u32,
}

impl core::fmt::Display for Pages {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { resident, swapped, compressed, unstored } = self;
        write!(f, "{resident} resident, {swapped} swapped, ")?;
        write!(f, "{compressed} compressed, {unstored} unstored")
    }
}

impl Pages {
    /// The words of the reply.
    #[must_use]
    pub const fn encode(self) -> [u32; 4] {
        [self.resident, self.swapped, self.compressed, self.unstored]
    }

    /// Reads the words of a reply; `None`: the process is no client.
    #[must_use]
    pub const fn decode([resident, swapped, compressed, unstored]: [u32; 4]) -> Option<Self> {
        if resident == NOT_A_CLIENT {
            return None;
        }
        Some(Self { resident, swapped, compressed, unstored })
    }
}

/// How often pages of a client were paged out and in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Faults {
    /// Pages that were paged in; wraps.
    pub pages_in: u32,
    /// Pages that were paged out; wraps.
    pub pages_out: u32,
    /// The bound on its pages in memory; 0 is none.
    pub limit: u32,
}

impl Faults {
    /// The words of the reply.
    #[must_use]
    pub const fn encode(self) -> [u32; 4] {
        [self.pages_in, self.pages_out, self.limit, 0]
    }

    /// Reads the words of a reply; `None`: the process is no client.
    #[must_use]
    pub const fn decode([pages_in, pages_out, limit, last]: [u32; 4]) -> Option<Self> {
        if last == NOT_A_CLIENT { None } else { Some(Self { pages_in, pages_out, limit }) }
    }
}

/// What a program and its descendants have cost the pager. All counts wrap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Given {
    /// Faults that the pager was asked to serve.
    pub faults: u32,
    /// Pages of zeros that it gave for them.
    pub zeroed: u32,
    /// Pages of programs' files.
    pub loaded: u32,
    /// Pages that had gone, and came back.
    pub back: u32,
}

impl Given {
    /// The words of the reply.
    #[must_use]
    pub const fn encode(self) -> [u32; 4] {
        [self.faults, self.zeroed, self.loaded, self.back]
    }

    /// Reads the words of a reply; `None`: the process is no client.
    #[must_use]
    pub fn decode(words: [u32; 4]) -> Option<Self> {
        let [faults, zeroed, loaded, back] = words;
        (words != [NOT_A_CLIENT; 4]).then_some(Self { faults, zeroed, loaded, back })
    }

    /// Adds counts.
    pub const fn add(&mut self, more: Self) {
        self.faults = self.faults.wrapping_add(more.faults);
        self.zeroed = self.zeroed.wrapping_add(more.zeroed);
        self.loaded = self.loaded.wrapping_add(more.loaded);
        self.back = self.back.wrapping_add(more.back);
    }
}

/// How much of the swap space is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    /// Pages on disk.
    pub slots_used: u32,
    /// Pages that the disk has room for.
    pub slots: u32,
    /// Bytes that compressed pages take.
    pub compressed: u32,
    /// Bytes of memory that there are for them at present.
    pub arena: u32,
}

impl Space {
    /// The words of the reply.
    #[must_use]
    pub const fn encode(self) -> [u32; 4] {
        [self.slots_used, self.slots, self.compressed, self.arena]
    }

    /// Reads the words of a reply.
    #[must_use]
    pub const fn decode([slots_used, slots, compressed, arena]: [u32; 4]) -> Self {
        Self { slots_used, slots, compressed, arena }
    }
}

/// The name of a client's program, as far as it fits the four words of a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShortName([u8; Self::LIMIT]);

impl ShortName {
    /// The most bytes; of a longer name, the pager keeps the beginning.
    pub const LIMIT: usize = 16;

    /// The beginning of a name, in whole characters.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let end = name.floor_char_boundary(Self::LIMIT);
        let mut bytes = [0; Self::LIMIT];
        bytes[..end].copy_from_slice(&name.as_bytes()[..end]);
        Self(bytes)
    }

    /// The name. Empty if the bytes are no text, which no pager of ours says.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(Self::LIMIT);
        core::str::from_utf8(&self.0[..length]).unwrap_or("")
    }

    /// The words of the reply, the first byte lowest in the first word.
    #[must_use]
    pub fn encode(self) -> [u32; 4] {
        core::array::from_fn(|word| {
            u32::from_le_bytes(core::array::from_fn(|byte| self.0[word * 4 + byte]))
        })
    }

    /// Reads the words of a reply; `None`: the process is no client.
    #[must_use]
    pub fn decode(words: [u32; 4]) -> Option<Self> {
        // No text has a byte of 0xFF in it.
        if words[0] == NOT_A_CLIENT {
            return None;
        }
        Some(Self(core::array::from_fn(|byte| words[byte / 4].to_le_bytes()[byte % 4])))
    }
}

/// The pager's answer to a registration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Registered {
    /// The child may start at this address; nothing of the program is in memory yet.
    At {
        /// The program's entry.
        entry: u32,
    },
    /// There is no program of this name.
    NoSuchProgram,
    /// The file is not a program.
    BadImage,
    /// The child is not a client of this pager, or is one already.
    NotAClient,
    /// The pager has no room for another client.
    Full,
    /// The request was none.
    NotUnderstood,
}

impl Registered {
    /// The words of the reply.
    #[must_use]
    pub const fn encode(self) -> [u32; 4] {
        match self {
            Self::At { entry } => [0, entry, 0, 0],
            Self::NoSuchProgram => [1, 0, 0, 0],
            Self::BadImage => [2, 0, 0, 0],
            Self::NotAClient => [3, 0, 0, 0],
            Self::Full => [4, 0, 0, 0],
            Self::NotUnderstood => [5, 0, 0, 0],
        }
    }

    /// Reads the words of a reply; an unknown answer counts as `NotUnderstood`.
    #[must_use]
    pub const fn decode(words: [u32; 4]) -> Self {
        match words {
            [0, entry, ..] => Self::At { entry },
            [1, ..] => Self::NoSuchProgram,
            [2, ..] => Self::BadImage,
            [3, ..] => Self::NotAClient,
            [4, ..] => Self::Full,
            _ => Self::NotUnderstood,
        }
    }
}
