# How a trap reaches Rust and how a process goes on.
#
# A trap from ring 3 saves straight into the running process's slot: TSS.esp0 is the end of its
# `abi::Registers`, whose layout this file pushes from the top down:
#
#   pushed by the CPU    ss esp eflags cs eip [error]
#   pushed by the stub   [0 for no error] vector, es ds, eax ecx edx ebx (esp) ebp esi edi
#
# A trap from ring 0 pushes the same onto the kernel's own stack, without ss, esp and the segments. Interrupts
# are off from the gate on. `push ds` and its kin assemble to 16-bit pushes in this syntax: opcode bytes.

# One stub a vector. Stack at entry: [error] eip cs eflags [esp ss].
    .macro stub vector, has_error
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

# The rest of the register area, on a stack with vector and error. Then nothing of the process is in the CPU: take
# the kernel's segments, the direction that compiled code expects, this CPU's stack, and a frame pointer that
# ends every backtrace. What is called next does not return; it ends in `traps::leave`.
    .macro save_registers flags_are_clear=0
    .byte 0x06              # push es
    .byte 0x1e              # push ds
    pushad
    mov eax, {kernel_data}
    mov ds, eax
    mov es, eax
    .if \flags_are_clear == 0
    cld
    .endif
    mov esp, {stack}
    xor ebp, ebp
    .endm

    .section .rodata.stubs, "a"
    .balign 4
    .global trap_stubs
trap_stubs:

    .section .text.traps, "ax"
    stub 0, 0

# Vector 1, debug: `sysenter` does not clear TF, so a program can have this one raised at the first
# instruction of `sysenter_entry`, in ring 0, with esp at TSS.esp0 - 12. Everything else goes the common way.
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

    stub 2, 0
    stub 3, 0
    stub 4, 0
    stub 5, 0
    stub 6, 0
    stub 7, 0
    stub 8, 1
    stub 9, 0
    stub 10, 1
    stub 11, 1
    stub 12, 1
    stub 13, 1

# Vector 14, page fault: from a program by a way of its own, since that is the fault path.
    .balign 16
page_fault_stub:
    push 14
    test byte ptr [esp + 12], 3
    jz kernel_entry
    save_registers
    call page_fault
    .pushsection .rodata.stubs, "a"
    .long page_fault_stub
    .popsection

    stub 15, 0
    stub 16, 0
    stub 17, 1
    stub 18, 0
    stub 19, 0
    stub 20, 0
    stub 21, 1
    stub 22, 0
    stub 23, 0
    stub 24, 0
    stub 25, 0
    stub 26, 0
    stub 27, 0
    stub 28, 0
    stub 29, 1
    stub 30, 1
    stub 31, 0
    stub 32, 0
    stub 33, 0
    stub 34, 0
    stub 35, 0
    stub 36, 0
    stub 37, 0
    stub 38, 0
    stub 39, 0
    stub 40, 0
    stub 41, 0
    stub 42, 0
    stub 43, 0
    stub 44, 0
    stub 45, 0
    stub 46, 0
    stub 47, 0

# Vector 48, `int 0x30`: a call. The kernel makes none, so it comes from a program.
    .balign 16
call_stub:
    push 0
    push 48
    save_registers
    call system_call
    .pushsection .rodata.stubs, "a"
    .long call_stub
    .popsection

# Stack: vector error eip cs eflags [esp ss]. From which ring?
    .balign 16
trap_common:
    test byte ptr [esp + 12], 3
    jz kernel_entry
    save_registers
    call user_trap

# A trap from ring 0, on the kernel's own stack: an interrupt in the idle loop, or a bug.
    .balign 16
kernel_entry:
    pushad
    cld
    push esp
    call kernel_trap
    add esp, 4
    popad
    add esp, 8              # vector and error
    iretd

# A call by sysenter. edx: where to go on; ecx: the program's stack; esp: the address of TSS.esp0; cs and ss:
# the kernel's; interrupts off, other flags the program's. Builds the same register area as a trap.
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
    save_registers flags_are_clear=1
    call system_call_by_sysenter

# Stack: eip cs eflags, just below TSS.esp0, so eflags lie in the TSS's link field. Go on without TF, and with
# a link that names no task (a program's `iret` with NT set reads it).
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
