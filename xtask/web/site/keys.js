// Where a key leads from a cell: to another cell, another row, another process.

import { CELLS } from "./snapshot.js";

/** Where a key leads from a cell, or null. */
export function step(card, view, cell, event) {
  const { columns } = view.grid;
  const { row } = view;
  const rows = [...card.rows.keys()];
  const beside = (by) => rows[rows.indexOf(row) + by];
  const inRow = (to) => (to >= 0 && to < CELLS ? { row, cell: to } : null);
  const present = (by) => {
    for (let at = cell + by; at >= 0 && at < CELLS; at += by)
      if (view.words[at] !== 0) return { row, cell: at };
    return null;
  };
  const over = (by) => {
    const to = beside(by);
    if (to === undefined) return null;
    const last = CELLS - columns;
    return { row: to, cell: (cell % columns) + (by > 0 ? 0 : last) };
  };
  switch (event.key) {
    case "ArrowLeft":
      return event.ctrlKey ? present(-1) : inRow(cell - 1);
    case "ArrowRight":
      return event.ctrlKey ? present(1) : inRow(cell + 1);
    case "ArrowUp":
      return inRow(cell - columns) ?? over(-1);
    case "ArrowDown":
      return inRow(cell + columns) ?? over(1);
    case "Home":
      return inRow(0);
    case "End":
      return inRow(CELLS - 1);
    case "PageUp":
      return beside(-1) === undefined ? null : { row: beside(-1), cell };
    case "PageDown":
      return beside(1) === undefined ? null : { row: beside(1), cell };
    case "Enter":
    case " ":
      return { row, cell };
    case "[":
    case "]":
      return neighbour(card, event.key === "]" ? 1 : -1, row, cell);
    default:
      return null;
  }
}

/** The same cell of the next process that has the row, or its first row. */
function neighbour(card, by, row, cell) {
  const cards = [...card.picture.cards.values()];
  const other = cards[cards.indexOf(card) + by];
  if (!other) return null;
  other.element.open = true;
  other.redraw();
  const to = other.rows.has(row) ? row : other.rows.keys().next().value;
  return to === undefined ? null : { id: other.process.id, row: to, cell };
}
