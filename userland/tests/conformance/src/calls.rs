//! The fourteen calls of JOS's lab 5, by number. Each returns the value of `eax` afterwards.

use support::Registers;
use support::gate::interrupt;

/// Makes call `number` with arguments in `edx`, `ecx`, `ebx`, `edi`, `esi`.
pub fn call<const N: usize>(number: u32, arguments: [u32; N]) -> i32 {
    let argument = |index: usize| arguments.get(index).copied().unwrap_or(0);
    let registers = Registers {
        eax: number,
        edx: argument(0),
        ecx: argument(1),
        ebx: argument(2),
        edi: argument(3),
        esi: argument(4),
        ..Registers::default()
    };
    interrupt(registers).eax.cast_signed()
}

/// 0: prints.
pub fn cputs(address: u32, length: u32) -> i32 {
    call(0, [address, length])
}

/// 1: the next byte that was typed, or 0.
pub fn cgetc() -> i32 {
    call(1, [])
}

/// 2: the caller's id.
pub fn getenvid() -> u32 {
    call(2, []).cast_unsigned()
}

/// 3: ends a process.
pub fn env_destroy(env: u32) -> i32 {
    call(3, [env])
}

/// 4: maps a fresh page.
pub fn page_alloc(env: u32, va: u32, perm: u32) -> i32 {
    call(4, [env, va, perm])
}

/// 5: maps a page a second time: from `(env, va)` to `(env, va)`.
pub fn page_map(from: (u32, u32), to: (u32, u32), perm: u32) -> i32 {
    call(5, [from.0, from.1, to.0, to.1, perm])
}

/// 6: unmaps a page.
pub fn page_unmap(env: u32, va: u32) -> i32 {
    call(6, [env, va])
}

/// 7: makes a child, which begins at the instruction after the trap and has no memory, so that it
/// never returns from here.
pub fn exofork() -> i32 {
    call(7, [])
}

/// 8: 2 is runnable, 4 is not.
pub fn env_set_status(env: u32, status: u32) -> i32 {
    call(8, [env, status])
}

/// 9: sets the registers from the 68 bytes at `frame`.
pub fn env_set_trapframe(env: u32, frame: u32) -> i32 {
    call(9, [env, frame])
}

/// 10: sets the entry for page faults.
pub fn env_set_pgfault_upcall(env: u32, entry: u32) -> i32 {
    call(10, [env, entry])
}

/// 11: lets other processes run.
pub fn sys_yield() -> i32 {
    call(11, [])
}

/// 12: sends to a process that waits for a message.
pub fn ipc_try_send(env: u32, value: u32, va: u32, perm: u32) -> i32 {
    call(12, [env, value, va, perm])
}

/// 13: waits for a message.
pub fn ipc_recv(va: u32) -> i32 {
    call(13, [va])
}

/// Ends the process.
pub fn exit() -> ! {
    env_destroy(0);
    unreachable!("call 3 returned to the process that it ended")
}
