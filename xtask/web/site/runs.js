// What the exhibits do, and what they say came of it.

import { classOf } from "./classes.js";
import { atLine, count, firstOf, frames, most, named, own, ownRows } from "./counting.js";
import { countsBelowUtop, D, entriesOf, hiddenRows, P, rowsOf, W, WINDOW } from "./snapshot.js";
import { hex } from "./translation.js";

const HEAP_ROW = 0x040;

/** Sentences, or parts of them, as one text. */
const say = (...parts) => parts.join(" ");

const plural = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

export function selfMap(lab) {
  const process = lab.shell();
  const directory = entriesOf(process, WINDOW);
  const cells = directory.reduce((sum, word) => sum + (word & P), 0);
  const { views, kernel } = hiddenRows(process);
  const rows = rowsOf(process).length + views.length + kernel;
  const frame = directory[WINDOW] >>> 12;
  return {
    select: { id: process.id, row: WINDOW, cell: WINDOW },
    text: say(
      `Row 0x3bd has ${cells} cells set, and the process has ${rows} rows, the kernel's included:`,
      "cell k is set exactly when row k exists.",
      `Cell 0x3bd names frame ${hex(frame, 5)}, the one that CR3 names,`,
      "so the first two steps of its translation end in the same cell,",
      "and the third ends where the first began.",
      "That is why the entry of page p can be read at UVPT + 4·p, and the directory at 0xef7bd000.",
    ),
  };
}

export async function allocate(lab) {
  const moments = own(await lab.run("hog 12M")).map(({ frame, processes: [now] }) => ({
    frame,
    now,
  }));
  const pairs = moments
    .slice(1)
    .map((moment, at) => ({ ...moment, old: moments[at].now }))
    .filter(({ now, old }) => now.id === old.id);
  const newRows = ({ now, old }) => [...now.tables.keys()].filter((row) => !old.tables.has(row));
  const added = ({ now, old }) => countsBelowUtop(now).pages - countsBelowUtop(old).pages;
  const ofHeap = (row) => row >= HEAP_ROW && row < HEAP_ROW + 4;
  const withTable = pairs.find((pair) => newRows(pair).some(ofHeap));
  const without = pairs.find(
    (pair) => pair.old.tables.has(HEAP_ROW) && newRows(pair).length === 0 && added(pair) > 0,
  );
  if (!withTable || !without)
    return { text: "All of it came between two snapshots this time; run it again." };
  const rows = newRows(withTable);
  return {
    frame: withTable.frame,
    select: { id: withTable.now.id, row: WINDOW, cell: rows.find(ofHeap) },
    text: say(
      `With a new table: ${rows.map((row) => hex(row, 3)).join(", ")} appeared at the first touch`,
      `of ${rows.length === 1 ? "its" : "their"} 4 MiB.`,
      "A new row also sets its cell of row 0x3bd, which is the directory entry:",
      "a table is one more frame.",
      `Without: a moment later the process had ${plural(added(without), "page")} more and no row`,
      "more, so no cell was added to row 0x3bd.",
    ),
    moments: [
      { frame: withTable.frame, label: "with new tables" },
      { frame: without.frame, label: "without" },
    ],
  };
}

export async function cow(lab) {
  const moments = own(await lab.run("cow"));
  const forked = most(
    moments,
    ({ processes }) => Math.min(...processes.map((it) => count(it, "w"))) * (processes.length - 1),
  );
  const written = atLine(moments, "parent, after it has written") ?? moments.at(-1);
  const [parent, child] = forked.processes;
  if (!child)
    return { text: "The child came and went between two snapshots this time; run it again." };
  const [inParent, inChild] = [count(parent, "w"), count(child, "w")];
  const after = written.processes.find(({ id }) => id === parent.id);
  const same = frames(parent, "w").filter((frame) => frames(child, "w").includes(frame)).length;
  return {
    frame: forked.frame,
    select: firstOf(child, "w"),
    text: say(
      `After the fork, ${inParent} pages of the parent and ${inChild} of the child are`,
      `copy-on-write; ${same} of them are the same frames in both, so nothing was copied.`,
      ...(after
        ? [
            `When the parent had written its data, ${count(after, "w")} were left:`,
            "each first write made a copy.",
          ]
        : []),
    ),
    moments: named(moments, /:$/),
  };
}

export async function forktree(lab) {
  const moments = own(await lab.run("forktree 2"));
  const full = most(moments, ({ processes }) => processes.length);
  const shared = full.processes.reduce((sum, process) => sum + count(process, "w"), 0);
  const used = new Set(full.processes.flatMap((process) => frames(process)));
  const pages = full.processes.reduce((sum, process) => sum + countsBelowUtop(process).pages, 0);
  return {
    frame: full.frame,
    select: firstOf(full.processes[1] ?? full.processes[0], "w"),
    text: say(
      `At the widest moment the tree had ${full.processes.length} processes with ${pages} pages,`,
      `of which ${shared} were copy-on-write: together they used ${used.size} frames.`,
    ),
  };
}

export async function lazy(lab) {
  // At its end it forks: from then on its pages are copy-on-write.
  const all = own(await lab.run("lazy"));
  const fork = all.findIndex(({ processes }) => processes.length > 1);
  const moments = fork < 0 ? all : all.slice(0, fork);
  const ofFirst = moments.map(({ frame, processes: [it] }) => ({
    frame,
    it,
    pages: countsBelowUtop(it).pages,
  }));
  const first = ofFirst.find(({ frame }) => frame.label.startsWith("heap, reserved")) ?? ofFirst[0];
  const last = most(
    ofFirst.filter(({ it }) => it.id === first.it.id),
    ({ pages }) => pages,
  );
  return {
    frame: last.frame,
    select: firstOf(last.it, "d"),
    text: say(
      `When the program printed its first line it had ${plural(first.pages, "page")},`,
      `and at most it had ${last.pages}.`,
      "All others are absent, although the program may use them:",
      "the pager brings a page at the first touch, so what is never touched costs nothing.",
    ),
    moments: named(moments, /0x/),
  };
}

export async function tinyPager(lab) {
  const moments = own(await lab.run("tiny_pager"));
  const children = moments.filter(({ processes }) => processes.length > 1);
  const full = most(children, ({ processes }) => count(processes[1], "o"));
  if (!full || count(full.processes[1], "o") === 0)
    return { text: "The child was too quick this time; run it again." };
  const [, child] = full.processes;
  const out = count(child, "o");
  const heap = entriesOf(child, HEAP_ROW);
  const first = heap.findIndex((word, at) => classOf(HEAP_ROW, at, word).letter === "o");
  return {
    frame: full.frame,
    select: { id: child.id, row: HEAP_ROW, cell: Math.max(0, first) },
    text: say(
      `${plural(out, "page")} of the child's heap ${out === 1 ? "is" : "are"} paged out:`,
      "absent, with the pager's mark, which the kernel keeps.",
      "The pager lets the child have four pages of its heap at a time:",
      "the one that came first goes first.",
    ),
  };
}

export async function limit(lab) {
  const run = await lab.run("hog 3M --compressible --limit 1M");
  const moments = own(run);
  const full = most(moments, ({ processes: [it] }) => count(it, "o"));
  const [process] = full.processes;
  const out = count(process, "o");
  const lastWords = run.text.split("\n").find((line) => line.includes("bytes back"));
  return {
    frame: full.frame,
    select: firstOf(process, "o") ?? firstOf(process, "d"),
    text: say(
      `hog fills 3 MiB and may have 1 MiB of memory: ${plural(out, "page")} were paged out at the`,
      `worst moment, and ${countsBelowUtop(process).pages} were present.`,
      "This machine has no disk, so the pager keeps what it takes away compressed in memory.",
      `At the end hog says: ${lastWords?.trim()}.`,
    ),
  };
}

export async function collector(lab) {
  const run = await lab.run("gc");
  const moments = own(run).map(({ frame, processes: [now] }) => ({ frame, now }));
  // The program collects twice: by protection first, then by dirty bits.
  const from = moments.findIndex(({ frame }) => frame.label.startsWith("gc: by protection: all"));
  const to = moments.findIndex(({ frame }) => frame.label.startsWith("gc: by dirty bits"));
  const pairs = moments
    .slice(from + 1, to)
    .map((moment, at) => ({ ...moment, old: moments[from + at]?.now }));
  const fell = from < 0 ? null : most(pairs, ({ now, old }) => cleaned(old, now).length);
  const cells = fell ? cleaned(fell.old, fell.now) : [];
  if (cells.length === 0) {
    return { text: "No dirty bit was cleared between two snapshots this time; run it again." };
  }
  return {
    frame: fell.frame,
    select: { id: fell.now.id, ...cells[0] },
    text: say(
      `Between two snapshots ${plural(cells.length, "page")} stopped being dirty and stayed`,
      "writable: the collector had read D through the window, one load a page, looked into the old",
      "pages that had it, and cleared it for the next round.",
      `No write was caught by a fault. gc says: ${moments[to].frame.label}.`,
    ),
  };
}

/** The cells whose pages are as writable as before, and not dirty any more. */
function cleaned(old, now) {
  return ownRows(old).flatMap((row) => {
    const words = now.tables.get(row) ?? [];
    return [...old.tables.get(row).keys()]
      .filter((cell) => old.tables.get(row)[cell] & D && words[cell] & W && !(words[cell] & D))
      .map((cell) => ({ row, cell }));
  });
}
