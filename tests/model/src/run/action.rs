//! One step: what a program or the machine does.

use std::fmt;

use abi::Syscall;
use abi::call::RawCall;

use crate::reference::state::Regs;

/// A page of a transaction's list: its address, and the entry that the program has seen.
pub type Seen = [u32; 2];

/// What happens next.
#[derive(Clone, Debug)]
pub enum Action {
    /// The program on the CPU makes a call with these registers; `trap` says by which instruction.
    Call(Regs),
    /// It writes a list to an address, where it may, and makes the call with these registers.
    CallWithList(u32, Vec<Seen>, Regs),
    /// It makes the call again to which the kernel has set it back.
    Again,
    /// It loads a word, or stores one.
    Access(u32, Option<u32>),
    /// It raises an exception.
    Exception(u32),
    /// It raises one in virtual-8086 mode.
    Virtual8086,
    /// Ten milliseconds pass.
    Tick,
    /// A byte is typed.
    Key(u8),
    /// A device raises its interrupt line.
    Line(u32),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(r) if r.trap == 0x30 && r.eax & 0xFF < 32 => {
                let Regs { eax, edx, ecx, ebx, edi, esi, .. } = r;
                write!(f, "JOS call {eax} ({edx:#x}, {ecx:#x}, {ebx:#x}, {edi:#x}, {esi:#x})")
            }
            Self::Call(r) => {
                let by = if r.trap == 0x30 { "" } else { " by sysenter" };
                let words = [r.ebx, r.esi, r.edi, r.ebp];
                let raw = RawCall { head: r.eax, process: r.edx, page: r.ecx, words };
                match Syscall::decode(&raw) {
                    Ok(call) if by.is_empty() => write!(f, "{call:x?}"),
                    _ => write!(f, "call {}{by} {r:x?}", r.eax & 0xFF),
                }
            }
            Self::CallWithList(address, list, regs) => {
                write!(f, "store {address:#010x} <- {list:x?}, {}", Self::Call(*regs))
            }
            Self::Access(address, None) => write!(f, "load {address:#010x}"),
            Self::Access(address, Some(value)) => write!(f, "store {address:#010x} <- {value:#x}"),
            other => write!(f, "{other:?}"),
        }
    }
}
