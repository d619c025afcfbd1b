/* fall: a C program that a page fault ends, three functions deep, to see what is printed of that. */
#include "support/support.h"

VITRINE_ABOUT("a C program that ends by a page fault", "fall   (no arguments)");

/* Nothing is mapped here. Volatile, so that the compiler makes no function for this very number. */
static volatile uint32_t nowhere = 0x50000000;

/* A function that is called once would be inlined, and so have no frame. Nor would one have a frame
   that does not use the stack. */
#define FRAME __attribute__((noinline))

FRAME static uint32_t load(uint32_t address)
{
    volatile uint32_t word = *(volatile uint32_t *)address;
    return word;
}

FRAME static uint32_t add(uint32_t address)
{
    return load(address) + 1;
}

int main(void)
{
    print("fall: the word at %x, and one more:\n", nowhere);
    print("fall: %x\n", add(nowhere));
    return 0;
}
