//! How a parent reads and sets what its child's registers hold.

use abi::process::Target;
use abi::registers::{FLAG_INTERRUPTS, FLAGS_PROGRAM, UserRegisters};
use abi::{Error, Registers};

use crate::hardware::Hardware;
use crate::kernel::Trap;
use crate::state::process::{Index, Process, State, Unfinished};
use crate::syscall::native::within_user;

impl<H: Hardware> Trap<'_, H> {
    /// Gives a child the registers and FPU state of the current process.
    pub(crate) fn copy_registers(&mut self, from: Index, child: Index) {
        self.kernel.processes[child].registers = self.kernel.processes[from].registers;
        self.cpu.hardware.save_fpu(&mut self.kernel.processes[child].fpu);
    }

    pub(crate) fn registers_read(
        &mut self,
        caller: Index,
        child: Target,
        address: u32,
    ) -> Result<(), Error> {
        let child = self.child(caller, child)?;
        if !self.touch_registers(caller, address, true)? {
            return Ok(());
        }
        let r = &self.kernel.processes[child].registers;
        let registers = UserRegisters {
            edi: r.edi,
            esi: r.esi,
            ebp: r.ebp,
            ebx: r.ebx,
            edx: r.edx,
            ecx: r.ecx,
            eax: r.eax,
            eip: r.eip,
            eflags: r.eflags,
            esp: r.esp,
        };
        for (index, word) in (0..).zip(registers.words()) {
            self.cpu.hardware.write_user(address + 4 * index, word);
        }
        self.succeed(caller)
    }

    pub(crate) fn registers_write(
        &mut self,
        caller: Index,
        child: Target,
        address: u32,
    ) -> Result<(), Error> {
        let child = self.child(caller, child)?;
        if self.kernel.processes[child].state != State::Ready {
            return Err(Error::Busy);
        }
        if !self.touch_registers(caller, address, false)? {
            return Ok(());
        }
        let words =
            core::array::from_fn(|index| self.cpu.hardware.read_user(address + 4 * index as u32));
        self.kernel.processes[child].set_registers(UserRegisters::from_words(words));
        self.succeed(caller)
    }

    /// Checks the caller's 40-byte buffer at `address`; `false` if the call restarts after a fault there.
    fn touch_registers(&mut self, caller: Index, address: u32, write: bool) -> Result<bool, Error> {
        let length = size_of::<UserRegisters>() as u32;
        self.touch_buffer(caller, (address, length), write)
    }

    /// Checks a buffer that is aligned to words, in the caller's space; `false` if the call restarts after a fault there.
    #[inline(always)]
    pub(crate) fn touch_buffer(
        &mut self,
        caller: Index,
        (address, length): (u32, u32),
        write: bool,
    ) -> Result<bool, Error> {
        if !address.is_multiple_of(4) {
            return Err(Error::InvalidArgument);
        }
        within_user(address, length)?;
        let space = self.space(caller);
        match self.memory().check_user(space, address, length, write) {
            Ok(()) => Ok(true),
            Err(fault) => {
                self.fault_of_call(caller, fault, write);
                Ok(false)
            }
        }
    }
}

impl Process {
    /// Sets what a parent may set; selectors and system flags stay the kernel's.
    pub(crate) fn set_registers(&mut self, new: UserRegisters) {
        let trap = self.registers.trap;
        // What it does next is not the rest of the call that it was in.
        self.unfinished = Unfinished::None;
        self.registers = Registers {
            edi: new.edi,
            esi: new.esi,
            ebp: new.ebp,
            ebx: new.ebx,
            edx: new.edx,
            ecx: new.ecx,
            eax: new.eax,
            eflags: new.eflags & FLAGS_PROGRAM | FLAG_INTERRUPTS,
            trap,
            ..Registers::start(new.eip, new.esp)
        };
    }
}
