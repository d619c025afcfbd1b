/* fault: a program that handles its own page faults, by JOS calls, as JOS programs do.
 *
 * Its handler maps a page that is absent and copies a page that is read-only. At one address it first
 * touches another absent page itself: that fault is nested, and its record lies below the first.
 */
#include "support/support.h"

VITRINE_ABOUT("a C program that handles its own page faults", "fault   (no arguments)");

void *memcpy(void *to, const void *from, size_t length);

#define LAZY 0x10000000           /* absent until it is touched */
#define OTHER 0x10001000          /* absent until it is touched */
#define NESTED 0x10400000         /* absent; at a fault here, the handler touches ... */
#define INNER 0x10800000          /* ... this, which is absent, too */

#define READ_ONLY JOS_REQUIRED
#define WRITABLE (JOS_REQUIRED | ENTRY_WRITE)

/* Volatile, because the handler may run between any two instructions, also of the handler. */
static volatile uint32_t faults;
static const struct vitrine_fault *volatile outer;

static volatile char *byte_at(uint32_t address)
{
    return (volatile char *)address;
}

static const char *yes(int holds)
{
    return holds ? "yes" : "no";
}

/* Ends the program if a call failed. */
static void demand(int32_t result, const char *what)
{
    if (result >= 0)
        return;
    print("fault: %s: error %u\n", what, (uint32_t)-result);
    vitrine_exit(1);
}

static void tell(const struct vitrine_fault *fault)
{
    print("fault %u: a %s at %x, where the page is %s\n", ++faults,
          fault->access & ACCESS_WRITE ? "write" : "read", fault->address,
          fault->access & ACCESS_PROTECTION ? "read-only" : "absent");
}

/* The nested record and one blank word end at the handler's stack pointer at its fault. */
static void tell_of_nesting(const struct vitrine_fault *fault)
{
    const uint32_t end = vitrine_address(fault + 1);
    print("  it nests: its record is below the first: %s; one blank word lies above it: %s\n",
          yes(fault < outer), yes(fault->esp - end == sizeof(uint32_t)));
}

/* A read-only page cannot get its W back by a JOS call, so it is copied. */
static void copy(uint32_t page)
{
    demand(jos_page_alloc(0, HANDLER_SCRATCH, WRITABLE), "page_alloc");
    memcpy((void *)HANDLER_SCRATCH, (const void *)page, PAGE_SIZE);
    demand(jos_page_map(0, HANDLER_SCRATCH, 0, page, WRITABLE), "page_map");
    demand(jos_page_unmap(0, HANDLER_SCRATCH), "page_unmap");
}

static void handle(struct vitrine_fault *fault)
{
    const uint32_t page = fault->address & ~(uint32_t)(PAGE_SIZE - 1);
    tell(fault);
    if (outer)
        tell_of_nesting(fault);
    if (page == NESTED) {
        outer = fault;
        *byte_at(INNER) = 'i';
        outer = NULL;
    }
    if (fault->access & ACCESS_PROTECTION)
        copy(page);
    else
        demand(jos_page_alloc(0, page, WRITABLE), "page_alloc");
}

/* Faults with a known value in each register that a program may use, and with the carry and the
   direction flag set. Says whether all of them are the same when the handler has returned. */
static int registers_survive(uint32_t address)
{
    uint32_t eax = 0xA, ebx = 0xB, ecx = 0xC, edx = 0xD, esi = 0xE, edi = address, flags;
    __asm__ volatile("std\n\t"
                     "stc\n\t"
                     "movb $'r', (%%edi)\n\t"
                     "pushfl\n\t"
                     "cld\n\t"
                     "popl %6\n\t"
                     : "+a"(eax), "+b"(ebx), "+c"(ecx), "+d"(edx), "+S"(esi), "+D"(edi), "=m"(flags)
                     :
                     : "memory", "cc");
    const uint32_t carry_and_direction = 0x401;
    return eax == 0xA && ebx == 0xB && ecx == 0xC && edx == 0xD && esi == 0xE && edi == address &&
           (flags & carry_and_direction) == carry_and_direction && *byte_at(address) == 'r';
}

int main(void)
{
    fault_handler = handle;
    demand(jos_page_alloc(0, EXCEPTION_STACK, WRITABLE), "page_alloc");
    demand(jos_env_set_pgfault_upcall(0, fault_entry), "set_pgfault_upcall");

    print_entry("before", LAZY);
    print("an absent page reads as %u\n", (uint32_t)*byte_at(LAZY));
    print_entry("after the read", LAZY);
    *byte_at(LAZY) = 'w';
    print_entry("after a write, which did not fault", LAZY);

    demand(jos_page_map(0, LAZY, 0, LAZY, READ_ONLY), "page_map");
    *byte_at(LAZY + 1) = 'x';
    print_entry("copied", LAZY);
    print("what was there before is there still: %s\n", yes(*byte_at(LAZY) == 'w'));

    *byte_at(NESTED) = 'n';
    const int both = *byte_at(NESTED) == 'n' && *byte_at(INNER) == 'i';
    print("both have what was written: %s\n", yes(both));
    print("registers and flags survive a fault: %s\n", yes(registers_survive(OTHER)));
    print("%u faults\n", faults);
    return 0;
}
