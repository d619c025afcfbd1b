/* ipc: a parent builds a process by hand, by JOS calls, and the two pass a page to and fro. */
#include "support/support.h"

VITRINE_ABOUT("a process built by hand in C gets a page", "ipc   (no arguments)");

#define STACK (USER_STACK_TOP - PAGE_SIZE)
#define PARENTS_PAGE 0x10000000
#define CHILDS_PAGE 0x20000000

#define READ_ONLY JOS_REQUIRED
#define WRITABLE (JOS_REQUIRED | ENTRY_WRITE)

/* Ends the program if a call failed; else returns the result of the call. */
static uint32_t demand(int32_t result, const char *what)
{
    if (result < 0) {
        print("ipc: %s: error %u\n", what, (uint32_t)-result);
        vitrine_exit(1);
    }
    return (uint32_t)result;
}

/* The caller's record in UENVS, which has its last message. */
static const volatile struct vitrine_process_facts *received(void)
{
    return vitrine_process_facts((uint32_t)jos_getenvid());
}

/* Sends a value and a page; yields until the receiver waits. */
static void send(uint32_t to, uint32_t value, uint32_t page, uint32_t permissions)
{
    int32_t result;
    while ((result = jos_ipc_try_send(to, value, page, permissions)) == -ERROR_NOT_RECEIVING)
        jos_yield();
    demand(result, "ipc_try_send");
}

/* Where the child begins: with a fresh stack, and no return address. */
static void be_the_child(void)
{
    demand(jos_ipc_recv(CHILDS_PAGE), "ipc_recv");
    const volatile struct vitrine_process_facts *facts = received();
    volatile uint32_t *word = (volatile uint32_t *)CHILDS_PAGE;
    print("child: value %u and a page at %x that holds %u\n", facts->value, CHILDS_PAGE, *word);
    print_entry("child", CHILDS_PAGE);
    *word += 1;
    send(facts->from, facts->value + 1, USER_TOP, 0);
    vitrine_exit(0);
}

/* Makes a process that shares this program, read-only, and has a stack of its own. */
static uint32_t make_child(void)
{
    const uint32_t child = demand(jos_exofork(), "exofork");
    VITRINE_FOR_EACH_PRESENT(page, PROGRAM_TEXT, PROGRAM_TEXT + TABLE_SPAN)
        demand(jos_page_map(0, page, child, page, READ_ONLY), "page_map");
    demand(jos_page_alloc(child, STACK, WRITABLE), "page_alloc");
    /* It would return from exofork, on a stack that it does not have: it is sent elsewhere. At the
       entry of a function, esp + 4 is a multiple of 16. */
    const struct jos_trapframe start = {.eip = (uint32_t)(uintptr_t)be_the_child,
                                        .esp = USER_STACK_TOP - 4};
    demand(jos_env_set_trapframe(child, &start), "env_set_trapframe");
    demand(jos_env_set_status(child, STATUS_RUNNABLE), "env_set_status");
    return child;
}

int main(void)
{
    const uint32_t child = make_child();
    volatile uint32_t *word = (volatile uint32_t *)PARENTS_PAGE;
    demand(jos_page_alloc(0, PARENTS_PAGE, WRITABLE), "page_alloc");
    *word = 41;

    send(child, 7, PARENTS_PAGE, WRITABLE);
    demand(jos_ipc_recv(USER_TOP), "ipc_recv");
    const volatile struct vitrine_process_facts *facts = received();
    print("parent: value %u from its child: %s; the page holds %u\n", facts->value,
          facts->from == child ? "yes" : "no", *word);
    print("a permission that JOS does not know is error %u\n",
          (uint32_t)-jos_page_alloc(0, PARENTS_PAGE, WRITABLE | ENTRY_SEALED));
    return 0;
}
