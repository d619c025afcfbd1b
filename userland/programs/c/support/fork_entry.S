/* Where a forked child begins: in a stack frame that nothing changes while the parent builds the child.
 *
 * The child begins with the parent's registers as they were at the trap, but with its stack as it is when it is copied,
 * later. A C compiler may use a frame's words again in between; it does not know of this frame.
 */
#include <vitrine.h>

        .intel_syntax noprefix

/* int32_t fork_and(int32_t (*build)(uint32_t child))
   Returns 0 in the child; in the parent an error, or what `build` returned. */
        .text
        .global fork_and
fork_and:
        /* ebp, ebx, esi and edi belong to the caller: on the stack, the child finds them, too. */
        push    ebp
        push    ebx
        push    esi
        push    edi
        mov     eax, CALL_PROCESS_CREATE
        mov     ebx, 1
        int     TRAP_VECTOR
        test    eax, eax
        js      done
        mov     eax, ebx
        test    ebx, ebx
        jz      done
        /* The parent. 20 bytes are pushed so far; 8 more and the argument align the call. */
        sub     esp, 8
        push    ebx
        call    dword ptr [esp + 32]
        add     esp, 12
done:
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        ret

        .section .note.GNU-stack, "", @progbits
