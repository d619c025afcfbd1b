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
#
# A trap from virtual-8086 mode pushes gs fs ds es above ss: everything else lies 16 bytes lower, and the segments
# of that mode are no selectors. No processor lets ring 3 enter that mode, but QEMU's TCG takes EFLAGS.VM from the
# flags that ring 3's IRETD pops. So each stub tests VM in the pushed flags before it believes any other word of
# the frame, and before it pushes more than vector and error, for which there is room.

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

# On a stack with vector and error: goes away for good if the trap came from virtual-8086 mode.
    .macro refuse_virtual_8086
    test byte ptr [esp + 18], {virtual_8086} >> 16
    jnz from_virtual_8086
    .endm

# The rest of the register area, on a stack with vector and error; ds and es are those of a program. Then nothing of the process is in the CPU: take
# the kernel's segments, the direction that compiled code expects, this CPU's stack, and a frame pointer that
# ends every backtrace. What is called next does not return; it ends in `traps::leave`.
    .macro save_registers
    .byte 0x06              # push es
    .byte 0x1e              # push ds
    pushad
    enter_kernel
    .endm

    .macro enter_kernel flags_are_clear=0
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
    refuse_virtual_8086
    cmp word ptr [esp + 12], {user_code}
    jne kernel_entry
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
    refuse_virtual_8086
    save_registers
    call system_call
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
    call user_trap

# Stack: vector error eip cs eflags esp ss es ds fs gs, in the register area, which nobody will use again: the
# process ends. The CPU has set ds, es, fs and gs to 0.
    .balign 16
from_virtual_8086:
    mov ecx, [esp]          # vector
    enter_kernel
    push ecx
    call virtual_8086

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
# the kernel's; interrupts off, other flags the program's, but VM off: that it was set cannot be seen any more.
# So ds and es, which may be no selectors, are not saved: a program goes on with the flat ones that it began with.
# (IOPL may be that of virtual-8086 mode; `leave` clears it.) Builds the same register area as a trap.
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
    push {user_data}        # es
    push {user_data}        # ds
    pushad
    enter_kernel flags_are_clear=1
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

# The task of a non-maskable interrupt starts here, on the same stack as a double fault's, with its own tables.
    .balign 16
    .global nmi_entry
nmi_entry:
    xor ebp, ebp
    call non_maskable_interrupt
