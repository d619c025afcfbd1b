"""gdb's commands for Vitrine: what the kernel's tables say, read from the stopped machine's memory.

They begin at the table for debuggers (symbol `vitrine_debug`; docs/debugging.md describes it) and
read physical memory, so they work wherever the machine stands, once the boot is over.
"""

import os
import struct
import subprocess

import gdb

PAGE = 4096
# The page with the arguments of a process's program, below the top of its stack.
ARGUMENTS = 0xEEBFE000 - PAGE
# Directory entry 0x3BD is the window: its table is the directory.
WINDOW = 0x3BD
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
    (9, "pager"),
    (10, "shared"),
    (11, "copy-on-write"),
)
# The same bits in a directory entry.
DIRECTORY_MARKS = {9: "view", 10: "shared table", 11: "bit 11"}


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


def named(entry, is_directorys=False):
    if not entry & 1:
        return "0x%08x: absent" % entry
    flags = [
        DIRECTORY_MARKS.get(bit, name) if is_directorys else name
        for bit, name in FLAGS
        if entry >> bit & 1
    ]
    return "0x%08x: frame 0x%05x, %s" % (entry, entry >> 12, ", ".join(flags) or "nothing")


class Vitrine(gdb.Command):
    """What Vitrine's kernel knows: vitrine ps, vitrine walk ADDRESS [ID], vitrine map [PROCESS],
    vitrine frame NUMBER, vitrine trace [COUNT]."""

    def __init__(self):
        super().__init__("vitrine", gdb.COMMAND_STATUS, gdb.COMPLETE_NONE, True)


class Ps(gdb.Command):
    """All processes: id, parent, pager, frames mapped, directory, and what each is doing."""

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
    """The translation of an address: vitrine walk ADDRESS [ID]. Without an id, in the loaded
    directory."""

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
        print(place + named(upper, True))
        if lower is None:
            print("no table: nothing is mapped at 0x%08x" % address)
            return
        place = "table entry 0x%03x at physical 0x%08x is " % (
            address >> 12 & 0x3FF, (upper & ~0xFFF) + (address >> 12 & 0x3FF) * 4)
        print(place + named(lower, address >> 22 == 0x3BD))
        if lower & 1:
            print("physical address 0x%08x" % ((lower & ~0xFFF) + address % PAGE))


class Map(gdb.Command):
    """The picture of page tables, as the program `map` draws it: vitrine map [PROCESS].

    PROCESS is an id or a program's name; without it, the process on the CPU."""

    def __init__(self):
        super().__init__("vitrine map", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if len(words) > 1:
            raise gdb.GdbError("usage: vitrine map [PROCESS]")
        found = table()
        living = [it for it in processes(found) if STATES[it[4]] not in ("dying", "ended")]
        if words:
            asked = words[0].lower().removeprefix("0x").lstrip("0")
            chosen = [it for it in living if asked == "%x" % it[1]]
            chosen = chosen or [it for it in living if name_of(it[6]) == words[0]]
        else:
            current, = struct.unpack("<H", kernel(found, found["current"], 2))
            chosen = [it for it in living if current and current % found["slot_count"] == it[0]]
        if not chosen:
            raise gdb.GdbError(
                "no process has the id or the name %s" % words[0] if words else
                "no process is on the CPU: `vitrine ps` lists all")
        for _, identity, parent, _, _, _, directory in chosen:
            print(drawing(snapshot(identity, parent, directory)), end="")


def name_of(directory):
    """The name of a process's program, from the arguments on its stack: the kernel has none."""
    _, leaf = walk(directory, ARGUMENTS)
    if not leaf or not leaf & 1:
        return None
    page = physical(leaf & ~0xFFF, PAGE)
    words = struct.unpack("<1024I", page)
    # `argc`, the address of `argv`, then `argv` itself; they take half of the page at most.
    for at in range(512, 1020):
        if 1 <= words[at] <= 64 and words[at + 1] == ARGUMENTS + at * 4 + 8:
            start = words[at + 2] - ARGUMENTS
            if 0 <= start < PAGE:
                return page[start:].split(b"\0")[0].decode(errors="replace")
    return None


def snapshot(identity, parent, directory):
    """The text form of `userland/picture/src/snapshot.rs`."""
    name = name_of(directory)
    lines = ["vitrine-snapshot 1"]
    owner = "process %08x parent %08x" % (identity, parent)
    lines.append("%s name %s" % (owner, name) if name and " " not in name else owner)
    for index, upper in enumerate(struct.unpack("<1024I", physical(directory, PAGE))):
        if upper == 0:
            continue
        lines.append("d %03x %08x" % (index, upper))
        # Present, for programs to read, no view and no large page.
        if index == WINDOW or upper & 0x285 != 0x005:
            continue
        leaves = struct.unpack("<1024I", physical(upper & ~0xFFF, PAGE))
        lines += ["t %03x %03x %08x" % (index, at, leaf) for at, leaf in enumerate(leaves) if leaf]
    return "\n".join(lines + ["end", ""])


def drawing(text):
    """The picture of a snapshot. xtask draws it, by the code of the program `map`."""
    xtask = os.environ.get("VITRINE_XTASK")
    # A debugger that xtask has not started stands in the tree.
    command = [xtask] if xtask else "cargo run --quiet --package xtask --".split()
    try:
        done = subprocess.run(
            command + ["picture", "--from", "-"], input=text, capture_output=True, text=True)
    except OSError as error:
        raise gdb.GdbError("cannot start %s: %s" % (command[0], error))
    if done.returncode != 0:
        raise gdb.GdbError("xtask cannot draw it: " + done.stderr.strip())
    return done.stdout


class Frame(gdb.Command):
    """A frame: its count, and every entry that names it: vitrine frame NUMBER."""

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
    """The last events, the oldest first: vitrine trace [COUNT]. The kernel records them if booted
    with `trace`."""

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
Map()
Frame()
Trace()
