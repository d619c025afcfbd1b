/* greet: the smallest C program that prints something. */
#include "support/support.h"

VITRINE_ABOUT("the smallest C program that prints something", "greet   (no arguments)");

int main(void)
{
    static const char greeting[] = "hello from C, by a JOS call\n";
    jos_cputs(greeting, sizeof greeting - 1);

    struct vitrine_identity self;
    vitrine_identity(&self);
    const int same = (uint32_t)jos_getenvid() == self.id;
    print("hello from process %x, by a native call; JOS's says the same: %s\n", self.id,
          same ? "yes" : "no");

    /* Reading the window takes two loads; the directory comes first. */
    const uint32_t entry = vitrine_entry_of(PROGRAM_TEXT);
    print("this program's text is in frame %f, says the entry %x\n", VITRINE_FRAME(entry), entry);

    uint32_t pages = 0;
    VITRINE_FOR_EACH_PRESENT(page, 0, USER_TOP)
        pages++;
    struct vitrine_usage usage;
    vitrine_usage(0, &usage);
    print("the window shows %u pages; with tables and directory the kernel counts %u frames\n",
          pages, usage.frames);

    /* A program may do what both levels allow: above USER_TOP it may only read. */
    uint32_t readable = 0, writable = 0;
    VITRINE_FOR_EACH_PRESENT(page, USER_TOP, 0xFFFFF000) {
        const uint32_t both = VITRINE_DIRECTORY_ENTRY(page) & VITRINE_TABLE_ENTRY(page);
        readable += (both & ENTRY_USER) != 0;
        writable += (both & ENTRY_WRITE) != 0;
    }
    print("above them, %u pages can be read and %u can be written\n", readable, writable);
    return same ? 0 : 1;
}
