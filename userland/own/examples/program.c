/* my_program: watches a page come and get dirty, by the entries of its own page table. */
#include "support/support.h"

VITRINE_ABOUT("watches a page get dirty", "my_program   (no arguments)");

/* An address where nothing of this program lies. */
#define PLACE 0x40000000u

int main(void)
{
    const uint32_t before = vitrine_entry_of(PLACE);
    if (vitrine_page_allocate(0, PLACE, ENTRY_WRITE) != 0)
        return 1;

    /* Reading the window is a load, and no call: the entry changes under the program's eyes. */
    const uint32_t clean = vitrine_entry_of(PLACE);
    *(volatile uint32_t *)PLACE = 7;
    const uint32_t dirty = vitrine_entry_of(PLACE);

    print("my_program: the entry was %x, then %x, and after the store %x\n", before, clean, dirty);
    return before == 0 && !(clean & ENTRY_DIRTY) && (dirty & ENTRY_DIRTY) ? 0 : 1;
}
