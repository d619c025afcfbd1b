// What an entry means, in the words and colours of the crate `picture`.

import {
  CLASSES,
  DIRECTORY_CLASSES,
  KERNEL_ROWS,
  LEAF_CLASSES,
  TABLE_ROWS,
  VIEW_ROWS,
} from "./generated.js";
import { U, VIEW, WINDOW } from "./snapshot.js";

const byLetter = new Map(CLASSES.map((entry, rank) => [entry.letter, { ...entry, rank }]));
const WINDOW_CLASS = byLetter.get("@");

/** Every class, in the order of the legend. */
export const classes = [...byLetter.values()];

/** The class with a letter. */
export const classNamed = (letter) => byLetter.get(letter);

/** The class of cell `at` in row `row`. */
export function classOf(row, at, word) {
  if (row !== WINDOW) return byLetter.get(LEAF_CLASSES[word & 0xfff]);
  if (at === WINDOW && word & 1) return WINDOW_CLASS;
  return byLetter.get(DIRECTORY_CLASSES[word & 0xfff]);
}

/** What lies in a row. */
export function rowName(row, entry) {
  const names = !(entry & U) ? KERNEL_ROWS : row < 0x3bb && entry & VIEW ? VIEW_ROWS : TABLE_ROWS;
  return names.findLast(([first]) => first <= row)?.[1] ?? "";
}

/** How many cells of each class a row has, absent ones left out: "15 accessed, 1 dirty". */
export function countsInWords(row, words) {
  const counts = new Map();
  words.forEach((word, at) => {
    const { rank } = classOf(row, at, word);
    counts.set(rank, (counts.get(rank) ?? 0) + 1);
  });
  const named = classes.filter(({ rank, letter }) => letter !== "." && counts.has(rank));
  return named.map(({ rank, name }) => `${counts.get(rank)} ${name}`).join(", ") || "nothing";
}
