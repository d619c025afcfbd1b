/* claims: checks the sentences of vitrine.h about errors and ends, one after the other.
 *
 * Each claim prints one line that ends with "yes" or "no". The exit status is 1 if one claim does not hold.
 */
#include "support/support.h"

VITRINE_ABOUT("what vitrine.h says of errors and ends, tried", "claims   (no arguments)");

#define PLACE 0x10000000          /* nothing is mapped here */
#define STALE 0x7000123           /* no process has this id */

static uint32_t broken;

static void claim(const char *what, int holds)
{
    print("%s: %s\n", what, holds ? "yes" : "no");
    broken += !holds;
}

/* Gives a new child a copy of every page, and starts it. */
static int32_t build(uint32_t child)
{
    VITRINE_FOR_EACH_PRESENT(page, 0, EXCEPTION_STACK)
    {
        int32_t result = vitrine_page_map(0, page, child, page, 0);
        if (result == 0 && VITRINE_TABLE_ENTRY(page) & ENTRY_WRITE)
            result = vitrine_page_copy(child, page, 0);
        if (result < 0)
            return result;
    }
    return vitrine_process_start(child) < 0 ? -ERROR_REFUSED : (int32_t)child;
}

static uint32_t fork(void)
{
    const int32_t child = fork_and(build);
    if (child < 0) {
        print("claims: fork: error %u\n", (uint32_t)-child);
        vitrine_exit(1);
    }
    return (uint32_t)child;
}

static uint32_t status_of(uint32_t id)
{
    return vitrine_process_facts(id)->status;
}

static void counts_of_failed_calls(void)
{
    uint32_t done = 77, other = 77;
    struct vitrine_found found;
    int zero = vitrine_range_allocate(STALE, PLACE, 16, 0, &done) == -ERROR_NO_SUCH_PROCESS;
    zero &= done == 0;
    zero &= vitrine_range_allocate(0, PLACE, 65, 0, &done) == -ERROR_INVALID_ARGUMENT && done == 0;
    zero &= vitrine_range_share(STALE, PLACE, 16, 0, PLACE, 0, 0, &done) < 0 && done == 0;
    zero &= vitrine_range_protect(STALE, PLACE, 16, 0, 0, &found) < 0 && found.walked == 0;
    zero &= vitrine_device_map(0xFEB00000, PLACE, 4, &done) == -ERROR_NOT_PERMITTED && done == 0;
    claim("a range call that fails before its first page stores 0", zero);
    const int stored = vitrine_page_unmap(STALE, PLACE, 0, &other) < 0 && other == 0;
    claim("what a call stores is 0 if it fails", stored);
}

static void lists(void)
{
    uint32_t marks = 77;
    vitrine_page_allocate(0, PLACE, PERMISSION_WRITE);
    const uint32_t entry = VITRINE_TABLE_ENTRY(PLACE);
    const struct vitrine_seen other[] = {{PLACE, entry ^ ENTRY_WRITE}, {PLACE, entry}};
    const struct vitrine_seen bad[] = {{PLACE + 4, entry}, {PLACE, entry}};
    const struct vitrine_seen good[] = {{PLACE, entry}, {PLACE + 4, entry}};
    int same = vitrine_transact(0, other, 2, LIST_UNMAP, 0, &marks) == -ERROR_BUSY && marks == 0;
    same &= vitrine_transact(0, bad, 2, LIST_UNMAP, 0, &marks) == -ERROR_INVALID_ARGUMENT;
    same &= vitrine_transact(STALE, good, 1, LIST_UNMAP, 0, &marks) == -ERROR_NO_SUCH_PROCESS;
    same &= vitrine_transact(0, good, LIST_LIMIT + 1, LIST_UNMAP, 0, &marks) ==
            -ERROR_INVALID_ARGUMENT;
    const struct vitrine_seen *const above = (const struct vitrine_seen *)(uintptr_t)USER_TOP;
    same &= vitrine_transact(0, above, 1, LIST_UNMAP, 0, &marks) == -ERROR_FAULT;
    same &= VITRINE_TABLE_ENTRY(PLACE) == entry;
    claim("a list whose first page does not fit changes nothing", same);
    const int one = vitrine_transact(0, good, 2, LIST_UNMAP, 0, &marks) == 1 &&
                    VITRINE_TABLE_ENTRY(PLACE) == 0;
    claim("a list is changed up to the first page that does not fit", one);
}

static void ends(void)
{
    struct vitrine_end end;
    uint32_t child = fork();
    if (child == 0) {
        vitrine_destroy(0, 0);
        vitrine_exit(1);
    }
    vitrine_wait(child, &end);
    claim("destroyed by itself: the reason is destroyed", end.reason == REASON_DESTROYED);

    child = fork();
    if (child == 0) {
        __asm__ volatile("ud2");
        vitrine_exit(1);
    }
    vitrine_wait(child, &end);
    claim("ended by an exception: status 128 and its number",
          end.status == 128 + 6 && end.reason == REASON_KILLED);

    const uint32_t words[4] = {0, 0, 0, 0};
    struct vitrine_message message;
    const int stale = vitrine_send(child, words, 0, 0) == -ERROR_NO_SUCH_PROCESS &&
                      vitrine_receive(child, 0, 0, &message) == -ERROR_NO_SUCH_PROCESS;
    claim("a peer that ended before the call is no such process", stale);

    child = fork();
    if (child == 0)
        vitrine_exit(3);
    while (status_of(child) != STATUS_DYING)
        vitrine_yield();
    struct vitrine_machine before, after;
    vitrine_machine(&before);
    vitrine_wait(child, &end);
    vitrine_machine(&after);
    claim("a process counts until it was waited for", before.processes == after.processes + 1);
    claim("there is no child to wait for", vitrine_wait(0, &end) == -ERROR_NO_CHILD);
}

static void circles(void)
{
    struct vitrine_identity identity;
    struct vitrine_end end;
    vitrine_identity(&identity);
    const uint32_t words[4] = {0, 0, 0, 0};
    if (fork() == 0)
        vitrine_exit(vitrine_send(identity.id, words, 0, 0) == -ERROR_DEADLOCK ? 0 : 1);
    const int32_t result = vitrine_wait(0, &end);
    claim("a wait for any and the only child's message are a circle",
          result == -ERROR_DEADLOCK || (result == 0 && end.status == 0));
    if (result < 0) {
        struct vitrine_message message;
        vitrine_receive(0, 0, 0, &message);
        vitrine_wait(0, &end);
    }
}

static void forwarded(void)
{
    const uint32_t child = fork();
    if (child == 0) {
        struct vitrine_identity identity;
        do
            vitrine_identity(&identity);
        while (identity.pager == 0);
        const int32_t refused = vitrine_fault_forward(0x12345678, 7, 0xDEAD);
        vitrine_exit(refused == -ERROR_REFUSED ? 9 : 1);
    }
    struct vitrine_message message = {.kind = MESSAGE_EXIT};
    vitrine_set_pager(child, (uint32_t)jos_getenvid());
    int forged = 0, came = 0;
    do {
        vitrine_receive(0, 0, 0, &message);
        forged |= message.kind == MESSAGE_FAULT && message.words[0] == 0x12345678;
        came |= message.kind == MESSAGE_FORWARDED && message.words[2] == 0xDEAD;
        if (message.kind == MESSAGE_FORWARDED || message.kind == MESSAGE_FAULT)
            vitrine_fault_reply_refuse(message.sender);
    } while (message.kind != MESSAGE_EXIT);
    claim("a fault that a handler passes on has a kind of its own", came && !forged);
    claim("refused, its handler is told and goes on", message.words[0] == 9);
}

static void jos(void)
{
    const int32_t native = vitrine_process_create(0);
    const int32_t blank = jos_exofork();
    if (blank == 0)
        vitrine_exit(0);
    const int freed = jos_env_destroy((uint32_t)native) == 0 &&
                      jos_env_destroy((uint32_t)blank) == 0 &&
                      status_of((uint32_t)native) == STATUS_FREE &&
                      status_of((uint32_t)blank) == STATUS_FREE;
    claim("env_destroy frees the slot of either child", freed);

    const uint32_t child = fork();
    if (child == 0) {
        vitrine_sleep(1);
        const int32_t grandchild = jos_exofork();
        vitrine_exit(grandchild == -ERROR_OUT_OF_PROCESSES ? 0 : 1);
    }
    struct vitrine_end end;
    vitrine_set_quota(child, 0, 1);
    vitrine_wait(child, &end);
    claim("exofork at a bound on processes finds no free one", end.status == 0);
}

int main(void)
{
    counts_of_failed_calls();
    lists();
    ends();
    circles();
    forwarded();
    jos();
    return broken != 0;
}
