/* Which registers does each call of vitrine.h use? This program makes every call, on the host and
 * with arguments that can be told apart, and prints the registers and what came of the answer.
 * `calls.txt` holds what it has to print.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vitrine.h>

/* Ids, pages and words that all differ; a permission of each kind. */
#define PROCESS 0x1001
#define OTHER 0x1002
#define PAGE 0x10000000
#define OTHER_PAGE 0x20000000
#define BUFFER ((void *)0x30000000)
#define VIEW 0xE0
#define MARKS (PERMISSION_PAGER | PERMISSION_COPY_ON_WRITE)
#define ALL (MARKS | PERMISSION_WRITE | PERMISSION_SHARED)

/* A message's header: kind 3, with a page that came with W and the mark 0x400. */
#define HEADER 0x402103

static const uint32_t words[4] = {0xA0, 0xA1, 0xA2, 0xA3};
static const char *name;

/* Prints what a call sends and gives the same answer to all. */
int32_t vitrine_trap(struct vitrine_trap *call)
{
    printf("%.*s: %x %x %x %x %x %x %x ->", (int)strcspn(name, "("), name, call->eax, call->edx,
           call->ecx, call->ebx, call->esi, call->edi, call->ebp);
    if (call->eax == CALL_EXIT) {
        printf("\n");
        exit(0);
    }
    const uint32_t number = call->eax & 0xFF;
    const int receives = number == CALL_RECEIVE || number == CALL_CALL ||
                         number == CALL_REPLY_AND_RECEIVE ||
                         number == CALL_FAULT_REPLY_AND_RECEIVE;
    const struct vitrine_trap answer = {receives ? HEADER : 0, 0x1009, 0, 0xB0, 0xB1, 0xB2, 0xB3};
    *call = answer;
    return (int32_t)call->eax;
}

int32_t vitrine_trap_twice(uint32_t eax, uint32_t *word)
{
    struct vitrine_trap call = {.eax = eax, .ebx = *word};
    const int32_t result = vitrine_trap(&call);
    *word = call.ebx;
    return result;
}

/* Makes one call, then prints its result. */
#define TRY(call) (name = #call, printf(" %x", (uint32_t)(call)))

/* Prints the words of a record, and ends the line. */
static void record(const void *from, size_t length)
{
    const uint32_t *word = from;
    for (; length >= sizeof *word; length -= sizeof *word)
        printf(" %x", *word++);
    printf("\n");
}

static void end(void)
{
    record(NULL, 0);
}

static void pages(void)
{
    uint32_t word;
    struct vitrine_found found;
    const uint32_t change = LIST_MAP_BOTH | ALL | (OTHER_PAGE - PAGE);
    TRY(vitrine_page_allocate(PROCESS, PAGE, ALL)), end();
    TRY(vitrine_page_map(PROCESS, PAGE, OTHER, OTHER_PAGE, ALL)), end();
    TRY(vitrine_page_move(PROCESS, PAGE, OTHER, OTHER_PAGE, MARKS, &word)), record(&word, sizeof word);
    TRY(vitrine_page_unmap(PROCESS, PAGE, MARKS, &word)), record(&word, sizeof word);
    TRY(vitrine_page_protect(PROCESS, PAGE, MARKS, ALL, &word)), record(&word, sizeof word);
    TRY(vitrine_page_copy(PROCESS, PAGE, ALL)), end();
    TRY(vitrine_frame_references(0x123)), end();
    TRY(vitrine_range_share(PROCESS, PAGE, 7, OTHER, OTHER_PAGE, ALL | SHARE_BOTH, MARKS, &word));
    record(&word, sizeof word);
    TRY(vitrine_range_protect(PROCESS, PAGE, 7, MARKS, ALL, &found)), record(&found, sizeof found);
    TRY(vitrine_range_unmap(PROCESS, PAGE, 7, MARKS)), end();
    TRY(vitrine_range_allocate(PROCESS, PAGE, 7, ALL, &word)), record(&word, sizeof word);
    TRY(vitrine_transact(PROCESS, BUFFER, 100, change, MARKS, &word)), record(&word, sizeof word);
}

static void processes(void)
{
    struct vitrine_identity identity;
    struct vitrine_end ended;
    struct vitrine_usage usage;
    struct vitrine_machine machine;
    TRY(vitrine_identity(&identity)), record(&identity, sizeof identity);
    TRY(vitrine_process_create(1)), end();
    TRY(vitrine_process_start(PROCESS)), end();
    TRY(vitrine_process_stop(PROCESS)), end();
    TRY(vitrine_registers_read(PROCESS, BUFFER)), end();
    TRY(vitrine_registers_write(PROCESS, BUFFER)), end();
    TRY(vitrine_events_read(PROCESS, BUFFER, 256)), end();
    TRY(vitrine_wait(PROCESS, &ended)), record(&ended, sizeof ended);
    TRY(vitrine_destroy(PROCESS, 1)), end();
    TRY(vitrine_set_quota(PROCESS, 100, 10)), end();
    TRY(vitrine_usage(PROCESS, &usage)), record(&usage, sizeof usage);
    TRY(vitrine_machine(&machine)), record(&machine, sizeof machine);
}

static void faults(void)
{
    TRY(vitrine_set_handler(PROCESS, (void (*)(void))(uintptr_t)0x800020)), end();
    TRY(vitrine_set_pager(PROCESS, OTHER)), end();
    TRY(vitrine_accept_clients(1)), end();
    TRY(vitrine_accept_frame_requests(1)), end();
    TRY(vitrine_fault_forward(PAGE + 1, ACCESS_WRITE | ACCESS_USER, 0x800020)), end();
    TRY(vitrine_fault_reply_resume(PROCESS)), end();
    TRY(vitrine_fault_reply_map(PROCESS, PAGE, OTHER_PAGE, ALL)), end();
    TRY(vitrine_fault_reply_refuse(PROCESS)), end();
    TRY(vitrine_set_fault_timeout(PROCESS, 1000)), end();
    TRY(vitrine_clone(PROCESS)), end();
}

static void messages(void)
{
    struct vitrine_message message;
    const uint32_t both = OFFER_SEND | OFFER_ACCEPT | ALL;
    TRY(vitrine_send(PROCESS, words, PAGE, OFFER_SEND | ALL)), end();
    TRY(vitrine_receive(PROCESS, PAGE, OFFER_ACCEPT, &message)), record(&message, sizeof message);
    TRY(vitrine_call(PROCESS, words, PAGE, both, &message)), record(&message, sizeof message);
    TRY(vitrine_reply(PROCESS, words, 0, 0)), end();
    TRY(vitrine_reply_and_receive(PROCESS, words, PAGE, both, &message));
    record(&message, sizeof message);
    TRY(vitrine_fault_reply_and_receive(PROCESS, 1, PAGE, OTHER_PAGE, ALL, PAGE, &message));
    record(&message, sizeof message);
}

static void time_and_console(void)
{
    uint64_t microseconds;
    TRY(vitrine_clock(&microseconds));
    printf(" %llx\n", (unsigned long long)microseconds);
    TRY(vitrine_sleep(1000)), end();
    TRY(vitrine_yield()), end();
    TRY(vitrine_console_write(BUFFER, 80)), end();
    TRY(vitrine_console_read(BUFFER, 80)), end();
    TRY(vitrine_set_console_owner(1, PROCESS)), end();
    TRY(vitrine_view_attach(PROCESS, VIEW)), end();
    TRY(vitrine_view_detach(VIEW)), end();
}

static void drivers(void)
{
    uint32_t word;
    TRY(vitrine_driver_allow(PROCESS, 1)), end();
    TRY(vitrine_ports_allow(0xCF8, 8)), end();
    TRY(vitrine_device_map(0xFE000000, PAGE, 7, &word)), record(&word, sizeof word);
    TRY(vitrine_dma_allocate(PAGE, 7, &word)), record(&word, sizeof word);
    TRY(vitrine_dma_release(PAGE, 7)), end();
    TRY(vitrine_dma_reclaim(PROCESS)), end();
    TRY(vitrine_interrupt_attach(11)), end();
    TRY(vitrine_interrupt_acknowledge(11)), end();
}

static void jos(void)
{
    const uint32_t all = JOS_REQUIRED | ENTRY_WRITE | ENTRY_MARKS;
    TRY(jos_cputs(BUFFER, 80)), end();
    TRY(jos_cgetc()), end();
    TRY(jos_getenvid()), end();
    TRY(jos_env_destroy(PROCESS)), end();
    TRY(jos_page_alloc(PROCESS, PAGE, all)), end();
    TRY(jos_page_map(PROCESS, PAGE, OTHER, OTHER_PAGE, all)), end();
    TRY(jos_page_unmap(PROCESS, PAGE)), end();
    TRY(jos_exofork()), end();
    TRY(jos_env_set_status(PROCESS, STATUS_RUNNABLE)), end();
    TRY(jos_env_set_trapframe(PROCESS, BUFFER)), end();
    TRY(jos_env_set_pgfault_upcall(PROCESS, (void (*)(void))(uintptr_t)0x800020)), end();
    TRY(jos_yield()), end();
    TRY(jos_ipc_try_send(PROCESS, 42, PAGE, all)), end();
    TRY(jos_ipc_recv(PAGE)), end();
    TRY(jos_time_msec()), end();
}

int main(void)
{
    pages();
    processes();
    faults();
    messages();
    time_and_console();
    drivers();
    jos();
    name = "vitrine_exit";
    vitrine_exit(7);
}
