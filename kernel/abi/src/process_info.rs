//! The tables that every process can read: UENVS (processes) and UPAGES (frames), in JOS's layout.

use crate::layout::{PROCESSES, UENVS, UPAGES};

/// One record of UENVS: 124 bytes, JOS's `struct Env` as of 2012 to 2018.
///
/// Saved registers and directory always read 0. Only JOS calls fill the handler and the `ipc_*`
/// fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct ProcessInfo {
    /// The saved registers in JOS; zero here.
    pub registers: [u32; 17],
    /// JOS's free-list link: zero here.
    pub link: u32,
    /// The process id; in a free slot, that of the last process.
    pub id: u32,
    /// The parent's id, or 0.
    pub parent: u32,
    /// [`KIND_USER`] or [`KIND_FILE_SERVER`].
    pub kind: u32,
    /// A [`Status`].
    pub status: u32,
    /// How many times the process was switched to.
    pub runs: u32,
    /// The CPU it last ran on: 0, for there is one.
    pub cpu: u32,
    /// The directory in JOS; zero here.
    pub directory: u32,
    /// The handler that JOS call 10 set, which JOS programs give to their children; 0 after a
    /// native call.
    pub handler: u32,
    /// JOS message: 1 while blocked in a receive.
    pub receiving: u32,
    /// JOS message: where a page is wanted.
    pub receive_page: u32,
    /// JOS message: the value.
    pub value: u32,
    /// JOS message: the sender's id.
    pub from: u32,
    /// JOS message: permissions of the page that came, or 0.
    pub permissions: u32,
}

/// The kind of an ordinary process.
pub const KIND_USER: u32 = 0;
/// The kind by which JOS programs find their file server.
pub const KIND_FILE_SERVER: u32 = 1;

impl ProcessInfo {
    /// An unused slot.
    pub const FREE: Self = Self {
        registers: [0; 17],
        link: 0,
        id: 0,
        parent: 0,
        kind: KIND_USER,
        status: Status::Free as u32,
        runs: 0,
        cpu: 0,
        directory: 0,
        handler: 0,
        receiving: 0,
        receive_page: 0,
        value: 0,
        from: 0,
        permissions: 0,
    };

    /// Where the record of slot `index` (`0..1024`) can be read.
    #[must_use]
    pub const fn address(index: u32) -> u32 {
        UENVS + (index % PROCESSES) * size_of::<Self>() as u32
    }
}

/// The state of a process in UENVS: JOS's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Status {
    /// No process.
    Free = 0,
    /// Ended; its memory is being taken down, or its parent has yet to wait.
    Dying = 1,
    /// Ready to run.
    Runnable = 2,
    /// On a CPU.
    Running = 3,
    /// Blocked or stopped.
    NotRunnable = 4,
}

/// One record of UPAGES: JOS's `struct PageInfo`, 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct FrameRecord {
    /// The kernel's free-stack link; without meaning to programs.
    pub link: u32,
    /// How many mappings the frame has. JOS programs read its low 16 bits.
    pub count: u32,
}

impl FrameRecord {
    /// Where the record of frame `number` can be read, if UPAGES reaches that far.
    #[must_use]
    pub const fn address(number: u32) -> Option<u32> {
        if number < crate::layout::PUBLIC_FRAMES { Some(UPAGES + number * 8) } else { None }
    }
}

const _: () = {
    assert!(size_of::<ProcessInfo>() == 124);
    assert!(core::mem::offset_of!(ProcessInfo, id) == 72);
    assert!(core::mem::offset_of!(ProcessInfo, status) == 84);
    assert!(core::mem::offset_of!(ProcessInfo, receiving) == 104);
    assert!(core::mem::offset_of!(ProcessInfo, permissions) == 120);
    assert!(size_of::<FrameRecord>() == 8);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_records_of_processes_lie_in_uenvs_one_after_another() {
        for (index, address) in [(0, 0xEEC0_0000), (1, 0xEEC0_007C), (1023, 0xEEC1_EF84)] {
            assert_eq!(ProcessInfo::address(index), address, "{index}");
        }
        assert_eq!(ProcessInfo::address(1024), 0xEEC0_0000, "there are no more slots");
    }

    #[test]
    fn the_records_of_frames_below_2_gib_lie_in_upages() {
        for (number, address) in [(0, 0xEF00_0000), (3, 0xEF00_0018), (0x7_FFFF, 0xEF3F_FFF8)] {
            assert_eq!(FrameRecord::address(number), Some(address), "{number:#x}");
        }
        for number in [0x8_0000, 0x8_0001, 0xF_FFFF] {
            assert_eq!(FrameRecord::address(number), None, "{number:#x}");
        }
    }
}
