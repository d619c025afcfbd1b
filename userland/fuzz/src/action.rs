//! What a fuzzed process does in one step, chosen by a stream of numbers, and how it is written down in C.

use core::fmt;

use libsys::abi::layout::PROGRAM_TEXT;

use crate::boundary::{address, number, page, permissions};
use crate::cpu::{INSTRUCTIONS, SEGMENTS, Way, Wire, enter, load, store};
use crate::random::Random;

/// Ids that a process may name: the own family, the servers, and whoever judges.
#[derive(Clone, Copy)]
pub struct Names {
    /// This process.
    pub own: u32,
    /// Its children, newest first; 0 for none.
    pub children: [u32; 4],
    /// Its parent.
    pub parent: u32,
}

/// One step.
#[derive(Clone, Copy)]
pub enum Action {
    /// Enters the kernel.
    Enter(Way, Wire),
    /// Reads memory.
    Load(u32),
    /// Writes memory.
    Store(u32, u8),
    /// Makes a child that does the same.
    Fork,
}

/// The calls that may block for good.
const BLOCKING: [u32; 9] = [13, 48, 56, 59, 60, 61, 62, 64, 83];
/// Calls that write to the console or read from it: bytes of memory would end up in the output.
const CONSOLE: [u32; 3] = [0, 68, 69];
/// JOS's `exit` and the native one, and destroying oneself: rarer, for they end the actor.
const ENDING: [u32; 3] = [3, 47, 49];
/// How many native calls there are, from 32 on; a few more are tried.
const NATIVE: u32 = 56;

impl Action {
    /// Chooses a step.
    pub fn choose(random: &mut Random, names: &Names) -> Self {
        match random.below(100) {
            0..=69 => Self::call(random, names),
            70..=74 => Self::Load(address(random)),
            75..=82 => Self::Store(address(random), random.next() as u8),
            83..=85 => Self::Fork,
            _ => Self::trap(random),
        }
    }

    /// A call, with arguments of which most make sense.
    fn call(random: &mut Random, names: &Names) -> Self {
        let number_of_call = loop {
            let chosen = match random.below(16) {
                0..=2 => random.below(16),
                3 => random.below(256),
                _ => 32 + random.below(NATIVE),
            };
            let rare = (BLOCKING.contains(&chosen) && !random.once_in(6))
                || (ENDING.contains(&chosen) && !random.once_in(12));
            if !rare {
                break chosen;
            }
        };
        let word = |random: &mut Random| match random.below(4) {
            0 => names.pick(random),
            1 => page(random),
            2 => permissions(random),
            _ => number(random),
        };
        let mut wire = Wire {
            eax: number_of_call | permissions(random) << 8,
            edx: names.pick(random),
            ecx: page(random),
            ebx: word(random),
            esi: word(random),
            edi: word(random),
            ebp: word(random),
            ..Wire::default()
        };
        if random.once_in(3) {
            wire.eax &= 0xFF;
        }
        if random.once_in(4) {
            wire.ebx = 1 + random.below(70);
        }
        if CONSOLE.contains(&number_of_call) {
            // A length of 0, or an address where nothing can be read.
            (wire.ebx, wire.ecx, wire.esi) = (0xF000_0000 | wire.ebx, 0, 0);
            wire.edx = if random.once_in(2) { 0xEF80_0000 } else { wire.edx };
        }
        // An hour of sleep is as good as for ever.
        let way = match random.below(8) {
            0..=5 => Way::Interrupt(0x30),
            6 => Way::Sysenter,
            _ => Way::RawSysenter,
        };
        if way != Way::Interrupt(0x30) {
            (wire.edi, wire.ebp) = (wire.edx, wire.ecx);
        }
        if way == Way::RawSysenter {
            (wire.edx, wire.ecx) = (address(random), address(random));
        }
        if random.once_in(16) {
            wire.eflags = flags(random);
        }
        if random.once_in(24) {
            wire.esp = address(random);
        }
        Self::Enter(way, wire)
    }

    /// A trap that is no call.
    fn trap(random: &mut Random) -> Self {
        let mut wire = Wire {
            eax: selector(random),
            edx: 0x60,
            ecx: 0,
            ebx: address(random),
            esi: flags(random),
            edi: selector(random),
            eflags: if random.once_in(2) { flags(random) } else { 0 },
            ..Wire::default()
        };
        let way = match random.below(8) {
            0 | 1 => Way::Interrupt(random.next() as u8),
            2 => Way::Segment(random.next() as u8 % SEGMENTS),
            3 | 4 => {
                if random.once_in(2) {
                    wire.edi = 0x1B;
                }
                Way::Iret
            }
            5 => Way::Jump,
            _ => Way::Instruction(random.next() as u8 % INSTRUCTIONS),
        };
        wire.target = match random.below(3) {
            0 => address(random),
            // The middle of an instruction of this program, more often than not.
            _ => PROGRAM_TEXT + random.below(0x8000),
        };
        if random.once_in(6) {
            wire.esp = address(random);
        }
        Self::Enter(way, wire)
    }

    /// Does it. `Fork` is the caller's affair.
    pub fn perform(self) {
        match self {
            Self::Enter(way, wire) => {
                let _ = enter(way, wire);
            }
            Self::Load(address) => {
                let _ = core::hint::black_box(load(address));
            }
            Self::Store(address, value) => store(address, value),
            Self::Fork => {}
        }
    }
}

impl Names {
    fn pick(&self, random: &mut Random) -> u32 {
        match random.below(16) {
            0..=4 => 0,
            5 => self.own,
            6..=10 => random.pick(&self.children),
            11 => self.parent,
            12 => 0x1000 | random.below(4),
            13 => self.own ^ 0x1000,
            14 => 0x1000 * random.below(40) | random.below(1026),
            _ => number(random),
        }
    }
}

/// A selector: those of the table, each with each privilege level, or any.
fn selector(random: &mut Random) -> u32 {
    match random.below(4) {
        0 => random.next() & 0xFFFF,
        _ => random.below(10) * 8 | random.below(8),
    }
}

/// Flags: VM, NT, TF, AC, DF, IOPL, RF and the arithmetic ones, each by its own coin.
fn flags(random: &mut Random) -> u32 {
    const INTERESTING: [u32; 9] =
        [1 << 17, 1 << 14, 1 << 8, 1 << 18, 1 << 10, 3 << 12, 1 << 16, 1 << 9, 1 << 21];
    let mut flags = 2 | random.next() & 0x8D5;
    for flag in INTERESTING {
        if random.once_in(6) {
            flags |= flag;
        }
    }
    flags
}

/// As a statement in C, on the project's own header.
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
            Self::Load(address) => write!(f, "(void)*(volatile unsigned char *){address:#x};"),
            Self::Store(address, value) => {
                write!(f, "*(volatile unsigned char *){address:#x} = {value:#x};")
            }
            Self::Fork => write!(f, "/* fork: the child goes on with a stream of its own */"),
        }
    }
}
