// A snapshot: the page tables of every process at one moment.
//
// Two snapshots share what is equal: a table that has not changed is the same array in both, a
// process that has not changed is the same object. So the history is small, and whoever draws
// compares by `===`.

import { processes } from "./processes.js";

export const WINDOW = 0x3bd;
/** Entries of a table, and cells of a row. */
export const CELLS = 1024;
export const P = 0x001,
  W = 0x002,
  U = 0x004,
  A = 0x020,
  D = 0x040,
  LARGE = 0x080;
export const VIEW = 0x200,
  PAGER = 0x200,
  SHARED = 0x400,
  COPY_ON_WRITE = 0x800;

/** The row of the first directory entry above what a process may map. */
const UTOP = 0x3bb;

const hex = (word, digits) => word.toString(16).padStart(digits, "0");

/**
 * Whether the table of a directory entry is part of a snapshot: present, for programs to read, and
 * no view.
 */
export function showsTable(index, entry) {
  return index !== WINDOW && (entry & (P | U | LARGE | VIEW)) === (P | U);
}

/** Takes a snapshot: an array of processes. `previous` may be null. */
export function takeSnapshot(memory, previous) {
  const old = new Map((previous ?? []).map((process) => [process.id, process]));
  const taken = processes(memory).map((process) =>
    takeProcess(memory, process, old.get(process.id)),
  );
  const same =
    previous !== null &&
    previous.length === taken.length &&
    taken.every((process, at) => process === previous[at]);
  return same ? previous : taken;
}

function takeProcess(memory, process, old) {
  const directory = shared(memory.table(process.frame), old?.directory);
  const tables = new Map();
  for (let index = 0; index < 1024; index++) {
    const entry = directory[index];
    if (showsTable(index, entry)) {
      tables.set(index, shared(memory.table(entry >>> 12), old?.tables.get(index)));
    }
  }
  if (old && old.directory === directory && sameTables(old.tables, tables)) {
    return old;
  }
  return { ...process, directory, tables };
}

function sameTables(old, tables) {
  if (old.size !== tables.size) return false;
  for (const [index, words] of tables) if (old.get(index) !== words) return false;
  return true;
}

function shared(words, old) {
  if (!old) return words;
  for (let at = 0; at < words.length; at++) if (words[at] !== old[at]) return words;
  return old;
}

/** The indexes of the rows that exist and have cells to show, in the order of their addresses. */
export function rowsOf(process) {
  const rows = [...process.tables.keys()];
  if (process.directory[WINDOW] & P) rows.push(WINDOW);
  return rows.sort((one, other) => one - other);
}

/** The entries of a row: those of its table, or, in row 0x3BD, the directory's. */
export function entriesOf(process, row) {
  return row === WINDOW ? process.directory : process.tables.get(row);
}

/** Directory entries that are present and show no cells: views, and the kernel's. */
export function hiddenRows(process) {
  const views = [];
  let kernel = 0;
  process.directory.forEach((entry, index) => {
    if (!(entry & P) || index === WINDOW || showsTable(index, entry)) return;
    if (entry & U && entry & VIEW) views.push(index);
    else kernel += 1;
  });
  return { views, kernel };
}

/** What the process itself has mapped. */
export function countsBelowUtop(process) {
  const counts = { pages: 0, dirty: 0, accessed: 0, copyOnWrite: 0, tables: 0 };
  for (const [index, words] of process.tables) {
    if (index >= UTOP) continue;
    counts.tables += 1;
    for (const word of words) {
      if (!(word & P)) continue;
      counts.pages += 1;
      if (word & D) counts.dirty += 1;
      if (word & A) counts.accessed += 1;
      if (word & COPY_ON_WRITE) counts.copyOnWrite += 1;
    }
  }
  return counts;
}

/**
 * The text form that `map --dump` prints too (userland/picture/src/snapshot.rs), for comparisons.
 */
export function asText(process) {
  const lines = [
    "vitrine-snapshot 1",
    `process ${hex(process.id, 8)} parent ${hex(process.parent, 8)}`,
  ];
  process.directory.forEach((word, index) => {
    if (word === 0) return;
    lines.push(`d ${hex(index, 3)} ${hex(word, 8)}`);
    process.tables.get(index)?.forEach((leaf, at) => {
      if (leaf !== 0) lines.push(`t ${hex(index, 3)} ${hex(at, 3)} ${hex(leaf, 8)}`);
    });
  });
  return [...lines, "end", ""].join("\n");
}
