// What is counted in the snapshots that were taken while a program ran.

import { classOf } from "./classes.js";
import { P } from "./snapshot.js";

/** The first row above what a process may map. */
const UTOP = 0x3bb;

/** The rows of a process that it has mapped itself. */
export const ownRows = (process) => [...process.tables.keys()].filter((row) => row < UTOP);

/** How many cells of a process are of a class, below UTOP. */
export function count(process, letter) {
  return ownRows(process)
    .map((row) => countInRow(row, process.tables.get(row), letter))
    .reduce((sum, count) => sum + count, 0);
}

/** How many cells of a row are of a class. */
export const countInRow = (row, words, letter) =>
  words.reduce((sum, word, at) => sum + (classOf(row, at, word).letter === letter), 0);

/** The first cell of a class, in the row that has most of them; null if there is none. */
export function firstOf(process, letter) {
  const row = most(ownRows(process), (it) => countInRow(it, process.tables.get(it), letter));
  if (row === null) return null;
  const words = process.tables.get(row);
  const cell = words.findIndex((word, at) => classOf(row, at, word).letter === letter);
  return cell < 0 ? null : { id: process.id, row, cell };
}

/** The frames below UTOP that a process names, or those of one class. */
export function frames(process, letter) {
  return ownRows(process).flatMap((row) =>
    [...process.tables.get(row)]
      .filter((word, at) => word & P && (!letter || classOf(row, at, word).letter === letter))
      .map((word) => word >>> 12),
  );
}

/** Moments with at least one process that was not there before the run. */
export function own(run) {
  const before = new Set(run.before.processes.map(({ id }) => id));
  return run.frames
    .map((frame) => ({ frame, processes: frame.processes.filter(({ id }) => !before.has(id)) }))
    .filter(({ processes }) => processes.length > 0);
}

/** The item for which `measure` is largest, the first of several; null if there is none. */
export function most(items, measure) {
  const measures = items.map(measure);
  return items[measures.indexOf(Math.max(...measures))] ?? null;
}

/** The moments in which the machine ended a line that begins so. */
export const atLine = (moments, start) =>
  moments.find(({ frame }) => frame.label.startsWith(start)) ?? null;

/** The moments at lines of a form, with the line as their label. */
export const named = (moments, form) =>
  moments
    .filter(({ frame }) => form.test(frame.label))
    .map(({ frame }) => ({ frame, label: frame.label.replace(/:$/, "") }));
