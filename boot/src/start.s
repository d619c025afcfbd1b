# The first instructions: from the loader's flat protected mode to `kernel_main` in the higher half.

# Multiboot 1 header (Multiboot Specification 0.6.96, 3.1). Flags: bit 0 modules on page boundaries,
# bit 1 memory information wanted. The addresses come from the ELF headers.
    .section .multiboot, "a"
    .balign 4
    .long 0x1BADB002
    .long 0x00000003
    .long -(0x1BADB002 + 0x00000003)

# The three tables that the first instructions fill, and the stack of the boot. All zero at entry:
# the loader clears the memory that the file has no bytes for.
    .section .bss.boot, "aw", @nobits
    .balign 4096
    .global boot_directory
boot_directory:
    .skip 4096
    .global image_table
image_table:
    .skip 4096
    .global slots_table
slots_table:
    .skip 4096
    .global boot_stack_guard
boot_stack_guard:
    .skip 4096
    .skip 32768
boot_stack_end:

# The features of the CPU that the kernel and its programs use: bits of edx that CPUID gives for eax
# = 1 (Intel SDM vol. 2A, CPUID), and their names. The names have a fixed room, so that an entry is
# 32 bytes. This is the only such list.
    .macro feature bit, name
    .long 1 << \bit
    .asciz "\name"
    .balign 32
    .endm

    .section .text.start, "ax"
    .balign 32
no_cpuid:
    feature 0, "CPUID"
needed:
    feature 15, "CMOV"
    feature 8, "CMPXCHG8B"
    feature 4, "time-stamp counter"
    feature 24, "FXSAVE"
    feature 25, "SSE"
needed_end:

cannot_boot_text:
    .asciz "cannot boot: the CPU has no "
status_text:
    .asciz "\nexit status 1\n"

# Entry, linked at its physical address. eax: the loader's magic; ebx: physical address of its
# information. No stack, interrupts off, paging off: every address of the image needs the kernel
# base taken off. The CPU may be any since the 80386, so this part uses only the 80386's
# instructions until the CPU's features are checked.
    .global start
start:
    mov ebp, eax
    cld
    # The boot's stack, by its physical address; the higher half starts it anew.
    lea esp, [boot_stack_end - {base}]

    # A CPU has CPUID if bit 21 of EFLAGS can be changed (Intel SDM vol. 1, 3.4.3.3).
    lea esi, [no_cpuid]
    pushfd
    pop eax
    mov ecx, eax
    xor eax, 0x00200000
    push eax
    popfd
    pushfd
    pop eax
    xor eax, ecx
    test eax, 0x00200000
    jz cannot_boot

    # CPUID changes ebx.
    mov edi, ebx
    mov eax, 1
    cpuid
    mov ebx, edi
    lea esi, [needed]
check_feature:
    test edx, [esi]
    jz cannot_boot
    add esi, 32
    cmp esi, offset needed_end
    jb check_feature

    # The time-stamp counter says how long the boot takes (its low half is enough); the kernel
    # reports it.
    rdtsc
    mov esi, eax

    # The image table maps the first 4 MiB of memory, present and writable; the kernel refines it
    # later.
    lea edi, [image_table - {base}]
    mov eax, 0x003
    mov ecx, 1024
1:  stosd
    add eax, 0x1000
    loop 1b

    # Four directory entries: the identity map (until the kernel drops it), the higher half, the
    # frame slots, and the self map.
    lea edi, [boot_directory - {base}]
    lea eax, [image_table - {base} + 0x003]
    mov [edi], eax
    mov [edi + {image}], eax
    lea eax, [slots_table - {base} + 0x003]
    mov [edi + {slots}], eax
    lea eax, [edi + 0x003]
    mov [edi + {own}], eax
    mov cr3, edi

    # CR0: paging, write protection for ring 0 as well, native FPU errors, and the FPU's presence
    # (PG WP NE ET MP PE; Intel SDM vol. 3A, 2.5).
    mov eax, 0x80010033
    mov cr0, eax
    lea eax, [higher_half]
    jmp eax

# In the higher half, where all other code is linked. ebp: magic; ebx: information; esi: the counter
# at entry; no stack yet.
    .section .text.higher_half, "ax"
higher_half:
    lea esp, [boot_stack_end]
    push esi
    push ebx
    push ebp
    xor ebp, ebp
    call kernel_main

# The CPU lacks a feature: prints that in the form of the kernel's other refusals and turns the
# machine off. # esi: the entry of the list; paging off, the boot's stack by its physical address.
# In case the serial port does not answer either, the value for the exit port is kept in bl.
    .section .text.start, "ax"
cannot_boot:
    mov bl, {clean}
    # 115,200 baud, 8 bits, no parity; the line control register must give back what was written.
    mov dx, 0x3FB
    mov al, 0x80
    out dx, al
    mov dx, 0x3F9
    xor eax, eax
    out dx, al
    mov dx, 0x3F8
    mov al, 1
    out dx, al
    mov dx, 0x3FB
    mov al, 3
    out dx, al
    in al, dx
    cmp al, 3
    je port_answers
    mov bl, {silent_failure}
port_answers:
    lea edi, [esi + 4]
    lea esi, [cannot_boot_text]
    call print
    mov esi, edi
    call print
    lea esi, [status_text]
    call print
    # Bit 6 of the line status: the port has sent everything.
    mov ah, 0x40
    call wait_for_port
    mov al, bl
    out {exit_port}, al
stop:
    cli
    hlt
    jmp stop

# Prints from esi to a zero byte. Changes eax, ecx, edx, esi.
print:
    # Bit 5: the port can take a byte.
    mov ah, 0x20
    call wait_for_port
    lodsb
    test al, al
    jz printed
    mov dx, 0x3F8
    out dx, al
    jmp print
printed:
    ret

# Waits for a bit of the line status that ah names, for a limited number of polls. Changes al, ecx,
# edx.
wait_for_port:
    mov dx, 0x3FD
    mov ecx, 0x01000000
poll:
    in al, dx
    test al, ah
    jnz polled
    dec ecx
    jnz poll
polled:
    ret
