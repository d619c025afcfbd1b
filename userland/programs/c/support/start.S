/* How a C program begins: from the first instruction to `begin(argc, argv)`, which calls `main`, and from
   there to its exit status. */
#include <vitrine.h>

        .intel_syntax noprefix

/* From the kernel or the parent: esp is USER_STACK_TOP if there are no arguments; else it points at argc, and argv
   is above that. All else is 0. A zero ebp ends backtraces. */
        .section .text._start, "ax", @progbits
        .global _start
_start:
        cmp     esp, USER_STACK_TOP
        jne     .Lhave_arguments
        push    0
        push    0
.Lhave_arguments:
        xor     ebp, ebp
        mov     eax, [esp]
        mov     edx, [esp + 4]
        /* At the entry of a function esp + 4 is a multiple of 16. */
        and     esp, -16
        sub     esp, 8
        push    edx
        push    eax
        call    begin
        mov     ebx, eax
        mov     eax, CALL_EXIT
        int     TRAP_VECTOR
        ud2

        .section .note.GNU-stack, "", @progbits
