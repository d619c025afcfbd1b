/* vitrine.h: all that a C program needs to know of Vitrine, with no library behind it.
 *
 * A process sees its own page tables as plain memory. The entry of the page at `address` is the
 * word
 *
 *     UVPT + 4 * (address / PAGE_SIZE)
 *
 * and calls change what that window shows. The parts of this file, in order:
 *
 *     1. the memory map          4. the window       7. native calls: vitrine_...
 *     2. what an entry says      5. records          8. JOS calls: jos_...
 *     3. the numbers of calls    6. the trap
 *
 * Parts 1 to 3 can be included from assembly as well; the rest is C11 for gcc or clang. The numbers
 * are written by `cargo xtask header` from `kernel/abi`.
 *
 * Addresses and process ids are plain `uint32_t`. Sizes are bytes; ranges are half-open. A call
 * returns 0 or more, or a negated ERROR_... number. Unless the call says otherwise, an error means
 * that nothing has changed, and what the call stores is 0. A call that stores how many pages it has
 * done stores that number with an error, too; it is 0 if the error came before the first page.
 */
#ifndef VITRINE_H
#define VITRINE_H

/* 1. THE MEMORY MAP */

#define PAGE_SIZE 0x1000          /* bytes of a page, and of a frame */
#define TABLE_SPAN 0x400000       /* bytes that one page table covers */
#define ENTRIES 1024              /* entries of a table, and of the directory */

#define SCRATCH 0x00400000        /* PDE 0x001: scratch pages for libraries */
#define HANDLER_SCRATCH 0x007FF000 /* PDE 0x001: scratch page for fault handlers */
#define PROGRAM_TEXT 0x00800000   /* PDE 0x002: program text; `_start` is at PROGRAM_TEXT + 0x20 */
#define BOOT_ARCHIVE 0x20000000   /* PDE 0x080: the boot archive, in init and the pager */
#define USER_STACK_TOP 0xEEBFE000 /* PDE 0x3BA: end of the stack, of which a program has one page */
#define EXCEPTION_STACK 0xEEBFF000 /* PDE 0x3BA: the page on which a fault handler runs */
#define EXCEPTION_STACK_TOP 0xEEC00000 /* PDE 0x3BB: the end of that page */
#define USER_TOP 0xEEC00000       /* PDE 0x3BB: end of what a process may map (JOS: UTOP) */

#define UENVS 0xEEC00000          /* PDE 0x3BB: a struct vitrine_process_facts for each slot */
#define UPAGES 0xEF000000         /* PDE 0x3BC: a struct vitrine_frame_record for each frame */
#define UVPT 0xEF400000           /* PDE 0x3BD: the window: all table entries, read-only */
#define UVPD 0xEF7BD000           /* PDE 0x3BD: the directory, seen through the window */
#define DEVICE_MEMORY 0xEF800000  /* PDE 0x3BE: from here on nothing can be read by programs */
#define KERNEL_BASE 0xF0000000    /* PDE 0x3C0: the kernel */

#define PROCESSES 1024            /* process slots, and records at UENVS */
#define PROCESS_FACTS_SIZE 124    /* bytes of a record at UENVS */
#define FRAME_RECORD_SIZE 8       /* bytes of a record at UPAGES */
#define PUBLIC_FRAMES 0x80000     /* records at UPAGES: the first 2 GiB of memory */

/* 2. WHAT AN ENTRY SAYS: a frame's address in bits 12 to 31, and these bits */

#define ENTRY_PRESENT 0x001       /* P: the entry names a frame */
#define ENTRY_WRITE 0x002         /* W: writes are allowed, if the directory entry agrees */
#define ENTRY_USER 0x004          /* U: programs may use it, if the directory entry agrees */
#define ENTRY_WRITE_THROUGH 0x008 /* PWT */
#define ENTRY_NO_CACHE 0x010      /* PCD */
#define ENTRY_ACCESSED 0x020      /* A: hardware sets it on use */
#define ENTRY_DIRTY 0x040         /* D: hardware sets it on a write (not in directory entries) */
#define ENTRY_LARGE 0x080         /* PS, in a directory entry: a 4 MiB page with no table below */
#define ENTRY_SEALED 0x100        /* the page came without W; only its last mapping gets W back */
#define ENTRY_PAGER 0x200        /* the pager's, see below; in the directory: a view of a client */
#define ENTRY_SHARED 0x400       /* a program's own: shared by fork; in the directory: shared */
#define ENTRY_COPY_ON_WRITE 0x800       /* a program's own: copy-on-write */
#define ENTRY_MARKS 0xE00         /* the three bits that hardware leaves to software */

/* SHARED and COPY_ON_WRITE mean nothing to the kernel. Nor does PAGER, as long as the process has no
   pager. In a process that has one, only the pager can set PAGER; every other call ignores the bit,
   and that is no error. On an absent entry PAGER says that the page is paged out: the pager gets the
   fault of an access, before any handler. On a present entry with ENTRY_DIRTY clear it says that the
   frame was not written since the pager set the mark. So the kernel drops it when the page moves or
   is mapped where it can be written, and when a call clears ENTRY_DIRTY. A pager may set the mark on
   a page of its own and move that into the client. */

/* What a native call takes as permissions: nothing but these. P and U go without saying. */
#define PERMISSION_WRITE 0x002
#define PERMISSION_PAGER 0x200
#define PERMISSION_SHARED 0x400
#define PERMISSION_COPY_ON_WRITE 0x800

/* What a JOS call takes as permissions: all of JOS_REQUIRED, and no bit outside JOS_KNOWN. */
#define JOS_REQUIRED 0x005
#define JOS_KNOWN 0xE07

/* How a page was touched when it faulted: the hardware's error code. */
#define ACCESS_PROTECTION 1       /* a right was missing; clear: the page was absent */
#define ACCESS_WRITE 2            /* the access was a write */
#define ACCESS_USER 4             /* the access came from the program */

/* Errors. JOS calls use 2 to 7 only. */
#define ERROR_NO_SUCH_PROCESS 2   /* the id is stale, or the caller has no authority over it */
#define ERROR_INVALID_ARGUMENT 3  /* unaligned, out of range, an unknown bit, an unknown call */
#define ERROR_OUT_OF_FRAMES 4     /* no frame is left for the page, or for a table that it needs */
#define ERROR_OUT_OF_PROCESSES 5  /* all process slots are taken */
#define ERROR_FAULT 6             /* a buffer does not lie below USER_TOP */
#define ERROR_NOT_RECEIVING 7     /* the receiver does not wait for a message now */
#define ERROR_NOT_MAPPED 32       /* nothing is mapped at the page */
#define ERROR_NOT_PERMITTED 33    /* W was asked for where the source lacks it; or a page lies in a
                                     view, or is a driver's own; or only a driver may ask */
#define ERROR_QUOTA_EXCEEDED 34   /* a quota of the process or of an ancestor is used up */
#define ERROR_DEADLOCK 35         /* waiting would close a cycle */
#define ERROR_NO_CHILD 36         /* there is no child that the caller may wait for */
#define ERROR_NOT_WAITING 37      /* the process waits for no answer of the caller's */
#define ERROR_BUSY 38             /* the change comes too late */
#define ERROR_REFUSED 39          /* the other process refused, or there is none */
#define ERROR_PEER_ENDED 40       /* the other side ended during the call */

/* 3. THE NUMBERS OF CALLS, for eax at `int $TRAP_VECTOR` */

#define TRAP_VECTOR 0x30

#define CALL_IDENTITY 32
#define CALL_PAGE_ALLOCATE 33
#define CALL_PAGE_MAP 34
#define CALL_PAGE_UNMAP 35
#define CALL_PAGE_COPY 36
#define CALL_FRAME_REFERENCES 37
#define CALL_RANGE_SHARE 38
#define CALL_RANGE_PROTECT 39
#define CALL_RANGE_UNMAP 40
#define CALL_RANGE_ALLOCATE 41
#define CALL_PROCESS_CREATE 42
#define CALL_PROCESS_START 43
#define CALL_PROCESS_STOP 44
#define CALL_REGISTERS_READ 45
#define CALL_REGISTERS_WRITE 46
#define CALL_EXIT 47
#define CALL_WAIT 48
#define CALL_DESTROY 49
#define CALL_SET_QUOTA 50
#define CALL_USAGE 51
#define CALL_MACHINE 52
#define CALL_SET_HANDLER 53
#define CALL_SET_PAGER 54
#define CALL_ACCEPT_CLIENTS 55
#define CALL_FAULT_FORWARD 56
#define CALL_FAULT_REPLY 57
#define CALL_SET_FAULT_TIMEOUT 58
#define CALL_CLONE 59
#define CALL_SEND 60
#define CALL_RECEIVE 61
#define CALL_CALL 62
#define CALL_REPLY 63
#define CALL_REPLY_AND_RECEIVE 64
#define CALL_CLOCK 65
#define CALL_SLEEP 66
#define CALL_YIELD 67
#define CALL_CONSOLE_WRITE 68
#define CALL_CONSOLE_READ 69
#define CALL_SET_CONSOLE_OWNER 70
#define CALL_PAGE_PROTECT 71
#define CALL_VIEW_ATTACH 72
#define CALL_VIEW_DETACH 73
#define CALL_DRIVER_ALLOW 74
#define CALL_PORTS_ALLOW 75
#define CALL_DEVICE_MAP 76
#define CALL_DMA_ALLOCATE 77
#define CALL_DMA_RELEASE 78
#define CALL_DMA_RECLAIM 79
#define CALL_INTERRUPT_ATTACH 80
#define CALL_INTERRUPT_ACKNOWLEDGE 81
#define CALL_PAGE_MOVE 82
#define CALL_FAULT_REPLY_AND_RECEIVE 83
#define CALL_ACCEPT_FRAME_REQUESTS 84
#define CALL_EVENTS_READ 85
#define CALL_TRANSACT 86

/* JOS's, as its labs 5 and 6 count them. */
#define JOS_CALL_CPUTS 0
#define JOS_CALL_CGETC 1
#define JOS_CALL_GETENVID 2
#define JOS_CALL_ENV_DESTROY 3
#define JOS_CALL_PAGE_ALLOC 4
#define JOS_CALL_PAGE_MAP 5
#define JOS_CALL_PAGE_UNMAP 6
#define JOS_CALL_EXOFORK 7
#define JOS_CALL_ENV_SET_STATUS 8
#define JOS_CALL_ENV_SET_TRAPFRAME 9
#define JOS_CALL_ENV_SET_PGFAULT_UPCALL 10
#define JOS_CALL_YIELD 11
#define JOS_CALL_IPC_TRY_SEND 12
#define JOS_CALL_IPC_RECV 13
#define JOS_CALL_TIME_MSEC 14

#ifndef __ASSEMBLER__

/* What the program says about itself, once in a program: one line for `help`, and how it is typed,
   such as VITRINE_ABOUT("how an address is translated", "walk ADDRESS [--slot SLOT]"). boot/program.ld puts
   it between these two symbols, and makes a segment of it, which the shell reads. */
#define VITRINE_ABOUT(summary, usage) \
    __attribute__((section(".vitrine.about"), used)) \
    static const char vitrine_about[] = summary "\n" usage
extern const char about_start[], about_end[];

#include <stddef.h>
#include <stdint.h>

/* 4. THE WINDOW: page tables by ordinary loads */

/* The entry of the page at `address`. A page fault if the directory entry above it is absent or
   lacks U: vitrine_entry_of looks first. */
#define VITRINE_TABLE_ENTRY(address) (((const volatile uint32_t *)UVPT)[(uint32_t)(address) >> 12])

/* The directory entry above the page at `address`. It can always be read. */
#define VITRINE_DIRECTORY_ENTRY(address) \
    (((const volatile uint32_t *)UVPD)[(uint32_t)(address) >> 22])

/* The number of the frame that an entry names. */
#define VITRINE_FRAME(entry) ((uint32_t)(entry) >> 12)

/* Is there a table above the page at `address` whose entries can be read? */
static inline int vitrine_has_table(uint32_t address)
{
    const uint32_t entry = VITRINE_DIRECTORY_ENTRY(address);
    const uint32_t readable = ENTRY_PRESENT | ENTRY_USER;
    return (entry & (readable | ENTRY_LARGE)) == readable;
}

/* The entry of the page at `address`; 0 if there is no table that could be read. */
static inline uint32_t vitrine_entry_of(uint32_t address)
{
    return vitrine_has_table(address) ? VITRINE_TABLE_ENTRY(address) : 0;
}

/* The first present page from `page` on, or `end` if there is none below `end`. Both are multiples
   of PAGE_SIZE. One load for each absent table, and not 1,024. */
static inline uint32_t vitrine_next_present(uint32_t page, uint32_t end)
{
    while (page < end) {
        if (!vitrine_has_table(page)) {
            /* Above the last table lies 4 GiB, which is 0 again. */
            const uint32_t next = (page / TABLE_SPAN + 1) * TABLE_SPAN;
            page = page < next && next < end ? next : end;
        } else if (VITRINE_TABLE_ENTRY(page) & ENTRY_PRESENT) {
            return page;
        } else {
            page += PAGE_SIZE;
        }
    }
    return end;
}

/* A loop over the present pages from `first` up to, but not with, `end`; `end` is below 4 GiB. */
#define VITRINE_FOR_EACH_PRESENT(page, first, end)                                  \
    for (uint32_t page = vitrine_next_present((first), (end)); page < (end);        \
         page = vitrine_next_present(page + PAGE_SIZE, (end)))

/* 5. RECORDS */

/* Statuses in UENVS. */
#define STATUS_FREE 0             /* no process */
#define STATUS_DYING 1            /* ended; its memory goes, or its parent has yet to wait */
#define STATUS_RUNNABLE 2
#define STATUS_RUNNING 3
#define STATUS_NOT_RUNNABLE 4     /* blocked or stopped */

/* Kinds in UENVS. */
#define KIND_USER 0
#define KIND_FILE_SERVER 1        /* by this, JOS programs find their file server */

/* Process info, which every process can read. Where JOS has saved registers, there are zeros. */
struct vitrine_process_facts {
    uint32_t registers[17];       /* 0 */
    uint32_t link;                /* 0 */
    uint32_t id;                  /* in a free slot: of the last process there */
    uint32_t parent;              /* 0 for none */
    uint32_t kind;                /* KIND_... */
    uint32_t status;              /* STATUS_... */
    uint32_t runs;                /* how many times it was switched to */
    uint32_t cpu;                 /* the CPU it last ran on */
    uint32_t directory;           /* 0 */
    uint32_t handler;             /* as JOS call 10 set it; 0 for a native one */
    uint32_t receiving;           /* JOS messages: 1 while it waits in jos_ipc_recv, else 0 */
    uint32_t receive_page;        /* JOS messages: where a page is wanted */
    uint32_t value;               /* JOS messages: the last value that came */
    uint32_t from;                /* JOS messages: the sender */
    uint32_t permissions;         /* JOS messages: of the page that came with it, or 0 */
};

/* The record of a process. A slot is used again: compare the id. */
static inline const volatile struct vitrine_process_facts *vitrine_process_facts(uint32_t id)
{
    return (const volatile struct vitrine_process_facts *)UENVS + id % PROCESSES;
}

/* The record of a frame, which every process can read. */
struct vitrine_frame_record {
    uint32_t link;                /* without meaning to programs */
    uint32_t count;               /* how many mappings the frame has, in all processes */
};

/* The record of a frame by its number, below PUBLIC_FRAMES. */
static inline const volatile struct vitrine_frame_record *vitrine_frame_record(uint32_t frame)
{
    return (const volatile struct vitrine_frame_record *)UPAGES + frame;
}

/* What a fault handler finds at esp. The handler's first instruction is entered with this record
 * on the exception stack and with every other register as it was at the fault. It goes back
 * without a call: it stores `eip` in the word below `esp`, loads all registers and eflags from the
 * record, then esp, then returns. If the fault came from the handler itself, the new record lies
 * below the old stack, one blank word between, which is that very word.
 * userland/programs/c/support/fault_entry.S does all this. */
struct vitrine_fault {
    uint32_t address;             /* what was touched (CR2) */
    uint32_t access;              /* ACCESS_... bits */
    uint32_t edi;                 /* the registers at the fault, in the order of `popal` */
    uint32_t esi;
    uint32_t ebp;
    uint32_t unused;
    uint32_t ebx;
    uint32_t edx;
    uint32_t ecx;
    uint32_t eax;
    uint32_t eip;                 /* the instruction that faulted */
    uint32_t eflags;
    uint32_t esp;
};

/* One event of a process, for vitrine_events_read. The kernel records events if the boot line has
   the word `trace`; docs/debugging.md says what the fields mean for each kind. */
struct vitrine_event {
    uint32_t process;
    uint32_t what;                /* from bit 0 on a byte each: kind, number, state, flags */
    uint32_t argument;
    uint32_t result;
};

#define EVENTS 256                /* that the kernel keeps, of all processes together */

#define EVENT_CALL 1              /* kinds */
#define EVENT_FAULT 2
#define EVENT_MESSAGE 3
#define EVENT_SWITCH 4
#define EVENT_INTERRUPT 5
#define EVENT_EXCEPTION 6
#define EVENT_ELSEWHERE 0xFE      /* in place of a state: the call is made again, or a handler runs */
#define EVENT_OPEN 0xFF           /* in place of a state: the kernel has not finished with it */

/* A child's registers, for vitrine_registers_read and vitrine_registers_write. */
struct vitrine_user_registers {
    uint32_t edi;
    uint32_t esi;
    uint32_t ebp;
    uint32_t ebx;
    uint32_t edx;
    uint32_t ecx;
    uint32_t eax;
    uint32_t eip;
    uint32_t eflags;
    uint32_t esp;
};

/* A child's registers, for jos_env_set_trapframe; what is unused here is the kernel's to decide. */
struct jos_trapframe {
    uint32_t edi;
    uint32_t esi;
    uint32_t ebp;
    uint32_t unused_esp;
    uint32_t ebx;
    uint32_t edx;
    uint32_t ecx;
    uint32_t eax;
    uint32_t unused_selectors[2];
    uint32_t unused_trap[2];
    uint32_t eip;
    uint32_t unused_cs;
    uint32_t eflags;
    uint32_t esp;
    uint32_t unused_ss;
};

_Static_assert(sizeof(struct vitrine_process_facts) == PROCESS_FACTS_SIZE, "a record at UENVS");
_Static_assert(sizeof(struct vitrine_frame_record) == FRAME_RECORD_SIZE, "a record at UPAGES");
_Static_assert(sizeof(struct vitrine_fault) == 52, "what the kernel pushes");
_Static_assert(sizeof(struct vitrine_event) == 16, "what the kernel stores");
_Static_assert(sizeof(struct vitrine_user_registers) == 40, "what the kernel stores and loads");
_Static_assert(sizeof(struct jos_trapframe) == 68, "what JOS calls a trap frame");

/* 6. THE TRAP: how a call enters the kernel */

/* The registers of a call, on the way in and on the way out.
 *
 *     register    native calls                                      JOS calls
 *     eax         number in bits 0 to 7, permissions from bit 8     number; result
 *                 on; result, or a message's header
 *     edx         process; sender of a message                      argument 1
 *     ecx         page                                              argument 2
 *     ebx         word 0                                            argument 3
 *     esi         word 1                                            argument 5
 *     edi         word 2                                            argument 4
 *     ebp         word 3                                            -
 */
struct vitrine_trap {
    uint32_t eax;
    uint32_t edx;
    uint32_t ecx;
    uint32_t ebx;
    uint32_t esi;
    uint32_t edi;
    uint32_t ebp;
};

#ifdef __i386__

/* Makes a call with all seven registers, and returns eax. (There is a faster way, `sysenter`, for
 * calls that need fewer; this one takes them all. Its edx must be the address of the instruction
 * behind `sysenter`: a call that restarts continues 2 bytes before that address.) */
static inline int32_t vitrine_trap(struct vitrine_trap *call)
{
    /* No register is left for `call`, so it is kept on the stack. A compiler may use ebp itself, and
       ebp cannot be declared as changed by an asm, so it is saved by hand. The kernel may
       restart a call at the trap instruction: nothing lies between loading and trapping. */
    __asm__ volatile("pushl %%ebp\n\t"
                     "pushl %%eax\n\t"
                     "movl 4(%%eax), %%edx\n\t"
                     "movl 8(%%eax), %%ecx\n\t"
                     "movl 12(%%eax), %%ebx\n\t"
                     "movl 16(%%eax), %%esi\n\t"
                     "movl 20(%%eax), %%edi\n\t"
                     "movl 24(%%eax), %%ebp\n\t"
                     "movl (%%eax), %%eax\n\t"
                     "int %1\n\t"
                     "xchgl %%eax, (%%esp)\n\t"
                     "movl %%edx, 4(%%eax)\n\t"
                     "movl %%ebx, 12(%%eax)\n\t"
                     "movl %%esi, 16(%%eax)\n\t"
                     "movl %%edi, 20(%%eax)\n\t"
                     "movl %%ebp, 24(%%eax)\n\t"
                     "popl (%%eax)\n\t"
                     "popl %%ebp"
                     : "+a"(call)
                     : "i"(TRAP_VECTOR)
                     : "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
    return (int32_t)call->eax;
}

/* Makes a call that returns a second time, in a child whose memory is copied later: it leaves
   nothing on the stack and is part of its caller. Returns eax; `word` is ebx, in and out. */
static inline __attribute__((always_inline)) int32_t vitrine_trap_twice(uint32_t eax,
                                                                        uint32_t *word)
{
    uint32_t ebx = *word;
    __asm__ volatile("int %2" : "+a"(eax), "+b"(ebx) : "i"(TRAP_VECTOR) : "memory", "cc");
    *word = ebx;
    return (int32_t)eax;
}

#else

/* On any other machine there is no Vitrine to call; a test may bring its own. */
int32_t vitrine_trap(struct vitrine_trap *call);
int32_t vitrine_trap_twice(uint32_t eax, uint32_t *word);

#endif

/* 7. NATIVE CALLS
 *
 * `process` is an id, or 0 for the caller. Whose memory may be changed: the caller's own, a
 * child's, and that of a client whose pager the caller is. Errors that all of them share:
 *
 *     -ERROR_NO_SUCH_PROCESS    the id is stale, or outside the caller's authority
 *     -ERROR_INVALID_ARGUMENT   a page is no multiple of PAGE_SIZE below USER_TOP, a range holds no
 *                               page, more than RANGE_LIMIT or one above USER_TOP, or a permission
 *                               has a bit other than the four PERMISSION_... bits
 *
 * "No frame" means -ERROR_OUT_OF_FRAMES when memory is used up, and -ERROR_QUOTA_EXCEEDED when only
 * the process's share of it is.
 */

#define RANGE_LIMIT 1024          /* the most pages of one range */
#define ALLOCATE_LIMIT 64         /* the most pages of a vitrine_range_allocate or _dma_allocate */
#define BUFFER_LIMIT 4096         /* the most bytes of one console call */
#define LIST_LIMIT 256            /* the most pages of one list */

static inline uint32_t vitrine_head(uint32_t number, uint32_t permissions)
{
    return number | permissions << 8;
}

static inline uint32_t vitrine_address(const volatile void *pointer)
{
    return (uint32_t)(uintptr_t)pointer;
}

/* A call that takes a process and one word, and returns 0 or an error. */
static inline int32_t vitrine_plain(uint32_t number, uint32_t process, uint32_t word)
{
    struct vitrine_trap call = {.eax = number, .edx = process, .ebx = word};
    return vitrine_trap(&call);
}

/* Pages, one by one */

/* Maps a fresh zeroed page, in place of what was there. Errors: no frame for the page or a
   table. */
static inline int32_t vitrine_page_allocate(uint32_t process, uint32_t page, uint32_t permissions)
{
    struct vitrine_trap call = {
        .eax = vitrine_head(CALL_PAGE_ALLOCATE, permissions), .edx = process, .ecx = page};
    return vitrine_trap(&call);
}

/* Maps the frame behind `page` of `process` at `to_page` of `to` as well. -ERROR_NOT_MAPPED:
   nothing is present at `page`. -ERROR_NOT_PERMITTED: W was asked for, and the source lacks it.
   Errors: no frame for a table; and -ERROR_QUOTA_EXCEEDED also if the table is there, because each
   mapping is charged, be its frame new or not. */
static inline int32_t vitrine_page_map(uint32_t process, uint32_t page, uint32_t to,
                                       uint32_t to_page, uint32_t permissions)
{
    struct vitrine_trap call = {.eax = vitrine_head(CALL_PAGE_MAP, permissions),
                                .edx = process,
                                .ecx = page,
                                .ebx = to,
                                .esi = to_page};
    return vitrine_trap(&call);
}

/* Moves a page with its W and marks (ENTRY_PAGER as said above) to where nothing is present (else
   -ERROR_BUSY), leaves `marks`, and stores the old entry with its A and D. -ERROR_NOT_MAPPED:
   there is no page. -ERROR_NOT_PERMITTED: it is a driver's own. Errors: no frame for a table, and
   the mapping is charged. */
static inline int32_t vitrine_page_move(uint32_t process, uint32_t page, uint32_t to,
                                        uint32_t to_page, uint32_t marks, uint32_t *old_entry)
{
    struct vitrine_trap call = {.eax = vitrine_head(CALL_PAGE_MOVE, marks),
                                .edx = process,
                                .ecx = page,
                                .ebx = to,
                                .esi = to_page};
    const int32_t result = vitrine_trap(&call);
    *old_entry = result < 0 ? 0 : call.ebx;
    return result;
}

/* Unmaps a page, leaves `marks` (of ENTRY_MARKS) in the absent entry, and stores the old entry with
   its A and D. An absent page is no error. Errors: no frame for a table, if there are marks. */
static inline int32_t vitrine_page_unmap(uint32_t process, uint32_t page, uint32_t marks,
                                         uint32_t *old_entry)
{
    struct vitrine_trap call = {
        .eax = vitrine_head(CALL_PAGE_UNMAP, marks), .edx = process, .ecx = page};
    const int32_t result = vitrine_trap(&call);
    *old_entry = result < 0 ? 0 : call.ebx;
    return result;
}

/* Drops and adds bits on a page, clears A and D (and ENTRY_PAGER, if D was set and the mark is not
   added), and stores the old entry. W is added where the entry is not sealed or its frame has no other mapping.
   -ERROR_NOT_PERMITTED: it is, and has. -ERROR_NOT_MAPPED: nothing is present there. */
static inline int32_t vitrine_page_protect(uint32_t process, uint32_t page, uint32_t drop,
                                           uint32_t add, uint32_t *old_entry)
{
    struct vitrine_trap call = {.eax = vitrine_head(CALL_PAGE_PROTECT, add),
                                .edx = process,
                                .ecx = page,
                                .ebx = drop};
    const int32_t result = vitrine_trap(&call);
    *old_entry = result < 0 ? 0 : call.ebx;
    return result;
}

/* Makes the page a private writable copy with these marks; W is implied. Returns 1 if it copied,
   and 0 if the frame had no other mapping and just got W. -ERROR_NOT_MAPPED: nothing is present
   there. -ERROR_NOT_PERMITTED: it is a driver's own. Errors: no frame for the copy. */
static inline int32_t vitrine_page_copy(uint32_t process, uint32_t page, uint32_t permissions)
{
    struct vitrine_trap call = {
        .eax = vitrine_head(CALL_PAGE_COPY, permissions), .edx = process, .ecx = page};
    const int32_t result = vitrine_trap(&call);
    return result < 0 ? result : (int32_t)call.ebx;
}

/* Returns how many mappings a frame has, also where UPAGES does not reach. -ERROR_NOT_MAPPED: no
   program can have that frame: it is no memory, or memory in which the kernel lies. */
static inline int32_t vitrine_frame_references(uint32_t frame)
{
    struct vitrine_trap call = {.eax = CALL_FRAME_REFERENCES, .ebx = frame};
    const int32_t result = vitrine_trap(&call);
    return result < 0 ? result : (int32_t)call.ebx;
}

/* Ranges: `pages` pages from `page` on, 1 to RANGE_LIMIT.

   One call does a bounded amount of work. So it may do fewer pages than it is asked for, from the
   first on and at least one, and says how many: the caller asks again for the rest. If a page
   fails, the call does the pages before it; only if that page is the first, the call fails, has
   changed nothing, and says 0. */

#define SHARE_BOTH 0x80000000     /* with the bits to drop: change the source, too */

/* Maps every present page of a range into `to` from `to_page` on, without the bits in `drop` (W,
   marks; and SHARE_BOTH) and with those in `add` (marks; W is never gained). Stores how many pages
   it has done. In one space, the destination may begin before the source and overlap it: each page
   is read before it is replaced. With SHARE_BOTH, a writable page whose frame has another mapping is
   copied for `to`, and stays as it is. Errors: no frame for a table or a copy;
   -ERROR_NOT_PERMITTED: the page is a driver's own; -ERROR_INVALID_ARGUMENT: in one space, `to_page`
   lies inside the range, behind its first page. */
static inline int32_t vitrine_range_share(uint32_t process, uint32_t page, uint32_t pages,
                                          uint32_t to, uint32_t to_page, uint32_t drop,
                                          uint32_t add, uint32_t *walked)
{
    struct vitrine_trap call = {.eax = vitrine_head(CALL_RANGE_SHARE, add),
                                .edx = process,
                                .ecx = page,
                                .ebx = to,
                                .esi = to_page,
                                .edi = pages,
                                .ebp = drop};
    const int32_t result = vitrine_trap(&call);
    *walked = result < 0 ? 0 : call.ebx;
    return result;
}

/* What vitrine_range_protect found before it changed it. */
struct vitrine_found {
    uint32_t walked;              /* pages that it has done */
    uint32_t any;                 /* A and D bits of all entries together */
    uint32_t accessed;            /* bit i: page i of the first 32 had A */
    uint32_t dirty;               /* bit i: page i of the first 32 had D */
};

/* Drops and adds bits on every present page of a range, and clears A and D. W is added where the
   entry is not sealed or its frame has no other mapping. -ERROR_NOT_PERMITTED: it is, and has. One
   call does 32 pages at least, unless one fails. */
static inline int32_t vitrine_range_protect(uint32_t process, uint32_t page, uint32_t pages,
                                            uint32_t drop, uint32_t add,
                                            struct vitrine_found *found)
{
    struct vitrine_trap call = {.eax = vitrine_head(CALL_RANGE_PROTECT, add),
                                .edx = process,
                                .ecx = page,
                                .ebx = pages,
                                .esi = drop};
    const int32_t result = vitrine_trap(&call);
    found->walked = result < 0 ? 0 : call.ebx;
    found->any = result < 0 ? 0 : call.esi;
    found->accessed = result < 0 ? 0 : call.edi;
    found->dirty = result < 0 ? 0 : call.ebp;
    return result;
}

/* Unmaps a range, leaves `marks` where a page was present and no marks where none was, and
   returns how many pages it has done. */
static inline int32_t vitrine_range_unmap(uint32_t process, uint32_t page, uint32_t pages,
                                          uint32_t marks)
{
    struct vitrine_trap call = {.eax = vitrine_head(CALL_RANGE_UNMAP, marks),
                                .edx = process,
                                .ecx = page,
                                .ebx = pages};
    const int32_t result = vitrine_trap(&call);
    return result < 0 ? result : (int32_t)call.ebx;
}

/* Maps fresh zeroed pages over a range of at most ALLOCATE_LIMIT, and stores how many it has mapped.
   Errors: no frame for a page or a table. */
static inline int32_t vitrine_range_allocate(uint32_t process, uint32_t page, uint32_t pages,
                                             uint32_t permissions, uint32_t *allocated)
{
    struct vitrine_trap call = {.eax = vitrine_head(CALL_RANGE_ALLOCATE, permissions),
                                .edx = process,
                                .ecx = page,
                                .ebx = pages};
    const int32_t result = vitrine_trap(&call);
    *allocated = result < 0 ? 0 : call.ebx;
    return result;
}

/* Lists: up to LIST_LIMIT pages, each with the entry that the caller has seen there */

struct vitrine_seen {
    uint32_t page;
    uint32_t entry;               /* A and D do not matter */
};

/* What happens to each page of a list; together with the bits to drop. */
#define LIST_PROTECT 0            /* drops and adds W and marks; A and D stay */
#define LIST_UNMAP 4              /* unmaps it and leaves the marks that are added; drops nothing */
#define LIST_MAP 8                /* maps it, a page of the caller's own, in `process` as well; adds marks */
#define LIST_MAP_BOTH 12          /* and the caller's own entry drops and adds the same bits */

/* Changes the pages of a list in the space of `process`, in order, if the entry of each is still
   what the caller has seen. `change` is one of LIST_*, with the bits to drop (W, marks), and for a
   map with how many bytes further on each page is mapped (a multiple of 4096, modulo 2^32). Returns
   how many pages were done and stores A and D of their old entries, all together (0 for a map). It
   stops before the first page that does not fit, or earlier, because a call does a bounded amount of
   work: call it again for the rest. If the first page of the list does not fit, nothing has changed:
   -ERROR_BUSY: the entry is another one. -ERROR_NOT_MAPPED: it is absent, and would be protected or
   mapped. -ERROR_NOT_PERMITTED: W would be added to a sealed page whose frame has other mappings, or
   the page is a driver's own, or would lie in a view. -ERROR_FAULT: the list ends above USER_TOP.
   Errors: no frame for a table or a copy. */
static inline int32_t vitrine_transact(uint32_t process, const struct vitrine_seen *list,
                                       uint32_t pages, uint32_t change, uint32_t add,
                                       uint32_t *marks)
{
    struct vitrine_trap call = {.eax = vitrine_head(CALL_TRANSACT, add),
                                .edx = process,
                                .ebx = vitrine_address(list),
                                .esi = pages,
                                .edi = change};
    const int32_t result = vitrine_trap(&call);
    *marks = result < 0 ? 0 : call.esi;
    return result < 0 ? result : (int32_t)call.ebx;
}

/* Processes */

struct vitrine_identity {
    uint32_t id;
    uint32_t parent;              /* 0 for none */
    uint32_t pager;               /* 0 for none, or if it has ended */
};

/* Stores the ids of the caller, its parent and its pager. It has no errors. */
static inline int32_t vitrine_identity(struct vitrine_identity *identity)
{
    struct vitrine_trap call = {.eax = CALL_IDENTITY};
    const int32_t result = vitrine_trap(&call);
    identity->id = call.ebx;
    identity->parent = call.esi;
    identity->pager = call.edi;
    return result;
}

/* Makes a stopped child with nothing in its memory and with the caller's pager, and returns its id.
   With `copy` = 1 the child has the caller's registers too: once it is started, it returns from
   this very call with 0. Until its memory has been copied, the caller may not change the stack
   frame that the child will find; userland/programs/c/support/fork_entry.S shows how.
   -ERROR_OUT_OF_PROCESSES: all slots are taken. Errors: no frame for the directory. */
static inline __attribute__((always_inline)) int32_t vitrine_process_create(uint32_t copy)
{
    uint32_t word = copy;
    const int32_t result = vitrine_trap_twice(CALL_PROCESS_CREATE, &word);
    return result < 0 ? result : (int32_t)word;
}

/* Lets a stopped child run; a child that waits in a call still waits. */
static inline int32_t vitrine_process_start(uint32_t child)
{
    return vitrine_plain(CALL_PROCESS_START, child, 0);
}

/* Stops a child until it is started again. */
static inline int32_t vitrine_process_stop(uint32_t child)
{
    return vitrine_plain(CALL_PROCESS_STOP, child, 0);
}

/* Stores a child's registers. -ERROR_FAULT: the record does not lie below USER_TOP. */
static inline int32_t vitrine_registers_read(uint32_t child, struct vitrine_user_registers *to)
{
    return vitrine_plain(CALL_REGISTERS_READ, child, vitrine_address(to));
}

/* Stores a child's last events, at most count (EVENTS or fewer), the oldest first. Returns how many.
   -ERROR_NOT_PERMITTED: the kernel records none. -ERROR_FAULT: the records do not lie below
   USER_TOP. */
static inline int32_t vitrine_events_read(uint32_t child, struct vitrine_event *to, uint32_t count)
{
    struct vitrine_trap call = {
        .eax = CALL_EVENTS_READ, .edx = child, .ebx = vitrine_address(to), .esi = count};
    const int32_t result = vitrine_trap(&call);
    return result < 0 ? result : (int32_t)call.ebx;
}

/* Sets a child's registers; of eflags, only what a program may change itself. -ERROR_BUSY: the
   child waits in a call. -ERROR_FAULT: as above. */
static inline int32_t vitrine_registers_write(uint32_t child,
                                              const struct vitrine_user_registers *from)
{
    return vitrine_plain(CALL_REGISTERS_WRITE, child, vitrine_address(from));
}

/* Ends the caller; bits 0 to 7 of `status` go to its parent. */
static inline __attribute__((noreturn)) void vitrine_exit(uint32_t status)
{
    for (;;)
        vitrine_plain(CALL_EXIT, 0, status);
}

/* Why a process ended. */
#define REASON_EXITED 0           /* by itself; the status is its own */
#define REASON_DESTROYED 1        /* by a call, of another process's or its own */
#define REASON_KILLED 2           /* by an exception: the status is 128 and its number */

struct vitrine_end {
    uint32_t child;
    uint32_t status;
    uint32_t reason;              /* REASON_... */
};

/* Waits until a child (0: any) has ended and its memory is free. -ERROR_NO_CHILD: there is none
   that the caller may wait for. (Children that it adopted, and those of jos_exofork, are not
   waited for.) -ERROR_DEADLOCK: the child waits for the caller; with 0, if it is the only one. Of
   several children the kernel does not look whether all wait for the caller: then none continues. */
static inline int32_t vitrine_wait(uint32_t child, struct vitrine_end *end)
{
    struct vitrine_trap call = {.eax = CALL_WAIT, .ebx = child};
    const int32_t result = vitrine_trap(&call);
    end->child = result < 0 ? 0 : call.ebx;
    end->status = result < 0 ? 0 : call.esi;
    end->reason = result < 0 ? 0 : call.edi;
    return result;
}

/* Ends the caller or any descendant; with `subtree` = 1, all the descendants of that one as well.
   */
static inline int32_t vitrine_destroy(uint32_t process, uint32_t subtree)
{
    return vitrine_plain(CALL_DESTROY, process, subtree);
}

/* Bounds what a child and its descendants may map, in frames (tables included), and how many
   processes they may be; 0 is no bound. It stays on the descendants when the child has ended.
   -ERROR_BUSY: the child has children and no quota yet. -ERROR_REFUSED: 16 quotas are on it
   already, or there are as many as process slots. */
static inline int32_t vitrine_set_quota(uint32_t child, uint32_t frames, uint32_t processes)
{
    struct vitrine_trap call = {
        .eax = CALL_SET_QUOTA, .edx = child, .ebx = frames, .esi = processes};
    return vitrine_trap(&call);
}

/* With a quota, the counts are of a process and its descendants; without, of itself. */
struct vitrine_usage {
    uint32_t frames;              /* mapped, tables included */
    uint32_t frame_bound;         /* 0 for none */
    uint32_t processes;
    uint32_t process_bound;       /* 0 for none */
};

/* Stores what a process has. */
static inline int32_t vitrine_usage(uint32_t process, struct vitrine_usage *usage)
{
    struct vitrine_trap call = {.eax = CALL_USAGE, .edx = process};
    const int32_t result = vitrine_trap(&call);
    usage->frames = result < 0 ? 0 : call.ebx;
    usage->frame_bound = result < 0 ? 0 : call.esi;
    usage->processes = result < 0 ? 0 : call.edi;
    usage->process_bound = result < 0 ? 0 : call.ebp;
    return result;
}

struct vitrine_machine {
    uint32_t frames;              /* that could be allocated when the machine started */
    uint32_t free_frames;
    uint32_t processes;           /* with those that have ended and were not waited for */
    uint32_t flushes;             /* of one page: low half; of everything: high half; both wrap */
};

/* Stores what the machine has. It has no errors. */
static inline int32_t vitrine_machine(struct vitrine_machine *machine)
{
    struct vitrine_trap call = {.eax = CALL_MACHINE};
    const int32_t result = vitrine_trap(&call);
    machine->frames = call.ebx;
    machine->free_frames = call.esi;
    machine->processes = call.edi;
    machine->flushes = call.ebp;
    return result;
}

/* Faults and pagers */

/* Sets the handler of page faults of the caller or a child (see struct vitrine_fault); NULL: none.
   The address is not checked, and EXCEPTION_STACK must be mapped by the first fault. */
static inline int32_t vitrine_set_handler(uint32_t process, void (*entry)(void))
{
    return vitrine_plain(CALL_SET_HANDLER, process, (uint32_t)(uintptr_t)entry);
}

/* Sets a child's pager; 0: none. -ERROR_REFUSED: the pager accepts no clients and is not the
   caller. -ERROR_DEADLOCK: a cycle, or a chain of over 8 pagers. -ERROR_BUSY: the child waits
   for its pager. */
static inline int32_t vitrine_set_pager(uint32_t child, uint32_t pager)
{
    return vitrine_plain(CALL_SET_PAGER, child, pager);
}

/* Says whether the caller accepts clients (1) or not (0). */
static inline int32_t vitrine_accept_clients(uint32_t accept)
{
    return vitrine_plain(CALL_ACCEPT_CLIENTS, 0, accept);
}

/* Says whether the caller frees frames (1) or not (0) when a call of a client finds none. A
   pager that does gets messages of kind MESSAGE_FRAMES and answers each with
   vitrine_fault_reply_resume, when frames are free, or vitrine_fault_reply_refuse. */
static inline int32_t vitrine_accept_frame_requests(uint32_t accept)
{
    return vitrine_plain(CALL_ACCEPT_FRAME_REQUESTS, 0, accept);
}

/* Passes a fault on to the caller's pager, as a message of MESSAGE_FORWARDED with these words, and
   returns when the pager has handled it. -ERROR_REFUSED: there is no pager that could answer, or it
   refused, ended or was too slow. */
static inline int32_t vitrine_fault_forward(uint32_t address, uint32_t access, uint32_t eip)
{
    struct vitrine_trap call = {
        .eax = CALL_FAULT_FORWARD, .ebx = address, .esi = access, .edi = eip};
    return vitrine_trap(&call);
}

/* Resumes a client after its fault; calls have mapped the page. -ERROR_NOT_WAITING: the client does
   not wait for an answer of the caller's. */
static inline int32_t vitrine_fault_reply_resume(uint32_t client)
{
    return vitrine_plain(CALL_FAULT_REPLY, client, 0);
}

/* Maps the caller's page `source` at `destination` of the client, and resumes it. Errors as
   vitrine_fault_reply_resume and vitrine_page_map; after the latter, the client still waits. */
static inline int32_t vitrine_fault_reply_map(uint32_t client, uint32_t source,
                                              uint32_t destination, uint32_t permissions)
{
    struct vitrine_trap call = {.eax = vitrine_head(CALL_FAULT_REPLY, permissions),
                                .edx = client,
                                .ecx = source,
                                .ebx = 1,
                                .esi = destination};
    return vitrine_trap(&call);
}

/* Ends a client for its fault. If its handler passed the fault on, its vitrine_fault_forward
   returns -ERROR_REFUSED instead; if its call needs frames, that returns -ERROR_OUT_OF_FRAMES.
   -ERROR_NOT_WAITING: as above. */
static inline int32_t vitrine_fault_reply_refuse(uint32_t client)
{
    return vitrine_plain(CALL_FAULT_REPLY, client, 2);
}

/* Bounds how long each fault of a child may wait for its pager; 0 for no bound. */
static inline int32_t vitrine_set_fault_timeout(uint32_t child, uint32_t milliseconds)
{
    return vitrine_plain(CALL_SET_FAULT_TIMEOUT, child, milliseconds);
}

/* Has the caller's pager adopt a child that is about to get a copy of the caller's memory; without
   a pager there is nothing to do. -ERROR_REFUSED: the pager refused. -ERROR_PEER_ENDED: it ended.
   -ERROR_DEADLOCK: it waits for the caller. */
static inline int32_t vitrine_clone(uint32_t child)
{
    return vitrine_plain(CALL_CLONE, child, 0);
}

/* Messages: four words, and a page if both sides want one.
 *
 * `offer` says what happens at `page`: 0 for nothing, OFFER_SEND with permissions, OFFER_ACCEPT, or
 * both. Sending a page: -ERROR_NOT_MAPPED if nothing is present there, -ERROR_NOT_PERMITTED if W is
 * asked for without being there, or the page is a driver's own; no frame for a table at the
 * receiver, or -ERROR_QUOTA_EXCEEDED also if the table is there, because the receiver is charged for
 * the page. */

#define OFFER_SEND 1
#define OFFER_ACCEPT 4

/* What kind of message came. The kernel says so; no sender can. The words are the kernel's as well,
   except those of MESSAGE_MESSAGE and MESSAGE_FORWARDED. */
#define MESSAGE_MESSAGE 0         /* the words are the sender's */
#define MESSAGE_FAULT 1           /* the sender, a client, faulted: address, access, eip */
#define MESSAGE_INTERRUPT 2       /* Ctrl-C on the console */
#define MESSAGE_EXIT 3            /* the sender, a child, ended: status, reason */
#define MESSAGE_CLONE 4           /* the sender, a client, forks: the child's id */
#define MESSAGE_FRAMES 5          /* a call of the sender's finds no frame: frames it needs */
#define MESSAGE_FORWARDED 6       /* as MESSAGE_FAULT, but in the words of the client's handler */

#define MESSAGE_PAGE 0x100        /* in the header of a message: a page came */

struct vitrine_message {
    uint32_t sender;
    uint32_t kind;                /* MESSAGE_... */
    uint32_t words[4];
    uint32_t page_came;           /* 1 if it did */
    uint32_t permissions;         /* those of the page */
};

static inline void vitrine_message_from(const struct vitrine_trap *call,
                                        struct vitrine_message *message)
{
    message->sender = call->edx;
    message->kind = call->eax & 0xFF;
    message->words[0] = call->ebx;
    message->words[1] = call->esi;
    message->words[2] = call->edi;
    message->words[3] = call->ebp;
    message->page_came = (call->eax & MESSAGE_PAGE) != 0;
    message->permissions = call->eax >> 12;
}

static inline int32_t vitrine_message_call(uint32_t number, uint32_t process,
                                           const uint32_t words[4], uint32_t page,
                                           uint32_t offer, struct vitrine_message *answer)
{
    struct vitrine_trap call = {.eax = vitrine_head(number, offer),
                                .edx = process,
                                .ecx = page,
                                .ebx = words[0],
                                .esi = words[1],
                                .edi = words[2],
                                .ebp = words[3]};
    const int32_t result = vitrine_trap(&call);
    if (result < 0)
        return result;
    if (answer)
        vitrine_message_from(&call, answer);
    return 0;
}

/* Sends, and waits until it is received. -ERROR_DEADLOCK: the receiver waits for the caller.
   -ERROR_PEER_ENDED: it ended while the caller waited. (If it ended before the call, its id is
   stale: -ERROR_NO_SUCH_PROCESS.) Errors: those of the page. */
static inline int32_t vitrine_send(uint32_t to, const uint32_t words[4], uint32_t page,
                                   uint32_t offer)
{
    return vitrine_message_call(CALL_SEND, to, words, page, offer, NULL);
}

/* Waits for a message from `from` (0: anyone). -ERROR_DEADLOCK: that one waits for the caller.
   -ERROR_PEER_ENDED: it ended while the caller waited; -ERROR_NO_SUCH_PROCESS: before. The end of a
   child that the caller may wait for is a message, MESSAGE_EXIT, and no error. */
static inline int32_t vitrine_receive(uint32_t from, uint32_t page, uint32_t offer,
                                      struct vitrine_message *message)
{
    static const uint32_t none[4] = {0, 0, 0, 0};
    return vitrine_message_call(CALL_RECEIVE, from, none, page, offer, message);
}

/* Sends, and waits for the reply. Errors as vitrine_send. */
static inline int32_t vitrine_call(uint32_t to, const uint32_t words[4], uint32_t page,
                                   uint32_t offer, struct vitrine_message *answer)
{
    return vitrine_message_call(CALL_CALL, to, words, page, offer, answer);
}

/* Answers a process that waits in vitrine_call for the caller, and never waits itself.
   -ERROR_NOT_WAITING: it does not. Errors: those of the page. */
static inline int32_t vitrine_reply(uint32_t to, const uint32_t words[4], uint32_t page,
                                    uint32_t offer)
{
    return vitrine_message_call(CALL_REPLY, to, words, page, offer, NULL);
}

/* Replies, then receives from anyone. That the other one does not wait any more is no error; an
   error of the page comes before anything is received. */
static inline int32_t vitrine_reply_and_receive(uint32_t to, const uint32_t words[4],
                                                uint32_t page, uint32_t offer,
                                                struct vitrine_message *message)
{
    return vitrine_message_call(CALL_REPLY_AND_RECEIVE, to, words, page, offer, message);
}

/* As vitrine_fault_reply_resume (`reply` 0), _map (1; otherwise `source`, `destination` and
   `permissions` are 0) or _refuse (2), then receives from anyone; a page may come at `accept`, unless
   that is 0. That the client does not wait any more is no error. Errors of a map come before anything
   is received. */
static inline int32_t vitrine_fault_reply_and_receive(uint32_t client, uint32_t reply,
                                                      uint32_t source, uint32_t destination,
                                                      uint32_t permissions, uint32_t accept,
                                                      struct vitrine_message *message)
{
    const uint32_t words[4] = {reply, destination, accept ? accept | 1 : 0, 0};
    return vitrine_message_call(CALL_FAULT_REPLY_AND_RECEIVE, client, words, source, permissions,
                                message);
}

/* Time and console */

/* Stores the microseconds since the machine was started. It has no errors. */
static inline int32_t vitrine_clock(uint64_t *microseconds)
{
    struct vitrine_trap call = {.eax = CALL_CLOCK};
    const int32_t result = vitrine_trap(&call);
    *microseconds = (uint64_t)call.esi << 32 | call.ebx;
    return result;
}

/* Waits; 0 lets others run once. */
static inline int32_t vitrine_sleep(uint32_t milliseconds)
{
    struct vitrine_trap call = {.eax = CALL_SLEEP, .ebx = milliseconds};
    return vitrine_trap(&call);
}

/* Lets others run. */
static inline int32_t vitrine_yield(void)
{
    struct vitrine_trap call = {.eax = CALL_YIELD};
    return vitrine_trap(&call);
}

/* Writes bytes to the console, and returns how many: 256 at most, or fewer than that if there are no
   more. -ERROR_INVALID_ARGUMENT: `length` is above BUFFER_LIMIT. -ERROR_FAULT: they do not lie below USER_TOP. */
static inline int32_t vitrine_console_write(const void *bytes, uint32_t length)
{
    struct vitrine_trap call = {
        .eax = CALL_CONSOLE_WRITE, .ebx = vitrine_address(bytes), .esi = length};
    const int32_t result = vitrine_trap(&call);
    return result < 0 ? result : (int32_t)call.ebx;
}

/* Waits for console input, and returns how many bytes came: at least 1, unless `length` is 0.
   Errors as vitrine_console_write. */
static inline int32_t vitrine_console_read(void *bytes, uint32_t length)
{
    struct vitrine_trap call = {
        .eax = CALL_CONSOLE_READ, .ebx = vitrine_address(bytes), .esi = length};
    const int32_t result = vitrine_trap(&call);
    return result < 0 ? result : (int32_t)call.ebx;
}

/* Sets the process that gets a message at Ctrl-C: the caller or a child; none if `owned` is 0, and
   then Ctrl-C is a byte like others. -ERROR_NO_SUCH_PROCESS: also if another process has it now. */
static inline int32_t vitrine_set_console_owner(uint32_t owned, uint32_t process)
{
    return vitrine_plain(CALL_SET_CONSOLE_OWNER, process, owned);
}

/* Points the caller's empty directory entry `index`, below UVPD's first kernel one (0x3bb), at the
   directory of a child or client. The entry of its page at `address` is then the word at
   (index << 22) + 4 * (address / PAGE_SIZE), and its directory begins at
   (index << 22) + (0x3bd << 12); both can only be read. When the process ends, views something
   itself, or is no longer the caller's, all of it reads 0.
   -ERROR_REFUSED: the process views something. -ERROR_BUSY: the caller views it already, or the
   directory entry is not empty. */
static inline int32_t vitrine_view_attach(uint32_t process, uint32_t index)
{
    return vitrine_plain(CALL_VIEW_ATTACH, process, index);
}

/* Empties a directory entry that holds a view, dead or alive. -ERROR_NOT_MAPPED: there is none. */
static inline int32_t vitrine_view_detach(uint32_t index)
{
    return vitrine_plain(CALL_VIEW_DETACH, 0, index);
}

/* Drivers. -ERROR_NOT_PERMITTED, for each call: the caller is none. There is no IOMMU: a driver is
   trusted as the kernel is. Its pages of device memory and of DMA frames are in no other space. */

/* Says whether a child is a driver (1) or not (0). */
static inline int32_t vitrine_driver_allow(uint32_t child, uint32_t allow)
{
    return vitrine_plain(CALL_DRIVER_ALLOW, child, allow);
}

/* Opens 1 to 256 I/O ports to the caller. -ERROR_BUSY: one is the kernel's own.
   -ERROR_QUOTA_EXCEEDED: it has four such ranges. */
static inline int32_t vitrine_ports_allow(uint32_t first, uint32_t count)
{
    struct vitrine_trap call = {.eax = CALL_PORTS_ALLOW, .ebx = count, .esi = first};
    return vitrine_trap(&call);
}

/* A range call: maps device memory, uncached, and stores how many pages it has mapped.
   -ERROR_NOT_PERMITTED: it may be RAM, or is a device of the kernel's. Errors: no frame for a
   table. */
static inline int32_t vitrine_device_map(uint32_t address, uint32_t page, uint32_t pages,
                                         uint32_t *mapped)
{
    struct vitrine_trap call = {
        .eax = CALL_DEVICE_MAP, .ecx = page, .ebx = pages, .esi = address};
    const int32_t result = vitrine_trap(&call);
    *mapped = result < 0 ? 0 : call.ebx;
    return result;
}

/* Maps up to ALLOCATE_LIMIT zeroed frames in a row, which stay where they are, and stores the
   physical address of the first. -ERROR_BUSY: something is mapped there. Errors: no such run in the
   pool, or no frame for a table; a table that was made may stay. */
static inline int32_t vitrine_dma_allocate(uint32_t page, uint32_t pages, uint32_t *address)
{
    struct vitrine_trap call = {.eax = CALL_DMA_ALLOCATE, .ecx = page, .ebx = pages};
    const int32_t result = vitrine_trap(&call);
    *address = result < 0 ? 0 : call.ebx;
    return result;
}

/* Unmaps such pages and gives their frames back, also where the caller has unmapped the page
   itself. -ERROR_NOT_MAPPED: the caller has no DMA frame of one of the pages. */
static inline int32_t vitrine_dma_release(uint32_t page, uint32_t pages)
{
    struct vitrine_trap call = {.eax = CALL_DMA_RELEASE, .ecx = page, .ebx = pages};
    return vitrine_trap(&call);
}

/* Gives back the frames of a driver that has ended, whose device uses them no more, and returns how
   many there were. -ERROR_NO_SUCH_PROCESS: the caller keeps none of its. -ERROR_BUSY: the caller
   keeps some, but the driver's memory is still being taken down; wait for its end. */
static inline int32_t vitrine_dma_reclaim(uint32_t driver)
{
    struct vitrine_trap call = {.eax = CALL_DMA_RECLAIM, .edx = driver};
    const int32_t result = vitrine_trap(&call);
    return result < 0 ? result : (int32_t)call.ebx;
}

/* Attaches an interrupt line (below 16): each interrupt is a message of MESSAGE_INTERRUPT with the
   line in word 0, and masks the line. A receive from the caller itself gets only these.
   -ERROR_BUSY: the line is the kernel's or another driver's. */
static inline int32_t vitrine_interrupt_attach(uint32_t line)
{
    return vitrine_plain(CALL_INTERRUPT_ATTACH, 0, line);
}

/* Unmasks a line. -ERROR_NOT_PERMITTED: the line is not the caller's. */
static inline int32_t vitrine_interrupt_acknowledge(uint32_t line)
{
    return vitrine_plain(CALL_INTERRUPT_ACKNOWLEDGE, 0, line);
}

/* 8. JOS CALLS
 *
 * The calls of MIT's JOS, with the numbers of its lab 5. `env` is a process id, or 0 for the
 * caller; except for messages it must be the caller or its immediate child. Errors that they share:
 *
 *     -ERROR_NO_SUCH_PROCESS    the id is stale, or not the caller or its child
 *     -ERROR_INVALID_ARGUMENT   `va` is no multiple of PAGE_SIZE below USER_TOP, or `permissions`
 *                               lacks a bit of JOS_REQUIRED or has one outside JOS_KNOWN
 *     -ERROR_OUT_OF_FRAMES      no frame for a page or a table
 */

static inline int32_t jos_plain(uint32_t number, uint32_t first, uint32_t second, uint32_t third)
{
    struct vitrine_trap call = {.eax = number, .edx = first, .ecx = second, .ebx = third};
    return vitrine_trap(&call);
}

/* Prints at most `length` bytes, up to a zero byte. The caller's own handler is never asked for
   bytes that cannot be read: its pager is, and without one, or if that refuses, the caller ends.
   */
static inline int32_t jos_cputs(const char *text, uint32_t length)
{
    return jos_plain(JOS_CALL_CPUTS, vitrine_address(text), length, 0);
}

/* Returns the next byte from the console, or 0 if there is none; it never waits. */
static inline int32_t jos_cgetc(void)
{
    return jos_plain(JOS_CALL_CGETC, 0, 0, 0);
}

/* Returns the caller's id. */
static inline int32_t jos_getenvid(void)
{
    return jos_plain(JOS_CALL_GETENVID, 0, 0, 0);
}

/* Ends a process; its slot is free when the call returns, however the process was made;
   a wait for it is not needed. */
static inline int32_t jos_env_destroy(uint32_t env)
{
    return jos_plain(JOS_CALL_ENV_DESTROY, env, 0, 0);
}

/* Maps a fresh zeroed page, in place of what was there. */
static inline int32_t jos_page_alloc(uint32_t env, uint32_t va, uint32_t permissions)
{
    return jos_plain(JOS_CALL_PAGE_ALLOC, env, va, permissions);
}

/* Maps the frame behind `va` of `env` at `to_va` of `to` as well. -ERROR_INVALID_ARGUMENT: also if
   nothing is mapped at `va`, or if W is asked for and the source lacks it. */
static inline int32_t jos_page_map(uint32_t env, uint32_t va, uint32_t to, uint32_t to_va,
                                   uint32_t permissions)
{
    struct vitrine_trap call = {.eax = JOS_CALL_PAGE_MAP,
                                .edx = env,
                                .ecx = va,
                                .ebx = to,
                                .edi = to_va,
                                .esi = permissions};
    return vitrine_trap(&call);
}

/* Unmaps a page; an absent one is no error. */
static inline int32_t jos_page_unmap(uint32_t env, uint32_t va)
{
    return jos_plain(JOS_CALL_PAGE_UNMAP, env, va, 0);
}

/* Makes a child that is not runnable, with the caller's registers and nothing in its memory.
   Returns its id to the caller, and 0 to the child. As vitrine_process_create, it binds the caller
   not to change the stack frame that the child will find. -ERROR_OUT_OF_PROCESSES: all slots are
   taken, or a bound on processes is used up. */
static inline __attribute__((always_inline)) int32_t jos_exofork(void)
{
    uint32_t unused = 0;
    return vitrine_trap_twice(JOS_CALL_EXOFORK, &unused);
}

/* Makes a process STATUS_RUNNABLE or STATUS_NOT_RUNNABLE. -ERROR_INVALID_ARGUMENT: another status.
   */
static inline int32_t jos_env_set_status(uint32_t env, uint32_t status)
{
    return jos_plain(JOS_CALL_ENV_SET_STATUS, env, status, 0);
}

/* Sets a process's registers. A record that cannot be read ends the caller (as for jos_cputs).
   -ERROR_INVALID_ARGUMENT: a child waits in a native call or for its pager. */
static inline int32_t jos_env_set_trapframe(uint32_t env, const struct jos_trapframe *frame)
{
    return jos_plain(JOS_CALL_ENV_SET_TRAPFRAME, env, vitrine_address(frame), 0);
}

/* Sets the handler of page faults (see struct vitrine_fault); the address is not checked. */
static inline int32_t jos_env_set_pgfault_upcall(uint32_t env, void (*entry)(void))
{
    return jos_plain(JOS_CALL_ENV_SET_PGFAULT_UPCALL, env, (uint32_t)(uintptr_t)entry, 0);
}

/* Lets others run. What it returns means nothing. */
static inline int32_t jos_yield(void)
{
    return jos_plain(JOS_CALL_YIELD, 0, 0, 0);
}

/* Sends a value, and a page unless `va` is USER_TOP or above, to any process that waits in
   jos_ipc_recv. -ERROR_NOT_RECEIVING: it does not. For the page, errors as jos_page_map. */
static inline int32_t jos_ipc_try_send(uint32_t env, uint32_t value, uint32_t va,
                                       uint32_t permissions)
{
    struct vitrine_trap call = {.eax = JOS_CALL_IPC_TRY_SEND,
                                .edx = env,
                                .ecx = value,
                                .ebx = va,
                                .edi = permissions};
    return vitrine_trap(&call);
}

/* Waits for a value, and for a page at `va` unless that is USER_TOP or above. What came is in the
   caller's record: `value`, `from`, and `permissions` of the page, or 0. */
static inline int32_t jos_ipc_recv(uint32_t va)
{
    return jos_plain(JOS_CALL_IPC_RECV, va, 0, 0);
}

/* Milliseconds since boot. The number wraps after 49 days. */
static inline uint32_t jos_time_msec(void)
{
    return (uint32_t)jos_plain(JOS_CALL_TIME_MSEC, 0, 0, 0);
}

#endif /* __ASSEMBLER__ */
#endif /* VITRINE_H */
