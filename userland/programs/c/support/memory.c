/* The four functions to which a C compiler may generate calls, with or without a library. */
#include <stddef.h>

void *memcpy(void *to, const void *from, size_t length)
{
    void *at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(length) : : "memory");
    return to;
}

void *memset(void *to, int byte, size_t length)
{
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(length) : "a"(byte) : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t length)
{
    if ((size_t)to - (size_t)from >= length)
        return memcpy(to, from, length);
    /* `to` lies inside the source, so the bytes are copied from the last to the first. */
    char *at = (char *)to + length;
    const char *source = (const char *)from + length;
    while (at != to)
        *(volatile char *)--at = *--source;
    return to;
}

int memcmp(const void *left, const void *right, size_t length)
{
    const unsigned char *a = left, *b = right;
    for (size_t at = 0; at < length; at++)
        if (a[at] != b[at])
            return a[at] - b[at];
    return 0;
}
