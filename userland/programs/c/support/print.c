/* How a program without a library prints: it builds a line in a buffer and writes it by one call. */
#include <stdarg.h>
#include "support.h"

struct line {
    char text[200];
    uint32_t length;
};

static void put(struct line *line, char byte)
{
    if (line->length < sizeof line->text)
        line->text[line->length++] = byte;
}

static void put_string(struct line *line, const char *string)
{
    while (*string)
        put(line, *string++);
}

static void put_decimal(struct line *line, uint32_t number)
{
    if (number >= 10)
        put_decimal(line, number / 10);
    put(line, (char)('0' + number % 10));
}

static void put_hexadecimal(struct line *line, uint32_t number, int digits)
{
    put_string(line, "0x");
    while (digits-- > 0)
        put(line, "0123456789abcdef"[number >> 4 * digits & 0xF]);
}

void print(const char *format, ...)
{
    struct line line = {.length = 0};
    va_list arguments;
    va_start(arguments, format);
    for (; *format; format++) {
        if (*format != '%') {
            put(&line, *format);
            continue;
        }
        switch (*++format) {
        case 's': put_string(&line, va_arg(arguments, const char *)); break;
        case 'u': put_decimal(&line, va_arg(arguments, uint32_t)); break;
        case 'x': put_hexadecimal(&line, va_arg(arguments, uint32_t), 8); break;
        case 'f': put_hexadecimal(&line, va_arg(arguments, uint32_t), 5); break;
        default: put(&line, *format);
        }
    }
    va_end(arguments);
    vitrine_console_write(line.text, line.length);
}

static const struct {
    uint32_t bit;
    const char *name;
} BITS[] = {
    {ENTRY_PRESENT, "present"},   {ENTRY_WRITE, "writable"}, {ENTRY_USER, "user"},
    {ENTRY_ACCESSED, "accessed"}, {ENTRY_DIRTY, "dirty"},    {ENTRY_SEALED, "sealed"},
    {ENTRY_PAGER, "pager"},      {ENTRY_SHARED, "shared"}, {ENTRY_COPY_ON_WRITE, "copy-on-write"},
};

void print_entry(const char *title, uint32_t page)
{
    const uint32_t entry = vitrine_entry_of(page);
    struct line names = {.length = 0};
    for (uint32_t at = 0; at < sizeof BITS / sizeof BITS[0]; at++) {
        if (!(entry & BITS[at].bit))
            continue;
        put_string(&names, names.length ? ", " : "");
        put_string(&names, BITS[at].name);
    }
    put(&names, 0);
    if (!(entry & ENTRY_PRESENT)) {
        print("%s: entry %x, absent\n", title, entry);
        return;
    }
    const int32_t mappings = vitrine_frame_references(VITRINE_FRAME(entry));
    print("%s: entry %x, frame %f with %u mapping%s, %s\n", title, entry, VITRINE_FRAME(entry),
          (uint32_t)mappings, mappings == 1 ? "" : "s", names.text);
}
