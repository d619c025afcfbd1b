// The three steps of a translation, in the words that the program `walk` prints.

import { entriesOf, showsTable, LARGE, P, U, VIEW, WINDOW } from "./snapshot.js";

/** Where the tables appear through the window. */
const UVPT = 0xef400000;
const UVPD = 0xef7bd000;

const NAMES = [
  "present",
  "writable",
  "user",
  "write-through",
  "no-cache",
  "accessed",
  "dirty",
  "bit 7 (large or PAT)",
  "sealed",
];
const OF_A_TABLE = [...NAMES, "pager", "shared", "copy-on-write"];
const OF_A_DIRECTORY = [...NAMES, "view", "shared table", "bit 11"];

export const hex = (word, digits = 8) => `0x${(word >>> 0).toString(16).padStart(digits, "0")}`;

/** The address of the page that a cell stands for. */
export const addressOf = (row, cell) => (row * 1024 + cell) * 4096;

/** The names of the flags that are set in an entry of a row's table, bit 0 first. */
export const flagNames = (row, word) =>
  (row === WINDOW ? OF_A_DIRECTORY : OF_A_TABLE).filter((_, bit) => word & (1 << bit));

/**
 * Two lines about an entry of a row's table: where it is, and the names of all its flags. Row 0x3BD
 * is the directory.
 */
function about(step, address, row, word) {
  const backed = word & P ? "" : word === 0 ? "absent" : "absent, but backed: ";
  return [
    `${step} at ${hex(address)} is ${hex(word)}:`,
    `   ${backed}${flagNames(row, word).join(", ")}`,
  ];
}

/**
 * Translates an address. `lines` are what `walk` prints; `path` are the cells that are read, each
 * `{ row, cell }`; `frame` is the frame found, or null.
 */
export function translate(process, address) {
  const row = address >>> 22,
    cell = (address >>> 12) & 1023;
  const entry = process.directory[row];
  const path = [{ row: WINDOW, cell: row }];
  const lines = [
    `${hex(address)} = directory index ${hex(row, 3)}, ` +
      `table index ${hex(cell, 3)}, offset ${hex(address & 4095, 3)}`,
    `self map at slot ${hex(WINDOW, 3)}: tables from ${hex(UVPT)}, directory at ${hex(UVPD)}`,
    ...about("1. directory entry", UVPD + 4 * row, WINDOW, entry),
  ];
  const end = (line, frame = null) => ({ row, cell, lines: [...lines, line], path, frame });
  if (!(entry & P))
    return end(`2. no table, so nothing is mapped from ${hex(row << 22)} on, 4 MiB`);
  if (!(entry & U))
    return end("2. the table is the kernel's: without U its window page cannot be read");
  if (entry & LARGE) return end("2. a 4 MiB page: there is no table");
  if (row !== WINDOW && (entry & VIEW || !showsTable(row, entry))) {
    return end("2. a view: the entries below are those of another directory");
  }
  const leaf = entriesOf(process, row)[cell];
  path.push({ row, cell });
  lines.push(...about("2. table entry", UVPT + 4 * (row * 1024 + cell), row, leaf));
  if (!(leaf & P)) return end("3. nothing is mapped there");
  const frame = leaf >>> 12;
  const physical = frame * 4096 + (address & 4095);
  return end(
    `3. frame ${hex(frame, 5)}, so the byte is at physical address ${hex(physical)}`,
    frame,
  );
}
