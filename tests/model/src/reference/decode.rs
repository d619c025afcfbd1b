//! How the registers of a call are read.

use super::state::{Buffer, E, R, Regs, SYSENTER, UTOP, bit};

/// The registers of a call, in the places of `kernel/abi/src/call.rs`.
#[derive(Clone, Copy, Debug)]
pub struct Raw {
    pub number: u32,
    pub bits: u32,
    pub process: u32,
    pub page: u32,
    pub w: [u32; 4],
    pub sysenter: bool,
}

impl Raw {
    pub fn of(r: &Regs) -> Self {
        let sysenter = r.trap == SYSENTER;
        let (process, page) = if sysenter { (r.edi, r.ebp) } else { (r.edx, r.ecx) };
        let w = if sysenter { [r.ebx, r.esi, r.ebp, 0] } else { [r.ebx, r.esi, r.edi, r.ebp] };
        Self { number: r.eax & 0xFF, bits: r.eax >> 8, process, page, w, sysenter }
    }

    pub fn target(&self) -> R<Option<u32>> {
        target(self.process)
    }

    pub fn id(&self) -> R<u32> {
        target(self.process)?.ok_or(E::NoSuchProcess)
    }

    pub fn page(&self) -> R<u32> {
        page(self.page)
    }

    pub fn permissions(&self) -> R<u32> {
        permissions(self.bits)
    }

    pub fn marks(&self) -> R<u32> {
        if self.bits & !bit::MARKS == 0 { Ok(self.bits) } else { Err(E::InvalidArgument) }
    }

    /// The page that goes with a message: sent with these permissions, and accepted.
    pub fn transfer(&self) -> R<Buffer> {
        const SEND: u32 = 1;
        const ACCEPT: u32 = 4;
        let mut buffer = Buffer { words: self.w, ..Buffer::default() };
        if self.bits == 0 {
            return Ok(buffer);
        }
        let chosen = permissions(self.bits & !(SEND | ACCEPT))?;
        if self.bits & SEND == 0 && self.bits != ACCEPT {
            return Err(E::InvalidArgument);
        }
        let page = self.page()?;
        buffer.sent = (self.bits & SEND != 0).then_some((page, chosen));
        buffer.accepts = (self.bits & ACCEPT != 0).then_some(page);
        Ok(buffer)
    }
}

/// 0 is the caller.
pub fn target(bits: u32) -> R<Option<u32>> {
    match bits {
        0 => Ok(None),
        0x8000_0000.. => Err(E::NoSuchProcess),
        _ => Ok(Some(bits)),
    }
}

/// The number of the user page at this address.
pub fn page(address: u32) -> R<u32> {
    if address.is_multiple_of(0x1000) && address < UTOP {
        Ok(address >> 12)
    } else {
        Err(E::InvalidArgument)
    }
}

pub fn permissions(bits: u32) -> R<u32> {
    if bits & !(bit::W | bit::MARKS) == 0 { Ok(bits) } else { Err(E::InvalidArgument) }
}

/// First page and length.
pub fn range(first: R<u32>, pages: u32) -> R<(u32, u32)> {
    let first = first?;
    let fits = (1..=1024).contains(&pages) && first + pages <= UTOP >> 12;
    if fits { Ok((first, pages)) } else { Err(E::InvalidArgument) }
}

pub fn flag(word: u32) -> R<bool> {
    if word < 2 { Ok(word == 1) } else { Err(E::InvalidArgument) }
}

pub fn at_most(word: u32, most: u32) -> R<u32> {
    if word <= most { Ok(word) } else { Err(E::InvalidArgument) }
}
