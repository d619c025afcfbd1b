// The exhibits: what to run, what to look at, and what came of it, counted in the snapshots that were taken meanwhile.

import { classOf } from "./classes.js";
import { countsBelowUtop, entriesOf, P, WINDOW } from "./snapshot.js";
import { hex } from "./translation.js";

const HEAP_ROW = 0x040;
/** The first row above what a process may map. */
const UTOP = 0x3bb;

/** How many cells of a process are of a class, below UTOP. */
function count(process, letter) {
  let found = 0;
  for (const [row, words] of process.tables) if (row < UTOP) found += countInRow(row, words, letter);
  return found;
}

/** How many cells of a row are of a class. */
const countInRow = (row, words, letter) => words.reduce((sum, word, at) => sum + (classOf(row, at, word).letter === letter), 0);

/** The first cell of a class, in the row that has most of them; null if there is none. */
function firstOf(process, letter) {
  const rows = [...process.tables].filter(([row]) => row < UTOP);
  const best = most(rows, ([row, words]) => countInRow(row, words, letter));
  if (!best) return null;
  const [row, words] = best;
  const cell = words.findIndex((word, at) => classOf(row, at, word).letter === letter);
  return cell < 0 ? null : { id: process.id, row, cell };
}

/** The frames below UTOP that a process names, or those of one class. */
function frames(process, letter) {
  return [...process.tables].filter(([row]) => row < UTOP).flatMap(([row, words]) =>
    [...words].filter((word, at) => word & P && (!letter || classOf(row, at, word).letter === letter)).map((word) => word >>> 12));
}

/** Moments with at least one process that was not there before the run. */
function own(run) {
  const before = new Set(run.before.processes.map(({ id }) => id));
  return run.frames
    .map((frame) => ({ frame, processes: frame.processes.filter(({ id }) => !before.has(id)) }))
    .filter(({ processes }) => processes.length > 0);
}

/** The item for which `measure` is largest; the first of several. */
function most(items, measure) {
  return items.reduce((best, item) => (best === null || measure(item) > measure(best) ? item : best), null);
}

/** The moments in which the machine ended a line that begins so. */
const atLine = (moments, start) => moments.find(({ frame }) => frame.label.startsWith(start)) ?? null;

/** The moments at lines of a form, with the line as their label. */
const named = (moments, form) => moments
  .filter(({ frame }) => form.test(frame.label))
  .map(({ frame }) => ({ frame, label: frame.label.replace(/:$/, "") }));

const plural = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

function selfMap(lab) {
  const process = lab.shell();
  const directory = entriesOf(process, WINDOW);
  const cells = directory.reduce((sum, word) => sum + (word & P), 0);
  const frame = directory[WINDOW] >>> 12;
  return {
    select: { id: process.id, row: WINDOW, cell: WINDOW },
    text: `Row 0x3bd has ${cells} cells set, and the process has ${cells} rows, the kernel's included: cell k is set ` +
      `exactly when row k exists. Cell 0x3bd names frame ${hex(frame, 5)}, the one that CR3 names, so the first two ` +
      `steps of its translation end in the same cell, and the third ends where the first began. That is why the ` +
      `entry of page p can be read at UVPT + 4·p, and the directory at 0xef7bd000.`,
  };
}

async function allocate(lab) {
  const moments = own(await lab.run("hog 6M")).map(({ frame, processes: [now] }) => ({ frame, now }));
  const pairs = moments.slice(1).map((moment, at) => ({ ...moment, old: moments[at].now })).filter(({ now, old }) => now.id === old.id);
  const newRows = ({ now, old }) => [...now.tables.keys()].filter((row) => !old.tables.has(row));
  const added = ({ now, old }) => countsBelowUtop(now).pages - countsBelowUtop(old).pages;
  const withTable = pairs.find((pair) => newRows(pair).includes(HEAP_ROW));
  const without = pairs.find((pair) => pair.old.tables.has(HEAP_ROW) && newRows(pair).length === 0 && added(pair) > 0);
  if (!withTable || !without) return { text: "All of it came between two snapshots this time; run it again." };
  const rows = newRows(withTable);
  return {
    frame: withTable.frame,
    select: { id: withTable.now.id, row: WINDOW, cell: HEAP_ROW },
    text: `With a new table: ${rows.map((row) => hex(row, 3)).join(", ")} appeared at the first touch of their 4 MiB. Each new row also ` +
      `set its cell of row 0x3bd, which is the directory entry: a table is one more frame. Without: a moment later the process had ` +
      `${plural(added(without), "page")} more and no row more, and row 0x3bd stayed as it was.`,
    moments: [{ frame: withTable.frame, label: "with new tables" }, { frame: without.frame, label: "without" }],
  };
}

async function cow(lab) {
  const moments = own(await lab.run("cow"));
  const forked = most(moments, ({ processes }) => Math.min(...processes.map((it) => count(it, "w"))) * (processes.length - 1));
  const written = atLine(moments, "parent, after it has written") ?? moments.at(-1);
  const [parent, child] = forked.processes;
  if (!child) return { text: "The child came and went between two snapshots this time; run it again." };
  const [inParent, inChild] = [count(parent, "w"), count(child, "w")];
  const after = written.processes.find(({ id }) => id === parent.id);
  const same = frames(parent, "w").filter((frame) => frames(child, "w").includes(frame)).length;
  return {
    frame: forked.frame,
    select: firstOf(child, "w"),
    text: `After the fork, ${inParent} pages of the parent and ${inChild} of the child are copy-on-write; ${same} of them are the same ` +
      `frames in both, so nothing was copied. ` + (after
      ? `When the parent had written its data, ${count(after, "w")} were left: each first write made a copy, which is dirty from the start.`
      : ""),
    moments: named(moments, /:$/),
  };
}

async function forktree(lab) {
  const moments = own(await lab.run("forktree 2"));
  const full = most(moments, ({ processes }) => processes.length);
  const shared = full.processes.reduce((sum, process) => sum + count(process, "w"), 0);
  const used = new Set(full.processes.flatMap((process) => frames(process)));
  const pages = full.processes.reduce((sum, process) => sum + countsBelowUtop(process).pages, 0);
  return {
    frame: full.frame,
    select: firstOf(full.processes[1] ?? full.processes[0], "w"),
    text: `At the widest moment the tree had ${full.processes.length} processes with ${pages} pages, of which ${shared} were ` +
      `copy-on-write: together they used ${used.size} frames.`,
  };
}

async function lazy(lab) {
  const moments = own(await lab.run("lazy"));
  const ofFirst = moments.map(({ frame, processes: [it] }) => ({ frame, it, pages: countsBelowUtop(it).pages }));
  const first = ofFirst.find(({ frame }) => frame.label.startsWith("heap, reserved")) ?? ofFirst[0];
  const last = most(ofFirst.filter(({ it }) => it.id === first.it.id), ({ pages }) => pages);
  return {
    frame: last.frame,
    select: firstOf(last.it, "d"),
    text: `When the program printed its first line it had ${plural(first.pages, "page")}, and at most it had ${last.pages}. All others are absent, although the ` +
      `program may use them: the pager brings a page at the first touch, so what is never touched costs nothing.`,
    moments: named(moments, /0x/),
  };
}

async function tinyPager(lab) {
  const moments = own(await lab.run("tiny_pager"));
  const children = moments.filter(({ processes }) => processes.length > 1);
  const full = most(children, ({ processes }) => count(processes[1], "o"));
  if (!full || count(full.processes[1], "o") === 0) return { text: "The child was too quick this time; run it again." };
  const [, child] = full.processes;
  const out = count(child, "o");
  const heap = entriesOf(child, HEAP_ROW);
  const first = heap.findIndex((word, at) => classOf(HEAP_ROW, at, word).letter === "o");
  return {
    frame: full.frame,
    select: { id: child.id, row: HEAP_ROW, cell: Math.max(0, first) },
    text: `${plural(out, "page")} of the child's heap ${out === 1 ? "is" : "are"} paged out: absent, with the pager's mark, which the kernel keeps. ` +
      `The pager lets the child have four pages of its heap at a time: the one that came first goes first.`,
  };
}

async function limit(lab) {
  const run = await lab.run("hog 3M --compressible --limit 1M");
  const moments = own(run);
  const full = most(moments, ({ processes: [it] }) => count(it, "o"));
  const [process] = full.processes;
  const out = count(process, "o");
  return {
    frame: full.frame,
    select: firstOf(process, "o") ?? firstOf(process, "d"),
    text: `hog fills 3 MiB and may have 1 MiB of memory: ${plural(out, "page")} were paged out at the worst moment, and ` +
      `${countsBelowUtop(process).pages} were present. This machine has no disk, so the pager keeps what it takes away compressed in ` +
      `its own memory. At the end hog says: ${run.text.split("\n").find((line) => line.includes("bytes back"))?.trim()}.`,
  };
}

async function collector(lab) {
  const moments = own(await lab.run("gc"));
  const dirty = moments.map(({ frame, processes: [it] }) => ({ frame, it, dirty: count(it, "d") }));
  const row = (before, now) => most([...now.tables.keys()].filter((index) => index < UTOP && before.tables.has(index)), (index) =>
    countInRow(index, before.tables.get(index), "d") - countInRow(index, now.tables.get(index), "d"));
  let fell = null;
  for (let at = 1; at < dirty.length; at++) {
    const by = dirty[at - 1].it.id === dirty[at].it.id ? dirty[at - 1].dirty - dirty[at].dirty : 0;
    if (by > 0 && (!fell || by > fell.by)) {
      fell = { by, frame: dirty[at].frame, it: dirty[at].it, row: row(dirty[at - 1].it, dirty[at].it) };
    }
  }
  if (!fell) return { text: "No dirty bit was seen to be cleared between two snapshots this time; run it again." };
  return {
    frame: fell.frame,
    select: { id: fell.it.id, row: fell.row, cell: 0 },
    text: `Between two snapshots ${plural(fell.by, "page")} stopped being dirty: the collector had read D of its old pages ` +
      `through the window, one load each, looked only into those that were written, and cleared D for the next round.`,
  };
}

/** In the order of the list. `links` are a text and a path in the source tree. */
export const EXHIBITS = [
  {
    id: "self-map",
    title: "The self map",
    look: "Row 0x3bd of the shell. It is the picture of the whole picture: each of its cells stands for a row.",
    action: "Show",
    run: selfMap,
    links: [["A self map on a machine with 16 pages", "docs/recursive-paging.md"], ["walk", "userland/programs/tools/walk.rs"]],
  },
  {
    id: "allocate",
    title: "A page is allocated",
    look: "The heap rows 0x040 and 0x041 of hog, and the cells of row 0x3bd that stand for them.",
    action: "Run hog 6M",
    run: allocate,
    links: [["Life of a page fault", "ARCHITECTURE.md"], ["hog", "userland/programs/tools/hog.rs"]],
  },
  {
    id: "cow",
    title: "Fork and the first write",
    look: "Two processes of one program: pages that both share (copy-on-write), and copies that turn up as they write.",
    action: "Run cow",
    run: cow,
    links: [["Life of a fork", "ARCHITECTURE.md"], ["cow", "userland/programs/demos/cow.rs"]],
  },
  {
    id: "forktree",
    title: "A tree of forks",
    look: "Seven processes that came from one, and how few pages they have of their own.",
    action: "Run forktree 2",
    run: forktree,
    links: [["Life of a fork", "ARCHITECTURE.md"], ["forktree", "userland/programs/demos/forktree.rs"]],
  },
  {
    id: "lazy",
    title: "Demand paging",
    look: "The heap, the program and the stack of lazy: cells that come one at a time, at the first touch.",
    action: "Run lazy",
    run: lazy,
    links: [["Pagers", "docs/pagers.md"], ["lazy", "userland/programs/demos/lazy.rs"]],
  },
  {
    id: "tiny-pager",
    title: "A pager with four pages",
    look: "The heap row 0x040 of the child: 24 pages, of which four are present at a time. The rest is paged out.",
    action: "Run tiny_pager",
    run: tinyPager,
    links: [["How to write a pager", "docs/pagers.md"], ["tiny_pager", "userland/programs/demos/tiny_pager.rs"]],
  },
  {
    id: "limit",
    title: "More pages than memory",
    look: "The heap of hog, which fills 3 MiB and is allowed 1 MiB.",
    action: "Run hog 3M with a limit",
    run: limit,
    links: [["The life of a page that is paged out", "docs/pagers.md"], ["hog", "userland/programs/tools/hog.rs"]],
  },
  {
    id: "gc",
    title: "A collector that reads dirty bits",
    look: "The heap of gc: old pages are dirty only where the program has written since the last collection.",
    action: "Run gc",
    run: collector,
    links: [["Appel and Li's primitives", "docs/appel-li.md"], ["gc", "userland/programs/appel-li/src/bin/gc.rs"]],
  },
  {
    id: "toy",
    title: "A flush is left out",
    look: "A machine with 16 pages, small enough for a pencil, and its TLB. Leave out one flush and read a freed table.",
    action: "Open the toy machine",
    run: (lab) => lab.stage("toy"),
    links: [["A self map on a machine with 16 pages", "docs/recursive-paging.md"], ["Its test", "kernel/core/tests/toy_machine.rs"]],
  },
  {
    id: "slots",
    title: "Three slots for a self map",
    look: "Where the tables and the directory appear for Windows's slot 0x300, and for Vitrine's 0x3bd and 0x3ff.",
    action: "Compute",
    run: (lab) => lab.stage("slots"),
    links: [["From the toy to Vitrine", "docs/recursive-paging.md"], ["walk ADDRESS SLOT", "userland/programs/tools/walk.rs"]],
  },
];
