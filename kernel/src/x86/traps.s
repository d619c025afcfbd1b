# How a trap reaches Rust and how a process goes on.
#
# A trap from ring 3 saves straight into the running process's slot: TSS.esp0 is the end of its
# `abi::Registers`. This file and the CPU push them from the top down:
#
#   pushed by the CPU    ss esp eflags cs eip [error]
#   pushed by the stub   [0 for no error] vector, es ds, eax ecx edx ebx (esp) ebp esi edi
#
# A trap from ring 0 pushes the same onto the kernel's own stack, without ss, esp and the segments.
# Interrupts are off from the gate on. `push ds` and its kin assemble to 16-bit pushes in this
# syntax, so the opcode bytes stand here.
#
# A trap from virtual-8086 mode pushes gs fs ds es above ss: everything else lies 16 bytes lower,
# and the segments of that mode are no selectors. No processor lets ring 3 enter that mode, but
# QEMU's TCG takes EFLAGS.VM from the flags that ring 3's IRETD pops. So each stub tests VM in the
# pushed flags before it believes any other word of the frame, and before it pushes more than vector
# and error, for which there is room.

# There are two sets of entries: the ordinary one, and a second that calls functions which record
# events (`traced.rs`), for a boot with the word `trace`. The macro `entries` writes a set; `set` is
# what the names of its labels and functions begin with.

# One stub a vector. Stack at entry: [error] eip cs eflags [esp ss].
    .macro stub vector, has_error, set
    .balign 16
9:
    .if \has_error == 0
    push 0
    .endif
    push \vector
    jmp \set\()trap_common
    .pushsection .rodata.stubs, "a"
    .long 9b
    .popsection
    .endm

# On a stack with vector and error: jumps to `from_virtual_8086`, which does not come back, if the
# trap came from virtual-8086 mode.
    .macro refuse_virtual_8086 set
    test byte ptr [esp + 18], {virtual_8086} >> 16
    jnz \set\()from_virtual_8086
    .endm

# The rest of the register area, on a stack with vector and error; ds and es are those of a program.
# After that the process's registers are free: load the kernel's segments, the direction that
# compiled code expects, this CPU's stack, and a frame pointer that ends every backtrace. The
# function that is called next does not return; it ends in `traps::leave`.
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

    .macro entries set
    .pushsection .rodata.stubs, "a"
    .balign 4
    .global \set\()trap_stubs
\set\()trap_stubs:
    .popsection

    stub 0, 0, \set

# Vector 1, debug: `sysenter` does not clear TF, so a program can have this one raised at the first
# instruction of `\set\()sysenter_entry`, in ring 0, with esp at TSS.esp0 - 12. Everything else goes
# to the common stub.
    .balign 16
\set\()debug_stub:
    cmp dword ptr [esp], offset \set\()sysenter_entry
    jne 1f
    cmp word ptr [esp + 4], {kernel_code}
    je \set\()debug_at_sysenter
1:  push 0
    push 1
    jmp \set\()trap_common
    .pushsection .rodata.stubs, "a"
    .long \set\()debug_stub
    .popsection

    stub 2, 0, \set
    stub 3, 0, \set
    stub 4, 0, \set
    stub 5, 0, \set
    stub 6, 0, \set
    stub 7, 0, \set
    stub 8, 1, \set
    stub 9, 0, \set
    stub 10, 1, \set
    stub 11, 1, \set
    stub 12, 1, \set
    stub 13, 1, \set

# Vector 14, page fault: from a program it calls a function of its own, because it is frequent.
    .balign 16
\set\()page_fault_stub:
    push 14
    refuse_virtual_8086 \set
    cmp word ptr [esp + 12], {user_code}
    jne \set\()kernel_entry
    save_registers
    call \set\()page_fault
    .pushsection .rodata.stubs, "a"
    .long \set\()page_fault_stub
    .popsection

    stub 15, 0, \set
    stub 16, 0, \set
    stub 17, 1, \set
    stub 18, 0, \set
    stub 19, 0, \set
    stub 20, 0, \set
    stub 21, 1, \set
    stub 22, 0, \set
    stub 23, 0, \set
    stub 24, 0, \set
    stub 25, 0, \set
    stub 26, 0, \set
    stub 27, 0, \set
    stub 28, 0, \set
    stub 29, 1, \set
    stub 30, 1, \set
    stub 31, 0, \set
    stub 32, 0, \set
    stub 33, 0, \set
    stub 34, 0, \set
    stub 35, 0, \set
    stub 36, 0, \set
    stub 37, 0, \set
    stub 38, 0, \set
    stub 39, 0, \set
    stub 40, 0, \set
    stub 41, 0, \set
    stub 42, 0, \set
    stub 43, 0, \set
    stub 44, 0, \set
    stub 45, 0, \set
    stub 46, 0, \set
    stub 47, 0, \set

# Vector 48, `int 0x30`: a call. The kernel makes none, so it comes from a program.
    .balign 16
\set\()call_stub:
    push 0
    push 48
    refuse_virtual_8086 \set
    save_registers
    call \set\()system_call
    .pushsection .rodata.stubs, "a"
    .long \set\()call_stub
    .popsection

# Stack: vector error eip cs eflags [esp ss]. From which ring? A program has one code segment.
    .balign 16
\set\()trap_common:
    refuse_virtual_8086 \set
    cmp word ptr [esp + 12], {user_code}
    jne \set\()kernel_entry
    save_registers
    call \set\()user_trap

# Stack: vector error eip cs eflags esp ss es ds fs gs, in the register area, which is not used
# again: the process ends. The CPU has set ds, es, fs and gs to 0.
    .balign 16
\set\()from_virtual_8086:
    mov ecx, [esp]          # vector
    enter_kernel
    push ecx
    call \set\()virtual_8086

# A trap from ring 0, on the kernel's own stack: an interrupt in the idle loop, or a bug.
    .balign 16
\set\()kernel_entry:
    pushad
    cld
    push esp
    call \set\()kernel_trap
    add esp, 4
    popad
    add esp, 8              # vector and error
    iretd

# A call by sysenter. edx: where to go on; ecx: the program's stack; esp: the address of TSS.esp0;
# cs and ss: the kernel's; interrupts off, other flags the program's, but VM off: nobody can see any
# more whether it was set. So ds and es, which may be no selectors, are not saved: a program goes on
# with the flat ones that it began with. (IOPL may be that of virtual-8086 mode; `leave` clears it.)
# Builds the same register area as a trap.
    .balign 16
    .global \set\()sysenter_entry
\set\()sysenter_entry:
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
    call \set\()system_call_by_sysenter

# Stack: eip cs eflags, just below TSS.esp0, so eflags lie in the TSS's link field. Go on without
# TF, and with a link that names no task (a program's `iret` with NT set reads it).
\set\()debug_at_sysenter:
    add esp, 8
    and dword ptr [esp], 0xFFFFFEFF
    popfd
    mov dword ptr [esp - 4], 0
    jmp \set\()sysenter_entry
    .endm

    .section .text.traps, "ax"
    entries
    entries traced_

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
