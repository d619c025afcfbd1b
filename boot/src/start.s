# The first instructions: from the loader's flat protected mode to `kernel_main` in the higher half.

# Multiboot 1 header (Multiboot Specification 0.6.96, 3.1). Flags: bit 0 modules on page boundaries,
# bit 1 memory information wanted. The addresses come from the ELF headers.
    .section .multiboot, "a"
    .balign 4
    .long 0x1BADB002
    .long 0x00000003
    .long -(0x1BADB002 + 0x00000003)

# The three tables that exist before any code can make one, and the stack of the boot. All zero at entry:
# the loader clears what the file does not hold.
    .section .bss.boot, "aw", @nobits
    .balign 4096
    .global boot_directory
boot_directory:
    .skip 4096
    .global image_table
image_table:
    .skip 4096
    .global window_table
window_table:
    .skip 4096
    .global boot_stack_guard
boot_stack_guard:
    .skip 4096
    .skip 32768
boot_stack_end:

# Entry, linked at its physical address. eax: the loader's magic; ebx: physical address of its information.
# No stack, interrupts off, paging off: every address of the image needs the kernel base taken off.
    .section .text.start, "ax"
    .global start
start:
    mov ebp, eax
    # The time-stamp counter says how long the boot takes (its low half is enough); the kernel reports it.
    rdtsc
    mov esi, eax
    cld

    # The image table maps the first 4 MiB of memory, present and writable; the kernel refines it later.
    lea edi, [image_table - {base}]
    mov eax, 0x003
    mov ecx, 1024
1:  stosd
    add eax, 0x1000
    loop 1b

    # Four directory entries: the identity map (until the kernel drops it), the higher half, the windows,
    # and the self map.
    lea edi, [boot_directory - {base}]
    lea eax, [image_table - {base} + 0x003]
    mov [edi], eax
    mov [edi + {image}], eax
    lea eax, [window_table - {base} + 0x003]
    mov [edi + {windows}], eax
    lea eax, [edi + 0x003]
    mov [edi + {own}], eax
    mov cr3, edi

    # CR0: paging, write protection for ring 0 as well, native FPU errors, and the FPU's presence
    # (PG WP NE ET MP PE; Intel SDM vol. 3A, 2.5).
    mov eax, 0x80010033
    mov cr0, eax
    lea eax, [higher_half]
    jmp eax

# In the higher half, where the code runs that stays. ebp: magic; ebx: information; esi: the counter at entry;
# no stack yet.
    .section .text.higher_half, "ax"
higher_half:
    lea esp, [boot_stack_end]
    push esi
    push ebx
    push ebp
    xor ebp, ebp
    call kernel_main
