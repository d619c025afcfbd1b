# How a trap reaches Rust and how a process goes on.
#
# A trap from ring 3 saves straight into the running process's slot: TSS.esp0 is the end of its
# `abi::Registers`. This file and the CPU push them from the top down:
#
#   pushed by the CPU    ss esp eflags cs eip [error]
#   pushed by the stub   [0 for no error] vector, eax ecx edx ebx (esp) ebp esi edi
#
# A trap from ring 0 pushes the same onto the kernel's own stack, without ss and esp. Interrupts are
# off from the gate on.
#
# No segment register is saved: a program has no use for a selector but that of its flat data
# segment, which the kernel uses, too. Each entry loads ds and es with it, and each switch fs and gs
# (`Machine::set_register_area`), so no selector of one process reaches another.
#
# A trap from virtual-8086 mode pushes gs fs ds es above ss: everything else lies 16 bytes lower,
# and the segments of that mode are no selectors. No processor lets ring 3 enter that mode, but
# QEMU's TCG takes EFLAGS.VM from the flags that ring 3's IRETD pops. So each stub tests VM in the
# pushed flags before it believes any other word of the frame, and before it pushes more than vector
# and error, for which there is room.

# The stubs call the functions that `HANDLERS` in `traps.rs` holds at these offsets.

# One stub a vector. Stack at entry: [error] eip cs eflags [esp ss].
    .macro stub vector, has_error=0
    .balign 16
9:
    .if \has_error == 0
    push 0
    .endif
    push \vector
    jmp trap_common
    .pushsection .rodata.stubs, "a"
    .long 9b
    .popsection
    .endm

# On a stack with vector and error: jumps to `from_virtual_8086`, which does not come back, if the
# trap came from virtual-8086 mode.
    .macro refuse_virtual_8086
    test byte ptr [esp + 18], {vm} >> 16
    jnz from_virtual_8086
    .endm

# The rest of the register area, on a stack with vector and error; ds and es are those of a program.
# After that the process's registers are free: load flat data segments (a program's: ring 0 may use
# them, and the way back leaves them as they are), the direction that compiled code expects, and
# this CPU's stack. eax keeps the number of a call. The function that is called next does not
# return; it ends in `traps::leave`.
    .macro save_registers
    pushad
    enter_kernel
    .endm

    .macro enter_kernel flags_are_clear=0
    mov ecx, {user_data}
    mov ds, ecx
    mov es, ecx
    .if \flags_are_clear == 0
    cld
    .endif
    mov esp, {stack}
    .endm

    .section .text.traps, "ax"
    .pushsection .rodata.stubs, "a"
    .balign 4
    .global trap_stubs
trap_stubs:
    .popsection

    stub 0

# Vector 1, debug: `sysenter` does not clear TF, so a program can have this one raised at the first
# instruction of `sysenter_entry`, in ring 0, with esp at TSS.esp0 - 12. Everything else goes
# to the common stub.
    .balign 16
debug_stub:
    cmp dword ptr [esp], offset sysenter_entry
    jne 1f
    cmp word ptr [esp + 4], {kernel_code}
    je debug_at_sysenter
1:  push 0
    push 1
    jmp trap_common
    .pushsection .rodata.stubs, "a"
    .long debug_stub
    .popsection

    .irp vector, 2, 3, 4, 5, 6, 7
    stub \vector
    .endr
    stub 8, has_error=1
    stub 9
    .irp vector, 10, 11, 12, 13
    stub \vector, has_error=1
    .endr

# Vector 14, page fault: from a program it calls a function of its own, because it is frequent.
    .balign 16
page_fault_stub:
    push 14
    refuse_virtual_8086
    cmp word ptr [esp + 12], {user_code}
    jne kernel_entry
    save_registers
    call dword ptr [{handlers} + {page_fault}]
    .pushsection .rodata.stubs, "a"
    .long page_fault_stub
    .popsection

    stub 15
    stub 16
    stub 17, has_error=1
    .irp vector, 18, 19, 20
    stub \vector
    .endr
    stub 21, has_error=1
    .irp vector, 22, 23, 24, 25, 26, 27, 28
    stub \vector
    .endr
    stub 29, has_error=1
    stub 30, has_error=1
    .irp vector, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47
    stub \vector
    .endr

# Vector 48, `int 0x30`: a call. The kernel makes none, so it comes from a program.
    .balign 16
call_stub:
    push 0
    push 48
    refuse_virtual_8086
    save_registers
    movzx eax, al
    call dword ptr [{handlers} + {calls} + eax * 4]
    .pushsection .rodata.stubs, "a"
    .long call_stub
    .popsection

# Stack: vector error eip cs eflags [esp ss]. From which ring? A program has one code segment.
    .balign 16
trap_common:
    refuse_virtual_8086
    cmp word ptr [esp + 12], {user_code}
    jne kernel_entry
    save_registers
    call dword ptr [{handlers} + {user_trap}]

# Stack: vector error eip cs eflags esp ss es ds fs gs, in the register area, which is not used
# again: the process ends. The CPU has set ds, es, fs and gs to 0.
    .balign 16
from_virtual_8086:
    mov eax, [esp]          # vector
    enter_kernel
    push eax
    call dword ptr [{handlers} + {virtual_8086}]

# A trap from ring 0, on the kernel's own stack: an interrupt in the idle loop, or a bug.
    .balign 16
kernel_entry:
    pushad
    cld
    push esp
    call dword ptr [{handlers} + {kernel_trap}]
    add esp, 4
    popad
    add esp, 8              # vector and error
    iretd

# A call by sysenter. edx: where to go on; ecx: the program's stack; esp: the address of TSS.esp0;
# cs and ss: the kernel's; interrupts off, other flags the program's, but VM off: nobody can see any
# more whether it was set. (IOPL may be that of virtual-8086 mode; `leave` clears it.)
# Builds the same register area as a trap.
    .balign 16
    .global sysenter_entry
sysenter_entry:
    mov esp, [esp]
    push {user_data}        # ss
    push ecx                # esp
    pushfd                  # eflags, as a trap would have found them: interrupts were on
    or dword ptr [esp], 0x200
    push 2                  # TF, NT, DF and AC off
    popfd
    push {user_code}        # cs
    push edx                # eip
    push 0                  # error
    push {sysenter}         # trap
    pushad
    enter_kernel flags_are_clear=1
    movzx eax, al
    call dword ptr [{handlers} + {calls_by_sysenter} + eax * 4]

# Stack: eip cs eflags, just below TSS.esp0, so eflags lie in the TSS's link field. Go on without
# TF, and with a link that names no task (a program's `iret` with NT set reads it).
debug_at_sysenter:
    add esp, 8
    and dword ptr [esp], 0xFFFFFEFF
    popfd
    mov dword ptr [esp - 4], 0
    jmp sysenter_entry

# The double-fault task starts here, on its own stack, with its own tables: error code on the stack.
    .balign 16
    .global double_fault_entry
double_fault_entry:
    xor ebp, ebp
    call double_fault

# The task of a non-maskable interrupt starts here, on the same stack as a double fault's, with its
# own tables.
    .balign 16
    .global nmi_entry
nmi_entry:
    xor ebp, ebp
    call non_maskable_interrupt
