/* What happens between the first instructions and main: pages, --help, and arguments that nobody
 * reads. */
#include "support.h"

int main(int argc, char **argv);
int begin(int argc, char **argv);

/* From the linker script: the end of the program. */
extern const char program_end[];

/* Exit status of a program that was started with arguments that it does not understand. */
#define USAGE 2

static int equal(const char *left, const char *right)
{
    while (*left && *left == *right) {
        left++;
        right++;
    }
    return *left == *right;
}

static int begins(const char *at, const char *end, const char *text)
{
    while (*text && at < end && *at == *text) {
        at++;
        text++;
    }
    return *text == 0;
}

static int takes_no_arguments(const char *usage, const char *end)
{
    for (const char *at = usage; at < end; at++)
        if (begins(at, end, "(no arguments)"))
            return 1;
    return 0;
}

static void print_usage(const char *usage, const char *end)
{
    print("usage: ");
    vitrine_console_write(usage, (uint32_t)(end - usage));
    print("\n");
}

/* Reads a byte of each page of the program. A pager gives a page when it is touched, and a child
 * that is built by hand gets those pages that are there. */
static void touch_the_program(void)
{
    for (const char *at = (const char *)PROGRAM_TEXT + 0x20; at < program_end; at += PAGE_SIZE)
        (void)*(const volatile char *)at;
}

int begin(int argc, char **argv)
{
    touch_the_program();
    if (argc < 2)
        return main(argc, argv);
    /* The section ends with C's zero byte. */
    const char *usage = about_start, *end = about_end;
    while (usage < end && *usage != '\n')
        usage++;
    const char *summary_end = usage;
    usage += usage < end;
    while (end > usage && end[-1] == 0)
        end--;
    if (argc == 2 && equal(argv[1], "--help") && end > usage) {
        print("%s: ", argv[0]);
        vitrine_console_write(about_start, (uint32_t)(summary_end - about_start));
        print("\n");
        print_usage(usage, end);
        return 0;
    }
    if (takes_no_arguments(usage, end)) {
        print_usage(usage, end);
        return USAGE;
    }
    return main(argc, argv);
}
