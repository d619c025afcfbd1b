//! What the model knows: processes, their pages, frames, queues and quotas, as plain collections.

use std::collections::{BTreeMap, VecDeque};

/// The number of a process slot.
pub type Slot = usize;
/// The name of a frame. A frame that is freed and used again has another name.
pub type Token = usize;

/// Bits of an entry (Intel SDM vol. 3A, 4.3), and the marks.
pub mod bit {
    pub const P: u32 = 1;
    pub const W: u32 = 2;
    pub const U: u32 = 4;
    pub const OWN: u32 = 8;
    pub const UNCACHED: u32 = 0x10;
    pub const A: u32 = 0x20;
    pub const D: u32 = 0x40;
    pub const SEALED: u32 = 0x100;
    pub const PAGER: u32 = 0x200;
    pub const MARKS: u32 = 0xE00;
}

/// End of what a process may map.
pub const UTOP: u32 = 0xEEC0_0000;
/// The exception stack.
pub const EXCEPTION_STACK: u32 = 0xEEBF_F000;
/// The top of the program's stack; the page here is to be absent.
pub const STACK_TOP: u32 = 0xEEBF_E000;

/// Why a call fails: JOS's numbers, and Vitrine's from 32 on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum E {
    NoSuchProcess = 2,
    InvalidArgument = 3,
    OutOfFrames = 4,
    OutOfProcesses = 5,
    Fault = 6,
    NotReceiving = 7,
    NotMapped = 32,
    NotPermitted = 33,
    Quota = 34,
    Deadlock = 35,
    NoChild = 36,
    NotWaiting = 37,
    Busy = 38,
    Refused = 39,
    PeerEnded = 40,
}

/// What a step of a call comes to.
pub type R<T = ()> = Result<T, E>;

/// What a leaf names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Names {
    /// Nothing: the leaf is absent.
    Nothing,
    /// A frame of RAM.
    Ram(Token),
    /// The frame with this number, which is a device's.
    Device(u32),
}

/// A leaf: what it names, and its low twelve bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaf {
    pub names: Names,
    pub bits: u32,
}

impl Leaf {
    pub const ABSENT: Self = Self { names: Names::Nothing, bits: 0 };

    pub fn is_present(self) -> bool {
        self.bits & bit::P != 0
    }

    pub fn has(self, bits: u32) -> bool {
        self.bits & bits != 0
    }
}

/// The two rights by which a process is viewed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    Parent,
    Pager,
}

/// An address space.
#[derive(Clone, Default, Debug)]
pub struct Space {
    pub directory: Token,
    /// By directory index.
    pub tables: BTreeMap<u32, Token>,
    /// By page number; leaves that are not 0.
    pub leaves: BTreeMap<u32, Leaf>,
    /// By directory index; `None` is a lost view.
    pub views: BTreeMap<u32, Option<(Slot, Right)>>,
}

/// What a request asks of another process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    Send,
    Call,
    Clone,
    Fault { jos: bool },
    Forwarded,
    Frames,
}

impl Ask {
    /// The kind of the message.
    pub fn kind(self) -> u32 {
        match self {
            Self::Send | Self::Call => 0,
            Self::Fault { .. } => 1,
            Self::Clone => 4,
            Self::Frames => 5,
            Self::Forwarded => 6,
        }
    }
}

/// What a process is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doing {
    Free,
    Ready,
    Sending(Slot, Ask),
    Answer(Slot, Ask),
    Receiving,
    ReceivingExit(u32),
    ReceivingInterrupt,
    ReceivingFrom(Slot),
    JosReceiving,
    Sleeping,
    Waiting(Option<u32>),
    Reading,
    Dying,
    Ended,
}

/// A process's registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Regs {
    pub eax: u32,
    pub ebx: u32,
    pub ecx: u32,
    pub edx: u32,
    pub esi: u32,
    pub edi: u32,
    pub ebp: u32,
    pub eip: u32,
    pub esp: u32,
    pub eflags: u32,
    /// The vector of the last trap.
    pub trap: u32,
}

/// The vector that stands for `sysenter`.
pub const SYSENTER: u32 = 0x100;

/// A message of a blocked sender, or what a receiver accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Buffer {
    pub words: [u32; 4],
    /// Page number and permissions of a page that is sent.
    pub sent: Option<(u32, u32)>,
    /// The page number at which a page is accepted.
    pub accepts: Option<u32>,
}

/// How far a JOS call has come that restarts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfinished {
    None,
    Cputs { address: u32, length: u32, printing: bool, done: u32 },
    Destroy(u32),
}

/// A process.
#[derive(Clone, Debug)]
pub struct Process {
    pub id: u32,
    pub doing: Doing,
    pub stopped: bool,
    pub parent: Option<Slot>,
    pub attended: bool,
    /// Newest first.
    pub children: Vec<Slot>,
    /// Newest first: dying, or ended and not waited for.
    pub gone: Vec<Slot>,
    pub zombies: VecDeque<Slot>,
    pub senders: VecDeque<Slot>,
    pub callers: VecDeque<Slot>,
    pub pager: Option<Slot>,
    pub pager_ended: bool,
    pub timeout: u32,
    pub handler: u32,
    pub accepts_clients: bool,
    pub frees_frames: bool,
    pub driver: bool,
    pub granted: bool,
    pub ports: Vec<(u32, u32)>,
    pub interrupts: u32,
    pub alarm: Option<u64>,
    pub account: Option<usize>,
    pub owns_account: bool,
    pub regs: Regs,
    pub fpu: u32,
    pub space: Space,
    pub buffer: Buffer,
    /// How many frames its pager was asked for.
    pub wanted: u32,
    pub unfinished: Unfinished,
    pub status: u32,
    pub reason: u32,
    pub runs: u32,
    pub jos: Jos,
}

/// What JOS programs see of a process at UENVS.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Jos {
    pub handler: u32,
    pub receiving: u32,
    pub receive_page: u32,
    pub value: u32,
    pub from: u32,
    pub permissions: u32,
}

impl Process {
    pub fn is_alive(&self) -> bool {
        !matches!(self.doing, Doing::Free | Doing::Dying | Doing::Ended)
    }

    pub fn new(id: u32, directory: Token) -> Self {
        Self {
            id,
            doing: Doing::Ready,
            stopped: true,
            parent: None,
            attended: true,
            children: Vec::new(),
            gone: Vec::new(),
            zombies: VecDeque::new(),
            senders: VecDeque::new(),
            callers: VecDeque::new(),
            pager: None,
            pager_ended: false,
            timeout: 0,
            handler: 0,
            accepts_clients: false,
            frees_frames: false,
            driver: false,
            granted: false,
            ports: Vec::new(),
            interrupts: 0,
            alarm: None,
            account: None,
            owns_account: false,
            regs: Regs { eflags: 0x200, ..Regs::default() },
            fpu: 0,
            space: Space { directory, ..Space::default() },
            buffer: Buffer::default(),
            wanted: 0,
            unfinished: Unfinished::None,
            status: 0,
            reason: 0,
            runs: 0,
            jos: Jos::default(),
        }
    }
}

/// A frame of RAM.
#[derive(Clone, Debug)]
pub struct Frame {
    pub words: Box<[u32; 1024]>,
    /// Its number, once a comparison has shown it.
    pub number: Option<u32>,
    /// It is not given back when its last mapping goes.
    pub pinned: bool,
    /// Leaves that name it.
    pub leaves: u32,
}

/// A quota: bounds (0 is none), and the account above.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    pub frames: u32,
    pub processes: u32,
    pub above: Option<usize>,
}

/// Who has a frame of the pool for devices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holder {
    Nobody,
    Driver(Slot, u32),
    /// The dead driver's id, and who keeps the frame.
    Quarantine(u32, Slot),
}

/// What appears on the console.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Out {
    Byte(u8),
    /// One line that begins so.
    Line(String),
}

/// What the CPU does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    Run,
    Idle,
    TakeDown,
    PowerOff(u32),
}

/// Everything.
#[derive(Clone, Debug)]
pub struct Model {
    /// By slot.
    pub procs: Vec<Process>,
    /// The slot that was freed last is the last.
    pub free_slots: Vec<Slot>,
    pub frames: Vec<Option<Frame>>,
    pub free_tokens: Vec<Token>,
    pub free: u32,
    pub total: u32,
    pub ready: VecDeque<Slot>,
    pub dying: VecDeque<Slot>,
    pub readers: VecDeque<Slot>,
    pub current: Option<Slot>,
    pub ended: Option<u32>,
    pub input: VecDeque<u8>,
    pub console_owner: Option<Slot>,
    pub out: Vec<Out>,
    pub lines: [Option<Slot>; 16],
    pub masked: u32,
    pub pool_tokens: Vec<Token>,
    pub pool: Vec<Holder>,
    pub accounts: Vec<Account>,
    pub now: u64,
    /// Frame numbers that the kernel manages but no process has got: what the test has taken.
    pub taken: Vec<u32>,
    /// Numbers of frames that are given out: half-open ranges.
    pub managed: Vec<(u32, u32)>,
    /// How many frames have records: device memory is beyond.
    pub records: u32,
    /// What each process's registers are after the step, as the kernel has them: the model looks
    /// here for what is the kernel's choice.
    pub hints: Vec<(Regs, bool)>,
    pub second_try: bool,
    /// As many frames are free as the pager was asked for.
    pub enough: bool,
    /// Which account refused a charge last.
    pub met: Option<usize>,
    /// Promises that the step broke.
    pub broken: Vec<String>,
    /// What the call does that the CPU makes now.
    pub calling: u32,
}
