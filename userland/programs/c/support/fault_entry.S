/* The path of a fault from the kernel to the function in `fault_handler`, and back to the instruction that faulted. */

        .intel_syntax noprefix

/* From the kernel: esp is the address of a struct vitrine_fault on the exception stack, and all other registers,
   flags included, are those of the fault. They are in the record already, so nothing has to be saved. */
        .text
        .global fault_entry
fault_entry:
        /* C wants the direction flag clear, and esp + 4 a multiple of 16 at the entry of a function. ebx is C's to
           keep, so it remembers the record. */
        cld
        mov     ebx, esp
        and     esp, -16
        sub     esp, 12
        push    ebx
        call    dword ptr [fault_handler]
        mov     esp, ebx

        /* esp and eip can only be loaded together by a `ret` on the old stack, so eip goes into the word below its
           top: dead space of a program's stack, or the blank word under a nested record. This store may fault
           itself, when the stack is copy-on-write; then it is simply made again. */
        mov     eax, [esp + 48]
        sub     eax, 4
        mov     edx, [esp + 40]
        mov     [eax], edx
        mov     [esp + 48], eax

        /* Over address and access, then all general registers; over eip, by an instruction that leaves flags. */
        add     esp, 8
        popad
        lea     esp, [esp + 4]
        popfd
        pop     esp
        ret

/* The function that is called: void (*fault_handler)(struct vitrine_fault *). */
        .bss
        .global fault_handler
        .balign 4
fault_handler:
        .zero   4

        .section .note.GNU-stack, "", @progbits
