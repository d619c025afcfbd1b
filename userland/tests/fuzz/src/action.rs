//! The actions of a fuzzed process: how each is chosen from a stream of numbers, performed, and
//! printed in C.

use core::fmt;
use core::sync::atomic::Ordering;

use libsys::abi::layout::{PAGE_SIZE, PROGRAM_TEXT, UVPT};
use libsys::abi::transaction::LIST;

use crate::boundary::{ARENA, address, number, page, permissions};
use crate::ground::{self, MEMBERS, PIECES};
use crate::random::Random;
use crate::skip::{enter, load, store};
use support::Registers;
use support::any_trap::{INSTRUCTIONS, SEGMENTS, Way};

/// How many other members a process knows.
pub const PEERS: usize = 6;

/// Ids that a process may name: its family, the servers, and the supervisor.
#[derive(Clone, Copy, Default)]
pub struct Names {
    /// This process.
    pub own: u32,
    /// Its children, newest first; 0 for none.
    pub children: [u32; 4],
    /// Its parent.
    pub parent: u32,
    /// Other members of the family.
    pub peers: [u32; PEERS],
}

/// One action.
#[derive(Clone, Copy)]
pub enum Action {
    /// Enters the kernel.
    Enter(Way, Registers),
    /// Writes a list of this many pages from a page on, with their entries as the window shows
    /// them, to where the registers have it, and enters the kernel.
    Transact(u32, Registers),
    /// Reads memory.
    Load(u32),
    /// Writes memory.
    Store(u32, u8),
    /// Writes a piece of the shared code: which piece, which instructions, and a number in them.
    Rewrite(u32, u32, u32),
    /// Runs a piece of the shared code from one of its bytes on.
    Run(u32, u32, Registers),
    /// Forks a child that acts in the same way.
    Fork,
}

/// Calls that may block for ever.
const BLOCKING: [u32; 9] = [13, 48, 56, 59, 60, 61, 62, 64, 83];
/// Calls that write to the console or read from it: bytes of memory would end up in the output.
const CONSOLE: [u32; 3] = [0, 68, 69];
/// JOS's `exit`, the native one, and `destroy`, which may end the caller. They are rare, because
/// they end the actor.
const ENDING: [u32; 3] = [3, 47, 49];
/// The first native call.
const FIRST: u32 = 32;
/// How many native calls there are, from `FIRST` on; a few more are tried.
const NATIVE: u32 = 57;
/// Native calls that take permissions or marks; the others refuse any.
const WITH_PERMISSIONS: [u32; 18] =
    [33, 34, 35, 36, 38, 39, 40, 41, 57, 60, 61, 62, 63, 64, 71, 82, 83, TRANSACT];
/// Those of them that take marks alone.
const MARKS_ALONE: [u32; 4] = [35, 38, 40, 82];
/// Calls on pages. Half of all calls are of these, because their interplay is the heart of the
/// kernel.
const MEMORY: [u32; 13] = [33, 34, 35, 36, 38, 39, 40, 41, 71, 72, 73, 82, TRANSACT];
/// Calls whose target is a child, and calls whose target is another process.
const OF_CHILDREN: [u32; 12] = [43, 44, 45, 46, 49, 50, 54, 58, 59, 72, 74, 79];
const OF_PEERS: [u32; 7] = [57, 60, 61, 62, 63, 64, 83];
const RECEIVE: u32 = 61;
/// The call that changes the pages of a list.
const TRANSACT: u32 = 86;
/// The call that maps device memory, and where the fuzzer maps it.
const DEVICE_MAP: u32 = 76;
const DEVICES: u32 = 0x5000_0000;
/// The calls that make a child: the native one, and JOS's.
const CREATE: u32 = 42;
const EXOFORK: u32 = 7;
/// The bit of `RangeShare`'s last word that says that both sides are changed.
const BOTH: u32 = 1 << 31;

impl Action {
    /// Chooses an action.
    pub fn choose(random: &mut Random, names: &Names) -> Self {
        match random.below(200) {
            0..=159 => {
                let (way, registers) = Self::call(random, names);
                Self::Enter(way, registers)
            }
            160..=162 => Self::transact(random, names),
            163..=166 => Self::Load(address(random)),
            167..=175 => Self::Store(address(random), random.next() as u8),
            176..=181 => Self::Fork,
            182..=187 => Self::Rewrite(random.below(PIECES), random.below(12), random.next()),
            188..=193 => {
                let (_, registers) = Self::call(random, names);
                let offset = if random.once_in(6) { random.below(16) } else { 0 };
                Self::Run(random.below(PIECES), offset, registers)
            }
            _ => Self::trap(random),
        }
    }

    /// A call. Most of its arguments make sense.
    fn call(random: &mut Random, names: &Names) -> (Way, Registers) {
        let call = Self::call_number(random);
        let mut registers = Registers {
            eax: call,
            edx: names.pick_for(call, random),
            ecx: page(random),
            ..Registers::default()
        };
        [registers.ebx, registers.esi, registers.edi, registers.ebp] = words(call, random, names);
        if call == DEVICE_MAP {
            // An address to which no code jumps: QEMU's translator fails an assertion at some
            // instructions in device memory.
            registers.ecx = DEVICES + random.below(80) * PAGE_SIZE;
        }
        if OF_PEERS.contains(&call) && !random.once_in(8) {
            // Bit 0 sends a page, bit 2 accepts one; without either there are no permissions.
            let bits = random.pick(&[0, 0, 1, 3, 4, 5, 7, 0x401]);
            registers.eax |= bits << 8;
            if call == RECEIVE && random.once_in(2) {
                registers.edx = 0;
            }
        } else if MARKS_ALONE.contains(&call) && !random.once_in(8) {
            registers.eax |= (permissions(random) & 0xE00) << 8;
        } else if WITH_PERMISSIONS.contains(&call) || random.once_in(16) {
            registers.eax |= permissions(random) << 8;
        }
        if call < FIRST {
            // JOS's calls have their arguments in other registers.
            (registers.ebx, registers.edi) = (names.pick(random), page(random));
            registers.esi = permissions(random) | if random.once_in(8) { 0 } else { 5 };
            if random.once_in(2) {
                registers.ebx = permissions(random) | 5;
            }
        }
        if random.once_in(24) {
            let which = random.below(4);
            let any = number(random);
            *[&mut registers.ebx, &mut registers.esi, &mut registers.edi, &mut registers.ebp]
                [which as usize] = any;
        }
        if CONSOLE.contains(&call) {
            // A length of 0, or an address that cannot be read.
            (registers.ebx, registers.ecx, registers.esi) = (0xF000_0000 | registers.ebx, 0, 0);
            registers.edx = if random.once_in(2) { 0xEF80_0000 } else { registers.edx };
        }
        let way = Self::gate(random, &mut registers);
        (way, registers)
    }

    /// A transaction. Most of it makes sense.
    fn transact(random: &mut Random, names: &Names) -> Self {
        let [_, esi, edi, _] = words(TRANSACT, random, names);
        let chosen = permissions(random);
        let add = if edi & 0xC == 0 { chosen } else { chosen & 0xE00 };
        let (edx, ebx) = (names.pick(random), page(random));
        let eax = TRANSACT | add << 8;
        let registers = Registers { eax, edx, ebx, esi, edi, ..Registers::default() };
        Self::Transact(page(random), registers)
    }

    /// The number of a call. Calls that block or end the actor are rare.
    fn call_number(random: &mut Random) -> u32 {
        loop {
            let chosen = match random.below(16) {
                0 | 1 => random.below(16),
                2 if random.once_in(4) => random.below(256),
                3..=8 => random.pick(&MEMORY),
                _ => FIRST + random.below(NATIVE),
            };
            let rare = (BLOCKING.contains(&chosen) && !random.once_in(3))
                || (ENDING.contains(&chosen) && !random.once_in(24));
            if !rare {
                break chosen;
            }
        }
    }

    /// The way by which a call is made, with registers that suit it. The flags and the stack
    /// pointer are odd now and then.
    fn gate(random: &mut Random, registers: &mut Registers) -> Way {
        let way = match random.below(40) {
            0..=31 => Way::Interrupt(0x30),
            32..=38 => Way::Sysenter,
            _ => Way::RawSysenter,
        };
        if way != Way::Interrupt(0x30) {
            (registers.edi, registers.ebp) = (registers.edx, registers.ecx);
        }
        if way == Way::RawSysenter {
            (registers.edx, registers.ecx) = (address(random), address(random));
        }
        if random.once_in(24) {
            registers.eflags = flags(random);
        }
        if random.once_in(24) {
            registers.esp = address(random);
        }
        way
    }

    /// A trap that is no call.
    fn trap(random: &mut Random) -> Self {
        let mut registers = Registers {
            eax: selector(random),
            edx: 0x60,
            ecx: 0,
            ebx: address(random),
            esi: flags(random),
            edi: selector(random),
            eflags: if random.once_in(2) { flags(random) } else { 0 },
            ..Registers::default()
        };
        let way = match random.below(8) {
            0 | 1 => Way::Interrupt(random.next() as u8),
            2 => Way::Segment(random.next() as u8 % SEGMENTS),
            3 | 4 => {
                if random.once_in(2) {
                    registers.edi = 0x1B;
                }
                Way::Iret
            }
            5 => Way::Jump,
            _ => Way::Instruction(random.next() as u8 % INSTRUCTIONS),
        };
        registers.eip = match random.below(3) {
            0 => address(random),
            // Most of these are in the middle of an instruction of this program.
            _ => PROGRAM_TEXT + random.below(0x8000),
        };
        if random.once_in(6) {
            registers.esp = address(random);
        }
        Self::Enter(way, registers)
    }

    /// Performs the action, and counts a call that succeeds. Returns the id of a child that the
    /// call has made. `Fork` must be performed by the caller.
    pub fn perform(self) -> Option<u32> {
        match self {
            Self::Enter(way, registers) => {
                let answer = enter(way, registers);
                let is_call = matches!(way, Way::Interrupt(0x30) | Way::Sysenter);
                if is_call && answer.eax >> 31 == 0 {
                    ground::successes().fetch_add(1, Ordering::Relaxed);
                    return match registers.eax & 0xFF {
                        CREATE => Some(answer.ebx),
                        EXOFORK => Some(answer.eax),
                        _ => None,
                    };
                }
            }
            Self::Transact(first, registers) => {
                write_list(registers.ebx, first, registers.esi.min(LIST));
                return Self::Enter(Way::Interrupt(0x30), registers).perform();
            }
            Self::Load(address) => {
                let _ = core::hint::black_box(load(address));
            }
            Self::Store(address, value) => store(address, value),
            Self::Rewrite(piece, which, number) => {
                ground::write_code(piece, &ground::snippet(which, number));
            }
            Self::Run(piece, offset, registers) => ground::run_code(piece, offset, registers),
            Self::Fork => {}
        }
        None
    }
}

impl Names {
    /// A process for this call.
    fn pick_for(&self, call: u32, random: &mut Random) -> u32 {
        match random.below(4) {
            0 => self.pick(random),
            _ if OF_CHILDREN.contains(&call) => random.pick(&self.children),
            _ if OF_PEERS.contains(&call) => random.pick(&self.peers),
            _ => self.pick(random),
        }
    }

    /// Reads ids from the roster.
    pub fn meet(&mut self, random: &mut Random) {
        for peer in &mut self.peers {
            *peer = ground::roster(1 + random.below(MEMBERS)).load(Ordering::Relaxed);
        }
    }

    /// Adds a child.
    pub fn bear(&mut self, child: u32) {
        self.children.rotate_right(1);
        self.children[0] = child;
    }

    fn pick(&self, random: &mut Random) -> u32 {
        match random.below(24) {
            0..=9 => 0,
            10 => self.own,
            11..=16 => random.pick(&self.children),
            17 => random.pick(&self.peers),
            18 => self.parent,
            // The first processes of the first slots: init, the servers, the supervisor.
            19 => 0x1000 | random.below(4),
            20 => self.own ^ 0x1000,
            21 => (0x1000 * random.below(40)) | random.below(1026),
            _ => number(random),
        }
    }
}

/// The words of a call.
fn words(call: u32, random: &mut Random, names: &Names) -> [u32; 4] {
    let pages = if random.once_in(4) { 1 + random.below(70) } else { 1 + random.below(8) };
    let coin = random.below(2);
    match call {
        // Another space, and a page in it.
        34 | 82 => [names.pick(random), page(random), 0, 0],
        38 => {
            let both = if random.once_in(3) { BOTH } else { 0 };
            [names.pick(random), page(random), pages, permissions(random) | both]
        }
        39 => [pages, permissions(random), 0, 0],
        40 | 41 | 77 | 78 => [pages, 0, 0, 0],
        71 => [permissions(random), 0, 0, 0],
        42 | 49 | 55 | 70 | 74 | 84 => [coin, 0, 0, 0],
        45 | 46 => [page(random) + random.pick(&[0, 4, 0xFF0]), 0, 0, 0],
        48 | 54 => [names.pick(random), 0, 0, 0],
        50 => [random.below(400), random.below(9), 0, 0],
        53 => [if coin == 0 { 0 } else { address(random) }, 0, 0, 0],
        56 => [address(random), random.below(8), address(random), 0],
        57 | 83 => [random.below(3), page(random), if coin == 0 { 0 } else { page(random) | 1 }, 0],
        58 => [random.below(4), 0, 0, 0],
        66 => [random.below(3), 0, 0, 0],
        72 | 73 => [(ARENA >> 22) + random.below(5), 0, 0, 0],
        75 => [1 + random.below(256), random.next() & 0xFFFF, 0, 0],
        TRANSACT => [address(random), list_length(random), list_change(random), 0],
        76 => [pages, (address(random) & !0xFFF) | 0x8000_0000, 0, 0],
        80 | 81 => [random.below(18), 0, 0, 0],
        _ => [number(random), number(random), number(random), page(random)],
    }
}

/// How many pages a list has: few, or as many as are flushed at once, or as many as there may be.
fn list_length(random: &mut Random) -> u32 {
    if random.once_in(8) {
        return random.pick(&[0, 32, 33, 70, LIST, LIST + 1]);
    }
    1 + random.below(8)
}

/// What happens to the pages of a list, which bits they drop, and how far they are mapped.
fn list_change(random: &mut Random) -> u32 {
    let kind = random.below(4) << 2;
    match kind {
        _ if random.once_in(16) => number(random),
        0 => permissions(random),
        4 => kind,
        _ => {
            let distance = random.pick(&[0, 0, 1, 2, 0xF_FFFF, 0x400]) * PAGE_SIZE;
            kind | distance | permissions(random) & 0xE02
        }
    }
}

/// Writes a list of pages that follow each other, with their entries as the window shows them.
fn write_list(list: u32, first: u32, pages: u32) {
    for index in 0..pages {
        let page = first.wrapping_add(index * PAGE_SIZE);
        let entry = UVPT + page / PAGE_SIZE * 4;
        for offset in 0..4 {
            let at = list.wrapping_add(index * 8 + offset);
            store(at, page.to_le_bytes()[offset as usize]);
            store(at.wrapping_add(4), load(entry + offset));
        }
    }
}

/// A selector: one of the table with each privilege level, or any.
fn selector(random: &mut Random) -> u32 {
    match random.below(4) {
        0 => random.next() & 0xFFFF,
        _ => (random.below(10) * 8) | random.below(8),
    }
}

/// Flags: VM, NT, TF, AC, DF, IOPL, RF and the arithmetic ones, each by its own random number.
fn flags(random: &mut Random) -> u32 {
    const INTERESTING: [u32; 9] =
        [1 << 17, 1 << 14, 1 << 8, 1 << 18, 1 << 10, 3 << 12, 1 << 16, 1 << 9, 1 << 21];
    let mut flags = 2 | (random.next() & 0x8D5);
    for flag in INTERESTING {
        if random.once_in(6) {
            flags |= flag;
        }
    }
    flags
}

/// Prints the action as a statement in C that uses the project's own header.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enter(Way::Interrupt(0x30), w) if w.esp == 0 && w.eflags == 0 => write!(
                f,
                "vitrine_trap(&(struct vitrine_trap){{.eax = {:#x}, .edx = {:#x}, .ecx = {:#x}, \
                 .ebx = {:#x}, .esi = {:#x}, .edi = {:#x}, .ebp = {:#x}}});",
                w.eax, w.edx, w.ecx, w.ebx, w.esi, w.edi, w.ebp
            ),
            Self::Enter(way, w) => write!(f, "/* {way:?} with {w:x?} */"),
            Self::Transact(first, w) => write!(
                f,
                "/* {} pages from {first:#x} on, as they are, to {:#x} */ {}",
                w.esi,
                w.ebx,
                Self::Enter(Way::Interrupt(0x30), *w)
            ),
            Self::Load(address) => write!(f, "(void)*(volatile unsigned char *){address:#x};"),
            Self::Store(address, value) => {
                write!(f, "*(volatile unsigned char *){address:#x} = {value:#x};")
            }
            Self::Rewrite(piece, which, number) => {
                write!(f, "/* code {piece} = {:02x?} */", ground::snippet(*which, *number))
            }
            Self::Run(piece, offset, registers) => {
                write!(f, "/* run code {piece} from byte {offset} with {registers:x?} */")
            }
            Self::Fork => write!(f, "/* fork: the child goes on with a stream of its own */"),
        }
    }
}
