"""gdb's commands for Vitrine: what the kernel's tables say, read from the stopped machine's memory.

They begin at the table for debuggers (symbol `vitrine_debug`; docs/debugging.md describes it) and read physical
memory, so they work wherever the machine stands, once the boot is over.
"""

import struct

import gdb

PAGE = 4096
FIELDS = (
    "magic version size kernel_directory slots slot_size slot_count slot_state slot_directory "
    "slot_pager slot_mapped facts frames frame_count current loaded archive_first archive_frames "
    "empty_view_table empty_view_zeros dma_first dma_frames "
    "events event_size event_count events_recorded events_on failing"
).split()
MAGIC = int.from_bytes(b"VITR", "little")
VERSION = 1
STATES = (
    "free",
    "ready",
    "sending",
    "awaits an answer",
    "receiving",
    "awaits a child's end",
    "awaits an interrupt",
    "receiving from one",
    "in JOS ipc_recv",
    "sleeping",
    "waits for a child",
    "reads the console",
    "dying",
    "ended",
)
KINDS = {1: "call", 2: "fault", 3: "message", 4: "switch", 5: "interrupt", 6: "exception"}
OPEN = 0xFF
ELSEWHERE = 0xFE
FLAGS = (
    (0, "present"),
    (1, "writable"),
    (2, "user"),
    (3, "write-through"),
    (4, "no cache"),
    (5, "accessed"),
    (6, "dirty"),
    (7, "large"),
    (8, "sealed"),
    (9, "mark 9"),
    (10, "shared"),
    (11, "copy-on-write"),
)


def physical(address, length):
    """Bytes of physical memory, whatever the CPU's tables say."""
    gdb.execute("maintenance packet Qqemu.PhyMemMode:1", to_string=True)
    try:
        return bytes(gdb.selected_inferior().read_memory(address, length))
    finally:
        gdb.execute("maintenance packet Qqemu.PhyMemMode:0", to_string=True)


def word(address):
    return struct.unpack("<I", physical(address, 4))[0]


def walk(directory, address):
    """The two entries of a translation; the second is None where there is no table."""
    upper = word(directory + (address >> 22) * 4)
    if not upper & 1:
        return upper, None
    return upper, word((upper & ~0xFFF) + (address >> 12 & 0x3FF) * 4)


def symbol_address(name):
    """The address of a symbol of the kernel's, whatever the language of the stopped code."""
    language = gdb.parameter("language")
    gdb.execute("set language c", to_string=True)
    try:
        return int(gdb.parse_and_eval("(unsigned)&" + name))
    finally:
        gdb.execute("set language " + language, to_string=True)


def table():
    """The table for debuggers."""
    symbol = symbol_address("vitrine_debug")
    try:
        data = bytes(gdb.selected_inferior().read_memory(symbol, 4 * len(FIELDS)))
    except gdb.MemoryError:
        # Paging is not on yet, so the kernel's half is not there.
        data = bytes(4 * len(FIELDS))
    found = dict(zip(FIELDS, struct.unpack("<%dI" % len(FIELDS), data)))
    if found["magic"] != MAGIC:
        raise gdb.GdbError("the kernel has not published its table yet: the boot is not over")
    if found["version"] != VERSION:
        raise gdb.GdbError("the table has version %d, and not %d" % (found["version"], VERSION))
    return found


def kernel(found, address, length):
    """Bytes at a virtual address of the kernel's half."""
    data = b""
    while length:
        _, leaf = walk(found["kernel_directory"], address)
        piece = min(length, PAGE - address % PAGE)
        data += physical((leaf & ~0xFFF) + address % PAGE, piece)
        address, length = address + piece, length - piece
    return data


def processes(found):
    """Each slot that is not free: (slot, id, parent, pager, state, mapped, directory's address)."""
    facts = kernel(found, found["facts"], 124 * found["slot_count"])
    for slot in range(found["slot_count"]):
        identity, parent, _, status = struct.unpack_from("<4I", facts, slot * 124 + 72)
        if status == 0:
            continue
        data = kernel(found, found["slots"] + slot * found["slot_size"], found["slot_size"])
        pager, = struct.unpack_from("<I", data, found["slot_pager"])
        mapped, = struct.unpack_from("<I", data, found["slot_mapped"])
        directory, = struct.unpack_from("<I", data, found["slot_directory"])
        state = data[found["slot_state"]]
        yield slot, identity, parent, pager, state, mapped, directory * PAGE


def named(entry):
    if not entry & 1:
        return "0x%08x: absent" % entry
    flags = [name for bit, name in FLAGS if entry >> bit & 1]
    return "0x%08x: frame 0x%05x, %s" % (entry, entry >> 12, ", ".join(flags) or "nothing")


class Vitrine(gdb.Command):
    """What Vitrine's kernel knows: vitrine ps, vitrine walk ADDRESS [ID], vitrine frame NUMBER,
    vitrine trace [COUNT]."""

    def __init__(self):
        super().__init__("vitrine", gdb.COMMAND_STATUS, gdb.COMPLETE_NONE, True)


class Ps(gdb.Command):
    """All processes: id, parent, pager, what each is doing, frames mapped, and the directory's address."""

    def __init__(self):
        super().__init__("vitrine ps", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        found = table()
        current, = struct.unpack("<H", kernel(found, found["current"], 2))
        print("  ID        PARENT    PAGER      FRAMES  DIRECTORY   DOING")
        for slot, identity, parent, pager, state, mapped, directory in processes(found):
            mark = "*" if current and current % found["slot_count"] == slot else " "
            doing = STATES[state] if state < len(STATES) else "state %d" % state
            line = "%s %08x  %08x  %08x  %7d  0x%08x  %s"
            print(line % (mark, identity, parent, pager, mapped, directory, doing))


class Walk(gdb.Command):
    """The translation of an address: vitrine walk ADDRESS [ID]. Without an id, in the loaded directory."""

    def __init__(self):
        super().__init__("vitrine walk", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if len(words) not in (1, 2):
            raise gdb.GdbError("usage: vitrine walk ADDRESS [ID]")
        address = int(gdb.parse_and_eval(words[0])) & 0xFFFFFFFF
        if len(words) == 1:
            directory = int(gdb.parse_and_eval("$cr3")) & 0xFFFFF000
        else:
            directory = directory_of(int(words[1], 16))
        upper, lower = walk(directory, address)
        place = "directory entry 0x%03x at physical 0x%08x is " % (
            address >> 22, directory + (address >> 22) * 4)
        print(place + named(upper))
        if lower is None:
            print("no table: nothing is mapped at 0x%08x" % address)
            return
        place = "table entry 0x%03x at physical 0x%08x is " % (
            address >> 12 & 0x3FF, (upper & ~0xFFF) + (address >> 12 & 0x3FF) * 4)
        print(place + named(lower))
        if lower & 1:
            print("physical address 0x%08x" % ((lower & ~0xFFF) + address % PAGE))


class Frame(gdb.Command):
    """A frame of physical memory: its count, and every entry that names it: vitrine frame NUMBER."""

    def __init__(self):
        super().__init__("vitrine frame", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if len(words) != 1:
            raise gdb.GdbError("usage: vitrine frame NUMBER")
        number = int(gdb.parse_and_eval(words[0]))
        found = table()
        if not 0 <= number < found["frame_count"]:
            raise gdb.GdbError("there are records of the frames below 0x%x" % found["frame_count"])
        link, count = struct.unpack("<2I", kernel(found, found["frames"] + number * 8, 8))
        kind = "never given out" if link == 0xFFFFFFFF else "free" if count == 0 else "in use"
        print("frame 0x%05x: count %d, %s" % (number, count, kind))
        for _, identity, _, _, state, _, directory in processes(found):
            if STATES[state] == "ended":
                continue
            if directory == number * PAGE:
                print("  the directory of %08x" % identity)
            for place in uses(directory, number):
                print("  %s of %08x" % (place, identity))


class Trace(gdb.Command):
    """The last events, the oldest first: vitrine trace [COUNT]. The kernel records them if booted with `trace`."""

    def __init__(self):
        super().__init__("vitrine trace", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if len(words) > 1:
            raise gdb.GdbError("usage: vitrine trace [COUNT]")
        found = table()
        if not found["events_on"]:
            raise gdb.GdbError("the kernel records no events: boot with the word `trace`")
        ring, size = found["event_count"], found["event_size"]
        wanted = int(gdb.parse_and_eval(words[0])) if words else ring
        recorded, = struct.unpack("<I", kernel(found, found["events_recorded"], 4))
        data = kernel(found, found["events"], ring * size)
        print("  PROCESS   WHAT           ARGUMENT  RESULT    AFTERWARDS")
        for age in range(min(wanted, ring), 0, -1):
            at = (recorded - age) % ring * size
            event = struct.unpack_from("<I4B2I", data, at)
            if event[1]:
                print("  %s" % event_line(*event))


def event_line(process, kind, number, state, flags, argument, result):
    what = "%s %d" % (KINDS.get(kind, "kind %d" % kind), number)
    marks = {OPEN: "not finished", ELSEWHERE: "made again, or in a handler"}
    names = dict(enumerate(STATES))
    doing = marks.get(state) or names.get(state, "state %d" % state)
    by = ", by sysenter" if flags & 1 else ""
    return "%08x  %-13s  %08x  %08x  %s%s" % (process, what, argument, result, doing, by)


def uses(directory, number):
    """Where a directory's tables, below the kernel's part, name a frame."""
    for index, upper in enumerate(struct.unpack("<1024I", physical(directory, PAGE))[:0x3BB]):
        if not upper & 1:
            continue
        if upper >> 12 == number:
            yield "directory entry 0x%03x (%s)" % (index, "view" if upper & 0x200 else "table")
        if upper & 0x200:
            continue
        entries = struct.unpack("<1024I", physical(upper & ~0xFFF, PAGE))
        for lower, entry in enumerate(entries):
            if entry & 1 and entry >> 12 == number:
                yield "page 0x%08x" % (index << 22 | lower << 12)


def directory_of(identity):
    for _, known, _, _, state, _, directory in processes(table()):
        if known == identity and STATES[state] != "ended":
            return directory
    raise gdb.GdbError("no process has the id %08x" % identity)


Vitrine()
Ps()
Walk()
Frame()
Trace()
