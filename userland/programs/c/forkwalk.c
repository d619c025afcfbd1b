/* forkwalk: a fork is a program. Parent and child watch one page through their own windows while
 * copy-on-write gives each of them its own frame.
 */
#include "support/support.h"

VITRINE_ABOUT("a fork in C, and what it does to one page", "forkwalk   (no arguments)");

/* The address of the page. Nothing else is near it. */
#define PAGE 0x10000000

static volatile char *const byte = (volatile char *)PAGE;

/* Ends the program if a call failed. */
static void demand(int32_t result, const char *what)
{
    if (result >= 0)
        return;
    print("forkwalk: %s: error %u\n", what, (uint32_t)-result);
    vitrine_exit(1);
}

/* Handles a write to a page that fork has shared: copies the page or, if this process is its last
 * owner, adds W. */
static void copy_on_write(struct vitrine_fault *fault)
{
    const uint32_t page = fault->address & ~(uint32_t)(PAGE_SIZE - 1);
    const uint32_t entry = vitrine_entry_of(page);
    if (!(fault->access & ACCESS_WRITE) || !(entry & ENTRY_COPY_ON_WRITE)) {
        print("forkwalk: nobody mends a fault at %x by %x\n", fault->address, fault->eip);
        vitrine_exit(1);
    }
    demand(vitrine_page_copy(0, page, entry & (ENTRY_PAGER | ENTRY_SHARED)), "page_copy");
}

/* Gives the child every page of the parent: what may be written loses W on both sides and gets the
   mark, the rest is shared as it is. The exception stack is each process's own. The child stays
   stopped, so that the parent can look first. */
static int32_t build(uint32_t child)
{
    VITRINE_FOR_EACH_PRESENT(page, 0, USER_TOP) {
        const uint32_t entry = VITRINE_TABLE_ENTRY(page);
        const int copy = (entry & (ENTRY_WRITE | ENTRY_COPY_ON_WRITE)) && !(entry & ENTRY_SHARED);
        const uint32_t drop = copy ? PERMISSION_WRITE | SHARE_BOTH : 0;
        const uint32_t add = copy ? PERMISSION_COPY_ON_WRITE : 0;
        uint32_t walked;
        if (page != EXCEPTION_STACK)
            demand(vitrine_range_share(0, page, 1, child, page, drop, add, &walked), "range_share");
    }
    demand(vitrine_page_allocate(child, EXCEPTION_STACK, PERMISSION_WRITE), "page_allocate");
    demand(vitrine_set_handler(child, fault_entry), "set_handler");
    return (int32_t)child;
}

static void be_the_child(void)
{
    print_entry("child, before it writes", PAGE);
    const char seen = *byte;
    *byte = 'c';
    print_entry("child, after it has written", PAGE);
    vitrine_exit(seen == 'p' && *byte == 'c' ? 0 : 1);
}

int main(void)
{
    fault_handler = copy_on_write;
    demand(vitrine_page_allocate(0, EXCEPTION_STACK, PERMISSION_WRITE), "page_allocate");
    demand(vitrine_set_handler(0, fault_entry), "set_handler");

    demand(vitrine_page_allocate(0, PAGE, PERMISSION_WRITE), "page_allocate");
    print_entry("before it is touched", PAGE);
    *byte = 'p';
    print_entry("before the fork", PAGE);

    const int32_t child = fork_and(build);
    demand(child, "fork");
    if (child == 0)
        be_the_child();

    print_entry("parent, after the fork", PAGE);
    demand(vitrine_process_start((uint32_t)child), "process_start");
    struct vitrine_end end;
    demand(vitrine_wait((uint32_t)child, &end), "wait");
    print("the child saw the parent's byte, then its own: %s\n", end.status == 0 ? "yes" : "no");
    print_entry("parent, alone again", PAGE);
    const char kept = *byte;
    *byte = 'P';
    print_entry("parent, after it has written", PAGE);
    print("the parent kept its byte: %s\n", kept == 'p' && *byte == 'P' ? "yes" : "no");
    return 0;
}
