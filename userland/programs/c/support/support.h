/* What the C programs of this folder share: printing, forking, and the way into a fault handler. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <vitrine.h>

/* Prints by one call, so that lines of several processes do not mix; what is over 200 bytes is
   cut. %s is a string, %u a number, %x an address or entry (0x and 8 digits), %f a frame's number
   (0x and 5 digits). */
void print(const char *format, ...);

/* Prints what the window says of a page: its entry, the frame, how many mappings that has, and the
   entry's bits by name. */
void print_entry(const char *title, uint32_t page);

/* The entry for faults that the kernel is given; it calls the function in `fault_handler`. */
void fault_entry(void);
extern void (*fault_handler)(struct vitrine_fault *fault);

/* Makes a stopped child with the caller's registers, and has `build` give it memory and start it.
   Returns 0 in the child; in the parent an error, or what `build` returned. */
int32_t fork_and(int32_t (*build)(uint32_t child));

#endif
